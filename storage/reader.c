#include "storage/reader.h"

#include "storage/layout.h"
#include "storage/reader_internal.h"
#include "storage/stored_batch.h"
#include "storage/visibility.h"

#include <inttypes.h>
#include <stdlib.h>

struct reader {
	struct snapshot snapshot;
};

/* One call: what was asked, and how far it got.  Everything that must survive
 * a jump out of the guard lies here, in the caller's frame. */
struct reading {
	struct reader *reader;
	uint32_t topic_id;
	uint32_t partition;
	uint64_t offset;
	size_t max_bytes;
	reader_sink *sink;
	void *user;
	struct partition_record record;
	bool has_record;
	struct reader_progress progress;
	struct error *err;
};

int reader_open(struct reader **out, struct store *store, struct error *err)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	if (reader == NULL)
		return error_set(err, ERROR_MEMORY, "opening a reader");
	if (snapshot_open(&reader->snapshot, store, err) != 0) {
		free(reader);
		return -1;
	}
	*out = reader;
	return 0;
}

void reader_close(struct reader *reader)
{
	if (reader == NULL)
		return;
	snapshot_close(&reader->snapshot);
	free(reader);
}

struct store *reader_store(struct reader *reader)
{
	return reader->snapshot.store;
}

struct snapshot *reader_snapshot(struct reader *reader)
{
	return &reader->snapshot;
}

int reader_partition(struct reader *reader, uint32_t topic_id, uint32_t partition,
		     struct partition_record *out, struct error *err)
{
	struct visibility *visibility = reader->snapshot.store->visibility;
	int found = stored_partition(&reader->snapshot, topic_id, partition, out, err);
	if (found == 1 && visibility != NULL)
		out->visible_end = visibility_limit(visibility, topic_id, partition, out->visible_end);
	/* Retention may have passed it in the very commit that is not durable yet:
	 * whoever waits there has nothing yet, until it is. */
	if (found == 1 && out->log_start > out->visible_end)
		out->log_start = out->visible_end;
	return found;
}

static int read_record(struct reading *reading)
{
	int found = reader_partition(reading->reader, reading->topic_id, reading->partition,
				     &reading->record, reading->err);
	if (found == 0)
		return error_set(reading->err, ERROR_NOT_FOUND,
				 "there is no topic %" PRIu32 " with a partition %" PRIu32,
				 reading->topic_id, reading->partition);
	if (found < 0)
		return -1;
	reading->has_record = true;
	reading->progress.visible_end = reading->record.visible_end;
	return 0;
}

static int read_ends(void *argument)
{
	return read_record(argument);
}

int reader_ends(struct reader *reader, uint32_t topic_id, uint32_t partition,
		struct reader_ends *out, struct error *err)
{
	struct reading reading = {
		.reader = reader, .topic_id = topic_id, .partition = partition, .err = err,
	};
	if (snapshot_run(&reader->snapshot, read_ends, &reading, err) != 0)
		return -1;
	*out = (struct reader_ends){
		.log_start = reading.record.log_start,
		.visible_end = reading.record.visible_end,
		.log_end = reading.record.log_end,
		.bytes = reading.record.bytes,
		.batch_count = reading.record.batch_count,
		.last_append_time_us = reading.record.last_append_time_us,
	};
	return 0;
}

/* Hand one batch out: 1 go on, 0 enough, -1 damaged. */
static int hand_out(struct reading *reading, const struct stored_batch *batch, size_t *used_bytes)
{
	struct reader_progress *progress = &reading->progress;
	struct batch_header header;
	if (*used_bytes > 0 && batch->size > reading->max_bytes - *used_bytes)
		return 0;
	progress->damaged_start = batch->base_offset;
	if (stored_batch_check(batch, reading->record.visible_end, &header, reading->err) != 0)
		return -1;
	if (reading->sink(reading->user, batch->data, batch->size, &header) != 0)
		return 0;
	progress->batch_count++;
	progress->next_offset = header.base_offset + header.last_offset_delta + 1;
	progress->damaged_start = progress->next_offset;
	*used_bytes += batch->size;
	return *used_bytes < reading->max_bytes;
}

static int read_batches(void *argument)
{
	struct reading *reading = argument;
	struct reader_progress *progress = &reading->progress;
	struct snapshot *snapshot = &reading->reader->snapshot;
	struct stored_batch batch;
	size_t used_bytes = 0;
	if (read_record(reading) != 0)
		return -1;
	if (reading->offset < reading->record.log_start ||
	    reading->offset > reading->record.visible_end)
		return error_set(reading->err, ERROR_OFFSET_OUT_OF_RANGE,
				 "topic %" PRIu32 ", partition %" PRIu32 ": offset %" PRIu64
				 " is not in the log, which has %" PRIu64 " to %" PRIu64,
				 reading->topic_id, reading->partition, reading->offset,
				 reading->record.log_start, reading->record.visible_end);
	if (reading->offset == reading->record.visible_end)
		return 0;
	if (stored_batch_find(snapshot, reading->topic_id, reading->partition, reading->offset,
			      &batch, &progress->damaged_start, reading->err) != 0)
		return -1;
	for (;;) {
		int rc = hand_out(reading, &batch, &used_bytes);
		if (rc < 0)
			return -1;
		if (progress->next_offset == reading->record.visible_end)
			return 1;
		/* What is asked for in small pieces is not a reading of it all, nor is what ends
		 * with the log: whoever follows it would ask the kernel for each batch in vain. */
		if (progress->batch_count <= 1 && reading->max_bytes >= READER_BYTES_MAX / 2)
			snapshot_read_ahead(snapshot, batch.data);
		if (rc == 0)
			return 1;
		if (stored_batch_next(snapshot, &batch, progress->next_offset, reading->err) != 0)
			return -1;
	}
}

static bool is_damage(enum error_code code)
{
	return code == ERROR_CORRUPT || code == ERROR_FORMAT_VERSION || code == ERROR_UNSUPPORTED;
}

int reader_read(struct reader *reader, uint32_t topic_id, uint32_t partition, uint64_t offset,
		size_t max_bytes, reader_sink *sink, void *user, struct reader_progress *out,
		struct error *err)
{
	struct error local = { 0 };
	struct reading reading = {
		.reader = reader, .topic_id = topic_id, .partition = partition, .offset = offset,
		.max_bytes = max_bytes < READER_BYTES_MAX ? max_bytes : READER_BYTES_MAX,
		.sink = sink, .user = user, .err = &local,
	};
	reading.progress.next_offset = offset;
	reading.progress.damaged_start = offset;
	int rc = snapshot_run(&reader->snapshot, read_batches, &reading, &local);
	if (rc >= 0 || !is_damage(local.code))
		reading.progress.damaged_start = 0;
	else if (!reading.has_record)
		reading.progress.damaged_end = offset;
	else
		reading.progress.damaged_end =
			stored_batch_find_again(&reader->snapshot, topic_id, partition,
						reading.progress.damaged_start,
						reading.progress.visible_end);
	if (rc < 0 && err != NULL)
		*err = local;
	if (rc >= 0 || local.code != ERROR_NOT_FOUND)
		*out = reading.progress;
	return rc;
}
