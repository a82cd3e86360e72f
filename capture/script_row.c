#include "capture/script_row.h"

#include "capture/script_words.h"
#include "protocol/value.h"

#include <errno.h>
#include <msgpack/pack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One value's text, substituted; 0 at the end. */
struct value_text {
	bool is_quoted;
	size_t size;
	char bytes[4096];
};

static int put_text(struct value_text *out, const char *text, size_t size, struct error *err)
{
	if (out->size + size >= sizeof(out->bytes))
		return error_set(err, ERROR_LIMIT, "a value of %zu bytes at most", sizeof(out->bytes) - 1);
	memcpy(out->bytes + out->size, text, size);
	out->size += size;
	out->bytes[out->size] = '\0';
	return 0;
}

static int put_variable(struct value_text *out, char name, uint64_t n, uint64_t i, struct error *err)
{
	char digits[24];
	if (name != 'n' && name != 'i')
		return error_set(err, ERROR_MALFORMED, "$%c is neither $n nor $i", name);
	int size = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)(name == 'n' ? n : i));
	return put_text(out, digits, (size_t)size, err);
}

static int next_value(struct script_words *words, uint64_t n, uint64_t i, struct value_text *out,
		      struct error *err)
{
	script_words_skip(words);
	out->size = 0;
	out->bytes[0] = '\0';
	if (words->at == words->end)
		return 0;
	out->is_quoted = *words->at == '"';
	words->at += out->is_quoted;
	for (;; words->at++) {
		bool is_last = words->at + 1 >= words->end;
		if (words->at >= words->end)
			return out->is_quoted ? error_set(err, ERROR_MALFORMED, "a '\"' is missing") : 1;
		char letter = *words->at;
		if (out->is_quoted && letter == '"') {
			words->at++;
			return 1;
		}
		if (!out->is_quoted && (letter == ' ' || letter == '\t'))
			return 1;
		if ((letter == '\\' || letter == '$') && is_last)
			return error_set(err, ERROR_MALFORMED, "nothing follows '%c'", letter);
		if (letter == '\\' || letter == '$')
			words->at++;
		if ((letter == '$' ? put_variable(out, *words->at, n, i, err)
				   : put_text(out, words->at, 1, err)) != 0)
			return -1;
	}
}

static int wrong_value(const struct value_text *text, const struct schema_column *column,
		       struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "column '%.*s': '%.60s' is no %s",
			 (int)column->name.size, (const char *)column->name.data, text->bytes,
			 logical_type_name(column->type));
}

static int read_value(const struct value_text *text, const struct schema_column *column,
		      struct value *out, struct error *err)
{
	char *end = NULL;
	bool is_empty = text->size == 0;
	errno = 0;
	if (!text->is_quoted && strcmp(text->bytes, "null") == 0) {
		*out = (struct value){ .kind = VALUE_NULL };
		return column->key_position == 0 ? 0 : wrong_value(text, column, err);
	}
	switch (column->type) {
	case LOGICAL_BOOL:
		*out = (struct value){ .kind = VALUE_BOOL, .boolean = strcmp(text->bytes, "true") == 0 };
		return out->boolean || strcmp(text->bytes, "false") == 0 ? 0
									 : wrong_value(text, column, err);
	case LOGICAL_INT16:
	case LOGICAL_INT32:
	case LOGICAL_INT64:
		*out = (struct value){ .kind = VALUE_INTEGER,
				       .integer = strtoll(text->bytes, &end, 10) };
		return is_empty || *end != '\0' || errno != 0 ? wrong_value(text, column, err) : 0;
	case LOGICAL_FLOAT64:
		*out = (struct value){ .kind = VALUE_FLOAT64, .float64 = strtod(text->bytes, &end) };
		return is_empty || *end != '\0' ? wrong_value(text, column, err) : 0;
	default:
		*out = (struct value){ .kind = VALUE_TEXT,
				       .bytes = { (const uint8_t *)text->bytes, text->size } };
		return 0;
	}
}

int script_row_encode(const struct script_table *table, struct bytes values, uint64_t n, uint64_t i,
		      msgpack_sbuffer *row, msgpack_sbuffer *key, struct error *err)
{
	const struct schema *schema = &table->schema;
	struct script_words words = { (const char *)values.data, (const char *)values.data + values.size };
	struct value_text text;
	msgpack_packer packer, key_packer;
	uint32_t key_count = 0;
	for (uint32_t c = 0; c < schema->column_count; c++)
		key_count += schema->columns[c].key_position > 0;
	msgpack_packer_init(&packer, row, msgpack_sbuffer_write);
	msgpack_packer_init(&key_packer, key, msgpack_sbuffer_write);
	if (msgpack_pack_array(&packer, schema->column_count) != 0 ||
	    (key_count > 0 && msgpack_pack_array(&key_packer, key_count) != 0))
		return error_set(err, ERROR_MEMORY, "a row of a script");
	for (uint32_t c = 0; c < schema->column_count; c++) {
		const struct schema_column *column = &schema->columns[c];
		struct value value;
		int rc = next_value(&words, n, i, &text, err);
		if (rc == 0)
			return error_set(err, ERROR_MALFORMED, "%u values, the table has %u columns", c,
					 schema->column_count);
		if (rc < 0 || read_value(&text, column, &value, err) != 0 ||
		    value_encode(&packer, &value, err) != 0 ||
		    (column->key_position > 0 && value_encode(&key_packer, &value, err) != 0))
			return -1;
	}
	script_words_skip(&words);
	return words.at == words.end ? 0 : error_set(err, ERROR_MALFORMED, "more values than columns");
}

int script_row_check(const struct script_table *table, struct bytes values, struct error *err)
{
	msgpack_sbuffer row, key;
	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	int rc = script_row_encode(table, values, 1, 1, &row, &key, err);
	if (rc == 0)
		rc = change_check_row((struct bytes){ (const uint8_t *)row.data, row.size }, &table->schema,
				      err);
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
	return rc;
}
