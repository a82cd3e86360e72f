#include "storage/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/schemas.h"
#include "storage/sources.h"
#include "tests/support/hex.h"
#include "tests/support/random.h"
#include "tests/support/wait_until.h"
#include "tests/support/watched_log.h"

#define NOW WATCHED_LOG_START_US

/* Submissions, one record each, that land in one commit. */
static void store_in_one_commit(struct watched_log *log, struct submission *const *submissions,
				size_t count, struct done *dones)
{
	watched_log_hold(log);
	for (size_t n = 0; n < count; n++)
		watched_log_submit(log, submissions[n], &dones[n]);
	uint64_t commits = watched_log_stats(log).commits;
	watched_log_release_and_flush(log);
	assert_int_equal(watched_log_stats(log).commits, commits + 1);
	for (size_t n = 0; n < count; n++)
		watched_log_wait(&dones[n]);
}

static void offsets_are_dense_from_zero_in_each_partition(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = watched_log_topic(log, "a", 3, SOURCE_PUBLISHED, NULL);
	uint64_t next[3] = { 0 };
	struct done done;
	for (uint32_t n = 0; n < 60; n++) {
		struct submission *submission = submission_of(SOURCE_PUBLISHED);
		for (uint32_t i = 0; i <= n % 4; i++)
			submission_add_text(submission, topic, (n + i * i) % 3, "x");
		watched_log_submit(log, submission, &done);
		watched_log_wait(&done);
		assert_int_equal(done.place_count, n % 4 + 1);
		for (uint32_t i = 0; i <= n % 4; i++) {
			assert_int_equal(done.places[i].partition, (n + i * i) % 3);
			assert_int_equal(done.places[i].offset, next[(n + i * i) % 3]++);
		}
	}
	for (uint32_t partition = 0; partition < 3; partition++) {
		struct stored_partition stored;
		watched_log_read(log, topic, partition, &stored);
		assert_int_equal(stored.record.log_start, 0);
		assert_int_equal(stored.record.log_end, next[partition]);
		assert_int_equal(stored.record.visible_end, next[partition]);
		stored_partition_clear(&stored);
	}
}

static void expect_batch(const struct stored_partition *stored, size_t n, const char *hex)
{
	uint8_t expected[1024];
	size_t size = hex_bytes(expected, sizeof(expected), hex);
	assert_int_equal(stored->sizes[n], size);
	assert_memory_equal(stored->batches[n], expected, size);
}

static void batch_of_a_source_is_stored_byte_for_byte(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	struct submission *submissions[] = { submission_of(source), submission_of(source) };
	struct done dones[2];
	struct stored_partition stored;
	submission_add_text(submissions[0], topic, 0, "a");
	submission_add_text_at(submissions[0], topic, 0, "bc", NOW - 1000);
	submission_add_text_at(submissions[1], topic, 0, "d", NOW + 5);
	store_in_one_commit(log, submissions, 2, dones);
	watched_log_read(log, topic, 0, &stored);
	assert_int_equal(stored.batch_count, 1);
	expect_batch(&stored, 0,
		     "4d534201 74a6ed4a 0000000000000000"           /* base offset */
		     "00000003 00000002 00060a24181e4000"           /* count, last delta, append time */
		     "0000000000000001 0001 0000 0000001e"          /* ordinal, source, flags, payload */
		     "96 00 00 00 c0 c401 61 c0"                    /* a */
		     "96 01 d1fc18 00 c0 c402 6263 c0"              /* bc, 1 ms before */
		     "96 02 05 01 c0 c401 64 c0");                  /* d, of the next transaction */
	stored_partition_clear(&stored);
}

