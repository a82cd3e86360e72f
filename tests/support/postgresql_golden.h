#ifndef TESTS_SUPPORT_POSTGRESQL_GOLDEN_H
#define TESTS_SUPPORT_POSTGRESQL_GOLDEN_H

#include "capture/postgresql_type.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* What a PostgreSQL 15 gave, as text and in binary, and the value that both are: the
 * text under the settings that capture/postgresql_type.h names. */
struct golden {
	uint32_t oid;
	const char *text;
	const char *binary;             /* in hex, as is the value */
	const char *value;
};

extern const struct golden goldens[];
extern const size_t golden_count;

/* Values encoded, and held against golden bytes. */

enum { VALUE_BYTES_MAX = 512 };

static const struct postgresql_type_list no_types = { NULL, 0 };

struct wanted {
	uint8_t bytes[VALUE_BYTES_MAX];
	size_t size;
};

static inline struct wanted want(const char *hex)
{
	struct wanted wanted;

	wanted.size = hex_bytes(wanted.bytes, sizeof(wanted.bytes), hex);
	return wanted;
}

static inline struct postgresql_type type_of(uint32_t oid)
{
	struct postgresql_type type;

	postgresql_type_resolve(oid, -1, &no_types, &type);
	return type;
}

/* From a copy that ends where its memory ends. */
static inline int encode(const struct postgresql_type *type, bool is_binary, const void *data,
			 size_t size, msgpack_sbuffer *out, struct error *err)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	if (copy == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a copy");
	memcpy(copy, data, size);
	struct bytes bytes = { copy, size };
	int rc = is_binary ? postgresql_type_encode_binary(type, bytes, out, err)
			   : postgresql_type_encode_text(type, bytes, out, err);
	free(copy);
	return rc;
}

static inline void assert_value(const msgpack_sbuffer *buffer, const char *hex, const char *text)
{
	struct wanted wanted = want(hex);

	if (buffer->size != wanted.size || memcmp(buffer->data, wanted.bytes, wanted.size) != 0)
		print_error("the value of %s\n", text);
	assert_int_equal(buffer->size, wanted.size);
	assert_memory_equal(buffer->data, wanted.bytes, wanted.size);
}

#endif
