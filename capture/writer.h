#ifndef CAPTURE_WRITER_H
#define CAPTURE_WRITER_H

#include "protocol/bytes.h"
#include "protocol/change.h"
#include "protocol/error.h"
#include "protocol/position.h"

#include <stdbool.h>
#include <stdint.h>

/* Where a source puts what it has decoded: tables become topics and schema
 * versions, changes become records, a transaction becomes one submission, or
 * several where it is large.  It knows nothing of any database, and a source
 * nothing of storage/.
 *
 * Belongs to the source's thread, but for writer_durable.  Whatever may block
 * (a full queue) calls on_wait about each second, so that the source can tell its
 * database that it is alive.
 *
 * One transaction is open at a time: begin, changes, commit.  After an error the
 * open transaction is to be abandoned; nothing of it was or becomes visible. */
struct writer;

struct writer_table;            /* a table at one schema version; the writer's, while it lives */

/* Find the table's topic, or make it, and the schema version, or register it with
 * the first change that uses it.  The same encoded schema gives the same table
 * again.  Blocks.  ERROR_NOT_OWNER: the topic has another writer; ERROR_INVALID:
 * no topic can have this name; what topics_create and schemas_reserve say. */
int writer_table(struct writer *writer, const char *topic, struct bytes encoded_schema,
		 struct writer_table **out, struct error *err);

/* source_time_us: the commit at the source, or the time of the snapshot. */
void writer_begin(struct writer *writer, int64_t source_time_us);

/* One row.  key, before and after are encoded arrays, or nil; old_key is the key
 * that an update had before, where it has changed (else nil): such an update is
 * written as Debezium does, a delete and its tombstone under the old key (header
 * __debezium.newkey), and a create under the new one (header __debezium.oldkey).
 * A delete is followed by a tombstone when tombstones.on.delete says so and there
 * is a key.  Copies.  Blocks while the queue is full.  ERROR_LIMIT: a row over
 * RECORD_BYTES_MAX; ERROR_STOPPED; ERROR_IO; ERROR_MEMORY. */
struct writer_row {
	enum change_op op;
	struct bytes key;
	struct bytes old_key;
	struct bytes before;
	struct bytes after;
	struct position position;
};
int writer_row(struct writer *writer, struct writer_table *table, const struct writer_row *row,
	       struct error *err);

/* End the transaction.  position is the source's own, stored in the same commit:
 * where it goes on when this one is durable.  May not be nil.  A transaction without
 * any row is only a position, and costs nothing where a later one follows
 * soon. */
int writer_commit(struct writer *writer, struct bytes position, struct error *err);

/* The same, with the snapshot's progress; position may be nil: it stays. */
int writer_commit_snapshot(struct writer *writer, struct bytes position, struct bytes progress,
			   struct error *err);

/* Forget the open transaction, and what of it was stored.  Blocks. */
int writer_abandon(struct writer *writer, struct error *err);

/* The last position that is durable, and so may be confirmed: 1 and its bytes
 * (SOURCE_POSITION_BYTES_MAX of room), 0: none since the start.  -1: a submission failed, and
 * why; nothing later will be stored.  Any thread. */
int writer_durable(struct writer *writer, uint8_t *out, size_t *out_bytes, struct error *err);

/* Is everything durable that was committed here? */
bool writer_is_idle(struct writer *writer);

/* Wait until it is, or has failed. */
int writer_flush(struct writer *writer, struct error *err);

#endif
