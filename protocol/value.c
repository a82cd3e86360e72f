#include "protocol/value.h"

#include <assert.h>

enum { UUID_BYTES = 16 };

const char *logical_type_name(enum logical_type type)
{
	switch (type) {
#define X(name, number, words) case LOGICAL_##name: return words;
	LOGICAL_TYPES(X)
#undef X
	}
	return NULL;
}

static const char *kind_name(enum value_kind kind)
{
	static const char *const names[] = {
		[VALUE_NULL] = "null",
		[VALUE_BOOL] = "bool",
		[VALUE_INTEGER] = "integer",
		[VALUE_UNSIGNED] = "unsigned integer",
		[VALUE_FLOAT32] = "float32",
		[VALUE_FLOAT64] = "float64",
		[VALUE_TEXT] = "text",
		[VALUE_BYTES] = "bytes",
		[VALUE_ARRAY] = "array",
		[VALUE_UNAVAILABLE] = "unavailable",
		[VALUE_SPECIAL] = "special",
	};
	return names[kind];
}

static int pack_special(msgpack_packer *packer, const struct value *value)
{
	size_t text_size = value->special == SPECIAL_TEXT ? value->bytes.size : 0;
	char code = (char)value->special;

	assert(value->special >= SPECIAL_POSITIVE_INFINITY && value->special <= SPECIAL_TEXT);
	if (msgpack_pack_ext(packer, 1 + text_size, VALUE_EXTENSION_SPECIAL) != 0 ||
	    msgpack_pack_ext_body(packer, &code, 1) != 0)
		return -1;
	return text_size == 0 ? 0 : msgpack_pack_ext_body(packer, value->bytes.data, text_size);
}

static int pack(msgpack_packer *packer, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		return msgpack_pack_nil(packer);
	case VALUE_BOOL:
		return value->boolean ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
	case VALUE_INTEGER:
		return msgpack_pack_int64(packer, value->integer);
	case VALUE_UNSIGNED:
		return msgpack_pack_uint64(packer, value->number);
	case VALUE_FLOAT32:
		return msgpack_pack_float(packer, value->float32);
	case VALUE_FLOAT64:
		return msgpack_pack_double(packer, value->float64);
	case VALUE_TEXT:
		return msgpack_pack_str_with_body(packer, value->bytes.data, value->bytes.size);
	case VALUE_BYTES:
		return msgpack_pack_bin_with_body(packer, value->bytes.data, value->bytes.size);
	case VALUE_ARRAY:
		return msgpack_pack_array(packer, value->count);
	case VALUE_UNAVAILABLE:
		return msgpack_pack_ext(packer, 0, VALUE_EXTENSION_UNAVAILABLE);
	case VALUE_SPECIAL:
		return pack_special(packer, value);
	}
	assert(!"a kind of value that is none");
	return -1;
}

static bool has_content(const struct value *value)
{
	return value->kind == VALUE_TEXT || value->kind == VALUE_BYTES ||
	       (value->kind == VALUE_SPECIAL && value->special == SPECIAL_TEXT);
}

int value_encode(msgpack_packer *packer, const struct value *value, struct error *err)
{
	/* msgpack-c would write the low 32 bits of the size, and then all the bytes. */
	if (has_content(value) && value->bytes.size >= UINT32_MAX)
		return error_set(err, ERROR_LIMIT, "a value of %zu bytes is too large",
				 value->bytes.size);
	if (pack(packer, value) != 0)
		return error_set(err, ERROR_MEMORY, "no memory to encode a value");
	return 0;
}

static int read_special(struct bytes content, struct value *out, struct error *err)
{
	if (content.size == 0)
		return error_set(err, ERROR_MALFORMED, "special value has no content");

	uint8_t code = content.data[0];
	if (code < SPECIAL_POSITIVE_INFINITY || code > SPECIAL_TEXT)
		return error_set(err, ERROR_MALFORMED, "special value %d is not known", code);
	if (code != SPECIAL_TEXT && content.size != 1)
		return error_set(err, ERROR_MALFORMED, "special value %d has %zu bytes too many", code,
				 content.size - 1);
	out->kind = VALUE_SPECIAL;
	out->special = code;
	out->bytes = (struct bytes){ content.data + 1, content.size - 1 };
	return 0;
}

static int read_extension(const struct unpack_item *item, struct value *out, struct error *err)
{
	switch (item->extension_type) {
	case VALUE_EXTENSION_UNAVAILABLE:
		if (item->bytes.size != 0)
			return error_set(err, ERROR_MALFORMED, "unavailable value has %zu bytes of content",
					 item->bytes.size);
		out->kind = VALUE_UNAVAILABLE;
		return 0;
	case VALUE_EXTENSION_SPECIAL:
		return read_special(item->bytes, out, err);
	default:
		return error_set(err, ERROR_MALFORMED, "extension type %d is no value",
				 item->extension_type);
	}
}

