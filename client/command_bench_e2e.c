#include "client/command_bench.h"
#include "client/command_output.h"
#include "client/command_table.h"
#include "protocol/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RATE_DEFAULT    10000
#define RATE_MAX        10000000
#define SECONDS_DEFAULT 5
#define SECONDS_MAX     3600
#define EVENTS_MAX      100000000
#define LATE_US         10000000        /* after the last: what has not come by then is lost */

#define STALLED_MAX     500
#define STALLED_TURNS   11              /* with them, and as many without */

enum { OPTION_RATE = BENCH_OPTION_OTHER, OPTION_SECONDS, OPTION_STALLED };

struct e2e {
	struct bench bench;
	struct millstream_client *reader;
	struct millstream_subscription *subscription;
	struct bench_latencies latencies;
	uint64_t rate;
	uint64_t seconds;
	int64_t begin_us;
	uint64_t published;
	uint64_t received;
	uint64_t stalled_count;         /* subscribers that never read, in every other turn */
	struct millstream_client *stalled[STALLED_MAX];
};

/* An event holds when it was due, so a publisher that is late counts as well. */
static int64_t due_us(const struct e2e *e2e, uint64_t number)
{
	return e2e->begin_us + (int64_t)(number * 1000000 / e2e->rate);
}

static int publish_due(struct e2e *e2e)
{
	int64_t now_us = command_now_us();
	while (e2e->published < e2e->bench.count && due_us(e2e, e2e->published) <= now_us) {
		if (bench_publish(&e2e->bench, (uint64_t)due_us(e2e, e2e->published)) != COMMAND_DONE)
			return COMMAND_FAILED;
		e2e->published++;
	}
	millstream_dispatch(e2e->bench.client);
	return COMMAND_DONE;
}

static int receive(struct e2e *e2e)
{
	const struct millstream_record *record;
	int64_t now_us = 0;
	int code;
	while ((code = millstream_next(e2e->reader, 0, &record)) == MILLSTREAM_OK) {
		if (record->kind != MILLSTREAM_RECORD)
			continue;
		/* What came together is handed out within microseconds. */
		if ((e2e->received & 15) == 0 || now_us == 0)
			now_us = command_now_us();
		bench_latencies_add(&e2e->latencies, now_us - (int64_t)bench_number(record->value));
		e2e->received++;
	}
	return code == MILLSTREAM_TIMEOUT ? COMMAND_DONE
		: command_call_failed(e2e->bench.command, e2e->reader, "read");
}

static void wait_for_more(struct e2e *e2e)
{
	struct pollfd fds[2];
	int timeout_ms, wait_ms = COMMAND_WAIT_MS;
	fds[0].fd = millstream_fd(e2e->reader);
	fds[0].events = millstream_events(e2e->reader, &timeout_ms);
	if (timeout_ms >= 0 && timeout_ms < wait_ms)
		wait_ms = timeout_ms;
	fds[1].fd = millstream_fd(e2e->bench.client);
	fds[1].events = millstream_events(e2e->bench.client, &timeout_ms);
	if (timeout_ms >= 0 && timeout_ms < wait_ms)
		wait_ms = timeout_ms;
	int64_t wait_us = (int64_t)wait_ms * 1000;
	if (e2e->published < e2e->bench.count) {
		int64_t until_us = due_us(e2e, e2e->published) - command_now_us();
		if (until_us < wait_us)
			wait_us = until_us < 0 ? 0 : until_us;
	}
	struct timespec wait = { .tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000 };
	ppoll(fds, 2, &wait, NULL);
}

static int measure(struct e2e *e2e)
{
	int status = COMMAND_DONE;
	command_progress_begin(&e2e->bench.progress, "received", false);
	e2e->begin_us = command_now_us();
	while (status == COMMAND_DONE && e2e->received < e2e->bench.count) {
		status = publish_due(e2e);
		if (status == COMMAND_DONE)
			status = receive(e2e);
		if (!command_output_is_wanted())
			status = COMMAND_FAILED;
		command_progress_step(&e2e->bench.progress, e2e->received & ~UINT64_C(63),
				      e2e->bench.count);
		if (command_now_us() - due_us(e2e, e2e->bench.count) > LATE_US)
			return command_failed(e2e->bench.command, "%" PRIu64 " of %" PRIu64
					      " events have not come back", e2e->bench.count - e2e->received,
					      e2e->bench.count);
		if (status == COMMAND_DONE)
			wait_for_more(e2e);
	}
	command_progress_hide(&e2e->bench.progress);
	return status;
}

