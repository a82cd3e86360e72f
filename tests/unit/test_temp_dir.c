#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill(const char *path, const char *link_target)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s/log", path);
	assert_int_equal(mkdir(name, 0700), 0);
	snprintf(name, sizeof(name), "%s/log/data", path);
	int fd = open(name, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(name, sizeof(name), "%s/nowhere", path);
	assert_int_equal(symlink(link_target, name), 0);
}

static void directories_are_new_each_time(void **state)
{
	char *first = temp_dir_create();
	char *second = temp_dir_create();

	(void)state;
	assert_string_not_equal(first, second);
	assert_int_equal(access(second, W_OK), 0);
	temp_dir_destroy(first);
	temp_dir_destroy(second);
}

static void emptied_directory_stays(void **state)
{
	char *path = temp_dir_create_in_memory();

	(void)state;
	fill(path, "here");
	temp_dir_empty(path);
	fill(path, "here");
	temp_dir_destroy(path);
}

static void destroyed_directory_is_gone_but_not_what_it_pointed_to(void **state)
{
	char *target = temp_dir_create();
	char *path = temp_dir_create();
	char name[4096];

	(void)state;
	fill(target, "here");
	fill(path, target);
	snprintf(name, sizeof(name), "%s", path);
	temp_dir_destroy(path);
	assert_int_equal(access(name, F_OK), -1);
	snprintf(name, sizeof(name), "%s/log/data", target);
	assert_int_equal(access(name, F_OK), 0);
	temp_dir_destroy(target);
	temp_dir_destroy(NULL);
}

static void waiting_ends_with_the_condition_or_the_deadline(void **state)
{
	int looks = 0;

	(void)state;
	assert_true(wait_until(++looks == 3));
	assert_int_equal(looks, 3);
	assert_false(wait_until_ms(2, false));
	assert_true(wait_until_ms(0, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_new_each_time),
		cmocka_unit_test(emptied_directory_stays),
		cmocka_unit_test(destroyed_directory_is_gone_but_not_what_it_pointed_to),
		cmocka_unit_test(waiting_ends_with_the_condition_or_the_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
