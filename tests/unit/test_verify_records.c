#include "tests/support/verify_fixture.h"

/* Transactions, sources. */

static void falling_ordinals_are_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	/* Behind ordinal 4. */
	uint64_t offset = append_change(builder, 3, SCHEMA, "Ada", false);
	append_change(builder, 4, SCHEMA, "Ada", false);
	expect_problem(builder, "log", CAPTURED, 0, offset, offset + 3,
		       "transaction ordinal 3 behind 4 (the first of 3)");
}

static void ordinal_that_the_source_has_not_stored_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	uint64_t offset = append_change(builder, 5, SCHEMA, "Ada", false);
	expect_problem(builder, "log", CAPTURED, 0, offset, offset + 3,
		       "transaction ordinal 5, and the source has stored 4");
}

static void hidden_transaction_may_be_the_next_one_alone(void **state)
{
	struct log_builder *builder = *state;
	/* One with ordinal 5 is there already. */
	uint64_t offset = append_change(builder, 6, SCHEMA, "Ada", true);
	expect_problem(builder, "log", CAPTURED, 0, offset, offset + 3, "transaction ordinal 6");
}

static void published_record_with_an_ordinal_is_found(void **state)
{
	struct log_builder *builder = *state;
	uint64_t offset = log_builder_append(builder, PUBLISHED, 0,
					     &(struct log_batch){ .transaction_ordinal = 2 });
	expect_problem(builder, "log", PUBLISHED, 0, offset, offset + 1, "published record");
}

static void writer_that_is_not_the_owner_is_found(void **state)
{
	struct log_builder *builder = *state;
	uint64_t offset = log_builder_append(builder, PUBLISHED, 0,
					     &(struct log_batch){ .source_id = SOURCE,
								  .transaction_ordinal = 1 });
	expect_problem(builder, "log", PUBLISHED, 0, offset, offset + 1,
		       "source 1 wrote it, and source 0 owns the topic");
}

static void writer_that_never_was_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_record(builder, 40, 0, &(struct partition_record){ 0 });
	log_builder_append(builder, 40, 0,
			   &(struct log_batch){ .source_id = 77, .transaction_ordinal = 1 });
	expect_problem(builder, "log", 40, 0, 0, 1, "never a source 77");
}

static void deleted_source_may_have_written(void **state)
{
	struct log_builder *builder = *state;
	log_builder_delete(builder, TABLE_SOURCES, bytes_of_text("myapp"));
	expect_clean(builder);
}

/* Changes. */

static void change_that_does_not_decode_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	struct content value = { CONTENT_ARRAY, bytes_of_text("\x92\x63\x01") };
	uint64_t offset = log_builder_append(builder, CAPTURED, 0,
					     &(struct log_batch){ .source_id = SOURCE,
								  .transaction_ordinal = 4,
								  .value = &value });
	expect_problem(builder, "log", CAPTURED, 0, offset, offset + 1, "the change does not decode");
}

static void change_of_an_unknown_schema_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	uint64_t offset = append_change(builder, 4, 99, "Ada", false);
	expect_problem(builder, "log", CAPTURED, 0, offset, offset + 3, "there is no schema 99");
}

static void row_that_its_schema_does_not_allow_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	uint64_t offset = append_change(builder, 4, SCHEMA, NULL, false);
	expect_problem(builder, "log", CAPTURED, 0, offset, offset + 3, "not one of schema 1");
}

static void row_without_a_schema_is_a_messages_alone(void **state)
{
	struct log_builder *builder = *state;
	msgpack_sbuffer bytes;
	struct log_batch batch = { .source_id = SOURCE, .transaction_ordinal = 4 };
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	struct content value = encode_change(&bytes, CHANGE_MESSAGE, 0, "Ada");
	batch.value = &value;
	log_builder_append(builder, CAPTURED, 0, &batch);
	msgpack_sbuffer_destroy(&bytes);
	expect_clean(builder);
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	value = encode_change(&bytes, CHANGE_DELETE, 0, "Ada");
	uint64_t offset = log_builder_append(builder, CAPTURED, 0, &batch);
	msgpack_sbuffer_destroy(&bytes);
	expect_problem(builder, "log", CAPTURED, 0, offset, offset + 1, "without a schema");
}

static void records_that_do_not_decode_are_found(void **state)
{
	struct log_builder *builder = *state;
	size_t size;
	uint8_t key[BATCH_KEY_BYTES];
	/* A good checksum over a header that promises a record more. */
	uint8_t *batch = log_builder_read_batch(builder, PUBLISHED, 0, 10, &size);
	store_u32(batch + 16, 11);
	store_u32(batch + 20, 10);
	batch_key_encode(key, PUBLISHED, 0, 10);
	batch_seal(batch, size, key);
	log_builder_write_batch(builder, PUBLISHED, 0, 10, batch, size);
	free(batch);
	struct findings findings;
	log_builder_close(builder);
	log_builder_open(builder, STORE_INSPECT);
	check_by_runs(builder, VERIFY_RUN_BYTES, &findings);
	print_findings(&findings);
	assert_true(has_problem(&findings, "log", 20, 21, "the records do not decode"));
}

static void many_schemas_fit_little_memory(void **state)
{
	struct log_builder *builder = *state;
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	log_builder_put_number(builder, META_NEXT_SCHEMA_ID, 1000);
	for (uint32_t id = 2; id < 300; id++) {
		char table[32];
		snprintf(table, sizeof(table), "table%u", id);
		put_schema(builder, id, table);
		append_change(builder, 4, id, "Ada", false);
		append_change(builder, 4, id / 2 + 1, "Ada", false);
	}
	expect_clean(builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(falling_ordinals_are_found),
		TEST(ordinal_that_the_source_has_not_stored_is_found),
		TEST(hidden_transaction_may_be_the_next_one_alone),
		TEST(published_record_with_an_ordinal_is_found),
		TEST(writer_that_is_not_the_owner_is_found),
		TEST(writer_that_never_was_is_found),
		TEST(deleted_source_may_have_written),
		TEST(change_that_does_not_decode_is_found),
		TEST(change_of_an_unknown_schema_is_found),
		TEST(row_that_its_schema_does_not_allow_is_found),
		TEST(row_without_a_schema_is_a_messages_alone),
		TEST(records_that_do_not_decode_are_found),
		TEST(many_schemas_fit_little_memory),
	};
	return cmocka_run_group_tests_name("verify_records", tests, NULL, NULL);
}
