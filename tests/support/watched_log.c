#include "tests/support/watched_log.h"

#include "storage/sources.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool may_pass(struct watched_log *log)
{
	if (!atomic_load(&log->is_holding))
		return true;
	if (atomic_load(&log->passes) == 0)
		return false;
	atomic_fetch_sub(&log->passes, 1);
	return true;
}

static int64_t wall_us(void *user)
{
	struct watched_log *log = user;
	if (atomic_load(&log->is_holding) && !pthread_equal(pthread_self(), log->tester)) {
		atomic_store(&log->is_held, true);
		(void)wait_until(may_pass(log));
	}
	return atomic_load(&log->wall_us);
}

static int64_t monotonic_us(void *user)
{
	struct watched_log *log = user;
	return atomic_fetch_add(&log->monotonic_us, atomic_load(&log->look_us));
}

static void remember(struct watched_log *log, struct watched_event event)
{
	pthread_mutex_lock(&log->lock);
	event.sequence = log->sequence++;
	if (log->event_count < WATCHED_EVENTS_MAX)
		log->events[log->event_count++] = event;
	pthread_mutex_unlock(&log->lock);
}

static void on_visible(void *user, uint32_t topic_id, uint32_t partition, uint64_t visible_end)
{
	remember(user, (struct watched_event){ .topic_id = topic_id, .partition = partition,
					       .visible_end = visible_end });
}

static void on_state(void *user, enum appender_state state, const struct error *err)
{
	remember(user, (struct watched_event){ .is_state = true, .state = state,
					       .code = err == NULL ? ERROR_NONE : err->code });
}

static void on_room(void *user)
{
	struct watched_log *log = user;
	atomic_fetch_add(&log->room_count, 1);
}

void watched_log_open(struct watched_log *log)
{
	struct error err = { 0 };
	log->store_options.dir = log->dir;
	log->options.clock = (struct appender_clock){ wall_us, monotonic_us, log };
	log->options.observer = (struct appender_observer){ on_visible, on_state, on_room, log };
	if (store_open(&log->store, &log->store_options, &err) != 0 ||
	    appender_start(&log->appender, log->store, &log->options, &err) != 0 ||
	    reader_open(&log->reader, log->store, &err) != 0)
		fail_msg("open the log: %s", err.text);
}

void watched_log_close(struct watched_log *log)
{
	watched_log_release(log);
	reader_close(log->reader);
	appender_stop(log->appender);
	store_close(log->store);
	log->reader = NULL;
	log->appender = NULL;
	log->store = NULL;
}

void watched_log_reopen(struct watched_log *log)
{
	watched_log_close(log);
	watched_log_open(log);
}

static void *stop(void *argument)
{
	appender_stop(argument);
	return NULL;
}

static bool is_closed(struct watched_log *log)
{
	pthread_mutex_lock(&log->appender->queue.lock);
	bool is = log->appender->queue.is_closed;
	pthread_mutex_unlock(&log->appender->queue.lock);
	return is;
}

void watched_log_reopen_held(struct watched_log *log)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop, log->appender), 0);
	assert_true(wait_until(is_closed(log)));
	watched_log_release(log);
	pthread_join(thread, NULL);
	log->appender = NULL;
	watched_log_close(log);
	atomic_store(&log->is_held, false);
	atomic_store(&log->is_holding, true);
	watched_log_open(log);
}

int watched_log_create(void **state)
{
	struct watched_log *log = calloc(1, sizeof(*log));
	log->dir = temp_dir_create_in_memory();
	log->store_options.map_bytes = UINT64_C(1) << 30;
	log->options.check_interval_us = 1000;
	atomic_store(&log->wall_us, WATCHED_LOG_START_US);
	atomic_store(&log->monotonic_us, 1000000);
	log->tester = pthread_self();
	pthread_mutex_init(&log->lock, NULL);
	*state = log;
	watched_log_open(log);
	return 0;
}

int watched_log_destroy(void **state)
{
	struct watched_log *log = *state;
	watched_log_close(log);
	pthread_mutex_destroy(&log->lock);
	temp_dir_destroy(log->dir);
	free(log);
	return 0;
}

