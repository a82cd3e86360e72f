#ifndef CAPTURE_LEDGER_H
#define CAPTURE_LEDGER_H

#include "storage/submission.h"

/* What a source has given to the log, and how far it has got there: how much is under
 * way, the last position that is durable, the first failure.  The source's thread enters,
 * the appender's thread ticks off; anyone may ask.
 *
 * The appender may hold submissions longer than the source lives, where the disk is
 * slow or full: so whoever is last frees it. */
struct ledger;

/* A submission's mark (storage/submission.h) is the time at the source of the
 * transaction that it ends, or: */
#define LEDGER_NO_TRANSACTION   INT64_MIN

int ledger_create(struct ledger **out, struct error *err);
/* The source is done with it. */
void ledger_release(struct ledger *ledger);

/* Before it is submitted: counts it and sets its on_done; or it was not taken after all. */
void ledger_enter(struct ledger *ledger, struct submission *submission);
void ledger_withdraw(struct ledger *ledger, const struct submission *submission);

/* Wait until at most so many records, and submissions, are under way, or something has
 * failed, or until deadline_us of CLOCK_MONOTONIC: then false. */
bool ledger_wait(struct ledger *ledger, size_t record_count, size_t submission_count,
		 int64_t deadline_us);
bool ledger_is_empty(struct ledger *ledger);

/* Has a submission failed?  Then -1 and the first one's reason. */
int ledger_check(struct ledger *ledger, struct error *err);

/* The last durable position since a reset, into SOURCE_POSITION_BYTES_MAX of room:
 * 1; 0: none; -1 as ledger_check. */
int ledger_durable(struct ledger *ledger, uint8_t *out, size_t *out_bytes, struct error *err);

/* A reset of the source goes to the log as well (appender_post_reset).  Begin one, unless one
 * is under way: then false.  ledger_on_reset, or ledger_withdraw_reset where it was not taken,
 * ends it; done, it has forgotten failure and position.  Wait for it: 1 done, 0 the deadline
 * came first, -1 it failed. */
bool ledger_begin_reset(struct ledger *ledger);
void ledger_withdraw_reset(struct ledger *ledger);
void ledger_on_reset(void *ledger, const struct error *err);
int ledger_wait_reset(struct ledger *ledger, int64_t deadline_us, struct error *err);

struct ledger_counts {
	uint64_t transaction_count;     /* durable ones with rows */
	uint64_t record_count;          /* durable */
	int64_t lag_us;                 /* of the last: durable after its commit; -1: none */
};
void ledger_counts(struct ledger *ledger, struct ledger_counts *out);

#endif
