#include "storage/submission.h"

#include "storage/entry.h"
#include "storage/sources.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A submission of one small record takes one small piece of memory; a large
 * one, pieces that stay below what malloc would map and unmap each time.  A large
 * record gets a piece of its own: in one of the others it would leave too much
 * unused for the queue's limit to mean what it says. */
#define CHUNK_BYTES_FIRST       1024
#define CHUNK_BYTES_MOST        (96u * 1024)
#define CHUNK_BYTES_OWN         (CHUNK_BYTES_MOST / 8)

int submission_create(struct submission **out, uint16_t source_id, struct error *err)
{
	struct submission *submission = calloc(1, sizeof(*submission));
	if (submission == NULL)
		return error_set(err, ERROR_MEMORY, "making a submission");
	submission->item.kind = ITEM_SUBMISSION;
	submission->item.bytes = sizeof(*submission);
	submission->chunk_bytes = CHUNK_BYTES_FIRST;
	submission->source_id = source_id;
	*out = submission;
	return 0;
}

static void bytes_free(struct bytes bytes)
{
	/* Owned bytes are const to their readers alone. */
	union {
		const uint8_t *in;
		void *out;
	} data = { .in = bytes.data };
	free(data.out);
}

void submission_destroy(struct submission *submission)
{
	if (submission == NULL)
		return;
	while (submission->first != NULL) {
		struct chunk *next = submission->first->next;
		free(submission->first);
		submission->first = next;
	}
	while (submission->schemas != NULL) {
		struct schema_entry *next = submission->schemas->next;
		free(submission->schemas);
		submission->schemas = next;
	}
	bytes_free(submission->position);
	bytes_free(submission->snapshot_progress);
	free(submission);
}

static size_t entry_bytes(size_t body_bytes)
{
	size_t align = _Alignof(struct entry);
	return (sizeof(struct entry) + body_bytes + align - 1) & ~(align - 1);
}

/* Room for size bytes at the end of the last chunk, or of a new one. */
static void *reserve(struct submission *submission, size_t size)
{
	struct chunk *last = submission->last;
	if (last == NULL || last->capacity_bytes - last->used_bytes < size) {
		size_t capacity = size;
		size_t next_capacity = CHUNK_BYTES_FIRST;
		if (size < CHUNK_BYTES_OWN) {
			capacity = size > submission->chunk_bytes ? size : submission->chunk_bytes;
			next_capacity = capacity * 2 < CHUNK_BYTES_MOST ? capacity * 2 : CHUNK_BYTES_MOST;
		}
		struct chunk *chunk = malloc(sizeof(*chunk) + capacity);
		if (chunk == NULL)
			return NULL;
		*chunk = (struct chunk){ .capacity_bytes = capacity };
		submission->chunk_bytes = next_capacity;
		if (last == NULL)
			submission->first = chunk;
		else
			last->next = chunk;
		submission->last = last = chunk;
	}
	void *room = last->data + last->used_bytes;
	last->used_bytes += size;
	return room;
}

static int check_limits(const struct submission *submission, size_t body_bytes, int64_t time_us,
			struct error *err)
{
	if (body_bytes > RECORD_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "a record of %zu bytes; the most is %u", body_bytes,
				 RECORD_BYTES_MAX);
	if (submission->item.record_count > 0 &&
	    submission->item.bytes + entry_bytes(body_bytes) > SUBMISSION_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "the submission is full at %zu bytes",
				 submission->item.bytes);
	if (time_us > RECORD_TIME_US_MAX || time_us < -RECORD_TIME_US_MAX)
		return error_set(err, ERROR_INVALID, "a record's time of %lld µs is out of range",
				 (long long)time_us);
	return 0;
}

/* A record whose body the caller writes at once; NULL: err says why. */
static struct entry *add_entry(struct submission *submission, uint32_t topic_id,
			       uint32_t partition, size_t body_bytes, int64_t time_us,
			       struct error *err)
{
	if (check_limits(submission, body_bytes, time_us, err) != 0)
		return NULL;
	struct entry *entry = reserve(submission, entry_bytes(body_bytes));
	if (entry == NULL) {
		error_set(err, ERROR_MEMORY, "a record of %zu bytes", body_bytes);
		return NULL;
	}
	*entry = (struct entry){
		.time_us = time_us,
		.topic_id = topic_id,
		.partition = partition,
		.body_bytes = (uint32_t)body_bytes,
	};
	submission->item.record_count++;
	submission->item.bytes += entry_bytes(body_bytes);
	return entry;
}

int submission_add_body(struct submission *submission, uint32_t topic_id, uint32_t partition,
			struct bytes body, int64_t time_us, struct error *err)
{
	struct entry *entry =
		add_entry(submission, topic_id, partition, body.size, time_us, err);
	if (entry == NULL)
		return -1;
	memcpy(entry->body, body.data, body.size);
	return 0;
}

