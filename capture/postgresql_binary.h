#ifndef CAPTURE_POSTGRESQL_BINARY_H
#define CAPTURE_POSTGRESQL_BINARY_H

#include "protocol/value.h"

#include <msgpack/sbuffer.h>

/* One value that is no array, from its binary form (its type's typsend function):
 * postgresql_type_encode_binary says the rest.  oid tells types apart that share a
 * logical type; 0: none of the built-in ones. */
int postgresql_binary_encode(enum logical_type type, uint32_t oid, struct bytes value,
			     msgpack_sbuffer *out, struct error *err);

#endif
