#include "storage/verify.h"

#include "protocol/change.h"
#include "protocol/schema.h"
#include "storage/verify_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/log_builder.h"

/* A topic of publishers and one of a source, in this order. */
#define PUBLISHED 1
#define CAPTURED  2
#define SOURCE    1
#define SCHEMA    1

#define PROBLEMS_MAX 64

struct findings {
	struct verify_problem problems[PROBLEMS_MAX];
	size_t count;
	struct verify_report report;
};

static void on_problem(void *user, const struct verify_problem *problem)
{
	struct findings *findings = user;
	assert_true(findings->count < PROBLEMS_MAX);
	findings->problems[findings->count++] = *problem;
}

static void print_findings(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct verify_problem *problem = &findings->problems[i];
		printf("# %s '%s' %u/%u %llu to %llu: %s\n", problem->table, problem->topic,
		       problem->topic_id, problem->partition, (unsigned long long)problem->start_offset,
		       (unsigned long long)problem->end_offset, problem->text);
	}
}

/* Schemas, rows, changes. */

static void encode_schema(msgpack_sbuffer *out, const char *table)
{
	struct schema_column columns[] = {
		{ .name = bytes_of_text("id"), .type = LOGICAL_INT64, .native_type = bytes_of_text("bigint"),
		  .length = -1, .scale = -1, .key_position = 1 },
		{ .name = bytes_of_text("name"), .type = LOGICAL_STRING, .native_type = bytes_of_text("text"),
		  .length = -1, .scale = -1, .flags = SCHEMA_COLUMN_OPTIONAL },
	};
	struct schema schema = {
		.source = bytes_of_text("myapp"), .database = bytes_of_text("db"),
		.schema = bytes_of_text("public"), .table = bytes_of_text(table),
		.columns = columns, .column_count = 2,
	};
	msgpack_sbuffer_init(out);
	assert_int_equal(schema_encode(out, &schema, NULL), 0);
}

