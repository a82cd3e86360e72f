#include "storage/log_bench.h"

#include "storage/log_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bench_options scenarios[] = {
	{ .name = "1,000 events a commit",
	  .partitions = 1, .batch_bytes = 65536, .commit_events = 1000, .commits = 300,
	  .retention_bytes = -1 },
	{ .name = "100 events a commit",
	  .partitions = 1, .batch_bytes = 65536, .commit_events = 100, .commits = 1000,
	  .retention_bytes = -1 },
	/* About one batch of 16 KiB for each partition in each commit. */
	{ .name = "50 partitions",
	  .partitions = 50, .batch_bytes = 16384, .commit_events = 2600, .commits = 120,
	  .retention_bytes = -1 },
	/* Ten turnovers and more: a turn writes 93 MB. */
	{ .name = "retention of 64 MiB",
	  .partitions = 1, .batch_bytes = 65536, .commit_events = 1000, .commits = 300,
	  .retention_bytes = 64 << 20 },
};

#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))
#define EVENT_BYTES 300
#define TURNS_DEFAULT 9
static void print_human_head(void)
{
	printf("%-24s %12s %12s %6s %9s %10s %9s %9s\n", "", "log", "plain file", "ratio", "private",
	       "file/kept", "read", "open");
}

static void print_human(const struct bench_options *options, const struct bench_result *result)
{
	double events = (double)result->events;
	printf("%-24s %10.0f/s %10.0f/s %6.2f %5.1f MiB %10.2f %4.1f GB/s %6.1f ms\n", options->name,
	       events / result->engine_seconds, events / result->plain_seconds, result->median_ratio,
	       (double)result->private_bytes / (1 << 20),
	       (double)result->file_bytes / (double)result->retained_bytes,
	       result->read_bytes_per_second / 1e9, result->open_seconds * 1e3);
	fflush(stdout);
}

static void print_json(const struct bench_options *options, const struct bench_result *result)
{
	double events = (double)result->events;
	printf("{\"bench\":\"append\",\"scenario\":\"%s\",\"partitions\":%u,\"batch_bytes\":%u,"
	       "\"commit_events\":%u,\"event_bytes\":%u,\"retention_bytes\":%lld,"
	       "\"events\":%llu,\"commits\":%llu,\"per_s\":%.0f,"
	       "\"peer\":\"write+fdatasync\",\"peer_per_s\":%.0f,\"ratio\":%.3f,"
	       "\"private_bytes\":%llu,\"file_bytes\":%llu,\"retained_bytes\":%llu,"
	       "\"retention_step_max_us\":%lld,\"read_bytes_per_s\":%.0f,\"open_us\":%.0f}\n",
	       options->name, options->partitions, options->batch_bytes, options->commit_events,
	       options->event_bytes, (long long)options->retention_bytes,
	       (unsigned long long)result->events, (unsigned long long)result->commits,
	       events / result->engine_seconds, events / result->plain_seconds, result->median_ratio,
	       (unsigned long long)result->private_bytes, (unsigned long long)result->file_bytes,
	       (unsigned long long)result->retained_bytes, (long long)result->retention_step_max_us,
	       result->read_bytes_per_second, result->open_seconds * 1e6);
	fflush(stdout);
}

struct bench_arguments {
	const char *dir;
	uint64_t turns;
	bool is_json;
	bool is_append;
};

static int run_scenarios(const struct log_command *command, const struct bench_arguments *arguments)
{
	if (!arguments->is_json)
		print_human_head();
	for (size_t i = 0; i < SCENARIO_COUNT; i++) {
		struct bench_options options = scenarios[i];
		struct bench_result result;
		struct error err = { 0 };
		options.dir = arguments->dir;
		options.turns = (uint32_t)arguments->turns;
		options.event_bytes = EVENT_BYTES;
		if (log_bench_append(&options, &result, &err) != 0) {
			error_context(&err, "'%s'", options.name);
			return log_command_failed(command, &err);
		}
		(arguments->is_json ? print_json : print_human)(&options, &result);
	}
	return EXIT_SUCCESS;
}

static int read_option(struct bench_arguments *out, const struct log_arguments *arguments,
		       const struct log_option *option, const char *value)
{
	if (strcmp(option->name, "json") == 0) {
		out->is_json = true;
	} else if (strcmp(option->name, "dir") == 0) {
		out->dir = value;
	} else {
		if (log_arguments_number(arguments, option, value, LOG_BENCH_TURNS_MAX, &out->turns) != 0)
			return -1;
		if (out->turns == 0)
			return log_command_misused(arguments->command, "--turns: one at least"), -1;
	}
	return 0;
}

static int run(const struct log_command *command, int argc, char **argv)
{
	struct bench_arguments bench = { .dir = ".", .turns = TURNS_DEFAULT };
	struct log_arguments arguments = log_arguments_begin(command, argc, argv);
	const struct log_option *option;
	const char *value;
	int rc;
	while ((rc = log_arguments_next(&arguments, &option, &value)) == 1) {
		if (option == NULL && strcmp(value, "append") != 0)
			return log_command_misused(command, "'%s' cannot be measured: append can",
						   value);
		if (option == NULL)
			bench.is_append = true;
		else if (read_option(&bench, &arguments, option, value) != 0)
			return LOG_EXIT_USAGE;
	}
	if (rc < 0)
		return LOG_EXIT_USAGE;
	if (!bench.is_append)
		return log_command_misused(command, "measure what? usage: millstream-log bench append");
	return run_scenarios(command, &bench);
}

static const struct log_option options[] = {
	{ "dir", "DIR", "where to write (default: the current directory); its disk is measured" },
	{ "turns", "N", "turns of each scenario, 1 to 64 (default: 9)" },
	{ "json", NULL, "an object a measurement" },
	{ NULL, NULL, NULL },
};

const struct log_command log_bench_command = {
	.name = "bench",
	.arguments = "append",
	.summary = "measure how fast this machine takes records",
	.description =
		"Write the same bytes through the log and through write + fdatasync, turn by turn, and\n"
		"print how fast each was, and the ratio (above 1: the log was faster). Events of 300\n"
		"bytes, synced before they count. Needs about 2 GB of room; removes what it wrote.\n",
	.options = options,
	.examples = "  millstream-log bench append --dir /var/lib/millstream\n"
		    "  millstream-log bench append --json --turns 3\n",
	.run = run,
};
