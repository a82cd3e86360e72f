#include "protocol/message_publish.h"

#include "protocol/message_subscription.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const struct content nothing = { CONTENT_NIL, { NULL, 0 } };

static struct content content_of(const char *text)
{
	return (struct content){ CONTENT_BYTES, { (const uint8_t *)text, strlen(text) } };
}

/* Three records: key and value; a tombstone with a time; a header, no key. */
static const char records_hex[] =
	"94 00 c4026b31 c4036f6e65 c0"
	"94 cf00060a24181e4000 c4026b32 c0 c0"
	"94 d09c c0 c4013f 92 a168 c40178";

static void append_golden_records(msgpack_sbuffer *records)
{
	const struct content k1 = content_of("k1"), k2 = content_of("k2");
	const struct content one = content_of("one"), mark = content_of("?");
	const struct bytes none = { NULL, 0 };
	uint8_t headers[8];
	struct error err = { 0 };
	const size_t headers_bytes = hex_bytes(headers, sizeof(headers), "92 a168 c40178");
	assert_int_equal(message_publish_append(records, 0, &k1, &one, none, &err), 0);
	assert_int_equal(message_publish_append(records, 1700000000000000, &k2, &nothing, none, &err), 0);
	assert_int_equal(message_publish_append(records, -100, &nothing, &mark,
						(struct bytes){ headers, headers_bytes }, &err), 0);
}

static void records_have_their_golden_bytes(void **state)
{
	uint8_t expected[128];
	const size_t size = hex_bytes(expected, sizeof(expected), records_hex);
	msgpack_sbuffer records;
	(void)state;
	msgpack_sbuffer_init(&records);
	append_golden_records(&records);
	assert_int_equal(records.size, size);
	assert_memory_equal(records.data, expected, size);
	msgpack_sbuffer_destroy(&records);
}

static void a_publish_frame_is_its_head_and_its_records(void **state)
{
	const struct message_publish publish = {
		.topic = { (const uint8_t *)"orders", 6 },
		.partition = 2,
		.producer = 0x1122334455667788,
		.sequence = 40,
		.count = 3,
	};
	struct message_publish received = { 0 };
	struct message_publish_record record;
	struct message_publish_cursor cursor;
	msgpack_sbuffer frame, records;
	struct error err = { 0 };
	(void)state;
	msgpack_sbuffer_init(&frame);
	msgpack_sbuffer_init(&records);
	append_golden_records(&records);
	assert_int_equal(message_publish_encode_head(&frame, 5, &publish, records.size, &err), 0);
	msgpack_sbuffer_write(&frame, records.data, records.size);
	assert_int_equal(load_u32((uint8_t *)frame.data), frame.size - 4);

	const struct bytes body = { (uint8_t *)frame.data + 12, frame.size - 12 };
	assert_int_equal(message_publish_decode(body, &received, &err), 0);
	assert_int_equal(received.partition, 2);
	assert_true(received.producer == 0x1122334455667788);
	assert_int_equal(received.sequence, 40);
	message_publish_open(&cursor, &received);
	assert_int_equal(message_publish_next(&cursor, &record, &err), 1);
	assert_int_equal(record.key.kind, CONTENT_BYTES);
	assert_int_equal(record.key.bytes.size, 2);
	/* The body is what record_body_encode makes, byte for byte. */
	msgpack_sbuffer expected;
	const struct content k1 = content_of("k1"), one = content_of("one");
	msgpack_sbuffer_init(&expected);
	assert_int_equal(record_body_encode(&expected, &k1, &one, (struct bytes){ NULL, 0 }, &err), 0);
	assert_int_equal(record.body.size, expected.size);
	assert_memory_equal(record.body.data, expected.data, expected.size);
	assert_int_equal(message_publish_next(&cursor, &record, &err), 1);
	assert_true(record.time_us == 1700000000000000);
	assert_int_equal(message_publish_next(&cursor, &record, &err), 1);
	assert_true(record.time_us == -100);
	assert_int_equal(record.key.kind, CONTENT_NIL);
	assert_int_equal(message_publish_next(&cursor, &record, &err), 0);
	assert_int_equal(message_publish_next(&cursor, &record, &err), 0);
	msgpack_sbuffer_destroy(&expected);
	msgpack_sbuffer_destroy(&frame);
	msgpack_sbuffer_destroy(&records);
}

