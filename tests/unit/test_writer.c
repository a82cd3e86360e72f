#include "capture/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/ledger.h"
#include "protocol/partitioner.h"
#include "protocol/record.h"
#include "storage/schemas.h"
#include "storage/sources.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/wait_until.h"
#include "tests/support/watched_log.h"

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

static void on_topic(void *user, const struct topic *topic)
{
	struct fixture *fixture = user;
	assert_int_not_equal(topic->id, 0);
	fixture->made_topics++;
}

static void topic_defaults(void *user, struct topic *topic)
{
	topic->partition_count = ((struct fixture *)user)->partitions;
}

static bool should_stop(void *user)
{
	return atomic_load(&((struct fixture *)user)->should_stop);
}

static void on_wait(void *user)
{
	atomic_fetch_add(&((struct fixture *)user)->waits, 1);
}

static void open_writer(struct fixture *fixture)
{
	struct error err = { 0 };
	fixture->options.appender = fixture->log->appender;
	fixture->options.store = fixture->log->store;
	if (writer_create(&fixture->writer, &fixture->options, &err) != 0)
		fail_msg("%s", err.text);
}

static int create(void **state)
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

static int destroy(void **state)
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
static struct writer_table *table_of(struct fixture *fixture, const char *topic, const char *schema)
{
	struct writer_table *table = NULL;
	struct error err = { 0 };
	if (writer_table(fixture->writer, topic, bytes_of_text(schema), &table, &err) != 0)
		fail_msg("%s", err.text);
	return table;
}

/* [text] as msgpack; of up to 31 bytes. */
static struct bytes array_of(char *room, const char *text)
{
	size_t size = strlen(text);
	room[0] = (char)0x91;
	room[1] = (char)(0xa0 | size);
	memcpy(room + 2, text, size);
	return (struct bytes){ (uint8_t *)room, size + 2 };
}

static struct position at_lsn(uint64_t lsn)
{
	return (struct position){ .kind = POSITION_POSTGRESQL, .lsn = lsn, .commit_lsn = lsn };
}

