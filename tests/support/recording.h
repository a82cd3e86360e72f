#ifndef TESTS_SUPPORT_RECORDING_H
#define TESTS_SUPPORT_RECORDING_H

#include <stddef.h>
#include <stdint.h>

/* What syscall_shim wrote down while a program ran: everything that the program
 * did to the files of one directory, in order, and the marks it set between.
 * Written and read on the same machine, so the layout is the compiler's.
 *
 *   type      file    offset         size, payload
 *   CREATE    inode   0              the file's path
 *   MKDIR     inode   0              the directory's path
 *   WRITE     inode   in the file    the bytes that were written
 *   TRUNCATE  inode   the new size   nothing
 *   SYNC      inode   0              nothing; of a directory: its path
 *   UNLINK    inode   0              the path
 *   RENAME    inode   0              the old path, a zero byte, the new path
 *   MARK      0       0              what the program said
 *   UNKNOWN   inode   0              what was done, in words: cannot be followed
 *
 * Paths are relative to the directory; it is "" itself. */
enum recording_type {
	RECORDING_CREATE = 1,
	RECORDING_MKDIR,
	RECORDING_WRITE,
	RECORDING_TRUNCATE,
	RECORDING_SYNC,
	RECORDING_UNLINK,
	RECORDING_RENAME,
	RECORDING_MARK,
	RECORDING_UNKNOWN,
};

#define RECORDING_SYNCED        1u      /* of WRITE: returned when its bytes were synced */
#define RECORDING_FAILED        2u      /* the program was told that it failed */
#define RECORDING_DIRECTORY     4u      /* of SYNC */

#define RECORDING_PATH_BYTES    256

struct recording_event {
	uint32_t type;
	uint32_t flags;
	uint64_t file;
	uint64_t offset;
	uint64_t size;
};

/* A recording in memory, to walk: the whole file is mapped. */
struct recording {
	const uint8_t *data;
	size_t size;
};

/* Aborts, with the reason on stderr, where it cannot. */
void recording_open(struct recording *out, const char *path);
void recording_close(struct recording *recording);

/* The event at *at and, in out_payload, where its payload lies (lent); *at moves
 * on.  1, or 0 at the end: an event that was cut off by a kill is the end. */
int recording_next(const struct recording *recording, size_t *at, struct recording_event *out,
		   const uint8_t **out_payload);

#endif
