#ifndef STORAGE_VERIFY_CHILD_H
#define STORAGE_VERIFY_CHILD_H

#include "storage/verify.h"

/* The check in a process of its own: a page that leads LMDB astray ends that
 * one alone.  The process is `PATH verify --worker MODE DIR`, MODE being
 * "inspect" (nobody has the directory open) or "beside" (beside the server).
 *
 * What it writes to its stdout, one line each, fields separated by tabs; in
 * texts \t \n \\ stand for themselves:
 *
 *   at        TABLE TOPIC-ID PARTITION OFFSET          where it is now
 *   problem   TABLE TOPIC-ID PARTITION START END TOPIC TEXT
 *   progress  BYTES-DONE BYTES-TOTAL
 *   done      TOPICS PARTITIONS BATCHES RECORDS BYTES PROBLEMS
 *   failed    CODE TEXT                                it could not be done
 */
struct verify_child;

#define VERIFY_WORKER_INSPECT   "inspect"
#define VERIFY_WORKER_BESIDE    "beside"

/* The worker's side: open the directory, check it, write lines to fd.  Returns
 * the exit status: 0 when the check came to its end, whatever it found. */
int verify_worker(const char *dir, const char *mode, int fd);

/* Start one.  The observer's functions are called by verify_child_read. */
int verify_child_start(struct verify_child **out, const char *path, const char *mode,
		       const char *dir, const struct verify_observer *observer, struct error *err);

/* Readable when there is something for verify_child_read.  Owned by the child. */
int verify_child_fd(const struct verify_child *child);

/* Take what has come, blocking until something has: 1 there will be more, 0 the
 * check has ended (out is filled), -1 it could not be done, with the worker's
 * error.  A worker that crashed is a problem at the place where it was;
 * ERROR_STOPPED: somebody ended it. */
int verify_child_read(struct verify_child *child, struct verify_report *out, struct error *err);

/* Ends the process where it still runs, and waits for it.  NULL is fine. */
void verify_child_stop(struct verify_child *child);

#endif
