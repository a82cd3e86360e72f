#include "capture/postgresql_time.h"

#include <stdio.h>

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

enum {
	YEAR_DIGITS_MAX = 7,            /* PostgreSQL's dates end in the year 5874897 */
	FRACTION_DIGITS_MAX = 6,
	PART_DIGITS_MAX = 18,           /* of an interval: more would not fit 64 bits */
	DAYS_1970_TO_2000 = 10957,
};

/* What is left of a text.  A read that fails leaves the rest undefined. */
struct scan {
	const uint8_t *at;
	const uint8_t *end;
};

static struct scan scan_over(struct bytes text)
{
	return (struct scan){ text.data, text.data + text.size };
}

static bool take(struct scan *scan, uint8_t c)
{
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static bool is_digit(const struct scan *scan)
{
	return scan->at < scan->end && (uint8_t)(*scan->at - '0') <= 9;
}

/* Exactly two digits. */
static bool take_two(struct scan *scan, int *out)
{
	if (scan->end - scan->at < 2)
		return false;

	unsigned high = scan->at[0] - (unsigned)'0', low = scan->at[1] - (unsigned)'0';
	if (high > 9 || low > 9)
		return false;
	*out = (int)(high * 10 + low);
	scan->at += 2;
	return true;
}

static bool take_number(struct scan *scan, int digits_min, int digits_max, int64_t *out)
{
	const uint8_t *first = scan->at;
	int64_t number = 0;

	while (is_digit(scan) && scan->at - first < digits_max)
		number = number * 10 + (*scan->at++ - '0');
	*out = number;
	return scan->at - first >= digits_min && !is_digit(scan);
}

/* Behind the point: 1 to 6 digits, as µs. */
static bool take_fraction(struct scan *scan, int64_t *out_us)
{
	const uint8_t *first = scan->at;

	if (!take_number(scan, 1, FRACTION_DIGITS_MAX, out_us))
		return false;
	for (ptrdiff_t i = scan->at - first; i < FRACTION_DIGITS_MAX; i++)
		*out_us *= 10;
	return true;
}

static bool take_literal(struct scan *scan, const char *literal)
{
	size_t size = strlen(literal);

	if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, literal, size) != 0)
		return false;
	scan->at += size;
	return true;
}

struct date {
	int64_t year;           /* as printed: 1 and more */
	int month;
	int day;
};

