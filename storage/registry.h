#ifndef STORAGE_REGISTRY_H
#define STORAGE_REGISTRY_H

#include "storage/entry.h"
#include "storage/layout.h"
#include "storage/topics.h"

#include <sys/queue.h>

/* The appender's picture of the small tables: every topic, partition and
 * source, so that appending reads nothing.  Loaded at start; afterwards what a
 * commit stored and what is here change together.  The appender's thread alone. */

/* Records that wait in memory to become one batch. */
struct open_batch {
	struct entry *first;
	struct entry *last;
	uint32_t record_count;
	uint32_t payload_bytes;
	int64_t append_time_us;
	uint64_t transaction_ordinal;
	uint16_t source_id;
	uint16_t flags;
};

struct partition {
	struct registered_topic *topic;
	uint32_t number;
	struct partition_record stored; /* as the last commit left it */
	struct partition_record next;   /* with what the open transaction adds */
	struct open_batch open;
	bool is_dirty;                  /* next differs, or open has records */
	TAILQ_ENTRY(partition) dirty_link;
	/* Retention.  The append time of the oldest batch; 0: not known, look. */
	int64_t oldest_append_time_us;
	bool is_due;
	TAILQ_ENTRY(partition) due_link;
};

TAILQ_HEAD(partition_list, partition);

struct registered_topic {
	uint32_t id;
	uint32_t partition_count;
	uint16_t owner_source_id;
	bool is_deleted;                /* its name is gone, its batches are going */
	struct topic_config config;
	struct partition *partitions;   /* owned array */
};

struct registered_source {
	uint16_t id;
	char name[256];
	uint64_t stored_ordinal;        /* of the last whole transaction */
	uint64_t next_ordinal;
	bool stored_is_open;            /* a transaction's first parts are stored, its end is not */
	bool next_is_open;
	bool has_failed;                /* until appender_reset_source */
	bool is_deleted;
	/* What the open transaction stores of it. */
	bool is_dirty;
	struct bytes next_position;             /* nil: unchanged; lent by a submission */
	struct bytes next_snapshot_progress;
	SLIST_ENTRY(registered_source) dirty_link;
};

SLIST_HEAD(source_list, registered_source);

struct registry {
	struct registered_topic **topics;       /* by id; NULL: none */
	uint32_t topic_capacity;
	struct registered_source **sources;     /* by id; NULL: none */
	uint32_t source_capacity;
};

/* Read all tables.  ERROR_MEMORY, ERROR_CORRUPT, ERROR_IO.  registry_clear
 * frees what there is, also after a failure. */
int registry_load(struct registry *registry, struct store *store, struct error *err);
void registry_clear(struct registry *registry);

/* NULL: no such thing.  A deleted topic is found.  Inline: they are asked for
 * every record. */
static inline struct registered_topic *registry_topic(const struct registry *registry, uint32_t id)
{
	return id < registry->topic_capacity ? registry->topics[id] : NULL;
}

static inline struct partition *registry_partition(const struct registry *registry,
						   uint32_t topic_id, uint32_t number)
{
	struct registered_topic *topic = registry_topic(registry, topic_id);
	return topic != NULL && number < topic->partition_count ? &topic->partitions[number] : NULL;
}

static inline struct registered_source *registry_source(const struct registry *registry,
							uint16_t id)
{
	return id < registry->source_capacity ? registry->sources[id] : NULL;
}

/* A topic with partitions that hold nothing, not yet part of the registry;
 * NULL: no memory. */
struct registered_topic *registered_topic_create(uint32_t id, uint32_t partition_count,
						 uint16_t owner_source_id,
						 const struct topic_config *config);
void registered_topic_destroy(struct registered_topic *topic);

/* Make room so that adding this id cannot fail; then add (takes). */
int registry_reserve_topic(struct registry *registry, uint32_t id, struct error *err);
void registry_add_topic(struct registry *registry, struct registered_topic *topic);
/* Forget a topic whose last partition record is gone; frees it. */
void registry_remove_topic(struct registry *registry, uint32_t id);
int registry_reserve_source(struct registry *registry, uint16_t id, struct error *err);
void registry_add_source(struct registry *registry, struct registered_source *source);

/* Remove, also from the tables, what an unfinished transaction of the source
 * left beyond the visible ends; in commits of its own. */
int registry_cut_source(struct registry *registry, struct store *store,
			struct registered_source *source, struct error *err);

#endif
