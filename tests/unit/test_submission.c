#include "storage/submission.h"

#include "storage/entry.h"
#include "storage/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "tests/support/fail_malloc.h"

static const struct content nothing = { .kind = CONTENT_NIL };
static const struct bytes no_headers;

static struct submission *create(void)
{
	struct submission *submission;
	assert_int_equal(submission_create(&submission, 7, NULL), 0);
	return submission;
}

static size_t count_entries(const struct submission *submission)
{
	struct submission_cursor cursor = { 0 };
	size_t count = 0;
	while (submission_next_entry(submission, &cursor) != NULL)
		count++;
	return count;
}

static void empty_submission_has_no_records(void **state)
{
	struct submission *submission = create();
	struct submission_cursor cursor = { 0 };
	struct submission_place place;
	(void)state;
	assert_int_equal(submission_source_id(submission), 7);
	assert_int_equal(submission_record_count(submission), 0);
	assert_int_equal(submission_next(submission, &cursor, &place), 0);
	assert_int_equal(submission_next(submission, &cursor, &place), 0);
	submission_destroy(submission);
	submission_destroy(NULL);
}

/* The body of record n: 1 to 4,000 bytes. */
static size_t make_body(uint8_t *out, uint32_t n)
{
	size_t size = 1 + n * 7919 % 4000;
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(n + i);
	return size;
}

static void records_come_in_the_order_they_were_added(void **state)
{
	enum { COUNT = 3000 };
	struct submission *submission = create();
	uint8_t body[4000];
	(void)state;
	for (uint32_t n = 0; n < COUNT; n++) {
		struct bytes bytes = { body, make_body(body, n) };
		assert_int_equal(submission_add_body(submission, n, n % 5, bytes, n, NULL), 0);
	}
	assert_int_equal(submission_record_count(submission), COUNT);

	struct submission_cursor cursor = { 0 };
	for (uint32_t n = 0; n < COUNT; n++) {
		struct entry *entry = submission_next_entry(submission, &cursor);
		assert_non_null(entry);
		assert_int_equal(entry->topic_id, n);
		assert_int_equal(entry->partition, n % 5);
		assert_int_equal(entry->time_us, n);
		assert_int_equal(entry->body_bytes, make_body(body, n));
		assert_memory_equal(entry->body, body, entry->body_bytes);
		entry->offset = n + 1000;
	}
	assert_null(submission_next_entry(submission, &cursor));
	assert_null(submission_next_entry(submission, &cursor));

	struct submission_cursor places = { 0 };
	struct submission_place place;
	for (uint32_t n = 0; n < COUNT; n++) {
		assert_int_equal(submission_next(submission, &places, &place), 1);
		assert_int_equal(place.topic_id, n);
		assert_int_equal(place.partition, n % 5);
		assert_int_equal(place.offset, n + 1000);
	}
	assert_int_equal(submission_next(submission, &places, &place), 0);
	submission_destroy(submission);
}

static void added_record_is_encoded_once_and_for_all(void **state)
{
	static const size_t sizes[] = { 0, 1, 255, 256, 65535, 65536 };
	static const uint8_t headers[] = "\x92\xa1" "a\xc4\x01" "b";
	struct submission *submission = create();
	uint8_t *bytes = calloc(1, 65536);
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct content key = { CONTENT_ARRAY, { (const uint8_t *)"\x91\x05", 2 } };
		struct content value = { CONTENT_BYTES, { bytes, sizes[i] } };
		struct bytes with_headers = { headers, sizeof(headers) - 1 };
		msgpack_sbuffer body;
		msgpack_sbuffer_init(&body);
		assert_int_equal(submission_add(submission, 1, 0, &key, &value, with_headers, 5, NULL),
				 0);
		assert_int_equal(submission_add(submission, 1, 0, &nothing, &value, no_headers, 5, NULL),
				 0);
		assert_int_equal(record_body_encode(&body, &key, &value, with_headers, NULL), 0);
		assert_int_equal(body.size, record_body_size(&key, &value, with_headers));
		msgpack_sbuffer_destroy(&body);
	}
	struct submission_cursor cursor = { 0 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct entry *with = submission_next_entry(submission, &cursor);
		struct entry *without = submission_next_entry(submission, &cursor);
		assert_memory_equal(with->body, "\x91\x05", 2);
		assert_memory_equal(with->body + with->body_bytes - 6, headers, 6);
		assert_int_equal(without->body[0], 0xc0);
		assert_int_equal(without->body[without->body_bytes - 1], 0xc0);
		assert_int_equal(with->body_bytes, without->body_bytes + 6);
	}
	free(bytes);
	submission_destroy(submission);
}

