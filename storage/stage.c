#include "storage/stage.h"

#include "storage/producers.h"

#include <string.h>

/* What LMDB puts before a value that has pages of its own. */
#define PAGE_HEADER_BYTES 16

void stage_init(struct stage *stage, struct registry *registry,
		struct schema_reservations *schemas, size_t batch_bytes)
{
	/* A batch should fill whole pages: values of one or two sizes leave free
	 * runs that the next ones fit into. */
	*stage = (struct stage){
		.registry = registry,
		.schemas = schemas,
		.batch_bytes = batch_bytes - PAGE_HEADER_BYTES,
	};
	TAILQ_INIT(&stage->dirty);
	SLIST_INIT(&stage->dirty_sources);
}

void stage_begin(struct stage *stage, struct transaction *transaction, int64_t now_us)
{
	stage->transaction = transaction;
	stage->now_us = now_us;
	stage->last_used = NULL;
	stage->record_count = stage->batch_count = stage->batch_bytes_written = 0;
}

void stage_touch(struct stage *stage, struct partition *partition)
{
	if (partition->is_dirty)
		return;
	partition->is_dirty = true;
	TAILQ_INSERT_TAIL(&stage->dirty, partition, dirty_link);
}

static struct partition *find_partition(struct stage *stage, const struct entry *entry)
{
	struct partition *last = stage->last_used;
	if (last != NULL && last->topic->id == entry->topic_id && last->number == entry->partition)
		return last;
	return registry_partition(stage->registry, entry->topic_id, entry->partition);
}

/* Could every record be written?  Nothing has been, so far. */
static int check_entries(struct stage *stage, const struct submission *submission,
			 struct error *err)
{
	struct submission_cursor cursor = { 0 };
	const struct entry *entry;
	while ((entry = submission_next_entry(submission, &cursor)) != NULL) {
		struct partition *partition = find_partition(stage, entry);
		if (partition != NULL && partition->topic->is_deleted &&
		    submission->source_id != SOURCE_PUBLISHED)
			return error_set(err, ERROR_NOT_FOUND,
					 "the topic of a table was deleted; a restart of the source makes it "
					 "anew, for what is changed from here on");
		if (partition == NULL || partition->topic->is_deleted)
			return error_set(err, ERROR_NOT_FOUND, "there is no topic %u with a partition %u",
					 entry->topic_id, entry->partition);
		const struct registered_topic *topic = partition->topic;
		if (topic->owner_source_id != submission->source_id)
			return error_set(err, ERROR_NOT_OWNER,
					 topic->owner_source_id == SOURCE_PUBLISHED
						 ? "publishers write to this topic, and no source may"
						 : "only a source writes to this topic");
		if (submission->source_id == SOURCE_PUBLISHED &&
		    entry->body_bytes > topic->config.max_message_bytes)
			return error_set(err, ERROR_LIMIT,
					 "a record of %u bytes; the topic's max.message.bytes is %lld",
					 entry->body_bytes, (long long)topic->config.max_message_bytes);
		stage->last_used = partition;
	}
	return 0;
}

static int check_source(const struct submission *submission,
			const struct registered_source *source, struct error *err)
{
	if (submission->source_id == SOURCE_PUBLISHED)
		return submission->continues || submission->position.data != NULL ||
				       submission->snapshot_progress.data != NULL
			       ? error_set(err, ERROR_INVALID, "published records have no position")
			       : 0;
	if (source == NULL || source->is_deleted)
		return error_set(err, ERROR_NOT_FOUND, "there is no source %u", submission->source_id);
	if (source->has_failed)
		return error_set(err, ERROR_STOPPED, "an earlier transaction of source '%s' failed",
				 source->name);
	if (submission->continues &&
	    (submission->position.data != NULL || submission->snapshot_progress.data != NULL))
		return error_set(err, ERROR_INVALID, "a position inside a transaction");
	return 0;
}

static void header_of(const struct partition *partition, struct batch_header *out)
{
	const struct open_batch *open = &partition->open;
	*out = (struct batch_header){
		.base_offset = partition->next.log_end,
		.record_count = open->record_count,
		.last_offset_delta = open->record_count - 1,
		.append_time_us = open->append_time_us,
		.transaction_ordinal = open->transaction_ordinal,
		.source_id = open->source_id,
		.flags = open->flags,
		.payload_bytes = open->payload_bytes,
	};
}

static int64_t time_delta(const struct entry *entry, int64_t append_time_us)
{
	return entry->time_us == 0 ? 0 : entry->time_us - append_time_us;
}

