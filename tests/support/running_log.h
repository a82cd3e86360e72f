#ifndef TESTS_SUPPORT_RUNNING_LOG_H
#define TESTS_SUPPORT_RUNNING_LOG_H

#include "storage/appender_internal.h"
#include "storage/reader.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A log that runs: store, appender and reader over a directory of its own.  For
 * tests that link storage/, after cmocka.h. */
struct running_log {
	char *dir;
	uint64_t map_bytes;
	struct store *store;
	struct appender *appender;
	struct reader *reader;
};

static inline void running_log_open(struct running_log *log)
{
	struct store_options store = { .dir = log->dir, .map_bytes = log->map_bytes };
	struct appender_options appender = { .check_interval_us = 1000 };
	struct error err = { 0 };
	if (store_open(&log->store, &store, &err) != 0 ||
	    appender_start(&log->appender, log->store, &appender, &err) != 0 ||
	    reader_open(&log->reader, log->store, &err) != 0)
		fail_msg("open the log: %s", err.text);
}

static inline void running_log_close(struct running_log *log)
{
	reader_close(log->reader);
	appender_stop(log->appender);
	store_close(log->store);
	log->reader = NULL;
	log->appender = NULL;
	log->store = NULL;
}

static inline void running_log_reopen(struct running_log *log)
{
	running_log_close(log);
	running_log_open(log);
}

static inline int running_log_create(void **state)
{
	struct running_log *log = calloc(1, sizeof(*log));
	log->dir = temp_dir_create_in_memory();
	log->map_bytes = UINT64_C(64) << 20;
	*state = log;
	running_log_open(log);
	return 0;
}

static inline int running_log_destroy(void **state)
{
	struct running_log *log = *state;
	running_log_close(log);
	temp_dir_destroy(log->dir);
	free(log);
	return 0;
}

/* How a submission ended. */
struct outcome {
	atomic_bool is_known;
	enum error_code code;
};

static inline void outcome_set(void *user, struct submission *submission,
			       const struct submission_result *result)
{
	struct outcome *outcome = user;
	(void)submission;
	outcome->code = result->err == NULL ? ERROR_NONE : result->err->code;
	atomic_store(&outcome->is_known, true);
}

/* Submit, and wait until it is durable or refused. */
static inline enum error_code running_log_submit(struct running_log *log,
						 struct submission *submission)
{
	struct outcome outcome = { .code = ERROR_NONE };
	submission_set_done(submission, outcome_set, &outcome);
	assert_int_equal(appender_submit(log->appender, submission, NULL), 0);
	assert_true(wait_until(atomic_load(&outcome.is_known)));
	return outcome.code;
}

/* One record without a key, its value some bytes. */
static inline struct submission *record_of(uint16_t source_id, uint32_t topic_id,
					   size_t value_bytes)
{
	struct submission *submission;
	uint8_t *value = calloc(1, value_bytes + 1);
	struct content nothing = { .kind = CONTENT_NIL };
	struct content content = { CONTENT_BYTES, { value, value_bytes } };
	assert_int_equal(submission_create(&submission, source_id, NULL), 0);
	assert_int_equal(submission_add(submission, topic_id, 0, &nothing, &content,
					(struct bytes){ NULL, 0 }, 0, NULL),
			 0);
	free(value);
	return submission;
}

/* Keeps the appender's thread in a callback, so that what is queued meanwhile
 * lands in one commit. */
struct gate {
	atomic_bool is_reached;
	atomic_bool is_open;
};

static inline void gate_wait(void *user, struct submission *submission,
			     const struct submission_result *result)
{
	struct gate *gate = user;
	(void)submission;
	(void)result;
	atomic_store(&gate->is_reached, true);
	(void)wait_until(atomic_load(&gate->is_open));
}

static inline void gate_close(struct gate *gate, struct running_log *log)
{
	struct submission *submission;
	atomic_store(&gate->is_reached, false);
	atomic_store(&gate->is_open, false);
	assert_int_equal(submission_create(&submission, SOURCE_PUBLISHED, NULL), 0);
	submission_set_done(submission, gate_wait, gate);
	assert_int_equal(appender_submit(log->appender, submission, NULL), 0);
	assert_true(wait_until(atomic_load(&gate->is_reached)));
}

static inline size_t queue_length(struct running_log *log)
{
	size_t length = 0;
	const struct item *item;
	pthread_mutex_lock(&log->appender->queue.lock);
	STAILQ_FOREACH(item, &log->appender->queue.items, link)
		length++;
	pthread_mutex_unlock(&log->appender->queue.lock);
	return length;
}

static inline void gate_open_when_queued(struct gate *gate, struct running_log *log, size_t length)
{
	bool is_queued = wait_until(queue_length(log) == length);
	atomic_store(&gate->is_open, true);
	assert_true(is_queued);
}

#endif
