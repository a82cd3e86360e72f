/* A log on a small disk that fills up and has room again, many times. */
#include "tests/fault/log_check.h"
#include "tests/fault/log_contents.h"
#include "tests/fault/log_run.h"
#include "tests/fault/small_disk.h"
#include "tests/support/random.h"
#include "tests/support/skip.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

#include "storage/topics.h"

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define DISK_BYTES      (UINT64_C(96) << 20)
#define BALLAST_BYTES   (UINT64_C(1) << 20)

enum {
	STEPS_MAX = 20000,
	STEPS_AFTER = 20,       /* of each cycle, with room */
	STEPS_KEPT = 3000,      /* an unfinished transaction keeps most of what there is */
	LEFT_BYTES_MAX = 300 * 1024,
	CHECK_INTERVAL_US = 2000,
	LOOKS = 50,             /* at the clock, while the disk stays full */
};

struct fixture {
	enum small_disk_kind kind;
	struct small_disk disk;
	char data[4096];
	char ballast[4096];
	struct log_model model;
	struct acks acks;
	struct store *store;
	struct log_run run;
	pthread_t writer;
	atomic_int next_step;
	atomic_int last_step;   /* the writer stops behind it */
	struct error err;       /* the writer's */
};

/* *state names the kind at first. */
static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const enum small_disk_kind *kind = *state;

	fixture->kind = *kind;
	*state = fixture;
	atomic_store(&fixture->next_step, 1);
	log_model_init(&fixture->model, 1, STEPS_MAX);
	acks_init(&fixture->acks, STEPS_MAX);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	small_disk_unmount(&fixture->disk);
	acks_clear(&fixture->acks);
	log_model_clear(&fixture->model);
	free(fixture);
	return 0;
}

static void mount_or_skip(struct fixture *fixture)
{
	const char *why;

	if (!small_disk_mount(&fixture->disk, fixture->kind, DISK_BYTES, &why))
		SKIP_TEST(why);
	snprintf(fixture->data, sizeof(fixture->data), "%s/data", fixture->disk.directory);
	snprintf(fixture->ballast, sizeof(fixture->ballast), "%s/data/ballast", fixture->disk.directory);
}

static void open_store(struct fixture *fixture)
{
	const struct store_options options = {
		.dir = fixture->data,
		.mode = STORE_SERVE,
		.map_bytes = LOG_CHECK_MAP_BYTES,
		.ballast_bytes = BALLAST_BYTES,
	};
	struct error err = { 0 };

	if (store_open(&fixture->store, &options, &err) != 0)
		fail_msg("open the store: %s", err.text);
}

static void start_run(struct fixture *fixture)
{
	const struct appender_options options = { .check_interval_us = CHECK_INTERVAL_US };
	struct error err = { 0 };

	if (log_run_start_with(&fixture->run, &fixture->model, fixture->store, &fixture->acks, -1,
			       &options, &err) != 0)
		fail_msg("start the appender: %s", err.text);
}

/* What was promised so far, of what is counted. */
static int full_count(struct fixture *fixture)
{
	pthread_mutex_lock(&fixture->run.lock);
	int count = fixture->acks.full_count;
	pthread_mutex_unlock(&fixture->run.lock);
	return count;
}

static int resumed_count(struct fixture *fixture)
{
	pthread_mutex_lock(&fixture->run.lock);
	int count = fixture->acks.resumed_count;
	pthread_mutex_unlock(&fixture->run.lock);
	return count;
}

/* The writer's thread: a step at a time, up to where it is told to stop. */
static void *write_steps(void *user)
{
	struct fixture *fixture = user;
	int step;

	while ((step = atomic_load(&fixture->next_step)) <= atomic_load(&fixture->last_step)) {
		if (log_run_steps(&fixture->run, step, step, &fixture->err) != 0)
			break;
		atomic_store(&fixture->next_step, step + 1);
	}
	return NULL;
}

static void start_writing(struct fixture *fixture)
{
	atomic_store(&fixture->last_step, STEPS_MAX);
	assert_int_equal(pthread_create(&fixture->writer, NULL, write_steps, fixture), 0);
}

static void stop_writing(struct fixture *fixture)
{
	atomic_store(&fixture->last_step, atomic_load(&fixture->next_step) + STEPS_AFTER);
	pthread_join(fixture->writer, NULL);
	if (fixture->err.code != ERROR_NONE)
		fail_msg("writing: %s", fixture->err.text);
	assert_true(atomic_load(&fixture->next_step) < STEPS_MAX);
}

static void expect_reads_go_on(struct fixture *fixture)
{
	struct log_contents contents;
	struct error err = { 0 };

	for (int topic = 0; topic < MODEL_TOPICS; topic++) {
		for (uint32_t n = 0; n < model_topics[topic].partition_count; n++) {
			if (log_contents_read(&contents, fixture->run.reader, fixture->run.topic_ids[topic], n,
					      &err) != 0)
				fail_msg("read %s/%u: %s", model_topics[topic].name, n, err.text);
			log_contents_clear(&contents);
		}
	}
}

static void expect_published_records_are_refused(struct fixture *fixture)
{
	const struct content nothing = { .kind = CONTENT_NIL };
	struct submission *submission;
	struct error err = { 0 };

	assert_int_equal(submission_create(&submission, SOURCE_PUBLISHED, NULL), 0);
	assert_int_equal(submission_add(submission, fixture->run.topic_ids[MODEL_TOPICS - 1], 0, &nothing,
					&nothing, (struct bytes){ NULL, 0 }, 0, NULL), 0);
	assert_int_equal(appender_submit(fixture->run.appender, submission, &err), -1);
	assert_int_equal(err.code, ERROR_DISK_FULL);
	assert_int_equal(appender_try_submit(fixture->run.appender, submission, &err), -1);
	assert_int_equal(err.code, ERROR_DISK_FULL);
	submission_destroy(submission);
}

