#include "capture/postgresql_array.h"

#include "capture/postgresql_binary.h"
#include "capture/postgresql_text.h"
#include "capture/room.h"

#include <assert.h>

enum { HEAD_BYTES_MAX = 5 };

/* An array in the making.  An inner array's count is known only behind its items, so
 * the longest head is left room for, and what follows moves up to a shorter one. */
struct build {
	const struct postgresql_type *type;
	msgpack_sbuffer *out;
	const uint8_t *at;
	const uint8_t *end;
	unsigned leaf_depth;            /* where the elements are; 0: not seen yet */
	uint32_t counts[POSTGRESQL_ARRAY_DIMENSIONS_MAX];       /* of each dimension ... */
	bool has_count[POSTGRESQL_ARRAY_DIMENSIONS_MAX];        /* ... once it is known */
};

static int refuse(const char *what, struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "an array whose text %s", what);
}

static int open_level(struct build *build, size_t *out_head, struct error *err)
{
	if (room_make(build->out, HEAD_BYTES_MAX, err) != 0)
		return -1;
	*out_head = build->out->size;
	build->out->size += HEAD_BYTES_MAX;
	return 0;
}

/* Write the head in its shortest form and move the items up to it. */
static void close_level(msgpack_sbuffer *out, size_t head, uint32_t count)
{
	size_t items = head + HEAD_BYTES_MAX;
	size_t items_size = out->size - items;
	msgpack_packer packer;

	out->size = head;
	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	msgpack_pack_array(&packer, count);     /* cannot fail: there is room */
	memmove(out->data + out->size, out->data + items, items_size);
	out->size += items_size;
}

/* A quoted element with escapes: undone behind the place where its value will
 * grow, which it never reaches. */
static int encode_escaped(struct build *build, const uint8_t *at, const uint8_t *last, struct error *err)
{
	size_t size = (size_t)(last - at);
	size_t gap = size + POSTGRESQL_TEXT_GROWTH_MAX;

	if (room_make(build->out, gap + size, err) != 0)
		return -1;

	char *text = build->out->data + build->out->size + gap, *end = text;
	while (at < last) {
		if (*at == '\\')
			at++;
		*end++ = (char)*at++;
	}

	const char *data = build->out->data;
	struct bytes unescaped = { (uint8_t *)text, (size_t)(end - text) };
	if (postgresql_text_encode(build->type->element_type, unescaped, build->out, err) != 0)
		return -1;
	assert(build->out->data == data && build->out->data + build->out->size <= text);
	(void)data;
	return 0;
}

static int read_quoted(struct build *build, struct error *err)
{
	const uint8_t *first = build->at + 1, *at = first;
	bool has_escape = false;

	for (; at < build->end && *at != '"'; at++) {
		if (*at == '\\') {
			has_escape = true;
			if (++at == build->end)
				break;
		}
	}
	if (at == build->end)
		return refuse("ends within a quoted element", err);
	build->at = at + 1;
	if (has_escape)
		return encode_escaped(build, first, at, err);
	return postgresql_text_encode(build->type->element_type,
				      (struct bytes){ first, (size_t)(at - first) }, build->out, err);
}

static int read_plain(struct build *build, struct error *err)
{
	static const struct value null = { .kind = VALUE_NULL };
	const uint8_t *first = build->at;

	while (build->at < build->end && *build->at != (uint8_t)build->type->delimiter && *build->at != '}') {
		if (*build->at == '"' || *build->at == '\\' || *build->at == '{')
			return refuse("has a quote or brace within an element", err);
		build->at++;
	}

	struct bytes text = { first, (size_t)(build->at - first) };
	if (text.size == 0)
		return refuse("has an element of no text", err);
	if (text.size == 4 && memcmp(text.data, "NULL", 4) == 0)
		return postgresql_text_append(build->out, &null, err);
	return postgresql_text_encode(build->type->element_type, text, build->out, err);
}

static int read_level(struct build *build, unsigned depth, struct error *err);

static int read_element(struct build *build, unsigned depth, struct error *err)
{
	if (build->at < build->end && *build->at == '{')
		return read_level(build, depth + 1, err);
	if (build->leaf_depth == 0)
		build->leaf_depth = depth;
	if (build->leaf_depth != depth)
		return refuse("has elements and arrays side by side", err);
	if (build->at < build->end && *build->at == '"')
		return read_quoted(build, err);
	return read_plain(build, err);
}

/* All dimensions' arrays are of one length each. */
static int check_count(struct build *build, unsigned depth, uint32_t count, struct error *err)
{
	if (build->has_count[depth - 1] && build->counts[depth - 1] != count)
		return refuse("has inner arrays of different lengths", err);
	build->has_count[depth - 1] = true;
	build->counts[depth - 1] = count;
	return 0;
}

