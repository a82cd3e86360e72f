#ifndef TESTS_SUPPORT_VERIFY_FIXTURE_H
#define TESTS_SUPPORT_VERIFY_FIXTURE_H

#include "protocol/change.h"
#include "protocol/schema.h"
#include "storage/verify.h"
#include "storage/verify_internal.h"
#include "tests/support/log_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A store to damage, and what the check of it finds. */

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

/* Schemas, rows, changes. */

static inline void encode_schema(msgpack_sbuffer *out, const char *table)
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

static inline struct bytes bytes_in(const msgpack_sbuffer *buffer)
{
	return (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static inline void put_fingerprint(struct log_builder *builder, uint64_t fingerprint, uint32_t id)
{
	uint8_t key[FINGERPRINT_KEY_BYTES];
	fingerprint_key_encode(key, fingerprint, id);
	log_builder_put_sealed(builder, TABLE_FINGERPRINTS, (struct bytes){ key, sizeof(key) },
			       (struct bytes){ key, 0 });
}

/* Returns its fingerprint. */
static inline uint64_t put_schema(struct log_builder *builder, uint32_t id, const char *table)
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
static inline void encode_row(msgpack_sbuffer *out, int64_t id, const char *name)
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
static inline struct content encode_change(msgpack_sbuffer *out, enum change_op op,
					   uint32_t schema_id, const char *name)
{
	msgpack_sbuffer row;
	encode_row(&row, 7, name);
	struct change change = { .op = op, .schema_id = schema_id, .after = bytes_in(&row) };
	msgpack_sbuffer_init(out);
	assert_int_equal(change_encode(out, &change, NULL), 0);
	msgpack_sbuffer_destroy(&row);
	return (struct content){ CONTENT_ARRAY, bytes_in(out) };
}

static inline uint64_t append_change(struct log_builder *builder, uint64_t ordinal,
				     uint32_t schema_id, const char *name, bool is_hidden)
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

static inline uint64_t append(struct log_builder *builder, uint32_t partition,
			      int64_t append_time_us)
{
	struct log_batch batch = { .record_count = 10, .append_time_us = append_time_us };
	return log_builder_append(builder, PUBLISHED, partition, &batch);
}

static inline void put_group_offset(struct log_builder *builder, const char *name)
{
	uint8_t key[64] = { 0 };
	size_t size = strlen(name) + 1;
	memcpy(key, name, size);
	store_u32(key + size, PUBLISHED);
	store_u32(key + size + 4, 0);
	log_builder_put_sealed(builder, TABLE_GROUPS, (struct bytes){ key, size + 8 },
			       bytes_of_text("\x93\x05\x07\xc0"));
}

static inline void put_producer(struct log_builder *builder)
{
	uint8_t key[16] = { 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, PUBLISHED, 0, 0, 0, 0 };
	uint8_t body[32] = { 0 };
	log_builder_put_sealed(builder, TABLE_PRODUCERS, (struct bytes){ key, sizeof(key) },
			       (struct bytes){ body, sizeof(body) });
}

/* A store with something of everything, and nothing wrong. */
static inline int create_store(void **state)
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

static inline int destroy_store(void **state)
{
	log_builder_destroy(*state);
	return 0;
}

/* What is found. */

static inline void on_problem(void *user, const struct verify_problem *problem)
{
	struct findings *findings = user;
	assert_true(findings->count < PROBLEMS_MAX);
	findings->problems[findings->count++] = *problem;
}

static inline void print_findings(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct verify_problem *problem = &findings->problems[i];
		printf("# %s '%s' %u/%u %llu to %llu: %s\n", problem->table, problem->topic,
		       problem->topic_id, problem->partition, (unsigned long long)problem->start_offset,
		       (unsigned long long)problem->end_offset, problem->text);
	}
}

static inline void check_by_runs(struct log_builder *builder, uint64_t run_bytes_max,
				 struct findings *out)
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
static inline void check(struct log_builder *builder, struct findings *out)
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
static inline void expect_problem(struct log_builder *builder, const char *table, uint32_t topic_id,
				  uint32_t partition, uint64_t start, uint64_t end,
				  const char *words)
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

static inline bool has_problem(const struct findings *findings, const char *table, uint64_t start,
			       uint64_t end, const char *words)
{
	for (size_t i = 0; i < findings->count; i++)
		if (strcmp(findings->problems[i].table, table) == 0 &&
		    findings->problems[i].start_offset == start && findings->problems[i].end_offset == end &&
		    strstr(findings->problems[i].text, words) != NULL)
			return true;
	return false;
}

static inline void expect_clean(struct log_builder *builder)
{
	struct findings findings;
	check(builder, &findings);
	print_findings(&findings);
	assert_int_equal(findings.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, create_store, destroy_store)

#endif
