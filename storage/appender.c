#include "storage/appender.h"

#include "storage/appender_internal.h"
#include "storage/disk.h"
#include "storage/guard.h"
#include "storage/recovery.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK_INTERVAL_US       INT64_C(1000000)
#define READER_CHECK_INTERVAL_US INT64_C(60000000)

/* Room beyond what waits before writing is tried again (a 16th of a smaller
 * quota): a commit that fails once more costs a retry, not data. */
#define ROOM_MARGIN_BYTES (UINT64_C(4) << 20)

#define BIT(state) (1u << (state))

static const unsigned int allowed_moves[] = {
	[APPENDER_RUNNING] = BIT(APPENDER_DISK_FULL) | BIT(APPENDER_FAILED) | BIT(APPENDER_STOPPED),
	[APPENDER_DISK_FULL] = BIT(APPENDER_RUNNING) | BIT(APPENDER_FAILED) | BIT(APPENDER_STOPPED),
	[APPENDER_FAILED] = 0,
	[APPENDER_STOPPED] = 0,
};

const char *appender_state_name(enum appender_state state)
{
	static const char *const names[] = { "running", "disk full", "failed", "stopped" };
	return names[state];
}

static void move_to(struct appender *appender, enum appender_state state, const struct error *err)
{
	enum appender_state now = atomic_load(&appender->state);
	if (now == state || !(allowed_moves[now] & BIT(state)))
		return;
	atomic_store(&appender->state, state);
	const struct appender_observer *observer = &appender->options.observer;
	if (observer->on_state != NULL)
		observer->on_state(observer->user, state, err);
}

