#include "capture/clock.h"
#include "capture/postgresql_check.h"
#include "capture/postgresql_publication.h"
#include "capture/postgresql_slot.h"
#include "capture/postgresql_snapshot.h"
#include "capture/postgresql_source.h"
#include "capture/postgresql_stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The life of a PostgreSQL source.  What each part promises is in its header. */

#define TABLE_CHECK_INTERVAL_MS 60000
#define DROP_ON_STOP_MS         800     /* within CAPTURE_STOP_MS */

static int create(void **out, const struct source_settings *settings,
		  struct source_context *context, struct error *err)
{
	struct postgresql_source *source = calloc(1, sizeof(*source));
	if (source == NULL)
		return error_set(err, ERROR_MEMORY, "a source");
	source->settings = settings;
	source->context = context;
	source->table_check_ms = TABLE_CHECK_INTERVAL_MS;
	*out = source;
	return 0;
}

int postgresql_source_need_catalog(struct postgresql_source *source, struct error *err)
{
	if (postgresql_connection_is_usable(source->catalog))
		return 0;
	postgresql_connection_close(source->catalog);
	source->catalog = NULL;
	return postgresql_connection_open(&source->catalog, source->settings, source->context, false, err);
}

static int connect_both(struct postgresql_source *source, struct error *err)
{
	if (postgresql_source_need_catalog(source, err) != 0 || postgresql_check_server(source, err) != 0)
		return -1;
	return postgresql_connection_open(&source->replication, source->settings, source->context, true, err);
}

/* What the log has, as far as it tells. */
static int learn_stored(struct postgresql_source *source, const struct source_stored *stored,
			struct postgresql_position *position, struct error *err)
{
	source->has_position = stored->position.data != NULL;
	if (source->has_position && postgresql_position_decode(stored->position, position, err) != 0)
		return -1;
	source->stored_lsn = source->has_position ? position->lsn : 0;
	return postgresql_progress_decode(stored->snapshot_progress, &source->progress, err);
}

/* The slot against the stored position: is what comes next still there? */
static int check_slot(struct postgresql_source *source, const struct postgresql_slot *slot, struct error *err)
{
	if (!slot->exists && source->settings->slot_drop_on_stop) {
		source_log(source, SOURCE_LOG_WARNING, "the slot was dropped on stop (slot.drop.on.stop): the changes since are"
			   " not captured");
		source->has_position = false;
		source->stored_lsn = 0;
		return 0;
	}
	return postgresql_slot_check_place(source, slot, err);
}

/* Without a position there is no stream yet. */
static int choose_first_start(struct postgresql_source *source, const struct postgresql_slot *slot,
			      enum source_start *out, struct error *err)
{
	const bool is_interrupted = source->progress.state == POSTGRESQL_SNAPSHOT_BEGUN;
	if (source->settings->snapshot_mode == SNAPSHOT_MODE_NEVER) {
		if (is_interrupted)
			source_log(source, SOURCE_LOG_WARNING, "the log has a part of a snapshot, and snapshot.mode is"
				   " never: it stays a part");
		source->stored_lsn = slot->exists ? slot->confirmed_lsn : 0;
		*out = SOURCE_START_STREAM;
		return 0;
	}
	if (slot->exists && !is_interrupted && source->settings->snapshot_mode == SNAPSHOT_MODE_INITIAL)
		return error_set(err, ERROR_EXISTS,
				 "replication slot \"%s\" exists and was not made for this log, and a snapshot needs one of"
				 " its own: SELECT pg_drop_replication_slot('%s'), or choose another slot.name, or go on where"
				 " the slot stands with snapshot.mode = \"never\"", source->settings->slot_name,
				 source->settings->slot_name);
	*out = SOURCE_START_SNAPSHOT;
	return 0;
}

/* Slot and publication of a source that has a stream: the publication first, because
 * decoding sees the catalog as of each change. */
static int prepare(struct postgresql_source *source, enum source_start *out, struct error *err)
{
	const int mode = source->settings->snapshot_mode;
	const bool is_alone = mode == SNAPSHOT_MODE_INITIAL_ONLY;
	const bool begins_again = !source->has_position && mode == SNAPSHOT_MODE_INITIAL &&
				  source->progress.state == POSTGRESQL_SNAPSHOT_BEGUN;
	struct postgresql_slot slot = { 0 };
	if (is_alone && (source->has_position || source->progress.state == POSTGRESQL_SNAPSHOT_WHOLE)) {
		*out = SOURCE_START_DONE;
		return 0;
	}
	*out = SOURCE_START_STREAM;
	/* A slot that has lost its WAL goes with the snapshot that begins again. */
	if (!is_alone && postgresql_slot_describe(source, &slot, err) != 0 &&
	    !(begins_again && err != NULL && err->code == ERROR_GAP))
		return -1;
	if (source->has_position ? check_slot(source, &slot, err) != 0 :
				   choose_first_start(source, &slot, out, err) != 0)
		return -1;
	if (postgresql_check_tables(source, *out == SOURCE_START_SNAPSHOT, err) != 0)
		return -1;
	return is_alone ? 0 : postgresql_publication_ensure(source, err);
}

