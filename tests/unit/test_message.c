#include "protocol/message.h"

#include "protocol/message_group.h"
#include "protocol/message_session.h"
#include "protocol/message_status.h"
#include "protocol/message_subscription.h"
#include "protocol/message_topic.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void check_text(struct bytes text, const char *expected)
{
	assert_non_null(text.data);
	assert_int_equal(text.size, strlen(expected));
	assert_memory_equal(text.data, expected, text.size);
}

/* {"subscription": 5, "bytes": 1000} */
static const char credit_hex[] =
	"82 ac737562736372697074696f6e 05 a56279746573 cd03e8";

/* Decode from memory of its own, exactly as large, and see that a failure leaves the
 * struct alone. */
static int decode_hex(const struct message_layout *layout, const char *hex, void *out,
		      struct error *err)
{
	uint8_t bytes[1024];
	const size_t size = hex_bytes(bytes, sizeof(bytes), hex);
	uint8_t *body = malloc(size + 1);
	uint8_t before[512];
	assert_non_null(body);
	memcpy(body + 1, bytes, size);
	memcpy(before, out, layout->struct_bytes);
	const int rc = message_decode(layout, (struct bytes){ body + 1, size }, out, err);
	if (rc != 0)
		assert_memory_equal(out, before, layout->struct_bytes);
	free(body);
	return rc;
}

static void check_refused(const struct message_layout *layout, const char *hex, enum error_code code,
			  const char *text)
{
	uint8_t out[512];
	struct error err = { 0 };
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(decode_hex(layout, hex, out, &err), -1);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
}

static void a_message_has_its_golden_bytes(void **state)
{
	const struct message_credit credit = { .subscription = 5, .bytes = 1000 };
	uint8_t expected[64];
	msgpack_sbuffer frame;
	struct error err = { 0 };
	(void)state;
	const size_t body_bytes = hex_bytes(expected + 12, sizeof(expected) - 12, credit_hex);
	hex_bytes(expected, 12, "00000000 08 00 0000 00000009");
	store_u32(expected, (uint32_t)(8 + body_bytes));
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_credit_encode(&frame, 9, &credit, &err), 0);
	assert_int_equal(frame.size, 12 + body_bytes);
	assert_memory_equal(frame.data, expected, frame.size);
	msgpack_sbuffer_destroy(&frame);
}

static void unknown_keys_are_skipped_and_order_is_free(void **state)
{
	struct message_credit credit = { 0 };
	struct error err = { 0 };
	(void)state;
	/* {"x": [1, {"y": nil}], "bytes": 1000, "": ext, "subscription": 5} */
	assert_int_equal(decode_hex(&message_credit_layout,
				    "84 a178 92 01 81 a179 c0 a56279746573 cd03e8 a0 d4 01 00"
				    "ac737562736372697074696f6e 05", &credit, &err), 0);
	assert_int_equal(credit.subscription, 5);
	assert_int_equal(credit.bytes, 1000);
}

static void a_body_is_one_map_with_text_keys(void **state)
{
	const struct message_layout *layout = &message_unsubscribe_layout;
	(void)state;
	check_refused(layout, "", ERROR_MALFORMED,
		      "UNSUBSCRIBE: msgpack is cut short: an item of 1 bytes, 0 left");
	check_refused(layout, "90", ERROR_MALFORMED,
		      "UNSUBSCRIBE: msgpack has array where map belongs");
	check_refused(layout, "c0", ERROR_MALFORMED,
		      "UNSUBSCRIBE: msgpack has nil where map belongs");
	check_refused(layout, "81 ac737562736372697074696f6e 05 c0", ERROR_MALFORMED,
		      "UNSUBSCRIBE: 1 bytes behind the body's map");
	check_refused(layout, "82 01 02 ac737562736372697074696f6e 05", ERROR_MALFORMED,
		      "UNSUBSCRIBE: a key: msgpack has unsigned integer where text belongs");
	check_refused(layout, "df ffffffff", ERROR_MALFORMED,
		      "UNSUBSCRIBE: msgpack promises 8589934590 items in 0 bytes");
}

