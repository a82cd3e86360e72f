#ifndef STORAGE_LOG_BENCH_H
#define STORAGE_LOG_BENCH_H

#include "storage/log_command.h"

#include <stdbool.h>
#include <stdint.h>

#define LOG_BENCH_TURNS_MAX 64

/* millstream-log bench append: the same bytes through the engine and through
 * write + fdatasync into a plain file, turn by turn in one run, so that a
 * machine's moods fall on both. */
struct bench_options {
	const char *dir;                /* where to work; a directory of its own is made and removed in it */
	const char *name;               /* of the measurement, for the output */
	uint32_t partitions;
	uint32_t batch_bytes;
	uint32_t commit_events;         /* events a commit */
	uint32_t event_bytes;
	uint32_t commits;               /* a turn */
	uint32_t turns;                 /* up to LOG_BENCH_TURNS_MAX */
	int64_t retention_bytes;        /* of each partition; -1: none */
};

struct bench_result {
	uint64_t events;                /* in all turns */
	uint64_t commits;               /* that the engine really made */
	uint64_t bytes;                 /* of batches */
	double engine_seconds;
	double plain_seconds;
	double median_ratio;            /* of the turns' plain / engine times */
	uint64_t file_bytes;            /* at the end */
	uint64_t retained_bytes;
	int64_t retention_step_max_us;
	uint64_t private_bytes;         /* the highest seen */
	double read_bytes_per_second;   /* all of it, from the page cache, verified and copied */
	double open_seconds;            /* closing and opening the store again */
};

/* ERROR_IO, ERROR_DISK_FULL, ERROR_MEMORY. */
int log_bench_append(const struct bench_options *options, struct bench_result *out,
		     struct error *err);

/* millstream-log bench append. */
extern const struct log_command log_bench_command;

#endif
