#ifndef TESTS_SUPPORT_FAIL_COUNTDOWN_H
#define TESTS_SUPPORT_FAIL_COUNTDOWN_H

#include "tests/support/fail_malloc.h"

#include <errno.h>
#include <stdatomic.h>

/* Which allocation fails: what both ways of failing one share.  For the one file of a
 * program that defines fail_malloc_after. */

enum { NEVER = -1 };

static atomic_int successes_left = NEVER;
static atomic_bool has_failed;

void fail_malloc_after(int successes)
{
	atomic_store(&has_failed, false);
	atomic_store(&successes_left, successes);
}

bool fail_malloc_stop(void)
{
	atomic_store(&successes_left, NEVER);
	return atomic_load(&has_failed);
}

static bool fails_now(void)
{
	int left = atomic_load(&successes_left);

	while (left != NEVER) {
		if (!atomic_compare_exchange_weak(&successes_left, &left, left - 1))
			continue;
		if (left > 0)
			return false;
		atomic_store(&has_failed, true);
		errno = ENOMEM;
		return true;
	}
	return false;
}

#endif
