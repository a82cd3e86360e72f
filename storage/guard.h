#ifndef STORAGE_GUARD_H
#define STORAGE_GUARD_H

#include "protocol/error.h"

/* LMDB trusts its file: a damaged page can send it to an address outside the
 * map or make it divide by zero, and a disk that cannot give a mapped page
 * answers with SIGBUS.  A guard turns such a fault, when it happens inside
 * guard_run on this thread, and a failed assertion of LMDB's, into ERROR_CORRUPT.
 *
 * The body is left by a jump: what it had begun (an LMDB transaction, memory)
 * is the caller's to give up.  A write transaction that was left this way must
 * not be touched again, nor the environment written. */

/* Install the handlers of SIGBUS, SIGSEGV and SIGFPE; faults outside a guard go to
 * what was there before.  Any thread, any number of times: again where somebody
 * else has put a handler over ours. */
void guard_install(void);

/* Returns what body returned, or error_set(err, ERROR_CORRUPT, …). */
int guard_run(int (*body)(void *argument), void *argument, struct error *err);

/* For mdb_env_set_assert: inside a guard jumps out, outside aborts. */
void guard_assertion_failed(const char *text);

#endif
