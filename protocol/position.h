#ifndef PROTOCOL_POSITION_H
#define PROTOCOL_POSITION_H

#include "protocol/bytes.h"
#include "protocol/error.h"

/* A place in a source's own log, as every change carries it (protocol/change.h).
 * Compared and resumed from by the source alone; renderings show its parts.
 * The first byte says whose it is; the rest is by kind, big-endian:
 *
 *   postgresql   0 u8  1
 *                1 u8  enum snapshot_marker
 *                2 u32 transaction id (xid); 0 in a snapshot
 *                6 u64 LSN of the change; in a snapshot the slot's consistent point
 *               14 u64 LSN of the commit record, which orders transactions; where it
 *                      ends is told only behind the last row.  In a snapshot as above
 */
enum position_kind {
	POSITION_POSTGRESQL = 1,
};

/* Debezium's source.snapshot.  The last row of a snapshot tells that it is
 * whole; a FIRST after it tells that another one has begun. */
enum snapshot_marker {
	SNAPSHOT_NO,            /* streamed */
	SNAPSHOT_FIRST,
	SNAPSHOT_FIRST_IN_TABLE,
	SNAPSHOT_ROW,
	SNAPSHOT_LAST_IN_TABLE,
	SNAPSHOT_LAST,
};

/* As Debezium 3 writes it: "false", "first", "first_in_data_collection", "true",
 * "last_in_data_collection", "last". */
const char *snapshot_marker_name(enum snapshot_marker marker);

struct position {
	enum position_kind kind;
	enum snapshot_marker marker;
	uint32_t transaction_id;
	uint64_t lsn;
	uint64_t commit_lsn;
};

#define POSITION_POSTGRESQL_BYTES       22
#define POSITION_BYTES_MAX              POSITION_POSTGRESQL_BYTES

/* Write to out, which has POSITION_BYTES_MAX bytes of room; returns the size. */
size_t position_encode(uint8_t *out, const struct position *position);

/* ERROR_MALFORMED; ERROR_UNSUPPORTED: a kind that this version does not know. */
int position_decode(struct bytes encoded, struct position *out, struct error *err);

#endif
