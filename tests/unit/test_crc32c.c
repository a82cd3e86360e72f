#include "protocol/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define MOST_BYTES 1024
#define ALIGNMENTS 16

/* Several long lanes, short lanes and a rest. */
#define LARGE_BYTES (5 * 12288 + 3 * 768 + 77)

static uint8_t random_bytes[LARGE_BYTES + ALIGNMENTS];

static int fill_random_bytes(void **state)
{
	uint64_t n = 0x9e3779b97f4a7c15u;

	(void)state;
	for (size_t i = 0; i < sizeof(random_bytes); i++) {
		n ^= n << 13;
		n ^= n >> 7;
		n ^= n << 17;
		random_bytes[i] = (uint8_t)(n >> 32);
	}
	return 0;
}

/* One bit at a time, as the polynomial is written down. */
static uint32_t by_definition(const uint8_t *data, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static void check_vector(const void *data, size_t size, uint32_t expected)
{
	assert_int_equal(crc32c(0, data, size), expected);
	assert_int_equal(crc32c_portable(0, data, size), expected);
}

static void vectors_of_rfc_3720_come_true(void **state)
{
	static const uint8_t iscsi_read[48] = {
		0x01, 0xc0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0x14, 0,    0, 0, 0,    0,    4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
		0x28, 0,    0, 0, 0,    0,    0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
	};
	uint8_t data[32];

	(void)state;
	memset(data, 0x00, sizeof(data));
	check_vector(data, sizeof(data), 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	check_vector(data, sizeof(data), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		data[i] = i;
	check_vector(data, sizeof(data), 0x46dd794e);
	for (uint8_t i = 0; i < 32; i++)
		data[i] = (uint8_t)(31 - i);
	check_vector(data, sizeof(data), 0x113fdb5c);
	check_vector(iscsi_read, sizeof(iscsi_read), 0xd9963a56);
	check_vector("123456789", 9, 0xe3069283);
	check_vector("", 0, 0);
}

static void both_ways_agree_at_every_size_and_alignment(void **state)
{
	(void)state;
	for (size_t align = 0; align < ALIGNMENTS; align++) {
		for (size_t size = 0; size <= MOST_BYTES; size++) {
			const uint8_t *data = random_bytes + align;
			assert_int_equal(crc32c(0, data, size), crc32c_portable(0, data, size));
		}
	}
}

static void the_definition_agrees(void **state)
{
	(void)state;
	for (size_t size = 0; size <= MOST_BYTES; size += 7)
		assert_int_equal(crc32c_portable(0, random_bytes, size),
				 by_definition(random_bytes, size));
	assert_int_equal(crc32c(0, random_bytes, LARGE_BYTES),
			 by_definition(random_bytes, LARGE_BYTES));
}

static void large_inputs_agree_around_every_lane_length(void **state)
{
	static const size_t edges[] = { 768, 2 * 768, 12288, 12288 + 768, 2 * 12288, LARGE_BYTES };

	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		for (size_t size = edges[i] - 9; size <= edges[i] + 9; size++) {
			const uint8_t *data = random_bytes + size % ALIGNMENTS;
			if (size > LARGE_BYTES)
				break;
			assert_int_equal(crc32c(1, data, size), crc32c_portable(1, data, size));
		}
	}
}

static void pieces_in_order_equal_the_whole(void **state)
{
	const uint32_t whole = crc32c(0, random_bytes, LARGE_BYTES);

	(void)state;
	for (size_t step = 1; step < 30000; step = step * 3 + 1) {
		uint32_t crc = 0;
		uint32_t mixed = 0;
		for (size_t at = 0; at < LARGE_BYTES; at += step) {
			size_t size = at + step < LARGE_BYTES ? step : LARGE_BYTES - at;
			crc = crc32c(crc, random_bytes + at, size);
			mixed = at / step % 2 == 0 ? crc32c(mixed, random_bytes + at, size)
						   : crc32c_portable(mixed, random_bytes + at, size);
		}
		assert_int_equal(crc, whole);
		assert_int_equal(mixed, whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_rfc_3720_come_true),
		cmocka_unit_test(both_ways_agree_at_every_size_and_alignment),
		cmocka_unit_test(the_definition_agrees),
		cmocka_unit_test(large_inputs_agree_around_every_lane_length),
		cmocka_unit_test(pieces_in_order_equal_the_whole),
	};
	return cmocka_run_group_tests(tests, fill_random_bytes, NULL);
}