static void what_is_missing_twice_or_of_another_type_is_named(void **state)
{
	const struct message_layout *layout = &message_credit_layout;
	(void)state;
	check_refused(layout, "80", ERROR_MALFORMED, "CREDIT: 'subscription' is missing");
	check_refused(layout, "81 ac737562736372697074696f6e 05", ERROR_MALFORMED,
		      "CREDIT: 'bytes' is missing");
	check_refused(layout, "82 a56279746573 01 a56279746573 01", ERROR_MALFORMED,
		      "CREDIT: 'bytes' stands there twice");
	check_refused(layout, "82 ac737562736372697074696f6e 05 a56279746573 a131", ERROR_MALFORMED,
		      "CREDIT: 'bytes': msgpack has text where unsigned integer belongs");
	check_refused(layout, "82 ac737562736372697074696f6e 05 a56279746573 ff", ERROR_MALFORMED,
		      "CREDIT: 'bytes': msgpack has negative integer where unsigned integer belongs");
	check_refused(layout, "82 ac737562736372697074696f6e 05 a56279746573 c0", ERROR_MALFORMED,
		      "CREDIT: 'bytes': msgpack has nil where unsigned integer belongs");
	check_refused(&message_auth_reply_layout, "81 a4646f6e65 01", ERROR_MALFORMED,
		      "AUTH reply: 'done': msgpack has unsigned integer where bool belongs");
	check_refused(&message_auth_layout, "82 a96d656368616e69736d a178 a464617461 a178", ERROR_MALFORMED,
		      "AUTH: 'data': msgpack has text where bytes belongs");
}

static void numbers_and_sizes_have_limits(void **state)
{
	const struct message_layout *layout = &message_credit_layout;
	char hex[2048], *at;
	(void)state;
	check_refused(layout, "82 ac737562736372697074696f6e 05 a56279746573 00", ERROR_INVALID,
		      "CREDIT: 'bytes': 0, 1 is the least");
	check_refused(layout, "82 ac737562736372697074696f6e 05 a56279746573 ce40000001", ERROR_LIMIT,
		      "CREDIT: 'bytes': 1073741825, 1073741824 are allowed");
	check_refused(layout, "82 ac737562736372697074696f6e cf0000000100000000 a56279746573 01",
		      ERROR_LIMIT, "CREDIT: 'subscription': 4294967296, 4294967295 are allowed");
	/* A mechanism of 65 bytes. */
	at = hex + sprintf(hex, "81 a96d656368616e69736d d941");
	for (int i = 0; i < 65; i++)
		at += sprintf(at, "61");
	check_refused(&message_auth_layout, hex, ERROR_LIMIT,
		      "AUTH: 'mechanism': 65 bytes, 64 are allowed");
	check_refused(&message_auth_layout, "81 a96d656368616e69736d a0", ERROR_INVALID,
		      "AUTH: 'mechanism': 0 bytes, 1 is the least");
	/* 65 keys, none of them known. */
	at = hex + sprintf(hex, "de0041");
	for (int i = 0; i < 65; i++)
		at += sprintf(at, "a0c0");
	check_refused(&message_unsubscribe_layout, hex, ERROR_LIMIT,
		      "UNSUBSCRIBE: a map of 65 keys, 64 are allowed");
	/* An unknown key whose value is 33 deep. */
	at = hex + sprintf(hex, "81 a0");
	for (int i = 0; i < 33; i++)
		at += sprintf(at, "91");
	sprintf(at, "c0");
	check_refused(&message_unsubscribe_layout, hex, ERROR_LIMIT,
		      "UNSUBSCRIBE: an unknown key: msgpack is nested more than 32 deep");
}

