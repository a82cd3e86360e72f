#ifndef STORAGE_SUBMISSION_H
#define STORAGE_SUBMISSION_H

#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/record.h"

#include <stdbool.h>
#include <stdint.h>

/* What is written as one: a source transaction, a part of one too large for a
 * single commit, or some published records.  Filled by one thread, then given
 * to the appender.  After its on_done it is destroyed by the appender. */
struct submission;

/* A source transaction larger than this is split: capture submits what it has
 * as `continues` and goes on with a new submission. */
#define SUBMISSION_BYTES_MAX    (16u * 1024 * 1024)

/* One record: key, value and headers as encoded (record_body_size). */
#define RECORD_BYTES_MAX        (64u * 1024 * 1024)

/* How far from 1970 a record's time may be, either way: some 73,000 years, so
 * that the difference of two never overflows. */
#define RECORD_TIME_US_MAX      (INT64_MAX / 4)

#define SOURCE_PUBLISHED        0       /* the source id of published records */

struct submission_result {
	const struct error *err;        /* NULL: all of it is durable and, unless it continues, visible */
	uint64_t transaction_ordinal;   /* of a source transaction; else 0 */
	bool is_duplicate;              /* a producer sent it again: nothing was stored */
};

/* Called once for a submission that was accepted, on the appender's thread,
 * after the sync.  Must not block.  The submission is lent. */
typedef void submission_done(void *user, struct submission *submission,
			     const struct submission_result *result);

int submission_create(struct submission **out, uint16_t source_id, struct error *err);
void submission_destroy(struct submission *submission);

/* Add a record; copies it.  time_us 0 means the append time.  ERROR_LIMIT: a
 * record over RECORD_BYTES_MAX, or one that would take a submission that has
 * records over SUBMISSION_BYTES_MAX (submit what there is, then add it to the
 * next); ERROR_INVALID: a time beyond RECORD_TIME_US_MAX; ERROR_MEMORY.  After a
 * failure the submission is as it was. */
int submission_add(struct submission *submission, uint32_t topic_id, uint32_t partition,
		   const struct content *key, const struct content *value, struct bytes headers,
		   int64_t time_us, struct error *err);

/* The same for a record body already encoded (protocol/record.h). */
int submission_add_body(struct submission *submission, uint32_t topic_id, uint32_t partition,
			struct bytes body, int64_t time_us, struct error *err);

/* The same for a body that the caller writes itself, at once: *out has body_bytes of
 * room, all of which it must fill. */
int submission_add_room(struct submission *submission, uint32_t topic_id, uint32_t partition,
			size_t body_bytes, int64_t time_us, uint8_t **out, struct error *err);

/* A schema version that is stored in the same commit; schemas.h says when. */
int submission_add_schema(struct submission *submission, uint32_t schema_id,
			  struct bytes encoded, struct error *err);

/* The source's position after this submission, stored in the same commit;
 * copies.  Not with continues.  ERROR_LIMIT: over SOURCE_POSITION_BYTES_MAX;
 * ERROR_MEMORY. */
int submission_set_position(struct submission *submission, struct bytes position,
			    struct error *err);

/* The source's snapshot progress, likewise: SOURCE_SNAPSHOT_PROGRESS_BYTES_MAX. */
int submission_set_snapshot_progress(struct submission *submission, struct bytes progress,
				     struct error *err);

/* The transaction goes on in the source's next submission.  Nothing of it is
 * visible until one without this is stored. */
void submission_set_continues(struct submission *submission);

/* Published records of an idempotent producer (0: none): all for one partition,
 * the first has this sequence (storage/producers.h).  ERROR_OUT_OF_SEQUENCE through
 * on_done; for a duplicate, the records' offsets are those of the first time, or
 * UINT64_MAX where they are not known any more. */
void submission_set_producer(struct submission *submission, uint64_t producer_id,
			     uint64_t sequence);

void submission_set_done(struct submission *submission, submission_done *on_done, void *user);

/* A number of the submitter's own, for its on_done; 0 at first. */
void submission_set_mark(struct submission *submission, int64_t mark);
int64_t submission_mark(const struct submission *submission);

/* Lent; nil where none was set. */
struct bytes submission_position(const struct submission *submission);
uint16_t submission_source_id(const struct submission *submission);
size_t submission_record_count(const struct submission *submission);
/* The memory that it takes, which is what counts against limits. */
size_t submission_bytes(const struct submission *submission);

/* Walk the records in the order they were added, in on_done, to learn their
 * offsets: 1, or 0 at the end. */
struct submission_cursor {
	const void *chunk;
	size_t at;
};
struct submission_place {
	uint32_t topic_id;
	uint32_t partition;
	uint64_t offset;
};
int submission_next(const struct submission *submission, struct submission_cursor *cursor,
		    struct submission_place *out);

#endif
