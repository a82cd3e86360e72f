#include "storage/recovery.h"

#include "storage/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/disk_watch.h"
#include "tests/support/log_builder.h"
#include "tests/support/run_child.h"

#define TOPIC         3
#define CHILD_TIME_MS 60000
#define STEP_BATCHES  4096      /* of storage/recovery.c */

static int create_log(void **state)
{
	struct log_builder *builder = log_builder_create();
	log_builder_topic(builder, "before", TOPIC - 1, 1, 0);
	log_builder_topic(builder, "orders", TOPIC, 3, 0);
	log_builder_topic(builder, "behind", TOPIC + 1, 1, 0);
	*state = builder;
	return 0;
}

static int destroy_log(void **state)
{
	log_builder_destroy(*state);
	return 0;
}

static void append(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
		   uint32_t batch_count, bool is_hidden)
{
	struct log_batch batch = { .record_count = 2, .is_hidden = is_hidden };
	log_builder_begin(builder);
	for (uint32_t n = 0; n < batch_count; n++)
		log_builder_append(builder, topic_id, partition, &batch);
	log_builder_commit(builder);
}

static void reopen(struct log_builder *builder, enum store_mode mode)
{
	log_builder_close(builder);
	log_builder_open(builder, mode);
}

static void expect_record(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			  const struct partition_record *expected)
{
	struct partition_record record = log_builder_record(builder, topic_id, partition);
	assert_memory_equal(&record, expected, sizeof(record));
}

static uint64_t batches_in_log(struct log_builder *builder)
{
	MDB_txn *txn;
	MDB_stat stat;
	assert_int_equal(mdb_txn_begin(builder->store->env, NULL, MDB_RDONLY, &txn), 0);
	assert_int_equal(mdb_stat(txn, builder->store->tables[TABLE_LOG], &stat), 0);
	mdb_txn_abort(txn);
	return stat.ms_entries;
}

static uint64_t commits(struct log_builder *builder)
{
	MDB_envinfo info;
	mdb_env_info(builder->store->env, &info);
	return info.me_last_txnid;
}

/* The record as it was before a tail was appended, but for the last append's time. */
static struct partition_record hide_tail(struct log_builder *builder, uint32_t topic_id,
					 uint32_t partition, uint32_t batch_count)
{
	struct partition_record before = log_builder_record(builder, topic_id, partition);
	append(builder, topic_id, partition, batch_count, true);
	before.last_append_time_us =
		log_builder_record(builder, topic_id, partition).last_append_time_us;
	return before;
}

static void log_without_tails_is_not_written(void **state)
{
	struct log_builder *builder = *state;
	struct disk_watch watch = { .room_bytes = -1 };
	append(builder, TOPIC, 0, 10, false);
	disk_watch_begin(&watch);
	assert_int_equal(recovery_run(builder->store, NULL), 0);
	disk_watch_end();
	assert_int_equal(watch.write_count + watch.sync_count, 0);
	assert_int_equal(batches_in_log(builder), 10);
}

static void tail_of_any_length_is_cut(void **state)
{
	struct log_builder *builder = *state;
	const uint32_t lengths[] = { 1, 2, 100, STEP_BATCHES - 1, STEP_BATCHES, STEP_BATCHES + 1,
				     3 * STEP_BATCHES };
	append(builder, TOPIC - 1, 0, 3, false);
	append(builder, TOPIC, 0, 5, false);
	append(builder, TOPIC, 1, 3, false);
	append(builder, TOPIC + 1, 0, 3, false);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct partition_record kept = hide_tail(builder, TOPIC, 0, lengths[i]);
		assert_int_equal(batches_in_log(builder), 14 + lengths[i]);
		reopen(builder, STORE_SERVE);
		expect_record(builder, TOPIC, 0, &kept);
		assert_int_equal(batches_in_log(builder), 14);
		assert_int_equal(log_builder_record(builder, TOPIC, 1).batch_count, 3);
	}
}

