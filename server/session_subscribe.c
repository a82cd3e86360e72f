#include "server/session.h"
#include "protocol/topic_pattern.h"
#include "storage/groups.h"

#include <stdlib.h>
#include <string.h>

/* SUBSCRIBE, CREDIT, SEEK, UNSUBSCRIBE. */

/* A start that the client has named. */
struct position {
	uint32_t topic_id;
	uint32_t partition;
	uint64_t offset;
};

/* Where a partition's delivery starts. */
struct starting {
	struct session *session;
	const struct message_subscribe *request;
	struct reader *reader;
	struct position *positions;     /* owned, sorted; thousands are looked up in it */
	size_t position_count;
};

static int compare(const void *left, const void *right)
{
	const struct position *a = left, *b = right;
	if (a->topic_id != b->topic_id)
		return a->topic_id < b->topic_id ? -1 : 1;
	return (a->partition > b->partition) - (a->partition < b->partition);
}

/* Those of topics that are not there are left out. */
static int collect_positions(struct starting *starting, struct error *err)
{
	const struct catalog *catalog = broker_catalog(starting->session->service->broker);
	struct message_list by_name = starting->request->positions;
	struct message_list by_id = starting->request->places;
	struct message_position named;
	struct message_id_position item;
	size_t count = 0;
	if (by_name.count + by_id.count == 0)
		return 0;
	starting->positions = calloc((size_t)by_name.count + by_id.count, sizeof(*starting->positions));
	if (starting->positions == NULL)
		return error_set(err, ERROR_MEMORY, "a subscription");
	while (message_id_position_next(&by_id, &item))
		starting->positions[count++] =
			(struct position){ item.topic_id, item.partition, item.offset };
	while (message_position_next(&by_name, &named)) {
		const struct catalog_topic *topic = catalog_find(catalog, named.topic);
		if (topic != NULL)
			starting->positions[count++] =
				(struct position){ topic->topic.id, named.partition, named.offset };
	}
	qsort(starting->positions, count, sizeof(*starting->positions), compare);
	starting->position_count = count;
	return 0;
}

static bool find_position(const struct starting *starting, uint32_t topic_id, uint32_t partition,
			  uint64_t *out_offset)
{
	const struct position key = { topic_id, partition, 0 };
	const struct position *found =
		starting->position_count == 0
			? NULL
			: bsearch(&key, starting->positions, starting->position_count, sizeof(key), compare);
	if (found == NULL)
		return false;
	*out_offset = found->offset;
	return true;
}

/* A start that retention has passed is left as it is: delivery tells what is lost. */
static int check_start(uint64_t offset, const struct reader_ends *ends, const struct topic *topic,
		       uint32_t partition, struct error *err)
{
	if (offset <= ends->visible_end)
		return 0;
	return error_set(err, ERROR_OFFSET_OUT_OF_RANGE,
			 "topic '%s', partition %u: offset %llu is beyond the end, %llu", topic->name,
			 partition, (unsigned long long)offset,
			 (unsigned long long)ends->visible_end);
}

static int from_offset(const struct message_subscribe *request, const struct reader_ends *ends,
		       uint64_t *out_offset)
{
	uint64_t kept = ends->visible_end - ends->log_start;
	if (request->offset >= 0)
		*out_offset = (uint64_t)request->offset;
	else if (-(uint64_t)request->offset >= kept)
		*out_offset = ends->log_start;
	else
		*out_offset = ends->visible_end + (uint64_t)request->offset;
	return 0;
}

static int from_stored(const struct starting *starting, const struct topic *topic,
		       uint32_t partition, const struct reader_ends *ends, uint64_t *out_offset,
		       struct error *err)
{
	struct group_offset stored;
	int rc = groups_read(starting->reader, starting->request->group, topic->id, partition,
			     &stored, err);
	if (rc < 0)
		return -1;
	*out_offset = rc == 1 ? stored.offset : ends->log_start;
	return 0;
}

