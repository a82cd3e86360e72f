#include "protocol/json.h"

#include "tests/support/fail_malloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

static void assert_json(struct text *text, const char *expected)
{
	assert_int_equal(text_check(text, NULL), 0);
	text_add_byte(text, '\0');
	assert_string_equal(text->buffer.data, expected);
	text_clear(text);
}

static void write_everything(struct text *text)
{
	struct json json = json_to(text);
	json_begin_object(&json);
	json_name(&json, "none");
	json_begin_array(&json);
	json_end_array(&json);
	json_name(&json, "many");
	json_begin_array(&json);
	json_null(&json);
	json_bool(&json, true);
	json_bool(&json, false);
	json_i64(&json, INT64_MIN);
	json_u64(&json, UINT64_MAX);
	json_float64(&json, 0.1);
	json_float32(&json, 0.1f);
	json_string(&json, "text");
	json_hex(&json, (struct bytes){ (const uint8_t *)"\x00\xff", 2 });
	json_begin_plain(&json);
	text_add_string(json.text, "plain");
	json_end_plain(&json);
	json_begin_object(&json);
	json_end_object(&json);
	json_end_array(&json);
	json_name(&json, "last");
	json_begin_object(&json);
	json_name(&json, "a");
	json_i64(&json, 1);
	json_end_object(&json);
	json_end_object(&json);
	json_end_line(&json);
	json_i64(&json, 2);
}

static void commas_stand_between_values_alone(void **state)
{
	struct text text;
	(void)state;
	text_init(&text);
	write_everything(&text);
	assert_json(&text, "{\"none\":[],\"many\":[null,true,false,-9223372036854775808,"
			   "18446744073709551615,0.1,0.1,\"text\",\"00ff\",\"plain\",{}],"
			   "\"last\":{\"a\":1}}\n2");
}

static const struct {
	const char *in;
	size_t size;
	const char *out;
} texts[] = {
	{ "", 0, "\"\"" },
	{ "a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"" },
	{ "\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"" },
	{ "\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"" },
	{ "z\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80z", 11, "\"z\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80z\"" },
	/* One replacement for each ill-formed piece. */
	{ "\xff", 1, "\"\xef\xbf\xbd\"" },
	{ "a\xe2\x82" "b\xc3", 5, "\"a\xef\xbf\xbd" "b\xef\xbf\xbd\"" },
	{ "\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "\xc3\n", 2, "\"\xef\xbf\xbd\\n\"" },
};

static void texts_are_escaped_and_always_utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bytes in = { (const uint8_t *)texts[i].in, texts[i].size };
		struct text text;
		struct json json = json_to(&text);
		text_init(&text);
		json_text(&json, in);
		assert_json(&text, texts[i].out);
	}
}

static void names_are_escaped_too(void **state)
{
	struct text text;
	struct json json = json_to(&text);
	(void)state;
	text_init(&text);
	json_begin_object(&json);
	json_name_text(&json, (struct bytes){ (const uint8_t *)"a\"\xff", 3 });
	json_null(&json);
	json_end_object(&json);
	assert_json(&text, "{\"a\\\"\xef\xbf\xbd\":null}");
}

static void a_float_that_is_no_number_is_null(void **state)
{
	struct text text;
	struct json json = json_to(&text);
	(void)state;
	text_init(&text);
	json_begin_array(&json);
	json_float64(&json, (double)NAN);
	json_float64(&json, (double)-INFINITY);
	json_float32(&json, INFINITY);
	json_end_array(&json);
	assert_json(&text, "[null,null,null]");
}

static void every_failed_allocation_is_reported(void **state)
{
	(void)state;
	for (int n = 0;; n++) {
		struct text text;
		text_init(&text);
		fail_malloc_after(n);
		for (int i = 0; i < 200; i++)
			write_everything(&text);
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
		cmocka_unit_test(commas_stand_between_values_alone),
		cmocka_unit_test(texts_are_escaped_and_always_utf8),
		cmocka_unit_test(names_are_escaped_too),
		cmocka_unit_test(a_float_that_is_no_number_is_null),
		cmocka_unit_test(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
