#include "storage/log_bench.h"

#include "storage/reader.h"
#include "storage/sources.h"
#include "storage/topics.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One is being written, one waits for that one's sync, two are filled and wait
 * their turn, as when capture works off a backlog.  Each commit holds one. */
#define SUBMISSIONS_UNDER_WAY 4

struct bench {
	const struct bench_options *options;
	char dir[4096];
	struct store *store;
	struct appender *appender;
	struct topic topic;
	uint16_t source_id;
	int plain_fd;
	uint8_t *event;
	uint8_t *commit_bytes;          /* what a commit's batches weigh, for the plain file */
	size_t commit_size;
	uint64_t position;

	pthread_mutex_t lock;           /* guards the two below */
	pthread_cond_t has_changed;
	unsigned int under_way;
	struct error err;
};

static double now_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void on_done(void *user, struct submission *submission,
		    const struct submission_result *result)
{
	struct bench *bench = user;
	(void)submission;
	pthread_mutex_lock(&bench->lock);
	if (result->err != NULL && bench->err.code == ERROR_NONE)
		bench->err = *result->err;
	bench->under_way--;
	pthread_cond_signal(&bench->has_changed);
	pthread_mutex_unlock(&bench->lock);
}

/* Wait until fewer than `most` are under way; -1: one has failed. */
static int wait_under_way(struct bench *bench, unsigned int most, struct error *err)
{
	pthread_mutex_lock(&bench->lock);
	while (bench->under_way >= most)
		pthread_cond_wait(&bench->has_changed, &bench->lock);
	int rc = bench->err.code == ERROR_NONE ? 0 : -1;
	if (rc != 0)
		*err = bench->err;
	pthread_mutex_unlock(&bench->lock);
	return rc;
}

/* Bytes that do not repeat: a file system that compresses must not win. */
static void fill_random(uint8_t *out, size_t size, uint64_t *state)
{
	for (size_t i = 0; i < size; i++) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		out[i] = (uint8_t)(*state >> 32);
	}
}

static int submit_one(struct bench *bench, struct error *err)
{
	const struct bench_options *options = bench->options;
	struct submission *submission;
	uint8_t position[8];
	if (submission_create(&submission, bench->source_id, err) != 0)
		return -1;
	struct content none = { .kind = CONTENT_NIL };
	struct content value = { CONTENT_BYTES, { bench->event, options->event_bytes } };
	struct bytes no_headers = { NULL, 0 };
	for (uint32_t i = 0; i < options->commit_events; i++)
		if (submission_add(submission, bench->topic.id, i % options->partitions, &none, &value,
				   no_headers, 0, err) != 0)
			goto fail;
	store_u64(position, ++bench->position);
	if (submission_set_position(submission, (struct bytes){ position, sizeof(position) }, err) != 0)
		goto fail;
	submission_set_done(submission, on_done, bench);
	if (wait_under_way(bench, SUBMISSIONS_UNDER_WAY, err) != 0)
		goto fail;
	pthread_mutex_lock(&bench->lock);
	bench->under_way++;
	pthread_mutex_unlock(&bench->lock);
	if (appender_submit(bench->appender, submission, err) == 0)
		return 0;
	bench->under_way--;
fail:
	submission_destroy(submission);
	return -1;
}

static int engine_turn(struct bench *bench, double *out_seconds, struct error *err)
{
	double begin = now_seconds();
	for (uint32_t i = 0; i < bench->options->commits; i++)
		if (submit_one(bench, err) != 0)
			return -1;
	if (wait_under_way(bench, 1, err) != 0)
		return -1;
	*out_seconds = now_seconds() - begin;
	return 0;
}

static int plain_turn(struct bench *bench, double *out_seconds, struct error *err)
{
	double begin = now_seconds();
	for (uint32_t i = 0; i < bench->options->commits; i++)
		if (write(bench->plain_fd, bench->commit_bytes, bench->commit_size) !=
			    (ssize_t)bench->commit_size ||
		    fdatasync(bench->plain_fd) != 0)
			return error_set(err, ERROR_IO, "write the plain file: %s", strerror(errno));
	*out_seconds = now_seconds() - begin;
	return 0;
}