/* Write the open batch of one partition straight into LMDB's page. */
static int flush_partition(struct stage *stage, struct partition *partition)
{
	struct open_batch *open = &partition->open;
	if (open->record_count == 0)
		return 0;
	struct partition_record *next = &partition->next;
	size_t size = BATCH_HEADER_BYTES + open->payload_bytes;
	uint8_t key[BATCH_KEY_BYTES], *batch;
	batch_key_encode(key, partition->topic->id, partition->number, next->log_end);
	if (transaction_reserve(stage->transaction, TABLE_LOG, (struct bytes){ key, sizeof(key) },
				size, &batch) != 0)
		return -1;

	struct batch_header header;
	header_of(partition, &header);
	batch_header_encode(batch, &header);
	uint8_t *at = batch + BATCH_HEADER_BYTES;
	uint32_t delta = 0;
	for (struct entry *entry = open->first; delta < open->record_count;
	     entry = entry->next_in_batch, delta++) {
		at += record_prefix_encode(at, delta, time_delta(entry, open->append_time_us),
					   entry->transaction_ordinal - open->transaction_ordinal);
		memcpy(at, entry->body, entry->body_bytes);
		at += entry->body_bytes;
	}
	batch_seal(batch, size, key);

	next->log_end += open->record_count;
	next->bytes += size;
	next->batch_count++;
	next->last_append_time_us = open->append_time_us;
	if (!(open->flags & BATCH_FLAG_CONTINUES))
		next->visible_end = next->log_end;
	stage->record_count += open->record_count;
	stage->batch_count++;
	stage->batch_bytes_written += size;
	*open = (struct open_batch){ 0 };
	return 0;
}

static size_t prefix_bytes(const struct open_batch *open, const struct entry *entry)
{
	return record_prefix_size(open->record_count, time_delta(entry, open->append_time_us),
				  entry->transaction_ordinal - open->transaction_ordinal);
}

static void open_batch(struct stage *stage, struct partition *partition,
		       const struct submission *submission)
{
	int64_t last_us = partition->next.last_append_time_us;
	partition->open = (struct open_batch){
		/* A clock that was set back must not make append times decrease. */
		.append_time_us = stage->now_us > last_us ? stage->now_us : last_us,
		.transaction_ordinal = submission->transaction_ordinal,
		.source_id = submission->source_id,
		.flags = submission->continues ? BATCH_FLAG_CONTINUES : 0,
	};
}

static int stage_entry(struct stage *stage, struct partition *partition, struct entry *entry,
		       const struct submission *submission)
{
	struct open_batch *open = &partition->open;
	size_t prefix = 0;
	entry->transaction_ordinal = submission->transaction_ordinal;
	if (open->record_count > 0) {
		prefix = prefix_bytes(open, entry);
		if (BATCH_HEADER_BYTES + open->payload_bytes + prefix + entry->body_bytes >
			    stage->batch_bytes &&
		    flush_partition(stage, partition) != 0)
			return -1;
	}
	if (open->record_count == 0) {
		open_batch(stage, partition, submission);
		open->first = entry;
		prefix = prefix_bytes(open, entry);
	} else {
		open->last->next_in_batch = entry;
	}
	open->last = entry;
	entry->offset = partition->next.log_end + open->record_count;
	open->record_count++;
	open->payload_bytes += (uint32_t)prefix + entry->body_bytes;
	stage_touch(stage, partition);
	return 0;
}

/* The end of a transaction of several parts: all of them become visible. */
static int reveal(struct stage *stage, const struct registered_source *source)
{
	if (stage_flush(stage) != 0)
		return -1;
	for (uint32_t id = 0; id < stage->registry->topic_capacity; id++) {
		struct registered_topic *topic = stage->registry->topics[id];
		if (topic == NULL || topic->owner_source_id != source->id)
			continue;
		for (uint32_t n = 0; n < topic->partition_count; n++) {
			struct partition *partition = &topic->partitions[n];
			if (partition->next.visible_end == partition->next.log_end)
				continue;
			partition->next.visible_end = partition->next.log_end;
			stage_touch(stage, partition);
		}
	}
	return 0;
}

static void touch_source(struct stage *stage, struct registered_source *source)
{
	if (source->is_dirty)
		return;
	source->is_dirty = true;
	SLIST_INSERT_HEAD(&stage->dirty_sources, source, dirty_link);
}

/* The transaction's ordinal, and what the source's record will say of it. */
static void advance_source(struct stage *stage, struct registered_source *source,
			   struct submission *submission)
{
	bool has_transaction = submission->item.record_count > 0 || source->next_is_open;
	submission->transaction_ordinal = has_transaction ? source->next_ordinal + 1 : 0;
	if (has_transaction) {
		source->next_ordinal += !submission->continues;
		source->next_is_open = submission->continues;
	}
	if (submission->position.data != NULL)
		source->next_position = submission->position;
	if (submission->snapshot_progress.data != NULL)
		source->next_snapshot_progress = submission->snapshot_progress;
	touch_source(stage, source);
}

