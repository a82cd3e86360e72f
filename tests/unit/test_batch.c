#include "protocol/batch.h"

#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC_ID  7
#define PARTITION 3

/* Three records: a tombstone, published bytes with a header, a change. */
static const struct batch_header golden_header = {
	.base_offset = 0x1122334455,
	.record_count = 3,
	.last_offset_delta = 4,
	.append_time_us = 1700000000000000,
	.transaction_ordinal = 41,
	.source_id = 2,
	.flags = BATCH_FLAG_CONTINUES,
	.payload_bytes = 40,
};

static const char golden_header_hex[] =
	"4d534201 00000000"
	"0000001122334455 00000003 00000004"
	"00060a24181e4000 0000000000000029"
	"0002 0008 00000028";

static const char golden_payload_hex[] =
	"96 00 00 00  c402 6b31  c0  c0"
	"96 01 d0c4 00  c0  c403 6f6e65  92 a16e c40176"
	"96 04 d1fc18 01  91 07  92 01 a178  c0";

struct batch {
	uint8_t bytes[128];
	size_t size;
	uint8_t key[BATCH_KEY_BYTES];
};

static struct batch golden_batch(void)
{
	struct batch batch;

	batch_header_encode(batch.bytes, &golden_header);
	batch.size = BATCH_HEADER_BYTES + hex_bytes(batch.bytes + BATCH_HEADER_BYTES,
						    sizeof(batch.bytes) - BATCH_HEADER_BYTES,
						    golden_payload_hex);
	batch_key_encode(batch.key, TOPIC_ID, PARTITION, golden_header.base_offset);
	batch_seal(batch.bytes, batch.size, batch.key);
	return batch;
}

static void a_key_has_its_golden_bytes(void **state)
{
	uint8_t expected[BATCH_KEY_BYTES];
	uint8_t key[BATCH_KEY_BYTES];

	(void)state;
	hex_bytes(expected, sizeof(expected), "00000007 00000003 0000001122334455");
	batch_key_encode(key, TOPIC_ID, PARTITION, 0x1122334455);
	assert_memory_equal(key, expected, sizeof(key));
}

static void a_header_has_its_golden_bytes(void **state)
{
	uint8_t expected[BATCH_HEADER_BYTES];
	uint8_t header[BATCH_HEADER_BYTES];

	(void)state;
	assert_int_equal(hex_bytes(expected, sizeof(expected), golden_header_hex),
			 BATCH_HEADER_BYTES);
	batch_header_encode(header, &golden_header);
	assert_memory_equal(header, expected, sizeof(header));
}

static void a_sealed_batch_is_whole(void **state)
{
	const struct batch batch = golden_batch();
	struct error err = { 0 };

	(void)state;
	assert_int_equal(batch_check(batch.bytes, batch.size, batch.key, &err), 0);
	assert_int_equal(err.code, ERROR_NONE);
}

static void check_is_corrupt(const struct batch *batch, size_t size, const char *why)
{
	struct error err = { 0 };

	assert_int_equal(batch_check(batch->bytes, size, batch->key, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.text, why));
}

