#include "storage/appender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/sources.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"
#include "tests/support/watched_log.h"

/* A log that is full when it holds 8 MiB, and what is written into it. */
#define QUOTA_BYTES             (UINT64_C(8) << 20)
#define CHUNK_BYTES             200000

static int create(void **state)
{
	watched_log_create(state);
	struct watched_log *log = *state;
	log->store_options.quota_bytes = QUOTA_BYTES;
	log->options.commit_bytes = 4 * CHUNK_BYTES;
	watched_log_reopen(log);
	log->event_count = 0;
	return 0;
}

static struct submission *chunk_of(uint16_t source, uint32_t topic)
{
	struct submission *submission = submission_of(source);
	for (int n = 0; n < 4; n++)
		submission_add_bytes(submission, topic, 0, CHUNK_BYTES / 4);
	return submission;
}

/* Publish so many chunks, or until it is full; returns how many were stored. */
static int publish(struct watched_log *log, uint32_t topic, int count)
{
	int n;
	for (n = 0; n < count; n++) {
		enum error_code code = watched_log_store(log, chunk_of(SOURCE_PUBLISHED, topic));
		if (code == ERROR_DISK_FULL)
			break;
		assert_int_equal(code, ERROR_NONE);
	}
	return n;
}

static bool is_full(struct watched_log *log)
{
	return appender_state(log->appender) == APPENDER_DISK_FULL;
}

/* The check interval passes, again and again. */
static bool is_running_later(struct watched_log *log)
{
	watched_log_advance(log, 2000);
	return appender_state(log->appender) == APPENDER_RUNNING;
}

static void expect_states(struct watched_log *log, const enum appender_state *states, int count)
{
	int found = 0;
	pthread_mutex_lock(&log->lock);
	for (int n = 0; n < log->event_count; n++) {
		if (!log->events[n].is_state)
			continue;
		assert_true(found < count);
		assert_int_equal(log->events[n].state, states[found++]);
	}
	pthread_mutex_unlock(&log->lock);
	assert_int_equal(found, count);
}

static void publishers_are_refused_at_once_and_let_in_again(void **state)
{
	struct watched_log *log = *state;
	static const enum appender_state states[] = { APPENDER_DISK_FULL, APPENDER_RUNNING };
	uint32_t large = watched_log_topic(log, "large", 1, SOURCE_PUBLISHED, NULL);
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct error err = { 0 };
	int stored = publish(log, large, 100);
	assert_true(stored > 30 && stored < 45);
	assert_true(wait_until(is_full(log)));
	expect_states(log, states, 1);
	assert_int_equal(log->events[log->event_count - 1].code, ERROR_DISK_FULL);

	struct submission *refused = chunk_of(SOURCE_PUBLISHED, topic);
	assert_int_equal(appender_submit(log->appender, refused, &err), -1);
	assert_int_equal(err.code, ERROR_DISK_FULL);
	err.code = ERROR_NONE;
	assert_int_equal(appender_try_submit(log->appender, refused, &err), -1);
	assert_int_equal(err.code, ERROR_DISK_FULL);
	submission_destroy(refused);

	assert_int_equal(topics_delete(log->appender, "large", NULL), 0);
	assert_true(wait_until(is_running_later(log)));
	expect_states(log, states, 2);
	assert_int_equal(publish(log, topic, 10), 10);
}

/* A source's chunks, with their number as position. */
static void submit_chunks(struct watched_log *log, uint16_t source, uint32_t topic,
			  struct done *dones, int count)
{
	char position[24];
	for (int n = 0; n < count; n++) {
		struct submission *submission = chunk_of(source, topic);
		snprintf(position, sizeof(position), "%d", n + 1);
		submission_set_position_text(submission, position);
		watched_log_submit(log, submission, &dones[n]);
	}
}

static void expect_chunks(struct watched_log *log, uint32_t topic, struct done *dones, int count)
{
	struct stored_partition stored;
	char position[24];
	for (int n = 0; n < count; n++) {
		watched_log_wait(&dones[n]);
		assert_int_equal(dones[n].err.code, ERROR_NONE);
		assert_int_equal(dones[n].transaction_ordinal, n + 1);
		assert_true(n == 0 || dones[n].sequence > dones[n - 1].sequence);
		assert_int_equal(dones[n].places[0].offset, 4 * n);
	}
	watched_log_read(log, topic, 0, &stored);
	assert_int_equal(stored.record.visible_end, 4 * count);
	stored_partition_clear(&stored);
	snprintf(position, sizeof(position), "%d", count);
	watched_log_expect_source(log, "shop", (uint64_t)count, position);
}

static void sources_wait_and_lose_nothing(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t large = watched_log_topic(log, "large", 1, SOURCE_PUBLISHED, NULL);
	struct done dones[30];
	assert_int_equal(publish(log, large, 25), 25);
	submit_chunks(log, source, topic, dones, 30);
	assert_true(wait_until(is_full(log)));
	assert_int_equal(atomic_load(&dones[29].count), 0);
	struct reader_ends ends;
	assert_int_equal(reader_ends(log->reader, large, 0, &ends, NULL), 0);
	assert_int_equal(ends.visible_end, 100);
	assert_int_equal(topics_delete(log->appender, "large", NULL), 0);
	assert_true(wait_until(is_running_later(log)));
	expect_chunks(log, topic, dones, 30);
}

