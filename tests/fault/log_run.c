#include "tests/fault/log_run.h"

#include "storage/schemas.h"
#include "storage/sources.h"
#include "storage/topics.h"
#include "tests/fault/must_alloc.h"
#include "tests/support/syscall_shim.h"
#include "tests/support/wait_until.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* What a submission needs to know when it is done. */
struct ticket {
	struct log_run *run;
	int step;
	bool is_last_part;
};

/* Write down a promise.  Any thread; one line is one write, which a kill of the
 * process does not undo. */
__attribute__((format(printf, 2, 3))) static void tell(struct log_run *run, const char *format, ...)
{
	char line[128];
	va_list arguments;

	va_start(arguments, format);
	int size = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	pthread_mutex_lock(&run->lock);
	acks_add(run->acks, line);
	if (run->acks_fd >= 0 && write(run->acks_fd, line, (size_t)size) != size) {
		perror("log_run: the acks");
		abort();
	}
	syscall_shim_mark(line, (size_t)size);
	pthread_mutex_unlock(&run->lock);
}

void log_run_tell_visible(struct log_run *run, int topic, uint32_t partition, uint64_t visible_end)
{
	tell(run, "V %d %" PRIu32 " %" PRIu64 "\n", topic, partition, visible_end);
}

static void on_visible(void *user, uint32_t topic_id, uint32_t partition, uint64_t visible_end)
{
	struct log_run *run = user;

	for (int topic = 0; topic < MODEL_TOPICS; topic++)
		if (run->topic_ids[topic] == topic_id)
			log_run_tell_visible(run, topic, partition, visible_end);
}

static void on_state(void *user, enum appender_state state, const struct error *err)
{
	(void)err;
	if (state == APPENDER_DISK_FULL)
		tell(user, "F\n");
	else if (state == APPENDER_RUNNING)
		tell(user, "R\n");
}

static int64_t wall_us(void *user)
{
	return __atomic_load_n(&((struct log_run *)user)->wall_us, __ATOMIC_RELAXED);
}

