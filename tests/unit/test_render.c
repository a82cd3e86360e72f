#include "protocol/change.h"
#include "protocol/position.h"
#include "protocol/render.h"
#include "protocol/render_text.h"

#include "tests/support/fail_malloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack/pack.h>
#include <stdio.h>
#include <stdlib.h>

/* Renderings as a subscriber uses them; what each type comes to is in
 * test_render_vectors.c. */

#define LENT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
#define TOPIC "shop.public.orders"

struct trial {
	struct schema schema;
	struct schema_column columns[4];
	msgpack_sbuffer encoded;
	msgpack_sbuffer key, before, after, value;
	struct render_options options;
	struct render *render;
	struct render_record record;
	struct text text;
	unsigned asked_count;
	struct error err;
};

static int setup(void **state)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	assert_non_null(trial);
	trial->columns[0] = (struct schema_column){ .name = LENT("id"), .type = LOGICAL_INT32,
		.native_type = LENT("integer"), .length = -1, .scale = -1, .key_position = 1 };
	trial->columns[1] = (struct schema_column){ .name = LENT("status"), .type = LOGICAL_STRING,
		.native_type = LENT("text"), .length = -1, .scale = -1, .flags = SCHEMA_COLUMN_OPTIONAL };
	trial->columns[2] = (struct schema_column){ .name = LENT("total"), .type = LOGICAL_DECIMAL,
		.native_type = LENT("numeric"), .length = 10, .scale = 2 };
	trial->schema = (struct schema){ LENT("shop"), LENT("shopdb"), LENT("public"), LENT("orders"),
					 trial->columns, 3 };
	msgpack_sbuffer_init(&trial->encoded);
	assert_int_equal(schema_encode(&trial->encoded, &trial->schema, &trial->err), 0);
	msgpack_sbuffer_init(&trial->key);
	msgpack_sbuffer_init(&trial->before);
	msgpack_sbuffer_init(&trial->after);
	msgpack_sbuffer_init(&trial->value);
	text_init(&trial->text);
	render_options_init(&trial->options);
	trial->options.version = "1";
	*state = trial;
	return 0;
}

static int teardown(void **state)
{
	struct trial *trial = *state;
	render_destroy(trial->render);
	text_clear(&trial->text);
	msgpack_sbuffer_destroy(&trial->value);
	msgpack_sbuffer_destroy(&trial->after);
	msgpack_sbuffer_destroy(&trial->before);
	msgpack_sbuffer_destroy(&trial->key);
	msgpack_sbuffer_destroy(&trial->encoded);
	free(trial);
	return 0;
}

static int find_schema(void *user, uint32_t id, struct bytes *out, struct error *err)
{
	struct trial *trial = user;
	trial->asked_count++;
	if (id != 7)
		return error_set(err, ERROR_NOT_FOUND, "no schema %u", id);
	*out = (struct bytes){ (const uint8_t *)trial->encoded.data, trial->encoded.size };
	return 0;
}

static void begin(struct trial *trial, enum render_format format)
{
	render_destroy(trial->render);
	trial->render = NULL;
	trial->options.format = format;
	assert_int_equal(render_create(&trial->options, find_schema, trial, &trial->render, &trial->err), 0);
}

/* A row of id, status and total; NULL: unavailable. */
static void pack_row(msgpack_sbuffer *buffer, int id, const char *status, const char *total)
{
	msgpack_packer packer;
	const char *texts[] = { status, total };
	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	buffer->size = 0;
	msgpack_pack_array(&packer, 3);
	msgpack_pack_int(&packer, id);
	for (int i = 0; i < 2; i++)
		if (texts[i] != NULL)
			msgpack_pack_str_with_body(&packer, texts[i], strlen(texts[i]));
		else
			msgpack_pack_ext(&packer, 0, VALUE_EXTENSION_UNAVAILABLE);
}

static void pack_key(struct trial *trial, int id)
{
	msgpack_packer packer;
	msgpack_packer_init(&packer, &trial->key, msgpack_sbuffer_write);
	trial->key.size = 0;
	msgpack_pack_array(&packer, 1);
	msgpack_pack_int(&packer, id);
}

