#ifndef TESTS_SUPPORT_DISK_WATCH_H
#define TESTS_SUPPORT_DISK_WATCH_H

#include <stdint.h>

/* What this program itself, LMDB included, writes and syncs: a program that has
 * disk_watch.c among its sources has fdatasync, pwrite, writev and statvfs of its
 * own.  For programs with one thread that writes.  (tests/support/syscall_shim.h
 * watches other programs, with more means.) */
struct disk_watch {
	/* Counted since disk_watch_begin: */
	int write_count;
	int sync_count;
	int unsynced_writes;            /* behind the last sync */
	/* Told before disk_watch_begin; 0: none.  Counted from 1. */
	int fail_write;                 /* which write fails, and with which errno */
	int fail_write_errno;
	int fail_sync;                  /* which sync fails, with EIO */
	int kill_at_sync;               /* at which sync the process is killed, before it */
	int64_t room_bytes;             /* what statvfs says is free; -1: the truth */
};

/* Until disk_watch_end, calls are counted in watch, and go as it says. */
void disk_watch_begin(struct disk_watch *watch);
void disk_watch_end(void);

#endif
