#include "capture/postgresql_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

static const struct bytes moods[] = { TEXT("sad"), TEXT("happy") };

/* What a catalog said of types of its own. */
static const struct postgresql_type_info infos[] = {
	{ .oid = 16439, .kind = 'e', .name = TEXT("mood"), .labels = moods, .label_count = 2 },
	{ .oid = 16438, .kind = 'b', .name = TEXT("mood[]"), .element_oid = 16439, .delimiter = ',' },
	{ .oid = 16444, .kind = 'd', .name = TEXT("price"), .base_oid = 1700, .base_modifier = 524294 },
	{ .oid = 16443, .kind = 'b', .name = TEXT("price[]"), .element_oid = 16444, .delimiter = ',' },
	{ .oid = 16450, .kind = 'd', .name = TEXT("dear"), .base_oid = 16444, .base_modifier = -1 },
	{ .oid = 16451, .kind = 'd', .name = TEXT("prices"), .base_oid = 1231, .base_modifier = 524294 },
	{ .oid = 16452, .kind = 'b', .name = TEXT("prices[]"), .element_oid = 16451, .delimiter = ',' },
	{ .oid = 16453, .kind = 'b', .name = TEXT("public.citext"), .base_modifier = -1 },
	{ .oid = 16454, .kind = 'b', .name = TEXT("citext"), .base_modifier = -1 },
	{ .oid = 16455, .kind = 'b', .name = TEXT("notcitext"), .base_modifier = -1 },
	{ .oid = 16456, .kind = 'c', .name = TEXT("pair") },
	{ .oid = 16457, .kind = 'b', .name = TEXT("pair[]"), .element_oid = 16456, .delimiter = ',' },
	{ .oid = 16458, .kind = 'b', .name = TEXT("lost[]"), .element_oid = 99999, .delimiter = ';' },
	{ .oid = 16459, .kind = 'd', .name = TEXT("round"), .base_oid = 16460, .base_modifier = -1 },
	{ .oid = 16460, .kind = 'd', .name = TEXT("and round"), .base_oid = 16459, .base_modifier = -1 },
	{ .oid = 16461, .kind = 'b', .name = TEXT("round[]"), .element_oid = 16459, .delimiter = ',' },
	{ .oid = 16462, .kind = 'd', .name = TEXT("moody"), .base_oid = 16439, .base_modifier = -1 },
	{ .oid = 16463, .kind = 'e', .name = TEXT("empty") },
	{ .oid = 16464, .kind = 'b', .name = TEXT("itself[]"), .element_oid = 16464, .delimiter = ',' },
	{ .oid = 16465, .kind = 'd', .name = TEXT("moods"), .base_oid = 16438, .base_modifier = -1 },
	{ .oid = 16466, .kind = 'b', .name = TEXT("moods[]"), .element_oid = 16465, .delimiter = ',' },
};

static const struct postgresql_type_list list = { infos, sizeof(infos) / sizeof(infos[0]) };

