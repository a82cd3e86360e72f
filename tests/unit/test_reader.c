#include "storage/reader.h"

#include "storage/environment.h"
#include "storage/visibility.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/log_builder.h"

#define TOPIC    7
#define ALL_BYTES SIZE_MAX

static int create_log(void **state)
{
	struct log_builder *builder = log_builder_create();
	log_builder_topic(builder, "orders", TOPIC, 2, 0);
	log_builder_topic(builder, "users", TOPIC + 1, 1, 0);
	*state = builder;
	return 0;
}

static int destroy_log(void **state)
{
	log_builder_destroy(*state);
	return 0;
}

/* What a sink was given. */
struct taken {
	uint32_t topic_id;
	uint32_t partition;
	uint32_t batch_count;
	uint32_t record_count;
	size_t bytes;
	size_t largest;
	uint64_t first_offset;          /* the first batch's base */
	uint64_t next_offset;
	uint32_t refuse_after;          /* 0: takes all */
};

static int take(void *user, const uint8_t *batch, size_t size, const struct batch_header *header)
{
	struct taken *taken = user;
	struct batch_cursor cursor;
	struct record record;
	assert_true(taken->refuse_after == 0 || taken->batch_count <= taken->refuse_after);
	if (taken->refuse_after != 0 && taken->batch_count == taken->refuse_after)
		return 1;
	assert_int_equal(batch_open(&cursor, batch, size, NULL), 0);
	assert_memory_equal(&cursor.header, header, sizeof(*header));
	if (taken->batch_count == 0)
		taken->first_offset = header->base_offset;
	else
		assert_int_equal(header->base_offset, taken->next_offset);
	while (batch_next(&cursor, &record, NULL) == 1) {
		assert_true(log_value_is_right(record.value.bytes, taken->topic_id, taken->partition,
					       record.offset));
		taken->record_count++;
	}
	taken->next_offset = header->base_offset + header->last_offset_delta + 1;
	taken->batch_count++;
	taken->bytes += size;
	taken->largest = size > taken->largest ? size : taken->largest;
	return 0;
}

static struct reader *open_reader(struct log_builder *builder)
{
	struct reader *reader;
	struct error err = { 0 };
	if (reader_open(&reader, builder->store, &err) != 0)
		fail_msg("%s", err.text);
	return reader;
}

/* Read once, with a reader of its own. */
static int read_once(struct log_builder *builder, uint32_t partition, uint64_t offset,
		     size_t max_bytes, struct taken *taken, struct reader_progress *progress,
		     struct error *err)
{
	struct reader *reader = open_reader(builder);
	*taken = (struct taken){ .topic_id = TOPIC, .partition = partition };
	*progress = (struct reader_progress){ .next_offset = 99999 };
	int rc = reader_read(reader, TOPIC, partition, offset, max_bytes, take, taken, progress, err);
	reader_close(reader);
	return rc;
}

static void append(struct log_builder *builder, uint32_t partition, uint32_t record_count)
{
	struct log_batch batch = { .record_count = record_count };
	log_builder_append(builder, TOPIC, partition, &batch);
}

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

/* Damage. */

static void rewrite(struct log_builder *builder, uint64_t base_offset, size_t at, uint8_t flip)
{
	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, TOPIC, 0, base_offset, &size);
	assert_true(at < size);
	batch[at] ^= flip;
	log_builder_write_batch(builder, TOPIC, 0, base_offset, batch, size);
	free(batch);
}

static void delete_batch(struct log_builder *builder, uint64_t base_offset)
{
	uint8_t key[BATCH_KEY_BYTES];
	batch_key_encode(key, TOPIC, 0, base_offset);
	log_builder_delete(builder, TABLE_LOG, (struct bytes){ key, sizeof(key) });
}

