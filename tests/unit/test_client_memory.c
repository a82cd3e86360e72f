#include "tests/support/fail_malloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

/* tests/fuzz/fuzz_client.c: a conversation with whatever the input says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_input(const char *name, uint8_t *out, size_t size)
{
	const char *top = getenv("top_srcdir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/client/%s", top != NULL ? top : ".", name);
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		fail_msg("cannot open %s", path);
	size_t read_bytes = fread(out, 1, size, file);
	fclose(file);
	return read_bytes;
}

/* What it holds is given back, whichever allocation fails (the sanitizers watch). */
static void every_failed_allocation_is_survived(void **state)
{
	static const char *const names[] = { "whole_conversation", "single_bytes", "refused_publish",
					     "two_connections", "damaged_batch" };
	uint8_t input[4096];
	(void)state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t size = read_input(names[i], input, sizeof(input));
		int n = 0;
		for (;; n++) {
			fail_malloc_after(n);
			LLVMFuzzerTestOneInput(input, size);
			if (!fail_malloc_stop())
				break;
		}
		/* Fewer, and the conversation did not get far. */
		assert_true(n >= 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failed_allocation_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
