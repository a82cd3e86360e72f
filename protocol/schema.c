#include "protocol/schema.h"

#include "protocol/unpack.h"

#include <assert.h>
#include <msgpack/pack.h>
#include <stdlib.h>

enum {
	ENCODING_VERSION = 1,
	SCHEMA_ITEMS = 6,
	COLUMN_ITEMS = 10,
	SHOWN_NAME_BYTES = 64,
};

/* What has to hold for a schema, column by column: the same rules guard what is
 * written and what is read, `code` says which of the two went wrong. */
struct rules {
	enum error_code code;
	uint32_t label_count;
	uint32_t key_count;
	uint32_t key_position_max;
	uint64_t key_positions[SCHEMA_COLUMNS_MAX / 64];        /* those seen, a bit each */
};

static int check_name(struct bytes name, const char *what, struct error *err)
{
	if (name.size > SCHEMA_NAME_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "%s of %zu bytes, %d are allowed", what, name.size,
				 SCHEMA_NAME_BYTES_MAX);
	return 0;
}

static int check_type(const struct rules *rules, const struct schema_column *column,
		      struct error *err)
{
	bool is_array = column->type == LOGICAL_ARRAY;
	bool has_element_type = logical_type_name(column->element_type) != NULL &&
				column->element_type != LOGICAL_ARRAY;

	if (logical_type_name(column->type) == NULL)
		return error_set(err, rules->code, "logical type %d is not known", (int)column->type);
	if (is_array ? !has_element_type : column->element_type != 0)
		return error_set(err, rules->code, "%s cannot have elements of type %d",
				 logical_type_name(column->type), (int)column->element_type);
	return 0;
}

static int check_key_position(struct rules *rules, uint32_t position, struct error *err)
{
	if (position == 0)
		return 0;
	if (position > SCHEMA_COLUMNS_MAX)
		return error_set(err, rules->code, "key position %u", position);

	uint64_t *word = &rules->key_positions[(position - 1) / 64];
	uint64_t bit = 1ull << ((position - 1) % 64);
	if ((*word & bit) != 0)
		return error_set(err, rules->code, "key position %u is another column's too", position);
	*word |= bit;
	rules->key_count++;
	if (position > rules->key_position_max)
		rules->key_position_max = position;
	return 0;
}

static int check_column(struct rules *rules, const struct schema_column *column,
			struct error *err)
{
	if (column->name.size == 0)
		return error_set(err, rules->code, "it has no name");
	if (check_name(column->name, "name", err) != 0 ||
	    check_name(column->native_type, "native type", err) != 0 ||
	    check_type(rules, column, err) != 0)
		return -1;
	if (column->length < -1)
		return error_set(err, rules->code, "length %d", column->length);
	rules->label_count += column->label_count;
	if (column->label_count > SCHEMA_LABELS_MAX || rules->label_count > SCHEMA_LABELS_MAX)
		return error_set(err, ERROR_LIMIT, "more than %d labels in all columns",
				 SCHEMA_LABELS_MAX);
	return check_key_position(rules, column->key_position, err);
}

static int check_keys(const struct rules *rules, struct error *err)
{
	if (rules->key_count != rules->key_position_max)
		return error_set(err, rules->code, "key has position %u, but %u columns",
				 rules->key_position_max, rules->key_count);
	return 0;
}

static int check_schema(const struct schema *schema, struct error *err)
{
	if (check_name(schema->source, "source name", err) != 0 ||
	    check_name(schema->database, "database name", err) != 0 ||
	    check_name(schema->schema, "schema name", err) != 0 ||
	    check_name(schema->table, "table name", err) != 0)
		return -1;
	if (schema->column_count > SCHEMA_COLUMNS_MAX)
		return error_set(err, ERROR_LIMIT, "%u columns, %d are allowed", schema->column_count,
				 SCHEMA_COLUMNS_MAX);
	return 0;
}

static int column_context(uint32_t index, struct bytes name, struct error *err)
{
	size_t shown_bytes = name.size < SHOWN_NAME_BYTES ? name.size : SHOWN_NAME_BYTES;

	if (shown_bytes == 0)
		return error_context(err, "column %u", index + 1);
	return error_context(err, "column %u '%.*s'", index + 1, (int)shown_bytes,
			     (const char *)name.data);
}

/* Before anything is written: is it what schema_decode will read? */
static int check_all(const struct schema *schema, struct error *err)
{
	struct rules rules = { .code = ERROR_INVALID };

	if (check_schema(schema, err) != 0)
		return -1;
	for (uint32_t i = 0; i < schema->column_count; i++) {
		const struct schema_column *column = &schema->columns[i];
		size_t text_bytes_max = column->default_text.size;
		if (check_column(&rules, column, err) != 0)
			return column_context(i, column->name, err);
		for (uint32_t k = 0; k < column->label_count; k++) {
			if (column->labels[k].size > text_bytes_max)
				text_bytes_max = column->labels[k].size;
		}
		if (text_bytes_max > UINT32_MAX) {
			error_set(err, ERROR_LIMIT, "a text of %zu bytes", text_bytes_max);
			return column_context(i, column->name, err);
		}
	}
	return check_keys(&rules, err);
}

