#include "capture/capture_internal.h"

#include "capture/clock.h"
#include "capture/source_settings.h"
#include "storage/reader.h"
#include "storage/sources.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The thread turns in a loop: obey what was asked, then do what the state says, which is
 * to work (open, snapshot, stream, close) or to wait on the eventfd.  A command that
 * interrupts makes should_stop true, which ends the work; whatever the work returns then is
 * of no account. */

/* The process ends around it: the log may be closed already. */
static void check_left_behind(const struct capture *capture)
{
	while (atomic_load(&capture->is_left_behind))
		pause();
}

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
	if (capture_is_interrupted(capture))
		return 0;
	if (capture->settings->snapshot_mode != SNAPSHOT_MODE_INITIAL_ONLY)
		return 1;
	enter(capture, CAPTURE_DONE);
	return 0;
}

static int stream(struct capture *capture, struct error *err)
{
	if (capture_is_interrupted(capture))
		return 0;
	enter(capture, CAPTURE_STREAMING);
	if (capture->ops->stream(capture->source, err) != 0)
		return -1;
	if (capture_is_interrupted(capture))
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
	if (rc != 0 && !capture_is_interrupted(capture))
		fail_with(capture, &err);
}

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

static bool take_reset(struct capture *capture)
{
	pthread_mutex_lock(&capture->lock);
	bool is_asked = capture->is_reset_asked;
	capture->is_reset_asked = false;
	pthread_mutex_unlock(&capture->lock);
	return is_asked;
}

/* The next command has come before it was done. */
static void ask_reset_again(struct capture *capture)
{
	pthread_mutex_lock(&capture->lock);
	capture->is_reset_asked = true;
	pthread_mutex_unlock(&capture->lock);
}

/* Behind whatever is still under way to the disk, or that would bring its position back. */
static int reset(struct capture *capture, struct error *err)
{
	const bool has_snapshot = capture->settings->snapshot_mode != SNAPSHOT_MODE_NEVER;
	const struct bytes nothing = { NULL, 0 };
	if (writer_abandon(capture->writer, err) != 0 ||
	    sources_reset(capture->appender, capture->source_id,
			  has_snapshot ? capture->ops->snapshot_begun : nothing, err) != 0)
		return error_context(err, "it could not be reset");
	pthread_mutex_lock(&capture->lock);
	capture->progress = (struct source_progress){ .behind_bytes = UINT64_MAX };
	pthread_mutex_unlock(&capture->lock);
	capture->context.log(capture, SOURCE_LOG_WARNING, "reset: how far it was is forgotten");
	return 0;
}

/* The log knows of a pause before anybody sees it: it outlives a crash. */
static void remember_pause(struct capture *capture)
{
	struct error err = { 0 };
	if (sources_set_state(capture->appender, capture->source_id, CAPTURE_PAUSED, "", &err) != 0)
		capture->context.log(capture, SOURCE_LOG_WARNING, "the pause will not outlive the server: %s", err.text);
}

static void obey(struct capture *capture, enum capture_command command)
{
	struct error err = { 0 };
	if (command == CAPTURE_COMMAND_REMOVE) {
		remove_source(capture);
		return;
	}
	if (command != CAPTURE_COMMAND_STOP && take_reset(capture) && reset(capture, &err) != 0) {
		if (err.code == ERROR_STOPPED && capture_is_interrupted(capture))
			ask_reset_again(capture);
		else
			fail_with(capture, &err);
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

void *capture_thread_run(void *argument)
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
