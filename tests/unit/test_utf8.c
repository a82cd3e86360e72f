#include "protocol/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Each of Unicode's planes has its corners; what is ill-formed says how many
 * bytes one replacement stands for (the Unicode Standard, tables 3-8 to 3-11). */
static const struct {
	const char *bytes;
	int32_t code_point;
	size_t step;
} cases[] = {
	{ "a", 'a', 1 },
	{ "\x7f", 0x7f, 1 },
	{ "\xc2\x80", 0x80, 2 },
	{ "\xdf\xbf", 0x7ff, 2 },
	{ "\xe0\xa0\x80", 0x800, 3 },
	{ "\xed\x9f\xbf", 0xd7ff, 3 },
	{ "\xee\x80\x80", 0xe000, 3 },
	{ "\xef\xbf\xbf", 0xffff, 3 },
	{ "\xf0\x90\x80\x80", 0x10000, 4 },
	{ "\xf4\x8f\xbf\xbf", 0x10ffff, 4 },
	{ "\x80", -1, 1 },              /* a follower alone */
	{ "\xc0\x80", -1, 1 },          /* overlong */
	{ "\xc1\xbf", -1, 1 },
	{ "\xe0\x80\xaf", -1, 1 },
	{ "\xf0\x80\x80\xaf", -1, 1 },
	{ "\xed\xa0\x80", -1, 1 },      /* a surrogate */
	{ "\xf4\x90\x80\x80", -1, 1 },  /* above U+10FFFF */
	{ "\xf5\x80\x80\x80", -1, 1 },
	{ "\xff", -1, 1 },
	{ "\xc2", -1, 1 },              /* cut */
	{ "\xe2\x82", -1, 2 },
	{ "\xf0\x9f\x98", -1, 3 },
	{ "\xc2" "a", -1, 1 },
	{ "\xe2\x82" "a", -1, 2 },
	{ "\xf0\x9f\x98" "a", -1, 3 },
	{ "\xf0\x9f\xc3\xa4", -1, 2 },
};

enum { CASE_COUNT = sizeof(cases) / sizeof(cases[0]) };

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void every_form_is_decoded_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASE_COUNT; i++) {
		struct bytes text = bytes_of(cases[i].bytes);
		size_t step = 0;
		assert_int_equal(utf8_decode(text.data, text.size, &step), cases[i].code_point);
		assert_int_equal(step, cases[i].step);
		assert_int_equal(utf8_is_valid(text), cases[i].code_point >= 0);
	}
}

static void no_byte_behind_the_end_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASE_COUNT; i++) {
		size_t size = strlen(cases[i].bytes), step;
		for (size_t cut = 1; cut < size; cut++) {
			const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
			assert_int_equal(utf8_decode(bytes, cut, &step), -1);
			assert_in_range(step, 1, cut);
		}
	}
}

static void what_would_move_a_terminal_is_not_printable(void **state)
{
	(void)state;
	static const int32_t unprintable[] = { -1, 0, '\n', 0x1b, 0x7f, 0x85, 0x9b, 0x9f,
					       0x61c, 0x200e, 0x2028, 0x202e, 0x2066, 0x2069 };
	static const int32_t printable[] = { ' ', '~', 0xa0, 0xe4, 0x200d, 0x202f, 0x2065, 0x206a,
					     0x4e2d, 0x1f600 };
	for (size_t i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++)
		assert_false(utf8_is_printable(unprintable[i]));
	for (size_t i = 0; i < sizeof(printable) / sizeof(printable[0]); i++)
		assert_true(utf8_is_printable(printable[i]));
}

static void what_is_ill_formed_is_repaired(void **state)
{
	static const struct {
		const char *text;
		const char *repaired;
	} repairs[] = {
		{ "", "" }, { "plain", "plain" }, { "\xc3\xa4\xf0\x9f\x98\x80", "\xc3\xa4\xf0\x9f\x98\x80" },
		{ "cut \xc3", "cut ?" }, { "cut \xe4\xb8", "cut ??" }, { "\xff" "a\xc0\xaf", "?a??" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(repairs) / sizeof(repairs[0]); i++) {
		char text[32];
		strcpy(text, repairs[i].text);
		utf8_repair(text);
		assert_string_equal(text, repairs[i].repaired);
		assert_true(utf8_is_valid(bytes_of_text(text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_decoded_or_refused),
		cmocka_unit_test(no_byte_behind_the_end_is_read),
		cmocka_unit_test(what_would_move_a_terminal_is_not_printable),
		cmocka_unit_test(what_is_ill_formed_is_repaired),
	};
	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
