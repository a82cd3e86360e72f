#include "protocol/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int check_even(const char *value, struct error *err)
{
	return strlen(value) % 2 == 0 ? 0 : error_set(err, ERROR_DENIED, "'%s' is odd", value);
}

static const char *const words[] = { "error", "warning", "info", NULL };

static const struct option_spec text = { .name = "a.text", .type = OPTION_TEXT, .default_text = "x",
					 .form = "PATH", .check = check_even, .needs_restart = true,
					 .help = "What it is." };
static const struct option_spec secret = { .name = "a.secret", .type = OPTION_SECRET, .default_text = "",
					   .help = "What nobody sees." };
static const struct option_spec list = { .name = "a.list", .type = OPTION_LIST, .default_text = "" };
static const struct option_spec integer = { .name = "an.integer", .type = OPTION_INTEGER, .min = -5,
					    .max = 1000, .default_text = "7", .help = "How many." };
static const struct option_spec size = { .name = "a.size", .type = OPTION_BYTES, .min = 4096,
					 .max = INT64_C(64) << 40, .default_text = "64KiB",
					 .help = "How large." };
static const struct option_spec duration = { .name = "a.duration", .type = OPTION_DURATION, .min = 100,
					     .max = 3600000, .default_text = "10s", .help = "How long." };
static const struct option_spec boolean = { .name = "a.boolean", .type = OPTION_BOOL,
					    .default_text = "true", .help = "Whether." };
static const struct option_spec word = { .name = "a.word", .type = OPTION_WORD, .words = words,
					 .default_text = "info", .help = "Which." };

static union option_value parsed(const struct option_spec *spec, const char *value)
{
	union option_value out = { 0 };
	struct error err = { 0 };
	if (option_parse(spec, value, &out, &err) != 0)
		fail_msg("%s", err.text);
	return out;
}

static void expect_refusal(const struct option_spec *spec, const char *value, const char *expected)
{
	union option_value out = { .number = 99 };
	struct error err = { 0 };
	assert_int_equal(option_parse(spec, value, &out, &err), -1);
	assert_string_equal(err.text, expected);
	assert_int_equal(out.number, 99);
}

static void integers_within_the_limits_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parsed(&integer, "-5").number, -5);
	assert_int_equal(parsed(&integer, "0").number, 0);
	assert_int_equal(parsed(&integer, "0007").number, 7);
	assert_int_equal(parsed(&integer, "1000").number, 1000);
}

static void what_is_no_integer_within_the_limits_is_refused(void **state)
{
	static const char *const values[] = {
		"", "-", "many", "1001", "-6", "1.5", "1e2", "0x10", " 1", "1 ", "+1", "1KiB", "--1",
		"9223372036854775808", "-9223372036854775809", "18446744073709551623",
	};
	(void)state;
	for (size_t n = 0; n < sizeof(values) / sizeof(values[0]); n++) {
		char expected[256];
		snprintf(expected, sizeof(expected),
			 "an.integer: '%s' is not a whole number from -5 to 1000", values[n]);
		expect_refusal(&integer, values[n], expected);
	}
}

static void sizes_have_units(void **state)
{
	(void)state;
	assert_int_equal(parsed(&size, "4096").number, 4096);
	assert_int_equal(parsed(&size, "4096B").number, 4096);
	assert_int_equal(parsed(&size, "4KiB").number, 4096);
	assert_int_equal(parsed(&size, "64mib").number, 64 << 20);
	assert_int_equal(parsed(&size, "3GiB").number, INT64_C(3) << 30);
	assert_int_equal(parsed(&size, "64TiB").number, INT64_C(64) << 40);
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const values[] = {
		"", "KiB", "big", "64MB", "64M", "1.5MiB", "1 MiB", "-1", "4095", "65TiB", "9000000TiB",
		"18014398509481988KiB",
	};
	(void)state;
	for (size_t n = 0; n < sizeof(values) / sizeof(values[0]); n++) {
		char expected[256];
		snprintf(expected, sizeof(expected),
			 "a.size: '%s' is not a size from 4KiB to 64TiB; write a number of bytes, or one with "
			 "KiB, MiB, GiB or TiB", values[n]);
		expect_refusal(&size, values[n], expected);
	}
}

static void durations_have_units(void **state)
{
	(void)state;
	assert_int_equal(parsed(&duration, "100").number, 100);
	assert_int_equal(parsed(&duration, "100ms").number, 100);
	assert_int_equal(parsed(&duration, "10s").number, 10000);
	assert_int_equal(parsed(&duration, "5m").number, 300000);
	assert_int_equal(parsed(&duration, "1h").number, 3600000);
	int64_t ms;
	assert_int_equal(option_parse_duration("7d", &ms), 0);
	assert_int_equal(ms, 604800000);
	assert_int_equal(option_parse_duration("-1", &ms), 0);
	assert_int_equal(ms, -1);
	int64_t bytes;
	assert_int_equal(option_parse_bytes("20GiB", &bytes), 0);
	assert_int_equal(bytes, INT64_C(20) << 30);
	assert_int_equal(option_parse_bytes("20d", &bytes), -1);
}