static void published_batch_has_no_source_and_no_ordinal(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct submission *submissions[] = { submission_of(SOURCE_PUBLISHED),
					     submission_of(SOURCE_PUBLISHED) };
	struct done dones[2];
	struct stored_partition stored;
	watched_log_append(log, SOURCE_PUBLISHED, topic, 0, "before");
	submission_add_text(submissions[0], topic, 0, "a");
	submission_add_text(submissions[1], topic, 0, "b");
	store_in_one_commit(log, submissions, 2, dones);
	assert_int_equal(dones[0].transaction_ordinal, 0);
	assert_int_equal(dones[1].transaction_ordinal, 0);
	watched_log_read(log, topic, 0, &stored);
	assert_int_equal(stored.batch_count, 2);
	expect_batch(&stored, 1,
		     "4d534201 cb1116ad 0000000000000001"
		     "00000002 00000001 00060a24181e4000"
		     "0000000000000000 0000 0000 00000012"
		     "96 00 00 00 c0 c401 61 c0"
		     "96 01 00 00 c0 c401 62 c0");
	stored_partition_clear(&stored);
}

static void small_transactions_of_one_commit_share_a_batch(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 2, source, NULL);
	enum { COUNT = 50 };
	struct submission *submissions[COUNT];
	struct done dones[COUNT];
	struct stored_partition stored;
	for (uint32_t n = 0; n < COUNT; n++) {
		submissions[n] = submission_of(source);
		submission_add_text(submissions[n], topic, n % 2, "x");
	}
	store_in_one_commit(log, submissions, COUNT, dones);
	for (uint32_t partition = 0; partition < 2; partition++) {
		watched_log_read(log, topic, partition, &stored);
		assert_int_equal(stored.batch_count, 1);
		assert_int_equal(stored.record_count, COUNT / 2);
		for (size_t n = 0; n < stored.record_count; n++)
			assert_int_equal(stored.records[n].transaction_ordinal, 2 * n + partition + 1);
		stored_partition_clear(&stored);
	}
	for (uint64_t n = 0; n < COUNT; n++)
		assert_int_equal(dones[n].transaction_ordinal, n + 1);
}

static void record_larger_than_the_target_is_alone(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct submission *submission = submission_of(SOURCE_PUBLISHED);
	struct stored_partition stored;
	submission_add_text(submission, topic, 0, "small");
	submission_add_bytes(submission, topic, 0, 300000);
	submission_add_text(submission, topic, 0, "small");
	submission_add_text(submission, topic, 0, "too");
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	watched_log_read(log, topic, 0, &stored);
	assert_int_equal(stored.batch_count, 3);
	assert_int_equal(stored.headers[0].record_count, 1);
	assert_int_equal(stored.headers[1].record_count, 1);
	assert_true(stored.sizes[1] > 300000);
	assert_int_equal(stored.headers[2].record_count, 2);
	stored_partition_clear(&stored);
}

/* As full as can be, but never fuller: with the 16 bytes that LMDB puts before
 * it a batch takes whole pages. */
static void expect_sizes(const struct stored_partition *stored, size_t target)
{
	for (size_t n = 0; n < stored->batch_count; n++) {
		if (stored->headers[n].record_count > 1)
			assert_true(stored->sizes[n] <= target - 16);
		if (n + 1 == stored->batch_count)
			continue;
		/* The next one's first record, which is no longer there than here. */
		struct batch_cursor cursor;
		struct record record;
		assert_int_equal(batch_open(&cursor, stored->batches[n + 1], stored->sizes[n + 1], NULL), 0);
		size_t before = (size_t)(cursor.payload.end - cursor.payload.at);
		assert_int_equal(batch_next(&cursor, &record, NULL), 1);
		size_t bytes = before - (size_t)(cursor.payload.end - cursor.payload.at);
		assert_true(stored->sizes[n] + bytes + 8 > target - 16);
	}
}

