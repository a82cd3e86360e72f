#include "storage/appender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "storage/sources.h"
#include "tests/support/wait_until.h"
#include "tests/support/watched_log.h"

static struct submission *text_of(uint16_t source, uint32_t topic, const char *text)
{
	struct submission *submission = submission_of(source);
	submission_add_text(submission, topic, 0, text);
	return submission;
}

/* Fails the test unless each of these was told once, and well. */
static void expect_done(struct done *dones, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		watched_log_wait(&dones[n]);
		assert_int_equal(dones[n].err.code, ERROR_NONE);
	}
}

static void wait_for_state(struct watched_log *log, enum appender_state state)
{
	assert_true(wait_until(appender_state(log->appender) == state));
}

/* Promises. */

static void what_gathers_during_a_commit_is_the_next_one(void **state)
{
	struct watched_log *log = *state;
	enum { COUNT = 500 };
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct done *dones = calloc(COUNT, sizeof(*dones));
	watched_log_hold(log);
	for (int n = 0; n < COUNT; n++)
		watched_log_submit(log, text_of(SOURCE_PUBLISHED, topic, "x"), &dones[n]);
	struct appender_stats before = watched_log_stats(log);
	assert_int_equal(before.queue_records, COUNT);
	watched_log_release_and_flush(log);
	expect_done(dones, COUNT);
	struct appender_stats after = watched_log_stats(log);
	assert_int_equal(after.commits, before.commits + 1);
	assert_int_equal(after.records, before.records + COUNT);
	assert_int_equal(after.batches, before.batches + 1);
	assert_int_equal(after.queue_records, 0);
	assert_int_equal(after.queue_bytes, 0);
	struct stored_partition stored;
	watched_log_read(log, topic, 0, &stored);
	assert_int_equal(after.bytes - before.bytes, stored.record.bytes);
	stored_partition_clear(&stored);
	free(dones);
}

static void commit_takes_no_more_than_its_bytes(void **state)
{
	struct watched_log *log = *state;
	log->options.commit_bytes = 100000;
	watched_log_reopen(log);
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct done dones[10];
	watched_log_hold(log);
	for (int n = 0; n < 10; n++) {
		struct submission *submission = submission_of(SOURCE_PUBLISHED);
		submission_add_bytes(submission, topic, 0, n == 9 ? 200000 : 30000);
		watched_log_submit(log, submission, &dones[n]);
	}
	uint64_t commits = watched_log_stats(log).commits;
	watched_log_release_and_flush(log);
	expect_done(dones, 10);
	assert_int_equal(watched_log_stats(log).commits, commits + 4);
}

static uint64_t visible_end(struct watched_log *log, uint32_t topic)
{
	struct reader_ends ends;
	assert_int_equal(reader_ends(log->reader, topic, 0, &ends, NULL), 0);
	return ends.visible_end;
}

static void what_is_written_is_told_and_seen_only_when_it_is_durable(void **state)
{
	struct watched_log *log = *state;
	log->options.commit_bytes = 1;
	watched_log_reopen(log);
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct done dones[3];
	watched_log_hold(log);
	for (int n = 0; n < 3; n++)
		watched_log_submit(log, text_of(SOURCE_PUBLISHED, topic, "x"), &dones[n]);
	/* The commit that the hold itself made, then the first one's: it is written
	 * when the appender is about to make the second. */
	watched_log_pass_one(log);
	watched_log_pass_one(log);
	for (int n = 0; n < 2; n++) {
		struct stored_partition stored;
		watched_log_read(log, topic, 0, &stored);
		assert_int_equal(stored.record.visible_end, n + 1);
		stored_partition_clear(&stored);
		assert_int_equal(atomic_load(&dones[n].count), 0);
		assert_int_equal(visible_end(log, topic), n);
		assert_int_equal(watched_log_announced(log, topic, 0, NULL), n);
		if (n == 0)
			watched_log_pass_one(log);
	}
	assert_int_equal(atomic_load(&dones[0].count), 1);
	watched_log_release_and_flush(log);
	expect_done(dones, 3);
	assert_int_equal(visible_end(log, topic), 3);
}

