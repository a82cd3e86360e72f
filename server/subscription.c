#include "server/subscription.h"

#include "protocol/topic_pattern.h"
#include "server/delivery.h"
#include "server/session.h"

#include <stdlib.h>
#include <string.h>

static int copy_bytes(struct bytes *out, struct bytes from)
{
	uint8_t *copy = malloc(from.size + 1);
	if (copy == NULL)
		return -1;
	memcpy(copy, from.data, from.size);
	*out = (struct bytes){ copy, from.size };
	return 0;
}

static void free_bytes(struct bytes bytes)
{
	union {
		const uint8_t *in;
		void *out;
	} data = { .in = bytes.data };
	free(data.out);
}

static int copy_patterns(struct subscription *subscription, struct message_list topics)
{
	struct bytes pattern;
	subscription->patterns = calloc(topics.count, sizeof(struct bytes));
	if (subscription->patterns == NULL)
		return -1;
	while (message_pattern_next(&topics, &pattern)) {
		if (copy_bytes(&subscription->patterns[subscription->pattern_count], pattern) != 0)
			return -1;
		subscription->pattern_count++;
	}
	return 0;
}

static int copy_partitions(struct subscription *subscription, struct message_list partitions)
{
	uint32_t partition;
	if (partitions.count == 0)
		return 0;
	subscription->partitions = calloc(partitions.count, sizeof(*subscription->partitions));
	if (subscription->partitions == NULL)
		return -1;
	while (message_partition_number_next(&partitions, &partition))
		subscription->partitions[subscription->partition_list_count++] = partition;
	return 0;
}

int subscription_create(struct subscription **out, struct session *session, uint32_t request_id,
			const struct message_subscribe *request, struct error *err)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));
	if (subscription == NULL)
		return error_set(err, ERROR_MEMORY, "a subscription");
	subscription->session = session;
	subscription->request_id = request_id;
	subscription->credit_bytes = (int64_t)request->credit;
	LIST_INIT(&subscription->cursors);
	TAILQ_INIT(&subscription->ready);
	LIST_INSERT_HEAD(&session->subscriptions, subscription, link);
	session->subscription_count++;
	session->service->subscription_count++;
	if (copy_patterns(subscription, request->topics) != 0 ||
	    (request->group.data != NULL && copy_bytes(&subscription->group, request->group) != 0) ||
	    copy_partitions(subscription, request->partitions) != 0) {
		subscription_destroy(subscription);
		return error_set(err, ERROR_MEMORY, "a subscription");
	}
	*out = subscription;
	return 0;
}

void subscription_destroy(struct subscription *subscription)
{
	struct cursor *cursor;
	while ((cursor = LIST_FIRST(&subscription->cursors)) != NULL)
		cursor_destroy(cursor);
	if (subscription->is_queued)
		TAILQ_REMOVE(&subscription->session->service->ready, subscription, queue_link);
	LIST_REMOVE(subscription, link);
	subscription->session->subscription_count--;
	subscription->session->service->subscription_count--;
	for (uint32_t i = 0; i < subscription->pattern_count; i++)
		free_bytes(subscription->patterns[i]);
	free(subscription->patterns);
	free_bytes(subscription->group);
	free(subscription->partitions);
	free(subscription);
}

struct subscription *subscription_find(struct session *session, uint32_t request_id)
{
	struct subscription *subscription;
	LIST_FOREACH(subscription, &session->subscriptions, link)
		if (subscription->request_id == request_id)
			return subscription;
	return NULL;
}

bool subscription_matches(const struct subscription *subscription, const struct topic *topic)
{
	struct bytes name = { (const uint8_t *)topic->name, strlen(topic->name) };
	for (uint32_t i = 0; i < subscription->pattern_count; i++)
		if (topic_pattern_matches(subscription->patterns[i], name))
			return true;
	return false;
}

bool subscription_has_partition(const struct subscription *subscription, uint32_t partition)
{
	if (subscription->partitions == NULL)
		return true;
	for (uint32_t i = 0; i < subscription->partition_list_count; i++)
		if (subscription->partitions[i] == partition)
			return true;
	return false;
}

int subscription_add_cursor(struct subscription *subscription, struct catalog_topic *topic,
			    uint32_t partition, uint64_t next_offset, struct error *err)
{
	if (subscription->cursor_count == SUBSCRIPTION_PARTITIONS_MAX)
		return error_set(err, ERROR_LIMIT, "a subscription holds at most %d partitions",
				 SUBSCRIPTION_PARTITIONS_MAX);
	struct cursor *cursor = calloc(1, sizeof(*cursor));
	if (cursor == NULL)
		return error_set(err, ERROR_MEMORY, "a subscription");
	cursor->subscription = subscription;
	cursor->topic = topic;
	cursor->partition = partition;
	cursor->next_offset = next_offset;
	cursor->caught_up_offset = topic->partitions[partition].visible_end;
	LIST_INSERT_HEAD(&topic->partitions[partition].cursors, cursor, partition_link);
	LIST_INSERT_HEAD(&subscription->cursors, cursor, subscription_link);
	subscription->cursor_count++;
	return 0;
}

void cursor_destroy(struct cursor *cursor)
{
	if (cursor->is_ready)
		TAILQ_REMOVE(&cursor->subscription->ready, cursor, ready_link);
	LIST_REMOVE(cursor, partition_link);
	LIST_REMOVE(cursor, subscription_link);
	cursor->subscription->cursor_count--;
	free(cursor);
}

static bool has_something(const struct cursor *cursor)
{
	uint64_t visible_end = cursor->topic->partitions[cursor->partition].visible_end;
	if (cursor->state != CURSOR_FOLLOWING)
		return false;
	/* Telling that it has caught up is something, too. */
	return cursor->next_offset < visible_end ||
	       (!cursor->has_caught_up && cursor->next_offset >= cursor->caught_up_offset);
}

void cursor_update(struct cursor *cursor)
{
	struct subscription *subscription = cursor->subscription;
	bool should_be = has_something(cursor);
	if (should_be && !cursor->is_ready)
		TAILQ_INSERT_TAIL(&subscription->ready, cursor, ready_link);
	else if (!should_be && cursor->is_ready)
		TAILQ_REMOVE(&subscription->ready, cursor, ready_link);
	cursor->is_ready = should_be;
	subscription_update(subscription);
}

void subscription_update(struct subscription *subscription)
{
	struct session *session = subscription->session;
	struct subscription_queue *queue = &session->service->ready;
	bool should_be = !TAILQ_EMPTY(&subscription->ready) && subscription->credit_bytes > 0 &&
			 !session->has_ended &&
			 session->output.size + session->unsent_bytes <
				 delivery_share_bytes(session->service);
	if (should_be && !subscription->is_queued)
		TAILQ_INSERT_TAIL(queue, subscription, queue_link);
	else if (!should_be && subscription->is_queued)
		TAILQ_REMOVE(queue, subscription, queue_link);
	subscription->is_queued = should_be;
}
