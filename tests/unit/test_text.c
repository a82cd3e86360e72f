#include "protocol/text.h"

#include "tests/support/fail_malloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

static void assert_text(struct text *text, const char *expected)
{
	assert_int_equal(text_check(text, NULL), 0);
	text_add_byte(text, '\0');
	assert_string_equal(text->buffer.data, expected);
	text_clear(text);
}

static void pieces_are_added_in_order(void **state)
{
	struct text text;
	(void)state;
	text_init(&text);
	text_add(&text, "abc", 2);
	text_add(&text, NULL, 0);
	text_add_string(&text, "-");
	text_add_hex(&text, (struct bytes){ (const uint8_t *)"\x00\xaf\xff", 3 });
	text_add_format(&text, " %d%%", 7);
	assert_text(&text, "ab-00afff 7%");
}

static void long_pieces_are_whole(void **state)
{
	struct text text;
	char expected[2000 + 1];
	(void)state;
	memset(expected, 'x', 2000);
	expected[2000] = '\0';
	text_init(&text);
	text_add_format(&text, "%s", expected);
	assert_text(&text, expected);

	uint8_t bytes[1000];
	memset(bytes, 0xab, sizeof(bytes));
	for (size_t i = 0; i < 1000; i++)
		memcpy(expected + 2 * i, "ab", 2);
	text_add_hex(&text, (struct bytes){ bytes, sizeof(bytes) });
	assert_text(&text, expected);
}

static void integers_are_written_in_full(void **state)
{
	struct text text;
	(void)state;
	text_init(&text);
	text_add_u64(&text, 0);
	text_add_byte(&text, ' ');
	text_add_u64(&text, UINT64_MAX);
	text_add_byte(&text, ' ');
	text_add_i64(&text, INT64_MIN);
	text_add_byte(&text, ' ');
	text_add_i64(&text, INT64_MAX);
	assert_text(&text, "0 18446744073709551615 -9223372036854775808 9223372036854775807");
}

static double float64_of(uint64_t bits)
{
	double number;
	memcpy(&number, &bits, sizeof(number));
	return number;
}

static void every_float_is_read_back(void **state)
{
	struct text text;
	uint64_t random = 88172645463325252;
	(void)state;
	text_init(&text);
	for (int i = 0; i < 20000; i++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		double wide = float64_of(random);
		float narrow;
		memcpy(&narrow, &random, sizeof(narrow));
		if (!isfinite(wide) || !isfinite(narrow))
			continue;
		text_empty(&text);
		text_add_float64(&text, wide);
		text_add_byte(&text, '\0');
		assert_true(strtod(text.buffer.data, NULL) == wide);
		text_empty(&text);
		text_add_float32(&text, narrow);
		text_add_byte(&text, '\0');
		assert_true(strtof(text.buffer.data, NULL) == narrow);
	}
	text_clear(&text);
}

static void floats_have_no_digits_to_spare(void **state)
{
	static const struct { double number; const char *text; } wide[] = {
		{ 0, "0" }, { -0.0, "-0" }, { 0.1, "0.1" }, { 1e300, "1e+300" }, { 100000, "100000" },
		{ 0.1 + 0.2, "0.30000000000000004" }, { DBL_MAX, "1.7976931348623157e+308" },
		{ (double)INFINITY, "infinity" }, { (double)-INFINITY, "-infinity" },
		{ (double)NAN, "NaN" },
	};
	static const struct { float number; const char *text; } narrow[] = {
		{ 0.1f, "0.1" }, { 16777216, "16777216" }, { FLT_MAX, "3.4028235e+38" },
		{ -INFINITY, "-infinity" },
	};
	struct text text;
	(void)state;
	text_init(&text);
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		text_add_float64(&text, wide[i].number);
		assert_text(&text, wide[i].text);
	}
	for (size_t i = 0; i < sizeof(narrow) / sizeof(narrow[0]); i++) {
		text_add_float32(&text, narrow[i].number);
		assert_text(&text, narrow[i].text);
	}
}

/* Not every machine has such a locale; then this says little. */
static void a_locale_changes_no_number(void **state)
{
	static const char *const locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ps_AF" };
	struct text text;
	(void)state;
	for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++)
		if (setlocale(LC_NUMERIC, locales[i]) != NULL)
			break;
	text_init(&text);
	text_add_float64(&text, -1.5e-7);
	setlocale(LC_NUMERIC, "C");
	assert_text(&text, "-1.5e-07");
}

static void add_much(struct text *text)
{
	char piece[5000];
	memset(piece, 'x', sizeof(piece));
	piece[sizeof(piece) - 1] = '\0';
	for (int i = 0; i < 10; i++) {
		text_add_format(text, "%s", piece);
		text_add(text, piece, sizeof(piece));
	}
}

static void a_failed_allocation_is_remembered(void **state)
{
	(void)state;
	for (int n = 0;; n++) {
		struct text text;
		struct error err = { 0 };
		text_init(&text);
		fail_malloc_after(n);
		add_much(&text);
		if (!fail_malloc_stop()) {
			assert_int_equal(text_check(&text, &err), 0);
			text_clear(&text);
			assert_true(n > 10);
			break;
		}
		size_t size = text.buffer.size;
		text_add_string(&text, "more");
		assert_int_equal(text.buffer.size, size);
		assert_int_equal(text_check(&text, &err), -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		text_empty(&text);
		assert_int_equal(text_check(&text, &err), 0);
		text_clear(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_added_in_order),
		cmocka_unit_test(long_pieces_are_whole),
		cmocka_unit_test(integers_are_written_in_full),
		cmocka_unit_test(every_float_is_read_back),
		cmocka_unit_test(floats_have_no_digits_to_spare),
		cmocka_unit_test(a_locale_changes_no_number),
		cmocka_unit_test(a_failed_allocation_is_remembered),
	};
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
