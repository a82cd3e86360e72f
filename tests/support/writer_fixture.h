#ifndef TESTS_SUPPORT_WRITER_FIXTURE_H
#define TESTS_SUPPORT_WRITER_FIXTURE_H

#include "capture/writer.h"
#include "protocol/record.h"
#include "storage/sources.h"
#include "tests/support/watched_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A source's writer over a log of its own, short words to write with, and what has
 * become visible. */

enum { ROWS_MAX = 8192 };

struct fixture {
	struct watched_log *log;
	uint16_t source_id;
	struct writer_options options;
	struct writer *writer;
	int made_topics;                /* told by on_topic */
	uint32_t partitions;            /* what topic_defaults says */
	atomic_int waits;
	atomic_bool should_stop;
};

static inline void on_topic(void *user, const struct topic *topic)
{
	struct fixture *fixture = user;
	assert_int_not_equal(topic->id, 0);
	fixture->made_topics++;
}

static inline void topic_defaults(void *user, struct topic *topic)
{
	topic->partition_count = ((struct fixture *)user)->partitions;
}

static inline bool should_stop(void *user)
{
	return atomic_load(&((struct fixture *)user)->should_stop);
}

static inline void on_wait(void *user)
{
	atomic_fetch_add(&((struct fixture *)user)->waits, 1);
}

static inline void open_writer(struct fixture *fixture)
{
	struct error err = { 0 };
	fixture->options.appender = fixture->log->appender;
	fixture->options.store = fixture->log->store;
	if (writer_create(&fixture->writer, &fixture->options, &err) != 0)
		fail_msg("%s", err.text);
}

static inline int create(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	void *log = NULL;
	watched_log_create(&log);
	fixture->log = log;
	fixture->partitions = 1;
	fixture->source_id = watched_log_source(fixture->log, "shop");
	fixture->options = (struct writer_options){
		.source_id = fixture->source_id,
		.makes_tombstones = true,
		.should_stop = should_stop,
		.on_wait = on_wait,
		.topic_defaults = topic_defaults,
		.on_topic = on_topic,
		.user = fixture,
	};
	open_writer(fixture);
	*state = fixture;
	return 0;
}

static inline int destroy(void **state)
{
	struct fixture *fixture = *state;
	void *log = fixture->log;
	writer_destroy(fixture->writer);
	watched_log_release(fixture->log);
	watched_log_destroy(&log);
	free(fixture);
	return 0;
}

/* A schema whose bytes are those of its name: the writer does not look inside. */
static inline struct writer_table *table_of(struct fixture *fixture, const char *topic,
					    const char *schema)
{
	struct writer_table *table = NULL;
	struct error err = { 0 };
	if (writer_table(fixture->writer, topic, bytes_of_text(schema), &table, &err) != 0)
		fail_msg("%s", err.text);
	return table;
}

/* [text] as msgpack; of up to 31 bytes. */
static inline struct bytes array_of(char *room, const char *text)
{
	size_t size = strlen(text);
	room[0] = (char)0x91;
	room[1] = (char)(0xa0 | size);
	memcpy(room + 2, text, size);
	return (struct bytes){ (uint8_t *)room, size + 2 };
}

static inline struct position at_lsn(uint64_t lsn)
{
	return (struct position){ .kind = POSITION_POSTGRESQL, .lsn = lsn, .commit_lsn = lsn };
}

static inline int try_row(struct fixture *fixture, struct writer_table *table, enum change_op op,
			  const char *key, const char *value, struct error *err)
{
	char key_room[64], value_room[64];
	struct writer_row row = { .op = op, .position = at_lsn(7) };
	if (key != NULL)
		row.key = array_of(key_room, key);
	if (op == CHANGE_DELETE)
		row.before = array_of(value_room, value);
	else
		row.after = array_of(value_room, value);
	return writer_row(fixture->writer, table, &row, err);
}

static inline void row(struct fixture *fixture, struct writer_table *table, enum change_op op,
		       const char *key, const char *value)
{
	struct error err = { 0 };
	if (try_row(fixture, table, op, key, value, &err) != 0)
		fail_msg("%s", err.text);
}

static inline void commit(struct fixture *fixture, const char *position)
{
	struct error err = { 0 };
	if (writer_commit(fixture->writer, bytes_of_text(position), &err) != 0)
		fail_msg("%s", err.text);
}