static void publishers_hear_before_subscribers(void **state)
{
	struct watched_log *log = *state;
	uint32_t a = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	uint32_t b = watched_log_topic(log, "b", 1, SOURCE_PUBLISHED, NULL);
	struct watched_event visible_a, visible_b;
	struct done dones[20];
	for (int round = 0; round < 5; round++) {
		watched_log_hold(log);
		for (int n = 0; n < 20; n++)
			watched_log_submit(log, text_of(SOURCE_PUBLISHED, n % 2 == 0 ? a : b, "x"),
					   &dones[n]);
		watched_log_release_and_flush(log);
		expect_done(dones, 20);
		/* One announcement a partition and commit. */
		assert_int_equal(watched_log_announced(log, a, 0, &visible_a), round + 1);
		assert_int_equal(watched_log_announced(log, b, 0, &visible_b), round + 1);
		assert_int_equal(visible_a.visible_end, 10 * (round + 1));
		for (int n = 0; n < 20; n++) {
			assert_true(dones[n].sequence < visible_a.sequence);
			assert_true(dones[n].sequence < visible_b.sequence);
			assert_true(n == 0 || dones[n].sequence > dones[n - 1].sequence);
		}
	}
}

static void flush_waits_for_everything_before_it(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct done dones[20];
	for (int round = 0; round < 20; round++) {
		for (int n = 0; n < 20; n++)
			watched_log_submit(log, text_of(SOURCE_PUBLISHED, topic, "x"), &dones[n]);
		assert_int_equal(appender_flush(log->appender, NULL), 0);
		for (int n = 0; n < 20; n++)
			assert_int_equal(atomic_load(&dones[n].count), 1);
		expect_done(dones, 20);
	}
}

static void reopened_store_continues_at_next_offset(void **state)
{
	struct watched_log *log = *state;
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	for (uint64_t n = 0; n < 5; n++) {
		assert_int_equal(watched_log_append(log, SOURCE_PUBLISHED, topic, 0, "x"), n);
		watched_log_reopen(log);
		assert_int_equal(visible_end(log, topic), n + 1);
	}
}

