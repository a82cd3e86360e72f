#include "storage/schemas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/running_log.h"
#include "tests/support/tables.h"

static uint32_t reserve(struct running_log *log, struct bytes encoded, bool *out_is_stored)
{
	struct error err = { 0 };
	uint32_t id;
	if (schemas_reserve(log->appender, encoded, &id, out_is_stored, &err) != 0)
		fail_msg("%s", err.text);
	return id;
}

static void expect_pending(struct running_log *log, const char *encoded, uint32_t id)
{
	bool is_stored = true;
	assert_int_equal(reserve(log, bytes_of_text(encoded), &is_stored), id);
	assert_false(is_stored);
}

static void expect_stored(struct running_log *log, const char *encoded, uint32_t id)
{
	bool is_stored = false;
	assert_int_equal(reserve(log, bytes_of_text(encoded), &is_stored), id);
	assert_true(is_stored);
}

static struct submission *submission_of(struct bytes encoded, uint32_t id)
{
	struct submission *submission;
	assert_int_equal(submission_create(&submission, SOURCE_PUBLISHED, NULL), 0);
	assert_int_equal(submission_add_schema(submission, id, encoded, NULL), 0);
	return submission;
}

static void store(struct running_log *log, const char *encoded, uint32_t id)
{
	assert_int_equal(running_log_submit(log, submission_of(bytes_of_text(encoded), id)), ERROR_NONE);
}

