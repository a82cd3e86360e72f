/* What a store does when pages of its file are overwritten while it is closed:
 * LMDB has no checksums and trusts every page.  Nothing may crash, hang or hand
 * out a record that was not written; what cannot be read is an error that says
 * so. */
#include "storage/environment.h"
#include "storage/reader.h"
#include "storage/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/log_builder.h"
#include "tests/support/random.h"
#include "tests/support/run_child.h"
#include "tests/support/test_amount.h"

#define PARTITION_COUNT 3
#define PAGE_BYTES      4096
#define DAMAGED_PAGES_MAX 3
#define CHILD_TIME_MS   60000

/* Sanitizers make it many times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NORMAL_SEEDS 100
#else
#define NORMAL_SEEDS 500
#endif

/* A closed store, and the bytes of its file as they were. */
struct original {
	struct log_builder *builder;
	char path[4096];
	uint8_t *file;
	size_t size;
};

/* How a process that opened a store to cut its tails ended. */
enum outcome {
	OUTCOME_OPENED,
	OUTCOME_REFUSED,                /* with an error, and it could be tried again */
	OUTCOME_REFUSED_FOR_GOOD,       /* a write transaction had to be given up */
	OUTCOME_WRONG,
};

/* Many small batches, which lie in leaf pages, and some large ones, which lie
 * in pages of their own; enough for branch pages. */
static void fill(struct log_builder *builder, uint32_t topic_id)
{
	log_builder_begin(builder);
	for (uint32_t i = 0; i < 600; i++)
		for (uint32_t partition = 0; partition < PARTITION_COUNT; partition++) {
			struct log_batch batch = {
				.record_count = i % 5 + 1, .value_bytes = i % 40 == 7 ? 9000 : 60 + i % 64,
				.append_time_us = 1000 + i,
			};
			log_builder_append(builder, topic_id, partition, &batch);
		}
	log_builder_commit(builder);
}

/* Hide what was written: opening the store for writing cuts it off. */
static void hide(struct log_builder *builder, uint32_t topic_id)
{
	for (uint32_t partition = 0; partition < PARTITION_COUNT; partition++) {
		struct partition_record record = log_builder_record(builder, topic_id, partition);
		record.visible_end = 0;
		log_builder_put_record(builder, topic_id, partition, &record);
	}
}

static int create(void **state, bool is_hidden)
{
	struct original *original = calloc(1, sizeof(*original));
	struct stat file;
	original->builder = log_builder_create();
	log_builder_topic(original->builder, "orders", 1, PARTITION_COUNT, 0);
	log_builder_topic(original->builder, "users", 2, PARTITION_COUNT, 0);
	fill(original->builder, 1);
	fill(original->builder, 2);
	if (is_hidden)
		hide(original->builder, 1);
	log_builder_close(original->builder);
	snprintf(original->path, sizeof(original->path), "%s/log/data.mdb", original->builder->dir);
	int fd = open(original->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &file) != 0)
		return -1;
	original->size = (size_t)file.st_size;
	original->file = malloc(original->size);
	if (read(fd, original->file, original->size) != (ssize_t)original->size)
		return -1;
	close(fd);
	*state = original;
	return 0;
}

static int create_original(void **state)
{
	return create(state, false);
}

static int create_hidden(void **state)
{
	return create(state, true);
}

static int destroy_original(void **state)
{
	struct original *original = *state;
	log_builder_destroy(original->builder);
	free(original->file);
	free(original);
	return 0;
}

static void write_at(const struct original *original, size_t offset, const uint8_t *data, size_t size)
{
	int fd = open(original->path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, size, (off_t)offset), size);
	close(fd);
}

static void restore(const struct original *original)
{
	write_at(original, 0, original->file, original->size);
	assert_int_equal(truncate(original->path, (off_t)original->size), 0);
}

