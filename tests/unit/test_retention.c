#include "storage/retention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/sources.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"
#include "tests/support/watched_log.h"

#define SECOND_US               INT64_C(1000000)
#define HOUR_US                 (3600 * SECOND_US)

static uint32_t topic_with(struct watched_log *log, const char *name, uint32_t partition_count,
			   uint16_t source, const char *option, const char *value)
{
	struct topic_config config;
	topic_config_init(&config);
	assert_int_equal(topic_config_set(&config, "retention.ms", "-1", NULL), 0);
	assert_int_equal(topic_config_set(&config, option, value, NULL), 0);
	return watched_log_topic(log, name, partition_count, source, &config);
}

/* One batch. */
static void append(struct watched_log *log, uint32_t topic, size_t bytes)
{
	struct submission *submission = submission_of(SOURCE_PUBLISHED);
	submission_add_bytes(submission, topic, 0, bytes);
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
}

/* So many batches in one commit: each record is one. */
static void append_many(struct watched_log *log, uint32_t topic, uint32_t partition, int count)
{
	struct submission *submission = submission_of(SOURCE_PUBLISHED);
	for (int n = 0; n < count; n++)
		submission_add_bytes(submission, topic, partition, 3000);
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
}

static uint64_t log_start(struct watched_log *log, uint32_t topic, uint32_t partition)
{
	struct stored_partition stored;
	watched_log_read(log, topic, partition, &stored);
	uint64_t start = stored.record.log_start;
	stored_partition_clear(&stored);
	return start;
}

/* Time passes, and the appender has seen it. */
static void pass(struct watched_log *log, int64_t us)
{
	watched_log_advance(log, us);
	watched_log_tick(log);
}

static void batches_go_when_they_are_older_than_retention_ms(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = topic_with(log, "a", 1, SOURCE_PUBLISHED, "retention.ms", "10000");
	for (int n = 0; n < 5; n++) {
		append(log, topic, 100);
		pass(log, 3 * SECOND_US);
		/* 15 s have passed at the end, and the first is 10 s old after 10. */
		assert_int_equal(log_start(log, topic, 0), n < 3 ? 0 : n - 2);
	}
	/* The third is 9 s old. */
	pass(log, SECOND_US);
	assert_int_equal(log_start(log, topic, 0), 2);
	pass(log, 1000);
	assert_int_equal(log_start(log, topic, 0), 3);
	pass(log, HOUR_US);
	assert_int_equal(log_start(log, topic, 0), 5);
	struct stored_partition stored;
	watched_log_read(log, topic, 0, &stored);
	assert_int_equal(stored.record.log_end, 5);
	assert_int_equal(stored.record.bytes, 0);
	stored_partition_clear(&stored);
	assert_int_equal(watched_log_append(log, SOURCE_PUBLISHED, topic, 0, "x"), 5);
	pass(log, SECOND_US);
	watched_log_expect(log, topic, 0, "x");
	assert_int_equal(watched_log_stats(log).expired_batches, 5);
}

static void batches_go_while_retention_bytes_are_left(void **state)
{
	struct watched_log *log = *state;
	static const size_t sizes[] = { 5000, 100, 100, 12000, 700, 700, 700, 30000, 10, 10 };
	uint32_t topic = topic_with(log, "a", 1, SOURCE_PUBLISHED, "retention.bytes", "10000");
	uint64_t total = 0;
	for (int n = 0; n < 100; n++) {
		append(log, topic, sizes[n % 10]);
		total += BATCH_HEADER_BYTES + 4 + sizes[n % 10];
		pass(log, 1000);
		struct stored_partition stored;
		watched_log_read(log, topic, 0, &stored);
		/* A floor: as few as possible, but never less. */
		assert_true(stored.record.bytes >= (total < 10000 ? total : 10000));
		assert_true(stored.record.bytes - stored.sizes[0] < 10000);
		stored_partition_clear(&stored);
	}
}

