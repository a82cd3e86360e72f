#include "capture/postgresql_table.h"

#include "capture/copy_text.h"

#include <assert.h>
#include <stdlib.h>

/* One column of the relation, in the stream's order. */
struct source_column {
	bool is_captured;
	bool is_identity;       /* a KEY tuple tells it */
	struct postgresql_type type;    /* its texts are those of the encoded schema */
};

/* Where a captured column's value lies in the row that is being made. */
struct place {
	size_t begin;
	size_t end;
	bool is_available;
};

struct postgresql_table {
	uint32_t oid;
	msgpack_sbuffer encoded;        /* the schema; lends its texts to what follows */
	struct schema schema;
	struct source_column *columns;
	uint32_t column_count;
	uint32_t *captured;             /* of each of the schema's columns: its index in columns */
	uint32_t *key;                  /* of each of the key's: its index in the schema */
	uint32_t key_count;
	struct place *places;           /* scratch: one for each of the schema's columns */
};

/* ---- a table ---- */

/* In the identity as old tuples carry it. */
static bool is_identity(const struct postgresql_relation *relation, const struct postgresql_column *column)
{
	return column->is_identity || relation->replica_identity == 'f' ||
	       (relation->replica_identity == 'd' && column->key_position != 0);
}

static uint32_t key_size(const struct postgresql_relation *relation)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < relation->column_count; i++)
		count += relation->columns[i].key_position != 0;
	return count;
}

/* Is the primary key told by old tuples, wherever there are any? */
static bool is_primary_key_told(const struct postgresql_relation *relation)
{
	for (uint32_t i = 0; i < relation->column_count; i++) {
		const struct postgresql_column *column = &relation->columns[i];
		if (relation->replica_identity == 'i' && column->key_position != 0 && !column->is_identity)
			return false;
	}
	return key_size(relation) > 0;
}

/* The columns' places in the key: the primary key's, or the identity index's. */
static void choose_key(const struct postgresql_relation *relation, uint32_t *key_positions)
{
	bool is_primary = is_primary_key_told(relation);
	uint32_t position = 0;

	for (uint32_t i = 0; i < relation->column_count; i++) {
		const struct postgresql_column *column = &relation->columns[i];
		if (is_primary)
			key_positions[i] = column->key_position;
		else
			key_positions[i] = relation->replica_identity == 'i' && column->is_identity ? ++position : 0;
	}
}

static struct schema_column describe_column(const struct postgresql_column *column,
					    const struct postgresql_type *type, uint32_t key_position)
{
	return (struct schema_column){
		.name = column->name,
		.type = type->type,
		.element_type = type->element_type,
		.native_type = type->native_type,
		.length = type->length,
		.scale = type->scale,
		.flags = (column->is_not_null ? 0 : SCHEMA_COLUMN_OPTIONAL) |
			 (column->is_generated ? SCHEMA_COLUMN_GENERATED : 0),
		.key_position = key_position,
		.default_text = column->default_text,
		.labels = (struct bytes *)type->labels,
		.label_count = type->label_count,
	};
}

/* Fill table->columns, and the captured ones into the schema. */
static void choose_columns(struct postgresql_table *table, const struct postgresql_relation *relation,
			   const struct postgresql_table_options *options, struct schema *schema,
			   uint32_t *key_positions)
{
	choose_key(relation, key_positions);
	for (uint32_t i = 0; i < relation->column_count; i++) {
		const struct postgresql_column *column = &relation->columns[i];
		struct source_column *source = &table->columns[i];

		source->is_identity = is_identity(relation, column);
		source->is_captured = key_positions[i] != 0 || options->is_captured == NULL ||
				      options->is_captured(options->context, relation, column->name);
		if (!source->is_captured)
			continue;
		postgresql_type_resolve(column->type_oid, column->type_modifier, options->types, &source->type);
		schema->columns[schema->column_count++] =
			describe_column(column, &source->type, key_positions[i]);
	}
}

