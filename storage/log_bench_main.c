#include "storage/log_bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

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

static void print_help(void)
{
	printf("usage: millstream-log bench append [--json] [--dir DIR] [--turns N]\n"
	       "\n"
	       "Writes the same bytes through the log and through write + fdatasync, turn by turn,\n"
	       "and prints how fast each was and the ratio (above 1: the log was faster). Events of\n"
	       "%d bytes, synced before they count. Needs about 2 GB of room; removes what it wrote.\n"
	       "\n"
	       "  --dir DIR   where to write (default: the current directory); its disk is measured\n"
	       "  --turns N   turns of each scenario, 1 to 64 (default %d)\n"
	       "  --json      one JSON object a measurement\n"
	       "\n"
	       "examples:\n"
	       "  millstream-log bench append --dir /var/lib/millstream\n"
	       "  millstream-log bench append --json --turns 3\n",
	       EVENT_BYTES, TURNS_DEFAULT);
}

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

static int run_scenarios(const char *dir, uint32_t turns, bool is_json)
{
	if (!is_json)
		print_human_head();
	for (size_t i = 0; i < SCENARIO_COUNT; i++) {
		struct bench_options options = scenarios[i];
		struct bench_result result;
		struct error err = { 0 };
		options.dir = dir;
		options.turns = turns;
		options.event_bytes = EVENT_BYTES;
		if (log_bench_append(&options, &result, &err) != 0) {
			fprintf(stderr, "millstream-log: bench '%s': %s\n", options.name, err.text);
			return error_exit_status(err.code);
		}
		(is_json ? print_json : print_human)(&options, &result);
	}
	return EXIT_SUCCESS;
}

int log_bench_main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "dir", required_argument, NULL, 'd' },
		{ "turns", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *dir = ".";
	bool is_json = false;
	long turns = TURNS_DEFAULT;
	char *end;
	int option;
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case 'j':
			is_json = true;
			break;
		case 'd':
			dir = optarg;
			break;
		case 't':
			turns = strtol(optarg, &end, 10);
			if (*end != '\0' || turns < 1 || turns > 64) {
				fprintf(stderr, "millstream-log: --turns takes 1 to 64, not '%s'\n", optarg);
				return EX_USAGE;
			}
			break;
		case 'h':
			print_help();
			return EXIT_SUCCESS;
		default:
			fprintf(stderr, "try 'millstream-log bench --help'\n");
			return EX_USAGE;
		}
	}
	if (optind != argc - 1 || strcmp(argv[optind], "append") != 0) {
		fprintf(stderr, "millstream-log: bench takes one word: append\n"
				"try 'millstream-log bench --help'\n");
		return EX_USAGE;
	}
	return run_scenarios(dir, (uint32_t)turns, is_json);
}