static struct bytes bytes_of(const msgpack_sbuffer *buffer)
{
	return (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static struct render_record *make_change(struct trial *trial, enum change_op op)
{
	uint8_t position[POSITION_BYTES_MAX];
	const struct position at = { POSITION_POSTGRESQL, SNAPSHOT_NO, 9, 100, 200 };
	const struct change change = {
		.op = op, .schema_id = 7,
		.before = trial->before.size > 0 ? bytes_of(&trial->before) : (struct bytes){ 0 },
		.after = trial->after.size > 0 ? bytes_of(&trial->after) : (struct bytes){ 0 },
		.source_time_us = INT64_C(1700000000000000),
		.position = { position, position_encode(position, &at) },
	};
	trial->value.size = 0;
	assert_int_equal(change_encode(&trial->value, &change, &trial->err), 0);
	trial->record = (struct render_record){ .topic = TOPIC, .partition = 0, .offset = 42,
		.time_us = INT64_C(1700000001000000),
		.value = { CONTENT_ARRAY, bytes_of(&trial->value) } };
	if (trial->key.size > 0)
		trial->record.key = (struct content){ CONTENT_ARRAY, bytes_of(&trial->key) };
	return &trial->record;
}

static void insert(struct trial *trial, const char *status)
{
	pack_key(trial, 5);
	trial->before.size = 0;
	pack_row(&trial->after, 5, status, "12.50");
	make_change(trial, CHANGE_CREATE);
}

static void update(struct trial *trial, const char *from, const char *to)
{
	pack_key(trial, 5);
	pack_row(&trial->before, 5, from, "12.50");
	pack_row(&trial->after, 5, to, "12.50");
	make_change(trial, CHANGE_UPDATE);
}

/* As PostgreSQL sends it with the default replica identity. */
static void delete_key_alone(struct trial *trial)
{
	pack_key(trial, 5);
	pack_row(&trial->before, 5, NULL, NULL);
	trial->after.size = 0;
	make_change(trial, CHANGE_DELETE);
}

static void tombstone(struct trial *trial)
{
	pack_key(trial, 5);
	trial->record = (struct render_record){ .topic = TOPIC, .offset = 43,
						.key = { CONTENT_ARRAY, bytes_of(&trial->key) } };
}

static const char *shown(struct trial *trial, bool is_key)
{
	int rc = render_open(trial->render, &trial->record, &trial->err);
	text_empty(&trial->text);
	if (rc == 0)
		return "dropped";
	if (rc > 0)
		rc = is_key ? render_key(trial->render, &trial->text, &trial->err)
			    : render_value(trial->render, &trial->text, &trial->err);
	if (rc < 0)
		return "failed";
	text_add_byte(&trial->text, '\0');
	return trial->text.buffer.data;
}

#define SOURCE "\"source\":{\"version\":\"1\",\"connector\":\"postgresql\",\"name\":\"shop\",\"ts_ms\":1700000000000," \
	"\"snapshot\":\"false\",\"db\":\"shopdb\",\"sequence\":\"[\\\"200\\\",\\\"100\\\"]\"," \
	"\"ts_us\":1700000000000000,\"ts_ns\":1700000000000000000,\"schema\":\"public\",\"table\":\"orders\"," \
	"\"txId\":9,\"lsn\":100,\"xmin\":null,\"origin\":null,\"origin_lsn\":null},\"transaction\":null,"
#define TIMES "\"ts_ms\":1700000001000,\"ts_us\":1700000001000000,\"ts_ns\":1700000001000000000}"

static void an_envelope_holds_both_rows(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_DEBEZIUM);
	update(trial, "NEW", "PAID");
	assert_string_equal(shown(trial, false),
			    "{\"before\":{\"id\":5,\"status\":\"NEW\",\"total\":\"BOI=\"},"
			    "\"after\":{\"id\":5,\"status\":\"PAID\",\"total\":\"BOI=\"}," SOURCE "\"op\":\"u\"," TIMES);
	assert_string_equal(shown(trial, true), "{\"id\":5}");
}

static void what_the_source_did_not_send_is_null_before_and_a_placeholder_after(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_DEBEZIUM);
	delete_key_alone(trial);
	assert_non_null(strstr(shown(trial, false), "{\"id\":5,\"status\":null,\"total\":null},\"after\":null"));
	pack_row(&trial->after, 5, NULL, "1.00");
	trial->before.size = 0;
	make_change(trial, CHANGE_UPDATE);
	assert_non_null(strstr(shown(trial, false), "\"status\":\"__debezium_unavailable_value\""));
}