static void type_resolves_to_what_its_column_is(void **state)
{
	static const struct {
		uint32_t oid;
		int32_t modifier;
		enum logical_type type;
		enum logical_type element_type;
		const char *native_type;
		int32_t length;
		int32_t scale;
	} cases[] = {
		{ 16, -1, LOGICAL_BOOL, 0, "boolean", -1, -1 },
		{ 23, -1, LOGICAL_INT32, 0, "integer", -1, -1 },
		{ 1007, -1, LOGICAL_ARRAY, LOGICAL_INT32, "integer[]", -1, -1 },
		/* The modifiers are PostgreSQL's own: atttypmod. */
		{ 1700, -1, LOGICAL_DECIMAL, 0, "numeric", -1, -1 },
		{ 1700, 655366, LOGICAL_DECIMAL, 0, "numeric", 10, 2 },
		{ 1700, 65540, LOGICAL_DECIMAL, 0, "numeric", 1, 0 },
		{ 1700, 329729, LOGICAL_DECIMAL, 0, "numeric", 5, -3 },
		{ 1700, 196617, LOGICAL_DECIMAL, 0, "numeric", 3, 5 },
		{ 1231, 655366, LOGICAL_ARRAY, LOGICAL_DECIMAL, "numeric[]", 10, 2 },
		{ 1043, 24, LOGICAL_STRING, 0, "character varying", 20, -1 },
		{ 1043, -1, LOGICAL_STRING, 0, "character varying", -1, -1 },
		{ 1042, 5, LOGICAL_STRING, 0, "character", 1, -1 },
		{ 1014, 5, LOGICAL_ARRAY, LOGICAL_STRING, "character[]", 1, -1 },
		{ 1015, 24, LOGICAL_ARRAY, LOGICAL_STRING, "character varying[]", 20, -1 },
		{ 25, -1, LOGICAL_STRING, 0, "text", -1, -1 },
		{ 1560, 8, LOGICAL_BIT, 0, "bit", 8, -1 },
		{ 1562, -1, LOGICAL_BIT, 0, "bit varying", -1, -1 },
		{ 1114, 3, LOGICAL_TIMESTAMP, 0, "timestamp without time zone", 3, -1 },
		{ 1184, 0, LOGICAL_TIMESTAMPTZ, 0, "timestamp with time zone", 0, -1 },
		{ 1266, -1, LOGICAL_TIMETZ, 0, "time with time zone", -1, -1 },
		{ 1186, 2147418116, LOGICAL_INTERVAL, 0, "interval", 4, -1 },
		{ 1186, 268435459, LOGICAL_INTERVAL, 0, "interval", 3, -1 },
		{ 1186, 327679, LOGICAL_INTERVAL, 0, "interval", -1, -1 },
		{ 3802, -1, LOGICAL_JSON, 0, "jsonb", -1, -1 },
		{ 790, -1, LOGICAL_TEXT, 0, "money", -1, -1 },
		{ 1020, -1, LOGICAL_ARRAY, LOGICAL_TEXT, "box[]", -1, -1 },
		/* Vectors are no arrays: they are printed otherwise. */
		{ 30, -1, LOGICAL_TEXT, 0, "oidvector", -1, -1 },
		{ 16439, -1, LOGICAL_ENUM, 0, "mood", -1, -1 },
		{ 16438, -1, LOGICAL_ARRAY, LOGICAL_ENUM, "mood[]", -1, -1 },
		{ 16444, -1, LOGICAL_DECIMAL, 0, "price", 8, 2 },
		{ 16443, -1, LOGICAL_ARRAY, LOGICAL_DECIMAL, "price[]", 8, 2 },
		{ 16450, -1, LOGICAL_DECIMAL, 0, "dear", 8, 2 },
		{ 16451, -1, LOGICAL_ARRAY, LOGICAL_DECIMAL, "prices", 8, 2 },
		{ 16462, -1, LOGICAL_ENUM, 0, "moody", -1, -1 },
		{ 16463, -1, LOGICAL_ENUM, 0, "empty", -1, -1 },
		/* An array of a domain over an array is no array of a known type. */
		{ 16452, -1, LOGICAL_TEXT, 0, "prices[]", -1, -1 },
		{ 16465, -1, LOGICAL_ARRAY, LOGICAL_ENUM, "moods", -1, -1 },
		{ 16466, -1, LOGICAL_TEXT, 0, "moods[]", -1, -1 },
		{ 16464, -1, LOGICAL_TEXT, 0, "itself[]", -1, -1 },
		{ 16453, -1, LOGICAL_STRING, 0, "public.citext", -1, -1 },
		{ 16454, -1, LOGICAL_STRING, 0, "citext", -1, -1 },
		{ 16455, -1, LOGICAL_TEXT, 0, "notcitext", -1, -1 },
		{ 16456, -1, LOGICAL_TEXT, 0, "pair", -1, -1 },
		{ 16457, -1, LOGICAL_ARRAY, LOGICAL_TEXT, "pair[]", -1, -1 },
		{ 16458, -1, LOGICAL_ARRAY, LOGICAL_TEXT, "lost[]", -1, -1 },
		{ 16459, -1, LOGICAL_TEXT, 0, "round", -1, -1 },
		{ 16461, -1, LOGICAL_TEXT, 0, "round[]", -1, -1 },
		{ 99999, -1, LOGICAL_TEXT, 0, "unknown", -1, -1 },
		{ 0, 17, LOGICAL_TEXT, 0, "unknown", -1, -1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct postgresql_type type;
		postgresql_type_resolve(cases[i].oid, cases[i].modifier, &list, &type);
		if (type.type != cases[i].type || type.length != cases[i].length || type.scale != cases[i].scale)
			print_error("type %u/%d: %s, length %d, scale %d\n", cases[i].oid, cases[i].modifier,
				    logical_type_name(type.type), type.length, type.scale);
		assert_int_equal(type.type, cases[i].type);
		assert_int_equal(type.element_type, cases[i].element_type);
		assert_int_equal(type.native_type.size, strlen(cases[i].native_type));
		assert_memory_equal(type.native_type.data, cases[i].native_type, type.native_type.size);
		assert_int_equal(type.length, cases[i].length);
		assert_int_equal(type.scale, cases[i].scale);
		bool is_enum = type.type == LOGICAL_ENUM || type.element_type == LOGICAL_ENUM;
		assert_int_equal(type.label_count, is_enum && cases[i].oid != 16463 ? 2 : 0);
	}
}

static void only_types_of_every_database_are_built_in(void **state)
{
	(void)state;
	assert_true(postgresql_type_is_built_in(16));
	assert_true(postgresql_type_is_built_in(1007));
	assert_true(postgresql_type_is_built_in(6157));
	assert_false(postgresql_type_is_built_in(0));
	assert_false(postgresql_type_is_built_in(16439));
	/* pg_class, a row type, has to be asked for. */
	assert_false(postgresql_type_is_built_in(83));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(type_resolves_to_what_its_column_is),
		cmocka_unit_test(only_types_of_every_database_are_built_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
