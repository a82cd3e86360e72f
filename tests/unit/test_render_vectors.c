#include "protocol/change.h"
#include "protocol/render.h"

#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <cmocka.h>

/* What Debezium 3.6 wrote, change by change and option by option: tests/vectors/render/.  Each
 * line has to come out byte for byte. */

enum { SCHEMAS_MAX = 64 };

struct schema_vector {
	char name[64];
	uint32_t id;
	uint8_t *bytes;
	size_t size;
};

struct vectors {
	FILE *file;
	char *line;
	size_t room;
	struct schema_vector schemas[SCHEMAS_MAX];
	size_t schema_count;
	char change[128];
	char topic[128];
	uint8_t *key, *value;
	size_t key_size, value_size;
	unsigned expected_count;
	unsigned wrong_count;
};

static uint8_t *bytes_of_hex(const char *hex, size_t *out_size)
{
	*out_size = 0;
	if (strcmp(hex, "-") == 0)
		return NULL;
	size_t room = strlen(hex) / 2 + 1;
	uint8_t *bytes = malloc(room);
	assert_non_null(bytes);
	*out_size = hex_bytes(bytes, room, hex);
	return bytes;
}

/* The next line that is no comment: its word is cut off in front of the text. */
static char *next_line(struct vectors *vectors, const char **out_word)
{
	for (;;) {
		ssize_t size = getline(&vectors->line, &vectors->room, vectors->file);
		if (size < 0)
			return NULL;
		if (size > 0 && vectors->line[size - 1] == '\n')
			vectors->line[--size] = '\0';
		if (size == 0 || vectors->line[0] == '#')
			continue;
		char *text = strchr(vectors->line, ' ');
		*out_word = vectors->line;
		if (text == NULL)
			return vectors->line + size;
		*text = '\0';
		return text + 1;
	}
}

static char *expect_line(struct vectors *vectors, const char *word)
{
	const char *found;
	char *text = next_line(vectors, &found);
	assert_non_null(text);
	assert_string_equal(found, word);
	return text;
}

static void read_schema(struct vectors *vectors, const char *text)
{
	assert_true(vectors->schema_count < SCHEMAS_MAX);
	struct schema_vector *schema = &vectors->schemas[vectors->schema_count++];
	assert_int_equal(sscanf(text, "%63s %u", schema->name, &schema->id), 2);
	schema->bytes = bytes_of_hex(expect_line(vectors, "hex"), &schema->size);
}

static void read_change(struct vectors *vectors, const char *text)
{
	char schema[64];
	assert_int_equal(sscanf(text, "%127s %63s %127s", vectors->change, schema, vectors->topic), 3);
	free(vectors->key);
	free(vectors->value);
	vectors->key = bytes_of_hex(expect_line(vectors, "key"), &vectors->key_size);
	vectors->value = bytes_of_hex(expect_line(vectors, "value"), &vectors->value_size);
}

static int find_schema(void *user, uint32_t id, struct bytes *out, struct error *err)
{
	const struct vectors *vectors = user;
	for (size_t i = 0; i < vectors->schema_count; i++)
		if (vectors->schemas[i].id == id) {
			*out = (struct bytes){ vectors->schemas[i].bytes, vectors->schemas[i].size };
			return 0;
		}
	return error_set(err, ERROR_NOT_FOUND, "no schema %u", id);
}

static void set_options(struct render_options *options, char *text)
{
	struct error err = { 0 };
	render_options_init(options);
	options->version = "3.6.1.Final";
	char *rest = NULL;
	char *word = strtok_r(text, " ", &rest);
	assert_int_equal(render_options_set_format(options, word, &err), 0);
	for (word = strtok_r(NULL, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest)) {
		char *value = strchr(word, '=');
		assert_non_null(value);
		*value++ = '\0';
		if (render_options_set(options, word, value, &err) != 0)
			fail_msg("%s", err.text);
	}
}

static void compare(struct vectors *vectors, const char *what, const char *options, const struct text *text,
		    const char *expected)
{
	struct bytes found = text_bytes(text);
	vectors->expected_count++;
	if (found.size == strlen(expected) && memcmp(found.data, expected, found.size) == 0)
		return;
	size_t same = 0;
	while (same < found.size && found.data[same] == (uint8_t)expected[same])
		same++;
	size_t from = same > 60 ? same - 60 : 0;
	print_error("%s of %s, %s, from byte %zu:\n   is %.*s\n  not %.200s\n", what, vectors->change, options,
		    from, (int)(found.size - from < 200 ? found.size - from : 200), found.data + from,
		    expected + from);
	vectors->wrong_count++;
}

