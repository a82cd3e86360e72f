#ifndef PROTOCOL_RENDER_DECIMAL_H
#define PROTOCOL_RENDER_DECIMAL_H

#include "protocol/text.h"

/* Exact decimal texts ("-12.50") as Kafka Connect and Debezium write them. */

#define RENDER_DECIMAL_DIGITS_MAX 160000        /* PostgreSQL has 131072 before and 16383 behind the point */
#define RENDER_DECIMAL_SCALE_MAX  16383

/* Base64 of the unscaled number as Java's BigInteger.toByteArray has it: the shortest two's complement,
 * most significant byte first.  Zeros are added or left out to come to the scale, which may be negative.
 * ERROR_MALFORMED: no decimal number, or one with other digits than zero behind the scale;
 * ERROR_LIMIT: too many digits; ERROR_MEMORY. */
int render_decimal_scaled(struct text *text, struct bytes decimal, int32_t scale, struct error *err);

/* {"scale":1,"value":"fQ=="}: with the smallest scale, 0 or more. */
int render_decimal_variable(struct text *text, struct bytes decimal, struct error *err);

/* The nearest double. */
int render_decimal_double(struct text *text, struct bytes decimal, struct error *err);

/* A string of the digits; zeros are added to come to the scale (< 0: none). */
int render_decimal_string(struct text *text, struct bytes decimal, int32_t scale, struct error *err);

/* The decimal text behind a text of PostgreSQL's money in the locale C: "-$1,000.50" is -1000.50.  Written to out,
 * which has the text's size of room.  ERROR_MALFORMED. */
int render_decimal_of_money(struct bytes money, char *out, size_t *out_size, struct error *err);

#endif
