#include "storage/verify_internal.h"

#include <inttypes.h>

/* The tables partitions and log, side by side in the order of their keys.
 *
 * A partition may take many runs.  Beside a server, between two of them,
 * retention may move its start, a topic's deletion may take it away, and what
 * lies beyond the visible end may be cut off and written anew: a run goes on
 * from what was visible to the run before, and lets the rest of an unfinished
 * transaction be where it is too long for one run. */
struct progress {
	bool has_begun;
	uint64_t next_offset;           /* where the next batch must begin */
	uint64_t bytes;                 /* since first_offset */
	uint64_t batch_count;
	uint64_t first_offset;
	int64_t last_append_time_us;
	uint64_t last_ordinal;
	uint32_t run_count;
};

struct log_walk {
	struct verify *verify;
	/* The partition that is looked at, or the place to look for the next one. */
	uint32_t topic_id;
	uint32_t partition;
	bool is_inside;
	bool has_record;
	bool is_damage_told;            /* of the record: its batches are no stray ones */
	struct partition_record record;
	struct progress now;
	struct progress at_visible_end;
	bool has_passed_visible_end;
	uint64_t stray_count;
	uint64_t stray_start;
	bool sums_are_off;              /* something was passed over */
	bool is_by_topics;              /* the keys cannot be followed any more: try what should be there */
};

enum step {
	STEP_ERROR = -1,
	STEP_END,               /* there is nothing more */
	STEP_MORE,              /* the run is full */
	STEP_LEAVE,             /* the partition's rest is let be */
	STEP_DONE,              /* the partition is done */
};

static void add(struct log_walk *walk, uint64_t start, uint64_t end, const char *text)
{
	verify_add(walk->verify, "log", walk->topic_id, walk->partition, start, end, "%s", text);
}

static const struct verify_topic *topic_of(const struct log_walk *walk)
{
	return verify_topic(walk->verify, walk->topic_id);
}

static bool is_here(const struct log_walk *walk, const struct stored_batch *batch)
{
	return batch->topic_id == walk->topic_id && batch->partition == walk->partition;
}

/* Count and check one batch: 1 it is good, 0 it is not and err says why, -1. */
static int check_batch(struct log_walk *walk, const struct stored_batch *batch, uint64_t end,
		       struct error *err)
{
	struct verify *verify = walk->verify;
	struct progress *now = &walk->now;
	struct batch_header header;
	verify->report.batches++;
	verify->report.bytes += batch->size;
	verify->run_bytes += batch->size;
	now->bytes += batch->size;
	now->batch_count++;
	if (stored_batch_check(batch, end, &header, err) != 0)
		return 0;
	uint64_t batch_end = header.base_offset + header.last_offset_delta + 1;
	if (now->last_append_time_us > header.append_time_us)
		verify_add(verify, "log", batch->topic_id, batch->partition, header.base_offset, batch_end,
			   "append time %" PRId64 " behind %" PRId64, header.append_time_us,
			   now->last_append_time_us);
	else
		now->last_append_time_us = header.append_time_us;
	const struct verify_topic *topic = topic_of(walk);
	if (topic != NULL && topic->owner_source_id != header.source_id)
		verify_add(verify, "log", batch->topic_id, batch->partition, header.base_offset, batch_end,
			   "source %u wrote it, and source %u owns the topic", header.source_id,
			   topic->owner_source_id);
	else if (header.source_id != SOURCE_PUBLISHED &&
		 !verify_is_given_out(header.source_id, verify->context.next_source_id))
		verify_add(verify, "log", batch->topic_id, batch->partition, header.base_offset, batch_end,
			   "there was never a source %u", header.source_id);
	bool is_visible = walk->has_record && header.base_offset < walk->record.visible_end;
	if (verify_records(verify, batch, &header, is_visible, &now->last_ordinal) != 0)
		return -1;
	now->next_offset = batch_end;
	return 1;
}

/* The partition's first batch at or behind offset: 1, 0, -1. */
static int seek_from(struct log_walk *walk, uint64_t offset, struct stored_batch *out)
{
	struct verify *verify = walk->verify;
	int found = stored_batch_seek(&verify->snapshot, walk->topic_id, walk->partition, offset, out,
				      &verify->err);
	return found == 1 ? is_here(walk, out) : found;
}

static uint64_t offset_behind(uint64_t offset)
{
	return offset == UINT64_MAX ? offset : offset + 1;
}

