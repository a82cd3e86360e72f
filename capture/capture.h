#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include "capture/source.h"

/* One source at work: its thread, its state, its retries.  It opens the source at
 * the position that the log has, and drives it (capture/source.h). */

struct appender;
struct store;
struct topic;
struct capture;

/* As stored in the sources table: the numbers stay. */
#define CAPTURE_STATES(X)                                                        \
	X(STARTING, 1, "starting") X(SNAPSHOT, 2, "snapshot")                    \
	X(STREAMING, 3, "streaming") X(RETRYING, 4, "retrying")                  \
	X(PAUSED, 5, "paused") X(FAILED, 6, "failed") X(DONE, 7, "done")         \
	X(STOPPED, 8, "stopped")

enum capture_state {
#define X(name, number, words) CAPTURE_##name = number,
	CAPTURE_STATES(X)
#undef X
};

const char *capture_state_name(enum capture_state state);

/* All called on the source's thread; must not block for long. */
struct capture_observer {
	/* A topic was made: the server's catalog must learn of it before its first record
	 * is visible. */
	void (*on_topic)(void *user, const struct topic *topic);
	/* reason is "" where there is none. */
	void (*on_state)(void *user, const char *source, enum capture_state state,
			 const char *reason);
	void (*log)(void *user, const char *source, enum source_log_level level,
		    const char *text);
	/* Partitions and configuration of a topic about to be made, by its name. */
	void (*topic_defaults)(void *user, struct topic *topic);
	/* How a capture_remove has ended; err NULL: the log does not know the source any more, and
	 * the thread ends. */
	void (*on_removed)(void *user, const char *source, const struct error *err);
	void *user;
};

struct capture_options {
	const struct source_settings *settings; /* lent, until capture_stop has returned */
	const struct source_ops *ops;
	struct appender *appender;
	struct store *store;
	struct capture_observer observer;
};

/* Registers the source and starts its thread; a source that was PAUSED when the
 * server ended stays so.  Blocks on the log's disk. */
int capture_start(struct capture **out, const struct capture_options *options,
		  struct error *err);

/* Ask; the state tells when it is done.  Any thread, does not block.  A pause is
 * remembered over restarts of the server. */
void capture_pause(struct capture *capture);
void capture_resume(struct capture *capture);
/* Close and open again at once; from FAILED, too. */
void capture_restart(struct capture *capture);

/* Forget how far the source is, and begin again as snapshot.mode says: with a new snapshot, or,
 * where that is never, where the database's own mark stands. */
void capture_reset(struct capture *capture);

/* Close; with drops, remove at the database what was made there; then forget the source in
 * the log.  on_removed tells how it went; after a failure the state is FAILED. */
void capture_remove(struct capture *capture, bool drops);

/* Ask it to end; then wait for it, at most CAPTURE_STOP_MS after it was first asked, and
 * free it.  false: something outside (a name server, say) holds it longer; it is left behind,
 * and touches neither log nor observer any more: for the end of the process.  Calls into the
 * log that wait end with appender_close.  NULL is fine. */
#define CAPTURE_STOP_MS 1200
void capture_ask_to_stop(struct capture *capture);
bool capture_stop(struct capture *capture);
/* Has its thread come to its end? */
bool capture_has_ended(const struct capture *capture);

const char *capture_name(const struct capture *capture);

struct capture_status {
	enum capture_state state;
	int64_t state_age_us;           /* so long it has been in it */
	char reason[512];               /* why FAILED, RETRYING; else "" */
	uint32_t retries;               /* since it last worked */
	int64_t retry_in_us;            /* while RETRYING */
	struct source_progress progress;
	uint64_t transaction_count;     /* since the start */
	uint64_t record_count;
	int64_t lag_us;                 /* between commit and durable, of the last transaction; -1: none yet */
};
/* What a snapshot under way still takes, at the speed so far; UINT64_MAX: not known. */
uint64_t capture_snapshot_left_us(const struct capture_status *status);
/* Any thread. */
void capture_describe(struct capture *capture, struct capture_status *out);

#endif
