/* Bugs on demand, to see that the fault tests find them.  The programs in
 * tests/fault/planted/ are the fault tests linked with this file and with
 * --wrap for each function here; $MILLSTREAM_PLANTED_BUG names the one bug that
 * they have.  Without it they behave as the others do.  The engine itself knows
 * nothing of it. */
#include "storage/appender_internal.h"
#include "storage/recovery.h"
#include "storage/visibility.h"

#include <stdlib.h>
#include <string.h>

int __real_batch_check(const void *batch, size_t size, const uint8_t *key, struct error *err);
int __real_commit_group(struct appender *appender, struct item_list *group, struct error *err);
int __real_disk_sync_directory(const char *dir, struct error *err);
int __real_mdb_env_open(MDB_env *env, const char *path, unsigned int flags, mdb_mode_t mode);
int __real_mdb_env_sync(MDB_env *env, int force);
int __real_mdb_txn_commit(MDB_txn *txn);
int __real_partition_record_decode(struct bytes key, struct bytes value, uint32_t *out_topic_id,
				   uint32_t *out_partition, struct partition_record *out,
				   struct error *err);
int __real_recovery_run(struct store *store, struct error *err);
void __real_retention_step(struct retention *retention, struct stage *stage, int64_t now_us,
			   const struct appender_clock *clock);
void __real_stage_aborted(struct stage *stage);
void __real_submission_set_continues(struct submission *submission);
int __real_transaction_sync(struct store *store, struct error *err);
uint64_t __real_visibility_limit(struct visibility *visibility, uint32_t topic_id,
				 uint32_t partition, uint64_t end);

int __wrap_batch_check(const void *batch, size_t size, const uint8_t *key, struct error *err);
int __wrap_commit_group(struct appender *appender, struct item_list *group, struct error *err);
int __wrap_disk_sync_directory(const char *dir, struct error *err);
int __wrap_mdb_env_open(MDB_env *env, const char *path, unsigned int flags, mdb_mode_t mode);
int __wrap_mdb_env_sync(MDB_env *env, int force);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_partition_record_decode(struct bytes key, struct bytes value, uint32_t *out_topic_id,
				   uint32_t *out_partition, struct partition_record *out,
				   struct error *err);
int __wrap_recovery_run(struct store *store, struct error *err);
void __wrap_retention_step(struct retention *retention, struct stage *stage, int64_t now_us,
			   const struct appender_clock *clock);
void __wrap_stage_aborted(struct stage *stage);
void __wrap_submission_set_continues(struct submission *submission);
int __wrap_transaction_sync(struct store *store, struct error *err);
uint64_t __wrap_visibility_limit(struct visibility *visibility, uint32_t topic_id,
				 uint32_t partition, uint64_t end);

enum { SOURCES_MAX = 16 };

static bool has_bug(const char *name)
{
	static const char *planted;
	if (planted == NULL && (planted = getenv("MILLSTREAM_PLANTED_BUG")) == NULL)
		planted = "";
	return strcmp(planted, name) == 0;
}

/* What is read. */

int __wrap_batch_check(const void *batch, size_t size, const uint8_t *key, struct error *err)
{
	return has_bug("batch checksum skipped") ? 0 : __real_batch_check(batch, size, key, err);
}

int __wrap_partition_record_decode(struct bytes key, struct bytes value, uint32_t *out_topic_id,
				   uint32_t *out_partition, struct partition_record *out,
				   struct error *err)
{
	uint8_t sealed[PARTITION_RECORD_BYTES];
	if (has_bug("seal skipped") && value.size == sizeof(sealed)) {
		memcpy(sealed, value.data, sizeof(sealed));
		store_u32(sealed + sizeof(sealed) - SEAL_BYTES,
			  seal_of(sealed, sizeof(sealed) - SEAL_BYTES, key));
		value.data = sealed;
	}
	return __real_partition_record_decode(key, value, out_topic_id, out_partition, out, err);
}

uint64_t __wrap_visibility_limit(struct visibility *visibility, uint32_t topic_id,
				 uint32_t partition, uint64_t end)
{
	return has_bug("visible before durable")
		       ? end
		       : __real_visibility_limit(visibility, topic_id, partition, end);
}

/* What is synced. */

int __wrap_mdb_env_open(MDB_env *env, const char *path, unsigned int flags, mdb_mode_t mode)
{
	/* The pages and the meta page are then made durable together. */
	if (has_bug("page sync skipped") && !(flags & MDB_RDONLY))
		flags |= MDB_NOSYNC;
	return __real_mdb_env_open(env, path, flags, mode);
}

int __wrap_mdb_env_sync(MDB_env *env, int force)
{
	if (has_bug("meta sync skipped"))
		return 0;
	int rc = __real_mdb_env_sync(env, force);
	return has_bug("failed sync forgotten") ? 0 : rc;
}

