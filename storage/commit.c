#include "storage/appender_internal.h"

#include "storage/disk.h"
#include "storage/guard.h"
#include "storage/producers.h"
#include "storage/visibility.h"

#include <string.h>

/* A clock that jumps ahead must not expire a whole log: for retention, time
 * passes no faster than the monotonic clock says, give or take this. */
#define RETENTION_CLOCK_SLACK_US (INT64_C(3600) * 1000000)

struct commit {
	struct appender *appender;
	struct item_list *group;
	struct transaction transaction;
	struct error *err;
};

static struct submission *submission_of(struct item *item)
{
	return (struct submission *)(void *)item;
}

static struct command *command_of(struct item *item)
{
	return (struct command *)(void *)item;
}

/* What was refused, or that it was not: in the item itself. */
static struct error *item_error(struct item *item)
{
	return item->kind == ITEM_COMMAND ? &command_of(item)->err : &submission_of(item)->err;
}

static void finish_submission(struct submission *submission, const struct error *err)
{
	struct submission_result result = {
		.err = err,
		.transaction_ordinal = submission->transaction_ordinal,
		.is_duplicate = err == NULL && submission->is_duplicate,
	};
	if (submission->on_done != NULL)
		submission->on_done(submission->user, submission, &result);
	submission_destroy(submission);
}

static void finish_command(struct appender *appender, struct command *command,
			   const struct error *err)
{
	if (command->on_done != NULL) {
		command->on_done(command, err);
		return;
	}
	if (err != NULL && err != &command->err)
		command->err = *err;
	queue_finish(&appender->queue, command);
}

void commit_finish_item(struct appender *appender, struct item *item, const struct error *err)
{
	appender->finished_bytes += item->bytes;
	if (item->kind == ITEM_COMMAND)
		finish_command(appender, command_of(item), err);
	else
		finish_submission(submission_of(item), err);
}

int64_t commit_retention_us(const struct appender *appender)
{
	int64_t wall_us = appender->options.clock.wall_us(appender->options.clock.user);
	int64_t passed_us = appender_monotonic_us(appender) - appender->start_monotonic_us;
	int64_t most_us = appender->start_wall_us + passed_us + RETENTION_CLOCK_SLACK_US;
	return wall_us < most_us ? wall_us : most_us;
}

/* Over the quota?  Counting free pages takes a while: only near it. */
static int check_quota(struct appender *appender, size_t group_bytes, struct error *err)
{
	struct store *store = appender->store;
	struct store_usage usage;
	MDB_envinfo info;
	uint64_t needed = group_bytes + group_bytes / 8;
	mdb_env_info(store->env, &info);
	uint64_t file_bytes = ((uint64_t)info.me_last_pgno + 1) * store->page_bytes;
	if (group_bytes == 0 || file_bytes + needed <= store->quota_bytes)
		return 0;
	if (store_usage(store, &usage, err) != 0)
		return -1;
	if (usage.file_bytes - usage.free_bytes + needed <= store->quota_bytes)
		return 0;
	return error_set(err, ERROR_DISK_FULL, "the log has reached its quota of %llu bytes",
			 (unsigned long long)store->quota_bytes);
}

static void stage_items(struct commit *commit)
{
	struct appender *appender = commit->appender;
	struct item *item;
	STAILQ_FOREACH(item, commit->group, link) {
		struct error *err = item_error(item);
		err->code = ERROR_NONE;
		if (item->kind == ITEM_SUBMISSION) {
			stage_submission(&appender->stage, submission_of(item));
			continue;
		}
		struct command *command = command_of(item);
		struct error refused = { 0 };
		/* What a command reads of the log must be there. */
		if (stage_flush(&appender->stage) == 0 &&
		    command->run(command, &commit->transaction, &appender->registry, &refused) != 0 &&
		    commit->transaction.err.code == ERROR_NONE)
			*err = refused;
	}
}

