#include "protocol/message_group.h"
#include "protocol/message_publish.h"
#include "protocol/message_session.h"
#include "protocol/message_topic.h"
#include "server/delivery.h"
#include "tests/support/random.h"
#include "tests/support/session_rig.h"
#include "tests/support/wait_until.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct session_rig *rig;

/* How many more PUBLISHes the queue has room for. */
static unsigned int room_count = UINT_MAX;
static bool is_disk_full;

int __wrap_appender_try_submit(struct appender *appender, struct submission *submission,
			       struct error *err);
int __real_appender_try_submit(struct appender *appender, struct submission *submission,
			       struct error *err);

int __wrap_appender_try_submit(struct appender *appender, struct submission *submission,
			       struct error *err)
{
	if (is_disk_full)
		return error_set(err, ERROR_DISK_FULL, "no room");
	if (room_count == 0)
		return 0;
	room_count -= room_count != UINT_MAX;
	return __real_appender_try_submit(appender, submission, err);
}

static int set_up(void **state)
{
	(void)state;
	rig = session_rig_create();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	session_rig_destroy(rig);
	return 0;
}

static struct bytes text(const char *words)
{
	return (struct bytes){ (const uint8_t *)words, strlen(words) };
}

static struct rig_session *greeted(void)
{
	struct rig_session *session = rig_session_create(rig);
	rig_greet(session);
	return session;
}

static void feed(struct rig_session *session, msgpack_sbuffer *buffer)
{
	rig_feed(session, buffer->data, buffer->size);
	msgpack_sbuffer_clear(buffer);
}

static void publish_to(struct rig_session *session, uint32_t request_id, const char *topic,
		       uint32_t partition, uint64_t producer, uint64_t sequence, uint32_t count,
		       size_t value_bytes)
{
	msgpack_sbuffer records, frame;
	struct message_publish message = {
		.topic = text(topic), .partition = partition, .producer = producer,
		.sequence = sequence, .count = count,
	};
	uint8_t *value = calloc(1, value_bytes + 1);
	msgpack_sbuffer_init(&records);
	msgpack_sbuffer_init(&frame);
	for (uint32_t i = 0; i < count; i++) {
		struct content none = { .kind = CONTENT_NIL };
		struct content content = { CONTENT_BYTES, { value, value_bytes } };
		assert_int_equal(message_publish_append(&records, 0, &none, &content,
							(struct bytes){ NULL, 0 }, NULL), 0);
	}
	assert_int_equal(message_publish_encode_head(&frame, request_id, &message, records.size, NULL), 0);
	msgpack_sbuffer_write(&frame, records.data, records.size);
	feed(session, &frame);
	msgpack_sbuffer_destroy(&records);
	msgpack_sbuffer_destroy(&frame);
	free(value);
}

static void publish(struct rig_session *session, uint32_t request_id, const char *topic,
		    uint32_t count)
{
	publish_to(session, request_id, topic, PUBLISH_ANY_PARTITION, 0, 0, count, 10);
}

static void subscribe_from(struct rig_session *session, uint32_t request_id, const char *pattern,
			   uint64_t credit, enum message_start start, int64_t offset)
{
	msgpack_sbuffer patterns, frame;
	struct bytes item = text(pattern);
	struct message_subscribe message = { .start = start, .offset = offset, .credit = credit };
	msgpack_sbuffer_init(&patterns);
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_pattern_append(&patterns, &item, NULL), 0);
	message.topics = (struct message_list){
		.count = 1, .encoded = { (const uint8_t *)patterns.data, patterns.size },
	};
	assert_int_equal(message_subscribe_encode(&frame, request_id, &message, NULL), 0);
	feed(session, &frame);
	msgpack_sbuffer_destroy(&patterns);
	msgpack_sbuffer_destroy(&frame);
}

static void subscribe(struct rig_session *session, uint32_t request_id, const char *pattern,
		      uint64_t credit)
{
	subscribe_from(session, request_id, pattern, credit, START_BEGINNING, 0);
}

static void give_credit(struct rig_session *session, uint32_t subscription, uint64_t bytes)
{
	struct message_credit message = { subscription, bytes };
	msgpack_sbuffer frame;
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_credit_encode(&frame, 99, &message, NULL), 0);
	feed(session, &frame);
	msgpack_sbuffer_destroy(&frame);
}