static void a_schema_is_asked_for_once(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_DEBEZIUM);
	insert(trial, "NEW");
	for (int i = 0; i < 3; i++)
		shown(trial, false);
	assert_int_equal(trial->asked_count, 1);
}

static void a_tombstone_has_the_names_of_the_changes_before_it(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_DEBEZIUM);
	tombstone(trial);
	assert_string_equal(shown(trial, true), "[5]");
	assert_string_equal(shown(trial, false), "null");
	insert(trial, "NEW");
	shown(trial, false);
	tombstone(trial);
	assert_string_equal(shown(trial, true), "{\"id\":5}");
	trial->record.topic = "shop.public.others";
	assert_string_equal(shown(trial, true), "[5]");
}

static void a_published_message_is_its_own_bytes(void **state)
{
	static const enum render_format formats[] = { RENDER_DEBEZIUM, RENDER_DEBEZIUM_SCHEMA, RENDER_FLAT,
						      RENDER_RAW };
	struct trial *trial = *state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		begin(trial, formats[i]);
		trial->record = (struct render_record){ .topic = "t", .key = { CONTENT_BYTES, LENT("k") },
							.value = { CONTENT_BYTES, LENT("v\n") } };
		assert_string_equal(shown(trial, false), "v\n");
		assert_int_equal(render_value_kind(trial->render), RENDER_PLAIN);
		assert_string_equal(shown(trial, true), "k");
	}
}

static void deletes_are_handled_as_asked(void **state)
{
	static const struct { const char *name, *value, *a_delete, *a_tombstone, *an_insert; } modes[] = {
#define ROW "{\"id\":5,\"status\":\"NEW\",\"total\":\"BOI=\""
#define GONE "{\"id\":5,\"status\":null,\"total\":null,\"__deleted\":\"true\"}"
		{ "delete.tombstone.handling.mode", "tombstone", "null", "dropped", ROW "}" },
		{ "delete.tombstone.handling.mode", "drop", "dropped", "dropped", ROW "}" },
		{ "delete.tombstone.handling.mode", "rewrite", GONE, "dropped", ROW ",\"__deleted\":\"false\"}" },
		{ "delete.tombstone.handling.mode", "rewrite-with-tombstone", GONE, "null",
		  ROW ",\"__deleted\":\"false\"}" },
		{ "delete.tombstone.handling.mode", "delete-to-tombstone", "null", "dropped", ROW "}" },
		{ "delete.handling.mode", "none", "null", "dropped", ROW "}" },
		{ "delete.handling.mode", "drop", "dropped", "dropped", ROW "}" },
		{ "delete.handling.mode", "rewrite", GONE, "dropped", ROW ",\"__deleted\":\"false\"}" },
		{ "drop.tombstones", "false", "null", "null", ROW "}" },
		{ "drop.tombstones", "true", "null", "dropped", ROW "}" },
	};
	struct trial *trial = *state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		render_options_init(&trial->options);
		assert_int_equal(render_options_set(&trial->options, modes[i].name, modes[i].value, &trial->err), 0);
		begin(trial, RENDER_FLAT);
		insert(trial, "NEW");
		assert_string_equal(shown(trial, false), modes[i].an_insert);
		delete_key_alone(trial);
		assert_string_equal(shown(trial, false), modes[i].a_delete);
		tombstone(trial);
		assert_string_equal(shown(trial, false), modes[i].a_tombstone);
	}
}

