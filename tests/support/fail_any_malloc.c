/* fail_malloc.h for a program that is not linked with $(FAIL_MALLOC_WRAPS): its
 * own malloc stands before the C library's for all it is linked with, so that LMDB's
 * allocations are counted and failed, too. */
#include "tests/support/fail_malloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { NEVER = -1 };

/* The GNU C library's own, under names that are there to stand behind one's own. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_int successes_left = NEVER;
static atomic_bool has_failed;

void fail_malloc_after(int successes)
{
	atomic_store(&has_failed, false);
	atomic_store(&successes_left, successes);
}

bool fail_malloc_stop(void)
{
	atomic_store(&successes_left, NEVER);
	return atomic_load(&has_failed);
}

static bool fails_now(void)
{
	int left = atomic_load(&successes_left);

	while (left != NEVER) {
		if (!atomic_compare_exchange_weak(&successes_left, &left, left - 1))
			continue;
		if (left > 0)
			return false;
		atomic_store(&has_failed, true);
		errno = ENOMEM;
		return true;
	}
	return false;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	return fails_now() ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *memory, size_t size)
{
	return fails_now() ? NULL : __libc_realloc(memory, size);
}

__attribute__((visibility("default"))) void *aligned_alloc(size_t alignment, size_t size)
{
	return fails_now() ? NULL : __libc_memalign(alignment, size);
}

__attribute__((visibility("default"))) int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *memory = fails_now() ? NULL : __libc_memalign(alignment, size);

	if (memory == NULL)
		return ENOMEM;
	*out = memory;
	return 0;
}
