#ifndef STORAGE_DISK_H
#define STORAGE_DISK_H

#include "protocol/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The disk under a data directory, and the ballast file on it. */

/* Refuse file systems on which LMDB's locks and maps are not safe.
 * ERROR_UNSUPPORTED names the kind. */
int disk_check_local(const char *dir, struct error *err);
/* Such a file system's name, by the number that statfs(2) tells; NULL: not one. */
const char *disk_network_name(uint32_t magic);

/* Bytes that this process may still write, and the file system's size. */
int disk_room(const char *dir, uint64_t *out_free_bytes, uint64_t *out_total_bytes,
	      struct error *err);

/* Make the directory, readable by its owner and group alone; fine where it is
 * there.  Parents must exist. */
int disk_make_directory(const char *dir, struct error *err);

/* Make what a directory holds durable. */
int disk_sync_directory(const char *dir, struct error *err);

/* The ballast, dir/ballast: really allocated bytes; 0 takes it away.  Making it
 * is tried only where as much room again is left; it is no error when there is
 * not, and *out_is_there says so.  Freeing one that is not there is fine. */
int ballast_make(const char *dir, uint64_t bytes, bool *out_is_there, struct error *err);
void ballast_free(const char *dir);
bool ballast_is_there(const char *dir);

#endif
