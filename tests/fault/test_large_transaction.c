/* A source transaction far larger than memory should be: written in parts, seen
 * whole or not at all, and cut off when the process dies in its middle. */
#include "storage/sources.h"
#include "storage/topics.h"
#include "tests/support/private_memory.h"
#include "tests/support/random.h"
#include "tests/support/run_child.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRIVATE_BYTES_MAX       (UINT64_C(128) << 20)
#define MAP_BYTES               (UINT64_C(16) << 30)

enum {
	PARTITIONS = 4,
	PART_RECORDS = 255,
	RECORD_BYTES = 64 * 1024,       /* 255 of them, with their heads, are a part of 16 MiB */
	TIME_MS = 30 * 60 * 1000,
};

/* The log in a process of its own: what is asserted there comes out as text. */
struct log {
	const char *directory;
	int part_count;
	int killed_at;          /* SIGKILL oneself when so many submissions are durable; 0: never */
	uint32_t small_count;   /* small transactions, a record in each partition, so far */

	struct store *store;
	struct appender *appender;
	struct reader *reader;
	uint16_t source_id;
	uint32_t topic_id;
	uint32_t other_topic_id;
	atomic_int durable_count;
	atomic_int failed_count;
	atomic_bool has_ended;
	pthread_t sampler;
	uint64_t memory_most;   /* the sampler's, then everyone's */
};

static int broken(const char *what, const struct error *err)
{
	fprintf(stderr, "%s%s%s", what, err != NULL ? ": " : "", err != NULL ? err->text : "");
	return EXIT_FAILURE;
}

/* Looks at the memory all the while, in a thread of its own. */
static void *sample_memory(void *user)
{
	struct log *log = user;

	while (!atomic_load(&log->has_ended)) {
		uint64_t now = private_memory_bytes();
		if (now > log->memory_most)
			log->memory_most = now;
		wait_until_pause();
	}
	return NULL;
}

static void on_done(void *user, struct submission *submission,
		    const struct submission_result *result)
{
	struct log *log = user;

	(void)submission;
	if (result->err != NULL)
		atomic_fetch_add(&log->failed_count, 1);
	if (atomic_fetch_add(&log->durable_count, 1) + 1 == log->killed_at)
		kill(getpid(), SIGKILL);
}

static int make_topic(struct log *log, const char *name, uint16_t owner, uint32_t *out_id,
		      struct error *err)
{
	struct topic topic = { .partition_count = PARTITIONS, .owner_source_id = owner };

	snprintf(topic.name, sizeof(topic.name), "%s", name);
	topic_config_init(&topic.config);
	if (topics_create(log->appender, &topic, err) != 0 && err->code != ERROR_EXISTS)
		return -1;
	*out_id = topic.id;
	return 0;
}

static int open_log(struct log *log, struct error *err)
{
	const struct store_options options = {
		.dir = log->directory,
		.mode = STORE_SERVE,
		.map_bytes = MAP_BYTES,
	};
	const struct appender_options appender = { 0 };

	if (pthread_create(&log->sampler, NULL, sample_memory, log) != 0)
		return error_set(err, ERROR_MEMORY, "a thread");
	if (store_open(&log->store, &options, err) != 0 ||
	    appender_start(&log->appender, log->store, &appender, err) != 0 ||
	    reader_open(&log->reader, log->store, err) != 0 ||
	    sources_register(log->appender, "shop", &log->source_id, err) != 0 ||
	    make_topic(log, "shop.orders", log->source_id, &log->topic_id, err) != 0)
		return -1;
	return make_topic(log, "other", SOURCE_PUBLISHED, &log->other_topic_id, err);
}

static int close_log(struct log *log)
{
	reader_close(log->reader);
	appender_stop(log->appender);
	store_close(log->store);
	atomic_store(&log->has_ended, true);
	pthread_join(log->sampler, NULL);
	printf("%" PRIu64, log->memory_most);
	return EXIT_SUCCESS;
}

/* Records that can be told apart: the first bytes are part and number. */
static void fill_value(uint8_t *value, uint32_t part, uint32_t number)
{
	struct random random = random_seeded(part, number);

	for (size_t at = 0; at < RECORD_BYTES; at += sizeof(uint64_t))
		store_u64(value + at, random_next(&random));
	store_u32(value, part);
	store_u32(value + 4, number);
}

static int submit_part(struct log *log, uint32_t part, int record_count, bool is_last,
		       struct error *err)
{
	static uint8_t value[RECORD_BYTES];
	const struct content key = { .kind = CONTENT_NIL };
	const struct content content = { CONTENT_BYTES, { value, sizeof(value) } };
	struct submission *submission;

