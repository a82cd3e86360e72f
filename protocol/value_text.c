#include "protocol/value_text.h"

#include "protocol/time_text.h"
#include "protocol/utf8.h"

/* Of an item, when its bytes can no longer be wrong. */
static struct value next_value(struct unpack *unpack)
{
	struct value value = { .kind = VALUE_NULL };
	value_decode(unpack, &value, NULL);
	return value;
}

bool value_text_is_plain(struct bytes string)
{
	size_t n;
	for (size_t i = 0; i < string.size; i += n)
		if (!utf8_is_printable(utf8_decode(string.data + i, string.size - i, &n)))
			return false;
	return string.size > 0 && string.data[0] != ' ' && string.data[string.size - 1] != ' ';
}

static void add_escaped(struct text *text, int32_t code_point, struct bytes piece)
{
	switch (code_point) {
	case '\n': text_add_string(text, "\\n"); return;
	case '\r': text_add_string(text, "\\r"); return;
	case '\t': text_add_string(text, "\\t"); return;
	case '"': text_add_string(text, "\\\""); return;
	case '\\': text_add_string(text, "\\\\"); return;
	}
	if (code_point >= 0x80) {
		text_add_format(text, "\\u%04x", (unsigned)code_point);
		return;
	}
	for (size_t i = 0; i < piece.size; i++)
		text_add_format(text, "\\x%02x", piece.data[i]);
}

static void add_size(struct text *text, size_t size)
{
	text_add_format(text, "… (%zu bytes)", size);
}

void value_text_add_quoted(struct text *text, struct bytes string, size_t shown_bytes_max)
{
	size_t n, i = 0;
	text_add_byte(text, '"');
	for (; i < string.size && (shown_bytes_max == 0 || i < shown_bytes_max); i += n) {
		int32_t code_point = utf8_decode(string.data + i, string.size - i, &n);
		struct bytes piece = { string.data + i, n };
		if (code_point == '"' || code_point == '\\' || !utf8_is_printable(code_point))
			add_escaped(text, code_point, piece);
		else
			text_add(text, piece.data, piece.size);
	}
	text_add_byte(text, '"');
	if (i < string.size)
		add_size(text, string.size);
}

void value_text_add_bytes(struct text *text, struct bytes bytes, size_t shown_bytes_max)
{
	bool is_cut = shown_bytes_max != 0 && bytes.size > shown_bytes_max;
	struct bytes shown = { bytes.data, is_cut ? shown_bytes_max : bytes.size };
	text_add_string(text, "0x");
	text_add_hex(text, shown);
	if (is_cut)
		add_size(text, bytes.size);
}

static void add_bare(struct text *text, struct bytes string, size_t shown_bytes_max)
{
	if ((shown_bytes_max == 0 || string.size <= shown_bytes_max) && value_text_is_plain(string))
		text_add(text, string.data, string.size);
	else
		value_text_add_quoted(text, string, shown_bytes_max);
}

struct bytes value_text_special(const struct value *value)
{
	static const char *const words[] = {
		[SPECIAL_POSITIVE_INFINITY] = "infinity",
		[SPECIAL_NEGATIVE_INFINITY] = "-infinity",
		[SPECIAL_NAN] = "NaN",
	};
	if (value->special == SPECIAL_TEXT)
		return value->bytes;
	const char *word = words[value->special];
	return (struct bytes){ (const uint8_t *)word, strlen(word) };
}

static void add_uuid(struct text *text, struct bytes uuid)
{
	static const uint8_t group_bytes[] = { 4, 2, 2, 2, 6 };
	for (size_t i = 0; i < sizeof(group_bytes); i++) {
		if (i > 0)
			text_add_byte(text, '-');
		text_add_hex(text, (struct bytes){ uuid.data, group_bytes[i] });
		uuid.data += group_bytes[i];
	}
}

