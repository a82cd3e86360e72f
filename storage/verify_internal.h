#ifndef STORAGE_VERIFY_INTERNAL_H
#define STORAGE_VERIFY_INTERNAL_H

#include "protocol/schema.h"
#include "storage/sources.h"
#include "storage/stored_batch.h"
#include "storage/topics.h"
#include "storage/verify.h"

/* Shared by the parts of the check.  It goes through the store in runs: one
 * snapshot, inside a guard, bounded in bytes and in problems, which are told
 * between two runs.  A run that meets damage in LMDB's own pages ends there, and
 * the next one goes on behind it. */

#define VERIFY_RUN_BYTES        (UINT64_C(64) << 20)
#define VERIFY_RUN_PROBLEMS     64
/* A run ends when there is no more room than this: what one batch or one entry
 * of a table can add. */
#define VERIFY_STEP_PROBLEMS    16

struct verify_topic {
	uint32_t id;
	uint32_t partition_count;
	uint16_t owner_source_id;
	char name[TOPIC_NAME_BYTES_MAX + 1];
};

struct verify_source {
	uint16_t id;
	uint64_t transaction_ordinal;
};

/* The small tables, to look things up in; entries that do not decode are left
 * out.  Beside a server it is read again in each run. */
struct verify_context {
	uint64_t next_topic_id;
	uint64_t next_schema_id;
	uint64_t next_source_id;
	struct verify_topic *topics;    /* owned; sorted by id */
	size_t topic_count;
	size_t topic_capacity;
	struct verify_source *sources;  /* owned; sorted by id */
	size_t source_count;
	size_t source_capacity;
	uint64_t bytes_total;           /* of all partitions */
};

/* Schemas that changes were checked against lately, decoded. */
#define VERIFY_SCHEMAS          64
#define VERIFY_SCHEMA_BYTES_MAX (16u * 1024 * 1024)

struct verify_schema {
	uint32_t id;                    /* 0: none */
	uint8_t *encoded;               /* owned; the schema's texts lie in it */
	size_t size;
	struct schema schema;
};

struct verify {
	struct snapshot snapshot;
	const struct verify_observer *observer;
	struct verify_report report;
	bool is_live;                   /* a server may be writing */
	struct verify_context context;
	struct verify_context fresh;    /* while it is being read */
	bool has_context;
	bool is_context_broken;         /* a table could not be read to its end: keep what there is */
	struct verify_problem problems[VERIFY_RUN_PROBLEMS];
	size_t problem_count;
	uint64_t run_bytes;
	uint64_t run_bytes_max;
	struct verify_schema schemas[VERIFY_SCHEMAS];
	size_t schema_bytes;
	struct error err;               /* why the run ended early */
};

/* verify_store with runs of another size: in tests. */
int verify_store_by_runs(struct store *store, uint64_t run_bytes_max,
			 const struct verify_observer *observer, struct verify_report *out,
			 struct error *err);

/* One run: body's result, or -1 with verify->err filled (ERROR_CORRUPT: damage).
 * Tells the problems and the progress afterwards. */
int verify_run(struct verify *verify, int (*body)(void *argument), void *argument);
/* Inside a run: is it time to end it? */
bool verify_run_is_full(const struct verify *verify);

/* Found inside a run, or between two: then verify_tell has to follow.  topic_id and
 * offsets are 0 where there are none. */
void verify_tell(struct verify *verify);
void verify_add(struct verify *verify, const char *table, uint32_t topic_id, uint32_t partition,
		uint64_t start_offset, uint64_t end_offset, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

/* Inside a run, first of all: 0, or 1 where the run must be done again, since
 * the small tables are damaged.  -1: ERROR_MEMORY. */
int verify_context_load(struct verify *verify);
void verify_context_clear(struct verify_context *context);
/* NULL: not known.  One of those that share an id by mistake. */
const struct verify_topic *verify_topic(const struct verify *verify, uint32_t id);
const struct verify_source *verify_source(const struct verify *verify, uint16_t id);
bool verify_topics_share_id(const struct verify *verify, uint32_t id);
bool verify_sources_share_id(const struct verify *verify, uint16_t id);

/* Can the id have been given out?  next is 0 where it is not known. */
static inline bool verify_is_given_out(uint64_t id, uint64_t next)
{
	return id != 0 && (next == 0 || id < next);
}

/* All tables but partitions and log: 0, or -1 where the check cannot go on. */
int verify_tables(struct verify *verify);
/* Those two. */
int verify_log(struct verify *verify);

/* A batch that passed its checksum: every record in it.  is_visible: subscribers
 * may read it.  *last_ordinal is that of the record before, brought up to date.
 * -1: the run has to end. */
int verify_records(struct verify *verify, const struct stored_batch *batch,
		   const struct batch_header *header, bool is_visible, uint64_t *last_ordinal);

/* The decoded schema: 1, 0 there is none, -1.  Lent until the next call.  One
 * that does not decode is not there: it is a problem of its own table. */
int verify_schema_find(struct verify *verify, uint32_t id, const struct schema **out);
void verify_schemas_clear(struct verify *verify);

#endif
