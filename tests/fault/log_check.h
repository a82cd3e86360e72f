#ifndef TESTS_FAULT_LOG_CHECK_H
#define TESTS_FAULT_LOG_CHECK_H

#include "tests/fault/acks.h"

#include "storage/store.h"

/* Is the directory what it must be, given what was promised?
 *
 * - It opens; verify finds nothing; each visible end is the log's end.
 * - A source's position and ordinal are those of the last of its transactions in
 *   the log: its topics hold exactly the records of its steps up to there, each
 *   once, in order, with the right content, and none of a later one.
 * - No promise is broken: what was acknowledged is there, what was visible is.
 * - Published steps are there whole or not at all, once, in order.
 * - Schemas are there when a transaction that brought them is.
 * - Retention took whole batches from the front, and not too much.
 *
 * On failure err says which of it does not hold. */
int log_check(struct store *store, const struct log_model *model, const struct acks *acks,
	      struct error *err);

/* Open the directory, check it, write more_steps further steps (the model must
 * have them), check again; close, and with `again` open and check once more.
 * acks is added to.  Leaves the directory closed. */
int log_check_directory(const char *directory, const struct log_model *model, struct acks *acks,
			int more_steps, bool again, struct error *err);

/* How the tests open a store: a small ballast, and a map that sanitizers have
 * room for, too. */
int log_check_open(struct store **out, const char *directory, struct error *err);

#define LOG_CHECK_BALLAST_BYTES (UINT64_C(256) << 10)
#define LOG_CHECK_MAP_BYTES     (UINT64_C(1) << 30)

#endif
