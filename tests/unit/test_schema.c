#include "protocol/schema.h"

#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack.h>
#include <stdlib.h>

#define LENT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

static struct bytes labels[] = { LENT("new"), LENT(""), LENT("paid") };

/* Every feature a column can have. */
static struct schema_column columns[] = {
	{ .name = LENT("id"), .type = LOGICAL_INT64, .native_type = LENT("bigint"), .length = -1,
	  .scale = -1, .key_position = 2 },
	{ .name = LENT("tenant"), .type = LOGICAL_STRING, .native_type = LENT("character varying"),
	  .length = 40, .scale = -1, .key_position = 1, .default_text = LENT("") },
	{ .name = LENT("total"), .type = LOGICAL_DECIMAL, .native_type = LENT("numeric"),
	  .length = 300, .scale = -2, .flags = SCHEMA_COLUMN_OPTIONAL | SCHEMA_COLUMN_GENERATED },
	{ .name = LENT("state"), .type = LOGICAL_ENUM, .native_type = LENT("order_state"),
	  .length = -1, .scale = -1, .default_text = LENT("new"), .labels = labels,
	  .label_count = 3 },
	{ .name = LENT("tags"), .type = LOGICAL_ARRAY, .element_type = LOGICAL_TEXT,
	  .native_type = LENT("_ltree"), .length = INT32_MAX, .scale = INT32_MIN,
	  .flags = SCHEMA_COLUMN_OPTIONAL },
};

static const struct schema orders = {
	.source = LENT("myapp"),
	.database = LENT("shop"),
	.schema = LENT(""),
	.table = LENT("orders"),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
};

static const char golden_hex[] =
	"96 01"
	" a5 6d79617070 a4 73686f70 a0 a6 6f7264657273"                     /* myapp shop '' orders */
	" 95"
	" 9a a2 6964 04 00 a6 626967696e74 ff ff 00 02 c0 c0"               /* id bigint */
	" 9a a6 74656e616e74 09 00 b1 63686172616374657220 76617279696e67"  /* tenant */
	" 28 ff 00 01 a0 c0"
	" 9a a5 746f74616c 08 00 a7 6e756d65726963 cd012c fe 03 00 c0 c0"   /* total numeric */
	" 9a a5 7374617465 14 00 ab 6f726465725f7374617465 ff ff 00 00"     /* state */
	" a3 6e6577 93 a3 6e6577 a0 a4 70616964"
	" 9a a4 74616773 17 1d a6 5f6c74726565 ce7fffffff d280000000 01 00 c0 c0"; /* tags */

static const char golden_text[] =
	"[1, \"myapp\", \"shop\", \"\", \"orders\", ["
	"[\"id\", 4, 0, \"bigint\", -1, -1, 0, 2, nil, nil], "
	"[\"tenant\", 9, 0, \"character varying\", 40, -1, 0, 1, \"\", nil], "
	"[\"total\", 8, 0, \"numeric\", 300, -2, 3, 0, nil, nil], "
	"[\"state\", 20, 0, \"order_state\", -1, -1, 0, 0, \"new\", [\"new\", \"\", \"paid\"]], "
	"[\"tags\", 23, 29, \"_ltree\", 2147483647, -2147483648, 1, 0, nil, nil]]]";

#define GOLDEN_FINGERPRINT 0xd65dd977193c466c

static size_t golden(uint8_t out[512])
{
	return hex_bytes(out, 512, golden_hex);
}

static void assert_same_bytes(struct bytes a, struct bytes b)
{
	assert_int_equal(a.data == NULL, b.data == NULL);
	assert_int_equal(a.size, b.size);
	if (a.size > 0)
		assert_memory_equal(a.data, b.data, a.size);
}

