#include "storage/layout.h"
#include "storage/reader.h"
#include "storage/reader_internal.h"
#include "storage/stored_batch.h"

#include <inttypes.h>

/* A binary search that looks at headers alone, so that a cold file gives one
 * page a step, not a whole batch.  Headers without their checksum may lie, so
 * the two batches on either side of the answer are verified; where they do not
 * agree with it, the search is done again, verifying each step. */
struct time_search {
	struct reader *reader;
	struct snapshot *snapshot;
	uint32_t topic_id;
	uint32_t partition;
	int64_t time_us;
	bool is_verified;               /* believe no header without its checksum */
	struct partition_record record;
	uint64_t offset;                /* the answer */
	struct error *err;
};

static int find(struct time_search *search, uint64_t offset, struct batch_header *out)
{
	struct stored_batch batch;
	uint64_t damaged_start;
	if (stored_batch_find(search->snapshot, search->topic_id, search->partition, offset, &batch,
			      &damaged_start, search->err) != 0)
		return -1;
	if (!search->is_verified)
		return stored_batch_peek(&batch, out, search->err);
	return stored_batch_check(&batch, search->record.visible_end, out, search->err);
}

static int narrow(struct time_search *search)
{
	struct batch_header header;
	uint64_t low = search->record.log_start, high = search->record.visible_end;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (find(search, middle, &header) != 0)
			return -1;
		if (header.append_time_us >= search->time_us)
			high = header.base_offset > low ? header.base_offset : low;
		else
			low = header.base_offset + header.last_offset_delta + 1;
	}
	search->offset = low;
	return 0;
}

/* 1 the batches on both sides agree with the answer, 0 they do not, -1. */
static int confirm(struct time_search *search)
{
	struct batch_header header;
	if (search->offset > search->record.visible_end)
		return 0;
	if (search->offset < search->record.visible_end) {
		if (find(search, search->offset, &header) != 0)
			return -1;
		if (header.append_time_us < search->time_us)
			return 0;
	}
	if (search->offset > search->record.log_start) {
		if (find(search, search->offset - 1, &header) != 0)
			return -1;
		if (header.append_time_us >= search->time_us)
			return 0;
	}
	return 1;
}

static int read_record(struct time_search *search)
{
	int found = reader_partition(search->reader, search->topic_id, search->partition,
				     &search->record, search->err);
	if (found == 0)
		return error_set(search->err, ERROR_NOT_FOUND,
				 "there is no topic %" PRIu32 " with a partition %" PRIu32,
				 search->topic_id, search->partition);
	return found < 0 ? -1 : 0;
}

static int search_headers(void *argument)
{
	struct time_search *search = argument;
	search->is_verified = false;
	if (read_record(search) != 0 || narrow(search) != 0)
		return -1;
	search->is_verified = true;
	return confirm(search);
}

static int search_verified(void *argument)
{
	struct time_search *search = argument;
	search->is_verified = true;
	return read_record(search) != 0 || narrow(search) != 0 ? -1 : 1;
}

int reader_offset_for_time(struct reader *reader, uint32_t topic_id, uint32_t partition,
			   int64_t time_us, uint64_t *out_offset, struct error *err)
{
	struct error local = { 0 };
	struct time_search search = {
		.reader = reader, .snapshot = reader_snapshot(reader),
		.topic_id = topic_id, .partition = partition,
		.time_us = time_us, .err = &local,
	};
	int rc = snapshot_run(search.snapshot, search_headers, &search, &local);
	if (rc != 1 && local.code != ERROR_NOT_FOUND)
		rc = snapshot_run(search.snapshot, search_verified, &search, &local);
	if (rc != 1) {
		if (err != NULL)
			*err = local;
		return -1;
	}
	*out_offset = search.offset;
	return 0;
}
