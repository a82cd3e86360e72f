#include "tests/support/verify_fixture.h"

static void broken_seal_of_each_table_is_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	static const struct {
		enum table table;
		const char *key;
		size_t key_size;
	} entries[] = {
		{ TABLE_META, "something new", 13 },
		{ TABLE_SOURCES, "broken", 6 },
		{ TABLE_TOPICS, "broken", 6 },
		{ TABLE_SCHEMAS, "\0\0\0\1", 4 },
		{ TABLE_FINGERPRINTS, "\0\0\0\0\0\0\0\0\0\0\0\1", 12 },
		{ TABLE_GROUPS, "group\0\0\0\0\1\0\0\0\0", 14 },
		{ TABLE_PRODUCERS, "\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\0", 16 },
		{ TABLE_PARTITIONS, "\0\0\0\1\0\0\0\2", 8 },
	};
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		log_builder_put(builder, entries[i].table,
				(struct bytes){ (const uint8_t *)entries[i].key, entries[i].key_size },
				bytes_of_text("no seal ends this"));
	check(builder, &findings);
	print_findings(&findings);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		size_t count = 0;
		for (size_t n = 0; n < findings.count; n++)
			count += strcmp(findings.problems[n].table, table_name(entries[i].table)) == 0;
		assert_int_equal(count, 1);
	}
	/* Changes of a schema that is damaged are a problem, too: five batches. */
	assert_int_equal(findings.count, sizeof(entries) / sizeof(entries[0]) + 5);
}

/* meta */

static void missing_records_of_meta_are_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_delete(builder, TABLE_META, bytes_of_text(META_NEXT_TOPIC_ID));
	expect_problem(builder, "meta", 0, 0, 0, 0, "'next topic id' is missing");
}

static void number_of_another_size_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_sealed(builder, TABLE_META, bytes_of_text(META_NEXT_SOURCE_ID),
			       bytes_of_text("abc"));
	expect_problem(builder, "meta", 0, 0, 0, 0, "8 bytes");
}

/* topics, sources */

static void topic_id_that_was_never_given_out_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_number(builder, META_NEXT_TOPIC_ID, CAPTURED);
	expect_problem(builder, "topics", 0, 0, 0, 0, "'captured': its id was never given out");
}

static void topics_with_the_same_id_are_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	struct partition_record kept[3];
	for (uint32_t n = 0; n < 3; n++)
		kept[n] = log_builder_record(builder, PUBLISHED, n);
	log_builder_topic(builder, "twin", PUBLISHED, 3, 0);
	for (uint32_t n = 0; n < 3; n++)
		log_builder_put_record(builder, PUBLISHED, n, &kept[n]);
	check(builder, &findings);
	assert_int_equal(findings.count, 2);
	assert_true(has_problem(&findings, "topics", 0, 0, "'twin': another topic has the same id"));
	assert_true(has_problem(&findings, "topics", 0, 0, "'published': another topic has the same id"));
}

static void missing_partition_is_found(void **state)
{
	struct log_builder *builder = *state;
	uint8_t key[PARTITION_KEY_BYTES];
	partition_key_encode(key, PUBLISHED, 2);
	log_builder_delete(builder, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) });
	expect_problem(builder, "topics", PUBLISHED, 2, 0, 0, "partition 2 has no record");
}

static void partition_beyond_the_topics_last_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_record(builder, PUBLISHED, 3, &(struct partition_record){ 0 });
	expect_problem(builder, "partitions", PUBLISHED, 3, 0, 0, "only 3 partitions");
}

static void owner_that_never_was_is_found(void **state)
{
	struct log_builder *builder = *state;
	log_builder_topic(builder, "foundling", 7, 1, 55);
	expect_problem(builder, "topics", 0, 0, 0, 0, "'foundling': its owner is no source");
}

static void names_and_counts_that_cannot_be_are_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	log_builder_topic(builder, "no such name!", 7, 1, 0);
	log_builder_topic(builder, "none", 8, 0, 0);
	log_builder_source(builder, "no such name!", 2, 0);
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 3);
	assert_true(has_problem(&findings, "topics", 0, 0, "'no such name!'"));
	assert_true(has_problem(&findings, "topics", 0, 0, "'none': no topic has so many partitions"));
	assert_true(has_problem(&findings, "sources", 0, 0, "'no such name!'"));
}