uint32_t watched_log_topic(struct watched_log *log, const char *name, uint32_t partition_count,
			   uint16_t owner_source_id, const struct topic_config *config)
{
	struct topic topic = { .partition_count = partition_count,
			       .owner_source_id = owner_source_id };
	struct error err = { 0 };
	snprintf(topic.name, sizeof(topic.name), "%s", name);
	topic_config_init(&topic.config);
	if (config != NULL)
		topic.config = *config;
	else
		assert_int_equal(topic_config_set(&topic.config, "retention.ms", "-1", NULL), 0);
	if (topics_create(log->appender, &topic, &err) != 0)
		fail_msg("%s", err.text);
	return topic.id;
}

uint16_t watched_log_source(struct watched_log *log, const char *name)
{
	uint16_t id;
	struct error err = { 0 };
	if (sources_register(log->appender, name, &id, &err) != 0)
		fail_msg("%s", err.text);
	return id;
}

void watched_log_advance(struct watched_log *log, int64_t us)
{
	atomic_fetch_add(&log->wall_us, us);
	atomic_fetch_add(&log->monotonic_us, us);
}

static int run_nothing(struct command *command, struct transaction *transaction,
		       struct registry *registry, struct error *err)
{
	(void)command, (void)transaction, (void)registry, (void)err;
	return 0;
}

static void free_command(struct command *command, const struct error *err)
{
	(void)err;
	free(command);
}

void watched_log_hold(struct watched_log *log)
{
	/* Its commit, which writes nothing, asks for the time. */
	struct command *command = calloc(1, sizeof(*command));
	*command = (struct command){ .run = run_nothing, .on_done = free_command };
	atomic_store(&log->is_held, false);
	atomic_store(&log->is_holding, true);
	assert_int_equal(appender_post(log->appender, command, NULL), 0);
	assert_true(wait_until(atomic_load(&log->is_held)));
}

void watched_log_pass_one(struct watched_log *log)
{
	atomic_store(&log->is_held, false);
	atomic_fetch_add(&log->passes, 1);
	assert_true(wait_until(atomic_load(&log->is_held)));
}

void watched_log_release(struct watched_log *log)
{
	atomic_store(&log->is_holding, false);
	atomic_store(&log->passes, 0);
}

void watched_log_release_and_flush(struct watched_log *log)
{
	watched_log_release(log);
	assert_int_equal(appender_flush(log->appender, NULL), 0);
}

void watched_log_tick(struct watched_log *log)
{
	struct command command = { .run = run_nothing };
	assert_int_equal(appender_execute(log->appender, &command, NULL), 0);
}

struct appender_stats watched_log_stats(struct watched_log *log)
{
	struct appender_stats stats;
	appender_stats(log->appender, &stats);
	return stats;
}

int watched_log_announced(struct watched_log *log, uint32_t topic_id, uint32_t partition,
			  struct watched_event *out_last)
{
	int count = 0;
	pthread_mutex_lock(&log->lock);
	for (int n = 0; n < log->event_count; n++) {
		const struct watched_event *event = &log->events[n];
		if (event->is_state || event->topic_id != topic_id || event->partition != partition)
			continue;
		count++;
		if (out_last != NULL)
			*out_last = *event;
	}
	pthread_mutex_unlock(&log->lock);
	return count;
}

struct submission *submission_of(uint16_t source_id)
{
	struct submission *submission;
	assert_int_equal(submission_create(&submission, source_id, NULL), 0);
	return submission;
}

void submission_add_text_at(struct submission *submission, uint32_t topic_id, uint32_t partition,
			    const char *text, int64_t time_us)
{
	struct content key = { .kind = CONTENT_NIL };
	struct content value = { CONTENT_BYTES, bytes_of_text(text) };
	struct error err = { 0 };
	if (submission_add(submission, topic_id, partition, &key, &value, (struct bytes){ NULL, 0 },
			   time_us, &err) != 0)
		fail_msg("%s", err.text);
}

void submission_add_text(struct submission *submission, uint32_t topic_id, uint32_t partition,
			 const char *text)
{
	submission_add_text_at(submission, topic_id, partition, text, 0);
}

void submission_add_bytes(struct submission *submission, uint32_t topic_id, uint32_t partition,
			  size_t body_bytes)
{
	struct content key = { .kind = CONTENT_NIL };
	struct content value = { .kind = CONTENT_BYTES };
	struct error err = { 0 };
	/* Two nils and the value's head, whose size depends on its own. */
	size_t heads = body_bytes <= 2 + 2 + UINT8_MAX ? 4 : body_bytes <= 2 + 3 + UINT16_MAX ? 5 : 7;
	uint8_t *bytes = calloc(1, body_bytes);
	value.bytes = (struct bytes){ bytes, body_bytes - heads };
	if (submission_add(submission, topic_id, partition, &key, &value, (struct bytes){ NULL, 0 },
			   0, &err) != 0)
		fail_msg("%s", err.text);
	free(bytes);
}