static void tails_of_several_partitions_are_cut(void **state)
{
	struct log_builder *builder = *state;
	append(builder, TOPIC, 0, 5, false);
	append(builder, TOPIC, 2, 5, false);
	struct partition_record kept[] = {
		hide_tail(builder, TOPIC - 1, 0, 7), hide_tail(builder, TOPIC, 0, 1),
		hide_tail(builder, TOPIC, 1, 20), hide_tail(builder, TOPIC, 2, 3),
		hide_tail(builder, TOPIC + 1, 0, 2),
	};
	reopen(builder, STORE_SERVE);
	expect_record(builder, TOPIC - 1, 0, &kept[0]);
	expect_record(builder, TOPIC, 0, &kept[1]);
	expect_record(builder, TOPIC, 1, &kept[2]);
	expect_record(builder, TOPIC, 2, &kept[3]);
	expect_record(builder, TOPIC + 1, 0, &kept[4]);
	assert_int_equal(batches_in_log(builder), 10);
}

static void last_key_of_all_is_cut_too(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_record(builder, UINT32_MAX, UINT32_MAX, &(struct partition_record){ 0 });
	struct partition_record kept = hide_tail(builder, UINT32_MAX, UINT32_MAX, 3);
	reopen(builder, STORE_SERVE);
	expect_record(builder, UINT32_MAX, UINT32_MAX, &kept);
	assert_int_equal(batches_in_log(builder), 0);
}

static void freed_offsets_can_be_written_again(void **state)
{
	struct log_builder *builder = *state;
	append(builder, TOPIC, 0, 5, false);
	hide_tail(builder, TOPIC, 0, 5);
	reopen(builder, STORE_SERVE);
	assert_int_equal(log_builder_append(builder, TOPIC, 0, &(struct log_batch){ 0 }), 10);
	assert_int_equal(log_builder_record(builder, TOPIC, 0).visible_end, 11);
}

static void tail_stays_while_a_store_is_inspected(void **state)
{
	struct log_builder *builder = *state;
	struct reader_ends ends;
	struct reader *reader;
	hide_tail(builder, TOPIC, 0, 5);
	reopen(builder, STORE_INSPECT);
	assert_int_equal(reader_open(&reader, builder->store, NULL), 0);
	assert_int_equal(reader_ends(reader, TOPIC, 0, &ends, NULL), 0);
	assert_int_equal(ends.log_end, 10);
	assert_int_equal(ends.visible_end, 0);
	reader_close(reader);
}

static void steps_are_bounded_in_batches_and_in_bytes(void **state)
{
	struct log_builder *builder = *state;
	struct error err = { 0 };
	hide_tail(builder, TOPIC, 0, 2 * STEP_BATCHES + 1);
	uint64_t before = commits(builder);
	assert_int_equal(recovery_run(builder->store, &err), 0);
	assert_int_equal(commits(builder) - before, 3);

	struct log_batch large = { .value_bytes = 40u << 20, .is_hidden = true };
	for (int n = 0; n < 4; n++)
		log_builder_append(builder, TOPIC, 1, &large);
	before = commits(builder);
	assert_int_equal(recovery_run(builder->store, &err), 0);
	assert_in_range(commits(builder) - before, 2, 4);
	assert_int_equal(batches_in_log(builder), 0);
}

/* Open the store in a process that is killed at a sync. */
struct killed {
	struct log_builder *builder;
	int at_sync;
};

static int open_until_killed(void *user)
{
	struct killed *killed = user;
	struct disk_watch watch = { .kill_at_sync = killed->at_sync, .room_bytes = -1 };
	disk_watch_begin(&watch);
	log_builder_open(killed->builder, STORE_SERVE);
	return 0;
}

