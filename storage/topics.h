#ifndef STORAGE_TOPICS_H
#define STORAGE_TOPICS_H

#include "storage/appender.h"
#include "storage/reader.h"

/* Topics: made, described, configured and deleted.  Changes go through the
 * appender and return when they are durable: not on the loop. */

#define TOPIC_NAME_BYTES_MAX    249     /* Kafka's limit */
#define TOPIC_PARTITIONS_MAX    1024

/* Kafka's names, units and meanings.  One table drives parsing, checking and
 * printing; each has a value for a topic that does not set it. */
struct topic_config {
	int64_t retention_ms;           /* retention.ms: -1 for ever; default 604800000, a week */
	int64_t retention_bytes;        /* retention.bytes a partition: -1 no limit, the default */
	int64_t max_message_bytes;      /* max.message.bytes: default 1048588, as Kafka's */
	uint32_t set;                   /* which ones are set: bit n for option n of the table */
};

struct topic_option {
	const char *name;
	const char *default_text;
	const char *help;
};
/* The options, in order; NULL behind the last. */
const struct topic_option *topic_option(size_t n);

void topic_config_init(struct topic_config *config);
/* "retention.ms", "3600000".  cleanup.policy takes "delete" alone so far.
 * ERROR_INVALID: unknown name (with the nearest known one) or bad value. */
int topic_config_set(struct topic_config *config, const char *name, const char *value,
		     struct error *err);
/* Back to the default. */
int topic_config_unset(struct topic_config *config, const char *name, struct error *err);
/* The value of option n as text, into out. */
void topic_config_text(const struct topic_config *config, size_t n, char *out, size_t out_bytes);

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
 * ERROR_INVALID, ERROR_NOT_FOUND (no such owner). */
int topics_create(struct appender *appender, struct topic *topic, struct error *err);
int topics_configure(struct appender *appender, const char *name,
		     const struct topic_config *config, struct error *err);
/* The name is free at once; the records go in bounded steps. */
int topics_delete(struct appender *appender, const char *name, struct error *err);

/* ERROR_NOT_FOUND. */
int topics_describe(struct reader *reader, const char *name, struct topic *out,
		    struct error *err);
/* All topics by name: 1 and the first topic whose name sorts behind `after`
 * ("" for the first), 0 when there is none. */
int topics_next(struct reader *reader, const char *after, struct topic *out, struct error *err);

#endif