static void show(struct e2e *e2e)
{
	bench_latencies_sort(&e2e->latencies);
	uint32_t p50 = bench_latency(&e2e->latencies, 500), p99 = bench_latency(&e2e->latencies, 990),
		 max = bench_latency(&e2e->latencies, 1000);
	double per_s = (double)e2e->received * 1e6 / (double)(command_now_us() - e2e->begin_us);
	if (e2e->bench.as_json)
		printf("{\"bench\":\"e2e\",\"events\":%" PRIu64 ",\"event_bytes\":%" PRIu64
		       ",\"rate\":%" PRIu64 ",\"per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n",
		       e2e->received, e2e->bench.event_bytes, e2e->rate, per_s, p50, p99, max);
	else
		printf("%" PRIu64 " events of %" PRIu64 " bytes at %" PRIu64 "/s, publish to receive, durable: "
		       "p50 %u us, p99 %u us, max %u us\n", e2e->received, e2e->bench.event_bytes,
		       e2e->rate, p50, p99, max);
}

static int subscribe(struct e2e *e2e, const struct command_arguments *arguments)
{
	const char *topics[] = { e2e->bench.topic };
	const struct millstream_subscribe_options options = { .topics = topics, .topic_count = 1 };
	int status = command_connect(arguments, NULL, &e2e->reader);
	if (status == COMMAND_DONE && millstream_subscribe(e2e->reader, &options, COMMAND_ANSWER_MS,
							   &e2e->subscription) != MILLSTREAM_OK)
		status = command_call_failed(e2e->bench.command, e2e->reader, "subscribe");
	return status;
}

/* One that follows the topic, may be sent everything, and never reads. */
static int stall(struct e2e *e2e, const struct command_arguments *arguments,
		 struct millstream_client **out)
{
	const char *topics[] = { e2e->bench.topic };
	const struct millstream_subscribe_options options = {
		.topics = topics, .topic_count = 1, .start = MILLSTREAM_START_END,
		.credit_bytes = CREDIT_BYTES_MAX,
	};
	struct millstream_subscription *subscription;
	int status = command_connect(arguments, NULL, out);
	if (status == COMMAND_DONE && millstream_subscribe(*out, &options, COMMAND_ANSWER_MS,
							   &subscription) != MILLSTREAM_OK)
		status = command_call_failed(e2e->bench.command, *out, "subscribe");
	return status;
}

/* One turn; its p99. */
static int measure_turn(struct e2e *e2e, const struct command_arguments *arguments, bool stalls,
			uint32_t *out_p99_us)
{
	int status = COMMAND_DONE;
	e2e->latencies.count = 0;
	e2e->published = e2e->received = 0;
	for (uint64_t i = 0; stalls && i < e2e->stalled_count && status == COMMAND_DONE; i++)
		status = stall(e2e, arguments, &e2e->stalled[i]);
	if (status == COMMAND_DONE)
		status = measure(e2e);
	for (uint64_t i = 0; i < e2e->stalled_count; i++) {
		millstream_close(e2e->stalled[i]);
		e2e->stalled[i] = NULL;
	}
	bench_latencies_sort(&e2e->latencies);
	*out_p99_us = bench_latency(&e2e->latencies, 990);
	return status;
}

static int compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return (a > b) - (a < b);
}

static uint32_t median(uint32_t turns_us[STALLED_TURNS])
{
	qsort(turns_us, STALLED_TURNS, sizeof(*turns_us), compare);
	return turns_us[STALLED_TURNS / 2];
}

/* What stalled subscribers cost the one that reads: turns without and with them,
 * alternating, so that whatever else the machine does meets both. */
