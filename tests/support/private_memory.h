#ifndef TESTS_SUPPORT_PRIVATE_MEMORY_H
#define TESTS_SUPPORT_PRIVATE_MEMORY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A sanitizer's own memory is not the program's. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PRIVATE_MEMORY_IS_MEANINGFUL 0
#else
#define PRIVATE_MEMORY_IS_MEANINGFUL 1
#endif

/* Bytes that this process has in memory for itself alone, and no file holds:
 * stacks, heap, what it changed of what it had mapped (proc(5), smaps_rollup:
 * Anonymous). */
static inline uint64_t private_memory_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	unsigned long long kilobytes = 0;

	if (file == NULL) {
		perror("/proc/self/smaps_rollup");
		abort();
	}
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Anonymous: %llu kB", &kilobytes) == 1)
			break;
	fclose(file);
	return kilobytes * 1024;
}

#endif
