#ifndef PROTOCOL_UNPACK_H
#define PROTOCOL_UNPACK_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <stdbool.h>

/* A cursor over msgpack bytes that never allocates and never reads past the
 * end.  Everything it yields is lent: it points into the input.
 *
 * msgpack-c's own unpacker reserves memory from counts it has not checked (six
 * bytes make it ask for 8 GiB), so bytes from outside are read with this one,
 * or pass unpack_check() first.  Format: the msgpack specification,
 * github.com/msgpack/msgpack/blob/master/spec.md. */
struct unpack {
	const uint8_t *at;
	const uint8_t *end;
};

enum unpack_type {
	UNPACK_NIL,
	UNPACK_BOOL,
	UNPACK_UNSIGNED,        /* any integer >= 0, whatever its encoding */
	UNPACK_NEGATIVE,        /* any integer < 0 */
	UNPACK_FLOAT32,
	UNPACK_FLOAT64,
	UNPACK_TEXT,
	UNPACK_BYTES,
	UNPACK_ARRAY,           /* its items follow */
	UNPACK_MAP,             /* its keys and values follow */
	UNPACK_EXTENSION,
};

struct unpack_item {
	enum unpack_type type;
	int8_t extension_type;  /* of UNPACK_EXTENSION */
	union {
		bool boolean;
		uint64_t number;        /* UNPACK_UNSIGNED */
		int64_t negative;
		float float32;
		double float64;
		struct bytes bytes;     /* TEXT, BYTES, EXTENSION: the content */
		uint32_t count;         /* ARRAY: items; MAP: pairs; already
					 * checked against the bytes left */
	};
};

/* Nesting that any value from outside may have. */
#define UNPACK_DEPTH_MAX 32

static inline struct unpack unpack_over(const void *data, size_t size)
{
	const uint8_t *at = data;
	return (struct unpack){ at, size == 0 ? at : at + size };
}

static inline bool unpack_at_end(const struct unpack *unpack)
{
	return unpack->at == unpack->end;
}

/* Read the next item's head (and content, where it has one).  The cursor does
 * not move on failure.  ERROR_MALFORMED. */
int unpack_next(struct unpack *unpack, struct unpack_item *out, struct error *err);

/* Typed reads: as unpack_next, and ERROR_MALFORMED where the item is of
 * another type or its number does not fit. */
int unpack_array(struct unpack *unpack, uint32_t *out_count, struct error *err);
int unpack_map(struct unpack *unpack, uint32_t *out_pairs, struct error *err);
int unpack_u64(struct unpack *unpack, uint64_t *out, struct error *err);
int unpack_u32(struct unpack *unpack, uint32_t *out, struct error *err);
int unpack_i64(struct unpack *unpack, int64_t *out, struct error *err);
int unpack_bool(struct unpack *unpack, bool *out, struct error *err);
int unpack_text(struct unpack *unpack, struct bytes *out, struct error *err);
int unpack_bytes(struct unpack *unpack, struct bytes *out, struct error *err);

/* True, and the cursor moved, where the next item is nil. */
bool unpack_nil(struct unpack *unpack);

/* Step over one whole value, however nested; out (may be NULL) gets its
 * encoded bytes.  Depth is limited to UNPACK_DEPTH_MAX: ERROR_LIMIT. */
int unpack_skip(struct unpack *unpack, struct bytes *out, struct error *err);

/* The pre-scan: do the bytes hold exactly one well-formed value of bounded
 * depth and at most items_max items in all (> 0)?  Every count is checked against
 * the bytes left before it is believed.  ERROR_MALFORMED or ERROR_LIMIT. */
int unpack_check(const void *data, size_t size, uint32_t items_max, struct error *err);

#endif
