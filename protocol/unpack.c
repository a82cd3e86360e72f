#include "protocol/unpack.h"

/* Every item begins with one byte that says, by way of the table below, all
 * that is needed to step over it.  unpack_next and unpack_skip both work from
 * the table, so they cannot disagree about where an item ends. */

enum shape {
	INVALID,        /* 0xc1, which the specification never uses */
	FIXED,          /* the first byte says how long the whole item is */
	CONTENT,        /* head, then as many bytes as the head says */
	ITEMS,          /* head, then as many items as it says */
	PAIRS,          /* head, then twice as many */
};

struct head {
	uint8_t shape;
	uint8_t type;   /* enum unpack_type; of signed integers, a first guess */
	uint8_t size;   /* of FIXED: the whole item; of others: the head */
	uint8_t width;  /* of the length or count, which stands behind the first
			 * byte; 0: a count in its low four bits */
};

#define FIXED_TEXT(size) { FIXED, UNPACK_TEXT, 1 + (size), 0 }
#define FIXED_TEXTS(size)                                                      \
	FIXED_TEXT(size), FIXED_TEXT((size) + 1), FIXED_TEXT((size) + 2),      \
	FIXED_TEXT((size) + 3), FIXED_TEXT((size) + 4), FIXED_TEXT((size) + 5), \
	FIXED_TEXT((size) + 6), FIXED_TEXT((size) + 7)

static const struct head heads[256] = {
	[0x00 ... 0x7f] = { FIXED, UNPACK_UNSIGNED, 1, 0 },
	[0x80 ... 0x8f] = { PAIRS, UNPACK_MAP, 1, 0 },
	[0x90 ... 0x9f] = { ITEMS, UNPACK_ARRAY, 1, 0 },
	[0xa0] = FIXED_TEXTS(0), FIXED_TEXTS(8), FIXED_TEXTS(16), FIXED_TEXTS(24),
	[0xc0] = { FIXED, UNPACK_NIL, 1, 0 },
	[0xc1] = { INVALID, 0, 1, 0 },
	[0xc2 ... 0xc3] = { FIXED, UNPACK_BOOL, 1, 0 },
	[0xc4] = { CONTENT, UNPACK_BYTES, 2, 1 },
	[0xc5] = { CONTENT, UNPACK_BYTES, 3, 2 },
	[0xc6] = { CONTENT, UNPACK_BYTES, 5, 4 },
	[0xc7] = { CONTENT, UNPACK_EXTENSION, 3, 1 },
	[0xc8] = { CONTENT, UNPACK_EXTENSION, 4, 2 },
	[0xc9] = { CONTENT, UNPACK_EXTENSION, 6, 4 },
	[0xca] = { FIXED, UNPACK_FLOAT32, 5, 0 },
	[0xcb] = { FIXED, UNPACK_FLOAT64, 9, 0 },
	[0xcc] = { FIXED, UNPACK_UNSIGNED, 2, 0 },
	[0xcd] = { FIXED, UNPACK_UNSIGNED, 3, 0 },
	[0xce] = { FIXED, UNPACK_UNSIGNED, 5, 0 },
	[0xcf] = { FIXED, UNPACK_UNSIGNED, 9, 0 },
	[0xd0] = { FIXED, UNPACK_NEGATIVE, 2, 0 },
	[0xd1] = { FIXED, UNPACK_NEGATIVE, 3, 0 },
	[0xd2] = { FIXED, UNPACK_NEGATIVE, 5, 0 },
	[0xd3] = { FIXED, UNPACK_NEGATIVE, 9, 0 },
	[0xd4] = { FIXED, UNPACK_EXTENSION, 2 + 1, 0 },
	[0xd5] = { FIXED, UNPACK_EXTENSION, 2 + 2, 0 },
	[0xd6] = { FIXED, UNPACK_EXTENSION, 2 + 4, 0 },
	[0xd7] = { FIXED, UNPACK_EXTENSION, 2 + 8, 0 },
	[0xd8] = { FIXED, UNPACK_EXTENSION, 2 + 16, 0 },
	[0xd9] = { CONTENT, UNPACK_TEXT, 2, 1 },
	[0xda] = { CONTENT, UNPACK_TEXT, 3, 2 },
	[0xdb] = { CONTENT, UNPACK_TEXT, 5, 4 },
	[0xdc] = { ITEMS, UNPACK_ARRAY, 3, 2 },
	[0xdd] = { ITEMS, UNPACK_ARRAY, 5, 4 },
	[0xde] = { PAIRS, UNPACK_MAP, 3, 2 },
	[0xdf] = { PAIRS, UNPACK_MAP, 5, 4 },
	[0xe0 ... 0xff] = { FIXED, UNPACK_NEGATIVE, 1, 0 },
};

