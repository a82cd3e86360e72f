#ifndef TESTS_SUPPORT_TEST_AMOUNT_H
#define TESTS_SUPPORT_TEST_AMOUNT_H

#include <stdlib.h>
#include <string.h>

/* How much of a heavy test to run: smoke where the same tests run elsewhere too
 * (MILLSTREAM_TEST_LEVEL=smoke, as in make distcheck), thorough in the long run
 * (MILLSTREAM_TEST_LONG=1), else normal.
 *
 *	int image_count = test_amount(20, 500, 20000);
 */
static inline int test_amount(int smoke, int normal, int thorough)
{
	const char *level = getenv("MILLSTREAM_TEST_LEVEL");
	const char *is_long = getenv("MILLSTREAM_TEST_LONG");

	if (level != NULL && strcmp(level, "smoke") == 0)
		return smoke;
	return is_long != NULL && strcmp(is_long, "1") == 0 ? thorough : normal;
}

#endif
