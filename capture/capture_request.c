#include "capture/capture_internal.h"

#include "capture/clock.h"
#include "capture/source_settings.h"

#include <string.h>
#include <sys/eventfd.h>

/* What any thread may call: what is asked of the source's thread, and how it is with it.
 * A request only leaves a command and wakes the thread. */

bool capture_is_interrupted(const struct capture *capture)
{
	return capture_command_interrupts(atomic_load(&capture->command));
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

void capture_reset(struct capture *capture)
{
	pthread_mutex_lock(&capture->lock);
	capture->is_reset_asked = true;
	pthread_mutex_unlock(&capture->lock);
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

bool capture_has_ended(const struct capture *capture)
{
	return atomic_load(&capture->has_ended);
}

const char *capture_name(const struct capture *capture)
{
	return capture->settings->name;
}

void capture_describe(struct capture *capture, struct capture_status *out)
{
	struct writer_counts counts;
	writer_counts(capture->writer, &counts);
	pthread_mutex_lock(&capture->lock);
	const struct capture_machine *machine = &capture->machine;
	const int64_t now_us = clock_monotonic_us();
	*out = (struct capture_status){
		.state = machine->state,
		.state_age_us = now_us - machine->since_us,
		.retries = machine->retries,
		.progress = capture->progress,
		.transaction_count = counts.transaction_count,
		.record_count = counts.record_count,
		.lag_us = counts.lag_us,
	};
	memcpy(out->reason, machine->reason, sizeof(out->reason));
	if (machine->state == CAPTURE_RETRYING && machine->retry_at_us > now_us)
		out->retry_in_us = machine->retry_at_us - now_us;
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
