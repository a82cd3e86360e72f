#ifndef PROTOCOL_JSON_H
#define PROTOCOL_JSON_H

#include "protocol/text.h"

/* Writes JSON (RFC 8259), compactly, value by value; commas are its business.
 * It does not check that what is begun is ended.  A memory failure stays in the
 * text: text_check at the end.
 *
 *	struct json json = json_to(&text);
 *	json_begin_object(&json);
 *	json_name(&json, "offset");
 *	json_u64(&json, 5);
 *	json_end_object(&json);         {"offset":5}
 *
 * Integers are written in full, so a reader that keeps numbers as doubles loses
 * digits beyond 2^53. */
struct json {
	struct text *text;
	bool wants_comma;       /* a value stands before the next one */
};

static inline struct json json_to(struct text *text)
{
	return (struct json){ text, false };
}

/* The next document in the same text, on a line of its own. */
void json_end_line(struct json *json);

void json_begin_object(struct json *json);
void json_end_object(struct json *json);
void json_begin_array(struct json *json);
void json_end_array(struct json *json);

/* A member's name; its value comes next. */
void json_name(struct json *json, const char *name);
void json_name_text(struct json *json, struct bytes name);

void json_null(struct json *json);
void json_bool(struct json *json, bool boolean);
void json_i64(struct json *json, int64_t number);
void json_u64(struct json *json, uint64_t number);

/* The digits that it takes to read the same number back.  JSON has no infinity
 * and no NaN: null. */
void json_float64(struct json *json, double number);
void json_float32(struct json *json, float number);

/* A string.  What is no UTF-8 in it is replaced by U+FFFD. */
void json_text(struct json *json, struct bytes text);
void json_string(struct json *json, const char *string);

/* A string of two lower-case digits a byte. */
void json_hex(struct json *json, struct bytes bytes);

/* A string whose content the caller adds to json->text in between: characters
 * that need no escaping alone. */
void json_begin_plain(struct json *json);
void json_end_plain(struct json *json);

#endif
