#include "capture/script.h"

#include <errno.h>
#include <msgpack/pack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 64, WORD_BYTES_MAX = 256, COUNT_DIGITS_MAX = 18 };

/* What is left of a line. */
struct rest {
	const char *at;
	const char *end;
};

static void skip_spaces(struct rest *rest)
{
	while (rest->at < rest->end && (*rest->at == ' ' || *rest->at == '\t'))
		rest->at++;
}

/* The next word: 1, or 0 at the end. */
static int next_word(struct rest *rest, struct bytes *out)
{
	skip_spaces(rest);
	const char *begin = rest->at;
	while (rest->at < rest->end && *rest->at != ' ' && *rest->at != '\t')
		rest->at++;
	*out = (struct bytes){ (const uint8_t *)begin, (size_t)(rest->at - begin) };
	return rest->at > begin;
}

static bool is_word(struct bytes word, const char *text)
{
	return word.size == strlen(text) && memcmp(word.data, text, word.size) == 0;
}

/* "c*50" → "c" and 50; without a count 1. */
static int split_count(struct bytes *word, uint64_t *out, struct error *err)
{
	const uint8_t *star = word->size > 0 ? memchr(word->data, '*', word->size) : NULL;
	*out = 1;
	if (star == NULL)
		return 0;
	size_t digits = (size_t)(word->data + word->size - star - 1);
	uint64_t count = 0;
	for (size_t i = 0; i < digits; i++) {
		if (star[1 + i] < '0' || star[1 + i] > '9')
			digits = 0;
		count = count * 10 + (uint64_t)(star[1 + i] - '0');
	}
	if (digits == 0 || digits > COUNT_DIGITS_MAX)
		return error_set(err, ERROR_MALFORMED, "'%.*s' is no count", (int)word->size,
				 (const char *)word->data);
	word->size = (size_t)(star - word->data);
	*out = count;
	return 0;
}

static int read_number(struct rest *rest, uint64_t *out, struct error *err)
{
	char digits[COUNT_DIGITS_MAX + 1];
	struct bytes word;
	char *end;
	if (next_word(rest, &word) == 0 || word.size > COUNT_DIGITS_MAX)
		return error_set(err, ERROR_MALFORMED, "a number is missing");
	memcpy(digits, word.data, word.size);
	digits[word.size] = '\0';
	*out = strtoull(digits, &end, 10);
	if (*end != '\0')
		return error_set(err, ERROR_MALFORMED, "'%s' is no number", digits);
	return 0;
}

/* Growing arrays: room for one more. */
static void *grow(void *array, size_t count, size_t size, struct error *err)
{
	if ((count & (count - 1)) != 0)
		return array;
	void *grown = realloc(array, (count == 0 ? 1 : count * 2) * size);
	if (grown == NULL)
		error_set(err, ERROR_MEMORY, "reading a script");
	return grown;
}

/* Tables. */

static const struct {
	const char *name;
	enum logical_type type;
	const char *native;
} types[] = {
	{ "bool", LOGICAL_BOOL, "boolean" },
	{ "int16", LOGICAL_INT16, "smallint" },
	{ "int32", LOGICAL_INT32, "integer" },
	{ "int64", LOGICAL_INT64, "bigint" },
	{ "float64", LOGICAL_FLOAT64, "double precision" },
	{ "string", LOGICAL_STRING, "text" },
	{ "text", LOGICAL_TEXT, "text" },
	{ "json", LOGICAL_JSON, "json" },
	{ "decimal", LOGICAL_DECIMAL, "numeric" },
};

static int read_column(struct bytes word, struct schema_column *out, uint32_t *key_count,
		       struct error *err)
{
	const uint8_t *colon = memchr(word.data, ':', word.size);
	bool is_key = word.data[word.size - 1] == '*';
	if (colon == NULL || colon == word.data)
		return error_set(err, ERROR_MALFORMED, "a column is NAME:TYPE, not '%.*s'",
				 (int)word.size, (const char *)word.data);
	struct bytes type = { colon + 1, (size_t)(word.data + word.size - colon) - 1 - is_key };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!is_word(type, types[i].name))
			continue;
		*out = (struct schema_column){
			.name = { word.data, (size_t)(colon - word.data) },
			.type = types[i].type,
			.native_type = bytes_of_text(types[i].native),
			.length = -1,
			.scale = -1,
			.flags = is_key ? 0 : SCHEMA_COLUMN_OPTIONAL,
			.key_position = is_key ? ++*key_count : 0,
		};
		return 0;
	}
	return error_set(err, ERROR_MALFORMED, "type '%.*s' is not known", (int)type.size,
			 (const char *)type.data);
}

