#include "protocol/partitioner.h"

#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MAX 512
#define LINE_BYTES    2048

static const uint32_t partition_counts[] = { 1, 2, 3, 4, 7, 50, 1000 };

#define COUNTS (sizeof(partition_counts) / sizeof(partition_counts[0]))

struct vector {
	char key_hex[2 * KEY_BYTES_MAX + 1];
	uint8_t key[KEY_BYTES_MAX];
	size_t key_bytes;
	uint32_t hash;
	uint32_t partitions[COUNTS];
};

static FILE *open_vectors(void)
{
	char path[4096];
	const char *top_srcdir = getenv("top_srcdir");

	snprintf(path, sizeof(path), "%s/tests/vectors/partitioner.txt",
		 top_srcdir != NULL ? top_srcdir : ".");
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	return file;
}

static int next_vector(FILE *file, struct vector *out)
{
	char line[LINE_BYTES];

	do {
		if (fgets(line, sizeof(line), file) == NULL)
			return 0;
	} while (line[0] == '#');
	assert_int_equal(sscanf(line,
				"%1024s %" SCNx32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32
				" %" SCNu32 " %" SCNu32 " %" SCNu32,
				out->key_hex, &out->hash, &out->partitions[0], &out->partitions[1],
				&out->partitions[2], &out->partitions[3], &out->partitions[4],
				&out->partitions[5], &out->partitions[6]),
			 2 + COUNTS);
	out->key_bytes = strcmp(out->key_hex, "-") == 0
				 ? 0
				 : hex_bytes(out->key, sizeof(out->key), out->key_hex);
	return 1;
}

static void keys_go_where_kafkas_java_client_sends_them(void **state)
{
	FILE *file = open_vectors();
	struct vector vector;
	int vector_count = 0;

	(void)state;
	while (next_vector(file, &vector) == 1) {
		assert_int_equal(murmur2(vector.key, vector.key_bytes), vector.hash);
		for (size_t i = 0; i < COUNTS; i++)
			assert_int_equal(partition_for_key(vector.key, vector.key_bytes,
							   partition_counts[i]),
					 vector.partitions[i]);
		vector_count++;
	}
	fclose(file);
	assert_true(vector_count >= 60);
}

static void a_key_may_lie_at_any_address(void **state)
{
	FILE *file = open_vectors();
	struct vector vector;

	(void)state;
	while (next_vector(file, &vector) == 1) {
		for (size_t shift = 1; shift < 4; shift++) {
			/* Exactly as large as it is, for the sanitizer to watch. */
			uint8_t *moved = malloc(shift + vector.key_bytes);
			assert_non_null(moved);
			memcpy(moved + shift, vector.key, vector.key_bytes);
			assert_int_equal(murmur2(moved + shift, vector.key_bytes), vector.hash);
			free(moved);
		}
	}
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_go_where_kafkas_java_client_sends_them),
		cmocka_unit_test(a_key_may_lie_at_any_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
