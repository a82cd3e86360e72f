#include "capture/capture.h"

#include "capture/capture_state.h"
#include "capture/clock.h"
#include "capture/source_settings.h"
#include "storage/reader.h"
#include "storage/sources.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* The thread turns in a loop: obey what was asked, then do what the state says, which is
 * to work (open, snapshot, stream, close) or to wait on the eventfd.  A command that
 * interrupts makes should_stop true, which ends the work; whatever the work returns then is
 * of no account.
 *
 * On a stop nothing waits for the log: what was submitted is the appender's. */

struct capture {
	const struct source_settings *settings;
	const struct source_ops *ops;
	struct appender *appender;
	struct capture_observer observer;
	uint16_t source_id;
	struct source_context context;
	struct writer *writer;
	struct reader *reader;
	void *source;
	pthread_t thread;
	int64_t asked_to_stop_us;       /* of whoever stops it; 0: not yet */
	atomic_bool is_left_behind;
	atomic_bool has_ended;          /* written under the lock */
	pthread_cond_t ended;           /* waits with the monotonic clock */

	_Atomic enum capture_command command;   /* written under the lock */
	pthread_mutex_t lock;           /* guards everything below */
	struct capture_machine machine;
	struct source_progress progress;
	bool drops;                     /* of CAPTURE_COMMAND_REMOVE */
};

const char *capture_name(const struct capture *capture)
{
	return capture->settings->name;
}

/* The process ends around it: the log may be closed already. */
static void check_left_behind(const struct capture *capture)
{
	while (atomic_load(&capture->is_left_behind))
		pause();
}

/* What the source and its writer call. */

static bool should_stop(void *user)
{
	struct capture *capture = user;
	return capture_command_interrupts(atomic_load(&capture->command));
}

static void on_progress(void *user, const struct source_progress *progress)
{
	struct capture *capture = user;
	pthread_mutex_lock(&capture->lock);
	capture->progress = *progress;
	pthread_mutex_unlock(&capture->lock);
}

static void on_log(void *user, enum source_log_level level, const char *format, ...)
{
	struct capture *capture = user;
	char text[ERROR_TEXT_BYTES * 2];
	va_list arguments;
	if (capture->observer.log == NULL)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	capture->observer.log(capture->observer.user, capture_name(capture), level, text);
}

static void on_wait(void *user)
{
	struct capture *capture = user;
	if (capture->context.on_wait != NULL)
		capture->context.on_wait(capture->source);
}

static void topic_defaults(void *user, struct topic *topic)
{
	struct capture *capture = user;
	if (capture->observer.topic_defaults != NULL)
		capture->observer.topic_defaults(capture->observer.user, topic);
}

static void on_topic(void *user, const struct topic *topic)
{
	struct capture *capture = user;
	if (capture->observer.on_topic != NULL)
		capture->observer.on_topic(capture->observer.user, topic);
}

/* States. */

static void tell_state(struct capture *capture)
{
	const struct capture_machine *machine = &capture->machine;
	/* Short of memory, the log does not show it. */
	(void)sources_post_state(capture->appender, capture->source_id, (uint8_t)machine->state,
				 machine->reason, NULL);
	if (capture->observer.on_state != NULL)
		capture->observer.on_state(capture->observer.user, capture_name(capture), machine->state,
					   machine->reason);
}

static void enter(struct capture *capture, enum capture_state state)
{
	pthread_mutex_lock(&capture->lock);
	capture_machine_move(&capture->machine, state, clock_monotonic_us());
	pthread_mutex_unlock(&capture->lock);
	tell_state(capture);
}

static void fail_with(struct capture *capture, const struct error *err)
{
	pthread_mutex_lock(&capture->lock);
	capture_machine_fail(&capture->machine, err, clock_monotonic_us());
	pthread_mutex_unlock(&capture->lock);
	tell_state(capture);
}

/* Work. */

static int open_source(struct capture *capture, enum source_start *out, struct error *err)
{
	struct source stored = { 0 };
	/* What is still under way to the disk counts: the position is read behind it. */
	if (writer_abandon(capture->writer, err) != 0 ||
	    sources_describe(capture->reader, capture_name(capture), &stored, err) != 0)
		return -1;
	struct source_stored lent = {
		.position = { stored.position, stored.position_bytes },
		.snapshot_progress = { stored.snapshot_progress, stored.snapshot_progress_bytes },
	};
	int rc = capture->ops->open(capture->source, &lent, out, err);
	source_clear(&stored);
	return rc;
}

