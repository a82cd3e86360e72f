#ifndef TESTS_FAULT_FLIP_READER_H
#define TESTS_FAULT_FLIP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A process that has a store open and reads, or verifies, all of it on demand,
 * while somebody else damages the file under it.  What it reads it compares with
 * what it read first, when nothing was damaged. */

#define FLIP_TOPICS             5
#define FLIP_PARTITIONS_MAX     4
#define FLIP_RANGES_MAX         8

/* Where a batch, or the value of another table, lies in the file. */
struct flip_extent {
	uint64_t file_offset;
	uint64_t size;
	int topic;              /* no batch: -1 - table, and the rest is 0 */
	uint32_t partition;
	uint64_t start_offset;
	uint64_t end_offset;
};

struct flip_report {
	int error_count;        /* places where reading stopped with an error, problems that were told */
	struct flip_range {
		int topic;      /* -1: not said */
		uint32_t partition;
		uint64_t start_offset;
		uint64_t end_offset;
	} ranges[FLIP_RANGES_MAX];      /* the first of them */
	int wrong_count;        /* batches that differ from what they were */
	int lost_count;         /* partitions of which a part is missing without an error */
};

enum flip_work {
	FLIP_READ,
	FLIP_VERIFY,
};

struct flip_reader {
	int pid;
	int to;
	int from;
};

/* Open the store, STORE_BESIDE, in a new process.  Aborts where that fails. */
void flip_reader_start(struct flip_reader *out, const char *directory);

/* Where the batches and values lie, by file_offset; the caller frees it. */
struct flip_extent *flip_reader_extents(struct flip_reader *reader, size_t *out_count);

/* False: the process died of it, with *out_signal (0: it exited). */
bool flip_reader_work(struct flip_reader *reader, enum flip_work work, struct flip_report *out,
		      int *out_signal);

/* Also after it died. */
void flip_reader_stop(struct flip_reader *reader);

#endif
