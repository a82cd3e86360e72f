#include "tests/support/verify_fixture.h"

#include "tests/support/fail_malloc.h"

static void clean_store_has_no_problems_and_is_counted(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.report.topics, 2);
	assert_int_equal(findings.report.partitions, 4);
	assert_int_equal(findings.report.batches, 5 + 3 + 6);
	assert_int_equal(findings.report.records, 50 + 21 + 16);
	uint64_t bytes = 0;
	static const uint32_t places[][2] = { { PUBLISHED, 0 }, { PUBLISHED, 1 }, { CAPTURED, 0 } };
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);         /* cuts the hidden batch */
	for (size_t i = 0; i < 3; i++)
		bytes += log_builder_record(builder, places[i][0], places[i][1]).bytes;
	check_by_runs(builder, VERIFY_RUN_BYTES, &findings);
	assert_int_equal(findings.report.bytes, bytes);
	assert_int_equal(findings.report.batches, 5 + 3 + 5);
	assert_int_equal(findings.count, 0);
}

static void new_store_has_no_problems(void **state)
{
	(void)state;
	struct log_builder *builder = log_builder_create();
	expect_clean(builder);
	log_builder_destroy(builder);
}

struct progress_seen {
	uint64_t done;
	uint64_t total;
	int count;
};

static void on_progress(void *user, uint64_t bytes_done, uint64_t bytes_total)
{
	struct progress_seen *seen = user;
	assert_true(bytes_done >= seen->done);
	*seen = (struct progress_seen){ bytes_done, bytes_total, seen->count + 1 };
}

static void progress_comes_to_the_total(void **state)
{
	struct log_builder *builder = *state;
	struct progress_seen seen = { 0 };
	struct verify_observer observer = { .on_progress = on_progress, .user = &seen };
	struct verify_report report;
	assert_int_equal(verify_store_by_runs(builder->store, 1000, &observer, &report, NULL), 0);
	assert_true(seen.count > 3);
	assert_true(seen.total == report.bytes);
	assert_true(seen.done <= seen.total);
}

static void every_failed_allocation_is_reported(void **state)
{
	struct log_builder *builder = *state;
	struct verify_report report;
	int failed_count = 0;
	for (int n = 0;; n++) {
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = verify_store(builder->store, NULL, &report, &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			assert_int_equal(report.problems, 0);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		failed_count++;
	}
	assert_true(failed_count > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(clean_store_has_no_problems_and_is_counted),
		TEST(new_store_has_no_problems),
		TEST(progress_comes_to_the_total),
		TEST(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
