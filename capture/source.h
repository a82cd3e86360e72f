#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

#include "capture/writer.h"

/* A database that changes are captured from: one table of functions a kind of
 * database.  capture.c drives it on the source's own thread:
 *
 *   create, { open, [snapshot,] stream, close }, { open, … }, destroy
 *
 * with a pause between the turns after an error that error_is_retryable (state
 * RETRYING), and an end after any other (state FAILED, until somebody restarts it).
 * Every function but create and destroy may block on the database, and returns
 * soon after wake_fd became readable and should_stop says so. */

struct source_settings;         /* capture/source_settings.h */

/* What the log knows of the source; lent. */
struct source_stored {
	struct bytes position;          /* nil: none yet */
	struct bytes snapshot_progress; /* nil: none yet */
};

enum source_start {
	SOURCE_START_SNAPSHOT,          /* rows first, for the first time or again */
	SOURCE_START_STREAM,            /* go on behind the stored position */
	SOURCE_START_DONE,              /* snapshot.mode initial_only, and it is whole */
};

/* What status shows of a source at work. */
struct source_progress {
	char position[64];              /* for people: "0/16B3790" */
	char table[200];                /* being read in a snapshot, else "" */
	uint32_t tables_done;           /* of the snapshot */
	uint32_t tables_total;
	uint64_t rows_done;
	uint64_t rows_estimated;        /* 0: not known */
	uint64_t behind_bytes;          /* of the source's own log; UINT64_MAX: not known */
	int64_t source_time_us;         /* of the last commit read; 0: none yet */
};

enum source_log_level { SOURCE_LOG_DEBUG, SOURCE_LOG_INFO, SOURCE_LOG_WARNING, SOURCE_LOG_ERROR };

/* What a source has to work with; lent while it lives. */
struct source_context {
	const char *name;               /* of the block; also the default topic.prefix */
	struct writer *writer;
	int wake_fd;                    /* an eventfd: poll it beside the database's socket */
	bool (*should_stop)(void *user);
	void (*on_progress)(void *user, const struct source_progress *progress);
	/* A line for the log; never a password. */
	void (*log)(void *user, enum source_log_level level, const char *format, ...)
		__attribute__((format(printf, 3, 4)));
	/* Called by the writer while it waits; set by the source while it streams, or NULL. */
	void (*on_wait)(void *source);
	void *user;
};

struct source_ops {
	const char *connector;          /* "postgresql" */

	/* Copies what it needs of the settings, which were checked.  No I/O.  ERROR_MEMORY. */
	int (*create)(void **out, const struct source_settings *settings,
		      struct source_context *context, struct error *err);

	/* Connect, check what the source needs, compare the stored position with what the
	 * database still has.  ERROR_GAP: what comes next is gone, or the history is another;
	 * the text names the command that repairs it. */
	int (*open)(void *source, const struct source_stored *stored, enum source_start *out,
		    struct error *err);

	/* Write all rows, then their position and progress with the last.  0: whole, or asked
	 * to stop. */
	int (*snapshot)(void *source, struct error *err);

	/* Write transactions as they commit, and confirm what writer_durable tells; until
	 * asked to stop (0). */
	int (*stream)(void *source, struct error *err);

	/* Disconnect; after a failure of any of these, too.  Confirms once more. */
	void (*close)(void *source);
	void (*destroy)(void *source);

	/* Remove at the database what the source made there (slot, publication).  Not while it
	 * is open; logs what it removed.  What is not there is no error. */
	int (*drop)(void *source, struct error *err);

	/* The progress of a snapshot of which rows may be in the log, and of which nothing else is
	 * known: with it and no position, open makes a new one behind a truncate event for
	 * each table. */
	struct bytes snapshot_begun;

	/* A stored position for people; out has 64 bytes. */
	void (*position_text)(struct bytes position, char *out);
};

extern const struct source_ops postgresql_source_ops;
extern const struct source_ops scripted_source_ops;

#endif