static void what_is_no_duration_is_refused(void **state)
{
	static const char *const values[] = {
		"", "s", "often", "99", "2h", "1.5s", "10 s", "-10s", "10sec", "9223372036854775807d",
	};
	(void)state;
	for (size_t n = 0; n < sizeof(values) / sizeof(values[0]); n++) {
		char expected[256];
		snprintf(expected, sizeof(expected),
			 "a.duration: '%s' is not a duration from 100ms to 1h; write a number of milliseconds, "
			 "or one with ms, s, m, h or d", values[n]);
		expect_refusal(&duration, values[n], expected);
	}
}

static void booleans_have_several_words(void **state)
{
	(void)state;
	assert_true(parsed(&boolean, "true").boolean);
	assert_true(parsed(&boolean, "YES").boolean);
	assert_true(parsed(&boolean, "on").boolean);
	assert_false(parsed(&boolean, "false").boolean);
	assert_false(parsed(&boolean, "no").boolean);
	assert_false(parsed(&boolean, "Off").boolean);
	expect_refusal(&boolean, "perhaps", "a.boolean: 'perhaps' is neither true nor false");
	expect_refusal(&boolean, "1", "a.boolean: '1' is neither true nor false");
	expect_refusal(&boolean, "", "a.boolean: '' is neither true nor false");
}

static void words_are_known_by_their_place(void **state)
{
	(void)state;
	assert_int_equal(parsed(&word, "error").word, 0);
	assert_int_equal(parsed(&word, "INFO").word, 2);
	expect_refusal(&word, "loud", "a.word: 'loud' is not error, warning or info");
	expect_refusal(&word, "warn", "a.word: 'warn' is not error, warning or info");
	expect_refusal(&word, "warnig",
		       "a.word: 'warnig' is not error, warning or info: did you mean 'warning'?");
}

static void texts_are_checked(void **state)
{
	(void)state;
	assert_string_equal(parsed(&text, "abcd").text, "abcd");
	assert_string_equal(parsed(&list, "a,b").text, "a,b");
	assert_string_equal(parsed(&list, "").text, "");
	expect_refusal(&text, "", "a.text must not be empty");
	expect_refusal(&text, "abc", "a.text: 'abc' is odd");
}

static void long_wrong_value_is_shown_in_part(void **state)
{
	char value[500], expected[256];
	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	snprintf(expected, sizeof(expected), "a.boolean: '%.64s' is neither true nor false", value);
	expect_refusal(&boolean, value, expected);
}

static const char *formatted(const struct option_spec *spec, const char *value)
{
	static char out[OPTION_TEXT_BYTES];
	option_format(spec, parsed(spec, value), out);
	return out;
}

static void values_are_shown_as_they_could_be_written(void **state)
{
	static const struct option_spec any_size = { .name = "x", .type = OPTION_BYTES, .max = INT64_MAX };
	(void)state;
	assert_string_equal(formatted(&integer, "-5"), "-5");
	assert_string_equal(formatted(&integer, "0"), "0");
	assert_string_equal(formatted(&size, "65536"), "64KiB");
	assert_string_equal(formatted(&size, "65537"), "65537");
	assert_string_equal(formatted(&size, "1024GiB"), "1TiB");
	assert_string_equal(formatted(&any_size, "0"), "0");
	assert_string_equal(formatted(&duration, "10000"), "10s");
	assert_string_equal(formatted(&duration, "1500"), "1500ms");
	assert_string_equal(formatted(&duration, "60000"), "1m");
	assert_string_equal(formatted(&boolean, "off"), "false");
	assert_string_equal(formatted(&boolean, "on"), "true");
	assert_string_equal(formatted(&word, "Warning"), "warning");
	assert_string_equal(formatted(&text, "ab"), "ab");
	assert_string_equal(formatted(&list, "a,b"), "a,b");
}

static void secret_is_never_shown(void **state)
{
	(void)state;
	assert_string_equal(parsed(&secret, "hunter2").text, "hunter2");
	assert_string_equal(formatted(&secret, "hunter2"), "***");
}

static bool are_equal(const struct option_spec *spec, const char *a, const char *b)
{
	return option_is_equal(spec, parsed(spec, a), parsed(spec, b));
}

