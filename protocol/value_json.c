#include "protocol/value_json.h"

#include "protocol/utf8.h"
#include "protocol/value_text.h"

#include <math.h>

/* Of an item, when its bytes can no longer be wrong. */
static struct value next_value(struct unpack *unpack)
{
	struct value value = { .kind = VALUE_NULL };
	value_decode(unpack, &value, NULL);
	return value;
}

void value_json_add_bytes(struct json *json, struct bytes bytes)
{
	if (bytes.data == NULL) {
		json_null(json);
		return;
	}
	json_begin_object(json);
	json_name(json, "hex");
	json_hex(json, bytes);
	json_end_object(json);
}

void value_json_add_text(struct json *json, struct bytes text)
{
	if (text.data == NULL || !utf8_is_valid(text))
		value_json_add_bytes(json, text);
	else
		json_text(json, text);
}

static void add_special(struct json *json, struct bytes text)
{
	json_begin_object(json);
	json_name(json, "special");
	value_json_add_text(json, text);
	json_end_object(json);
}

static void add_special_float(struct json *json, double number)
{
	struct value special = {
		.kind = VALUE_SPECIAL,
		.special = isnan(number) ? SPECIAL_NAN
			   : number > 0	 ? SPECIAL_POSITIVE_INFINITY
					 : SPECIAL_NEGATIVE_INFINITY,
	};
	add_special(json, value_text_special(&special));
}

static void add_unavailable(struct json *json)
{
	json_begin_object(json);
	json_name(json, "unavailable");
	json_bool(json, true);
	json_end_object(json);
}

static void add_float64(struct json *json, double number)
{
	if (isfinite(number))
		json_float64(json, number);
	else
		add_special_float(json, number);
}

static void add_float32(struct json *json, float number)
{
	if (isfinite(number))
		json_float32(json, number);
	else
		add_special_float(json, (double)number);
}

/* Anything but an array. */
static void add_scalar(struct json *json, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL: json_null(json); break;
	case VALUE_UNAVAILABLE: add_unavailable(json); break;
	case VALUE_SPECIAL: add_special(json, value_text_special(value)); break;
	case VALUE_BOOL: json_bool(json, value->boolean); break;
	case VALUE_INTEGER: json_i64(json, value->integer); break;
	case VALUE_UNSIGNED: json_u64(json, value->number); break;
	case VALUE_FLOAT32: add_float32(json, value->float32); break;
	case VALUE_FLOAT64: add_float64(json, value->float64); break;
	case VALUE_TEXT: value_json_add_text(json, value->bytes); break;
	case VALUE_BYTES: value_json_add_bytes(json, value->bytes); break;
	case VALUE_ARRAY: break;
	}
}

static void add_geometry(struct json *json, struct unpack *unpack)
{
	struct value srid = next_value(unpack), wkb = next_value(unpack);
	json_begin_object(json);
	json_name(json, "srid");
	add_scalar(json, &srid);
	json_name(json, "hex");
	json_hex(json, wkb.bytes);
	json_end_object(json);
}

static bool add_composed(struct json *json, struct unpack *unpack, enum logical_type type)
{
	struct json before = *json;
	size_t size_before = json->text->buffer.size;
	json_begin_plain(json);
	if (value_text_add_composed(json->text, unpack, type)) {
		json_end_plain(json);
		return true;
	}
	json->text->buffer.size = size_before;
	*json = before;
	return false;
}

static void add_typed(struct json *json, struct unpack *unpack, enum logical_type type,
		      enum logical_type element_type);

static void add_elements(struct json *json, struct unpack *unpack, uint32_t count,
			 enum logical_type element_type)
{
	json_begin_array(json);
	for (uint32_t i = 0; i < count; i++) {
		/* What reads as an element is one; else it is a further dimension. */
		struct unpack probe = *unpack;
		bool is_element = value_check(&probe, element_type, 0, NULL) == 0;
		add_typed(json, unpack, is_element ? element_type : LOGICAL_ARRAY, element_type);
	}
	json_end_array(json);
}

/* The type of what an array of this type holds. */
static enum logical_type item_type(enum logical_type type, enum logical_type element_type)
{
	if (type == LOGICAL_SET)
		return LOGICAL_STRING;
	return type == LOGICAL_POINT ? LOGICAL_FLOAT64 : element_type;
}

/* A value that has passed value_check. */
static void add_typed(struct json *json, struct unpack *unpack, enum logical_type type,
		      enum logical_type element_type)
{
	struct unpack probe = *unpack;
	struct value value = next_value(&probe);
	bool is_absent = value.kind == VALUE_NULL || value.kind == VALUE_UNAVAILABLE ||
			 value.kind == VALUE_SPECIAL;
	if (!is_absent && add_composed(json, unpack, type))
		return;
	*unpack = probe;
	if (value.kind != VALUE_ARRAY)
		add_scalar(json, &value);
	else if (type == LOGICAL_GEOMETRY)
		add_geometry(json, unpack);
	else
		add_elements(json, unpack, value.count, item_type(type, element_type));
}

static void add_untyped(struct json *json, struct unpack *unpack);

static void add_map(struct json *json, struct unpack *unpack, uint32_t pairs)
{
	json_begin_object(json);
	json_name(json, "map");
	json_begin_array(json);
	for (uint32_t i = 0; i < pairs; i++) {
		json_begin_array(json);
		add_untyped(json, unpack);
		add_untyped(json, unpack);
		json_end_array(json);
	}
	json_end_array(json);
	json_end_object(json);
}

static void add_extension(struct json *json, const struct unpack_item *item)
{
	json_begin_object(json);
	json_name(json, "extension");
	json_i64(json, item->extension_type);
	json_name(json, "hex");
	json_hex(json, item->bytes);
	json_end_object(json);
}

/* Anything well-formed, of limited depth. */
static void add_untyped(struct json *json, struct unpack *unpack)
{
	struct unpack probe = *unpack;
	struct unpack_item item = { .type = UNPACK_NIL };
	struct value value;
	unpack_next(unpack, &item, NULL);
	if (item.type == UNPACK_ARRAY) {
		json_begin_array(json);
		for (uint32_t i = 0; i < item.count; i++)
			add_untyped(json, unpack);
		json_end_array(json);
	} else if (item.type == UNPACK_MAP) {
		add_map(json, unpack, item.count);
	} else if (value_decode(&probe, &value, NULL) == 0) {
		add_scalar(json, &value);
	} else {
		add_extension(json, &item);
	}
}

int value_json_add(struct json *json, struct unpack *unpack, enum logical_type type,
		   enum logical_type element_type, struct error *err)
{
	struct unpack probe = *unpack;
	if (value_check(&probe, type, element_type, NULL) == 0) {
		add_typed(json, unpack, type, element_type);
		return 0;
	}
	probe = *unpack;
	if (unpack_skip(&probe, NULL, err) != 0)
		return -1;
	add_untyped(json, unpack);
	return 0;
}