static int open_source(void *user, const struct source_stored *stored, enum source_start *out,
		       struct error *err)
{
	struct postgresql_source *source = user;
	struct postgresql_position position;
	if (learn_stored(source, stored, &position, err) != 0 || connect_both(source, err) != 0 ||
	    postgresql_check_history(source, source->has_position ? &position : NULL, err) != 0)
		return -1;
	return prepare(source, out, err);
}

static int snapshot(void *user, struct error *err)
{
	return postgresql_snapshot_run(user, err);
}

/* snapshot.mode never: the stream begins where the slot does. */
static int begin_without_snapshot(struct postgresql_source *source, struct error *err)
{
	if (source->has_position || source->stored_lsn != 0)
		return 0;
	return postgresql_slot_create(source, false, &source->stored_lsn, NULL, 0, err);
}

static int stream(void *user, struct error *err)
{
	struct postgresql_source *source = user;
	if (begin_without_snapshot(source, err) != 0)
		return err != NULL && err->code == ERROR_SHUTDOWN ? 0 : -1;
	return postgresql_stream_run(source, err);
}

/* A context of which nobody but the clock asks to stop. */
struct limited {
	const struct source_context *outer;
	int64_t end_ms;
};

static bool is_over(void *user)
{
	const struct limited *limited = user;
	return clock_monotonic_ms() >= limited->end_ms;
}

static void log_outside(void *user, enum source_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void log_outside(void *user, enum source_log_level level, const char *format, ...)
{
	const struct limited *limited = user;
	char line[ERROR_TEXT_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	limited->outer->log(limited->outer->user, level, "%s", line);
}

/* slot.drop.on.stop: over a connection that the stop does not end, but the clock does. */
static void drop_on_stop(const struct postgresql_source *stopped)
{
	const struct itimerspec end = { .it_value = { .tv_nsec = DROP_ON_STOP_MS * 1000000L } };
	struct limited limited = { stopped->context, clock_monotonic_ms() + DROP_ON_STOP_MS };
	struct source_context context = {
		.name = stopped->context->name,
		.wake_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		.should_stop = is_over,
		.log = log_outside,
		.user = &limited,
	};
	struct postgresql_source source = *stopped;
	struct postgresql_slot slot;
	struct error err = { 0 };
	(void)timerfd_settime(context.wake_fd, 0, &end, NULL);
	source.context = &context;
	source.catalog = NULL;
	if (postgresql_source_need_catalog(&source, &err) != 0 || postgresql_slot_describe(&source, &slot, &err) != 0 ||
	    postgresql_slot_drop(&source, &err) != 0)
		source_log(&source, SOURCE_LOG_WARNING, "slot.drop.on.stop: %s", err.code == ERROR_SHUTDOWN ?
			   "the server does not answer in time, and the slot stays" : err.text);
	postgresql_connection_close(source.catalog);
	if (context.wake_fd >= 0)
		close(context.wake_fd);
}

static void close_source(void *user)
{
	struct postgresql_source *source = user;
	const bool is_stopped = source->stream != NULL && source->settings->slot_drop_on_stop &&
				source->context->should_stop(source->context->user);
	postgresql_stream_confirm(source);
	postgresql_stream_destroy(source->stream);
	source->stream = NULL;
	postgresql_connection_close(source->replication);
	postgresql_connection_close(source->catalog);
	source->replication = NULL;
	source->catalog = NULL;
	if (is_stopped)
		drop_on_stop(source);
}

static void destroy(void *user)
{
	struct postgresql_source *source = user;
	if (source == NULL)
		return;
	close_source(source);
	free(source);
}

static int drop(void *user, struct error *err)
{
	struct postgresql_source *source = user;
	struct postgresql_slot slot;
	int rc = postgresql_source_need_catalog(source, err);
	if (rc == 0) {
		/* Somebody waits for it. */
		postgresql_connection_limit(source->catalog, source->settings->connect_timeout_ms);
		source->server_version = PQserverVersion(postgresql_connection_raw(source->catalog));
	}
	if (rc == 0)
		rc = postgresql_slot_describe(source, &slot, err);
	/* A slot that has lost its WAL goes like any other; one of somebody else's does not. */
	if (rc != 0 && err != NULL && err->code == ERROR_GAP)
		rc = 0;
	if (rc == 0)
		rc = postgresql_slot_drop(source, err);
	if (rc == 0)
		rc = postgresql_publication_drop(source, err);
	close_source(source);
	return rc;
}

static void position_text(struct bytes position, char *out)
{
	struct postgresql_position decoded;
	struct error ignored;
	out[0] = '\0';
	if (position.data != NULL && postgresql_position_decode(position, &decoded, &ignored) == 0)
		postgresql_lsn_text(decoded.lsn, out);
}

/* As postgresql_progress_encode does it, of no LSN yet. */
static const uint8_t snapshot_begun[POSTGRESQL_PROGRESS_BYTES] = { 1, POSTGRESQL_SNAPSHOT_BEGUN };

const struct source_ops postgresql_source_ops = {
	.connector = "postgresql",
	.create = create,
	.open = open_source,
	.snapshot = snapshot,
	.stream = stream,
	.close = close_source,
	.destroy = destroy,
	.drop = drop,
	.snapshot_begun = { snapshot_begun, sizeof(snapshot_begun) },
	.position_text = position_text,
};