static int find_start(const struct starting *starting, const struct topic *topic,
		      uint32_t partition, uint64_t *out_offset, struct error *err)
{
	const struct message_subscribe *request = starting->request;
	struct reader_ends ends;
	int rc = 0;
	if (reader_ends(starting->reader, topic->id, partition, &ends, err) != 0)
		return -1;
	if (find_position(starting, topic->id, partition, out_offset))
		return check_start(*out_offset, &ends, topic, partition, err);
	switch (request->start) {
	case START_BEGINNING:
		*out_offset = ends.log_start;
		return 0;
	case START_END:
		*out_offset = ends.visible_end;
		return 0;
	case START_STORED:
		rc = from_stored(starting, topic, partition, &ends, out_offset, err);
		break;
	case START_OFFSET:
		rc = from_offset(request, &ends, out_offset);
		break;
	case START_TIME:
		rc = reader_offset_for_time(starting->reader, topic->id, partition, request->time_us,
					    out_offset, err);
		break;
	}
	return rc != 0 ? -1 : check_start(*out_offset, &ends, topic, partition, err);
}

static int add_topic(const struct starting *starting, struct subscription *subscription,
		     struct catalog_topic *topic, msgpack_sbuffer *encoded, uint32_t *count,
		     struct error *err)
{
	const struct topic *described = &topic->topic;
	for (uint32_t n = 0; n < described->partition_count; n++) {
		struct message_subscribed item = {
			.topic = { (const uint8_t *)described->name, strlen(described->name) },
			.topic_id = described->id,
			.partition = n,
			.visible_end = topic->partitions[n].visible_end,
		};
		if (!subscription_has_partition(subscription, n))
			continue;
		if (find_start(starting, described, n, &item.offset, err) != 0 ||
		    subscription_add_cursor(subscription, topic, n, item.offset, err) != 0 ||
		    message_subscribed_append(encoded, &item, err) != 0)
			return -1;
		(*count)++;
	}
	return 0;
}

/* A name without a star must be there: a misspelled one would wait for ever. */
static int check_names(struct session *session, struct message_list topics, struct error *err)
{
	struct bytes pattern;
	while (message_pattern_next(&topics, &pattern))
		if (!topic_pattern_has_star(pattern) &&
		    catalog_find(broker_catalog(session->service->broker), pattern) == NULL)
			return error_set(err, ERROR_NOT_FOUND, "there is no topic '%.*s'",
					 (int)pattern.size, (const char *)pattern.data);
	return 0;
}

static int subscribe(struct subscription *subscription, const struct starting *starting,
		     uint32_t request_id, struct error *err)
{
	struct session *session = starting->session;
	struct message_subscribe_reply reply = { .partitions = { .count = 0 } };
	struct catalog_topic *topic;
	msgpack_sbuffer encoded;
	int rc = 0;
	msgpack_sbuffer_init(&encoded);
	LIST_FOREACH(topic, &broker_catalog(session->service->broker)->topics, link)
		if (rc == 0 && subscription_matches(subscription, &topic->topic))
			rc = add_topic(starting, subscription, topic, &encoded,
				       &reply.partitions.count, err);
	reply.partitions.encoded = (struct bytes){ (const uint8_t *)encoded.data, encoded.size };
	if (rc == 0)
		rc = message_subscribe_reply_encode(&session->output, request_id, &reply, err);
	msgpack_sbuffer_destroy(&encoded);
	return rc;
}

int session_subscribe(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_subscribe request;
	struct subscription *subscription;
	struct cursor *cursor;
	if (message_subscribe_decode(frame->body, &request, err) != 0)
		return -1;
	if (session->subscription_count == SUBSCRIPTIONS_MAX)
		return error_set(err, ERROR_LIMIT, "a connection holds at most %d subscriptions",
				 SUBSCRIPTIONS_MAX);
	if (subscription_find(session, frame->request_id) != NULL)
		return error_set(err, ERROR_EXISTS, "subscription %u is there already",
				 frame->request_id);
	struct starting starting = { session, &request, broker_reader(session->service->broker), NULL, 0 };
	if ((!request.resume && check_names(session, request.topics, err) != 0) ||
	    collect_positions(&starting, err) != 0)
		return -1;
	int rc = subscription_create(&subscription, session, frame->request_id, &request, err);
	if (rc == 0 && (rc = subscribe(subscription, &starting, frame->request_id, err)) != 0)
		subscription_destroy(subscription);
	free(starting.positions);
	if (rc != 0)
		return -1;
	LIST_FOREACH(cursor, &subscription->cursors, subscription_link)
		cursor_update(cursor);
	session_flush(session);
	return 0;
}

