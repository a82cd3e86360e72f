#include "tests/support/writer_fixture.h"

#include "tests/support/fail_malloc.h"
#include "tests/support/wait_until.h"

static void row_beyond_the_limit_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	uint8_t *value = calloc(1, RECORD_BYTES_MAX + 1);
	struct writer_row large = { .op = CHANGE_CREATE, .after = { value, RECORD_BYTES_MAX + 1 } };
	writer_begin(fixture->writer, 1);
	assert_int_equal(writer_row(fixture->writer, table, &large, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	free(value);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	transaction(fixture, table, "1", "p1");
	flush(fixture);
	expect(fixture, "shop.a", "c:1=1 ");
}

static void failure_is_remembered_until_it_is_abandoned(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	uint8_t out[16];
	size_t size;
	transaction(fixture, table, "1", "p1");
	flush(fixture);
	assert_int_equal(topics_delete(fixture->log->appender, "shop.a", &err), 0);
	transaction(fixture, table, "2", "p2");
	assert_int_equal(writer_flush(fixture->writer, &err), -1);
	writer_begin(fixture->writer, 1);
	assert_int_equal(try_row(fixture, table, CHANGE_CREATE, "3", "3", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(writer_commit(fixture->writer, bytes_of_text("p3"), &err), -1);
	assert_int_equal(writer_durable(fixture->writer, out, &size, &err), -1);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	assert_int_equal(writer_durable(fixture->writer, out, &size, &err), 0);
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
}

/* Waiting. */

static void full_queue_is_waited_for_and_told(void **state)
{
	struct fixture *fixture = *state;
	writer_destroy(fixture->writer);
	fixture->options.queue_records = 2;
	open_writer(fixture);
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	transaction(fixture, table, "2", "p2");
	/* Only a stop ends the wait: nothing makes room. */
	atomic_store(&fixture->should_stop, true);
	writer_begin(fixture->writer, 1);
	row(fixture, table, CHANGE_CREATE, "3", "3");
	assert_int_equal(writer_commit(fixture->writer, bytes_of_text("p3"), &err), -1);
	assert_int_equal(err.code, ERROR_STOPPED);
	atomic_store(&fixture->should_stop, false);
	watched_log_release(fixture->log);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	expect(fixture, "shop.a", "c:1=1 c:2=2 ");
}

static void *write_three(void *argument)
{
	struct fixture *fixture = argument;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	transaction(fixture, table, "3", "p3");
	return NULL;
}

static void room_in_the_queue_ends_the_wait(void **state)
{
	struct fixture *fixture = *state;
	pthread_t thread;
	writer_destroy(fixture->writer);
	fixture->options.queue_records = 2;
	open_writer(fixture);
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	transaction(fixture, table, "2", "p2");
	assert_int_equal(pthread_create(&thread, NULL, write_three, fixture), 0);
	assert_true(wait_until(atomic_load(&fixture->waits) > 0));
	watched_log_release(fixture->log);
	pthread_join(thread, NULL);
	flush(fixture);
	expect(fixture, "shop.a", "c:1=1 c:2=2 c:3=3 ");
}

static void writer_may_go_while_the_log_still_works(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	writer_destroy(fixture->writer);
	fixture->writer = NULL;
	watched_log_release_and_flush(fixture->log);
	expect(fixture, "shop.a", "c:1=1 ");
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
}

/* Whatever allocation fails, there is an error or all of it, and abandoning mends it. */
static int write_all(struct fixture *fixture, struct error *err)
{
	struct writer_table *table;
	if (writer_table(fixture->writer, "shop.a", bytes_of_text("v1"), &table, err) != 0)
		return -1;
	for (int n = 0; n < 3; n++) {
		writer_begin(fixture->writer, 1);
		if (try_row(fixture, table, CHANGE_CREATE, "1", "1", err) != 0 ||
		    try_row(fixture, table, CHANGE_DELETE, "1", "1", err) != 0 ||
		    writer_commit(fixture->writer, bytes_of_text("p"), err) != 0)
			return -1;
	}
	writer_begin(fixture->writer, 1);
	if (writer_commit(fixture->writer, bytes_of_text("q"), err) != 0)
		return -1;
	return writer_flush(fixture->writer, err);
}

static void every_failed_allocation_is_an_error_that_abandoning_mends(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	uint64_t count = 0;
	for (int n = 0;; n++) {
		writer_destroy(fixture->writer);
		fixture->writer = NULL;
		int rc = 0;
		fail_malloc_after(n);
		rc = writer_create(&fixture->writer, &fixture->options, &err);
		if (rc == 0)
			rc = write_all(fixture, &err);
		bool has_failed = fail_malloc_stop();
		if (fixture->writer == NULL)
			open_writer(fixture);
		assert_int_equal(writer_abandon(fixture->writer, &err), 0);
		if (!has_failed) {
			assert_int_equal(rc, 0);
			break;
		}
		/* Whole transactions alone: create, delete, tombstone. */
		if (fixture->made_topics > 0) {
			uint64_t before = count;
			count = dump_of(fixture, "shop.a", 0).count;
			assert_int_equal(count % 3, 0);
			assert_true(count >= before);
		}
	}
	assert_true(count > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(row_beyond_the_limit_is_refused),
		RUN(failure_is_remembered_until_it_is_abandoned),
		RUN(full_queue_is_waited_for_and_told),
		RUN(room_in_the_queue_ends_the_wait),
		RUN(writer_may_go_while_the_log_still_works),
		RUN(every_failed_allocation_is_an_error_that_abandoning_mends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
