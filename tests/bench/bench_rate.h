#ifndef TESTS_BENCH_BENCH_RATE_H
#define TESTS_BENCH_BENCH_RATE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How often a second a step in memory can be run; each program has a struct bench of its
 * own.  A second is one of the processor, for this process: nothing here waits, and others
 * may want the core too. */
struct bench;

#define BENCH_RUN_SECONDS 0.5

static inline _Noreturn void bench_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(EXIT_FAILURE);
}

static inline double bench_now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The best of three runs. */
static inline double bench_rate(struct bench *bench, void (*step)(struct bench *bench))
{
	double best = 0;
	for (int run = 0; run < 3; run++) {
		const double begin_s = bench_now_s();
		double elapsed_s;
		uint64_t count = 0;
		do {
			for (int i = 0; i < 64; i++)
				step(bench);
			count += 64;
			elapsed_s = bench_now_s() - begin_s;
		} while (elapsed_s < BENCH_RUN_SECONDS);
		if ((double)count / elapsed_s > best)
			best = (double)count / elapsed_s;
	}
	return best;
}

#endif
