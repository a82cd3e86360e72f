#include "server/log_repeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const char key[] = "a place";
static struct log_repeats repeats;

static int empty(void **state)
{
	(void)state;
	memset(&repeats, 0, sizeof(repeats));
	return 0;
}

/* The report that came with it, or NULL. */
static const char *admit(const void *of, int64_t now_ms, const char *text, bool expected)
{
	static struct log_report report;
	bool has_report;
	assert_int_equal(log_repeat_admit(&repeats, of, LOG_LEVEL_WARNING, now_ms, text, &has_report,
					  &report), expected);
	assert_true(!has_report || report.level == LOG_LEVEL_WARNING);
	return has_report ? report.text : NULL;
}

static void lines_beyond_the_burst_are_held_back_and_told_when_the_window_is_over(void **state)
{
	struct log_report report;
	(void)state;
	for (int n = 0; n < LOG_REPEAT_BURST; n++)
		assert_null(admit(key, 1000, "x", true));
	for (int n = 0; n < 512; n++)
		assert_null(admit(key, 2000 + n, n == 511 ? "the last" : "x", false));
	assert_false(log_repeat_next(&repeats, 1000 + LOG_REPEAT_WINDOW_MS - 1, false, &report));
	assert_true(log_repeat_next(&repeats, 1000 + LOG_REPEAT_WINDOW_MS, false, &report));
	assert_string_equal(report.text, "the last (repeated 512 times in 10 s)");
	assert_int_equal(report.level, LOG_LEVEL_WARNING);
	assert_false(log_repeat_next(&repeats, 1000 + LOG_REPEAT_WINDOW_MS, false, &report));
	assert_null(admit(key, 12000, "x", true));
}

static void next_line_after_the_window_brings_the_report(void **state)
{
	(void)state;
	for (int n = 0; n < LOG_REPEAT_BURST + 3; n++)
		admit(key, 0, "x", n < LOG_REPEAT_BURST);
	assert_string_equal(admit(key, 25600, "y", true), "x (repeated 3 times in 26 s)");
	for (int n = 1; n < LOG_REPEAT_BURST; n++)
		assert_null(admit(key, 25600, "y", true));
	assert_null(admit(key, 25600, "y", false));
}

static void nothing_held_back_is_nothing_told(void **state)
{
	struct log_report report;
	(void)state;
	for (int n = 0; n < LOG_REPEAT_BURST; n++)
		admit(key, 0, "x", true);
	assert_false(log_repeat_next(&repeats, 60000, true, &report));
	assert_null(admit(key, 70000, "x", true));
}

static void places_are_counted_apart(void **state)
{
	static const char other[] = "another place";
	(void)state;
	for (int n = 0; n < LOG_REPEAT_BURST; n++)
		admit(key, 0, "x", true);
	assert_null(admit(key, 0, "x", false));
	assert_null(admit(other, 0, "x", true));
}

static void oldest_place_gives_way_and_tells_what_it_held(void **state)
{
	char keys[LOG_REPEAT_PLACES_MAX + 1];
	(void)state;
	for (int n = 0; n < LOG_REPEAT_BURST + 2; n++)
		admit(&keys[0], 100, "oldest", n < LOG_REPEAT_BURST);
	for (size_t n = 1; n < LOG_REPEAT_PLACES_MAX; n++)
		assert_null(admit(&keys[n], 100 + (int64_t)n, "x", true));
	assert_string_equal(admit(&keys[LOG_REPEAT_PLACES_MAX], 1100, "x", true),
			    "oldest (repeated 2 times in 1 s)");
	for (int n = 1; n < LOG_REPEAT_BURST; n++)
		assert_null(admit(&keys[5], 1200, "x", true));
	assert_null(admit(&keys[5], 1200, "x", false));
}

static void end_of_the_program_tells_what_is_held(void **state)
{
	struct log_report report;
	(void)state;
	for (int n = 0; n < LOG_REPEAT_BURST + 1; n++)
		admit(key, 0, "x", n < LOG_REPEAT_BURST);
	assert_false(log_repeat_next(&repeats, 2000, false, &report));
	assert_true(log_repeat_next(&repeats, 2000, true, &report));
	assert_string_equal(report.text, "x (repeated 1 times in 2 s)");
}

static void long_text_keeps_its_count(void **state)
{
	char text[2000];
	struct log_report report;
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int n = 0; n < LOG_REPEAT_BURST + 1; n++)
		admit(key, 0, text, n < LOG_REPEAT_BURST);
	assert_true(log_repeat_next(&repeats, 2000, true, &report));
	assert_non_null(strstr(report.text, "xxx (repeated 1 times in 2 s)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lines_beyond_the_burst_are_held_back_and_told_when_the_window_is_over,
				       empty),
		cmocka_unit_test_setup(next_line_after_the_window_brings_the_report, empty),
		cmocka_unit_test_setup(nothing_held_back_is_nothing_told, empty),
		cmocka_unit_test_setup(places_are_counted_apart, empty),
		cmocka_unit_test_setup(oldest_place_gives_way_and_tells_what_it_held, empty),
		cmocka_unit_test_setup(end_of_the_program_tells_what_is_held, empty),
		cmocka_unit_test_setup(long_text_keeps_its_count, empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
