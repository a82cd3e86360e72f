#ifndef CAPTURE_POSTGRESQL_TEXT_H
#define CAPTURE_POSTGRESQL_TEXT_H

#include "protocol/value.h"

#include <msgpack/sbuffer.h>

/* One value that is no array, from its text form: postgresql_type_encode_text
 * says the rest.  Also for one element of an array. */
int postgresql_text_encode(enum logical_type type, struct bytes text, msgpack_sbuffer *out, struct error *err);

/* What an encoded value may have beyond the bytes of its text. */
#define POSTGRESQL_TEXT_GROWTH_MAX 32

/* Append one value (protocol/value.h); nothing on failure. */
int postgresql_text_append(msgpack_sbuffer *out, const struct value *value, struct error *err);

/* A float as its value: NaN and the infinities are special. */
struct value postgresql_text_float64(double number);
struct value postgresql_text_float32(float number);

/* "1.5", "-1e+22", "NaN", "Infinity", to the nearest double, exactly. */
int postgresql_text_read_float64(struct bytes text, double *out, struct error *err);

/* A point's two numbers as its value; NaN is always the same NaN. */
int postgresql_text_append_point(msgpack_sbuffer *out, double x, double y, struct error *err);

#endif