bool value_text_add_composed(struct text *text, struct unpack *unpack, enum logical_type type)
{
	struct unpack next = *unpack;
	struct value items[3], value = next_value(&next);
	for (uint32_t i = 0; value.kind == VALUE_ARRAY && i < 3 && i < value.count; i++)
		items[i] = next_value(&next);
	switch (type) {
	case LOGICAL_DATE:
		time_text_date(text, value.integer);
		break;
	case LOGICAL_TIME:
		time_text_time(text, value.integer);
		break;
	case LOGICAL_TIMETZ:
		time_text_time(text, items[0].integer);
		time_text_zone(text, items[1].integer);
		break;
	case LOGICAL_TIMESTAMP:
	case LOGICAL_TIMESTAMPTZ:
		time_text_timestamp(text, value.integer);
		text_add_string(text, type == LOGICAL_TIMESTAMPTZ ? "Z" : "");
		break;
	case LOGICAL_INTERVAL:
		time_text_interval(text, items[0].integer, items[1].integer, items[2].integer);
		break;
	case LOGICAL_UUID:
		add_uuid(text, value.bytes);
		break;
	default:
		return false;
	}
	*unpack = next;
	return true;
}

/* What stays the same while one value is walked. */
struct walk {
	struct text *text;
	size_t shown_bytes_max;
};

static bool is_enough(const struct walk *walk, size_t begin)
{
	return walk->shown_bytes_max != 0 &&
	       walk->text->buffer.size - begin > walk->shown_bytes_max;
}

static void skip_items(struct unpack *unpack, uint32_t count, bool is_map)
{
	for (; count > 0; count--) {
		unpack_skip(unpack, NULL, NULL);
		if (is_map)
			unpack_skip(unpack, NULL, NULL);
	}
}

static void add_string(const struct walk *walk, struct bytes string, enum logical_type type)
{
	bool is_bare = type == LOGICAL_DECIMAL || type == LOGICAL_BIT || type == LOGICAL_INET ||
		       type == LOGICAL_JSON || type == LOGICAL_XML;
	(is_bare ? add_bare : value_text_add_quoted)(walk->text, string, walk->shown_bytes_max);
}

/* Anything but an array. */
static void add_scalar(const struct walk *walk, const struct value *value, enum logical_type type)
{
	switch (value->kind) {
	case VALUE_NULL: text_add_string(walk->text, "null"); break;
	case VALUE_UNAVAILABLE: text_add_string(walk->text, "<unavailable>"); break;
	case VALUE_BOOL: text_add_string(walk->text, value->boolean ? "true" : "false"); break;
	case VALUE_INTEGER: text_add_i64(walk->text, value->integer); break;
	case VALUE_UNSIGNED: text_add_u64(walk->text, value->number); break;
	case VALUE_FLOAT32: text_add_float32(walk->text, value->float32); break;
	case VALUE_FLOAT64: text_add_float64(walk->text, value->float64); break;
	case VALUE_TEXT: add_string(walk, value->bytes, type); break;
	case VALUE_BYTES:
		value_text_add_bytes(walk->text, value->bytes, walk->shown_bytes_max);
		break;
	case VALUE_SPECIAL:
		add_bare(walk->text, value_text_special(value), walk->shown_bytes_max);
		break;
	case VALUE_ARRAY: break;
	}
}

static void add_point(const struct walk *walk, struct unpack *unpack)
{
	struct value x = next_value(unpack), y = next_value(unpack);
	text_add_byte(walk->text, '(');
	text_add_float64(walk->text, x.float64);
	text_add_string(walk->text, ", ");
	text_add_float64(walk->text, y.float64);
	text_add_byte(walk->text, ')');
}

static void add_geometry(const struct walk *walk, struct unpack *unpack)
{
	struct value srid = next_value(unpack), wkb = next_value(unpack);
	if (srid.kind != VALUE_NULL) {
		text_add_string(walk->text, "SRID=");
		text_add_u64(walk->text, srid.number);
		text_add_byte(walk->text, ' ');
	}
	value_text_add_bytes(walk->text, wkb.bytes, walk->shown_bytes_max);
}