int value_decode(struct unpack *unpack, struct value *out, struct error *err)
{
	const uint8_t *before = unpack->at;
	struct unpack_item item;

	if (unpack_next(unpack, &item, err) != 0)
		return -1;
	switch (item.type) {
	case UNPACK_NIL:
		out->kind = VALUE_NULL;
		break;
	case UNPACK_BOOL:
		out->kind = VALUE_BOOL;
		out->boolean = item.boolean;
		break;
	case UNPACK_UNSIGNED:
		out->kind = item.number <= INT64_MAX ? VALUE_INTEGER : VALUE_UNSIGNED;
		out->number = item.number;
		break;
	case UNPACK_NEGATIVE:
		out->kind = VALUE_INTEGER;
		out->integer = item.negative;
		break;
	case UNPACK_FLOAT32:
		out->kind = VALUE_FLOAT32;
		out->float32 = item.float32;
		break;
	case UNPACK_FLOAT64:
		out->kind = VALUE_FLOAT64;
		out->float64 = item.float64;
		break;
	case UNPACK_TEXT:
	case UNPACK_BYTES:
		out->kind = item.type == UNPACK_TEXT ? VALUE_TEXT : VALUE_BYTES;
		out->bytes = item.bytes;
		break;
	case UNPACK_ARRAY:
		out->kind = VALUE_ARRAY;
		out->count = item.count;
		break;
	case UNPACK_MAP:
		unpack->at = before;
		return error_set(err, ERROR_MALFORMED, "a map is no value");
	case UNPACK_EXTENSION:
		if (read_extension(&item, out, err) != 0) {
			unpack->at = before;
			return -1;
		}
		break;
	}
	return 0;
}

/* What each type allows besides NULL and UNAVAILABLE.  Types that are an array
 * with a shape also say what its items may be; without a count, there may be
 * any number of the first. */
#define KIND(kind) (1u << VALUE_##kind)

struct rule {
	uint16_t kinds;
	uint8_t item_count;
	uint16_t item_kinds[3];
};

static const struct rule rules[] = {
	[LOGICAL_BOOL] = { .kinds = KIND(BOOL) },
	[LOGICAL_INT16] = { .kinds = KIND(INTEGER) },
	[LOGICAL_INT32] = { .kinds = KIND(INTEGER) },
	[LOGICAL_INT64] = { .kinds = KIND(INTEGER) },
	[LOGICAL_UINT64] = { .kinds = KIND(INTEGER) | KIND(UNSIGNED) },
	[LOGICAL_FLOAT32] = { .kinds = KIND(FLOAT32) | KIND(SPECIAL) },
	[LOGICAL_FLOAT64] = { .kinds = KIND(FLOAT64) | KIND(SPECIAL) },
	[LOGICAL_DECIMAL] = { .kinds = KIND(TEXT) | KIND(SPECIAL) },
	[LOGICAL_STRING] = { .kinds = KIND(TEXT) },
	[LOGICAL_BYTES] = { .kinds = KIND(BYTES) },
	[LOGICAL_DATE] = { .kinds = KIND(INTEGER) | KIND(SPECIAL) },
	[LOGICAL_TIME] = { .kinds = KIND(INTEGER) },
	[LOGICAL_TIMETZ] = { KIND(ARRAY), 2, { KIND(INTEGER), KIND(INTEGER) } },
	[LOGICAL_TIMESTAMP] = { .kinds = KIND(INTEGER) | KIND(SPECIAL) },
	[LOGICAL_TIMESTAMPTZ] = { .kinds = KIND(INTEGER) | KIND(SPECIAL) },
	[LOGICAL_INTERVAL] = { KIND(ARRAY) | KIND(SPECIAL), 3,
				{ KIND(INTEGER), KIND(INTEGER), KIND(INTEGER) } },
	[LOGICAL_UUID] = { .kinds = KIND(BYTES) },
	[LOGICAL_JSON] = { .kinds = KIND(TEXT) },
	[LOGICAL_XML] = { .kinds = KIND(TEXT) },
	[LOGICAL_ENUM] = { .kinds = KIND(TEXT) },
	[LOGICAL_SET] = { KIND(ARRAY), 0, { KIND(TEXT) } },
	[LOGICAL_BIT] = { .kinds = KIND(TEXT) },
	[LOGICAL_ARRAY] = { .kinds = KIND(ARRAY) },
	[LOGICAL_POINT] = { KIND(ARRAY), 2, { KIND(FLOAT64), KIND(FLOAT64) } },
	[LOGICAL_GEOMETRY] = { KIND(ARRAY), 2,
			       { KIND(INTEGER) | KIND(UNSIGNED) | KIND(NULL), KIND(BYTES) } },
	[LOGICAL_INET] = { .kinds = KIND(TEXT) },
	[LOGICAL_OID] = { .kinds = KIND(INTEGER) },
	[LOGICAL_BSON] = { .kinds = KIND(BYTES) },
	[LOGICAL_TEXT] = { .kinds = KIND(TEXT) },
};

static bool is_kind(const struct value *value, unsigned kinds)
{
	return (kinds & (1u << value->kind)) != 0;
}

static bool is_absent(const struct value *value)
{
	return is_kind(value, KIND(NULL) | KIND(UNAVAILABLE));
}