static void names_and_texts_are_checked(void **state)
{
	const struct message_layout *layout = &message_topic_delete_layout;
	(void)state;
	check_refused(layout, "81 a46e616d65 a0", ERROR_INVALID,
		      "TOPIC_DELETE: 'name': a topic name or pattern is empty");
	check_refused(layout, "81 a46e616d65 a26120", ERROR_INVALID,
		      "TOPIC_DELETE: 'name': byte 0x20 does not belong in a topic name or pattern: "
		      "letters, digits, '.', '_', '-' and '*' do");
	check_refused(layout, "81 a46e616d65 a2612a", ERROR_INVALID,
		      "TOPIC_DELETE: 'name': a name has no '*'");
	check_refused(&message_auth_layout, "81 a96d656368616e69736d a2c328", ERROR_MALFORMED,
		      "AUTH: 'mechanism': the text is not UTF-8");
}

static void absent_and_nil_are_the_same(void **state)
{
	static const char *const bodies[] = {
		"82 a6746f70696373 91 a161 a6637265646974 07",
		"89 a6746f70696373 91 a161 a6637265646974 07 a57374617274 c0 a66f6666736574 c0"
		"a774696d655f7573 c0 aa706172746974696f6e73 c0 a567726f7570 c0 a9706f736974696f6e73 c0"
		"a178 c0",
	};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct message_subscribe subscribe;
		struct error err = { 0 };
		memset(&subscribe, 0xa5, sizeof(subscribe));
		assert_int_equal(decode_hex(&message_subscribe_layout, bodies[i], &subscribe, &err), 0);
		assert_int_equal(subscribe.topics.count, 1);
		assert_int_equal(subscribe.credit, 7);
		assert_int_equal(subscribe.start, START_BEGINNING);
		assert_int_equal(subscribe.offset, 0);
		assert_int_equal(subscribe.partitions.count, 0);
		assert_null(subscribe.group.data);
	}

	struct message_offsets offsets = { 0 };
	struct error err = { 0 };
	assert_int_equal(decode_hex(&message_offsets_layout,
				    "82 a5746f706963 a161 a9706172746974696f6e 03", &offsets, &err), 0);
	assert_true(offsets.time_us == INT64_MAX);
}

static void choices_are_texts(void **state)
{
	struct message_subscribe subscribe = { 0 };
	struct message_notice notice = { .kind = NOTICE_DAMAGED };
	struct error err = { 0 };
	(void)state;
	assert_int_equal(decode_hex(&message_subscribe_layout,
				    "83 a6746f70696373 91 a161 a6637265646974 07 a57374617274 a474696d65",
				    &subscribe, &err), 0);
	assert_int_equal(subscribe.start, START_TIME);
	check_refused(&message_subscribe_layout,
		      "83 a6746f70696373 91 a161 a6637265646974 07 a57374617274 a474696d66",
		      ERROR_UNSUPPORTED, "SUBSCRIBE: 'start': the choice is not known here");
	/* A notice of a kind to come is to be skipped, not to be refused. */
	assert_int_equal(decode_hex(&message_notice_layout,
				    "86 a46b696e64 a3666f6f a5746f706963 a161 a8746f7069635f6964 01"
				    "a9706172746974696f6e 00 ac73746172745f6f6666736574 00"
				    "aa656e645f6f6666736574 00", &notice, &err), 0);
	assert_int_equal(notice.kind, NOTICE_UNKNOWN);
}