static int64_t monotonic_us(void *user)
{
	struct log_run *run = user;
	struct timespec now;

	atomic_fetch_add(&run->clock_looks, 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void change_pending(struct log_run *run, int by, const struct error *err)
{
	pthread_mutex_lock(&run->lock);
	run->pending_count += by;
	if (err != NULL && run->err.code == ERROR_NONE)
		run->err = *err;
	pthread_cond_signal(&run->has_changed);
	pthread_mutex_unlock(&run->lock);
}

static void tell_offsets(const struct ticket *ticket, const struct submission *submission)
{
	struct submission_cursor cursor = { 0 };
	struct submission_place place;

	for (int number = 0; submission_next(submission, &cursor, &place) == 1; number++)
		tell(ticket->run, "P %d %d %" PRIu64 "\n", ticket->step, number, place.offset);
}

static void on_done(void *user, struct submission *submission,
		    const struct submission_result *result)
{
	struct ticket *ticket = user;
	struct log_run *run = ticket->run;
	const struct model_step *step = &run->model->steps[ticket->step];
	const struct error *err = result->err;

	if (err == NULL && step->source < 0) {
		tell_offsets(ticket, submission);
	} else if (err == NULL && ticket->is_last_part) {
		tell(run, "T %d %d %" PRIu64 "\n", step->source, ticket->step,
		     result->transaction_ordinal);
	} else if (err != NULL && err->code == ERROR_DISK_FULL && step->source < 0) {
		tell(run, "X %d\n", ticket->step);
		err = NULL;
	}
	change_pending(run, -1, err);
	free(ticket);
}

static int find_stored_step(struct log_run *run, int source, struct error *err)
{
	struct source described = { 0 };
	char text[32] = "";

	if (sources_describe(run->reader, model_source_names[source], &described, err) != 0)
		return -1;
	if (described.position_bytes < sizeof(text) && described.position != NULL)
		memcpy(text, described.position, described.position_bytes);
	run->stored_step[source] = atoi(text);
	source_clear(&described);
	/* What is read is as good as acknowledged: a source is told to go on behind it. */
	if (run->stored_step[source] > 0)
		tell(run, "T %d %d %" PRIu64 "\n", source, run->stored_step[source],
		     described.transaction_ordinal);
	return 0;
}

/* A command that the full disk refused is given again, as a person would. */
static bool is_worth_another_try(const struct error *problem)
{
	if (problem->code != ERROR_DISK_FULL)
		return false;
	wait_until_pause();
	return true;
}

static int register_source(struct log_run *run, int source, struct error *err)
{
	struct error problem = { 0 };
	int rc;

	do
		rc = sources_register(run->appender, model_source_names[source],
				      &run->source_ids[source], &problem);
	while (rc != 0 && is_worth_another_try(&problem));
	if (rc != 0 && err != NULL)
		*err = problem;
	if (rc != 0 || find_stored_step(run, source, err) != 0)
		return -1;
	tell(run, "S %d\n", source);
	return 0;
}

static int make_topic(struct log_run *run, int number, struct error *err)
{
	const struct model_topic *model = &model_topics[number];
	struct topic topic = { .partition_count = model->partition_count };
	struct error problem = { 0 };

	snprintf(topic.name, sizeof(topic.name), "%s", model->name);
	topic_config_init(&topic.config);
	if (model->source >= 0)
		topic.owner_source_id = run->source_ids[model->source];
	if (topic_config_set(&topic.config, "retention.ms", "-1", err) != 0 ||
	    (model->retention_bytes != NULL &&
	     topic_config_set(&topic.config, "retention.bytes", model->retention_bytes, err) != 0))
		return -1;
	int rc;
	do
		rc = topics_create(run->appender, &topic, &problem);
	while (rc != 0 && is_worth_another_try(&problem));
	if (rc != 0 && problem.code != ERROR_EXISTS) {
		if (err != NULL)
			*err = problem;
		return -1;
	}
	run->topic_ids[number] = topic.id;
	tell(run, "C %d\n", number);
	return 0;
}

int log_run_start_with(struct log_run *run, const struct log_model *model, struct store *store,
		       struct acks *acks, int acks_fd, const struct appender_options *options,
		       struct error *err)
{
	struct appender_options chosen = *options;

	*run = (struct log_run){ .model = model, .store = store, .acks = acks, .acks_fd = acks_fd };
	pthread_mutex_init(&run->lock, NULL);
	pthread_cond_init(&run->has_changed, NULL);
	run->wall_us = INT64_C(1700000000000000);
	chosen.clock.wall_us = wall_us;
	chosen.clock.monotonic_us = monotonic_us;
	chosen.clock.user = run;
	chosen.observer.on_visible = on_visible;
	chosen.observer.on_state = on_state;
	chosen.observer.user = run;
	if (appender_start(&run->appender, store, &chosen, err) != 0 ||
	    reader_open(&run->reader, store, err) != 0)
		goto fail;
	for (int source = 0; source < MODEL_SOURCES; source++)
		if (register_source(run, source, err) != 0)
			goto fail;
	for (int topic = 0; topic < MODEL_TOPICS; topic++)
		if (make_topic(run, topic, err) != 0)
			goto fail;
	return 0;
fail:
	log_run_stop(run);
	return -1;
}

int log_run_start(struct log_run *run, const struct log_model *model, struct store *store,
		  struct acks *acks, int acks_fd, struct error *err)
{
	const struct appender_options options = { 0 };

	return log_run_start_with(run, model, store, acks, acks_fd, &options, err);
}

void log_run_stop(struct log_run *run)
{
	appender_stop(run->appender);
	reader_close(run->reader);
	pthread_cond_destroy(&run->has_changed);
	pthread_mutex_destroy(&run->lock);
	run->appender = NULL;
	run->reader = NULL;
}

/* Filling one step's submissions. */
struct filling {
	struct log_run *run;
	struct submission *parts[4];
	struct error *err;
};

static int add_record(void *user, int number, const struct model_record *record)
{
	struct filling *filling = user;

	(void)number;
	return submission_add(filling->parts[record->part],
			      filling->run->topic_ids[record->topic], record->partition, &record->key,
			      &record->value, record->headers, record->time_us, filling->err);
}

static int add_schema(struct log_run *run, struct submission *submission, int number,
		      struct error *err)
{
	struct bytes encoded = log_model_schema(run->model, number);
	bool is_stored;
	uint32_t id;

	if (schemas_reserve(run->appender, encoded, &id, &is_stored, err) != 0)
		return -1;
	if (id != (uint32_t)number + 1)
		return error_set(err, ERROR_CORRUPT, "schema %d got the id %" PRIu32, number, id);
	return is_stored ? 0 : submission_add_schema(submission, id, encoded, err);
}

static int fill_parts(struct filling *filling, int number)
{
	struct log_run *run = filling->run;
	const struct model_step *step = &run->model->steps[number];
	const int last = step->part_count - 1;
	char position[16];
	int size = snprintf(position, sizeof(position), "%d", number);

	for (int part = 0; part < step->part_count; part++) {
		uint16_t source_id = step->source < 0 ? SOURCE_PUBLISHED : run->source_ids[step->source];
		if (submission_create(&filling->parts[part], source_id, filling->err) != 0)
			return -1;
		if (part < last)
			submission_set_continues(filling->parts[part]);
	}
	if (log_model_records(run->model, number, add_record, filling) != 0)
		return -1;
	if (step->schema >= 0 && add_schema(run, filling->parts[0], step->schema, filling->err) != 0)
		return -1;
	if (step->source < 0)
		return 0;
	return submission_set_position(filling->parts[last],
				       (struct bytes){ (const uint8_t *)position, (size_t)size },
				       filling->err);
}

static int wait_for_all(struct log_run *run, struct error *err)
{
	pthread_mutex_lock(&run->lock);
	while (run->pending_count > 0)
		pthread_cond_wait(&run->has_changed, &run->lock);
	struct error failure = run->err;
	pthread_mutex_unlock(&run->lock);
	if (failure.code == ERROR_NONE)
		return 0;
	if (err != NULL)
		*err = failure;
	return -1;
}

static int submit(struct log_run *run, struct submission *submission, int step, bool is_last,
		  struct error *err)
{
	struct ticket *ticket = must_realloc(NULL, sizeof(*ticket));
	struct error refusal = { 0 };

	*ticket = (struct ticket){ run, step, is_last };
	submission_set_done(submission, on_done, ticket);
	change_pending(run, +1, NULL);
	if (appender_submit(run->appender, submission, &refusal) == 0)
		return 0;
	change_pending(run, -1, NULL);
	free(ticket);
	submission_destroy(submission);
	if (refusal.code == ERROR_DISK_FULL && run->model->steps[step].source < 0) {
		tell(run, "X %d\n", step);
		return 0;
	}
	if (err != NULL)
		*err = refusal;
	return -1;
}

static bool is_stored(struct log_run *run, int number)
{
	const struct model_step *step = &run->model->steps[number];

	if (step->source >= 0)
		return number <= run->stored_step[step->source];
	pthread_mutex_lock(&run->lock);
	bool was_tried = run->acks->published[number].attempt != ATTEMPT_NONE;
	pthread_mutex_unlock(&run->lock);
	return was_tried;
}

static int run_step(struct log_run *run, int number, struct error *err);

/* Between the parts of a large transaction somebody else writes. */
static int run_between(struct log_run *run, int number, struct error *err)
{
	if (number + 1 > run->last_step ||
	    run->model->steps[number + 1].source == run->model->steps[number].source)
		return 0;
	run->step_done_early = number + 1;
	return run_step(run, number + 1, err);
}

/* The end of a large transaction shows all of it, in every partition. */
static int expect_all_visible(struct log_run *run, int source, struct error *err)
{
	struct reader_ends ends;

	if (appender_flush(run->appender, err) != 0)
		return -1;
	for (int topic = 0; topic < MODEL_TOPICS; topic++) {
		const uint32_t count =
			model_topics[topic].source == source ? model_topics[topic].partition_count : 0;
		for (uint32_t n = 0; n < count; n++) {
			if (reader_ends(run->reader, run->topic_ids[topic], n, &ends, err) != 0)
				return -1;
			if (ends.visible_end != ends.log_end)
				return error_set(err, ERROR_CORRUPT,
						 "%s/%" PRIu32 " ends at %" PRIu64 " after a transaction, visible are %"
						 PRIu64, model_topics[topic].name, n, ends.log_end, ends.visible_end);
		}
	}
	return 0;
}

static int run_step(struct log_run *run, int number, struct error *err)
{
	const struct model_step *step = &run->model->steps[number];
	struct filling filling = { .run = run, .err = err };
	int part = 0;

	if (is_stored(run, number))
		return 0;
	__atomic_fetch_add(&run->wall_us, 1000000, __ATOMIC_RELAXED);
	if (fill_parts(&filling, number) != 0)
		goto fail;
	if (step->source < 0)
		tell(run, "A %d\n", number);
	while (part < step->part_count) {
		struct submission *submission = filling.parts[part++];
		if (submit(run, submission, number, part == step->part_count, err) != 0)
			goto fail;
		/* Each part of a large transaction in a commit of its own. */
		if ((step->waits || step->part_count > 1) && wait_for_all(run, err) != 0)
			goto fail;
		if (part == 1 && step->part_count > 1 && run_between(run, number, err) != 0)
			goto fail;
	}
	if (step->part_count > 1 && expect_all_visible(run, step->source, err) != 0)
		goto fail;
	return 0;
fail:
	for (; part < step->part_count; part++)
		submission_destroy(filling.parts[part]);
	return -1;
}

int log_run_steps(struct log_run *run, int first, int last, struct error *err)
{
	int rc = 0;

	run->last_step = last;
	run->step_done_early = 0;
	for (int number = first; number <= last && rc == 0; number++)
		if (number != run->step_done_early)
			rc = run_step(run, number, err);
	if (wait_for_all(run, rc == 0 ? err : NULL) != 0)
		return -1;
	/* Visible ends are told after the submissions' own outcome. */
	return rc == 0 ? appender_flush(run->appender, err) : rc;
}