int submission_add_room(struct submission *submission, uint32_t topic_id, uint32_t partition,
			size_t body_bytes, int64_t time_us, uint8_t **out, struct error *err)
{
	struct entry *entry =
		add_entry(submission, topic_id, partition, body_bytes, time_us, err);
	if (entry == NULL)
		return -1;
	*out = entry->body;
	return 0;
}

int submission_add(struct submission *submission, uint32_t topic_id, uint32_t partition,
		   const struct content *key, const struct content *value, struct bytes headers,
		   int64_t time_us, struct error *err)
{
	size_t body_bytes = record_body_size(key, value, headers);
	struct entry *entry =
		add_entry(submission, topic_id, partition, body_bytes, time_us, err);
	if (entry == NULL)
		return -1;
	/* Encodes straight into the entry: a buffer that has room never grows. */
	msgpack_sbuffer body = { .data = (char *)entry->body, .alloc = body_bytes };
	int rc = record_body_encode(&body, key, value, headers, NULL);
	assert(rc == 0 && body.size == body_bytes);
	(void)rc;
	return 0;
}

int submission_add_schema(struct submission *submission, uint32_t schema_id,
			  struct bytes encoded, struct error *err)
{
	struct schema_entry *entry = malloc(sizeof(*entry) + encoded.size);
	if (entry == NULL)
		return error_set(err, ERROR_MEMORY, "a schema of %zu bytes", encoded.size);
	*entry = (struct schema_entry){ .schema_id = schema_id, .size = (uint32_t)encoded.size };
	memcpy(entry->encoded, encoded.data, encoded.size);

	struct schema_entry **end = &submission->schemas;
	while (*end != NULL)
		end = &(*end)->next;
	*end = entry;
	submission->item.bytes += sizeof(*entry) + encoded.size;
	return 0;
}

static int set_bytes(struct submission *submission, struct bytes *member, struct bytes bytes,
		     size_t bytes_max, struct error *err)
{
	if (bytes.size > bytes_max)
		return error_set(err, ERROR_LIMIT, "it has %zu bytes; the most is %zu", bytes.size,
				 bytes_max);
	/* Never NULL: that would be none at all. */
	uint8_t *copy = malloc(bytes.size + 1);
	if (copy == NULL)
		return error_set(err, ERROR_MEMORY, "%zu bytes", bytes.size);
	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	submission->item.bytes += bytes.size;
	submission->item.bytes -= member->size;
	bytes_free(*member);
	*member = (struct bytes){ copy, bytes.size };
	return 0;
}

int submission_set_position(struct submission *submission, struct bytes position,
			    struct error *err)
{
	if (set_bytes(submission, &submission->position, position, SOURCE_POSITION_BYTES_MAX, err) != 0)
		return error_context(err, "the position");
	return 0;
}

int submission_set_snapshot_progress(struct submission *submission, struct bytes progress,
				     struct error *err)
{
	if (set_bytes(submission, &submission->snapshot_progress, progress,
		      SOURCE_SNAPSHOT_PROGRESS_BYTES_MAX, err) != 0)
		return error_context(err, "the snapshot progress");
	return 0;
}

void submission_set_continues(struct submission *submission)
{
	submission->continues = true;
}

void submission_set_producer(struct submission *submission, uint64_t producer_id,
			     uint64_t sequence)
{
	submission->producer_id = producer_id;
	submission->sequence = sequence;
}

void submission_set_done(struct submission *submission, submission_done *on_done, void *user)
{
	submission->on_done = on_done;
	submission->user = user;
}

void submission_set_mark(struct submission *submission, int64_t mark)
{
	submission->mark = mark;
}

int64_t submission_mark(const struct submission *submission)
{
	return submission->mark;
}

struct bytes submission_position(const struct submission *submission)
{
	return submission->position;
}

uint16_t submission_source_id(const struct submission *submission)
{
	return submission->source_id;
}

size_t submission_record_count(const struct submission *submission)
{
	return submission->item.record_count;
}

size_t submission_bytes(const struct submission *submission)
{
	return submission->item.bytes;
}

struct entry *submission_next_entry(const struct submission *submission,
				    struct submission_cursor *cursor)
{
	union {
		const void *in;
		struct chunk *out;
	} chunk = { .in = cursor->chunk };
	if (chunk.out == NULL)
		chunk.out = submission->first;
	while (chunk.out != NULL && cursor->at == chunk.out->used_bytes) {
		if (chunk.out->next == NULL)
			return NULL;
		chunk.out = chunk.out->next;
		cursor->at = 0;
	}
	cursor->chunk = chunk.out;
	if (chunk.out == NULL)
		return NULL;
	struct entry *entry = (struct entry *)(void *)(chunk.out->data + cursor->at);
	cursor->at += entry_bytes(entry->body_bytes);
	return entry;
}

int submission_next(const struct submission *submission, struct submission_cursor *cursor,
		    struct submission_place *out)
{
	const struct entry *entry = submission_next_entry(submission, cursor);
	if (entry == NULL)
		return 0;
	*out = (struct submission_place){ entry->topic_id, entry->partition, entry->offset };
	return 1;
}
