#include "tests/support/postgresql_golden.h"

static void text_becomes_the_value_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < golden_count; i++) {
		struct postgresql_type type = type_of(goldens[i].oid);
		struct error err = { 0 };
		msgpack_sbuffer buffer;
		msgpack_sbuffer_init(&buffer);
		encode(&type, false, goldens[i].text, strlen(goldens[i].text), &buffer, &err);
		assert_string_equal(err.text, "");
		assert_value(&buffer, goldens[i].value, goldens[i].text);
		msgpack_sbuffer_destroy(&buffer);
	}
}

/* Too long for the shortest forms, on both sides of each step of the encoding. */
static void arrays_of_any_length_have_the_shortest_head(void **state)
{
	static const size_t counts[] = { 15, 16, 65535, 65536 };
	static const char *const heads[] = { "9f", "dc0010", "dcffff", "dd00010000" };
	struct postgresql_type type = type_of(1007);
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct wanted head = want(heads[i]);
		char *text = malloc(counts[i] * 2 + 1);
		msgpack_sbuffer buffer;
		assert_non_null(text);
		for (size_t k = 0; k < counts[i]; k++)
			memcpy(text + 2 * k, k == 0 ? "{7" : ",7", 2);
		text[2 * counts[i]] = '}';
		msgpack_sbuffer_init(&buffer);
		assert_int_equal(encode(&type, false, text, counts[i] * 2 + 1, &buffer, NULL), 0);
		assert_int_equal(buffer.size, head.size + counts[i]);
		assert_memory_equal(buffer.data, head.bytes, head.size);
		for (size_t k = 0; k < counts[i]; k++)
			assert_int_equal(buffer.data[head.size + k], 7);
		msgpack_sbuffer_destroy(&buffer);
		free(text);
	}
}

/* Escapes are undone in the buffer itself: as it grows, too. */
static void long_element_with_escapes_is_whole(void **state)
{
	enum { LENGTH = 100000 };
	struct postgresql_type type = type_of(1009);
	char *text = malloc(2 * LENGTH + 16);
	msgpack_sbuffer buffer;
	(void)state;
	assert_non_null(text);
	memcpy(text, "{a,\"", 4);
	for (size_t i = 0; i < LENGTH; i++)
		memcpy(text + 4 + 2 * i, i % 2 == 0 ? "\\\"" : "\\\\", 2);
	memcpy(text + 4 + 2 * LENGTH, "\",b}", 4);
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(encode(&type, false, text, 8 + 2 * LENGTH, &buffer, NULL), 0);
	assert_int_equal(buffer.size, 1 + 2 + 5 + LENGTH + 2);
	assert_memory_equal(buffer.data, "\x93\xa1" "a\xdb\x00\x01\x86\xa0", 8);
	for (int i = 0; i < LENGTH; i++)
		assert_int_equal(buffer.data[8 + i], i % 2 == 0 ? '"' : '\\');
	assert_memory_equal(buffer.data + 8 + LENGTH, "\xa1" "b", 2);
	msgpack_sbuffer_destroy(&buffer);
	free(text);
}

