#include "capture/capture_internal.h"

#include "capture/clock.h"
#include "capture/source_settings.h"
#include "storage/reader.h"
#include "storage/sources.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the source and its writer call. */

static bool should_stop(void *user)
{
	struct capture *capture = user;
	return capture_is_interrupted(capture);
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

/* Start and end.  On a stop nothing waits for the log: what was submitted is the
 * appender's. */

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
		rc = pthread_create(&capture->thread, NULL, capture_thread_run, capture);
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