static struct bytes bytes_in(const msgpack_sbuffer *buffer)
{
	return (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static void put_fingerprint(struct log_builder *builder, uint64_t fingerprint, uint32_t id)
{
	uint8_t key[FINGERPRINT_KEY_BYTES];
	fingerprint_key_encode(key, fingerprint, id);
	log_builder_put_sealed(builder, TABLE_FINGERPRINTS, (struct bytes){ key, sizeof(key) },
			       (struct bytes){ key, 0 });
}

static void delete_fingerprint(struct log_builder *builder, uint64_t fingerprint, uint32_t id)
{
	uint8_t key[FINGERPRINT_KEY_BYTES];
	fingerprint_key_encode(key, fingerprint, id);
	log_builder_delete(builder, TABLE_FINGERPRINTS, (struct bytes){ key, sizeof(key) });
}

/* Returns its fingerprint. */
static uint64_t put_schema(struct log_builder *builder, uint32_t id, const char *table)
{
	uint8_t key[SCHEMA_KEY_BYTES];
	msgpack_sbuffer encoded;
	encode_schema(&encoded, table);
	schema_key_encode(key, id);
	log_builder_put_sealed(builder, TABLE_SCHEMAS, (struct bytes){ key, sizeof(key) },
			       bytes_in(&encoded));
	uint64_t fingerprint = schema_fingerprint(encoded.data, encoded.size);
	put_fingerprint(builder, fingerprint, id);
	msgpack_sbuffer_destroy(&encoded);
	return fingerprint;
}

/* A row of the schema: its id and, as its name, a text or (NULL) a number. */
static void encode_row(msgpack_sbuffer *out, int64_t id, const char *name)
{
	msgpack_packer packer;
	msgpack_sbuffer_init(out);
	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, 2);
	msgpack_pack_int64(&packer, id);
	if (name == NULL) {
		msgpack_pack_int64(&packer, 5);
		return;
	}
	msgpack_pack_str(&packer, strlen(name));
	msgpack_pack_str_body(&packer, name, strlen(name));
}

/* The value of a captured record; out owns the bytes. */
static struct content encode_change(msgpack_sbuffer *out, enum change_op op, uint32_t schema_id,
				    const char *name)
{
	msgpack_sbuffer row;
	encode_row(&row, 7, name);
	struct change change = { .op = op, .schema_id = schema_id, .after = bytes_in(&row) };
	msgpack_sbuffer_init(out);
	assert_int_equal(change_encode(out, &change, NULL), 0);
	msgpack_sbuffer_destroy(&row);
	return (struct content){ CONTENT_ARRAY, bytes_in(out) };
}

static uint64_t append_change(struct log_builder *builder, uint64_t ordinal, uint32_t schema_id,
			      const char *name, bool is_hidden)
{
	msgpack_sbuffer bytes;
	struct content value = encode_change(&bytes, CHANGE_CREATE, schema_id, name);
	struct log_batch batch = {
		.record_count = 3, .source_id = SOURCE, .transaction_ordinal = ordinal, .value = &value,
		.is_hidden = is_hidden,
	};
	uint64_t offset = log_builder_append(builder, CAPTURED, 0, &batch);
	msgpack_sbuffer_destroy(&bytes);
	return offset;
}

static uint64_t append(struct log_builder *builder, uint32_t partition, int64_t append_time_us)
{
	struct log_batch batch = { .record_count = 10, .append_time_us = append_time_us };
	return log_builder_append(builder, PUBLISHED, partition, &batch);
}

static void put_group_offset(struct log_builder *builder, const char *name)
{
	uint8_t key[64] = { 0 };
	size_t size = strlen(name) + 1;
	memcpy(key, name, size);
	store_u32(key + size, PUBLISHED);
	store_u32(key + size + 4, 0);
	log_builder_put_sealed(builder, TABLE_GROUPS, (struct bytes){ key, size + 8 },
			       bytes_of_text("\x93\x05\x07\xc0"));
}

static void put_producer(struct log_builder *builder)
{
	uint8_t key[16] = { 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, PUBLISHED, 0, 0, 0, 0 };
	uint8_t body[32] = { 0 };
	log_builder_put_sealed(builder, TABLE_PRODUCERS, (struct bytes){ key, sizeof(key) },
			       (struct bytes){ body, sizeof(body) });
}

/* A store with something of everything, and nothing wrong. */
static int create_store(void **state)
{
	struct log_builder *builder = log_builder_create();
	log_builder_source(builder, "myapp", SOURCE, 4);
	log_builder_topic(builder, "published", PUBLISHED, 3, 0);
	log_builder_topic(builder, "captured", CAPTURED, 1, SOURCE);
	log_builder_put_number(builder, META_NEXT_SCHEMA_ID, SCHEMA + 1);
	put_schema(builder, SCHEMA, "users");
	put_group_offset(builder, "readers");
	put_producer(builder);
	/* Partition 0 begins at 0, 1 at 100, 2 is empty. */
	for (int n = 0; n < 5; n++)
		append(builder, 0, 1000 + n / 2);
	log_builder_put_record(builder, PUBLISHED, 1, &(struct partition_record){ 100, 100, 100, 0, 0, 5 });
	append(builder, 1, 1000);
	log_builder_append(builder, PUBLISHED, 1, &(struct log_batch){ .more_offsets = 9 });
	append(builder, 1, 0);
	for (uint64_t ordinal = 1; ordinal <= 4; ordinal++)
		append_change(builder, ordinal, SCHEMA, "Ada", false);
	log_builder_append(builder, CAPTURED, 0,
			   &(struct log_batch){ .source_id = SOURCE, .transaction_ordinal = 4,
						.value = &(struct content){ .kind = CONTENT_NIL } });
	append_change(builder, 5, SCHEMA, "Grace", true);
	*state = builder;
	return 0;
}

static int destroy_store(void **state)
{
	log_builder_destroy(*state);
	return 0;
}

static void check_by_runs(struct log_builder *builder, uint64_t run_bytes_max, struct findings *out)
{
	struct verify_observer observer = { .on_problem = on_problem, .user = out };
	struct error err = { 0 };
	*out = (struct findings){ 0 };
	if (verify_store_by_runs(builder->store, run_bytes_max, &observer, &out->report, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(out->report.problems, out->count);
}

/* Check in one run and in as many as there are batches, over the closed store
 * and the open one: what is found must be the same. */
static void check(struct log_builder *builder, struct findings *out)
{
	static const struct {
		enum store_mode mode;
		uint64_t run_bytes_max;
	} ways[] = {
		{ STORE_INSPECT, VERIFY_RUN_BYTES },
		{ STORE_INSPECT, 1 },
		{ STORE_BESIDE, VERIFY_RUN_BYTES },
		{ STORE_BESIDE, 1 },
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct findings findings;
		log_builder_close(builder);
		log_builder_open(builder, ways[i].mode);
		check_by_runs(builder, ways[i].run_bytes_max, &findings);
		if (i == 0)
			*out = findings;
		/* Beside a server, what is not visible is let be where it fills a run. */
		if (i == 3 && findings.count <= out->count)
			continue;
		if (findings.count == out->count &&
		    memcmp(&findings.report, &out->report, sizeof(findings.report)) == 0)
			continue;
		print_findings(&findings);
		print_findings(out);
		fail_msg("the %zuth way finds %zu problems, not %zu", i, findings.count, out->count);
	}
}

/* Exactly one problem: in a table, with offsets and words. */
static void expect_problem(struct log_builder *builder, const char *table, uint32_t topic_id,
			   uint32_t partition, uint64_t start, uint64_t end, const char *words)
{
	struct findings findings;
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 1);
	const struct verify_problem *problem = &findings.problems[0];
	assert_string_equal(problem->table, table);
	assert_int_equal(problem->topic_id, topic_id);
	assert_int_equal(problem->partition, partition);
	assert_int_equal(problem->start_offset, start);
	assert_int_equal(problem->end_offset, end);
	assert_non_null(strstr(problem->text, words));
}

static bool has_problem(const struct findings *findings, const char *table, uint64_t start,
			uint64_t end, const char *words)
{
	for (size_t i = 0; i < findings->count; i++)
		if (strcmp(findings->problems[i].table, table) == 0 &&
		    findings->problems[i].start_offset == start && findings->problems[i].end_offset == end &&
		    strstr(findings->problems[i].text, words) != NULL)
			return true;
	return false;
}

static void expect_clean(struct log_builder *builder)
{
	struct findings findings;
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 0);
}

static void clean_store_has_no_problems_and_is_counted(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.report.topics, 2);
	assert_int_equal(findings.report.partitions, 4);
	assert_int_equal(findings.report.batches, 5 + 3 + 6);
	assert_int_equal(findings.report.records, 50 + 21 + 16);
	uint64_t bytes = 0;
	static const uint32_t places[][2] = { { PUBLISHED, 0 }, { PUBLISHED, 1 }, { CAPTURED, 0 } };
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);         /* cuts the hidden batch */
	for (size_t i = 0; i < 3; i++)
		bytes += log_builder_record(builder, places[i][0], places[i][1]).bytes;
	check_by_runs(builder, VERIFY_RUN_BYTES, &findings);
	assert_int_equal(findings.report.bytes, bytes);
	assert_int_equal(findings.report.batches, 5 + 3 + 5);
	assert_int_equal(findings.count, 0);
}