/* 1: go on with the stream, 0: no more, -1. */
static int take_snapshot(struct capture *capture, struct error *err)
{
	enter(capture, CAPTURE_SNAPSHOT);
	if (capture->ops->snapshot(capture->source, err) != 0)
		return -1;
	if (should_stop(capture))
		return 0;
	if (capture->settings->snapshot_mode != SNAPSHOT_MODE_INITIAL_ONLY)
		return 1;
	enter(capture, CAPTURE_DONE);
	return 0;
}

static int stream(struct capture *capture, struct error *err)
{
	if (should_stop(capture))
		return 0;
	enter(capture, CAPTURE_STREAMING);
	if (capture->ops->stream(capture->source, err) != 0)
		return -1;
	if (should_stop(capture))
		return 0;
	return error_set(err, ERROR_CONNECTION, "the source has ended its stream");
}

static int work_opened(struct capture *capture, enum source_start start, struct error *err)
{
	if (start == SOURCE_START_DONE) {
		enter(capture, CAPTURE_DONE);
		return 0;
	}
	if (start == SOURCE_START_SNAPSHOT) {
		int rc = take_snapshot(capture, err);
		if (rc != 1)
			return rc;
	}
	return stream(capture, err);
}

static void work(struct capture *capture)
{
	struct error err = { 0 };
	enum source_start start = SOURCE_START_STREAM;
	int rc = open_source(capture, &start, &err);
	check_left_behind(capture);
	if (rc == 0)
		rc = work_opened(capture, start, &err);
	check_left_behind(capture);
	capture->ops->close(capture->source);
	check_left_behind(capture);
	capture->context.on_wait = NULL;
	if (rc != 0 && !should_stop(capture))
		fail_with(capture, &err);
}

/* Commands. */

static void wait_until(struct capture *capture, int64_t deadline_us)
{
	struct pollfd wake = { .fd = capture->context.wake_fd, .events = POLLIN };
	int64_t left_us = deadline_us - clock_monotonic_us();
	int timeout_ms = deadline_us == INT64_MAX ? -1
			 : left_us > INT64_C(3600000000) ? 3600000
			 : left_us > 0 ? (int)(left_us / 1000) + 1 : 0;
	(void)poll(&wake, 1, timeout_ms);
}

static enum capture_command take_command(struct capture *capture)
{
	eventfd_t count;
	pthread_mutex_lock(&capture->lock);
	enum capture_command command = atomic_load(&capture->command);
	atomic_store(&capture->command, CAPTURE_COMMAND_NONE);
	(void)eventfd_read(capture->context.wake_fd, &count);
	pthread_mutex_unlock(&capture->lock);
	return command;
}

static void tell_removed(struct capture *capture, const struct error *err)
{
	if (capture->observer.on_removed != NULL)
		capture->observer.on_removed(capture->observer.user, capture_name(capture), err);
}

static void remove_source(struct capture *capture)
{
	struct error err = { 0 };
	pthread_mutex_lock(&capture->lock);
	bool drops = capture->drops;
	pthread_mutex_unlock(&capture->lock);
	int rc = drops ? capture->ops->drop(capture->source, &err) : 0;
	check_left_behind(capture);
	if (rc == 0)
		rc = sources_delete(capture->appender, capture_name(capture), &err);
	pthread_mutex_lock(&capture->lock);
	capture_machine_move(&capture->machine, rc == 0 ? CAPTURE_STOPPED : CAPTURE_FAILED, clock_monotonic_us());
	if (rc != 0)
		snprintf(capture->machine.reason, sizeof(capture->machine.reason),
			 "it could not be removed: %.400s", err.text);
	pthread_mutex_unlock(&capture->lock);
	if (rc != 0)
		tell_state(capture);
	tell_removed(capture, rc == 0 ? NULL : &err);
}

/* The log knows of a pause before anybody sees it: it outlives a crash. */
static void remember_pause(struct capture *capture)
{
	struct error err = { 0 };
	if (sources_set_state(capture->appender, capture->source_id, CAPTURE_PAUSED, "", &err) != 0)
		on_log(capture, SOURCE_LOG_WARNING, "the pause will not outlive the server: %s", err.text);
}

