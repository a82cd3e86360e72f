#include "protocol/record.h"

#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct content nil = { CONTENT_NIL, { NULL, 0 } };

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void check_prefix(uint32_t offset_delta, int64_t time_delta_us, uint64_t transaction_delta,
			 const char *hex)
{
	uint8_t expected[64];
	uint8_t out[RECORD_PREFIX_BYTES_MAX + 1];
	const size_t size = hex_bytes(expected, sizeof(expected), hex);

	memset(out, 0xa5, sizeof(out));
	assert_int_equal(record_prefix_encode(out, offset_delta, time_delta_us, transaction_delta),
			 size);
	assert_memory_equal(out, expected, size);
	assert_int_equal(out[RECORD_PREFIX_BYTES_MAX], 0xa5);
	assert_int_equal(record_prefix_size(offset_delta, time_delta_us, transaction_delta), size);
}

static void prefix_numbers_take_their_smallest_form(void **state)
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
	check_prefix(UINT32_MAX, INT64_MAX, UINT64_MAX,
		     "96 ceffffffff cf7fffffffffffffff cfffffffffffffffff");
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

static void check_body(const struct content *key, const struct content *value,
		       struct bytes headers, const char *hex)
{
	uint8_t expected[256];
	const size_t size = hex_bytes(expected, sizeof(expected), hex);
	struct error err = { 0 };
	msgpack_sbuffer buffer;

	msgpack_sbuffer_init(&buffer);
	assert_int_equal(record_body_encode(&buffer, key, value, headers, &err), 0);
	assert_int_equal(buffer.size, size);
	assert_memory_equal(buffer.data, expected, size);
	msgpack_sbuffer_destroy(&buffer);
}

static void a_body_of_each_content_has_its_golden_bytes(void **state)
{
	static const uint8_t row[] = { 0x92, 0x01, 0xa1, 'x' };
	const struct content array = { CONTENT_ARRAY, { row, sizeof(row) } };
	const struct content text = { CONTENT_BYTES, text_bytes("k1") };
	const struct content empty = { CONTENT_BYTES, text_bytes("") };
	const struct bytes none = { NULL, 0 };

	(void)state;
	check_body(&nil, &nil, none, "c0 c0 c0");
	check_body(&text, &nil, none, "c402 6b31 c0 c0");
	check_body(&empty, &text, none, "c400 c402 6b31 c0");
	check_body(&array, &array, none, "92 01 a178 92 01 a178 c0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_numbers_take_their_smallest_form),
		cmocka_unit_test(a_body_of_each_content_has_its_golden_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
