#include "tests/support/toy_broker_internal.h"

#include "protocol/message_group.h"
#include "protocol/message_publish.h"
#include "protocol/message_session.h"
#include "protocol/message_source.h"
#include "protocol/message_status.h"
#include "protocol/message_topic.h"
#include "protocol/topic_pattern.h"

#include <stdio.h>
#include <string.h>

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static struct bytes encoded(const msgpack_sbuffer *buffer)
{
	return (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static struct toy_subscription *find(struct toy_connection *connection, uint32_t id)
{
	for (int i = 0; i < TOY_SUBSCRIPTIONS_MAX; i++)
		if (connection->subscriptions[i].id == id)
			return &connection->subscriptions[i];
	return NULL;
}

static int done(struct toy_connection *connection, const struct frame *frame, struct error *err)
{
	return message_empty_encode(&connection->output, (enum frame_type)frame->type,
				    FRAME_FLAG_REPLY, frame->request_id, err);
}

static int hello(struct toy_broker *toy, struct toy_connection *connection,
		 const struct frame *frame, struct error *err)
{
	uint8_t instance[16];
	struct message_hello_reply reply = {
		.version = PROTOCOL_VERSION,
		.server = text_bytes("toy"),
		.instance = { instance, sizeof(instance) },
		.max_frame_bytes = FRAME_BYTES_MAX_DEFAULT,
		.heartbeat_ms = toy->faults.heartbeat_ms > 0 ? toy->faults.heartbeat_ms
							     : HEARTBEAT_MS_DEFAULT,
	};

	if (toy->faults.goodbye != NULL) {
		connection->is_closing = true;
		return message_goodbye_encode_error(&connection->output, toy->faults.goodbye, err);
	}
	memset(instance, toy->faults.instance, sizeof(instance));
	return message_hello_reply_encode(&connection->output, frame->request_id, &reply, err);
}

static bool matches(const struct toy_subscription *subscription, const struct toy_topic *topic)
{
	for (uint32_t i = 0; i < subscription->pattern_count; i++)
		if (topic_pattern_matches(text_bytes(subscription->patterns[i]),
					  text_bytes(topic->name)))
			return true;
	return false;
}

static uint64_t start_of(const struct message_subscribe *message, const struct toy_topic *topic,
			 uint32_t partition, const struct toy_faults *faults)
{
	struct message_list places = message->places;
	struct message_id_position place;
	uint64_t end = topic->partitions[partition].end;

	while (message_id_position_next(&places, &place))
		if (place.partition == partition && place.topic_id == topic->id)
			return place.offset;
	if (message->start == START_END)
		return end;
	if (message->start == START_OFFSET)
		return message->offset >= 0 ? (uint64_t)message->offset
					    : end - (uint64_t)-message->offset;
	return faults->log_start;
}

static int subscribe(struct toy_broker *toy, struct toy_connection *connection,
		     const struct frame *frame, struct error *err)
{
	struct message_subscribe message;
	struct message_subscribe_reply reply = { 0 };
	struct toy_subscription *subscription = find(connection, 0);
	struct bytes pattern;
	msgpack_sbuffer items;
	int rc = 0;

	if (message_subscribe_decode(frame->body, &message, err) != 0)
		return -1;
	if (toy->faults.subscribe_refusal != ERROR_NONE)
		return error_set(err, toy->faults.subscribe_refusal, "not now");
	memset(subscription, 0, sizeof(*subscription));
	while (message_pattern_next(&message.topics, &pattern)) {
		if (!message.resume && !topic_pattern_has_star(pattern) &&
		    toy_log_find(&toy->log, pattern) == NULL)
			return error_set(err, ERROR_NOT_FOUND, "there is no topic '%.*s'",
					 (int)pattern.size, (const char *)pattern.data);
		snprintf(subscription->patterns[subscription->pattern_count++], 64, "%.*s",
			 (int)pattern.size, (const char *)pattern.data);
	}
	msgpack_sbuffer_init(&items);
	for (int i = 0; i < TOY_TOPICS_MAX; i++) {
		const struct toy_topic *topic = &toy->log.topics[i];
		if (topic->id == 0 || !matches(subscription, topic))
			continue;
		for (uint32_t p = 0; p < topic->partition_count && rc == 0; p++) {
			struct message_subscribed item = {
				text_bytes(topic->name), topic->id, p,
				start_of(&message, topic, p, &toy->faults), topic->partitions[p].end,
			};
			subscription->cursors[i][p] = (struct toy_cursor){
				.topic_id = topic->id,
				.next_offset = item.offset,
				.caught_up_offset = item.visible_end,
			};
			rc = message_subscribed_append(&items, &item, err);
			reply.partitions.count++;
		}
	}
	reply.partitions.encoded = encoded(&items);
	if (rc == 0)
		rc = message_subscribe_reply_encode(&connection->output, frame->request_id, &reply, err);
	msgpack_sbuffer_destroy(&items);
	subscription->id = frame->request_id;
	subscription->credit_bytes = (int64_t)message.credit;
	if (toy->faults.junk != NULL)
		msgpack_sbuffer_write(&connection->output, toy->faults.junk, toy->faults.junk_bytes);
	return rc;
}

static int notice(struct toy_connection *connection, uint32_t id, enum message_notice_kind kind,
		  const struct toy_topic *topic, uint32_t partition, uint64_t start, uint64_t end)
{
	struct message_notice message = {
		kind, text_bytes(topic->name), topic->id, partition, start, end, text_bytes("so it is"),
	};
	struct error err = { 0 };

	return message_notice_encode(&connection->output, id, &message, &err);
}

static void deliver_one(struct toy_broker *toy, struct toy_connection *connection,
			struct toy_subscription *subscription, const struct toy_topic *topic,
			uint32_t partition, struct toy_cursor *cursor)
{
	const struct toy_partition *from = &topic->partitions[partition];
	struct error err = { 0 };

	if (cursor->next_offset < toy->faults.log_start) {
		notice(connection, subscription->id, NOTICE_OUT_OF_RANGE, topic, partition,
		       cursor->next_offset, toy->faults.log_start);
		cursor->is_waiting = true;
		return;
	}
	while (cursor->next_offset < from->end &&
	       (subscription->credit_bytes > 0 || toy->faults.sends_more_than_credit)) {
		struct bytes batch = from->batches[cursor->next_offset];
		struct message_batches head = { topic->id, partition, from->end, (uint32_t)batch.size,
						{ NULL, 0 } };
		message_batches_encode_head(&connection->output, subscription->id, &head, &err);
		msgpack_sbuffer_write(&connection->output, (const char *)batch.data, batch.size);
		if (toy->faults.damages_batches)
			connection->output.data[connection->output.size - 2] ^= 1; /* its value */
		subscription->credit_bytes -= (int64_t)batch.size;
		cursor->next_offset++;
	}
	if (!cursor->has_caught_up && cursor->next_offset >= cursor->caught_up_offset) {
		cursor->has_caught_up = true;
		notice(connection, subscription->id, NOTICE_CAUGHT_UP, topic, partition,
		       cursor->next_offset, cursor->caught_up_offset);
	}
}

void toy_session_deliver(struct toy_broker *toy, struct toy_connection *connection)
{
	for (int s = 0; s < TOY_SUBSCRIPTIONS_MAX; s++) {
		struct toy_subscription *subscription = &connection->subscriptions[s];
		if (subscription->id == 0)
			continue;
		for (int i = 0; i < TOY_TOPICS_MAX; i++)
			for (uint32_t p = 0; p < TOY_PARTITIONS_MAX; p++) {
				struct toy_cursor *cursor = &subscription->cursors[i][p];
				if (cursor->topic_id != 0 && !cursor->is_waiting)
					deliver_one(toy, connection, subscription,
						    &toy->log.topics[i], p, cursor);
			}
	}
}

void toy_session_topic_added(struct toy_broker *toy, struct toy_connection *connection,
			     const struct toy_topic *topic)
{
	for (int s = 0; s < TOY_SUBSCRIPTIONS_MAX; s++) {
		struct toy_subscription *subscription = &connection->subscriptions[s];
		if (subscription->id == 0 || !matches(subscription, topic))
			continue;
		for (uint32_t p = 0; p < topic->partition_count; p++) {
			subscription->cursors[topic - toy->log.topics][p] =
				(struct toy_cursor){ .topic_id = topic->id };
			notice(connection, subscription->id, NOTICE_PARTITION_ADDED, topic, p, 0, 0);
		}
	}
}

void toy_session_topic_removed(struct toy_connection *connection, const struct toy_topic *topic)
{
	for (int s = 0; s < TOY_SUBSCRIPTIONS_MAX; s++) {
		struct toy_subscription *subscription = &connection->subscriptions[s];
		bool was_there = false;
		for (int i = 0; i < TOY_TOPICS_MAX; i++)
			for (int p = 0; p < TOY_PARTITIONS_MAX; p++)
				if (subscription->cursors[i][p].topic_id == topic->id) {
					subscription->cursors[i][p].topic_id = 0;
					was_there = true;
				}
		if (subscription->id != 0 && was_there)
			notice(connection, subscription->id, NOTICE_TOPIC_DELETED, topic, 0, 0, 0);
	}
}

static struct toy_producer *producer_of(struct toy_partition *partition, uint64_t id,
					uint64_t sequence)
{
	for (uint32_t i = 0; i < partition->producer_count; i++)
		if (partition->producers[i].id == id)
			return &partition->producers[i];
	if (partition->producer_count == TOY_PRODUCERS_MAX)
		return NULL;
	struct toy_producer *producer = &partition->producers[partition->producer_count++];
	*producer = (struct toy_producer){ id, sequence, partition->end };
	return producer;
}

static int publish(struct toy_broker *toy, struct toy_connection *connection,
		   const struct frame *frame, struct error *err)
{
	struct message_publish message;
	struct message_publish_cursor cursor;
	struct message_publish_record record;
	struct message_publish_reply reply = { 0 };
	struct message_range range;
	int rc;

	if (message_publish_decode(frame->body, &message, err) != 0)
		return -1;
	struct toy_topic *topic = toy_log_find(&toy->log, message.topic);
	if (topic == NULL || message.partition >= topic->partition_count)
		return error_set(err, ERROR_NOT_FOUND, "there is no such topic");
	if (toy->faults.refused_publish_skip > 0) {
		toy->faults.refused_publish_skip--;
	} else if (toy->faults.refused_publish_count > 0) {
		toy->faults.refused_publish_count--;
		return error_set(err, toy->faults.refusal, "refused by the test");
	}
	struct toy_partition *partition = &topic->partitions[message.partition];
	struct toy_producer *producer = producer_of(partition, message.producer, message.sequence);
	if (producer == NULL || message.sequence > producer->next_sequence)
		return error_set(err, ERROR_OUT_OF_SEQUENCE, "there is a gap");
	range = (struct message_range){ message.partition, partition->end, message.count };
	if (message.sequence < producer->next_sequence) {
		toy->duplicate_count++;
		reply.duplicate = true;
	} else {
		message_publish_open(&cursor, &message);
		while ((rc = message_publish_next(&cursor, &record, err)) == 1)
			toy_log_append(topic, message.partition, record.body);
		if (rc < 0)
			return -1;
		producer->next_sequence += message.count;
		reply.ranges = (struct message_list){ .count = 1, .items = &range };
	}
	return message_publish_reply_encode(&connection->output, frame->request_id, &reply, err);
}

static int seek(struct toy_broker *toy, struct toy_connection *connection,
		const struct frame *frame, struct error *err)
{
	struct message_seek message;
	struct message_id_position position;

	if (message_seek_decode(frame->body, &message, err) != 0)
		return -1;
	struct toy_subscription *subscription = find(connection, message.subscription);
	while (subscription != NULL && message_id_position_next(&message.positions, &position))
		for (int i = 0; i < TOY_TOPICS_MAX; i++) {
			struct toy_cursor *cursor = &subscription->cursors[i][position.partition];
			if (cursor->topic_id != position.topic_id)
				continue;
			if (position.offset > toy->log.topics[i].partitions[position.partition].end)
				return error_set(err, ERROR_OFFSET_OUT_OF_RANGE, "beyond the end");
			cursor->next_offset = position.offset;
			cursor->caught_up_offset =
				toy->log.topics[i].partitions[position.partition].end;
			cursor->has_caught_up = false;
			cursor->is_waiting = false;
		}
	return done(connection, frame, err);
}

static int unsubscribe(struct toy_connection *connection, const struct frame *frame,
		       struct error *err)
{
	struct message_unsubscribe message;

	if (message_unsubscribe_decode(frame->body, &message, err) != 0)
		return -1;
	struct toy_subscription *subscription = find(connection, message.subscription);
	if (subscription == NULL)
		return error_set(err, ERROR_NOT_FOUND, "no such subscription");
	subscription->id = 0;
	return done(connection, frame, err);
}

static int credit(struct toy_connection *connection, const struct frame *frame,
		  struct error *err)
{
	struct message_credit message;

	if (message_credit_decode(frame->body, &message, err) != 0)
		return -1;
	struct toy_subscription *subscription = find(connection, message.subscription);
	if (subscription != NULL)
		subscription->credit_bytes += (int64_t)message.bytes;
	return 0;
}

static void create_missing(struct toy_broker *toy, struct message_list topics)
{
	struct bytes topic;
	char name[64];

	while (message_pattern_next(&topics, &topic)) {
		snprintf(name, sizeof(name), "%.*s", (int)topic.size, (const char *)topic.data);
		if (toy_log_find(&toy->log, topic) == NULL)
			toy_log_add(&toy->log, name, 2);
	}
}

static int metadata(struct toy_broker *toy, struct toy_connection *connection,
		    const struct frame *frame, struct error *err)
{
	struct message_metadata message;
	struct message_metadata_reply reply = { 0 };
	struct message_topic topics[TOY_TOPICS_MAX];
	struct message_partition partitions[TOY_TOPICS_MAX][TOY_PARTITIONS_MAX];
	static const struct message_option option = { { (const uint8_t *)"retention.ms", 12 },
						      { (const uint8_t *)"1000", 4 } };
	static const struct bytes set = { (const uint8_t *)"retention.ms", 12 };

	if (message_metadata_decode(frame->body, &message, err) != 0)
		return -1;
	if (message.create && toy->faults.creates_topics)
		create_missing(toy, message.topics);
	for (int i = 0; i < TOY_TOPICS_MAX; i++) {
		const struct toy_topic *from = &toy->log.topics[i];
		struct message_list patterns = message.topics;
		struct bytes pattern;
		bool is_wanted = patterns.count == 0;
		while (message_pattern_next(&patterns, &pattern))
			if (topic_pattern_matches(pattern, text_bytes(from->name)))
				is_wanted = true;
		/* A page of one topic: the rest is asked for. */
		if (message.after.data != NULL && i <= message.after.data[0] - '0')
			is_wanted = false;
		if (from->id == 0 || !is_wanted)
			continue;
		for (uint32_t p = 0; p < from->partition_count; p++)
			partitions[i][p] = (struct message_partition){ 0, from->partitions[p].end, 9 };
		topics[0] = (struct message_topic){
			.name = text_bytes(from->name),
			.id = from->id,
			.created_us = 5,
			.config = { .count = 1, .items = &option },
			.set = { .count = 1, .items = &set },
			.partitions = { .count = from->partition_count, .items = partitions[i] },
		};
		reply.topics = (struct message_list){ .count = 1, .items = topics };
		static const char digits[] = "0123456789";
		reply.next = (struct bytes){ (const uint8_t *)digits + i, 1 };
		break;
	}
	return message_metadata_reply_encode(&connection->output, frame->request_id, &reply, err);
}

static int commit(struct toy_broker *toy, struct toy_connection *connection,
		  const struct frame *frame, struct error *err)
{
	struct message_commit message;
	struct message_commit_offset offset;

	if (message_commit_decode(frame->body, &message, err) != 0)
		return -1;
	while (message_commit_offset_next(&message.offsets, &offset)) {
		uint32_t n = toy->committed_count++ % 64;
		snprintf(toy->committed[n].group, 64, "%.*s", (int)message.group.size,
			 (const char *)message.group.data);
		snprintf(toy->committed[n].topic, 64, "%.*s", (int)offset.topic.size,
			 (const char *)offset.topic.data);
		toy->committed[n].partition = offset.partition;
		toy->committed[n].offset = offset.offset;
	}
	return done(connection, frame, err);
}

static int committed(struct toy_broker *toy, struct toy_connection *connection,
		     const struct frame *frame, struct error *err)
{
	struct message_committed message;
	struct message_committed_reply reply = { 0 };
	struct message_committed_offset item;

	if (message_committed_decode(frame->body, &message, err) != 0)
		return -1;
	/* A page of one. */
	uint32_t n = message.after.data != NULL ? (uint32_t)message.after.data[0] : 0;
	static const uint8_t numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	if (n < toy->committed_count && n < 8) {
		item = (struct message_committed_offset){ text_bytes(toy->committed[n].topic),
							  toy->committed[n].partition,
							  toy->committed[n].offset,
							  { NULL, 0 },
							  6 };
		reply.offsets = (struct message_list){ .count = 1, .items = &item };
		reply.next = (struct bytes){ numbers + n + 1, 1 };
	}
	return message_committed_reply_encode(&connection->output, frame->request_id, &reply, err);
}

static int schema(struct toy_connection *connection, const struct frame *frame,
		  struct error *err)
{
	struct message_schema message;
	struct message_schema_reply reply = { .schema = text_bytes("schema bytes") };

	if (message_schema_decode(frame->body, &message, err) != 0)
		return -1;
	if (message.id != 3)
		return error_set(err, ERROR_NOT_FOUND, "there is no schema %u", message.id);
	reply.id = message.id;
	return message_schema_reply_encode(&connection->output, frame->request_id, &reply, err);
}

static int offsets(struct toy_broker *toy, struct toy_connection *connection,
		   const struct frame *frame, struct error *err)
{
	struct message_offsets message;
	struct message_offsets_reply reply = { 1, 0, 0 };

	if (message_offsets_decode(frame->body, &message, err) != 0)
		return -1;
	const struct toy_topic *topic = toy_log_find(&toy->log, message.topic);
	if (topic == NULL)
		return error_set(err, ERROR_NOT_FOUND, "there is no such topic");
	reply.visible_end = topic->partitions[message.partition % TOY_PARTITIONS_MAX].end;
	return message_offsets_reply_encode(&connection->output, frame->request_id, &reply, err);
}

static int status(struct toy_connection *connection, const struct frame *frame,
		  struct error *err)
{
	static const uint8_t instance[16] = { 1, 2, 3 };
	struct bytes warning = text_bytes("the disk is slow");
	struct message_status_source source = {
		.name = text_bytes("myapp"), .state = text_bytes("streaming"),
		.position = text_bytes("0/12"), .lag_us = 17,
		.snapshot_table = text_bytes("public.t"), .snapshot_rows_done = 3,
		.snapshot_rows_estimated = 4, .snapshot_left_us = 5,
	};
	struct message_status_reply reply = {
		.version = text_bytes("9.9"),
		.instance = { instance, sizeof(instance) },
		.uptime_ms = 1234,
		.state = text_bytes("ready"),
		.warnings = { .count = 1, .items = &warning },
		.sources = { .count = 1, .items = &source },
		.disk = { .log_bytes = 5, .full = true },
		.appender = { .written_bytes = 6 },
	};

	return message_status_reply_encode(&connection->output, frame->request_id, &reply, err);
}

/* Three sources, two a page: "a", which snapshots, "b", which only the log knows, and "c". */
static int sources(struct toy_connection *connection, const struct frame *frame, struct error *err)
{
	const struct message_source all[] = {
		{ .name = text_bytes("a"), .configured = true, .connector = text_bytes("postgresql"),
		  .topic_prefix = text_bytes("p"), .endpoint = text_bytes("me@db:5432/shop"),
		  .slot = text_bytes("s"), .publication = text_bytes("q"), .state = text_bytes("snapshot"),
		  .retry_in_us = UINT64_MAX, .behind_bytes = 7, .source_time_us = 8, .lag_us = 9,
		  .transaction_count = 10, .record_count = 11, .snapshot_table = text_bytes("public.t"),
		  .snapshot_tables_done = 1, .snapshot_tables_total = 2, .snapshot_rows_done = 3,
		  .snapshot_rows_estimated = 4, .snapshot_left_us = 5 },
		{ .name = text_bytes("b"), .state = text_bytes("stopped"), .retry_in_us = UINT64_MAX,
		  .behind_bytes = UINT64_MAX, .lag_us = UINT64_MAX, .snapshot_left_us = UINT64_MAX },
		{ .name = text_bytes("c"), .configured = true, .state = text_bytes("retrying"),
		  .reason = text_bytes("no route"), .retries = 2, .retry_in_us = 300,
		  .position = text_bytes("0/12"), .behind_bytes = UINT64_MAX, .lag_us = UINT64_MAX,
		  .snapshot_left_us = UINT64_MAX },
	};
	struct message_sources message;
	struct message_sources_reply reply = { .sources = { .count = 2, .items = all }, .next = all[1].name };

	if (message_sources_decode(frame->body, &message, err) != 0)
		return -1;
	if (message.name.data != NULL)
		reply = (struct message_sources_reply){ .sources = {
			.count = message.name.size == 1 && message.name.data[0] == 'a', .items = all } };
	else if (message.after.data != NULL)
		reply = (struct message_sources_reply){ .sources = { .count = 1, .items = &all[2] } };
	return message_sources_reply_encode(&connection->output, frame->request_id, &reply, err);
}

/* Only "a" is there; what it is told comes back as an error's text. */
static int control_source(struct toy_connection *connection, const struct frame *frame,
			  struct error *err)
{
	struct message_source_control message;

	if (message_source_control_decode(frame->body, &message, err) != 0)
		return -1;
	if (message.name.size != 1 || message.name.data[0] != 'a')
		return error_set(err, ERROR_NOT_FOUND, "there is no such source");
	if (message.action == SOURCE_REMOVE)
		return error_set(err, ERROR_BUSY, message.drop ? "remove and drop" : "remove");
	return done(connection, frame, err);
}

/* Three pages: "a" goes on over an empty one. */
static int groups(struct toy_connection *connection, const struct frame *frame, struct error *err)
{
	const struct message_group all[] = {
		{ .name = text_bytes("a"), .members = 2, .partitions = 1, .lag = 10, .committed_us = 7 },
		{ .name = text_bytes("a"), .partitions = 2, .lag = 20, .committed_us = 6 },
		{ .name = text_bytes("b"), .members = 1 },
	};
	struct message_groups message;
	struct message_groups_reply reply = { .groups = { .count = 1, .items = all }, .next = text_bytes("1") };

	if (message_groups_decode(frame->body, &message, err) != 0)
		return -1;
	if (message.after.data != NULL && message.after.data[0] == '1')
		reply = (struct message_groups_reply){ .next = text_bytes("2") };
	else if (message.after.data != NULL)
		reply = (struct message_groups_reply){ .groups = { .count = 2, .items = &all[1] } };
	return message_groups_reply_encode(&connection->output, frame->request_id, &reply, err);
}

/* Only "a" is there, a member a page. */
static int group_info(struct toy_connection *connection, const struct frame *frame, struct error *err)
{
	const struct message_group_member members[] = {
		{ .id = 4, .client = text_bytes("me/1"), .address = text_bytes("here:1"), .partitions = 3 },
		{ .id = 5, .address = text_bytes("there:2"), .partitions = 1 },
	};
	const uint64_t ids[] = { 4, 5 };
	const struct message_group_partition partitions[] = {
		{ .topic = text_bytes("t"), .partition = 1, .visible_end = 9, .committed = 4, .time_us = 8,
		  .members = 30, .member_ids = { .count = 2, .items = ids } },
		{ .topic = text_bytes("u"), .visible_end = 3, .committed = UINT64_MAX, .members = 1,
		  .member_ids = { .count = 1, .items = ids } },
		{ .topic = text_bytes("u"), .partition = 1, .visible_end = 3, .committed = 5, .time_us = 8 },
	};
	struct message_group_info message;
	struct message_group_info_reply reply = { .members = { .count = 1, .items = members },
						  .next = text_bytes("1") };

	if (message_group_info_decode(frame->body, &message, err) != 0)
		return -1;
	if (message.name.size != 1 || message.name.data[0] != 'a')
		return error_set(err, ERROR_NOT_FOUND, "there is no such group");
	if (message.after.data != NULL)
		reply = (struct message_group_info_reply){
			.members = { .count = 1, .items = &members[1] },
			.partitions = { .count = 3, .items = partitions },
		};
	return message_group_info_reply_encode(&connection->output, frame->request_id, &reply, err);
}

static int remove_group(struct toy_connection *connection, const struct frame *frame, struct error *err)
{
	struct message_group_remove message;

	if (message_group_remove_decode(frame->body, &message, err) != 0)
		return -1;
	if (message.name.size != 1 || message.name.data[0] != 'b')
		return error_set(err, ERROR_INVALID, "it has members");
	return done(connection, frame, err);
}

static int create_topic(struct toy_broker *toy, struct toy_connection *connection,
			const struct frame *frame, struct error *err)
{
	struct message_topic_create message;
	struct message_topic_create_reply reply;
	char name[64];

	if (message_topic_create_decode(frame->body, &message, err) != 0)
		return -1;
	if (toy_log_find(&toy->log, message.name) != NULL)
		return error_set(err, ERROR_EXISTS, "it is there");
	snprintf(name, sizeof(name), "%.*s", (int)message.name.size, (const char *)message.name.data);
	reply.id = toy_log_add(&toy->log, name, message.partitions > 0 ? message.partitions : 1)->id;
	return message_topic_create_reply_encode(&connection->output, frame->request_id, &reply, err);
}

static int delete_topic(struct toy_broker *toy, struct toy_connection *connection,
			const struct frame *frame, struct error *err)
{
	struct message_topic_delete message;

	if (message_topic_delete_decode(frame->body, &message, err) != 0)
		return -1;
	struct toy_topic *topic = toy_log_find(&toy->log, message.name);
	if (topic == NULL)
		return error_set(err, ERROR_NOT_FOUND, "there is no such topic");
	toy_session_topic_removed(connection, topic);
	toy_log_remove(topic);
	return done(connection, frame, err);
}

static int handle(struct toy_broker *toy, struct toy_connection *connection,
		  const struct frame *frame, struct error *err)
{
	switch (frame->type) {
	case FRAME_HELLO: return hello(toy, connection, frame, err);
	case FRAME_PING:
		return (frame->flags & FRAME_FLAG_REPLY) != 0 ? 0 : done(connection, frame, err);
	case FRAME_SUBSCRIBE: return subscribe(toy, connection, frame, err);
	case FRAME_UNSUBSCRIBE: return unsubscribe(connection, frame, err);
	case FRAME_CREDIT: return credit(connection, frame, err);
	case FRAME_SEEK: return seek(toy, connection, frame, err);
	case FRAME_PUBLISH: return publish(toy, connection, frame, err);
	case FRAME_METADATA: return metadata(toy, connection, frame, err);
	case FRAME_COMMIT: return commit(toy, connection, frame, err);
	case FRAME_COMMITTED: return committed(toy, connection, frame, err);
	case FRAME_SCHEMA: return schema(connection, frame, err);
	case FRAME_OFFSETS: return offsets(toy, connection, frame, err);
	case FRAME_STATUS: return status(connection, frame, err);
	case FRAME_SOURCES: return sources(connection, frame, err);
	case FRAME_SOURCE_CONTROL: return control_source(connection, frame, err);
	case FRAME_GROUPS: return groups(connection, frame, err);
	case FRAME_GROUP_INFO: return group_info(connection, frame, err);
	case FRAME_GROUP_REMOVE: return remove_group(connection, frame, err);
	case FRAME_TOPIC_CREATE: return create_topic(toy, connection, frame, err);
	case FRAME_TOPIC_CONFIGURE: return done(connection, frame, err);
	case FRAME_TOPIC_DELETE: return delete_topic(toy, connection, frame, err);
	default: return error_set(err, ERROR_UNSUPPORTED, "not in this toy");
	}
}

void toy_session_handle(struct toy_broker *toy, struct toy_connection *connection,
			const struct frame *frame)
{
	struct error err = { 0 }, ignored = { 0 };

	if (!connection->has_greeted && frame->type != FRAME_HELLO) {
		error_set(&err, ERROR_UNEXPECTED, "a frame of type %u before HELLO", frame->type);
		message_goodbye_encode_error(&connection->output, &err, &ignored);
		return;
	}
	connection->has_greeted = true;
	if (handle(toy, connection, frame, &err) != 0)
		message_error_encode(&connection->output, frame->type, frame->request_id, &err, &ignored);
}
