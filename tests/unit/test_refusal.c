#include "storage/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "storage/sources.h"
#include "tests/support/watched_log.h"

/* What is not written, and what that leaves behind: nothing. */

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

struct places {
	uint16_t source;
	uint16_t gone_source;
	uint32_t source_topic;
	uint32_t other_topic;
	uint32_t published_topic;
	uint32_t gone_topic;
};

static void make_places(struct watched_log *log, struct places *out)
{
	struct topic_config small;
	out->source = watched_log_source(log, "shop");
	out->gone_source = watched_log_source(log, "gone");
	uint16_t other = watched_log_source(log, "crm");
	topic_config_init(&small);
	topic_config_set(&small, "max.message.bytes", "100", NULL);
	topic_config_set(&small, "retention.ms", "-1", NULL);
	out->source_topic = watched_log_topic(log, "shop.a", 2, out->source, &small);
	out->other_topic = watched_log_topic(log, "crm.a", 1, other, NULL);
	out->published_topic = watched_log_topic(log, "p", 2, SOURCE_PUBLISHED, &small);
	out->gone_topic = watched_log_topic(log, "p.gone", 1, SOURCE_PUBLISHED, NULL);
	assert_int_equal(topics_delete(log->appender, "p.gone", NULL), 0);
	assert_int_equal(sources_delete(log->appender, "gone", NULL), 0);
}

/* Each stored between two good ones in the same commit, behind a good record of
 * its own: refused, without a trace. */
static void expect_refusal(struct watched_log *log, const struct places *places,
			   struct submission *bad, enum error_code code)
{
	struct stored_partition stored;
	struct done dones[3];
	watched_log_read(log, places->published_topic, 1, &stored);
	size_t stored_count = stored.record_count;
	stored_partition_clear(&stored);
	watched_log_hold(log);
	struct submission *good = submission_of(SOURCE_PUBLISHED);
	submission_add_text(good, places->published_topic, 1, "good");
	watched_log_submit(log, good, &dones[0]);
	watched_log_submit(log, bad, &dones[1]);
	good = submission_of(SOURCE_PUBLISHED);
	submission_add_text(good, places->published_topic, 1, "good");
	watched_log_submit(log, good, &dones[2]);
	watched_log_release_and_flush(log);
	watched_log_wait(&dones[1]);
	if (dones[1].err.code != code)
		fail_msg("%s: not %s", dones[1].err.text, error_words(code));
	assert_true(strlen(dones[1].err.text) > 0);
	expect_done(&dones[0], 1);
	expect_done(&dones[2], 1);
	watched_log_read(log, places->published_topic, 1, &stored);
	assert_int_equal(stored.record_count, stored_count + 2);
	stored_partition_clear(&stored);
	watched_log_expect(log, places->published_topic, 0, "");
	watched_log_expect(log, places->source_topic, 0, "");
	watched_log_expect_source(log, "shop", 0, NULL);
	assert_int_equal(appender_reset_source(log->appender, places->source, NULL), 0);
}

static void what_publishers_may_not_write_is_refused(void **state)
{
	struct watched_log *log = *state;
	struct places places;
	make_places(log, &places);
	const struct {
		uint32_t topic;
		uint32_t partition;
		enum error_code code;
	} bad[] = {
		{ 999, 0, ERROR_NOT_FOUND },
		{ 0, 0, ERROR_NOT_FOUND },
		{ UINT32_MAX, 0, ERROR_NOT_FOUND },
		{ places.published_topic, 2, ERROR_NOT_FOUND },
		{ places.published_topic, UINT32_MAX, ERROR_NOT_FOUND },
		{ places.gone_topic, 0, ERROR_NOT_FOUND },
		{ places.source_topic, 0, ERROR_NOT_OWNER },
	};
	struct submission *submission;
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		submission = text_of(SOURCE_PUBLISHED, places.published_topic, "x");
		submission_add_text(submission, bad[n].topic, bad[n].partition, "x");
		expect_refusal(log, &places, submission, bad[n].code);
	}
	submission = text_of(SOURCE_PUBLISHED, places.published_topic, "x");
	submission_add_bytes(submission, places.published_topic, 0, 101);
	expect_refusal(log, &places, submission, ERROR_LIMIT);
	submission = text_of(SOURCE_PUBLISHED, places.published_topic, "x");
	submission_set_position_text(submission, "here");
	expect_refusal(log, &places, submission, ERROR_INVALID);
	submission = text_of(SOURCE_PUBLISHED, places.published_topic, "x");
	submission_set_snapshot_progress(submission, bytes_of_text("half"), NULL);
	expect_refusal(log, &places, submission, ERROR_INVALID);
	submission = text_of(SOURCE_PUBLISHED, places.published_topic, "x");
	submission_set_continues(submission);
	expect_refusal(log, &places, submission, ERROR_INVALID);

	/* Just what is allowed. */
	submission = submission_of(SOURCE_PUBLISHED);
	submission_add_bytes(submission, places.published_topic, 0, 100);
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
}

