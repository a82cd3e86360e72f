#ifndef PROTOCOL_BATCH_H
#define PROTOCOL_BATCH_H

#include "protocol/record.h"

/* A batch: consecutive records of one partition, the unit that is stored,
 * checksummed and sent.  All integers big-endian.
 *
 *   0 u32 magic and format       "MSB" 0x01
 *   4 u32 crc32c                 of bytes 8 to the end, then of the batch's key
 *   8 u64 base offset
 *  16 u32 record count           1 or more
 *  20 u32 last offset delta      record count - 1, or more where compaction left holes
 *  24 i64 append time            µs since the Unix epoch, never decreasing in a partition
 *  32 u64 transaction ordinal    of the first record's source transaction; 0: published
 *  40 u16 source id              0: published
 *  42 u16 flags                  see BATCH_FLAG_*; unknown ones are refused
 *  44 u32 payload bytes          uncompressed
 *  48     payload                records, one after the other
 *
 * The key is the batch's key in the log table: u32 topic id, u32 partition,
 * u64 base offset.  It is in the checksum so that a good batch in the wrong
 * place is found out. */

#define BATCH_MAGIC             0x4d534201u
#define BATCH_HEADER_BYTES      48
#define BATCH_KEY_BYTES         16

/* A single record may make a batch larger than any target; this is the most
 * that is ever written, sent or believed. */
#define BATCH_BYTES_MAX         (64u * 1024 * 1024 + 4096)

#define BATCH_FLAG_CODEC_MASK   0x0007u /* 0: payload is not compressed; others reserved */
#define BATCH_FLAG_CONTINUES    0x0008u /* its transaction goes on in a later commit */

struct batch_header {
	uint64_t base_offset;
	uint32_t record_count;
	uint32_t last_offset_delta;
	int64_t append_time_us;
	uint64_t transaction_ordinal;
	uint16_t source_id;
	uint16_t flags;
	uint32_t payload_bytes;
};

void batch_key_encode(uint8_t out[BATCH_KEY_BYTES], uint32_t topic_id, uint32_t partition,
		      uint64_t base_offset);

/* Write the header's 48 bytes, checksum left 0. */
void batch_header_encode(uint8_t out[BATCH_HEADER_BYTES], const struct batch_header *header);

/* Read and check the header alone: magic, counts that agree with size, known
 * flags.  Not the checksum.  ERROR_MALFORMED; ERROR_FORMAT_VERSION for a
 * magic of another format; ERROR_UNSUPPORTED for a codec or flag that a newer
 * version wrote. */
int batch_header_decode(const void *batch, size_t size, struct batch_header *out,
			struct error *err);

/* Compute the checksum of a complete batch and store it. */
void batch_seal(uint8_t *batch, size_t size, const uint8_t key[BATCH_KEY_BYTES]);

/* Is the batch whole and in its place?  Checks header, checksum, and that the
 * key's offset is the header's.  ERROR_CORRUPT, naming topic, partition and
 * offset of the key.  A whole batch that a newer version wrote, where this one
 * cannot read it: ERROR_UNSUPPORTED, ERROR_FORMAT_VERSION. */
int batch_check(const void *batch, size_t size, const uint8_t key[BATCH_KEY_BYTES],
		struct error *err);

/* Walk the records of a batch: 1 and a record, 0 at the end, -1 malformed
 * (which includes a count or a last offset that does not come true, bytes
 * behind the last record, and offsets that do not increase) or over a limit.
 * What is wrong with the end is reported in place of the last record.  After
 * an error the cursor stays where it was.  Lends: records point into the
 * batch.  The batch need not have passed batch_check. */
struct batch_cursor {
	struct batch_header header;
	struct unpack payload;
	uint32_t read_count;
	uint64_t next_offset;   /* the least the next record may have */
};

int batch_open(struct batch_cursor *out, const void *batch, size_t size, struct error *err);
int batch_next(struct batch_cursor *cursor, struct record *out, struct error *err);

#endif
