#ifndef TESTS_FAULT_FAULT_POINTS_H
#define TESTS_FAULT_FAULT_POINTS_H

#include "tests/fault/acks.h"
#include "tests/support/random.h"
#include "tests/support/run_child.h"

#include <stdatomic.h>
#include <stddef.h>

/* Doing the same thing at very many points, in as many processes as there are
 * CPUs, each with a directory of its own. */

#define FAULT_TALLIES   8

struct fault_place {
	char *directory;        /* emptied before each point */
	char disk[256];         /* directory/disk, which the shim watches */
	char data[256];         /* directory/disk/data, for the store; not made */
	char acks[256];         /* directory/acks */
	char recording[256];
	char counts[256];
	struct random random;   /* of this point: from the seed and the point's number */
	atomic_int *tallies;    /* FAULT_TALLIES of them, shared by all processes */
	int tally_count;
};

/* 0: as it must be; -1: not, and what is wrong in out_what. */
typedef int fault_point(void *user, struct fault_place *place, int point, char *out_what,
			size_t out_bytes);

/* Fill in what is wrong, and return -1.  The arguments may point into it. */
int fault_wrong(char *out_what, size_t out_bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct fault_points {
	const char *name;       /* of the test, for what it prints */
	uint64_t seed;
	int count;              /* points 0 … count - 1 */
	fault_point *function;
	void *user;
	bool in_memory;         /* the directories; else on a disk */
	int tallies[FAULT_TALLIES];     /* filled */
};

/* Returns how many failed.  Prints the first of them, as TAP comments, with what
 * is needed to do it again, and keeps the directory of the very first. */
int fault_points_run(struct fault_points *points);

/* The seed to use: $MILLSTREAM_TEST_SEED, else `standard`.  Says which. */
uint64_t fault_seed(uint64_t standard);

/* Only this point is run where $MILLSTREAM_TEST_POINT is set; none behind the first
 * that fails, and nothing is kept of it, where $MILLSTREAM_TEST_FIRST is. */

/* The workload in a process of its own, under the shim; settings are of the
 * shim's environment and end with NULL.  The program is log_workload, beside the
 * running one. */
struct fault_workload {
	uint64_t seed;
	int steps;
	bool watches;
	bool is_slow;           /* a sync takes long enough to look at what is not yet synced */
	bool records;
	bool counts;
};

void fault_workload_run(const struct fault_workload *workload, const struct fault_place *place,
			const char *setting, struct child_end *out);

/* log_check_directory of a directory in a process of its own, with the acks of
 * the place: 0, or -1 and what is wrong. */
int fault_check(const struct fault_workload *workload, const struct fault_place *place,
		const char *directory, int more_steps, bool again, char *out_what,
		size_t out_bytes);

/* The same with acks at hand. */
int fault_check_with(const struct fault_workload *workload, const struct acks *acks,
		     const char *directory, int more_steps, bool again, char *out_what,
		     size_t out_bytes);

/* One of the numbers that the shim left in place->counts; aborts without it. */
int fault_count(const struct fault_place *place, const char *kind);

/* Make a place outside of fault_points_run, empty it, and remove it. */
void fault_place_init(struct fault_place *place, bool in_memory);
void fault_place_empty(struct fault_place *place);
void fault_place_clear(struct fault_place *place);

/* Steps beyond a workload's own that may be written after a fault. */
#define FAULT_MORE_STEPS_MAX 20

#endif
