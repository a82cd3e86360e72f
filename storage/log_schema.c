#include "storage/log_schema.h"

#include "storage/layout.h"
#include "storage/log_json.h"
#include "storage/log_rows.h"
#include "storage/log_text.h"

#include <inttypes.h>

void log_schemas_init(struct log_schemas *schemas, struct log_tables *tables)
{
	*schemas = (struct log_schemas){ .tables = tables };
	for (size_t i = 0; i < LOG_SCHEMAS_KEPT; i++)
		msgpack_sbuffer_init(&schemas->kept[i].encoded);
}

void log_schemas_clear(struct log_schemas *schemas)
{
	for (size_t i = 0; i < LOG_SCHEMAS_KEPT; i++) {
		schema_clear(&schemas->kept[i].schema);
		msgpack_sbuffer_destroy(&schemas->kept[i].encoded);
	}
	*schemas = (struct log_schemas){ .tables = schemas->tables };
}

static int load(struct log_schemas *schemas, struct log_schema *into, uint32_t id,
		struct error *err)
{
	uint8_t key[SCHEMA_KEY_BYTES];
	struct bytes value, encoded;
	schema_key_encode(key, id);
	int found = log_tables_get(schemas->tables, TABLE_SCHEMAS, (struct bytes){ key, sizeof(key) },
				   &value, err);
	if (found == 0)
		return error_set(err, ERROR_NOT_FOUND, "there is no schema %" PRIu32, id);
	if (found < 0 ||
	    seal_check("schemas", (struct bytes){ key, sizeof(key) }, value, &encoded, err) != 0)
		return -1;
	if (msgpack_sbuffer_write(&into->encoded, (const char *)encoded.data, encoded.size) != 0)
		return error_set(err, ERROR_MEMORY, "no memory for schema %" PRIu32, id);
	return schema_decode(into->encoded.data, into->encoded.size, &into->schema, err);
}

int log_schemas_find(struct log_schemas *schemas, uint32_t id, const struct schema **out,
		     struct error *err)
{
	struct log_schema *kept = &schemas->kept[id % LOG_SCHEMAS_KEPT];
	if (kept->id != id || id == 0) {
		schema_clear(&kept->schema);
		kept->encoded.size = 0;
		kept->id = 0;
		if (load(schemas, kept, id, err) != 0)
			return -1;
		kept->id = id;
	}
	*out = &kept->schema;
	return 0;
}

void log_schema_table_name(const struct schema *schema, struct text *text)
{
	const struct bytes parts[] = { schema->database, schema->schema, schema->table };
	const char *dot = "";
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].size == 0)
			continue;
		text_add_string(text, dot);
		log_text_name(text, parts[i]);
		dot = ".";
	}
}

/* One entry of the table, shown. */

static void json_type(struct json *json, const char *name, enum logical_type type)
{
	log_json_string(json, name, type == 0 ? NULL : logical_type_name(type));
}

static void json_column(struct json *json, const struct schema_column *column)
{
	json_begin_object(json);
	log_json_text(json, "name", column->name);
	json_type(json, "type", column->type);
	json_type(json, "element_type", column->element_type);
	log_json_text(json, "native_type", column->native_type);
	log_json_i64(json, "length", column->length);
	log_json_i64(json, "scale", column->scale);
	log_json_bool(json, "optional", (column->flags & SCHEMA_COLUMN_OPTIONAL) != 0);
	log_json_bool(json, "generated", (column->flags & SCHEMA_COLUMN_GENERATED) != 0);
	log_json_u64(json, "flags", column->flags);
	log_json_u64(json, "key_position", column->key_position);
	log_json_text(json, "default", column->default_text);
	json_name(json, "labels");
	if (column->label_count == 0) {
		json_null(json);
	} else {
		json_begin_array(json);
		for (uint32_t i = 0; i < column->label_count; i++)
			value_json_add_text(json, column->labels[i]);
		json_end_array(json);
	}
	json_end_object(json);
}