static void a_truncate_has_no_flat_row(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_FLAT);
	trial->key.size = trial->before.size = trial->after.size = 0;
	make_change(trial, CHANGE_TRUNCATE);
	assert_string_equal(shown(trial, false), "dropped");
}

static void fields_of_the_envelope_are_added_by_name(void **state)
{
	struct trial *trial = *state;
	assert_int_equal(render_options_set(&trial->options, "add.fields", "op, source.lsn,table:of", &trial->err), 0);
	assert_int_equal(render_options_set(&trial->options, "add.fields.prefix", "_", &trial->err), 0);
	begin(trial, RENDER_FLAT);
	insert(trial, "NEW");
	assert_string_equal(shown(trial, false), ROW ",\"_op\":\"c\",\"_source_lsn\":100,\"_of\":\"orders\"}");
}

static void misspelt_properties_get_the_nearest(void **state)
{
	static const struct { const char *name, *value, *text; } wrong[] = {
		{ "decimal.handling.mode", "doubel", "did you mean 'double'" },
		{ "decimal.handling.mod", "double", "did you mean 'decimal.handling.mode'" },
		{ "time.precision.mode", "", "is none of adaptive, " },
		{ "add.fields", "op,source.tz_ms", "did you mean 'source.ts_ms'" },
		{ "add.fields", "snapshoot", "did you mean 'snapshot'" },
		{ "add.fields", "what.ever.this", "is no field of a change" },
		{ "drop.tombstones", "yes", "is none of false, true" },
	};
	struct trial *trial = *state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(render_options_set(&trial->options, wrong[i].name, wrong[i].value, &trial->err), -1);
		assert_int_equal(trial->err.code, ERROR_INVALID);
		if (strstr(trial->err.text, wrong[i].text) == NULL)
			fail_msg("'%s' does not say '%s'", trial->err.text, wrong[i].text);
	}
	assert_int_equal(render_options_set_format(&trial->options, "debezum", &trial->err), -1);
	assert_non_null(strstr(trial->err.text, "did you mean 'debezium'"));
}

static void every_property_takes_each_of_its_values(void **state)
{
	struct trial *trial = *state;
	const char *const *words;
	const char *name;
	size_t count = 0;
	for (; (name = render_options_property(count, &words)) != NULL; count++)
		for (; words != NULL && *words != NULL; words++)
			assert_int_equal(render_options_set(&trial->options, name, *words, &trial->err), 0);
	assert_int_equal(count, 10);
}

static void people_see_what_an_update_changed(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_PRETTY);
	update(trial, "NEW", "PAID");
	assert_string_equal(shown(trial, false), "2023-11-14T22:13:20.000Z  " TOPIC "/0 @42  update     id=5"
			    "  status: \"NEW\" \xe2\x86\x92 \"PAID\"");
	update(trial, "NEW", "NEW");
	assert_non_null(strstr(shown(trial, false), "update     id=5  (no column changed)"));
	insert(trial, "NEW");
	assert_non_null(strstr(shown(trial, false), "insert     id=5  status=\"NEW\"  total=12.50"));
	delete_key_alone(trial);
	assert_string_equal(strstr(shown(trial, false), "delete"), "delete     id=5");
	tombstone(trial);
	assert_non_null(strstr(shown(trial, false), "tombstone  id=5"));
}

static void a_terminal_is_given_no_control_characters(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_PRETTY);
	insert(trial, "\x1b[2Jgone\r\n");
	const char *line = shown(trial, false);
	for (const char *at = line; *at != '\0'; at++)
		assert_true((unsigned char)*at >= 0x20);
}

static void colours_come_only_when_they_are_asked_for(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_PRETTY);
	update(trial, "NEW", "PAID");
	assert_null(strchr(shown(trial, false), '\033'));
	trial->options.has_colours = true;
	begin(trial, RENDER_PRETTY);
	assert_non_null(strstr(shown(trial, false), "\033[33mupdate   \033[0m"));
}