/* Errors are rare: keep their code out of the way of the rest. */
#define COLD __attribute__((cold, noinline))

COLD static int cut_short(uint64_t needed_bytes, size_t left_bytes, struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "msgpack is cut short: an item of %llu bytes, %zu left",
			 (unsigned long long)needed_bytes, left_bytes);
}

COLD static int unused_head(struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "msgpack has an item that begins with 0xc1");
}

COLD static int count_too_large(uint64_t item_count, size_t left_bytes, struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "msgpack promises %llu items in %zu bytes",
			 (unsigned long long)item_count, left_bytes);
}

COLD static int too_deep(struct error *err)
{
	return error_set(err, ERROR_LIMIT, "msgpack is nested more than %d deep", UNPACK_DEPTH_MAX);
}

static const char *type_name(enum unpack_type type)
{
	static const char *const names[] = {
		[UNPACK_NIL] = "nil",
		[UNPACK_BOOL] = "bool",
		[UNPACK_UNSIGNED] = "unsigned integer",
		[UNPACK_NEGATIVE] = "negative integer",
		[UNPACK_FLOAT32] = "float32",
		[UNPACK_FLOAT64] = "float64",
		[UNPACK_TEXT] = "text",
		[UNPACK_BYTES] = "bytes",
		[UNPACK_ARRAY] = "array",
		[UNPACK_MAP] = "map",
		[UNPACK_EXTENSION] = "extension",
	};
	return names[type];
}

COLD static int wrong_type(enum unpack_type got, const char *wanted, struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "msgpack has %s where %s belongs", type_name(got),
			 wanted);
}

/* The length or count of a head that has one; the head is known to be whole. */
static inline uint32_t read_length(const uint8_t *at, unsigned width)
{
	switch (width) {
	case 0:
		return *at & 0x0fu;
	case 1:
		return at[1];
	case 2:
		return load_u16(at + 1);
	default:
		return load_u32(at + 1);
	}
}

static inline void set_signed(struct unpack_item *out, int64_t number)
{
	if (number >= 0) {
		out->type = UNPACK_UNSIGNED;
		out->number = (uint64_t)number;
	} else {
		out->negative = number;
	}
}

static void read_fixed(const uint8_t *at, const struct head *head, struct unpack_item *out)
{
	uint32_t bits32;
	uint64_t bits64;

	switch (*at) {
	case 0x00 ... 0x7f:
		out->number = *at;
		break;
	case 0xa0 ... 0xbf:
		out->bytes = (struct bytes){ at + 1, head->size - 1u };
		break;
	case 0xc2 ... 0xc3:
		out->boolean = *at == 0xc3;
		break;
	case 0xca:
		bits32 = load_u32(at + 1);
		memcpy(&out->float32, &bits32, sizeof(bits32));
		break;
	case 0xcb:
		bits64 = load_u64(at + 1);
		memcpy(&out->float64, &bits64, sizeof(bits64));
		break;
	case 0xcc:
		out->number = at[1];
		break;
	case 0xcd:
		out->number = load_u16(at + 1);
		break;
	case 0xce:
		out->number = load_u32(at + 1);
		break;
	case 0xcf:
		out->number = load_u64(at + 1);
		break;
	case 0xd0:
		set_signed(out, (int8_t)at[1]);
		break;
	case 0xd1:
		set_signed(out, (int16_t)load_u16(at + 1));
		break;
	case 0xd2:
		set_signed(out, (int32_t)load_u32(at + 1));
		break;
	case 0xd3:
		set_signed(out, (int64_t)load_u64(at + 1));
		break;
	case 0xd4 ... 0xd8:
		out->extension_type = (int8_t)at[1];
		out->bytes = (struct bytes){ at + 2, head->size - 2u };
		break;
	case 0xe0 ... 0xff:
		out->negative = (int8_t)*at;
		break;
	default: /* nil: its type says it all */
		break;
	}
}