static void batches_are_as_large_as_the_target_allows(void **state)
{
	struct watched_log *log = *state;
	log->options.batch_bytes = 4096;
	watched_log_reopen(log);
	uint32_t topic = watched_log_topic(log, "a", 2, SOURCE_PUBLISHED, NULL);
	struct submission *submission = submission_of(SOURCE_PUBLISHED);
	struct random random = random_seeded(7, 0);
	for (uint32_t n = 0; n < 3000; n++)
		submission_add_bytes(submission, topic, n % 2,
				     n % 50 < 2 ? random_between(&random, 3000, 6000)
						: random_between(&random, 4, 300));
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	for (uint32_t partition = 0; partition < 2; partition++) {
		struct stored_partition stored;
		watched_log_read(log, topic, partition, &stored);
		assert_int_equal(stored.record_count, 1500);
		expect_sizes(&stored, 4096);
		stored_partition_clear(&stored);
	}
}

static void append_time_never_decreases(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = watched_log_topic(log, "a", 2, SOURCE_PUBLISHED, NULL);
	static const int64_t steps[] = { 0, 5, -3000000, 1, 4000000, -1 };
	int64_t clock_us = NOW, latest_us = NOW;
	struct stored_partition stored;
	for (size_t n = 0; n < 6; n++) {
		clock_us += steps[n];
		atomic_store(&log->wall_us, clock_us);
		if (n == 3)
			watched_log_reopen(log);
		watched_log_append(log, SOURCE_PUBLISHED, topic, 0, "x");
		if (clock_us > latest_us)
			latest_us = clock_us;
		watched_log_read(log, topic, 0, &stored);
		assert_int_equal(stored.headers[n].append_time_us, latest_us);
		assert_int_equal(stored.record.last_append_time_us, latest_us);
		assert_int_equal(stored.records[n].time_us, latest_us);
		stored_partition_clear(&stored);
	}
	/* Another partition does not mind. */
	atomic_store(&log->wall_us, NOW - 9);
	watched_log_append(log, SOURCE_PUBLISHED, topic, 1, "x");
	watched_log_read(log, topic, 1, &stored);
	assert_int_equal(stored.headers[0].append_time_us, NOW - 9);
	stored_partition_clear(&stored);
}

static void records_keep_their_own_time(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	static const int64_t times_us[] = { NOW,  NOW - 1, NOW + 1, 1, -1, -RECORD_TIME_US_MAX,
					    RECORD_TIME_US_MAX, NOW - INT64_C(86400000000), NOW + 70000 };
	enum { COUNT = sizeof(times_us) / sizeof(times_us[0]) };
	struct submission *submission = submission_of(SOURCE_PUBLISHED);
	struct stored_partition stored;
	for (size_t n = 0; n < COUNT; n++)
		submission_add_text_at(submission, topic, 0, "x", times_us[n]);
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	watched_log_read(log, topic, 0, &stored);
	assert_int_equal(stored.record_count, COUNT);
	for (size_t n = 0; n < COUNT; n++)
		assert_int_equal(stored.records[n].time_us, times_us[n]);
	stored_partition_clear(&stored);
}

static void ordinals_are_dense_over_commits_and_openings(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint16_t other = watched_log_source(log, "crm");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t others = watched_log_topic(log, "crm.a", 1, other, NULL);
	struct stored_partition stored;
	struct done done;
	for (uint64_t n = 1; n <= 20; n++) {
		struct submission *submission = submission_of(source);
		for (uint64_t i = 0; i < n % 3 + 1; i++)
			submission_add_text(submission, topic, 0, "x");
		watched_log_submit(log, submission, &done);
		if (n % 5 == 0)
			watched_log_append(log, other, others, 0, "y");
		watched_log_wait(&done);
		assert_int_equal(done.transaction_ordinal, n);
		if (n % 7 == 0)
			watched_log_reopen(log);
	}
	watched_log_expect_source(log, "shop", 20, NULL);
	watched_log_expect_source(log, "crm", 4, NULL);
	watched_log_read(log, topic, 0, &stored);
	uint64_t ordinal = 0, left = 0;
	for (size_t n = 0; n < stored.record_count; n++) {
		if (left == 0)
			left = ++ordinal % 3 + 1;
		left--;
		assert_int_equal(stored.records[n].transaction_ordinal, ordinal);
		const struct batch_header *header = &stored.headers[stored.records[n].batch];
		assert_int_equal(header->source_id, source);
		if (stored.records[n].offset == header->base_offset)
			assert_int_equal(header->transaction_ordinal, ordinal);
	}
	assert_int_equal(ordinal, 20);
	stored_partition_clear(&stored);
}

