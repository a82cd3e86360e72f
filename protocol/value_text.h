#ifndef PROTOCOL_VALUE_TEXT_H
#define PROTOCOL_VALUE_TEXT_H

#include "protocol/text.h"
#include "protocol/value.h"

/* Values in a form for people, and safe on a terminal:
 *
 *   null, true, -7, 0.1                as they are
 *   decimal, bit, inet, json, xml      bare: 12.50, B'0101' is 0101, {"a": 1}
 *   string, enum, text                 quoted, with \n \t \r \" \\, \xNN for a byte
 *                                      that is no UTF-8 and \uNNNN for what a
 *                                      terminal should not be given
 *   bytes, bson                        0x00ff
 *   dates, times, intervals            as protocol/time_text.h has them; timestamptz with a Z
 *   uuid                               123e4567-e89b-12d3-a456-426614174000
 *   set, array                         ["a", "b"]
 *   point, geometry                    (1.5, 2); SRID=4326 0x0101…, or 0x0101…
 *   unavailable                        <unavailable>
 *   special                            infinity, -infinity, NaN, or the source's own text
 */

/* Append one value and step over it; texts, bytes and arrays that are longer
 * than shown_bytes_max (0: no limit) are cut and their size is told.  A value
 * that is not of its type is shown as what it is, and so is any value where
 * type is 0.  ERROR_MALFORMED and ERROR_LIMIT for what is no value at all. */
int value_text_add(struct text *text, struct unpack *unpack, enum logical_type type,
		   enum logical_type element_type, size_t shown_bytes_max, struct error *err);

/* The same for text and for bytes that stand alone. */
void value_text_add_quoted(struct text *text, struct bytes string, size_t shown_bytes_max);
void value_text_add_bytes(struct text *text, struct bytes bytes, size_t shown_bytes_max);

/* Text that needs no quotes to be seen as it is: not empty, UTF-8, printable, no
 * space at either end. */
bool value_text_is_plain(struct bytes string);

/* The types whose readable form has to be made: dates, times, intervals, uuid.
 * Appends it, or says that the type is none of them.  The value has passed
 * value_check and is neither null nor unavailable nor special. */
bool value_text_add_composed(struct text *text, struct unpack *unpack, enum logical_type type);

/* "infinity", "-infinity", "NaN"; of SPECIAL_TEXT the source's own text. */
struct bytes value_text_special(const struct value *value);

#endif
