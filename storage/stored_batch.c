#include "storage/stored_batch.h"

#include <inttypes.h>

#define PARTITION_PREFIX_BYTES 8
#define PAYLOAD_BYTES_AT       44

static const char place[] = "topic %" PRIu32 ", partition %" PRIu32;

int stored_partition(struct snapshot *snapshot, uint32_t topic_id, uint32_t partition,
		     struct partition_record *out, struct error *err)
{
	uint8_t key[PARTITION_KEY_BYTES];
	struct bytes value, key_bytes = { key, sizeof(key) };
	partition_key_encode(key, topic_id, partition);
	int found = snapshot_get(snapshot, TABLE_PARTITIONS, key_bytes, &value, err);
	if (found == 1 &&
	    partition_record_decode(key_bytes, value, &topic_id, &partition, out, err) != 0)
		found = -1;
	return found < 0 ? error_context(err, place, topic_id, partition) : found;
}

static int missing(uint32_t topic_id, uint32_t partition, uint64_t start, struct error *err)
{
	return error_set(err, ERROR_CORRUPT,
			 "topic %" PRIu32 ", partition %" PRIu32
			 ": the log has a hole: no batch holds offset %" PRIu64,
			 topic_id, partition, start);
}

/* What LMDB yielded as a batch; -1 where its key is none. */
static int take(struct bytes key, struct bytes value, struct stored_batch *out, struct error *err)
{
	if (key.size != BATCH_KEY_BYTES)
		return error_set(err, ERROR_CORRUPT, "table log: a key of %zu bytes", key.size);
	memcpy(out->key, key.data, BATCH_KEY_BYTES);
	out->topic_id = load_u32(out->key);
	out->partition = load_u32(out->key + 4);
	out->base_offset = load_u64(out->key + 8);
	out->data = value.data;
	out->size = value.size;
	return 1;
}

int stored_batch_seek(struct snapshot *snapshot, uint32_t topic_id, uint32_t partition,
		      uint64_t offset, struct stored_batch *out, struct error *err)
{
	uint8_t start[BATCH_KEY_BYTES];
	struct bytes key, value;
	batch_key_encode(start, topic_id, partition, offset);
	int found = snapshot_seek(snapshot, TABLE_LOG, (struct bytes){ start, sizeof(start) }, &key,
				  &value, err);
	if (found == 1)
		found = take(key, value, out, err);
	/* A damaged page can lead a search astray. */
	if (found == 1 && memcmp(out->key, start, sizeof(start)) < 0)
		found = error_set(err, ERROR_CORRUPT, "table log: keys are out of order");
	return found;
}

static bool is_of(const struct stored_batch *batch, uint32_t topic_id, uint32_t partition)
{
	return batch->topic_id == topic_id && batch->partition == partition;
}

/* The batch before the one that a search for offset has met (or before the end
 * of the table), in the same partition and before offset: 1, 0, -1. */
static int seek_before(struct snapshot *snapshot, bool has_met, uint32_t topic_id,
		       uint32_t partition, uint64_t offset, struct stored_batch *out,
		       struct error *err)
{
	struct bytes key, value;
	int found = (has_met ? snapshot_previous : snapshot_last)(snapshot, TABLE_LOG, &key, &value,
								  err);
	if (found == 1)
		found = take(key, value, out, err);
	if (found != 1 || !is_of(out, topic_id, partition))
		return found < 0 ? -1 : 0;
	return out->base_offset < offset ? 1 : error_set(err, ERROR_CORRUPT,
							 "table log: keys are out of order");
}

int stored_batch_find(struct snapshot *snapshot, uint32_t topic_id, uint32_t partition,
		      uint64_t offset, struct stored_batch *out, uint64_t *damaged_start,
		      struct error *err)
{
	struct batch_header header;
	struct stored_batch batch;
	int found = stored_batch_seek(snapshot, topic_id, partition, offset, &batch, err);
	if (found < 0)
		return error_context(err, place, topic_id, partition);
	if (found == 0 || !is_of(&batch, topic_id, partition) || batch.base_offset != offset) {
		found = seek_before(snapshot, found == 1, topic_id, partition, offset, &batch, err);
		if (found < 0)
			return error_context(err, place, topic_id, partition);
		if (found == 0)
			return missing(topic_id, partition, offset, err);
		if (stored_batch_peek(&batch, &header, NULL) != 0 ||
		    batch.base_offset + header.last_offset_delta < offset) {
			/* Is there a hole behind it, or is its header damaged? */
			*damaged_start = batch.base_offset;
			if (stored_batch_check(&batch, UINT64_MAX, &header, err) != 0)
				return -1;
			*damaged_start = batch.base_offset + header.last_offset_delta + 1;
			return missing(topic_id, partition, *damaged_start, err);
		}
	}
	*out = batch;
	return 0;
}

