#include "storage/appender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "storage/sources.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"
#include "tests/support/watched_log.h"

/* Many threads write at once, and commands run between. */

enum { THREADS = 8 };

struct writer {
	struct watched_log *log;
	pthread_t thread;
	int number;
	uint16_t source_id;
	uint32_t topic;
	int count;
	atomic_int done_count;
	atomic_int failed_count;
	atomic_int unordered_count;
	uint64_t last_offset;           /* the appender's thread alone */
	uint64_t last_ordinal;
};

static void on_written(void *user, struct submission *submission,
		       const struct submission_result *result)
{
	struct writer *writer = user;
	struct submission_cursor cursor = { 0 };
	struct submission_place place;
	if (result->err != NULL)
		atomic_fetch_add(&writer->failed_count, 1);
	while (submission_next(submission, &cursor, &place) == 1) {
		if (place.offset != writer->last_offset + 1)
			atomic_fetch_add(&writer->unordered_count, 1);
		writer->last_offset = place.offset;
	}
	if (writer->source_id != SOURCE_PUBLISHED &&
	    result->transaction_ordinal != writer->last_ordinal + 1)
		atomic_fetch_add(&writer->unordered_count, 1);
	writer->last_ordinal = result->transaction_ordinal;
	atomic_fetch_add(&writer->done_count, 1);
}

static int write_one(struct writer *writer, int n)
{
	struct submission *submission;
	struct content nothing = { .kind = CONTENT_NIL };
	struct content value = { CONTENT_BYTES, { (const uint8_t *)"0123456789", 10 } };
	struct bytes no_headers = { NULL, 0 };
	if (submission_create(&submission, writer->source_id, NULL) != 0)
		return -1;
	for (int i = 0; i <= n % 3; i++)
		submission_add(submission, writer->topic, 0, &nothing, &value, no_headers, 0, NULL);
	submission_set_done(submission, on_written, writer);
	if (n % 2 == 0)
		return appender_submit(writer->log->appender, submission, NULL);
	int rc;
	while ((rc = appender_try_submit(writer->log->appender, submission, NULL)) == 0)
		wait_until_pause();
	return rc == 1 ? 0 : -1;
}

static void *write_many(void *argument)
{
	struct writer *writer = argument;
	for (int n = 0; n < writer->count; n++)
		if (write_one(writer, n) != 0)
			atomic_fetch_add(&writer->failed_count, 1);
	return NULL;
}

static void start_writers(struct watched_log *log, struct writer *writers, int count)
{
	char name[24];
	for (int n = 0; n < THREADS; n++) {
		struct writer *writer = &writers[n];
		*writer = (struct writer){ .log = log, .number = n, .count = count,
					   .last_offset = UINT64_MAX };
		snprintf(name, sizeof(name), "writer-%d", n);
		if (n % 2 == 0)
			writer->source_id = watched_log_source(log, name);
		writer->topic = watched_log_topic(log, name, 1, writer->source_id, NULL);
	}
	for (int n = 0; n < THREADS; n++)
		assert_int_equal(pthread_create(&writers[n].thread, NULL, write_many, &writers[n]), 0);
}

static void expect_written(struct watched_log *log, struct writer *writers)
{
	assert_int_equal(appender_flush(log->appender, NULL), 0);
	for (int n = 0; n < THREADS; n++) {
		struct writer *writer = &writers[n];
		struct stored_partition stored;
		assert_int_equal(atomic_load(&writer->failed_count), 0);
		assert_int_equal(atomic_load(&writer->done_count), writer->count);
		assert_int_equal(atomic_load(&writer->unordered_count), 0);
		watched_log_read(log, writer->topic, 0, &stored);
		assert_int_equal(stored.record.visible_end, writer->last_offset + 1);
		uint64_t ordinal = 0;
		for (size_t i = 0; i < stored.record_count; i++) {
			assert_true(stored.records[i].transaction_ordinal >= ordinal);
			ordinal = stored.records[i].transaction_ordinal;
		}
		assert_int_equal(ordinal, writer->source_id == SOURCE_PUBLISHED ? 0 : writer->count);
		stored_partition_clear(&stored);
	}
}

static void many_threads_lose_nothing(void **state)
{
	struct watched_log *log = *state;
	struct writer writers[THREADS];
	log->options.queue_records = 300;
	log->options.commit_bytes = 50000;
	watched_log_reopen(log);
	start_writers(log, writers, test_amount(300, 3000, 50000));
	for (int n = 0; n < THREADS; n++)
		pthread_join(writers[n].thread, NULL);
	expect_written(log, writers);
}

static void commands_and_submissions_go_on_side_by_side(void **state)
{
	struct watched_log *log = *state;
	struct writer writers[THREADS];
	struct topic_config config;
	struct store_usage usage;
	char name[24];
	topic_config_init(&config);
	start_writers(log, writers, test_amount(100, 1000, 10000));
	uint16_t idle = watched_log_source(log, "idle");
	bool are_running = true;
	for (int n = 0; are_running; n++) {
		snprintf(name, sizeof(name), "topic-%d", n);
		uint32_t topic = watched_log_topic(log, name, 4, idle, NULL);
		struct submission *submission = submission_of(idle);
		submission_add_text(submission, topic, 3, "part");
		submission_set_continues(submission);
		assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
		assert_int_equal(topics_configure(log->appender, name, &config, NULL), 0);
		assert_int_equal(sources_set_state(log->appender, idle, (uint8_t)n, "", NULL), 0);
		assert_int_equal(appender_reset_source(log->appender, idle, NULL), 0);
		if (n % 2 == 0)
			assert_int_equal(topics_delete(log->appender, name, NULL), 0);
		assert_int_equal(appender_flush(log->appender, NULL), 0);
		assert_int_equal(store_usage(log->store, &usage, NULL), 0);
		watched_log_advance(log, 1000);
		are_running = false;
		for (int i = 0; i < THREADS; i++)
			are_running |= atomic_load(&writers[i].done_count) < writers[i].count;
	}
	for (int n = 0; n < THREADS; n++)
		pthread_join(writers[n].thread, NULL);
	expect_written(log, writers);
}

int main(void)
{
#define WITH_LOG(test) \
	cmocka_unit_test_setup_teardown(test, watched_log_create, watched_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(many_threads_lose_nothing),
		WITH_LOG(commands_and_submissions_go_on_side_by_side),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
