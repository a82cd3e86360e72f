#include "protocol/time_text.h"

#include <inttypes.h>

#define SECOND_US       INT64_C(1000000)
#define DAY_US          (86400 * SECOND_US)

enum {
	DAYS_OF_400_YEARS = 146097,
	/* 0000-03-01 is this many days before 1970-01-01: four times 400 years, and a rest. */
	EPOCH_ERAS = 4,
	EPOCH_REST_DAYS = 719468 - EPOCH_ERAS * DAYS_OF_400_YEARS,
};

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

static void add_year(struct text *text, int64_t year)
{
	const char *sign = year < 0 ? "-" : year > 9999 ? "+" : "";
	text_add_format(text, "%s%04" PRIu64, sign, magnitude(year));
}

/* Years are taken to begin in March, so that the leap day is the last of its
 * year; 400 of them are an era, always of the same length. */
void time_text_date(struct text *text, int64_t days)
{
	int64_t era = days / DAYS_OF_400_YEARS;
	int64_t day = days % DAYS_OF_400_YEARS;
	if (day < 0) {
		day += DAYS_OF_400_YEARS;
		era--;
	}
	era += EPOCH_ERAS;
	day += EPOCH_REST_DAYS;
	if (day >= DAYS_OF_400_YEARS) {
		day -= DAYS_OF_400_YEARS;
		era++;
	}
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
	int64_t march_month = (5 * day_of_year + 2) / 153;
	int64_t day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
	int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
	add_year(text, era * 400 + year + (month <= 2));
	text_add_format(text, "-%02d-%02d", (int)month, (int)day_of_month);
}

static void add_fraction(struct text *text, uint64_t fraction_us)
{
	if (fraction_us != 0)
		text_add_format(text, ".%06" PRIu64, fraction_us);
}

void time_text_time(struct text *text, int64_t time_us)
{
	uint64_t us = magnitude(time_us);
	uint64_t seconds = us / SECOND_US;
	text_add_format(text, "%s%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, time_us < 0 ? "-" : "",
			seconds / 3600, seconds / 60 % 60, seconds % 60);
	add_fraction(text, us % SECOND_US);
}

void time_text_zone(struct text *text, int64_t zone_s)
{
	uint64_t seconds = magnitude(zone_s);
	text_add_format(text, "%c%02" PRIu64 ":%02" PRIu64, zone_s < 0 ? '-' : '+', seconds / 3600,
			seconds / 60 % 60);
	if (seconds % 60 != 0)
		text_add_format(text, ":%02" PRIu64, seconds % 60);
}

void time_text_timestamp(struct text *text, int64_t timestamp_us)
{
	int64_t days = timestamp_us / DAY_US;
	int64_t time_us = timestamp_us % DAY_US;
	if (time_us < 0) {
		time_us += DAY_US;
		days--;
	}
	time_text_date(text, days);
	text_add_byte(text, 'T');
	time_text_time(text, time_us);
}

static void add_part(struct text *text, int64_t number, char unit)
{
	if (number == 0)
		return;
	text_add_i64(text, number);
	text_add_byte(text, unit);
}

void time_text_interval(struct text *text, int64_t months, int64_t days, int64_t time_us)
{
	int64_t seconds = time_us / SECOND_US;
	uint64_t second_us = magnitude(time_us) % (60 * (uint64_t)SECOND_US);
	text_add_byte(text, 'P');
	add_part(text, months / 12, 'Y');
	add_part(text, months % 12, 'M');
	add_part(text, days, 'D');
	if (time_us != 0 || (months == 0 && days == 0))
		text_add_byte(text, 'T');
	add_part(text, seconds / 3600, 'H');
	add_part(text, seconds / 60 % 60, 'M');
	if (second_us != 0 || (months == 0 && days == 0 && time_us == 0)) {
		text_add_format(text, "%s%" PRIu64, time_us < 0 ? "-" : "", second_us / SECOND_US);
		add_fraction(text, second_us % SECOND_US);
		text_add_byte(text, 'S');
	}
}