static void retention_makes_room(void **state)
{
	struct watched_log *log = *state;
	struct topic_config config;
	struct done dones[20];
	topic_config_init(&config);
	topic_config_set(&config, "retention.ms", "60000", NULL);
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t old = watched_log_topic(log, "old", 1, SOURCE_PUBLISHED, &config);
	publish(log, old, 100);
	assert_true(wait_until(is_full(log)));
	submit_chunks(log, source, topic, dones, 20);
	watched_log_advance(log, 50000000);
	assert_true(is_full(log));
	watched_log_advance(log, 20000000);
	assert_true(wait_until(is_running_later(log)));
	expect_chunks(log, topic, dones, 20);
}

static void stopping_while_full_loses_only_what_was_not_stored(void **state)
{
	struct watched_log *log = *state;
	static const enum appender_state states[] = { APPENDER_DISK_FULL, APPENDER_STOPPED };
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	struct done dones[60];
	char position[24];
	submit_chunks(log, source, topic, dones, 60);
	assert_true(wait_until(is_full(log)));
	watched_log_close(log);
	expect_states(log, states, 2);
	int stored = 0;
	for (int n = 0; n < 60; n++) {
		assert_int_equal(atomic_load(&dones[n].count), 1);
		if (dones[n].err.code == ERROR_NONE)
			assert_int_equal(stored++, n);
		else
			assert_int_equal(dones[n].err.code, ERROR_STOPPED);
	}
	assert_true(stored > 20 && stored < 45);

	log->store_options.quota_bytes = 4 * QUOTA_BYTES;
	watched_log_open(log);
	snprintf(position, sizeof(position), "%d", stored);
	watched_log_expect_source(log, "shop", (uint64_t)stored, position);
	assert_int_equal(watched_log_append(log, source, topic, 0, "x"), 4 * stored);
}

static void commands_go_on_while_sources_wait(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t large = watched_log_topic(log, "large", 1, SOURCE_PUBLISHED, NULL);
	struct topic_config config;
	struct topic found;
	struct done dones[30];
	topic_config_init(&config);
	publish(log, large, 25);
	submit_chunks(log, source, topic, dones, 30);
	assert_true(wait_until(is_full(log)));
	watched_log_topic(log, "new", 3, SOURCE_PUBLISHED, NULL);
	watched_log_source(log, "crm");
	assert_int_equal(topics_configure(log->appender, "new", &config, NULL), 0);
	assert_int_equal(sources_set_state(log->appender, source, 3, "waits", NULL), 0);
	assert_int_equal(topics_describe(log->reader, "new", &found, NULL), 0);
	assert_true(is_full(log));
	assert_int_equal(topics_delete(log->appender, "large", NULL), 0);
	assert_true(wait_until(is_running_later(log)));
	expect_chunks(log, topic, dones, 30);
}

struct deletion {
	struct watched_log *log;
	const char *name;
	int rc;
};

static void *delete_topic(void *argument)
{
	struct deletion *deletion = argument;
	deletion->rc = topics_delete(deletion->log->appender, deletion->name, NULL);
	return NULL;
}

static void *flush(void *argument)
{
	struct deletion *deletion = argument;
	deletion->rc = appender_flush(deletion->log->appender, NULL);
	return NULL;
}

static unsigned int executing(struct watched_log *log)
{
	pthread_mutex_lock(&log->appender->queue.lock);
	unsigned int count = log->appender->queue.executing_count;
	pthread_mutex_unlock(&log->appender->queue.lock);
	return count;
}

static void deletion_among_records_without_room_happens(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t large = watched_log_topic(log, "large", 1, SOURCE_PUBLISHED, NULL);
	struct deletion deletion = { log, "large", -2 };
	struct done dones[3];
	pthread_t thread;
	/* Full but for one chunk. */
	assert_int_equal(publish(log, large, 38), 38);
	watched_log_hold(log);
	submit_chunks(log, source, topic, dones, 1);
	watched_log_submit(log, chunk_of(SOURCE_PUBLISHED, large), &dones[1]);
	watched_log_submit(log, chunk_of(SOURCE_PUBLISHED, large), &dones[2]);
	pthread_create(&thread, NULL, delete_topic, &deletion);
	assert_true(wait_until(executing(log) == 1));
	watched_log_release(log);
	pthread_join(thread, NULL);
	assert_int_equal(deletion.rc, 0);
	watched_log_wait(&dones[1]);
	assert_int_equal(dones[1].err.code, ERROR_DISK_FULL);
	assert_true(wait_until(is_running_later(log)));
	expect_chunks(log, topic, dones, 1);
}

