#include "tests/support/reader_fixture.h"

#include "storage/environment.h"
#include "tests/support/fail_malloc.h"

#include <sys/mman.h>

static void batches_come_whole_and_in_order(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	for (int i = 0; i < 5; i++)
		append(builder, 0, 10);
	assert_int_equal(read_once(builder, 0, 0, ALL_BYTES, &taken, &progress, NULL), 1);
	assert_int_equal(taken.batch_count, 5);
	assert_int_equal(taken.record_count, 50);
	assert_int_equal(taken.first_offset, 0);
	assert_int_equal(progress.batch_count, 5);
	assert_int_equal(progress.next_offset, 50);
	assert_int_equal(progress.visible_end, 50);
	assert_int_equal(progress.damaged_start, 0);
	assert_int_equal(progress.damaged_end, 0);
}

static void offset_inside_a_batch_begins_with_that_batch(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	for (int i = 0; i < 5; i++)
		append(builder, 0, 10);
	for (uint64_t offset = 0; offset < 50; offset++) {
		assert_int_equal(read_once(builder, 0, offset, 1, &taken, &progress, NULL), 1);
		assert_int_equal(taken.batch_count, 1);
		assert_int_equal(taken.first_offset, offset / 10 * 10);
		assert_int_equal(progress.next_offset, offset / 10 * 10 + 10);
	}
}

static void visible_end_has_nothing_yet(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	append(builder, 0, 10);
	assert_int_equal(read_once(builder, 0, 10, ALL_BYTES, &taken, &progress, NULL), 0);
	assert_int_equal(taken.batch_count, 0);
	assert_int_equal(progress.next_offset, 10);
	assert_int_equal(progress.visible_end, 10);
	assert_int_equal(progress.batch_count, 0);
}

static void empty_partition_has_nothing_yet(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	struct error err = { 0 };
	/* The neighbours' batches are none of ours. */
	append(builder, 0, 10);
	log_builder_append(builder, TOPIC + 1, 0, &(struct log_batch){ .record_count = 1 });
	assert_int_equal(read_once(builder, 1, 0, ALL_BYTES, &taken, &progress, &err), 0);
	assert_int_equal(progress.next_offset, 0);
	assert_int_equal(read_once(builder, 1, 1, ALL_BYTES, &taken, &progress, &err), -1);
	assert_int_equal(err.code, ERROR_OFFSET_OUT_OF_RANGE);
}

static void offsets_outside_the_log_are_refused(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	struct error err = { 0 };
	log_builder_put_record(builder, TOPIC, 0,
			       &(struct partition_record){ 100, 100, 100, 0, 0, 0 });
	append(builder, 0, 10);
	const uint64_t outside[] = { 0, 99, 111, UINT64_MAX };
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		assert_int_equal(read_once(builder, 0, outside[i], ALL_BYTES, &taken, &progress, &err), -1);
		assert_int_equal(err.code, ERROR_OFFSET_OUT_OF_RANGE);
		assert_int_equal(taken.batch_count, 0);
		assert_true(progress.next_offset == outside[i]);
		assert_int_equal(progress.visible_end, 110);
		assert_int_equal(progress.damaged_start, 0);
		assert_int_equal(progress.damaged_end, 0);
	}
	assert_int_equal(read_once(builder, 0, 100, ALL_BYTES, &taken, &progress, &err), 1);
	assert_int_equal(progress.next_offset, 110);
}