static void a_row_too_wide_for_the_terminal_has_a_line_a_column(void **state)
{
	struct trial *trial = *state;
	trial->options.width = 60;
	begin(trial, RENDER_PRETTY);
	update(trial, "NEW", "PAID");
	pack_row(&trial->after, 5, "PAID", "13.00");
	make_change(trial, CHANGE_UPDATE);
	assert_string_equal(strstr(shown(trial, false), "id=5"),
			    "id=5\n    status  \"NEW\" \xe2\x86\x92 \"PAID\"\n    total   12.50 \xe2\x86\x92 13.00");
	insert(trial, "NEW and not so short any more");
	assert_string_equal(strstr(shown(trial, false), "id=5"),
			    "id=5\n    status=\"NEW and not so short any more\"  total=12.50");
}

static void a_key_header_is_rendered_as_a_key(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_DEBEZIUM);
	insert(trial, "NEW");
	assert_int_equal(render_open(trial->render, &trial->record, &trial->err), 1);
	assert_true(render_header(trial->render, &trial->text, (struct bytes)LENT("__debezium.oldkey"),
				  (struct bytes)LENT("\x91\x07")));
	text_add_byte(&trial->text, '\0');
	assert_string_equal(trial->text.buffer.data, "{\"id\":7}");
	text_empty(&trial->text);
	assert_false(render_header(trial->render, &trial->text, (struct bytes)LENT("__debezium.oldkey"),
				   (struct bytes)LENT("\x92\x07\x08")));
	assert_false(render_header(trial->render, &trial->text, (struct bytes)LENT("other"),
				   (struct bytes)LENT("\x91\x07")));
	assert_int_equal(trial->text.buffer.size, 0);
}

static void a_value_that_is_none_of_its_type_is_refused_by_name(void **state)
{
	struct trial *trial = *state;
	static const uint8_t row[] = { 0x93, 0x05, 0x07, 0xa4, '1', '.', '0', '0' };
	begin(trial, RENDER_DEBEZIUM);
	insert(trial, "NEW");
	trial->after.size = 0;
	msgpack_sbuffer_write(&trial->after, (const char *)row, sizeof(row));
	make_change(trial, CHANGE_CREATE);
	assert_string_equal(shown(trial, false), "failed");
	assert_int_equal(trial->err.code, ERROR_MALFORMED);
	assert_non_null(strstr(trial->err.text, "column 'status' holds a value that is no string"));
	assert_int_equal(trial->text.buffer.size, 0);
	pack_row(&trial->after, 5, "x", "1.005");
	make_change(trial, CHANGE_CREATE);
	assert_string_equal(shown(trial, false), "failed");
	assert_non_null(strstr(trial->err.text, "more digits than its column's scale"));
}

static void an_unknown_schema_is_an_error(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_DEBEZIUM);
	const struct change change = { .op = CHANGE_TRUNCATE, .schema_id = 8 };
	trial->value.size = 0;
	assert_int_equal(change_encode(&trial->value, &change, &trial->err), 0);
	trial->record = (struct render_record){ .topic = TOPIC, .value = { CONTENT_ARRAY, bytes_of(&trial->value) } };
	assert_string_equal(shown(trial, false), "failed");
	assert_int_equal(trial->err.code, ERROR_NOT_FOUND);
}

static void without_memory_nothing_is_added(void **state)
{
	static const enum render_format formats[] = { RENDER_DEBEZIUM, RENDER_DEBEZIUM_SCHEMA, RENDER_FLAT,
						      RENDER_PRETTY };
	struct trial *trial = *state;
	int failure_count = 0;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		trial->options.format = formats[i];
		update(trial, "NEW", "PAID");
		for (int n = 0;; n++) {
			struct render *render = NULL;
			struct text text;
			text_init(&text);
			trial->err.code = ERROR_NONE;
			fail_malloc_after(n);
			int rc = render_create(&trial->options, find_schema, trial, &render, &trial->err);
			if (rc == 0)
				rc = render_open(render, &trial->record, &trial->err) == 1 ? 0 : -1;
			if (rc == 0)
				rc = render_key(render, &text, &trial->err);
			size_t size = text.buffer.size;
			if (rc == 0)
				rc = render_value(render, &text, &trial->err);
			bool has_failed = fail_malloc_stop();
			assert_int_equal(rc, has_failed ? -1 : 0);
			if (rc != 0) {
				assert_int_equal(trial->err.code, ERROR_MEMORY);
				assert_int_equal(text.buffer.size, size);
			}
			render_destroy(render);
			text_clear(&text);
			failure_count += has_failed;
			if (!has_failed)
				break;
		}
	}
	assert_true(failure_count > 20);
}

