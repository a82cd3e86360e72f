#include "protocol/record.h"

#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const struct content nil = { CONTENT_NIL, { NULL, 0 } };

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* Written as drawn, and read back. */
static void check_prefix(uint32_t offset_delta, int64_t time_delta_us, uint64_t transaction_delta,
			 const char *hex)
{
	uint8_t expected[64];
	uint8_t out[RECORD_PREFIX_BYTES_MAX + 3];
	const size_t size = hex_bytes(expected, sizeof(expected), hex);
	struct error err = { 0 };
	struct record record;

	memset(out, 0xc0, sizeof(out));
	assert_int_equal(record_prefix_encode(out, offset_delta, time_delta_us, transaction_delta),
			 size);
	assert_memory_equal(out, expected, size);
	assert_int_equal(out[RECORD_PREFIX_BYTES_MAX], 0xc0);
	assert_int_equal(record_prefix_size(offset_delta, time_delta_us, transaction_delta), size);

	memset(out + size, 0xc0, 3);
	struct unpack unpack = unpack_over(out, size + 3);
	assert_int_equal(record_decode(&unpack, 0, 0, 1, &record, &err), 0);
	assert_true(unpack_at_end(&unpack));
	assert_true(record.offset == offset_delta);
	assert_true(record.time_us == time_delta_us);
	assert_true(record.transaction_ordinal == 1 + transaction_delta);
}

static void prefix_numbers_take_their_smallest_form_and_come_back(void **state)
{
	(void)state;
	check_prefix(0, 0, 0, "96 00 00 00");
	check_prefix(0x7f, 0x7f, 0x7f, "96 7f 7f 7f");
	check_prefix(0x80, 0x80, 0x80, "96 cc80 cc80 cc80");
	check_prefix(0xff, 0xff, 0xff, "96 ccff ccff ccff");
	check_prefix(0x100, 0x100, 0x100, "96 cd0100 cd0100 cd0100");
	check_prefix(0xffff, 0xffff, 0xffff, "96 cdffff cdffff cdffff");
	check_prefix(0x10000, 0x10000, 0x10000, "96 ce00010000 ce00010000 ce00010000");
	check_prefix(UINT32_MAX, UINT32_MAX, UINT32_MAX, "96 ceffffffff ceffffffff ceffffffff");
	check_prefix(1, 0x100000000, 0x100000000,
		     "96 01 cf0000000100000000 cf0000000100000000");
	check_prefix(UINT32_MAX, INT64_MAX, UINT64_MAX - 1,
		     "96 ceffffffff cf7fffffffffffffff cffffffffffffffffe");
	check_prefix(2, -1, 0, "96 02 ff 00");
	check_prefix(2, -32, 0, "96 02 e0 00");
	check_prefix(2, -33, 0, "96 02 d0df 00");
	check_prefix(2, -128, 0, "96 02 d080 00");
	check_prefix(2, -129, 0, "96 02 d1ff7f 00");
	check_prefix(2, -32768, 0, "96 02 d18000 00");
	check_prefix(2, -32769, 0, "96 02 d2ffff7fff 00");
	check_prefix(2, INT32_MIN, 0, "96 02 d280000000 00");
	check_prefix(2, (int64_t)INT32_MIN - 1, 0, "96 02 d3ffffffff7fffffff 00");
	check_prefix(2, INT64_MIN, 0, "96 02 d38000000000000000 00");
}

#define BASE_OFFSET  1000u
#define BASE_TIME_US 1700000000000000
#define BASE_ORDINAL 40u

static const uint8_t row[] = { 0x92, 0x01, 0xa1, 'x' };
static const struct content row_content = { CONTENT_ARRAY, { row, sizeof(row) } };
static const struct content text_content = { CONTENT_BYTES, { (const uint8_t *)"k1", 2 } };
static const struct content empty_content = { CONTENT_BYTES, { (const uint8_t *)"", 0 } };