static void obey(struct capture *capture, enum capture_command command)
{
	if (command == CAPTURE_COMMAND_REMOVE) {
		remove_source(capture);
		return;
	}
	if (command == CAPTURE_COMMAND_PAUSE)
		remember_pause(capture);
	pthread_mutex_lock(&capture->lock);
	enum capture_state before = capture->machine.state;
	capture_machine_obey(&capture->machine, command, clock_monotonic_us());
	enum capture_state after = capture->machine.state;
	pthread_mutex_unlock(&capture->lock);
	/* Who was paused stays so in the log. */
	if (after == before || (after == CAPTURE_STOPPED && before == CAPTURE_PAUSED))
		return;
	tell_state(capture);
}

/* No command is waiting. */
static void turn(struct capture *capture)
{
	switch (capture->machine.state) {
	case CAPTURE_STARTING:
	case CAPTURE_SNAPSHOT:
	case CAPTURE_STREAMING:
		work(capture);
		return;
	case CAPTURE_RETRYING:
		if (clock_monotonic_us() >= capture->machine.retry_at_us)
			enter(capture, CAPTURE_STARTING);
		else
			wait_until(capture, capture->machine.retry_at_us);
		return;
	case CAPTURE_PAUSED:
	case CAPTURE_FAILED:
	case CAPTURE_DONE:
		wait_until(capture, INT64_MAX);
		return;
	case CAPTURE_STOPPED:
		return;
	}
}

static void *run(void *argument)
{
	struct capture *capture = argument;
	/* The thread alone writes the state: it may read it unlocked. */
	tell_state(capture);
	while (capture->machine.state != CAPTURE_STOPPED) {
		enum capture_command command = take_command(capture);
		if (command != CAPTURE_COMMAND_NONE)
			obey(capture, command);
		else
			turn(capture);
	}
	pthread_mutex_lock(&capture->lock);
	atomic_store(&capture->has_ended, true);
	pthread_cond_signal(&capture->ended);
	pthread_mutex_unlock(&capture->lock);
	return NULL;
}

bool capture_has_ended(const struct capture *capture)
{
	return atomic_load(&capture->has_ended);
}

static void ask(struct capture *capture, enum capture_command command)
{
	pthread_mutex_lock(&capture->lock);
	enum capture_command waiting = atomic_load(&capture->command);
	/* A resume of what is at work would wake it for nothing, again and again. */
	if (command != CAPTURE_COMMAND_RESUME || capture->machine.state == CAPTURE_PAUSED ||
	    capture_command_interrupts(waiting)) {
		atomic_store(&capture->command, capture_command_merge(waiting, command));
		(void)eventfd_write(capture->context.wake_fd, 1);
	}
	pthread_mutex_unlock(&capture->lock);
}

void capture_pause(struct capture *capture)
{
	ask(capture, CAPTURE_COMMAND_PAUSE);
}

void capture_resume(struct capture *capture)
{
	ask(capture, CAPTURE_COMMAND_RESUME);
}

void capture_restart(struct capture *capture)
{
	ask(capture, CAPTURE_COMMAND_RESTART);
}

void capture_remove(struct capture *capture, bool drops)
{
	pthread_mutex_lock(&capture->lock);
	capture->drops = drops;
	pthread_mutex_unlock(&capture->lock);
	ask(capture, CAPTURE_COMMAND_REMOVE);
}

void capture_ask_to_stop(struct capture *capture)
{
	if (capture->asked_to_stop_us == 0)
		capture->asked_to_stop_us = clock_monotonic_us();
	ask(capture, CAPTURE_COMMAND_STOP);
}

/* Start and end. */

static void destroy(struct capture *capture)
{
	if (capture == NULL)
		return;
	if (capture->source != NULL)
		capture->ops->destroy(capture->source);
	writer_destroy(capture->writer);
	reader_close(capture->reader);
	if (capture->context.wake_fd >= 0)
		close(capture->context.wake_fd);
	pthread_cond_destroy(&capture->ended);
	pthread_mutex_destroy(&capture->lock);
	free(capture);
}

/* false: the deadline came first. */
static bool wait_for_end(struct capture *capture, int64_t deadline_us)
{
	const struct timespec deadline = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
	int rc = 0;
	pthread_mutex_lock(&capture->lock);
	while (rc == 0 && !atomic_load(&capture->has_ended))
		rc = pthread_cond_timedwait(&capture->ended, &capture->lock, &deadline);
	bool has_ended = atomic_load(&capture->has_ended);
	pthread_mutex_unlock(&capture->lock);
	return has_ended;
}

bool capture_stop(struct capture *capture)
{
	if (capture == NULL)
		return true;
	capture_ask_to_stop(capture);
	if (!wait_for_end(capture, capture->asked_to_stop_us + CAPTURE_STOP_MS * INT64_C(1000))) {
		atomic_store(&capture->is_left_behind, true);
		pthread_detach(capture->thread);
		return false;
	}
	pthread_join(capture->thread, NULL);
	destroy(capture);
	return true;
}