int session_unsubscribe(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_unsubscribe message;
	if (message_unsubscribe_decode(frame->body, &message, err) != 0)
		return -1;
	struct subscription *subscription = subscription_find(session, message.subscription);
	if (subscription == NULL)
		return error_set(err, ERROR_NOT_FOUND, "there is no subscription %u",
				 message.subscription);
	subscription_destroy(subscription);
	if (message_empty_encode(&session->output, FRAME_UNSUBSCRIBE, FRAME_FLAG_REPLY,
				 frame->request_id, err) != 0)
		return -1;
	session_flush(session);
	return 0;
}

int session_credit(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_credit message;
	if (message_credit_decode(frame->body, &message, err) != 0)
		return -1;
	struct subscription *subscription = subscription_find(session, message.subscription);
	if (subscription == NULL)
		return 0;
	subscription->credit_bytes += (int64_t)message.bytes;
	if (subscription->credit_bytes > CREDIT_BYTES_MAX)
		subscription->credit_bytes = CREDIT_BYTES_MAX;
	subscription_update(subscription);
	return 0;
}

static struct cursor *find_cursor(struct subscription *subscription, uint32_t topic_id,
				  uint32_t partition)
{
	/* Of all partitions it may have thousands, of one partition's cursors it has one. */
	struct catalog_partition *followed = catalog_partition(
		broker_catalog(subscription->session->service->broker), topic_id, partition);
	struct cursor *cursor;
	if (followed == NULL)
		return NULL;
	LIST_FOREACH(cursor, &followed->cursors, partition_link)
		if (cursor->subscription == subscription)
			return cursor;
	return NULL;
}

/* Once to check all, once to do it. */
static int seek(struct session *session, struct subscription *subscription,
		struct message_list positions, bool is_checking, struct error *err)
{
	struct message_id_position position;
	while (message_id_position_next(&positions, &position)) {
		struct reader_ends ends;
		struct cursor *cursor =
			find_cursor(subscription, position.topic_id, position.partition);
		if (is_checking) {
			if (cursor == NULL)
				return error_set(err, ERROR_NOT_FOUND,
						 "the subscription has no topic %u with a partition %u",
						 position.topic_id, position.partition);
			if (reader_ends(broker_reader(session->service->broker), position.topic_id,
					position.partition, &ends, err) != 0 ||
			    check_start(position.offset, &ends, &cursor->topic->topic,
					position.partition, err) != 0)
				return -1;
			continue;
		}
		cursor->next_offset = position.offset;
		cursor->state = CURSOR_FOLLOWING;
		cursor->has_caught_up = false;
		cursor->caught_up_offset =
			cursor->topic->partitions[cursor->partition].visible_end;
		cursor_update(cursor);
	}
	return 0;
}

int session_seek(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_seek message;
	if (message_seek_decode(frame->body, &message, err) != 0)
		return -1;
	struct subscription *subscription = subscription_find(session, message.subscription);
	if (subscription == NULL)
		return error_set(err, ERROR_NOT_FOUND, "there is no subscription %u",
				 message.subscription);
	if (seek(session, subscription, message.positions, true, err) != 0 ||
	    message_empty_encode(&session->output, FRAME_SEEK, FRAME_FLAG_REPLY, frame->request_id,
				 err) != 0)
		return -1;
	seek(session, subscription, message.positions, false, err);
	session_flush(session);
	return 0;
}
