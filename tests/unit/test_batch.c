#include "protocol/batch.h"

#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static void every_flipped_bit_is_found(void **state)
{
	struct batch batch = golden_batch();

	(void)state;
	for (size_t bit = 0; bit < batch.size * 8; bit++) {
		struct error err = { 0 };
		batch.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(batch_check(batch.bytes, batch.size, batch.key, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.text, "batch of topic 7, partition 3, offset 73588229205"));
		batch.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_its_golden_bytes),
		cmocka_unit_test(a_header_has_its_golden_bytes),
		cmocka_unit_test(a_sealed_batch_is_whole),
		cmocka_unit_test(every_flipped_bit_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