	if (submission_create(&submission, log->source_id, err) != 0)
		return -1;
	for (uint32_t number = 0; number < (uint32_t)record_count; number++) {
		fill_value(value, part, number);
		if (submission_add(submission, log->topic_id, number % PARTITIONS, &key, &content,
				   (struct bytes){ NULL, 0 }, 0, err) != 0)
			goto fail;
	}
	if (!is_last)
		submission_set_continues(submission);
	else if (submission_set_position(submission, (struct bytes){ (const uint8_t *)"end", 3 }, err) != 0)
		goto fail;
	submission_set_done(submission, on_done, log);
	if (appender_submit(log->appender, submission, err) != 0)
		goto fail;
	return 0;
fail:
	submission_destroy(submission);
	return -1;
}

/* 0, or -1 when any partition's visible end is another. */
static int expect_visible(struct log *log, uint64_t end, struct error *err)
{
	struct reader_ends ends;

	for (uint32_t n = 0; n < PARTITIONS; n++) {
		if (reader_ends(log->reader, log->topic_id, n, &ends, err) != 0)
			return -1;
		if (ends.visible_end != end)
			return error_set(err, ERROR_CORRUPT,
					 "partition %" PRIu32 " is visible to %" PRIu64 ", not %" PRIu64, n,
					 ends.visible_end, end);
	}
	return 0;
}

/* Others go on writing, and are seen, while the transaction is under way. */
static int publish(struct log *log, uint64_t expected_end, struct error *err)
{
	const struct content nothing = { .kind = CONTENT_NIL };
	struct submission *submission;
	struct reader_ends ends;

	if (submission_create(&submission, SOURCE_PUBLISHED, err) != 0)
		return -1;
	if (submission_add(submission, log->other_topic_id, 0, &nothing, &nothing,
			   (struct bytes){ NULL, 0 }, 0, err) != 0 ||
	    appender_submit(log->appender, submission, err) != 0) {
		submission_destroy(submission);
		return -1;
	}
	if (appender_flush(log->appender, err) != 0 ||
	    reader_ends(log->reader, log->other_topic_id, 0, &ends, err) != 0)
		return -1;
	return ends.visible_end >= expected_end
		       ? 0
		       : error_set(err, ERROR_CORRUPT, "what others wrote is not visible");
}

/* Reading back. */

struct reading {
	const struct log *log;
	uint32_t partition;
	uint64_t next_offset;
	uint8_t value[RECORD_BYTES];
	bool is_wrong;
};

static uint32_t records_of_part(uint32_t partition)
{
	return (PART_RECORDS + PARTITIONS - 1 - partition) / PARTITIONS;
}

static uint64_t records_of_transaction(const struct log *log, uint32_t partition)
{
	return (uint64_t)log->part_count * records_of_part(partition);
}

static void check_record(struct reading *reading, const struct record *record)
{
	const uint32_t small_count = reading->log->small_count;
	const uint64_t n = reading->next_offset++;
	uint32_t part = 0;
	uint32_t number = reading->partition;

	if (n >= small_count) {
		part = (uint32_t)((n - small_count) / records_of_part(reading->partition)) + 1;
		number += (uint32_t)((n - small_count) % records_of_part(reading->partition)) * PARTITIONS;
	}
	fill_value(reading->value, part, number);
	if (record->offset != n || record->value.bytes.size != RECORD_BYTES ||
	    memcmp(record->value.bytes.data, reading->value, RECORD_BYTES) != 0 ||
	    record->transaction_ordinal != (n < small_count ? n : small_count) + 1)
		reading->is_wrong = true;
}

static int check_batch(void *user, const uint8_t *batch, size_t size,
		       const struct batch_header *header)
{
	struct reading *reading = user;
	struct batch_cursor cursor;
	struct record record;

	(void)header;
	if (batch_open(&cursor, batch, size, NULL) != 0)
		reading->is_wrong = true;
	while (!reading->is_wrong && batch_next(&cursor, &record, NULL) == 1)
		check_record(reading, &record);
	return 0;
}

static int expect_contents(struct log *log, struct error *err)
{
	static struct reading reading;
	struct reader_progress progress;

	for (uint32_t n = 0; n < PARTITIONS; n++) {
		uint64_t offset = 0;
		int rc;
		reading = (struct reading){ .log = log, .partition = n };
		while ((rc = reader_read(log->reader, log->topic_id, n, offset, READER_BYTES_MAX,
					 check_batch, &reading, &progress, err)) == 1)
			offset = progress.next_offset;
		if (rc != 0)
			return -1;
		if (reading.is_wrong || reading.next_offset != log->small_count + records_of_transaction(log, n))
			return error_set(err, ERROR_CORRUPT,
					 "partition %" PRIu32 " is not what was written, near offset %" PRIu64, n,
					 reading.next_offset);
	}
	return 0;
}

/* A small transaction, so that there is something to be seen, then the large
 * one.  A run_child_function. */