void submission_set_position_text(struct submission *submission, const char *position)
{
	assert_int_equal(submission_set_position(submission, bytes_of_text(position), NULL), 0);
}

static void on_done(void *user, struct submission *submission,
		    const struct submission_result *result)
{
	struct done *done = user;
	struct submission_cursor cursor = { 0 };
	pthread_mutex_lock(&done->log->lock);
	int sequence = done->log->sequence++;
	pthread_mutex_unlock(&done->log->lock);
	if (atomic_load(&done->count) == 0) {
		done->sequence = sequence;
		if (result->err != NULL)
			done->err = *result->err;
		done->transaction_ordinal = result->transaction_ordinal;
		while (done->place_count < 8 &&
		       submission_next(submission, &cursor, &done->places[done->place_count]) == 1)
			done->place_count++;
	}
	atomic_fetch_add(&done->count, 1);
}

void watched_log_submit(struct watched_log *log, struct submission *submission, struct done *done)
{
	struct error err = { 0 };
	*done = (struct done){ .log = log };
	submission_set_done(submission, on_done, done);
	if (appender_submit(log->appender, submission, &err) != 0) {
		submission_destroy(submission);
		fail_msg("submit: %s", err.text);
	}
}

void watched_log_wait(struct done *done)
{
	assert_true(wait_until(atomic_load(&done->count) > 0));
	assert_int_equal(atomic_load(&done->count), 1);
}

enum error_code watched_log_store(struct watched_log *log, struct submission *submission)
{
	struct done done;
	watched_log_submit(log, submission, &done);
	watched_log_wait(&done);
	return done.err.code;
}

uint64_t watched_log_append(struct watched_log *log, uint16_t source_id, uint32_t topic_id,
			    uint32_t partition, const char *text)
{
	struct done done;
	struct submission *submission = submission_of(source_id);
	submission_add_text(submission, topic_id, partition, text);
	watched_log_submit(log, submission, &done);
	watched_log_wait(&done);
	if (done.err.code != ERROR_NONE)
		fail_msg("append: %s", done.err.text);
	return done.places[0].offset;
}

static void read_record(struct transaction *transaction, uint32_t topic_id, uint32_t partition,
			struct partition_record *out)
{
	uint8_t key[PARTITION_KEY_BYTES];
	struct bytes value;
	uint32_t found_topic, found_partition;
	struct error err = { 0 };
	partition_key_encode(key, topic_id, partition);
	assert_int_equal(transaction_get(transaction, TABLE_PARTITIONS,
					 (struct bytes){ key, sizeof(key) }, &value),
			 1);
	if (partition_record_decode((struct bytes){ key, sizeof(key) }, value, &found_topic,
				    &found_partition, out, &err) != 0)
		fail_msg("%s", err.text);
}

static void add_records(struct stored_partition *stored, const uint8_t *batch, size_t size)
{
	struct batch_cursor cursor;
	struct record record;
	struct error err = { 0 };
	int rc = batch_open(&cursor, batch, size, &err);
	while (rc == 0 && (rc = batch_next(&cursor, &record, &err)) == 1) {
		/* Doubled at each power of two. */
		size_t count = stored->record_count;
		if ((count & (count - 1)) == 0)
			stored->records = realloc(stored->records,
						  (count == 0 ? 1 : 2 * count) *
							  sizeof(*stored->records));
		struct stored_record *out = &stored->records[stored->record_count++];
		*out = (struct stored_record){ record.offset, record.time_us,
					       record.transaction_ordinal, stored->batch_count - 1, "" };
		snprintf(out->text, sizeof(out->text), "%.*s", (int)record.value.bytes.size,
			 (const char *)record.value.bytes.data);
		rc = 0;
	}
	if (rc != 0)
		fail_msg("%s", err.text);
}

