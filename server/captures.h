#ifndef SERVER_CAPTURES_H
#define SERVER_CAPTURES_H

#include "capture/capture.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* The sources at work, as sessions see them (session_source.c): one capture a source
 * block, and those that only the log still knows.  The loop's thread alone; nothing
 * here blocks. */

struct captures;
struct broker;
struct config_source;

/* Start every source that has a block; blocks on the log's disk.  The blocks and the broker
 * outlive it.  ERROR_UNSUPPORTED: a connector that this program was built without. */
int captures_start(struct captures **out, struct broker *broker,
		   const struct config_source *sources, size_t source_count, struct error *err);

/* For the end of the process: ask all, wait for them (CAPTURE_STOP_MS at most), close the
 * log's queue.  false: one is left behind, and the process must end by _exit.  Then
 * broker_stop, then captures_destroy; NULL is fine. */
void captures_ask_to_stop(struct captures *captures);
bool captures_stop(struct captures *captures);
void captures_destroy(struct captures *captures);

struct captures_source {
	const char *name;                       /* lent until the loop goes on */
	const struct source_settings *settings; /* lent; NULL: its block is gone, the log knows it still */
	struct capture_status status;           /* as it is now; without a block STOPPED, and its position */
};

/* 1 and the first source whose name sorts behind `after` (by bytes; "": of all), 0:
 * none. */
int captures_next(struct captures *captures, const char *after, struct captures_source *out);

/* ERROR_NOT_FOUND. */
int captures_find(struct captures *captures, struct bytes name, struct captures_source *out,
		  struct error *err);

/* Ask; the source's state tells when it is done.  ERROR_NOT_FOUND; ERROR_INVALID: there is
 * nothing at work that could be asked (no block, or it is being removed). */
int captures_pause(struct captures *captures, struct bytes name, struct error *err);
int captures_resume(struct captures *captures, struct bytes name, struct error *err);
int captures_restart(struct captures *captures, struct bytes name, struct error *err);
int captures_reset(struct captures *captures, struct bytes name, struct error *err);

/* Stop the source, remove at the database what it made there if it drops, and have the log
 * forget it; its topics stay.  on_done is called once on the loop, later, with NULL or why not,
 * unless this fails: ERROR_NOT_FOUND; ERROR_INVALID: without a block nothing can be dropped;
 * ERROR_BUSY: it is being removed; ERROR_MEMORY. */
typedef void captures_on_done(void *user, const struct error *err);
int captures_remove(struct captures *captures, struct bytes name, bool drops,
		    captures_on_done *on_done, void *user, struct error *err);

#endif