static int pack_text(msgpack_packer *packer, struct bytes text)
{
	return msgpack_pack_str_with_body(packer, text.data, text.size);
}

static int pack_labels(msgpack_packer *packer, const struct schema_column *column)
{
	int rc;

	if (column->label_count == 0)
		return msgpack_pack_nil(packer);
	rc = msgpack_pack_array(packer, column->label_count);
	for (uint32_t i = 0; i < column->label_count && rc == 0; i++)
		rc = pack_text(packer, column->labels[i]);
	return rc;
}

static int pack_column(msgpack_packer *packer, const struct schema_column *column)
{
	int rc = msgpack_pack_array(packer, COLUMN_ITEMS);

	rc |= pack_text(packer, column->name);
	rc |= msgpack_pack_uint32(packer, column->type);
	rc |= msgpack_pack_uint32(packer, column->element_type);
	rc |= pack_text(packer, column->native_type);
	rc |= msgpack_pack_int32(packer, column->length);
	rc |= msgpack_pack_int32(packer, column->scale);
	rc |= msgpack_pack_uint32(packer, column->flags);
	rc |= msgpack_pack_uint32(packer, column->key_position);
	if (column->default_text.data == NULL)
		rc |= msgpack_pack_nil(packer);
	else
		rc |= pack_text(packer, column->default_text);
	rc |= pack_labels(packer, column);
	return rc;
}

int schema_encode(msgpack_sbuffer *buffer, const struct schema *schema, struct error *err)
{
	size_t size_before = buffer->size;
	msgpack_packer packer;
	int rc;

	if (check_all(schema, err) != 0)
		return error_context(err, "schema");

	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	rc = msgpack_pack_array(&packer, SCHEMA_ITEMS);
	rc |= msgpack_pack_uint32(&packer, ENCODING_VERSION);
	rc |= pack_text(&packer, schema->source);
	rc |= pack_text(&packer, schema->database);
	rc |= pack_text(&packer, schema->schema);
	rc |= pack_text(&packer, schema->table);
	rc |= msgpack_pack_array(&packer, schema->column_count);
	for (uint32_t i = 0; i < schema->column_count && rc == 0; i++)
		rc = pack_column(&packer, &schema->columns[i]);
	if (rc != 0) {
		buffer->size = size_before;
		return error_set(err, ERROR_MEMORY, "no memory to encode a schema of %u columns",
				 schema->column_count);
	}
	return 0;
}

static int skip_items(struct unpack *unpack, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		if (unpack_skip(unpack, NULL, err) != 0)
			return -1;
	}
	return 0;
}

static int read_count(struct unpack *unpack, uint32_t count_min, uint32_t *out, struct error *err)
{
	if (unpack_array(unpack, out, err) != 0)
		return -1;
	if (*out < count_min)
		return error_set(err, ERROR_MALFORMED, "%u items, %u are needed", *out, count_min);
	return 0;
}

static int read_i32(struct unpack *unpack, int32_t *out, struct error *err)
{
	int64_t number;

	if (unpack_i64(unpack, &number, err) != 0)
		return -1;
	if (number < INT32_MIN || number > INT32_MAX)
		return error_set(err, ERROR_MALFORMED, "%lld where 32 bits belong", (long long)number);
	*out = (int32_t)number;
	return 0;
}

static int read_type(struct unpack *unpack, enum logical_type *out, struct error *err)
{
	uint32_t number;

	if (unpack_u32(unpack, &number, err) != 0)
		return -1;
	/* check_column refuses it; as an enum it might look like a smaller one. */
	*out = number <= UINT8_MAX ? (enum logical_type)number : (enum logical_type)UINT8_MAX;
	return 0;
}

/* Read the label count and step over the labels; out_labels is where they are. */
static int read_labels(struct unpack *unpack, uint32_t *out_count, struct unpack *out_labels,
		       struct error *err)
{
	struct bytes text;

	*out_count = 0;
	if (unpack_nil(unpack))
		return 0;
	if (unpack_array(unpack, out_count, err) != 0)
		return -1;
	*out_labels = *unpack;
	for (uint32_t i = 0; i < *out_count; i++) {
		if (unpack_text(unpack, &text, err) != 0)
			return -1;
	}
	return 0;
}

/* Read a column but for the array of its labels. */
static int read_column(struct unpack *unpack, struct schema_column *out, struct unpack *out_labels,
		       struct error *err)
{
	uint32_t item_count;