static void unknown_partition_is_not_found(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	struct reader_progress progress = { .next_offset = 99999 };
	struct reader_ends ends;
	struct taken taken = { 0 };
	struct error err = { 0 };
	uint64_t offset;
	const uint32_t unknown[][2] = { { TOPIC, 2 }, { TOPIC - 1, 0 }, { TOPIC + 2, 0 },
					{ 0, 0 }, { UINT32_MAX, UINT32_MAX } };
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		err.code = ERROR_NONE;
		assert_int_equal(reader_read(reader, unknown[i][0], unknown[i][1], 0, ALL_BYTES, take,
					     &taken, &progress, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		assert_int_equal(progress.next_offset, 99999);
		err.code = ERROR_NONE;
		assert_int_equal(reader_ends(reader, unknown[i][0], unknown[i][1], &ends, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		err.code = ERROR_NONE;
		assert_int_equal(reader_offset_for_time(reader, unknown[i][0], unknown[i][1], 0, &offset,
							&err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
	}
	reader_close(reader);
}

static void neighbours_do_not_mix(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	const uint32_t places[][2] = { { TOPIC, 0 }, { TOPIC, 1 }, { TOPIC + 1, 0 } };
	for (int round = 0; round < 4; round++)
		for (size_t i = 0; i < 3; i++)
			log_builder_append(builder, places[i][0], places[i][1],
					   &(struct log_batch){ .record_count = 3 + (uint32_t)i });
	for (size_t i = 0; i < 3; i++) {
		struct taken taken = { .topic_id = places[i][0], .partition = places[i][1] };
		struct reader_progress progress;
		assert_int_equal(reader_read(reader, places[i][0], places[i][1], 0, ALL_BYTES, take,
					     &taken, &progress, NULL), 1);
		assert_int_equal(taken.batch_count, 4);
		assert_int_equal(progress.next_offset, 4 * (3 + i));
	}
	reader_close(reader);
}

static void max_bytes_is_kept_but_one_batch_always_comes(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	for (int i = 0; i < 10; i++)
		log_builder_append(builder, TOPIC, 0,
				   &(struct log_batch){ .record_count = 10, .value_bytes = 1000 });
	assert_int_equal(read_once(builder, 0, 0, 0, &taken, &progress, NULL), 1);
	assert_int_equal(taken.batch_count, 1);
	const size_t size = taken.bytes;
	/* Offsets of two and more bytes make no difference up to 127. */
	for (size_t count = 1; count <= 10; count++) {
		assert_int_equal(read_once(builder, 0, 0, count * size, &taken, &progress, NULL), 1);
		assert_int_equal(taken.batch_count, count);
		assert_int_equal(progress.next_offset, count * 10);
		if (count == 10)
			break;
		assert_int_equal(read_once(builder, 0, 0, (count + 1) * size - 1, &taken, &progress,
					   NULL), 1);
		assert_int_equal(taken.batch_count, count);
	}
}

static void one_call_hands_out_no_more_than_its_limit(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	for (int i = 0; i < 20; i++)
		log_builder_append(builder, TOPIC, 0,
				   &(struct log_batch){ .record_count = 60, .value_bytes = 1000 });
	assert_int_equal(read_once(builder, 0, 0, ALL_BYTES, &taken, &progress, NULL), 1);
	assert_true(taken.bytes <= READER_BYTES_MAX);
	assert_true(taken.bytes > READER_BYTES_MAX - taken.largest);
	/* A single larger one still comes, alone. */
	log_builder_append(builder, TOPIC, 1,
			   &(struct log_batch){ .value_bytes = 2 * READER_BYTES_MAX });
	append(builder, 1, 1);
	assert_int_equal(read_once(builder, 1, 0, ALL_BYTES, &taken, &progress, NULL), 1);
	assert_int_equal(taken.batch_count, 1);
	assert_true(taken.bytes > 2 * READER_BYTES_MAX);
	assert_int_equal(progress.next_offset, 1);
}

/* In the C library's place: the reader asks it before it has the kernel read ahead. */
static unsigned int asked_count;

int mincore(void *address, size_t size, unsigned char *pages)
{
	(void)address, (void)size;
	asked_count++;
	pages[0] = 1;
	return 0;
}

static void kernel_reads_ahead_where_something_follows(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	for (int i = 0; i < 3; i++)
		append(builder, 0, 10);
	asked_count = 0;
	read_once(builder, 0, 20, ALL_BYTES, &taken, &progress, NULL);
	assert_int_equal(asked_count, 0);
	read_once(builder, 0, 0, ALL_BYTES, &taken, &progress, NULL);
	assert_int_equal(asked_count, 1);
	/* One large batch a call is a reading of it all, too. */
	log_builder_append(builder, TOPIC, 1,
			   &(struct log_batch){ .value_bytes = 2 * READER_BYTES_MAX });
	append(builder, 1, 1);
	read_once(builder, 1, 0, ALL_BYTES, &taken, &progress, NULL);
	assert_int_equal(asked_count, 2);
	read_once(builder, 0, 0, 100, &taken, &progress, NULL);
	assert_int_equal(asked_count, 2);
}

static void refused_batch_is_where_reading_goes_on(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	struct reader_progress progress;
	for (int i = 0; i < 5; i++)
		append(builder, 0, 10);
	struct taken taken = { .topic_id = TOPIC, .refuse_after = 2 };
	assert_int_equal(reader_read(reader, TOPIC, 0, 5, ALL_BYTES, take, &taken, &progress, NULL), 1);
	assert_int_equal(taken.batch_count, 2);
	assert_int_equal(progress.batch_count, 2);
	assert_int_equal(progress.next_offset, 20);
	reader_close(reader);
}

static void offsets_left_out_by_compaction_are_no_hole(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	log_builder_append(builder, TOPIC, 0,
			   &(struct log_batch){ .record_count = 3, .more_offsets = 97 });
	append(builder, 0, 10);
	for (uint64_t offset = 0; offset < 100; offset += 33) {
		assert_int_equal(read_once(builder, 0, offset, ALL_BYTES, &taken, &progress, NULL), 1);
		assert_int_equal(taken.first_offset, 0);
		assert_int_equal(taken.batch_count, 2);
		assert_int_equal(progress.next_offset, 110);
	}
}

/* Readers. */

static void thousand_readers_one_after_the_other_need_one_slot(void **state)
{
	struct log_builder *builder = *state;
	append(builder, 0, 1);
	for (int i = 0; i < 1000; i++) {
		struct taken taken;
		struct reader_progress progress;
		assert_int_equal(read_once(builder, 0, 0, ALL_BYTES, &taken, &progress, NULL), 1);
	}
	MDB_envinfo info;
	mdb_env_info(builder->store->env, &info);
	assert_int_equal(info.me_numreaders, 1);
}

static void more_readers_than_slots_is_an_error_and_ends_with_a_close(void **state)
{
	struct log_builder *builder = *state;
	struct reader *readers[200];
	struct error err = { 0 };
	size_t count = 0;
	append(builder, 0, 3);
	while (count < 200 && reader_open(&readers[count], builder->store, &err) == 0)
		count++;
	assert_in_range(count, 100, 199);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_non_null(strstr(err.text, "reader slots"));
	/* Those that are open all work. */
	for (size_t i = 0; i < count; i++) {
		struct reader_ends ends;
		assert_int_equal(reader_ends(readers[i], TOPIC, 0, &ends, NULL), 0);
		assert_int_equal(ends.log_end, 3);
	}
	reader_close(readers[--count]);
	assert_int_equal(reader_open(&readers[count++], builder->store, NULL), 0);
	while (count > 0)
		reader_close(readers[--count]);
}

static void idle_reader_pins_no_pages(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	struct reader_ends ends;
	MDB_envinfo info;
	append(builder, 0, 1);
	assert_int_equal(reader_ends(reader, TOPIC, 0, &ends, NULL), 0);
	const struct partition_record record = log_builder_record(builder, TOPIC, 0);
	size_t pages[3];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++)
			log_builder_put_record(builder, TOPIC, 0, &record);
		mdb_env_info(builder->store->env, &info);
		pages[round] = info.me_last_pgno;
	}
	assert_int_equal(pages[1], pages[2]);
	reader_close(reader);
}

static void every_failed_allocation_of_opening_is_reported(void **state)
{
	struct log_builder *builder = *state;
	struct error err = { 0 };
	for (int n = 0;; n++) {
		struct reader *reader = NULL;
		fail_malloc_after(n);
		int rc = reader_open(&reader, builder->store, &err);
		if (!fail_malloc_stop()) {
			reader_close(reader);
			assert_true(n > 0);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
	}
	reader_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(batches_come_whole_and_in_order),
		TEST(offset_inside_a_batch_begins_with_that_batch),
		TEST(visible_end_has_nothing_yet),
		TEST(empty_partition_has_nothing_yet),
		TEST(offsets_outside_the_log_are_refused),
		TEST(unknown_partition_is_not_found),
		TEST(neighbours_do_not_mix),
		TEST(max_bytes_is_kept_but_one_batch_always_comes),
		TEST(one_call_hands_out_no_more_than_its_limit),
		TEST(kernel_reads_ahead_where_something_follows),
		TEST(refused_batch_is_where_reading_goes_on),
		TEST(offsets_left_out_by_compaction_are_no_hole),
		TEST(thousand_readers_one_after_the_other_need_one_slot),
		TEST(more_readers_than_slots_is_an_error_and_ends_with_a_close),
		TEST(idle_reader_pins_no_pages),
		TEST(every_failed_allocation_of_opening_is_reported),
	};
	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
