#include "protocol/json.h"

#include "protocol/utf8.h"

#include <math.h>

static void before_value(struct json *json)
{
	if (json->wants_comma)
		text_add_byte(json->text, ',');
	json->wants_comma = true;
}

static void begin(struct json *json, char bracket)
{
	before_value(json);
	text_add_byte(json->text, bracket);
	json->wants_comma = false;
}

static void end(struct json *json, char bracket)
{
	text_add_byte(json->text, bracket);
	json->wants_comma = true;
}

void json_end_line(struct json *json)
{
	text_add_byte(json->text, '\n');
	json->wants_comma = false;
}

void json_begin_object(struct json *json)
{
	begin(json, '{');
}

void json_end_object(struct json *json)
{
	end(json, '}');
}

void json_begin_array(struct json *json)
{
	begin(json, '[');
}

void json_end_array(struct json *json)
{
	end(json, ']');
}

void json_null(struct json *json)
{
	before_value(json);
	text_add_string(json->text, "null");
}

void json_bool(struct json *json, bool boolean)
{
	before_value(json);
	text_add_string(json->text, boolean ? "true" : "false");
}

void json_i64(struct json *json, int64_t number)
{
	before_value(json);
	text_add_i64(json->text, number);
}

void json_u64(struct json *json, uint64_t number)
{
	before_value(json);
	text_add_u64(json->text, number);
}

void json_float64(struct json *json, double number)
{
	if (!isfinite(number)) {
		json_null(json);
		return;
	}
	before_value(json);
	text_add_float64(json->text, number);
}

void json_float32(struct json *json, float number)
{
	if (!isfinite(number)) {
		json_null(json);
		return;
	}
	before_value(json);
	text_add_float32(json->text, number);
}

/* RFC 8259, section 7: quotation mark, reverse solidus, and U+0000 to U+001F. */
static void add_escaped(struct text *text, uint8_t byte)
{
	static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
					['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\' };
	if (byte < sizeof(letters) && letters[byte] != '\0') {
		text_add_byte(text, '\\');
		text_add_byte(text, letters[byte]);
	} else {
		text_add_string(text, "\\u00");
		text_add_hex(text, (struct bytes){ &byte, 1 });
	}
}

/* How many bytes from here on can be written as they are? */
static size_t plain_bytes(struct bytes text, size_t from)
{
	size_t at = from, n = 1;
	for (; at < text.size; at += n) {
		uint8_t byte = text.data[at];
		n = 1;
		if (byte < 0x20 || byte == '"' || byte == '\\' ||
		    (byte >= 0x80 && utf8_decode(text.data + at, text.size - at, &n) < 0))
			break;
	}
	return at - from;
}

static void add_text(struct text *out, struct bytes text)
{
	text_add_byte(out, '"');
	for (size_t at = 0; at < text.size;) {
		size_t n = plain_bytes(text, at);
		text_add(out, text.data + at, n);
		at += n;
		if (at == text.size)
			break;
		if (text.data[at] < 0x80) {
			add_escaped(out, text.data[at++]);
			continue;
		}
		utf8_decode(text.data + at, text.size - at, &n);
		text_add_string(out, "\xef\xbf\xbd");
		at += n;
	}
	text_add_byte(out, '"');
}

void json_text(struct json *json, struct bytes text)
{
	before_value(json);
	add_text(json->text, text);
}

void json_string(struct json *json, const char *string)
{
	json_text(json, bytes_of_text(string));
}

void json_begin_plain(struct json *json)
{
	before_value(json);
	text_add_byte(json->text, '"');
}

void json_end_plain(struct json *json)
{
	text_add_byte(json->text, '"');
}

void json_hex(struct json *json, struct bytes bytes)
{
	json_begin_plain(json);
	text_add_hex(json->text, bytes);
	json_end_plain(json);
}

void json_name_text(struct json *json, struct bytes name)
{
	json_text(json, name);
	text_add_byte(json->text, ':');
	json->wants_comma = false;
}

void json_name(struct json *json, const char *name)
{
	json_name_text(json, bytes_of_text(name));
}
