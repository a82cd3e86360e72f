#include "storage/log_change.h"

static int find_schema(struct log_schemas *schemas, struct log_change *into, struct error *err)
{
	const struct change *change = &into->change;
	if (change->schema_id == 0)
		return 0;
	if (log_schemas_find(schemas, change->schema_id, &into->schema, &into->problem) != 0) {
		into->schema = NULL;
		if (into->problem.code != ERROR_MEMORY)
			return 0;
		*err = into->problem;
		return -1;
	}
	if ((change->before.data != NULL &&
	     change_check_row(change->before, into->schema, &into->problem) != 0) ||
	    (change->after.data != NULL &&
	     change_check_row(change->after, into->schema, &into->problem) != 0))
		error_context(&into->problem, "it does not fit schema %u", change->schema_id);
	return 0;
}

int log_change_read(struct log_schemas *schemas, const struct record *record,
		    struct log_change *out, struct error *err)
{
	struct log_change change = { .is_change = false };
	if (record->value.kind == CONTENT_ARRAY) {
		change.is_change = change_decode(record->value.bytes.data, record->value.bytes.size,
						 &change.change, &change.problem) == 0;
		if (!change.is_change)
			error_context(&change.problem, "it is no change");
		else if (find_schema(schemas, &change, err) != 0)
			return -1;
	}
	*out = change;
	return 0;
}

const char *log_change_op(enum change_op op)
{
	switch (op) {
	case CHANGE_CREATE: return "create";
	case CHANGE_UPDATE: return "update";
	case CHANGE_DELETE: return "delete";
	case CHANGE_READ: return "read";
	case CHANGE_TRUNCATE: return "truncate";
	case CHANGE_MESSAGE: return "message";
	}
	return "unknown";
}

static struct log_change_cells cells_of(struct bytes array, const struct schema *schema,
					uint32_t column_count)
{
	struct log_change_cells cells = { .unpack = unpack_over(array.data, array.size) };
	if (unpack_array(&cells.unpack, &cells.left_count, NULL) != 0)
		cells.left_count = 0;
	cells.schema = cells.left_count == column_count ? schema : NULL;
	return cells;
}

struct log_change_cells log_change_row(struct bytes row, const struct schema *schema)
{
	return cells_of(row, schema, schema != NULL ? schema->column_count : 0);
}

static const struct schema_column *key_column(const struct schema *schema, uint32_t position)
{
	for (uint32_t i = 0; i < schema->column_count; i++)
		if (schema->columns[i].key_position == position)
			return &schema->columns[i];
	return NULL;
}

struct log_change_cells log_change_key(struct bytes key, const struct schema *schema)
{
	uint32_t count = 0;
	for (uint32_t i = 0; schema != NULL && i < schema->column_count; i++)
		count += schema->columns[i].key_position != 0;
	struct log_change_cells cells = cells_of(key, schema, count);
	cells.is_key = true;
	return cells;
}

bool log_change_next(struct log_change_cells *cells, struct log_change_cell *out)
{
	if (cells->left_count == 0)
		return false;
	out->column = NULL;
	out->value = cells->unpack;
	cells->left_count--;
	cells->next++;
	if (cells->schema != NULL)
		out->column = cells->is_key ? key_column(cells->schema, cells->next)
					    : &cells->schema->columns[cells->next - 1];
	return unpack_skip(&cells->unpack, NULL, NULL) == 0;
}