static void expect_damage(struct log_builder *builder, uint64_t offset, uint32_t batch_count,
			  uint64_t damaged_start, uint64_t damaged_end)
{
	struct taken taken;
	struct reader_progress progress;
	struct error err = { 0 };
	assert_int_equal(read_once(builder, 0, offset, ALL_BYTES, &taken, &progress, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(taken.batch_count, batch_count);
	assert_int_equal(progress.batch_count, batch_count);
	assert_int_equal(progress.damaged_start, damaged_start);
	assert_int_equal(progress.damaged_end, damaged_end);
	assert_int_equal(progress.next_offset, batch_count != 0 ? damaged_start : offset);
	assert_non_null(strstr(err.text, "topic 7, partition 0"));
}

static void each_damaged_byte_of_a_batch_is_found(void **state)
{
	struct log_builder *builder = *state;
	for (int i = 0; i < 3; i++)
		append(builder, 0, 2);
	size_t size;
	free(log_builder_read_batch(builder, TOPIC, 0, 2, &size));
	for (size_t at = 0; at < size; at++) {
		const uint8_t flip = (uint8_t)(1u << at % 8);
		rewrite(builder, 2, at, flip);
		expect_damage(builder, 0, 1, 2, 4);
		expect_damage(builder, 2, 0, 2, 4);
		expect_damage(builder, 3, 0, 2, 4);
		struct taken taken;
		struct reader_progress progress;
		assert_int_equal(read_once(builder, 0, 4, ALL_BYTES, &taken, &progress, NULL), 1);
		assert_int_equal(progress.next_offset, 6);
		rewrite(builder, 2, at, flip);
	}
}

static void damage_at_the_log_end_reaches_to_the_visible_end(void **state)
{
	struct log_builder *builder = *state;
	append(builder, 0, 10);
	append(builder, 0, 10);
	log_builder_append(builder, TOPIC, 0, &(struct log_batch){ .record_count = 7, .is_hidden = true });
	rewrite(builder, 10, 60, 1);
	expect_damage(builder, 0, 1, 10, 20);
	expect_damage(builder, 19, 0, 10, 20);
}

static void cut_or_emptied_batch_is_found(void **state)
{
	struct log_builder *builder = *state;
	size_t size;
	for (int i = 0; i < 3; i++)
		append(builder, 0, 10);
	uint8_t *batch = log_builder_read_batch(builder, TOPIC, 0, 10, &size);
	const size_t sizes[] = { 0, 1, BATCH_HEADER_BYTES - 1, BATCH_HEADER_BYTES, size - 1 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		log_builder_write_batch(builder, TOPIC, 0, 10, batch, sizes[i]);
		expect_damage(builder, 0, 1, 10, 20);
		expect_damage(builder, 15, 0, 10, 20);
	}
	free(batch);
}

static void good_batch_in_the_wrong_place_is_found(void **state)
{
	struct log_builder *builder = *state;
	size_t size;
	for (int i = 0; i < 3; i++)
		append(builder, 0, 10);
	uint8_t *batch = log_builder_read_batch(builder, TOPIC, 0, 0, &size);
	log_builder_write_batch(builder, TOPIC, 0, 10, batch, size);
	free(batch);
	expect_damage(builder, 0, 1, 10, 20);
	/* The other partition's batch at the same offset. */
	append(builder, 1, 10);
	batch = log_builder_read_batch(builder, TOPIC, 1, 0, &size);
	log_builder_write_batch(builder, TOPIC, 0, 0, batch, size);
	free(batch);
	expect_damage(builder, 0, 0, 0, 10);
}

static void hole_is_never_silent(void **state)
{
	struct log_builder *builder = *state;
	for (int i = 0; i < 5; i++)
		append(builder, 0, 10);
	delete_batch(builder, 20);
	delete_batch(builder, 30);
	expect_damage(builder, 0, 2, 20, 40);
	expect_damage(builder, 20, 0, 20, 40);
	expect_damage(builder, 25, 0, 20, 40);
	expect_damage(builder, 39, 0, 20, 40);
	delete_batch(builder, 40);
	expect_damage(builder, 0, 2, 20, 50);
	expect_damage(builder, 45, 0, 20, 50);
	delete_batch(builder, 0);
	expect_damage(builder, 0, 0, 0, 10);
	expect_damage(builder, 5, 0, 5, 10);
	delete_batch(builder, 10);
	expect_damage(builder, 0, 0, 0, 50);
	/* Also with a neighbour right behind. */
	append(builder, 1, 10);
	expect_damage(builder, 49, 0, 49, 50);
}

static void neighbours_batch_at_the_right_offset_fills_no_hole(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_record(builder, TOPIC, 1, &(struct partition_record){ 10, 10, 10, 0, 0, 0 });
	append(builder, 0, 10);
	append(builder, 0, 10);
	append(builder, 1, 10);
	delete_batch(builder, 10);
	expect_damage(builder, 0, 1, 10, 20);
	expect_damage(builder, 10, 0, 10, 20);
}

static void overlapping_batch_is_found(void **state)
{
	struct log_builder *builder = *state;
	append(builder, 0, 10);
	append(builder, 0, 10);
	size_t size;
	uint8_t *batch = log_batch_encode(&(struct log_batch){ .record_count = 3 }, TOPIC, 0, 4, &size);
	log_builder_write_batch(builder, TOPIC, 0, 4, batch, size);
	free(batch);
	expect_damage(builder, 0, 1, 10, 20);
}

static void batch_that_reaches_beyond_the_visible_end_is_not_handed_out(void **state)
{
	struct log_builder *builder = *state;
	append(builder, 0, 10);
	append(builder, 0, 10);
	struct partition_record record = log_builder_record(builder, TOPIC, 0);
	record.visible_end = 15;
	log_builder_put_record(builder, TOPIC, 0, &record);
	expect_damage(builder, 0, 1, 10, 15);
}

static void batch_of_a_newer_version_is_told_apart(void **state)
{
	struct log_builder *builder = *state;
	struct taken taken;
	struct reader_progress progress;
	struct error err = { 0 };
	append(builder, 0, 10);
	log_builder_append(builder, TOPIC, 0, &(struct log_batch){ .record_count = 10, .flags = 2 });
	append(builder, 0, 10);
	assert_int_equal(read_once(builder, 0, 0, ALL_BYTES, &taken, &progress, &err), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
	assert_int_equal(taken.batch_count, 1);
	assert_int_equal(progress.damaged_start, 10);
	assert_int_equal(progress.damaged_end, 20);
}

static void damaged_partition_record_leaves_nothing_readable(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
	struct partition_record record = { 0, 10, 10, 100, 1, 1 };
	struct reader_ends ends = { .log_end = 99 };
	struct taken taken;
	struct reader_progress progress;
	struct error err = { 0 };
	uint64_t offset = 99;
	append(builder, 0, 10);
	partition_key_encode(key, TOPIC, 0);
	partition_record_encode(value, &record, key);
	value[9]++;
	log_builder_put(builder, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) },
			(struct bytes){ value, sizeof(value) });
	assert_int_equal(read_once(builder, 0, 3, ALL_BYTES, &taken, &progress, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.text, "topic 7, partition 0"));
	assert_int_equal(progress.next_offset, 3);
	assert_int_equal(progress.damaged_start, 3);
	assert_int_equal(progress.damaged_end, 3);
	err.code = ERROR_NONE;
	assert_int_equal(reader_ends(reader, TOPIC, 0, &ends, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(ends.log_end, 99);
	err.code = ERROR_NONE;
	assert_int_equal(reader_offset_for_time(reader, TOPIC, 0, 0, &offset, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(offset, 99);
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

static void lying_time_in_a_header_does_not_mislead_the_search(void **state)
{
	struct log_builder *builder = *state;
	struct reader *reader = open_reader(builder);
	for (uint32_t i = 0; i < 32; i++)
		log_builder_append(builder, TOPIC, 0,
				   &(struct log_batch){ .record_count = 4, .append_time_us = 100 + i });
	uint32_t damaged_count = 0;
	for (uint64_t n = 0; n < 64; n++) {
		/* Byte 25 is high in the append time: far in the future.  With another
		 * record count the header does not even decode. */
		const size_t at = n < 32 ? 25 : 16;
		const uint64_t damaged = n % 32 * 4;
		rewrite(builder, damaged, at, 1);
		for (uint64_t time = 0; time < 32; time++) {
			uint64_t offset;
			struct error err = { 0 };
			if (reader_offset_for_time(reader, TOPIC, 0, (int64_t)(100 + time), &offset,
						   &err) == 0) {
				assert_int_equal(offset, time * 4);
				continue;
			}
			assert_int_equal(err.code, ERROR_CORRUPT);
			damaged_count++;
		}
		rewrite(builder, damaged, at, 1);
	}
	/* It is met on the way to some of them alone. */
	assert_in_range(damaged_count, 1, 2 * 32 * 8);
	reader_close(reader);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, create_log, destroy_log)

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
		TEST(hidden_tail_is_not_handed_out),
		TEST(what_is_written_but_not_durable_is_not_visible),
		TEST(growing_log_shows_what_is_committed_and_no_more),
		TEST(offsets_left_out_by_compaction_are_no_hole),
		TEST(ends_are_those_of_the_record),
		TEST(each_damaged_byte_of_a_batch_is_found),
		TEST(damage_at_the_log_end_reaches_to_the_visible_end),
		TEST(cut_or_emptied_batch_is_found),
		TEST(good_batch_in_the_wrong_place_is_found),
		TEST(hole_is_never_silent),
		TEST(neighbours_batch_at_the_right_offset_fills_no_hole),
		TEST(overlapping_batch_is_found),
		TEST(batch_that_reaches_beyond_the_visible_end_is_not_handed_out),
		TEST(batch_of_a_newer_version_is_told_apart),
		TEST(damaged_partition_record_leaves_nothing_readable),
		TEST(time_finds_the_first_batch_at_or_after_it),
		TEST(lying_time_in_a_header_does_not_mislead_the_search),
		TEST(thousand_readers_one_after_the_other_need_one_slot),
		TEST(more_readers_than_slots_is_an_error_and_ends_with_a_close),
		TEST(idle_reader_pins_no_pages),
		TEST(every_failed_allocation_of_opening_is_reported),
	};
	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