static void commands_behind_one_that_waits_go_on(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t large = watched_log_topic(log, "large", 1, SOURCE_PUBLISHED, NULL);
	struct deletion deletion = { log, "large", -2 }, flushing = { log, NULL, -2 };
	struct done dones[20];
	pthread_t deleter, flusher;
	publish(log, large, 25);
	watched_log_hold(log);
	submit_chunks(log, source, topic, dones, 20);
	pthread_create(&flusher, NULL, flush, &flushing);
	assert_true(wait_until(executing(log) == 1));
	pthread_create(&deleter, NULL, delete_topic, &deletion);
	assert_true(wait_until(executing(log) == 2));
	watched_log_release(log);
	pthread_join(deleter, NULL);
	assert_int_equal(deletion.rc, 0);
	assert_true(wait_until(is_running_later(log)));
	pthread_join(flusher, NULL);
	assert_int_equal(flushing.rc, 0);
	for (int n = 0; n < 20; n++)
		assert_int_equal(atomic_load(&dones[n].count), 1);
	expect_chunks(log, topic, dones, 20);
}

static void large_transaction_waits_in_the_middle(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t large = watched_log_topic(log, "large", 1, SOURCE_PUBLISHED, NULL);
	struct stored_partition stored;
	struct done dones[30];
	publish(log, large, 25);
	for (int n = 0; n < 30; n++) {
		struct submission *submission = chunk_of(source, topic);
		if (n < 29)
			submission_set_continues(submission);
		else
			submission_set_position_text(submission, "end");
		watched_log_submit(log, submission, &dones[n]);
	}
	assert_true(wait_until(is_full(log)));
	watched_log_read(log, topic, 0, &stored);
	assert_true(stored.record.log_end > 0);
	assert_int_equal(stored.record.visible_end, 0);
	stored_partition_clear(&stored);
	watched_log_expect_source(log, "shop", 0, NULL);
	assert_int_equal(topics_delete(log->appender, "large", NULL), 0);
	assert_true(wait_until(is_running_later(log)));
	for (int n = 0; n < 30; n++) {
		watched_log_wait(&dones[n]);
		assert_int_equal(dones[n].err.code, ERROR_NONE);
		assert_int_equal(dones[n].transaction_ordinal, 1);
	}
	watched_log_read(log, topic, 0, &stored);
	assert_int_equal(stored.record.visible_end, 120);
	stored_partition_clear(&stored);
	watched_log_expect_source(log, "shop", 1, "end");
}

static void *reset_shop(void *argument)
{
	struct deletion *reset = argument;
	struct source source;
	reset->rc = sources_describe(reset->log->reader, "shop", &source, NULL);
	if (reset->rc == 0)
		reset->rc = appender_reset_source(reset->log->appender, source.id, NULL);
	source_clear(&source);
	return NULL;
}

static void reset_waits_until_there_is_room(void **state)
{
	struct watched_log *log = *state;
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t large = watched_log_topic(log, "large", 1, SOURCE_PUBLISHED, NULL);
	struct deletion reset = { log, NULL, -2 };
	struct done dones[20];
	pthread_t thread;
	publish(log, large, 25);
	submit_chunks(log, source, topic, dones, 20);
	assert_true(wait_until(is_full(log)));
	pthread_create(&thread, NULL, reset_shop, &reset);
	assert_true(wait_until(executing(log) == 1));
	assert_int_equal(topics_delete(log->appender, "large", NULL), 0);
	assert_true(wait_until(is_running_later(log)));
	pthread_join(thread, NULL);
	assert_int_equal(reset.rc, 0);
	expect_chunks(log, topic, dones, 20);
}

static void full_again_and_again_costs_nothing(void **state)
{
	struct watched_log *log = *state;
	struct store_usage usage;
	char name[24];
	int least = 100, cycles = test_amount(3, 10, 50);
	for (int cycle = 0; cycle < cycles; cycle++) {
		snprintf(name, sizeof(name), "topic-%d", cycle);
		uint32_t topic = watched_log_topic(log, name, 1, SOURCE_PUBLISHED, NULL);
		int stored = publish(log, topic, 100);
		if (stored < least)
			least = stored;
		assert_true(wait_until(is_full(log)));
		struct stored_partition partition;
		watched_log_read(log, topic, 0, &partition);
		assert_int_equal(partition.record.visible_end, 4 * stored);
		stored_partition_clear(&partition);
		assert_int_equal(topics_delete(log->appender, name, NULL), 0);
		assert_true(wait_until(is_running_later(log)));
	}
	assert_true(least > 25);
	assert_int_equal(store_usage(log->store, &usage, NULL), 0);
	assert_true(usage.file_bytes < QUOTA_BYTES * 13 / 10);
}

int main(void)
{
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, create, watched_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(publishers_are_refused_at_once_and_let_in_again),
		WITH_LOG(sources_wait_and_lose_nothing),
		WITH_LOG(retention_makes_room),
		WITH_LOG(stopping_while_full_loses_only_what_was_not_stored),
		WITH_LOG(commands_go_on_while_sources_wait),
		WITH_LOG(deletion_among_records_without_room_happens),
		WITH_LOG(commands_behind_one_that_waits_go_on),
		WITH_LOG(large_transaction_waits_in_the_middle),
		WITH_LOG(reset_waits_until_there_is_room),
		WITH_LOG(full_again_and_again_costs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
