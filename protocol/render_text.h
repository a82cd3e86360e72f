#ifndef PROTOCOL_RENDER_TEXT_H
#define PROTOCOL_RENDER_TEXT_H

#include "protocol/text.h"

/* Pieces of JSON as Kafka Connect's JsonConverter writes them (Jackson, on Java), so that what is
 * rendered equals Debezium byte for byte.  Commas are the caller's. */

/* A string: escapes in capitals (\u001F), what is beyond U+FFFF as a pair of surrogates,
 * what is no UTF-8 as U+FFFD. */
void render_text_string(struct text *text, struct bytes string);
/* Without its quotes. */
void render_text_escaped(struct text *text, struct bytes string);

/* Double.toString and Float.toString, with the fewest digits that read back: 1.0, 1.0E-5,
 * 1.2345678E7; strings for what is no number: "NaN", "Infinity", "-Infinity". */
void render_text_float64(struct text *text, double number);
void render_text_float32(struct text *text, float number);

/* A string of base64 (RFC 4648), padded; is_url_safe: with - and _ (section 5). */
void render_text_base64(struct text *text, struct bytes bytes, bool is_url_safe);

/* A constant piece. */
#define RENDER_TEXT_ADD(text, literal) text_add(text, literal, sizeof(literal) - 1)

#endif