/* "public.users": what is before the last dot is the schema. */
static void name_table(struct script_table *table)
{
	const char *dot = strrchr(table->name, '.');
	struct schema *schema = &table->schema;
	schema->source = bytes_of_text("scripted");
	schema->database = bytes_of_text("script");
	schema->schema = dot == NULL ? bytes_of_text("")
				     : (struct bytes){ (const uint8_t *)table->name,
						       (size_t)(dot - table->name) };
	schema->table = bytes_of_text(dot == NULL ? table->name : dot + 1);
}

static int find_table(const struct script *script, struct bytes name, uint32_t *out,
		      struct error *err)
{
	for (uint32_t n = 0; n < script->table_count; n++) {
		if (!is_word(name, script->tables[n].name))
			continue;
		*out = n;
		return 0;
	}
	return error_set(err, ERROR_MALFORMED, "table '%.*s' is not declared", (int)name.size,
			 (const char *)name.data);
}

static int add_table(struct script *script, struct rest *rest, struct error *err)
{
	struct bytes word;
	uint32_t key_count = 0;
	void *grown = grow(script->tables, script->table_count, sizeof(*script->tables), err);
	if (grown == NULL)
		return -1;
	script->tables = grown;
	struct script_table *table = &script->tables[script->table_count];
	*table = (struct script_table){ 0 };
	if (next_word(rest, &word) == 0 || word.size >= WORD_BYTES_MAX)
		return error_set(err, ERROR_MALFORMED, "a table needs a name");
	script->table_count++;
	table->name = strndup((const char *)word.data, word.size);
	table->schema.columns = calloc(COLUMNS_MAX, sizeof(*table->schema.columns));
	if (table->name == NULL || table->schema.columns == NULL)
		return error_set(err, ERROR_MEMORY, "reading a script");
	name_table(table);
	while (next_word(rest, &word) != 0) {
		if (table->schema.column_count == COLUMNS_MAX)
			return error_set(err, ERROR_LIMIT, "a table has %d columns at most", COLUMNS_MAX);
		if (read_column(word, &table->schema.columns[table->schema.column_count], &key_count,
				err) != 0)
			return -1;
		table->schema.column_count++;
	}
	table->has_key = key_count > 0;
	return table->schema.column_count > 0
		       ? 0 : error_set(err, ERROR_MALFORMED, "a table needs columns");
}

/* Values. */

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

static int next_value(struct rest *rest, uint64_t n, uint64_t i, struct value_text *out,
		      struct error *err)
{
	skip_spaces(rest);
	out->size = 0;
	out->bytes[0] = '\0';
	if (rest->at == rest->end)
		return 0;
	out->is_quoted = *rest->at == '"';
	rest->at += out->is_quoted;
	for (;; rest->at++) {
		bool is_last = rest->at + 1 >= rest->end;
		if (rest->at >= rest->end)
			return out->is_quoted ? error_set(err, ERROR_MALFORMED, "a '\"' is missing") : 1;
		char letter = *rest->at;
		if (out->is_quoted && letter == '"') {
			rest->at++;
			return 1;
		}
		if (!out->is_quoted && (letter == ' ' || letter == '\t'))
			return 1;
		if ((letter == '\\' || letter == '$') && is_last)
			return error_set(err, ERROR_MALFORMED, "nothing follows '%c'", letter);
		if (letter == '\\' || letter == '$')
			rest->at++;
		if ((letter == '$' ? put_variable(out, *rest->at, n, i, err)
				   : put_text(out, rest->at, 1, err)) != 0)
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

int script_encode_row(const struct script_table *table, struct bytes values, uint64_t n, uint64_t i,
		      msgpack_sbuffer *row, msgpack_sbuffer *key, struct error *err)
{
	const struct schema *schema = &table->schema;
	struct rest rest = { (const char *)values.data, (const char *)values.data + values.size };
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
		int rc = next_value(&rest, n, i, &text, err);
		if (rc == 0)
			return error_set(err, ERROR_MALFORMED, "%u values, the table has %u columns", c,
					 schema->column_count);
		if (rc < 0 || read_value(&text, column, &value, err) != 0 ||
		    value_encode(&packer, &value, err) != 0 ||
		    (column->key_position > 0 && value_encode(&key_packer, &value, err) != 0))
			return -1;
	}
	skip_spaces(&rest);
	return rest.at == rest.end ? 0 : error_set(err, ERROR_MALFORMED, "more values than columns");
}

/* Can it be encoded?  Whatever its numbers are, it can then later, but for ranges. */
static int check_row(const struct script_table *table, struct bytes values, struct error *err)
{
	msgpack_sbuffer row, key;
	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	int rc = script_encode_row(table, values, 1, 1, &row, &key, err);
	if (rc == 0)
		rc = change_check_row((struct bytes){ (const uint8_t *)row.data, row.size }, &table->schema,
				      err);
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
	return rc;
}

/* Steps. */

static struct script_step *add_step(struct script_step **steps, size_t *count, uint32_t line,
				    struct error *err)
{
	void *grown = grow(*steps, *count, sizeof(**steps), err);
	if (grown == NULL)
		return NULL;
	*steps = grown;
	struct script_step *step = &(*steps)[(*count)++];
	*step = (struct script_step){ .line = line, .count = 1 };
	return step;
}

/* Where " was " stands outside quotes; NULL: nowhere. */
static const char *find_was(const struct rest *rest)
{
	bool is_quoted = false;
	for (const char *at = rest->at; at + 5 <= rest->end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && memcmp(at, " was ", 5) == 0)
			return at;
	}
	return NULL;
}