/* Stray batches: their partition has no record that could be read. */
static enum step walk_stray(struct log_walk *walk)
{
	struct verify *verify = walk->verify;
	struct stored_batch batch;
	int found = seek_from(walk, walk->now.next_offset, &batch);
	while (found == 1) {
		struct error err = { 0 };
		if (verify_run_is_full(verify))
			return STEP_MORE;
		if (walk->stray_count++ == 0)
			walk->stray_start = batch.base_offset;
		int is_good = check_batch(walk, &batch, UINT64_MAX, &err);
		if (is_good < 0)
			return STEP_ERROR;
		if (is_good == 0) {
			walk->now.next_offset = offset_behind(batch.base_offset);
			add(walk, batch.base_offset, walk->now.next_offset, err.text);
		}
		found = batch.base_offset == UINT64_MAX ? 0 : seek_from(walk, batch.base_offset + 1, &batch);
	}
	if (found < 0)
		return STEP_ERROR;
	if (!walk->is_damage_told && walk->stray_count > 0)
		verify_add(verify, "log", walk->topic_id, walk->partition, walk->stray_start,
			   walk->now.next_offset,
			   "%" PRIu64 " batches of a partition that has no record", walk->stray_count);
	return STEP_LEAVE;
}

/* What lies before the log's start was to be deleted. */
static int check_before_start(struct log_walk *walk)
{
	struct stored_batch batch;
	int found = seek_from(walk, 0, &batch);
	if (found == 1 && batch.base_offset < walk->record.log_start)
		add(walk, batch.base_offset, walk->record.log_start,
		    "batches before the log's start");
	return found < 0 ? -1 : 0;
}

static int check_behind_end(struct log_walk *walk, const struct stored_batch *first)
{
	struct stored_batch batch;
	uint64_t last = first->base_offset;
	int found = 1;
	while (found == 1 && last != UINT64_MAX && (found = seek_from(walk, last + 1, &batch)) == 1)
		last = batch.base_offset;
	add(walk, first->base_offset, offset_behind(last), "batches behind the log's end");
	return found < 0 ? -1 : 0;
}

/* Retention of a deleted topic also takes what was never visible. */
static bool may_be_missing(const struct log_walk *walk, uint64_t offset)
{
	return topic_of(walk) == NULL && offset >= walk->record.visible_end;
}

static void check_place(struct log_walk *walk, uint64_t base_offset)
{
	struct progress *now = &walk->now;
	if (base_offset > now->next_offset && !may_be_missing(walk, now->next_offset))
		add(walk, now->next_offset, base_offset, "the log has a hole: no batch holds these offsets");
	if (base_offset < now->next_offset)
		add(walk, base_offset, now->next_offset, "a batch begins inside the one before it");
	else
		now->next_offset = base_offset;
}

static void finish(struct log_walk *walk)
{
	const struct partition_record *record = &walk->record;
	struct progress *now = &walk->now;
	if (now->next_offset < record->log_end)
		check_place(walk, record->log_end);
	if (now->last_append_time_us > record->last_append_time_us && now->batch_count > 0)
		verify_add(walk->verify, "partitions", walk->topic_id, walk->partition, 0, 0,
			   "last append time %" PRId64 ", and a batch has %" PRId64,
			   record->last_append_time_us, now->last_append_time_us);
	/* Of a deleted topic, batches went between two runs. */
	bool has_shrunk = topic_of(walk) == NULL && walk->verify->is_live && now->run_count > 1;
	if (walk->sums_are_off || has_shrunk || now->first_offset != record->log_start)
		return;
	if (now->batch_count != record->batch_count || now->bytes != record->bytes)
		verify_add(walk->verify, "partitions", walk->topic_id, walk->partition, 0, 0,
			   "%" PRIu64 " batches with %" PRIu64 " bytes, and there are %" PRIu64 " with %" PRIu64,
			   record->batch_count, record->bytes, now->batch_count, now->bytes);
}

/* Where this run goes on, by what the snapshot says now. */
static int resume(struct log_walk *walk)
{
	const struct partition_record *record = &walk->record;
	struct progress *now = &walk->now;
	if (!now->has_begun) {
		*now = (struct progress){
			.has_begun = true, .next_offset = record->log_start,
			.first_offset = record->log_start, .last_append_time_us = INT64_MIN,
		};
		if (check_before_start(walk) != 0)
			return -1;
	} else if (walk->verify->is_live && walk->has_passed_visible_end) {
		*now = walk->at_visible_end;
	}
	now->run_count++;
	walk->has_passed_visible_end = false;
	if (record->log_start > now->next_offset)
		now->next_offset = record->log_start;
	return 0;
}

