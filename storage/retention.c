#include "storage/retention.h"

#include <string.h>

void retention_init(struct retention *retention)
{
	*retention = (struct retention){ 0 };
	TAILQ_INIT(&retention->due);
}

static void make_due(struct retention *retention, struct partition *partition)
{
	if (partition->is_due)
		return;
	partition->is_due = true;
	TAILQ_INSERT_TAIL(&retention->due, partition, due_link);
}

static void settle(struct retention *retention, struct partition *partition)
{
	partition->is_due = false;
	TAILQ_REMOVE(&retention->due, partition, due_link);
}

static bool is_too_old(const struct partition *partition, int64_t append_time_us, int64_t now_us)
{
	int64_t keep_ms = partition->topic->config.retention_ms;
	return keep_ms >= 0 && keep_ms < INT64_MAX / 1000 && append_time_us < now_us - keep_ms * 1000;
}

/* While a transaction is unfinished its bytes cannot be told from the others, and
 * a crash would cut them off again: what must be kept is known at its end. */
static bool is_too_large(const struct partition *partition, uint64_t oldest_bytes)
{
	int64_t keep_bytes = partition->topic->config.retention_bytes;
	if (partition->next.visible_end != partition->next.log_end)
		return false;
	return keep_bytes >= 0 && partition->next.bytes >= (uint64_t)keep_bytes + oldest_bytes;
}

void retention_scan(struct retention *retention, const struct registry *registry, int64_t now_us)
{
	for (uint32_t id = 0; id < registry->topic_capacity; id++) {
		struct registered_topic *topic = registry->topics[id];
		if (topic == NULL)
			continue;
		for (uint32_t n = 0; n < topic->partition_count; n++) {
			struct partition *partition = &topic->partitions[n];
			bool is_empty = partition->stored.batch_count == 0;
			if (topic->is_deleted ||
			    (!is_empty && (is_too_old(partition, partition->oldest_append_time_us, now_us) ||
					   is_too_large(partition, 1))))
				make_due(retention, partition);
		}
	}
}

void retention_note(struct retention *retention, const struct stage *stage)
{
	struct partition *partition;
	TAILQ_FOREACH(partition, &stage->dirty, dirty_link)
		if (is_too_large(partition, 1))
			make_due(retention, partition);
}

/* The oldest batch of a partition: 1 found, 0 none, -1 failed.  A header that
 * cannot be right has append time 0: damage must not make a log grow for ever. */
static int find_oldest(struct stage *stage, const struct partition *partition,
		       uint8_t out_key[BATCH_KEY_BYTES], uint64_t *out_bytes,
		       int64_t *out_append_time_us)
{
	struct bytes key, value;
	struct batch_header header = { 0 };
	uint8_t start[BATCH_KEY_BYTES];
	batch_key_encode(start, partition->topic->id, partition->number, partition->next.log_start);
	int rc = transaction_seek(stage->transaction, TABLE_LOG,
				  (struct bytes){ start, sizeof(start) }, &key, &value);
	if (rc <= 0)
		return rc;
	if (key.size != BATCH_KEY_BYTES || memcmp(key.data, start, 8) != 0)
		return 0;
	memcpy(out_key, key.data, BATCH_KEY_BYTES);
	*out_bytes = value.size;
	if (batch_header_decode(value.data, value.size, &header, NULL) != 0 ||
	    header.append_time_us > partition->next.last_append_time_us)
		header.append_time_us = 0;
	*out_append_time_us = header.append_time_us;
	return 1;
}