static void new_store_has_no_problems(void **state)
{
	(void)state;
	struct log_builder *builder = log_builder_create();
	expect_clean(builder);
	log_builder_destroy(builder);
}

/* Seals. */

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

/* partitions */

static void change_record(struct log_builder *builder, uint32_t partition,
			  void (*change)(struct partition_record *record))
{
	struct partition_record record = log_builder_record(builder, PUBLISHED, partition);
	change(&record);
	log_builder_put_record(builder, PUBLISHED, partition, &record);
}

static void swap_offsets(struct partition_record *record)
{
	record->visible_end = record->log_end + 1;
}

static void offsets_out_of_order_are_found_and_batches_checked_all_the_same(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	change_record(builder, 0, swap_offsets);
	expect_problem(builder, "partitions", PUBLISHED, 0, 0, 0, "offsets out of order");
	check(builder, &findings);
	assert_int_equal(findings.report.batches, 5 + 3 + 6);
	assert_int_equal(findings.report.partitions, 3);
}

static void count_one_more(struct partition_record *record)
{
	record->batch_count++;
}

static void count_a_byte_less(struct partition_record *record)
{
	record->bytes--;
}

static void sums_that_do_not_hold_are_found(void **state)
{
	struct log_builder *builder = *state;
	change_record(builder, 0, count_one_more);
	expect_problem(builder, "partitions", PUBLISHED, 0, 0, 0, "6 batches with");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	change_record(builder, 1, count_a_byte_less);
	change_record(builder, 0, count_one_more);
	struct findings findings;
	check(builder, &findings);
	assert_int_equal(findings.count, 2);
	assert_int_equal(findings.problems[0].partition, 0);
	assert_int_equal(findings.problems[1].partition, 1);
}

