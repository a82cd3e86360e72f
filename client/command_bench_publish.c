#include "client/command_bench.h"
#include "client/command_output.h"
#include "client/command_table.h"
#include "protocol/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT_DEFAULT        500000
#define SINGLE_COUNT_DEFAULT 2000
#define TURNS                10         /* of the server and of the plain file, in turn */

enum { OPTION_SINGLE = BENCH_OPTION_OTHER, OPTION_DIR };

struct single {
	struct bench_latencies latencies;
	int fd;                         /* of the plain file; -1: none */
	int64_t server_us;
	int64_t plain_us;
	uint64_t events;
	uint64_t plain_events;
};

static int publish_singly(struct bench *bench, struct single *single, uint64_t count)
{
	int status = COMMAND_DONE;
	for (uint64_t i = 0; i < count && status == COMMAND_DONE; i++) {
		int64_t begin_us = command_now_us();
		status = bench_publish(bench, i);
		if (status == COMMAND_DONE)
			status = bench_flush(bench);
		int64_t took_us = command_now_us() - begin_us;
		bench_latencies_add(&single->latencies, took_us);
		single->server_us += took_us;
		single->events++;
		command_progress_step(&bench->progress, single->events, bench->count);
		if (!command_output_is_wanted())
			status = COMMAND_FAILED;
	}
	return status;
}

static int write_plainly(struct bench *bench, struct single *single, uint64_t count)
{
	int64_t begin_us = command_now_us();
	for (uint64_t i = 0; i < count; i++, single->plain_events++)
		if (write(single->fd, bench->event, bench->event_bytes) != (ssize_t)bench->event_bytes ||
		    fdatasync(single->fd) != 0)
			return command_failed(bench->command, "write a plain file: %s", strerror(errno));
	single->plain_us += command_now_us() - begin_us;
	return COMMAND_DONE;
}

static int open_plain(const struct command *command, const char *dir, int *out)
{
	char name[4096];
	snprintf(name, sizeof(name), "%s/millstream-bench-XXXXXX", dir);
	*out = mkstemp(name);
	if (*out < 0)
		return command_failed(command, "make a file in '%s': %s", dir, strerror(errno));
	unlink(name);
	return COMMAND_DONE;
}

static void show_single(const struct bench *bench, struct single *single)
{
	double per_s = (double)single->events * 1e6 / (double)single->server_us;
	double plain_per_s = single->plain_us == 0 ? 0
		: (double)single->plain_events * 1e6 / (double)single->plain_us;
	bench_latencies_sort(&single->latencies);
	uint32_t p50 = bench_latency(&single->latencies, 500), p99 = bench_latency(&single->latencies, 990),
		 max = bench_latency(&single->latencies, 1000);
	if (bench->as_json) {
		printf("{\"bench\":\"publish\",\"scenario\":\"one at a time\",\"events\":%" PRIu64
		       ",\"event_bytes\":%" PRIu64 ",\"per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%u,"
		       "\"max_us\":%u", single->events, bench->event_bytes, per_s, p50, p99, max);
		if (single->fd >= 0)
			printf(",\"peer\":\"write+fdatasync\",\"peer_per_s\":%.0f,\"ratio\":%.3f",
			       plain_per_s, per_s / plain_per_s);
		puts("}");
		return;
	}
	printf("one at a time: %" PRIu64 " events of %" PRIu64 " bytes, %.0f/s durable; "
	       "p50 %u us, p99 %u us, max %u us\n", single->events, bench->event_bytes, per_s, p50, p99, max);
	if (single->fd >= 0)
		printf("write+fdatasync: %.0f/s; ratio %.2f\n", plain_per_s, per_s / plain_per_s);
}

