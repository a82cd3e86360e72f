#ifndef TESTS_SUPPORT_SHIM_STATE_H
#define TESTS_SUPPORT_SHIM_STATE_H

#include "tests/support/recording.h"

#include <stdbool.h>
#include <sys/uio.h>

/* What syscall_shim keeps between its calls: what it was told to do, the counts,
 * the files it watches, the recording.  Everything here but shim_begin and
 * shim_track* needs the lock that shim_begin takes. */

#define SHIM_KINDS(X)                                                           \
	X(pwrite) X(pwritev) X(writev) X(write) X(fdatasync) X(fsync) X(msync)  \
	X(ftruncate) X(fallocate) X(create) X(unlink) X(rename) X(mkdir)

enum shim_kind {
#define X(name) SHIM_##name,
	SHIM_KINDS(X)
#undef X
	SHIM_any,       /* all of them; the last */
};

enum shim_fate {
	SHIM_GO,
	SHIM_FAIL,      /* do nothing, set errno to shim_errno() */
	SHIM_SHORT,     /* a write: do half, say so */
	SHIM_LATE,      /* do it, then fail with EIO */
	SHIM_TORN,      /* a write: do half, then shim_end kills */
};

/* A file or directory that a descriptor stands for. */
struct shim_file {
	bool is_directory;
	bool is_synced;         /* opened with O_DSYNC or O_SYNC */
	bool owes_error;        /* a sync through another descriptor has failed */
	uint64_t inode;
	char path[RECORDING_PATH_BYTES];
};

/* The path relative to the watched directory, or NULL: not in it. */
const char *shim_path(char out[4096], int directory_fd, const char *path);

/* NULL: not watched.  Lends while fd is open. */
const struct shim_file *shim_file(int fd);
void shim_track(int fd, int flags);
void shim_untrack(int fd);

/* Around each watched call.  shim_begin counts it, decides what is to become of
 * it, and does not return where the process is to die before it; shim_end does
 * not return where it is to die after it.  errno is kept by shim_end. */
enum shim_fate shim_begin(enum shim_kind kind);
int shim_errno(void);

/* Before a sync and outside of the lock: as long as a disk might take. */
void shim_delay_sync(void);

/* A sync of the file has failed, and told one descriptor: Linux tells each other
 * one that was open, too, by its next sync. */
void shim_owe_error(const struct shim_file *file);
/* What becomes of a sync through this descriptor, then: SHIM_LATE, once. */
enum shim_fate shim_take_owed(const struct shim_file *file, enum shim_fate fate);
void shim_end(void);

void shim_record(enum recording_type type, unsigned flags, uint64_t file, uint64_t offset,
		 const struct iovec *payload, int payload_count);
void shim_record_text(enum recording_type type, unsigned flags, uint64_t file, uint64_t offset,
		      const char *text);
void shim_mark(const void *data, size_t size);

#endif