static void expect_ok(struct rig_session *session, uint32_t request_id)
{
	struct frame frame;
	assert_true(rig_reply(session, request_id, &frame));
	if (frame.flags & FRAME_FLAG_ERROR) {
		struct message_error message;
		assert_int_equal(message_error_decode(frame.body, &message, NULL), 0);
		fail_msg("refused: %.*s", (int)message.error.size, (const char *)message.error.data);
	}
}

static void expect_error(struct rig_session *session, uint32_t request_id, enum error_code code)
{
	struct frame frame;
	struct message_error message;
	assert_true(rig_reply(session, request_id, &frame));
	assert_true(frame.flags & FRAME_FLAG_ERROR);
	assert_int_equal(message_error_decode(frame.body, &message, NULL), 0);
	assert_int_equal(message.code, code);
	assert_true(message.error.size > 0);
}

static void expect_goodbye(struct rig_session *session, enum error_code code)
{
	struct frame frame;
	struct message_goodbye message;
	do
		assert_true(rig_next(session, &frame));
	while (frame.type != FRAME_GOODBYE);
	assert_int_equal(message_goodbye_decode(frame.body, &message, NULL), 0);
	assert_int_equal(message.code, code);
	assert_true(session->has_ended);
	assert_false(rig_next(session, &frame));
}

static bool next_push(struct rig_session *session, uint8_t type, struct frame *out)
{
	while (rig_next(session, out))
		if (out->type == type && !(out->flags & FRAME_FLAG_REPLY))
			return true;
	return false;
}

static struct message_notice next_notice(struct rig_session *session)
{
	struct message_notice notice;
	struct frame frame;
	assert_true(next_push(session, FRAME_NOTICE, &frame));
	assert_int_equal(message_notice_decode(frame.body, &notice, NULL), 0);
	return notice;
}

/* Records of the next BATCHES, which must be whole and begin at next_offset. */
static uint32_t next_records(struct rig_session *session, uint64_t next_offset)
{
	struct message_batches message;
	struct frame frame;
	struct bytes batch;
	uint32_t count = 0;
	assert_true(next_push(session, FRAME_BATCHES, &frame));
	assert_int_equal(message_batches_decode(frame.body, &message, NULL), 0);
	while (message_batches_next(&message.batches, &batch, NULL) == 1) {
		struct batch_header header;
		uint8_t key[BATCH_KEY_BYTES];
		assert_int_equal(batch_header_decode(batch.data, batch.size, &header, NULL), 0);
		batch_key_encode(key, message.topic_id, message.partition, header.base_offset);
		assert_int_equal(batch_check(batch.data, batch.size, key, NULL), 0);
		assert_int_equal(header.base_offset, next_offset + count);
		count += header.record_count;
	}
	return count;
}

static void published_records_are_answered_and_delivered(void **state)
{
	struct rig_session *session = greeted();
	(void)state;
	publish(session, 2, "a", 3);
	expect_ok(session, 2);
	subscribe(session, 3, "a", 1 << 20);
	expect_ok(session, 3);
	assert_int_equal(next_records(session, 0), 3);
	publish(session, 4, "a", 2);
	assert_int_equal(next_records(session, 3), 2);
	rig_session_destroy(session);
}

static void a_subscriber_without_credit_gets_nothing_until_it_gives_some(void **state)
{
	struct rig_session *session = greeted();
	struct frame frame;
	(void)state;
	publish(session, 2, "b", 3);
	expect_ok(session, 2);
	subscribe(session, 3, "b", 0);
	expect_ok(session, 3);
	publish(session, 4, "b", 3);
	while (rig_next(session, &frame) && frame.request_id != 4)
		assert_int_not_equal(frame.type, FRAME_BATCHES);
	give_credit(session, 3, 1);
	assert_int_equal(next_records(session, 0), 3);
	/* One batch overdrew it: that has to be made up for first. */
	assert_true(LIST_FIRST(&session->session->subscriptions)->credit_bytes < 0);
	give_credit(session, 3, 1);
	rig_run(rig);
	assert_int_equal(LIST_FIRST(&LIST_FIRST(&session->session->subscriptions)->cursors)->next_offset,
			 3);
	give_credit(session, 3, 1000);
	assert_int_equal(next_records(session, 3), 3);
	rig_session_destroy(session);
}