static void keys_that_do_not_go_together_are_refused(void **state)
{
	const struct bytes topic = text_bytes("a");
	const struct message_subscribe subscribe = {
		.topics = { .count = 1, .items = &topic },
		.start = START_STORED,
	};
	msgpack_sbuffer frame;
	struct error err = { 0 };
	(void)state;
	check_refused(&message_subscribe_layout,
		      "83 a6746f70696373 91 a161 a6637265646974 07 a57374617274 a673746f726564",
		      ERROR_INVALID, "SUBSCRIBE: start 'stored' needs a 'group'");
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_subscribe_encode(&frame, 1, &subscribe, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(frame.size, 0);
	msgpack_sbuffer_destroy(&frame);
}

static void lists_are_walked_alike_before_and_after_the_wire(void **state)
{
	const struct message_position positions[] = {
		{ text_bytes("orders"), 3, 0 },
		{ text_bytes("users"), 0, UINT64_MAX },
	};
	const struct bytes patterns[] = { text_bytes("orders"), text_bytes("u*") };
	const uint32_t numbers[] = { 0, 3 };
	struct message_subscribe subscribe = {
		.topics = { .count = 2, .items = patterns },
		.start = START_OFFSET,
		.offset = -10,
		.partitions = { .count = 2, .items = numbers },
		.credit = 1,
		.positions = { .count = 2, .items = positions },
	};
	struct message_subscribe received = { 0 };
	struct message_position position;
	struct bytes pattern;
	uint32_t number;
	msgpack_sbuffer frame, again;
	struct error err = { 0 };
	(void)state;
	msgpack_sbuffer_init(&frame);
	msgpack_sbuffer_init(&again);
	assert_int_equal(message_subscribe_encode(&frame, 1, &subscribe, &err), 0);
	const struct bytes body = { (uint8_t *)frame.data + FRAME_HEADER_BYTES,
				    frame.size - FRAME_HEADER_BYTES };
	assert_int_equal(message_subscribe_decode(body, &received, &err), 0);
	/* A message that came can be sent on as it is. */
	assert_int_equal(message_subscribe_encode(&again, 1, &received, &err), 0);
	assert_int_equal(again.size, frame.size);
	assert_memory_equal(again.data, frame.data, frame.size);

	assert_int_equal(received.offset, -10);
	for (int round = 0; round < 2; round++, received = subscribe) {
		assert_true(message_pattern_next(&received.topics, &pattern));
		check_text(pattern, "orders");
		assert_true(message_pattern_next(&received.topics, &pattern));
		check_text(pattern, "u*");
		assert_false(message_pattern_next(&received.topics, &pattern));
		assert_true(message_partition_number_next(&received.partitions, &number));
		assert_true(message_partition_number_next(&received.partitions, &number));
		assert_int_equal(number, 3);
		assert_false(message_partition_number_next(&received.partitions, &number));
		assert_true(message_position_next(&received.positions, &position));
		check_text(position.topic, "orders");
		assert_int_equal(position.partition, 3);
		assert_true(message_position_next(&received.positions, &position));
		check_text(position.topic, "users");
		assert_true(position.offset == UINT64_MAX);
		assert_false(message_position_next(&received.positions, &position));
	}
	msgpack_sbuffer_destroy(&frame);
	msgpack_sbuffer_destroy(&again);
}

static void a_bad_item_is_named_by_its_number(void **state)
{
	(void)state;
	check_refused(&message_commit_layout,
		      "82 a567726f7570 a167 a76f666673657473 92 94 a161 00 05 c0 94 a162 00 c0 c0",
		      ERROR_MALFORMED,
		      "COMMIT: 'offsets': item 1: 'offset': msgpack has nil where unsigned integer belongs");
	check_refused(&message_commit_layout,
		      "82 a567726f7570 a167 a76f666673657473 91 93 a161 00 05", ERROR_MALFORMED,
		      "COMMIT: 'offsets': item 0: an array of 3 items, 4 belong there");
	check_refused(&message_commit_layout, "82 a567726f7570 a167 a76f666673657473 90", ERROR_INVALID,
		      "COMMIT: 'offsets': 0 items, 1 is the least");
	check_refused(&message_subscribe_layout, "82 a6746f70696373 dc0101", ERROR_MALFORMED,
		      "SUBSCRIBE: 'topics': msgpack promises 257 items in 0 bytes");
}

static void items_to_come_in_a_tuple_are_skipped(void **state)
{
	struct message_commit commit = { 0 };
	struct message_commit_offset offset;
	struct error err = { 0 };
	uint8_t body[64];
	const size_t size = hex_bytes(body, sizeof(body), "82 a567726f7570 a167 a76f666673657473"
				      "91 96 a161 01 05 a16d 91c0 07");
	(void)state;
	assert_int_equal(message_commit_decode((struct bytes){ body, size }, &commit, &err), 0);
	assert_true(message_commit_offset_next(&commit.offsets, &offset));
	check_text(offset.topic, "a");
	check_text(offset.metadata, "m");
	assert_int_equal(offset.offset, 5);
	assert_false(message_commit_offset_next(&commit.offsets, &offset));
}

/* As a server makes a page: topic by topic, until there are enough. */
static void a_list_can_be_made_item_by_item(void **state)
{
	const struct message_option config[] = {
		{ text_bytes("retention.ms"), text_bytes("-1") },
		{ text_bytes("cleanup.policy"), text_bytes("delete") },
	};
	const struct bytes set[] = { text_bytes("retention.ms") };
	const struct message_partition partitions[] = { { 1, 2, 3 }, { 0, 0, 0 } };
	struct message_topic topic = {
		.name = text_bytes("orders"),
		.id = 4,
		.created_us = 1700000000000000,
		.config = { .count = 2, .items = config },
		.set = { .count = 1, .items = set },
		.partitions = { .count = 2, .items = partitions },
	};
	struct message_metadata_reply reply = { .topics.count = 2, .next = text_bytes("users") };
	struct message_metadata_reply received = { 0 };
	struct message_partition partition;
	struct message_option option;
	msgpack_sbuffer topics, frame;
	struct error err = { 0 };
	(void)state;
	msgpack_sbuffer_init(&topics);
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_topic_append(&topics, &topic, &err), 0);
	topic.name = text_bytes("users");
	topic.owner = text_bytes("myapp");
	assert_int_equal(message_topic_append(&topics, &topic, &err), 0);
	/* One that cannot be sent leaves no trace. */
	const size_t before = topics.size;
	topic.name = text_bytes("us rs");
	assert_int_equal(message_topic_append(&topics, &topic, &err), -1);
	assert_int_equal(topics.size, before);

	reply.topics.encoded = (struct bytes){ (uint8_t *)topics.data, topics.size };
	assert_int_equal(message_metadata_reply_encode(&frame, 1, &reply, &err), 0);
	assert_int_equal(message_metadata_reply_decode((struct bytes){ (uint8_t *)frame.data + 12,
								       frame.size - 12 },
						       &received, &err), 0);
	check_text(received.next, "users");
	assert_true(message_topic_next(&received.topics, &topic));
	check_text(topic.name, "orders");
	assert_null(topic.owner.data);
	assert_true(message_topic_next(&received.topics, &topic));
	check_text(topic.owner, "myapp");
	assert_int_equal(topic.config.count, 2);
	assert_true(message_option_next(&topic.config, &option));
	assert_true(message_option_next(&topic.config, &option));
	check_text(option.name, "cleanup.policy");
	check_text(option.value, "delete");
	assert_true(message_partition_next(&topic.partitions, &partition));
	assert_int_equal(partition.bytes, 3);
	assert_false(message_topic_next(&received.topics, &topic));
	msgpack_sbuffer_destroy(&topics);
	msgpack_sbuffer_destroy(&frame);
}