static void source_ids_are_checked(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	log_builder_source(builder, "twin", SOURCE, 4);
	log_builder_source(builder, "zero", 0, 4);
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 3);
	assert_true(has_problem(&findings, "sources", 0, 0, "'twin': another source has the same id"));
	assert_true(has_problem(&findings, "sources", 0, 0, "'myapp': another source has the same id"));
	assert_true(has_problem(&findings, "sources", 0, 0, "'zero': its id was never given out"));
}

/* schemas, fingerprints */

static void delete_fingerprint(struct log_builder *builder, uint64_t fingerprint, uint32_t id)
{
	uint8_t key[FINGERPRINT_KEY_BYTES];
	fingerprint_key_encode(key, fingerprint, id);
	log_builder_delete(builder, TABLE_FINGERPRINTS, (struct bytes){ key, sizeof(key) });
}

static void schemas_and_fingerprints_name_each_other(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	log_builder_put_number(builder, META_NEXT_SCHEMA_ID, 10);
	uint64_t fingerprint = put_schema(builder, 5, "orders");
	expect_clean(builder);
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);

	delete_fingerprint(builder, fingerprint, 5);
	expect_problem(builder, "schemas", 0, 0, 0, 0, "schema 5: its fingerprint is not in");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	put_fingerprint(builder, fingerprint, 5);

	put_fingerprint(builder, fingerprint, 6);
	expect_problem(builder, "fingerprints", 0, 0, 0, 0, "there is no such schema");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	delete_fingerprint(builder, fingerprint, 6);

	put_fingerprint(builder, fingerprint + 1, 5);
	expect_problem(builder, "fingerprints", 0, 0, 0, 0, "it is not the schema's");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	delete_fingerprint(builder, fingerprint + 1, 5);

	log_builder_put_number(builder, META_NEXT_SCHEMA_ID, 5);
	check(builder, &findings);
	assert_int_equal(findings.count, 1);
	assert_true(has_problem(&findings, "schemas", 0, 0, "schema 5: its id was never given out"));
}

static void schema_that_does_not_decode_is_found(void **state)
{
	struct log_builder *builder = *state;
	uint8_t key[SCHEMA_KEY_BYTES];
	log_builder_put_number(builder, META_NEXT_SCHEMA_ID, 10);
	schema_key_encode(key, 9);
	log_builder_put_sealed(builder, TABLE_SCHEMAS, (struct bytes){ key, sizeof(key) },
			       bytes_of_text("\x92\x01\xa1x"));
	expect_problem(builder, "schemas", 0, 0, 0, 0, "schema 9: ");
}

/* groups, producers */

static void groups_and_producers_are_decoded(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	log_builder_put_sealed(builder, TABLE_GROUPS, bytes_of_text("no group"), bytes_of_text("x"));
	log_builder_put_sealed(builder, TABLE_PRODUCERS, bytes_of_text("no producer"), bytes_of_text("x"));
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 2);
	assert_true(has_problem(&findings, "groups", 0, 0, "'no group'"));
	assert_true(has_problem(&findings, "producers", 0, 0, "'no producer'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(broken_seal_of_each_table_is_found),
		TEST(missing_records_of_meta_are_found),
		TEST(number_of_another_size_is_found),
		TEST(topic_id_that_was_never_given_out_is_found),
		TEST(topics_with_the_same_id_are_found),
		TEST(missing_partition_is_found),
		TEST(partition_beyond_the_topics_last_is_found),
		TEST(owner_that_never_was_is_found),
		TEST(names_and_counts_that_cannot_be_are_found),
		TEST(source_ids_are_checked),
		TEST(schemas_and_fingerprints_name_each_other),
		TEST(schema_that_does_not_decode_is_found),
		TEST(groups_and_producers_are_decoded),
	};
	return cmocka_run_group_tests_name("verify_tables", tests, NULL, NULL);
}