static void what_a_source_may_not_write_is_refused(void **state)
{
	struct watched_log *log = *state;
	struct places places;
	make_places(log, &places);
	const struct {
		uint32_t topic;
		uint32_t partition;
		enum error_code code;
	} bad[] = {
		{ 999, 0, ERROR_NOT_FOUND },
		{ places.source_topic, 2, ERROR_NOT_FOUND },
		{ places.gone_topic, 0, ERROR_NOT_FOUND },
		{ places.other_topic, 0, ERROR_NOT_OWNER },
		{ places.published_topic, 0, ERROR_NOT_OWNER },
	};
	struct submission *submission;
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		submission = text_of(places.source, places.source_topic, "x");
		submission_add_text(submission, bad[n].topic, bad[n].partition, "x");
		submission_set_position_text(submission, "here");
		expect_refusal(log, &places, submission, bad[n].code);
	}
	submission = text_of(places.source, places.source_topic, "x");
	submission_set_continues(submission);
	submission_set_position_text(submission, "here");
	expect_refusal(log, &places, submission, ERROR_INVALID);
	submission = text_of(places.source, places.source_topic, "x");
	submission_set_continues(submission);
	submission_set_snapshot_progress(submission, bytes_of_text("half"), NULL);
	expect_refusal(log, &places, submission, ERROR_INVALID);
	expect_refusal(log, &places, text_of(999, places.source_topic, "x"), ERROR_NOT_FOUND);
	expect_refusal(log, &places, text_of(places.gone_source, places.source_topic, "x"),
		       ERROR_NOT_FOUND);

	/* max.message.bytes is for publishers: a source's rows are what they are. */
	submission = submission_of(places.source);
	submission_add_bytes(submission, places.source_topic, 0, 100000);
	assert_int_equal(watched_log_store(log, submission), ERROR_NONE);
}

static void refused_source_writes_no_more_until_it_is_reset(void **state)
{
	struct watched_log *log = *state;
	struct places places;
	struct done dones[6];
	make_places(log, &places);
	watched_log_hold(log);
	watched_log_submit(log, text_of(places.source, places.source_topic, "a"), &dones[0]);
	watched_log_submit(log, text_of(places.source, 999, "b"), &dones[1]);
	watched_log_submit(log, text_of(places.source, places.source_topic, "c"), &dones[2]);
	watched_log_submit(log, text_of(SOURCE_PUBLISHED, 999, "x"), &dones[3]);
	watched_log_submit(log, text_of(SOURCE_PUBLISHED, places.published_topic, "p"), &dones[4]);
	watched_log_release_and_flush(log);
	expect_done(&dones[0], 1);
	assert_int_equal(dones[1].err.code, ERROR_NOT_FOUND);
	assert_int_equal(dones[2].err.code, ERROR_STOPPED);
	assert_int_equal(dones[3].err.code, ERROR_NOT_FOUND);
	expect_done(&dones[4], 1);
	struct submission *submission = submission_of(places.source);
	submission_set_position_text(submission, "too far");
	assert_int_equal(watched_log_store(log, submission), ERROR_STOPPED);
	watched_log_expect(log, places.source_topic, 0, "a");
	watched_log_expect(log, places.published_topic, 0, "p");
	watched_log_expect_source(log, "shop", 1, NULL);

	assert_int_equal(appender_reset_source(log->appender, places.source, NULL), 0);
	watched_log_submit(log, text_of(places.source, places.source_topic, "b"), &dones[5]);
	expect_done(&dones[5], 1);
	assert_int_equal(dones[5].transaction_ordinal, 2);
	watched_log_expect(log, places.source_topic, 0, "a b");
}

static void deleted_source_may_have_submissions_on_their_way(void **state)
{
	struct watched_log *log = *state;
	struct places places;
	struct done dones[40];
	make_places(log, &places);
	for (int n = 0; n < 40; n++) {
		watched_log_submit(log, text_of(places.source, places.source_topic, "x"), &dones[n]);
		if (n == 20)
			assert_int_equal(sources_delete(log->appender, "shop", NULL), 0);
	}
	assert_int_equal(appender_flush(log->appender, NULL), 0);
	for (int n = 0; n < 40; n++)
		assert_int_equal(dones[n].err.code, n <= 20 ? ERROR_NONE : ERROR_NOT_FOUND);
	assert_int_equal(appender_state(log->appender), APPENDER_RUNNING);
}

int main(void)
{
#define WITH_LOG(test) \
	cmocka_unit_test_setup_teardown(test, watched_log_create, watched_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(what_publishers_may_not_write_is_refused),
		WITH_LOG(what_a_source_may_not_write_is_refused),
		WITH_LOG(refused_source_writes_no_more_until_it_is_reset),
		WITH_LOG(deleted_source_may_have_submissions_on_their_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