static int try_row(struct fixture *fixture, struct writer_table *table, enum change_op op,
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

static void row(struct fixture *fixture, struct writer_table *table, enum change_op op,
		const char *key, const char *value)
{
	struct error err = { 0 };
	if (try_row(fixture, table, op, key, value, &err) != 0)
		fail_msg("%s", err.text);
}

static void commit(struct fixture *fixture, const char *position)
{
	struct error err = { 0 };
	if (writer_commit(fixture->writer, bytes_of_text(position), &err) != 0)
		fail_msg("%s", err.text);
}

static void flush(struct fixture *fixture)
{
	struct error err = { 0 };
	if (writer_flush(fixture->writer, &err) != 0)
		fail_msg("%s", err.text);
	/* Durable is told before visible. */
	assert_int_equal(appender_flush(fixture->log->appender, NULL), 0);
}

static void transaction(struct fixture *fixture, struct writer_table *table, const char *key,
			const char *position)
{
	writer_begin(fixture->writer, 1000);
	row(fixture, table, CHANGE_CREATE, key, key);
	commit(fixture, position);
}

static uint32_t topic_id(struct fixture *fixture, const char *name)
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

static void dump_record(struct dump *dump, const struct record *record)
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

static int dump_batch(void *user, const uint8_t *batch, size_t size,
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

static struct dump dump_of(struct fixture *fixture, const char *topic, uint32_t partition)
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

static void expect(struct fixture *fixture, const char *topic, const char *text)
{
	struct dump dump = dump_of(fixture, topic, 0);
	assert_string_equal(dump.text, text);
}

static void expect_durable(struct fixture *fixture, const char *position)
{
	uint8_t *out = malloc(SOURCE_POSITION_BYTES_MAX);
	size_t size = 0;
	struct error err = { 0 };
	int rc = writer_durable(fixture->writer, out, &size, &err);
	assert_int_equal(rc, position != NULL);
	if (rc == 1) {
		assert_int_equal(size, strlen(position));
		assert_memory_equal(out, position, size);
	}
	free(out);
}

/* Tables. */

static void topic_is_made_with_its_defaults_and_told(void **state)
{
	struct fixture *fixture = *state;
	struct topic topic;
	fixture->partitions = 3;
	struct writer_table *first = table_of(fixture, "shop.a", "v1");
	assert_int_equal(fixture->made_topics, 1);
	assert_int_equal(topics_describe(fixture->log->reader, "shop.a", &topic, NULL), 0);
	assert_int_equal(topic.partition_count, 3);
	assert_int_equal(topic.owner_source_id, fixture->source_id);
	assert_ptr_equal(table_of(fixture, "shop.a", "v1"), first);
	assert_ptr_not_equal(table_of(fixture, "shop.a", "v2"), first);
	assert_ptr_not_equal(table_of(fixture, "shop.b", "v1"), first);
	assert_int_equal(fixture->made_topics, 2);
}

static void topic_of_ours_is_taken_over_after_a_restart(void **state)
{
	struct fixture *fixture = *state;
	transaction(fixture, table_of(fixture, "shop.a", "v1"), "1", "p1");
	flush(fixture);
	writer_destroy(fixture->writer);
	watched_log_reopen(fixture->log);
	open_writer(fixture);
	transaction(fixture, table_of(fixture, "shop.a", "v1"), "2", "p2");
	flush(fixture);
	assert_int_equal(fixture->made_topics, 1);
	expect(fixture, "shop.a", "c:1=1 c:2=2 ");
	watched_log_expect_source(fixture->log, "shop", 2, "p2");
}

static void topic_with_another_writer_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = NULL;
	struct error err = { 0 };
	uint16_t other = watched_log_source(fixture->log, "crm");
	watched_log_topic(fixture->log, "published", 1, SOURCE_PUBLISHED, NULL);
	watched_log_topic(fixture->log, "theirs", 1, other, NULL);
	assert_int_equal(writer_table(fixture->writer, "published", bytes_of_text("v"), &table, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_OWNER);
	assert_non_null(strstr(err.text, "publishers write to it"));
	assert_int_equal(writer_table(fixture->writer, "theirs", bytes_of_text("v"), &table, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_OWNER);
	assert_non_null(strstr(err.text, "source 'crm' writes to it"));
	assert_int_equal(writer_table(fixture->writer, "a b", bytes_of_text("v"), &table, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_null(table);
}

static void schema_is_stored_with_the_first_rows_that_use_it(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	msgpack_sbuffer buffer;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(schemas_read(fixture->log->reader, 1, &buffer, NULL), -1);
	transaction(fixture, table, "1", "p1");
	flush(fixture);
	assert_int_equal(schemas_read(fixture->log->reader, 1, &buffer, NULL), 0);
	assert_int_equal(buffer.size, 2);
	assert_memory_equal(buffer.data, "v1", 2);
	msgpack_sbuffer_destroy(&buffer);
}

static void schema_of_an_abandoned_transaction_is_stored_with_the_next(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	msgpack_sbuffer buffer;
	msgpack_sbuffer_init(&buffer);
	writer_begin(fixture->writer, 1);
	row(fixture, table, CHANGE_CREATE, "1", "1");
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	transaction(fixture, table, "2", "p1");
	flush(fixture);
	expect(fixture, "shop.a", "c:2=2 ");
	assert_int_equal(schemas_read(fixture->log->reader, 1, &buffer, NULL), 0);
	msgpack_sbuffer_destroy(&buffer);
}

static void deleted_topic_is_made_again_after_abandon(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	transaction(fixture, table, "1", "p1");
	flush(fixture);
	assert_int_equal(topics_delete(fixture->log->appender, "shop.a", &err), 0);
	transaction(fixture, table, "2", "p2");
	assert_int_equal(writer_flush(fixture->writer, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	transaction(fixture, table, "2", "p2");
	flush(fixture);
	expect(fixture, "shop.a", "c:2=2 ");
	assert_int_equal(fixture->made_topics, 2);
}

/* Rows. */

static void changes_are_written_in_order_with_their_index(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *a = table_of(fixture, "shop.a", "v1");
	struct writer_table *b = table_of(fixture, "shop.b", "v1");
	writer_begin(fixture->writer, 1000);
	row(fixture, a, CHANGE_CREATE, "1", "x");
	row(fixture, b, CHANGE_CREATE, "1", "y");
	row(fixture, a, CHANGE_UPDATE, "1", "z");
	commit(fixture, "p1");
	writer_begin(fixture->writer, 2000);
	row(fixture, a, CHANGE_DELETE, "1", "z");
	row(fixture, a, CHANGE_CREATE, NULL, "k");
	commit(fixture, "p2");
	flush(fixture);
	expect(fixture, "shop.a", "c:1=x u:1=z d:1=z -:1 c:nil=k ");
	struct dump dump = dump_of(fixture, "shop.b", 0);
	assert_string_equal(dump.text, "c:1=y ");
	assert_int_equal(dump.index, 1);
	assert_int_equal(dump.ordinal, 1);
	dump = dump_of(fixture, "shop.a", 0);
	assert_int_equal(dump.index, 1);
	assert_int_equal(dump.ordinal, 2);
	watched_log_expect_source(fixture->log, "shop", 2, "p2");
	expect_durable(fixture, "p2");
}

static void without_tombstones_a_delete_stands_alone(void **state)
{
	struct fixture *fixture = *state;
	writer_destroy(fixture->writer);
	fixture->options.makes_tombstones = false;
	open_writer(fixture);
	writer_begin(fixture->writer, 1);
	row(fixture, table_of(fixture, "shop.a", "v1"), CHANGE_DELETE, "1", "z");
	commit(fixture, "p1");
	flush(fixture);
	expect(fixture, "shop.a", "d:1=z ");
}

static void delete_without_a_key_has_no_tombstone(void **state)
{
	struct fixture *fixture = *state;
	writer_begin(fixture->writer, 1);
	row(fixture, table_of(fixture, "shop.a", "v1"), CHANGE_DELETE, NULL, "z");
	commit(fixture, "p1");
	flush(fixture);
	expect(fixture, "shop.a", "d:nil=z ");
}

static void changed_key_is_a_delete_and_a_create(void **state)
{
	struct fixture *fixture = *state;
	char key[64], old_key[64], before[64], after[64];
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	struct writer_row update = {
		.op = CHANGE_UPDATE,
		.key = array_of(key, "new"),
		.old_key = array_of(old_key, "old"),
		.before = array_of(before, "B"),
		.after = array_of(after, "A"),
		.position = at_lsn(1),
	};
	writer_begin(fixture->writer, 1);
	assert_int_equal(writer_row(fixture->writer, table, &update, &err), 0);
	commit(fixture, "p1");
	flush(fixture);
	expect(fixture, "shop.a",
	       "d:old=B!__debezium.newkey=new -:old!__debezium.newkey=new "
	       "c:new=A!__debezium.oldkey=old ");
	assert_int_equal(dump_of(fixture, "shop.a", 0).index, 1);
}

static void key_names_the_partition(void **state)
{
	struct fixture *fixture = *state;
	char key[64], text[8];
	fixture->partitions = 4;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	uint64_t expected[4] = { 1 };
	writer_begin(fixture->writer, 1);
	row(fixture, table, CHANGE_CREATE, NULL, "keyless");
	for (int n = 0; n < 40; n++) {
		snprintf(text, sizeof(text), "%d", n);
		struct bytes encoded = array_of(key, text);
		expected[partition_for_key(encoded.data, encoded.size, 4)]++;
		row(fixture, table, CHANGE_CREATE, text, "v");
	}
	commit(fixture, "p1");
	flush(fixture);
	for (uint32_t n = 0; n < 4; n++) {
		assert_true(expected[n] > 1);
		assert_int_equal(dump_of(fixture, "shop.a", n).count, expected[n]);
	}
}

/* Transactions. */

static void large_transaction_is_visible_only_with_its_last_part(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	writer_destroy(fixture->writer);
	fixture->options.batch_records = 3;
	open_writer(fixture);
	table = table_of(fixture, "shop.a", "v1");
	writer_begin(fixture->writer, 1);
	for (int n = 0; n < 7; n++)
		row(fixture, table, CHANGE_CREATE, "k", "v");
	assert_int_equal(appender_flush(fixture->log->appender, &err), 0);
	assert_int_equal(watched_log_stats(fixture->log).records, 6);
	assert_int_equal(dump_of(fixture, "shop.a", 0).count, 0);
	expect_durable(fixture, NULL);
	commit(fixture, "p1");
	flush(fixture);
	struct dump dump = dump_of(fixture, "shop.a", 0);
	assert_int_equal(dump.count, 7);
	assert_int_equal(dump.index, 6);
	assert_int_equal(dump.ordinal, 1);
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
}

static void large_rows_split_at_the_bytes_of_a_submission(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	const size_t size = SUBMISSION_BYTES_MAX / 3;
	struct error err = { 0 };
	uint8_t *value = calloc(1, size);
	value[0] = 0x91;
	value[1] = 0xc6;
	store_u32(value + 2, (uint32_t)size - 6);
	struct writer_row large = { .op = CHANGE_CREATE, .after = { value, size }, .position = at_lsn(1) };
	writer_begin(fixture->writer, 1);
	for (int n = 0; n < 5; n++)
		if (writer_row(fixture->writer, table, &large, &err) != 0)
			fail_msg("%s", err.text);
	commit(fixture, "p1");
	flush(fixture);
	assert_int_equal(watched_log_stats(fixture->log).records, 5);
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
	free(value);
}

static void row_beyond_the_limit_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	uint8_t *value = calloc(1, RECORD_BYTES_MAX + 1);
	struct writer_row large = { .op = CHANGE_CREATE, .after = { value, RECORD_BYTES_MAX + 1 } };
	writer_begin(fixture->writer, 1);
	assert_int_equal(writer_row(fixture->writer, table, &large, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	free(value);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	transaction(fixture, table, "1", "p1");
	flush(fixture);
	expect(fixture, "shop.a", "c:1=1 ");
}

static void abandoned_parts_are_cut_off(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	writer_destroy(fixture->writer);
	fixture->options.batch_records = 1;
	open_writer(fixture);
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	transaction(fixture, table, "1", "p1");
	writer_begin(fixture->writer, 1);
	for (int n = 0; n < 3; n++)
		row(fixture, table, CHANGE_CREATE, "x", "x");
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	transaction(fixture, table, "2", "p2");
	flush(fixture);
	expect(fixture, "shop.a", "c:1=1 c:2=2 ");
	watched_log_expect_source(fixture->log, "shop", 2, "p2");
}

static void position_is_durable_only_after_the_sync(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	expect_durable(fixture, NULL);
	assert_false(writer_is_idle(fixture->writer));
	watched_log_release(fixture->log);
	flush(fixture);
	expect_durable(fixture, "p1");
	assert_true(writer_is_idle(fixture->writer));
}

static void positions_without_rows_are_stored_together(void **state)
{
	struct fixture *fixture = *state;
	char position[16];
	for (int n = 0; n < 100; n++) {
		writer_begin(fixture->writer, 1);
		snprintf(position, sizeof(position), "p%d", n);
		commit(fixture, position);
	}
	flush(fixture);
	watched_log_expect_source(fixture->log, "shop", 0, "p99");
	expect_durable(fixture, "p99");
	/* The source's registration, the first position and the last, at most. */
	assert_true(watched_log_stats(fixture->log).commits <= 3);
}

static void positions_without_rows_are_not_stored_each(void **state)
{
	struct fixture *fixture = *state;
	for (int n = 0; n < 50; n++) {
		writer_begin(fixture->writer, 1);
		commit(fixture, "p");
		assert_int_equal(appender_flush(fixture->log->appender, NULL), 0);
	}
	assert_true(watched_log_stats(fixture->log).commits < 25);
}

static void abandoned_position_is_not_stored(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	writer_begin(fixture->writer, 1);
	commit(fixture, "p2");
	watched_log_release(fixture->log);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	flush(fixture);
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
}

static void position_without_rows_never_overtakes_rows(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	writer_begin(fixture->writer, 1);
	commit(fixture, "p2");
	transaction(fixture, table, "2", "p3");
	watched_log_release(fixture->log);
	flush(fixture);
	watched_log_expect_source(fixture->log, "shop", 2, "p3");
	expect_durable(fixture, "p3");
}

static void snapshot_progress_is_stored_with_its_rows(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct source source;
	struct error err = { 0 };
	const struct bytes nil = { NULL, 0 };
	writer_begin(fixture->writer, 1);
	row(fixture, table, CHANGE_READ, "1", "1");
	assert_int_equal(writer_commit_snapshot(fixture->writer, nil, bytes_of_text("half"), &err), 0);
	flush(fixture);
	assert_int_equal(sources_describe(fixture->log->reader, "shop", &source, &err), 0);
	assert_null(source.position);
	assert_int_equal(source.snapshot_progress_bytes, 4);
	source_clear(&source);
	writer_begin(fixture->writer, 1);
	assert_int_equal(writer_commit_snapshot(fixture->writer, bytes_of_text("p"), bytes_of_text("whole"),
						&err), 0);
	flush(fixture);
	watched_log_expect_source(fixture->log, "shop", 1, "p");
}

static void failure_is_remembered_until_it_is_abandoned(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	uint8_t out[16];
	size_t size;
	transaction(fixture, table, "1", "p1");
	flush(fixture);
	assert_int_equal(topics_delete(fixture->log->appender, "shop.a", &err), 0);
	transaction(fixture, table, "2", "p2");
	assert_int_equal(writer_flush(fixture->writer, &err), -1);
	writer_begin(fixture->writer, 1);
	assert_int_equal(try_row(fixture, table, CHANGE_CREATE, "3", "3", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(writer_commit(fixture->writer, bytes_of_text("p3"), &err), -1);
	assert_int_equal(writer_durable(fixture->writer, out, &size, &err), -1);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	assert_int_equal(writer_durable(fixture->writer, out, &size, &err), 0);
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
}

/* Waiting. */

static void full_queue_is_waited_for_and_told(void **state)
{
	struct fixture *fixture = *state;
	writer_destroy(fixture->writer);
	fixture->options.queue_records = 2;
	open_writer(fixture);
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct error err = { 0 };
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	transaction(fixture, table, "2", "p2");
	/* Only a stop ends the wait: nothing makes room. */
	atomic_store(&fixture->should_stop, true);
	writer_begin(fixture->writer, 1);
	row(fixture, table, CHANGE_CREATE, "3", "3");
	assert_int_equal(writer_commit(fixture->writer, bytes_of_text("p3"), &err), -1);
	assert_int_equal(err.code, ERROR_STOPPED);
	atomic_store(&fixture->should_stop, false);
	watched_log_release(fixture->log);
	assert_int_equal(writer_abandon(fixture->writer, &err), 0);
	expect(fixture, "shop.a", "c:1=1 c:2=2 ");
}

static void *write_three(void *argument)
{
	struct fixture *fixture = argument;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	transaction(fixture, table, "3", "p3");
	return NULL;
}

static void room_in_the_queue_ends_the_wait(void **state)
{
	struct fixture *fixture = *state;
	pthread_t thread;
	writer_destroy(fixture->writer);
	fixture->options.queue_records = 2;
	open_writer(fixture);
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	transaction(fixture, table, "2", "p2");
	assert_int_equal(pthread_create(&thread, NULL, write_three, fixture), 0);
	assert_true(wait_until(atomic_load(&fixture->waits) > 0));
	watched_log_release(fixture->log);
	pthread_join(thread, NULL);
	flush(fixture);
	expect(fixture, "shop.a", "c:1=1 c:2=2 c:3=3 ");
}

static void writer_may_go_while_the_log_still_works(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	watched_log_hold(fixture->log);
	transaction(fixture, table, "1", "p1");
	writer_destroy(fixture->writer);
	fixture->writer = NULL;
	watched_log_release_and_flush(fixture->log);
	expect(fixture, "shop.a", "c:1=1 ");
	watched_log_expect_source(fixture->log, "shop", 1, "p1");
}

static void counts_tell_what_is_durable(void **state)
{
	struct fixture *fixture = *state;
	struct writer_table *table = table_of(fixture, "shop.a", "v1");
	struct writer_counts counts;
	writer_counts(fixture->writer, &counts);
	assert_int_equal(counts.lag_us, -1);
	transaction(fixture, table, "1", "p1");
	writer_begin(fixture->writer, 1);
	commit(fixture, "p2");
	flush(fixture);
	writer_counts(fixture->writer, &counts);
	assert_int_equal(counts.transaction_count, 1);
	assert_int_equal(counts.record_count, 1);
	assert_true(counts.lag_us > 0);
}

/* Whatever allocation fails, there is an error or all of it, and abandoning mends it. */
static int write_all(struct fixture *fixture, struct error *err)
{
	struct writer_table *table;
	if (writer_table(fixture->writer, "shop.a", bytes_of_text("v1"), &table, err) != 0)
		return -1;
	for (int n = 0; n < 3; n++) {
		writer_begin(fixture->writer, 1);
		if (try_row(fixture, table, CHANGE_CREATE, "1", "1", err) != 0 ||
		    try_row(fixture, table, CHANGE_DELETE, "1", "1", err) != 0 ||
		    writer_commit(fixture->writer, bytes_of_text("p"), err) != 0)
			return -1;
	}
	writer_begin(fixture->writer, 1);
	if (writer_commit(fixture->writer, bytes_of_text("q"), err) != 0)
		return -1;
	return writer_flush(fixture->writer, err);
}

static void every_failed_allocation_is_an_error_that_abandoning_mends(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	uint64_t count = 0;
	for (int n = 0;; n++) {
		writer_destroy(fixture->writer);
		fixture->writer = NULL;
		int rc = 0;
		fail_malloc_after(n);
		rc = writer_create(&fixture->writer, &fixture->options, &err);
		if (rc == 0)
			rc = write_all(fixture, &err);
		bool has_failed = fail_malloc_stop();
		if (fixture->writer == NULL)
			open_writer(fixture);
		assert_int_equal(writer_abandon(fixture->writer, &err), 0);
		if (!has_failed) {
			assert_int_equal(rc, 0);
			break;
		}
		/* Whole transactions alone: create, delete, tombstone. */
		if (fixture->made_topics > 0) {
			uint64_t before = count;
			count = dump_of(fixture, "shop.a", 0).count;
			assert_int_equal(count % 3, 0);
			assert_true(count >= before);
		}
	}
	assert_true(count > 0);
}

#define RUN(test) cmocka_unit_test_setup_teardown(test, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(topic_is_made_with_its_defaults_and_told),
		RUN(topic_of_ours_is_taken_over_after_a_restart),
		RUN(topic_with_another_writer_is_refused),
		RUN(schema_is_stored_with_the_first_rows_that_use_it),
		RUN(schema_of_an_abandoned_transaction_is_stored_with_the_next),
		RUN(deleted_topic_is_made_again_after_abandon),
		RUN(changes_are_written_in_order_with_their_index),
		RUN(without_tombstones_a_delete_stands_alone),
		RUN(delete_without_a_key_has_no_tombstone),
		RUN(changed_key_is_a_delete_and_a_create),
		RUN(key_names_the_partition),
		RUN(large_transaction_is_visible_only_with_its_last_part),
		RUN(large_rows_split_at_the_bytes_of_a_submission),
		RUN(row_beyond_the_limit_is_refused),
		RUN(abandoned_parts_are_cut_off),
		RUN(position_is_durable_only_after_the_sync),
		RUN(positions_without_rows_are_stored_together),
		RUN(positions_without_rows_are_not_stored_each),
		RUN(abandoned_position_is_not_stored),
		RUN(position_without_rows_never_overtakes_rows),
		RUN(snapshot_progress_is_stored_with_its_rows),
		RUN(failure_is_remembered_until_it_is_abandoned),
		RUN(full_queue_is_waited_for_and_told),
		RUN(room_in_the_queue_ends_the_wait),
		RUN(writer_may_go_while_the_log_still_works),
		RUN(counts_tell_what_is_durable),
		RUN(every_failed_allocation_is_an_error_that_abandoning_mends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