	*out = (struct schema_column){ 0 };
	if (read_count(unpack, COLUMN_ITEMS, &item_count, err) != 0 ||
	    unpack_text(unpack, &out->name, err) != 0 ||
	    read_type(unpack, &out->type, err) != 0 ||
	    read_type(unpack, &out->element_type, err) != 0 ||
	    unpack_text(unpack, &out->native_type, err) != 0 ||
	    read_i32(unpack, &out->length, err) != 0 ||
	    read_i32(unpack, &out->scale, err) != 0 ||
	    unpack_u32(unpack, &out->flags, err) != 0 ||
	    unpack_u32(unpack, &out->key_position, err) != 0)
		return -1;
	if (!unpack_nil(unpack) && unpack_text(unpack, &out->default_text, err) != 0)
		return -1;
	if (read_labels(unpack, &out->label_count, out_labels, err) != 0)
		return -1;
	return skip_items(unpack, item_count - COLUMN_ITEMS, err);
}

/* Step over the columns and check them; nothing is allocated yet. */
static int scan_columns(struct unpack *unpack, uint32_t count, struct error *err)
{
	struct rules rules = { .code = ERROR_MALFORMED };
	struct schema_column column;
	struct unpack labels;

	for (uint32_t i = 0; i < count; i++) {
		if (read_column(unpack, &column, &labels, err) != 0 ||
		    check_column(&rules, &column, err) != 0)
			return column_context(i, column.name, err);
	}
	return check_keys(&rules, err);
}

/* The same again with arrays to put them in; only memory can be missing now. */
static int fill_columns(struct unpack unpack, struct schema *schema, struct error *err)
{
	struct unpack labels;

	if (schema->column_count == 0)
		return 0;
	schema->columns = calloc(schema->column_count, sizeof(*schema->columns));
	if (schema->columns == NULL)
		goto fail;
	for (uint32_t i = 0; i < schema->column_count; i++) {
		struct schema_column *column = &schema->columns[i];
		if (read_column(&unpack, column, &labels, err) != 0)
			return -1;
		if (column->label_count == 0)
			continue;
		column->labels = calloc(column->label_count, sizeof(*column->labels));
		if (column->labels == NULL)
			goto fail;
		for (uint32_t k = 0; k < column->label_count; k++) {
			if (unpack_text(&labels, &column->labels[k], err) != 0)
				return -1;
		}
	}
	return 0;
fail:
	return error_set(err, ERROR_MEMORY, "no memory for %u columns", schema->column_count);
}

static int read_head(struct unpack *unpack, struct schema *out, uint32_t *out_item_count,
		     struct error *err)
{
	uint32_t version;

	/* The version first: only a schema of ours is known to have six items. */
	if (read_count(unpack, 1, out_item_count, err) != 0 ||
	    unpack_u32(unpack, &version, err) != 0)
		return -1;
	if (version != ENCODING_VERSION)
		return error_set(err, ERROR_FORMAT_VERSION, "encoding version %u, only %d is known",
				 version, ENCODING_VERSION);
	if (*out_item_count < SCHEMA_ITEMS)
		return error_set(err, ERROR_MALFORMED, "%u items, %d are needed", *out_item_count,
				 SCHEMA_ITEMS);
	if (unpack_text(unpack, &out->source, err) != 0 ||
	    unpack_text(unpack, &out->database, err) != 0 ||
	    unpack_text(unpack, &out->schema, err) != 0 ||
	    unpack_text(unpack, &out->table, err) != 0 ||
	    unpack_array(unpack, &out->column_count, err) != 0)
		return -1;
	return check_schema(out, err);
}

int schema_decode(const void *data, size_t size, struct schema *out, struct error *err)
{
	struct unpack unpack = unpack_over(data, size);
	struct schema schema = { 0 };
	struct unpack columns;
	uint32_t item_count;

	if (read_head(&unpack, &schema, &item_count, err) != 0)
		goto fail;
	columns = unpack;
	if (scan_columns(&unpack, schema.column_count, err) != 0 ||
	    skip_items(&unpack, item_count - SCHEMA_ITEMS, err) != 0)
		goto fail;
	if (!unpack_at_end(&unpack)) {
		error_set(err, ERROR_MALFORMED, "%zu bytes behind its end",
			  (size_t)(unpack.end - unpack.at));
		goto fail;
	}
	if (fill_columns(columns, &schema, err) != 0)
		goto fail;
	*out = schema;
	return 0;
fail:
	schema_clear(&schema);
	return error_context(err, "schema");
}

void schema_clear(struct schema *schema)
{
	for (uint32_t i = 0; schema->columns != NULL && i < schema->column_count; i++)
		free(schema->columns[i].labels);
	free(schema->columns);
	*schema = (struct schema){ 0 };
}

uint64_t schema_fingerprint(const void *encoded, size_t size)
{
	const uint8_t *bytes = encoded;
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return hash;
}