static void a_pattern_takes_in_topics_that_come_later_from_their_beginning(void **state)
{
	struct rig_session *session = greeted(), *other = greeted();
	(void)state;
	subscribe(session, 2, "late.*", 1 << 20);
	expect_ok(session, 2);
	publish(other, 3, "late.one", 4);
	struct message_notice notice = next_notice(session);
	assert_int_equal(notice.kind, NOTICE_PARTITION_ADDED);
	assert_int_equal(notice.start_offset, 0);
	assert_int_equal(next_records(session, 0), 4);
	rig_session_destroy(session);
	rig_session_destroy(other);
}

static void seek(struct rig_session *session, uint32_t request_id, uint32_t subscription,
		 uint32_t topic_id, uint64_t offset)
{
	msgpack_sbuffer buffer;
	const struct message_id_position position = { topic_id, 0, offset };
	const struct message_seek request = { .subscription = subscription,
					      .positions = { .count = 1, .items = &position } };
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(message_seek_encode(&buffer, request_id, &request, NULL), 0);
	feed(session, &buffer);
	msgpack_sbuffer_destroy(&buffer);
}

/* How many partitions a SUBSCRIBE's reply lists; the first of them to out. */
static uint32_t subscribed(struct rig_session *session, uint32_t request_id,
			   struct message_subscribed out[], uint32_t room)
{
	struct message_subscribe_reply reply;
	struct frame frame;
	uint32_t count = 0;
	assert_true(rig_reply(session, request_id, &frame));
	assert_int_equal(frame.flags, FRAME_FLAG_REPLY);
	assert_int_equal(message_subscribe_reply_decode(frame.body, &reply, NULL), 0);
	const uint32_t all = reply.partitions.count;
	while (count < room && message_subscribed_next(&reply.partitions, &out[count]))
		count++;
	return all;
}

static void resume(struct rig_session *session, uint32_t request_id, const struct bytes *topics,
		   uint32_t topic_count, const struct message_id_position *places, uint32_t place_count)
{
	const struct message_subscribe message = {
		.topics = { .count = topic_count, .items = topics },
		.start = START_BEGINNING,
		.credit = 1 << 20,
		.places = { .count = place_count, .items = places },
		.resume = true,
	};
	msgpack_sbuffer frame;
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_subscribe_encode(&frame, request_id, &message, NULL), 0);
	feed(session, &frame);
	msgpack_sbuffer_destroy(&frame);
}

static void what_is_resumed_is_found_by_its_id_and_may_be_gone(void **state)
{
	struct rig_session *session = greeted();
	struct message_subscribed items[2];
	(void)state;
	publish(session, 2, "resumed", 5);
	expect_ok(session, 2);
	subscribe(session, 3, "resumed", 0);
	assert_int_equal(subscribed(session, 3, items, 1), 1);
	const struct bytes topics[] = { text("resumed"), text("resumed.not.there") };
	const struct message_id_position places[] = { { 4000000000, 0, 77 }, { items[0].topic_id, 0, 4 } };
	resume(session, 4, topics, 2, places, 2);
	assert_int_equal(subscribed(session, 4, items, 2), 1);
	assert_int_equal(items[0].offset, 4);
	/* Of another topic, also of the same name: not this one's. */
	resume(session, 5, topics, 1, places, 1);
	assert_int_equal(subscribed(session, 5, items, 1), 1);
	assert_int_equal(items[0].offset, 0);
	/* When it comes it is followed. */
	publish(session, 6, "resumed.not.there", 1);
	struct message_notice notice;
	do
		notice = next_notice(session);
	while (notice.kind != NOTICE_PARTITION_ADDED);
	assert_memory_equal(notice.topic.data, "resumed.not.there", notice.topic.size);
	rig_session_destroy(session);
}

static void create_wide(struct rig_session *session, uint32_t request_id, const char *name)
{
	const struct message_topic_create message = { .name = text(name), .partitions = TOPIC_PARTITIONS_MAX };
	msgpack_sbuffer frame;
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_topic_create_encode(&frame, request_id, &message, NULL), 0);
	feed(session, &frame);
	expect_ok(session, request_id);
	msgpack_sbuffer_destroy(&frame);
}