static void check_bytes(struct bytes got, struct bytes expected)
{
	assert_int_equal(got.data == NULL, expected.data == NULL);
	assert_int_equal(got.size, expected.size);
	if (got.size > 0)
		assert_memory_equal(got.data, expected.data, expected.size);
}

static void check_content(const struct content *got, const struct content *expected)
{
	assert_int_equal(got->kind, expected->kind);
	check_bytes(got->bytes, expected->bytes);
}

static int decode(const uint8_t *bytes, size_t size, struct record *out, struct error *err)
{
	struct unpack unpack = unpack_over(bytes, size);
	const int rc = record_decode(&unpack, BASE_OFFSET, BASE_TIME_US, BASE_ORDINAL, out, err);

	assert_true(rc == 0 ? unpack.at > bytes : unpack.at == bytes);
	return rc;
}

/* The bytes are written as drawn, and read back as what was written. */
static void check_record(uint32_t offset_delta, int64_t time_delta_us, uint64_t transaction_delta,
			 const struct content *key, const struct content *value,
			 struct bytes headers, const char *hex)
{
	uint8_t expected[256];
	uint8_t prefix[RECORD_PREFIX_BYTES_MAX];
	const size_t size = hex_bytes(expected, sizeof(expected), hex);
	struct error err = { 0 };
	struct record record;
	msgpack_sbuffer buffer;

	msgpack_sbuffer_init(&buffer);
	msgpack_sbuffer_write(&buffer, (const char *)prefix,
			      record_prefix_encode(prefix, offset_delta, time_delta_us,
						   transaction_delta));
	assert_int_equal(record_body_encode(&buffer, key, value, headers, &err), 0);
	assert_int_equal(buffer.size, size);
	assert_memory_equal(buffer.data, expected, size);
	msgpack_sbuffer_destroy(&buffer);

	assert_int_equal(decode(expected, size, &record, &err), 0);
	assert_int_equal(record.offset, BASE_OFFSET + offset_delta);
	assert_int_equal(record.time_us, BASE_TIME_US + time_delta_us);
	assert_int_equal(record.transaction_ordinal, BASE_ORDINAL + transaction_delta);
	check_content(&record.key, key);
	check_content(&record.value, value);
	check_bytes(record.headers, headers);
}

static void a_record_of_each_content_has_its_golden_bytes(void **state)
{
	uint8_t headers[64];
	const struct bytes none = { NULL, 0 };
	const struct bytes two = {
		headers, hex_bytes(headers, sizeof(headers), "94 a16e c40176 a0 c0"),
	};

	(void)state;
	check_record(0, 0, 0, &nil, &nil, none, "96 00 00 00 c0 c0 c0");
	check_record(1, -1, 0, &text_content, &nil, none, "96 01 ff 00 c402 6b31 c0 c0");
	check_record(2, -300, 1, &empty_content, &text_content, none,
		     "96 02 d1fed4 01 c400 c402 6b31 c0");
	check_record(200, -70000, 300, &row_content, &row_content, none,
		     "96 ccc8 d2fffeee90 cd012c 92 01 a178 92 01 a178 c0");
	check_record(70000, 5, 0x100000000, &nil, &text_content, two,
		     "96 ce00011170 05 cf0000000100000000 c0 c402 6b31 94 a16e c40176 a0 c0");
}

static void contents_of_any_length_come_back(void **state)
{
	static const size_t sizes[] = { 255, 256, 65535, 65536, 100000 };
	static uint8_t data[100000];

	(void)state;
	memset(data, 0x5a, sizeof(data));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct content content = { CONTENT_BYTES, { data, sizes[i] } };
		uint8_t prefix[RECORD_PREFIX_BYTES_MAX];
		struct error err = { 0 };
		struct record record;
		msgpack_sbuffer buffer;

		msgpack_sbuffer_init(&buffer);
		msgpack_sbuffer_write(&buffer, (const char *)prefix,
				      record_prefix_encode(prefix, 1, 2, 3));
		assert_int_equal(record_body_encode(&buffer, &content, &content,
						    (struct bytes){ NULL, 0 }, &err), 0);
		assert_int_equal(decode((uint8_t *)buffer.data, buffer.size, &record, &err), 0);
		check_content(&record.key, &content);
		check_content(&record.value, &content);
		msgpack_sbuffer_destroy(&buffer);
	}
}

