#ifndef CAPTURE_POSTGRESQL_TIME_H
#define CAPTURE_POSTGRESQL_TIME_H

#include "protocol/value.h"

#include <stdbool.h>

/* Dates and times as PostgreSQL prints them (DateStyle ISO, IntervalStyle iso_8601):
 * src/backend/utils/adt/datetime.c, EncodeDateTime and EncodeInterval.  All
 * arithmetic is exact; a text that is none of its form is false, nothing guessed. */

/* "infinity", "-infinity": dates, timestamps, and from 17 on intervals; special. */
bool postgresql_time_read_infinity(struct bytes text, struct value *out);

/* "2026-01-31", "0044-03-15 BC", "12026-01-31", or an infinity. */
bool postgresql_time_read_date(struct bytes text, struct value *out);

/* "13:05:00.00025", "24:00:00": µs since midnight. */
bool postgresql_time_read_time(struct bytes text, int64_t *out_us);

/* "13:05:00+05:30:15": and seconds east of UTC. */
bool postgresql_time_read_timetz(struct bytes text, int64_t *out_us, int64_t *out_zone_s);

/* "2026-01-31 13:05:00.5", with_zone: "2026-01-31 13:05:00.5+00", both perhaps with
 * " BC" behind: a number, or special: infinity, or where the µs since 1970 do not
 * fit 64 bits (years from 294247 on) the text. */
bool postgresql_time_read_timestamp(struct bytes text, bool with_zone, struct value *out);

struct postgresql_interval {
	int64_t months;
	int64_t days;
	int64_t time_us;
};

/* "P1Y2M-3DT4H5M6.789S", "PT0S". */
bool postgresql_time_read_interval(struct bytes text, struct postgresql_interval *out);

enum { POSTGRESQL_TIME_TEXT_BYTES = 64 };

/* The text of a timestamp given as µs since 2000-01-01, as PostgreSQL prints it
 * (in UTC): for those that only their text can say.  Returns its size. */
size_t postgresql_time_print_timestamp(char out[POSTGRESQL_TIME_TEXT_BYTES], int64_t time_us, bool with_zone);

#endif