static void the_most_partitions_are_resumed_and_sought_at_once(void **state)
{
	const uint32_t topics = SUBSCRIPTION_PARTITIONS_MAX / TOPIC_PARTITIONS_MAX;
	struct rig_session *session = greeted();
	struct message_subscribed *items = calloc(SUBSCRIPTION_PARTITIONS_MAX, sizeof(*items));
	struct message_id_position *places = calloc(SUBSCRIPTION_PARTITIONS_MAX, sizeof(*places));
	const struct bytes pattern = text("wide.*");
	char name[32];
	(void)state;
	for (uint32_t n = 0; n < topics; n++) {
		snprintf(name, sizeof(name), "wide.%u", n);
		create_wide(session, n + 2, name);
	}
	resume(session, 100, &pattern, 1, NULL, 0);
	assert_int_equal(subscribed(session, 100, items, SUBSCRIPTION_PARTITIONS_MAX),
			 SUBSCRIPTION_PARTITIONS_MAX);
	for (uint32_t n = 0; n < SUBSCRIPTION_PARTITIONS_MAX; n++)
		places[n] = (struct message_id_position){ items[n].topic_id, items[n].partition, 0 };
	resume(session, 101, &pattern, 1, places, SUBSCRIPTION_PARTITIONS_MAX);
	assert_int_equal(subscribed(session, 101, items, 0), SUBSCRIPTION_PARTITIONS_MAX);
	const struct message_seek seek_all = {
		.subscription = 101,
		.positions = { .count = SUBSCRIPTION_PARTITIONS_MAX, .items = places },
	};
	msgpack_sbuffer frame;
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_seek_encode(&frame, 102, &seek_all, NULL), 0);
	feed(session, &frame);
	msgpack_sbuffer_destroy(&frame);
	expect_ok(session, 102);
	rig_session_destroy(session);
	free(items);
	free(places);
}

/* Partitions of the one topic that METADATA tells of; 0: none. */
static uint32_t described(struct rig_session *session, uint32_t request_id, const char *topic,
			  bool create)
{
	const struct bytes name = text(topic);
	const struct message_metadata message = { .topics = { .count = 1, .items = &name }, .create = create };
	struct message_metadata_reply reply;
	struct message_topic item;
	struct frame frame;
	msgpack_sbuffer buffer;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(message_metadata_encode(&buffer, request_id, &message, NULL), 0);
	feed(session, &buffer);
	msgpack_sbuffer_destroy(&buffer);
	assert_true(rig_reply(session, request_id, &frame));
	assert_int_equal(frame.flags, FRAME_FLAG_REPLY);
	assert_int_equal(message_metadata_reply_decode(frame.body, &reply, NULL), 0);
	return message_topic_next(&reply.topics, &item) ? item.partitions.count : 0;
}

static void metadata_makes_a_topic_when_it_is_asked_to(void **state)
{
	struct rig_session *session = greeted();
	(void)state;
	assert_int_equal(described(session, 2, "wanted", false), 0);
	assert_int_equal(described(session, 3, "want*", true), 0);
	assert_int_equal(described(session, 4, "wanted", true), 1);
	assert_int_equal(described(session, 5, "wanted", true), 1);
	assert_int_equal(described(session, 6, "wanted", false), 1);
	rig_session_destroy(session);
}

static void a_seek_is_caught_up_with_anew(void **state)
{
	struct rig_session *session = greeted();
	struct message_notice notice;
	(void)state;
	publish(session, 2, "sought", 3);
	expect_ok(session, 2);
	subscribe(session, 3, "sought", 1 << 20);
	expect_ok(session, 3);
	assert_int_equal(next_records(session, 0), 3);
	notice = next_notice(session);
	assert_int_equal(notice.kind, NOTICE_CAUGHT_UP);
	assert_int_equal(notice.end_offset, 3);
	publish(session, 4, "sought", 2);
	assert_int_equal(next_records(session, 3), 2);
	seek(session, 5, 3, notice.topic_id, 1);
	expect_ok(session, 5);
	/* The batch begins before the offset. */
	assert_int_equal(next_records(session, 0), 5);
	notice = next_notice(session);
	assert_int_equal(notice.kind, NOTICE_CAUGHT_UP);
	assert_int_equal(notice.end_offset, 5);
	rig_session_destroy(session);
}

static void a_name_that_is_not_there_is_refused(void **state)
{
	struct rig_session *session = greeted();
	(void)state;
	subscribe(session, 2, "no.such.topic", 100);
	expect_error(session, 2, ERROR_NOT_FOUND);
	rig_session_destroy(session);
}