static void what_is_not_visible_stays(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t by_time = topic_with(log, "shop.a", 1, source, "retention.ms", "1000");
	uint32_t by_bytes = topic_with(log, "shop.b", 1, source, "retention.bytes", "1");
	struct submission *submission;
	for (int n = 0; n < 3; n++) {
		submission = submission_of(source);
		submission_add_text(submission, by_time, 0, "seen");
		submission_add_text(submission, by_bytes, 0, "seen");
		assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	}
	for (int n = 0; n < 3; n++) {
		submission = submission_of(source);
		submission_add_text(submission, by_time, 0, "part");
		submission_add_text(submission, by_bytes, 0, "part");
		submission_set_continues(submission);
		assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
		pass(log, 10 * SECOND_US);
	}
	watched_log_expect(log, by_time, 0, "|part part part");
	assert_int_equal(log_start(log, by_time, 0), 3);
	/* The bytes of a transaction count from its end on. */
	watched_log_expect(log, by_bytes, 0, "seen|part part part");

	submission = submission_of(source);
	submission_add_text(submission, by_time, 0, "end");
	submission_add_text(submission, by_bytes, 0, "end");
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	pass(log, 1000);
	watched_log_expect(log, by_time, 0, "end");
	watched_log_expect(log, by_bytes, 0, "end");
}

static bool is_gone(struct watched_log *log, uint32_t topic, uint32_t partition_count)
{
	struct transaction transaction;
	uint8_t start[BATCH_KEY_BYTES], key[PARTITION_KEY_BYTES];
	struct bytes found_key, value;
	batch_key_encode(start, topic, 0, 0);
	assert_int_equal(transaction_begin_read(&transaction, log->store, NULL), 0);
	bool is = transaction_seek(&transaction, TABLE_LOG, (struct bytes){ start, sizeof(start) },
				   &found_key, &value) == 0 ||
		  load_u32(found_key.data) != topic;
	for (uint32_t n = 0; n < partition_count; n++) {
		partition_key_encode(key, topic, n);
		is &= transaction_get(&transaction, TABLE_PARTITIONS,
				      (struct bytes){ key, sizeof(key) }, &value) == 0;
	}
	transaction_abort(&transaction);
	return is;
}

static bool is_gone_later(struct watched_log *log, uint32_t topic, uint32_t partition_count)
{
	watched_log_advance(log, 2000);
	return is_gone(log, topic, partition_count);
}

static void deleted_topic_goes_with_its_partitions(void **state)
{
	struct watched_log *log = *state;
	log->options.batch_bytes = 4096;
	watched_log_reopen(log);
	uint32_t gone = watched_log_topic(log, "a", 3, SOURCE_PUBLISHED, NULL);
	for (uint32_t n = 0; n < 2; n++)
		append_many(log, gone, n, 700);
	uint64_t commits = watched_log_stats(log).commits;
	assert_int_equal(topics_delete(log->appender, "a", NULL), 0);
	/* The name is free at once, and what is new under it is not touched. */
	uint32_t again = watched_log_topic(log, "a", 3, SOURCE_PUBLISHED, NULL);
	assert_int_not_equal(again, gone);
	watched_log_append(log, SOURCE_PUBLISHED, again, 0, "x");
	assert_true(wait_until(is_gone_later(log, gone, 3)));
	struct appender_stats stats = watched_log_stats(log);
	assert_int_equal(stats.expired_batches, 1400);
	/* 512 at most in each, and one for the partitions' records. */
	assert_true(stats.commits >= commits + 3 + 1400 / RETENTION_STEP_BATCHES + 1);
	watched_log_expect(log, again, 0, "x");
	assert_null(registry_topic(&log->appender->registry, gone));
	watched_log_reopen(log);
	assert_null(registry_topic(&log->appender->registry, gone));
	watched_log_expect(log, again, 0, "x");
}

static void empty_deleted_topic_goes_too(void **state)
{
	struct watched_log *log = *state;
	uint32_t a = watched_log_topic(log, "a", 5, SOURCE_PUBLISHED, NULL);
	uint32_t b = watched_log_topic(log, "b", 1, SOURCE_PUBLISHED, NULL);
	assert_int_equal(topics_delete(log->appender, "a", NULL), 0);
	assert_int_equal(topics_delete(log->appender, "b", NULL), 0);
	assert_true(wait_until(is_gone_later(log, a, 5)));
	assert_true(wait_until(is_gone_later(log, b, 1)));
}

/* Every step takes but one batch or two: time flies. */
static void make_steps_small(struct watched_log *log)
{
	atomic_store(&log->look_us, RETENTION_STEP_US / 2);
}

struct deletion {
	struct watched_log *log;
	const char *name;
};

static void *delete_topic(void *argument)
{
	struct deletion *deletion = argument;
	topics_delete(deletion->log->appender, deletion->name, NULL);
	return NULL;
}

/* Let the appender, which is held, go on until so few batches are left. */
static void step_down_to(struct watched_log *log, uint32_t topic, uint64_t batch_count)
{
	struct reader_ends ends[2];
	do {
		watched_log_pass_one(log);
		for (uint32_t n = 0; n < 2; n++)
			assert_int_equal(reader_ends(log->reader, topic, n, &ends[n], NULL), 0);
	} while (ends[0].batch_count + ends[1].batch_count > batch_count);
}