static void position_and_schemas_are_stored_with_the_records(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	struct submission *submission = submission_of(source);
	struct bytes schema = bytes_of_text("a schema's bytes");
	struct done done;
	struct source found;
	uint32_t schema_id;
	bool is_stored;
	assert_int_equal(schemas_reserve(log->appender, schema, &schema_id, &is_stored, NULL), 0);
	assert_false(is_stored);
	submission_add_text(submission, topic, 0, "x");
	submission_set_position_text(submission, "here");
	submission_set_snapshot_progress(submission, bytes_of_text("half"), NULL);
	submission_add_schema(submission, schema_id, schema, NULL);
	watched_log_hold(log);
	watched_log_submit(log, submission, &done);
	uint64_t commits = watched_log_stats(log).commits;
	watched_log_release_and_flush(log);
	assert_int_equal(watched_log_stats(log).commits, commits + 1);
	assert_int_equal(done.err.code, ERROR_NONE);

	for (int round = 0; round < 2; round++) {
		watched_log_expect(log, topic, 0, "x");
		watched_log_expect_source(log, "shop", 1, "here");
		assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
		assert_int_equal(found.snapshot_progress_bytes, 4);
		assert_memory_equal(found.snapshot_progress, "half", 4);
		source_clear(&found);
		assert_int_equal(schemas_reserve(log->appender, schema, &schema_id, &is_stored, NULL), 0);
		assert_true(is_stored);
		/* A position leaves the progress, and progress the position. */
		submission = submission_of(source);
		submission_set_snapshot_progress(submission, bytes_of_text("half"), NULL);
		assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
		watched_log_reopen(log);
	}
	submission = submission_of(source);
	submission_set_position_text(submission, "there");
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_int_equal(found.snapshot_progress_bytes, 4);
	source_clear(&found);
	watched_log_expect_source(log, "shop", 1, "there");
}

static void last_position_and_progress_of_a_commit_are_stored(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	struct submission *submissions[5];
	struct done dones[5];
	char position[8];
	for (int n = 0; n < 5; n++) {
		submissions[n] = submission_of(source);
		submission_add_text(submissions[n], topic, 0, "x");
		snprintf(position, sizeof(position), "%d", n);
		if (n < 4)
			submission_set_position_text(submissions[n], position);
		if (n < 3)
			submission_set_snapshot_progress(submissions[n], bytes_of_text(position), NULL);
	}
	store_in_one_commit(log, submissions, 5, dones);
	watched_log_expect_source(log, "shop", 5, "3");
	struct source found;
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_int_equal(found.snapshot_progress_bytes, 1);
	assert_int_equal(found.snapshot_progress[0], '2');
	source_clear(&found);
}

static void position_alone_uses_no_ordinal(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	struct submission *submission = submission_of(source);
	struct done done;
	watched_log_append(log, source, topic, 0, "x");
	submission_set_position_text(submission, "idle");
	watched_log_submit(log, submission, &done);
	watched_log_wait(&done);
	assert_int_equal(done.transaction_ordinal, 0);
	watched_log_expect_source(log, "shop", 1, "idle");
	watched_log_append(log, source, topic, 0, "y");
	watched_log_expect_source(log, "shop", 2, "idle");
}

/* A part of a transaction: texts for partition 0, as "a b". */
static struct submission *part_of(uint16_t source, uint32_t topic, uint32_t partition,
				  const char *text)
{
	struct submission *submission = submission_of(source);
	submission_add_text(submission, topic, partition, text);
	submission_set_continues(submission);
	return submission;
}