static int run_single(struct bench *bench, const char *dir)
{
	struct single single = { .fd = -1 };
	int status = COMMAND_DONE;

	if (bench_latencies_begin(&single.latencies, bench->count) != 0)
		return command_failed(bench->command, "%s", strerror(ENOMEM));
	if (dir != NULL)
		status = open_plain(bench->command, dir, &single.fd);
	command_progress_begin(&bench->progress, "published", false);
	for (uint64_t done = 0, turn = 1; status == COMMAND_DONE && turn <= TURNS; turn++) {
		uint64_t count = bench->count * turn / TURNS - done;
		status = publish_singly(bench, &single, count);
		if (status == COMMAND_DONE && single.fd >= 0)
			status = write_plainly(bench, &single, count);
		done += count;
	}
	command_progress_hide(&bench->progress);
	if (status == COMMAND_DONE)
		show_single(bench, &single);
	if (single.fd >= 0)
		close(single.fd);
	free(single.latencies.each_us);
	return status;
}

static int run_batched(struct bench *bench)
{
	int64_t took_us;
	int status = bench_fill(bench, &took_us);
	if (status != COMMAND_DONE)
		return status;
	double per_s = (double)bench->count * 1e6 / (double)took_us;
	double mb_per_s = per_s * (double)bench->event_bytes / 1e6;
	if (bench->as_json)
		printf("{\"bench\":\"publish\",\"scenario\":\"batched\",\"events\":%" PRIu64
		       ",\"event_bytes\":%" PRIu64 ",\"partitions\":%" PRIu64 ",\"batch_bytes\":%" PRIu64
		       ",\"per_s\":%.0f,\"mb_per_s\":%.1f}\n", bench->count, bench->event_bytes,
		       bench->partitions, bench->batch_bytes, per_s, mb_per_s);
	else
		printf("batched: %" PRIu64 " events of %" PRIu64 " bytes to %" PRIu64 " partition%s in batches "
		       "of %" PRIu64 " bytes: %.0f/s durable (%.1f MB/s)\n", bench->count,
		       bench->event_bytes, bench->partitions, bench->partitions == 1 ? "" : "s",
		       bench->batch_bytes, per_s, mb_per_s);
	return COMMAND_DONE;
}

static int run(struct command_arguments *arguments)
{
	struct bench bench = {
		.command = arguments->command,
		.event_bytes = 300,
		.partitions = 1,
		.batch_bytes = 64 * 1024,
	};
	bool is_single = false;
	const char *value, *dir = NULL;
	int letter;

	while ((letter = command_arguments_next(arguments, &value)) > 0) {
		if (letter == OPTION_SINGLE)
			is_single = true;
		else if (letter == OPTION_DIR)
			dir = value;
		else if (bench_read_option(&bench, letter, value) != 0)
			return COMMAND_USAGE;
	}
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc > 0)
		return command_misused(bench.command, "'%s'? It takes no arguments", arguments->argv[0]);
	if (dir != NULL && !is_single)
		return command_misused(bench.command, "--dir goes with --one-at-a-time");
	if (bench.count == 0)
		bench.count = is_single ? SINGLE_COUNT_DEFAULT : COUNT_DEFAULT;
	int status = bench_begin(&bench, arguments);
	if (status == COMMAND_DONE)
		status = is_single ? run_single(&bench, dir) : run_batched(&bench);
	return bench_end(&bench, status);
}

static const struct command_option options[] = {
	{ BENCH_OPTION_COUNT, "count", "N", "events (default: 500000; 2000 one at a time)" },
	{ BENCH_OPTION_SIZE, "size", "BYTES", "of each event (default: 300)" },
	{ BENCH_OPTION_PARTITIONS, "partitions", "N", "of the topic (default: 1)" },
	{ BENCH_OPTION_BATCH, "batch", "BYTES", "aim of a batch (default: 64KiB)" },
	{ OPTION_SINGLE, "one-at-a-time", NULL, "wait until each is stored before the next" },
	{ OPTION_DIR, "dir", "DIR", "there, write and sync the same bytes too, and print the ratio" },
	{ BENCH_OPTION_JSON, "json", NULL, "an object a measurement" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_bench_publish = {
	.noun = "bench", .verb = "publish", .arguments = "",
	.summary = "how fast events are stored",
	.description = "Measure how many events a second are stored durably, in batches or one by one.\n"
		       "Makes a topic of its own, and deletes it.\n",
	.options = options,
	.examples = "  millstream bench publish --count 100000\n"
		    "  millstream bench publish --one-at-a-time --count 200 --dir /tmp\n",
	.run = run,
};
