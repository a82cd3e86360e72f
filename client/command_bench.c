#include "client/command_bench.h"

#include "client/command_output.h"
#include "protocol/bytes.h"
#include "protocol/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int bench_read_option(struct bench *bench, int letter, const char *value)
{
	const struct command *command = bench->command;
	switch (letter) {
	case BENCH_OPTION_COUNT:
		return command_number(command, "--count", value, 1, BENCH_COUNT_MAX, &bench->count);
	case BENCH_OPTION_SIZE:
		return command_size(command, "--size", value, BENCH_EVENT_BYTES_MIN,
				    BENCH_EVENT_BYTES_MAX, &bench->event_bytes);
	case BENCH_OPTION_PARTITIONS:
		return command_number(command, "--partitions", value, 1, TOPIC_PARTITIONS_MAX,
				      &bench->partitions);
	case BENCH_OPTION_BATCH:
		return command_size(command, "--batch", value, 1024, FRAME_BYTES_MAX_DEFAULT / 2,
				    &bench->batch_bytes);
	default:
		bench->as_json = true;
		return 0;
	}
}

static void fill_event(struct bench *bench)
{
	uint32_t state = 0x9e3779b9;
	for (uint64_t i = 0; i < bench->event_bytes; i++) {
		state = state * 1664525 + 1013904223;
		bench->event[i] = (uint8_t)(state >> 24);
	}
}

int bench_begin(struct bench *bench, const struct command_arguments *arguments)
{
	const struct millstream_options options = {
		.client_name = "millstream-bench/" PACKAGE_VERSION,
		.publish_batch_bytes = bench->batch_bytes,
	};
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(bench->topic, sizeof(bench->topic), "millstream-bench-%lld-%d", (long long)now.tv_sec,
		 (int)getpid());
	bench->event = malloc(bench->event_bytes);
	if (bench->event == NULL)
		return command_failed(bench->command, "%s", strerror(ENOMEM));
	fill_event(bench);
	int status = command_connect(arguments, &options, &bench->client);
	if (status != COMMAND_DONE)
		return status;
	if (millstream_topic_create(bench->client, bench->topic, (uint32_t)bench->partitions, NULL, 0,
				    COMMAND_ANSWER_MS) != MILLSTREAM_OK)
		return command_call_failed(bench->command, bench->client, "create '%s'", bench->topic);
	bench->has_topic = true;
	return COMMAND_DONE;
}

int bench_end(struct bench *bench, int status)
{
	command_progress_hide(&bench->progress);
	/* What arrives behind the deletion would make the topic again. */
	if (bench->has_topic)
		(void)millstream_flush(bench->client, COMMAND_ANSWER_MS);
	if (bench->has_topic && millstream_topic_delete(bench->client, bench->topic, COMMAND_ANSWER_MS) !=
					MILLSTREAM_OK) {
		command_call_failed(bench->command, bench->client, "delete '%s'", bench->topic);
		status = COMMAND_FAILED;
	}
	millstream_close(bench->client);
	free(bench->event);
	return status;
}

int bench_publish(struct bench *bench, uint64_t number)
{
	struct millstream_message message = {
		.topic = bench->topic,
		.partition = MILLSTREAM_ANY_PARTITION,
		.value = bench->event,
		.value_bytes = bench->event_bytes,
	};
	int code;
	store_u64(bench->event, number);
	do
		code = millstream_publish(bench->client, &message, COMMAND_WAIT_MS, NULL, NULL);
	while (code == MILLSTREAM_BUSY && command_output_is_wanted());
	if (code == MILLSTREAM_OK)
		return COMMAND_DONE;
	if (command_output_is_wanted())
		command_call_failed(bench->command, bench->client, "publish");
	return COMMAND_FAILED;
}

int bench_flush(struct bench *bench)
{
	int code;
	do
		code = millstream_flush(bench->client, COMMAND_WAIT_MS);
	while (code == MILLSTREAM_TIMEOUT && command_output_is_wanted());
	if (code == MILLSTREAM_OK)
		return COMMAND_DONE;
	if (command_output_is_wanted())
		command_call_failed(bench->command, bench->client, "publish");
	return COMMAND_FAILED;
}

int bench_fill(struct bench *bench, int64_t *out_us)
{
	int64_t begin_us = command_now_us();
	int status = COMMAND_DONE;
	command_progress_begin(&bench->progress, "published", false);
	for (uint64_t i = 0; i < bench->count && status == COMMAND_DONE; i++) {
		status = bench_publish(bench, i);
		command_progress_step(&bench->progress, i, bench->count);
		if ((i & 1023) == 0 && !command_output_is_wanted())
			status = COMMAND_FAILED;
	}
	if (status == COMMAND_DONE)
		status = bench_flush(bench);
	command_progress_hide(&bench->progress);
	*out_us = command_now_us() - begin_us;
	return status;
}

uint64_t bench_number(const void *event)
{
	return load_u64(event);
}

int bench_latencies_begin(struct bench_latencies *latencies, size_t room)
{
	*latencies = (struct bench_latencies){ .room = room };
	latencies->each_us = malloc(room * sizeof(*latencies->each_us));
	return latencies->each_us != NULL ? 0 : -1;
}

void bench_latencies_add(struct bench_latencies *latencies, int64_t us)
{
	if (latencies->count < latencies->room)
		latencies->each_us[latencies->count++] =
			us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return (a > b) - (a < b);
}

void bench_latencies_sort(struct bench_latencies *latencies)
{
	qsort(latencies->each_us, latencies->count, sizeof(*latencies->each_us), compare);
}

uint32_t bench_latency(const struct bench_latencies *latencies, unsigned thousandths)
{
	if (latencies->count == 0)
		return 0;
	return latencies->each_us[(latencies->count - 1) * thousandths / 1000];
}
