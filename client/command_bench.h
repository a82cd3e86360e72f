#ifndef CLIENT_COMMAND_BENCH_H
#define CLIENT_COMMAND_BENCH_H

#include "client/command.h"
#include "client/command_progress.h"

/* What the benchmarks share: a topic of their own, and records to fill it. */

#define BENCH_EVENT_BYTES_MIN  8        /* each holds a number */
#define BENCH_EVENT_BYTES_MAX  (512 * 1024)
#define BENCH_COUNT_MAX        1000000000

enum {
	BENCH_OPTION_JSON = 256,
	BENCH_OPTION_COUNT,
	BENCH_OPTION_SIZE,
	BENCH_OPTION_PARTITIONS,
	BENCH_OPTION_BATCH,
	BENCH_OPTION_OTHER              /* of one benchmark: from here on */
};

struct bench {
	const struct command *command;
	struct millstream_client *client;
	struct command_progress progress;
	char topic[64];
	bool has_topic;
	bool as_json;
	uint64_t count;
	uint64_t event_bytes;
	uint64_t partitions;
	uint64_t batch_bytes;
	uint8_t *event;                 /* owned: event_bytes of them */
};

/* One of the options above.  -1: told that the value is wrong. */
int bench_read_option(struct bench *bench, int letter, const char *value);

/* Connect and make the topic, and let bench_end delete it.  The exit status. */
int bench_begin(struct bench *bench, const struct command_arguments *arguments);
int bench_end(struct bench *bench, int status);

/* Publish event number `number`, waiting for room.  The exit status; COMMAND_FAILED
 * without a word after ^C. */
int bench_publish(struct bench *bench, uint64_t number);

/* Wait until all is stored. */
int bench_flush(struct bench *bench);

/* Publish count events and wait; the exit status, and how long it took. */
int bench_fill(struct bench *bench, int64_t *out_us);

uint64_t bench_number(const void *event);       /* as bench_publish put it in */

struct bench_latencies {
	uint32_t *each_us;              /* owned */
	size_t count;
	size_t room;
};

int bench_latencies_begin(struct bench_latencies *latencies, size_t room);
void bench_latencies_add(struct bench_latencies *latencies, int64_t us);
/* Sorts once; then thousandths: 500 is the median, 1000 the maximum. */
void bench_latencies_sort(struct bench_latencies *latencies);
uint32_t bench_latency(const struct bench_latencies *latencies, unsigned thousandths);

#endif
