#ifndef PROTOCOL_RECORD_H
#define PROTOCOL_RECORD_H

#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/unpack.h"

#include <msgpack/sbuffer.h>

/* A record is one msgpack array of six:
 *
 *   [offset delta, time delta, transaction delta, key, value, headers]
 *
 * The three deltas, together with the array's head, are the prefix; they are
 * relative to the batch the record lies in, so only the appender can write
 * them.  Key, value and headers are the body; it is encoded once, by whoever
 * makes the record, and never changes again.
 *
 *   offset delta       unsigned, to the batch's base offset
 *   time delta         µs, signed, to the batch's append time
 *   transaction delta  unsigned, to the batch's transaction ordinal (0 in
 *                      batches of published records)
 *   key                nil | bin (published) | array (key columns of a change)
 *   value              nil (tombstone) | bin (published) | array (a change,
 *                      see protocol/change.h)
 *   headers            nil | array of name (str), value (bin or nil), name, …
 *
 * Later versions may add items behind the sixth; readers skip them. */

enum content_kind {
	CONTENT_NIL,
	CONTENT_BYTES,          /* plain bytes, as published */
	CONTENT_ARRAY,          /* an encoded msgpack array, head included */
};

struct content {
	enum content_kind kind;
	struct bytes bytes;     /* of CONTENT_BYTES: without msgpack's head */
};

struct record {
	uint64_t offset;
	int64_t time_us;                /* since the Unix epoch */
	uint64_t transaction_ordinal;   /* 0: published */
	struct content key;
	struct content value;
	struct bytes headers;           /* encoded array, or nil */
};

/* Room that record_prefix_encode needs at most: 1 + 5 + 9 + 9. */
#define RECORD_PREFIX_BYTES_MAX 24

/* Append the body's bytes to buffer.  Contents of kind CONTENT_ARRAY and
 * headers must be well-formed: they are ours.  ERROR_MEMORY, ERROR_LIMIT
 * (a content of 4 GiB). */
int record_body_encode(msgpack_sbuffer *buffer, const struct content *key,
		       const struct content *value, struct bytes headers, struct error *err);

/* How many bytes record_body_encode appends. */
size_t record_body_size(const struct content *key, const struct content *value,
			struct bytes headers);

/* Write the prefix to out, which has RECORD_PREFIX_BYTES_MAX bytes of room;
 * returns its size.  record_prefix_size tells that size beforehand. */
size_t record_prefix_encode(uint8_t *out, uint32_t offset_delta, int64_t time_delta_us,
			    uint64_t transaction_delta);
size_t record_prefix_size(uint32_t offset_delta, int64_t time_delta_us, uint64_t transaction_delta);

/* Read one record.  base_* are those of its batch.  Lends: the contents point
 * into the input.  Keys and values of kind CONTENT_ARRAY are checked to be
 * well-formed msgpack, headers to have their shape.  Published records (the base
 * ordinal is 0) belong to no source transaction: their delta is 0.  ERROR_MALFORMED,
 * ERROR_LIMIT. */
int record_decode(struct unpack *unpack, uint64_t base_offset, int64_t base_time_us,
		  uint64_t base_transaction_ordinal, struct record *out, struct error *err);

/* Walk encoded headers: 1 and one header, 0 at the end, -1 malformed.  Start
 * with a cursor from record_headers(). */
struct unpack record_headers(const struct record *record);
int record_header_next(struct unpack *headers, struct bytes *out_name, struct bytes *out_value,
		       struct error *err);

/* Encode headers one at a time: begin with the number of them, then add. */
int record_headers_begin(msgpack_sbuffer *buffer, uint32_t count, struct error *err);
int record_headers_add(msgpack_sbuffer *buffer, struct bytes name, struct bytes value,
		       struct error *err);

#endif