static void values_are_equal_when_they_mean_the_same(void **state)
{
	(void)state;
	assert_true(are_equal(&integer, "7", "07"));
	assert_false(are_equal(&integer, "7", "8"));
	assert_true(are_equal(&size, "64KiB", "65536"));
	assert_false(are_equal(&size, "64KiB", "64MiB"));
	assert_true(are_equal(&duration, "10s", "10000"));
	assert_true(are_equal(&boolean, "yes", "on"));
	assert_false(are_equal(&boolean, "yes", "no"));
	assert_true(are_equal(&word, "info", "INFO"));
	assert_false(are_equal(&word, "info", "error"));
	assert_true(are_equal(&text, "ab", "ab"));
	assert_false(are_equal(&text, "ab", "AB"));
	assert_false(are_equal(&secret, "a", "b"));
}

static void option_is_printed_for_people(void **state)
{
	struct text out;
	(void)state;
	text_init(&out);
	option_print(&text, &out);
	option_print(&duration, &out);
	text_add_byte(&out, '\0');
	assert_string_equal(out.buffer.data, "a.text = x\n    What it is.\n    text, PATH; a change needs a "
					     "restart.\n\n"
					     "a.duration = 10s\n    How long.\n    duration, 100ms to 1h; a "
					     "reload changes it.\n\n");
	text_clear(&out);
}

static void expect_json(const struct option_spec *spec, const char *expected)
{
	struct text out;
	text_init(&out);
	struct json json = json_to(&out);
	json_begin_object(&json);
	option_print_json(spec, &json);
	json_end_object(&json);
	text_add_byte(&out, '\0');
	assert_string_equal(out.buffer.data, expected);
	text_clear(&out);
}

static void option_is_printed_as_json(void **state)
{
	(void)state;
	expect_json(&text, "{\"name\":\"a.text\",\"type\":\"text\",\"limits\":\"PATH\",\"default\":\"x\",\"needs_restart\":true,"
			   "\"help\":\"What it is.\"}");
	expect_json(&size, "{\"name\":\"a.size\",\"type\":\"size\",\"limits\":\"4KiB to 64TiB\",\"default\":\"64KiB\",\"min\":4096,"
			   "\"max\":70368744177664,\"needs_restart\":false,\"help\":\"How large.\"}");
	expect_json(&word, "{\"name\":\"a.word\",\"type\":\"word\",\"limits\":\"error, warning or info\",\"default\":\"info\","
			   "\"words\":[\"error\",\"warning\",\"info\"],\"needs_restart\":false,"
			   "\"help\":\"Which.\"}");
}

struct object {
	char *text;
	int64_t number;
	bool boolean;
	int word;
};

#define AT(member) .place = offsetof(struct object, member)

static void values_are_stored_in_their_places(void **state)
{
	static const struct option_spec specs[] = {
		{ .name = "t", .type = OPTION_TEXT, AT(text) },
		{ .name = "n", .type = OPTION_DURATION, .max = 9000, AT(number) },
		{ .name = "b", .type = OPTION_BOOL, AT(boolean) },
		{ .name = "w", .type = OPTION_WORD, .words = words, AT(word) },
	};
	static const char *const texts[] = { "text", "5s", "true", "info" };
	struct object object = { 0 };
	struct error err = { 0 };
	(void)state;
	for (size_t n = 0; n < 4; n++) {
		assert_int_equal(option_store(&specs[n], &object, texts[n], &err), 0);
		assert_int_equal(option_store(&specs[n], &object, texts[n], &err), 0);
		assert_true(option_is_equal(&specs[n], option_load(&specs[n], &object), parsed(&specs[n], texts[n])));
	}
	assert_string_equal(object.text, "text");
	assert_int_equal(object.number, 5000);
	assert_true(object.boolean);
	assert_int_equal(object.word, 2);
	assert_int_equal(option_store(&specs[1], &object, "10s", &err), -1);
	assert_int_equal(object.number, 5000);
	for (size_t n = 0; n < 4; n++)
		option_clear(&specs[n], &object);
	assert_memory_equal(&object, &(struct object){ 0 }, sizeof(object));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_within_the_limits_are_taken),
		cmocka_unit_test(what_is_no_integer_within_the_limits_is_refused),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(booleans_have_several_words),
		cmocka_unit_test(words_are_known_by_their_place),
		cmocka_unit_test(texts_are_checked),
		cmocka_unit_test(long_wrong_value_is_shown_in_part),
		cmocka_unit_test(values_are_shown_as_they_could_be_written),
		cmocka_unit_test(secret_is_never_shown),
		cmocka_unit_test(values_are_equal_when_they_mean_the_same),
		cmocka_unit_test(values_are_stored_in_their_places),
		cmocka_unit_test(option_is_printed_for_people),
		cmocka_unit_test(option_is_printed_as_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
