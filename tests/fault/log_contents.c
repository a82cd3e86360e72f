#include "tests/fault/log_contents.h"

#include "tests/fault/must_alloc.h"

#include <inttypes.h>
#include <stdlib.h>

enum { READ_BYTES = 4 << 20 };

struct gathering {
	struct log_contents *contents;
	size_t capacity;
	size_t record_count;
};

/* A reader_sink: copies. */
static int gather(void *user, const uint8_t *batch, size_t size, const struct batch_header *header)
{
	struct gathering *gathering = user;
	struct log_contents *contents = gathering->contents;

	if (contents->size + size > gathering->capacity) {
		gathering->capacity = 2 * (contents->size + size);
		contents->bytes = must_realloc(contents->bytes, gathering->capacity);
	}
	memcpy(contents->bytes + contents->size, batch, size);
	contents->size += size;
	contents->batch_count++;
	gathering->record_count += header->record_count;
	return 0;
}

static int read_batches(struct gathering *gathering, struct reader *reader, uint32_t topic_id,
			uint32_t partition, struct error *err)
{
	uint64_t offset = gathering->contents->ends.log_start;
	struct reader_progress progress;
	int rc;

	while ((rc = reader_read(reader, topic_id, partition, offset, READ_BYTES, gather, gathering,
				 &progress, err)) == 1) {
		if (progress.next_offset <= offset)
			return error_set(err, ERROR_CORRUPT, "reading does not go on at offset %" PRIu64,
					 offset);
		offset = progress.next_offset;
	}
	if (rc < 0)
		return error_context(err, "read from offset %" PRIu64, offset);
	if (offset != gathering->contents->ends.visible_end)
		return error_set(err, ERROR_CORRUPT,
				 "reading ends at offset %" PRIu64 ", the visible end is %" PRIu64, offset,
				 gathering->contents->ends.visible_end);
	return 0;
}

static size_t batch_size(const uint8_t *batch)
{
	return BATCH_HEADER_BYTES + load_u32(batch + 44);
}

static int decode_batch(struct log_contents *contents, const uint8_t *batch, struct error *err)
{
	struct batch_cursor cursor;
	int rc;

	if (batch_open(&cursor, batch, batch_size(batch), err) != 0)
		return -1;
	while ((rc = batch_next(&cursor, &contents->records[contents->record_count], err)) == 1) {
		uint64_t expected = contents->ends.log_start + contents->record_count;
		if (contents->records[contents->record_count].offset != expected)
			return error_set(err, ERROR_CORRUPT,
					 "offset %" PRIu64 " where %" PRIu64 " belongs",
					 contents->records[contents->record_count].offset, expected);
		contents->record_count++;
	}
	return rc;
}

static int decode(struct log_contents *contents, struct error *err)
{
	for (size_t at = 0; at < contents->size; at += batch_size(contents->bytes + at))
		if (decode_batch(contents, contents->bytes + at, err) != 0)
			return -1;
	const struct reader_ends *ends = &contents->ends;
	if (ends->log_start + contents->record_count != ends->visible_end)
		return error_set(err, ERROR_CORRUPT,
				 "%zu records from offset %" PRIu64 " to %" PRIu64,
				 contents->record_count, ends->log_start, ends->visible_end);
	if (ends->visible_end == ends->log_end &&
	    (ends->bytes != contents->size || ends->batch_count != contents->batch_count))
		return error_set(err, ERROR_CORRUPT,
				 "%" PRIu64 " bytes in %" PRIu64 " batches are said to be there, not %zu in %zu",
				 ends->bytes, ends->batch_count, contents->size, contents->batch_count);
	return 0;
}

int log_contents_read(struct log_contents *out, struct reader *reader, uint32_t topic_id,
		      uint32_t partition, struct error *err)
{
	struct log_contents contents = { 0 };
	struct gathering gathering = { .contents = &contents };

	if (reader_ends(reader, topic_id, partition, &contents.ends, err) != 0 ||
	    read_batches(&gathering, reader, topic_id, partition, err) != 0)
		goto fail;
	contents.records = must_realloc(NULL, (gathering.record_count + 1) * sizeof(struct record));
	if (decode(&contents, err) != 0)
		goto fail;
	*out = contents;
	return 0;
fail:
	log_contents_clear(&contents);
	return -1;
}

void log_contents_clear(struct log_contents *contents)
{
	free(contents->records);
	free(contents->bytes);
	*contents = (struct log_contents){ 0 };
}