static uint64_t visible_end(struct watched_log *log, uint32_t topic, uint32_t partition)
{
	struct reader_ends ends;
	assert_int_equal(reader_ends(log->reader, topic, partition, &ends, NULL), 0);
	return ends.visible_end;
}

static void large_transaction_is_invisible_until_its_end(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t a = watched_log_topic(log, "shop.a", 2, source, NULL);
	uint32_t b = watched_log_topic(log, "shop.b", 1, source, NULL);
	struct done done;
	struct submission *submission = submission_of(source);
	submission_add_text(submission, a, 0, "1");
	submission_add_text(submission, b, 0, "1");
	submission_set_position_text(submission, "first");
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);

	/* The parts: to a/0 and a/1, then to b/0, then the end to a/0 alone. */
	submission = part_of(source, a, 0, "2");
	submission_add_text(submission, a, 1, "2");
	for (int part = 0; part < 2; part++) {
		watched_log_submit(log, submission, &done);
		watched_log_wait(&done);
		assert_int_equal(done.err.code, ERROR_NONE);
		assert_int_equal(done.transaction_ordinal, 2);
		submission = part_of(source, b, 0, "2");
	}
	submission_destroy(submission);
	watched_log_expect(log, a, 0, "1|2");
	watched_log_expect(log, a, 1, "|2");
	watched_log_expect(log, b, 0, "1|2");
	watched_log_expect_source(log, "shop", 1, "first");
	assert_int_equal(watched_log_announced(log, a, 0, NULL), 1);
	assert_int_equal(watched_log_announced(log, a, 1, NULL), 0);
	assert_int_equal(watched_log_announced(log, b, 0, NULL), 1);

	submission = submission_of(source);
	submission_add_text(submission, a, 0, "2");
	submission_set_position_text(submission, "second");
	uint64_t commits = watched_log_stats(log).commits;
	watched_log_submit(log, submission, &done);
	watched_log_wait(&done);
	assert_int_equal(done.transaction_ordinal, 2);
	assert_int_equal(appender_flush(log->appender, NULL), 0);
	assert_int_equal(watched_log_stats(log).commits, commits + 1);
	watched_log_expect(log, a, 0, "1 2 2");
	watched_log_expect(log, a, 1, "2");
	watched_log_expect(log, b, 0, "1 2");
	watched_log_expect_source(log, "shop", 2, "second");
	assert_int_equal(visible_end(log, a, 0), 3);
	struct watched_event event;
	assert_int_equal(watched_log_announced(log, a, 0, &event), 2);
	assert_int_equal(event.visible_end, 3);
	assert_int_equal(watched_log_announced(log, a, 1, &event), 1);
	assert_int_equal(event.visible_end, 1);
	assert_int_equal(watched_log_announced(log, b, 0, &event), 2);
	assert_int_equal(event.visible_end, 2);
	assert_true(event.sequence > done.sequence);

	struct stored_partition stored;
	watched_log_read(log, a, 0, &stored);
	assert_int_equal(stored.batch_count, 3);
	assert_int_equal(stored.headers[0].flags, 0);
	assert_int_equal(stored.headers[1].flags, BATCH_FLAG_CONTINUES);
	assert_int_equal(stored.headers[2].flags, 0);
	assert_int_equal(stored.records[2].transaction_ordinal, 2);
	stored_partition_clear(&stored);
}

