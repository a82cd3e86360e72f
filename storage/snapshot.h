#ifndef STORAGE_SNAPSHOT_H
#define STORAGE_SNAPSHOT_H

#include "storage/environment.h"

/* A read transaction that is kept: it holds one of LMDB's reader slots from
 * open to close, and pins pages only while snapshot_run runs, which costs about
 * a microsecond.  For storage/ alone; one thread at a time. */
struct snapshot {
	struct store *store;
	MDB_txn *txn;                   /* reset between uses */
	MDB_cursor *cursors[TABLE_COUNT];       /* made when first used */
	bool is_positioned[TABLE_COUNT];        /* renewed for this use */
};

/* No value of ours is larger, so one that claims to be is damaged. */
#define SNAPSHOT_VALUE_BYTES_MAX BATCH_BYTES_MAX

/* ERROR_LIMIT: no reader slot is free. */
int snapshot_open(struct snapshot *out, struct store *store, struct error *err);
/* Fine on one that is zeroed. */
void snapshot_close(struct snapshot *snapshot);

/* Run body over the newest commit, inside a guard: what it returned, or -1.
 * Whatever happened to one use, the next one starts afresh. */
int snapshot_run(struct snapshot *snapshot, int (*body)(void *argument), void *argument,
		 struct error *err);

/* For the body.  What they yield is lent until it returns.
 * 1 found, 0 not, -1 failed: then nothing more can be read in this use. */
int snapshot_get(struct snapshot *snapshot, enum table table, struct bytes key,
		 struct bytes *out_value, struct error *err);
/* Move the table's cursor to the first entry whose key is key or greater, to
 * the next, the previous or the last entry. */
int snapshot_seek(struct snapshot *snapshot, enum table table, struct bytes key,
		  struct bytes *out_key, struct bytes *out_value, struct error *err);
int snapshot_next(struct snapshot *snapshot, enum table table, struct bytes *out_key,
		  struct bytes *out_value, struct error *err);
int snapshot_previous(struct snapshot *snapshot, enum table table, struct bytes *out_key,
		      struct bytes *out_value, struct error *err);
int snapshot_last(struct snapshot *snapshot, enum table table, struct bytes *out_key,
		  struct bytes *out_value, struct error *err);

/* Have the kernel read on from here, where what lies ahead is not in memory yet:
 * MDB_NORDAHEAD, good for reads here and there, makes it read single pages.  A
 * hint: batches of a partition often lie one behind the other.  Returns at once. */
#define SNAPSHOT_READ_AHEAD_BYTES (1024u * 1024)
void snapshot_read_ahead(const struct snapshot *snapshot, const uint8_t *from);

#endif
