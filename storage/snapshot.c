#include "storage/snapshot.h"

#include "storage/guard.h"

#include <string.h>
#include <sys/mman.h>

struct use {
	struct snapshot *snapshot;
	int (*body)(void *argument);
	void *argument;
	struct error *err;
};

static MDB_val val_of(struct bytes bytes)
{
	/* LMDB does not write through the keys that it is given. */
	union {
		const uint8_t *in;
		void *out;
	} data = { .in = bytes.data };
	return (MDB_val){ bytes.size, data.out };
}

static int open_guarded(void *argument)
{
	struct use *use = argument;
	struct snapshot *snapshot = use->snapshot;
	struct store *store = snapshot->store;
	int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &snapshot->txn);
	if (rc == MDB_READERS_FULL && store_check_readers(store) > 0)
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &snapshot->txn);
	if (rc == MDB_READERS_FULL) {
		unsigned int slot_count = 0;
		mdb_env_get_maxreaders(store->env, &slot_count);
		return error_set(use->err, ERROR_LIMIT,
				 "all %u reader slots are in use; close a reader first", slot_count);
	}
	if (rc != 0)
		return lmdb_error(store, rc, 0, use->err, "begin a read transaction");
	return 0;
}

int snapshot_open(struct snapshot *out, struct store *store, struct error *err)
{
	struct snapshot snapshot = { .store = store };
	struct use use = { .snapshot = &snapshot, .err = err };
	if (guard_run(open_guarded, &use, err) != 0)
		return -1;
	mdb_txn_reset(snapshot.txn);
	*out = snapshot;
	return 0;
}

void snapshot_close(struct snapshot *snapshot)
{
	for (int i = 0; i < TABLE_COUNT; i++)
		if (snapshot->cursors[i] != NULL)
			mdb_cursor_close(snapshot->cursors[i]);
	if (snapshot->txn != NULL)
		mdb_txn_abort(snapshot->txn);
	*snapshot = (struct snapshot){ .store = snapshot->store };
}

static int use_guarded(void *argument)
{
	struct use *use = argument;
	struct snapshot *snapshot = use->snapshot;
	int rc = mdb_txn_renew(snapshot->txn);
	if (rc != 0)
		return lmdb_error(snapshot->store, rc, 0, use->err, "begin a read transaction");
	memset(snapshot->is_positioned, 0, sizeof(snapshot->is_positioned));
	return use->body(use->argument);
}

int snapshot_run(struct snapshot *snapshot, int (*body)(void *argument), void *argument,
		 struct error *err)
{
	struct use use = { snapshot, body, argument, err };
	int rc = guard_run(use_guarded, &use, err);
	/* Also where the guard was left by a jump: what LMDB keeps of a read
	 * transaction is made anew by the next renewal. */
	mdb_txn_reset(snapshot->txn);
	return rc;
}

static int check_value(const struct snapshot *snapshot, enum table table, int rc, MDB_val value,
		       struct bytes *out_value, struct error *err)
{
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return lmdb_error(snapshot->store, rc, 0, err, "read table %s", table_name(table));
	if (value.mv_size > SNAPSHOT_VALUE_BYTES_MAX)
		return error_set(err, ERROR_CORRUPT, "table %s: a value claims %zu bytes",
				 table_name(table), value.mv_size);
	*out_value = (struct bytes){ value.mv_data, value.mv_size };
	return 1;
}

int snapshot_get(struct snapshot *snapshot, enum table table, struct bytes key,
		 struct bytes *out_value, struct error *err)
{
	MDB_val mdb_key = val_of(key), value = { 0, NULL };
	int rc = mdb_get(snapshot->txn, snapshot->store->tables[table], &mdb_key, &value);
	return check_value(snapshot, table, rc, value, out_value, err);
}

/* A cursor that knows nothing of earlier uses or positions. */
static int fresh_cursor(struct snapshot *snapshot, enum table table)
{
	snapshot->is_positioned[table] = true;
	if (snapshot->cursors[table] != NULL)
		return mdb_cursor_renew(snapshot->txn, snapshot->cursors[table]);
	/* mdb_cursor_open gets memory, then reads the table's root: a damaged one
	 * is met here instead, where a jump leaves nothing behind. */
	MDB_stat stat;
	mdb_stat(snapshot->txn, snapshot->store->tables[table], &stat);
	return mdb_cursor_open(snapshot->txn, snapshot->store->tables[table],
			       &snapshot->cursors[table]);
}

static int move(struct snapshot *snapshot, enum table table, MDB_cursor_op op, struct bytes key,
		struct bytes *out_key, struct bytes *out_value, struct error *err)
{
	MDB_val mdb_key = val_of(key), value = { 0, NULL };
	int rc = snapshot->is_positioned[table] ? 0 : fresh_cursor(snapshot, table);
	if (rc == 0)
		rc = mdb_cursor_get(snapshot->cursors[table], &mdb_key, &value, op);
	int found = check_value(snapshot, table, rc, value, out_value, err);
	if (found == 1)
		*out_key = (struct bytes){ mdb_key.mv_data, mdb_key.mv_size };
	return found;
}

int snapshot_seek(struct snapshot *snapshot, enum table table, struct bytes key,
		  struct bytes *out_key, struct bytes *out_value, struct error *err)
{
	/* LMDB refuses to search for a key without bytes. */
	return move(snapshot, table, key.size == 0 ? MDB_FIRST : MDB_SET_RANGE, key, out_key,
		    out_value, err);
}

int snapshot_next(struct snapshot *snapshot, enum table table, struct bytes *out_key,
		  struct bytes *out_value, struct error *err)
{
	return move(snapshot, table, MDB_NEXT, (struct bytes){ NULL, 0 }, out_key, out_value, err);
}

int snapshot_previous(struct snapshot *snapshot, enum table table, struct bytes *out_key,
		      struct bytes *out_value, struct error *err)
{
	return move(snapshot, table, MDB_PREV, (struct bytes){ NULL, 0 }, out_key, out_value, err);
}

int snapshot_last(struct snapshot *snapshot, enum table table, struct bytes *out_key,
		  struct bytes *out_value, struct error *err)
{
	/* LMDB's MDB_LAST takes shortcuts over where a used cursor is; a search
	 * that found nothing leaves it in a place that they do not expect. */
	snapshot->is_positioned[table] = false;
	return move(snapshot, table, MDB_LAST, (struct bytes){ NULL, 0 }, out_key, out_value, err);
}

void snapshot_read_ahead(const struct snapshot *snapshot, const uint8_t *from)
{
	size_t page_bytes = snapshot->store->page_bytes;
	union {
		const uint8_t *in;
		uintptr_t number;
		void *out;
	} at = { .in = from }, ahead;
	unsigned char is_there;
	at.number -= at.number % page_bytes;
	ahead.number = at.number + SNAPSHOT_READ_AHEAD_BYTES / 2;
	/* Beyond the file's end neither does anything. */
	if (mincore(ahead.out, page_bytes, &is_there) != 0 || (is_there & 1))
		return;
	madvise(at.out, SNAPSHOT_READ_AHEAD_BYTES, MADV_WILLNEED);
}
