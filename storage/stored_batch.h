#ifndef STORAGE_STORED_BATCH_H
#define STORAGE_STORED_BATCH_H

#include "storage/layout.h"
#include "storage/snapshot.h"

/* Partitions and batches as the tables hold them, read without trust: what the
 * reader and the check of the whole store have in common.  For storage/ alone,
 * inside snapshot_run. */

struct stored_batch {
	uint8_t key[BATCH_KEY_BYTES];
	uint32_t topic_id;
	uint32_t partition;
	uint64_t base_offset;
	const uint8_t *data;    /* lent: it lies in the map */
	size_t size;
};

/* 1 found, 0 not, -1. */
int stored_partition(struct snapshot *snapshot, uint32_t topic_id, uint32_t partition,
		     struct partition_record *out, struct error *err);

/* The batch that holds offset, which lies in the partition's log.  ERROR_CORRUPT
 * where there is none; *damaged_start becomes the first offset concerned, where
 * it is known to lie before the one that was asked for. */
int stored_batch_find(struct snapshot *snapshot, uint32_t topic_id, uint32_t partition,
		      uint64_t offset, struct stored_batch *out, uint64_t *damaged_start,
		      struct error *err);

/* The first batch at or behind offset, of whatever partition: 1, 0, -1. */
int stored_batch_seek(struct snapshot *snapshot, uint32_t topic_id, uint32_t partition,
		      uint64_t offset, struct stored_batch *out, struct error *err);

/* The batch behind the one that was found last, which must begin at base_offset
 * in the same partition: ERROR_CORRUPT where it does not. */
int stored_batch_next(struct snapshot *snapshot, struct stored_batch *batch,
		      uint64_t base_offset, struct error *err);

/* Is the batch whole, in its place, and does it end before end?  ERROR_CORRUPT;
 * ERROR_FORMAT_VERSION and ERROR_UNSUPPORTED for a whole one that a newer
 * version wrote. */
int stored_batch_check(const struct stored_batch *batch, uint64_t end, struct batch_header *out,
		       struct error *err);

/* The header alone, not covered by a checksum: a hint. */
int stored_batch_peek(const struct stored_batch *batch, struct batch_header *out,
		      struct error *err);

/* Where batches of the partition can be found again behind the damage at `lost`:
 * an offset up to end, which it is where there are none.  Not inside
 * snapshot_run: what is damaged may end several of those. */
uint64_t stored_batch_find_again(struct snapshot *snapshot, uint32_t topic_id, uint32_t partition,
				 uint64_t lost, uint64_t end);

#endif