static void the_server_chooses_where_no_partition_is_given(void **state)
{
	uint8_t body[64];
	struct message_publish publish = { 0 };
	struct error err = { 0 };
	/* {"topic": "a", "count": 1} */
	size_t size = hex_bytes(body, sizeof(body), "82 a5746f706963 a161 a5636f756e74 01");
	(void)state;
	assert_int_equal(message_publish_decode((struct bytes){ body, size }, &publish, &err), 0);
	assert_true(publish.partition == PUBLISH_ANY_PARTITION);
	assert_true(publish.producer == PUBLISH_NO_PRODUCER);
	assert_int_equal(publish.records.size, 0);

	/* {"topic": "a", "count": 1, "producer": 9} */
	size = hex_bytes(body, sizeof(body),
			 "83 a5746f706963 a161 a5636f756e74 01 a870726f6475636572 09");
	assert_int_equal(message_publish_decode((struct bytes){ body, size }, &publish, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_string_equal(err.text, "PUBLISH: a 'producer' has to say which 'partition': its "
				      "sequence counts by it");
}

static void check_records_refused(const char *hex, uint32_t count, const char *text)
{
	uint8_t bytes[128];
	const size_t size = hex_bytes(bytes, sizeof(bytes), hex);
	uint8_t *records = malloc(size + 1);
	const struct message_publish publish = { .count = count, .records = { records + 1, size } };
	struct message_publish_cursor cursor;
	struct message_publish_record record;
	struct error err = { 0 };
	int rc;
	assert_non_null(records);
	memcpy(records + 1, bytes, size);
	message_publish_open(&cursor, &publish);
	while ((rc = message_publish_next(&cursor, &record, &err)) == 1)
		;
	assert_int_equal(rc, -1);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, ERROR_MALFORMED);
	free(records);
}

static void what_is_no_published_record_is_refused(void **state)
{
	(void)state;
	check_records_refused("93 00 c0 c0", 1, "PUBLISH: record 0: an array of 3 items, 4 belong there");
	check_records_refused("95 00 c0 c0 c0 c0", 1,
			      "PUBLISH: record 0: an array of 5 items, 4 belong there");
	check_records_refused("94 c0 c0 c0 c0", 1,
			      "PUBLISH: record 0: time: msgpack has nil where integer belongs");
	check_records_refused("94 cf8000000000000000 c0 c0 c0", 1,
			      "PUBLISH: record 0: time: msgpack has 9223372036854775808 where 64 bits "
			      "with sign belong");
	/* An array in place of bytes would be read as a change. */
	check_records_refused("94 00 9101 c0 c0", 1, "PUBLISH: record 0: a published key is nil or bin");
	check_records_refused("94 00 c0 9101 c0", 1, "PUBLISH: record 0: a published value is nil or bin");
	check_records_refused("94 00 a16b c0 c0", 1, "PUBLISH: record 0: a published key is nil or bin");
	check_records_refused("94 00 c0 c0 91 a168", 1,
			      "PUBLISH: record 0: headers: a header's value: msgpack is cut short: an "
			      "item of 1 bytes, 0 left");
	check_records_refused("94 00 c0 c0 92 c40168 c0", 1,
			      "PUBLISH: record 0: headers: a header's name: msgpack has bytes where text "
			      "belongs");
	check_records_refused("94 00 c0 c0 c0 94 00 c0 c0 c0", 1, "PUBLISH: 5 bytes behind 1 records");
	check_records_refused("94 00 c0 c0 c0", 2,
			      "PUBLISH: record 1: msgpack is cut short: an item of 1 bytes, 0 left");
}

static void headers_that_are_no_array_are_refused(void **state)
{
	static const char *const bad[] = { "94 00 c0 c0 05", "94 00 c0 c0 81 a168 c0", "94 00 c0 c0 a168" };
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t bytes[16];
		const size_t size = hex_bytes(bytes, sizeof(bytes), bad[i]);
		const struct message_publish publish = { .count = 1, .records = { bytes, size } };
		struct message_publish_cursor cursor;
		struct message_publish_record record;
		struct error err = { 0 };
		message_publish_open(&cursor, &publish);
		assert_int_equal(message_publish_next(&cursor, &record, &err), -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
	}
}

static void records_cut_anywhere_are_refused(void **state)
{
	uint8_t bytes[128];
	const size_t size = hex_bytes(bytes, sizeof(bytes), records_hex);
	(void)state;
	for (size_t cut = 0; cut < size; cut++) {
		uint8_t *records = malloc(cut + 1);
		const struct message_publish publish = { .count = 3, .records = { records + 1, cut } };
		struct message_publish_cursor cursor;
		struct message_publish_record record;
		struct error err = { 0 };
		int rc;
		assert_non_null(records);
		memcpy(records + 1, bytes, cut);
		message_publish_open(&cursor, &publish);
		while ((rc = message_publish_next(&cursor, &record, &err)) == 1)
			;
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
		free(records);
	}
}

static void a_record_that_cannot_be_appended_leaves_no_trace(void **state)
{
	static uint8_t large[9000];
	const struct content key = { CONTENT_BYTES, { large, sizeof(large) } };
	const struct content change = { CONTENT_ARRAY, { (const uint8_t *)"\x90", 1 } };
	const struct bytes none = { NULL, 0 };
	msgpack_sbuffer records;
	struct error err = { 0 };
	(void)state;
	msgpack_sbuffer_init(&records);
	assert_int_equal(message_publish_append(&records, 0, &change, &nothing, none, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(message_publish_append(&records, 0, &nothing, &change, none, &err), -1);
	for (int n = 0; n < 2; n++) {
		fail_malloc_after(n);
		assert_int_equal(message_publish_append(&records, 0, &key, &nothing, none, &err), -1);
		assert_true(fail_malloc_stop());
		assert_int_equal(err.code, ERROR_MEMORY);
		assert_int_equal(records.size, 0);
	}
	msgpack_sbuffer_destroy(&records);
}

/* Two batches of one record, the second with four bytes more. */
static size_t make_batches(uint8_t *out)
{
	struct batch_header header = { .base_offset = 5, .record_count = 1, .payload_bytes = 7 };
	uint8_t key[BATCH_KEY_BYTES];
	uint8_t *at = out;
	batch_key_encode(key, 1, 2, 5);
	batch_header_encode(at, &header);
	hex_bytes(at + 48, 7, "96 00 00 00 c0 c0 c0");
	batch_seal(at, 55, key);
	at += 55;
	header.base_offset = 6;
	header.payload_bytes = 11;
	batch_key_encode(key, 1, 2, 6);
	batch_header_encode(at, &header);
	hex_bytes(at + 48, 11, "96 00 00 00 c0 c403616263 c0");
	batch_seal(at, 59, key);
	return 55 + 59;
}

static int decode_batches(uint32_t said_bytes, size_t sent_bytes, const uint8_t *batches,
			  struct message_batches *out, struct error *err)
{
	static uint8_t body[512];
	const struct message_batches head = {
		.topic_id = 1, .partition = 2, .visible_end = 7, .bytes = said_bytes,
	};
	msgpack_sbuffer frame;
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_batches_encode_head(&frame, 9, &head, err), 0);
	const size_t head_bytes = frame.size - FRAME_HEADER_BYTES;
	assert_int_equal(load_u32((uint8_t *)frame.data), 8 + head_bytes + said_bytes);
	memcpy(body, frame.data + FRAME_HEADER_BYTES, head_bytes);
	memcpy(body + head_bytes, batches, sent_bytes);
	msgpack_sbuffer_destroy(&frame);
	return message_batches_decode((struct bytes){ body, head_bytes + sent_bytes }, out, err);
}

static void batches_come_out_as_they_were_stored(void **state)
{
	uint8_t batches[128];
	const size_t size = make_batches(batches);
	struct message_batches received = { 0 };
	uint8_t key[BATCH_KEY_BYTES];
	struct bytes batch;
	struct error err = { 0 };
	(void)state;
	assert_int_equal(decode_batches((uint32_t)size, size, batches, &received, &err), 0);
	assert_int_equal(received.topic_id, 1);
	assert_int_equal(received.partition, 2);
	assert_int_equal(received.visible_end, 7);
	assert_int_equal(message_batches_next(&received.batches, &batch, &err), 1);
	assert_int_equal(batch.size, 55);
	batch_key_encode(key, 1, 2, 5);
	assert_int_equal(batch_check(batch.data, batch.size, key, &err), 0);
	assert_int_equal(message_batches_next(&received.batches, &batch, &err), 1);
	assert_int_equal(batch.size, 59);
	assert_memory_equal(batch.data, batches + 55, 59);
	assert_int_equal(message_batches_next(&received.batches, &batch, &err), 0);
}

static void batches_that_do_not_add_up_are_refused(void **state)
{
	uint8_t batches[128];
	const size_t size = make_batches(batches);
	struct message_batches received = { 0 };
	struct bytes batch;
	struct error err = { 0 };
	(void)state;
	assert_int_equal(decode_batches((uint32_t)size, size - 1, batches, &received, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_int_equal(decode_batches((uint32_t)size - 1, size, batches, &received, &err), -1);
	/* The frame adds up, the batch in it does not. */
	for (size_t cut = 1; cut < 55; cut++) {
		struct bytes rest = { batches, cut };
		assert_int_equal(message_batches_next(&rest, &batch, &err), -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
		assert_int_equal(rest.size, cut);
	}
	store_u32(batches + 44, UINT32_MAX);
	struct bytes rest = { batches, size };
	assert_int_equal(message_batches_next(&rest, &batch, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	batches[3] = 2;
	assert_int_equal(message_batches_next(&rest, &batch, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_have_their_golden_bytes),
		cmocka_unit_test(a_publish_frame_is_its_head_and_its_records),
		cmocka_unit_test(the_server_chooses_where_no_partition_is_given),
		cmocka_unit_test(what_is_no_published_record_is_refused),
		cmocka_unit_test(headers_that_are_no_array_are_refused),
		cmocka_unit_test(records_cut_anywhere_are_refused),
		cmocka_unit_test(a_record_that_cannot_be_appended_leaves_no_trace),
		cmocka_unit_test(batches_come_out_as_they_were_stored),
		cmocka_unit_test(batches_that_do_not_add_up_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
