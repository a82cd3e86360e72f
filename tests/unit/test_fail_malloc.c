#include "tests/support/fail_malloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each way to allocate, in the order of the bits that allocate_each returns. */
enum { WAY_COUNT = 7 };

static unsigned allocate_each(void)
{
	void *memory[WAY_COUNT] = { 0 };
	unsigned failed = 0;

	memory[0] = malloc(8);
	memory[1] = calloc(1, 8);
	memory[2] = realloc(NULL, 8);
	memory[3] = strdup("eight");
	memory[4] = strndup("eight", 3);
	memory[5] = aligned_alloc(64, 64);
	if (posix_memalign(&memory[6], 64, 64) != 0)
		memory[6] = NULL;
	for (unsigned i = 0; i < WAY_COUNT; i++) {
		if (memory[i] == NULL)
			failed |= 1U << i;
		free(memory[i]);
	}
	return failed;
}

static void each_allocation_fails_in_turn_and_alone(void **state)
{
	(void)state;
	for (int n = 0; n < WAY_COUNT; n++) {
		fail_malloc_after(n);
		unsigned failed = allocate_each();
		assert_true(fail_malloc_stop());
		assert_int_equal(failed, 1U << n);
	}
}

static void nothing_fails_beyond_the_last_allocation(void **state)
{
	(void)state;
	fail_malloc_after(WAY_COUNT);
	unsigned failed = allocate_each();
	assert_false(fail_malloc_stop());
	assert_int_equal(failed, 0);
	assert_int_equal(allocate_each(), 0);
}

static void failure_says_why(void **state)
{
	(void)state;
	errno = 0;
	fail_malloc_after(0);
	void *volatile memory = malloc(1);      /* volatile: clang would leave it out */
	int cause = errno;
	fail_malloc_stop();
	assert_null(memory);
	assert_int_equal(cause, ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails_in_turn_and_alone),
		cmocka_unit_test(nothing_fails_beyond_the_last_allocation),
		cmocka_unit_test(failure_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