static int next_sized(struct unpack *unpack, const struct head *head, struct unpack_item *out,
		      struct error *err)
{
	const uint8_t *at = unpack->at;
	const uint8_t *content = at + head->size;
	size_t left_bytes = (size_t)(unpack->end - content);
	uint32_t length = read_length(at, head->width);

	if (head->shape == INVALID)
		return unused_head(err);
	if (head->shape == CONTENT) {
		if (length > left_bytes)
			return cut_short(length, left_bytes, err);
		if (head->type == UNPACK_EXTENSION)
			out->extension_type = (int8_t)content[-1];
		out->bytes = (struct bytes){ content, length };
		content += length;
	} else {
		uint64_t item_count = head->shape == PAIRS ? 2 * (uint64_t)length : length;
		if (item_count > left_bytes)
			return count_too_large(item_count, left_bytes, err);
		out->count = length;
	}
	out->type = head->type;
	unpack->at = content;
	return 0;
}

int unpack_next(struct unpack *unpack, struct unpack_item *out, struct error *err)
{
	const uint8_t *at = unpack->at;
	size_t left_bytes = (size_t)(unpack->end - at);

	if (left_bytes == 0)
		return cut_short(1, 0, err);

	const struct head *head = &heads[*at];
	if (head->size > left_bytes)
		return cut_short(head->size, left_bytes, err);
	if (head->shape != FIXED)
		return next_sized(unpack, head, out, err);
	out->type = head->type;
	read_fixed(at, head, out);
	unpack->at = at + head->size;
	return 0;
}

/* As unpack_next, for an item that has to be of one type.  Like all that may
 * have to go back, it saves unpack->at alone: a copy of the whole cursor, read
 * right after half of it was written, stalls the CPU for as long as an item takes. */
static int next_of_type(struct unpack *unpack, enum unpack_type type, struct unpack_item *out,
			struct error *err)
{
	const uint8_t *before = unpack->at;

	if (unpack_next(unpack, out, err) != 0)
		return -1;
	if (out->type != type) {
		unpack->at = before;
		return wrong_type(out->type, type_name(type), err);
	}
	return 0;
}

int unpack_array(struct unpack *unpack, uint32_t *out_count, struct error *err)
{
	struct unpack_item item;

	if (next_of_type(unpack, UNPACK_ARRAY, &item, err) != 0)
		return -1;
	*out_count = item.count;
	return 0;
}

int unpack_map(struct unpack *unpack, uint32_t *out_pairs, struct error *err)
{
	struct unpack_item item;

	if (next_of_type(unpack, UNPACK_MAP, &item, err) != 0)
		return -1;
	*out_pairs = item.count;
	return 0;
}

int unpack_u64(struct unpack *unpack, uint64_t *out, struct error *err)
{
	struct unpack_item item;

	if (next_of_type(unpack, UNPACK_UNSIGNED, &item, err) != 0)
		return -1;
	*out = item.number;
	return 0;
}

int unpack_u32(struct unpack *unpack, uint32_t *out, struct error *err)
{
	const uint8_t *before = unpack->at;
	struct unpack_item item;

	if (next_of_type(unpack, UNPACK_UNSIGNED, &item, err) != 0)
		return -1;
	if (item.number > UINT32_MAX) {
		unpack->at = before;
		return error_set(err, ERROR_MALFORMED, "msgpack has %llu where 32 bits belong",
				 (unsigned long long)item.number);
	}
	*out = (uint32_t)item.number;
	return 0;
}

int unpack_i64(struct unpack *unpack, int64_t *out, struct error *err)
{
	const uint8_t *before = unpack->at;
	struct unpack_item item;

	if (unpack_next(unpack, &item, err) != 0)
		return -1;
	if (item.type == UNPACK_NEGATIVE) {
		*out = item.negative;
		return 0;
	}
	if (item.type == UNPACK_UNSIGNED && item.number <= INT64_MAX) {
		*out = (int64_t)item.number;
		return 0;
	}
	unpack->at = before;
	if (item.type != UNPACK_UNSIGNED)
		return wrong_type(item.type, "integer", err);
	return error_set(err, ERROR_MALFORMED, "msgpack has %llu where 64 bits with sign belong",
			 (unsigned long long)item.number);
}

