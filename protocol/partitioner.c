#include "protocol/partitioner.h"

/* MurmurHash2, 32 bits, as org.apache.kafka.common.utils.Utils.murmur2: words
 * are little-endian whatever the machine. */
#define SEED       0x9747b28cu
#define MULTIPLIER 0x5bd1e995u

uint32_t murmur2(const void *data, size_t size)
{
	const uint8_t *at = data;
	uint32_t hash = SEED ^ (uint32_t)size;

	for (; size >= 4; at += 4, size -= 4) {
		uint32_t word;
		memcpy(&word, at, sizeof(word));
		word = le32toh(word) * MULTIPLIER;
		word ^= word >> 24;
		hash = hash * MULTIPLIER ^ word * MULTIPLIER;
	}

	switch (size) {
	case 3:
		hash ^= (uint32_t)at[2] << 16;
		__attribute__((fallthrough));
	case 2:
		hash ^= (uint32_t)at[1] << 8;
		__attribute__((fallthrough));
	case 1:
		hash = (hash ^ at[0]) * MULTIPLIER;
		break;
	default:
		break;
	}

	hash = (hash ^ hash >> 13) * MULTIPLIER;
	return hash ^ hash >> 15;
}

uint32_t partition_for_key(const void *key, size_t size, uint32_t partition_count)
{
	return (murmur2(key, size) & 0x7fffffff) % partition_count;
}
