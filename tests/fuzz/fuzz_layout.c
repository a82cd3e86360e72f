/* Every decoder of storage/layout.h, past the seal: the first byte says which
 * table, the next how long the key is, then come key and value; the value's seal
 * is computed here.  Odd tables keep the input's own seal. */
#include "storage/layout.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded, encoded and decoded again, must be the same. */
static void topic_again(const struct topic_record *record, struct bytes key)
{
	struct topic_record again;
	msgpack_sbuffer value;
	msgpack_sbuffer_init(&value);
	assert(topic_record_encode(&value, record, key, NULL) == 0);
	struct bytes bytes = { (const uint8_t *)value.data, value.size };
	assert(topic_record_decode(key, bytes, &again, NULL) == 0);
	assert(again.id == record->id && again.partition_count == record->partition_count &&
	       again.owner_source_id == record->owner_source_id &&
	       again.created_us == record->created_us && again.options.size == record->options.size);
	msgpack_sbuffer_destroy(&value);
}

static void source_again(const struct source_record *record, struct bytes key)
{
	struct source_record again;
	msgpack_sbuffer value;
	msgpack_sbuffer_init(&value);
	assert(source_record_encode(&value, record, key, NULL) == 0);
	struct bytes bytes = { (const uint8_t *)value.data, value.size };
	assert(source_record_decode(key, bytes, &again, NULL) == 0);
	assert(again.id == record->id && again.state == record->state &&
	       again.transaction_ordinal == record->transaction_ordinal &&
	       again.position.size == record->position.size &&
	       (again.position.data == NULL) == (record->position.data == NULL) &&
	       again.snapshot_progress.size == record->snapshot_progress.size &&
	       again.reason.size == record->reason.size);
	msgpack_sbuffer_destroy(&value);
}

static void partition_again(uint32_t topic_id, uint32_t partition,
			    const struct partition_record *record, struct bytes value)
{
	uint8_t key[PARTITION_KEY_BYTES], again[PARTITION_RECORD_BYTES];
	partition_key_encode(key, topic_id, partition);
	partition_record_encode(again, record, key);
	assert(memcmp(again, value.data, sizeof(again)) == 0);
}

static void decode(unsigned int table, struct bytes key, struct bytes value)
{
	struct error err = { 0 };
	struct partition_record partition_record;
	struct topic_record topic;
	struct source_record source;
	struct bytes body;
	uint32_t topic_id, partition;
	if (table == 0 && topic_record_decode(key, value, &topic, &err) == 0)
		topic_again(&topic, key);
	else if (table == 1 && source_record_decode(key, value, &source, &err) == 0)
		source_again(&source, key);
	else if (table == 2 && partition_record_decode(key, value, &topic_id, &partition,
						       &partition_record, &err) == 0)
		partition_again(topic_id, partition, &partition_record, value);
	else if (table == 3 && seal_check("fuzzed", key, value, &body, &err) == 0)
		assert(body.size + SEAL_BYTES == value.size);
	else
		assert(err.code == ERROR_CORRUPT && err.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || data[1] > size - 2)
		return 0;
	struct bytes key = { data + 2, data[1] };
	size_t body_bytes = size - 2 - key.size;
	/* Exactly as large as it is, so that reading past it is noticed. */
	uint8_t *value = malloc(body_bytes + SEAL_BYTES);
	if (value == NULL)
		return 0;
	memcpy(value, key.data + key.size, body_bytes);
	store_u32(value + body_bytes, seal_of(value, body_bytes, key));
	decode(data[0] / 2 % 4, key,
	       (struct bytes){ value, data[0] % 2 == 0 ? body_bytes + SEAL_BYTES : body_bytes });
	free(value);
	return 0;
}
