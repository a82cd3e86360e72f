#ifndef TESTS_FAULT_ACKS_H
#define TESTS_FAULT_ACKS_H

#include "tests/fault/log_model.h"

#include <stddef.h>

/* What a run of the workload was told, and what it was about to do: the promises
 * that must hold after a fault.  Kept as lines of text, one a promise:
 *
 *   S source                   the source is registered
 *   C topic                    the topic is made
 *   A step                     the published step is about to be submitted
 *   T source step ordinal      the step is durable
 *   P step number offset       the record of the published step is durable
 *   X step                     the published step was refused: it will never be there
 *   V topic partition offset   seen: everything before is visible
 *   F                          the disk is full
 *   R                          it no longer is
 *
 * Topics and sources are numbers in log_model.h. */

#define ACKS_PARTITIONS_MAX     4
#define ACKS_RECORDS_MAX        4       /* of a published step */

enum acks_attempt {
	ATTEMPT_NONE,
	ATTEMPT_BEGUN,
	ATTEMPT_DURABLE,
	ATTEMPT_REFUSED,
};

struct acks {
	bool is_registered[MODEL_SOURCES];
	bool is_made[MODEL_TOPICS];
	int stored_step[MODEL_SOURCES]; /* 0: none */
	uint64_t visible_ends[MODEL_TOPICS][ACKS_PARTITIONS_MAX];
	int full_count;
	int resumed_count;
	int step_count;
	struct acks_publish {
		enum acks_attempt attempt;
		uint64_t ends[ACKS_RECORDS_MAX];        /* offset + 1; 0: not told */
	} *published;           /* by step */
};

void acks_init(struct acks *acks, int step_count);
void acks_clear(struct acks *acks);

/* Take one line, without its end.  Aborts at one that is none of these. */
void acks_add(struct acks *acks, const char *line);

/* The same for every line of a file; one that is not there holds none.  A last
 * line without an end was cut off, and is none. */
void acks_load(struct acks *acks, const char *path);

#endif