static void json_schema(struct text *text, uint32_t id, struct bytes encoded,
			const struct schema *schema)
{
	struct json json = log_json_begin(text, "schema");
	uint8_t fingerprint[sizeof(uint64_t)];
	store_u64(fingerprint, schema_fingerprint(encoded.data, encoded.size));
	log_json_u64(&json, "id", id);
	log_json_hex(&json, "fingerprint", (struct bytes){ fingerprint, sizeof(fingerprint) });
	log_json_text(&json, "source", schema->source);
	log_json_text(&json, "database", schema->database);
	log_json_text(&json, "schema", schema->schema);
	log_json_text(&json, "table", schema->table);
	json_name(&json, "columns");
	json_begin_array(&json);
	for (uint32_t i = 0; i < schema->column_count; i++)
		json_column(&json, &schema->columns[i]);
	json_end_array(&json);
	log_json_end(&json);
}

static void cell_type(struct text_columns *columns, const struct schema_column *column)
{
	struct text *cells = &columns->cells;
	text_add_string(cells, logical_type_name(column->type));
	if (column->type == LOGICAL_ARRAY)
		text_add_format(cells, " of %s", logical_type_name(column->element_type));
	if (column->length >= 0 && column->type == LOGICAL_DECIMAL)
		text_add_format(cells, "(%" PRId32 ",%" PRId32 ")", column->length, column->scale);
	else if (column->length >= 0)
		text_add_format(cells, "(%" PRId32 ")", column->length);
	text_columns_end_cell(columns);
}

static void cell_notes(struct text_columns *columns, const struct schema_column *column)
{
	struct text *cells = &columns->cells;
	const char *comma = "";
	if (column->flags & SCHEMA_COLUMN_GENERATED) {
		text_add_string(cells, "generated");
		comma = ", ";
	}
	for (uint32_t i = 0; i < column->label_count; i++) {
		text_add_string(cells, i == 0 ? comma : " | ");
		log_text_name(cells, column->labels[i]);
	}
	text_columns_end_cell(columns);
}

static void row_column(struct text_columns *columns, const struct schema_column *column)
{
	log_text_name(&columns->cells, column->name);
	text_columns_end_cell(columns);
	cell_type(columns, column);
	log_text_opaque(&columns->cells, column->native_type);
	text_columns_end_cell(columns);
	if (column->key_position != 0)
		text_add_u64(&columns->cells, column->key_position);
	text_columns_end_cell(columns);
	text_add_string(&columns->cells, column->flags & SCHEMA_COLUMN_OPTIONAL ? "yes" : "no");
	text_columns_end_cell(columns);
	log_text_opaque(&columns->cells, column->default_text);
	text_columns_end_cell(columns);
	cell_notes(columns, column);
}

static void text_schema(struct text *text, uint32_t id, const struct schema *schema)
{
	struct text_columns columns;
	text_add_format(text, "\nSCHEMA %" PRIu32 "  ", id);
	log_schema_table_name(schema, text);
	text_add_string(text, " of source ");
	log_text_name(text, schema->source);
	text_add_byte(text, '\n');
	text_columns_begin(&columns, "lllrlll", "COLUMN|TYPE|NATIVE TYPE|KEY|NULL|DEFAULT|NOTES");
	for (uint32_t i = 0; i < schema->column_count; i++)
		row_column(&columns, &schema->columns[i]);
	text_columns_write(&columns, "  ", text);
	text_columns_clear(&columns);
}

int log_row_schema(struct log_rows *rows, const struct log_entry *entry, struct error *err)
{
	struct bytes encoded;
	struct schema schema;
	if (entry->key.size != SCHEMA_KEY_BYTES)
		return error_set(err, ERROR_CORRUPT, "a key of %zu bytes", entry->key.size);
	if (seal_check("schemas", entry->key, entry->value, &encoded, err) != 0 ||
	    schema_decode(encoded.data, encoded.size, &schema, err) != 0)
		return -1;
	uint32_t id = load_u32(entry->key.data);
	if (rows->as_json)
		json_schema(&rows->text, id, encoded, &schema);
	else
		text_schema(&rows->text, id, &schema);
	schema_clear(&schema);
	return 0;
}