static void other_sources_go_on_during_a_large_transaction(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint16_t other = watched_log_source(log, "crm");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t others = watched_log_topic(log, "crm.a", 1, other, NULL);
	uint32_t published = watched_log_topic(log, "p", 1, SOURCE_PUBLISHED, NULL);
	struct submission *submissions[] = {
		submission_of(other), part_of(source, topic, 0, "1"), submission_of(other),
		submission_of(SOURCE_PUBLISHED), part_of(source, topic, 0, "2"), submission_of(other),
	};
	struct done dones[6];
	submission_add_text(submissions[0], others, 0, "1");
	submission_add_text(submissions[2], others, 0, "2");
	submission_add_text(submissions[3], published, 0, "1");
	submission_add_text(submissions[5], others, 0, "3");
	submission_set_position_text(submissions[5], "third");
	store_in_one_commit(log, submissions, 6, dones);
	watched_log_expect(log, topic, 0, "|1 2");
	watched_log_expect(log, others, 0, "1 2 3");
	watched_log_expect(log, published, 0, "1");
	watched_log_expect_source(log, "shop", 0, NULL);
	watched_log_expect_source(log, "crm", 3, "third");
	/* The end of one reveals nothing of another. */
	assert_int_equal(watched_log_store(log, part_of(other, others, 0, "4")), ERROR_NONE);
	watched_log_append(log, source, topic, 0, "3");
	watched_log_expect(log, topic, 0, "1 2 3");
	watched_log_expect(log, others, 0, "1 2 3|4");
	watched_log_expect_source(log, "shop", 1, NULL);
}

static void transactions_around_a_large_one_may_share_its_commit(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 2, source, NULL);
	struct submission *submissions[] = {
		submission_of(source), part_of(source, topic, 1, "b"), part_of(source, topic, 0, "b"),
		submission_of(source), submission_of(source), part_of(source, topic, 0, "d"),
	};
	static const uint64_t ordinals[] = { 1, 2, 2, 2, 3, 4 };
	struct done dones[6];
	struct stored_partition stored;
	submission_add_text(submissions[0], topic, 0, "a");
	submission_add_text(submissions[3], topic, 0, "b");
	submission_add_text(submissions[4], topic, 0, "c");
	submission_add_text(submissions[4], topic, 1, "c");
	submission_set_position_text(submissions[4], "c");
	store_in_one_commit(log, submissions, 6, dones);
	for (int n = 0; n < 6; n++)
		assert_int_equal(dones[n].transaction_ordinal, ordinals[n]);
	watched_log_expect(log, topic, 0, "a b b c|d");
	watched_log_expect(log, topic, 1, "b c");
	watched_log_expect_source(log, "shop", 3, "c");
	watched_log_read(log, topic, 0, &stored);
	/* A batch holds whole transactions, or parts of one. */
	assert_int_equal(stored.batch_count, 5);
	for (size_t n = 0; n < stored.batch_count; n++)
		assert_int_equal(stored.headers[n].flags, n == 1 || n == 4 ? BATCH_FLAG_CONTINUES : 0);
	stored_partition_clear(&stored);
}

static void end_of_a_large_transaction_may_be_a_position_alone(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	struct done done;
	assert_int_equal(watched_log_store(log, part_of(source, topic, 0, "a")), ERROR_NONE);
	struct submission *submission = submission_of(source);
	submission_set_position_text(submission, "end");
	watched_log_submit(log, submission, &done);
	watched_log_wait(&done);
	assert_int_equal(done.transaction_ordinal, 1);
	watched_log_expect(log, topic, 0, "a");
	assert_true(wait_until(watched_log_announced(log, topic, 0, NULL) == 1));
	watched_log_expect_source(log, "shop", 1, "end");
}

static void part_without_records_opens_no_transaction(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	struct submission *submission = submission_of(source);
	submission_set_continues(submission);
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	submission = submission_of(source);
	submission_set_position_text(submission, "here");
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	watched_log_expect_source(log, "shop", 0, "here");
}

