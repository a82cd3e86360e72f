#ifndef TESTS_FAULT_MUST_ALLOC_H
#define TESTS_FAULT_MUST_ALLOC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* realloc for what a fault test itself needs: one failed allocation, which is
 * perhaps only the fault's, does not matter to it; two end it.  What is new is
 * zeroed only where old is NULL. */
static inline void *must_realloc(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (memory == NULL && (memory = realloc(old, size)) == NULL) {
		perror("a fault test");
		abort();
	}
	return old == NULL ? memset(memory, 0, size) : memory;
}

#endif
