#include "protocol/render_plan.h"

#include "protocol/render_schema.h"
#include "protocol/render_text.h"

#include <stdlib.h>

static void destroy_plan(struct render_plan *plan)
{
	if (plan == NULL)
		return;
	text_clear(&plan->key_schema);
	text_clear(&plan->value_schema[1]);
	text_clear(&plan->value_schema[0]);
	text_clear(&plan->pieces.text);
	text_clear(&plan->names_text);
	free(plan->key_columns);
	free(plan->names);
	free(plan->columns);
	schema_clear(&plan->schema);
	free(plan->encoded);
	free(plan->topic);
	free(plan);
}

static int make_names(struct render_plan *plan, struct error *err)
{
	uint32_t count = plan->schema.column_count;
	for (uint32_t i = 0; i < count; i++) {
		size_t from = plan->names_text.buffer.size;
		text_add_byte(&plan->names_text, ',');
		render_text_string(&plan->names_text, plan->schema.columns[i].name);
		text_add_byte(&plan->names_text, ':');
		plan->names[i].size = plan->names_text.buffer.size - from;
	}
	if (text_check(&plan->names_text, err) != 0)
		return -1;
	const uint8_t *at = (const uint8_t *)plan->names_text.buffer.data;
	for (uint32_t i = 0; i < count; at += plan->names[i++].size)
		plan->names[i].data = at;
	return 0;
}

static void order_key(struct render_plan *plan)
{
	for (uint32_t i = 0; i < plan->schema.column_count; i++) {
		uint32_t position = plan->schema.columns[i].key_position;
		if (position > 0 && position <= plan->key_count)
			plan->key_columns[position - 1] = i;
	}
}

static void add_struct(struct text *text, const struct render_plan *plan, bool is_relaxed)
{
	render_schema_add_fields(text, plan->columns, plan->schema.column_count, is_relaxed);
	RENDER_TEXT_ADD(text, ",\"optional\":true,\"name\":\"");
	text_add_string(text, plan->topic);
	RENDER_TEXT_ADD(text, ".Value\",\"field\":");
}

static void add_key_struct(struct text *text, const struct render_plan *plan)
{
	RENDER_TEXT_ADD(text, "{\"type\":\"struct\",\"fields\":[");
	for (uint32_t i = 0; i < plan->key_count; i++) {
		const struct render_column *column = &plan->columns[plan->key_columns[i]];
		if (i > 0)
			text_add_byte(text, ',');
		render_schema_add_column(text, column, false);
		RENDER_TEXT_ADD(text, ",\"field\":");
		render_text_string(text, column->column->name);
		text_add_byte(text, '}');
	}
	RENDER_TEXT_ADD(text, "],\"optional\":false,\"name\":\"");
	text_add_string(text, plan->topic);
	RENDER_TEXT_ADD(text, ".Key\"}");
}

static int make_schemas(struct render_plan *plan, struct error *err)
{
	for (int i = 0; i < 2; i++) {
		add_struct(&plan->value_schema[i], plan, i == 1);
		if (text_check(&plan->value_schema[i], err) != 0)
			return -1;
	}
	add_key_struct(&plan->key_schema, plan);
	return text_check(&plan->key_schema, err);
}

static void count_key(struct render_plan *plan)
{
	for (uint32_t i = 0; i < plan->schema.column_count; i++)
		plan->key_count += plan->schema.columns[i].key_position != 0;
}

/* One more than there are, for a schema without columns or without a key. */
static int make_arrays(struct render_plan *plan, struct error *err)
{
	size_t count = (size_t)plan->schema.column_count + 1;
	plan->columns = calloc(count, sizeof(*plan->columns));
	plan->names = calloc(count, sizeof(*plan->names));
	plan->key_columns = calloc((size_t)plan->key_count + 1, sizeof(*plan->key_columns));
	if (plan->columns == NULL || plan->names == NULL || plan->key_columns == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a schema of %u columns",
				 plan->schema.column_count);
	return 0;
}

static int create_plan(const struct render_options *options, struct bytes encoded, const char *topic,
		       struct render_plan **out, struct error *err)
{
	struct render_plan *plan = calloc(1, sizeof(*plan));
	if (plan == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a schema");
	plan->encoded = malloc(encoded.size + 1);
	plan->topic = strdup(topic);
	if (plan->encoded == NULL || plan->topic == NULL) {
		error_set(err, ERROR_MEMORY, "no memory for a schema of %zu bytes", encoded.size);
		goto fail;
	}
	memcpy(plan->encoded, encoded.data, encoded.size);
	if (schema_decode(plan->encoded, encoded.size, &plan->schema, err) != 0)
		goto fail;
	count_key(plan);
	if (make_arrays(plan, err) != 0)
		goto fail;
	for (uint32_t i = 0; i < plan->schema.column_count; i++)
		render_column_init(&plan->columns[i], &plan->schema.columns[i], options);
	order_key(plan);
	if (make_names(plan, err) != 0 ||
	    render_pieces_make(&plan->pieces, plan->schema.source, &plan->schema, options->version, err) != 0 ||
	    (options->format == RENDER_DEBEZIUM_SCHEMA && make_schemas(plan, err) != 0))
		goto fail;
	*out = plan;
	return 0;
fail:
	destroy_plan(plan);
	return -1;
}

void render_plan_clear(struct render *render)
{
	for (size_t i = 0; i < RENDER_PLAN_SLOTS; i++)
		while (render->slots[i] != NULL) {
			struct render_plan *next = render->slots[i]->next;
			destroy_plan(render->slots[i]);
			render->slots[i] = next;
		}
	render->plan_count = 0;
	render->last = NULL;
}

int render_plan_find(struct render *render, uint32_t schema_id, const char *topic,
		     struct render_plan **out, struct error *err)
{
	struct bytes encoded;
	if (render->last != NULL && render->last->schema_id == schema_id &&
	    strcmp(render->last->topic, topic) == 0) {
		*out = render->last;
		return 0;
	}
	struct render_plan **slot = &render->slots[schema_id % RENDER_PLAN_SLOTS];
	for (struct render_plan *plan = *slot; plan != NULL; plan = plan->next)
		if (plan->schema_id == schema_id && strcmp(plan->topic, topic) == 0) {
			*out = plan;
			return 0;
		}
	if (render->find(render->user, schema_id, &encoded, err) != 0)
		return -1;
	if (render->plan_count == RENDER_PLANS_MAX)
		render_plan_clear(render);
	if (create_plan(&render->options, encoded, topic, out, err) != 0)
		return error_context(err, "schema %u", schema_id);
	(*out)->schema_id = schema_id;
	(*out)->next = *slot;
	*slot = *out;
	render->plan_count++;
	return 0;
}

/* Ids grow, so the highest is the latest. */
struct render_plan *render_plan_of_topic(struct render *render, const char *topic)
{
	struct render_plan *found = NULL;
	if (render->last != NULL && strcmp(render->last->topic, topic) == 0)
		return render->last;
	for (size_t i = 0; i < RENDER_PLAN_SLOTS; i++)
		for (struct render_plan *plan = render->slots[i]; plan != NULL; plan = plan->next)
			if (strcmp(plan->topic, topic) == 0 &&
			    (found == NULL || plan->schema_id > found->schema_id))
				found = plan;
	return found;
}
