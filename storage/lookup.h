#ifndef STORAGE_LOOKUP_H
#define STORAGE_LOOKUP_H

#include "storage/transaction.h"

/* One short read of the small tables: a read transaction inside a guard.  Any
 * thread; blocks only where a page must come from the disk. */

/* Body returns 1, 0, or -1 with err filled or the transaction failed; it may be
 * left by a jump, so what it allocates it keeps in argument, where the caller
 * finds it.  Returns what body returned; -1 also with ERROR_IO, ERROR_MEMORY,
 * ERROR_CORRUPT of its own. */
typedef int lookup_body(void *argument, struct transaction *transaction, struct error *err);
int lookup_run(struct store *store, lookup_body *body, void *argument, struct error *err);

/* The first entry behind `after` ("" for the first): 1, 0, -1.  No key of the
 * table has more than key_bytes_max (at most LOOKUP_KEY_BYTES_MAX) bytes. */
#define LOOKUP_KEY_BYTES_MAX 255
int lookup_next(struct transaction *transaction, enum table table, const char *after,
		size_t key_bytes_max, struct bytes *out_key, struct bytes *out_value);

#endif
