#include "storage/layout.h"

#include "protocol/crc32c.h"
#include "protocol/unpack.h"

#include <msgpack/pack.h>

#define TOPIC_ITEMS  5
#define SOURCE_ITEMS 6

uint32_t seal_of(const void *value, size_t size, struct bytes key)
{
	return crc32c(crc32c(0, value, size), key.data, key.size);
}

int seal_append(msgpack_sbuffer *value, struct bytes key, struct error *err)
{
	uint8_t seal[SEAL_BYTES];
	store_u32(seal, seal_of(value->data, value->size, key));
	if (msgpack_sbuffer_write(value, (const char *)seal, sizeof(seal)) != 0)
		return error_set(err, ERROR_MEMORY, "sealing a value");
	return 0;
}

int seal_check(const char *table, struct bytes key, struct bytes value, struct bytes *out,
	       struct error *err)
{
	if (value.size < SEAL_BYTES)
		return error_set(err, ERROR_CORRUPT, "table %s: a value of %zu bytes has no seal",
				 table, value.size);
	size_t size = value.size - SEAL_BYTES;
	if (load_u32(value.data + size) != seal_of(value.data, size, key))
		return error_set(err, ERROR_CORRUPT, "table %s: a value's checksum is wrong", table);
	*out = (struct bytes){ value.data, size };
	return 0;
}

void partition_key_encode(uint8_t out[PARTITION_KEY_BYTES], uint32_t topic_id, uint32_t partition)
{
	store_u32(out, topic_id);
	store_u32(out + 4, partition);
}

void partition_record_encode(uint8_t out[PARTITION_RECORD_BYTES],
			     const struct partition_record *record,
			     const uint8_t key[PARTITION_KEY_BYTES])
{
	store_u64(out, record->log_start);
	store_u64(out + 8, record->visible_end);
	store_u64(out + 16, record->log_end);
	store_u64(out + 24, record->bytes);
	store_u64(out + 32, record->batch_count);
	store_u64(out + 40, (uint64_t)record->last_append_time_us);
	store_u32(out + 48, seal_of(out, 48, (struct bytes){ key, PARTITION_KEY_BYTES }));
}

int partition_record_decode(struct bytes key, struct bytes value, uint32_t *out_topic_id,
			    uint32_t *out_partition, struct partition_record *out,
			    struct error *err)
{
	struct bytes body;
	if (key.size != PARTITION_KEY_BYTES || value.size != PARTITION_RECORD_BYTES)
		return error_set(err, ERROR_CORRUPT, "table partitions: key of %zu bytes, value of %zu",
				 key.size, value.size);
	if (seal_check("partitions", key, value, &body, err) != 0)
		return -1;
	struct partition_record record = {
		.log_start = load_u64(body.data),
		.visible_end = load_u64(body.data + 8),
		.log_end = load_u64(body.data + 16),
		.bytes = load_u64(body.data + 24),
		.batch_count = load_u64(body.data + 32),
		.last_append_time_us = (int64_t)load_u64(body.data + 40),
	};
	if (record.log_start > record.visible_end || record.visible_end > record.log_end)
		return error_set(err, ERROR_CORRUPT, "table partitions: offsets out of order");
	*out_topic_id = load_u32(key.data);
	*out_partition = load_u32(key.data + 4);
	*out = record;
	return 0;
}

/* Packs bytes, or nil. */
static int pack_bytes(msgpack_packer *packer, struct bytes bytes)
{
	if (bytes.data == NULL)
		return msgpack_pack_nil(packer);
	if (msgpack_pack_bin(packer, bytes.size) != 0)
		return -1;
	return bytes.size == 0 ? 0 : msgpack_pack_bin_body(packer, bytes.data, bytes.size);
}

static int pack_text(msgpack_packer *packer, struct bytes text)
{
	if (msgpack_pack_str(packer, text.size) != 0)
		return -1;
	return text.size == 0 ? 0 : msgpack_pack_str_body(packer, text.data, text.size);
}

/* The head of an array of item_count items, or more, which a later version has
 * written; close_array steps over those. */
static int open_array(struct unpack *unpack, uint32_t item_count, uint32_t *out_more,
		      struct error *err)
{
	uint32_t count;
	if (unpack_array(unpack, &count, err) != 0)
		return -1;
	if (count < item_count)
		return error_set(err, ERROR_MALFORMED, "%u items where there must be %u", count,
				 item_count);
	*out_more = count - item_count;
	return 0;
}

static int close_array(struct unpack *unpack, uint32_t more, struct error *err)
{
	for (; more > 0; more--)
		if (unpack_skip(unpack, NULL, err) != 0)
			return -1;
	if (!unpack_at_end(unpack))
		return error_set(err, ERROR_MALFORMED, "bytes behind the last item");
	return 0;
}

static int unpack_u16(struct unpack *unpack, uint16_t *out, struct error *err)
{
	uint32_t number;
	if (unpack_u32(unpack, &number, err) != 0)
		return -1;
	if (number > UINT16_MAX)
		return error_set(err, ERROR_MALFORMED, "%u is more than 65535", number);
	*out = (uint16_t)number;
	return 0;
}

