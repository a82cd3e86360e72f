#include "protocol/value_json.h"
#include "protocol/value_text.h"

#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Every logical type, as people and as programs are shown it. */
static const struct golden {
	enum logical_type type;
	enum logical_type element_type;
	const char *hex;
	const char *text;
	const char *json;
} goldens[] = {
	{ LOGICAL_BOOL, 0, "c3", "true", "true" },
	{ LOGICAL_BOOL, 0, "c0", "null", "null" },
	{ LOGICAL_BOOL, 0, "c70001", "<unavailable>", "{\"unavailable\":true}" },
	{ LOGICAL_INT16, 0, "d18000", "-32768", "-32768" },
	{ LOGICAL_INT32, 0, "05", "5", "5" },
	{ LOGICAL_INT64, 0, "cf7fffffffffffffff", "9223372036854775807", "9223372036854775807" },
	{ LOGICAL_UINT64, 0, "cfffffffffffffffff", "18446744073709551615", "18446744073709551615" },
	{ LOGICAL_FLOAT32, 0, "ca3dcccccd", "0.1", "0.1" },
	{ LOGICAL_FLOAT32, 0, "caff800000", "-infinity", "{\"special\":\"-infinity\"}" },
	{ LOGICAL_FLOAT64, 0, "cb3fb999999999999a", "0.1", "0.1" },
	{ LOGICAL_FLOAT64, 0, "cb7ff8000000000000", "NaN", "{\"special\":\"NaN\"}" },
	{ LOGICAL_FLOAT64, 0, "d40201", "infinity", "{\"special\":\"infinity\"}" },
	{ LOGICAL_DECIMAL, 0, "a5 31322e3530", "12.50", "\"12.50\"" },
	{ LOGICAL_DECIMAL, 0, "d40203", "NaN", "{\"special\":\"NaN\"}" },
	{ LOGICAL_STRING, 0, "a6 4a c3b6 220a5c", "\"J\xc3\xb6\\\"\\n\\\\\"",
	  "\"J\xc3\xb6\\\"\\n\\\\\"" },
	{ LOGICAL_STRING, 0, "a0", "\"\"", "\"\"" },
	/* An escape sequence, a byte that is no UTF-8, a change of direction. */
	{ LOGICAL_STRING, 0, "a3 1b5b6d", "\"\\x1b[m\"", "\"\\u001b[m\"" },
	{ LOGICAL_STRING, 0, "a2 61ff", "\"a\\xff\"", "{\"hex\":\"61ff\"}" },
	{ LOGICAL_STRING, 0, "a3 e280ae", "\"\\u202e\"", "\"\xe2\x80\xae\"" },
	{ LOGICAL_BYTES, 0, "c40200ff", "0x00ff", "{\"hex\":\"00ff\"}" },
	{ LOGICAL_BYTES, 0, "c400", "0x", "{\"hex\":\"\"}" },
	{ LOGICAL_DATE, 0, "cd5007", "2026-02-03", "\"2026-02-03\"" },
	{ LOGICAL_DATE, 0, "d40202", "-infinity", "{\"special\":\"-infinity\"}" },
	{ LOGICAL_DATE, 0, "c70b0204 303030302d30302d3030", "0000-00-00",
	  "{\"special\":\"0000-00-00\"}" },
	{ LOGICAL_TIME, 0, "cf0000000ef725edfa", "17:51:16.000250", "\"17:51:16.000250\"" },
	{ LOGICAL_TIMETZ, 0, "92 cf0000000ef725edfa d1c7c1", "17:51:16.000250-03:59:59",
	  "\"17:51:16.000250-03:59:59\"" },
	{ LOGICAL_TIMESTAMP, 0, "00", "1970-01-01T00:00:00", "\"1970-01-01T00:00:00\"" },
	{ LOGICAL_TIMESTAMPTZ, 0, "ff", "1969-12-31T23:59:59.999999Z",
	  "\"1969-12-31T23:59:59.999999Z\"" },
	{ LOGICAL_INTERVAL, 0, "93 0e 03 ff", "P1Y2M3DT-0.000001S", "\"P1Y2M3DT-0.000001S\"" },
	{ LOGICAL_UUID, 0, "c410 123e4567e89b12d3a456426614174000",
	  "123e4567-e89b-12d3-a456-426614174000", "\"123e4567-e89b-12d3-a456-426614174000\"" },
	{ LOGICAL_JSON, 0, "a8 7b2261223a20317d", "{\"a\": 1}", "\"{\\\"a\\\": 1}\"" },
	{ LOGICAL_JSON, 0, "a3 5b0a5d", "\"[\\n]\"", "\"[\\n]\"" },
	{ LOGICAL_JSON, 0, "a2 3120", "\"1 \"", "\"1 \"" },
	{ LOGICAL_XML, 0, "a4 3c612f3e", "<a/>", "\"<a/>\"" },
	{ LOGICAL_ENUM, 0, "a3 6f6e65", "\"one\"", "\"one\"" },
	{ LOGICAL_SET, 0, "92 a161 a162", "[\"a\", \"b\"]", "[\"a\",\"b\"]" },
	{ LOGICAL_SET, 0, "90", "[]", "[]" },
	{ LOGICAL_BIT, 0, "a4 30313031", "0101", "\"0101\"" },
	{ LOGICAL_BIT, 0, "a0", "\"\"", "\"\"" },
	{ LOGICAL_ARRAY, LOGICAL_INT32, "93 01 c0 02", "[1, null, 2]", "[1,null,2]" },
	{ LOGICAL_ARRAY, LOGICAL_DATE, "92 91 00 91 d40201", "[[1970-01-01], [infinity]]",
	  "[[\"1970-01-01\"],[{\"special\":\"infinity\"}]]" },
	{ LOGICAL_ARRAY, LOGICAL_SET, "92 91 a161 90", "[[\"a\"], []]", "[[\"a\"],[]]" },
	{ LOGICAL_ARRAY, LOGICAL_POINT, "92 92 cb3ff8000000000000 cb4000000000000000 c0",
	  "[(1.5, 2), null]", "[[1.5,2],null]" },
	{ LOGICAL_POINT, 0, "92 cb3ff8000000000000 cb7ff0000000000000", "(1.5, infinity)",
	  "[1.5,{\"special\":\"infinity\"}]" },
	{ LOGICAL_GEOMETRY, 0, "92 cd10e6 c4020101", "SRID=4326 0x0101",
	  "{\"srid\":4326,\"hex\":\"0101\"}" },
	{ LOGICAL_GEOMETRY, 0, "92 c0 c400", "0x", "{\"srid\":null,\"hex\":\"\"}" },
	{ LOGICAL_INET, 0, "aa 31302e302e302e302f38", "10.0.0.0/8", "\"10.0.0.0/8\"" },
	{ LOGICAL_OID, 0, "ceffffffff", "4294967295", "4294967295" },
	{ LOGICAL_BSON, 0, "c405 0500000000", "0x0500000000", "{\"hex\":\"0500000000\"}" },
	{ LOGICAL_TEXT, 0, "a3 28312c", "\"(1,\"", "\"(1,\"" },
	/* Not of its type, or of none. */
	{ LOGICAL_DATE, 0, "a161", "\"a\"", "\"a\"" },
	{ LOGICAL_UUID, 0, "c40100", "0x00", "{\"hex\":\"00\"}" },
	{ LOGICAL_TIMETZ, 0, "91 00", "[0]", "[0]" },
	{ 0, 0, "93 a161 c40101 c70001", "[\"a\", 0x01, <unavailable>]",
	  "[\"a\",{\"hex\":\"01\"},{\"unavailable\":true}]" },
	{ 0, 0, "82 a161 01 02 90", "{\"a\": 1, 2: []}", "{\"map\":[[\"a\",1],[2,[]]]}" },
	{ 0, 0, "d405ab", "extension 5 0xab", "{\"extension\":5,\"hex\":\"ab\"}" },
	{ 0, 0, "d40209", "extension 2 0x09", "{\"extension\":2,\"hex\":\"09\"}" },
};