static void cut_goes_on_where_a_killed_process_left_it(void **state)
{
	struct log_builder *builder = *state;
	struct child_end end = { .signal = SIGKILL };
	int killed_count = 0;
	append(builder, TOPIC, 1, 7, false);
	append(builder, TOPIC, 2, 1, false);
	for (int at_sync = 1; end.signal == SIGKILL; at_sync++) {
		struct partition_record kept = hide_tail(builder, TOPIC, 1, 3 * STEP_BATCHES);
		struct partition_record other = hide_tail(builder, TOPIC, 2, 10);
		log_builder_close(builder);
		run_child_function_in_fork(&end, open_until_killed, &(struct killed){ builder, at_sync },
					   CHILD_TIME_MS);
		if (end.signal != SIGKILL)
			assert_int_equal(end.status, 0);
		killed_count += end.signal == SIGKILL;
		log_builder_open(builder, STORE_SERVE);
		expect_record(builder, TOPIC, 1, &kept);
		expect_record(builder, TOPIC, 2, &other);
		assert_int_equal(batches_in_log(builder), 8);
	}
	/* Four steps, each with two syncs, and one at the open. */
	assert_true(killed_count >= 9);
}

static void failed_cut_leaves_its_record_true(void **state)
{
	struct log_builder *builder = *state;
	struct disk_watch watch = { .fail_sync = 3, .room_bytes = -1 };
	struct error err = { 0 };
	append(builder, TOPIC, 0, 5, false);
	hide_tail(builder, TOPIC, 0, 2 * STEP_BATCHES);
	struct partition_record record = log_builder_record(builder, TOPIC, 0);
	disk_watch_begin(&watch);
	assert_int_equal(recovery_cut(builder->store, TOPIC, 0, &record, &err), -1);
	disk_watch_end();
	assert_int_equal(err.code, ERROR_IO);
	assert_non_null(strstr(err.text, "cut off"));
	/* The first step is committed, the second is not. */
	assert_int_equal(record.batch_count, 5 + STEP_BATCHES);
	expect_record(builder, TOPIC, 0, &record);
	assert_int_equal(recovery_cut(builder->store, TOPIC, 0, &record, NULL), 0);
	assert_int_equal(record.batch_count, 5);
	assert_int_equal(record.log_end, 10);
	expect_record(builder, TOPIC, 0, &record);
}

static void sums_that_do_not_hold_do_not_keep_a_store_closed(void **state)
{
	struct log_builder *builder = *state;
	append(builder, TOPIC, 0, 5, false);
	hide_tail(builder, TOPIC, 0, 5);
	struct partition_record record = log_builder_record(builder, TOPIC, 0);
	record.bytes = 10;
	record.batch_count = 2;
	log_builder_put_record(builder, TOPIC, 0, &record);
	reopen(builder, STORE_SERVE);
	record = log_builder_record(builder, TOPIC, 0);
	assert_int_equal(record.bytes, 0);
	assert_int_equal(record.batch_count, 0);
	assert_int_equal(record.log_end, 10);
}

static void damaged_record_is_an_error_that_names_the_table(void **state)
{
	struct log_builder *builder = *state;
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES] = { 1, 2, 3 };
	struct error err = { 0 };
	partition_key_encode(key, TOPIC, 1);
	log_builder_put(builder, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) },
			(struct bytes){ value, sizeof(value) });
	log_builder_close(builder);
	assert_int_equal(log_builder_try_open(builder, STORE_SERVE, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.text, "table partitions"));
	assert_int_equal(log_builder_try_open(builder, STORE_INSPECT, &err), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create_log, destroy_log)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(log_without_tails_is_not_written),
		TEST(tail_of_any_length_is_cut),
		TEST(tails_of_several_partitions_are_cut),
		TEST(last_key_of_all_is_cut_too),
		TEST(freed_offsets_can_be_written_again),
		TEST(tail_stays_while_a_store_is_inspected),
		TEST(steps_are_bounded_in_batches_and_in_bytes),
		TEST(cut_goes_on_where_a_killed_process_left_it),
		TEST(failed_cut_leaves_its_record_true),
		TEST(sums_that_do_not_hold_do_not_keep_a_store_closed),
		TEST(damaged_record_is_an_error_that_names_the_table),
	};
	return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