static void what_decoding_would_refuse_is_not_sent(void **state)
{
	const struct message_credit credit = { .subscription = 5, .bytes = 0 };
	const struct message_topic_delete nameless = { { NULL, 0 } };
	struct message_notice notice = { .topic = text_bytes("a") };
	msgpack_sbuffer frame;
	struct error err = { 0 };
	(void)state;
	msgpack_sbuffer_init(&frame);
	msgpack_sbuffer_write(&frame, "before", 6);
	assert_int_equal(message_credit_encode(&frame, 1, &credit, &err), -1);
	assert_string_equal(err.text, "CREDIT: 'bytes': 0, 1 is the least");
	assert_int_equal(message_topic_delete_encode(&frame, 1, &nameless, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(message_notice_encode(&frame, 1, &notice, &err), -1);
	assert_string_equal(err.text, "NOTICE: 'kind': choice 0 is none");
	assert_int_equal(frame.size, 6);
	msgpack_sbuffer_destroy(&frame);
}

static void a_failed_allocation_leaves_the_buffer_as_it_was(void **state)
{
	static uint8_t large[20000];
	const struct message_schema_reply reply = { 1, { large, sizeof(large) } };
	int failed_count = 0;
	(void)state;
	for (int n = 0;; n++) {
		msgpack_sbuffer frame;
		struct error err = { 0 };
		msgpack_sbuffer_init(&frame);
		fail_malloc_after(n);
		const int rc = message_schema_reply_encode(&frame, 1, &reply, &err);
		const bool has_failed = fail_malloc_stop();
		assert_int_equal(rc, has_failed ? -1 : 0);
		if (has_failed) {
			assert_int_equal(err.code, ERROR_MEMORY);
			assert_int_equal(frame.size, 0);
			failed_count++;
		}
		msgpack_sbuffer_destroy(&frame);
		if (!has_failed)
			break;
	}
	assert_true(failed_count >= 2);
}

static void an_error_crosses_the_wire_as_it_is(void **state)
{
	struct error why = { 0 }, received = { 0 }, err = { 0 };
	struct message_error message = { 0 };
	msgpack_sbuffer frame;
	(void)state;
	error_set(&why, ERROR_QUEUE_FULL, "no room: %s", "try later");
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_error_encode(&frame, FRAME_PUBLISH, 77, &why, &err), 0);
	assert_int_equal(frame.data[4], FRAME_PUBLISH);
	assert_int_equal(frame.data[5], FRAME_FLAG_REPLY | FRAME_FLAG_ERROR);
	assert_int_equal(load_u32((uint8_t *)frame.data + 8), 77);
	assert_int_equal(message_error_decode((struct bytes){ (uint8_t *)frame.data + 12, frame.size - 12 },
					      &message, &err), 0);
	assert_true(message.retryable);
	assert_int_equal(message.version_max, 0);
	message_error_get(&message, &received);
	assert_int_equal(received.code, ERROR_QUEUE_FULL);
	assert_string_equal(received.text, "no room: try later");
	msgpack_sbuffer_destroy(&frame);
}

static void a_wrong_version_is_told_which_there_are(void **state)
{
	const struct error why = { .code = ERROR_VERSION };
	struct message_error message = { 0 };
	msgpack_sbuffer frame;
	struct error err = { 0 };
	(void)state;
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_error_encode(&frame, FRAME_HELLO, 1, &why, &err), 0);
	assert_int_equal(message_error_decode((struct bytes){ (uint8_t *)frame.data + 12, frame.size - 12 },
					      &message, &err), 0);
	assert_int_equal(message.version_min, PROTOCOL_VERSION_MIN);
	assert_int_equal(message.version_max, PROTOCOL_VERSION);
	check_text(message.error, "the two sides speak no version of the protocol in common");
	msgpack_sbuffer_destroy(&frame);
}