/* The batches from now on, up to the log's end or what a run can hold. */
static enum step walk_batches(struct log_walk *walk)
{
	struct verify *verify = walk->verify;
	struct stored_batch batch;
	if (resume(walk) != 0)
		return STEP_ERROR;
	int found = seek_from(walk, walk->now.next_offset, &batch);
	while (found == 1 && batch.base_offset < walk->record.log_end) {
		struct error err = { 0 };
		uint64_t base_offset = batch.base_offset;
		if (base_offset >= walk->record.visible_end && !walk->has_passed_visible_end) {
			walk->at_visible_end = walk->now;
			walk->has_passed_visible_end = true;
		}
		if (verify_run_is_full(verify)) {
			if (!verify->is_live || !walk->has_passed_visible_end)
				return STEP_MORE;
			if (verify->run_bytes >= 2 * verify->run_bytes_max)
				return STEP_LEAVE;
		}
		check_place(walk, base_offset);
		int is_good = check_batch(walk, &batch, walk->record.log_end, &err);
		if (is_good < 0)
			return STEP_ERROR;
		/* Below the log's end, so this does not wrap. */
		found = seek_from(walk, base_offset + 1, &batch);
		if (found < 0)
			return STEP_ERROR;
		if (is_good == 0) {
			walk->now.next_offset = found == 1 && batch.base_offset < walk->record.log_end
							? batch.base_offset
							: walk->record.log_end;
			add(walk, base_offset, walk->now.next_offset, err.text);
		}
	}
	if (found < 0 || (found == 1 && check_behind_end(walk, &batch) != 0))
		return STEP_ERROR;
	return STEP_DONE;
}

/* The partition's record as it is now; a topic's deletion may have taken it. */
static enum step walk_partition(struct log_walk *walk)
{
	struct verify *verify = walk->verify;
	int found = stored_partition(&verify->snapshot, walk->topic_id, walk->partition, &walk->record,
				     &verify->err);
	if (found <= 0)
		return found < 0 ? STEP_ERROR : STEP_LEAVE;
	enum step step = walk_batches(walk);
	if (step == STEP_DONE)
		finish(walk);
	return step;
}

/* Finding the next partition. */

static void enter(struct log_walk *walk, uint32_t topic_id, uint32_t partition, bool has_record)
{
	const struct verify_topic *topic = verify_topic(walk->verify, topic_id);
	struct log_walk entered = {
		.verify = walk->verify, .topic_id = topic_id, .partition = partition,
		.is_inside = true, .has_record = has_record, .is_by_topics = walk->is_by_topics,
	};
	*walk = entered;
	walk->now.last_append_time_us = INT64_MIN;
	if (!has_record)
		return;
	walk->verify->report.partitions++;
	if (topic != NULL && partition >= topic->partition_count)
		verify_add(walk->verify, "partitions", topic_id, partition, 0, 0,
			   "the topic has only %" PRIu32 " partitions", topic->partition_count);
}

/* Place the walk behind the partition it is at; false: that was the last key. */
static bool leave(struct log_walk *walk)
{
	walk->is_inside = false;
	if (++walk->partition != 0)
		return true;
	return ++walk->topic_id != 0;
}

/* The first partition at or behind the place whose key is one: 1, 0, -1. */
static int seek_record(struct log_walk *walk, struct bytes *key, struct bytes *value)
{
	struct verify *verify = walk->verify;
	uint8_t place[PARTITION_KEY_BYTES];
	partition_key_encode(place, walk->topic_id, walk->partition);
	struct bytes place_bytes = { place, sizeof(place) };
	int found = snapshot_seek(&verify->snapshot, TABLE_PARTITIONS, place_bytes, key, value,
				  &verify->err);
	while (found == 1 && key->size != PARTITION_KEY_BYTES) {
		verify_add(verify, "partitions", 0, 0, 0, 0, "a key of %zu bytes", key->size);
		if (verify_run_is_full(verify))
			return error_set(&verify->err, ERROR_CORRUPT, "table partitions: too many wrong keys");
		found = snapshot_next(&verify->snapshot, TABLE_PARTITIONS, key, value, &verify->err);
	}
	if (found == 1 && bytes_compare(*key, place_bytes) < 0)
		found = error_set(&verify->err, ERROR_CORRUPT, "table partitions: keys are out of order");
	return found;
}

