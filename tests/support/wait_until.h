#ifndef TESTS_SUPPORT_WAIT_UNTIL_H
#define TESTS_SUPPORT_WAIT_UNTIL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Long enough that only something that hangs reaches it, also under a sanitizer
 * on a busy machine. */
#define WAIT_UNTIL_DEADLINE_MS  30000

/* True as soon as the condition is; false when it still is not at the deadline.
 *
 *	assert_true(wait_until(atomic_load(&done_count) == 3));
 */
#define wait_until(condition) wait_until_ms(WAIT_UNTIL_DEADLINE_MS, (condition))

#define wait_until_ms(deadline_ms, condition)                                       \
	__extension__ ({                                                            \
		const int64_t wait_until_end_ms = wait_until_now_ms() + (deadline_ms); \
		bool wait_until_holds;                                              \
		while (!(wait_until_holds = (condition)) &&                         \
		       wait_until_now_ms() < wait_until_end_ms)                     \
			wait_until_pause();                                         \
		wait_until_holds;                                                   \
	})

static inline int64_t wait_until_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void wait_until_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

#endif
