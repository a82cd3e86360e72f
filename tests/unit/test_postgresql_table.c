#include "capture/postgresql_table.h"

#include "protocol/change.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { BYTES_MAX = 512 };

/* create table d (id int primary key, name varchar(20) not null,
 *	amount price default 1.5, big text, mood mood, tags text[]) */
static const struct bytes moods[] = { TEXT("sad"), TEXT("happy") };
static const struct postgresql_type_info infos[] = {
	{ .oid = 16439, .kind = 'e', .name = TEXT("mood"), .labels = moods, .label_count = 2 },
	{ .oid = 16444, .kind = 'd', .name = TEXT("price"), .base_oid = 1700, .base_modifier = 524294 },
};
static const struct postgresql_type_list types = { infos, COUNT(infos) };

static struct postgresql_column d_columns[] = {
	{ .name = TEXT("id"), .type_oid = 23, .type_modifier = -1, .is_not_null = true, .key_position = 1 },
	{ .name = TEXT("name"), .type_oid = 1043, .type_modifier = 24, .is_not_null = true },
	{ .name = TEXT("amount"), .type_oid = 16444, .type_modifier = -1, .default_text = TEXT("1.5") },
	{ .name = TEXT("big"), .type_oid = 25, .type_modifier = -1 },
	{ .name = TEXT("mood"), .type_oid = 16439, .type_modifier = -1 },
	{ .name = TEXT("tags"), .type_oid = 1009, .type_modifier = -1 },
};
static const struct postgresql_relation d_catalog = {
	.oid = 16445, .schema = TEXT("public"), .table = TEXT("d"), .replica_identity = 'd',
	.columns = d_columns, .column_count = COUNT(d_columns),
};
static const char d_message[] =
	"52 0000403d 7075626c696300 6400 64 0006"
	" 01 696400 00000017 ffffffff  00 6e616d6500 00000413 00000018"
	" 00 616d6f756e7400 0000403c ffffffff  00 62696700 00000019 ffffffff"
	" 00 6d6f6f6400 00004037 ffffffff  00 7461677300 000003f1 ffffffff";

/* create table f (a int, b text), REPLICA IDENTITY FULL */
static const char f_message[] =
	"52 00004045 7075626c696300 6600 66 0002 01 6100 00000017 ffffffff  01 6200 00000019 ffffffff";

/* create table i (id int primary key, code text not null, x date), REPLICA IDENTITY
 * USING INDEX of code */
static struct postgresql_column i_columns[] = {
	{ .name = TEXT("id"), .type_oid = 23, .type_modifier = -1, .is_not_null = true, .key_position = 1 },
	{ .name = TEXT("code"), .type_oid = 25, .type_modifier = -1, .is_not_null = true, .is_identity = true },
	{ .name = TEXT("x"), .type_oid = 1082, .type_modifier = -1 },
};
static const struct postgresql_relation i_catalog = {
	.oid = 16458, .schema = TEXT("public"), .table = TEXT("i"), .replica_identity = 'i',
	.columns = i_columns, .column_count = COUNT(i_columns),
};
static const char i_message[] =
	"52 0000404a 7075626c696300 6900 69 0003 00 696400 00000017 ffffffff"
	" 01 636f646500 00000019 ffffffff  00 7800 0000043a ffffffff";

/* A message whose bytes live as long as the test. */
struct sent {
	uint8_t bytes[BYTES_MAX];
	struct pgoutput_message message;
};

static struct sent *receive(struct sent *sent, const char *hex)
{
	size_t size = hex_bytes(sent->bytes, sizeof(sent->bytes), hex);

	assert_int_equal(pgoutput_decode((struct bytes){ sent->bytes, size }, &sent->message, NULL), 0);
	return sent;
}

static bool is_captured(void *context, const struct postgresql_relation *relation, struct bytes column)
{
	const char *excluded = context;

	assert_true(relation->column_count > 0);
	return memmem(excluded, strlen(excluded), column.data, column.size) == NULL;
}

