#ifndef PROTOCOL_CHANGE_H
#define PROTOCOL_CHANGE_H

#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/schema.h"

#include <msgpack/sbuffer.h>

/* One row's change, the value of a captured record: a msgpack array
 *
 *   [op, schema id, before, after, source time, position, index]
 *
 *   op           unsigned: the letter of enum change_op
 *   schema id    unsigned: the schema version that before and after follow; 0
 *                where there is no row (op MESSAGE)
 *   before       nil, or an array of values in column order
 *   after        likewise
 *   source time  µs since the Unix epoch: the commit at the source
 *   position     bin: a place in the source's log; only the source reads it
 *   index        unsigned: 0, 1, … within the source transaction
 *
 * Readers skip items behind the seventh. */

enum change_op {
	CHANGE_CREATE = 'c',
	CHANGE_UPDATE = 'u',
	CHANGE_DELETE = 'd',
	CHANGE_READ = 'r',      /* from a snapshot */
	CHANGE_TRUNCATE = 't',
	CHANGE_MESSAGE = 'm',   /* a logical message: after holds its values */
};

struct change {
	enum change_op op;
	uint32_t schema_id;
	struct bytes before;    /* encoded array, head included; or nil */
	struct bytes after;
	int64_t source_time_us;
	struct bytes position;  /* may be nil */
	uint64_t index;
};

/* Append the encoded form; before and after are copied as they are.  On failure
 * nothing is appended.  ERROR_MEMORY; ERROR_LIMIT for a position of 4 GiB. */
int change_encode(msgpack_sbuffer *buffer, const struct change *change, struct error *err);

/* The same where memory is had already: how many bytes it takes, and write them; returns
 * the end.  The position must be shorter than 4 GiB. */
size_t change_size(const struct change *change);
uint8_t *change_put(uint8_t *at, const struct change *change);

/* Read it; lends.  before and after are checked to be well-formed arrays, not
 * against the schema.  ERROR_MALFORMED, ERROR_LIMIT. */
int change_decode(const void *data, size_t size, struct change *out, struct error *err);

/* Does an encoded row (before or after) have exactly the schema's columns,
 * each with a value its type allows?  ERROR_MALFORMED naming the column. */
int change_check_row(struct bytes row, const struct schema *schema, struct error *err);

#endif
