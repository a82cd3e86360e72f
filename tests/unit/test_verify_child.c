#include "storage/verify_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/log_builder.h"

/* This program is its own worker: started with "verify --worker MODE DIR" it checks,
 * or does what the directory's name says. */
#define CRASHES "/crashes"
#define SILENT  "/silent"
#define TALKS   "/talks"
#define WAITS   "/waits"
#define KILLED  "/killed"

static int be_worker(const char *mode, const char *dir)
{
	if (strcmp(dir, CRASHES) == 0) {
		printf("at\tlog\t7\t3\t1000\nproblem\tlog\t7\t3\t5\t6\torders\tfirst\n");
		fflush(stdout);
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	if (strcmp(dir, TALKS) == 0) {
		printf("some library says\tthis\nproblem\tno table\t1\t2\t3\t4\ta\\\\b\tone\\ttwo\\nthree\n");
		for (int n = 0; n < 9000; n++)
			putchar('x');
		printf("\nprogress\t1\t2\ndone\t1\t2\t3\t4\t5\t6\n");
		fflush(stdout);
		return 0;
	}
	if (strcmp(dir, WAITS) == 0)
		pause();
	if (strcmp(dir, KILLED) == 0)
		raise(SIGKILL);
	return strcmp(dir, SILENT) == 0 ? 7 : verify_worker(dir, mode, STDOUT_FILENO);
}

struct seen {
	int problem_count;
	int progress_count;
	struct verify_problem last;
};

static void on_problem(void *user, const struct verify_problem *problem)
{
	struct seen *seen = user;
	seen->problem_count++;
	seen->last = *problem;
}

static void on_progress(void *user, uint64_t bytes_done, uint64_t bytes_total)
{
	struct seen *seen = user;
	assert_int_equal(bytes_done, 1);
	assert_int_equal(bytes_total, 2);
	seen->progress_count++;
}

static int run(const char *mode, const char *dir, struct seen *seen, struct verify_report *report,
	       struct error *err)
{
	struct verify_observer observer = { .on_problem = on_problem, .on_progress = on_progress,
					    .user = seen };
	struct verify_child *child;
	int rc;
	*seen = (struct seen){ 0 };
	*report = (struct verify_report){ 0 };
	if (verify_child_start(&child, "/proc/self/exe", mode, dir, &observer, err) != 0)
		fail_msg("it did not start");
	assert_true(verify_child_fd(child) >= 0);
	while ((rc = verify_child_read(child, report, err)) == 1)
		;
	verify_child_stop(child);
	return rc;
}

static void child_finds_what_the_check_finds(void **state)
{
	(void)state;
	struct log_builder *builder = log_builder_create();
	struct verify_report report, own;
	struct seen seen;
	struct error err = { 0 };
	size_t size;
	log_builder_topic(builder, "orders", 1, 2, 0);
	for (int n = 0; n < 3; n++)
		log_builder_append(builder, 1, 1, &(struct log_batch){ .record_count = 10 });
	assert_int_equal(run(VERIFY_WORKER_BESIDE, builder->dir, &seen, &report, &err), 0);
	assert_int_equal(seen.problem_count, 0);
	uint8_t *batch = log_builder_read_batch(builder, 1, 1, 10, &size);
	batch[60]++;
	log_builder_write_batch(builder, 1, 1, 10, batch, size);
	free(batch);
	assert_int_equal(verify_store(builder->store, NULL, &own, &err), 0);
	log_builder_close(builder);
	assert_int_equal(run(VERIFY_WORKER_INSPECT, builder->dir, &seen, &report, &err), 0);
	assert_memory_equal(&report, &own, offsetof(struct verify_report, is_whole));
	assert_true(own.is_whole);
	assert_true(report.is_whole);
	assert_int_equal(report.problems, 1);
	assert_int_equal(seen.problem_count, 1);
	assert_string_equal(seen.last.table, "log");
	assert_string_equal(seen.last.topic, "orders");
	assert_int_equal(seen.last.partition, 1);
	assert_int_equal(seen.last.start_offset, 10);
	assert_int_equal(seen.last.end_offset, 20);
	assert_non_null(strstr(seen.last.text, "checksum"));
	log_builder_destroy(builder);
}

static void crash_of_the_child_is_a_problem_with_its_place(void **state)
{
	(void)state;
	struct verify_report report;
	struct seen seen;
	struct error err = { 0 };
	assert_int_equal(run(VERIFY_WORKER_INSPECT, CRASHES, &seen, &report, &err), 0);
	assert_int_equal(seen.problem_count, 2);
	assert_int_equal(report.problems, 2);
	assert_string_equal(seen.last.table, "log");
	assert_int_equal(seen.last.topic_id, 7);
	assert_int_equal(seen.last.partition, 3);
	assert_int_equal(seen.last.start_offset, 1000);
	assert_non_null(strstr(seen.last.text, "crashed here: signal 11"));
	assert_false(report.is_whole);
}

/* Whoever ends it does not thereby damage the store. */
static void worker_that_is_killed_is_an_error(void **state)
{
	(void)state;
	struct verify_report report;
	struct seen seen;
	struct error err = { 0 };
	assert_int_equal(run(VERIFY_WORKER_INSPECT, KILLED, &seen, &report, &err), -1);
	assert_int_equal(err.code, ERROR_STOPPED);
	assert_non_null(strstr(err.text, "ended by signal 9"));
	assert_int_equal(seen.problem_count, 0);
}

static void what_the_worker_cannot_do_is_its_error(void **state)
{
	(void)state;
	struct verify_report report;
	struct seen seen;
	struct error err = { 0 };
	assert_int_equal(run(VERIFY_WORKER_INSPECT, "/no/such/directory", &seen, &report, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.text, "/no/such/directory"));
	assert_int_equal(run(VERIFY_WORKER_INSPECT, SILENT, &seen, &report, &err), -1);
	assert_int_equal(err.code, ERROR_IO);
	assert_non_null(strstr(err.text, "status 7"));
	assert_int_equal(seen.problem_count, 0);
}

static void program_that_is_not_there_is_an_error(void **state)
{
	(void)state;
	struct verify_observer observer = { .user = NULL };
	struct verify_child *child = NULL;
	struct error err = { 0 };
	assert_int_equal(verify_child_start(&child, "/no/such/program", VERIFY_WORKER_INSPECT, "/x",
					    &observer, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_null(child);
	verify_child_stop(NULL);
}

static void lines_are_read_whatever_is_between_them(void **state)
{
	(void)state;
	struct verify_report report;
	struct seen seen;
	struct error err = { 0 };
	assert_int_equal(run(VERIFY_WORKER_INSPECT, TALKS, &seen, &report, &err), 0);
	assert_int_equal(report.records, 4);
	assert_int_equal(report.problems, 6);
	assert_int_equal(seen.problem_count, 1);
	assert_int_equal(seen.progress_count, 1);
	assert_string_equal(seen.last.table, "?");
	assert_string_equal(seen.last.topic, "a\\b");
	assert_string_equal(seen.last.text, "one\ttwo\nthree");
}

static void child_that_runs_can_be_stopped(void **state)
{
	(void)state;
	struct verify_observer observer = { .user = NULL };
	struct verify_child *child;
	assert_int_equal(verify_child_start(&child, "/proc/self/exe", VERIFY_WORKER_BESIDE, WAITS,
					    &observer, NULL), 0);
	verify_child_stop(child);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "verify") == 0 && strcmp(argv[2], "--worker") == 0)
		return be_worker(argv[3], argv[4]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_finds_what_the_check_finds),
		cmocka_unit_test(crash_of_the_child_is_a_problem_with_its_place),
		cmocka_unit_test(worker_that_is_killed_is_an_error),
		cmocka_unit_test(what_the_worker_cannot_do_is_its_error),
		cmocka_unit_test(program_that_is_not_there_is_an_error),
		cmocka_unit_test(lines_are_read_whatever_is_between_them),
		cmocka_unit_test(child_that_runs_can_be_stopped),
	};
	return cmocka_run_group_tests_name("verify_child", tests, NULL, NULL);
}
