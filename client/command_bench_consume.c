#include "client/command_bench.h"
#include "client/command_output.h"
#include "client/command_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_DEFAULT 1000000
#define TURNS_DEFAULT 3
#define TURNS_MAX     100

enum { OPTION_TURNS = BENCH_OPTION_OTHER };

static int read_all(struct bench *bench, struct millstream_client *client, uint64_t *out_count)
{
	const struct millstream_record *record;
	uint64_t count = 0;
	while (count < bench->count) {
		int code = millstream_next(client, COMMAND_WAIT_MS, &record);
		if (code == MILLSTREAM_TIMEOUT && command_output_is_wanted())
			continue;
		if (code != MILLSTREAM_OK)
			return command_output_is_wanted()
				? command_call_failed(bench->command, client, "read") : COMMAND_FAILED;
		if (record->kind == MILLSTREAM_RECORDS_GONE || record->kind == MILLSTREAM_RECORDS_DAMAGED)
			return command_failed(bench->command, "records are gone");
		if (record->kind != MILLSTREAM_RECORD)
			continue;
		if (record->value_bytes != bench->event_bytes ||
		    (bench->partitions == 1 && bench_number(record->value) != count))
			return command_failed(bench->command, "event %" PRIu64 " is another one", count);
		count++;
	}
	*out_count = count;
	return COMMAND_DONE;
}

/* With a connection of its own, which is not in the measurement. */
static int read_turn(struct bench *bench, const struct command_arguments *arguments, int64_t *out_us)
{
	const char *topics[] = { bench->topic };
	const struct millstream_subscribe_options subscribe = { .topics = topics, .topic_count = 1 };
	struct millstream_subscription *subscription;
	struct millstream_client *client = NULL;
	uint64_t count;

	int status = command_connect(arguments, NULL, &client);
	if (status != COMMAND_DONE)
		return status;
	int64_t begin_us = command_now_us();
	if (millstream_subscribe(client, &subscribe, COMMAND_ANSWER_MS, &subscription) != MILLSTREAM_OK)
		status = command_call_failed(bench->command, client, "subscribe");
	else
		status = read_all(bench, client, &count);
	*out_us = command_now_us() - begin_us;
	millstream_close(client);
	return status;
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

static void show(const struct bench *bench, int64_t *each_us, uint64_t turns)
{
	qsort(each_us, turns, sizeof(*each_us), compare);
	double per_s = (double)bench->count * 1e6 / (double)each_us[turns / 2];
	double best_per_s = (double)bench->count * 1e6 / (double)each_us[0];
	double mb_per_s = per_s * (double)bench->event_bytes / 1e6;
	if (bench->as_json)
		printf("{\"bench\":\"consume\",\"events\":%" PRIu64 ",\"event_bytes\":%" PRIu64
		       ",\"partitions\":%" PRIu64 ",\"turns\":%" PRIu64 ",\"per_s\":%.0f,"
		       "\"best_per_s\":%.0f,\"mb_per_s\":%.1f}\n", bench->count, bench->event_bytes,
		       bench->partitions, turns, per_s, best_per_s, mb_per_s);
	else
		printf("%" PRIu64 " events of %" PRIu64 " bytes over one connection: %.0f/s (%.1f MB/s), "
		       "median of %" PRIu64 "; best %.0f/s\n", bench->count, bench->event_bytes, per_s,
		       mb_per_s, turns, best_per_s);
}

static int run(struct command_arguments *arguments)
{
	struct bench bench = {
		.command = arguments->command,
		.count = COUNT_DEFAULT,
		.event_bytes = 300,
		.partitions = 1,
		.batch_bytes = 64 * 1024,
	};
	uint64_t turns = TURNS_DEFAULT;
	int64_t each_us[TURNS_MAX];
	const char *value;
	int letter;

	while ((letter = command_arguments_next(arguments, &value)) > 0)
		if (letter == OPTION_TURNS
			    ? command_number(bench.command, "--turns", value, 1, TURNS_MAX, &turns) != 0
			    : bench_read_option(&bench, letter, value) != 0)
			return COMMAND_USAGE;
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc > 0)
		return command_misused(bench.command, "'%s'? It takes no arguments", arguments->argv[0]);
	int status = bench_begin(&bench, arguments);
	if (status == COMMAND_DONE)
		status = bench_fill(&bench, &each_us[0]);
	for (uint64_t i = 0; i < turns && status == COMMAND_DONE; i++)
		status = read_turn(&bench, arguments, &each_us[i]);
	if (status == COMMAND_DONE)
		show(&bench, each_us, turns);
	return bench_end(&bench, status);
}

static const struct command_option options[] = {
	{ BENCH_OPTION_COUNT, "count", "N", "events (default: 1000000)" },
	{ BENCH_OPTION_SIZE, "size", "BYTES", "of each event (default: 300)" },
	{ BENCH_OPTION_PARTITIONS, "partitions", "N", "of the topic (default: 1)" },
	{ BENCH_OPTION_BATCH, "batch", "BYTES", "in which they are stored (default: 64KiB)" },
	{ OPTION_TURNS, "turns", "N", "how often they are read (default: 3)" },
	{ BENCH_OPTION_JSON, "json", NULL, "an object a measurement" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_bench_consume = {
	.noun = "bench", .verb = "consume", .arguments = "",
	.summary = "how fast one connection reads",
	.description = "Store events, then measure how many a second one connection reads and checks.\n"
		       "Makes a topic of its own, and deletes it.\n",
	.options = options,
	.examples = "  millstream bench consume --count 100000\n"
		    "  millstream bench consume --count 100000 --turns 1 --json\n",
	.run = run,
};
