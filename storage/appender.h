#ifndef STORAGE_APPENDER_H
#define STORAGE_APPENDER_H

#include "storage/store.h"
#include "storage/submission.h"

/* The log's only writer: one thread behind a bounded queue.  It takes what has
 * gathered while the last commit synced, writes it in one LMDB transaction
 * (records, positions, schemas, and a bounded step of retention), syncs, and
 * only then tells: first each submission's on_done, then on_visible.
 *
 * A full disk is a state, not an end: records from sources wait in the queue,
 * published ones are refused with ERROR_DISK_FULL, readers go on, and writing
 * resumes by itself.  Any other failure of the disk ends the appender with
 * ERROR_IO: a sync that failed once cannot be trusted when it is tried again,
 * so the process should exit with status 74 and start afresh. */
struct appender;

enum appender_state {
	APPENDER_RUNNING,
	APPENDER_DISK_FULL,
	APPENDER_FAILED,        /* for good */
	APPENDER_STOPPED,
};

const char *appender_state_name(enum appender_state state);

/* The clock is passed in so that tests can turn it. */
struct appender_clock {
	int64_t (*wall_us)(void *user);         /* since the Unix epoch */
	int64_t (*monotonic_us)(void *user);
	void *user;
};

/* All called on the appender's thread; must not block.  Any may be NULL. */
struct appender_observer {
	/* Subscribers may now read up to visible_end (exclusive). */
	void (*on_visible)(void *user, uint32_t topic_id, uint32_t partition,
			   uint64_t visible_end);
	/* err is NULL for RUNNING and STOPPED. */
	void (*on_state)(void *user, enum appender_state state, const struct error *err);
	/* There is room again after an appender_try_submit was turned away. */
	void (*on_room)(void *user);
	void *user;
};

struct appender_options {
	size_t queue_records;           /* 0: APPENDER_QUEUE_RECORDS */
	size_t queue_bytes;             /* 0: APPENDER_QUEUE_BYTES */
	size_t commit_bytes;            /* 0: APPENDER_COMMIT_BYTES */
	size_t batch_bytes;             /* what a batch aims at; 0: APPENDER_BATCH_BYTES */
	int64_t check_interval_us;      /* retention by time, disk room; 0: one second */
	struct appender_clock clock;    /* zeroed: the system's */
	struct appender_observer observer;
};

#define APPENDER_QUEUE_RECORDS  8192                    /* Debezium's max.queue.size */
#define APPENDER_QUEUE_BYTES    (64u * 1024 * 1024)
#define APPENDER_COMMIT_BYTES   (16u * 1024 * 1024)
#define APPENDER_BATCH_BYTES    (64u * 1024)

/* Start the thread over a store opened with STORE_SERVE, which must outlive
 * the appender.  Cuts off a transaction that an appender before it left unfinished. */
int appender_start(struct appender **out, struct store *store,
		   const struct appender_options *options, struct error *err);

/* Queue a submission.  Takes it on success; on failure the caller keeps it.
 * Blocks while the queue is full: that is how a slow disk slows the source
 * down.  A submission larger than the whole queue is let in when the queue is
 * empty.  Any thread but the loop.  ERROR_STOPPED; ERROR_IO after a failure. */
int appender_submit(struct appender *appender, struct submission *submission, struct error *err);

/* The same, waiting at most so long: 1 taken, 0 still no room, -1 failed. */
int appender_submit_within(struct appender *appender, struct submission *submission,
			   int64_t timeout_us, struct error *err);

/* The same for the loop, which must not block: 1 taken, 0 no room (on_room will
 * say when to try again), -1 failed. */
int appender_try_submit(struct appender *appender, struct submission *submission,
			struct error *err);

/* Wait until everything submitted before is durable or has failed. */
int appender_flush(struct appender *appender, struct error *err);

/* A submission of a source that failed makes all later ones of that source
 * fail with ERROR_STOPPED, so that no gap can follow, until this is called: it
 * waits for the queue, removes what an unfinished transaction left beyond the
 * visible ends, and lets the source begin again at its stored position. */
int appender_reset_source(struct appender *appender, uint16_t source_id, struct error *err);

/* The same without waiting: on_done is called once with the outcome (err NULL: done), on the
 * appender's thread, unless this fails.  ERROR_MEMORY, ERROR_STOPPED. */
typedef void appender_reset_done(void *user, const struct error *err);
int appender_post_reset(struct appender *appender, uint16_t source_id,
			appender_reset_done *on_done, void *user, struct error *err);

enum appender_state appender_state(struct appender *appender);

struct appender_stats {
	uint64_t commits;
	uint64_t records;
	uint64_t batches;
	uint64_t bytes;                 /* of batches written */
	uint64_t expired_batches;       /* deleted by retention */
	uint64_t queue_records;         /* now */
	uint64_t queue_bytes;
	int64_t retention_step_max_us;  /* the longest time that a step of retention held up appends */
};
void appender_stats(struct appender *appender, struct appender_stats *out);

/* Let nothing more in: calls that wait in other threads, and all that begin from now on,
 * fail with ERROR_STOPPED, so that those threads can end before appender_stop.  What is
 * queued is still written out.  Does not wait. */
void appender_close(struct appender *appender);

/* Write out what is queued, stop the thread, free everything.  In DISK_FULL
 * what is queued fails with ERROR_STOPPED.  Calls that are waiting in other
 * threads return with ERROR_STOPPED before; none may begin.  NULL is fine. */
void appender_stop(struct appender *appender);

#endif