/* An error may quote what came over the wire, and is cut where its room ends. */
static void an_errors_text_is_utf8_whatever_it_quotes(void **state)
{
	struct error why = { 0 }, err = { 0 };
	struct message_goodbye goodbye = { 0 };
	msgpack_sbuffer frame;
	(void)state;
	msgpack_sbuffer_init(&frame);
	error_set(&why, ERROR_INVALID, "name 'a\xff\xc3(\xc3\xbc'");
	assert_int_equal(message_goodbye_encode_error(&frame, &why, &err), 0);
	assert_int_equal(load_u32((uint8_t *)frame.data + 8), 0);
	assert_int_equal(message_goodbye_decode((struct bytes){ (uint8_t *)frame.data + 12, frame.size - 12 },
						&goodbye, &err), 0);
	check_text(goodbye.error, "name 'a?" "?(\xc3\xbc'");

	memset(why.text, 'a', sizeof(why.text));
	memcpy(why.text + sizeof(why.text) - 2, "\xc3", 2);
	frame.size = 0;
	assert_int_equal(message_goodbye_encode_error(&frame, &why, &err), 0);
	assert_int_equal(message_goodbye_decode((struct bytes){ (uint8_t *)frame.data + 12, frame.size - 12 },
						&goodbye, &err), 0);
	assert_int_equal(goodbye.error.size, ERROR_TEXT_BYTES - 1);
	assert_int_equal(goodbye.error.data[ERROR_TEXT_BYTES - 2], '?');
	msgpack_sbuffer_destroy(&frame);
}