static void starts_count_from_the_end_and_stop_at_the_beginning(void **state)
{
	struct rig_session *session = greeted();
	struct frame frame;
	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		publish(session, 2 + i, "tail", 1);
		expect_ok(session, 2 + i);
	}
	static const struct {
		int64_t offset;
		uint64_t first;
	} cases[] = { { -2, 3 }, { -5, 0 }, { -99, 0 }, { INT64_MIN, 0 }, { 4, 4 }, { 5, 5 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message_subscribe_reply reply;
		struct message_subscribed item;
		subscribe_from(session, 20 + (uint32_t)i, "tail", 0, START_OFFSET, cases[i].offset);
		assert_true(rig_reply(session, 20 + (uint32_t)i, &frame));
		assert_int_equal(message_subscribe_reply_decode(frame.body, &reply, NULL), 0);
		assert_true(message_subscribed_next(&reply.partitions, &item));
		assert_int_equal(item.offset, cases[i].first);
	}
	subscribe_from(session, 40, "tail", 0, START_OFFSET, 6);
	expect_error(session, 40, ERROR_OFFSET_OUT_OF_RANGE);
	rig_session_destroy(session);
}

static void a_repeated_sequence_is_stored_once(void **state)
{
	struct rig_session *session = greeted();
	struct message_publish_reply reply;
	struct message_range range;
	struct frame frame;
	(void)state;
	publish(session, 2, "once", 1);
	expect_ok(session, 2);
	publish_to(session, 3, "once", 0, 77, 0, 4, 10);
	expect_ok(session, 3);
	publish_to(session, 4, "once", 0, 77, 0, 4, 10);
	assert_true(rig_reply(session, 4, &frame));
	assert_int_equal(message_publish_reply_decode(frame.body, &reply, NULL), 0);
	assert_true(reply.duplicate);
	assert_true(message_range_next(&reply.ranges, &range));
	assert_int_equal(range.first_offset, 1);
	assert_int_equal(range.count, 4);
	publish_to(session, 5, "once", 0, 77, 5, 1, 10);
	expect_error(session, 5, ERROR_OUT_OF_SEQUENCE);
	publish_to(session, 6, "once", 0, 77, 2, 4, 10);
	expect_error(session, 6, ERROR_OUT_OF_SEQUENCE);
	publish_to(session, 7, "once", 0, 77, 4, 1, 10);
	expect_ok(session, 7);
	/* Another producer's numbers are its own. */
	publish_to(session, 8, "once", 0, 78, 0, 1, 10);
	expect_ok(session, 8);
	struct reader_ends ends;
	assert_int_equal(reader_ends(broker_reader(rig->service.broker),
				     catalog_find(broker_catalog(rig->service.broker), text("once"))->topic.id,
				     0, &ends, NULL), 0);
	assert_int_equal(ends.visible_end, 7);
	rig_session_destroy(session);
}

static void a_sequence_beyond_all_numbers_harms_nobody(void **state)
{
	struct rig_session *session = greeted();
	(void)state;
	publish(session, 2, "once", 1);
	expect_ok(session, 2);
	publish_to(session, 3, "once", 0, 77, UINT64_MAX, 2, 10);
	expect_error(session, 3, ERROR_INVALID);
	publish_to(session, 4, "once", 0, 77, UINT64_MAX - 1, 1, 10);
	expect_ok(session, 4);
	publish_to(session, 5, "once", 0, 77, UINT64_MAX, 1, 10);
	expect_error(session, 5, ERROR_INVALID);
	publish_to(session, 6, "once", 0, 77, 0, 2, 10);
	expect_ok(session, 6);
	publish(session, 7, "once", 1);
	expect_ok(session, 7);
	rig_session_destroy(session);
}

static void make_room(unsigned int count)
{
	room_count = count;
	service_broker_observer.on_room(&rig->service);
}

static void publishers_that_wait_for_room_take_turns(void **state)
{
	enum { COUNT = 3 };
	struct rig_session *sessions[COUNT];
	(void)state;
	for (int i = 0; i < COUNT; i++)
		sessions[i] = greeted();
	publish(sessions[0], 2, "busy", 1);
	expect_ok(sessions[0], 2);
	room_count = 0;
	for (int i = 0; i < COUNT; i++)
		publish(sessions[i], 3, "busy", 1);
	/* Each at the end of its turn has more to send. */
	for (uint32_t id = 3; id < 6; id++)
		for (int i = 0; i < COUNT; i++) {
			make_room(1);
			expect_ok(sessions[i], id);
			if (id < 5)
				publish(sessions[i], id + 1, "busy", 1);
		}
	/* Nobody overtakes who waits. */
	room_count = 0;
	publish(sessions[0], 6, "busy", 1);
	room_count = 1;
	publish(sessions[1], 6, "busy", 1);
	make_room(1);
	expect_ok(sessions[0], 6);
	/* Nor is anybody held up by one that has gone. */
	publish(sessions[2], 6, "busy", 1);
	rig_session_destroy(sessions[1]);
	make_room(1);
	expect_ok(sessions[2], 6);
	room_count = UINT_MAX;
	rig_session_destroy(sessions[0]);
	rig_session_destroy(sessions[2]);
}