/* Enter the next partition that has a record, or batches. */
static enum step find_partition(struct log_walk *walk)
{
	struct verify *verify = walk->verify;
	struct bytes key, value;
	struct stored_batch batch;
	struct partition_record record;
	struct error err = { 0 };
	uint32_t topic_id, partition;
	int has_record = seek_record(walk, &key, &value);
	int has_batch = stored_batch_seek(&verify->snapshot, walk->topic_id, walk->partition, 0, &batch,
					  &verify->err);
	if (has_record < 0 || has_batch < 0)
		return STEP_ERROR;
	if (has_record == 0 && has_batch == 0)
		return STEP_END;
	if (has_record == 0 || (has_batch == 1 && memcmp(batch.key, key.data, PARTITION_KEY_BYTES) < 0)) {
		enter(walk, batch.topic_id, batch.partition, false);
		return STEP_DONE;
	}
	bool is_good = partition_record_decode(key, value, &topic_id, &partition, &record, &err) == 0;
	enter(walk, load_u32(key.data), load_u32(key.data + 4), is_good);
	if (!is_good) {
		walk->is_damage_told = true;
		verify_add(verify, "partitions", walk->topic_id, walk->partition, 0, 0, "%s", err.text);
	}
	return STEP_DONE;
}

/* The same by the topics: the first of their partitions at or behind the place. */
static enum step find_by_topics(struct log_walk *walk)
{
	const struct verify_context *context = &walk->verify->context;
	for (size_t i = 0; i < context->topic_count; i++) {
		const struct verify_topic *topic = &context->topics[i];
		uint32_t partition = topic->id == walk->topic_id ? walk->partition : 0;
		if (topic->id < walk->topic_id || partition >= topic->partition_count)
			continue;
		enter(walk, topic->id, partition, true);
		return STEP_DONE;
	}
	return STEP_END;
}

/* 1: more to do, 0: done, -1: damage. */
static int walk_run(void *argument)
{
	struct log_walk *walk = argument;
	struct verify *verify = walk->verify;
	int rc = verify_context_load(verify);
	if (rc != 0)
		return rc;
	while (!verify_run_is_full(verify)) {
		enum step step = STEP_DONE;
		if (!walk->is_inside)
			step = walk->is_by_topics ? find_by_topics(walk) : find_partition(walk);
		if (step == STEP_DONE)
			step = walk->has_record ? walk_partition(walk) : walk_stray(walk);
		if (step == STEP_ERROR || step == STEP_END || step == STEP_MORE)
			return step == STEP_ERROR ? -1 : step == STEP_MORE;
		if (!leave(walk))
			return 0;
	}
	return 1;
}

/* Damage ended the run: tell, and go on behind it.  false: there is nothing. */
static bool pass_damage(struct log_walk *walk)
{
	struct verify *verify = walk->verify;
	struct error err = verify->err;
	if (!walk->is_inside) {
		verify_add(verify, "partitions", walk->topic_id, walk->partition, 0, 0,
			   "what lies from here on cannot be followed: %s", err.text);
		verify_tell(verify);
		bool is_first = !walk->is_by_topics;
		walk->is_by_topics = true;
		return is_first || leave(walk);
	}
	uint64_t lost = walk->now.next_offset, end = walk->has_record ? walk->record.log_end : UINT64_MAX;
	uint64_t again = end;
	if (lost < end)
		again = stored_batch_find_again(&verify->snapshot, walk->topic_id, walk->partition, lost,
						end);
	verify_add(verify, "log", walk->topic_id, walk->partition, lost, again > lost ? again : lost,
		   "cannot be read: %s", err.text);
	verify_tell(verify);
	walk->sums_are_off = true;
	walk->has_passed_visible_end = false;
	if (again >= end)
		return leave(walk);
	walk->now.next_offset = again;
	return true;
}

int verify_log(struct verify *verify)
{
	struct log_walk walk = { .verify = verify };
	const struct verify_observer *observer = verify->observer;
	for (int rc = 1; rc != 0;) {
		if (observer->on_place != NULL)
			observer->on_place(observer->user, "log", walk.topic_id, walk.partition,
					   walk.now.next_offset);
		rc = verify_run(verify, walk_run, &walk);
		if (rc >= 0)
			continue;
		if (verify->err.code != ERROR_CORRUPT)
			return -1;
		rc = pass_damage(&walk);
	}
	return 0;
}