static void empty_bodies_are_maps_too(void **state)
{
	uint8_t body[8];
	msgpack_sbuffer frame;
	struct error err = { 0 };
	(void)state;
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_empty_encode(&frame, FRAME_SEEK, FRAME_FLAG_REPLY, 3, &err), 0);
	assert_int_equal(frame.size, 13);
	assert_int_equal(frame.data[4], FRAME_SEEK);
	assert_int_equal((uint8_t)frame.data[12], 0x80);
	assert_int_equal(message_empty_decode((struct bytes){ (uint8_t *)frame.data + 12, 1 }, &err), 0);
	assert_int_equal(message_empty_decode((struct bytes){ body, hex_bytes(body, 8, "81 a178 01") },
					      &err), 0);
	assert_int_equal(message_empty_decode((struct bytes){ body, 0 }, &err), -1);
	msgpack_sbuffer_destroy(&frame);
}

static void check_layout(const struct message_layout *layout)
{
	assert_true(layout->struct_bytes <= 512);
	assert_true(layout->field_count <= 64);
	for (size_t i = 0; i < layout->field_count; i++) {
		const struct message_field *field = &layout->fields[i];
		assert_true(field->name != NULL || layout->form == FORM_BARE);
		assert_true(field->member < layout->struct_bytes);
		assert_int_equal(field->choices != NULL, field->type == FIELD_CHOICE);
		assert_int_equal(field->items != NULL,
				 field->type == FIELD_LIST || field->type == FIELD_STRUCT);
		/* No list without a limit but those that a frame's limit bounds. */
		if (field->type == FIELD_LIST && layout != &message_metadata_reply_layout)
			assert_true(field->most > 0);
		if (field->items != NULL)
			check_layout(field->items);
	}
}

static void every_frame_has_a_sound_table(void **state)
{
	(void)state;
	for (uint8_t type = 1; type <= FRAME_TYPE_MAX; type++) {
		const struct message_layout *layout = message_layout_of(type, false);
		assert_non_null(layout);
		assert_int_equal(message_layout_of(type, true) != NULL, frame_has_reply(type));
		check_layout(layout);
		if (layout->type != 0)
			assert_int_equal(layout->type, type);
		layout = message_layout_of(type, true);
		if (layout == NULL)
			continue;
		check_layout(layout);
		if (layout->type != 0) {
			assert_int_equal(layout->type, type);
			assert_int_equal(layout->flags, FRAME_FLAG_REPLY);
		}
	}
	check_layout(&message_error_layout);
	assert_null(message_layout_of(0, false));
	assert_null(message_layout_of(FRAME_TYPE_MAX + 1, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_has_its_golden_bytes),
		cmocka_unit_test(unknown_keys_are_skipped_and_order_is_free),
		cmocka_unit_test(a_body_is_one_map_with_text_keys),
		cmocka_unit_test(what_is_missing_twice_or_of_another_type_is_named),
		cmocka_unit_test(numbers_and_sizes_have_limits),
		cmocka_unit_test(names_and_texts_are_checked),
		cmocka_unit_test(absent_and_nil_are_the_same),
		cmocka_unit_test(choices_are_texts),
		cmocka_unit_test(keys_that_do_not_go_together_are_refused),
		cmocka_unit_test(lists_are_walked_alike_before_and_after_the_wire),
		cmocka_unit_test(a_bad_item_is_named_by_its_number),
		cmocka_unit_test(items_to_come_in_a_tuple_are_skipped),
		cmocka_unit_test(a_list_can_be_made_item_by_item),
		cmocka_unit_test(what_decoding_would_refuse_is_not_sent),
		cmocka_unit_test(a_failed_allocation_leaves_the_buffer_as_it_was),
		cmocka_unit_test(an_error_crosses_the_wire_as_it_is),
		cmocka_unit_test(a_wrong_version_is_told_which_there_are),
		cmocka_unit_test(an_errors_text_is_utf8_whatever_it_quotes),
		cmocka_unit_test(empty_bodies_are_maps_too),
		cmocka_unit_test(every_frame_has_a_sound_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