static int64_t system_us(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_wall_us(void *user)
{
	(void)user;
	return system_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void *user)
{
	(void)user;
	return system_us(CLOCK_MONOTONIC);
}

int64_t appender_monotonic_us(const struct appender *appender)
{
	return appender->options.clock.monotonic_us(appender->options.clock.user);
}

int64_t appender_wall_us(struct appender *appender)
{
	return appender->options.clock.wall_us(appender->options.clock.user);
}

struct store *appender_store(struct appender *appender)
{
	return appender->store;
}

struct schema_reservations *appender_schema_reservations(struct appender *appender)
{
	return appender->schemas;
}

/* End for good: everything that waits, and whatever comes, gets this error. */
static void fail_for_good(struct appender *appender, struct item_list *group,
			  const struct error *err)
{
	queue_close(&appender->queue, err);
	if (err->code == ERROR_STOPPED)
		move_to(appender, APPENDER_STOPPED, NULL);
	else
		move_to(appender, APPENDER_FAILED, err);
	bool is_closed = false;
	while (!is_closed) {
		struct item_list rest = STAILQ_HEAD_INITIALIZER(rest);
		queue_take(&appender->queue, &rest, SIZE_MAX, 0, &is_closed);
		STAILQ_CONCAT(group, &rest);
	}
	struct item *item;
	while ((item = STAILQ_FIRST(group)) != NULL) {
		STAILQ_REMOVE_HEAD(group, link);
		commit_finish_item(appender, item, err);
	}
}

static void check_readers(struct appender *appender, int64_t now_us)
{
	if (now_us < appender->next_reader_check_us)
		return;
	store_check_readers(appender->store);
	appender->next_reader_check_us = now_us + READER_CHECK_INTERVAL_US;
}

static void check_by_time(struct appender *appender)
{
	int64_t now_us = appender_monotonic_us(appender);
	if (now_us < appender->next_check_us)
		return;
	appender->next_check_us = now_us + appender->options.check_interval_us;
	retention_scan(&appender->retention, &appender->registry, commit_retention_us(appender));
	appender->expires_producers = true;
	check_readers(appender, now_us);
}

/* Is there room for what waits, on the disk or in the file itself?  Not in the
 * ballast's place: that is for retention, and must be had again first. */
static bool has_room(struct appender *appender, const struct item_list *group)
{
	struct store_usage usage;
	struct item *item;
	const uint64_t reserved = 2 * appender->store->ballast_bytes;
	uint64_t needed = 0;
	STAILQ_FOREACH(item, group, link)
		needed += item->bytes + item->bytes / 8;
	if (store_usage(appender->store, &usage, NULL) != 0)
		return false;
	uint64_t used_bytes = usage.file_bytes - usage.free_bytes;
	uint64_t margin = usage.quota_bytes / 16;
	if (margin > ROOM_MARGIN_BYTES)
		margin = ROOM_MARGIN_BYTES;
	uint64_t disk_bytes =
		usage.disk_free_bytes > reserved ? usage.disk_free_bytes - reserved : 0;
	return used_bytes + needed + margin <= usage.quota_bytes &&
	       disk_bytes + usage.free_bytes >= needed + ROOM_MARGIN_BYTES;
}

static void tell_room(struct appender *appender, bool was_turned_away)
{
	if (was_turned_away && appender->options.observer.on_room != NULL)
		appender->options.observer.on_room(appender->options.observer.user);
}

/* From now on publishers hear of it at once. */
static void enter_disk_full(struct appender *appender, const struct error *err)
{
	struct error refusal = { 0 };
	error_set(&refusal, ERROR_DISK_FULL,
		  "no room on the disk; writing resumes by itself when there is");
	bool was_turned_away = queue_refuse_published(&appender->queue, &refusal);
	move_to(appender, APPENDER_DISK_FULL, err);
	tell_room(appender, was_turned_away);
}

/* While the disk is full: retention, commands (deleting a topic makes room) and
 * refusing what publishers had queued go on; what sources sent stays in group. */
static bool wait_for_room(struct appender *appender, struct item_list *group,
			  struct error *err)
{
	bool is_making_room = false;
	ballast_free(appender->store->dir);
	for (;;) {
		struct item_list urgent = STAILQ_HEAD_INITIALIZER(urgent);
		int64_t deadline_us =
			is_making_room ? 0
				       : system_us(CLOCK_MONOTONIC) + appender->options.check_interval_us;
		bool is_closed = queue_take_urgent(&appender->queue, &urgent, deadline_us);
		check_by_time(appender);
		/* Published records come back from this at once, refused. */
		int rc = commit_group(appender, &urgent, err);
		if (rc == 0 && commit_settle(appender, err) != 0)
			return false;
		if (rc != 0 && err->code != ERROR_DISK_FULL && err->code != ERROR_MEMORY)
			return false;
		if (is_closed) {
			error_set(err, ERROR_STOPPED, "stopped while the disk was full");
			return false;
		}
		if (has_room(appender, group))
			return true;
		is_making_room = rc == 0 && retention_is_due(&appender->retention);
	}
}

/* Bring the ballast back once there is plenty of room. */
static void resume(struct appender *appender)
{
	bool is_there;
	ballast_make(appender->store->dir, appender->store->ballast_bytes, &is_there, NULL);
	queue_refuse_published(&appender->queue, NULL);
	move_to(appender, APPENDER_RUNNING, NULL);
}

/* Write the group, however long the disk stays full.  false: the end. */
static bool write_group(struct appender *appender, struct item_list *group)
{
	struct error err = { 0 };
	while (commit_group(appender, group, &err) != 0) {
		if (err.code == ERROR_MEMORY)
			return true;    /* all of the group has been told */
		if (err.code == ERROR_DISK_FULL) {
			enter_disk_full(appender, &err);
			if (wait_for_room(appender, group, &err))
				continue;
		}
		fail_for_good(appender, group, &err);
		return false;
	}
	if (atomic_load(&appender->state) == APPENDER_DISK_FULL)
		resume(appender);
	return true;
}

static bool settle(struct appender *appender)
{
	struct item_list none = STAILQ_HEAD_INITIALIZER(none);
	struct error err = { 0 };
	if (commit_settle(appender, &err) == 0)
		return true;
	fail_for_good(appender, &none, &err);
	return false;
}

static bool runs_alone(struct item *item)
{
	return item->kind == ITEM_COMMAND && ((struct command *)(void *)item)->run_alone != NULL;
}

static bool run_alone(struct appender *appender, struct item *item)
{
	struct command *command = (struct command *)(void *)item;
	struct error err = { 0 };
	if (command->run_alone(command, appender->store, &appender->registry, &err) == 0) {
		commit_finish_item(appender, item, NULL);
		return true;
	}
	enum error_code code = err.code;
	commit_finish_item(appender, item, &err);
	if (code != ERROR_IO && code != ERROR_CORRUPT)
		return true;
	struct item_list none = STAILQ_HEAD_INITIALIZER(none);
	fail_for_good(appender, &none, &err);
	return false;
}

static bool write_items(struct appender *appender, struct item_list *items)
{
	struct item *first = STAILQ_FIRST(items);
	if (first == NULL || !runs_alone(first))
		return write_group(appender, items);
	if (settle(appender))
		return run_alone(appender, first);
	commit_finish_item(appender, first, &appender->queue.closed_err);
	return false;
}

static void *run(void *argument)
{
	struct appender *appender = argument;
	for (;;) {
		struct item_list items = STAILQ_HEAD_INITIALIZER(items);
		bool is_closed;
		/* The wait is in real time, also where the clock is a test's. */
		int64_t deadline_us = retention_is_due(&appender->retention)
					      ? 0
					      : system_us(CLOCK_MONOTONIC) + appender->options.check_interval_us;
		tell_room(appender, queue_release(&appender->queue, appender->finished_bytes));
		appender->finished_bytes = 0;
		bool made_room = queue_take(&appender->queue, &items, appender->options.commit_bytes,
					    deadline_us, &is_closed);
		tell_room(appender, made_room);
		check_by_time(appender);
		bool has_work = !STAILQ_EMPTY(&items) || retention_is_due(&appender->retention) ||
				atomic_load(&appender->state) == APPENDER_DISK_FULL;
		if (has_work && !is_closed && !write_items(appender, &items))
			return NULL;
		if (is_closed)
			break;
	}
	if (!settle(appender))
		return NULL;
	move_to(appender, APPENDER_STOPPED, NULL);
	return NULL;
}

static void set_defaults(struct appender_options *options)
{
	if (options->queue_records == 0)
		options->queue_records = APPENDER_QUEUE_RECORDS;
	if (options->queue_bytes == 0)
		options->queue_bytes = APPENDER_QUEUE_BYTES;
	if (options->commit_bytes == 0)
		options->commit_bytes = APPENDER_COMMIT_BYTES;
	if (options->batch_bytes == 0)
		options->batch_bytes = APPENDER_BATCH_BYTES;
	if (options->check_interval_us == 0)
		options->check_interval_us = CHECK_INTERVAL_US;
	if (options->clock.wall_us == NULL)
		options->clock.wall_us = system_wall_us;
	if (options->clock.monotonic_us == NULL)
		options->clock.monotonic_us = system_monotonic_us;
}

static void destroy(struct appender *appender)
{
	schema_reservations_destroy(appender->schemas);
	registry_clear(&appender->registry);
	queue_clear(&appender->queue);
	pthread_mutex_destroy(&appender->stats_lock);
	free(appender);
}

int appender_start(struct appender **out, struct store *store,
		   const struct appender_options *options, struct error *err)
{
	if (store->mode != STORE_SERVE)
		return error_set(err, ERROR_INVALID, "the store was opened for reading");
	struct appender *appender = calloc(1, sizeof(*appender));
	if (appender == NULL)
		return error_set(err, ERROR_MEMORY, "starting the appender");
	appender->store = store;
	appender->options = *options;
	set_defaults(&appender->options);
	pthread_mutex_init(&appender->stats_lock, NULL);
	if (queue_init(&appender->queue, appender->options.queue_records,
		       appender->options.queue_bytes, err) != 0 ||
	    recovery_run(store, err) != 0 || registry_load(&appender->registry, store, err) != 0 ||
	    schema_reservations_create(&appender->schemas, store, err) != 0)
		goto fail;
	STAILQ_INIT(&appender->unsynced);
	stage_init(&appender->stage, &appender->registry, appender->schemas,
		   appender->options.batch_bytes);
	retention_init(&appender->retention);
	appender->start_wall_us = appender_wall_us(appender);
	appender->start_monotonic_us = appender_monotonic_us(appender);
	int rc = pthread_create(&appender->thread, NULL, run, appender);
	if (rc != 0) {
		error_set(err, ERROR_MEMORY, "starting the appender's thread: %s", strerror(rc));
		goto fail;
	}
	*out = appender;
	return 0;
fail:
	destroy(appender);
	return -1;
}

void appender_close(struct appender *appender)
{
	struct error err = { 0 };
	error_set(&err, ERROR_STOPPED, "the log is being closed");
	queue_close(&appender->queue, &err);
}

void appender_stop(struct appender *appender)
{
	if (appender == NULL)
		return;
	appender_close(appender);
	pthread_join(appender->thread, NULL);
	queue_wait_left(&appender->queue);
	destroy(appender);
}

int appender_submit(struct appender *appender, struct submission *submission, struct error *err)
{
	return queue_put(&appender->queue, &submission->item, err);
}

int appender_submit_within(struct appender *appender, struct submission *submission,
			   int64_t timeout_us, struct error *err)
{
	return queue_put_until(&appender->queue, &submission->item,
			       system_us(CLOCK_MONOTONIC) + timeout_us, err);
}

int appender_try_submit(struct appender *appender, struct submission *submission,
			struct error *err)
{
	return queue_try_put(&appender->queue, &submission->item, err);
}

int appender_post(struct appender *appender, struct command *command, struct error *err)
{
	return queue_put_command(&appender->queue, command, err);
}

int appender_execute(struct appender *appender, struct command *command, struct error *err)
{
	if (queue_execute(&appender->queue, command, err) != 0)
		return -1;
	if (command->err.code == ERROR_NONE)
		return 0;
	if (err != NULL)
		*err = command->err;
	return -1;
}

static int do_nothing(struct command *command, struct store *store, struct registry *registry,
		      struct error *err)
{
	(void)command, (void)store, (void)registry, (void)err;
	return 0;
}

int appender_flush(struct appender *appender, struct error *err)
{
	struct command barrier = { .run_alone = do_nothing };
	return appender_execute(appender, &barrier, err);
}

struct reset {
	struct command command;
	uint16_t source_id;
	appender_reset_done *on_done;
	void *user;
};

static int reset_source(struct command *command, struct store *store, struct registry *registry,
			struct error *err)
{
	struct registered_source *source =
		registry_source(registry, ((struct reset *)(void *)command)->source_id);
	if (source == NULL || source->is_deleted)
		return error_set(err, ERROR_NOT_FOUND, "there is no such source");
	if (registry_cut_source(registry, store, source, err) != 0)
		return -1;
	source->has_failed = false;
	return 0;
}

int appender_reset_source(struct appender *appender, uint16_t source_id, struct error *err)
{
	struct reset reset = { .command = { .run_alone = reset_source }, .source_id = source_id };
	return appender_execute(appender, &reset.command, err);
}

static void on_reset(struct command *command, const struct error *err)
{
	struct reset *reset = (struct reset *)(void *)command;
	reset->on_done(reset->user, err);
	free(reset);
}

int appender_post_reset(struct appender *appender, uint16_t source_id,
			appender_reset_done *on_done, void *user, struct error *err)
{
	struct reset *reset = malloc(sizeof(*reset));
	if (reset == NULL)
		return error_set(err, ERROR_MEMORY, "resetting a source");
	*reset = (struct reset){
		.command = { .run_alone = reset_source, .on_done = on_reset },
		.source_id = source_id,
		.on_done = on_done,
		.user = user,
	};
	if (appender_post(appender, &reset->command, err) == 0)
		return 0;
	free(reset);
	return -1;
}

enum appender_state appender_state(struct appender *appender)
{
	return atomic_load(&appender->state);
}

void appender_stats(struct appender *appender, struct appender_stats *out)
{
	pthread_mutex_lock(&appender->stats_lock);
	*out = appender->stats;
	pthread_mutex_unlock(&appender->stats_lock);
	pthread_mutex_lock(&appender->queue.lock);
	out->queue_records = appender->queue.record_count;
	out->queue_bytes = appender->queue.bytes;
	pthread_mutex_unlock(&appender->queue.lock);
}
