#ifndef PROTOCOL_RENDER_TIME_H
#define PROTOCOL_RENDER_TIME_H

#include "protocol/text.h"

/* Dates and times as java.time writes them, without quotes: years of four digits, with a sign before 0
 * and behind 9999.  Digits of the second: so many, or RENDER_TIME_TRIMMED: as many as are not
 * zero.  Nothing overflows. */

#define RENDER_TIME_TRIMMED (-1)

/* 2026-01-31 */
void render_time_date(struct text *text, int64_t days);

/* 13:05:00.00025: µs since midnight; 24:00:00 is one too.  Others are brought into the day. */
void render_time_time(struct text *text, int64_t time_us);

/* 2026-01-31T13:05:00.123456 */
void render_time_timestamp(struct text *text, int64_t timestamp_us, int second_digits);

/* Whole milliseconds, rounded down. */
static inline int64_t render_time_ms(int64_t time_us)
{
	return time_us / 1000 - (time_us % 1000 < 0);
}

/* P1Y2M3DT4H5M6.7S: every part is there, each with a sign of its own. */
void render_time_interval(struct text *text, int64_t months, int64_t days, int64_t time_us);

/* Its length in µs as Debezium reckons it: a month is a twelfth of 365.25 days.  Held at the ends
 * of int64. */
int64_t render_time_interval_us(int64_t months, int64_t days, int64_t time_us);

#endif