/* The table's name and the values behind it. */
static int read_row(struct script *script, struct rest *rest, struct bytes name,
		    struct script_step *step, struct error *err)
{
	if (find_table(script, name, &step->table, err) != 0)
		return -1;
	const struct script_table *table = &script->tables[step->table];
	step->verb = SCRIPT_ROW;
	if (step->op == CHANGE_TRUNCATE)
		return 0;
	const char *was = step->op == CHANGE_UPDATE ? find_was(rest) : NULL;
	const char *end = was != NULL ? was : rest->end;
	step->values = (struct bytes){ (const uint8_t *)rest->at, (size_t)(end - rest->at) };
	if (was != NULL)
		step->was = (struct bytes){ (const uint8_t *)was + 5, (size_t)(rest->end - was - 5) };
	if (check_row(table, step->values, err) != 0 ||
	    (was != NULL && check_row(table, step->was, err) != 0))
		return -1;
	return 0;
}

static int code_of(struct bytes word, enum error_code *out, struct error *err)
{
	static const struct { const char *name; enum error_code code; } codes[] = {
		{ "connection", ERROR_CONNECTION }, { "timeout", ERROR_TIMEOUT }, { "gap", ERROR_GAP },
		{ "denied", ERROR_DENIED }, { "malformed", ERROR_MALFORMED },
	};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (!is_word(word, codes[i].name))
			continue;
		*out = codes[i].code;
		return 0;
	}
	return error_set(err, ERROR_MALFORMED,
			 "fails with connection, timeout, gap, denied or malformed, not '%.*s'",
			 (int)word.size, (const char *)word.data);
}

/* Where the reading is. */
struct reading {
	struct script *script;
	uint32_t line;
	bool is_in_snapshot;
	bool is_in_transaction;
};

static int read_change(struct reading *reading, char op, uint64_t count, struct rest *rest,
		       struct error *err)
{
	struct script *script = reading->script;
	struct bytes name;
	if (!reading->is_in_transaction)
		return error_set(err, ERROR_MALFORMED, "a change outside begin and commit");
	struct script_step *step = add_step(&script->steps, &script->step_count, reading->line, err);
	if (step == NULL)
		return -1;
	step->op = (enum change_op)op;
	step->count = count;
	if (next_word(rest, &name) == 0)
		return error_set(err, ERROR_MALFORMED, "a change needs a table");
	return read_row(script, rest, name, step, err);
}

static int read_snapshot_line(struct reading *reading, struct bytes word, struct rest *rest,
			      struct error *err)
{
	struct script *script = reading->script;
	if (is_word(word, "end")) {
		reading->is_in_snapshot = false;
		return 0;
	}
	struct script_step *step =
		add_step(&script->snapshot, &script->snapshot_count, reading->line, err);
	if (step == NULL)
		return -1;
	step->op = CHANGE_READ;
	if (split_count(&word, &step->count, err) != 0)
		return -1;
	return read_row(script, rest, word, step, err);
}