/* None of these is guessed at. */
static void text_that_postgresql_does_not_print_is_malformed(void **state)
{
	static const struct {
		uint32_t oid;
		const char *texts[24];
	} cases[] = {
		{ 16, { "", "true", "T", "1", "tf" } },
		{ 21, { "", "-", "32768", "-32769", "1.0", " 1", "1 ", "+1", "0x1", "1e2" } },
		{ 23, { "2147483648", "-2147483649", "99999999999999999999", "1a" } },
		{ 20, { "9223372036854775808", "-9223372036854775809", "92233720368547758070", "--1" } },
		{ 26, { "-1", "4294967296" } },
		{ 700, { "", "-", "1e", "nan", "inf", "infinity", "0x1p3", "1.5 ", "1,5", "1e39", "+1", "1.2.3", "NaN(1)" } },
		{ 701, { "", ".", "e5", "1e400", "--1", "1e+", "Inf", "1.5f", " 1" } },
		{ 1700, { "", "-", ".", "1.", ".5", "-.5", "1e5", "1.2.3", "+1", "nan", "1,5", " 1", "-Inf" } },
		{ 17, { "", "\\", "\\x0", "\\x0g", "\\xAB", "abc", "x00", "\\001" } },
		{ 1082, { "", "2026-1-01", "2026-13-01", "2026-00-01", "2026-02-30", "2023-02-29", "1900-02-29",
			  "2026-01-00", "2026-01-32", "2026-01-01 ", "01/02/2026", "0000-01-01", "226-01-01",
			  "2026-01-01 AD", "2026-01-01 BCE", "Infinity", "99999999-01-01", "-2026-01-01" } },
		{ 1083, { "", "1:00:00", "12:00", "24:00:01", "25:00:00", "12:60:00", "12:00:60", "12:00:00.",
			  "12:00:00.1234567", "12:00:00+00", "-1:00:00", "12:00:00 PM" } },
		{ 1266, { "12:00:00", "12:00:00+", "12:00:00+5", "12:00:00+05:", "12:00:00+05:60", "12:00:00 UTC",
			  "12:00:00+05:30:15:1", "12:00:00+05:3" } },
		{ 1114, { "", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00", "2026-01-01 00:00:00+00",
			  "2026-02-29 00:00:00", "2026-01-01 25:00:00", "2026-01-01 00:00:00BC", "now" } },
		{ 1184, { "2026-01-01 00:00:00", "2026-01-01 00:00:00 UTC", "2026-01-01 00:00:00Z",
			  "Fri Jan 02 00:00:00 2026 UTC", "2026-01-01 00:00:00 BC+00" } },
		{ 1186, { "", "P", "PT", "P1", "1 day", "00:00:01", "P1H", "PT1D", "P1.5D", "PT1.5M", "P1DT", "P-D",
			  "PT1.1234567S", "PT1.S", "PTT1S", "P1W", "P1D ", "PT9223372036854775807S",
			  "P999999999999999999Y", "P9999999999999999999D", "@ 1 day", "P+1D" } },
		{ 2950, { "", "00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef",
			  "00112233-4455-6677-8899-aabbccddeefg", "00112233x4455-6677-8899-aabbccddeeff",
			  "00112233-4455-6677-8899.aabbccddeeff", "{0112233-4455-6677-8899-aabbccddeef}" } },
		{ 1562, { "2", "10a", "x1" } },
		{ 600, { "", "()", "(1)", "(1,)", "(,1)", "(1,2", "1,2", "(1,2,3)", "(1, 2)", "(a,b)" } },
		{ 1007, { "", "{", "}", "{1", "{1,", "{1,}", "{,1}", "{,}", "{1}x", "{1}}", "{{1}", "{{}}", "{1,{2}}",
			  "{{1},2}", "{{1,2},{3}}", "{a}", "{1 ,2}", "{ 1}", "[0:1]", "[0:1]={", "[0:1]{1}", "[x]={1}",
			  "{null}", "{1;2}" } },
		{ 1009, { "{,a}", "{a,}", "{,}", "{\"a}", "{\"a\\", "{a\"b\"}", "{\"a\"b}", "{a\\b}", "{a{b}", "{\"a\" }" } },
		{ 1001, { "{00}", "{\"\\x00\"}", "{\"\\\\x0\"}" } },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct postgresql_type type = type_of(cases[i].oid);
		for (int k = 0; k < 24 && cases[i].texts[k] != NULL; k++) {
			struct error err = { 0 };
			msgpack_sbuffer buffer;
			msgpack_sbuffer_init(&buffer);
			int rc = encode(&type, false, cases[i].texts[k], strlen(cases[i].texts[k]), &buffer, &err);
			if (rc != -1)
				print_error("type %u took '%s'\n", cases[i].oid, cases[i].texts[k]);
			assert_int_equal(rc, -1);
			assert_int_equal(err.code, ERROR_MALFORMED);
			assert_int_equal(buffer.size, 0);
			msgpack_sbuffer_destroy(&buffer);
		}
	}
}

static void error_names_the_type_and_keeps_the_value_to_itself(void **state)
{
	struct postgresql_type type = type_of(1082);
	struct error err = { 0 };
	(void)state;
	assert_int_equal(encode(&type, false, "01/02/2026", 10, NULL, &err), -1);
	assert_string_equal(err.text, "a value of 10 bytes that is no date as PostgreSQL prints it");
}

/* Sessions have TimeZone UTC; where one has not, the moment is the same. */
static void moment_does_not_depend_on_the_zone_it_is_printed_in(void **state)
{
	static const char *const texts[] = {
		"2026-11-23 16:00:41.979144+00", "2026-11-23 18:00:41.979144+02", "2026-11-23 10:30:41.979144-05:30",
		"2026-11-24 00:00:42.979144+08:00:01",
	};
	struct postgresql_type type = type_of(1184);
	(void)state;
	for (int i = 0; i < 4; i++) {
		msgpack_sbuffer buffer;
		msgpack_sbuffer_init(&buffer);
		assert_int_equal(encode(&type, false, texts[i], strlen(texts[i]), &buffer, NULL), 0);
		assert_value(&buffer, "cf000660f3b21f4d08", texts[i]);
		msgpack_sbuffer_destroy(&buffer);
	}
}

static void boxes_are_apart_by_semicolons(void **state)
{
	struct postgresql_type type = type_of(1020);
	msgpack_sbuffer buffer;
	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(encode(&type, false, "{(2,2),(1,1);(4,4),(3,3)}", 25, &buffer, NULL), 0);
	assert_value(&buffer, "92 ab28322c32292c28312c3129 ab28342c34292c28332c3329", "boxes");
	msgpack_sbuffer_destroy(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_the_value_it_says),
		cmocka_unit_test(arrays_of_any_length_have_the_shortest_head),
		cmocka_unit_test(long_element_with_escapes_is_whole),
		cmocka_unit_test(text_that_postgresql_does_not_print_is_malformed),
		cmocka_unit_test(error_names_the_type_and_keeps_the_value_to_itself),
		cmocka_unit_test(moment_does_not_depend_on_the_zone_it_is_printed_in),
		cmocka_unit_test(boxes_are_apart_by_semicolons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
