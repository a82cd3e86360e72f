#include "protocol/batch.h"

#include "protocol/crc32c.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>

#define MAGIC_AT               0
#define CHECKSUM_AT            4
#define BASE_OFFSET_AT         8
#define RECORD_COUNT_AT        16
#define LAST_OFFSET_DELTA_AT   20
#define APPEND_TIME_AT         24
#define TRANSACTION_ORDINAL_AT 32
#define SOURCE_ID_AT           40
#define FLAGS_AT               42
#define PAYLOAD_BYTES_AT       44

#define MAGIC_FORMAT_MASK 0x000000ffu

/* An array's head and six items of one byte each. */
#define RECORD_BYTES_MIN 7

void batch_key_encode(uint8_t out[BATCH_KEY_BYTES], uint32_t topic_id, uint32_t partition,
		      uint64_t base_offset)
{
	store_u32(out, topic_id);
	store_u32(out + 4, partition);
	store_u64(out + 8, base_offset);
}

void batch_header_encode(uint8_t out[BATCH_HEADER_BYTES], const struct batch_header *header)
{
	store_u32(out + MAGIC_AT, BATCH_MAGIC);
	store_u32(out + CHECKSUM_AT, 0);
	store_u64(out + BASE_OFFSET_AT, header->base_offset);
	store_u32(out + RECORD_COUNT_AT, header->record_count);
	store_u32(out + LAST_OFFSET_DELTA_AT, header->last_offset_delta);
	store_u64(out + APPEND_TIME_AT, (uint64_t)header->append_time_us);
	store_u64(out + TRANSACTION_ORDINAL_AT, header->transaction_ordinal);
	store_u16(out + SOURCE_ID_AT, header->source_id);
	store_u16(out + FLAGS_AT, header->flags);
	store_u32(out + PAYLOAD_BYTES_AT, header->payload_bytes);
}

static bool is_other_format(uint32_t magic)
{
	return magic != BATCH_MAGIC && ((magic ^ BATCH_MAGIC) & ~MAGIC_FORMAT_MASK) == 0;
}

static int check_magic(const uint8_t *batch, struct error *err)
{
	const uint32_t magic = load_u32(batch + MAGIC_AT);
	if (magic == BATCH_MAGIC)
		return 0;
	if (is_other_format(magic))
		return error_set(err, ERROR_FORMAT_VERSION,
				 "the batch has format %u, this version reads format %u; "
				 "read it with the Millstream that wrote it",
				 magic & MAGIC_FORMAT_MASK, BATCH_MAGIC & MAGIC_FORMAT_MASK);
	return error_set(err, ERROR_MALFORMED, "no batch begins with 0x%08" PRIx32, magic);
}

static int check_flags(uint16_t flags, struct error *err)
{
	const unsigned codec = flags & BATCH_FLAG_CODEC_MASK;
	if (codec != 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the batch is compressed with codec %u, which this version "
				 "cannot read; a newer Millstream wrote it: upgrade this one",
				 codec);
	const unsigned unknown = flags & ~(BATCH_FLAG_CODEC_MASK | BATCH_FLAG_CONTINUES);
	if (unknown != 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "the batch has flags 0x%04x, which this version does not know; "
				 "a newer Millstream wrote it: upgrade this one",
				 unknown);
	return 0;
}

/* Do the numbers agree with each other and with the batch's size? */
static int check_counts(const struct batch_header *header, size_t size, struct error *err)
{
	if (header->payload_bytes != size - BATCH_HEADER_BYTES)
		return error_set(err, ERROR_MALFORMED,
				 "the batch says that %" PRIu32 " bytes of payload follow, "
				 "there are %zu",
				 header->payload_bytes, size - BATCH_HEADER_BYTES);
	if (header->record_count == 0)
		return error_set(err, ERROR_MALFORMED, "the batch has no records");
	if (header->record_count > header->payload_bytes / RECORD_BYTES_MIN)
		return error_set(err, ERROR_MALFORMED,
				 "%" PRIu32 " records cannot be in %" PRIu32 " bytes of payload",
				 header->record_count, header->payload_bytes);
	if (header->last_offset_delta < header->record_count - 1)
		return error_set(err, ERROR_MALFORMED,
				 "%" PRIu32 " records cannot have offsets up to %" PRIu32
				 " behind the first",
				 header->record_count, header->last_offset_delta);
	/* Behind the last offset there must be room for a next one. */
	if (header->base_offset >= UINT64_MAX - header->last_offset_delta)
		return error_set(err, ERROR_MALFORMED,
				 "offsets from %" PRIu64 " on do not fit 64 bits",
				 header->base_offset);
	return 0;
}

int batch_header_decode(const void *batch, size_t size, struct batch_header *out,
			struct error *err)
{
	const uint8_t *bytes = batch;
	if (size < BATCH_HEADER_BYTES)
		return error_set(err, ERROR_MALFORMED,
				 "a batch has a header of %d bytes, here are %zu",
				 BATCH_HEADER_BYTES, size);
	if (size > BATCH_BYTES_MAX)
		return error_set(err, ERROR_MALFORMED, "a batch has at most %u bytes, here are %zu",
				 BATCH_BYTES_MAX, size);
	if (check_magic(bytes, err) != 0)
		return -1;

