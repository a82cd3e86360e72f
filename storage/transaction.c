#include "storage/transaction.h"

#include <errno.h>
#include <string.h>

static MDB_val val_of(struct bytes bytes)
{
	/* LMDB does not write through the keys and values it is given. */
	union {
		const uint8_t *in;
		void *out;
	} data = { .in = bytes.data };
	return (MDB_val){ bytes.size, data.out };
}

static struct bytes bytes_of(MDB_val val)
{
	return (struct bytes){ val.mv_data, val.mv_size };
}

static int fail(struct transaction *transaction, int rc, enum table table, const char *verb)
{
	if (transaction->err.code == ERROR_NONE)
		lmdb_error(transaction->store, rc, transaction->written_bytes, &transaction->err,
			   "%s in table %s", verb, table_name(table));
	if (transaction->is_writing && transaction->err.code == ERROR_CORRUPT)
		transaction->has_met_damage = true;
	return -1;
}

static bool has_failed(const struct transaction *transaction)
{
	return transaction->err.code != ERROR_NONE;
}

int transaction_begin(struct transaction *out, struct store *store, struct error *err)
{
	struct transaction transaction = { .store = store };
	int rc = mdb_txn_begin(store->env, NULL, 0, &transaction.txn);
	if (rc != 0)
		return lmdb_error(store, rc, 0, err, "begin a write transaction");
	store->is_writing = transaction.is_writing = true;
	*out = transaction;
	return 0;
}

int transaction_begin_read(struct transaction *out, struct store *store, struct error *err)
{
	struct transaction transaction = { .store = store };
	int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &transaction.txn);
	if (rc == MDB_READERS_FULL && store_check_readers(store) > 0)
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &transaction.txn);
	if (rc != 0)
		return lmdb_error(store, rc, 0, err, "begin a read transaction");
	*out = transaction;
	return 0;
}

int transaction_commit_unsynced(struct transaction *transaction, struct error *err)
{
	if (has_failed(transaction)) {
		transaction_abort(transaction);
		return transaction_failed(transaction, err);
	}
	MDB_txn *txn = transaction->txn;
	transaction->txn = NULL;
	int rc = mdb_txn_commit(txn);
	if (transaction->is_writing)
		transaction->store->is_writing = false;
	if (rc != 0) {
		lmdb_error(transaction->store, rc, transaction->written_bytes, &transaction->err,
			   "commit");
		return transaction_failed(transaction, err);
	}
	return 0;
}

int transaction_sync(struct store *store, struct error *err)
{
	int rc = mdb_env_sync(store->env, 1);
	if (rc == 0)
		return 0;
	/* The commit cannot be taken back, so this is never "try again". */
	return error_set(err, ERROR_IO, "sync the log: %s", mdb_strerror(rc));
}

int transaction_commit(struct transaction *transaction, struct error *err)
{
	if (transaction_commit_unsynced(transaction, err) != 0)
		return -1;
	return transaction->has_written ? transaction_sync(transaction->store, err) : 0;
}

void transaction_abort(struct transaction *transaction)
{
	if (transaction->txn == NULL)
		return;
	if (transaction->has_met_damage) {
		transaction->txn = NULL;
		return;
	}
	/* A search that a fault has left. */
	if (transaction->seeking != NULL)
		mdb_cursor_close(transaction->seeking);
	transaction->seeking = NULL;
	mdb_txn_abort(transaction->txn);
	transaction->txn = NULL;
	if (transaction->is_writing)
		transaction->store->is_writing = false;
}

int transaction_failed(const struct transaction *transaction, struct error *err)
{
	if (!has_failed(transaction))
		return 0;
	if (err != NULL)
		*err = transaction->err;
	return -1;
}

int transaction_fail(struct transaction *transaction, const struct error *err)
{
	if (!has_failed(transaction))
		transaction->err = *err;
	return -1;
}