static int make_writer(struct capture *capture, struct store *store, struct error *err)
{
	const struct source_settings *settings = capture->settings;
	struct writer_options options = {
		.appender = capture->appender,
		.store = store,
		.source_id = capture->source_id,
		.makes_tombstones = settings->tombstones_on_delete,
		.queue_records = (size_t)settings->max_queue_size,
		.batch_records = (size_t)settings->max_batch_size,
		.should_stop = should_stop,
		.on_wait = on_wait,
		.topic_defaults = topic_defaults,
		.on_topic = on_topic,
		.user = capture,
	};
	return writer_create(&capture->writer, &options, err);
}

static int read_stored(struct capture *capture, struct error *err)
{
	struct source stored = { 0 };
	if (sources_describe(capture->reader, capture_name(capture), &stored, err) != 0)
		return -1;
	if (stored.position != NULL)
		capture->ops->position_text((struct bytes){ stored.position, stored.position_bytes },
					    capture->progress.position);
	capture->progress.behind_bytes = UINT64_MAX;
	capture_machine_init(&capture->machine, capture->settings, stored.state == CAPTURE_PAUSED,
			     clock_monotonic_us());
	source_clear(&stored);
	return 0;
}

static int prepare(struct capture *capture, const struct capture_options *options,
		   struct error *err)
{
	capture->context = (struct source_context){
		.name = capture_name(capture),
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.should_stop = should_stop,
		.on_progress = on_progress,
		.log = on_log,
		.user = capture,
	};
	if (capture->context.wake_fd < 0)
		return error_set(err, ERROR_MEMORY, "an eventfd: %s", strerror(errno));
	if (sources_register(capture->appender, capture_name(capture), &capture->source_id, err) != 0 ||
	    reader_open(&capture->reader, options->store, err) != 0 ||
	    read_stored(capture, err) != 0 ||
	    make_writer(capture, options->store, err) != 0)
		return -1;
	capture->context.writer = capture->writer;
	return capture->ops->create(&capture->source, capture->settings, &capture->context, err);
}

int capture_start(struct capture **out, const struct capture_options *options,
		  struct error *err)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	if (capture == NULL)
		return error_set(err, ERROR_MEMORY, "source '%s'", options->settings->name);
	capture->settings = options->settings;
	capture->ops = options->ops;
	capture->appender = options->appender;
	capture->observer = options->observer;
	capture->context.wake_fd = -1;
	pthread_condattr_t monotonic;
	pthread_mutex_init(&capture->lock, NULL);
	/* On Linux none of these can fail. */
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&capture->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int rc = prepare(capture, options, err);
	if (rc == 0) {
		rc = pthread_create(&capture->thread, NULL, run, capture);
		if (rc != 0)
			error_set(err, ERROR_MEMORY, "its thread: %s", strerror(rc));
	}
	if (rc != 0) {
		destroy(capture);
		return error_context(err, "source '%s'", options->settings->name);
	}
	*out = capture;
	return 0;
}

void capture_describe(struct capture *capture, struct capture_status *out)
{
	struct writer_counts counts;
	writer_counts(capture->writer, &counts);
	pthread_mutex_lock(&capture->lock);
	const struct capture_machine *machine = &capture->machine;
	*out = (struct capture_status){
		.state = machine->state,
		.state_age_us = clock_monotonic_us() - machine->since_us,
		.retries = machine->retries,
		.progress = capture->progress,
		.transaction_count = counts.transaction_count,
		.record_count = counts.record_count,
		.lag_us = counts.lag_us,
	};
	memcpy(out->reason, machine->reason, sizeof(out->reason));
	if (machine->state == CAPTURE_RETRYING)
		out->retry_in_us = machine->retry_at_us > clock_monotonic_us() ? machine->retry_at_us - clock_monotonic_us() : 0;
	pthread_mutex_unlock(&capture->lock);
}

uint64_t capture_snapshot_left_us(const struct capture_status *status)
{
	const struct source_progress *progress = &status->progress;
	if (status->state != CAPTURE_SNAPSHOT || progress->rows_done == 0 ||
	    progress->rows_estimated <= progress->rows_done)
		return UINT64_MAX;
	double left = (double)(progress->rows_estimated - progress->rows_done);
	return (uint64_t)((double)status->state_age_us * left / (double)progress->rows_done);
}