static void a_value_costs_no_memory(void **state)
{
	struct trial *trial = *state;
	begin(trial, RENDER_DEBEZIUM);
	update(trial, "NEW", "PAID");
	shown(trial, false);
	text_empty(&trial->text);
	fail_malloc_after(0);
	assert_int_equal(render_open(trial->render, &trial->record, &trial->err), 1);
	assert_int_equal(render_key(trial->render, &trial->text, &trial->err), 0);
	assert_int_equal(render_value(trial->render, &trial->text, &trial->err), 0);
	assert_false(fail_malloc_stop());
}

/* What Java's Double.toString and Float.toString say. */
static void numbers_are_written_as_java_does(void **state)
{
	static const struct { double number; const char *text; } cases[] = {
		{ 0, "0.0" }, { -0.0, "-0.0" }, { 1, "1.0" }, { 100, "100.0" }, { 9999999, "9999999.0" },
		{ 1e7, "1.0E7" }, { 12345678.5, "1.23456785E7" }, { 0.001, "0.001" }, { 0.0009, "9.0E-4" },
		{ 1e21, "1.0E21" }, { 123.456, "123.456" }, { 1.0 / 3, "0.3333333333333333" },
		{ 5e-324, "4.9E-324" }, { 1.7976931348623157e308, "1.7976931348623157E308" },
		{ 2.2250738585072014e-308, "2.2250738585072014E-308" }, { 0.1 + 0.2, "0.30000000000000004" },
		{ 999999999.9, "9.999999999E8" }, { 1125899906842624.25, "1.1258999068426242E15" },
	};
	struct trial *trial = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text_empty(&trial->text);
		render_text_float64(&trial->text, cases[i].number);
		text_add_byte(&trial->text, '\0');
		assert_string_equal(trial->text.buffer.data, cases[i].text);
	}
	text_empty(&trial->text);
	render_text_float32(&trial->text, 0.1f);
	text_add_byte(&trial->text, ' ');
	render_text_float32(&trial->text, 16777216.0f);
	text_add_byte(&trial->text, ' ');
	render_text_float32(&trial->text, 1.4e-45f);
	text_add_byte(&trial->text, '\0');
	assert_string_equal(trial->text.buffer.data, "0.1 1.6777216E7 1.4E-45");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_envelope_holds_both_rows),
		TEST(what_the_source_did_not_send_is_null_before_and_a_placeholder_after),
		TEST(a_schema_is_asked_for_once),
		TEST(a_tombstone_has_the_names_of_the_changes_before_it),
		TEST(a_published_message_is_its_own_bytes),
		TEST(deletes_are_handled_as_asked),
		TEST(a_truncate_has_no_flat_row),
		TEST(fields_of_the_envelope_are_added_by_name),
		TEST(misspelt_properties_get_the_nearest),
		TEST(every_property_takes_each_of_its_values),
		TEST(people_see_what_an_update_changed),
		TEST(a_terminal_is_given_no_control_characters),
		TEST(colours_come_only_when_they_are_asked_for),
		TEST(a_row_too_wide_for_the_terminal_has_a_line_a_column),
		TEST(a_key_header_is_rendered_as_a_key),
		TEST(a_value_that_is_none_of_its_type_is_refused_by_name),
		TEST(an_unknown_schema_is_an_error),
		TEST(without_memory_nothing_is_added),
		TEST(a_value_costs_no_memory),
		TEST(numbers_are_written_as_java_does),
	};
	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