int transaction_get(struct transaction *transaction, enum table table, struct bytes key,
		    struct bytes *out)
{
	if (has_failed(transaction))
		return -1;
	MDB_val mdb_key = val_of(key), value;
	int rc = mdb_get(transaction->txn, transaction->store->tables[table], &mdb_key, &value);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return fail(transaction, rc, table, "read");
	*out = bytes_of(value);
	return 1;
}

int transaction_put(struct transaction *transaction, enum table table, struct bytes key,
		    struct bytes value)
{
	if (has_failed(transaction))
		return -1;
	transaction->written_bytes += value.size;
	MDB_val mdb_key = val_of(key), mdb_value = val_of(value);
	int rc = mdb_put(transaction->txn, transaction->store->tables[table], &mdb_key, &mdb_value, 0);
	if (rc != 0)
		return fail(transaction, rc, table, "write");
	transaction->has_written = true;
	return 0;
}

int transaction_reserve(struct transaction *transaction, enum table table, struct bytes key,
			size_t size, uint8_t **out)
{
	if (has_failed(transaction))
		return -1;
	transaction->written_bytes += size;
	MDB_val mdb_key = val_of(key), value = { size, NULL };
	int rc = mdb_put(transaction->txn, transaction->store->tables[table], &mdb_key, &value,
			 MDB_RESERVE | MDB_NOOVERWRITE);
	if (rc == MDB_KEYEXIST) {
		error_set(&transaction->err, ERROR_CORRUPT,
			  "table %s holds an entry where a new one belongs", table_name(table));
		return -1;
	}
	if (rc != 0)
		return fail(transaction, rc, table, "write");
	transaction->has_written = true;
	*out = value.mv_data;
	return 0;
}

int transaction_delete(struct transaction *transaction, enum table table, struct bytes key)
{
	if (has_failed(transaction))
		return -1;
	MDB_val mdb_key = val_of(key);
	int rc = mdb_del(transaction->txn, transaction->store->tables[table], &mdb_key, NULL);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return fail(transaction, rc, table, "delete");
	transaction->has_written = true;
	return 0;
}

int transaction_seek(struct transaction *transaction, enum table table, struct bytes key,
		     struct bytes *out_key, struct bytes *out_value)
{
	if (has_failed(transaction))
		return -1;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(transaction->txn, transaction->store->tables[table], &cursor);
	if (rc != 0)
		return fail(transaction, rc, table, "open a cursor");
	transaction->seeking = cursor;
	MDB_val found_key = val_of(key), found_value;
	rc = mdb_cursor_get(cursor, &found_key, &found_value,
			    key.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
	mdb_cursor_close(cursor);
	transaction->seeking = NULL;
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return fail(transaction, rc, table, "search");
	*out_key = bytes_of(found_key);
	*out_value = bytes_of(found_value);
	return 1;
}

int transaction_get_number(struct transaction *transaction, const char *name, uint64_t *out)
{
	struct bytes value, body;
	struct error err = { 0 };
	int found = transaction_get(transaction, TABLE_META, bytes_of_text(name), &value);
	if (found < 0)
		return -1;
	if (found == 0) {
		*out = 0;
		return 0;
	}
	if (seal_check("meta", bytes_of_text(name), value, &body, &err) != 0)
		return transaction_fail(transaction, &err);
	if (body.size != sizeof(*out)) {
		error_set(&err, ERROR_CORRUPT, "table meta: '%s' has %zu bytes", name, body.size);
		return transaction_fail(transaction, &err);
	}
	*out = load_u64(body.data);
	return 0;
}

int transaction_put_number(struct transaction *transaction, const char *name, uint64_t number)
{
	uint8_t value[sizeof(number) + SEAL_BYTES];
	store_u64(value, number);
	store_u32(value + sizeof(number), seal_of(value, sizeof(number), bytes_of_text(name)));
	return transaction_put(transaction, TABLE_META, bytes_of_text(name),
			       (struct bytes){ value, sizeof(value) });
}