static void expire(struct commit *commit)
{
	struct appender *appender = commit->appender;
	if (appender->expires_producers) {
		appender->expires_producers = false;
		producers_expire(&commit->transaction, &appender->producer_position,
				 commit_retention_us(appender) - PRODUCER_KEEP_US);
	}
	retention_note(&appender->retention, &appender->stage);
	if (!retention_is_due(&appender->retention))
		return;
	int64_t begin_us = appender_monotonic_us(appender);
	retention_step(&appender->retention, &appender->stage, commit_retention_us(appender),
		       &appender->options.clock);
	int64_t took_us = appender_monotonic_us(appender) - begin_us;
	pthread_mutex_lock(&appender->stats_lock);
	if (took_us > appender->stats.retention_step_max_us)
		appender->stats.retention_step_max_us = took_us;
	pthread_mutex_unlock(&appender->stats_lock);
}

static int write_guarded(void *argument)
{
	struct commit *commit = argument;
	struct appender *appender = commit->appender;
	if (transaction_begin(&commit->transaction, appender->store, commit->err) != 0)
		return -1;
	stage_begin(&appender->stage, &commit->transaction, appender_wall_us(appender));
	stage_items(commit);
	expire(commit);
	if (stage_finish(&appender->stage) == 0 &&
	    visibility_begin(appender->store->visibility, &appender->stage.dirty,
			     &commit->transaction.err) != 0)
		return transaction_commit(&commit->transaction, commit->err);
	return transaction_commit_unsynced(&commit->transaction, commit->err);
}

static void count(const struct commit *commit)
{
	struct appender *appender = commit->appender;
	pthread_mutex_lock(&appender->stats_lock);
	appender->stats.commits += commit->transaction.has_written;
	appender->stats.records += appender->stage.record_count;
	appender->stats.batches += appender->stage.batch_count;
	appender->stats.bytes += appender->stage.batch_bytes_written;
	appender->stats.expired_batches += appender->retention.deleted_batches;
	pthread_mutex_unlock(&appender->stats_lock);
}

/* What was written is durable: the sources and publishers hear it first, then
 * subscribers. */
static void tell_durable(struct appender *appender)
{
	struct visibility *visibility = appender->store->visibility;
	const struct appender_observer *observer = &appender->options.observer;
	struct item *item;
	while ((item = STAILQ_FIRST(&appender->unsynced)) != NULL) {
		STAILQ_REMOVE_HEAD(&appender->unsynced, link);
		struct error *err = item_error(item);
		commit_finish_item(appender, item, err->code == ERROR_NONE ? NULL : err);
	}
	appender->has_unsynced = false;
	/* The appender's thread alone writes the list: it may read it unlocked. */
	struct visible_moves moves = visibility->written;
	visibility_durable(visibility);
	for (size_t i = 0; i < moves.count && observer->on_visible != NULL; i++)
		observer->on_visible(observer->user, moves.moves[i].topic_id,
				     moves.moves[i].partition, moves.moves[i].to);
}

static void tell_not_durable(struct appender *appender, const struct error *err)
{
	struct item *item;
	while ((item = STAILQ_FIRST(&appender->unsynced)) != NULL) {
		STAILQ_REMOVE_HEAD(&appender->unsynced, link);
		commit_finish_item(appender, item, err);
	}
}

int commit_settle(struct appender *appender, struct error *err)
{
	if (appender->has_unsynced && transaction_sync(appender->store, err) != 0) {
		tell_not_durable(appender, err);
		return -1;
	}
	tell_durable(appender);
	return 0;
}

/* The commit is written: memory follows, its items wait for the sync. */
static void note_written(struct commit *commit)
{
	struct appender *appender = commit->appender;
	struct item *item;
	STAILQ_FOREACH(item, commit->group, link) {
		struct submission *submission = submission_of(item);
		struct command *command = command_of(item);
		if (item_error(item)->code != ERROR_NONE)
			continue;
		if (item->kind == ITEM_SUBMISSION)
			schema_reservations_committed(appender->schemas, submission);
		else if (command->committed != NULL)
			command->committed(command, &appender->registry);
	}
	if (commit->transaction.has_written) {
		/* Its first sync made the commit before it durable. */
		tell_durable(appender);
		appender->has_unsynced = true;
		visibility_written(appender->store->visibility);
	}
	STAILQ_CONCAT(&appender->unsynced, commit->group);
	stage_committed(&appender->stage);
	retention_committed(&appender->retention, &appender->registry);
}