static void add_typed(const struct walk *walk, struct unpack *unpack, enum logical_type type,
		      enum logical_type element_type);

static void add_elements(const struct walk *walk, struct unpack *unpack, uint32_t count,
			 enum logical_type element_type)
{
	size_t begin = walk->text->buffer.size;
	text_add_byte(walk->text, '[');
	for (uint32_t i = 0; i < count; i++) {
		text_add_string(walk->text, i == 0 ? "" : ", ");
		if (is_enough(walk, begin)) {
			text_add_format(walk->text, "… (%u items)", count);
			skip_items(unpack, count - i, false);
			break;
		}
		/* What reads as an element is one; else it is a further dimension. */
		struct unpack probe = *unpack;
		bool is_element = value_check(&probe, element_type, 0, NULL) == 0;
		add_typed(walk, unpack, is_element ? element_type : LOGICAL_ARRAY, element_type);
	}
	text_add_byte(walk->text, ']');
}

/* A value that has passed value_check. */
static void add_typed(const struct walk *walk, struct unpack *unpack, enum logical_type type,
		      enum logical_type element_type)
{
	struct unpack probe = *unpack;
	struct value value = next_value(&probe);
	bool is_absent = value.kind == VALUE_NULL || value.kind == VALUE_UNAVAILABLE ||
			 value.kind == VALUE_SPECIAL;
	if (!is_absent && value_text_add_composed(walk->text, unpack, type))
		return;
	*unpack = probe;
	if (value.kind != VALUE_ARRAY)
		add_scalar(walk, &value, type);
	else if (type == LOGICAL_POINT)
		add_point(walk, unpack);
	else if (type == LOGICAL_GEOMETRY)
		add_geometry(walk, unpack);
	else
		add_elements(walk, unpack, value.count,
			     type == LOGICAL_SET ? LOGICAL_STRING : element_type);
}

static void add_untyped(const struct walk *walk, struct unpack *unpack);

static void add_untyped_items(const struct walk *walk, struct unpack *unpack, uint32_t count,
			      bool is_map)
{
	size_t begin = walk->text->buffer.size;
	text_add_byte(walk->text, is_map ? '{' : '[');
	for (uint32_t i = 0; i < count; i++) {
		bool is_last = is_enough(walk, begin);
		text_add_string(walk->text, i == 0 ? "" : ", ");
		if (is_last) {
			text_add_format(walk->text, "… (%u items)", count);
			skip_items(unpack, count - i, is_map);
			break;
		}
		add_untyped(walk, unpack);
		if (is_map) {
			text_add_string(walk->text, ": ");
			add_untyped(walk, unpack);
		}
	}
	text_add_byte(walk->text, is_map ? '}' : ']');
}

/* Anything well-formed. */
static void add_untyped(const struct walk *walk, struct unpack *unpack)
{
	struct unpack probe = *unpack;
	struct unpack_item item = { .type = UNPACK_NIL };
	struct value value;
	unpack_next(unpack, &item, NULL);
	if (item.type == UNPACK_ARRAY || item.type == UNPACK_MAP) {
		add_untyped_items(walk, unpack, item.count, item.type == UNPACK_MAP);
	} else if (value_decode(&probe, &value, NULL) == 0) {
		add_scalar(walk, &value, 0);
	} else {
		text_add_format(walk->text, "extension %d ", item.extension_type);
		value_text_add_bytes(walk->text, item.bytes, walk->shown_bytes_max);
	}
}

int value_text_add(struct text *text, struct unpack *unpack, enum logical_type type,
		   enum logical_type element_type, size_t shown_bytes_max, struct error *err)
{
	struct walk walk = { text, shown_bytes_max };
	struct unpack probe = *unpack;
	if (value_check(&probe, type, element_type, NULL) == 0) {
		add_typed(&walk, unpack, type, element_type);
		return 0;
	}
	probe = *unpack;
	if (unpack_skip(&probe, NULL, err) != 0)
		return -1;
	add_untyped(&walk, unpack);
	return 0;
}
