#include "protocol/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const char *const known[] = { "listen", "data.dir", "log.level", "log.format", "max.connections" };

static const char *guess(const char *wanted)
{
	struct nearest nearest = nearest_to(wanted);
	for (size_t n = 0; n < sizeof(known) / sizeof(known[0]); n++)
		nearest_try(&nearest, known[n]);
	return nearest_name(&nearest);
}

static void misspelt_name_finds_the_right_one(void **state)
{
	(void)state;
	assert_string_equal(guess("listen"), "listen");
	assert_string_equal(guess("lisen"), "listen");
	assert_string_equal(guess("lisetn"), "listen");
	assert_string_equal(guess("data_dir"), "data.dir");
	assert_string_equal(guess("datadir"), "data.dir");
	assert_string_equal(guess("log.levle"), "log.level");
	assert_string_equal(guess("max.conections"), "max.connections");
	assert_string_equal(guess("max.connectionss"), "max.connections");
}

static void name_that_differs_in_more_than_a_third_finds_none(void **state)
{
	(void)state;
	assert_string_equal(guess("lixxen"), "listen");
	assert_null(guess("lixxxn"));
	assert_null(guess("port"));
	assert_null(guess(""));
}

static void of_equally_near_names_the_first_is_found(void **state)
{
	struct nearest nearest = nearest_to("aaaaax");
	(void)state;
	nearest_try(&nearest, "aaaaaa");
	nearest_try(&nearest, "aaaaab");
	assert_string_equal(nearest_name(&nearest), "aaaaaa");
}

static void names_beyond_the_limit_are_not_guessed(void **state)
{
	char longest[NEAREST_BYTES_MAX + 1], longer[NEAREST_BYTES_MAX + 2];
	struct nearest nearest;
	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[NEAREST_BYTES_MAX] = '\0';
	memset(longer, 'x', sizeof(longer));
	longer[NEAREST_BYTES_MAX + 1] = '\0';

	nearest = nearest_to(longest);
	assert_null(nearest_name(&nearest));
	nearest_try(&nearest, longer);
	assert_null(nearest_name(&nearest));
	nearest_try(&nearest, longest);
	assert_string_equal(nearest_name(&nearest), longest);

	nearest = nearest_to(longer);
	nearest_try(&nearest, longest);
	assert_null(nearest_name(&nearest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misspelt_name_finds_the_right_one),
		cmocka_unit_test(name_that_differs_in_more_than_a_third_finds_none),
		cmocka_unit_test(of_equally_near_names_the_first_is_found),
		cmocka_unit_test(names_beyond_the_limit_are_not_guessed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