int stage_submission(struct stage *stage, struct submission *submission)
{
	struct registered_source *source =
		submission->source_id == SOURCE_PUBLISHED
			? NULL
			: registry_source(stage->registry, submission->source_id);
	if (check_source(submission, source, &submission->err) != 0 ||
	    check_entries(stage, submission, &submission->err) != 0) {
		if (source != NULL)
			source->has_failed = true;
		return -1;
	}
	int is_new = producers_check(stage->transaction, submission);
	if (is_new <= 0)
		return is_new;
	bool ends_parts = source != NULL && source->next_is_open && !submission->continues;
	if (source != NULL)
		advance_source(stage, source, submission);
	/* Batches hold whole transactions, or parts of one: never both. */
	if (submission->continues && stage_flush(stage) != 0)
		return 0;
	schema_reservations_put(stage->schemas, stage->transaction, submission);

	struct submission_cursor cursor = { 0 };
	struct entry *entry;
	while ((entry = submission_next_entry(submission, &cursor)) != NULL) {
		struct partition *partition = find_partition(stage, entry);
		stage->last_used = partition;
		if (stage_entry(stage, partition, entry, submission) != 0)
			return 0;
	}
	producers_put(stage->transaction, submission, stage->now_us);
	if (submission->continues)
		stage_flush(stage);
	else if (ends_parts)
		reveal(stage, source);
	return 0;
}

int stage_flush(struct stage *stage)
{
	struct partition *partition;
	TAILQ_FOREACH(partition, &stage->dirty, dirty_link)
		if (flush_partition(stage, partition) != 0)
			return -1;
	return 0;
}

static int write_source(struct stage *stage, const struct registered_source *source)
{
	struct bytes key = bytes_of_text(source->name), value;
	struct source_record record;
	struct error err = { 0 };
	msgpack_sbuffer buffer;
	int found = transaction_get(stage->transaction, TABLE_SOURCES, key, &value);
	if (found < 0)
		return -1;
	if (found == 0) {
		error_set(&err, ERROR_CORRUPT, "table sources: '%s' is missing", source->name);
		return transaction_fail(stage->transaction, &err);
	}
	if (source_record_decode(key, value, &record, &err) != 0) {
		error_context(&err, "source '%s'", source->name);
		return transaction_fail(stage->transaction, &err);
	}
	record.transaction_ordinal = source->next_ordinal;
	if (source->next_position.data != NULL)
		record.position = source->next_position;
	if (source->next_snapshot_progress.data != NULL)
		record.snapshot_progress = source->next_snapshot_progress;

	msgpack_sbuffer_init(&buffer);
	if (source_record_encode(&buffer, &record, key, &err) != 0)
		transaction_fail(stage->transaction, &err);
	else
		transaction_put(stage->transaction, TABLE_SOURCES, key,
				(struct bytes){ (const uint8_t *)buffer.data, buffer.size });
	msgpack_sbuffer_destroy(&buffer);
	return transaction_failed(stage->transaction, NULL);
}

int stage_finish(struct stage *stage)
{
	struct partition *partition;
	struct registered_source *source;
	if (stage_flush(stage) != 0)
		return -1;
	TAILQ_FOREACH(partition, &stage->dirty, dirty_link) {
		uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
		partition_key_encode(key, partition->topic->id, partition->number);
		partition_record_encode(value, &partition->next, key);
		if (transaction_put(stage->transaction, TABLE_PARTITIONS,
				    (struct bytes){ key, sizeof(key) },
				    (struct bytes){ value, sizeof(value) }) != 0)
			return -1;
	}
	SLIST_FOREACH(source, &stage->dirty_sources, dirty_link)
		if (write_source(stage, source) != 0)
			return -1;
	return 0;
}

static void clear_source(struct registered_source *source)
{
	source->is_dirty = false;
	source->next_position = source->next_snapshot_progress = (struct bytes){ 0 };
}

void stage_committed(struct stage *stage)
{
	struct partition *partition;
	struct registered_source *source;
	while ((partition = TAILQ_FIRST(&stage->dirty)) != NULL) {
		TAILQ_REMOVE(&stage->dirty, partition, dirty_link);
		partition->is_dirty = false;
		partition->stored = partition->next;
	}
	while ((source = SLIST_FIRST(&stage->dirty_sources)) != NULL) {
		SLIST_REMOVE_HEAD(&stage->dirty_sources, dirty_link);
		source->stored_ordinal = source->next_ordinal;
		source->stored_is_open = source->next_is_open;
		clear_source(source);
	}
}

void stage_aborted(struct stage *stage)
{
	struct partition *partition;
	struct registered_source *source;
	while ((partition = TAILQ_FIRST(&stage->dirty)) != NULL) {
		TAILQ_REMOVE(&stage->dirty, partition, dirty_link);
		partition->is_dirty = false;
		if (partition->next.log_start != partition->stored.log_start)
			partition->oldest_append_time_us = 0;
		partition->next = partition->stored;
		partition->open = (struct open_batch){ 0 };
	}
	while ((source = SLIST_FIRST(&stage->dirty_sources)) != NULL) {
		SLIST_REMOVE_HEAD(&stage->dirty_sources, dirty_link);
		source->next_ordinal = source->stored_ordinal;
		source->next_is_open = source->stored_is_open;
		clear_source(source);
	}
}