/* excluded: names of columns; NULL: no column list. */
static struct postgresql_table *make(const struct postgresql_relation *relation, const char *excluded)
{
	const struct postgresql_table_options options = {
		.source = TEXT("shop"),
		.database = TEXT("app"),
		.types = &types,
		.is_captured = excluded == NULL ? NULL : is_captured,
		.context = (void *)excluded,
	};
	struct postgresql_table *table = NULL;
	struct error err = { 0 };

	postgresql_table_create(relation, &options, &table, &err);
	assert_string_equal(err.text, "");
	return table;
}

static struct postgresql_table *make_merged(const char *hex, const struct postgresql_relation *catalog,
					    const char *excluded)
{
	struct sent sent;
	struct postgresql_relation relation;

	receive(&sent, hex);
	assert_int_equal(postgresql_relation_merge(&sent.message.relation, catalog, &relation, NULL), 0);
	struct postgresql_table *table = make(&relation, excluded);
	postgresql_relation_clear(&relation);
	return table;
}

static void assert_hex(const void *data, size_t size, const char *hex)
{
	uint8_t wanted[BYTES_MAX];
	size_t wanted_size = hex_bytes(wanted, sizeof(wanted), hex);

	if (size != wanted_size || (size > 0 && memcmp(data, wanted, size) != 0)) {
		for (size_t i = 0; i < size; i++)
			print_error("%02x", ((const uint8_t *)data)[i]);
		print_error(" instead of %s\n", hex);
	}
	assert_int_equal(size, wanted_size);
	if (size > 0)
		assert_memory_equal(data, wanted, size);
}

/* What a tuple comes to; the row is one of the table's schema. */
static void assert_encoded(struct postgresql_table *table, const struct pgoutput_tuple *tuple,
			   const struct pgoutput_tuple *old, const char *row_hex, const char *key_hex)
{
	struct error err = { 0 };
	msgpack_sbuffer row, key;

	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	postgresql_table_encode(table, tuple, old, &row, &key, &err);
	assert_string_equal(err.text, "");
	assert_hex(row.data, row.size, row_hex);
	assert_hex(key.data, key.size, key_hex);
	change_check_row((struct bytes){ (uint8_t *)row.data, row.size }, postgresql_table_schema(table), &err);
	assert_string_equal(err.text, "");
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
}

static void encode_fails(struct postgresql_table *table, const struct pgoutput_tuple *tuple,
			 const struct pgoutput_tuple *old, enum error_code code, const char *text)
{
	struct error err = { 0 };
	msgpack_sbuffer row, key;

	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	msgpack_sbuffer_write(&row, "r", 1);
	msgpack_sbuffer_write(&key, "k", 1);
	assert_int_equal(postgresql_table_encode(table, tuple, old, &row, &key, &err), -1);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
	assert_int_equal(row.size, 1);
	assert_int_equal(key.size, 1);
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
}

/* "id* name amount", and keys by their places: "b/1 a/2". */
static void assert_columns(const struct postgresql_table *table, const char *wanted)
{
	const struct schema *schema = postgresql_table_schema(table);
	char said[256] = "";

	for (uint32_t i = 0; i < schema->column_count; i++) {
		const struct schema_column *column = &schema->columns[i];
		size_t size = strlen(said);
		size += (size_t)snprintf(said + size, sizeof(said) - size, "%s%.*s", i == 0 ? "" : " ",
					 (int)column->name.size, (const char *)column->name.data);
		if (column->key_position != 0)
			snprintf(said + size, sizeof(said) - size, "/%u", column->key_position);
	}
	assert_string_equal(said, wanted);
}

static void schema_is_the_golden_bytes(void **state)
{
	struct postgresql_table *table = make(&d_catalog, NULL);
	struct bytes encoded = postgresql_table_encoded_schema(table);
	(void)state;
	assert_hex(encoded.data, encoded.size,
		   "96 01 a473686f70 a3617070 a67075626c6963 a164 96"
		   " 9a a26964 03 00 a7696e7465676572 ff ff 00 01 c0 c0"
		   " 9a a46e616d65 09 00 b16368617261637465722076617279696e67 14 ff 00 00 c0 c0"
		   " 9a a6616d6f756e74 08 00 a57072696365 08 02 01 00 a3312e35 c0"
		   " 9a a3626967 09 00 a474657874 ff ff 01 00 c0 c0"
		   " 9a a46d6f6f64 14 00 a46d6f6f64 ff ff 01 00 c0 92 a3736164 a56861707079"
		   " 9a a474616773 17 09 a6746578745b5d ff ff 01 00 c0 c0");
	assert_int_equal(postgresql_table_oid(table), 16445);
	assert_true(postgresql_table_has_key(table));
	postgresql_table_destroy(table);
}