static void a_refusal_that_does_not_fit_the_output_ends_who_waits_once(void **state)
{
	struct rig_session *session = greeted();
	(void)state;
	publish(session, 2, "busy", 1);
	expect_ok(session, 2);
	room_count = 0;
	publish(session, 3, "busy", 1);
	room_count = UINT_MAX;
	session->session->unsent_bytes = rig->service.limits.output_bytes_max;
	is_disk_full = true;
	service_broker_observer.on_room(&rig->service);
	is_disk_full = false;
	assert_true(session->has_ended);
	assert_null(session->session->waiting);
	rig_session_destroy(session);
}

static void a_subscriber_that_stops_reading_holds_only_its_share(void **state)
{
	struct rig_session *stalled = greeted(), *session = greeted();
	(void)state;
	publish_to(session, 2, "stall", 0, 0, 0, 1, 10);
	expect_ok(session, 2);
	subscribe(stalled, 3, "stall", CREDIT_BYTES_MAX);
	expect_ok(stalled, 3);
	stalled->stops_reading = true;
	subscribe(session, 3, "stall", CREDIT_BYTES_MAX);
	uint64_t received = 0;
	for (uint32_t i = 0; i < 64; i++)
		publish_to(session, 10 + i, "stall", 0, 0, 0, 1, 100 * 1024);
	while (received < 65)
		received += next_records(session, received);
	assert_false(stalled->has_ended);
	assert_true(stalled->session->unsent_bytes <
		    delivery_share_bytes(&rig->service) + READER_BYTES_MAX + 4096);
	rig_session_destroy(stalled);
	rig_session_destroy(session);
}

static void one_that_says_nothing_is_sent_away_in_time(void **state)
{
	struct rig_session *silent = rig_session_create(rig), *idle = greeted();
	struct frame frame;
	(void)state;
	rig->now_ms += 4999;
	session_tick(silent->session, rig->now_ms);
	assert_false(silent->has_ended);
	rig->now_ms += 1;
	session_tick(silent->session, rig->now_ms);
	expect_goodbye(silent, ERROR_TIMEOUT);
	/* The heartbeat is a second here. */
	session_tick(idle->session, rig->now_ms);
	expect_goodbye(idle, ERROR_TIMEOUT);
	rig_session_destroy(idle);

	idle = greeted();
	for (int i = 0; i < 5; i++) {
		rig->now_ms += 1000;
		session_tick(idle->session, rig->now_ms);
		assert_true(next_push(idle, FRAME_PING, &frame));
		msgpack_sbuffer reply;
		msgpack_sbuffer_init(&reply);
		assert_int_equal(message_empty_encode(&reply, FRAME_PING, FRAME_FLAG_REPLY,
						      frame.request_id, NULL), 0);
		feed(idle, &reply);
		msgpack_sbuffer_destroy(&reply);
	}
	assert_false(idle->has_ended);
	rig_session_destroy(silent);
	rig_session_destroy(idle);
}

static void every_frame_in_every_state_is_answered_or_ends_the_session(void **state)
{
	(void)state;
	for (int is_greeted = 0; is_greeted < 2; is_greeted++)
		for (unsigned int type = 0; type < 256; type++) {
			struct rig_session *session = rig_session_create(rig);
			struct frame answer;
			if (is_greeted)
				rig_greet(session);
			uint8_t frame[] = { 0, 0, 0, 9, (uint8_t)type, 0, 0, 0, 0, 0, 0, 7, 0x80 };
			bool is_credit = type == FRAME_CREDIT;
			rig_feed(session, frame, sizeof(frame));
			if (is_greeted && is_credit) {
				/* Nothing follows CREDIT but an error: an empty one is wrong. */
				assert_true(rig_next(session, &answer));
			} else {
				assert_true(rig_next(session, &answer));
				assert_true((answer.flags & FRAME_FLAG_REPLY) || answer.type == FRAME_GOODBYE);
			}
			assert_true(session->said.size < 64 * 1024);
			rig_session_destroy(session);
		}
}