/* 1: deleted one; 0: nothing more to delete here; -1: the transaction failed. */
static int delete_oldest(struct retention *retention, struct stage *stage,
			 struct partition *partition, int64_t now_us)
{
	struct partition_record *next = &partition->next;
	uint8_t key[BATCH_KEY_BYTES];
	uint64_t bytes;
	int64_t append_time_us;
	bool is_deleted = partition->topic->is_deleted;
	int rc = find_oldest(stage, partition, key, &bytes, &append_time_us);
	if (rc <= 0)
		return rc;
	partition->oldest_append_time_us = append_time_us;
	if (load_u64(key + 8) >= next->visible_end && !is_deleted)
		return 0;
	if (!is_deleted && !is_too_old(partition, append_time_us, now_us) &&
	    !is_too_large(partition, bytes))
		return 0;
	if (transaction_delete(stage->transaction, TABLE_LOG, (struct bytes){ key, sizeof(key) }) != 0)
		return -1;
	next->log_start = load_u64(key + 8) + 1;
	next->bytes -= bytes < next->bytes ? bytes : next->bytes;
	next->batch_count -= next->batch_count > 0;
	partition->oldest_append_time_us = 0;
	stage_touch(stage, partition);
	retention->deleted_batches++;
	return 1;
}

/* After deletions the log starts with the oldest batch that is left.  What the
 * deleted ones said of their ends is not asked: they may have been damaged. */
static int move_start(struct stage *stage, struct partition *partition)
{
	struct partition_record *next = &partition->next;
	uint8_t key[BATCH_KEY_BYTES];
	uint64_t bytes;
	int64_t append_time_us;
	if (next->log_start == partition->stored.log_start)
		return 0;
	int rc = find_oldest(stage, partition, key, &bytes, &append_time_us);
	if (rc < 0)
		return -1;
	next->log_start = rc == 0 ? next->log_end : load_u64(key + 8);
	/* In a deleted topic also what was never visible goes. */
	if (next->log_start > next->visible_end)
		next->log_start = next->visible_end;
	return 0;
}

/* All batches of a deleted topic are gone: its partitions' records go too. */
static void finish_topic(struct retention *retention, struct stage *stage,
			 struct registered_topic *topic)
{
	for (uint32_t n = 0; n < topic->partition_count; n++)
		if (topic->partitions[n].next.batch_count > 0 || topic->partitions[n].is_dirty)
			return;
	for (uint32_t n = 0; n < topic->partition_count; n++) {
		uint8_t key[PARTITION_KEY_BYTES];
		partition_key_encode(key, topic->id, n);
		transaction_delete(stage->transaction, TABLE_PARTITIONS,
				   (struct bytes){ key, sizeof(key) });
	}
	retention->gone = topic;
}

void retention_step(struct retention *retention, struct stage *stage, int64_t now_us,
		    const struct appender_clock *clock)
{
	int64_t deadline_us = clock->monotonic_us(clock->user) + RETENTION_STEP_US;
	struct partition *partition;
	retention->deleted_batches = 0;
	if (retention_is_due(retention) && stage_flush(stage) != 0)
		return;
	while ((partition = TAILQ_FIRST(&retention->due)) != NULL && retention->gone == NULL &&
	       retention->deleted_batches < RETENTION_STEP_BATCHES &&
	       clock->monotonic_us(clock->user) < deadline_us) {
		int rc = delete_oldest(retention, stage, partition, now_us);
		if (rc < 0)
			return;
		if (rc > 0)
			continue;
		if (move_start(stage, partition) != 0)
			return;
		settle(retention, partition);
		if (partition->topic->is_deleted)
			finish_topic(retention, stage, partition->topic);
	}
	if (partition != NULL)
		move_start(stage, partition);
}

void retention_committed(struct retention *retention, struct registry *registry)
{
	struct registered_topic *topic = retention->gone;
	retention->deleted_batches = 0;
	if (topic == NULL)
		return;
	for (uint32_t n = 0; n < topic->partition_count; n++)
		if (topic->partitions[n].is_due)
			settle(retention, &topic->partitions[n]);
	retention->gone = NULL;
	registry_remove_topic(registry, topic->id);
}

void retention_aborted(struct retention *retention)
{
	/* Whatever was settled too early, the next scan finds again. */
	retention->gone = NULL;
	retention->deleted_batches = 0;
}