	const struct batch_header header = {
		.base_offset = load_u64(bytes + BASE_OFFSET_AT),
		.record_count = load_u32(bytes + RECORD_COUNT_AT),
		.last_offset_delta = load_u32(bytes + LAST_OFFSET_DELTA_AT),
		.append_time_us = (int64_t)load_u64(bytes + APPEND_TIME_AT),
		.transaction_ordinal = load_u64(bytes + TRANSACTION_ORDINAL_AT),
		.source_id = load_u16(bytes + SOURCE_ID_AT),
		.flags = load_u16(bytes + FLAGS_AT),
		.payload_bytes = load_u32(bytes + PAYLOAD_BYTES_AT),
	};
	if (check_flags(header.flags, err) != 0 || check_counts(&header, size, err) != 0)
		return -1;
	*out = header;
	return 0;
}

static uint32_t checksum(const uint8_t *batch, size_t size, const uint8_t key[BATCH_KEY_BYTES])
{
	const uint32_t crc = crc32c(0, batch + BASE_OFFSET_AT, size - BASE_OFFSET_AT);
	return crc32c(crc, key, BATCH_KEY_BYTES);
}

void batch_seal(uint8_t *batch, size_t size, const uint8_t key[BATCH_KEY_BYTES])
{
	assert(size >= BATCH_HEADER_BYTES);
	store_u32(batch + CHECKSUM_AT, checksum(batch, size, key));
}

static int check_checksum(const uint8_t *batch, size_t size, const uint8_t key[BATCH_KEY_BYTES],
			  struct error *err)
{
	const uint32_t stored = load_u32(batch + CHECKSUM_AT);
	const uint32_t computed = checksum(batch, size, key);
	if (stored == computed)
		return 0;
	/* Another format may keep its checksum elsewhere, so that comes first. */
	if (is_other_format(load_u32(batch + MAGIC_AT)))
		return check_magic(batch, err);
	return error_set(err, ERROR_CORRUPT,
			 "checksum is 0x%08" PRIx32 ", its bytes give 0x%08" PRIx32, stored,
			 computed);
}

static int check_whole(const uint8_t *batch, size_t size, const uint8_t key[BATCH_KEY_BYTES],
		       struct error *err)
{
	if (size < BATCH_HEADER_BYTES || size > BATCH_BYTES_MAX)
		return error_set(err, ERROR_CORRUPT, "%zu bytes are no batch", size);
	if (check_checksum(batch, size, key, err) != 0)
		return -1;

	/* The checksum holds, hence what a flag or count says was written so;
	 * the magic alone is outside of it. */
	if (load_u32(batch + MAGIC_AT) != BATCH_MAGIC)
		return error_set(err, ERROR_CORRUPT, "begins with 0x%08" PRIx32,
				 load_u32(batch + MAGIC_AT));
	struct batch_header header;
	if (batch_header_decode(batch, size, &header, err) != 0) {
		if (err != NULL && err->code == ERROR_MALFORMED)
			err->code = ERROR_CORRUPT;
		return -1;
	}
	if (header.base_offset != load_u64(key + 8))
		return error_set(err, ERROR_CORRUPT, "begins with offset %" PRIu64,
				 header.base_offset);
	return 0;
}

int batch_check(const void *batch, size_t size, const uint8_t key[BATCH_KEY_BYTES],
		struct error *err)
{
	if (check_whole(batch, size, key, err) != 0)
		return error_context(err,
				     "batch of topic %" PRIu32 ", partition %" PRIu32
				     ", offset %" PRIu64,
				     load_u32(key), load_u32(key + 4), load_u64(key + 8));
	return 0;
}

int batch_open(struct batch_cursor *out, const void *batch, size_t size, struct error *err)
{
	struct batch_header header;

	if (batch_header_decode(batch, size, &header, err) != 0)
		return -1;
	*out = (struct batch_cursor){
		.header = header,
		.payload = unpack_over((const uint8_t *)batch + BATCH_HEADER_BYTES,
				       header.payload_bytes),
		.next_offset = header.base_offset,
	};
	return 0;
}

/* Does a record come true for what the header and the records before say? */
static int check_place(const struct batch_cursor *cursor, const struct unpack *rest,
		       const struct record *record, struct error *err)
{
	const struct batch_header *header = &cursor->header;
	const uint64_t last_offset = header->base_offset + header->last_offset_delta;

	if (record->offset < cursor->next_offset || record->offset > last_offset)
		return error_set(err, ERROR_MALFORMED,
				 "offset %" PRIu64 " is not between %" PRIu64 " and %" PRIu64,
				 record->offset, cursor->next_offset, last_offset);
	if (cursor->read_count + 1 < header->record_count)
		return 0;
	if (record->offset != last_offset)
		return error_set(err, ERROR_MALFORMED,
				 "the last offset is %" PRIu64 ", the header says %" PRIu64,
				 record->offset, last_offset);
	if (!unpack_at_end(rest))
		return error_set(err, ERROR_MALFORMED, "%zu bytes lie behind the last record",
				 (size_t)(rest->end - rest->at));
	return 0;
}

int batch_next(struct batch_cursor *cursor, struct record *out, struct error *err)
{
	const struct batch_header *header = &cursor->header;
	struct unpack rest = cursor->payload;
	struct record record;

	if (cursor->read_count == header->record_count)
		return 0;
	if (record_decode(&rest, header->base_offset, header->append_time_us,
			  header->transaction_ordinal, &record, err) != 0 ||
	    check_place(cursor, &rest, &record, err) != 0)
		return error_context(err, "batch at offset %" PRIu64 ", record %" PRIu32 " of %" PRIu32,
				     header->base_offset, cursor->read_count + 1,
				     header->record_count);
	cursor->payload = rest;
	cursor->read_count++;
	cursor->next_offset = record.offset + 1;
	*out = record;
	return 1;
}