int unpack_bool(struct unpack *unpack, bool *out, struct error *err)
{
	struct unpack_item item;

	if (next_of_type(unpack, UNPACK_BOOL, &item, err) != 0)
		return -1;
	*out = item.boolean;
	return 0;
}

int unpack_text(struct unpack *unpack, struct bytes *out, struct error *err)
{
	struct unpack_item item;

	if (next_of_type(unpack, UNPACK_TEXT, &item, err) != 0)
		return -1;
	*out = item.bytes;
	return 0;
}

int unpack_bytes(struct unpack *unpack, struct bytes *out, struct error *err)
{
	struct unpack_item item;

	if (next_of_type(unpack, UNPACK_BYTES, &item, err) != 0)
		return -1;
	*out = item.bytes;
	return 0;
}

bool unpack_nil(struct unpack *unpack)
{
	if (unpack_at_end(unpack) || *unpack->at != 0xc0)
		return false;
	unpack->at++;
	return true;
}

/* Find the end of one value.  `wanted` is how many items are still to come in
 * the innermost open container; those of the containers around it wait in
 * outer[].  Counts are checked against the bytes left, so that a lie is found
 * at once and not after a walk over what follows it. */
static int find_end(const struct unpack *unpack, uint64_t items_max, const uint8_t **out_end,
		    struct error *err)
{
	const uint8_t *at = unpack->at;
	const uint8_t *const end = unpack->end;
	uint64_t outer[UNPACK_DEPTH_MAX];
	unsigned depth = 0;
	uint64_t wanted = 1;
	uint64_t item_count = 1;

	while (true) {
		size_t left_bytes = (size_t)(end - at);
		if (left_bytes == 0)
			return cut_short(1, 0, err);
		const struct head *head = &heads[*at];
		if (head->size > left_bytes)
			return cut_short(head->size, left_bytes, err);

		if (head->shape == FIXED) {
			at += head->size;
			wanted--;
		} else if (head->shape == CONTENT) {
			uint32_t length = read_length(at, head->width);
			left_bytes -= head->size;
			if (length > left_bytes)
				return cut_short(length, left_bytes, err);
			at += head->size + length;
			wanted--;
		} else if (head->shape == INVALID) {
			return unused_head(err);
		} else {
			uint64_t inner = read_length(at, head->width);
			if (head->shape == PAIRS)
				inner *= 2;
			at += head->size;
			left_bytes -= head->size;
			if (inner > left_bytes)
				return count_too_large(inner, left_bytes, err);
			if (depth == UNPACK_DEPTH_MAX)
				return too_deep(err);
			item_count += inner;
			if (item_count > items_max)
				return error_set(err, ERROR_LIMIT,
						 "msgpack has more than %llu items",
						 (unsigned long long)items_max);
			outer[depth++] = wanted - 1;
			wanted = inner;
		}

		while (wanted == 0) {
			if (depth == 0) {
				*out_end = at;
				return 0;
			}
			wanted = outer[--depth];
		}
	}
}

int unpack_skip(struct unpack *unpack, struct bytes *out, struct error *err)
{
	const uint8_t *begin = unpack->at;
	const uint8_t *end;

	if (find_end(unpack, UINT64_MAX, &end, err) != 0)
		return -1;
	if (out != NULL)
		*out = (struct bytes){ begin, (size_t)(end - begin) };
	unpack->at = end;
	return 0;
}

int unpack_check(const void *data, size_t size, uint32_t items_max, struct error *err)
{
	struct unpack unpack = unpack_over(data, size);
	const uint8_t *end;

	if (find_end(&unpack, items_max, &end, err) != 0)
		return -1;
	if (end != unpack.end)
		return error_set(err, ERROR_MALFORMED, "msgpack has %zu bytes behind its value",
				 (size_t)(unpack.end - end));
	return 0;
}