static void stream_and_catalog_give_the_same_schema(void **state)
{
	static const struct {
		const char *message;
		const struct postgresql_relation *catalog;
	} cases[] = { { d_message, &d_catalog }, { i_message, &i_catalog } };
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct postgresql_table *snapshot = make(cases[i].catalog, NULL);
		struct postgresql_table *stream = make_merged(cases[i].message, cases[i].catalog, NULL);
		struct bytes a = postgresql_table_encoded_schema(snapshot);
		struct bytes b = postgresql_table_encoded_schema(stream);
		assert_int_equal(a.size, b.size);
		assert_memory_equal(a.data, b.data, a.size);
		postgresql_table_destroy(snapshot);
		postgresql_table_destroy(stream);
	}
}

/* Columns by name: today's table has lost "big", has another type of "amount", and a
 * column more. */
static void merge_takes_of_today_what_still_fits(void **state)
{
	struct postgresql_column today[] = {
		{ .name = TEXT("new"), .type_oid = 16, .type_modifier = -1 },
		{ .name = TEXT("amount"), .type_oid = 701, .type_modifier = -1, .is_not_null = true,
		  .default_text = TEXT("0") },
		d_columns[0], d_columns[1],
	};
	const struct postgresql_relation catalog = {
		.oid = 16445, .schema = TEXT("moved"), .table = TEXT("e"), .replica_identity = 'f',
		.columns = today, .column_count = COUNT(today),
	};
	struct postgresql_relation relation;
	struct sent sent;
	(void)state;
	receive(&sent, d_message);
	assert_int_equal(postgresql_relation_merge(&sent.message.relation, &catalog, &relation, NULL), 0);
	assert_int_equal(relation.column_count, 6);
	assert_int_equal(relation.replica_identity, 'd');
	assert_memory_equal(relation.table.data, "d", 1);
	assert_int_equal(relation.columns[0].key_position, 1);
	assert_true(relation.columns[0].is_identity);
	assert_true(relation.columns[1].is_not_null);
	assert_int_equal(relation.columns[2].type_oid, 16444);
	assert_false(relation.columns[2].is_not_null);
	assert_null(relation.columns[2].default_text.data);
	assert_int_equal(relation.columns[3].type_oid, 25);
	postgresql_relation_clear(&relation);
	postgresql_relation_clear(&relation);
}

