#ifndef PROTOCOL_TEXT_H
#define PROTOCOL_TEXT_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <msgpack/sbuffer.h>
#include <stdbool.h>

/* Text in the making: a growing buffer that remembers when memory ran out, so
 * that whoever fills it asks once, at the end.  After a failure nothing more is
 * added. */
struct text {
	msgpack_sbuffer buffer;
	bool has_failed;
};

static inline void text_init(struct text *text)
{
	msgpack_sbuffer_init(&text->buffer);
	text->has_failed = false;
}

/* Free what there is; it may be filled again. */
static inline void text_clear(struct text *text)
{
	msgpack_sbuffer_destroy(&text->buffer);
	text_init(text);
}

/* Begin anew in the same memory. */
static inline void text_empty(struct text *text)
{
	text->buffer.size = 0;
	text->has_failed = false;
}

/* Lends, until the next addition.  Not terminated. */
static inline struct bytes text_bytes(const struct text *text)
{
	return (struct bytes){ (const uint8_t *)text->buffer.data, text->buffer.size };
}

/* Has everything been added?  ERROR_MEMORY. */
int text_check(const struct text *text, struct error *err);

void text_add(struct text *text, const void *data, size_t size);
void text_add_byte(struct text *text, char byte);
void text_add_string(struct text *text, const char *string);
void text_add_format(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Two lower-case digits a byte. */
void text_add_hex(struct text *text, struct bytes bytes);
void text_add_u64(struct text *text, uint64_t number);
void text_add_i64(struct text *text, int64_t number);
/* The digits that it takes to read the same number back, with a point in every
 * locale: 0.1, 1e+300, -0, infinity, -infinity, NaN. */
void text_add_float64(struct text *text, double number);
void text_add_float32(struct text *text, float number);

#endif