/* The ballast is room for retention, not for records: giving it up must not
 * make the log go on for a moment, only to be full again without it. */
static void expect_it_stays_full(struct fixture *fixture)
{
	const int64_t looks = atomic_load(&fixture->run.clock_looks);
	const int full_before = full_count(fixture);

	assert_true(wait_until(atomic_load(&fixture->run.clock_looks) >= looks + LOOKS));
	assert_int_equal(appender_state(fixture->run.appender), APPENDER_DISK_FULL);
	assert_int_equal(full_count(fixture), full_before);
	assert_int_equal(access(fixture->ballast, F_OK), -1);
}

static void fill_until_it_stops(struct fixture *fixture, struct random *random)
{
	small_disk_fill(&fixture->disk, random_below(random, LEFT_BYTES_MAX));
	start_writing(fixture);
	assert_true(wait_until(appender_state(fixture->run.appender) == APPENDER_DISK_FULL));
	expect_it_stays_full(fixture);
}

static void make_room_and_see_it_resume(struct fixture *fixture)
{
	small_disk_empty(&fixture->disk);
	assert_true(wait_until(resumed_count(fixture) == full_count(fixture)));
	stop_writing(fixture);
	assert_int_equal(appender_state(fixture->run.appender), APPENDER_RUNNING);
	assert_int_equal(access(fixture->ballast, F_OK), 0);
}

static void expect_every_promise_kept(struct fixture *fixture)
{
	struct error err = { 0 };

	if (log_check(fixture->store, &fixture->model, &fixture->acks, &err) != 0)
		fail_msg("%s", err.text);
}

static void full_disk_stops_writing_alone_until_there_is_room(void **state)
{
	struct fixture *fixture = *state;
	struct random random = random_seeded(1, 0);
	const int cycle_count = test_amount(2, 20, 100);

	mount_or_skip(fixture);
	open_store(fixture);
	start_run(fixture);
	for (int cycle = 0; cycle < cycle_count; cycle++) {
		fill_until_it_stops(fixture, &random);
		expect_reads_go_on(fixture);
		expect_published_records_are_refused(fixture);
		make_room_and_see_it_resume(fixture);
		expect_every_promise_kept(fixture);
	}
	assert_int_equal(full_count(fixture), cycle_count);
	log_run_stop(&fixture->run);
	store_close(fixture->store);
	open_store(fixture);
	expect_every_promise_kept(fixture);
	store_close(fixture->store);
}

static void full_disk_is_survived_by_a_restart(void **state)
{
	struct fixture *fixture = *state;
	struct random random = random_seeded(2, 0);

	mount_or_skip(fixture);
	open_store(fixture);
	start_run(fixture);
	fill_until_it_stops(fixture, &random);
	small_disk_fill(&fixture->disk, 0);
	/* The writer waits for the appender; the rest of the run goes when it is gone. */
	appender_stop(fixture->run.appender);
	pthread_join(fixture->writer, NULL);
	fixture->run.appender = NULL;
	log_run_stop(&fixture->run);
	assert_int_equal(fixture->err.code, ERROR_STOPPED);
	fixture->err = (struct error){ 0 };
	store_close(fixture->store);

	open_store(fixture);
	start_run(fixture);
	expect_reads_go_on(fixture);
	small_disk_empty(&fixture->disk);
	atomic_store(&fixture->next_step, 1);
	start_writing(fixture);
	stop_writing(fixture);
	expect_every_promise_kept(fixture);
	log_run_stop(&fixture->run);
	store_close(fixture->store);
}

/* Nobody frees anything: what a topic no longer keeps makes the room. */
static void retention_makes_room_on_a_full_disk(void **state)
{
	struct fixture *fixture = *state;
	struct random random = random_seeded(3, 0);
	struct topic_config config;
	struct error err = { 0 };

	mount_or_skip(fixture);
	open_store(fixture);
	start_run(fixture);
	atomic_store(&fixture->last_step, STEPS_KEPT);
	assert_null(write_steps(fixture));
	fill_until_it_stops(fixture, &random);
	topic_config_init(&config);
	assert_int_equal(topic_config_set(&config, "retention.bytes", "1000", NULL), 0);
	for (int topic = 0; topic < MODEL_TOPICS; topic++)
		if (topics_configure(fixture->run.appender, model_topics[topic].name, &config, &err) != 0)
			fail_msg("configure: %s", err.text);
	assert_true(wait_until(resumed_count(fixture) == full_count(fixture)));
	stop_writing(fixture);
	log_run_stop(&fixture->run);
	store_close(fixture->store);
}

int main(void)
{
	static enum small_disk_kind tmpfs = SMALL_DISK_TMPFS;
	static enum small_disk_kind ext4 = SMALL_DISK_EXT4;
	const struct CMUnitTest tests[] = {
#define ON(kind, test) { #test "_on_" #kind, test, set_up, tear_down, &kind }
		ON(tmpfs, full_disk_stops_writing_alone_until_there_is_room),
		ON(tmpfs, full_disk_is_survived_by_a_restart),
		ON(tmpfs, retention_makes_room_on_a_full_disk),
		ON(ext4, full_disk_stops_writing_alone_until_there_is_room),
		ON(ext4, full_disk_is_survived_by_a_restart),
		ON(ext4, retention_makes_room_on_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