static int unpack_u8(struct unpack *unpack, uint8_t *out, struct error *err)
{
	uint16_t number = 0;
	if (unpack_u16(unpack, &number, err) != 0)
		return -1;
	if (number > UINT8_MAX)
		return error_set(err, ERROR_MALFORMED, "%u is more than 255", number);
	*out = (uint8_t)number;
	return 0;
}

/* Step over a map of text to text or whatever; out gets its bytes. */
static int unpack_options(struct unpack *unpack, struct bytes *out, struct error *err)
{
	struct unpack head = *unpack;
	uint32_t pair_count;
	if (unpack_map(&head, &pair_count, err) != 0)
		return -1;
	return unpack_skip(unpack, out, err);
}

static int unpack_optional_bytes(struct unpack *unpack, struct bytes *out, struct error *err)
{
	if (unpack_nil(unpack)) {
		*out = (struct bytes){ NULL, 0 };
		return 0;
	}
	return unpack_bytes(unpack, out, err);
}

/* What a table's own value holds is ours: ill-formed means damaged. */
static int damaged(const char *table, struct error *err)
{
	if (err != NULL)
		err->code = ERROR_CORRUPT;
	return error_context(err, "table %s", table);
}

int topic_record_encode(msgpack_sbuffer *out, const struct topic_record *record,
			struct bytes name, struct error *err)
{
	msgpack_packer packer;
	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	if (msgpack_pack_array(&packer, TOPIC_ITEMS) != 0 || msgpack_pack_uint32(&packer, record->id) != 0 ||
	    msgpack_pack_uint32(&packer, record->partition_count) != 0 ||
	    msgpack_pack_uint16(&packer, record->owner_source_id) != 0 ||
	    msgpack_pack_int64(&packer, record->created_us) != 0 ||
	    msgpack_sbuffer_write(out, (const char *)record->options.data,
				  record->options.size) != 0)
		return error_set(err, ERROR_MEMORY, "encoding a topic");
	return seal_append(out, name, err);
}

int topic_record_decode(struct bytes name, struct bytes value, struct topic_record *out,
			struct error *err)
{
	struct bytes body;
	if (seal_check("topics", name, value, &body, err) != 0)
		return -1;
	struct unpack unpack = unpack_over(body.data, body.size);
	struct topic_record record;
	uint32_t more = 0;
	if (open_array(&unpack, TOPIC_ITEMS, &more, err) != 0 ||
	    unpack_u32(&unpack, &record.id, err) != 0 ||
	    unpack_u32(&unpack, &record.partition_count, err) != 0 ||
	    unpack_u16(&unpack, &record.owner_source_id, err) != 0 ||
	    unpack_i64(&unpack, &record.created_us, err) != 0 ||
	    unpack_options(&unpack, &record.options, err) != 0 ||
	    close_array(&unpack, more, err) != 0)
		return damaged("topics", err);
	*out = record;
	return 0;
}

int source_record_encode(msgpack_sbuffer *out, const struct source_record *record,
			 struct bytes name, struct error *err)
{
	msgpack_packer packer;
	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	if (msgpack_pack_array(&packer, SOURCE_ITEMS) != 0 || msgpack_pack_uint16(&packer, record->id) != 0 ||
	    msgpack_pack_uint64(&packer, record->transaction_ordinal) != 0 ||
	    msgpack_pack_uint8(&packer, record->state) != 0 ||
	    pack_bytes(&packer, record->position) != 0 ||
	    pack_bytes(&packer, record->snapshot_progress) != 0 ||
	    pack_text(&packer, record->reason) != 0)
		return error_set(err, ERROR_MEMORY, "encoding a source");
	return seal_append(out, name, err);
}

int source_record_decode(struct bytes name, struct bytes value, struct source_record *out,
			 struct error *err)
{
	struct bytes body;
	if (seal_check("sources", name, value, &body, err) != 0)
		return -1;
	struct unpack unpack = unpack_over(body.data, body.size);
	struct source_record record;
	uint32_t more = 0;
	if (open_array(&unpack, SOURCE_ITEMS, &more, err) != 0 ||
	    unpack_u16(&unpack, &record.id, err) != 0 ||
	    unpack_u64(&unpack, &record.transaction_ordinal, err) != 0 ||
	    unpack_u8(&unpack, &record.state, err) != 0 ||
	    unpack_optional_bytes(&unpack, &record.position, err) != 0 ||
	    unpack_optional_bytes(&unpack, &record.snapshot_progress, err) != 0 ||
	    unpack_text(&unpack, &record.reason, err) != 0 ||
	    close_array(&unpack, more, err) != 0)
		return damaged("sources", err);
	*out = record;
	return 0;
}

void schema_key_encode(uint8_t out[SCHEMA_KEY_BYTES], uint32_t schema_id)
{
	store_u32(out, schema_id);
}

void fingerprint_key_encode(uint8_t out[FINGERPRINT_KEY_BYTES], uint64_t fingerprint,
			    uint32_t schema_id)
{
	store_u64(out, fingerprint);
	store_u32(out + 8, schema_id);
}
