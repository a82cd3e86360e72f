#include "client/command_format.h"

#include "client/command.h"
#include "client/command_output.h"
#include "protocol/json.h"
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

/* The header of a key that has changed holds the other key: as a key is rendered. */
static bool add_key_header(struct command_format *format, struct text *text,
			   const struct millstream_header *header)
{
	return render_header(format->render, text,
			     (struct bytes){ (const uint8_t *)header->name, header->name_bytes },
			     (struct bytes){ header->value, header->value_bytes });
}

static void add_headers(struct command_format *format, struct text *text,
			const struct millstream_record *record)
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
		if (!add_key_header(format, text, &header))
			text_add(text, header.value, header.value_bytes);
	}
}

static int add_letter(struct command_format *format, struct text *text, char letter,
		      const struct millstream_record *record, struct error *err)
{
	switch (letter) {
	case 't': text_add_string(text, record->topic); break;
	case 'p': text_add_u64(text, record->partition); break;
	case 'o': text_add_u64(text, record->offset); break;
	case 'k': return record->key == NULL ? 0 : render_key(format->render, text, err);
	case 's':
	case 'v':
		return render_value_kind(format->render) == RENDER_NULL
			       ? 0 : render_value(format->render, text, err);
	case 'T': text_add_i64(text, record->time_us / 1000); break;
	case 'h': add_headers(format, text, record); break;
	case 'K': text_add_i64(text, record->key == NULL ? -1 : (int64_t)record->key_bytes); break;
	case 'S':
		text_add_i64(text, record->value_content == MILLSTREAM_NONE ? -1
				   : (int64_t)record->value_bytes);
		break;
	default: text_add_byte(text, letter);
	}
	return 0;
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

static int add_letters(struct command_format *format, struct text *text,
		       const struct millstream_record *record, struct error *err)
{
	const char *letters = format->letters;
	for (;;) {
		size_t plain = strcspn(letters, "%\\");
		text_add(text, letters, plain);
		letters += plain;
		if (*letters == '\0')
			return 0;
		if (*letters == '%') {
			if (add_letter(format, text, letters[1], record, err) != 0)
				return -1;
			letters += 2;
		} else {
			letters += 1 + add_escape(text, letters + 1);
		}
	}
}

/* ---- JSON ---- */

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

static void add_json_headers(struct command_format *format, struct json *json,
			     const struct millstream_record *record)
{
	struct millstream_header header;
	size_t cursor = 0;
	json_begin_array(json);
	while (millstream_header_next(record, &cursor, &header)) {
		json_begin_object(json);
		json_name(json, "name");
		json_text(json, (struct bytes){ (const uint8_t *)header.name, header.name_bytes });
		json_name(json, "value");
		if (!add_key_header(format, json->text, &header))
			add_json_bytes(json, header.value, header.value_bytes);
		json_end_object(json);
	}
	json_end_array(json);
}

/* An object of the key's or the value's own, or a string of its bytes. */
static int add_json_rendered(struct command_format *format, struct json *json, bool is_key,
			     const void *data, size_t size, struct error *err)
{
	switch (is_key ? render_key_kind(format->render) : render_value_kind(format->render)) {
	case RENDER_NULL: json_null(json); return 0;
	case RENDER_PLAIN: add_json_bytes(json, size > 0 ? data : "", size); return 0;
	case RENDER_JSON: break;
	}
	json->wants_comma = true;
	return is_key ? render_key(format->render, json->text, err)
		      : render_value(format->render, json->text, err);
}

static int add_json(struct command_format *format, struct text *text,
		    const struct millstream_record *record, struct error *err)
{
	struct json json = json_to(text);
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
	if (add_json_rendered(format, &json, true, record->key, record->key_bytes, err) != 0)
		return -1;
	json_name(&json, "payload");
	if (add_json_rendered(format, &json, false, record->value, record->value_bytes, err) != 0)
		return -1;
	json_name(&json, "headers");
	add_json_headers(format, &json, record);
	json_end_object(&json);
	json_end_line(&json);
	return 0;
}

/* ---- A record ---- */

void command_format_init(struct command_format *format)
{
	*format = (struct command_format){ .form = COMMAND_FORM_LINE };
	render_options_init(&format->options);
}

/* The command's own call may be cut off from the server like any other. */
static int find_schema(void *user, uint32_t schema_id, struct bytes *out, struct error *err)
{
	struct command_format *format = user;
	const void *schema;
	size_t size;
	int code;
	do {
		code = millstream_schema(format->client, schema_id, COMMAND_WAIT_MS, &schema, &size);
	} while ((code == MILLSTREAM_TIMEOUT || code == MILLSTREAM_DISCONNECTED) &&
		 command_output_is_wanted());
	if (code != MILLSTREAM_OK)
		return error_set(err, ERROR_NOT_FOUND, "schema %" PRIu32 ": %s", schema_id,
				 millstream_error_text(format->client));
	*out = (struct bytes){ schema, size };
	return 0;
}

int command_format_open(struct command_format *format, struct millstream_client *client,
			struct error *err)
{
	format->client = client;
	return render_create(&format->options, find_schema, format, &format->render, err);
}

void command_format_close(struct command_format *format)
{
	render_destroy(format->render);
	format->render = NULL;
}

static struct content content_of(enum millstream_content content, const void *data, size_t size)
{
	static const enum content_kind kinds[] = { [MILLSTREAM_NONE] = CONTENT_NIL,
						   [MILLSTREAM_BYTES] = CONTENT_BYTES,
						   [MILLSTREAM_CHANGE] = CONTENT_ARRAY };
	return (struct content){ kinds[content], { data, size } };
}

static int add_form(struct command_format *format, struct text *text,
		    const struct millstream_record *record, struct error *err)
{
	switch (format->form) {
	case COMMAND_FORM_JSON: return add_json(format, text, record, err);
	case COMMAND_FORM_LETTERS: return add_letters(format, text, record, err);
	case COMMAND_FORM_LINE: break;
	}
	if (render_value(format->render, text, err) != 0)
		return -1;
	text_add_byte(text, '\n');
	return 0;
}

int command_format_add(struct command_format *format, struct text *text,
		       const struct millstream_record *record, struct error *err)
{
	const struct render_record opened = {
		.topic = record->topic,
		.partition = record->partition,
		.offset = record->offset,
		.time_us = record->time_us,
		.key = content_of(record->key_content, record->key, record->key_bytes),
		.value = content_of(record->value_content, record->value, record->value_bytes),
		.headers = { record->headers, record->headers_bytes },
	};
	size_t size_before = text->buffer.size;
	int rc = render_open(format->render, &opened, err);
	if (rc > 0 && add_form(format, text, record, err) != 0)
		rc = -1;
	if (rc < 0 && text->buffer.size > size_before)
		text->buffer.size = size_before;
	return rc;
}
