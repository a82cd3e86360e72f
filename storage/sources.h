#ifndef STORAGE_SOURCES_H
#define STORAGE_SOURCES_H

#include "storage/appender.h"
#include "storage/reader.h"

/* What the log knows of a source: how far it has been stored.  Position,
 * ordinal and snapshot progress change only together with the records, by a
 * submission, or are forgotten by sources_reset; state and reason change by
 * sources_set_state. */

#define SOURCE_NAME_BYTES_MAX           200
#define SOURCE_POSITION_BYTES_MAX       65536   /* a GTID set can be long */
#define SOURCE_SNAPSHOT_PROGRESS_BYTES_MAX (1024 * 1024)
#define SOURCE_REASON_BYTES_MAX         512

struct source {
	uint16_t id;                    /* 1 … 65535, never used again */
	char name[SOURCE_NAME_BYTES_MAX + 1];
	uint64_t transaction_ordinal;   /* of the last whole transaction stored; 0: none yet */
	uint8_t state;                  /* capture's own enumeration; 0: none yet */
	char reason[SOURCE_REASON_BYTES_MAX + 1];
	uint8_t *position;              /* owned, or NULL: none yet */
	size_t position_bytes;
	uint8_t *snapshot_progress;     /* owned, or NULL */
	size_t snapshot_progress_bytes;
};

void source_clear(struct source *source);

/* Find the source, or make it; returns when durable.  ERROR_INVALID: a name
 * that is empty, too long or not made of [A-Za-z0-9._-]. */
int sources_register(struct appender *appender, const char *name, uint16_t *out_id,
		     struct error *err);
/* ERROR_NOT_FOUND; ERROR_INVALID: a reason longer than SOURCE_REASON_BYTES_MAX. */
int sources_set_state(struct appender *appender, uint16_t source_id, uint8_t state,
		      const char *reason, struct error *err);
/* The same without waiting: takes effect in order with what is submitted; nobody is told
 * whether it did.  A longer reason is cut.  Any thread.  ERROR_MEMORY, ERROR_STOPPED. */
int sources_post_state(struct appender *appender, uint16_t source_id, uint8_t state,
		       const char *reason, struct error *err);

/* Forget how far it was stored: no position any more, and this progress (nil: none).  It stays
 * the writer of its topics, and its ordinals go on.  Nothing of it may be under way.  Returns
 * when durable.  ERROR_NOT_FOUND. */
int sources_reset(struct appender *appender, uint16_t source_id, struct bytes snapshot_progress,
		  struct error *err);

/* Forget the source, and what an unfinished transaction of its has stored; its
 * topics stay and can no longer be written.  A source
 * registered later under the same name is another. */
int sources_delete(struct appender *appender, const char *name, struct error *err);

/* These tell what the last commit wrote, which may be durable only some
 * milliseconds later: a source is told of its position by on_done, never from
 * here.  The caller clears what it gets.  ERROR_NOT_FOUND. */
int sources_describe(struct reader *reader, const char *name, struct source *out,
		     struct error *err);
/* 1 and the first source whose name sorts behind `after`, 0: none. */
int sources_next(struct reader *reader, const char *after, struct source *out,
		 struct error *err);

#endif
