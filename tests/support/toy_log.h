#ifndef TESTS_SUPPORT_TOY_LOG_H
#define TESTS_SUPPORT_TOY_LOG_H

#include "protocol/batch.h"
#include "protocol/error.h"

#include <msgpack/sbuffer.h>
#include <stdbool.h>

/* Topics in memory, for toy_broker: a batch a record. */

#define TOY_TOPICS_MAX          8
#define TOY_PARTITIONS_MAX      32
#define TOY_RECORDS_MAX         4096
#define TOY_PRODUCERS_MAX       64

struct toy_producer {
	uint64_t id;
	uint64_t next_sequence;
	uint64_t first_offset;          /* of sequence 0, as long as nobody else wrote */
};

struct toy_partition {
	struct bytes batches[TOY_RECORDS_MAX];  /* owned */
	uint64_t end;
	struct toy_producer producers[TOY_PRODUCERS_MAX];
	uint32_t producer_count;
};

struct toy_topic {
	char name[64];
	uint32_t id;                    /* 0: none */
	uint32_t partition_count;
	struct toy_partition partitions[TOY_PARTITIONS_MAX];
};

struct toy_log {
	struct toy_topic topics[TOY_TOPICS_MAX];
	uint32_t last_id;
};

struct toy_topic *toy_log_find(struct toy_log *log, struct bytes name);
struct toy_topic *toy_log_add(struct toy_log *log, const char *name, uint32_t partition_count);
void toy_log_remove(struct toy_topic *topic);
void toy_log_clear(struct toy_log *log);
/* body: key, value and headers, encoded. */
void toy_log_append(struct toy_topic *topic, uint32_t partition, struct bytes body);

#endif
