#ifndef TESTS_FAULT_LOG_RUN_H
#define TESTS_FAULT_LOG_RUN_H

#include "storage/appender.h"
#include "storage/reader.h"
#include "tests/fault/acks.h"

#include <pthread.h>
#include <stdatomic.h>

/* Writes a model's steps through the engine, and writes down what it was told.
 * A run goes on where the directory is: it skips what its sources have stored,
 * and never publishes a step twice. */
struct log_run {
	const struct log_model *model;
	struct store *store;
	struct appender *appender;
	struct reader *reader;
	uint16_t source_ids[MODEL_SOURCES];
	uint32_t topic_ids[MODEL_TOPICS];
	int stored_step[MODEL_SOURCES]; /* when the run began */
	int acks_fd;                    /* -1: kept in acks and marked in a recording alone */
	int64_t wall_us;                /* the clock: a second a step */
	atomic_int_fast64_t clock_looks; /* how often the appender has looked at it */
	int last_step;                  /* of those to run now */
	int step_done_early;            /* in the middle of the one before */

	pthread_mutex_t lock;           /* guards what follows */
	pthread_cond_t has_changed;
	struct acks *acks;              /* lent */
	int pending_count;              /* submissions not done */
	struct error err;               /* the first failure */
};

/* Over a store opened with STORE_SERVE.  Starts an appender, registers what the
 * model needs.  acks: what earlier runs were told; it is added to. */
int log_run_start(struct log_run *run, const struct log_model *model, struct store *store,
		  struct acks *acks, int acks_fd, struct error *err);

/* Steps first … last, and wait for them. */
int log_run_steps(struct log_run *run, int first, int last, struct error *err);

/* Write down what a reader saw.  Any thread. */
void log_run_tell_visible(struct log_run *run, int topic, uint32_t partition,
			  uint64_t visible_end);

/* Stops the appender; the store stays. */
void log_run_stop(struct log_run *run);

/* For tests that fill in the options of their own. */
int log_run_start_with(struct log_run *run, const struct log_model *model, struct store *store,
		       struct acks *acks, int acks_fd, const struct appender_options *options,
		       struct error *err);

#endif
