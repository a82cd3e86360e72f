#ifndef SERVER_CATALOG_H
#define SERVER_CATALOG_H

#include "storage/topics.h"

#include <sys/queue.h>

/* The loop's picture of the topics: what a session needs to know of one without
 * reading the store, and which cursors wait for a partition.  The loop's thread
 * alone. */

struct cursor;
LIST_HEAD(cursor_list, cursor);

struct catalog_partition {
	uint64_t visible_end;           /* as last announced */
	struct cursor_list cursors;     /* of subscriptions (server/subscription.h) */
};

struct catalog_topic {
	struct topic topic;
	uint32_t next_partition;        /* for published records without a key */
	struct catalog_partition *partitions;   /* owned array */
	LIST_ENTRY(catalog_topic) link;
};

LIST_HEAD(catalog_topic_list, catalog_topic);

struct catalog {
	struct catalog_topic **by_id;           /* owned; NULL: none */
	uint32_t capacity;
	struct catalog_topic_list topics;
	void *by_name;                          /* tsearch(3) */
	uint32_t topic_count;
	uint32_t partition_count;
};

/* Read all topics and their visible ends. */
int catalog_load(struct catalog *catalog, struct reader *reader, struct error *err);
void catalog_clear(struct catalog *catalog);

/* NULL: none. */
struct catalog_topic *catalog_find(const struct catalog *catalog, struct bytes name);
struct catalog_topic *catalog_topic(const struct catalog *catalog, uint32_t id);
struct catalog_partition *catalog_partition(const struct catalog *catalog, uint32_t topic_id,
					    uint32_t partition);

/* A new topic; copies.  ERROR_MEMORY. */
int catalog_add(struct catalog *catalog, const struct topic *topic,
		struct catalog_topic **out, struct error *err);
/* Its cursors must be gone. */
void catalog_remove(struct catalog *catalog, struct catalog_topic *topic);

#endif
