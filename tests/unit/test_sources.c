#include "storage/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "storage/topics.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/running_log.h"
#include "tests/support/tables.h"

static uint16_t register_source(struct running_log *log, const char *name)
{
	struct error err = { 0 };
	uint16_t id = 0;
	if (sources_register(log->appender, name, &id, &err) != 0)
		fail_msg("%s", err.text);
	return id;
}

/* One topic a source. */
static uint32_t create_topic(struct running_log *log, uint16_t owner_source_id)
{
	struct topic topic = { .partition_count = 1, .owner_source_id = owner_source_id };
	struct error err = { 0 };
	snprintf(topic.name, sizeof(topic.name), "topic-%u", owner_source_id);
	topic_config_init(&topic.config);
	if (topics_create(log->appender, &topic, &err) != 0)
		fail_msg("%s", err.text);
	return topic.id;
}

static struct submission *record_with_position(uint16_t source_id, uint32_t topic_id,
					       const char *position)
{
	struct submission *submission = record_of(source_id, topic_id, 10);
	assert_int_equal(submission_set_position(submission, bytes_of_text(position), NULL), 0);
	return submission;
}

static struct partition_record partition_record(struct running_log *log, uint32_t topic_id)
{
	struct transaction transaction;
	struct partition_record record;
	uint8_t key[PARTITION_KEY_BYTES];
	uint32_t number;
	struct bytes key_bytes = { key, sizeof(key) }, value;
	partition_key_encode(key, topic_id, 0);
	assert_int_equal(transaction_begin_read(&transaction, log->store, NULL), 0);
	assert_int_equal(transaction_get(&transaction, TABLE_PARTITIONS, key_bytes, &value), 1);
	assert_int_equal(partition_record_decode(key_bytes, value, &topic_id, &number, &record, NULL),
			 0);
	transaction_abort(&transaction);
	return record;
}

static void registered_source_has_stored_nothing(void **state)
{
	struct running_log *log = *state;
	struct source found;
	assert_int_equal(register_source(log, "shop"), 1);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
		assert_int_equal(found.id, 1);
		assert_string_equal(found.name, "shop");
		assert_int_equal(found.transaction_ordinal, 0);
		assert_int_equal(found.state, 0);
		assert_string_equal(found.reason, "");
		assert_null(found.position);
		assert_null(found.snapshot_progress);
		source_clear(&found);
		running_log_reopen(log);
	}
}

static void name_finds_the_same_source_again(void **state)
{
	struct running_log *log = *state;
	assert_int_equal(register_source(log, "shop"), 1);
	assert_int_equal(register_source(log, "crm"), 2);
	assert_int_equal(register_source(log, "shop"), 1);
	running_log_reopen(log);
	assert_int_equal(register_source(log, "crm"), 2);
	assert_int_equal(register_source(log, "new"), 3);
}