static inline void flush(struct fixture *fixture)
{
	struct error err = { 0 };
	if (writer_flush(fixture->writer, &err) != 0)
		fail_msg("%s", err.text);
	/* Durable is told before visible. */
	assert_int_equal(appender_flush(fixture->log->appender, NULL), 0);
}

static inline void transaction(struct fixture *fixture, struct writer_table *table, const char *key,
			       const char *position)
{
	writer_begin(fixture->writer, 1000);
	row(fixture, table, CHANGE_CREATE, key, key);
	commit(fixture, position);
}

static inline uint32_t topic_id(struct fixture *fixture, const char *name)
{
	struct topic topic;
	struct error err = { 0 };
	if (topics_describe(fixture->log->reader, name, &topic, &err) != 0)
		fail_msg("%s", err.text);
	return topic.id;
}

/* What is visible in a partition, one word a record: "c:a=1" op, key, after or before ("+":
 * and the other); "-:a" a tombstone; then "!header=key" where it has one. */
struct dump {
	char text[ROWS_MAX];
	uint64_t ordinal;               /* of the last record */
	uint64_t index;
	uint64_t count;
};

static const char *inner(struct bytes array, char *out)
{
	if (array.data == NULL)
		return "nil";
	size_t size = array.data[1] & 0x1f;
	memcpy(out, array.data + 2, size);
	out[size] = '\0';
	return out;
}

static inline void dump_record(struct dump *dump, const struct record *record)
{
	struct change change = { 0 };
	struct bytes name, value;
	char key[64], shown[64];
	size_t size = strlen(dump->text);
	char *at = dump->text + size;
	size_t room = sizeof(dump->text) - size;
	struct unpack headers = record_headers(record);
	if (record->value.kind == CONTENT_NIL) {
		at += snprintf(at, room, "-:%s", inner(record->key.bytes, key));
	} else {
		assert_int_equal(change_decode(record->value.bytes.data, record->value.bytes.size, &change,
					       NULL), 0);
		at += snprintf(at, room, "%c:%s=%s", change.op, inner(record->key.bytes, key),
			       inner(change.op == CHANGE_DELETE ? change.before : change.after, shown));
		if (change.before.data != NULL && change.after.data != NULL)
			*at++ = '+';
		dump->index = change.index;
	}
	while (record_header_next(&headers, &name, &value, NULL) == 1)
		at += sprintf(at, "!%.*s=%s", (int)name.size, (const char *)name.data,
			      inner(value, shown));
	strcpy(at, " ");
	dump->ordinal = record->transaction_ordinal;
	dump->count++;
}

static inline int dump_batch(void *user, const uint8_t *batch, size_t size,
			     const struct batch_header *header)
{
	struct dump *dump = user;
	struct unpack unpack = unpack_over(batch + BATCH_HEADER_BYTES, size - BATCH_HEADER_BYTES);
	for (uint32_t n = 0; n < header->record_count; n++) {
		struct record record;
		assert_int_equal(record_decode(&unpack, header->base_offset, header->append_time_us,
					       header->transaction_ordinal, &record, NULL), 0);
		if (strlen(dump->text) < sizeof(dump->text) - 256)
			dump_record(dump, &record);
		else
			dump->count++;
	}
	return 0;
}

static inline struct dump dump_of(struct fixture *fixture, const char *topic, uint32_t partition)
{
	struct dump dump = { .text = "" };
	struct reader_progress progress = { 0 };
	struct error err = { 0 };
	uint32_t id = topic_id(fixture, topic);
	int rc;
	while ((rc = reader_read(fixture->log->reader, id, partition, progress.next_offset,
				 READER_BYTES_MAX, dump_batch, &dump, &progress, &err)) == 1)
		;
	if (rc != 0)
		fail_msg("%s", err.text);
	return dump;
}

static inline void expect(struct fixture *fixture, const char *topic, const char *text)
{
	struct dump dump = dump_of(fixture, topic, 0);
	assert_string_equal(dump.text, text);
}

static inline void expect_durable(struct fixture *fixture, const char *position)
{
	uint8_t *out = malloc(SOURCE_POSITION_BYTES_MAX);
	size_t size = 0;
	struct error err = { 0 };
	int rc = writer_durable(fixture->writer, out, &size, &err);
	assert_int_equal(rc, position != NULL);
	if (position != NULL) {
		assert_int_equal(size, strlen(position));
		assert_memory_equal(out, position, size);
	}
	free(out);
}

#define RUN(test) cmocka_unit_test_setup_teardown(test, create, destroy)

#endif