static void deletion_goes_on_after_reopening(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	log->options.batch_bytes = 4096;
	watched_log_reopen(log);
	uint32_t topic = watched_log_topic(log, "shop.a", 2, source, NULL);
	for (int n = 0; n < 20; n++) {
		struct submission *submission = submission_of(source);
		submission_add_bytes(submission, topic, (uint32_t)n % 2, 3000);
		if (n >= 10)
			submission_set_continues(submission);
		assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	}
	/* Closed in the middle of what was never visible, then of what was. */
	make_steps_small(log);
	watched_log_hold(log);
	struct deletion deletion = { log, "shop.a" };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, delete_topic, &deletion), 0);
	step_down_to(log, topic, 12);
	pthread_join(thread, NULL);
	watched_log_reopen_held(log);
	step_down_to(log, topic, 3);
	watched_log_reopen_held(log);
	watched_log_release(log);
	assert_true(wait_until(is_gone_later(log, topic, 2)));
}

static void steps_are_bounded_and_right_at_every_one(void **state)
{
	struct watched_log *log = *state;
	log->options.batch_bytes = 4096;
	watched_log_reopen(log);
	uint32_t topic = topic_with(log, "a", 2, SOURCE_PUBLISHED, "retention.ms", "1000");
	append_many(log, topic, 0, 2 * RETENTION_STEP_BATCHES + 1);
	append_many(log, topic, 1, 30);
	uint64_t commits = watched_log_stats(log).commits;
	pass(log, 10 * SECOND_US);
	assert_true(wait_until(watched_log_stats(log).expired_batches ==
			       2 * RETENTION_STEP_BATCHES + 31));
	assert_int_equal(watched_log_stats(log).commits, commits + 3);

	append_many(log, topic, 0, 30);
	make_steps_small(log);
	commits = watched_log_stats(log).commits;
	uint64_t start = log_start(log, topic, 0), last = start;
	watched_log_advance(log, 10 * SECOND_US);
	/* Reading checks that the record and what is there agree. */
	while (last < start + 30) {
		uint64_t now = log_start(log, topic, 0);
		assert_true(now >= last);
		last = now;
		watched_log_tick(log);
	}
	assert_true(watched_log_stats(log).commits >= commits + 10);
}

static void changed_configuration_counts_at_once(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct topic_config config;
	for (int n = 0; n < 4; n++) {
		append(log, topic, 1000);
		pass(log, 24 * HOUR_US);
	}
	assert_int_equal(log_start(log, topic, 0), 0);
	topic_config_init(&config);
	topic_config_set(&config, "retention.ms", "200000000", NULL);
	assert_int_equal(topics_configure(log->appender, "a", &config, NULL), 0);
	pass(log, 1000);
	assert_int_equal(log_start(log, topic, 0), 2);
	topic_config_set(&config, "retention.ms", "-1", NULL);
	topic_config_set(&config, "retention.bytes", "1000", NULL);
	assert_int_equal(topics_configure(log->appender, "a", &config, NULL), 0);
	pass(log, 1000);
	assert_int_equal(log_start(log, topic, 0), 3);
	topic_config_set(&config, "retention.bytes", "-1", NULL);
	assert_int_equal(topics_configure(log->appender, "a", &config, NULL), 0);
	for (int n = 0; n < 4; n++)
		append(log, topic, 1000);
	pass(log, 1000 * HOUR_US);
	assert_int_equal(log_start(log, topic, 0), 3);
}

static void clock_that_goes_back_deletes_nothing(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = topic_with(log, "a", 1, SOURCE_PUBLISHED, "retention.ms", "3600000");
	append(log, topic, 100);
	pass(log, HOUR_US / 2);
	append(log, topic, 100);
	atomic_fetch_sub(&log->wall_us, 240 * HOUR_US);
	append(log, topic, 100);
	pass(log, 7 * HOUR_US / 4);
	assert_int_equal(log_start(log, topic, 0), 0);
	/* One and a quarter hours after the first. */
	atomic_fetch_add(&log->wall_us, 239 * HOUR_US);
	pass(log, 1000);
	assert_int_equal(log_start(log, topic, 0), 1);
}