/* Nothing was written.  Sources' transactions wait for room; everything else
 * hears that it failed. */
static void tell_failed(struct appender *appender, struct item_list *group,
			const struct error *err)
{
	struct item_list kept = STAILQ_HEAD_INITIALIZER(kept);
	struct item *item;
	while ((item = STAILQ_FIRST(group)) != NULL) {
		STAILQ_REMOVE_HEAD(group, link);
		struct error *refused = item_error(item);
		uint16_t source_id =
			item->kind == ITEM_SUBMISSION ? submission_of(item)->source_id : SOURCE_PUBLISHED;
		if (refused->code != ERROR_NONE) {
			commit_finish_item(appender, item, refused);
		} else if (source_id != SOURCE_PUBLISHED && err->code == ERROR_DISK_FULL) {
			STAILQ_INSERT_TAIL(&kept, item, link);
		} else {
			struct registered_source *source = registry_source(&appender->registry, source_id);
			if (source_id != SOURCE_PUBLISHED && source != NULL)
				source->has_failed = true;
			commit_finish_item(appender, item, err);
		}
	}
	STAILQ_CONCAT(group, &kept);
}

static bool is_fatal(const struct error *err)
{
	return err->code != ERROR_DISK_FULL && err->code != ERROR_MEMORY;
}

/* The group cannot be written: tell, what was written before too. */
static int fail_group(struct appender *appender, struct item_list *group, struct error *failure,
		      struct error *err)
{
	struct error sync_failure = { 0 };
	if (is_fatal(failure))
		tell_not_durable(appender, failure);
	else if (commit_settle(appender, &sync_failure) != 0)
		*failure = sync_failure;
	tell_failed(appender, group, failure);
	*err = *failure;
	return -1;
}

/* More must be waiting, and the disk far from full: near that, EIO may mean a full
 * disk, and after a sync that failed, the one that was left to it proves nothing. */
static bool may_defer(struct appender *appender)
{
	uint64_t free_bytes, total_bytes;
	return queue_has_more(&appender->queue, COMMIT_DEFER_BYTES) &&
	       disk_room(appender->store->dir, &free_bytes, &total_bytes, NULL) == 0 &&
	       free_bytes >= COMMIT_DEFER_ROOM_BYTES;
}

static int write_group(struct appender *appender, struct item_list *group, struct error *err)
{
	struct error failure = { 0 };
	struct commit commit = { appender, group, { 0 }, &failure };
	if (guard_run(write_guarded, &commit, &failure) == 0) {
		count(&commit);
		note_written(&commit);
		return may_defer(appender) ? 0 : commit_settle(appender, err);
	}
	/* After a fault the transaction is left as it is; commit has ended it otherwise. */
	visibility_aborted(appender->store->visibility);
	retention_aborted(&appender->retention);
	stage_aborted(&appender->stage);
	return fail_group(appender, group, &failure, err);
}

static void move_commands(struct item_list *group, struct item_list *commands)
{
	struct item_list rest = STAILQ_HEAD_INITIALIZER(rest);
	struct item *item;
	while ((item = STAILQ_FIRST(group)) != NULL) {
		STAILQ_REMOVE_HEAD(group, link);
		if (item->kind == ITEM_COMMAND)
			STAILQ_INSERT_TAIL(commands, item, link);
		else
			STAILQ_INSERT_TAIL(&rest, item, link);
	}
	STAILQ_CONCAT(group, &rest);
}

int commit_group(struct appender *appender, struct item_list *group, struct error *err)
{
	struct error full = { 0 }, failure = { 0 };
	struct item_list commands = STAILQ_HEAD_INITIALIZER(commands);
	size_t group_bytes = 0;
	struct item *item;
	STAILQ_FOREACH(item, group, link)
		group_bytes += item->bytes;
	if (check_quota(appender, group_bytes, &full) == 0)
		return write_group(appender, group, err);
	/* Commands need hardly any room, and deleting a topic makes some. */
	move_commands(group, &commands);
	if (is_fatal(&full))
		tell_failed(appender, &commands, &full);
	else if (write_group(appender, &commands, &failure) != 0 && is_fatal(&failure))
		full = failure;
	return fail_group(appender, group, &full, err);
}