static int write_large(void *user)
{
	struct log *log = user;
	struct error err = { 0 };

	if (open_log(log, &err) != 0 || submit_part(log, 0, PARTITIONS, true, &err) != 0 ||
	    appender_flush(log->appender, &err) != 0 ||
	    expect_visible(log, log->small_count, &err) != 0)
		return broken("before the transaction", &err);
	for (int part = 1; part <= log->part_count; part++) {
		if (submit_part(log, (uint32_t)part, PART_RECORDS, part == log->part_count, &err) != 0)
			return broken("in the transaction", &err);
		if (part == log->part_count)
			break;
		if (expect_visible(log, log->small_count, &err) != 0 ||
		    (part % 16 == 0 && publish(log, (uint64_t)part / 16, &err) != 0))
			return broken("while it is unfinished", &err);
	}
	if (appender_flush(log->appender, &err) != 0)
		return broken("at its end", &err);
	for (uint32_t n = 0; n < PARTITIONS; n++) {
		struct reader_ends ends;
		if (reader_ends(log->reader, log->topic_id, n, &ends, &err) != 0)
			return broken("at its end", &err);
		if (ends.visible_end != log->small_count + records_of_transaction(log, n))
			return broken("it is not visible at its end", NULL);
	}
	if (atomic_load(&log->failed_count) > 0)
		return broken("a part failed", NULL);
	return close_log(log);
}

/* All of it, in a log that was closed and opened again. */
static int read_large(void *user)
{
	struct log *log = user;
	struct error err = { 0 };

	if (open_log(log, &err) != 0)
		return broken("open", &err);
	if (expect_contents(log, &err) != 0)
		return broken("read", &err);
	return close_log(log);
}

/* What a killed one left: nothing. */
static int see_it_cut_off(void *user)
{
	struct log *log = user;
	struct error err = { 0 };
	struct reader_ends ends;

	if (open_log(log, &err) != 0)
		return broken("open", &err);
	for (uint32_t n = 0; n < PARTITIONS; n++) {
		if (reader_ends(log->reader, log->topic_id, n, &ends, &err) != 0)
			return broken("ends", &err);
		if (ends.visible_end != log->small_count || ends.log_end != log->small_count ||
		    ends.batch_count != log->small_count)
			return broken("the unfinished transaction was not cut off", NULL);
	}
	struct source source;
	if (sources_describe(log->reader, "shop", &source, &err) != 0)
		return broken("the source", &err);
	if (source.transaction_ordinal != log->small_count)
		return broken("the source has another ordinal", NULL);
	source_clear(&source);
	return close_log(log);
}

static uint64_t run(struct log *log, run_child_function *function, const char *what)
{
	struct child_end end;
	char how[128];

	run_child_function_in_fork(&end, function, log, TIME_MS);
	child_end_text(&end, how, sizeof(how));
	if (end.status != EXIT_SUCCESS)
		fail_msg("%s: %s: %s", what, how, end.output);
	uint64_t bytes = strtoull(end.output, NULL, 10);
	printf("# %s: %d parts of 16 MiB, at most %" PRIu64 " MiB of private memory\n", what,
	       log->part_count, bytes >> 20);
	return bytes;
}

static int part_count(void)
{
	return test_amount(4, 16, 128);
}

static void expect_bounded(uint64_t bytes)
{
	if (PRIVATE_MEMORY_IS_MEANINGFUL)
		assert_in_range(bytes, 0, PRIVATE_BYTES_MAX);
}

static void large_transaction_takes_bounded_memory_and_shows_at_its_end(void **state)
{
	struct log log = { .directory = *state, .part_count = part_count(), .small_count = 1 };

	expect_bounded(run(&log, write_large, "written"));
	expect_bounded(run(&log, read_large, "read"));
}

static void killed_in_its_middle_it_is_cut_off_and_can_be_written_again(void **state)
{
	struct log log = { .directory = *state, .part_count = part_count(), .small_count = 1 };
	struct child_end end;

	log.killed_at = 1 + log.part_count / 2;
	run_child_function_in_fork(&end, write_large, &log, TIME_MS);
	if (end.signal != SIGKILL)
		fail_msg("it was not killed: %s", end.output);
	log.killed_at = 0;
	expect_bounded(run(&log, see_it_cut_off, "cut off"));
	log.small_count = 2;
	run(&log, write_large, "written again");
	run(&log, read_large, "read again");
}

static int set_up(void **state)
{
	*state = temp_dir_create();
	return 0;
}

static int tear_down(void **state)
{
	temp_dir_destroy(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		WITH_DIRECTORY(large_transaction_takes_bounded_memory_and_shows_at_its_end),
		WITH_DIRECTORY(killed_in_its_middle_it_is_cut_off_and_can_be_written_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
