#ifndef STORAGE_TRANSACTION_H
#define STORAGE_TRANSACTION_H

#include "storage/environment.h"

/* An LMDB transaction that remembers its first error: after one, every further
 * call does nothing and returns -1, and committing fails.  So a caller may do
 * several things and check once.
 *
 * A transaction lives in one function call of one thread.  Bytes that a get
 * yields are lent until the next write in, or the end of, the transaction. */
struct transaction {
	struct store *store;
	MDB_txn *txn;                   /* NULL: none begun */
	struct error err;               /* code ERROR_NONE: none yet */
	uint64_t written_bytes;         /* to tell a full disk from a broken one */
	bool is_writing;                /* not a read transaction */
	bool has_written;
	MDB_cursor *seeking;            /* open while transaction_seek runs */
	bool has_met_damage;            /* of LMDB's pages, while writing: what it has of them in
					 * memory is not to be trusted, not even to be freed */
};

/* Write transactions: the appender's thread alone (and store_open before it
 * starts).  ERROR_IO, ERROR_MEMORY, ERROR_CORRUPT. */
int transaction_begin(struct transaction *out, struct store *store, struct error *err);
/* A read transaction; frees slots of dead readers when they have run out. */
int transaction_begin_read(struct transaction *out, struct store *store, struct error *err);

/* Durable when it returns 0.  Ends the transaction either way.  ERROR_DISK_FULL,
 * or what happened first. */
int transaction_commit(struct transaction *transaction, struct error *err);

/* The same, but only what was committed before it is durable when it returns 0,
 * and that only if this one wrote something (has_written).  A crash may still
 * undo this one, as a whole. */
int transaction_commit_unsynced(struct transaction *transaction, struct error *err);

/* Make durable what was committed.  ERROR_IO: it may be, or not, and the
 * environment must not be written any more. */
int transaction_sync(struct store *store, struct error *err);

/* Ends it, forgets what it wrote; fine on one that has ended. */
void transaction_abort(struct transaction *transaction);

/* Has something failed?  Then -1, and err is filled. */
int transaction_failed(const struct transaction *transaction, struct error *err);

/* 1 found, 0 not, -1 failed. */
int transaction_get(struct transaction *transaction, enum table table, struct bytes key,
		    struct bytes *out);
int transaction_put(struct transaction *transaction, enum table table, struct bytes key,
		    struct bytes value);
/* Room for a value that the caller writes at once, before any other call.
 * A key that is there already is damage: ERROR_CORRUPT. */
int transaction_reserve(struct transaction *transaction, enum table table, struct bytes key,
			size_t size, uint8_t **out);
/* Fine where the key is not there. */
int transaction_delete(struct transaction *transaction, enum table table, struct bytes key);

/* The first entry whose key is key or greater: 1, 0, -1. */
int transaction_seek(struct transaction *transaction, enum table table, struct bytes key,
		     struct bytes *out_key, struct bytes *out_value);

/* meta's numbers, sealed.  A missing one reads as 0. */
int transaction_get_number(struct transaction *transaction, const char *name, uint64_t *out);
int transaction_put_number(struct transaction *transaction, const char *name, uint64_t number);

/* Make the transaction fail with this error, where it has none yet; -1. */
int transaction_fail(struct transaction *transaction, const struct error *err);

#endif
