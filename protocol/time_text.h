#ifndef PROTOCOL_TIME_TEXT_H
#define PROTOCOL_TIME_TEXT_H

#include "protocol/text.h"

/* Dates and times as ISO 8601 writes them, for every number that protocol/value.h
 * allows: nothing overflows, nothing is rounded.  A fraction has six digits, and is left
 * out where it is zero.  Years before 0 and behind 9999 have a sign; there is a year 0,
 * 1 BC. */

/* 2026-01-31, -0043-03-15, +12026-01-31: days since 1970-01-01, proleptic Gregorian. */
void time_text_date(struct text *text, int64_t days);

/* 13:05:00.000250, -838:59:59, 24:00:00: µs since midnight. */
void time_text_time(struct text *text, int64_t time_us);

/* +02:00, -05:30:15: seconds east of UTC. */
void time_text_zone(struct text *text, int64_t zone_s);

/* 2026-01-31T13:05:00.000250: µs since 1970-01-01T00:00.  What is in UTC gets a
 * 'Z' from the caller. */
void time_text_timestamp(struct text *text, int64_t timestamp_us);

/* P1Y2M3DT4H5M6.700000S, P-1D, PT0S: each part with a sign of its own, as
 * PostgreSQL (intervalstyle iso_8601) and Java write and read it. */
void time_text_interval(struct text *text, int64_t months, int64_t days, int64_t time_us);

#endif
