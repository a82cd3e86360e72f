/* Writes to a data directory what tests/fault/log_model.h says, for the fault
 * tests to disturb; started again, it goes on where it was.
 *
 *	log_workload [--seed N] [--steps N] [--acks FILE] [--watch] DIRECTORY
 *	log_workload --check [--seed N] [--steps N] [--acks FILE] [--more N] DIRECTORY
 *
 * Exit status 0: all steps are stored, or all promises are kept; else that of the
 * error, 74 for a disk that failed.  --watch reads what is visible all the while.
 * Without any argument it is a test itself: of a run without faults. */
#include "tests/fault/log_check.h"
#include "tests/fault/log_run.h"
#include "tests/support/malloc_shim.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	STEPS = 200,
	MORE_STEPS_MAX = 20,    /* the model has that many more */
	EXIT_USAGE = 64,
	CHECK_INTERVAL_US = 5000,
};

struct options {
	uint64_t seed;
	int steps;
	const char *acks;
	bool watches;
	bool checks;
	int more;
	const char *directory;
};

struct watch {
	struct log_run *run;
	atomic_bool has_ended;
	pthread_t thread;
};

/* A subscriber that only looks where the visible ends are. */
static void *watch_ends(void *user)
{
	struct watch *watch = user;
	struct log_run *run = watch->run;
	uint64_t seen[MODEL_TOPICS][ACKS_PARTITIONS_MAX] = { 0 };
	struct reader *reader;
	struct reader_ends ends;

	if (reader_open(&reader, run->store, NULL) != 0)
		abort();
	while (!atomic_load(&watch->has_ended)) {
		for (int topic = 0; topic < MODEL_TOPICS; topic++) {
			for (uint32_t n = 0; n < model_topics[topic].partition_count; n++) {
				if (reader_ends(reader, run->topic_ids[topic], n, &ends, NULL) != 0 ||
				    ends.visible_end <= seen[topic][n])
					continue;
				log_run_tell_visible(run, topic, n, ends.visible_end);
				seen[topic][n] = ends.visible_end;
			}
		}
		wait_until_pause();
	}
	reader_close(reader);
	return NULL;
}

static int run_steps(const struct options *options, struct store *store,
		     const struct log_model *model, struct acks *acks, int acks_fd,
		     struct error *err)
{
	const struct appender_options appender = { .check_interval_us = CHECK_INTERVAL_US };
	struct log_run run;
	struct watch watch = { .run = &run };

	if (log_run_start_with(&run, model, store, acks, acks_fd, &appender, err) != 0)
		return -1;
	if (options->watches && pthread_create(&watch.thread, NULL, watch_ends, &watch) != 0)
		abort();
	int rc = log_run_steps(&run, 1, options->steps, err);
	atomic_store(&watch.has_ended, true);
	if (options->watches)
		pthread_join(watch.thread, NULL);
	log_run_stop(&run);
	return rc;
}

/* Without memory for one thing there may be some for the next: in the same process,
 * over the same store where it was opened. */
static bool is_worth_another_try(int rc, const struct error *err, int *tries)
{
	return rc != 0 && err->code == ERROR_MEMORY && (*tries)++ == 0;
}

static int work(const struct options *options, const struct log_model *model, struct acks *acks,
		struct error *err)
{
	struct store *store;
	int acks_fd = -1;
	int tries = 0;
	int rc;

	if (options->acks != NULL &&
	    (acks_fd = open(options->acks, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
		return error_set(err, ERROR_INVALID, "%s: %s", options->acks, strerror(errno));
	do
		rc = log_check_open(&store, options->directory, err);
	while (is_worth_another_try(rc, err, &tries));
	if (rc == 0) {
		do
			rc = run_steps(options, store, model, acks, acks_fd, err);
		while (is_worth_another_try(rc, err, &tries));
		store_close(store);
	}
	if (rc == 0 && tries > 0)
		printf("once there was no memory: %s\n", err->text);
	if (acks_fd >= 0)
		close(acks_fd);
	return rc;
}

static int work_or_check(const struct options *options)
{
	struct log_model model;
	struct acks acks;
	struct error err = { 0 };

	log_model_init(&model, options->seed, options->steps + MORE_STEPS_MAX);
	acks_init(&acks, model.step_count);
	if (options->acks != NULL)
		acks_load(&acks, options->acks);
	malloc_shim_arm(true);
	int rc = options->checks
			 ? log_check_directory(options->directory, &model, &acks, options->more, true, &err)
			 : work(options, &model, &acks, &err);
	malloc_shim_arm(false);
	acks_clear(&acks);
	log_model_clear(&model);
	if (rc == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "log_workload: error %d: %s\n", err.code, err.text);
	return error_exit_status(err.code);
}

/* Three runs, each going on where the one before stopped. */
static int test(void)
{
	char *directory = temp_dir_create_in_memory();
	char acks[4096];
	char data[4096];
	int rc = 0;

	snprintf(acks, sizeof(acks), "%s/acks", directory);
	snprintf(data, sizeof(data), "%s/data", directory);
	struct options options = { .seed = 1, .acks = acks, .watches = true, .directory = data };
	printf("1..1\n");
	for (options.steps = STEPS / 3; options.steps <= STEPS && rc == 0; options.steps += STEPS / 3)
		rc = work_or_check(&options);
	options.checks = true;
	options.more = MORE_STEPS_MAX;
	options.steps = STEPS / 3 * 3;
	if (rc == 0)
		rc = work_or_check(&options);
	printf("%s 1 - what_was_written_without_faults_is_there_after_restarts\n",
	       rc == 0 ? "ok" : "not ok");
	temp_dir_destroy(directory);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' }, { "steps", required_argument, NULL, 'n' },
		{ "acks", required_argument, NULL, 'a' }, { "watch", no_argument, NULL, 'w' },
		{ "check", no_argument, NULL, 'c' },	  { "more", required_argument, NULL, 'm' },
		{ 0 },
	};
	struct options options = { .seed = 1, .steps = STEPS };
	int option;

	if (argc == 1)
		return test();
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (option) {
		case 's': options.seed = strtoull(optarg, NULL, 10); break;
		case 'n': options.steps = atoi(optarg); break;
		case 'a': options.acks = optarg; break;
		case 'w': options.watches = true; break;
		case 'c': options.checks = true; break;
		case 'm': options.more = atoi(optarg); break;
		default: return EXIT_USAGE;
		}
	}
	if (optind + 1 != argc || options.steps < 1 || options.more < 0 ||
	    options.more > MORE_STEPS_MAX)
		return EXIT_USAGE;
	options.directory = argv[optind];
	return work_or_check(&options);
}