static void nothing_but_hello_is_taken_before_hello(void **state)
{
	(void)state;
	for (unsigned int type = 2; type <= FRAME_TYPE_MAX; type++) {
		struct rig_session *session = rig_session_create(rig);
		uint8_t frame[] = { 0, 0, 0, 9, (uint8_t)type, 0, 0, 0, 0, 0, 0, 7, 0x80 };
		struct frame answer;
		rig_feed(session, frame, sizeof(frame));
		assert_true(rig_next(session, &answer));
		assert_true(answer.type == FRAME_GOODBYE || (answer.flags & FRAME_FLAG_ERROR));
		assert_int_not_equal(session->session->state, CONNECTION_READY);
		rig_session_destroy(session);
	}
}

static void a_hello_that_cannot_be_read_ends_the_session(void **state)
{
	struct rig_session *session = rig_session_create(rig);
	uint8_t frame[] = { 0, 0, 0, 9, FRAME_HELLO, 0, 0, 0, 0, 0, 0, 7, 0x80 };
	struct frame answer;
	(void)state;
	rig_feed(session, frame, sizeof(frame));
	assert_true(rig_next(session, &answer));
	assert_int_equal(answer.flags, FRAME_FLAG_REPLY | FRAME_FLAG_ERROR);
	expect_goodbye(session, ERROR_MALFORMED);
	rig_session_destroy(session);
}

static void long_frames_before_login_are_refused_before_they_come(void **state)
{
	struct rig_session *session = rig_session_create(rig);
	uint8_t head[] = { 0, 0, 0x10, 0x01, FRAME_HELLO, 0, 0, 0, 0, 0, 0, 1 };
	(void)state;
	rig_feed(session, head, sizeof(head));
	expect_goodbye(session, ERROR_LIMIT);
	rig_session_destroy(session);
}

static void mutated_conversations_cost_nothing(void **state)
{
	char line[65536];
	const char *srcdir = getenv("top_srcdir");
	char path[4096];
	struct random random = random_seeded(20261123, 0);
	uint8_t frames[64][2048];
	size_t sizes[64], count = 0;
	(void)state;
	snprintf(path, sizeof(path), "%s/tests/vectors/frames.jsonl", srcdir != NULL ? srcdir : ".");
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (count < 64 && fgets(line, sizeof(line), file) != NULL) {
		const char *hex = strstr(line, "\"hex\":\"");
		size_t size = 0;
		unsigned int byte;
		if (strstr(line, "\"from\":\"server\"") != NULL || hex == NULL)
			continue;
		for (hex = strrchr(line, ':') + 2; sscanf(hex, "%2x", &byte) == 1 && size < 2048; hex += 2)
			frames[count][size++] = (uint8_t)byte;
		sizes[count++] = size;
	}
	fclose(file);
	assert_true(count > 20);
	for (int n = 0; n < 10000; n++) {
		struct rig_session *session = greeted();
		uint8_t mutated[2048];
		size_t chosen = random_below(&random, count), size = sizes[chosen];
		memcpy(mutated, frames[chosen], size);
		for (uint64_t i = random_below(&random, 4) + 1; i > 0; i--)
			mutated[random_below(&random, size)] = (uint8_t)random_below(&random, 256);
		rig_feed(session, mutated, size - random_below(&random, 2) * random_below(&random, size));
		rig_run(rig);
		rig_session_destroy(session);
	}
	assert_int_equal(rig->service.session_count, 0);
	assert_int_equal(rig->service.subscription_count, 0);
}

static void deleted_topics_end_their_cursors(void **state)
{
	struct rig_session *session = greeted();
	struct message_topic_delete message = { text("gone") };
	msgpack_sbuffer frame;
	(void)state;
	publish(session, 2, "gone", 3);
	expect_ok(session, 2);
	subscribe(session, 3, "gon*", 1 << 20);
	expect_ok(session, 3);
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_topic_delete_encode(&frame, 4, &message, NULL), 0);
	feed(session, &frame);
	msgpack_sbuffer_destroy(&frame);
	struct message_notice notice;
	do
		notice = next_notice(session);
	while (notice.kind != NOTICE_TOPIC_DELETED);
	expect_ok(session, 4);
	assert_int_equal(LIST_FIRST(&session->session->subscriptions)->cursor_count, 0);
	/* The name is free for another topic, which is followed again. */
	publish(session, 5, "gone", 1);
	do
		notice = next_notice(session);
	while (notice.kind != NOTICE_PARTITION_ADDED);
	rig_session_destroy(session);
}

