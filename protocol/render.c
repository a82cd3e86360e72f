#include "protocol/render_plan.h"

#include "protocol/render_text.h"
#include "protocol/value_json.h"

#include <stdlib.h>

int render_create(const struct render_options *options, render_find_schema find, void *user,
		  struct render **out, struct error *err)
{
	struct render *render = calloc(1, sizeof(*render));
	if (render == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a rendering");
	render->options = *options;
	render->find = find;
	render->user = user;
	text_init(&render->scratch);
	text_init(&render->message_pieces.text);
	if (options->added_fields != NULL) {
		render->added_count = render_field_parse(options->added_fields, options->added_prefix,
							 render->added, err);
		if (render->added_count < 0) {
			free(render);
			return error_context(err, "add.fields");
		}
	}
	*out = render;
	return 0;
}

void render_destroy(struct render *render)
{
	if (render == NULL)
		return;
	render_plan_clear(render);
	text_clear(&render->message_pieces.text);
	text_clear(&render->scratch);
	free(render);
}

/* ---- The open record ---- */

/* Its topic is "<prefix>.message". */
static int open_message(struct render *render, struct error *err)
{
	const char *dot = strrchr(render->record.topic, '.');
	struct bytes source = bytes_of_text(render->record.topic);
	if (dot != NULL)
		source.size = (size_t)(dot - render->record.topic);
	render->facts.source = source;
	render->facts.pieces = &render->message_pieces;
	return render_pieces_make(&render->message_pieces, source, NULL, render->options.version, err);
}

static int open_change(struct render *render, struct error *err)
{
	struct change *change = &render->change;
	struct render_plan *plan = NULL;

	if (change_decode(render->record.value.bytes.data, render->record.value.bytes.size, change, err) != 0)
		return -1;
	if (change->op != CHANGE_MESSAGE &&
	    render_plan_find(render, change->schema_id, render->record.topic, &plan, err) != 0)
		return -1;
	render->plan = plan;
	if (plan != NULL)
		render->last = plan;
	render->is_change = true;
	render->facts = (struct render_facts){
		.change = change,
		.time_us = render->record.time_us,
		.version = render->options.version,
	};
	render->facts.has_position =
		change->position.data != NULL &&
		position_decode(change->position, &render->facts.position, NULL) == 0;
	if (plan == NULL)
		return open_message(render, err);
	render->facts.schema = &plan->schema;
	render->facts.source = plan->schema.source;
	render->facts.pieces = &plan->pieces;
	return 0;
}

int render_open(struct render *render, const struct render_record *record, struct error *err)
{
	render->record = *record;
	render->is_change = false;
	render->plan = NULL;
	if (render->options.format == RENDER_RAW)
		return 1;
	if (record->value.kind == CONTENT_ARRAY && open_change(render, err) != 0)
		return -1;
	if (record->value.kind == CONTENT_NIL && record->key.kind == CONTENT_ARRAY)
		render->plan = render_plan_of_topic(render, record->topic);
	return render->options.format == RENDER_FLAT && render_flat_drops(render) ? 0 : 1;
}

enum render_kind render_key_kind(const struct render *render)
{
	bool is_message = render->is_change && render->plan == NULL;
	if (render->record.key.kind == CONTENT_NIL && !is_message)
		return RENDER_NULL;
	return render->options.format == RENDER_RAW || (render->record.key.kind == CONTENT_BYTES && !is_message)
		       ? RENDER_PLAIN : RENDER_JSON;
}

enum render_kind render_value_kind(const struct render *render)
{
	if (render->record.value.kind == CONTENT_NIL)
		return RENDER_NULL;
	if (render->options.format == RENDER_FLAT && render->is_change && render_flat_is_null(render))
		return RENDER_NULL;
	return render->is_change ? RENDER_JSON : RENDER_PLAIN;
}

/* Of a tombstone whose table is not known. */
static int add_nameless_key(struct text *text, struct bytes key, struct error *err)
{
	struct json json = json_to(text);
	struct unpack unpack = unpack_over(key.data, key.size);
	return value_json_add(&json, &unpack, 0, 0, err);
}

static int cut_back(struct text *text, size_t size_before, int rc, struct error *err)
{
	if (rc == 0)
		rc = text_check(text, err);
	if (rc != 0 && text->buffer.size > size_before)
		text->buffer.size = size_before;
	return rc;
}

int render_key(struct render *render, struct text *text, struct error *err)
{
	size_t size_before = text->buffer.size;
	struct bytes key = render->record.key.bytes;
	int rc = 0;
	switch (render_key_kind(render)) {
	case RENDER_NULL: RENDER_TEXT_ADD(text, "null"); break;
	case RENDER_PLAIN: text_add(text, key.data, key.size); break;
	case RENDER_JSON:
		if (render->plan == NULL && !render->is_change)
			rc = add_nameless_key(text, key, err);
		else if (render->options.format == RENDER_PRETTY)
			rc = render_pretty_key(render, text, err);
		else
			rc = render_debezium_key(render, text, err);
	}
	return cut_back(text, size_before, rc, err);
}

int render_value(struct render *render, struct text *text, struct error *err)
{
	size_t size_before = text->buffer.size;
	struct bytes value = render->record.value.bytes;
	int rc = 0;
	if (render->options.format == RENDER_PRETTY)
		return cut_back(text, size_before, render_pretty_value(render, text, err), err);
	switch (render_value_kind(render)) {
	case RENDER_NULL: RENDER_TEXT_ADD(text, "null"); break;
	case RENDER_PLAIN: text_add(text, value.data, value.size); break;
	case RENDER_JSON:
		rc = render->options.format == RENDER_FLAT ? render_flat_value(render, text, err)
							   : render_debezium_value(render, text, err);
	}
	return cut_back(text, size_before, rc, err);
}

bool render_header(struct render *render, struct text *text, struct bytes name, struct bytes value)
{
	static const char *const names[] = { "__debezium.newkey", "__debezium.oldkey" };
	size_t size_before = text->buffer.size;
	if (render->plan == NULL || render->options.format == RENDER_RAW || value.data == NULL)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name.size == strlen(names[i]) && memcmp(name.data, names[i], name.size) == 0)
			return cut_back(text, size_before,
					render_row_add_key(text, render->plan, value, NULL), NULL) == 0;
	return false;
}