static void appended_long_ago(struct partition_record *record)
{
	record->last_append_time_us = 1001;
}

static void last_append_time_that_is_too_early_is_found(void **state)
{
	struct log_builder *builder = *state;
	change_record(builder, 0, appended_long_ago);
	expect_problem(builder, "partitions", PUBLISHED, 0, 0, 0, "last append time 1001");
}

/* log */

static void rewrite(struct log_builder *builder, uint32_t partition, uint64_t base_offset, size_t at)
{
	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, PUBLISHED, partition, base_offset, &size);
	assert_true(at < size);
	batch[at] ^= 0x10;
	log_builder_write_batch(builder, PUBLISHED, partition, base_offset, batch, size);
	free(batch);
}

static void delete_batch(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			 uint64_t base_offset)
{
	uint8_t key[BATCH_KEY_BYTES];
	batch_key_encode(key, topic_id, partition, base_offset);
	log_builder_delete(builder, TABLE_LOG, (struct bytes){ key, sizeof(key) });
}

static void damaged_batches_are_found_with_their_offsets(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	rewrite(builder, 0, 10, 70);
	expect_problem(builder, "log", PUBLISHED, 0, 10, 20, "checksum");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	rewrite(builder, 0, 30, 21);
	rewrite(builder, 0, 40, 0);
	rewrite(builder, 1, 110, 30);
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 4);
	assert_true(has_problem(&findings, "log", 10, 20, "checksum"));
	assert_true(has_problem(&findings, "log", 30, 40, ""));
	assert_true(has_problem(&findings, "log", 40, 50, ""));
	assert_true(has_problem(&findings, "log", 110, 120, "checksum"));
	assert_string_equal(findings.problems[0].topic, "published");
	assert_int_equal(findings.report.batches, 5 + 3 + 5);
}

static void batch_of_another_place_is_found(void **state)
{
	struct log_builder *builder = *state;
	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, PUBLISHED, 0, 0, &size);
	log_builder_write_batch(builder, PUBLISHED, 0, 10, batch, size);
	free(batch);
	expect_problem(builder, "log", PUBLISHED, 0, 10, 20, "checksum");
}

static void holes_are_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	delete_batch(builder, PUBLISHED, 0, 0);
	delete_batch(builder, PUBLISHED, 0, 20);
	delete_batch(builder, PUBLISHED, 0, 30);
	delete_batch(builder, PUBLISHED, 1, 120);
	check(builder, &findings);
	print_findings(&findings);
	/* Three holes, and the sums of two partitions. */
	assert_int_equal(findings.count, 5);
	assert_true(has_problem(&findings, "log", 0, 10, "hole"));
	assert_true(has_problem(&findings, "log", 20, 40, "hole"));
	assert_true(has_problem(&findings, "log", 120, 130, "hole"));
}