static int measure_stalled(struct e2e *e2e, const struct command_arguments *arguments)
{
	uint32_t without_us[STALLED_TURNS], with_us[STALLED_TURNS];
	int status = COMMAND_DONE;
	for (int turn = 0; turn < STALLED_TURNS && status == COMMAND_DONE; turn++) {
		status = measure_turn(e2e, arguments, false, &without_us[turn]);
		if (status == COMMAND_DONE)
			status = measure_turn(e2e, arguments, true, &with_us[turn]);
	}
	if (status != COMMAND_DONE)
		return status;
	uint32_t p99_us = median(with_us), peer_p99_us = median(without_us);
	double ratio = (double)p99_us / (peer_p99_us > 0 ? peer_p99_us : 1);
	if (e2e->bench.as_json)
		printf("{\"bench\":\"e2e\",\"scenario\":\"stalled subscribers\",\"stalled\":%" PRIu64
		       ",\"events\":%" PRIu64 ",\"event_bytes\":%" PRIu64 ",\"rate\":%" PRIu64
		       ",\"turns\":%d,\"p99_us\":%u,\"peer\":\"none stalled\",\"peer_p99_us\":%u,\"ratio\":%.2f}\n",
		       e2e->stalled_count, e2e->bench.count, e2e->bench.event_bytes, e2e->rate,
		       STALLED_TURNS, p99_us, peer_p99_us, ratio);
	else
		printf("p99 %u us beside %" PRIu64 " stalled subscriber%s, %u us without: %.2f times (medians of "
		       "%d turns each)\n", p99_us, e2e->stalled_count, e2e->stalled_count == 1 ? "" : "s",
		       peer_p99_us, ratio, STALLED_TURNS);
	return COMMAND_DONE;
}

static int read_options(struct e2e *e2e, struct command_arguments *arguments)
{
	const struct command *command = arguments->command;
	const char *value;
	int letter, rc = 0;
	while (rc == 0 && (letter = command_arguments_next(arguments, &value)) > 0)
		rc = letter == OPTION_RATE ? command_number(command, "--rate", value, 1, RATE_MAX, &e2e->rate)
		   : letter == OPTION_STALLED
			? command_number(command, "--stalled", value, 1, STALLED_MAX, &e2e->stalled_count)
		   : letter == OPTION_SECONDS
			? command_number(command, "--seconds", value, 1, SECONDS_MAX, &e2e->seconds)
			: bench_read_option(&e2e->bench, letter, value);
	if (rc != 0 || letter < 0)
		return -1;
	if (arguments->argc > 0)
		return command_misused(command, "'%s'? It takes no arguments", arguments->argv[0]), -1;
	e2e->bench.count = e2e->rate * e2e->seconds;
	if (e2e->bench.count > EVENTS_MAX)
		return command_misused(command, "that are more than %d events", EVENTS_MAX), -1;
	return 0;
}

static int run(struct command_arguments *arguments)
{
	struct e2e e2e = {
		.bench = { .command = arguments->command, .event_bytes = 300, .partitions = 1 },
		.rate = RATE_DEFAULT,
		.seconds = SECONDS_DEFAULT,
	};

	if (read_options(&e2e, arguments) != 0)
		return COMMAND_USAGE;
	if (bench_latencies_begin(&e2e.latencies, e2e.bench.count) != 0)
		return command_failed(arguments->command, "%s", strerror(ENOMEM));
	int status = bench_begin(&e2e.bench, arguments);
	if (status == COMMAND_DONE)
		status = subscribe(&e2e, arguments);
	if (status == COMMAND_DONE && e2e.stalled_count > 0)
		status = measure_stalled(&e2e, arguments);
	else if (status == COMMAND_DONE && (status = measure(&e2e)) == COMMAND_DONE)
		show(&e2e);
	millstream_close(e2e.reader);
	free(e2e.latencies.each_us);
	return bench_end(&e2e.bench, status);
}

static const struct command_option options[] = {
	{ OPTION_RATE, "rate", "N", "events a second, evenly spread (default: 10000)" },
	{ OPTION_SECONDS, "seconds", "N", "for how long (default: 5)" },
	{ OPTION_STALLED, "stalled", "N", "compare p99 beside N subscribers that never read (max 500)" },
	{ BENCH_OPTION_SIZE, "size", "BYTES", "of each event (default: 300)" },
	{ BENCH_OPTION_PARTITIONS, "partitions", "N", "of the topic (default: 1)" },
	{ BENCH_OPTION_JSON, "json", NULL, "an object a measurement" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_bench_e2e = {
	.noun = "bench", .verb = "e2e", .arguments = "",
	.summary = "how long from publisher to reader",
	.description = "Publish at a steady rate over one connection, read over another, and measure how\n"
		       "long each event took from when it was due. Makes a topic of its own, and deletes it.\n",
	.options = options,
	.examples = "  millstream bench e2e --seconds 1\n"
		    "  millstream bench e2e --rate 1000 --seconds 1 --json\n",
	.run = run,
};
