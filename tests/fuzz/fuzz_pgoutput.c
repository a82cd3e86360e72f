/* Messages, each behind its size in two bytes.  A Relation message makes a table; rows
 * of it that encode have what its schema says, and their keys are their key columns. */
#include "capture/postgresql_table.h"

#include "protocol/change.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

static const struct bytes labels[] = { TEXT("sad"), TEXT("happy") };
static const struct postgresql_type_info infos[] = {
	{ .oid = 16439, .kind = 'e', .name = TEXT("mood"), .labels = labels, .label_count = 2 },
	{ .oid = 16444, .kind = 'd', .name = TEXT("price"), .base_oid = 1700, .base_modifier = 524294 },
	{ .oid = 16443, .kind = 'b', .name = TEXT("price[]"), .element_oid = 16444, .delimiter = ';' },
};
static const struct postgresql_type_list types = { infos, sizeof(infos) / sizeof(infos[0]) };

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static bool is_captured(void *context, const struct postgresql_relation *relation, struct bytes column)
{
	(void)context;
	(void)relation;
	return column.size != 3;
}

/* All cursors end where the message said. */
static void walk(const struct pgoutput_message *message)
{
	struct pgoutput_relation relation = message->relation;
	struct pgoutput_tuple tuples[] = { message->row.old, message->row.new };
	struct pgoutput_column column;
	struct pgoutput_field field;

	if (message->kind == PGOUTPUT_RELATION) {
		while (pgoutput_column_next(&relation, &column))
			demand(column.name.data != NULL);
		demand(relation.columns.size == 0);
	}
	if (message->kind == PGOUTPUT_TRUNCATE) {
		for (uint32_t i = 0; i < message->truncate.relation_count; i++)
			pgoutput_truncate_relation(message, i);
	}
	for (int i = 0; i < 2 && (message->kind == PGOUTPUT_INSERT || message->kind == PGOUTPUT_UPDATE ||
				  message->kind == PGOUTPUT_DELETE); i++) {
		while (pgoutput_tuple_next(&tuples[i], &field))
			demand((field.bytes.data == NULL) ==
			       (field.kind == PGOUTPUT_FIELD_NULL || field.kind == PGOUTPUT_FIELD_UNCHANGED));
		demand(tuples[i].fields.size == 0);
	}
}

static struct postgresql_table *make(const struct pgoutput_relation *message)
{
	const struct postgresql_table_options options = {
		.source = TEXT("source"), .database = TEXT("database"),
		.types = &types, .is_captured = is_captured,
	};
	struct postgresql_relation relation;
	struct postgresql_table *table = NULL;
	struct error err = { 0 };

	demand(postgresql_relation_merge(message, NULL, &relation, NULL) == 0);
	if (postgresql_table_create(&relation, &options, &table, &err) != 0)
		demand(err.code == ERROR_INVALID || err.code == ERROR_LIMIT);
	postgresql_relation_clear(&relation);
	return table;
}

static void check_key(const struct postgresql_table *table, const msgpack_sbuffer *key)
{
	struct unpack unpack = unpack_over(key->data, key->size);
	uint32_t count = 0, wanted = 0;

	for (uint32_t i = 0; i < postgresql_table_schema(table)->column_count; i++)
		wanted += postgresql_table_schema(table)->columns[i].key_position != 0;
	if (wanted == 0) {
		demand(key->size == 0);
		return;
	}
	demand(unpack_array(&unpack, &count, NULL) == 0 && count == wanted);
	for (uint32_t i = 0; i < count; i++)
		demand(unpack_skip(&unpack, NULL, NULL) == 0);
	demand(unpack_at_end(&unpack));
}

static void encode(struct postgresql_table *table, const struct pgoutput_tuple *tuple,
		   const struct pgoutput_tuple *old)
{
	struct error err = { 0 };
	msgpack_sbuffer row, key;

	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	if (postgresql_table_encode(table, tuple, old, &row, &key, &err) == 0) {
		struct bytes bytes = { (uint8_t *)row.data, row.size };
		demand(change_check_row(bytes, postgresql_table_schema(table), NULL) == 0);
		check_key(table, &key);
	} else {
		demand(err.code == ERROR_MALFORMED || err.code == ERROR_UNSUPPORTED || err.code == ERROR_LIMIT);
		demand(row.size == 0 && key.size == 0);
	}
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct postgresql_table *table = NULL;
	struct pgoutput_message message;

	while (size >= 2) {
		size_t message_size = load_u16(data);
		data += 2;
		size -= 2;
		if (message_size > size)
			message_size = size;
		if (pgoutput_decode((struct bytes){ data, message_size }, &message, NULL) == 0) {
			walk(&message);
			if (message.kind == PGOUTPUT_RELATION) {
				postgresql_table_destroy(table);
				table = make(&message.relation);
			}
			bool is_row = message.kind == PGOUTPUT_INSERT || message.kind == PGOUTPUT_UPDATE ||
				      message.kind == PGOUTPUT_DELETE;
			if (is_row && table != NULL && message.row.old.kind != PGOUTPUT_TUPLE_NONE)
				encode(table, &message.row.old, NULL);
			if (is_row && table != NULL && message.row.new.kind != PGOUTPUT_TUPLE_NONE)
				encode(table, &message.row.new, &message.row.old);
		}
		data += message_size;
		size -= message_size;
	}
	postgresql_table_destroy(table);
	return 0;
}
