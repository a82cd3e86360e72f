#include "protocol/text_columns.h"
#include "storage/log_progress.h"
#include "storage/log_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_text(struct text *text, const char *expected)
{
	assert_int_equal(text_check(text, NULL), 0);
	text_add_byte(text, '\0');
	assert_string_equal(text->buffer.data, expected);
	text_clear(text);
}

static void sizes_have_four_digits_at_most(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ (1 << 20) - 1, "1.0 MiB" },
		{ 64 << 20, "64.0 MiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	struct text text;
	(void)state;
	text_init(&text);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		log_text_size(&text, sizes[i].bytes);
		assert_text(&text, sizes[i].text);
	}
}

static void names_are_quoted_where_they_would_mislead(void **state)
{
	static const char *const names[][2] = {
		{ "shop.orders", "shop.orders" }, { "gross total", "\"gross total\"" },
		{ "", "\"\"" }, { "a\nb", "\"a\\nb\"" }, { "\xc3\xa4", "\xc3\xa4" },
	};
	struct text text;
	(void)state;
	text_init(&text);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		log_text_name(&text, bytes_of_text(names[i][0]));
		assert_text(&text, names[i][1]);
	}
}

static void opaque_bytes_are_text_where_they_can_be(void **state)
{
	struct text text;
	(void)state;
	text_init(&text);
	log_text_opaque(&text, (struct bytes){ NULL, 0 });
	assert_int_equal(text.buffer.size, 0);
	log_text_opaque(&text, bytes_of_text("0/16B3748"));
	assert_text(&text, "0/16B3748");
	log_text_opaque(&text, bytes_of_text("\x01"));
	assert_text(&text, "0x01");
	log_text_opaque(&text, bytes_of_text(""));
	assert_text(&text, "0x");
}

static void add_row(struct text_columns *columns, const char *first, const char *second,
		    const char *third)
{
	const char *const cells[] = { first, second, third };
	for (size_t i = 0; i < 3; i++) {
		text_add_string(&columns->cells, cells[i]);
		text_columns_end_cell(columns);
	}
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	struct text_columns columns;
	struct text text;
	(void)state;
	text_init(&text);
	text_columns_begin(&columns, "lrl", "NAME|SIZE|WHY");
	add_row(&columns, "J\xc3\xb6rg", "1", "");
	add_row(&columns, "longer", "12345", "because");
	text_columns_write(&columns, "> ", &text);
	text_columns_clear(&columns);
	assert_text(&text, "> NAME     SIZE  WHY\n"
			   "> J\xc3\xb6rg        1  -\n"
			   "> longer  12345  because\n");
}

static void progress_tells_rate_and_time_left(void **state)
{
	static const struct {
		uint64_t done, total;
		int64_t elapsed_us;
		const char *text;
	} cases[] = {
		{ 0, 0, 0, "verified 0 B of 0 B" },
		{ 0, 1 << 30, 9000000, "verified 0 B of 1.0 GiB (0%)" },
		{ 64 << 20, 1 << 30, 100000, "verified 64.0 MiB of 1.0 GiB (6%)" },
		{ 512 << 20, 1 << 30, 2000000,
		  "verified 512.0 MiB of 1.0 GiB (50%), 256.0 MiB/s, 2 s left" },
		{ 1 << 20, 1 << 30, 1000000, "verified 1.0 MiB of 1.0 GiB (0%), 1.0 MiB/s, 17 min left" },
		{ 1 << 20, UINT64_C(1) << 40, 1000000,
		  "verified 1.0 MiB of 1.0 TiB (0%), 1.0 MiB/s, 291 h left" },
		/* The total was but an estimate. */
		{ 2048, 1024, 1000000, "verified 2.0 KiB of 2.0 KiB (100%), 2.0 KiB/s, 0 s left" },
	};
	struct text text;
	(void)state;
	text_init(&text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_progress_words(&text, "verified", cases[i].done, cases[i].total,
				   cases[i].elapsed_us);
		assert_text(&text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_four_digits_at_most),
		cmocka_unit_test(names_are_quoted_where_they_would_mislead),
		cmocka_unit_test(opaque_bytes_are_text_where_they_can_be),
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(progress_tells_rate_and_time_left),
	};
	return cmocka_run_group_tests_name("log_text", tests, NULL, NULL);
}
