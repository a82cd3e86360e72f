#ifndef TESTS_SUPPORT_SKIP_H
#define TESTS_SUPPORT_SKIP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

/* Leave the running test as skipped.  Every skip says why, and what would make
 * the test run: tests/support/run_test.sh counts a skip without a reason as a failure. */
#define SKIP_TEST(reason)                         \
	do {                                      \
		printf("# skip: %s\n", (reason)); \
		fflush(stdout);                   \
		skip();                           \
	} while (0)

#endif