static void clock_that_jumps_ahead_deletes_no_more_than_time_has_passed(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = topic_with(log, "a", 1, SOURCE_PUBLISHED, "retention.ms", "7200000");
	append(log, topic, 100);
	pass(log, HOUR_US / 2);
	append(log, topic, 100);
	atomic_fetch_add(&log->wall_us, 10000 * HOUR_US);
	/* An hour is believed, so after another half and a bit the first is too old. */
	pass(log, HOUR_US / 2 - SECOND_US);
	assert_int_equal(log_start(log, topic, 0), 0);
	pass(log, 2 * SECOND_US);
	assert_int_equal(log_start(log, topic, 0), 1);
	pass(log, HOUR_US / 2 - 2 * SECOND_US);
	assert_int_equal(log_start(log, topic, 0), 1);
	pass(log, 2 * SECOND_US);
	assert_int_equal(log_start(log, topic, 0), 2);
}

static void retention_goes_on_after_reopening(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = topic_with(log, "a", 1, SOURCE_PUBLISHED, "retention.ms", "10000");
	for (int n = 0; n < 4; n++) {
		append(log, topic, 100);
		watched_log_advance(log, 4 * SECOND_US);
	}
	watched_log_reopen(log);
	watched_log_tick(log);
	assert_int_equal(log_start(log, topic, 0), 2);
	watched_log_close(log);
	watched_log_advance(log, 4 * SECOND_US);
	watched_log_open(log);
	watched_log_tick(log);
	assert_int_equal(log_start(log, topic, 0), 3);
}

/* Change some bytes of the batch at an offset. */
static void damage(struct watched_log *log, uint32_t topic, uint64_t offset, size_t at,
		   const char *bytes, size_t size)
{
	struct transaction transaction;
	uint8_t key[BATCH_KEY_BYTES], *copy;
	struct bytes value, key_bytes = { key, sizeof(key) };
	batch_key_encode(key, topic, 0, offset);
	assert_int_equal(transaction_begin(&transaction, log->store, NULL), 0);
	assert_int_equal(transaction_get(&transaction, TABLE_LOG, key_bytes, &value), 1);
	copy = malloc(value.size);
	memcpy(copy, value.data, value.size);
	memcpy(copy + at, bytes, size);
	transaction_put(&transaction, TABLE_LOG, key_bytes, (struct bytes){ copy, value.size });
	assert_int_equal(transaction_commit(&transaction, NULL), 0);
	free(copy);
}

static void damaged_batch_does_not_stop_it(void **state)
{
	struct watched_log *log = *state;
	static const struct {
		size_t at;
		const char *bytes;
		size_t size;
	} damages[] = {
		{ 0, "XXXX", 4 },                               /* magic */
		{ 20, "\x00\x00\x00\x02", 4 },                  /* its end would be in the next */
		{ 20, "\x00\x00\x00\x08", 4 },                  /* beyond all */
		{ 20, "\xff\xff\xff\xff", 4 },
		{ 24, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8 },  /* for ever young */
		{ 24, "\x80\x00\x00\x00\x00\x00\x00\x00", 8 },
		{ 44, "\xff\xff\xff\xff", 4 },                  /* payload */
	};
	char name[24];
	for (size_t n = 0; n < sizeof(damages) / sizeof(damages[0]); n++) {
		snprintf(name, sizeof(name), "topic-%zu", n);
		uint32_t topic = topic_with(log, name, 1, SOURCE_PUBLISHED, "retention.ms", "10000");
		for (int batch = 0; batch < 3; batch++) {
			struct submission *submission = submission_of(SOURCE_PUBLISHED);
			submission_add_text(submission, topic, 0, "a");
			submission_add_text(submission, topic, 0, "b");
			assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
			watched_log_advance(log, 3 * SECOND_US);
		}
		/* 9 s have passed.  Looked at already, or not: both must work. */
		if (n % 2 == 0)
			watched_log_tick(log);
		damage(log, topic, 0, damages[n].at, damages[n].bytes, damages[n].size);
		pass(log, 2 * SECOND_US);
		assert_int_equal(log_start(log, topic, 0), 2);
		watched_log_expect(log, topic, 0, "a b a b");
		assert_int_equal(watched_log_append(log, SOURCE_PUBLISHED, topic, 0, "c"), 6);
		pass(log, 20 * SECOND_US);
		assert_int_equal(log_start(log, topic, 0), 7);
	}
}

