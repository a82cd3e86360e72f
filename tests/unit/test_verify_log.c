#include "tests/support/verify_fixture.h"

/* partitions */

static void change_record(struct log_builder *builder, uint32_t partition,
			  void (*change)(struct partition_record *record))
{
	struct partition_record record = log_builder_record(builder, PUBLISHED, partition);
	change(&record);
	log_builder_put_record(builder, PUBLISHED, partition, &record);
}

static void swap_offsets(struct partition_record *record)
{
	record->visible_end = record->log_end + 1;
}

static void offsets_out_of_order_are_found_and_batches_checked_all_the_same(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	change_record(builder, 0, swap_offsets);
	expect_problem(builder, "partitions", PUBLISHED, 0, 0, 0, "offsets out of order");
	check(builder, &findings);
	assert_int_equal(findings.report.batches, 5 + 3 + 6);
	assert_int_equal(findings.report.partitions, 3);
}

static void count_one_more(struct partition_record *record)
{
	record->batch_count++;
}

static void count_a_byte_less(struct partition_record *record)
{
	record->bytes--;
}

static void sums_that_do_not_hold_are_found(void **state)
{
	struct log_builder *builder = *state;
	change_record(builder, 0, count_one_more);
	expect_problem(builder, "partitions", PUBLISHED, 0, 0, 0, "6 batches with");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	change_record(builder, 1, count_a_byte_less);
	change_record(builder, 0, count_one_more);
	struct findings findings;
	check(builder, &findings);
	assert_int_equal(findings.count, 2);
	assert_int_equal(findings.problems[0].partition, 0);
	assert_int_equal(findings.problems[1].partition, 1);
}

static void appended_long_ago(struct partition_record *record)
{
	record->last_append_time_us = 1001;
}

static void last_append_time_that_is_too_early_is_found(void **state)
{
	struct log_builder *builder = *state;
	change_record(builder, 0, appended_long_ago);
	expect_problem(builder, "partitions", PUBLISHED, 0, 0, 0, "last append time 1001");
}

/* log */

static void rewrite(struct log_builder *builder, uint32_t partition, uint64_t base_offset, size_t at)
{
	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, PUBLISHED, partition, base_offset, &size);
	assert_true(at < size);
	batch[at] ^= 0x10;
	log_builder_write_batch(builder, PUBLISHED, partition, base_offset, batch, size);
	free(batch);
}

static void delete_batch(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			 uint64_t base_offset)
{
	uint8_t key[BATCH_KEY_BYTES];
	batch_key_encode(key, topic_id, partition, base_offset);
	log_builder_delete(builder, TABLE_LOG, (struct bytes){ key, sizeof(key) });
}

static void damaged_batches_are_found_with_their_offsets(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	rewrite(builder, 0, 10, 70);
	expect_problem(builder, "log", PUBLISHED, 0, 10, 20, "checksum");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	rewrite(builder, 0, 30, 21);
	rewrite(builder, 0, 40, 0);
	rewrite(builder, 1, 110, 30);
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 4);
	assert_true(has_problem(&findings, "log", 10, 20, "checksum"));
	assert_true(has_problem(&findings, "log", 30, 40, ""));
	assert_true(has_problem(&findings, "log", 40, 50, ""));
	assert_true(has_problem(&findings, "log", 110, 120, "checksum"));
	assert_string_equal(findings.problems[0].topic, "published");
	assert_int_equal(findings.report.batches, 5 + 3 + 5);
}

static void batch_of_another_place_is_found(void **state)
{
	struct log_builder *builder = *state;
	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, PUBLISHED, 0, 0, &size);
	log_builder_write_batch(builder, PUBLISHED, 0, 10, batch, size);
	free(batch);
	expect_problem(builder, "log", PUBLISHED, 0, 10, 20, "checksum");
}

static void holes_are_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	delete_batch(builder, PUBLISHED, 0, 0);
	delete_batch(builder, PUBLISHED, 0, 20);
	delete_batch(builder, PUBLISHED, 0, 30);
	delete_batch(builder, PUBLISHED, 1, 120);
	check(builder, &findings);
	print_findings(&findings);
	/* Three holes, and the sums of two partitions. */
	assert_int_equal(findings.count, 5);
	assert_true(has_problem(&findings, "log", 0, 10, "hole"));
	assert_true(has_problem(&findings, "log", 20, 40, "hole"));
	assert_true(has_problem(&findings, "log", 120, 130, "hole"));
}

static void overlapping_batches_are_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	size_t size;
	uint8_t *batch = log_batch_encode(&(struct log_batch){ .record_count = 2, .append_time_us = 1001 },
					  PUBLISHED, 0, 25, &size);
	log_builder_write_batch(builder, PUBLISHED, 0, 25, batch, size);
	free(batch);
	struct partition_record record = log_builder_record(builder, PUBLISHED, 0);
	record.batch_count++;
	record.bytes += size;
	log_builder_put_record(builder, PUBLISHED, 0, &record);
	log_builder_close(builder);
	log_builder_open(builder, STORE_INSPECT);
	/* Runs that end right there look for the next batch behind it. */
	check_by_runs(builder, VERIFY_RUN_BYTES, &findings);
	print_findings(&findings);
	assert_true(has_problem(&findings, "log", 25, 30, "begins inside the one before"));
}

