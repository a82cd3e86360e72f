#ifndef TESTS_SUPPORT_READER_FIXTURE_H
#define TESTS_SUPPORT_READER_FIXTURE_H

#include "storage/reader.h"
#include "tests/support/log_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

/* A log of two topics, and what a reader hands out of it. */

#define TOPIC    7
#define ALL_BYTES SIZE_MAX

static inline int create_log(void **state)
{
	struct log_builder *builder = log_builder_create();
	log_builder_topic(builder, "orders", TOPIC, 2, 0);
	log_builder_topic(builder, "users", TOPIC + 1, 1, 0);
	*state = builder;
	return 0;
}

static inline int destroy_log(void **state)
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

static inline int take(void *user, const uint8_t *batch, size_t size,
		       const struct batch_header *header)
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

static inline struct reader *open_reader(struct log_builder *builder)
{
	struct reader *reader;
	struct error err = { 0 };
	if (reader_open(&reader, builder->store, &err) != 0)
		fail_msg("%s", err.text);
	return reader;
}

/* Read once, with a reader of its own. */
static inline int read_once(struct log_builder *builder, uint32_t partition, uint64_t offset,
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

static inline void append(struct log_builder *builder, uint32_t partition, uint32_t record_count)
{
	struct log_batch batch = { .record_count = record_count };
	log_builder_append(builder, TOPIC, partition, &batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create_log, destroy_log)

#endif