static bool is_bits(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] != '0' && text.data[i] != '1')
			return false;
	}
	return true;
}

/* What the kind does not tell yet. */
static bool is_in_range(const struct value *value, enum logical_type type)
{
	switch (type) {
	case LOGICAL_INT16:
		return value->integer >= INT16_MIN && value->integer <= INT16_MAX;
	case LOGICAL_INT32:
		return value->integer >= INT32_MIN && value->integer <= INT32_MAX;
	case LOGICAL_OID:
		return value->integer >= 0 && value->integer <= UINT32_MAX;
	case LOGICAL_UINT64:
		return value->kind == VALUE_UNSIGNED || value->integer >= 0;
	case LOGICAL_UUID:
		return value->bytes.size == UUID_BYTES;
	case LOGICAL_BIT:
		return is_bits(value->bytes);
	default:
		return true;
	}
}

static int check_items(struct unpack *unpack, uint32_t count, enum logical_type type,
		       struct error *err)
{
	const struct rule *rule = &rules[type];
	struct value value;

	if (rule->item_count != 0 && count != rule->item_count)
		return error_set(err, ERROR_MALFORMED, "%s has %u items, not %d",
				 logical_type_name(type), count, rule->item_count);
	for (uint32_t i = 0; i < count; i++) {
		unsigned kinds = rule->item_kinds[rule->item_count != 0 ? i : 0];
		if (value_decode(unpack, &value, err) != 0)
			return -1;
		if (!is_kind(&value, kinds))
			return error_set(err, ERROR_MALFORMED, "item %u of %s cannot be %s", i,
					 logical_type_name(type), kind_name(value.kind));
		if (type == LOGICAL_GEOMETRY && value.kind == VALUE_INTEGER && value.integer < 0)
			return error_set(err, ERROR_MALFORMED, "geometry has SRID %lld",
					 (long long)value.integer);
	}
	return 0;
}

/* Any type but array. */
static int check_one(struct unpack *unpack, enum logical_type type, struct error *err)
{
	struct value value;

	if (value_decode(unpack, &value, err) != 0)
		return -1;
	if (is_absent(&value))
		return 0;
	if (!is_kind(&value, rules[type].kinds))
		return error_set(err, ERROR_MALFORMED, "%s cannot be %s", logical_type_name(type),
				 kind_name(value.kind));
	if (!is_in_range(&value, type))
		return error_set(err, ERROR_MALFORMED, "%s is out of its range",
				 logical_type_name(type));
	if (value.kind == VALUE_ARRAY)
		return check_items(unpack, value.count, type, err);
	return 0;
}

/* Step over the next item if it is an element.  Elements that are arrays
 * themselves look much like a further dimension: in [[1.0, 2.0], [null, null]]
 * one point and two.  What reads as an element is one. */
static bool skip_element(struct unpack *unpack, enum logical_type type)
{
	struct unpack next = *unpack;

	if (check_one(&next, type, NULL) != 0)
		return false;
	*unpack = next;
	return true;
}

static int check_array(struct unpack *unpack, enum logical_type element_type, struct error *err)
{
	uint32_t outer[VALUE_DEPTH_MAX];        /* elements still wanted, each dimension */
	unsigned depth = 0;
	struct value value;

	if (value_decode(unpack, &value, err) != 0)
		return -1;
	if (is_absent(&value))
		return 0;
	if (value.kind != VALUE_ARRAY)
		return error_set(err, ERROR_MALFORMED, "array cannot be %s", kind_name(value.kind));

	uint32_t wanted = value.count;
	while (true) {
		while (wanted == 0) {
			if (depth == 0)
				return 0;
			wanted = outer[--depth];
		}
		wanted--;

		struct unpack next = *unpack;
		if (value_decode(&next, &value, err) != 0)
			return -1;
		if (value.kind != VALUE_ARRAY) {
			if (check_one(unpack, element_type, err) != 0)
				return -1;
			continue;
		}
		if (depth == VALUE_DEPTH_MAX - 1)
			return error_set(err, ERROR_LIMIT, "array is nested more than %d deep",
					 VALUE_DEPTH_MAX);
		if (skip_element(unpack, element_type))
			continue;
		outer[depth++] = wanted;
		wanted = value.count;
		*unpack = next;
	}
}

int value_check(struct unpack *unpack, enum logical_type type, enum logical_type element_type,
		struct error *err)
{
	struct unpack next = *unpack;
	int rc;

	if (logical_type_name(type) == NULL)
		return error_set(err, ERROR_MALFORMED, "logical type %d is not known", (int)type);
	if (type == LOGICAL_ARRAY && (logical_type_name(element_type) == NULL ||
				      element_type == LOGICAL_ARRAY))
		return error_set(err, ERROR_MALFORMED, "array cannot have elements of type %d",
				 (int)element_type);
	if (type == LOGICAL_ARRAY)
		rc = check_array(&next, element_type, err);
	else
		rc = check_one(&next, type, err);
	if (rc == 0)
		*unpack = next;
	return rc;
}
