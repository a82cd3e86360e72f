#ifndef CAPTURE_POSTGRESQL_ARRAY_H
#define CAPTURE_POSTGRESQL_ARRAY_H

#include "capture/postgresql_type.h"

/* postgresql_type_encode_text and _binary for a LOGICAL_ARRAY.  Source: array_out and
 * array_send in src/backend/utils/adt/arrayfuncs.c. */
int postgresql_array_encode_text(const struct postgresql_type *type, struct bytes text,
				 msgpack_sbuffer *out, struct error *err);
int postgresql_array_encode_binary(const struct postgresql_type *type, struct bytes value,
				   msgpack_sbuffer *out, struct error *err);

#endif
