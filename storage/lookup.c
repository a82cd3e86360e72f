#include "storage/lookup.h"

#include "storage/guard.h"

#include <string.h>

struct lookup {
	struct store *store;
	struct transaction transaction;
	lookup_body *body;
	void *argument;
	struct error *err;
};

static int run_guarded(void *argument)
{
	struct lookup *lookup = argument;
	if (transaction_begin_read(&lookup->transaction, lookup->store, lookup->err) != 0)
		return -1;
	int rc = lookup->body(lookup->argument, &lookup->transaction, lookup->err);
	return transaction_failed(&lookup->transaction, lookup->err) != 0 ? -1 : rc;
}

int lookup_run(struct store *store, lookup_body *body, void *argument, struct error *err)
{
	struct lookup lookup = { .store = store, .body = body, .argument = argument, .err = err };
	int rc = guard_run(run_guarded, &lookup, err);
	transaction_abort(&lookup.transaction);
	return rc;
}

int lookup_next(struct transaction *transaction, enum table table, const char *after,
		size_t key_bytes_max, struct bytes *out_key, struct bytes *out_value)
{
	/* With its NUL it is the least key that is greater.  A longer text is cut to
	 * one byte more than a key can have: what sorts behind it is the same. */
	size_t size = strnlen(after, key_bytes_max) + 1;
	uint8_t start[LOOKUP_KEY_BYTES_MAX + 1];
	memcpy(start, after, size);
	return transaction_seek(transaction, table, (struct bytes){ start, size }, out_key, out_value);
}
