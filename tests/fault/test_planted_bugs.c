/* Do the fault tests find anything?  Each bug of tests/fault/planted_bugs.c must be
 * found by the test that is there for it, with the words that fit. */
#include "tests/support/run_child.h"
#include "tests/support/test_amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RUN_TIME_MS = 120000,
	/* What commits together, and so what is unsynced at a kill, is chance. */
	TRIES = 3,
};

static const struct planted {
	const char *bug;
	const char *test;       /* that finds it */
	const char *words;      /* of what it says then */
	const char *level;      /* how much of it is run, at most: it ends with the first failure */
	const char *filter;     /* NULL: all of the program's tests */
} planted[] = {
	{ "acknowledged before commit", "test_kill", "was acknowledged, stored is", "normal", NULL },
	{ "position in another commit", "test_kill", "where ordinal", "normal", NULL },
	{ "unfinished transaction shown", "test_kill", "where ordinal", "normal", NULL },
	{ "cut skipped", "test_kill", "visible end", "normal", NULL },
	{ "retention takes one more", "test_kill", "retention left", "normal", NULL },
	{ "batch checksum skipped", "test_bit_flips", "read otherwise than written", "smoke", "*batch*" },
	{ "seal skipped", "test_bit_flips", "not reported by verify", "normal", "*of_a_table*" },
	{ "visible before durable", "test_power_loss", "was announced", "normal", NULL },
	{ "page sync skipped", "test_power_loss", "power lost", "normal", NULL },
	{ "meta sync skipped", "test_power_loss", "power lost", "normal", NULL },
	{ "directory sync skipped", "test_power_loss", "power lost", "normal", NULL },
	{ "sync at open skipped", "test_power_loss", "was acknowledged", "normal", NULL },
	{ "failed sync forgotten", "test_failed_io", "fdatasync", "normal", NULL },
	{ "open flag not rolled back", "test_failed_io", "visible are", "normal", NULL },
	{ "failed commit forgotten", "test_failed_io", "power lost", "normal", NULL },
};

static const char *const tests_of_faults[] = {
	"test_bit_flips",
	"test_failed_io",
	"test_kill",
	"test_power_loss",
};

static void run(const char *test, const char *bug, const char *level, const char *filter,
		struct child_end *out)
{
	char name[128];
	char bug_setting[128];
	char level_setting[64];

	snprintf(name, sizeof(name), "tests/fault/planted/%s", test);
	snprintf(bug_setting, sizeof(bug_setting), "MILLSTREAM_PLANTED_BUG=%s", bug);
	snprintf(level_setting, sizeof(level_setting), "MILLSTREAM_TEST_LEVEL=%s", level);
	char *program = built_file(name);
	const char *const argv[] = { program, filter, NULL };
	const char *const environment[] = { bug_setting, level_setting, "MILLSTREAM_TEST_FIRST=1",
					    "MILLSTREAM_TEST_LONG=", NULL };
	run_child(out, argv, environment, RUN_TIME_MS);
	free(program);
}

static void each_planted_bug_is_found_by_its_test(void **state)
{
	struct child_end end;
	int missed_count = 0;
	const int bug_count = (int)(sizeof(planted) / sizeof(planted[0]));

	(void)state;
	/* In distcheck, some of them: to see that they are built. */
	for (int n = 0; n < test_amount(2, bug_count, bug_count); n++) {
		const struct planted *bug = &planted[n];
		bool is_found = false;
		for (int tries = 0; tries < TRIES && !is_found; tries++) {
			run(bug->test, bug->bug, bug->level, bug->filter, &end);
			is_found = end.status > 0 && strstr(end.output, bug->words) != NULL;
		}
		printf("# %s: %s %s\n", bug->bug, is_found ? "found by" : "MISSED by", bug->test);
		if (!is_found)
			printf("# %s\n", end.output);
		missed_count += !is_found;
	}
	assert_int_equal(missed_count, 0);
}

static void without_a_bug_the_same_programs_find_nothing(void **state)
{
	struct child_end end;

	(void)state;
	for (size_t n = 0; n < sizeof(tests_of_faults) / sizeof(tests_of_faults[0]); n++) {
		run(tests_of_faults[n], "", "smoke", NULL, &end);
		if (end.status != 0)
			fail_msg("%s: %s", tests_of_faults[n], end.output);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_planted_bug_is_found_by_its_test),
		cmocka_unit_test(without_a_bug_the_same_programs_find_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
