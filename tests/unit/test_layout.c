#include "storage/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack/pack.h>
#include <stdlib.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

/* A table's record by its decoder, for the tests that hold for all of them. */
typedef int decoder(struct bytes key, struct bytes value, struct error *err);

static struct bytes text(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static struct bytes bytes_in(const msgpack_sbuffer *buffer)
{
	return (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static void expect_hex(struct bytes bytes, const char *hex)
{
	uint8_t expected[512];
	size_t size = hex_bytes(expected, sizeof(expected), hex);
	assert_int_equal(bytes.size, size);
	assert_memory_equal(bytes.data, expected, size);
}

static int decode_partition(struct bytes key, struct bytes value, struct error *err)
{
	uint32_t topic_id, partition;
	struct partition_record record;
	return partition_record_decode(key, value, &topic_id, &partition, &record, err);
}

static int decode_topic(struct bytes key, struct bytes value, struct error *err)
{
	struct topic_record record;
	return topic_record_decode(key, value, &record, err);
}

static int decode_source(struct bytes key, struct bytes value, struct error *err)
{
	struct source_record record;
	return source_record_decode(key, value, &record, err);
}

/* One good record of each table. */
static const struct {
	const char *name;
	decoder *decode;
	const char *key_hex;
	const char *value_hex;
} records[] = {
	{ "partitions", decode_partition, "00000007 00000003",
	  "1112131415161718 2122232425262728 3132333435363738 4142434445464748"
	  "5152535455565758 6162636465666768 1cdb0c78" },
	{ "topics", decode_topic, "6f7264657273",
	  "95 07 04 cd012c cf00060a24181e4000 81 ac726574656e74696f6e2e6d73 ce0036ee80 67066d11" },
	{ "sources", decode_source, "6d79617070",
	  "96 cdffff cfffffffffffffffff ccff c403000102 c400 a9736c6f7420676f6e65 9e422060" },
};
enum { RECORD_COUNT = sizeof(records) / sizeof(records[0]) };

static void partition_has_its_bytes(void **state)
{
	(void)state;
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
	const struct partition_record record = {
		.log_start = 0x1112131415161718,
		.visible_end = 0x2122232425262728,
		.log_end = 0x3132333435363738,
		.bytes = 0x4142434445464748,
		.batch_count = 0x5152535455565758,
		.last_append_time_us = 0x6162636465666768,
	};
	partition_key_encode(key, 7, 3);
	expect_hex((struct bytes){ key, sizeof(key) }, records[0].key_hex);
	partition_record_encode(value, &record, key);
	expect_hex((struct bytes){ value, sizeof(value) }, records[0].value_hex);

	struct partition_record read;
	uint32_t topic_id, partition;
	assert_int_equal(partition_record_decode((struct bytes){ key, sizeof(key) },
						 (struct bytes){ value, sizeof(value) }, &topic_id,
						 &partition, &read, NULL), 0);
	assert_int_equal(topic_id, 7);
	assert_int_equal(partition, 3);
	assert_memory_equal(&read, &record, sizeof(record));
}

static void empty_partition_before_1970_has_its_bytes(void **state)
{
	(void)state;
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
	const struct partition_record record = { .last_append_time_us = -1 };
	partition_key_encode(key, UINT32_MAX, 0);
	partition_record_encode(value, &record, key);
	expect_hex((struct bytes){ value, sizeof(value) },
		   "0000000000000000 0000000000000000 0000000000000000 0000000000000000"
		   "0000000000000000 ffffffffffffffff 0f80a85c");
}

static void partition_with_offsets_out_of_order_is_damaged(void **state)
{
	(void)state;
	const struct partition_record wrong[] = {
		{ .log_start = 2, .visible_end = 1, .log_end = 3 },
		{ .log_start = 1, .visible_end = 3, .log_end = 2 },
		{ .log_start = 1 },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
		struct error err = { 0 };
		partition_key_encode(key, 1, 2);
		partition_record_encode(value, &wrong[i], key);
		assert_int_equal(decode_partition((struct bytes){ key, sizeof(key) },
						  (struct bytes){ value, sizeof(value) }, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
	}
}

static void topic_has_its_bytes(void **state)
{
	(void)state;
	uint8_t options[64];
	size_t size = hex_bytes(options, sizeof(options), "81 ac726574656e74696f6e2e6d73 ce0036ee80");
	struct topic_record read, record = {
		.id = 7, .partition_count = 4, .owner_source_id = 300, .created_us = 1700000000000000,
		.options = { options, size },
	};
	msgpack_sbuffer value;
	msgpack_sbuffer_init(&value);
	assert_int_equal(topic_record_encode(&value, &record, text("orders"), NULL), 0);
	expect_hex(bytes_in(&value), records[1].value_hex);
	assert_int_equal(topic_record_decode(text("orders"), bytes_in(&value), &read, NULL), 0);
	assert_int_equal(read.id, 7);
	assert_int_equal(read.partition_count, 4);
	assert_int_equal(read.owner_source_id, 300);
	assert_int_equal(read.created_us, 1700000000000000);
	assert_int_equal(read.options.size, size);
	assert_memory_equal(read.options.data, options, size);
	msgpack_sbuffer_destroy(&value);

	const struct topic_record largest = {
		.id = UINT32_MAX, .partition_count = 1024, .owner_source_id = UINT16_MAX,
		.created_us = -1, .options = text("\x80"),
	};
	msgpack_sbuffer_init(&value);
	assert_int_equal(topic_record_encode(&value, &largest, text("x"), NULL), 0);
	expect_hex(bytes_in(&value), "95 ceffffffff cd0400 cdffff ff 80 d1ad6ceb");
	msgpack_sbuffer_destroy(&value);
}

static void source_has_its_bytes(void **state)
{
	(void)state;
	static const uint8_t position[] = { 0, 1, 2 };
	struct source_record read, record = {
		.id = UINT16_MAX, .transaction_ordinal = UINT64_MAX, .state = UINT8_MAX,
		.position = { position, sizeof(position) }, .snapshot_progress = { position, 0 },
		.reason = text("slot gone"),
	};
	msgpack_sbuffer value;
	msgpack_sbuffer_init(&value);
	assert_int_equal(source_record_encode(&value, &record, text("myapp"), NULL), 0);
	expect_hex(bytes_in(&value), records[2].value_hex);
	assert_int_equal(source_record_decode(text("myapp"), bytes_in(&value), &read, NULL), 0);
	assert_int_equal(read.id, UINT16_MAX);
	assert_true(read.transaction_ordinal == UINT64_MAX);
	assert_int_equal(read.state, UINT8_MAX);
	assert_int_equal(read.position.size, 3);
	assert_memory_equal(read.position.data, position, 3);
	/* Empty is not the same as none. */
	assert_non_null(read.snapshot_progress.data);
	assert_int_equal(read.snapshot_progress.size, 0);
	assert_int_equal(read.reason.size, 9);
	msgpack_sbuffer_destroy(&value);
}

static void source_that_stored_nothing_has_its_bytes(void **state)
{
	(void)state;
	struct source_record read, record = { .id = 1 };
	msgpack_sbuffer value;
	msgpack_sbuffer_init(&value);
	assert_int_equal(source_record_encode(&value, &record, text("myapp"), NULL), 0);
	expect_hex(bytes_in(&value), "96 01 00 00 c0 c0 a0 31fb0876");
	assert_int_equal(source_record_decode(text("myapp"), bytes_in(&value), &read, NULL), 0);
	assert_null(read.position.data);
	assert_null(read.snapshot_progress.data);
	assert_int_equal(read.reason.size, 0);
	msgpack_sbuffer_destroy(&value);
}

static void seals_and_keys_have_their_bytes(void **state)
{
	(void)state;
	uint8_t schema_key[SCHEMA_KEY_BYTES], fingerprint_key[FINGERPRINT_KEY_BYTES];
	struct bytes key = { schema_key, sizeof(schema_key) };
	msgpack_sbuffer value;
	schema_key_encode(schema_key, 0x01020304);
	expect_hex(key, "01020304");
	msgpack_sbuffer_init(&value);
	msgpack_sbuffer_write(&value, "\x96\x01", 2);
	assert_int_equal(seal_append(&value, key, NULL), 0);
	expect_hex(bytes_in(&value), "9601 bb11c449");
	struct bytes body;
	assert_int_equal(seal_check("schemas", key, bytes_in(&value), &body, NULL), 0);
	expect_hex(body, "9601");
	msgpack_sbuffer_destroy(&value);

	fingerprint_key_encode(fingerprint_key, 0x0123456789abcdef, 5);
	key = (struct bytes){ fingerprint_key, sizeof(fingerprint_key) };
	expect_hex(key, "0123456789abcdef 00000005");
	assert_int_equal(seal_of(NULL, 0, key), 0x00a0476f);

	/* meta's numbers, and the instance id. */
	uint8_t number[8], instance[INSTANCE_ID_BYTES];
	store_u64(number, 1);
	assert_int_equal(seal_of(number, sizeof(number), text(META_FORMAT)), 0x975acf18);
	store_u64(number, 0x0102030405060708);
	assert_int_equal(seal_of(number, sizeof(number), text(META_NEXT_TOPIC_ID)), 0x78771daf);
	for (size_t i = 0; i < sizeof(instance); i++)
		instance[i] = (uint8_t)i;
	assert_int_equal(seal_of(instance, sizeof(instance), text(META_INSTANCE)), 0x1c530d33);
}

static void names_in_meta_stay(void **state)
{
	(void)state;
	assert_string_equal(META_FORMAT, "format");
	assert_string_equal(META_INSTANCE, "instance");
	assert_string_equal(META_NEXT_TOPIC_ID, "next topic id");
	assert_string_equal(META_NEXT_SCHEMA_ID, "next schema id");
	assert_string_equal(META_NEXT_SOURCE_ID, "next source id");
}

/* Copies into memory of exactly that size, so that a read beyond it is noticed. */
static int decode_copy(size_t n, struct bytes key, struct bytes value, struct error *err)
{
	uint8_t *key_copy = malloc(key.size + 1), *value_copy = malloc(value.size + 1);
	uint8_t *exact_key = realloc(key_copy, key.size > 0 ? key.size : 1);
	uint8_t *exact_value = realloc(value_copy, value.size > 0 ? value.size : 1);
	memcpy(exact_key, key.data, key.size);
	memcpy(exact_value, value.data, value.size);
	int rc = records[n].decode((struct bytes){ exact_key, key.size },
				   (struct bytes){ exact_value, value.size }, err);
	free(exact_key);
	free(exact_value);
	return rc;
}

static void every_flipped_bit_is_found(void **state)
{
	(void)state;
	for (size_t n = 0; n < RECORD_COUNT; n++) {
		uint8_t both[256];
		size_t key_size = hex_bytes(both, sizeof(both), records[n].key_hex);
		size_t size = key_size + hex_bytes(both + key_size, sizeof(both) - key_size,
						   records[n].value_hex);
		struct bytes key = { both, key_size }, value = { both + key_size, size - key_size };
		assert_int_equal(decode_copy(n, key, value, NULL), 0);
		for (size_t bit = 0; bit < size * 8; bit++) {
			struct error err = { 0 };
			both[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(decode_copy(n, key, value, &err), -1);
			assert_int_equal(err.code, ERROR_CORRUPT);
			assert_non_null(strstr(err.text, records[n].name));
			both[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void every_truncation_is_found(void **state)
{
	(void)state;
	for (size_t n = 0; n < RECORD_COUNT; n++) {
		uint8_t key_bytes[64], value_bytes[256];
		struct bytes key = { key_bytes, hex_bytes(key_bytes, sizeof(key_bytes), records[n].key_hex) };
		struct bytes value = { value_bytes, hex_bytes(value_bytes, sizeof(value_bytes),
							      records[n].value_hex) };
		for (size_t size = 0; size < value.size; size++) {
			struct error err = { 0 };
			assert_int_equal(decode_copy(n, key, (struct bytes){ value.data, size }, &err), -1);
			assert_int_equal(err.code, ERROR_CORRUPT);
		}
		for (size_t size = 0; size < key.size; size++)
			assert_int_equal(decode_copy(n, (struct bytes){ key.data, size }, value, NULL), -1);
	}
}

static void every_truncation_under_a_right_seal_is_found(void **state)
{
	(void)state;
	for (size_t n = 0; n < RECORD_COUNT; n++) {
		uint8_t key_bytes[64], value_bytes[256];
		struct bytes key = { key_bytes, hex_bytes(key_bytes, sizeof(key_bytes), records[n].key_hex) };
		size_t full_size =
			hex_bytes(value_bytes, sizeof(value_bytes), records[n].value_hex) - SEAL_BYTES;
		for (size_t size = 0; size < full_size; size++) {
			struct error err = { 0 };
			uint8_t cut[256 + SEAL_BYTES];
			memcpy(cut, value_bytes, size);
			store_u32(cut + size, seal_of(cut, size, key));
			assert_int_equal(decode_copy(n, key, (struct bytes){ cut, size + SEAL_BYTES }, &err), -1);
			assert_int_equal(err.code, ERROR_CORRUPT);
			assert_non_null(strstr(err.text, records[n].name));
		}
	}
}

/* A value by its hex, without seal. */
static int decode_sealed(decoder *decode, const char *hex, struct error *err)
{
	uint8_t value[256];
	struct bytes key = text("name");
	size_t size = hex_bytes(value, sizeof(value) - SEAL_BYTES, hex);
	store_u32(value + size, seal_of(value, size, key));
	return decode(key, (struct bytes){ value, size + SEAL_BYTES }, err);
}

static void what_does_not_fit_is_damaged(void **state)
{
	(void)state;
	static const struct {
		decoder *decode;
		const char *hex;
	} wrong[] = {
		{ decode_topic, "94 01 01 00 00" },                     /* too few items … */
		{ decode_topic, "94 01 01 00 00 80" },                  /* … whatever follows */
		{ decode_topic, "95 01 01 00 00 80 00" },               /* bytes behind */
		{ decode_topic, "95 01 01 ce00010000 00 80" },          /* an owner over 65535 */
		{ decode_topic, "95 01 01 00 00 90" },                  /* options that are no map */
		{ decode_topic, "95 01 01 00 00 c0" },
		{ decode_topic, "95 01 01 00 00 82 a161 01" },          /* a map that lies */
		{ decode_topic, "95 cf0000000100000000 01 00 00 80" },  /* an id over 32 bits */
		{ decode_topic, "95 ff 01 00 00 80" },
		{ decode_topic, "96 01 01 00 00 80" },
		{ decode_topic, "80" },
		{ decode_source, "95 01 00 00 c0 c0" },
		{ decode_source, "95 01 00 00 c0 c0 a0" },
		{ decode_source, "96 01 00 00 c0 c0 a0 a0" },
		{ decode_source, "96 ce00010000 00 00 c0 c0 a0" },      /* an id over 65535 */
		{ decode_source, "96 01 00 cd0100 c0 c0 a0" },          /* a state over 255 */
		{ decode_source, "96 01 ff 00 c0 c0 a0" },
		{ decode_source, "96 01 00 00 a161 c0 a0" },            /* text where bytes belong */
		{ decode_source, "96 01 00 00 c0 c0 c0" },
		{ decode_source, "97 01 00 00 c0 c0 a0" },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct error err = { 0 };
		if (decode_sealed(wrong[i].decode, wrong[i].hex, &err) != -1)
			fail_msg("%s was taken", wrong[i].hex);
		assert_int_equal(err.code, ERROR_CORRUPT);
	}
}

static void items_of_a_later_version_are_skipped(void **state)
{
	(void)state;
	assert_int_equal(decode_sealed(decode_topic, "96 01 01 00 00 80 c0", NULL), 0);
	assert_int_equal(decode_sealed(decode_topic, "dc0007 01 01 00 00 80 93010203 a161", NULL), 0);
	assert_int_equal(decode_sealed(decode_source, "98 01 00 00 c0 c0 a0 80 c40101", NULL), 0);
	/* Numbers need not be in their shortest form. */
	assert_int_equal(decode_sealed(decode_topic, "95 ce00000001 cd0001 cc00 d000 de0000", NULL), 0);
}

static void failed_decoding_leaves_the_output_alone(void **state)
{
	(void)state;
	struct topic_record topic = { .id = 77 };
	struct source_record source = { .id = 77 };
	struct bytes body = text("untouched");
	assert_int_equal(topic_record_decode(text("a"), text("nothing of the sort"), &topic, NULL), -1);
	assert_int_equal(source_record_decode(text("a"), text("nothing of the sort"), &source, NULL), -1);
	assert_int_equal(seal_check("meta", text("a"), text("abc"), &body, NULL), -1);
	assert_int_equal(seal_check("meta", text("a"), text("abcdefg"), &body, NULL), -1);
	assert_int_equal(topic.id, 77);
	assert_int_equal(source.id, 77);
	assert_int_equal(body.size, 9);
}

static void every_failed_allocation_is_reported(void **state)
{
	(void)state;
	const struct topic_record topic = { .id = 1, .options = text("\x80") };
	const struct source_record source = { .id = 1, .reason = text("reason") };
	int failed_count = 0;
	for (int n = 0;; n++) {
		msgpack_sbuffer topics, sources;
		struct error err = { 0 };
		msgpack_sbuffer_init(&topics);
		msgpack_sbuffer_init(&sources);
		fail_malloc_after(n);
		int rc = topic_record_encode(&topics, &topic, text("t"), &err) != 0 ||
			 source_record_encode(&sources, &source, text("s"), &err) != 0;
		bool has_failed = fail_malloc_stop();
		msgpack_sbuffer_destroy(&topics);
		msgpack_sbuffer_destroy(&sources);
		if (!has_failed) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, 1);
		assert_int_equal(err.code, ERROR_MEMORY);
		failed_count++;
	}
	assert_true(failed_count >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(partition_has_its_bytes),
		cmocka_unit_test(empty_partition_before_1970_has_its_bytes),
		cmocka_unit_test(partition_with_offsets_out_of_order_is_damaged),
		cmocka_unit_test(topic_has_its_bytes),
		cmocka_unit_test(source_has_its_bytes),
		cmocka_unit_test(source_that_stored_nothing_has_its_bytes),
		cmocka_unit_test(seals_and_keys_have_their_bytes),
		cmocka_unit_test(names_in_meta_stay),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(every_truncation_is_found),
		cmocka_unit_test(every_truncation_under_a_right_seal_is_found),
		cmocka_unit_test(what_does_not_fit_is_damaged),
		cmocka_unit_test(items_of_a_later_version_are_skipped),
		cmocka_unit_test(failed_decoding_leaves_the_output_alone),
		cmocka_unit_test(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