static void key_is_what_names_a_row_in_old_tuples_too(void **state)
{
	/* primary key (b, a); identity index over b and c */
	struct postgresql_column columns[] = {
		{ .name = TEXT("a"), .type_oid = 23, .type_modifier = -1, .key_position = 2 },
		{ .name = TEXT("b"), .type_oid = 23, .type_modifier = -1, .key_position = 1, .is_identity = true },
		{ .name = TEXT("c"), .type_oid = 23, .type_modifier = -1, .is_identity = true },
	};
	struct postgresql_relation relation = {
		.oid = 1, .schema = TEXT("s"), .table = TEXT("t"), .columns = columns, .column_count = 3,
	};
	static const struct {
		char replica_identity;
		bool has_primary_key;
		bool is_first_in_index;
		const char *columns;
	} cases[] = {
		{ 'd', true, false, "a/2 b/1 c" },
		{ 'f', true, false, "a/2 b/1 c" },
		{ 'n', true, false, "a/2 b/1 c" },
		{ 'i', true, true, "a/2 b/1 c" },
		{ 'i', true, false, "a b/1 c/2" },
		{ 'i', false, false, "a b/1 c/2" },
		{ 'd', false, false, "a b c" },
		{ 'f', false, false, "a b c" },
		{ 'n', false, false, "a b c" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		relation.replica_identity = cases[i].replica_identity;
		columns[0].key_position = cases[i].has_primary_key ? 2 : 0;
		columns[1].key_position = cases[i].has_primary_key ? 1 : 0;
		columns[0].is_identity = cases[i].is_first_in_index;
		struct postgresql_table *table = make(&relation, NULL);
		assert_columns(table, cases[i].columns);
		assert_int_equal(postgresql_table_has_key(table), strchr(cases[i].columns, '/') != NULL);
		postgresql_table_destroy(table);
	}
}

/* (b, a) with REPLICA IDENTITY DEFAULT, as a Relation message of then and a catalog of
 * now. */
static void key_of_then_is_not_replaced_by_the_key_of_now(void **state)
{
	static const char message[] = "52 00000001 7300 7400 64 0003 01 6100 00000017 ffffffff"
				      " 01 6200 00000017 ffffffff  00 6300 00000017 ffffffff";
	struct postgresql_column columns[] = {
		{ .name = TEXT("a"), .type_oid = 23, .type_modifier = -1, .key_position = 2 },
		{ .name = TEXT("b"), .type_oid = 23, .type_modifier = -1, .key_position = 1 },
		{ .name = TEXT("c"), .type_oid = 23, .type_modifier = -1 },
		{ .name = TEXT("d"), .type_oid = 23, .type_modifier = -1 },
	};
	struct postgresql_relation catalog = {
		.oid = 1, .schema = TEXT("s"), .table = TEXT("t"), .replica_identity = 'd',
		.columns = columns, .column_count = 4,
	};
	struct postgresql_table *table;
	(void)state;

	table = make_merged(message, &catalog, NULL);
	assert_columns(table, "a/2 b/1 c");
	postgresql_table_destroy(table);

	/* The table is gone. */
	table = make_merged(message, NULL, NULL);
	assert_columns(table, "a/1 b/2 c");
	assert_int_equal(postgresql_table_schema(table)->columns[0].flags, 0);
	assert_int_equal(postgresql_table_schema(table)->columns[2].flags, SCHEMA_COLUMN_OPTIONAL);
	postgresql_table_destroy(table);

	/* Now it is (c). */
	columns[0].key_position = columns[1].key_position = 0;
	columns[2].key_position = 1;
	table = make_merged(message, &catalog, NULL);
	assert_columns(table, "a/1 b/2 c");
	postgresql_table_destroy(table);

	/* Now it is (b, a, d), and there was no d. */
	columns[0].key_position = 2;
	columns[1].key_position = 1;
	columns[2].key_position = 0;
	columns[3].key_position = 3;
	table = make_merged(message, &catalog, NULL);
	assert_columns(table, "a/1 b/2 c");
	postgresql_table_destroy(table);

	/* The same with REPLICA IDENTITY FULL, whose messages do not tell the key. */
	table = make_merged("52 00000001 7300 7400 66 0001 01 6100 00000017 ffffffff", &catalog, NULL);
	assert_columns(table, "a");
	postgresql_table_destroy(table);
}

static void row_holds_what_the_tuple_holds(void **state)
{
	struct postgresql_table *table = make_merged(d_message, &d_catalog, NULL);
	struct sent sent;
	(void)state;
	receive(&sent, "49 0000403d 4e 0006 74 00000001 31  74 00000004 616e6e61  74 00000005 31322e3530"
		    " 74 00000002 7878  74 00000005 6861707079  74 0000000e 7b612c4e554c4c2c22622063227d");
	assert_encoded(table, &sent.message.row.new, &sent.message.row.old,
		       "96 01 a4616e6e61 a531322e3530 a27878 a56861707079 93a161c0a3622063", "91 01");
	receive(&sent, "49 0000403d 4e 0006 74 00000001 32  74 00000003 626f62  6e 6e 6e 6e");
	assert_encoded(table, &sent.message.row.new, NULL, "96 02 a3626f62 c0 c0 c0 c0", "91 02");
	/* The same row, sent with binary 'true'. */
	receive(&sent, "49 0000403d 4e 0006 62 00000004 00000001  62 00000004 616e6e61"
		    " 62 0000000c 0002000000000002000c1388  62 00000002 7878  62 00000005 6861707079  6e");
	assert_encoded(table, &sent.message.row.new, NULL,
		       "96 01 a4616e6e61 a531322e3530 a27878 a56861707079 c0", "91 01");
	postgresql_table_destroy(table);
}

static void unchanged_value_is_the_old_rows_where_that_has_it(void **state)
{
	struct postgresql_table *table = make_merged(f_message, NULL, NULL);
	struct sent sent;
	(void)state;
	/* FULL: the old row has it. */
	receive(&sent, "55 00004045 4f 0002 74 00000001 31  74 00000002 7979  4e 0002 74 00000001 32  75");
	assert_encoded(table, &sent.message.row.new, &sent.message.row.old, "92 02 a27979", "");
	assert_encoded(table, &sent.message.row.old, NULL, "92 01 a27979", "");
	assert_encoded(table, &sent.message.row.new, NULL, "92 02 c70001", "");
	/* Unchanged there too, or null there. */
	receive(&sent, "55 00004045 4f 0002 74 00000001 31  75  4e 0002 74 00000001 32  75");
	assert_encoded(table, &sent.message.row.new, &sent.message.row.old, "92 02 c70001", "");
	receive(&sent, "55 00004045 4f 0002 74 00000001 31  6e  4e 0002 75  74 00000001 61");
	assert_encoded(table, &sent.message.row.new, &sent.message.row.old, "92 01 a161", "");
	postgresql_table_destroy(table);

	/* Without an old row, and with one of the key alone: it is unavailable, not null. */
	table = make_merged(d_message, &d_catalog, NULL);
	receive(&sent, "55 0000403d 4e 0006 74 00000001 31  74 00000001 61  6e  75  6e  6e");
	assert_encoded(table, &sent.message.row.new, &sent.message.row.old, "96 01 a161 c0 c70001 c0 c0", "91 01");
	receive(&sent, "55 0000403d 4b 0006 74 00000001 31  6e 6e 6e 6e 6e"
		    " 4e 0006 74 00000001 33  74 00000001 61  6e  75  6e  6e");
	assert_encoded(table, &sent.message.row.new, &sent.message.row.old, "96 03 a161 c0 c70001 c0 c0", "91 03");
	/* A key that is itself a TOAST value is in the key tuple. */
	receive(&sent, "55 0000403d 4b 0006 74 00000001 31  6e 6e 6e 6e 6e"
		    " 4e 0006 75  74 00000001 61  6e  75  6e  6e");
	assert_encoded(table, &sent.message.row.new, &sent.message.row.old, "96 01 a161 c0 c70001 c0 c0", "91 01");
	postgresql_table_destroy(table);
}

static void absent_columns_of_a_key_tuple_are_unavailable(void **state)
{
	struct postgresql_table *d = make_merged(d_message, &d_catalog, NULL);
	struct postgresql_table *i = make_merged(i_message, &i_catalog, NULL);
	struct sent sent;
	(void)state;
	receive(&sent, "44 0000403d 4b 0006 74 00000001 32  6e 6e 6e 6e 6e");
	assert_encoded(d, &sent.message.row.old, NULL, "96 02 c70001 c70001 c70001 c70001 c70001", "91 02");
	/* The identity is the index's column, and not the primary key. */
	receive(&sent, "55 0000404a 4b 0003 6e 74 00000001 6b  6e  4e 0003 74 00000001 31  74 00000001 6c  6e");
	assert_encoded(i, &sent.message.row.old, NULL, "93 c70001 a16b c70001", "91 a16b");
	assert_encoded(i, &sent.message.row.new, &sent.message.row.old, "93 01 a16c c0", "91 a16c");
	postgresql_table_destroy(d);
	postgresql_table_destroy(i);
}

static void columns_that_are_not_wanted_are_left_out(void **state)
{
	struct postgresql_table *table = make_merged(d_message, &d_catalog, "name big tags");
	struct sent sent;
	(void)state;
	assert_columns(table, "id/1 amount mood");
	receive(&sent, "49 0000403d 4e 0006 74 00000001 31  74 00000001 61  74 00000005 31322e3530"
		    " 74 00000002 7878  74 00000005 6861707079  74 00000002 7b7d");
	assert_encoded(table, &sent.message.row.new, NULL, "93 01 a531322e3530 a56861707079", "91 01");
	/* Not even looked at: this is no array. */
	receive(&sent, "49 0000403d 4e 0006 74 00000001 31  6e 6e 6e 6e  74 00000001 7b");
	assert_encoded(table, &sent.message.row.new, NULL, "93 01 c0 c0", "91 01");
	postgresql_table_destroy(table);
}

static void key_columns_stay_whatever_the_list_says(void **state)
{
	struct postgresql_table *d = make_merged(d_message, &d_catalog, "id name amount big mood tags");
	struct postgresql_table *i = make_merged(i_message, &i_catalog, "id code");
	struct postgresql_table *f = make_merged(f_message, NULL, "a b");
	struct sent sent;
	(void)state;
	assert_columns(d, "id/1");
	assert_columns(i, "code/1 x");
	assert_columns(f, "");
	receive(&sent, "44 00004045 4f 0002 74 00000001 31  6e");
	assert_encoded(f, &sent.message.row.old, NULL, "90", "");
	assert_false(postgresql_table_has_key(f));
	postgresql_table_destroy(d);
	postgresql_table_destroy(i);
	postgresql_table_destroy(f);
}

/* primary key (b, a) */
static void key_has_its_own_order(void **state)
{
	struct postgresql_column columns[] = {
		{ .name = TEXT("a"), .type_oid = 23, .type_modifier = -1, .key_position = 2 },
		{ .name = TEXT("x"), .type_oid = 23, .type_modifier = -1 },
		{ .name = TEXT("b"), .type_oid = 25, .type_modifier = -1, .key_position = 1 },
	};
	const struct postgresql_relation relation = {
		.oid = 1, .schema = TEXT("s"), .table = TEXT("t"), .replica_identity = 'd',
		.columns = columns, .column_count = 3,
	};
	struct postgresql_table *table = make(&relation, "x");
	struct sent sent;
	(void)state;
	receive(&sent, "49 00000001 4e 0003 74 00000001 31  74 00000001 32  74 00000001 33");
	assert_encoded(table, &sent.message.row.new, NULL, "92 01 a133", "92 a133 01");
	postgresql_table_destroy(table);
}

static void tuple_that_is_not_this_tables_is_refused(void **state)
{
	struct postgresql_table *table = make_merged(d_message, &d_catalog, NULL);
	struct sent sent;
	(void)state;
	receive(&sent, "49 0000403d 4e 0005 74 00000001 31  6e 6e 6e 6e");
	encode_fails(table, &sent.message.row.new, NULL, ERROR_MALFORMED,
		     "table public.d: a row of 5 fields, where 6 columns are known");
	receive(&sent, "49 0000403d 4e 0007 74 00000001 31  6e 6e 6e 6e 6e 6e");
	encode_fails(table, &sent.message.row.new, NULL, ERROR_MALFORMED,
		     "table public.d: a row of 7 fields, where 6 columns are known");
	receive(&sent, "55 0000403d 4b 0001 74 00000001 31  4e 0006 74 00000001 31  6e 6e 6e 6e 6e");
	encode_fails(table, &sent.message.row.new, &sent.message.row.old, ERROR_MALFORMED,
		     "table public.d: a row of 1 fields, where 6 columns are known");
	receive(&sent, "49 0000403d 4e 0006 74 00000001 31  6e  74 00000003 312c35  6e 6e 6e");
	encode_fails(table, &sent.message.row.new, NULL, ERROR_MALFORMED,
		     "table public.d, column amount: a value of 3 bytes that is no decimal as PostgreSQL prints it");
	postgresql_table_destroy(table);
}

static void key_that_is_not_told_is_an_error(void **state)
{
	struct postgresql_table *table = make_merged(d_message, &d_catalog, NULL);
	struct sent sent;
	msgpack_sbuffer row;
	(void)state;
	receive(&sent, "55 0000403d 4e 0006 75  74 00000001 61  6e 6e 6e 6e");
	encode_fails(table, &sent.message.row.new, NULL, ERROR_UNSUPPORTED,
		     "table public.d, column id: the change does not tell this part of the key: "
		     "set the table's REPLICA IDENTITY to DEFAULT, FULL or an index with this column");
	/* Who does not ask for the key gets the row. */
	msgpack_sbuffer_init(&row);
	assert_int_equal(postgresql_table_encode(table, &sent.message.row.new, NULL, &row, NULL, NULL), 0);
	assert_hex(row.data, row.size, "96 c70001 a161 c0 c0 c0 c0");
	msgpack_sbuffer_destroy(&row);
	postgresql_table_destroy(table);
}

static void assert_copied(struct postgresql_table *table, const char *line, const char *row_hex, const char *key_hex)
{
	struct error err = { 0 };
	msgpack_sbuffer row, key;
	char *copy = strdup(line);

	assert_non_null(copy);
	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	postgresql_table_encode_copy(table, copy, strlen(line), &row, &key, &err);
	assert_string_equal(err.text, "");
	assert_hex(row.data, row.size, row_hex);
	assert_hex(key.data, key.size, key_hex);
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
	free(copy);
}

static void copied_line_is_the_row_that_the_stream_has(void **state)
{
	struct postgresql_table *table = make(&d_catalog, NULL);
	struct postgresql_table *part = make(&d_catalog, "name big tags");
	struct postgresql_table *none = make_merged(f_message, NULL, "a b");
	(void)state;
	assert_copied(table, "1\tanna\t12.50\tx\\tx\thappy\t{a,NULL,\"b c\"}\n",
		      "96 01 a4616e6e61 a531322e3530 a3780978 a56861707079 93a161c0a3622063", "91 01");
	assert_copied(table, "2\tbob\t\\N\t\\N\t\\N\t\\N\n", "96 02 a3626f62 c0 c0 c0 c0", "91 02");
	/* The line has the captured columns alone. */
	assert_copied(part, "1\t12.50\thappy\n", "93 01 a531322e3530 a56861707079", "91 01");
	assert_copied(none, "\n", "90", "");
	postgresql_table_destroy(table);
	postgresql_table_destroy(part);
	postgresql_table_destroy(none);
}

static void copied_line_of_another_table_is_refused(void **state)
{
	static const struct {
		const char *line;
		const char *text;
	} cases[] = {
		{ "1\tanna\n", "table public.d: a row of 2 fields, where 6 columns are known" },
		{ "1\ta\t1\ta\ta\t{}\tx\n", "table public.d: a row of 7 fields, where 6 columns are known" },
		{ "x\ta\t1\ta\ta\t{}\n", "table public.d, column id: a value of 1 bytes that is no int32 as PostgreSQL prints it" },
		{ "1\ta\\\n", "COPY line has a field that ends in the middle of an escape" },
	};
	struct postgresql_table *table = make(&d_catalog, NULL);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error err = { 0 };
		msgpack_sbuffer row, key;
		char *copy = strdup(cases[i].line);
		assert_non_null(copy);
		msgpack_sbuffer_init(&row);
		msgpack_sbuffer_init(&key);
		assert_int_equal(postgresql_table_encode_copy(table, copy, strlen(copy), &row, &key, &err), -1);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.code, ERROR_MALFORMED);
		assert_int_equal(row.size, 0);
		assert_int_equal(key.size, 0);
		msgpack_sbuffer_destroy(&row);
		msgpack_sbuffer_destroy(&key);
		free(copy);
	}
	postgresql_table_destroy(table);
}

