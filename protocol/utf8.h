#ifndef PROTOCOL_UTF8_H
#define PROTOCOL_UTF8_H

#include "protocol/bytes.h"

#include <stdbool.h>

/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
 * U+10FFFF. */

/* The code point at the start of size (> 0) bytes; -1: what stands there is
 * none.  *out_bytes is how far to go on: over the code point, or over the
 * ill-formed piece that one U+FFFD stands for (the Unicode Standard's "maximal
 * subpart", as browsers and Java replace it). */
int32_t utf8_decode(const uint8_t *at, size_t size, size_t *out_bytes);

bool utf8_is_valid(struct bytes text);

/* Make a text valid: each byte of what is ill-formed, such as half a character where
 * it was cut, becomes a '?'. */
void utf8_repair(char *text);

/* Safe and faithful on a terminal: no control character (C0, DEL, C1), nothing
 * that turns the direction of writing, no line or paragraph separator. */
bool utf8_is_printable(int32_t code_point);

#endif