/* A delete's names come from the schema of the change before it, as they do for a subscriber. */
static void show_schema_before(struct vectors *vectors, struct render *render)
{
	struct error err = { 0 };
	char table[128];
	snprintf(table, sizeof(table), "%s", vectors->change);
	*strchr(table, '/') = '\0';
	for (size_t i = 0; i < vectors->schema_count; i++) {
		if (strcmp(vectors->schemas[i].name, table) != 0)
			continue;
		msgpack_sbuffer buffer;
		msgpack_sbuffer_init(&buffer);
		struct change change = { .op = CHANGE_TRUNCATE, .schema_id = vectors->schemas[i].id };
		assert_int_equal(change_encode(&buffer, &change, &err), 0);
		struct render_record record = {
			.topic = vectors->topic,
			.value = { CONTENT_ARRAY, { (const uint8_t *)buffer.data, buffer.size } },
		};
		assert_true(render_open(render, &record, &err) >= 0);
		msgpack_sbuffer_destroy(&buffer);
	}
}

static void render_one(struct vectors *vectors, struct render *render, const char *options,
		       const char *key, const char *value)
{
	struct error err = { 0 };
	struct text text;
	const struct render_record record = {
		.topic = vectors->topic,
		.offset = 5,
		.time_us = INT64_C(1700000000123456),
		.key = { vectors->key != NULL ? CONTENT_ARRAY : CONTENT_NIL, { vectors->key, vectors->key_size } },
		.value = { vectors->value != NULL ? CONTENT_ARRAY : CONTENT_NIL,
			   { vectors->value, vectors->value_size } },
	};
	text_init(&text);
	int rc = render_open(render, &record, &err);
	if (rc == 1) {
		rc = render_key(render, &text, &err);
		if (rc == 0)
			compare(vectors, "key", options, &text, strcmp(key, "-") == 0 ? "null" : key);
		text_empty(&text);
		if (rc == 0)
			rc = render_value(render, &text, &err);
		if (rc == 0)
			compare(vectors, "value", options, &text, value);
	} else if (rc == 0) {
		text_add_string(&text, "dropped");
		compare(vectors, "value", options, &text, value);
	}
	if (rc < 0) {
		print_error("%s, %s: %s\n", vectors->change, options, err.text);
		vectors->wrong_count++;
	}
	text_clear(&text);
}

static void read_expected(struct vectors *vectors, const char *text)
{
	struct error err = { 0 };
	struct render_options options;
	struct render *render;
	char *shown = strdup(text), *words = strdup(text);
	char *key = strdup(expect_line(vectors, "key"));
	char *value = strdup(expect_line(vectors, "value"));

	set_options(&options, words);
	assert_int_equal(render_create(&options, find_schema, vectors, &render, &err), 0);
	if (vectors->value == NULL)
		show_schema_before(vectors, render);
	render_one(vectors, render, shown, key, value);
	render_destroy(render);
	free(value);
	free(key);
	free(words);
	free(shown);
}

static void changes_come_out_as_debezium_writes_them(void **state)
{
	struct vectors vectors = { 0 };
	const char *folder = getenv("top_srcdir");
	const char *word;
	char path[1024];
	char *text;

	(void)state;
	snprintf(path, sizeof(path), "%s/tests/vectors/render/vectors.txt", folder != NULL ? folder : ".");
	vectors.file = fopen(path, "r");
	assert_non_null(vectors.file);
	while ((text = next_line(&vectors, &word)) != NULL) {
		if (strcmp(word, "schema") == 0)
			read_schema(&vectors, text);
		else if (strcmp(word, "change") == 0)
			read_change(&vectors, text);
		else if (strcmp(word, "expect") == 0)
			read_expected(&vectors, text);
		else
			assert_true(strcmp(word, "debezium") == 0 || strcmp(word, "why") == 0);
	}
	fclose(vectors.file);
	free(vectors.line);
	free(vectors.key);
	free(vectors.value);
	for (size_t i = 0; i < vectors.schema_count; i++)
		free(vectors.schemas[i].bytes);
	print_message("%u texts compared, %u wrong\n", vectors.expected_count, vectors.wrong_count);
	assert_true(vectors.expected_count > 1000);
	assert_int_equal(vectors.wrong_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_come_out_as_debezium_writes_them),
	};
	return cmocka_run_group_tests_name("render_vectors", tests, NULL, NULL);
}