static void headers_are_walked_in_order(void **state)
{
	uint8_t bytes[64];
	const size_t size = hex_bytes(bytes, sizeof(bytes),
				      "96 00 00 00 c0 c0  94 a16e c40176 a0 c0");
	struct error err = { 0 };
	struct record record;
	struct bytes name, value;

	(void)state;
	assert_int_equal(decode(bytes, size, &record, &err), 0);
	struct unpack headers = record_headers(&record);
	assert_int_equal(record_header_next(&headers, &name, &value, &err), 1);
	check_bytes(name, text_bytes("n"));
	check_bytes(value, text_bytes("v"));
	assert_int_equal(record_header_next(&headers, &name, &value, &err), 1);
	check_bytes(name, text_bytes(""));
	assert_null(value.data);
	assert_int_equal(record_header_next(&headers, &name, &value, &err), 0);
	assert_int_equal(record_header_next(&headers, &name, &value, &err), 0);
}

static void a_record_without_headers_has_none_to_walk(void **state)
{
	struct record record = { .headers = { NULL, 0 } };
	struct bytes name, value;
	struct error err = { 0 };

	(void)state;
	struct unpack headers = record_headers(&record);
	assert_int_equal(record_header_next(&headers, &name, &value, &err), 0);
	record.headers = (struct bytes){ (const uint8_t *)"\x90", 1 };
	headers = record_headers(&record);
	assert_int_equal(record_header_next(&headers, &name, &value, &err), 0);
	record.headers = (struct bytes){ (const uint8_t *)"\xc3", 1 };
	headers = record_headers(&record);
	assert_int_equal(record_header_next(&headers, &name, &value, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
}

static void headers_are_encoded_as_they_are_read(void **state)
{
	uint8_t expected[64];
	const size_t size = hex_bytes(expected, sizeof(expected), "94 a16e c40176 a0 c0");
	struct error err = { 0 };
	msgpack_sbuffer buffer;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(record_headers_begin(&buffer, 2, &err), 0);
	assert_int_equal(record_headers_add(&buffer, text_bytes("n"), text_bytes("v"), &err), 0);
	assert_int_equal(record_headers_add(&buffer, text_bytes(""), (struct bytes){ NULL, 0 },
					    &err), 0);
	assert_int_equal(buffer.size, size);
	assert_memory_equal(buffer.data, expected, size);
	msgpack_sbuffer_destroy(&buffer);
}

static void items_behind_the_sixth_are_skipped(void **state)
{
	uint8_t bytes[64];
	const size_t size = hex_bytes(bytes, sizeof(bytes),
				      "98 05 06 07 c0 c400 c0  92 01 93 02 03 04  a3 6e6577");
	struct error err = { 0 };
	struct record record;

	(void)state;
	struct unpack unpack = unpack_over(bytes, size);
	assert_int_equal(record_decode(&unpack, 0, 0, 1, &record, &err), 0);
	assert_true(unpack_at_end(&unpack));
	assert_int_equal(record.offset, 5);
	check_content(&record.value, &empty_content);
}

static void other_forms_of_the_same_numbers_are_read(void **state)
{
	static const char *const forms[] = {
		"96 cf0000000000000005 cf0000000000000006 ce00000007 c0 c0 c0",
		"dc0006 d005 d006 d10007 c0 c0 c0",
		"dd00000006 cc05 d20000 0006 d30000000000000007 c0 c0 c0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint8_t bytes[64];
		struct error err = { 0 };
		struct record record;
		const size_t size = hex_bytes(bytes, sizeof(bytes), forms[i]);

		assert_int_equal(decode(bytes, size, &record, &err), 0);
		assert_int_equal(record.offset, BASE_OFFSET + 5);
		assert_int_equal(record.time_us, BASE_TIME_US + 6);
		assert_int_equal(record.transaction_ordinal, BASE_ORDINAL + 7);
	}
}

static void a_published_record_has_no_transaction(void **state)
{
	static const char *const forms[] = {
		"96 05 00 01 c0 c0 c0",
		"96 05 00 cfffffffffffffffff c0 c0 c0",
	};
	uint8_t bytes[64];
	struct error err = { 0 };
	struct record record;

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct unpack unpack = unpack_over(bytes, hex_bytes(bytes, sizeof(bytes), forms[i]));
		assert_int_equal(record_decode(&unpack, BASE_OFFSET, BASE_TIME_US, 0, &record, &err), -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
		assert_true(unpack.at == bytes);
	}
	struct unpack unpack = unpack_over(bytes, hex_bytes(bytes, sizeof(bytes), "96 05 00 00 c0 c0 c0"));
	assert_int_equal(record_decode(&unpack, BASE_OFFSET, BASE_TIME_US, 0, &record, &err), 0);
	assert_int_equal(record.transaction_ordinal, 0);
}

static void a_record_cut_anywhere_is_malformed(void **state)
{
	static const char *const records[] = {
		"96 00 00 00 c0 c0 c0",
		"96 7f d0df cc80 c402 6b31 c403 6f6e65 94 a16e c40176 a0 c0",
		"96 cd0100 d1fc18 ce00010000 92 01 a178 91 c50001 61 92 d90161 c0",
		/* A long first number lets the walk begin, for the cut to hit the next. */
		"96 cf0000000000000001 d1fc18 cd0100 c50001 61 c0 c0",
		"96 cf0000000000000001 d2fffeee90 cc80 c600000001 61 c0 c0",
		"96 cf0000000000000001 d3ffffffff7fffffff ce00010000 dc0001 05 c0 dc0000",
		"96 cf0000000000000001 d080 cf0000000000010000 dd00000001 05 c0 c0",
		"97 ce00010000 d2fffeee90 cfffffffff00000000 91 07 c0 c0 a3 6e6577",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		uint8_t bytes[128];
		struct record record;
		const size_t size = hex_bytes(bytes, sizeof(bytes), records[i]);

		for (size_t cut = 0; cut < size; cut++) {
			/* Exactly as large as it is, for the sanitizer to watch. */
			uint8_t *part = malloc(cut + 1);
			struct error err = { 0 };
			assert_non_null(part);
			memcpy(part + 1, bytes, cut);
			assert_int_equal(decode(part + 1, cut, &record, &err), -1);
			assert_int_equal(err.code, ERROR_MALFORMED);
			free(part);
		}
		struct error err = { 0 };
		assert_int_equal(decode(bytes, size, &record, &err), 0);
	}
}

static void wrong_shapes_are_malformed(void **state)
{
	static const struct {
		const char *hex;
		const char *why;
	} records[] = {
		{ "95 00 00 00 c0 c0 96 00", "5 items" },
		{ "90 00 00 00 c0 c0 c0", "0 items" },
		{ "80 00 00 00 c0 c0 c0", "map where array" },
		{ "c0 00 00 00 c0 c0 c0", "nil where array" },
		{ "96 ff 00 00 c0 c0 c0", "negative" },
		{ "96 c0 00 00 c0 c0 c0", "nil where" },
		{ "96 00 c0 00 c0 c0 c0", "nil where" },
		{ "96 00 cb0000000000000000 00 c0 c0 c0", "float64 where" },
		{ "96 00 d40100 00 c0 c0 c0", "extension where" },
		{ "96 00 00 ff c0 c0 c0", "negative" },
		{ "96 00 00 00 a16b c0 c0", "the key is not" },
		{ "96 00 00 00 80 c0 c0", "the key is not" },
		{ "96 00 00 00 05 c0 c0", "the key is not" },
		{ "96 00 00 00 91c1 c0 c0", "the key: " },
		{ "96 00 00 00 c0 a176 c0", "the value is not" },
		{ "96 00 00 00 c0 d40100 c0", "the value is not" },
		{ "96 00 00 00 c0 c0 c400", "the headers: " },
		{ "96 00 00 00 c0 c0 91 a16e c0 a16e c0", "the last header has no value" },
		{ "96 00 00 00 c0 c0 92 c4016e c400", "a header's name: " },
		{ "96 00 00 00 c0 c0 92 a16e a176", "a header's value: " },
		{ "96 00 00 00 c0 c0 92 a16e 90", "a header's value: " },
		{ "97 00 00 00 c0 c0 c0 c1", "0xc1" },
		{ "96 00 00 00 dd7fffffff c0 c0", "the key: msgpack promises 2147483647 items" },
		{ "96 00 00 00 c6ffffffff c0 c0", "cut short" },
		{ "96 00 00 00 c0 c0 ddfffffffe a16e c0", "the headers: msgpack promises" },
		{ "ddffffffff 00 00 00 c0 c0 c0", "promises 4294967295 items" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		uint8_t bytes[64];
		struct error err = { 0 };
		struct record record, before;
		const size_t size = hex_bytes(bytes, sizeof(bytes), records[i].hex);

		memset(&record, 0xa5, sizeof(record));
		before = record;
		assert_int_equal(decode(bytes, size, &record, &err), -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
		if (strstr(err.text, records[i].why) == NULL)
			fail_msg("%s: %s", records[i].hex, err.text);
		assert_memory_equal(&record, &before, sizeof(record));
	}
}

static void a_deep_value_is_over_the_limit(void **state)
{
	uint8_t bytes[64] = { 0x96, 0, 0, 0, 0xc0 };
	struct error err = { 0 };
	struct record record;

	(void)state;
	memset(bytes + 5, 0x91, UNPACK_DEPTH_MAX - 1);
	bytes[5 + UNPACK_DEPTH_MAX - 1] = 0x90;
	bytes[5 + UNPACK_DEPTH_MAX] = 0xc0;
	assert_int_equal(decode(bytes, 6 + UNPACK_DEPTH_MAX, &record, &err), 0);
	bytes[5 + UNPACK_DEPTH_MAX - 1] = 0x91;
	bytes[5 + UNPACK_DEPTH_MAX] = 0x90;
	bytes[5 + UNPACK_DEPTH_MAX + 1] = 0xc0;
	assert_int_equal(decode(bytes, 7 + UNPACK_DEPTH_MAX, &record, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
}

static int decode_at(uint64_t offset, int64_t time_us, uint64_t ordinal, const char *hex)
{
	uint8_t bytes[64];
	struct error err = { 0 };
	struct record record;
	struct unpack unpack = unpack_over(bytes, hex_bytes(bytes, sizeof(bytes), hex));
	const int rc = record_decode(&unpack, offset, time_us, ordinal, &record, &err);

	assert_int_equal(err.code, rc == 0 ? ERROR_NONE : ERROR_MALFORMED);
	return rc;
}

static void numbers_beyond_64_bits_are_malformed(void **state)
{
	(void)state;
	assert_int_equal(decode_at(UINT64_MAX - 5, 0, 0, "96 05 00 00 c0 c0 c0"), 0);
	assert_int_equal(decode_at(UINT64_MAX - 5, 0, 0, "96 06 00 00 c0 c0 c0"), -1);
	assert_int_equal(decode_at(0, INT64_MAX - 5, 0, "96 00 05 00 c0 c0 c0"), 0);
	assert_int_equal(decode_at(0, INT64_MAX - 5, 0, "96 00 06 00 c0 c0 c0"), -1);
	assert_int_equal(decode_at(0, INT64_MIN + 5, 0, "96 00 fb 00 c0 c0 c0"), 0);
	assert_int_equal(decode_at(0, INT64_MIN + 5, 0, "96 00 fa 00 c0 c0 c0"), -1);
	assert_int_equal(decode_at(0, 0, UINT64_MAX - 5, "96 00 00 05 c0 c0 c0"), 0);
	assert_int_equal(decode_at(0, 0, UINT64_MAX - 5, "96 00 00 06 c0 c0 c0"), -1);
	assert_int_equal(decode_at(0, 0, 0, "96 ceffffffff 00 00 c0 c0 c0"), 0);
	assert_int_equal(decode_at(0, 0, 0, "96 cf0000000100000000 00 00 c0 c0 c0"), -1);
	assert_int_equal(decode_at(0, 0, 0, "96 00 cf8000000000000000 00 c0 c0 c0"), -1);
}

static void what_is_too_large_is_over_the_limit(void **state)
{
	const struct content huge = { CONTENT_BYTES, { row, (size_t)UINT32_MAX + 1 } };
	const struct bytes none = { NULL, 0 };
	struct error err = { 0 };
	msgpack_sbuffer buffer;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(record_body_encode(&buffer, &huge, &nil, none, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(record_body_encode(&buffer, &nil, &huge, none, &err), -1);
	assert_int_equal(record_body_encode(&buffer, &nil, &nil, huge.bytes, &err), -1);
	assert_int_equal(record_headers_add(&buffer, huge.bytes, none, &err), -1);
	assert_int_equal(record_headers_add(&buffer, none, huge.bytes, &err), -1);
	assert_int_equal(record_headers_begin(&buffer, UINT32_MAX / 2 + 1, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(buffer.size, 0);
	msgpack_sbuffer_destroy(&buffer);
}

static int encode_all(msgpack_sbuffer *buffer, const struct content *value, struct error *err)
{
	if (record_headers_begin(buffer, 1, err) != 0)
		return -1;
	if (record_headers_add(buffer, text_bytes("name"), value->bytes, err) != 0)
		return -1;
	return record_body_encode(buffer, &text_content, value, (struct bytes){ NULL, 0 }, err);
}

static void every_failed_allocation_is_reported_and_leaves_the_buffer(void **state)
{
	static uint8_t data[20000];
	const struct content value = { CONTENT_BYTES, { data, sizeof(data) } };
	int failed_count = 0;

	(void)state;
	for (int n = 0;; n++) {
		struct error err = { 0 };
		msgpack_sbuffer buffer;

		msgpack_sbuffer_init(&buffer);
		fail_malloc_after(n);
		const int rc = encode_all(&buffer, &value, &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			msgpack_sbuffer_destroy(&buffer);
			break;
		}
		failed_count++;
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		/* Nothing, the headers' head, or all headers: no half of an item. */
		assert_true(buffer.size == 0 || buffer.size == 1 ||
			    buffer.size == 1 + 5 + 3 + sizeof(data));
		msgpack_sbuffer_destroy(&buffer);
	}
	assert_true(failed_count >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_numbers_take_their_smallest_form_and_come_back),
		cmocka_unit_test(a_record_of_each_content_has_its_golden_bytes),
		cmocka_unit_test(contents_of_any_length_come_back),
		cmocka_unit_test(headers_are_walked_in_order),
		cmocka_unit_test(a_record_without_headers_has_none_to_walk),
		cmocka_unit_test(headers_are_encoded_as_they_are_read),
		cmocka_unit_test(items_behind_the_sixth_are_skipped),
		cmocka_unit_test(other_forms_of_the_same_numbers_are_read),
		cmocka_unit_test(a_published_record_has_no_transaction),
		cmocka_unit_test(a_record_cut_anywhere_is_malformed),
		cmocka_unit_test(wrong_shapes_are_malformed),
		cmocka_unit_test(a_deep_value_is_over_the_limit),
		cmocka_unit_test(numbers_beyond_64_bits_are_malformed),
		cmocka_unit_test(what_is_too_large_is_over_the_limit),
		cmocka_unit_test(every_failed_allocation_is_reported_and_leaves_the_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