/* Two threads may do both at once. */
static void a_topic_made_while_its_namesake_is_deleted_is_there(void **state)
{
	struct rig_session *session = greeted();
	struct message_topic_delete gone = { text("again") };
	struct message_topic_create made = { .name = text("again") };
	msgpack_sbuffer frames;
	struct frame frame;
	uint32_t id = 2;
	(void)state;
	publish(session, id, "again", 1);
	expect_ok(session, id);
	for (int i = 0; i < 100; i++, id += 4) {
		msgpack_sbuffer_init(&frames);
		assert_int_equal(message_topic_delete_encode(&frames, id + 1, &gone, NULL), 0);
		assert_int_equal(message_topic_create_encode(&frames, id + 2, &made, NULL), 0);
		feed(session, &frames);
		msgpack_sbuffer_destroy(&frames);
		bool is_made = false;
		for (int replies = 0; replies < 2;) {
			assert_true(rig_next(session, &frame));
			if (!(frame.flags & FRAME_FLAG_REPLY))
				continue;
			replies++;
			is_made |= frame.type == FRAME_TOPIC_CREATE && !(frame.flags & FRAME_FLAG_ERROR);
		}
		assert_true(is_made);
		publish(session, id + 3, "again", 1);
		expect_ok(session, id + 3);
	}
	rig_session_destroy(session);
}

static void changes_of_a_topic_do_not_undo_each_other(void **state)
{
	static const char *const names[] = { "retention.ms", "retention.bytes" };
	struct rig_session *session = greeted();
	msgpack_sbuffer frames, options[2];
	(void)state;
	publish(session, 2, "kept", 1);
	expect_ok(session, 2);
	msgpack_sbuffer_init(&frames);
	for (uint32_t i = 0; i < 2; i++) {
		struct message_option option = { text(names[i]), text("5000000") };
		struct message_topic_configure message = { .name = text("kept") };
		msgpack_sbuffer_init(&options[i]);
		assert_int_equal(message_option_append(&options[i], &option, NULL), 0);
		message.set = (struct message_list){
			.count = 1, .encoded = { (const uint8_t *)options[i].data, options[i].size },
		};
		assert_int_equal(message_topic_configure_encode(&frames, 3 + i, &message, NULL), 0);
		msgpack_sbuffer_destroy(&options[i]);
	}
	feed(session, &frames);
	msgpack_sbuffer_destroy(&frames);
	expect_error(session, 4, ERROR_BUSY);
	expect_ok(session, 3);
	rig_session_destroy(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(published_records_are_answered_and_delivered),
		TEST(a_subscriber_without_credit_gets_nothing_until_it_gives_some),
		TEST(a_pattern_takes_in_topics_that_come_later_from_their_beginning),
		TEST(what_is_resumed_is_found_by_its_id_and_may_be_gone),
		TEST(the_most_partitions_are_resumed_and_sought_at_once),
		TEST(metadata_makes_a_topic_when_it_is_asked_to),
		TEST(a_seek_is_caught_up_with_anew),
		TEST(a_name_that_is_not_there_is_refused),
		TEST(starts_count_from_the_end_and_stop_at_the_beginning),
		TEST(a_repeated_sequence_is_stored_once),
		TEST(a_sequence_beyond_all_numbers_harms_nobody),
		TEST(publishers_that_wait_for_room_take_turns),
		TEST(a_refusal_that_does_not_fit_the_output_ends_who_waits_once),
		TEST(a_subscriber_that_stops_reading_holds_only_its_share),
		TEST(one_that_says_nothing_is_sent_away_in_time),
		TEST(every_frame_in_every_state_is_answered_or_ends_the_session),
		TEST(nothing_but_hello_is_taken_before_hello),
		TEST(a_hello_that_cannot_be_read_ends_the_session),
		TEST(long_frames_before_login_are_refused_before_they_come),
		TEST(mutated_conversations_cost_nothing),
		TEST(deleted_topics_end_their_cursors),
		TEST(changes_of_a_topic_do_not_undo_each_other),
		TEST(a_topic_made_while_its_namesake_is_deleted_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
