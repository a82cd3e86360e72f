#ifndef TESTS_SUPPORT_FAIL_MALLOC_H
#define TESTS_SUPPORT_FAIL_MALLOC_H

#include <stdbool.h>

/* One allocation of ours fails on demand, whichever thread makes it.
 * A program that uses this is linked with $(FAIL_MALLOC_WRAPS); allocations
 * made inside shared libraries (libc's, LMDB's) are neither counted nor failed.
 *
 *	for (int n = 0;; n++) {
 *		fail_malloc_after(n);
 *		rc = ...;
 *		if (!fail_malloc_stop())
 *			break;          (no n-th allocation: all of them were tried)
 *		assert_int_equal(rc, -1);
 *	}
 */

/* Let this many allocations succeed and the next one fail, with ENOMEM; those
 * after it succeed again. */
void fail_malloc_after(int successes);

/* Stop failing; says whether an allocation was failed since fail_malloc_after. */
bool fail_malloc_stop(void);

#endif