static void record_of_64_mib_is_the_largest(void **state)
{
	struct submission *submission = create();
	struct error err = { 0 };
	uint8_t *bytes = calloc(1, RECORD_BYTES_MAX);
	/* A head of 5 bytes, and two nils. */
	struct content value = { CONTENT_BYTES, { bytes, RECORD_BYTES_MAX - 7 + 1 } };
	(void)state;
	assert_non_null(bytes);
	assert_int_equal(submission_add(submission, 1, 0, &nothing, &value, no_headers, 0, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(submission_record_count(submission), 0);
	value.bytes.size--;
	assert_int_equal(submission_add(submission, 1, 0, &nothing, &value, no_headers, 0, NULL), 0);
	struct submission_cursor cursor = { 0 };
	assert_int_equal(submission_next_entry(submission, &cursor)->body_bytes, RECORD_BYTES_MAX);

	/* Alone it may be larger than a submission should be; then nothing fits behind. */
	struct bytes small = { bytes, 1 };
	assert_int_equal(submission_add_body(submission, 1, 0, small, 0, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(submission_record_count(submission), 1);
	submission_destroy(submission);
	free(bytes);
}

static void submission_is_full_at_16_mib(void **state)
{
	struct submission *submission = create();
	struct error err = { 0 };
	static const uint8_t body[1000];
	struct bytes bytes = { body, sizeof(body) };
	size_t count = 0, bytes_before;
	(void)state;
	do
		bytes_before = submission_bytes(submission);
	while (submission_add_body(submission, 1, 0, bytes, 0, &err) == 0 && ++count);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(submission_bytes(submission), bytes_before);
	assert_int_equal(submission_record_count(submission), count);
	assert_int_equal(count_entries(submission), count);
	assert_true(bytes_before <= SUBMISSION_BYTES_MAX);
	assert_true(bytes_before > SUBMISSION_BYTES_MAX - 2 * sizeof(body));
	submission_destroy(submission);
}

static void everything_it_holds_counts_as_bytes(void **state)
{
	struct submission *submission = create();
	static const uint8_t many[1000];
	struct bytes bytes = { many, sizeof(many) };
	size_t empty_bytes = submission_bytes(submission);
	(void)state;
	assert_true(empty_bytes >= sizeof(struct submission));
	assert_int_equal(submission_set_position(submission, bytes, NULL), 0);
	assert_int_equal(submission_bytes(submission), empty_bytes + 1000);
	bytes.size = 10;
	assert_int_equal(submission_set_position(submission, bytes, NULL), 0);
	assert_int_equal(submission_bytes(submission), empty_bytes + 10);
	assert_int_equal(submission_set_snapshot_progress(submission, bytes, NULL), 0);
	assert_int_equal(submission_bytes(submission), empty_bytes + 20);
	assert_int_equal(submission_add_schema(submission, 1, bytes, NULL), 0);
	assert_true(submission_bytes(submission) >= empty_bytes + 30);
	size_t without_records = submission_bytes(submission);
	assert_int_equal(submission_add_body(submission, 1, 0, bytes, 0, NULL), 0);
	assert_true(submission_bytes(submission) >= without_records + sizeof(struct entry) + 10);
	submission_destroy(submission);
}

static void position_that_is_too_long_leaves_the_one_before(void **state)
{
	struct submission *submission = create();
	struct error err = { 0 };
	uint8_t *bytes = calloc(1, SOURCE_SNAPSHOT_PROGRESS_BYTES_MAX + 1);
	(void)state;
	struct bytes longest = { bytes, SOURCE_POSITION_BYTES_MAX };
	struct bytes too_long = { bytes, SOURCE_POSITION_BYTES_MAX + 1 };
	assert_int_equal(submission_set_position(submission, longest, NULL), 0);
	assert_int_equal(submission_set_position(submission, too_long, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_string_equal(err.text, "the position: it has 65537 bytes; the most is 65536");
	assert_int_equal(submission->position.size, SOURCE_POSITION_BYTES_MAX);
	longest.size = SOURCE_SNAPSHOT_PROGRESS_BYTES_MAX;
	too_long.size = SOURCE_SNAPSHOT_PROGRESS_BYTES_MAX + 1;
	assert_int_equal(submission_set_snapshot_progress(submission, longest, NULL), 0);
	assert_int_equal(submission_set_snapshot_progress(submission, too_long, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	submission_destroy(submission);
	free(bytes);
}

static void empty_position_is_not_none(void **state)
{
	struct submission *submission = create();
	(void)state;
	assert_null(submission->position.data);
	assert_int_equal(submission_set_position(submission, (struct bytes){ NULL, 0 }, NULL), 0);
	assert_non_null(submission->position.data);
	assert_int_equal(submission->position.size, 0);
	submission_destroy(submission);
}

static void time_that_would_overflow_is_refused(void **state)
{
	struct submission *submission = create();
	struct error err = { 0 };
	struct bytes body = { (const uint8_t *)"\xc0\xc0\xc0", 3 };
	static const int64_t bad[] = { INT64_MIN, INT64_MAX, RECORD_TIME_US_MAX + 1,
				       -RECORD_TIME_US_MAX - 1 };
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(submission_add_body(submission, 1, 0, body, bad[i], &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
	assert_int_equal(submission_record_count(submission), 0);
	assert_int_equal(submission_add_body(submission, 1, 0, body, RECORD_TIME_US_MAX, NULL), 0);
	assert_int_equal(submission_add_body(submission, 1, 0, body, -RECORD_TIME_US_MAX, NULL), 0);
	submission_destroy(submission);
}

static void schemas_keep_their_order(void **state)
{
	struct submission *submission = create();
	(void)state;
	for (uint32_t id = 3; id > 0; id--)
		assert_int_equal(submission_add_schema(submission, id,
						       (struct bytes){ (const uint8_t *)"abc", id },
						       NULL),
				 0);
	const struct schema_entry *schema = submission->schemas;
	for (uint32_t id = 3; id > 0; id--, schema = schema->next) {
		assert_int_equal(schema->schema_id, id);
		assert_int_equal(schema->size, id);
		assert_memory_equal(schema->encoded, "abc", id);
	}
	assert_null(schema);
	submission_destroy(submission);
}

/* One of each kind of addition, the last step that failed; 0: none did. */
static int fill(struct submission *submission, struct error *err)
{
	static const uint8_t large[200000];
	struct content value = { CONTENT_BYTES, { large, sizeof(large) } };
	struct bytes few = { large, 100 };
	if (submission_add_body(submission, 1, 0, few, 0, err) != 0)
		return 1;
	if (submission_add(submission, 1, 1, &nothing, &value, no_headers, 0, err) != 0)
		return 2;
	if (submission_set_position(submission, few, err) != 0)
		return 3;
	if (submission_set_snapshot_progress(submission, few, err) != 0)
		return 4;
	return submission_add_schema(submission, 1, few, err) != 0 ? 5 : 0;
}

static void failed_allocation_leaves_it_as_it_was(void **state)
{
	int failed_steps = 0;
	(void)state;
	for (int n = 0;; n++) {
		struct submission *submission = NULL;
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = submission_create(&submission, 7, &err);
		int step = rc != 0 ? 6 : fill(submission, &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(step, 0);
			submission_destroy(submission);
			break;
		}
		assert_int_not_equal(step, 0);
		assert_int_equal(err.code, ERROR_MEMORY);
		failed_steps |= 1 << step;
		if (rc != 0) {
			assert_null(submission);
			continue;
		}
		size_t count = step == 1 ? 0 : step == 2 ? 1 : 2;
		assert_int_equal(submission_record_count(submission), count);
		assert_int_equal(count_entries(submission), count);
		assert_int_equal(submission->position.data != NULL, step > 3);
		assert_int_equal(submission->snapshot_progress.data != NULL, step > 4);
		assert_null(submission->schemas);
		size_t bytes_before = submission_bytes(submission);
		assert_int_equal(fill(submission, NULL), 0);
		assert_int_equal(count_entries(submission), count + 2);
		assert_true(submission_bytes(submission) > bytes_before);
		submission_destroy(submission);
	}
	/* Each step was seen failing. */
	assert_int_equal(failed_steps, 0x7e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_submission_has_no_records),
		cmocka_unit_test(records_come_in_the_order_they_were_added),
		cmocka_unit_test(added_record_is_encoded_once_and_for_all),
		cmocka_unit_test(record_of_64_mib_is_the_largest),
		cmocka_unit_test(submission_is_full_at_16_mib),
		cmocka_unit_test(everything_it_holds_counts_as_bytes),
		cmocka_unit_test(position_that_is_too_long_leaves_the_one_before),
		cmocka_unit_test(empty_position_is_not_none),
		cmocka_unit_test(time_that_would_overflow_is_refused),
		cmocka_unit_test(schemas_keep_their_order),
		cmocka_unit_test(failed_allocation_leaves_it_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