static bool take_date(struct scan *scan, struct date *out)
{
	return take_number(scan, 4, YEAR_DIGITS_MAX, &out->year) && out->year > 0 &&
	       take(scan, '-') && take_two(scan, &out->month) &&
	       take(scan, '-') && take_two(scan, &out->day);
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The end of a text with a date in it: " BC", or nothing.  1 BC is the year 0.  Days since
 * 1970-01-01, proleptic Gregorian: Howard Hinnant's days_from_civil. */
static bool end_date(struct scan *scan, struct date date, int64_t *out_days)
{
	static const int8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (scan->at < scan->end) {
		if (!take_literal(scan, " BC"))
			return false;
		date.year = 1 - date.year;
	}
	if (scan->at != scan->end || date.month < 1 || date.month > 12 || date.day < 1)
		return false;
	if (date.day > month_days[date.month - 1] + (date.month == 2 && is_leap(date.year)))
		return false;

	/* A year that begins in March ends with the day that leaps. */
	int64_t year = date.year - (date.month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	*out_days = era * 146097 + day_of_era - 719468;
	return true;
}

bool postgresql_time_read_infinity(struct bytes text, struct value *out)
{
	bool is_negative = text.size > 0 && text.data[0] == '-';
	struct scan scan = scan_over(text);

	if (is_negative)
		scan.at++;
	if (!take_literal(&scan, "infinity") || scan.at != scan.end)
		return false;
	out->kind = VALUE_SPECIAL;
	out->special = is_negative ? SPECIAL_NEGATIVE_INFINITY : SPECIAL_POSITIVE_INFINITY;
	return true;
}

bool postgresql_time_read_date(struct bytes text, struct value *out)
{
	struct scan scan = scan_over(text);
	struct date date;

	if (!take_date(&scan, &date))
		return postgresql_time_read_infinity(text, out);
	out->kind = VALUE_INTEGER;
	return end_date(&scan, date, &out->integer);
}

static bool take_time(struct scan *scan, int64_t *out_us)
{
	int hours, minutes, seconds;
	int64_t fraction_us = 0;

	if (!take_two(scan, &hours) || !take(scan, ':') || !take_two(scan, &minutes) ||
	    !take(scan, ':') || !take_two(scan, &seconds))
		return false;
	if (take(scan, '.') && !take_fraction(scan, &fraction_us))
		return false;
	*out_us = hours * HOUR_US + minutes * MINUTE_US + seconds * SECOND_US + fraction_us;
	return minutes < 60 && seconds < 60 && *out_us <= DAY_US;
}

/* +HH, +HH:MM, +HH:MM:SS: seconds east of UTC. */
static bool take_zone(struct scan *scan, int64_t *out_s)
{
	int hours, minutes = 0, seconds = 0;
	bool is_west = take(scan, '-');

	if ((!is_west && !take(scan, '+')) || !take_two(scan, &hours))
		return false;
	if (take(scan, ':') && (!take_two(scan, &minutes) ||
				(take(scan, ':') && !take_two(scan, &seconds))))
		return false;
	*out_s = hours * 3600 + minutes * 60 + seconds;
	if (is_west)
		*out_s = -*out_s;
	return minutes < 60 && seconds < 60;
}

bool postgresql_time_read_time(struct bytes text, int64_t *out_us)
{
	struct scan scan = scan_over(text);

	return take_time(&scan, out_us) && scan.at == scan.end;
}

bool postgresql_time_read_timetz(struct bytes text, int64_t *out_us, int64_t *out_zone_s)
{
	struct scan scan = scan_over(text);

	return take_time(&scan, out_us) && take_zone(&scan, out_zone_s) && scan.at == scan.end;
}

bool postgresql_time_read_timestamp(struct bytes text, bool with_zone, struct value *out)
{
	struct scan scan = scan_over(text);
	struct date date;
	int64_t time_us, days, zone_s = 0;

	if (!take_date(&scan, &date))
		return postgresql_time_read_infinity(text, out);
	if (!take(&scan, ' ') || !take_time(&scan, &time_us) ||
	    (with_zone && !take_zone(&scan, &zone_s)) || !end_date(&scan, date, &days))
		return false;
	time_us -= zone_s * SECOND_US;
	if (__builtin_mul_overflow(days, DAY_US, &days) || __builtin_add_overflow(days, time_us, &out->integer)) {
		out->kind = VALUE_SPECIAL;
		out->special = SPECIAL_TEXT;
		out->bytes = text;
		return true;
	}
	out->kind = VALUE_INTEGER;
	return true;
}

/* "-5", "-0.5": the whole part in units, the fraction, where it may be one, as µs. */
static bool take_part(struct scan *scan, int64_t *out, int64_t *out_fraction_us)
{
	bool is_negative = take(scan, '-');

	*out_fraction_us = 0;
	if (!take_number(scan, 1, PART_DIGITS_MAX, out))
		return false;
	if (take(scan, '.') && (!take_fraction(scan, out_fraction_us) || scan->at == scan->end || *scan->at != 'S'))
		return false;
	if (is_negative) {
		*out = -*out;
		*out_fraction_us = -*out_fraction_us;
	}
	return true;
}

static bool add(int64_t *sum, int64_t number, int64_t factor)
{
	return !__builtin_mul_overflow(number, factor, &number) &&
	       !__builtin_add_overflow(*sum, number, sum);
}

static bool add_part(struct postgresql_interval *interval, bool is_time, uint8_t unit, int64_t number)
{
	switch (unit) {
	case 'Y':
		return !is_time && add(&interval->months, number, 12);
	case 'M':
		return is_time ? add(&interval->time_us, number, MINUTE_US) : add(&interval->months, number, 1);
	case 'D':
		return !is_time && add(&interval->days, number, 1);
	case 'H':
		return is_time && add(&interval->time_us, number, HOUR_US);
	case 'S':
		return is_time && add(&interval->time_us, number, SECOND_US);
	default:
		return false;
	}
}

bool postgresql_time_read_interval(struct bytes text, struct postgresql_interval *out)
{
	struct scan scan = scan_over(text);
	bool is_time = false;
	int64_t number, fraction_us;

	*out = (struct postgresql_interval){ 0 };
	if (!take(&scan, 'P'))
		return false;
	do {
		if (take(&scan, 'T')) {
			if (is_time)
				return false;
			is_time = true;
		}
		if (!take_part(&scan, &number, &fraction_us) || scan.at == scan.end)
			return false;
		if (!add_part(out, is_time, *scan.at++, number) || !add(&out->time_us, fraction_us, 1))
			return false;
	} while (scan.at < scan.end);
	return true;
}

size_t postgresql_time_print_timestamp(char out[POSTGRESQL_TIME_TEXT_BYTES], int64_t time_us, bool with_zone)
{
	int64_t days = time_us / DAY_US;
	time_us %= DAY_US;
	if (time_us < 0) {
		time_us += DAY_US;
		days--;
	}

	/* civil_from_days, the inverse of the above. */
	days += DAYS_1970_TO_2000 + 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
	month = month < 10 ? month + 3 : month - 9;
	int64_t year = year_of_era + era * 400 + (month <= 2);

	int size = snprintf(out, POSTGRESQL_TIME_TEXT_BYTES, "%04lld-%02lld-%02lld %02lld:%02lld:%02lld",
			    (long long)(year > 0 ? year : 1 - year), (long long)month, (long long)day,
			    (long long)(time_us / HOUR_US), (long long)(time_us / MINUTE_US % 60),
			    (long long)(time_us / SECOND_US % 60));
	int64_t fraction_us = time_us % SECOND_US;
	if (fraction_us != 0) {
		size += snprintf(out + size, POSTGRESQL_TIME_TEXT_BYTES - (size_t)size, ".%06lld", (long long)fraction_us);
		while (out[size - 1] == '0')
			size--;
	}
	size += snprintf(out + size, POSTGRESQL_TIME_TEXT_BYTES - (size_t)size, "%s%s", with_zone ? "+00" : "",
			 year > 0 ? "" : " BC");
	return (size_t)size;
}
