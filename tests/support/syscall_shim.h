#ifndef TESTS_SUPPORT_SYSCALL_SHIM_H
#define TESTS_SUPPORT_SYSCALL_SHIM_H

#include <stddef.h>

/* libsyscall_shim.so, a library for LD_PRELOAD: it watches what a program does
 * to the files of one directory, and makes one of those calls go wrong, or
 * writes all of them down.  Told what to do by the environment:
 *
 *   MILLSTREAM_SHIM_DIR=/path          the directory; nothing else is touched.
 *                                      Without it the library does nothing.
 *   MILLSTREAM_SHIM_KILL=before:N      SIGKILL when the N-th watched call (from 1) is
 *                        after:N       about to happen, has happened,
 *                        torn:N        or, a write, has happened in part
 *   MILLSTREAM_SHIM_FAIL=KIND:N:HOW    the N-th watched call of a kind fails; KIND
 *                        KIND:N+:HOW   "any" counts all.  N+: all from the N-th on.
 *   MILLSTREAM_SHIM_SYNC_US=N          a sync takes that long; other calls go on meanwhile
 *   MILLSTREAM_SHIM_COUNTS=/file       at exit: a line "KIND count" for each kind,
 *                                      "any count" and "failed count"
 *   MILLSTREAM_SHIM_RECORD=/file       append what is done (tests/support/recording.h)
 *
 * KIND: pwrite pwritev writev write fdatasync fsync msync ftruncate fallocate
 * create unlink rename mkdir.  HOW: EIO ENOSPC EINTR EROFS, "short" (a write
 * does half of its bytes and says so), or "late" (done, but EIO is returned).
 *
 * Only these are watched: reads, seeks and opens of what is there are not.
 * After a sync that failed, the next one through each other descriptor of the file
 * fails as well, as Linux has it.
 * Calls of all threads are put in one order. */

/* In the program: put a mark in the recording.  Nothing happens where the
 * library is not loaded. */
void syscall_shim_mark(const void *data, size_t size);

/* What the program finds it by. */
#define SYSCALL_SHIM_MARK "millstream_shim_mark"
typedef void syscall_shim_mark_function(const void *data, size_t size);

#endif
