#include "tests/support/malloc_shim.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* The GNU C library's own, under names that are there to stand behind one's own. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_bool is_counting;
static atomic_ulong count;
static unsigned long failing;           /* 0: none */

EXPORT malloc_shim_arm_function millstream_malloc_shim_arm;

void millstream_malloc_shim_arm(bool is_armed)
{
	const char *text = getenv("MILLSTREAM_MALLOC_FAIL");

	failing = text != NULL ? strtoul(text, NULL, 10) : 0;
	atomic_store(&is_counting, is_armed);
}

__attribute__((destructor)) static void write_count(void)
{
	const char *path = getenv("MILLSTREAM_MALLOC_COUNT");

	atomic_store(&is_counting, false);
	if (path == NULL || atomic_load(&count) == 0)
		return;
	FILE *file = fopen(path, "w");
	if (file == NULL) {
		fprintf(stderr, "malloc_shim: %s: %s\n", path, strerror(errno));
		abort();
	}
	fprintf(file, "%lu\n", atomic_load(&count));
	fclose(file);
}

static bool fails_now(void)
{
	if (!atomic_load_explicit(&is_counting, memory_order_relaxed) ||
	    atomic_fetch_add(&count, 1) + 1 != failing)
		return false;
	errno = ENOMEM;
	return true;
}

EXPORT void *malloc(size_t size)
{
	return fails_now() ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *memory, size_t size)
{
	return fails_now() ? NULL : __libc_realloc(memory, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	return fails_now() ? NULL : __libc_memalign(alignment, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *memory = fails_now() ? NULL : __libc_memalign(alignment, size);

	if (memory == NULL)
		return ENOMEM;
	*out = memory;
	return 0;
}