enum { GOLDEN_COUNT = sizeof(goldens) / sizeof(goldens[0]) };

static void assert_text(struct text *text, const char *expected)
{
	assert_int_equal(text_check(text, NULL), 0);
	text_add_byte(text, '\0');
	assert_string_equal(text->buffer.data, expected);
	text_clear(text);
}

static void every_type_has_a_readable_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		const struct golden *golden = &goldens[i];
		uint8_t bytes[64];
		size_t size = hex_bytes(bytes, sizeof(bytes), golden->hex);
		struct unpack unpack = unpack_over(bytes, size);
		struct text text;
		text_init(&text);
		assert_int_equal(value_text_add(&text, &unpack, golden->type, golden->element_type,
						0, NULL), 0);
		assert_true(unpack_at_end(&unpack));
		assert_text(&text, golden->text);
	}
}

static void every_type_has_a_json_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		const struct golden *golden = &goldens[i];
		uint8_t bytes[64];
		size_t size = hex_bytes(bytes, sizeof(bytes), golden->hex);
		struct unpack unpack = unpack_over(bytes, size);
		struct text text;
		struct json json = json_to(&text);
		text_init(&text);
		assert_int_equal(value_json_add(&json, &unpack, golden->type, golden->element_type,
						NULL), 0);
		assert_true(unpack_at_end(&unpack));
		assert_text(&text, golden->json);
	}
}