int stored_batch_next(struct snapshot *snapshot, struct stored_batch *batch,
		      uint64_t base_offset, struct error *err)
{
	struct bytes key, value;
	struct stored_batch next;
	int found = snapshot_next(snapshot, TABLE_LOG, &key, &value, err);
	if (found == 1)
		found = take(key, value, &next, err);
	if (found < 0)
		return error_context(err, place, batch->topic_id, batch->partition);
	if (found == 0 || !is_of(&next, batch->topic_id, batch->partition) ||
	    next.base_offset != base_offset)
		return missing(batch->topic_id, batch->partition, base_offset, err);
	*batch = next;
	return 0;
}

int stored_batch_peek(const struct stored_batch *batch, struct batch_header *out,
		      struct error *err)
{
	return batch_header_decode(batch->data, batch->size, out, err);
}

int stored_batch_check(const struct stored_batch *batch, uint64_t end, struct batch_header *out,
		       struct error *err)
{
	struct batch_header header;
	/* A size that lies would make the checksum read far beyond the batch. */
	if (batch->size < BATCH_HEADER_BYTES ||
	    load_u32(batch->data + PAYLOAD_BYTES_AT) != batch->size - BATCH_HEADER_BYTES)
		return error_set(err, ERROR_CORRUPT,
				 "batch of topic %" PRIu32 ", partition %" PRIu32 ", offset %" PRIu64
				 ": its size is not what its header says",
				 batch->topic_id, batch->partition, batch->base_offset);
	if (batch_check(batch->data, batch->size, batch->key, err) != 0)
		return -1;
	if (batch_header_decode(batch->data, batch->size, &header, err) != 0)
		return -1;
	if (header.base_offset + header.last_offset_delta >= end)
		return error_set(err, ERROR_CORRUPT,
				 "batch of topic %" PRIu32 ", partition %" PRIu32 ", offset %" PRIu64
				 ": it reaches beyond %" PRIu64 ", where the log ends",
				 batch->topic_id, batch->partition, batch->base_offset, end);
	*out = header;
	return 0;
}

struct probe {
	struct snapshot *snapshot;
	uint32_t topic_id;
	uint32_t partition;
	uint64_t offset;
	uint64_t end;
	uint64_t found_offset;
};

static int probe_guarded(void *argument)
{
	struct probe *probe = argument;
	struct stored_batch batch;
	if (stored_batch_seek(probe->snapshot, probe->topic_id, probe->partition, probe->offset,
			      &batch, NULL) != 1 ||
	    !is_of(&batch, probe->topic_id, probe->partition) || batch.base_offset >= probe->end)
		return -1;
	probe->found_offset = batch.base_offset;
	return 0;
}

static bool can_find(struct probe *probe, uint64_t offset)
{
	probe->offset = offset;
	return snapshot_run(probe->snapshot, probe_guarded, probe, NULL) == 0;
}

/* Most often it is the next key; where a page of LMDB's is damaged, all that it
 * held is lost: look ever farther until something is found, then for where that
 * begins. */
uint64_t stored_batch_find_again(struct snapshot *snapshot, uint32_t topic_id, uint32_t partition,
				 uint64_t lost, uint64_t end)
{
	struct probe probe = { snapshot, topic_id, partition, 0, end, end };
	uint64_t step = 1;
	while (step < end - lost && !can_find(&probe, lost + step)) {
		lost += step;
		step *= 2;
	}
	if (probe.found_offset == end)
		step = end - lost;
	for (uint64_t good = lost + step; good - lost > 1;) {
		uint64_t middle = lost + (good - lost) / 2;
		if (can_find(&probe, middle))
			good = middle;
		else
			lost = middle;
	}
	return probe.found_offset;
}
