#include "tests/support/reader_fixture.h"

#include "storage/environment.h"
#include "storage/visibility.h"

static void hidden_tail_is_not_handed_out(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	struct reader_progress progress;
	struct reader_ends ends;
	struct error err = { 0 };
	struct taken taken = { .topic_id = TOPIC };
	append(builder, 0, 10);
	log_builder_append(builder, TOPIC, 0,
			   &(struct log_batch){ .record_count = 5, .is_hidden = true });
	assert_int_equal(reader_ends(reader, TOPIC, 0, &ends, NULL), 0);
	assert_int_equal(ends.visible_end, 10);
	assert_int_equal(ends.log_end, 15);
	assert_int_equal(reader_read(reader, TOPIC, 0, 0, ALL_BYTES, take, &taken, &progress, NULL), 1);
	assert_int_equal(taken.batch_count, 1);
	assert_int_equal(progress.next_offset, 10);
	assert_int_equal(reader_read(reader, TOPIC, 0, 10, ALL_BYTES, take, &taken, &progress, NULL), 0);
	assert_int_equal(reader_read(reader, TOPIC, 0, 11, ALL_BYTES, take, &taken, &progress, &err), -1);
	assert_int_equal(err.code, ERROR_OFFSET_OUT_OF_RANGE);

	/* Once it is visible, the same reader sees it. */
	struct partition_record record = log_builder_record(builder, TOPIC, 0);
	record.visible_end = record.log_end;
	log_builder_put_record(builder, TOPIC, 0, &record);
	taken = (struct taken){ .topic_id = TOPIC };
	assert_int_equal(reader_read(reader, TOPIC, 0, 10, ALL_BYTES, take, &taken, &progress, NULL), 1);
	assert_int_equal(progress.next_offset, 15);
	reader_close(reader);
}

static void what_is_written_but_not_durable_is_not_visible(void **state)
{
	struct log_builder *builder = *state;
	struct visibility *visibility = builder->store->visibility;
	struct reader *reader = open_reader(builder);
	struct reader_progress progress;
	struct reader_ends ends;
	struct error err = { 0 };
	struct taken taken = { .topic_id = TOPIC };
	struct registered_topic topic = { .id = TOPIC, .partition_count = 2 };
	struct partition partition = { .topic = &topic, .number = 0 };
	struct partition_list dirty = TAILQ_HEAD_INITIALIZER(dirty);
	uint64_t offset;
	log_builder_append(builder, TOPIC, 0, &(struct log_batch){ .record_count = 10, .append_time_us = 5 });
	partition.stored = log_builder_record(builder, TOPIC, 0);
	log_builder_append(builder, TOPIC, 0, &(struct log_batch){ .record_count = 10, .append_time_us = 9 });
	partition.next = log_builder_record(builder, TOPIC, 0);
	TAILQ_INSERT_TAIL(&dirty, &partition, dirty_link);

	assert_int_equal(visibility_begin(visibility, &dirty, NULL), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(reader_ends(reader, TOPIC, 0, &ends, NULL), 0);
		assert_int_equal(ends.visible_end, 10);
		assert_int_equal(ends.log_end, 20);
		assert_int_equal(reader_read(reader, TOPIC, 0, 0, ALL_BYTES, take, &taken, &progress,
					     NULL), 1);
		assert_int_equal(progress.next_offset, 10);
		assert_int_equal(progress.visible_end, 10);
		assert_int_equal(reader_read(reader, TOPIC, 0, 10, ALL_BYTES, take, &taken, &progress,
					     NULL), 0);
		assert_int_equal(reader_read(reader, TOPIC, 0, 11, ALL_BYTES, take, &taken, &progress,
					     &err), -1);
		assert_int_equal(err.code, ERROR_OFFSET_OUT_OF_RANGE);
		assert_int_equal(reader_offset_for_time(reader, TOPIC, 0, 9, &offset, NULL), 0);
		assert_int_equal(offset, 10);
		if (i == 0)
			visibility_written(visibility);
		taken = (struct taken){ .topic_id = TOPIC };
	}
	/* Retention has already taken what is not visible yet. */
	struct partition_record record = partition.next;
	record.log_start = 20;
	log_builder_put_record(builder, TOPIC, 0, &record);
	assert_int_equal(reader_ends(reader, TOPIC, 0, &ends, NULL), 0);
	assert_int_equal(ends.log_start, 10);
	assert_int_equal(reader_read(reader, TOPIC, 0, 10, ALL_BYTES, take, &taken, &progress, NULL), 0);
	log_builder_put_record(builder, TOPIC, 0, &partition.next);

	visibility_durable(visibility);
	assert_int_equal(reader_read(reader, TOPIC, 0, 10, ALL_BYTES, take, &taken, &progress, NULL), 1);
	assert_int_equal(progress.next_offset, 20);
	reader_close(reader);
}