static void reset_cuts_off_what_was_not_finished(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint16_t other = watched_log_source(log, "crm");
	uint32_t topic = watched_log_topic(log, "shop.a", 2, source, NULL);
	uint32_t others = watched_log_topic(log, "crm.a", 1, other, NULL);
	struct submission *submission;
	struct done done;
	watched_log_append(log, source, topic, 0, "a");
	assert_int_equal(watched_log_store(log, part_of(other, others, 0, "z")), ERROR_NONE);
	for (int n = 0; n < 3; n++) {
		submission = part_of(source, topic, 0, "x");
		submission_add_text(submission, topic, 1, "x");
		assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	}
	watched_log_expect(log, topic, 0, "a|x x x");
	assert_int_equal(appender_reset_source(log->appender, source, NULL), 0);
	watched_log_expect(log, topic, 0, "a");
	watched_log_expect(log, topic, 1, "");
	watched_log_expect(log, others, 0, "|z");
	submission = submission_of(source);
	submission_set_position_text(submission, "again");
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	watched_log_expect_source(log, "shop", 1, "again");

	submission = submission_of(source);
	submission_add_text(submission, topic, 0, "b");
	submission_add_text(submission, topic, 1, "b");
	watched_log_submit(log, submission, &done);
	watched_log_wait(&done);
	assert_int_equal(done.transaction_ordinal, 2);
	assert_int_equal(done.places[0].offset, 1);
	assert_int_equal(done.places[1].offset, 0);
	watched_log_expect(log, topic, 0, "a b");
	watched_log_expect(log, topic, 1, "b");
}

static void reset_of_a_source_that_is_fine_changes_nothing(void **state)
{
	struct watched_log *log = *state;
	struct error err = { 0 };
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	watched_log_append(log, source, topic, 0, "a");
	assert_int_equal(appender_reset_source(log->appender, source, NULL), 0);
	watched_log_expect(log, topic, 0, "a");
	assert_int_equal(watched_log_append(log, source, topic, 0, "b"), 1);
	assert_int_equal(appender_reset_source(log->appender, 99, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void opening_cuts_off_what_was_not_finished(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	struct done done;
	watched_log_append(log, source, topic, 0, "a");
	assert_int_equal(watched_log_store(log, part_of(source, topic, 0, "x")), ERROR_NONE);
	watched_log_reopen(log);
	watched_log_expect(log, topic, 0, "a");
	struct submission *submission = submission_of(source);
	submission_add_text(submission, topic, 0, "b");
	watched_log_submit(log, submission, &done);
	watched_log_wait(&done);
	assert_int_equal(done.transaction_ordinal, 2);
	watched_log_expect(log, topic, 0, "a b");
}

int main(void)
{
#define WITH_LOG(test) \
	cmocka_unit_test_setup_teardown(test, watched_log_create, watched_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(offsets_are_dense_from_zero_in_each_partition),
		WITH_LOG(batch_of_a_source_is_stored_byte_for_byte),
		WITH_LOG(published_batch_has_no_source_and_no_ordinal),
		WITH_LOG(small_transactions_of_one_commit_share_a_batch),
		WITH_LOG(record_larger_than_the_target_is_alone),
		WITH_LOG(batches_are_as_large_as_the_target_allows),
		WITH_LOG(append_time_never_decreases),
		WITH_LOG(records_keep_their_own_time),
		WITH_LOG(ordinals_are_dense_over_commits_and_openings),
		WITH_LOG(position_and_schemas_are_stored_with_the_records),
		WITH_LOG(last_position_and_progress_of_a_commit_are_stored),
		WITH_LOG(position_alone_uses_no_ordinal),
		WITH_LOG(large_transaction_is_invisible_until_its_end),
		WITH_LOG(other_sources_go_on_during_a_large_transaction),
		WITH_LOG(transactions_around_a_large_one_may_share_its_commit),
		WITH_LOG(end_of_a_large_transaction_may_be_a_position_alone),
		WITH_LOG(part_without_records_opens_no_transaction),
		WITH_LOG(reset_cuts_off_what_was_not_finished),
		WITH_LOG(reset_of_a_source_that_is_fine_changes_nothing),
		WITH_LOG(opening_cuts_off_what_was_not_finished),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