static void assert_same_schema(const struct schema *a, const struct schema *b)
{
	assert_same_bytes(a->source, b->source);
	assert_same_bytes(a->database, b->database);
	assert_same_bytes(a->schema, b->schema);
	assert_same_bytes(a->table, b->table);
	assert_int_equal(a->column_count, b->column_count);
	for (uint32_t i = 0; i < a->column_count; i++) {
		const struct schema_column *left = &a->columns[i];
		const struct schema_column *right = &b->columns[i];
		assert_same_bytes(left->name, right->name);
		assert_int_equal(left->type, right->type);
		assert_int_equal(left->element_type, right->element_type);
		assert_same_bytes(left->native_type, right->native_type);
		assert_int_equal(left->length, right->length);
		assert_int_equal(left->scale, right->scale);
		assert_int_equal(left->flags, right->flags);
		assert_int_equal(left->key_position, right->key_position);
		assert_same_bytes(left->default_text, right->default_text);
		assert_int_equal(left->label_count, right->label_count);
		for (uint32_t k = 0; k < left->label_count; k++)
			assert_same_bytes(left->labels[k], right->labels[k]);
	}
}

static void a_schema_has_its_bytes(void **state)
{
	uint8_t expected[512];
	size_t size = golden(expected);
	char text[2048];
	msgpack_sbuffer buffer;
	struct error err = { 0 };

	(void)state;
	msgpack_sbuffer_init(&buffer);
	if (schema_encode(&buffer, &orders, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(buffer.size, size);
	assert_memory_equal(buffer.data, expected, size);

	msgpack_unpacked unpacked;
	size_t used = 0;
	msgpack_unpacked_init(&unpacked);
	assert_int_equal(msgpack_unpack_next(&unpacked, buffer.data, buffer.size, &used),
			 MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(used, size);
	msgpack_object_print_buffer(text, sizeof(text), unpacked.data);
	assert_string_equal(text, golden_text);
	msgpack_unpacked_destroy(&unpacked);
	msgpack_sbuffer_destroy(&buffer);
}

static void a_schema_is_read_back(void **state)
{
	uint8_t data[512];
	size_t size = golden(data);
	struct schema schema = { 0 };
	struct error err = { 0 };

	(void)state;
	if (schema_decode(data, size, &schema, &err) != 0)
		fail_msg("%s", err.text);
	assert_same_schema(&orders, &schema);
	assert_ptr_equal(schema.source.data, data + 3);
	schema_clear(&schema);
	assert_null(schema.columns);
	schema_clear(&schema);
}

static void a_schema_may_have_no_columns(void **state)
{
	const struct schema empty = { .table = LENT("nothing") };
	struct schema schema = { 0 };
	msgpack_sbuffer buffer;

	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(schema_encode(&buffer, &empty, NULL), 0);
	assert_int_equal(schema_decode(buffer.data, buffer.size, &schema, NULL), 0);
	assert_int_equal(schema.column_count, 0);
	assert_null(schema.columns);
	assert_int_equal(schema.source.size, 0);
	schema_clear(&schema);
	msgpack_sbuffer_destroy(&buffer);
}

static void assert_refused(enum error_code code, const char *hex)
{
	uint8_t data[512];
	size_t size = hex_bytes(data, sizeof(data), hex);
	struct schema schema = { .column_count = 77 };
	struct error err = { 0 };

	if (schema_decode(data, size, &schema, &err) == 0)
		fail_msg("read: %s", hex);
	if (err.code != code)
		fail_msg("%s: code %d, %s", hex, err.code, err.text);
	assert_int_equal(schema.column_count, 77);
}

#define HEAD "96 01 a1 73 a1 64 a1 63 a1 74 "
#define COLUMN "9a a1 61 04 00 a1 6e ff ff 00 00 c0 c0"

static void bytes_that_are_no_schema_are_refused(void **state)
{
	(void)state;
	assert_refused(ERROR_MALFORMED, "c0");
	assert_refused(ERROR_MALFORMED, "90");
	assert_refused(ERROR_MALFORMED, "91 c0");
	assert_refused(ERROR_MALFORMED, "91 01");
	assert_refused(ERROR_MALFORMED, "95 01 a1 73 a1 64 a1 63 a1 74");
	assert_refused(ERROR_MALFORMED, "96 01 c4 01 73 a1 64 a1 63 a1 74 90");
	assert_refused(ERROR_MALFORMED, "96 01 a1 73 a1 64 c0 a1 74 90");
	assert_refused(ERROR_MALFORMED, HEAD "c0");
	assert_refused(ERROR_MALFORMED, HEAD "80");
	assert_refused(ERROR_MALFORMED, HEAD "90 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 90");
	assert_refused(ERROR_MALFORMED, HEAD "91 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 99 a1 61 04 00 a1 6e ff ff 00 00 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a0 04 00 a1 6e ff ff 00 00 c0 c0"); /* no name */
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 ff 00 a1 6e ff ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 00 00 a1 6e ff ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 1e 00 a1 6e ff ff 00 00 c0 c0");
	/* 256 + 4 is not int64, nor is 2^32 + 1 bool. */
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 cd0104 00 a1 6e ff ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED,
		       HEAD "91 9a a1 61 cf0000000100000001 00 a1 6e ff ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 04 a1 6e ff ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 17 00 a1 6e ff ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 17 17 a1 6e ff ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 17 1e a1 6e ff ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e fe ff 00 00 c0 c0"); /* length */
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ce80000000 ff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ff d3ffffffff7fffffff 00 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ff ff ff 00 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ff ff 00 ff c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ff ff 00 00 01 c0"); /* default */
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ff ff 00 00 c0 a0"); /* labels */
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ff ff 00 00 c0 92 a0 c0");
}

static void lying_counts_are_refused(void **state)
{
	(void)state;
	assert_refused(ERROR_MALFORMED, "dd 10000000 01");
	assert_refused(ERROR_MALFORMED, HEAD "dd 10000000");
	assert_refused(ERROR_MALFORMED, HEAD "dd ffffffff " COLUMN);
	assert_refused(ERROR_MALFORMED, HEAD "92 " COLUMN);
	assert_refused(ERROR_MALFORMED,
		       HEAD "91 9a a1 61 04 00 a1 6e ff ff 00 00 c0 dd 10000000 a0");
}

static void key_positions_are_1_to_the_number_of_key_columns(void **state)
{
	(void)state;
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ff ff 00 02 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "91 9a a1 61 04 00 a1 6e ff ff 00 cd1001 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "92 9a a1 61 04 00 a1 6e ff ff 00 01 c0 c0"
					     "9a a1 62 04 00 a1 6e ff ff 00 01 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "92 9a a1 61 04 00 a1 6e ff ff 00 03 c0 c0"
					     "9a a1 62 04 00 a1 6e ff ff 00 01 c0 c0");
	assert_refused(ERROR_MALFORMED, HEAD "93 9a a1 61 04 00 a1 6e ff ff 00 01 c0 c0"
					     "9a a1 62 04 00 a1 6e ff ff 00 01 c0 c0"
					     "9a a1 63 04 00 a1 6e ff ff 00 03 c0 c0");
}

static void an_encoding_of_another_version_is_told_apart(void **state)
{
	(void)state;
	assert_refused(ERROR_FORMAT_VERSION, "91 02");
	assert_refused(ERROR_FORMAT_VERSION, "96 00 a1 73 a1 64 a1 63 a1 74 90");
}

static void items_behind_the_known_ones_are_skipped(void **state)
{
	uint8_t data[512];
	size_t size = hex_bytes(data, sizeof(data),
				"97 01 a1 73 a1 64 a1 63 a1 74 91"
				" 9c a1 61 04 00 a1 6e ff ff 00 01 c0 c0 92 c0 80 c3 81 a1 78 c0");
	struct schema schema = { 0 };
	struct error err = { 0 };

	(void)state;
	if (schema_decode(data, size, &schema, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(schema.column_count, 1);
	assert_int_equal(schema.columns[0].key_position, 1);
	schema_clear(&schema);
}

static void an_empty_array_of_labels_means_none(void **state)
{
	uint8_t data[512];
	size_t size = hex_bytes(data, sizeof(data), HEAD "91 9a a1 61 04 00 a1 6e ff ff 00 00 c0 90");
	struct schema schema = { 0 };

	(void)state;
	assert_int_equal(schema_decode(data, size, &schema, NULL), 0);
	assert_int_equal(schema.columns[0].label_count, 0);
	assert_null(schema.columns[0].labels);
	schema_clear(&schema);
}

static void every_truncation_is_refused(void **state)
{
	uint8_t data[512];
	size_t whole = golden(data);

	(void)state;
	for (size_t size = 0; size < whole; size++) {
		uint8_t *cut = malloc(size > 0 ? size : 1);
		struct schema schema = { .column_count = 77 };
		struct error err = { 0 };
		assert_non_null(cut);
		memcpy(cut, data, size);
		assert_int_equal(schema_decode(cut, size, &schema, &err), -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
		assert_int_equal(schema.column_count, 77);
		free(cut);
	}
}

/* A schema of one column, for trying its limits on both sides. */
struct trial {
	struct schema_column column;
	struct schema schema;
};

static struct trial *one_column(struct trial *trial)
{
	*trial = (struct trial){
		.column = { .name = LENT("a"), .type = LOGICAL_ENUM, .length = -1, .scale = -1 },
		.schema = { .table = LENT("t"), .columns = &trial->column, .column_count = 1 },
	};
	return trial;
}

static void assert_encode(enum error_code code, const struct schema *schema)
{
	msgpack_sbuffer buffer;
	struct error err = { 0 };

	msgpack_sbuffer_init(&buffer);
	assert_int_equal(msgpack_sbuffer_write(&buffer, "before", 6), 0);
	assert_int_equal(schema_encode(&buffer, schema, &err), code == ERROR_NONE ? 0 : -1);
	assert_int_equal(err.code, code);
	if (code == ERROR_NONE) {
		struct schema copy = { 0 };
		assert_int_equal(schema_decode(buffer.data + 6, buffer.size - 6, &copy, &err), 0);
		assert_int_equal(copy.column_count, schema->column_count);
		schema_clear(&copy);
	} else {
		assert_int_equal(buffer.size, 6);
	}
	msgpack_sbuffer_destroy(&buffer);
}

static void what_cannot_be_read_is_not_written(void **state)
{
	struct trial trial;

	(void)state;
	assert_encode(ERROR_NONE, &one_column(&trial)->schema);
	one_column(&trial)->column.name.size = 0;
	assert_encode(ERROR_INVALID, &trial.schema);
	one_column(&trial)->column.type = 0;
	assert_encode(ERROR_INVALID, &trial.schema);
	one_column(&trial)->column.type = 30;
	assert_encode(ERROR_INVALID, &trial.schema);
	one_column(&trial)->column.type = LOGICAL_ARRAY;
	assert_encode(ERROR_INVALID, &trial.schema);
	one_column(&trial)->column.element_type = LOGICAL_TEXT;
	assert_encode(ERROR_INVALID, &trial.schema);
	one_column(&trial)->column.length = -2;
	assert_encode(ERROR_INVALID, &trial.schema);
	one_column(&trial)->column.key_position = 2;
	assert_encode(ERROR_INVALID, &trial.schema);
	one_column(&trial)->column.key_position = UINT32_MAX;
	assert_encode(ERROR_INVALID, &trial.schema);
}

static void names_may_have_1024_bytes(void **state)
{
	static uint8_t text[SCHEMA_NAME_BYTES_MAX + 1];
	const struct bytes longest = { text, SCHEMA_NAME_BYTES_MAX };
	const struct bytes too_long = { text, sizeof(text) };
	struct trial trial;

	(void)state;
	memset(text, 'n', sizeof(text));
	one_column(&trial);
	struct bytes *const names[] = {
		&trial.schema.source, &trial.schema.database,   &trial.schema.schema,
		&trial.schema.table,  &trial.column.native_type, &trial.column.name,
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		one_column(&trial);
		*names[i] = longest;
		assert_encode(ERROR_NONE, &trial.schema);
		*names[i] = too_long;
		assert_encode(ERROR_LIMIT, &trial.schema);
	}
	/* Defaults and labels may be longer. */
	one_column(&trial)->column.default_text = too_long;
	trial.column.labels = (struct bytes[]){ too_long };
	trial.column.label_count = 1;
	assert_encode(ERROR_NONE, &trial.schema);
	trial.column.default_text.size = 1ull << 32;
	assert_encode(ERROR_LIMIT, &trial.schema);
	trial.column.default_text.size = 1;
	trial.column.labels[0].size = 1ull << 32;
	assert_encode(ERROR_LIMIT, &trial.schema);
}

static void a_name_that_is_too_long_is_not_read(void **state)
{
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	static const char text[SCHEMA_NAME_BYTES_MAX + 1];
	struct schema schema;
	struct error err = { 0 };

	(void)state;
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, 6);
	msgpack_pack_int(&packer, 1);
	for (int i = 0; i < 4; i++)
		msgpack_pack_str_with_body(&packer, text, sizeof(text));
	msgpack_pack_array(&packer, 0);
	assert_int_equal(schema_decode(buffer.data, buffer.size, &schema, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	msgpack_sbuffer_destroy(&buffer);
}

static void a_schema_may_have_4096_columns(void **state)
{
	static struct schema_column many[SCHEMA_COLUMNS_MAX + 1];
	struct schema schema = { .columns = many, .column_count = SCHEMA_COLUMNS_MAX };
	static uint8_t data[32 + 16 * (SCHEMA_COLUMNS_MAX + 1)];
	struct error err = { 0 };

	(void)state;
	for (uint32_t i = 0; i <= SCHEMA_COLUMNS_MAX; i++) {
		many[i] = (struct schema_column){ .name = LENT("x"), .type = LOGICAL_BOOL,
						  .key_position = SCHEMA_COLUMNS_MAX - i };
	}
	assert_encode(ERROR_NONE, &schema);
	schema.column_count++;
	assert_encode(ERROR_LIMIT, &schema);

	/* As many for decode, every one of them well-formed. */
	size_t size = hex_bytes(data, sizeof(data), HEAD "dc 1001");
	for (int i = 0; i <= SCHEMA_COLUMNS_MAX; i++)
		size += hex_bytes(data + size, sizeof(data) - size, COLUMN);
	assert_int_equal(schema_decode(data, size, &schema, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
}

static void all_columns_together_may_have_65535_labels(void **state)
{
	static struct bytes many[SCHEMA_LABELS_MAX + 1];
	static uint8_t data[64 + SCHEMA_LABELS_MAX + 1];
	struct schema_column two[2];
	struct schema schema = { .columns = two, .column_count = 2 };
	struct error err = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		two[i] = (struct schema_column){ .name = LENT("x"), .type = LOGICAL_SET,
						 .labels = many, .label_count = 0x8000 - (uint32_t)i };
	}
	assert_encode(ERROR_NONE, &schema);
	two[1].label_count++;
	assert_encode(ERROR_LIMIT, &schema);
	schema.column_count = 1;
	two[0].label_count = SCHEMA_LABELS_MAX + 1;
	assert_encode(ERROR_LIMIT, &schema);
	two[0].label_count = UINT32_MAX;
	assert_encode(ERROR_LIMIT, &schema);

	size_t size = hex_bytes(data, sizeof(data),
				HEAD "91 9a a1 61 14 00 a1 6e ff ff 00 00 c0 dd 00010000");
	memset(data + size, 0xa0, SCHEMA_LABELS_MAX + 1);
	size += SCHEMA_LABELS_MAX + 1;
	assert_int_equal(schema_decode(data, size, &schema, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
}

static void assert_error_text(const char *text, const char *hex)
{
	uint8_t data[512];
	size_t size = hex_bytes(data, sizeof(data), hex);
	struct schema schema;
	struct error err = { 0 };

	assert_int_equal(schema_decode(data, size, &schema, &err), -1);
	assert_string_equal(err.text, text);
}

static void errors_say_what_is_wrong_and_where(void **state)
{
	(void)state;
	assert_error_text("schema: column 2 'bad': logical type 30 is not known",
			  HEAD "92 " COLUMN "9a a3 626164 1e 00 a1 6e ff ff 00 00 c0 c0");
	assert_error_text("schema: column 1: 9 items, 10 are needed",
			  HEAD "91 99 a1 61 04 00 a1 6e ff ff 00 00 c0");
	assert_error_text("schema: 5 items, 6 are needed", "95 01 a1 73 a1 64 a1 63 a1 74");
	assert_error_text("schema: 1 bytes behind its end", HEAD "90 c0");
	assert_error_text("schema: encoding version 2, only 1 is known", "91 02");
}

static void every_failed_allocation_is_reported(void **state)
{
	uint8_t data[512];
	size_t size = golden(data);
	int n = 0;

	(void)state;
	for (;; n++) {
		struct schema schema = { .column_count = 77 };
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = schema_decode(data, size, &schema, &err);
		bool has_failed = fail_malloc_stop();
		assert_int_equal(rc, has_failed ? -1 : 0);
		if (!has_failed) {
			schema_clear(&schema);
			break;
		}
		assert_int_equal(err.code, ERROR_MEMORY);
		assert_int_equal(schema.column_count, 77);
	}
	assert_int_equal(n, 2);         /* the columns, the labels of one of them */
}

static void a_malformed_schema_costs_no_memory(void **state)
{
	uint8_t data[512];
	size_t size = golden(data);
	struct schema schema;
	struct error err = { 0 };

	(void)state;
	fail_malloc_after(0);
	int rc = schema_decode(data, size - 1, &schema, &err);
	assert_false(fail_malloc_stop());
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
}

static void encode_without_memory_appends_nothing(void **state)
{
	static uint8_t text[20000];
	struct trial trial;
	int failure_count = 0;

	(void)state;
	one_column(&trial)->column.default_text = (struct bytes){ text, sizeof(text) };
	for (int n = 0;; n++) {
		msgpack_sbuffer buffer;
		struct error err = { 0 };
		msgpack_sbuffer_init(&buffer);
		fail_malloc_after(n);
		int rc = schema_encode(&buffer, &trial.schema, &err);
		bool has_failed = fail_malloc_stop();
		assert_int_equal(rc, has_failed ? -1 : 0);
		if (has_failed) {
			assert_int_equal(err.code, ERROR_MEMORY);
			assert_int_equal(buffer.size, 0);
			failure_count++;
		}
		msgpack_sbuffer_destroy(&buffer);
		if (!has_failed)
			break;
	}
	assert_true(failure_count >= 2);
}

/* Vectors of FNV-1a's authors, and of a schema of ours: it is in the index on disk. */
static void fingerprints_stay(void **state)
{
	uint8_t data[512];
	size_t size = golden(data);

	(void)state;
	assert_true(schema_fingerprint("", 0) == 0xcbf29ce484222325);
	assert_true(schema_fingerprint("a", 1) == 0xaf63dc4c8601ec8c);
	assert_true(schema_fingerprint("foobar", 6) == 0x85944171f73967e8);
	assert_true(schema_fingerprint(data, size) == GOLDEN_FINGERPRINT);
	data[size - 3] ^= 1;
	assert_true(schema_fingerprint(data, size) != GOLDEN_FINGERPRINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_schema_has_its_bytes),
		cmocka_unit_test(a_schema_is_read_back),
		cmocka_unit_test(a_schema_may_have_no_columns),
		cmocka_unit_test(bytes_that_are_no_schema_are_refused),
		cmocka_unit_test(lying_counts_are_refused),
		cmocka_unit_test(key_positions_are_1_to_the_number_of_key_columns),
		cmocka_unit_test(an_encoding_of_another_version_is_told_apart),
		cmocka_unit_test(items_behind_the_known_ones_are_skipped),
		cmocka_unit_test(an_empty_array_of_labels_means_none),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(what_cannot_be_read_is_not_written),
		cmocka_unit_test(names_may_have_1024_bytes),
		cmocka_unit_test(a_name_that_is_too_long_is_not_read),
		cmocka_unit_test(a_schema_may_have_4096_columns),
		cmocka_unit_test(all_columns_together_may_have_65535_labels),
		cmocka_unit_test(errors_say_what_is_wrong_and_where),
		cmocka_unit_test(every_failed_allocation_is_reported),
		cmocka_unit_test(a_malformed_schema_costs_no_memory),
		cmocka_unit_test(encode_without_memory_appends_nothing),
		cmocka_unit_test(fingerprints_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