static void appender_starts_over_a_store_that_may_be_written_alone(void **state)
{
	struct watched_log *log = *state;
	struct store_options options = { .dir = log->dir, .mode = STORE_BESIDE,
					 .map_bytes = log->store_options.map_bytes };
	struct store *store;
	struct appender *appender = NULL;
	struct error err = { 0 };
	assert_int_equal(store_open(&store, &options, NULL), 0);
	assert_int_equal(appender_start(&appender, store, &log->options, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_null(appender);
	store_close(store);
	appender_stop(NULL);
}

/* Room. */

static void who_was_turned_away_is_told_of_room(void **state)
{
	struct watched_log *log = *state;
	log->options.queue_records = 2;
	watched_log_reopen(log);
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct done dones[2];
	struct submission *third = text_of(SOURCE_PUBLISHED, topic, "c");
	watched_log_hold(log);
	watched_log_submit(log, text_of(SOURCE_PUBLISHED, topic, "a"), &dones[0]);
	watched_log_submit(log, text_of(SOURCE_PUBLISHED, topic, "b"), &dones[1]);
	assert_int_equal(appender_try_submit(log->appender, third, NULL), 0);
	assert_int_equal(atomic_load(&log->room_count), 0);
	watched_log_release(log);
	assert_true(wait_until(atomic_load(&log->room_count) == 1));
	assert_int_equal(appender_try_submit(log->appender, third, NULL), 1);
	assert_int_equal(appender_flush(log->appender, NULL), 0);
	watched_log_expect(log, topic, 0, "a b c");
	assert_int_equal(atomic_load(&log->room_count), 1);
}

struct putter {
	struct appender *appender;
	struct submission *submission;
	int rc;
	struct error err;
};

static void *submit(void *argument)
{
	struct putter *putter = argument;
	putter->rc = appender_submit(putter->appender, putter->submission, &putter->err);
	return NULL;
}

static void *flush(void *argument)
{
	struct putter *putter = argument;
	putter->rc = appender_flush(putter->appender, &putter->err);
	return NULL;
}

static void *stop(void *argument)
{
	struct putter *putter = argument;
	appender_stop(putter->appender);
	return NULL;
}

static bool has_waiter(struct appender *appender)
{
	pthread_mutex_lock(&appender->queue.lock);
	bool has = !TAILQ_EMPTY(&appender->queue.waiters);
	pthread_mutex_unlock(&appender->queue.lock);
	return has;
}

static unsigned int executing(struct appender *appender)
{
	pthread_mutex_lock(&appender->queue.lock);
	unsigned int count = appender->queue.executing_count;
	pthread_mutex_unlock(&appender->queue.lock);
	return count;
}

static bool is_closed(struct appender *appender)
{
	pthread_mutex_lock(&appender->queue.lock);
	bool is = appender->queue.is_closed;
	pthread_mutex_unlock(&appender->queue.lock);
	return is;
}

static void stop_writes_what_is_queued_and_sends_away_who_waits(void **state)
{
	struct watched_log *log = *state;
	log->options.queue_records = 2;
	watched_log_reopen(log);
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct done dones[2];
	struct putter blocked = { log->appender, text_of(SOURCE_PUBLISHED, topic, "c"), 0, { 0 } };
	struct putter flushing = { .appender = log->appender };
	pthread_t submitter, flusher, stopper;
	watched_log_hold(log);
	watched_log_submit(log, text_of(SOURCE_PUBLISHED, topic, "a"), &dones[0]);
	watched_log_submit(log, text_of(SOURCE_PUBLISHED, topic, "b"), &dones[1]);
	pthread_create(&flusher, NULL, flush, &flushing);
	assert_true(wait_until(executing(log->appender) == 1));
	pthread_create(&submitter, NULL, submit, &blocked);
	assert_true(wait_until(has_waiter(log->appender)));
	pthread_create(&stopper, NULL, stop, &blocked);
	pthread_join(submitter, NULL);
	assert_int_equal(blocked.rc, -1);
	assert_int_equal(blocked.err.code, ERROR_STOPPED);
	submission_destroy(blocked.submission);
	assert_int_equal(atomic_load(&dones[0].count), 0);

	watched_log_release(log);
	pthread_join(stopper, NULL);
	pthread_join(flusher, NULL);
	log->appender = NULL;
	assert_int_equal(flushing.rc, 0);
	expect_done(dones, 2);
	watched_log_reopen(log);
	watched_log_expect(log, topic, 0, "a b");
}

static void nothing_is_taken_once_it_stops(void **state)
{
	struct watched_log *log = *state;
	struct error err = { 0 };
	uint32_t topic = watched_log_topic(log, "a", 1, SOURCE_PUBLISHED, NULL);
	struct putter stopping = { .appender = log->appender };
	struct submission *submission = text_of(SOURCE_PUBLISHED, topic, "x");
	pthread_t stopper;
	watched_log_hold(log);
	pthread_create(&stopper, NULL, stop, &stopping);
	assert_true(wait_until(is_closed(log->appender)));
	assert_int_equal(appender_submit(log->appender, submission, &err), -1);
	assert_int_equal(err.code, ERROR_STOPPED);
	err.code = ERROR_NONE;
	assert_int_equal(appender_try_submit(log->appender, submission, &err), -1);
	assert_int_equal(err.code, ERROR_STOPPED);
	err.code = ERROR_NONE;
	assert_int_equal(appender_flush(log->appender, &err), -1);
	assert_int_equal(err.code, ERROR_STOPPED);
	submission_destroy(submission);
	watched_log_release(log);
	pthread_join(stopper, NULL);
	log->appender = NULL;
	assert_int_equal(log->event_count, 1);
	assert_int_equal(log->events[0].state, APPENDER_STOPPED);
}

/* The end. */

/* A batch where the next one belongs: the next append finds the log damaged. */
static void put_stray_batch(struct watched_log *log, uint32_t topic, uint64_t offset)
{
	struct transaction transaction;
	uint8_t key[BATCH_KEY_BYTES];
	batch_key_encode(key, topic, 0, offset);
	assert_int_equal(transaction_begin(&transaction, log->store, NULL), 0);
	transaction_put(&transaction, TABLE_LOG, (struct bytes){ key, sizeof(key) },
			bytes_of_text("stray"));
	assert_int_equal(transaction_commit(&transaction, NULL), 0);
}

static void everyone_hears_of_a_failure_once(void **state)
{
	struct watched_log *log = *state;
	log->options.commit_bytes = 1;
	watched_log_reopen(log);
	uint16_t source = watched_log_source(log, "shop");
	uint32_t topic = watched_log_topic(log, "shop.a", 1, source, NULL);
	uint32_t published = watched_log_topic(log, "p", 1, SOURCE_PUBLISHED, NULL);
	struct putter flushing = { .appender = log->appender };
	struct done dones[8];
	struct error err = { 0 };
	pthread_t flusher;
	watched_log_append(log, source, topic, 0, "a");
	put_stray_batch(log, topic, 1);
	watched_log_hold(log);
	for (int n = 0; n < 8; n++)
		watched_log_submit(log, n == 2 ? text_of(source, topic, "b")
					       : text_of(SOURCE_PUBLISHED, published, "x"),
				   &dones[n]);
	pthread_create(&flusher, NULL, flush, &flushing);
	assert_true(wait_until(executing(log->appender) == 1));
	watched_log_release(log);
	pthread_join(flusher, NULL);
	assert_int_equal(flushing.rc, -1);
	assert_int_equal(flushing.err.code, ERROR_CORRUPT);
	/* The first was durable; the second was written, which nobody knows. */
	for (int n = 0; n < 8; n++) {
		watched_log_wait(&dones[n]);
		assert_int_equal(dones[n].err.code, n == 0 ? ERROR_NONE : ERROR_CORRUPT);
	}
	wait_for_state(log, APPENDER_FAILED);
	struct submission *late = text_of(SOURCE_PUBLISHED, published, "x");
	assert_int_equal(appender_submit(log->appender, late, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(appender_try_submit(log->appender, late, NULL), -1);
	submission_destroy(late);
	assert_int_equal(appender_reset_source(log->appender, source, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);

	struct watched_event event = log->events[log->event_count - 1];
	assert_true(event.is_state);
	assert_int_equal(event.state, APPENDER_FAILED);
	assert_int_equal(event.code, ERROR_CORRUPT);
	int event_count = log->event_count;
	appender_stop(log->appender);
	log->appender = NULL;
	assert_int_equal(log->event_count, event_count);
	for (int n = 0; n < 8; n++)
		assert_int_equal(atomic_load(&dones[n].count), 1);
}

int main(void)
{
#define WITH_LOG(test) \
	cmocka_unit_test_setup_teardown(test, watched_log_create, watched_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(what_gathers_during_a_commit_is_the_next_one),
		WITH_LOG(commit_takes_no_more_than_its_bytes),
		WITH_LOG(what_is_written_is_told_and_seen_only_when_it_is_durable),
		WITH_LOG(publishers_hear_before_subscribers),
		WITH_LOG(flush_waits_for_everything_before_it),
		WITH_LOG(reopened_store_continues_at_next_offset),
		WITH_LOG(appender_starts_over_a_store_that_may_be_written_alone),
		WITH_LOG(who_was_turned_away_is_told_of_room),
		WITH_LOG(stop_writes_what_is_queued_and_sends_away_who_waits),
		WITH_LOG(nothing_is_taken_once_it_stops),
		WITH_LOG(everyone_hears_of_a_failure_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
