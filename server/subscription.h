#ifndef SERVER_SUBSCRIPTION_H
#define SERVER_SUBSCRIPTION_H

#include "protocol/message_subscription.h"
#include "server/catalog.h"

/* What one SUBSCRIBE asked for: patterns, and a cursor for each partition that
 * they match.  A cursor has something to deliver while its offset is below the
 * partition's visible end; a subscription is ready while one of its cursors is, it
 * has credit, and its session's output has room.  The loop's thread alone. */

struct session;
struct subscription;

enum cursor_state {
	CURSOR_FOLLOWING,
	CURSOR_WAITING,         /* for SEEK: what comes next cannot be had */
};

struct cursor {
	struct subscription *subscription;
	struct catalog_topic *topic;
	uint32_t partition;
	enum cursor_state state;
	uint64_t next_offset;           /* to deliver */
	uint64_t caught_up_offset;      /* NOTICE caught_up when next_offset reaches it */
	bool has_caught_up;
	bool is_ready;                  /* in its subscription's ready list */
	LIST_ENTRY(cursor) partition_link;      /* those of the partition */
	LIST_ENTRY(cursor) subscription_link;
	TAILQ_ENTRY(cursor) ready_link;
};

TAILQ_HEAD(cursor_queue, cursor);

struct subscription {
	struct session *session;
	uint32_t request_id;            /* its name */
	int64_t credit_bytes;           /* below 0: one batch overdrew it */
	struct bytes *patterns;         /* owned array of owned texts */
	uint32_t pattern_count;
	struct bytes group;             /* owned; data NULL: none */
	uint32_t *partitions;           /* owned; NULL: all */
	uint32_t partition_list_count;
	struct cursor_list cursors;
	uint32_t cursor_count;
	struct cursor_queue ready;
	bool is_queued;                 /* in the service's ready queue */
	LIST_ENTRY(subscription) link;  /* its session's */
	TAILQ_ENTRY(subscription) queue_link;
};

LIST_HEAD(subscription_list, subscription);
TAILQ_HEAD(subscription_queue, subscription);

/* Copies patterns, group and partitions from the request.  ERROR_MEMORY. */
int subscription_create(struct subscription **out, struct session *session, uint32_t request_id,
			const struct message_subscribe *request, struct error *err);
void subscription_destroy(struct subscription *subscription);

struct subscription *subscription_find(struct session *session, uint32_t request_id);

/* Do its patterns and partitions take this one in? */
bool subscription_matches(const struct subscription *subscription, const struct topic *topic);
bool subscription_has_partition(const struct subscription *subscription, uint32_t partition);

/* Follow one more partition from next_offset on.  ERROR_MEMORY; ERROR_LIMIT beyond
 * SUBSCRIPTION_PARTITIONS_MAX. */
int subscription_add_cursor(struct subscription *subscription, struct catalog_topic *topic,
			    uint32_t partition, uint64_t next_offset, struct error *err);
void cursor_destroy(struct cursor *cursor);

/* Something may be deliverable now that was not: the visible end, the offset or the
 * state has changed. */
void cursor_update(struct cursor *cursor);

/* Put it where delivery finds it, or take it away, by credit and output. */
void subscription_update(struct subscription *subscription);

#endif
