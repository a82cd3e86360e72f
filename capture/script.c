#include "capture/script.h"

#include "capture/script_row.h"
#include "capture/script_words.h"
#include "protocol/array.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 64, WORD_BYTES_MAX = 256 };

static void *grow(void *array, size_t count, size_t size, struct error *err)
{
	void *grown = array_grow(array, count, size);
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
		if (!script_words_is(type, types[i].name))
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
		if (!script_words_is(name, script->tables[n].name))
			continue;
		*out = n;
		return 0;
	}
	return error_set(err, ERROR_MALFORMED, "table '%.*s' is not declared", (int)name.size,
			 (const char *)name.data);
}

static int add_table(struct script *script, struct script_words *words, struct error *err)
{
	struct bytes word;
	uint32_t key_count = 0;
	void *grown = grow(script->tables, script->table_count, sizeof(*script->tables), err);
	if (grown == NULL)
		return -1;
	script->tables = grown;
	struct script_table *table = &script->tables[script->table_count];
	*table = (struct script_table){ 0 };
	if (script_words_next(words, &word) == 0 || word.size >= WORD_BYTES_MAX)
		return error_set(err, ERROR_MALFORMED, "a table needs a name");
	script->table_count++;
	table->name = strndup((const char *)word.data, word.size);
	table->schema.columns = calloc(COLUMNS_MAX, sizeof(*table->schema.columns));
	if (table->name == NULL || table->schema.columns == NULL)
		return error_set(err, ERROR_MEMORY, "reading a script");
	name_table(table);
	while (script_words_next(words, &word) != 0) {
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
static const char *find_was(const struct script_words *words)
{
	bool is_quoted = false;
	for (const char *at = words->at; at + 5 <= words->end; at++) {
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
static int read_row(struct script *script, struct script_words *words, struct bytes name,
		    struct script_step *step, struct error *err)
{
	if (find_table(script, name, &step->table, err) != 0)
		return -1;
	const struct script_table *table = &script->tables[step->table];
	step->verb = SCRIPT_ROW;
	if (step->op == CHANGE_TRUNCATE)
		return 0;
	const char *was = step->op == CHANGE_UPDATE ? find_was(words) : NULL;
	const char *end = was != NULL ? was : words->end;
	step->values = (struct bytes){ (const uint8_t *)words->at, (size_t)(end - words->at) };
	if (was != NULL)
		step->was = (struct bytes){ (const uint8_t *)was + 5, (size_t)(words->end - was - 5) };
	if (script_row_check(table, step->values, err) != 0 ||
	    (was != NULL && script_row_check(table, step->was, err) != 0))
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
		if (!script_words_is(word, codes[i].name))
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

static int read_change(struct reading *reading, char op, uint64_t count, struct script_words *words,
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
	if (script_words_next(words, &name) == 0)
		return error_set(err, ERROR_MALFORMED, "a change needs a table");
	return read_row(script, words, name, step, err);
}

static int read_snapshot_line(struct reading *reading, struct bytes word, struct script_words *words,
			      struct error *err)
{
	struct script *script = reading->script;
	if (script_words_is(word, "end")) {
		reading->is_in_snapshot = false;
		return 0;
	}
	struct script_step *step =
		add_step(&script->snapshot, &script->snapshot_count, reading->line, err);
	if (step == NULL)
		return -1;
	step->op = CHANGE_READ;
	if (script_words_split_count(&word, &step->count, err) != 0)
		return -1;
	return read_row(script, words, word, step, err);
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
		     struct script_words *words, struct error *err)
{
	struct script *script = reading->script;
	struct script_step *step = add_step(&script->steps, &script->step_count, reading->line, err);
	struct bytes code;
	if (step == NULL)
		return -1;
	step->count = count;
	if (script_words_is(word, "commit"))
		return read_end_of_transaction(reading, step, err);
	if (script_words_is(word, "begin")) {
		if (reading->is_in_transaction || count == 0)
			return error_set(err, ERROR_MALFORMED, "a transaction cannot begin here");
		reading->is_in_transaction = true;
		step->verb = SCRIPT_BEGIN;
		return 0;
	}
	if (script_words_is(word, "hang")) {
		step->verb = SCRIPT_HANG;
		return 0;
	}
	if (script_words_is(word, "wait")) {
		step->verb = SCRIPT_WAIT;
		return script_words_number(words, &step->count, err);
	}
	if (!script_words_is(word, "fail"))
		return error_set(err, ERROR_MALFORMED, "'%.*s' is not known", (int)word.size,
				 (const char *)word.data);
	step->verb = SCRIPT_FAIL;
	script_words_next(words, &code);
	script_words_skip(words);
	step->values = (struct bytes){ (const uint8_t *)words->at, (size_t)(words->end - words->at) };
	return code_of(code, &step->code, err);
}

static int read_path(struct script *script, struct script_words *words, struct error *err)
{
	struct bytes path;
	script_words_next(words, &path);
	free(script->confirm_path);
	script->confirm_path = strndup((const char *)path.data, path.size);
	return script->confirm_path != NULL ? 0 : error_set(err, ERROR_MEMORY, "reading a script");
}

static int read_line(struct reading *reading, struct script_words *words, struct error *err)
{
	struct bytes word;
	uint64_t count;
	if (script_words_next(words, &word) == 0 || word.data[0] == '#')
		return 0;
	if (reading->is_in_snapshot)
		return read_snapshot_line(reading, word, words, err);
	if (script_words_is(word, "table"))
		return add_table(reading->script, words, err);
	if (script_words_is(word, "oldest"))
		return script_words_number(words, &reading->script->oldest, err);
	if (script_words_is(word, "confirm"))
		return read_path(reading->script, words, err);
	if (script_words_is(word, "snapshot")) {
		reading->is_in_snapshot = reading->script->has_snapshot = true;
		return 0;
	}
	if (script_words_split_count(&word, &count, err) != 0)
		return -1;
	if (word.size == 1 && strchr("cudt", word.data[0]) != NULL)
		return read_change(reading, (char)word.data[0], count, words, err);
	return read_step(reading, word, count, words, err);
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
		struct script_words words = { at, newline != NULL ? newline : end };
		reading.line++;
		if (read_line(&reading, &words, err) != 0) {
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