static void no_logical_type_was_forgotten(void **state)
{
	(void)state;
	for (enum logical_type type = 1; logical_type_name(type) != NULL; type++) {
		size_t i = 0;
		while (i < GOLDEN_COUNT && goldens[i].type != type)
			i++;
		assert_in_range(i, 0, GOLDEN_COUNT - 1);
	}
}

static void long_values_are_cut_for_people_alone(void **state)
{
	static const struct golden cut[] = {
		{ LOGICAL_STRING, 0, "a6 616263646566", "\"abcd\"\xe2\x80\xa6 (6 bytes)", NULL },
		{ LOGICAL_STRING, 0, "a6 616263c3a466", "\"abc\xc3\xa4\"\xe2\x80\xa6 (6 bytes)", NULL },
		{ LOGICAL_STRING, 0, "a4 61626364", "\"abcd\"", NULL },
		{ LOGICAL_JSON, 0, "a6 5b312c20325d", "\"[1, \"\xe2\x80\xa6 (6 bytes)", NULL },
		{ LOGICAL_BYTES, 0, "c405 0102030405", "0x01020304\xe2\x80\xa6 (5 bytes)", NULL },
		{ LOGICAL_ARRAY, LOGICAL_INT16, "95 01 02 03 04 05",
		  "[1, 2, \xe2\x80\xa6 (5 items)]", NULL },
		{ 0, 0, "85 01 02 03 04 05 06 07 08 09 0a", "{1: 2, \xe2\x80\xa6 (5 items)}", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		uint8_t bytes[64];
		size_t size = hex_bytes(bytes, sizeof(bytes), cut[i].hex);
		struct unpack unpack = unpack_over(bytes, size);
		struct text text;
		text_init(&text);
		assert_int_equal(value_text_add(&text, &unpack, cut[i].type, cut[i].element_type, 4,
						NULL), 0);
		assert_true(unpack_at_end(&unpack));
		assert_text(&text, cut[i].text);
	}
}

static void what_is_no_value_is_refused_and_leaves_nothing(void **state)
{
	uint8_t deep[40];
	(void)state;
	memset(deep, 0x91, sizeof(deep));
	const struct bytes bad[] = {
		{ deep, 0 },
		{ deep, 1 },                                    /* an array without its item */
		{ (const uint8_t *)"\xc1", 1 },
		{ (const uint8_t *)"\xd9\x05" "ab", 4 },
		{ deep, sizeof(deep) },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct unpack unpack = unpack_over(bad[i].data, bad[i].size);
		struct text text;
		struct json json = json_to(&text);
		struct error err = { 0 };
		text_init(&text);
		assert_int_equal(value_text_add(&text, &unpack, 0, 0, 0, &err), -1);
		assert_int_not_equal(err.code, ERROR_NONE);
		assert_int_equal(value_json_add(&json, &unpack, 0, 0, &err), -1);
		assert_int_equal(text.buffer.size, 0);
		assert_ptr_equal(unpack.at, bad[i].data);
		text_clear(&text);
	}
}

static void every_failed_allocation_is_reported(void **state)
{
	(void)state;
	for (int n = 0;; n++) {
		struct text text;
		struct json json = json_to(&text);
		text_init(&text);
		fail_malloc_after(n);
		for (size_t i = 0; i < 40 * GOLDEN_COUNT; i++) {
			uint8_t bytes[64];
			const struct golden *golden = &goldens[i % GOLDEN_COUNT];
			size_t size = hex_bytes(bytes, sizeof(bytes), golden->hex);
			struct unpack unpack = unpack_over(bytes, size);
			value_text_add(&text, &unpack, golden->type, golden->element_type, 0, NULL);
			unpack = unpack_over(bytes, size);
			value_json_add(&json, &unpack, golden->type, golden->element_type, NULL);
		}
		if (!fail_malloc_stop()) {
			text_clear(&text);
			assert_true(n > 1);
			break;
		}
		assert_int_equal(text_check(&text, NULL), -1);
		text_clear(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_has_a_readable_form),
		cmocka_unit_test(every_type_has_a_json_form),
		cmocka_unit_test(no_logical_type_was_forgotten),
		cmocka_unit_test(long_values_are_cut_for_people_alone),
		cmocka_unit_test(what_is_no_value_is_refused_and_leaves_nothing),
		cmocka_unit_test(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests_name("value_text", tests, NULL, NULL);
}
