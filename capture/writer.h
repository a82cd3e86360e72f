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

struct appender;
struct store;
struct topic;

/* For capture.c and tests: what a writer works with; appender, store and user outlive it. */
struct writer_options {
	struct appender *appender;
	struct store *store;
	uint16_t source_id;             /* as sources_register told */
	bool makes_tombstones;          /* tombstones.on.delete */
	/* Under way to the disk at most, in records, but for one submission however large
	 * (0: 8192); and how many records of a transaction go there at a time (0: 2048). */
	size_t queue_records;
	size_t batch_records;
	/* Each may be NULL. */
	bool (*should_stop)(void *user);        /* whatever waits then fails with ERROR_STOPPED */
	void (*on_wait)(void *user);            /* about each second of waiting */
	void (*topic_defaults)(void *user, struct topic *topic);        /* before it is made */
	void (*on_topic)(void *user, const struct topic *topic);        /* it has been made */
	void *user;
};

/* ERROR_MEMORY. */
int writer_create(struct writer **out, const struct writer_options *options, struct error *err);
/* What was submitted goes on to the disk without it.  NULL is fine. */
void writer_destroy(struct writer *writer);

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
 * __debezium.newkey), and a create under the new one (header __debezium.oldkey);
 * a header's value is the other key as it is encoded.
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
 * soon: while others are under way, or a second has not passed since the last of its
 * kind, it waits for a later call of this, writer_is_idle or writer_flush. */
int writer_commit(struct writer *writer, struct bytes position, struct error *err);

/* The same, with the snapshot's progress; position may be nil: it stays. */
int writer_commit_snapshot(struct writer *writer, struct bytes position, struct bytes progress,
			   struct error *err);

/* Forget the open transaction, what of it was stored, and a failure: begin again at the
 * position that the log has.  Blocks until the queue is empty; should_stop ends the wait with
 * ERROR_STOPPED, and then it is to be called again before anything else.  Tables stay; their
 * topics are looked up again. */
int writer_abandon(struct writer *writer, struct error *err);

/* The last position that is durable, and so may be confirmed: 1 and its bytes
 * (SOURCE_POSITION_BYTES_MAX of room), 0: none since the start or writer_abandon.  -1: a submission failed, and
 * why; nothing later will be stored.  Any thread. */
int writer_durable(struct writer *writer, uint8_t *out, size_t *out_bytes, struct error *err);

/* Is everything durable that was committed here? */
bool writer_is_idle(struct writer *writer);

/* Wait until it is, or has failed; half a second longer at most once should_stop. */
int writer_flush(struct writer *writer, struct error *err);

struct writer_counts {
	uint64_t transaction_count;     /* durable ones with rows, since the start */
	uint64_t record_count;
	int64_t lag_us;                 /* of the last: durable so long after its commit; -1: none yet */
};
/* Any thread. */
void writer_counts(struct writer *writer, struct writer_counts *out);

#endif
