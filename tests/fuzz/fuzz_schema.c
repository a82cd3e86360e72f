/* A schema that is read can be written, and from then on reads and writes as
 * the same bytes; its arrays are as the header promises. */
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

static void round_trip(const uint8_t *data, size_t size, msgpack_sbuffer *out)
{
	struct schema schema;

	demand(schema_decode(data, size, &schema, NULL) == 0);
	demand_promises(&schema, data, size);
	demand(schema_encode(out, &schema, NULL) == 0);
	schema_clear(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schema schema;
	msgpack_sbuffer once;
	msgpack_sbuffer twice;

	if (schema_decode(data, size, &schema, NULL) != 0)
		return 0;
	schema_clear(&schema);

	msgpack_sbuffer_init(&once);
	msgpack_sbuffer_init(&twice);
	round_trip(data, size, &once);
	round_trip((const uint8_t *)once.data, once.size, &twice);
	demand(once.size == twice.size);
	demand(memcmp(once.data, twice.data, once.size) == 0);
	demand(schema_fingerprint(once.data, once.size) ==
		schema_fingerprint(twice.data, twice.size));
	msgpack_sbuffer_destroy(&once);
	msgpack_sbuffer_destroy(&twice);
	return 0;
}