static void expect_bytes(struct running_log *log, uint32_t id, struct bytes encoded)
{
	msgpack_sbuffer buffer;
	struct error err = { 0 };
	msgpack_sbuffer_init(&buffer);
	msgpack_sbuffer_write(&buffer, "before", 6);
	if (schemas_read(log->reader, id, &buffer, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(buffer.size, 6 + encoded.size);
	assert_memory_equal(buffer.data, "before", 6);
	assert_memory_equal(buffer.data + 6, encoded.data, encoded.size);
	msgpack_sbuffer_destroy(&buffer);
}

static enum error_code read_error(struct running_log *log, uint32_t id)
{
	msgpack_sbuffer buffer;
	struct error err = { 0 };
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(schemas_read(log->reader, id, &buffer, &err), -1);
	assert_int_equal(buffer.size, 0);
	msgpack_sbuffer_destroy(&buffer);
	return err.code;
}

static uint64_t next_id_in_meta(struct running_log *log)
{
	struct transaction transaction;
	uint64_t id;
	assert_int_equal(transaction_begin_read(&transaction, log->store, NULL), 0);
	assert_int_equal(transaction_get_number(&transaction, META_NEXT_SCHEMA_ID, &id), 0);
	transaction_abort(&transaction);
	return id;
}

static void put_schema(struct tables *tables, uint32_t id, struct bytes encoded)
{
	uint8_t key[SCHEMA_KEY_BYTES];
	msgpack_sbuffer value;
	schema_key_encode(key, id);
	msgpack_sbuffer_init(&value);
	msgpack_sbuffer_write(&value, (const char *)encoded.data, encoded.size);
	assert_int_equal(seal_append(&value, (struct bytes){ key, sizeof(key) }, NULL), 0);
	tables_put(tables, TABLE_SCHEMAS, (struct bytes){ key, sizeof(key) },
		   (struct bytes){ (const uint8_t *)value.data, value.size });
	msgpack_sbuffer_destroy(&value);
}

static void put_fingerprint(struct tables *tables, uint64_t fingerprint, uint32_t id)
{
	uint8_t key[FINGERPRINT_KEY_BYTES], seal[SEAL_BYTES];
	fingerprint_key_encode(key, fingerprint, id);
	store_u32(seal, seal_of(seal, 0, (struct bytes){ key, sizeof(key) }));
	tables_put(tables, TABLE_FINGERPRINTS, (struct bytes){ key, sizeof(key) },
		   (struct bytes){ seal, sizeof(seal) });
}

static void new_schema_is_pending_until_a_commit_holds_it(void **state)
{
	struct running_log *log = *state;
	expect_pending(log, "users 1", 1);
	expect_pending(log, "orders 1", 2);
	expect_pending(log, "users 1", 1);
	assert_int_equal(read_error(log, 1), ERROR_NOT_FOUND);
	store(log, "users 1", 1);
	expect_stored(log, "users 1", 1);
	expect_pending(log, "orders 1", 2);
	expect_bytes(log, 1, bytes_of_text("users 1"));
	expect_pending(log, "users 2", 3);
}

static void stored_schema_is_found_after_reopening(void **state)
{
	struct running_log *log = *state;
	expect_pending(log, "a", 1);
	expect_pending(log, "b", 2);
	store(log, "b", 2);
	running_log_reopen(log);
	expect_stored(log, "b", 2);
	expect_bytes(log, 2, bytes_of_text("b"));
	expect_pending(log, "a", 3);
}

static void schema_that_was_never_stored_gives_its_id_back_at_reopening(void **state)
{
	struct running_log *log = *state;
	expect_pending(log, "a", 1);
	running_log_reopen(log);
	expect_pending(log, "b", 1);
}

static void submission_that_fails_takes_no_schema_along(void **state)
{
	struct running_log *log = *state;
	expect_pending(log, "users 1", 1);
	struct submission *submission = record_of(SOURCE_PUBLISHED, 77, 10);
	assert_int_equal(submission_add_schema(submission, 1, bytes_of_text("users 1"), NULL), 0);
	assert_int_equal(running_log_submit(log, submission), ERROR_NOT_FOUND);
	expect_pending(log, "users 1", 1);
	assert_int_equal(read_error(log, 1), ERROR_NOT_FOUND);
	store(log, "users 1", 1);
	expect_stored(log, "users 1", 1);
}

static void schema_may_be_added_twice(void **state)
{
	struct running_log *log = *state;
	expect_pending(log, "a", 1);
	struct submission *submission = submission_of(bytes_of_text("a"), 1);
	assert_int_equal(submission_add_schema(submission, 1, bytes_of_text("a"), NULL), 0);
	assert_int_equal(running_log_submit(log, submission), ERROR_NONE);
	store(log, "a", 1);
	expect_stored(log, "a", 1);
	assert_int_equal(next_id_in_meta(log), 2);
}

static void next_id_never_goes_down(void **state)
{
	struct running_log *log = *state;
	for (uint32_t id = 1; id <= 7; id++) {
		char encoded[] = { (char)('a' + id), '\0' };
		expect_pending(log, encoded, id);
	}
	store(log, "h", 7);
	assert_int_equal(next_id_in_meta(log), 8);
	store(log, "b", 1);
	assert_int_equal(next_id_in_meta(log), 8);
	running_log_reopen(log);
	expect_pending(log, "new", 8);
}

static void id_that_was_not_reserved_is_not_given_again(void **state)
{
	struct running_log *log = *state;
	store(log, "a", 5);
	expect_pending(log, "b", 6);
	expect_stored(log, "a", 5);
}

static void colliding_fingerprints_are_told_apart_by_their_bytes(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir, .store = log->store };
	uint64_t fingerprint = schema_fingerprint("users", 5);
	put_schema(&tables, 1, bytes_of_text("USERS"));
	put_fingerprint(&tables, fingerprint, 1);
	put_schema(&tables, 2, bytes_of_text("users and more"));
	put_fingerprint(&tables, fingerprint, 2);
	put_schema(&tables, 3, bytes_of_text("not it"));
	put_fingerprint(&tables, fingerprint + 1, 3);
	tables_put_number(&tables, META_NEXT_SCHEMA_ID, 4);
	running_log_reopen(log);
	expect_pending(log, "users", 4);
	store(log, "users", 4);
	expect_stored(log, "users", 4);
	expect_bytes(log, 1, bytes_of_text("USERS"));
}

static void damage_is_reported(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir, .store = log->store };
	uint8_t key[SCHEMA_KEY_BYTES];
	struct error err = { 0 };
	uint32_t id = 99;
	bool is_stored;
	put_fingerprint(&tables, schema_fingerprint("lost", 4), 1);
	assert_int_equal(schemas_reserve(log->appender, bytes_of_text("lost"), &id, &is_stored, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_string_equal(err.text, "table schemas: schema 1 is missing");
	assert_int_equal(id, 99);
	schema_key_encode(key, 1);
	tables_put(&tables, TABLE_SCHEMAS, (struct bytes){ key, sizeof(key) }, bytes_of_text("lost...."));
	assert_int_equal(schemas_reserve(log->appender, bytes_of_text("lost"), &id, &is_stored, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(read_error(log, 1), ERROR_CORRUPT);
	uint8_t fingerprint_key[FINGERPRINT_KEY_BYTES];
	fingerprint_key_encode(fingerprint_key, schema_fingerprint("seal", 4), 1);
	tables_put(&tables, TABLE_FINGERPRINTS,
		   (struct bytes){ fingerprint_key, sizeof(fingerprint_key) }, bytes_of_text("seal"));
	assert_int_equal(schemas_reserve(log->appender, bytes_of_text("seal"), &id, &is_stored, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_string_equal(err.text, "table fingerprints: a value's checksum is wrong");
	assert_int_equal(appender_state(log->appender), APPENDER_RUNNING);
}

static void next_id_that_was_given_already_is_damage(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir, .store = log->store };
	struct schema_reservations *reservations;
	struct error err = { 0 };
	tables_put_number(&tables, META_NEXT_SCHEMA_ID, 0);
	assert_int_equal(schema_reservations_create(&reservations, log->store, &err), -1);
	assert_string_equal(err.text, "table meta: 'next schema id' is missing");
	put_schema(&tables, 5, bytes_of_text("a"));
	for (uint64_t next_id = 0; next_id < 6; next_id++) {
		tables_put_number(&tables, META_NEXT_SCHEMA_ID, next_id);
		assert_int_equal(schema_reservations_create(&reservations, log->store, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
	}
	assert_string_equal(err.text, "table schemas: there are ids from 5 on, which is the next");
	tables_put_number(&tables, META_NEXT_SCHEMA_ID, 6);
	assert_int_equal(schema_reservations_create(&reservations, log->store, &err), 0);
	schema_reservations_destroy(reservations);
}

static void another_schema_under_a_stored_id_is_damage(void **state)
{
	struct running_log *log = *state;
	struct transaction transaction;
	struct error err = { 0 };
	expect_pending(log, "a", 1);
	store(log, "a", 1);
	struct submission *submission = submission_of(bytes_of_text("b"), 1);
	assert_int_equal(transaction_begin(&transaction, log->store, NULL), 0);
	assert_int_equal(schema_reservations_put(appender_schema_reservations(log->appender), &transaction,
						 submission),
			 -1);
	assert_int_equal(transaction_commit(&transaction, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_string_equal(err.text, "table schemas: another schema has id 1");
	submission_destroy(submission);
	expect_bytes(log, 1, bytes_of_text("a"));
}

static void size_has_limits(void **state)
{
	struct running_log *log = *state;
	struct error err = { 0 };
	uint32_t id = 99;
	bool is_stored;
	uint8_t *large = calloc(1, SCHEMA_BYTES_MAX + 1);
	struct bytes encoded = { large, SCHEMA_BYTES_MAX + 1 };
	assert_int_equal(schemas_reserve(log->appender, encoded, &id, &is_stored, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	encoded.size = 0;
	assert_int_equal(schemas_reserve(log->appender, encoded, &id, &is_stored, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(id, 99);
	encoded.size = SCHEMA_BYTES_MAX;
	assert_int_equal(reserve(log, encoded, &is_stored), 1);
	assert_int_equal(running_log_submit(log, submission_of(encoded, 1)), ERROR_NONE);
	assert_int_equal(reserve(log, encoded, &is_stored), 1);
	assert_true(is_stored);
	expect_bytes(log, 1, encoded);
	free(large);
}

/* Whoever meets a forgotten one again gets another id; both can be stored. */
static void too_many_pending_schemas_push_out_the_oldest(void **state)
{
	struct running_log *log = *state;
	char encoded[16];
	for (uint32_t n = 1; n <= 1025; n++) {
		snprintf(encoded, sizeof(encoded), "schema %u", n);
		expect_pending(log, encoded, n);
	}
	expect_pending(log, "schema 2", 2);
	expect_pending(log, "schema 1025", 1025);
	expect_pending(log, "schema 1", 1026);
	expect_pending(log, "schema 2", 1027);
	store(log, "schema 1", 1);
	expect_pending(log, "schema 1", 1026);
	store(log, "schema 1", 1026);
	expect_stored(log, "schema 1", 1);
	expect_bytes(log, 1026, bytes_of_text("schema 1"));
}

static void large_pending_schemas_push_out_the_oldest(void **state)
{
	struct running_log *log = *state;
	bool is_stored;
	uint8_t *large = calloc(1, SCHEMA_BYTES_MAX);
	struct bytes half = { large, SCHEMA_BYTES_MAX / 2 }, whole = { large, SCHEMA_BYTES_MAX };
	struct bytes other = { large + SCHEMA_BYTES_MAX / 2, SCHEMA_BYTES_MAX / 2 };
	large[SCHEMA_BYTES_MAX - 1] = 1;
	assert_int_equal(reserve(log, half, &is_stored), 1);
	assert_int_equal(reserve(log, other, &is_stored), 2);
	assert_int_equal(reserve(log, half, &is_stored), 1);
	assert_int_equal(reserve(log, whole, &is_stored), 3);
	assert_int_equal(reserve(log, whole, &is_stored), 3);
	assert_int_equal(reserve(log, half, &is_stored), 4);
	assert_int_equal(reserve(log, other, &is_stored), 5);
	assert_int_equal(reserve(log, whole, &is_stored), 6);
	expect_pending(log, "small", 7);
	expect_pending(log, "smaller", 8);
	expect_pending(log, "small", 7);
	free(large);
}

static void last_id_is_the_end(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir, .store = log->store };
	struct error err = { 0 };
	uint32_t id = 0;
	bool is_stored;
	tables_put_number(&tables, META_NEXT_SCHEMA_ID, UINT32_MAX);
	running_log_reopen(log);
	expect_pending(log, "last", UINT32_MAX);
	store(log, "last", UINT32_MAX);
	for (int round = 0; round < 2; round++) {
		expect_stored(log, "last", UINT32_MAX);
		assert_int_equal(
			schemas_reserve(log->appender, bytes_of_text("one more"), &id, &is_stored, &err), -1);
		assert_int_equal(err.code, ERROR_LIMIT);
		assert_string_equal(err.text, "all schema ids are used up");
		running_log_reopen(log);
	}
}

enum { THREAD_COUNT = 4, SCHEMA_COUNT = 200 };

struct capture {
	struct running_log *log;
	uint32_t ids[SCHEMA_COUNT];
	pthread_t thread;
};

static void *reserve_and_store(void *argument)
{
	struct capture *capture = argument;
	for (size_t n = 0; n < SCHEMA_COUNT; n++) {
		char encoded[16];
		bool is_stored;
		struct submission *submission;
		snprintf(encoded, sizeof(encoded), "schema %zu", n);
		if (schemas_reserve(capture->log->appender, bytes_of_text(encoded), &capture->ids[n],
				    &is_stored, NULL) != 0)
			return NULL;
		if (is_stored)
			continue;
		if (submission_create(&submission, SOURCE_PUBLISHED, NULL) != 0 ||
		    submission_add_schema(submission, capture->ids[n], bytes_of_text(encoded), NULL) != 0 ||
		    appender_submit(capture->log->appender, submission, NULL) != 0)
			return NULL;
	}
	return capture;
}

static void threads_that_meet_the_same_schemas_agree_on_their_ids(void **state)
{
	struct running_log *log = *state;
	struct capture captures[THREAD_COUNT];
	for (size_t n = 0; n < THREAD_COUNT; n++) {
		captures[n].log = log;
		assert_int_equal(
			pthread_create(&captures[n].thread, NULL, reserve_and_store, &captures[n]), 0);
	}
	for (size_t n = 0; n < THREAD_COUNT; n++) {
		void *result;
		pthread_join(captures[n].thread, &result);
		assert_non_null(result);
		assert_memory_equal(captures[n].ids, captures[0].ids, sizeof(captures[0].ids));
	}
	assert_int_equal(appender_flush(log->appender, NULL), 0);
	for (uint32_t n = 0; n < SCHEMA_COUNT; n++) {
		char encoded[16];
		assert_int_equal(captures[0].ids[n], n + 1);
		snprintf(encoded, sizeof(encoded), "schema %u", n);
		expect_stored(log, encoded, n + 1);
	}
	assert_int_equal(next_id_in_meta(log), SCHEMA_COUNT + 1);
}

static void every_failed_allocation_is_reported(void **state)
{
	struct running_log *log = *state;
	struct error err = { 0 };
	uint32_t id = 99;
	bool is_stored;
	fail_malloc_after(0);
	int rc = schemas_reserve(log->appender, bytes_of_text("a"), &id, &is_stored, &err);
	assert_true(fail_malloc_stop());
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, ERROR_MEMORY);
	assert_int_equal(id, 99);
	expect_pending(log, "a", 1);
	store(log, "a", 1);

	msgpack_sbuffer buffer;
	msgpack_sbuffer_init(&buffer);
	err.code = ERROR_NONE;
	fail_malloc_after(0);
	rc = schemas_read(log->reader, 1, &buffer, &err);
	assert_true(fail_malloc_stop());
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, ERROR_MEMORY);
	assert_int_equal(buffer.size, 0);
	msgpack_sbuffer_destroy(&buffer);

	struct schema_reservations *reservations = NULL;
	fail_malloc_after(0);
	rc = schema_reservations_create(&reservations, log->store, &err);
	assert_true(fail_malloc_stop());
	assert_int_equal(rc, -1);
	assert_null(reservations);
	schema_reservations_destroy(NULL);
}

int main(void)
{
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, running_log_create, running_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(new_schema_is_pending_until_a_commit_holds_it),
		WITH_LOG(stored_schema_is_found_after_reopening),
		WITH_LOG(schema_that_was_never_stored_gives_its_id_back_at_reopening),
		WITH_LOG(submission_that_fails_takes_no_schema_along),
		WITH_LOG(schema_may_be_added_twice),
		WITH_LOG(next_id_never_goes_down),
		WITH_LOG(id_that_was_not_reserved_is_not_given_again),
		WITH_LOG(colliding_fingerprints_are_told_apart_by_their_bytes),
		WITH_LOG(damage_is_reported),
		WITH_LOG(next_id_that_was_given_already_is_damage),
		WITH_LOG(another_schema_under_a_stored_id_is_damage),
		WITH_LOG(size_has_limits),
		WITH_LOG(too_many_pending_schemas_push_out_the_oldest),
		WITH_LOG(large_pending_schemas_push_out_the_oldest),
		WITH_LOG(last_id_is_the_end),
		WITH_LOG(threads_that_meet_the_same_schemas_agree_on_their_ids),
		WITH_LOG(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