static void every_flipped_bit_is_found(void **state)
{
	struct batch batch = golden_batch();

	(void)state;
	for (size_t bit = 0; bit < batch.size * 8; bit++) {
		batch.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_is_corrupt(&batch, batch.size,
				 "batch of topic 7, partition 3, offset 73588229205: ");
		batch.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_batch_cut_anywhere_is_found(void **state)
{
	const struct batch batch = golden_batch();

	(void)state;
	for (size_t size = 0; size < batch.size; size++)
		check_is_corrupt(&batch, size, "batch of topic 7");
	check_is_corrupt(&batch, batch.size + 1, "batch of topic 7");
}

static void a_batch_in_the_wrong_place_is_found(void **state)
{
	struct batch batch = golden_batch();

	(void)state;
	batch_key_encode(batch.key, TOPIC_ID + 1, PARTITION, golden_header.base_offset);
	check_is_corrupt(&batch, batch.size, "topic 8, partition 3, offset 73588229205: checksum");
	batch_key_encode(batch.key, TOPIC_ID, PARTITION + 1, golden_header.base_offset);
	check_is_corrupt(&batch, batch.size, "topic 7, partition 4, offset 73588229205: checksum");
	batch_key_encode(batch.key, TOPIC_ID, PARTITION, golden_header.base_offset + 1);
	check_is_corrupt(&batch, batch.size, "topic 7, partition 3, offset 73588229206: checksum");

	/* Sealed for that key, yet not by us. */
	batch_seal(batch.bytes, batch.size, batch.key);
	check_is_corrupt(&batch, batch.size, "begins with offset 73588229205");
}

static void a_sealed_lie_is_found_too(void **state)
{
	struct batch batch = golden_batch();

	(void)state;
	store_u32(batch.bytes + 16, 0);
	batch_seal(batch.bytes, batch.size, batch.key);
	check_is_corrupt(&batch, batch.size, "no records");
}

static void another_format_is_named(void **state)
{
	struct batch batch = golden_batch();
	struct batch_header header;
	struct error err = { 0 };

	(void)state;
	batch.bytes[3] = 2;
	assert_int_equal(batch_header_decode(batch.bytes, batch.size, &header, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT_VERSION);
	assert_non_null(strstr(err.text, "format 2"));

	/* Its checksum need not be where ours is. */
	batch.bytes[4] ^= 1;
	assert_int_equal(batch_check(batch.bytes, batch.size, batch.key, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT_VERSION);

	batch.bytes[0] = 'N';
	assert_int_equal(batch_header_decode(batch.bytes, batch.size, &header, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
}

static void check_unsupported(uint16_t flags, const char *why)
{
	struct batch batch = golden_batch();
	struct batch_cursor cursor;
	struct error err = { 0 };

	store_u16(batch.bytes + 42, flags);
	batch_seal(batch.bytes, batch.size, batch.key);
	assert_int_equal(batch_open(&cursor, batch.bytes, batch.size, &err), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
	assert_non_null(strstr(err.text, why));
	assert_non_null(strstr(err.text, "upgrade"));
	assert_int_equal(batch_check(batch.bytes, batch.size, batch.key, &err), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
}

static void codecs_and_flags_to_come_are_refused(void **state)
{
	(void)state;
	for (uint16_t codec = 1; codec <= BATCH_FLAG_CODEC_MASK; codec++)
		check_unsupported(codec | BATCH_FLAG_CONTINUES, "codec");
	for (unsigned flag = 0x10; flag <= 0x8000; flag <<= 1)
		check_unsupported((uint16_t)flag, "flags");
}

static void check_header_is_malformed(const struct batch_header *lie, size_t size)
{
	struct batch batch = golden_batch();
	struct batch_header header, before;
	struct batch_cursor cursor;
	struct error err = { 0 };

	memset(&header, 0xa5, sizeof(header));
	before = header;
	batch_header_encode(batch.bytes, lie);
	assert_int_equal(batch_header_decode(batch.bytes, size, &header, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_memory_equal(&header, &before, sizeof(header));
	assert_int_equal(batch_open(&cursor, batch.bytes, size, &err), -1);
}

static void headers_that_cannot_be_true_are_malformed(void **state)
{
	const size_t size = golden_batch().size;
	struct batch_header lie;

	(void)state;
	for (size_t cut = 0; cut < BATCH_HEADER_BYTES; cut++)
		check_header_is_malformed(&golden_header, cut);
	check_header_is_malformed(&golden_header, size - 1);
	check_header_is_malformed(&golden_header, size + 1);
	check_header_is_malformed(&golden_header, (size_t)BATCH_BYTES_MAX + 1);
	check_header_is_malformed(&golden_header, SIZE_MAX);

	lie = golden_header;
	lie.record_count = 0;
	check_header_is_malformed(&lie, size);
	lie.record_count = 6; /* of 7 bytes at least, in 40 */
	lie.last_offset_delta = 5;
	check_header_is_malformed(&lie, size);
	lie.record_count = lie.last_offset_delta = UINT32_MAX;
	check_header_is_malformed(&lie, size);

	lie = golden_header;
	lie.last_offset_delta = 1;
	check_header_is_malformed(&lie, size);

	lie = golden_header;
	lie.base_offset = UINT64_MAX - lie.last_offset_delta;
	check_header_is_malformed(&lie, size);
	lie.base_offset = UINT64_MAX;
	check_header_is_malformed(&lie, size);

	lie = golden_header;
	lie.payload_bytes = UINT32_MAX;
	check_header_is_malformed(&lie, size);
	lie.payload_bytes = BATCH_BYTES_MAX + 1 - BATCH_HEADER_BYTES;
	check_header_is_malformed(&lie, (size_t)BATCH_BYTES_MAX + 1);
}

static void a_header_comes_back_as_it_was_written(void **state)
{
	struct batch batch = golden_batch();
	struct batch_header header = { 0 };
	struct error err = { 0 };
	struct batch_header low_time = golden_header;

	(void)state;
	assert_int_equal(batch_header_decode(batch.bytes, batch.size, &header, &err), 0);
	assert_memory_equal(&header, &golden_header, sizeof(header));

	low_time.append_time_us = INT64_MIN;
	low_time.base_offset = UINT64_MAX - low_time.last_offset_delta - 1;
	batch_header_encode(batch.bytes, &low_time);
	assert_int_equal(batch_header_decode(batch.bytes, batch.size, &header, &err), 0);
	assert_memory_equal(&header, &low_time, sizeof(header));
}

static void check_content(const struct content *content, enum content_kind kind, const char *hex)
{
	uint8_t expected[64];
	const size_t size = hex_bytes(expected, sizeof(expected), hex);

	assert_int_equal(content->kind, kind);
	assert_int_equal(content->bytes.size, size);
	if (size > 0)
		assert_memory_equal(content->bytes.data, expected, size);
}

static void check_record(struct batch_cursor *cursor, uint64_t offset, int64_t time_us,
			 uint64_t ordinal, struct record *out)
{
	struct error err = { 0 };

	assert_int_equal(batch_next(cursor, out, &err), 1);
	assert_int_equal(out->offset, offset);
	assert_int_equal(out->time_us, time_us);
	assert_int_equal(out->transaction_ordinal, ordinal);
}

static void the_golden_batch_is_read_as_drawn(void **state)
{
	const struct batch batch = golden_batch();
	struct batch_cursor cursor;
	struct error err = { 0 };
	struct record record;

	(void)state;
	assert_int_equal(batch_open(&cursor, batch.bytes, batch.size, &err), 0);
	assert_memory_equal(&cursor.header, &golden_header, sizeof(golden_header));

	check_record(&cursor, 0x1122334455, 1700000000000000, 41, &record);
	check_content(&record.key, CONTENT_BYTES, "6b31");
	check_content(&record.value, CONTENT_NIL, "");
	assert_null(record.headers.data);

	check_record(&cursor, 0x1122334456, 1700000000000000 - 60, 41, &record);
	check_content(&record.key, CONTENT_NIL, "");
	check_content(&record.value, CONTENT_BYTES, "6f6e65");
	assert_int_equal(record.headers.size, 6);

	check_record(&cursor, 0x1122334459, 1700000000000000 - 1000, 42, &record);
	check_content(&record.key, CONTENT_ARRAY, "91 07");
	check_content(&record.value, CONTENT_ARRAY, "92 01 a178");

	assert_int_equal(batch_next(&cursor, &record, &err), 0);
	assert_int_equal(batch_next(&cursor, &record, &err), 0);
}

static void append_record(msgpack_sbuffer *buffer, uint32_t offset_delta, int64_t time_delta_us,
			  uint64_t transaction_delta, const struct content *key,
			  const struct content *value, struct bytes headers)
{
	uint8_t prefix[RECORD_PREFIX_BYTES_MAX];
	struct error err = { 0 };
	const size_t size = record_prefix_encode(prefix, offset_delta, time_delta_us,
						 transaction_delta);

	msgpack_sbuffer_write(buffer, (const char *)prefix, size);
	assert_int_equal(record_body_encode(buffer, key, value, headers, &err), 0);
}

static void the_golden_batch_is_written_as_drawn(void **state)
{
	static const uint8_t row[] = { 0x92, 0x01, 0xa1, 'x' };
	const struct content nil = { CONTENT_NIL, { NULL, 0 } };
	const struct content k1 = { CONTENT_BYTES, { (const uint8_t *)"k1", 2 } };
	const struct content one = { CONTENT_BYTES, { (const uint8_t *)"one", 3 } };
	const struct content seven = { CONTENT_ARRAY, { (const uint8_t *)"\x91\x07", 2 } };
	const struct content change = { CONTENT_ARRAY, { row, sizeof(row) } };
	const struct bytes none = { NULL, 0 };
	const struct bytes header = { (const uint8_t *)"\x92\xa1n\xc4\x01v", 6 };
	const struct batch expected = golden_batch();
	msgpack_sbuffer buffer;
	struct batch batch;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	append_record(&buffer, 0, 0, 0, &k1, &nil, none);
	append_record(&buffer, 1, -60, 0, &nil, &one, header);
	append_record(&buffer, 4, -1000, 1, &seven, &change, none);
	batch.size = BATCH_HEADER_BYTES + buffer.size;
	assert_int_equal(batch.size, expected.size);
	batch_header_encode(batch.bytes, &golden_header);
	memcpy(batch.bytes + BATCH_HEADER_BYTES, buffer.data, buffer.size);
	batch_key_encode(batch.key, TOPIC_ID, PARTITION, golden_header.base_offset);
	batch_seal(batch.bytes, batch.size, batch.key);
	assert_memory_equal(batch.bytes, expected.bytes, batch.size);
	msgpack_sbuffer_destroy(&buffer);
}

static void the_checksum_is_a_known_one(void **state)
{
	const struct batch batch = golden_batch();

	(void)state;
	/* Computed bit by bit, by another program. */
	assert_int_equal(load_u32(batch.bytes + 4), 0x39ba2b40);
}

/* Walk a batch of the given payload; how many records came before the end (>= 0)
 * or before an error (< 0: -1 - records). */
static int walk(struct batch_header header, const char *payload_hex)
{
	uint8_t bytes[256];
	struct batch_cursor cursor;
	struct error err = { 0 };
	struct record record;
	int count = 0;
	int rc;

	header.payload_bytes = (uint32_t)hex_bytes(bytes + BATCH_HEADER_BYTES,
						   sizeof(bytes) - BATCH_HEADER_BYTES, payload_hex);
	batch_header_encode(bytes, &header);
	assert_int_equal(batch_open(&cursor, bytes, BATCH_HEADER_BYTES + header.payload_bytes,
				    &err), 0);
	while ((rc = batch_next(&cursor, &record, &err)) == 1)
		count++;
	if (rc == 0)
		return count;

	const struct unpack stopped = cursor.payload;
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_non_null(strstr(err.text, "batch at offset 100, record "));
	assert_int_equal(batch_next(&cursor, &record, &err), -1);
	assert_ptr_equal(cursor.payload.at, stopped.at);
	return -1 - count;
}

static void counts_and_offsets_have_to_come_true(void **state)
{
	const struct batch_header two = {
		.base_offset = 100, .record_count = 2, .last_offset_delta = 5,
	};
	const struct batch_header one = { .base_offset = 100, .record_count = 1 };

	(void)state;
	assert_int_equal(walk(two, "96 00 00 00 c0 c0 c0  96 05 00 00 c0 c0 c0"), 2);
	/* Offsets may begin behind the base: compaction leaves holes. */
	assert_int_equal(walk(two, "96 03 00 00 c0 c0 c0  96 05 00 00 c0 c0 c0"), 2);
	assert_int_equal(walk(two, "96 00 00 00 c0 c0 c0  96 04 00 00 c0 c0 c0"), -2);
	assert_int_equal(walk(two, "96 00 00 00 c0 c0 c0  96 06 00 00 c0 c0 c0"), -2);
	assert_int_equal(walk(two, "96 06 00 00 c0 c0 c0  96 05 00 00 c0 c0 c0"), -1);
	/* Not increasing. */
	assert_int_equal(walk(two, "96 05 00 00 c0 c0 c0  96 05 00 00 c0 c0 c0"), -2);
	assert_int_equal(walk(two, "96 04 00 00 c0 c0 c0  96 03 00 00 c0 c0 c0"), -2);
	/* One less, half of one more, one more than the header says. */
	assert_int_equal(walk(two, "96 05 00 00 c0 c407 00000000000000 c0"), -2);
	assert_int_equal(walk(two, "96 00 00 00 c0 c0 c0  96 05 00 00 c0 c0 c0  96 06"), -2);
	assert_int_equal(walk(one, "96 00 00 00 c0 c0 c0  96 01 00 00 c0 c0 c0"), -1);
	assert_int_equal(walk(one, "96 00 00 00 c0 c0 c0"), 1);
	assert_int_equal(walk(one, "97 00 00 00 c0 c0 c0 93 01 02 03"), 1);
	assert_int_equal(walk(one, "96 00 cf8000000000000000 00 c0 c0 c0"), -1);
}

static void no_byte_outside_a_cut_payload_is_read(void **state)
{
	const struct batch batch = golden_batch();

	(void)state;
	for (size_t size = BATCH_HEADER_BYTES + 21; size < batch.size; size++) {
		/* Exactly as large as it is, for the sanitizer to watch. */
		uint8_t *part = malloc(size);
		struct batch_cursor cursor;
		struct error err = { 0 };
		struct record record;
		int rc;

		assert_non_null(part);
		memcpy(part, batch.bytes, size);
		store_u32(part + 44, (uint32_t)(size - BATCH_HEADER_BYTES));
		assert_int_equal(batch_open(&cursor, part, size, &err), 0);
		while ((rc = batch_next(&cursor, &record, &err)) == 1) {
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
		free(part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_its_golden_bytes),
		cmocka_unit_test(a_header_has_its_golden_bytes),
		cmocka_unit_test(a_header_comes_back_as_it_was_written),
		cmocka_unit_test(the_golden_batch_is_written_as_drawn),
		cmocka_unit_test(the_golden_batch_is_read_as_drawn),
		cmocka_unit_test(the_checksum_is_a_known_one),
		cmocka_unit_test(a_sealed_batch_is_whole),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(a_batch_cut_anywhere_is_found),
		cmocka_unit_test(a_batch_in_the_wrong_place_is_found),
		cmocka_unit_test(a_sealed_lie_is_found_too),
		cmocka_unit_test(another_format_is_named),
		cmocka_unit_test(codecs_and_flags_to_come_are_refused),
		cmocka_unit_test(headers_that_cannot_be_true_are_malformed),
		cmocka_unit_test(counts_and_offsets_have_to_come_true),
		cmocka_unit_test(no_byte_outside_a_cut_payload_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