static void wrong_name_is_refused(void **state)
{
	struct running_log *log = *state;
	char name[SOURCE_NAME_BYTES_MAX + 2];
	uint16_t id = 99;
	memset(name, 'a', sizeof(name));
	name[SOURCE_NAME_BYTES_MAX + 1] = '\0';
	const char *const names[] = { "", "a b", "a/b", "\xc3\xa4", name };
	for (size_t n = 0; n < 5; n++) {
		struct error err = { 0 };
		assert_int_equal(sources_register(log->appender, names[n], &id, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_int_equal(strncmp(err.text, "the name of a source ", 21), 0);
	}
	assert_int_equal(id, 99);
	name[SOURCE_NAME_BYTES_MAX] = '\0';
	assert_int_equal(register_source(log, name), 1);
}

static void position_of_a_submission_is_described(void **state)
{
	struct running_log *log = *state;
	struct source found;
	uint16_t id = register_source(log, "shop");
	uint32_t topic_id = create_topic(log, id);
	struct submission *submission = record_with_position(id, topic_id, "0/16B3748");
	submission_set_snapshot_progress(submission, bytes_of_text("users:17"), NULL);
	assert_int_equal(running_log_submit(log, submission), ERROR_NONE);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
		assert_int_equal(found.transaction_ordinal, 1);
		assert_int_equal(found.position_bytes, 9);
		assert_memory_equal(found.position, "0/16B3748", 9);
		assert_int_equal(found.snapshot_progress_bytes, 8);
		assert_memory_equal(found.snapshot_progress, "users:17", 8);
		source_clear(&found);
		running_log_reopen(log);
	}
	assert_int_equal(running_log_submit(log, record_with_position(id, topic_id, "")), ERROR_NONE);
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_int_equal(found.transaction_ordinal, 2);
	assert_non_null(found.position);
	assert_int_equal(found.position_bytes, 0);
	source_clear(&found);
	assert_null(found.position);
}

static void state_is_kept_beside_the_position(void **state)
{
	struct running_log *log = *state;
	struct source found;
	char reason[SOURCE_REASON_BYTES_MAX + 2];
	struct error err = { 0 };
	uint16_t id = register_source(log, "shop");
	uint32_t topic_id = create_topic(log, id);
	assert_int_equal(running_log_submit(log, record_with_position(id, topic_id, "p1")), ERROR_NONE);
	assert_int_equal(sources_set_state(log->appender, id, 200, "slot is gone", NULL), 0);
	assert_int_equal(running_log_submit(log, record_with_position(id, topic_id, "p2")), ERROR_NONE);
	running_log_reopen(log);
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_int_equal(found.state, 200);
	assert_string_equal(found.reason, "slot is gone");
	assert_memory_equal(found.position, "p2", 2);
	assert_int_equal(found.transaction_ordinal, 2);
	source_clear(&found);

	memset(reason, 'r', sizeof(reason));
	reason[SOURCE_REASON_BYTES_MAX + 1] = '\0';
	assert_int_equal(sources_set_state(log->appender, id, 1, reason, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	reason[SOURCE_REASON_BYTES_MAX] = '\0';
	assert_int_equal(sources_set_state(log->appender, id, 1, reason, NULL), 0);
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_string_equal(found.reason, reason);
	source_clear(&found);
}

static void reset_source_forgets_how_far_it_was_and_nothing_else(void **state)
{
	struct running_log *log = *state;
	struct source found;
	uint16_t id = register_source(log, "shop");
	uint32_t topic_id = create_topic(log, id);
	assert_int_equal(running_log_submit(log, record_with_position(id, topic_id, "p1")), ERROR_NONE);
	assert_int_equal(sources_set_state(log->appender, id, 6, "slot is gone", NULL), 0);
	assert_int_equal(sources_reset(log->appender, id, bytes_of_text("begun"), NULL), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
		assert_int_equal(found.id, id);
		assert_null(found.position);
		assert_int_equal(found.snapshot_progress_bytes, 5);
		assert_memory_equal(found.snapshot_progress, "begun", 5);
		assert_int_equal(found.transaction_ordinal, 1);
		assert_int_equal(found.state, 6);
		source_clear(&found);
		running_log_reopen(log);
	}
	assert_int_equal(running_log_submit(log, record_with_position(id, topic_id, "p2")), ERROR_NONE);
	assert_int_equal(sources_reset(log->appender, id, (struct bytes){ NULL, 0 }, NULL), 0);
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_int_equal(found.transaction_ordinal, 2);
	assert_null(found.position);
	assert_null(found.snapshot_progress);
	source_clear(&found);
	assert_int_equal(partition_record(log, topic_id).visible_end, 2);
}

static void unknown_source_is_not_found(void **state)
{
	struct running_log *log = *state;
	struct source found = { .id = 99 };
	struct error err = { 0 };
	register_source(log, "shop");
	assert_int_equal(sources_set_state(log->appender, 2, 1, "", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_string_equal(err.text, "there is no source 2");
	err.code = ERROR_NONE;
	assert_int_equal(sources_set_state(log->appender, 0, 1, "", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	err.code = ERROR_NONE;
	assert_int_equal(sources_reset(log->appender, 2, (struct bytes){ NULL, 0 }, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	err.code = ERROR_NONE;
	assert_int_equal(sources_delete(log->appender, "crm", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_string_equal(err.text, "there is no source 'crm'");
	err.code = ERROR_NONE;
	assert_int_equal(sources_describe(log->reader, "crm", &found, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(sources_describe(log->reader, "", &found, NULL), -1);
	assert_int_equal(found.id, 99);
}

static void name_of_a_deleted_source_means_another(void **state)
{
	struct running_log *log = *state;
	struct source found;
	struct error err = { 0 };
	uint16_t id = register_source(log, "shop");
	uint32_t topic_id = create_topic(log, id);
	assert_int_equal(running_log_submit(log, record_with_position(id, topic_id, "p1")), ERROR_NONE);
	assert_int_equal(sources_delete(log->appender, "shop", NULL), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(sources_describe(log->reader, "shop", &found, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		assert_int_equal(sources_delete(log->appender, "shop", &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		assert_int_equal(sources_set_state(log->appender, id, 1, "", &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		assert_int_equal(running_log_submit(log, record_of(id, topic_id, 1)), ERROR_NOT_FOUND);
		running_log_reopen(log);
	}
	assert_int_equal(register_source(log, "shop"), id + 1);
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_int_equal(found.transaction_ordinal, 0);
	assert_null(found.position);
	source_clear(&found);
	assert_int_equal(running_log_submit(log, record_of(id + 1, topic_id, 1)), ERROR_NOT_OWNER);
	assert_int_equal(partition_record(log, topic_id).visible_end, 1);
}

static void deletion_cuts_off_what_was_never_finished(void **state)
{
	struct running_log *log = *state;
	uint16_t id = register_source(log, "shop");
	uint32_t topic_id = create_topic(log, id);
	assert_int_equal(running_log_submit(log, record_of(id, topic_id, 1)), ERROR_NONE);
	struct submission *submission = record_of(id, topic_id, 1);
	submission_set_continues(submission);
	assert_int_equal(running_log_submit(log, submission), ERROR_NONE);
	assert_int_equal(partition_record(log, topic_id).log_end, 2);
	uint16_t other_id = register_source(log, "crm");
	uint32_t other_topic_id = create_topic(log, other_id);
	submission = record_of(other_id, other_topic_id, 1);
	submission_set_continues(submission);
	assert_int_equal(running_log_submit(log, submission), ERROR_NONE);
	assert_int_equal(sources_delete(log->appender, "shop", NULL), 0);
	assert_int_equal(partition_record(log, topic_id).log_end, 1);
	assert_int_equal(partition_record(log, topic_id).visible_end, 1);
	assert_int_equal(partition_record(log, topic_id).batch_count, 1);
	assert_int_equal(partition_record(log, other_topic_id).log_end, 1);
	assert_int_equal(running_log_submit(log, record_of(other_id, other_topic_id, 1)), ERROR_NONE);
	assert_int_equal(partition_record(log, other_topic_id).visible_end, 2);
}

struct worker {
	struct running_log *log;
	uint16_t source_id;
	int rc;
	uint16_t made_id;
	pthread_t thread;
};

static void *delete_in_thread(void *argument)
{
	struct worker *worker = argument;
	worker->rc = sources_delete(worker->log->appender, "shop", NULL);
	return NULL;
}

static void *set_state_in_thread(void *argument)
{
	struct worker *worker = argument;
	worker->rc = sources_set_state(worker->log->appender, worker->source_id, 9, "why", NULL);
	return NULL;
}

static void *register_in_thread(void *argument)
{
	struct worker *worker = argument;
	worker->rc = sources_register(worker->log->appender, "crm", &worker->made_id, NULL);
	return NULL;
}

static void deletion_between_submissions_refuses_only_those_behind_it(void **state)
{
	struct running_log *log = *state;
	struct outcome before = { .code = ERROR_NONE }, behind = { .code = ERROR_NONE };
	uint16_t id = register_source(log, "shop");
	uint32_t topic_id = create_topic(log, id);
	struct worker worker = { .log = log };
	struct gate gate;
	gate_close(&gate, log);
	struct submission *submission = record_with_position(id, topic_id, "p1");
	submission_set_done(submission, outcome_set, &before);
	assert_int_equal(appender_submit(log->appender, submission, NULL), 0);
	assert_int_equal(pthread_create(&worker.thread, NULL, delete_in_thread, &worker), 0);
	assert_true(wait_until(queue_length(log) == 2));
	submission = record_with_position(id, topic_id, "p2");
	submission_set_done(submission, outcome_set, &behind);
	assert_int_equal(appender_submit(log->appender, submission, NULL), 0);
	gate_open_when_queued(&gate, log, 3);
	pthread_join(worker.thread, NULL);
	assert_int_equal(worker.rc, 0);
	assert_true(wait_until(atomic_load(&before.is_known) && atomic_load(&behind.is_known)));
	assert_int_equal(before.code, ERROR_NONE);
	assert_int_equal(behind.code, ERROR_NOT_FOUND);
	assert_int_equal(appender_state(log->appender), APPENDER_RUNNING);
	assert_int_equal(partition_record(log, topic_id).visible_end, 1);
}

static void state_and_position_of_one_commit_are_both_kept(void **state)
{
	struct running_log *log = *state;
	struct outcome outcome = { .code = ERROR_NONE };
	struct source found;
	uint16_t id = register_source(log, "shop");
	uint32_t topic_id = create_topic(log, id);
	struct worker worker = { .log = log, .source_id = id };
	struct gate gate;
	gate_close(&gate, log);
	struct submission *submission = record_with_position(id, topic_id, "p1");
	submission_set_done(submission, outcome_set, &outcome);
	assert_int_equal(appender_submit(log->appender, submission, NULL), 0);
	assert_int_equal(pthread_create(&worker.thread, NULL, set_state_in_thread, &worker), 0);
	gate_open_when_queued(&gate, log, 2);
	pthread_join(worker.thread, NULL);
	assert_int_equal(worker.rc, 0);
	assert_true(wait_until(atomic_load(&outcome.is_known)));
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_int_equal(found.state, 9);
	assert_string_equal(found.reason, "why");
	assert_int_equal(found.transaction_ordinal, 1);
	assert_memory_equal(found.position, "p1", 2);
	source_clear(&found);
}

static void registrations_in_one_commit_make_one_source(void **state)
{
	struct running_log *log = *state;
	struct worker workers[3] = { 0 };
	struct gate gate;
	gate_close(&gate, log);
	for (size_t n = 0; n < 3; n++) {
		workers[n].log = log;
		assert_int_equal(pthread_create(&workers[n].thread, NULL, register_in_thread, &workers[n]),
				 0);
	}
	gate_open_when_queued(&gate, log, 3);
	for (size_t n = 0; n < 3; n++) {
		pthread_join(workers[n].thread, NULL);
		assert_int_equal(workers[n].rc, 0);
		assert_int_equal(workers[n].made_id, 1);
	}
	assert_int_equal(register_source(log, "next"), 2);
}

static void last_id_is_the_end(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir, .store = log->store };
	struct error err = { 0 };
	uint16_t id = 0;
	tables_put_number(&tables, META_NEXT_SOURCE_ID, 65535);
	assert_int_equal(register_source(log, "shop"), 65535);
	assert_int_equal(sources_register(log->appender, "crm", &id, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(id, 0);
	uint32_t topic_id = create_topic(log, 65535);
	running_log_reopen(log);
	assert_int_equal(running_log_submit(log, record_of(65535, topic_id, 1)), ERROR_NONE);
	assert_int_equal(register_source(log, "shop"), 65535);
}

static void sources_are_walked_by_name(void **state)
{
	struct running_log *log = *state;
	struct source found = { .id = 99 };
	static const char *const order[] = { "a", "b", "c" };
	char after[SOURCE_NAME_BYTES_MAX + 1] = "";
	assert_int_equal(sources_next(log->reader, "", &found, NULL), 0);
	assert_int_equal(found.id, 99);
	register_source(log, "c");
	register_source(log, "a");
	register_source(log, "b");
	for (size_t n = 0; n < 3; n++) {
		assert_int_equal(sources_next(log->reader, after, &found, NULL), 1);
		assert_string_equal(found.name, order[n]);
		memcpy(after, found.name, sizeof(after));
		source_clear(&found);
	}
	assert_int_equal(sources_next(log->reader, after, &found, NULL), 0);
}

static void damaged_record_stops_nothing_but_its_source(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir, .store = log->store };
	struct source found;
	struct error err = { 0 };
	uint16_t id = register_source(log, "shop");
	tables_put(&tables, TABLE_SOURCES, bytes_of_text("shop"), bytes_of_text("no seal at all"));
	assert_int_equal(sources_describe(log->reader, "shop", &found, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	err.code = ERROR_NONE;
	assert_int_equal(sources_set_state(log->appender, id, 1, "", &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	err.code = ERROR_NONE;
	assert_int_equal(sources_register(log->appender, "shop", &id, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(appender_state(log->appender), APPENDER_RUNNING);
	assert_int_equal(sources_delete(log->appender, "shop", NULL), 0);
	assert_int_equal(register_source(log, "shop"), 2);
}

static void every_failed_allocation_is_reported(void **state)
{
	struct running_log *log = *state;
	struct source found;
	uint16_t id = 0;
	int n;
	for (n = 0;; n++) {
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = sources_register(log->appender, "shop", &id, &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		assert_int_equal(id, 0);
		assert_int_equal(sources_describe(log->reader, "shop", &found, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
	}
	assert_true(n >= 2);
	uint32_t topic_id = create_topic(log, id);
	struct submission *submission = record_with_position(id, topic_id, "p1");
	submission_set_snapshot_progress(submission, bytes_of_text("s1"), NULL);
	assert_int_equal(running_log_submit(log, submission), ERROR_NONE);
	for (n = 0;; n++) {
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = sources_describe(log->reader, "shop", &found, &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			source_clear(&found);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
	}
	assert_true(n >= 2);
	for (n = 0;; n++) {
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = sources_set_state(log->appender, id, 5, "why", &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
		assert_int_equal(found.state, 0);
		source_clear(&found);
	}
	assert_true(n >= 1);
	for (n = 0;; n++) {
		fail_malloc_after(n);
		int rc = sources_delete(log->appender, "shop", NULL);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
	}
	assert_int_equal(appender_state(log->appender), APPENDER_RUNNING);
}

static void posted_state_is_stored_in_order(void **state)
{
	struct running_log *log = *state;
	char reason[SOURCE_REASON_BYTES_MAX + 100];
	struct source found;
	uint16_t id = register_source(log, "shop");
	memset(reason, 'r', sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	assert_int_equal(sources_post_state(log->appender, id, 3, "soon over", NULL), 0);
	assert_int_equal(sources_post_state(log->appender, id, 4, reason, NULL), 0);
	assert_int_equal(sources_post_state(log->appender, 99, 5, "nobody", NULL), 0);
	assert_int_equal(appender_flush(log->appender, NULL), 0);
	assert_int_equal(sources_describe(log->reader, "shop", &found, NULL), 0);
	assert_int_equal(found.state, 4);
	assert_int_equal(strlen(found.reason), SOURCE_REASON_BYTES_MAX);
	source_clear(&found);
	/* What nothing more is let in hears of it. */
	struct error err = { 0 };
	appender_close(log->appender);
	assert_int_equal(sources_post_state(log->appender, id, 3, "", &err), -1);
	assert_int_equal(err.code, ERROR_STOPPED);
}

int main(void)
{
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, running_log_create, running_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(registered_source_has_stored_nothing),
		WITH_LOG(posted_state_is_stored_in_order),
		WITH_LOG(name_finds_the_same_source_again),
		WITH_LOG(wrong_name_is_refused),
		WITH_LOG(position_of_a_submission_is_described),
		WITH_LOG(state_is_kept_beside_the_position),
		WITH_LOG(reset_source_forgets_how_far_it_was_and_nothing_else),
		WITH_LOG(unknown_source_is_not_found),
		WITH_LOG(name_of_a_deleted_source_means_another),
		WITH_LOG(deletion_cuts_off_what_was_never_finished),
		WITH_LOG(deletion_between_submissions_refuses_only_those_behind_it),
		WITH_LOG(state_and_position_of_one_commit_are_both_kept),
		WITH_LOG(registrations_in_one_commit_make_one_source),
		WITH_LOG(last_id_is_the_end),
		WITH_LOG(sources_are_walked_by_name),
		WITH_LOG(damaged_record_stops_nothing_but_its_source),
		WITH_LOG(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