static uint64_t private_bytes(void)
{
	char line[256];
	unsigned long long kib = 0, total = 0;
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Anonymous: %llu", &kib) == 1)
			total = kib * 1024;
	fclose(file);
	return total;
}

static int open_store(struct bench *bench, struct error *err)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/engine", bench->dir);
	struct store_options options = { .dir = path, .mode = STORE_SERVE };
	return store_open(&bench->store, &options, err);
}

static int open_engine(struct bench *bench, struct error *err)
{
	struct appender_options appender_options = {
		.batch_bytes = bench->options->batch_bytes,
		.commit_bytes = 1,      /* one submission a commit */
	};
	snprintf(bench->topic.name, sizeof(bench->topic.name), "bench");
	bench->topic.partition_count = bench->options->partitions;
	char keep[TOPIC_CONFIG_TEXT_BYTES];
	snprintf(keep, sizeof(keep), "%lld", (long long)bench->options->retention_bytes);
	topic_config_init(&bench->topic.config);
	if (topic_config_set(&bench->topic.config, "retention.bytes", keep, err) != 0)
		return -1;
	if (open_store(bench, err) != 0 ||
	    appender_start(&bench->appender, bench->store, &appender_options, err) != 0 ||
	    sources_register(bench->appender, "bench", &bench->source_id, err) != 0)
		return -1;
	bench->topic.owner_source_id = bench->source_id;
	return topics_create(bench->appender, &bench->topic, err);
}

