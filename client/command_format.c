#include "client/command_format.h"

#include "protocol/json.h"
#include "protocol/time_text.h"
#include "protocol/utf8.h"

#include <inttypes.h>

#define LETTERS "tpoksvThSK%"

static int hex_digit(char letter)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = letter != '\0' ? strchr(digits, letter | 0x20) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

int command_format_check(const char *format, struct error *err)
{
	for (const char *at = format; *at != '\0'; at++) {
		if (*at == '%' && (at[1] == '\0' || strchr(LETTERS, at[1]) == NULL))
			return error_set(err, ERROR_INVALID, "'%%%.1s' in the format means nothing; there "
				"are %%t topic, %%p partition, %%o offset, %%k key, %%v or %%s value, %%T time "
				"in ms, %%h headers, %%K and %%S bytes of key and value, %%%%", at + 1);
		if (*at == '\\' && (at[1] == '\0' || strchr("nrt0\\x", at[1]) == NULL ||
				    (at[1] == 'x' && (hex_digit(at[2]) < 0 || hex_digit(at[3]) < 0))))
			return error_set(err, ERROR_INVALID, "'\\%.1s' in the format means nothing; there "
				"are \\n \\r \\t \\0 \\\\ and \\xNN", at + 1);
		if (*at == '%' || *at == '\\')
			at++;
	}
	return 0;
}

static void add_headers(struct text *text, const struct millstream_record *record)
{
	struct millstream_header header;
	size_t cursor = 0;
	bool is_first = true;
	while (millstream_header_next(record, &cursor, &header)) {
		if (!is_first)
			text_add_byte(text, ',');
		is_first = false;
		text_add(text, header.name, header.name_bytes);
		text_add_byte(text, '=');
		text_add(text, header.value, header.value_bytes);
	}
}

static void add_letter(struct text *text, char letter, const struct millstream_record *record)
{
	switch (letter) {
	case 't': text_add_string(text, record->topic); break;
	case 'p': text_add_u64(text, record->partition); break;
	case 'o': text_add_u64(text, record->offset); break;
	case 'k': text_add(text, record->key, record->key_bytes); break;
	case 's':
	case 'v': text_add(text, record->value, record->value_bytes); break;
	case 'T': text_add_i64(text, record->time_us / 1000); break;
	case 'h': add_headers(text, record); break;
	case 'K': text_add_i64(text, record->key == NULL ? -1 : (int64_t)record->key_bytes); break;
	case 'S':
		text_add_i64(text, record->value_content == MILLSTREAM_NONE ? -1
				   : (int64_t)record->value_bytes);
		break;
	default: text_add_byte(text, letter);
	}
}

/* Returns how many letters stand behind the backslash. */
static int add_escape(struct text *text, const char *at)
{
	switch (*at) {
	case 'n': text_add_byte(text, '\n'); break;
	case 'r': text_add_byte(text, '\r'); break;
	case 't': text_add_byte(text, '\t'); break;
	case '0': text_add_byte(text, '\0'); break;
	case 'x':
		text_add_byte(text, (char)(16 * hex_digit(at[1]) + hex_digit(at[2])));
		return 3;
	default: text_add_byte(text, *at);
	}
	return 1;
}

void command_format_add(struct text *text, const char *format,
			const struct millstream_record *record)
{
	for (;;) {
		size_t plain = strcspn(format, "%\\");
		text_add(text, format, plain);
		format += plain;
		if (*format == '\0')
			return;
		if (*format == '%') {
			add_letter(text, format[1], record);
			format += 2;
		} else {
			format += 1 + add_escape(text, format + 1);
		}
	}
}

void command_format_raw(struct text *text, const struct millstream_record *record)
{
	if (record->value_content == MILLSTREAM_NONE)
		text_add_string(text, "null");
	else
		text_add(text, record->value, record->value_bytes);
	text_add_byte(text, '\n');
}

static bool is_printable(struct bytes bytes)
{
	for (size_t i = 0, step; i < bytes.size; i += step) {
		int32_t point = utf8_decode(bytes.data + i, bytes.size - i, &step);
		if (point < 0 || !utf8_is_printable(point))
			return false;
	}
	return true;
}

