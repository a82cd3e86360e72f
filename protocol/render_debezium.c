#include "protocol/render_plan.h"

#include "protocol/render_schema.h"
#include "protocol/render_text.h"

static int add_rows(struct render *render, struct text *text, bool has_gap[2], struct error *err)
{
	RENDER_TEXT_ADD(text, "{\"before\":");
	if (render_row_add(text, render->plan, render->change.before, true, &has_gap[0], err) != 0)
		return error_context(err, "before");
	RENDER_TEXT_ADD(text, ",\"after\":");
	if (render_row_add(text, render->plan, render->change.after, false, &has_gap[1], err) != 0)
		return error_context(err, "after");
	render_field_add_envelope(text, &render->facts);
	text_add_byte(text, '}');
	return 0;
}

static int add_message(struct render *render, struct text *text, struct error *err)
{
	struct bytes prefix, content;
	if (render_message_parts(&render->change, &prefix, &content, err) != 0)
		return -1;
	RENDER_TEXT_ADD(text, "{\"op\":\"m\",\"ts_ms\":");
	render_field_add(text, &render->facts, RENDER_FIELD_PAYLOAD_TS_MS);
	text_add_byte(text, ',');
	render_field_add_source(text, &render->facts);
	RENDER_TEXT_ADD(text, ",\"transaction\":null,\"message\":{\"prefix\":");
	render_text_string(text, prefix);
	RENDER_TEXT_ADD(text, ",\"content\":");
	render_column_bytes(text, content, render->options.bytes);
	RENDER_TEXT_ADD(text, "}}");
	return 0;
}

static void add_value_schema(const struct render *render, struct text *text, const bool has_gap[2])
{
	const struct render_plan *plan = render->plan;
	struct bytes before = text_bytes(&plan->value_schema[has_gap[0]]);
	struct bytes after = text_bytes(&plan->value_schema[has_gap[1]]);
	RENDER_TEXT_ADD(text, "{\"schema\":{\"type\":\"struct\",\"fields\":[");
	text_add(text, before.data, before.size);
	RENDER_TEXT_ADD(text, "\"before\"},");
	text_add(text, after.data, after.size);
	RENDER_TEXT_ADD(text, "\"after\"}");
	render_schema_add_envelope_end(text, plan->topic);
	RENDER_TEXT_ADD(text, ",\"payload\":");
}

/* The schema depends on the payload, where a column that may not be null is. */
static int add_with_schema(struct render *render, struct text *text, struct error *err)
{
	bool has_gap[2] = { false, false };
	struct bytes payload;

	text_empty(&render->scratch);
	if (render->plan == NULL ? add_message(render, &render->scratch, err) != 0
				 : add_rows(render, &render->scratch, has_gap, err) != 0)
		return -1;
	if (text_check(&render->scratch, err) != 0)
		return -1;
	if (render->plan != NULL) {
		add_value_schema(render, text, has_gap);
	} else {
		RENDER_TEXT_ADD(text, "{\"schema\":");
		render_schema_add_message(text, &render->options);
		RENDER_TEXT_ADD(text, ",\"payload\":");
	}
	payload = text_bytes(&render->scratch);
	text_add(text, payload.data, payload.size);
	text_add_byte(text, '}');
	return 0;
}

int render_debezium_value(struct render *render, struct text *text, struct error *err)
{
	bool has_gap[2] = { false, false };
	if (render->options.format == RENDER_DEBEZIUM_SCHEMA)
		return add_with_schema(render, text, err);
	if (render->plan == NULL)
		return add_message(render, text, err);
	return add_rows(render, text, has_gap, err);
}

static int add_message_key(struct render *render, struct text *text, struct error *err)
{
	struct bytes prefix, content;
	if (render_message_parts(&render->change, &prefix, &content, err) != 0)
		return -1;
	RENDER_TEXT_ADD(text, "{\"prefix\":");
	render_text_string(text, prefix);
	text_add_byte(text, '}');
	return 0;
}

int render_debezium_key(struct render *render, struct text *text, struct error *err)
{
	bool has_schema = render->options.format == RENDER_DEBEZIUM_SCHEMA;
	bool is_message = render->is_change && render->plan == NULL;
	if (has_schema) {
		RENDER_TEXT_ADD(text, "{\"schema\":");
		if (is_message) {
			render_schema_add_message_key(text);
		} else {
			struct bytes schema = text_bytes(&render->plan->key_schema);
			text_add(text, schema.data, schema.size);
		}
		RENDER_TEXT_ADD(text, ",\"payload\":");
	}
	if (is_message ? add_message_key(render, text, err) != 0
		       : render_row_add_key(text, render->plan, render->record.key.bytes, err) != 0)
		return -1;
	if (has_schema)
		text_add_byte(text, '}');
	return 0;
}
