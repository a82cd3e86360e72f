#ifndef STORAGE_TOPICS_H
#define STORAGE_TOPICS_H

#include "protocol/limits.h"
#include "storage/appender.h"
#include "storage/reader.h"
#include "storage/topic_config.h"

/* Topics: made, described, configured and deleted.  Changes go through the
 * appender and return when they are durable: not on the loop. */

/* TOPIC_NAME_BYTES_MAX, TOPIC_PARTITIONS_MAX: protocol/limits.h */

/* Kafka's rule: 1 to 249 of [A-Za-z0-9._-], not "." or "..".  ERROR_INVALID. */
int topic_name_check(struct bytes name, struct error *err);

struct topic {
	uint32_t id;                    /* never used again, not even after deletion */
	char name[TOPIC_NAME_BYTES_MAX + 1];
	uint32_t partition_count;
	uint16_t owner_source_id;       /* the topic's only writer; SOURCE_PUBLISHED: publishers */
	int64_t created_us;
	struct topic_config config;
};

/* Make a topic: name, partition_count, owner_source_id and config are read
 * from topic, its id and created_us are filled.  ERROR_EXISTS (id is filled),
 * ERROR_INVALID, ERROR_NOT_FOUND (no such owner); all that an appender may say. */
int topics_create(struct appender *appender, struct topic *topic, struct error *err);
/* Replace a topic's configuration; start from what topics_describe tells.
 * ERROR_NOT_FOUND, ERROR_INVALID. */
int topics_configure(struct appender *appender, const char *name,
		     const struct topic_config *config, struct error *err);
/* The name is free at once; the records go in bounded steps.  ERROR_NOT_FOUND. */
int topics_delete(struct appender *appender, const char *name, struct error *err);

/* These tell what the last commit wrote, which may be durable only some
 * milliseconds later.  ERROR_NOT_FOUND. */
int topics_describe(struct reader *reader, const char *name, struct topic *out,
		    struct error *err);
/* All topics by name: 1 and the first topic whose name sorts behind `after`
 * ("" for the first), 0 when there is none. */
int topics_next(struct reader *reader, const char *after, struct topic *out, struct error *err);

#endif