static void overlapping_batches_are_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	size_t size;
	uint8_t *batch = log_batch_encode(&(struct log_batch){ .record_count = 2, .append_time_us = 1001 },
					  PUBLISHED, 0, 25, &size);
	log_builder_write_batch(builder, PUBLISHED, 0, 25, batch, size);
	free(batch);
	struct partition_record record = log_builder_record(builder, PUBLISHED, 0);
	record.batch_count++;
	record.bytes += size;
	log_builder_put_record(builder, PUBLISHED, 0, &record);
	log_builder_close(builder);
	log_builder_open(builder, STORE_INSPECT);
	/* Runs that end right there look for the next batch behind it. */
	check_by_runs(builder, VERIFY_RUN_BYTES, &findings);
	print_findings(&findings);
	assert_true(has_problem(&findings, "log", 25, 30, "begins inside the one before"));
}

static void start_later(struct partition_record *record)
{
	record->log_start = 20;
}

static void end_earlier(struct partition_record *record)
{
	record->log_end = record->visible_end = 30;
}

static void batches_outside_the_log_are_found(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	change_record(builder, 0, start_later);
	check(builder, &findings);
	assert_true(has_problem(&findings, "log", 0, 20, "before the log's start"));
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	change_record(builder, 0, end_earlier);
	check(builder, &findings);
	print_findings(&findings);
	assert_true(has_problem(&findings, "log", 30, 41, "behind the log's end"));
}

static void batch_across_the_logs_end_is_found(void **state)
{
	struct log_builder *builder = *state;
	struct partition_record record = log_builder_record(builder, PUBLISHED, 0);
	record.log_end = record.visible_end = 45;
	log_builder_put_record(builder, PUBLISHED, 0, &record);
	expect_problem(builder, "log", PUBLISHED, 0, 40, 45, "reaches beyond 45");
}

static void falling_append_times_are_found(void **state)
{
	struct log_builder *builder = *state;
	append(builder, 0, 5000);
	append(builder, 0, 4999);
	append(builder, 0, 5000);
	expect_problem(builder, "log", PUBLISHED, 0, 60, 70, "append time 4999 behind 5000");
}

static void batches_without_a_partition_are_found_and_checked(void **state)
{
	struct log_builder *builder = *state;
	struct findings findings;
	log_builder_put_record(builder, 50, 3, &(struct partition_record){ 0 });
	log_builder_put_record(builder, UINT32_MAX, UINT32_MAX, &(struct partition_record){ 0 });
	for (int n = 0; n < 3; n++)
		log_builder_append(builder, 50, 3, &(struct log_batch){ .record_count = 5 });
	log_builder_append(builder, UINT32_MAX, UINT32_MAX, &(struct log_batch){ .record_count = 5 });
	uint8_t key[PARTITION_KEY_BYTES];
	partition_key_encode(key, 50, 3);
	log_builder_delete(builder, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) });
	expect_problem(builder, "log", 50, 3, 0, 15, "3 batches of a partition that has no record");
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);
	partition_key_encode(key, UINT32_MAX, UINT32_MAX);
	log_builder_delete(builder, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) });
	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, 50, 3, 5, &size);
	batch[size - 1]++;
	log_builder_write_batch(builder, 50, 3, 5, batch, size);
	free(batch);
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 3);
	assert_true(has_problem(&findings, "log", 5, 6, "checksum"));
	assert_true(has_problem(&findings, "log", 0, 15, "3 batches"));
	assert_true(has_problem(&findings, "log", 0, 5, "1 batches"));
}

