/* Any bytes as a change, its key and its schema come out as text or as an error, under every
 * option, and a failure adds nothing.
 *
 * Input: two bytes that choose the options, two for the schema's size, the schema (none: one of every type),
 * one for the key's size, the key, the value. */
#include "protocol/render.h"
#include "protocol/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LENT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

static const struct bytes labels[] = { LENT("a"), LENT("b\"") };

/* One column of each type; an array of each. */
static struct schema_column columns[] = {
#define X(stem, number, words)                                                                   \
	{ .name = LENT(words), .type = LOGICAL_##stem, .native_type = LENT("money"),             \
	  .element_type = number == LOGICAL_ARRAY ? LOGICAL_POINT : 0, .length = number % 8,     \
	  .scale = number % 5 - 1, .default_text = LENT("'1'::text"), .flags = number & 1,       \
	  .labels = number == LOGICAL_ENUM ? (struct bytes *)labels : NULL,                      \
	  .label_count = number == LOGICAL_ENUM ? 2 : 0, .key_position = number == 1 ? 1 : 0 },
	LOGICAL_TYPES(X)
#undef X
#define X(stem, number, words)                                                                   \
	{ .name = LENT(words "[]"), .type = LOGICAL_ARRAY, .native_type = LENT("x[]"),           \
	  .element_type = number == LOGICAL_ARRAY ? LOGICAL_POINT : LOGICAL_##stem,              \
	  .length = -1, .scale = -1 },
	LOGICAL_TYPES(X)
#undef X
};

static void demand(bool fact)
{
	if (!fact)
		abort();
}

struct input {
	struct bytes schema;
	struct bytes key;
	struct bytes value;
};

static int find_schema(void *user, uint32_t id, struct bytes *out, struct error *err)
{
	const struct input *input = user;
	(void)id;
	(void)err;
	*out = input->schema;
	return 0;
}

static struct bytes cut(struct bytes *rest, size_t size)
{
	if (size > rest->size)
		size = rest->size;
	struct bytes piece = { rest->data, size };
	rest->data += size;
	rest->size -= size;
	return piece;
}

static struct bytes encode_all_types(msgpack_sbuffer *buffer)
{
	const struct schema schema = { LENT("s"), LENT("d"), LENT("p"), LENT("t"), columns,
				       sizeof(columns) / sizeof(columns[0]) };
	demand(schema_encode(buffer, &schema, NULL) == 0);
	return (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static void choose(struct render_options *options, unsigned bits)
{
	render_options_init(options);
	options->format = (enum render_format)(bits % 5);
	options->decimals = (enum render_decimals)(bits / 5 % 3);
	options->times = (enum render_times)(bits / 15 % 6);
	options->bytes = (enum render_bytes)(bits / 90 % 4);
	options->intervals = (enum render_intervals)(bits / 360 % 2);
	options->deletes = (enum render_deletes)(bits / 720 % 3);
	options->width = bits / 2160 % 2 * 80;
	options->has_colours = bits / 4320 % 2 != 0;
	options->added_fields = bits / 8640 % 2 != 0 ? "op,source.sequence,txId" : NULL;
}

static void render_all(struct render *render, const struct input *input)
{
	struct error err = { 0 };
	struct text text;
	const struct render_record record = {
		.topic = "t",
		.key = { input->key.size > 0 ? CONTENT_ARRAY : CONTENT_NIL, input->key },
		.value = { CONTENT_ARRAY, input->value },
	};
	text_init(&text);
	if (render_open(render, &record, &err) == 1) {
		size_t before = text.buffer.size;
		if (render_key(render, &text, &err) != 0)
			demand(text.buffer.size == before);
		before = text.buffer.size;
		if (render_value(render, &text, &err) != 0)
			demand(text.buffer.size == before);
		else
			demand(text.buffer.size > before || input->value.size == 0);
		render_header(render, &text, (struct bytes)LENT("__debezium.newkey"), input->key);
	}
	text_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = { data, size };
	struct render_options options;
	struct render *render;
	struct input input;
	msgpack_sbuffer all;

	if (size < 5)
		return 0;
	struct bytes head = cut(&rest, 4);
	choose(&options, load_u16(head.data));
	msgpack_sbuffer_init(&all);
	input.schema = cut(&rest, load_u16(head.data + 2));
	if (input.schema.size == 0)
		input.schema = encode_all_types(&all);
	if (rest.size > 0)
		input.key = cut(&rest, cut(&rest, 1).data[0]);
	else
		input.key = rest;
	input.value = rest;
	demand(render_create(&options, find_schema, &input, &render, NULL) == 0);
	render_all(render, &input);
	render_destroy(render);
	msgpack_sbuffer_destroy(&all);
	return 0;
}
