#ifndef SERVER_CONFIG_FILE_H
#define SERVER_CONFIG_FILE_H

#include "protocol/text.h"

/* The disk's side of reading a configuration.  Blocks on it. */

#define CONFIG_FILE_BYTES_MAX (1024 * 1024)

/* A whole file.  Regular files alone: a configuration is read again on SIGHUP.
 * ERROR_NOT_FOUND, ERROR_INVALID, ERROR_LIMIT, ERROR_IO, ERROR_MEMORY. */
int config_file_read(const char *path, struct text *out, struct error *err);

/* May everyone on this machine read it? */
bool config_file_is_public(const char *path);

/* Each file that the pattern of an include in file `from` names, in alphabetical
 * order; a relative one is relative to that file's directory.  One without * ? [
 * is taken as it is, whether there is such a file or not; with them, none is fine.
 * ERROR_MEMORY, ERROR_IO. */
int config_file_expand(const char *from, const char *pattern,
		       void (*on_file)(void *user, const char *path), void *user, struct error *err);

#endif