/* Returns the page's number. */
static size_t damage_page(const struct original *original, struct random *random)
{
	uint8_t page[PAGE_BYTES];
	size_t page_count = original->size / PAGE_BYTES;
	size_t number = random_below(random, page_count);
	memcpy(page, original->file + number * PAGE_BYTES, PAGE_BYTES);
	switch (random_below(random, 6)) {
	case 0:
		memset(page, 0, sizeof(page));
		break;
	case 1:
		for (size_t i = 0; i < sizeof(page); i++)
			page[i] = (uint8_t)random_next(random);
		break;
	case 2:         /* another page's bytes */
		memcpy(page, original->file + random_below(random, page_count) * PAGE_BYTES, PAGE_BYTES);
		break;
	case 3:         /* the page's head, and where its nodes are */
		for (size_t i = 0; i < 4; i++)
			page[random_below(random, 64)] = (uint8_t)random_next(random);
		break;
	case 4:         /* keys, sizes, numbers of pages */
		for (size_t i = 0; i < 64; i++)
			page[random_below(random, sizeof(page))] = (uint8_t)random_next(random);
		break;
	default:        /* one bit */
		page[random_below(random, sizeof(page))] ^= (uint8_t)(1u << random_below(random, 8));
		break;
	}
	write_at(original, number * PAGE_BYTES, page, sizeof(page));
	return number;
}

static void restore_page(const struct original *original, size_t number)
{
	write_at(original, number * PAGE_BYTES, original->file + number * PAGE_BYTES, PAGE_BYTES);
}

struct place {
	uint32_t topic_id;
	uint32_t partition;
	uint64_t next_offset;
};

static int take(void *user, const uint8_t *batch, size_t size, const struct batch_header *header)
{
	struct place *place = user;
	struct batch_cursor cursor;
	struct record record;
	int rc;
	assert_true(header->base_offset + header->last_offset_delta >= place->next_offset);
	assert_int_equal(batch_open(&cursor, batch, size, NULL), 0);
	while ((rc = batch_next(&cursor, &record, NULL)) == 1)
		assert_true(log_value_is_right(record.value.bytes, place->topic_id, place->partition,
					       record.offset));
	assert_int_equal(rc, 0);
	place->next_offset = header->base_offset + header->last_offset_delta + 1;
	return 0;
}

/* Read all that can be read; returns how many offsets were lost. */
static uint64_t read_partition(struct reader *reader, uint32_t topic_id, uint32_t partition)
{
	struct place place = { topic_id, partition, 0 };
	struct reader_progress progress;
	uint64_t lost = 0;
	for (;;) {
		struct error err = { 0 };
		uint64_t offset = place.next_offset;
		int rc = reader_read(reader, topic_id, partition, offset, SIZE_MAX, take, &place,
				     &progress, &err);
		if (rc == 0)
			return lost;
		if (rc > 0) {
			assert_int_equal(progress.next_offset, place.next_offset);
			assert_true(progress.next_offset > offset);
			continue;
		}
		/* The partition itself cannot be found or read. */
		if (err.code == ERROR_NOT_FOUND)
			return UINT64_MAX;
		/* A batch whose magic and checksum are both overwritten may look newer. */
		assert_true(err.code == ERROR_CORRUPT || err.code == ERROR_FORMAT_VERSION);
		assert_true(err.text[0] != '\0');
		if (progress.damaged_start == progress.damaged_end)
			return UINT64_MAX;
		assert_true(progress.damaged_end > progress.damaged_start);
		assert_true(progress.damaged_end > offset);
		assert_true(progress.damaged_end <= progress.visible_end);
		lost += progress.damaged_end - progress.damaged_start;
		place.next_offset = progress.damaged_end;
	}
}

static void seek_by_time(struct reader *reader, uint32_t topic_id, uint32_t partition)
{
	for (int64_t time_us = 900; time_us < 1700; time_us += 97) {
		uint64_t offset = 0;
		struct error err = { 0 };
		if (reader_offset_for_time(reader, topic_id, partition, time_us, &offset, &err) != 0)
			assert_true(err.code == ERROR_CORRUPT || err.code == ERROR_NOT_FOUND ||
				    err.code == ERROR_FORMAT_VERSION);
	}
}

/* Returns how many partitions lost something; -1: the store did not open. */
static int read_everything(struct log_builder *builder, enum store_mode mode, bool is_damaged)
{
	struct verify_report report;
	struct reader *reader;
	struct store_usage usage;
	struct error err = { 0 };
	int damaged_count = 0;
	if (log_builder_try_open(builder, mode, &err) != 0) {
		assert_true(err.text[0] != '\0');
		builder->store = NULL;
		return -1;
	}
	if (reader_open(&reader, builder->store, &err) == 0) {
		for (uint32_t topic_id = 1; topic_id <= 2; topic_id++)
			for (uint32_t partition = 0; partition < PARTITION_COUNT; partition++) {
				damaged_count += read_partition(reader, topic_id, partition) != 0;
				seek_by_time(reader, topic_id, partition);
			}
		reader_close(reader);
	}
	/* What a reader finds, the check of the whole store finds, too. */
	if (verify_store(builder->store, NULL, &report, &err) != 0)
		assert_int_equal(err.code, ERROR_CORRUPT);
	else if (damaged_count > 0)
		assert_true(report.problems > 0);
	else
		assert_true(report.problems == 0 || is_damaged);
	if (store_usage(builder->store, &usage, &err) != 0)
		assert_int_equal(err.code, ERROR_CORRUPT);
	log_builder_close(builder);
	return damaged_count;
}

