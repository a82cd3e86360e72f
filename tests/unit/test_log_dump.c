#include "storage/log_overview.h"
#include "storage/log_records.h"

#include "tests/support/example_log.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What is written is looked at by tests/integration/test_millstream_log.c. */
struct fixture {
	char *dir;
	struct store *store;
	int real_stdout;
};

static int open_example(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct store_options options = { .mode = STORE_INSPECT, .map_bytes = UINT64_C(256) << 20 };
	fixture->dir = temp_dir_create_in_memory();
	example_log_write_damaged(fixture->dir);
	options.dir = fixture->dir;
	*state = fixture;
	return store_open(&fixture->store, &options, NULL);
}

static int close_example(void **state)
{
	struct fixture *fixture = *state;
	store_close(fixture->store);
	temp_dir_destroy(fixture->dir);
	free(fixture);
	return 0;
}

/* stdout is where the test's own results go. */
static void begin_silence(struct fixture *fixture)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	fflush(stdout);
	fixture->real_stdout = dup(STDOUT_FILENO);
	assert_true(nowhere >= 0 && fixture->real_stdout >= 0);
	dup2(nowhere, STDOUT_FILENO);
	close(nowhere);
}

static void end_silence(struct fixture *fixture)
{
	fflush(stdout);
	dup2(fixture->real_stdout, STDOUT_FILENO);
	close(fixture->real_stdout);
}

static int write_overview(struct fixture *fixture, bool as_json, uint64_t *out_damaged_count,
			  struct error *err)
{
	return log_overview_write(fixture->store, as_json, out_damaged_count, err);
}

static int write_orders(struct fixture *fixture, bool as_json, uint64_t *out_damaged_count,
			struct error *err)
{
	const struct log_records_options options = { .topic = "shop.public.orders",
						     .as_json = as_json };
	return log_records_write(fixture->store, &options, out_damaged_count, err);
}

static int refuse_topic(struct fixture *fixture, bool as_json, uint64_t *out_damaged_count,
			struct error *err)
{
	const struct log_records_options options = { .topic = "event", .as_json = as_json };
	struct error why = { 0 };
	*out_damaged_count = 0;
	if (log_records_write(fixture->store, &options, out_damaged_count, &why) == 0 ||
	    why.code == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

typedef int write_something(struct fixture *fixture, bool as_json, uint64_t *out_damaged_count,
			    struct error *err);

static void try_every_allocation(struct fixture *fixture, write_something *write, bool as_json,
				 uint64_t damaged_count)
{
	for (int n = 0;; n++) {
		struct error err = { 0 };
		uint64_t count = 0;
		begin_silence(fixture);
		fail_malloc_after(n);
		int rc = write(fixture, as_json, &count, &err);
		bool has_failed = fail_malloc_stop();
		end_silence(fixture);
		if (!has_failed) {
			assert_int_equal(rc, 0);
			assert_int_equal(count, damaged_count);
			assert_true(n > 3);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
	}
}

static void every_failed_allocation_of_an_overview_is_reported(void **state)
{
	try_every_allocation(*state, write_overview, false, 2);
	try_every_allocation(*state, write_overview, true, 2);
}

static void every_failed_allocation_of_a_topic_is_reported(void **state)
{
	try_every_allocation(*state, write_orders, false, 3);
	try_every_allocation(*state, write_orders, true, 3);
	try_every_allocation(*state, refuse_topic, false, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failed_allocation_of_an_overview_is_reported),
		cmocka_unit_test(every_failed_allocation_of_a_topic_is_reported),
	};
	return cmocka_run_group_tests_name("log_dump", tests, open_example, close_example);
}