static int read_end_of_transaction(struct reading *reading, struct script_step *step,
				   struct error *err)
{
	if (!reading->is_in_transaction)
		return error_set(err, ERROR_MALFORMED, "commit without begin");
	reading->is_in_transaction = false;
	step->verb = SCRIPT_COMMIT;
	return 0;
}

static int read_step(struct reading *reading, struct bytes word, uint64_t count,
		     struct rest *rest, struct error *err)
{
	struct script *script = reading->script;
	struct script_step *step = add_step(&script->steps, &script->step_count, reading->line, err);
	struct bytes code;
	if (step == NULL)
		return -1;
	step->count = count;
	if (is_word(word, "commit"))
		return read_end_of_transaction(reading, step, err);
	if (is_word(word, "begin")) {
		if (reading->is_in_transaction || count == 0)
			return error_set(err, ERROR_MALFORMED, "a transaction cannot begin here");
		reading->is_in_transaction = true;
		step->verb = SCRIPT_BEGIN;
		return 0;
	}
	if (is_word(word, "hang")) {
		step->verb = SCRIPT_HANG;
		return 0;
	}
	if (is_word(word, "wait")) {
		step->verb = SCRIPT_WAIT;
		return read_number(rest, &step->count, err);
	}
	if (!is_word(word, "fail"))
		return error_set(err, ERROR_MALFORMED, "'%.*s' is not known", (int)word.size,
				 (const char *)word.data);
	step->verb = SCRIPT_FAIL;
	next_word(rest, &code);
	skip_spaces(rest);
	step->values = (struct bytes){ (const uint8_t *)rest->at, (size_t)(rest->end - rest->at) };
	return code_of(code, &step->code, err);
}

static int read_path(struct script *script, struct rest *rest, struct error *err)
{
	struct bytes path;
	next_word(rest, &path);
	free(script->confirm_path);
	script->confirm_path = strndup((const char *)path.data, path.size);
	return script->confirm_path != NULL ? 0 : error_set(err, ERROR_MEMORY, "reading a script");
}

static int read_line(struct reading *reading, struct rest *rest, struct error *err)
{
	struct bytes word;
	uint64_t count;
	if (next_word(rest, &word) == 0 || word.data[0] == '#')
		return 0;
	if (reading->is_in_snapshot)
		return read_snapshot_line(reading, word, rest, err);
	if (is_word(word, "table"))
		return add_table(reading->script, rest, err);
	if (is_word(word, "oldest"))
		return read_number(rest, &reading->script->oldest, err);
	if (is_word(word, "confirm"))
		return read_path(reading->script, rest, err);
	if (is_word(word, "snapshot")) {
		reading->is_in_snapshot = reading->script->has_snapshot = true;
		return 0;
	}
	if (split_count(&word, &count, err) != 0)
		return -1;
	if (word.size == 1 && strchr("cudt", word.data[0]) != NULL)
		return read_change(reading, (char)word.data[0], count, rest, err);
	return read_step(reading, word, count, rest, err);
}

int script_parse(struct script *script, struct bytes text, struct error *err)
{
	struct reading reading = { .script = script };
	*script = (struct script){ .text = malloc(text.size + 1) };
	if (script->text == NULL)
		return error_set(err, ERROR_MEMORY, "reading a script");
	memcpy(script->text, text.data, text.size);
	const char *at = script->text, *end = script->text + text.size;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct rest rest = { at, newline != NULL ? newline : end };
		reading.line++;
		if (read_line(&reading, &rest, err) != 0) {
			script_clear(script);
			return error_context(err, "line %u", reading.line);
		}
		at = newline != NULL ? newline + 1 : end;
	}
	if (!reading.is_in_snapshot && !reading.is_in_transaction)
		return 0;
	script_clear(script);
	return error_set(err, ERROR_MALFORMED, "its end is missing: %s",
			 reading.is_in_snapshot ? "end" : "commit");
}

void script_clear(struct script *script)
{
	for (uint32_t n = 0; n < script->table_count; n++) {
		free(script->tables[n].name);
		schema_clear(&script->tables[n].schema);
	}
	free(script->tables);
	free(script->steps);
	free(script->snapshot);
	free(script->confirm_path);
	free(script->text);
	*script = (struct script){ 0 };
}
