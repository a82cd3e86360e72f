#ifndef TESTS_FAULT_LOG_MODEL_H
#define TESTS_FAULT_LOG_MODEL_H

#include "protocol/record.h"

#include <stdbool.h>
#include <stdint.h>

/* What the fault tests write, and so what they expect to find: everything
 * follows from a seed.  A run is a list of steps, numbered from 1; a source's
 * position is the number of the last of its steps that is stored. */

#define MODEL_SOURCES   2
#define MODEL_TOPICS    5

struct model_topic {
	const char *name;
	uint32_t partition_count;
	int source;                     /* -1: published */
	const char *retention_bytes;    /* NULL: all is kept */
};

extern const char *const model_source_names[MODEL_SOURCES];
extern const struct model_topic model_topics[MODEL_TOPICS];

enum model_kind {
	MODEL_TRANSACTION,
	MODEL_HEARTBEAT,        /* a position without records */
	MODEL_PUBLISH,
};

struct model_step {
	enum model_kind kind;
	int source;             /* -1: published */
	uint64_t ordinal;       /* of its source, after this step */
	int part_count;         /* submissions it takes; more than 1: a large transaction */
	int record_count;       /* of all parts */
	int schema;             /* the number, from 0, of the schema that it brings; -1: none */
	uint32_t schema_id;     /* that its changes follow; 0: none yet */
	bool waits;             /* else the next step is submitted at once, too */
};

struct log_model {
	uint64_t seed;
	int step_count;
	struct model_step *steps;       /* step n at steps[n] */
};

/* Aborts when out of memory, as everything here does. */
void log_model_init(struct log_model *out, uint64_t seed, int step_count);
void log_model_clear(struct log_model *model);

struct model_record {
	int topic;              /* in model_topics */
	uint32_t partition;
	int part;               /* from 0; parts come in order */
	struct content key;
	struct content value;
	struct bytes headers;
	int64_t time_us;        /* 0: the append time */
};

/* Make the records of a step, one after the other; the record is lent for the
 * length of the call.  A visit that returns other than 0 ends it with that. */
typedef int model_visit(void *user, int number, const struct model_record *record);
int log_model_records(const struct log_model *model, int step, model_visit *visit, void *user);

/* Make record `number` of a step from its number alone. */
int log_model_record(const struct log_model *model, int step, int number, model_visit *visit,
		     void *user);

/* Which step, and which of its records, a published value belongs to: 0, or -1:
 * none of ours. */
int log_model_recognize(const struct content *value, int *out_step, int *out_number);

/* The encoded schema; lent until the next call in this thread. */
struct bytes log_model_schema(const struct log_model *model, int schema);

#endif