int __wrap_mdb_txn_commit(MDB_txn *txn)
{
	int rc = __real_mdb_txn_commit(txn);
	return has_bug("failed commit forgotten") ? 0 : rc;
}

int __wrap_disk_sync_directory(const char *dir, struct error *err)
{
	return has_bug("directory sync skipped") ? 0 : __real_disk_sync_directory(dir, err);
}

/* A commit that a killed server left unsynced is served as if it were durable. */
int __wrap_transaction_sync(struct store *store, struct error *err)
{
	static const struct store *opened;
	if (has_bug("sync at open skipped") && opened != store) {
		opened = store;
		return 0;
	}
	return __real_transaction_sync(store, err);
}

/* What is written. */

static bool is_captured(const struct item *item)
{
	const struct submission *submission = (const struct submission *)(const void *)item;
	return item->kind == ITEM_SUBMISSION && submission->source_id != SOURCE_PUBLISHED;
}

static void acknowledge(struct item_list *group)
{
	struct item *item;
	STAILQ_FOREACH(item, group, link) {
		struct submission *submission = (struct submission *)(void *)item;
		const struct submission_result result = { 0 };
		if (!is_captured(item) || submission->on_done == NULL)
			continue;
		submission->on_done(submission->user, submission, &result);
		submission->on_done = NULL;
	}
}

/* Move the positions of what is captured to submissions of their own. */
static void take_positions(struct item_list *group, struct item_list *positions)
{
	struct item *item;
	STAILQ_FOREACH(item, group, link) {
		struct submission *submission = (struct submission *)(void *)item, *alone;
		if (!is_captured(item) || submission->position.data == NULL ||
		    submission->item.record_count == 0)
			continue;
		if (submission_create(&alone, submission->source_id, NULL) != 0)
			abort();
		alone->position = submission->position;
		submission->position = (struct bytes){ 0 };
		submission_set_done(alone, submission->on_done, submission->user);
		submission->on_done = NULL;
		STAILQ_INSERT_TAIL(positions, &alone->item, link);
	}
}

int __wrap_commit_group(struct appender *appender, struct item_list *group, struct error *err)
{
	struct item_list positions = STAILQ_HEAD_INITIALIZER(positions);
	if (has_bug("acknowledged before commit"))
		acknowledge(group);
	if (has_bug("position in another commit"))
		take_positions(group, &positions);
	int rc = __real_commit_group(appender, group, err);
	if (rc == 0 && !STAILQ_EMPTY(&positions))
		rc = __real_commit_group(appender, &positions, err);
	return rc;
}

/* That a transaction's end is still to come is forgotten with the commit that held it. */
void __wrap_stage_aborted(struct stage *stage)
{
	const struct registered_source *source, *sources[SOURCES_MAX];
	bool are_open[SOURCES_MAX];
	size_t count = 0;
	SLIST_FOREACH(source, &stage->dirty_sources, dirty_link) {
		if (count == SOURCES_MAX)
			abort();
		are_open[count] = source->next_is_open;
		sources[count++] = source;
	}
	__real_stage_aborted(stage);
	while (has_bug("open flag not rolled back") && count-- > 0)
		registry_source(stage->registry, sources[count]->id)->next_is_open = are_open[count];
}

void __wrap_submission_set_continues(struct submission *submission)
{
	if (!has_bug("unfinished transaction shown"))
		__real_submission_set_continues(submission);
}

int __wrap_recovery_run(struct store *store, struct error *err)
{
	return has_bug("cut skipped") ? 0 : __real_recovery_run(store, err);
}

/* Make one batch more than it was due to the partition that retention shortened. */
static void delete_one_more(struct retention *retention, struct stage *stage,
			    struct partition *partition, int64_t now_us,
			    const struct appender_clock *clock)
{
	struct topic_config *config = &partition->topic->config;
	const int64_t kept_bytes = config->retention_bytes;
	uint8_t start[BATCH_KEY_BYTES];
	struct bytes key, value;
	batch_key_encode(start, partition->topic->id, partition->number, partition->next.log_start);
	if (partition->is_due || partition->next.batch_count < 2 ||
	    transaction_seek(stage->transaction, TABLE_LOG, (struct bytes){ start, sizeof(start) },
			     &key, &value) != 1)
		return;
	config->retention_bytes = (int64_t)(partition->next.bytes - value.size);
	partition->is_due = true;
	TAILQ_INSERT_TAIL(&retention->due, partition, due_link);
	__real_retention_step(retention, stage, now_us, clock);
	config->retention_bytes = kept_bytes;
}

void __wrap_retention_step(struct retention *retention, struct stage *stage, int64_t now_us,
			   const struct appender_clock *clock)
{
	struct partition *partition;
	__real_retention_step(retention, stage, now_us, clock);
	if (!has_bug("retention takes one more"))
		return;
	TAILQ_FOREACH(partition, &stage->dirty, dirty_link)
		if (partition->next.log_start != partition->stored.log_start)
			delete_one_more(retention, stage, partition, now_us, clock);
}
