#ifndef CAPTURE_CLOCK_H
#define CAPTURE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_us(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Since 1970: as others will read it. */
static inline int64_t clock_real_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

/* Of a clock that only goes on: to wait, and to measure. */
static inline int64_t clock_monotonic_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

static inline int64_t clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

#endif
