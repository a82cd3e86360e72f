#ifndef TESTS_SUPPORT_RANDOM_H
#define TESTS_SUPPORT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers that a seed decides: splitmix64 (Steele, Lea, Flood: "Fast splittable
 * pseudorandom number generators").  The same everywhere, for ever. */
struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Independent of each other for each different pair. */
static inline struct random random_seeded(uint64_t seed, uint64_t stream)
{
	struct random random = { seed };

	random.state = random_next(&random) ^ (stream * UINT64_C(0xd6e8feb86659fd93));
	random_next(&random);
	return random;
}

/* 0 … below - 1. */
static inline uint64_t random_below(struct random *random, uint64_t below)
{
	return random_next(random) % below;
}

static inline uint64_t random_between(struct random *random, uint64_t least, uint64_t most)
{
	return least + random_below(random, most - least + 1);
}

/* True once in n, on average. */
static inline bool random_once_in(struct random *random, uint64_t n)
{
	return random_below(random, n) == 0;
}

#endif