static void undamaged_file_reads_whole(void **state)
{
	struct original *original = *state;
	assert_int_equal(read_everything(original->builder, STORE_INSPECT, false), 0);
	assert_int_equal(read_everything(original->builder, STORE_SERVE, false), 0);
	restore(original);
}

static void damaged_pages_give_errors_or_right_data(void **state)
{
	struct original *original = *state;
	int seed_count = test_amount(20, NORMAL_SEEDS, 20000), unopened_count = 0, damaged_count = 0;
	for (int n = 0; n < seed_count; n++) {
		struct random random = random_seeded((uint64_t)n, 0);
		size_t numbers[DAMAGED_PAGES_MAX];
		size_t page_count = random_between(&random, 1, DAMAGED_PAGES_MAX);
		for (size_t i = 0; i < page_count; i++)
			numbers[i] = damage_page(original, &random);
		printf("# seed %d\n", n);
		int rc = read_everything(original->builder, n % 2 == 0 ? STORE_INSPECT : STORE_SERVE, true);
		unopened_count += rc < 0;
		damaged_count += rc > 0;
		for (size_t i = 0; i < page_count; i++)
			restore_page(original, numbers[i]);
	}
	printf("# of %d, %d did not open and %d lost something\n", seed_count, unopened_count,
	       damaged_count);
	assert_true(damaged_count > seed_count / 4);
	assert_int_equal(read_everything(original->builder, STORE_INSPECT, false), 0);
}

static int open_twice(void *user)
{
	struct log_builder *builder = user;
	struct error first = { 0 }, second = { 0 };
	if (log_builder_try_open(builder, STORE_SERVE, &first) == 0) {
		log_builder_close(builder);
		return OUTCOME_OPENED;
	}
	if (first.text[0] == '\0' || first.code == ERROR_LOCKED)
		return OUTCOME_WRONG;
	if (log_builder_try_open(builder, STORE_SERVE, &second) == 0)
		return OUTCOME_WRONG;
	return second.code == ERROR_LOCKED ? OUTCOME_REFUSED_FOR_GOOD : OUTCOME_REFUSED;
}

/* In a process of its own: LMDB's lock may have to be given up with it. */
static int open_in_a_child(struct log_builder *builder)
{
	struct child_end end;
	char text[128];
	run_child_function_in_fork(&end, open_twice, builder, CHILD_TIME_MS);
	child_end_text(&end, text, sizeof(text));
	if (end.status < 0)
		fail_msg("the process that opened it: %s", text);
	return end.status;
}

/* A write would lengthen the file again, and what was lost would be zeros, which
 * LMDB moves about in memory as if they were pages. */
static void truncated_file_is_refused_also_while_a_tail_is_cut_off(void **state)
{
	struct original *original = *state;
	int counts[OUTCOME_WRONG + 1] = { 0 };
	assert_int_equal(open_in_a_child(original->builder), OUTCOME_OPENED);
	restore(original);
	const size_t step = original->size / PAGE_BYTES / 50 * PAGE_BYTES;
	for (size_t size = 2 * PAGE_BYTES; size < original->size; size += step) {
		assert_int_equal(truncate(original->path, (off_t)size), 0);
		int outcome = open_in_a_child(original->builder);
		assert_in_range(outcome, OUTCOME_OPENED, OUTCOME_REFUSED_FOR_GOOD);
		counts[outcome]++;
		restore(original);
	}
	/* Not one page of it is written, not even what would be read as it should. */
	assert_int_equal(counts[OUTCOME_OPENED], 0);
	assert_int_equal(counts[OUTCOME_REFUSED_FOR_GOOD], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(undamaged_file_reads_whole, create_original,
						destroy_original),
		cmocka_unit_test_setup_teardown(damaged_pages_give_errors_or_right_data,
						create_original, destroy_original),
		cmocka_unit_test_setup_teardown(truncated_file_is_refused_also_while_a_tail_is_cut_off,
						create_hidden, destroy_original),
	};
	return cmocka_run_group_tests_name("damaged_pages", tests, NULL, NULL);
}