static void start_later(struct partition_record *record)
{
	record->log_start = 20;
}

static void end_earlier(struct partition_record *record)
{
	record->log_end = record->visible_end = 30;
}

static void batches_outside_the_log_are_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	change_record(builder, 0, start_later);
	check(builder, &findings);
	assert_true(has_problem(&findings, "log", 0, 20, "before the log's start"));
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	change_record(builder, 0, end_earlier);
	check(builder, &findings);
	print_findings(&findings);
	assert_true(has_problem(&findings, "log", 30, 41, "behind the log's end"));
}

static void batch_across_the_logs_end_is_found(void **state)
{
	struct log_builder *builder = *state;
	struct partition_record record = log_builder_record(builder, PUBLISHED, 0);
	record.log_end = record.visible_end = 45;
	log_builder_put_record(builder, PUBLISHED, 0, &record);
	expect_problem(builder, "log", PUBLISHED, 0, 40, 45, "reaches beyond 45");
}

static void falling_append_times_are_found(void **state)
{
	struct log_builder *builder = *state;
	append(builder, 0, 5000);
	append(builder, 0, 4999);
	append(builder, 0, 5000);
	expect_problem(builder, "log", PUBLISHED, 0, 60, 70, "append time 4999 behind 5000");
}

static void batches_without_a_partition_are_found_and_checked(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	log_builder_put_record(builder, 50, 3, &(struct partition_record){ 0 });
	log_builder_put_record(builder, UINT32_MAX, UINT32_MAX, &(struct partition_record){ 0 });
	for (int n = 0; n < 3; n++)
		log_builder_append(builder, 50, 3, &(struct log_batch){ .record_count = 5 });
	log_builder_append(builder, UINT32_MAX, UINT32_MAX, &(struct log_batch){ .record_count = 5 });
	uint8_t key[PARTITION_KEY_BYTES];
	partition_key_encode(key, 50, 3);
	log_builder_delete(builder, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) });
	expect_problem(builder, "log", 50, 3, 0, 15, "3 batches of a partition that has no record");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	partition_key_encode(key, UINT32_MAX, UINT32_MAX);
	log_builder_delete(builder, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) });
	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, 50, 3, 5, &size);
	batch[size - 1]++;
	log_builder_write_batch(builder, 50, 3, 5, batch, size);
	free(batch);
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 3);
	assert_true(has_problem(&findings, "log", 5, 6, "checksum"));
	assert_true(has_problem(&findings, "log", 0, 15, "3 batches"));
	assert_true(has_problem(&findings, "log", 0, 5, "1 batches"));
}

static void partitions_of_deleted_topics_are_allowed_and_checked(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_record(builder, 40, 0, &(struct partition_record){ 0 });
	for (int n = 0; n < 3; n++)
		log_builder_append(builder, 40, 0,
				   &(struct log_batch){ .record_count = 5, .source_id = SOURCE,
							.transaction_ordinal = 2 });
	expect_clean(builder);
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);

	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, 40, 0, 5, &size);
	batch[size - 1]++;
	log_builder_write_batch(builder, 40, 0, 5, batch, size);
	free(batch);
	expect_problem(builder, "log", 40, 0, 5, 10, "checksum");
}

static void deletion_may_take_what_was_never_visible(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_record(builder, 40, 0, &(struct partition_record){ 0 });
	for (int n = 0; n < 3; n++)
		log_builder_append(builder, 40, 0,
				   &(struct log_batch){ .record_count = 5, .is_hidden = true });
	size_t size;
	free(log_builder_read_batch(builder, 40, 0, 0, &size));
	delete_batch(builder, 40, 0, 0);
	struct partition_record record = log_builder_record(builder, 40, 0);
	record.batch_count--;
	record.bytes -= size;
	log_builder_put_record(builder, 40, 0, &record);
	expect_clean(builder);
}

static void hundreds_of_problems_are_all_told(void **state)
{
	struct log_builder *builder = *state;
	struct verify_report report;
	for (int n = 0; n < 300; n++)
		append(builder, 0, 5000);
	for (uint64_t n = 0; n < 300; n += 2)
		rewrite(builder, 0, 50 + n * 10, 100);
	assert_int_equal(verify_store(builder->store, NULL, &report, NULL), 0);
	assert_int_equal(report.problems, 150);
	assert_int_equal(report.batches, 5 + 300 + 3 + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(offsets_out_of_order_are_found_and_batches_checked_all_the_same),
		TEST(sums_that_do_not_hold_are_found),
		TEST(last_append_time_that_is_too_early_is_found),
		TEST(damaged_batches_are_found_with_their_offsets),
		TEST(batch_of_another_place_is_found),
		TEST(holes_are_found),
		TEST(overlapping_batches_are_found),
		TEST(batches_outside_the_log_are_found),
		TEST(batch_across_the_logs_end_is_found),
		TEST(falling_append_times_are_found),
		TEST(batches_without_a_partition_are_found_and_checked),
		TEST(partitions_of_deleted_topics_are_allowed_and_checked),
		TEST(deletion_may_take_what_was_never_visible),
		TEST(hundreds_of_problems_are_all_told),
	};
	return cmocka_run_group_tests_name("verify_log", tests, NULL, NULL);
}