static int open_plain(struct bench *bench, struct error *err)
{
	char path[4200];
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	size_t header_bytes = BATCH_HEADER_BYTES + 16;
	size_t events_bytes = (size_t)bench->options->commit_events * (bench->options->event_bytes + 11);
	bench->commit_size =
		events_bytes + (events_bytes / bench->options->batch_bytes + 1) * header_bytes;
	bench->commit_bytes = malloc(bench->commit_size);
	bench->event = malloc(bench->options->event_bytes);
	if (bench->commit_bytes == NULL || bench->event == NULL)
		return error_set(err, ERROR_MEMORY, "the benchmark's bytes");
	fill_random(bench->commit_bytes, bench->commit_size, &seed);
	fill_random(bench->event, bench->options->event_bytes, &seed);
	snprintf(path, sizeof(path), "%s/plain", bench->dir);
	bench->plain_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (bench->plain_fd < 0)
		return error_set(err, ERROR_IO, "make '%s': %s", path, strerror(errno));
	return 0;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int run_turns(struct bench *bench, struct bench_result *result, struct error *err)
{
	double ratios[LOG_BENCH_TURNS_MAX];
	uint32_t turns = bench->options->turns < LOG_BENCH_TURNS_MAX ? bench->options->turns : LOG_BENCH_TURNS_MAX;
	for (uint32_t turn = 0; turn < turns; turn++) {
		double engine = 0, plain = 0;
		if (engine_turn(bench, &engine, err) != 0 || plain_turn(bench, &plain, err) != 0)
			return -1;
		ratios[turn] = plain / engine;
		result->engine_seconds += engine;
		result->plain_seconds += plain;
		uint64_t bytes = private_bytes();
		if (bytes > result->private_bytes)
			result->private_bytes = bytes;
	}
	qsort(ratios, turns, sizeof(ratios[0]), compare_doubles);
	result->median_ratio = ratios[turns / 2];
	result->events = (uint64_t)turns * bench->options->commits * bench->options->commit_events;
	return 0;
}

struct copied {
	uint8_t *buffer;                /* of BATCH_BYTES_MAX: where a server's out-buffer would be */
	uint64_t bytes;
};

static int copy_batch(void *user, const uint8_t *batch, size_t size,
		      const struct batch_header *header)
{
	struct copied *copied = user;
	(void)header;
	memcpy(copied->buffer, batch, size);
	copied->bytes += size;
	return 0;
}

static int read_partition(struct bench *bench, struct reader *reader, uint32_t partition,
			  struct copied *copied, struct error *err)
{
	struct reader_ends ends;
	if (reader_ends(reader, bench->topic.id, partition, &ends, err) != 0)
		return -1;
	struct reader_progress progress = { .next_offset = ends.log_start };
	while (progress.next_offset < ends.visible_end)
		if (reader_read(reader, bench->topic.id, partition, progress.next_offset,
				READER_BYTES_MAX, copy_batch, copied, &progress, err) < 0)
			return -1;
	return 0;
}

static int measure_reading(struct bench *bench, struct bench_result *result, struct error *err)
{
	struct copied copied = { .buffer = malloc(BATCH_BYTES_MAX) };
	struct reader *reader = NULL;
	if (copied.buffer == NULL)
		return error_set(err, ERROR_MEMORY, "the benchmark's buffer");
	int rc = reader_open(&reader, bench->store, err);
	double begin = now_seconds();
	for (uint32_t n = 0; rc == 0 && n < bench->options->partitions; n++)
		rc = read_partition(bench, reader, n, &copied, err);
	result->read_bytes_per_second = (double)copied.bytes / (now_seconds() - begin);
	result->retained_bytes = copied.bytes;
	reader_close(reader);
	free(copied.buffer);
	return rc;
}

static int measure_store(struct bench *bench, struct bench_result *result, struct error *err)
{
	struct store_usage usage;
	struct appender_stats stats;
	appender_stats(bench->appender, &stats);
	if (store_usage(bench->store, &usage, err) != 0 || measure_reading(bench, result, err) != 0)
		return -1;
	result->commits = stats.commits;
	result->bytes = stats.bytes;
	result->file_bytes = usage.file_bytes;
	result->retention_step_max_us = stats.retention_step_max_us;

	appender_stop(bench->appender);
	bench->appender = NULL;
	store_close(bench->store);
	bench->store = NULL;
	double begin = now_seconds();
	if (open_store(bench, err) != 0)
		return -1;
	result->open_seconds = now_seconds() - begin;
	return 0;
}

static void remove_files(const struct bench *bench)
{
	static const char *const names[] = {
		"engine/log/data.mdb", "engine/log/lock.mdb", "engine/millstream.lock",
		"engine/ballast",      "plain",
	};
	static const char *const dirs[] = { "engine/log", "engine", "" };
	char path[4200];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", bench->dir, names[i]);
		unlink(path);
	}
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", bench->dir, dirs[i]);
		rmdir(path);
	}
}

int log_bench_append(const struct bench_options *options, struct bench_result *out,
		     struct error *err)
{
	struct bench bench = { .options = options, .plain_fd = -1 };
	struct bench_result result = { 0 };
	pthread_mutex_init(&bench.lock, NULL);
	pthread_cond_init(&bench.has_changed, NULL);
	snprintf(bench.dir, sizeof(bench.dir), "%s/millstream-bench-XXXXXX", options->dir);
	if (mkdtemp(bench.dir) == NULL)
		return error_set(err, ERROR_IO, "make a directory in '%s': %s", options->dir,
				 strerror(errno));
	int rc = open_plain(&bench, err) != 0 || open_engine(&bench, err) != 0 ||
				 run_turns(&bench, &result, err) != 0 ||
				 measure_store(&bench, &result, err) != 0
			 ? -1
			 : 0;
	appender_stop(bench.appender);
	store_close(bench.store);
	if (bench.plain_fd >= 0)
		close(bench.plain_fd);
	free(bench.commit_bytes);
	free(bench.event);
	remove_files(&bench);
	pthread_cond_destroy(&bench.has_changed);
	pthread_mutex_destroy(&bench.lock);
	if (rc == 0)
		*out = result;
	return rc;
}