static void growing_log_shows_what_is_committed_and_no_more(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	struct reader_progress progress;
	struct taken taken = { .topic_id = TOPIC };
	uint64_t next_offset = 0;
	for (uint32_t i = 1; i <= 200; i++) {
		log_builder_begin(builder);
		log_builder_append(builder, TOPIC, 0, &(struct log_batch){ .record_count = i % 7 + 1 });
		assert_int_equal(reader_read(reader, TOPIC, 0, next_offset, ALL_BYTES, take, &taken,
					     &progress, NULL), 0);
		log_builder_commit(builder);
		assert_int_equal(reader_read(reader, TOPIC, 0, next_offset, ALL_BYTES, take, &taken,
					     &progress, NULL), 1);
		assert_int_equal(progress.batch_count, 1);
		assert_int_equal(progress.next_offset, next_offset + i % 7 + 1);
		next_offset = progress.next_offset;
	}
	assert_int_equal(taken.record_count, next_offset);
	reader_close(reader);
}

static void ends_are_those_of_the_record(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	struct reader_ends ends;
	struct partition_record record = { 5, 6, 9, 400, 3, 77 };
	log_builder_put_record(builder, TOPIC, 1, &record);
	assert_int_equal(reader_ends(reader, TOPIC, 1, &ends, NULL), 0);
	assert_int_equal(ends.log_start, 5);
	assert_int_equal(ends.visible_end, 6);
	assert_int_equal(ends.log_end, 9);
	assert_int_equal(ends.bytes, 400);
	assert_int_equal(ends.batch_count, 3);
	assert_int_equal(ends.last_append_time_us, 77);
	assert_int_equal(reader_ends(reader, TOPIC, 0, &ends, NULL), 0);
	assert_int_equal(ends.log_end, 0);
	assert_int_equal(ends.last_append_time_us, 0);
	reader_close(reader);
}

/* By time. */

static uint64_t offset_for(struct reader *reader, int64_t time_us)
{
	uint64_t offset = 12345678;
	struct error err = { 0 };
	if (reader_offset_for_time(reader, TOPIC, 0, time_us, &offset, &err) != 0)
		fail_msg("%s", err.text);
	return offset;
}

static void time_finds_the_first_batch_at_or_after_it(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	assert_int_equal(offset_for(reader, 0), 0);
	/* Times 100, 100, 100, 200, 200, 200, … of batches of growing length. */
	uint64_t base[30];
	log_builder_put_record(builder, TOPIC, 0, &(struct partition_record){ 50, 50, 50, 0, 0, 0 });
	append(builder, 1, 10);
	for (uint32_t i = 0; i < 30; i++)
		base[i] = log_builder_append(builder, TOPIC, 0,
					     &(struct log_batch){ .record_count = i % 9 + 1,
								  .append_time_us = 100 * (i / 3 + 1) });
	const uint64_t end = log_builder_record(builder, TOPIC, 0).visible_end;
	log_builder_append(builder, TOPIC, 0,
			   &(struct log_batch){ .append_time_us = 2000, .is_hidden = true });
	assert_int_equal(offset_for(reader, INT64_MIN), 50);
	assert_int_equal(offset_for(reader, -1), 50);
	for (uint32_t i = 0; i < 30; i += 3) {
		assert_int_equal(offset_for(reader, 100 * (i / 3 + 1)), base[i]);
		assert_int_equal(offset_for(reader, 100 * (i / 3 + 1) - 99), base[i]);
		assert_int_equal(offset_for(reader, 100 * (i / 3 + 1) + 1), i < 27 ? base[i + 3] : end);
	}
	assert_int_equal(offset_for(reader, 2000), end);
	assert_int_equal(offset_for(reader, INT64_MAX), end);
	reader_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hidden_tail_is_not_handed_out),
		TEST(what_is_written_but_not_durable_is_not_visible),
		TEST(growing_log_shows_what_is_committed_and_no_more),
		TEST(ends_are_those_of_the_record),
		TEST(time_finds_the_first_batch_at_or_after_it),
	};
	return cmocka_run_group_tests_name("reader_ends", tests, NULL, NULL);
}
