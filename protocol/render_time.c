#include "protocol/render_time.h"

#include "protocol/time_text.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)
#define MONTH_US  INT64_C(2629800000000)        /* 365.25 days / 12 */

static size_t put_two(char *out, unsigned number)
{
	out[0] = (char)('0' + number / 10);
	out[1] = (char)('0' + number % 10);
	return 2;
}

/* Years that people use; time_text.c has all of them. */
void render_time_date(struct text *text, int64_t days)
{
	char piece[10];
	if (days < -719162 || days > 2932896) { /* 0001-01-01, 9999-12-31 */
		time_text_date(text, days);
		return;
	}
	/* As in time_text.c: years that begin in March, counted from 0000-03-01. */
	uint32_t day = (uint32_t)(days + 719468);
	uint32_t era = day / 146097;
	day %= 146097;
	uint32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint32_t day_of_year = day - (365 * year + year / 4 - year / 100);
	uint32_t march_month = (5 * day_of_year + 2) / 153;
	uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
	year += era * 400 + (month <= 2);
	put_two(piece, year / 100);
	put_two(piece + 2, year % 100);
	piece[4] = '-';
	put_two(piece + 5, month);
	piece[7] = '-';
	put_two(piece + 8, day_of_year - (153 * march_month + 2) / 5 + 1);
	text_add(text, piece, sizeof(piece));
}

static void add_time(struct text *text, int64_t time_us, int second_digits)
{
	char piece[16];
	unsigned seconds = (unsigned)(time_us / SECOND_US);
	unsigned fraction = (unsigned)(time_us % SECOND_US);
	size_t used = put_two(piece, seconds / 3600);
	piece[used++] = ':';
	used += put_two(piece + used, seconds / 60 % 60);
	piece[used++] = ':';
	used += put_two(piece + used, seconds % 60);
	if (second_digits == 0 || (second_digits == RENDER_TIME_TRIMMED && fraction == 0)) {
		text_add(text, piece, used);
		return;
	}
	piece[used++] = '.';
	for (unsigned unit = 100000; unit > 0; unit /= 10)
		piece[used++] = (char)('0' + fraction / unit % 10);
	if (second_digits != RENDER_TIME_TRIMMED)
		used -= second_digits < 6 ? (size_t)(6 - second_digits) : 0;
	else
		while (piece[used - 1] == '0')
			used--;
	text_add(text, piece, used);
}

static int64_t time_of_day(int64_t time_us)
{
	int64_t rest = time_us % DAY_US;
	return rest < 0 ? rest + DAY_US : rest;
}

void render_time_time(struct text *text, int64_t time_us)
{
	add_time(text, time_us == DAY_US ? time_us : time_of_day(time_us), RENDER_TIME_TRIMMED);
}

void render_time_timestamp(struct text *text, int64_t timestamp_us, int second_digits)
{
	render_time_date(text, timestamp_us / DAY_US - (timestamp_us % DAY_US < 0));
	text_add_byte(text, 'T');
	add_time(text, time_of_day(timestamp_us), second_digits);
}

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

void render_time_interval(struct text *text, int64_t months, int64_t days, int64_t time_us)
{
	int64_t seconds = time_us / SECOND_US;
	uint64_t second_us = magnitude(time_us) % (60 * (uint64_t)SECOND_US);
	text_add_byte(text, 'P');
	text_add_i64(text, months / 12);
	text_add_byte(text, 'Y');
	text_add_i64(text, months % 12);
	text_add_byte(text, 'M');
	text_add_i64(text, days);
	text_add(text, "DT", 2);
	text_add_i64(text, seconds / 3600);
	text_add_byte(text, 'H');
	text_add_i64(text, seconds / 60 % 60);
	text_add_byte(text, 'M');
	if (time_us < 0 && second_us != 0)
		text_add_byte(text, '-');
	text_add_u64(text, second_us / SECOND_US);
	uint64_t fraction = second_us % SECOND_US;
	if (fraction != 0) {
		char piece[7] = ".";
		size_t used = 1;
		for (uint64_t unit = 100000; unit > 0; unit /= 10)
			piece[used++] = (char)('0' + fraction / unit % 10);
		while (piece[used - 1] == '0')
			used--;
		text_add(text, piece, used);
	}
	text_add_byte(text, 'S');
}

__extension__ typedef __int128 wide;

int64_t render_time_interval_us(int64_t months, int64_t days, int64_t time_us)
{
	wide sum = (wide)months * MONTH_US + (wide)days * DAY_US + time_us;
	return sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}
