#include "tests/support/toy_log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct toy_topic *toy_log_find(struct toy_log *log, struct bytes name)
{
	for (int i = 0; i < TOY_TOPICS_MAX; i++) {
		struct toy_topic *topic = &log->topics[i];
		if (topic->id != 0 && strlen(topic->name) == name.size &&
		    memcmp(topic->name, name.data, name.size) == 0)
			return topic;
	}
	return NULL;
}

struct toy_topic *toy_log_add(struct toy_log *log, const char *name, uint32_t partition_count)
{
	if (partition_count > TOY_PARTITIONS_MAX)
		abort();
	for (int i = 0; i < TOY_TOPICS_MAX; i++) {
		struct toy_topic *topic = &log->topics[i];
		if (topic->id != 0)
			continue;
		memset(topic, 0, sizeof(*topic));
		strncpy(topic->name, name, sizeof(topic->name) - 1);
		topic->id = ++log->last_id;
		topic->partition_count = partition_count;
		return topic;
	}
	abort();
}

void toy_log_remove(struct toy_topic *topic)
{
	for (uint32_t p = 0; p < topic->partition_count; p++)
		for (uint64_t i = 0; i < topic->partitions[p].end; i++)
			free((void *)(uintptr_t)topic->partitions[p].batches[i].data);
	topic->id = 0;
}

void toy_log_clear(struct toy_log *log)
{
	for (int i = 0; i < TOY_TOPICS_MAX; i++)
		if (log->topics[i].id != 0)
			toy_log_remove(&log->topics[i]);
}

void toy_log_append(struct toy_topic *topic, uint32_t partition, struct bytes body)
{
	struct toy_partition *to = &topic->partitions[partition];
	uint8_t prefix[RECORD_PREFIX_BYTES_MAX];
	uint8_t key[BATCH_KEY_BYTES];
	size_t prefix_bytes = record_prefix_encode(prefix, 0, 0, 0);
	struct batch_header header = {
		.base_offset = to->end,
		.record_count = 1,
		.append_time_us = 1700000000000000 + (int64_t)to->end,
		.payload_bytes = (uint32_t)(prefix_bytes + body.size),
	};
	size_t size = BATCH_HEADER_BYTES + header.payload_bytes;
	uint8_t *batch = malloc(size);

	assert(batch != NULL && to->end < TOY_RECORDS_MAX);
	batch_header_encode(batch, &header);
	memcpy(batch + BATCH_HEADER_BYTES, prefix, prefix_bytes);
	memcpy(batch + BATCH_HEADER_BYTES + prefix_bytes, body.data, body.size);
	batch_key_encode(key, topic->id, partition, to->end);
	batch_seal(batch, size, key);
	to->batches[to->end++] = (struct bytes){ batch, size };
}