static void table_keeps_nothing_of_what_it_was_made_from(void **state)
{
	struct bytes labels[] = { TEXT("a") };
	struct postgresql_type_info info = { .oid = 70000, .kind = 'e', .name = { 0 }, .labels = labels, .label_count = 1 };
	struct postgresql_type_list list = { &info, 1 };
	struct postgresql_column column = { .type_oid = 70000, .type_modifier = -1 };
	struct postgresql_relation relation = { .oid = 1, .replica_identity = 'n', .columns = &column, .column_count = 1 };
	struct postgresql_table_options options = { .types = &list };
	struct postgresql_table *table;
	char *name = strdup("name");
	(void)state;
	assert_non_null(name);
	relation.schema = relation.table = options.source = options.database = column.name = info.name =
		labels[0] = bytes_of_text(name);
	assert_int_equal(postgresql_table_create(&relation, &options, &table, NULL), 0);
	memset(name, 'x', 4);
	free(name);
	assert_columns(table, "name");
	const struct schema *schema = postgresql_table_schema(table);
	assert_memory_equal(schema->source.data, "name", 4);
	assert_memory_equal(schema->columns[0].native_type.data, "name", 4);
	assert_memory_equal(schema->columns[0].labels[0].data, "name", 4);
	postgresql_table_destroy(table);
	postgresql_table_destroy(NULL);
}