static void add_batch(struct stored_partition *stored, struct bytes key, struct bytes value)
{
	size_t n = stored->batch_count++;
	struct error err = { 0 };
	stored->headers = realloc(stored->headers, (n + 1) * sizeof(*stored->headers));
	stored->batches = realloc(stored->batches, (n + 1) * sizeof(*stored->batches));
	stored->sizes = realloc(stored->sizes, (n + 1) * sizeof(*stored->sizes));
	stored->batches[n] = malloc(value.size);
	memcpy(stored->batches[n], value.data, value.size);
	stored->sizes[n] = value.size;
	if (batch_check(value.data, value.size, key.data, &err) != 0 ||
	    batch_header_decode(value.data, value.size, &stored->headers[n], &err) != 0)
		fail_msg("%s", err.text);
	add_records(stored, stored->batches[n], value.size);
}

/* What must always hold between a partition's record and its batches. */
static void check_partition(const struct stored_partition *stored)
{
	const struct partition_record *record = &stored->record;
	uint64_t next = record->log_start, bytes = 0;
	int64_t append_time_us = 0;
	assert_int_equal(record->batch_count, stored->batch_count);
	for (size_t n = 0; n < stored->batch_count; n++) {
		const struct batch_header *header = &stored->headers[n];
		assert_int_equal(header->base_offset, next);
		next += header->last_offset_delta + 1;
		bytes += stored->sizes[n];
		assert_true(header->append_time_us >= append_time_us);
		append_time_us = header->append_time_us;
		assert_true(record->visible_end <= header->base_offset || record->visible_end >= next);
	}
	assert_int_equal(record->log_end, next);
	assert_int_equal(record->bytes, bytes);
	if (stored->batch_count > 0)
		assert_int_equal(record->last_append_time_us, append_time_us);
	for (size_t n = 0; n < stored->record_count; n++)
		assert_int_equal(stored->records[n].offset, record->log_start + n);
}

void watched_log_read(struct watched_log *log, uint32_t topic_id, uint32_t partition,
		      struct stored_partition *out)
{
	struct transaction transaction;
	uint8_t start[BATCH_KEY_BYTES];
	struct bytes key, value;
	*out = (struct stored_partition){ .batch_count = 0 };
	assert_int_equal(transaction_begin_read(&transaction, log->store, NULL), 0);
	read_record(&transaction, topic_id, partition, &out->record);
	batch_key_encode(start, topic_id, partition, 0);
	while (transaction_seek(&transaction, TABLE_LOG, (struct bytes){ start, sizeof(start) }, &key,
				&value) == 1 &&
	       memcmp(key.data, start, 8) == 0) {
		memcpy(start, key.data, sizeof(start));
		store_u64(start + 8, load_u64(start + 8) + 1);
		add_batch(out, key, value);
	}
	transaction_abort(&transaction);
	check_partition(out);
}

void stored_partition_clear(struct stored_partition *stored)
{
	for (size_t n = 0; n < stored->batch_count; n++)
		free(stored->batches[n]);
	free(stored->headers);
	free(stored->batches);
	free(stored->sizes);
	free(stored->records);
}

void watched_log_expect(struct watched_log *log, uint32_t topic_id, uint32_t partition,
			const char *texts)
{
	struct stored_partition stored;
	char found[4096] = "";
	size_t used = 0;
	watched_log_read(log, topic_id, partition, &stored);
	for (size_t n = 0; n < stored.record_count && used < sizeof(found) - 64; n++) {
		const struct stored_record *record = &stored.records[n];
		const char *separator = record->offset == stored.record.visible_end ? "|"
					: n == 0                                    ? ""
										    : " ";
		used += (size_t)snprintf(found + used, sizeof(found) - used, "%s%s", separator,
					 record->text);
	}
	stored_partition_clear(&stored);
	assert_string_equal(found, texts);
}

void watched_log_expect_source(struct watched_log *log, const char *name,
			       uint64_t transaction_ordinal, const char *position)
{
	struct source source;
	struct error err = { 0 };
	if (sources_describe(log->reader, name, &source, &err) != 0)
		fail_msg("%s", err.text);
	char found[256] = "";
	bool has_position = source.position != NULL;
	if (has_position)
		snprintf(found, sizeof(found), "%.*s", (int)source.position_bytes,
			 (const char *)source.position);
	uint64_t found_ordinal = source.transaction_ordinal;
	source_clear(&source);
	assert_int_equal(found_ordinal, transaction_ordinal);
	assert_int_equal(has_position, position != NULL);
	if (position != NULL)
		assert_string_equal(found, position);
}
