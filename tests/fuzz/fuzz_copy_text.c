/* A line of COPY.  It has a field more than tabs, none longer than it was; and as a row
 * of a table with a column of each type, what encodes has what the schema says. */
#include "capture/copy_text.h"
#include "capture/postgresql_table.h"

#include "protocol/change.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
#define COLUMN(number, column_name) { .name = TEXT(column_name), .type_oid = number, .type_modifier = -1 }

static struct postgresql_column columns[] = {
	{ .name = TEXT("id"), .type_oid = 23, .type_modifier = -1, .key_position = 1 },
	COLUMN(16, "bool"), COLUMN(20, "int8"), COLUMN(25, "text"), COLUMN(701, "float8"),
	COLUMN(1700, "numeric"), COLUMN(17, "bytea"), COLUMN(1082, "date"), COLUMN(1266, "timetz"),
	COLUMN(1184, "timestamptz"), COLUMN(1186, "interval"), COLUMN(2950, "uuid"), COLUMN(3802, "jsonb"),
	COLUMN(869, "inet"), COLUMN(600, "point"), COLUMN(1562, "varbit"), COLUMN(1009, "text[]"),
	COLUMN(1007, "int4[]"), COLUMN(790, "money"),
};

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static void walk(uint8_t *line, size_t size)
{
	struct copy_text cursor = copy_text_over(line, size);
	struct bytes field;
	struct error err = { 0 };
	size_t fields = 0, tabs = 0, bytes = 0;
	int rc;

	for (size_t i = 0; i < size; i++)
		tabs += line[i] == '\t';
	while ((rc = copy_text_next(&cursor, &field, &err)) > 0) {
		fields++;
		bytes += field.size;
		demand(field.data == NULL || (field.data >= line && field.data + field.size <= line + size));
	}
	demand(rc == 0 ? fields == tabs + 1 : fields <= tabs && err.code == ERROR_MALFORMED);
	demand(bytes <= size);
}

static struct postgresql_table *make(void)
{
	static const struct postgresql_type_list types = { NULL, 0 };
	const struct postgresql_relation relation = {
		.oid = 1, .schema = TEXT("public"), .table = TEXT("all_types"), .replica_identity = 'd',
		.columns = columns, .column_count = sizeof(columns) / sizeof(columns[0]),
	};
	const struct postgresql_table_options options = {
		.source = TEXT("source"), .database = TEXT("database"), .types = &types,
	};
	struct postgresql_table *table;

	demand(postgresql_table_create(&relation, &options, &table, NULL) == 0);
	return table;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct postgresql_table *table;
	uint8_t *line = malloc(size + 1);
	msgpack_sbuffer row, key;

	demand(line != NULL);
	if (table == NULL)
		table = make();
	if (size > 0)
		memcpy(line, data, size);
	walk(line, size);
	if (size > 0)
		memcpy(line, data, size);
	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	if (postgresql_table_encode_copy(table, line, size, &row, &key, NULL) == 0) {
		struct bytes bytes = { (uint8_t *)row.data, row.size };
		demand(change_check_row(bytes, postgresql_table_schema(table), NULL) == 0);
		demand(key.size > 1 && key.data[0] == (char)0x91);
	} else {
		demand(row.size == 0 && key.size == 0);
	}
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
	free(line);
	return 0;
}