static void table_that_no_schema_can_say_is_refused(void **state)
{
	struct postgresql_column column = { .name = TEXT(""), .type_oid = 23, .type_modifier = -1 };
	const struct postgresql_relation relation = {
		.oid = 1, .schema = TEXT("s"), .table = TEXT("t"), .replica_identity = 'd',
		.columns = &column, .column_count = 1,
	};
	const struct postgresql_table_options options = { .source = TEXT("a"), .database = TEXT("b"), .types = &types };
	struct postgresql_table *table = NULL;
	struct error err = { 0 };
	(void)state;
	assert_int_equal(postgresql_table_create(&relation, &options, &table, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_memory_equal(err.text, "schema: ", 8);
	assert_null(table);
}

/* All that may allocate, once through. */
static int go_through(struct error *err)
{
	const struct postgresql_table_options options = { .source = TEXT("a"), .database = TEXT("b"), .types = &types };
	struct postgresql_relation relation = { 0 };
	struct postgresql_table *table = NULL;
	msgpack_sbuffer row, key;
	struct sent sent;
	char line[] = "1\ta\t1\ta\ta\t{\"\\\\\"\"}\n";
	int rc = -1;

	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	receive(&sent, d_message);
	if (postgresql_relation_merge(&sent.message.relation, &d_catalog, &relation, err) != 0 ||
	    postgresql_table_create(&relation, &options, &table, err) != 0)
		goto done;
	receive(&sent, "44 0000403d 4b 0006 74 00000001 32  6e 6e 6e 6e 6e");
	if (postgresql_table_encode(table, &sent.message.row.old, NULL, &row, &key, err) != 0)
		goto done;
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_destroy(&key);
	msgpack_sbuffer_init(&key);
	rc = postgresql_table_encode_copy(table, line, sizeof(line) - 1, &row, &key, err);
done:
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
	postgresql_table_destroy(table);
	postgresql_relation_clear(&relation);
	return rc;
}

static void every_failed_allocation_is_reported(void **state)
{
	bool has_failed = true;
	int n;
	(void)state;
	for (n = 0; has_failed; n++) {
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = go_through(&err);
		has_failed = fail_malloc_stop();
		assert_int_equal(rc, has_failed ? -1 : 0);
		assert_int_equal(err.code, has_failed ? ERROR_MEMORY : ERROR_NONE);
	}
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_is_the_golden_bytes),
		cmocka_unit_test(stream_and_catalog_give_the_same_schema),
		cmocka_unit_test(merge_takes_of_today_what_still_fits),
		cmocka_unit_test(key_is_what_names_a_row_in_old_tuples_too),
		cmocka_unit_test(key_of_then_is_not_replaced_by_the_key_of_now),
		cmocka_unit_test(row_holds_what_the_tuple_holds),
		cmocka_unit_test(unchanged_value_is_the_old_rows_where_that_has_it),
		cmocka_unit_test(absent_columns_of_a_key_tuple_are_unavailable),
		cmocka_unit_test(columns_that_are_not_wanted_are_left_out),
		cmocka_unit_test(key_columns_stay_whatever_the_list_says),
		cmocka_unit_test(key_has_its_own_order),
		cmocka_unit_test(tuple_that_is_not_this_tables_is_refused),
		cmocka_unit_test(key_that_is_not_told_is_an_error),
		cmocka_unit_test(copied_line_is_the_row_that_the_stream_has),
		cmocka_unit_test(copied_line_of_another_table_is_refused),
		cmocka_unit_test(table_keeps_nothing_of_what_it_was_made_from),
		cmocka_unit_test(table_that_no_schema_can_say_is_refused),
		cmocka_unit_test(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