static void damaged_batch_that_is_not_visible_stays(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = topic_with(log, "shop.a", 1, source, "retention.ms", "1000");
	struct reader_ends ends;
	watched_log_append(log, source, topic, 0, "seen");
	struct submission *submission = submission_of(source);
	submission_add_text(submission, topic, 0, "part");
	submission_set_continues(submission);
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
	damage(log, topic, 1, 0, "XXXX", 4);
	pass(log, 10 * SECOND_US);
	pass(log, 10 * SECOND_US);
	assert_int_equal(reader_ends(log->reader, topic, 0, &ends, NULL), 0);
	assert_int_equal(ends.log_start, 1);
	assert_int_equal(ends.visible_end, 1);
	assert_int_equal(ends.log_end, 2);
	assert_int_equal(ends.batch_count, 1);
	watched_log_reopen(log);
	watched_log_expect(log, topic, 0, "");
}

static void failed_commit_is_no_lasting_setback(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t old = topic_with(log, "old", 1, SOURCE_PUBLISHED, "retention.ms", "10000");
	struct submission *submission = submission_of(source);
	struct done done;
	append(log, old, 100);
	watched_log_advance(log, 8 * SECOND_US);
	append(log, old, 100);
	submission_add_text(submission, topic, 0, "x");
	watched_log_hold(log);
	watched_log_submit(log, submission, &done);
	watched_log_advance(log, 4 * SECOND_US);
	/* The next allocation is for the source's record, when retention has
	 * deleted the first batch and looked at the second. */
	fail_malloc_after(0);
	watched_log_release(log);
	watched_log_wait(&done);
	assert_true(fail_malloc_stop());
	assert_int_equal(done.err.code, ERROR_MEMORY);
	assert_int_equal(watched_log_stats(log).expired_batches, 0);
	assert_int_equal(log_start(log, old, 0), 0);
	pass(log, 1000);
	assert_int_equal(log_start(log, old, 0), 1);
	assert_int_equal(watched_log_stats(log).expired_batches, 1);
}

static void file_does_not_grow_over_ten_turnovers(void **state)
{
	struct watched_log *log = *state;
	struct store_usage usage;
	int retained_mib = test_amount(8, 64, 256);
	char bytes[24];
	snprintf(bytes, sizeof(bytes), "%d", retained_mib << 20);
	uint32_t topic = topic_with(log, "a", 1, SOURCE_PUBLISHED, "retention.bytes", bytes);
	/* Two at a time: what a commit frees is used again two commits later, so the
	 * largest commits decide how much more there is than what is retained. */
	struct done dones[2];
	for (int n = 0; n < 11 * retained_mib; n++) {
		struct submission *submission = submission_of(SOURCE_PUBLISHED);
		for (int i = 0; i < 350; i++)
			submission_add_bytes(submission, topic, 0, 3000);
		if (n >= 2)
			watched_log_wait(&dones[n % 2]);
		watched_log_submit(log, submission, &dones[n % 2]);
	}
	assert_int_equal(appender_flush(log->appender, NULL), 0);
	watched_log_tick(log);
	assert_int_equal(store_usage(log->store, &usage, NULL), 0);
	struct reader_ends ends;
	assert_int_equal(reader_ends(log->reader, topic, 0, &ends, NULL), 0);
	assert_true(ends.bytes >= (uint64_t)retained_mib << 20);
	/* Small ones differ more: a commit's worth of pages is a larger part. */
	uint64_t slack = retained_mib < 64 ? UINT64_C(16) << 20 : 0;
	assert_true(usage.file_bytes <= ends.bytes * 13 / 10 + slack);
}

int main(void)
{
#define WITH_LOG(test) \
	cmocka_unit_test_setup_teardown(test, watched_log_create, watched_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(batches_go_when_they_are_older_than_retention_ms),
		WITH_LOG(batches_go_while_retention_bytes_are_left),
		WITH_LOG(what_is_not_visible_stays),
		WITH_LOG(deleted_topic_goes_with_its_partitions),
		WITH_LOG(empty_deleted_topic_goes_too),
		WITH_LOG(deletion_goes_on_after_reopening),
		WITH_LOG(steps_are_bounded_and_right_at_every_one),
		WITH_LOG(changed_configuration_counts_at_once),
		WITH_LOG(clock_that_goes_back_deletes_nothing),
		WITH_LOG(clock_that_jumps_ahead_deletes_no_more_than_time_has_passed),
		WITH_LOG(retention_goes_on_after_reopening),
		WITH_LOG(damaged_batch_does_not_stop_it),
		WITH_LOG(damaged_batch_that_is_not_visible_stays),
		WITH_LOG(failed_commit_is_no_lasting_setback),
		WITH_LOG(file_does_not_grow_over_ten_turnovers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
