#ifndef STORAGE_PRODUCERS_H
#define STORAGE_PRODUCERS_H

#include "storage/entry.h"
#include "storage/transaction.h"

/* Idempotent publishing: a producer numbers the records it publishes to a
 * partition 0, 1, 2, …, and the number that is expected next is stored in the same
 * commit as the records.  What comes again is answered, not stored; a number from the
 * future is refused, since something before it is missing.  The appender's thread
 * alone, inside a commit.
 *
 * A producer that is not known may begin with any number: it is new, or has
 * been silent so long (PRODUCER_KEEP_US) that it was forgotten. */

#define PRODUCER_KEEP_US (INT64_C(7) * 24 * 3600 * 1000000)

/* May the submission be stored?  1: yes (or it has no producer); 0: it was stored
 * before, its entries have the offsets of then; -1: refused, submission->err filled.
 * 0 also where the transaction failed. */
int producers_check(struct transaction *transaction, struct submission *submission);

/* Its records have their offsets: the next sequence is behind them. */
int producers_put(struct transaction *transaction, const struct submission *submission,
		  int64_t now_us);

/* Forget a bounded number of producers that were silent since before_us, from
 * *position on, which is moved; 0 begins anew. */
int producers_expire(struct transaction *transaction, uint64_t *position, int64_t before_us);

/* Is it an entry of the table?  Any thread.  ERROR_CORRUPT. */
int producers_check_entry(struct bytes key, struct bytes value, struct error *err);

#endif