static void add_for_people(struct text *text, const void *data, size_t size)
{
	struct bytes bytes = { data, size };
	if (is_printable(bytes)) {
		text_add(text, data, size);
	} else {
		text_add_string(text, "0x");
		text_add_hex(text, bytes);
	}
}

void command_format_pretty(struct text *text, const struct millstream_record *record)
{
	struct millstream_header header;
	size_t cursor = 0;

	time_text_timestamp(text, record->time_us);
	text_add_format(text, "Z  %s/%" PRIu32 " @%" PRIu64 "  ", record->topic, record->partition,
			record->offset);
	if (record->key != NULL) {
		add_for_people(text, record->key, record->key_bytes);
		text_add_string(text, " = ");
	}
	if (record->value_content == MILLSTREAM_NONE)
		text_add_string(text, "(tombstone)");
	else
		add_for_people(text, record->value, record->value_bytes);
	while (millstream_header_next(record, &cursor, &header)) {
		text_add_string(text, "  [");
		add_for_people(text, header.name, header.name_bytes);
		text_add_byte(text, '=');
		add_for_people(text, header.value, header.value_bytes);
		text_add_byte(text, ']');
	}
	text_add_byte(text, '\n');
}

static void add_base64(struct text *text, struct bytes bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t left = bytes.size - i;
		uint32_t group = (uint32_t)bytes.data[i] << 16 |
				 (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
				 (left > 2 ? bytes.data[i + 2] : 0);
		char piece[4] = { digits[group >> 18], digits[group >> 12 & 63],
				  left > 1 ? digits[group >> 6 & 63] : '=',
				  left > 2 ? digits[group & 63] : '=' };
		text_add(text, piece, sizeof(piece));
	}
}

/* Nothing in it has to be looked at twice: most keys and values. */
static bool is_plain(struct bytes bytes)
{
	unsigned found = 0;
	for (size_t i = 0; i < bytes.size; i++) {
		uint8_t byte = bytes.data[i];
		found |= (unsigned)(byte < 0x20) | (unsigned)(byte > 0x7e) | (unsigned)(byte == '"') |
			 (unsigned)(byte == '\\');
	}
	return found == 0;
}

static void add_json_bytes(struct json *json, const void *data, size_t size)
{
	struct bytes bytes = { data, size };
	if (data == NULL) {
		json_null(json);
	} else if (is_plain(bytes)) {
		json_begin_plain(json);
		text_add(json->text, data, size);
		json_end_plain(json);
	} else if (utf8_is_valid(bytes)) {
		json_text(json, bytes);
	} else {
		json_begin_object(json);
		json_name(json, "base64");
		json_begin_plain(json);
		add_base64(json->text, bytes);
		json_end_plain(json);
		json_end_object(json);
	}
}

static void add_json_headers(struct json *json, const struct millstream_record *record)
{
	struct millstream_header header;
	size_t cursor = 0;
	json_begin_array(json);
	while (millstream_header_next(record, &cursor, &header)) {
		json_begin_object(json);
		json_name(json, "name");
		json_text(json, (struct bytes){ (const uint8_t *)header.name, header.name_bytes });
		json_name(json, "value");
		add_json_bytes(json, header.value, header.value_bytes);
		json_end_object(json);
	}
	json_end_array(json);
}

void command_format_json(struct text *text, const struct millstream_record *record)
{
	struct json json = json_to(text);
	bool is_tombstone = record->value_content == MILLSTREAM_NONE;
	json_begin_object(&json);
	json_name(&json, "topic");
	json_string(&json, record->topic);
	json_name(&json, "partition");
	json_u64(&json, record->partition);
	json_name(&json, "offset");
	json_u64(&json, record->offset);
	json_name(&json, "ts");
	json_i64(&json, record->time_us / 1000);
	json_name(&json, "key");
	add_json_bytes(&json, record->key, record->key_bytes);
	json_name(&json, "payload");
	add_json_bytes(&json, is_tombstone ? NULL : record->value_bytes > 0 ? record->value : "",
		       record->value_bytes);
	json_name(&json, "headers");
	add_json_headers(&json, record);
	json_end_object(&json);
	json_end_line(&json);
}
