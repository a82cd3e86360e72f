/* A schema that is read can be written, reads the same again, and from then on
 * writes as the same bytes; its arrays are as the header promises. */
#include "protocol/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static void demand_inside(struct bytes text, const uint8_t *data, size_t size)
{
	demand(text.data >= data && text.size <= size);
	demand((size_t)(text.data - data) <= size - text.size);
}

static void demand_promises(const struct schema *schema, const uint8_t *data, size_t size)
{
	uint32_t label_count = 0;
	uint32_t key_count = 0;

	demand(schema->column_count <= SCHEMA_COLUMNS_MAX);
	demand_inside(schema->table, data, size);
	for (uint32_t i = 0; i < schema->column_count; i++) {
		const struct schema_column *column = &schema->columns[i];
		demand(column->name.size > 0 && column->name.size <= SCHEMA_NAME_BYTES_MAX);
		demand_inside(column->name, data, size);
		demand_inside(column->native_type, data, size);
		demand(logical_type_name(column->type) != NULL);
		demand((column->labels == NULL) == (column->label_count == 0));
		for (uint32_t k = 0; k < column->label_count; k++)
			demand_inside(column->labels[k], data, size);
		label_count += column->label_count;
		key_count += column->key_position != 0;
	}
	demand(label_count <= SCHEMA_LABELS_MAX);
	for (uint32_t i = 0; i < schema->column_count; i++)
		demand(schema->columns[i].key_position <= key_count);
}

static void demand_same_text(struct bytes a, struct bytes b)
{
	demand((a.data == NULL) == (b.data == NULL) && a.size == b.size);
	demand(a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void demand_same_column(const struct schema_column *a, const struct schema_column *b)
{
	demand_same_text(a->name, b->name);
	demand_same_text(a->native_type, b->native_type);
	demand_same_text(a->default_text, b->default_text);
	demand(a->type == b->type && a->element_type == b->element_type);
	demand(a->length == b->length && a->scale == b->scale);
	demand(a->flags == b->flags && a->key_position == b->key_position);
	demand(a->label_count == b->label_count);
	for (uint32_t i = 0; i < a->label_count; i++)
		demand_same_text(a->labels[i], b->labels[i]);
}

static void demand_same(const struct schema *a, const struct schema *b)
{
	demand_same_text(a->source, b->source);
	demand_same_text(a->database, b->database);
	demand_same_text(a->schema, b->schema);
	demand_same_text(a->table, b->table);
	demand(a->column_count == b->column_count);
	for (uint32_t i = 0; i < a->column_count; i++)
		demand_same_column(&a->columns[i], &b->columns[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schema schema;
	struct schema copy;
	msgpack_sbuffer once;
	msgpack_sbuffer twice;

	if (schema_decode(data, size, &schema, NULL) != 0)
		return 0;
	demand_promises(&schema, data, size);

	msgpack_sbuffer_init(&once);
	msgpack_sbuffer_init(&twice);
	demand(schema_encode(&once, &schema, NULL) == 0);
	demand(schema_decode(once.data, once.size, &copy, NULL) == 0);
	demand_same(&schema, &copy);
	demand(schema_encode(&twice, &copy, NULL) == 0);
	demand(once.size == twice.size);
	demand(memcmp(once.data, twice.data, once.size) == 0);
	demand(schema_fingerprint(once.data, once.size) ==
	       schema_fingerprint(twice.data, twice.size));
	schema_clear(&schema);
	schema_clear(&copy);
	msgpack_sbuffer_destroy(&once);
	msgpack_sbuffer_destroy(&twice);
	return 0;
}