static void partitions_of_deleted_topics_are_allowed_and_checked(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_record(builder, 40, 0, &(struct partition_record){ 0 });
	for (int n = 0; n < 3; n++)
		log_builder_append(builder, 40, 0,
				   &(struct log_batch){ .record_count = 5, .source_id = SOURCE,
							.transaction_ordinal = 2 });
	expect_clean(builder);
	log_builder_close(builder);
	log_builder_open(builder, STORE_SERVE);

	size_t size;
	uint8_t *batch = log_builder_read_batch(builder, 40, 0, 5, &size);
	batch[size - 1]++;
	log_builder_write_batch(builder, 40, 0, 5, batch, size);
	free(batch);
	expect_problem(builder, "log", 40, 0, 5, 10, "checksum");
}

static void deletion_may_take_what_was_never_visible(void **state)
{
	struct log_builder *builder = *state;
	log_builder_put_record(builder, 40, 0, &(struct partition_record){ 0 });
	for (int n = 0; n < 3; n++)
		log_builder_append(builder, 40, 0,
				   &(struct log_batch){ .record_count = 5, .is_hidden = true });
	size_t size;
	free(log_builder_read_batch(builder, 40, 0, 0, &size));
	delete_batch(builder, 40, 0, 0);
	struct partition_record record = log_builder_record(builder, 40, 0);
	record.batch_count--;
	record.bytes -= size;
	log_builder_put_record(builder, 40, 0, &record);
	expect_clean(builder);
}

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

static void hundreds_of_problems_are_all_told(void **state)
{
	struct log_builder *builder = *state;
	struct verify_report report;
	for (int n = 0; n < 300; n++)
		append(builder, 0, 5000);
	for (uint64_t n = 0; n < 300; n += 2)
		rewrite(builder, 0, 50 + n * 10, 100);
	assert_int_equal(verify_store(builder->store, NULL, &report, NULL), 0);
	assert_int_equal(report.problems, 150);
	assert_int_equal(report.batches, 5 + 300 + 3 + 6);
}

struct progress_seen {
	uint64_t done;
	uint64_t total;
	int count;
};

static void on_progress(void *user, uint64_t bytes_done, uint64_t bytes_total)
{
	struct progress_seen *seen = user;
	assert_true(bytes_done >= seen->done);
	*seen = (struct progress_seen){ bytes_done, bytes_total, seen->count + 1 };
}

static void progress_comes_to_the_total(void **state)
{
	struct log_builder *builder = *state;
	struct progress_seen seen = { 0 };
	struct verify_observer observer = { .on_progress = on_progress, .user = &seen };
	struct verify_report report;
	assert_int_equal(verify_store_by_runs(builder->store, 1000, &observer, &report, NULL), 0);
	assert_true(seen.count > 3);
	assert_true(seen.total == report.bytes);
	assert_true(seen.done <= seen.total);
}

static void every_failed_allocation_is_reported(void **state)
{
	struct log_builder *builder = *state;
	struct verify_report report;
	int failed_count = 0;
	for (int n = 0;; n++) {
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = verify_store(builder->store, NULL, &report, &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			assert_int_equal(report.problems, 0);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		failed_count++;
	}
	assert_true(failed_count > 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create_store, destroy_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(clean_store_has_no_problems_and_is_counted),
		TEST(new_store_has_no_problems),
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
		TEST(offsets_out_of_order_are_found_and_batches_checked_all_the_same),
		TEST(sums_that_do_not_hold_are_found),
		TEST(last_append_time_that_is_too_early_is_found),
		TEST(damaged_batches_are_found_with_their_offsets),
		TEST(batch_of_another_place_is_found),
		TEST(holes_are_found),
		TEST(overlapping_batches_are_found),
		TEST(batches_outside_the_log_are_found),
		TEST(batch_across_the_logs_end_is_found),
		TEST(falling_append_times_are_found),
		TEST(batches_without_a_partition_are_found_and_checked),
		TEST(partitions_of_deleted_topics_are_allowed_and_checked),
		TEST(deletion_may_take_what_was_never_visible),
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
		TEST(hundreds_of_problems_are_all_told),
		TEST(progress_comes_to_the_total),
		TEST(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
