#include "protocol/time_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

static void assert_text(struct text *text, const char *expected)
{
	assert_int_equal(text_check(text, NULL), 0);
	text_add_byte(text, '\0');
	assert_string_equal(text->buffer.data, expected);
	text_clear(text);
}

struct golden {
	int64_t number;
	const char *text;
};

static void assert_all(const struct golden *goldens, size_t count,
		       void (*add)(struct text *text, int64_t number))
{
	struct text text;
	text_init(&text);
	for (size_t i = 0; i < count; i++) {
		add(&text, goldens[i].number);
		assert_text(&text, goldens[i].text);
	}
}

#define ASSERT_ALL(goldens, add) assert_all(goldens, sizeof(goldens) / sizeof((goldens)[0]), add)

/* The extremes were computed with integers of any size. */
static void dates_reach_as_far_as_their_numbers(void **state)
{
	static const struct golden goldens[] = {
		{ 0, "1970-01-01" },
		{ -1, "1969-12-31" },
		{ 11016, "2000-02-29" },
		{ 11017, "2000-03-01" },
		{ -25509, "1900-02-28" },
		{ -25508, "1900-03-01" },
		{ 2932896, "9999-12-31" },
		{ 2932897, "+10000-01-01" },
		{ -719528, "0000-01-01" },
		{ -719529, "-0001-12-31" },
		{ -719468, "0000-03-01" },
		{ INT64_MAX, "+25252734927768524-07-27" },
		{ INT64_MIN, "-25252734927764585-06-07" },
	};
	(void)state;
	ASSERT_ALL(goldens, time_text_date);
}

static void every_day_is_the_calendars(void **state)
{
	struct text text;
	char expected[64];
	(void)state;
	text_init(&text);
	/* 800 years around the epoch, as the C library counts them. */
	for (int64_t day = -146097; day <= 146097; day++) {
		time_t seconds = day * 86400;
		struct tm date;
		assert_non_null(gmtime_r(&seconds, &date));
		strftime(expected, sizeof(expected), "%Y-%m-%d", &date);
		time_text_date(&text, day);
		assert_int_equal(text.buffer.size, 10);
		assert_memory_equal(text.buffer.data, expected, 10);
		text_empty(&text);
	}
	text_clear(&text);
}

static void times_may_be_negative_or_longer_than_a_day(void **state)
{
	static const struct golden goldens[] = {
		{ 0, "00:00:00" },
		{ 1, "00:00:00.000001" },
		{ 47096000250, "13:04:56.000250" },
		{ 86400000000, "24:00:00" },
		{ -1, "-00:00:00.000001" },
		{ -3020399000000, "-838:59:59" },
		{ INT64_MAX, "2562047788:00:54.775807" },
		{ INT64_MIN, "-2562047788:00:54.775808" },
	};
	(void)state;
	ASSERT_ALL(goldens, time_text_time);
}

static void zones_have_seconds_where_they_need_them(void **state)
{
	static const struct golden goldens[] = {
		{ 0, "+00:00" },
		{ 7200, "+02:00" },
		{ -12600, "-03:30" },
		{ 1172, "+00:19:32" },
		{ -57599, "-15:59:59" },
	};
	(void)state;
	ASSERT_ALL(goldens, time_text_zone);
}

static void timestamps_count_backwards_before_the_epoch(void **state)
{
	static const struct golden goldens[] = {
		{ 0, "1970-01-01T00:00:00" },
		{ 1767323045000006, "2026-01-02T03:04:05.000006" },
		{ -1, "1969-12-31T23:59:59.999999" },
		{ -62167219200000001, "-0001-12-31T23:59:59.999999" },
		{ INT64_MAX, "+294247-01-10T04:00:54.775807" },
		{ INT64_MIN, "-290308-12-21T19:59:05.224192" },
	};
	(void)state;
	ASSERT_ALL(goldens, time_text_timestamp);
}

static void intervals_keep_months_days_and_time_apart(void **state)
{
	static const struct {
		int64_t months, days, us;
		const char *text;
	} goldens[] = {
		{ 0, 0, 0, "PT0S" },
		{ 14, 3, 14706700000, "P1Y2M3DT4H5M6.700000S" },
		{ 0, 0, 1, "PT0.000001S" },
		{ 0, 0, -1, "PT-0.000001S" },
		{ 0, 1, 0, "P1D" },
		{ -14, 3, -14706000000, "P-1Y-2M3DT-4H-5M-6S" },
		{ 0, 0, 60000000, "PT1M" },
		{ 0, 0, 3600000000, "PT1H" },
		{ INT64_MIN, INT64_MIN, INT64_MIN,
		  "P-768614336404564650Y-8M-9223372036854775808DT-2562047788H-54.775808S" },
	};
	struct text text;
	(void)state;
	text_init(&text);
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
		time_text_interval(&text, goldens[i].months, goldens[i].days, goldens[i].us);
		assert_text(&text, goldens[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_reach_as_far_as_their_numbers),
		cmocka_unit_test(every_day_is_the_calendars),
		cmocka_unit_test(times_may_be_negative_or_longer_than_a_day),
		cmocka_unit_test(zones_have_seconds_where_they_need_them),
		cmocka_unit_test(timestamps_count_backwards_before_the_epoch),
		cmocka_unit_test(intervals_keep_months_days_and_time_apart),
	};
	return cmocka_run_group_tests_name("time_text", tests, NULL, NULL);
}