static int allocate(struct postgresql_table *table, struct error *err)
{
	size_t count = (size_t)table->schema.column_count + 1;

	table->captured = calloc(count, sizeof(*table->captured));
	table->key = calloc(count, sizeof(*table->key));
	table->places = calloc(count, sizeof(*table->places));
	if (table->captured == NULL || table->key == NULL || table->places == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for the columns of a table");
	return 0;
}

/* From here on the table stands on its own encoded schema. */
static int own_schema(struct postgresql_table *table, const struct schema *schema, struct error *err)
{
	uint32_t n = 0;

	if (schema_encode(&table->encoded, schema, err) != 0 ||
	    schema_decode(table->encoded.data, table->encoded.size, &table->schema, err) != 0 ||
	    allocate(table, err) != 0)
		return -1;
	for (uint32_t i = 0; i < table->column_count; i++) {
		struct postgresql_type *type = &table->columns[i].type;
		if (!table->columns[i].is_captured)
			continue;

		const struct schema_column *column = &table->schema.columns[n];
		type->native_type = column->native_type;
		type->labels = column->labels;
		/* schema_encode has seen that the positions are 1, 2, … */
		if (column->key_position != 0) {
			table->key[column->key_position - 1] = n;
			table->key_count++;
		}
		table->captured[n++] = i;
	}
	return 0;
}

int postgresql_table_create(const struct postgresql_relation *relation,
			    const struct postgresql_table_options *options,
			    struct postgresql_table **out, struct error *err)
{
	size_t count = (size_t)relation->column_count + 1;
	struct postgresql_table *table = calloc(1, sizeof(*table));
	uint32_t *key_positions = calloc(count, sizeof(*key_positions));
	struct schema schema = {
		.source = options->source,
		.database = options->database,
		.schema = relation->schema,
		.table = relation->table,
		.columns = calloc(count, sizeof(*schema.columns)),
	};

	if (table != NULL)
		table->columns = calloc(count, sizeof(*table->columns));
	if (table == NULL || table->columns == NULL || key_positions == NULL || schema.columns == NULL) {
		error_set(err, ERROR_MEMORY, "no memory for a table");
		goto fail;
	}
	table->oid = relation->oid;
	table->column_count = relation->column_count;
	choose_columns(table, relation, options, &schema, key_positions);
	if (own_schema(table, &schema, err) != 0)
		goto fail;
	free(schema.columns);
	free(key_positions);
	*out = table;
	return 0;
fail:
	free(schema.columns);
	free(key_positions);
	postgresql_table_destroy(table);
	return -1;
}

void postgresql_table_destroy(struct postgresql_table *table)
{
	if (table == NULL)
		return;
	schema_clear(&table->schema);
	msgpack_sbuffer_destroy(&table->encoded);
	free(table->columns);
	free(table->captured);
	free(table->key);
	free(table->places);
	free(table);
}

const struct schema *postgresql_table_schema(const struct postgresql_table *table)
{
	return &table->schema;
}

struct bytes postgresql_table_encoded_schema(const struct postgresql_table *table)
{
	return (struct bytes){ (const uint8_t *)table->encoded.data, table->encoded.size };
}

uint32_t postgresql_table_oid(const struct postgresql_table *table)
{
	return table->oid;
}

bool postgresql_table_has_key(const struct postgresql_table *table)
{
	return table->key_count > 0;
}

/* ---- rows ---- */

static int append_absent(msgpack_sbuffer *row, enum value_kind kind, struct error *err)
{
	static const char nil = (char)0xc0;
	msgpack_packer packer;

	if (kind == VALUE_NULL) {
		if (msgpack_sbuffer_write(row, &nil, 1) == 0)
			return 0;
		return error_set(err, ERROR_MEMORY, "no memory for a row");
	}
	msgpack_packer_init(&packer, row, msgpack_sbuffer_write);
	return value_encode(&packer, &(struct value){ .kind = VALUE_UNAVAILABLE }, err);
}

static int append_field(const struct postgresql_type *type, const struct pgoutput_field *field,
			msgpack_sbuffer *row, struct error *err)
{
	switch (field->kind) {
	case PGOUTPUT_FIELD_NULL:
		return append_absent(row, VALUE_NULL, err);
	case PGOUTPUT_FIELD_UNCHANGED:
		return append_absent(row, VALUE_UNAVAILABLE, err);
	case PGOUTPUT_FIELD_TEXT:
		return postgresql_type_encode_text(type, field->bytes, row, err);
	case PGOUTPUT_FIELD_BINARY:
		return postgresql_type_encode_binary(type, field->bytes, row, err);
	}
	assert(!"a kind of field that is none");
	return -1;
}

static int name_column(const struct postgresql_table *table, uint32_t captured, struct error *err)
{
	struct bytes name = table->schema.columns[captured].name;
	return error_context(err, "table %.*s.%.*s, column %.*s",
			     (int)table->schema.schema.size, (const char *)table->schema.schema.data,
			     (int)table->schema.table.size, (const char *)table->schema.table.data,
			     (int)name.size, (const char *)name.data);
}

static int append_head(msgpack_sbuffer *row, uint32_t count, struct error *err)
{
	msgpack_packer packer;

	msgpack_packer_init(&packer, row, msgpack_sbuffer_write);
	if (msgpack_pack_array(&packer, count) != 0)
		return error_set(err, ERROR_MEMORY, "no memory for a row");
	return 0;
}

/* The key is cut out of the row: what is the same there is the same here. */
static int append_key(const struct postgresql_table *table, const msgpack_sbuffer *row, msgpack_sbuffer *key,
		      struct error *err)
{
	if (table->key_count == 0)
		return 0;
	if (append_head(key, table->key_count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < table->key_count; i++) {
		const struct place *place = &table->places[table->key[i]];
		if (!place->is_available) {
			error_set(err, ERROR_UNSUPPORTED, "the change does not tell this part of the key: "
				  "set the table's REPLICA IDENTITY to DEFAULT, FULL or an index with this column");
			return name_column(table, table->key[i], err);
		}
		if (msgpack_sbuffer_write(key, row->data + place->begin, place->end - place->begin) != 0)
			return error_set(err, ERROR_MEMORY, "no memory for a key");
	}
	return 0;
}

static int check_field_count(const struct postgresql_table *table, uint32_t field_count,
			     uint32_t wanted, struct error *err)
{
	if (field_count == wanted)
		return 0;
	return error_set(err, ERROR_MALFORMED, "table %.*s.%.*s: a row of %u fields, where %u columns are known",
			 (int)table->schema.schema.size, (const char *)table->schema.schema.data,
			 (int)table->schema.table.size, (const char *)table->schema.table.data, field_count, wanted);
}

/* The old tuple's field of the column so many columns before the last; the cursor follows. */
static struct pgoutput_field old_field(struct pgoutput_tuple *old, uint32_t columns_left)
{
	struct pgoutput_field field = { .kind = PGOUTPUT_FIELD_UNCHANGED };

	while (old->field_count >= columns_left)
		pgoutput_tuple_next(old, &field);
	return field;
}

/* An unchanged value may be in the old tuple; what a KEY tuple does not tell it
 * shows as null. */
static void settle_field(const struct source_column *column, enum pgoutput_tuple_kind kind,
			 struct pgoutput_tuple *old, uint32_t columns_left, struct pgoutput_field *field)
{
	if (kind == PGOUTPUT_TUPLE_KEY && !column->is_identity)
		field->kind = PGOUTPUT_FIELD_UNCHANGED;
	else if (field->kind == PGOUTPUT_FIELD_UNCHANGED &&
		 (old->kind == PGOUTPUT_TUPLE_OLD || (old->kind == PGOUTPUT_TUPLE_KEY && column->is_identity)))
		*field = old_field(old, columns_left);
}

static int append_column(struct postgresql_table *table, uint32_t n, const struct pgoutput_field *field,
			 msgpack_sbuffer *row, struct error *err)
{
	struct place *place = &table->places[n];

	place->begin = row->size;
	if (append_field(&table->columns[table->captured[n]].type, field, row, err) != 0)
		return name_column(table, n, err);
	place->end = row->size;
	place->is_available = field->kind != PGOUTPUT_FIELD_UNCHANGED;
	return 0;
}

static int encode_tuple(struct postgresql_table *table, struct pgoutput_tuple tuple,
			struct pgoutput_tuple old, msgpack_sbuffer *row, struct error *err)
{
	struct pgoutput_field field;
	uint32_t n = 0;

	if (check_field_count(table, tuple.field_count, table->column_count, err) != 0)
		return -1;
	if (old.kind != PGOUTPUT_TUPLE_NONE &&
	    check_field_count(table, old.field_count, table->column_count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < table->column_count; i++) {
		const struct source_column *column = &table->columns[i];

		pgoutput_tuple_next(&tuple, &field);
		if (!column->is_captured)
			continue;
		settle_field(column, tuple.kind, &old, table->column_count - i, &field);
		if (append_column(table, n++, &field, row, err) != 0)
			return -1;
	}
	return 0;
}

int postgresql_table_encode(struct postgresql_table *table, const struct pgoutput_tuple *tuple,
			    const struct pgoutput_tuple *old, msgpack_sbuffer *row,
			    msgpack_sbuffer *key, struct error *err)
{
	static const struct pgoutput_tuple none = { .kind = PGOUTPUT_TUPLE_NONE };
	size_t row_size = row->size, key_size = key == NULL ? 0 : key->size;

	if (append_head(row, table->schema.column_count, err) != 0 ||
	    encode_tuple(table, *tuple, old == NULL ? none : *old, row, err) != 0 ||
	    (key != NULL && append_key(table, row, key, err) != 0)) {
		row->size = row_size;
		if (key != NULL)
			key->size = key_size;
		return -1;
	}
	return 0;
}

static int encode_line(struct postgresql_table *table, void *data, size_t size, msgpack_sbuffer *row,
		       struct error *err)
{
	struct copy_text line = copy_text_over(data, size);
	uint32_t wanted = table->schema.column_count, count = 0;
	struct pgoutput_field field;
	int rc;

	/* A line of no columns is empty, which reads as one empty field. */
	if (wanted == 0 && line.at == line.end)
		return 0;
	while ((rc = copy_text_next(&line, &field.bytes, err)) > 0) {
		field.kind = field.bytes.data == NULL ? PGOUTPUT_FIELD_NULL : PGOUTPUT_FIELD_TEXT;
		if (count < wanted && append_column(table, count, &field, row, err) != 0)
			return -1;
		count++;
	}
	return rc != 0 ? -1 : check_field_count(table, count, wanted, err);
}

int postgresql_table_encode_copy(struct postgresql_table *table, void *line, size_t size,
				 msgpack_sbuffer *row, msgpack_sbuffer *key, struct error *err)
{
	size_t row_size = row->size, key_size = key == NULL ? 0 : key->size;

	if (append_head(row, table->schema.column_count, err) != 0 ||
	    encode_line(table, line, size, row, err) != 0 ||
	    (key != NULL && append_key(table, row, key, err) != 0)) {
		row->size = row_size;
		if (key != NULL)
			key->size = key_size;
		return -1;
	}
	return 0;
}