/* {item,item,…}; depth 1 is the outermost.  Goes no deeper than PostgreSQL does. */
static int read_level(struct build *build, unsigned depth, struct error *err)
{
	uint32_t count = 0;
	size_t head;

	if (depth > POSTGRESQL_ARRAY_DIMENSIONS_MAX)
		return error_set(err, ERROR_LIMIT, "an array with more than %d dimensions",
				 POSTGRESQL_ARRAY_DIMENSIONS_MAX);
	if (open_level(build, &head, err) != 0)
		return -1;
	build->at++;                    /* the brace that the caller has seen */
	if (depth == 1 && build->at < build->end && *build->at == '}') {
		build->at++;
		close_level(build->out, head, 0);
		return 0;
	}
	do {
		if (read_element(build, depth, err) != 0)
			return -1;
		if (build->at == build->end)
			return refuse("ends before its brace", err);
		count++;
	} while (*build->at++ == (uint8_t)build->type->delimiter);
	if (build->at[-1] != '}')
		return refuse("has something behind an element", err);
	if (check_count(build, depth, count, err) != 0)
		return -1;
	close_level(build->out, head, count);
	return 0;
}

/* [0:1][-3:5]= in front: where the indexes begin, when it is not 1. */
static bool skip_bounds(struct build *build)
{
	if (build->at == build->end || *build->at != '[')
		return true;
	while (build->at < build->end && *build->at != '=') {
		if (memchr("[]:-0123456789", *build->at, 14) == NULL)
			return false;
		build->at++;
	}
	if (build->at == build->end)
		return false;
	build->at++;
	return true;
}

int postgresql_array_encode_text(const struct postgresql_type *type, struct bytes text,
				 msgpack_sbuffer *out, struct error *err)
{
	struct build build = { .type = type, .out = out, .at = text.data, .end = text.data + text.size };
	size_t size = out->size;

	if (!skip_bounds(&build) || build.at == build.end || *build.at != '{') {
		refuse("has no brace where it begins", err);
		goto fail;
	}
	if (read_level(&build, 1, err) != 0)
		goto fail;
	if (build.at != build.end) {
		refuse("goes on behind its brace", err);
		goto fail;
	}
	return 0;
fail:
	out->size = size;
	return -1;
}

/* ---- the binary form ----
 *
 *   i32 dimensions | i32 has nulls | u32 element type
 *   each dimension: i32 length | i32 lower bound
 *   each element, last index fastest: i32 size, -1: null | bytes                */

static int refuse_binary(struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "an array whose binary form is cut short or none");
}

static bool take_u32(struct build *build, uint32_t *out)
{
	if (build->end - build->at < 4)
		return false;
	*out = load_u32(build->at);
	build->at += 4;
	return true;
}

static int read_binary_element(struct build *build, struct error *err)
{
	static const struct value null = { .kind = VALUE_NULL };
	uint32_t size;

	if (!take_u32(build, &size))
		return refuse_binary(err);
	if (size == UINT32_MAX)
		return postgresql_text_append(build->out, &null, err);
	if (size > (size_t)(build->end - build->at))
		return refuse_binary(err);

	struct bytes value = { build->at, size };
	build->at += size;
	return postgresql_binary_encode(build->type->element_type, build->type->value_oid, value,
					build->out, err);
}

static int read_binary_level(struct build *build, unsigned depth, struct error *err)
{
	uint32_t count = build->counts[depth - 1];
	struct value array = { .kind = VALUE_ARRAY, .count = count };

	if (postgresql_text_append(build->out, &array, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		int rc = depth == build->leaf_depth ? read_binary_element(build, err)
						    : read_binary_level(build, depth + 1, err);
		if (rc != 0)
			return -1;
	}
	return 0;
}

static int read_binary_head(struct build *build, struct error *err)
{
	uint32_t dimensions, has_null, element_oid, lower;

	if (!take_u32(build, &dimensions) || !take_u32(build, &has_null) || !take_u32(build, &element_oid))
		return refuse_binary(err);
	if (dimensions > POSTGRESQL_ARRAY_DIMENSIONS_MAX)
		return error_set(err, ERROR_LIMIT, "an array with more than %d dimensions",
				 POSTGRESQL_ARRAY_DIMENSIONS_MAX);
	/* No dimension: the empty array. */
	build->leaf_depth = dimensions == 0 ? 1 : dimensions;
	for (uint32_t i = 0; i < dimensions; i++) {
		/* Each element has 4 bytes at least, so a count that is not true ends
		 * before much is written. */
		if (!take_u32(build, &build->counts[i]) || !take_u32(build, &lower) || build->counts[i] == 0)
			return refuse_binary(err);
	}
	return 0;
}

int postgresql_array_encode_binary(const struct postgresql_type *type, struct bytes value,
				   msgpack_sbuffer *out, struct error *err)
{
	struct build build = { .type = type, .out = out, .at = value.data, .end = value.data + value.size };
	size_t size = out->size;

	if (read_binary_head(&build, err) != 0 || read_binary_level(&build, 1, err) != 0)
		goto fail;
	if (build.at != build.end) {
		refuse_binary(err);
		goto fail;
	}
	return 0;
fail:
	out->size = size;
	return -1;
}
