#include "tests/support/writer_fixture.h"

/* Transactions. */

static void large_transaction_is_visible_only_with_its_last_part(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	writer_destroy(fixture->writer);
	fixture->options.batch_records = 3;
	open_writer(fixture);
	table = table_of(fixture, "shop.a", "v1");
	writer_begin(fixture->writer, 1);
	for (int n = 0; n < 7; n++)
		row(fixture, table, CHANGE_CREATE, "k", "v");
	assert_int_equal(appender_flush(fixture->log->appender, &err), 0);
	assert_int_equal(watched_log_stats(fixture->log).records, 6);
	assert_int_equal(dump_of(fixture, "shop.a", 0).count, 0);
	expect_durable(fixture, NULL);
	commit(fixture, "p1");
	flush(fixture);
	struct dump dump = dump_of(fixture, "shop.a", 0);
	assert_int_equal(dump.count, 7);
	assert_int_equal(dump.index, 6);
	assert_int_equal(dump.ordinal, 1);
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
}

static void large_rows_split_at_the_bytes_of_a_submission(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	const size_t size = SUBMISSION_BYTES_MAX / 3;
	struct error err = { 0 };
	uint8_t *value = calloc(1, size);
	value[0] = 0x91;
	value[1] = 0xc6;
	store_u32(value + 2, (uint32_t)size - 6);
	struct writer_row large = { .op = CHANGE_CREATE, .after = { value, size }, .position = at_lsn(1) };
	writer_begin(fixture->writer, 1);
	for (int n = 0; n < 5; n++)
		if (writer_row(fixture->writer, table, &large, &err) != 0)
			fail_msg("%s", err.text);
	commit(fixture, "p1");
	flush(fixture);
	assert_int_equal(watched_log_stats(fixture->log).records, 5);
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
	free(value);
}

static void abandoned_parts_are_cut_off(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	writer_destroy(fixture->writer);
	fixture->options.batch_records = 1;
	open_writer(fixture);
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	transaction(fixture, table, "1", "p1");
	writer_begin(fixture->writer, 1);
	for (int n = 0; n < 3; n++)
		row(fixture, table, CHANGE_CREATE, "x", "x");
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	transaction(fixture, table, "2", "p2");
	flush(fixture);
	expect(fixture, "shop.a", "c:1=1 c:2=2 ");
	watched_log_expect_source(fixture->log, "shop", 2, "p2");
}

/* Positions. */

static void position_is_durable_only_after_the_sync(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	expect_durable(fixture, NULL);
	assert_false(writer_is_idle(fixture->writer));
	watched_log_release(fixture->log);
	flush(fixture);
	expect_durable(fixture, "p1");
	assert_true(writer_is_idle(fixture->writer));
}

static void positions_without_rows_are_stored_together(void **state)
{
	struct fixture *fixture = *state;
	char position[16];
	for (int n = 0; n < 100; n++) {
		writer_begin(fixture->writer, 1);
		snprintf(position, sizeof(position), "p%d", n);
		commit(fixture, position);
	}
	flush(fixture);
	watched_log_expect_source(fixture->log, "shop", 0, "p99");
	expect_durable(fixture, "p99");
	/* The source's registration, the first position and the last, at most. */
	assert_true(watched_log_stats(fixture->log).commits <= 3);
}

static void positions_without_rows_are_not_stored_each(void **state)
{
	struct fixture *fixture = *state;
	for (int n = 0; n < 50; n++) {
		writer_begin(fixture->writer, 1);
		commit(fixture, "p");
		assert_int_equal(appender_flush(fixture->log->appender, NULL), 0);
	}
	assert_true(watched_log_stats(fixture->log).commits < 25);
}

static void abandoned_position_is_not_stored(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	writer_begin(fixture->writer, 1);
	commit(fixture, "p2");
	watched_log_release(fixture->log);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	flush(fixture);
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
}

static void position_without_rows_never_overtakes_rows(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	writer_begin(fixture->writer, 1);
	commit(fixture, "p2");
	transaction(fixture, table, "2", "p3");
	watched_log_release(fixture->log);
	flush(fixture);
	watched_log_expect_source(fixture->log, "shop", 2, "p3");
	expect_durable(fixture, "p3");
}

static void snapshot_progress_is_stored_with_its_rows(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct source source;
	struct error err = { 0 };
	const struct bytes nil = { NULL, 0 };
	writer_begin(fixture->writer, 1);
	row(fixture, table, CHANGE_READ, "1", "1");
	assert_int_equal(writer_commit_snapshot(fixture->writer, nil, bytes_of_text("half"), &err), 0);
	flush(fixture);
	assert_int_equal(sources_describe(fixture->log->reader, "shop", &source, &err), 0);
	assert_null(source.position);
	assert_int_equal(source.snapshot_progress_bytes, 4);
	source_clear(&source);
	writer_begin(fixture->writer, 1);
	assert_int_equal(writer_commit_snapshot(fixture->writer, bytes_of_text("p"), bytes_of_text("whole"),
						&err), 0);
	flush(fixture);
	watched_log_expect_source(fixture->log, "shop", 1, "p");
}

static void counts_tell_what_is_durable(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct writer_counts counts;
	writer_counts(fixture->writer, &counts);
	assert_int_equal(counts.lag_us, -1);
	transaction(fixture, table, "1", "p1");
	writer_begin(fixture->writer, 1);
	commit(fixture, "p2");
	flush(fixture);
	writer_counts(fixture->writer, &counts);
	assert_int_equal(counts.transaction_count, 1);
	assert_int_equal(counts.record_count, 1);
	assert_true(counts.lag_us > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(large_transaction_is_visible_only_with_its_last_part),
		RUN(large_rows_split_at_the_bytes_of_a_submission),
		RUN(abandoned_parts_are_cut_off),
		RUN(position_is_durable_only_after_the_sync),
		RUN(positions_without_rows_are_stored_together),
		RUN(positions_without_rows_are_not_stored_each),
		RUN(abandoned_position_is_not_stored),
		RUN(position_without_rows_never_overtakes_rows),
		RUN(snapshot_progress_is_stored_with_its_rows),
		RUN(counts_tell_what_is_durable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
