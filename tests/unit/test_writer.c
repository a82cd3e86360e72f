#include "tests/support/writer_fixture.h"

#include "protocol/partitioner.h"
#include "storage/schemas.h"

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
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
