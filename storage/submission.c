#include "storage/submission.h"

#include "storage/entry.h"

#include <stdlib.h>
#include <string.h>

/* A submission of one small record takes one small piece of memory; a large
 * one, pieces that stay below what malloc would map and unmap each time. */
#define CHUNK_BYTES_FIRST       1024
#define CHUNK_BYTES_MOST        (96u * 1024)

int submission_create(struct submission **out, uint16_t source_id, struct error *err)
{
	struct submission *submission = calloc(1, sizeof(*submission));
	if (submission == NULL)
		return error_set(err, ERROR_MEMORY, "making a submission");
	submission->item.kind = ITEM_SUBMISSION;
	submission->source_id = source_id;
	msgpack_sbuffer_init(&submission->scratch);
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
	msgpack_sbuffer_destroy(&submission->scratch);
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
		size_t capacity = last == NULL ? CHUNK_BYTES_FIRST : last->capacity_bytes * 2;
		if (capacity > CHUNK_BYTES_MOST)
			capacity = CHUNK_BYTES_MOST;
		if (capacity < size)
			capacity = size;
		struct chunk *chunk = malloc(sizeof(*chunk) + capacity);
		if (chunk == NULL)
			return NULL;
		*chunk = (struct chunk){ .capacity_bytes = capacity };
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

int submission_add_body(struct submission *submission, uint32_t topic_id, uint32_t partition,
			struct bytes body, int64_t time_us, struct error *err)
{
	if (body.size > RECORD_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "a record of %zu bytes; the most is %u", body.size,
				 RECORD_BYTES_MAX);
	if (submission->item.record_count > 0 &&
	    submission->item.bytes + body.size > SUBMISSION_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "the submission is full at %zu bytes",
				 submission->item.bytes);
	struct entry *entry = reserve(submission, entry_bytes(body.size));
	if (entry == NULL)
		return error_set(err, ERROR_MEMORY, "a record of %zu bytes", body.size);
	*entry = (struct entry){
		.time_us = time_us,
		.topic_id = topic_id,
		.partition = partition,
		.body_bytes = (uint32_t)body.size,
	};
	memcpy(entry->body, body.data, body.size);
	submission->item.record_count++;
	submission->item.bytes += body.size;
	return 0;
}

int submission_add(struct submission *submission, uint32_t topic_id, uint32_t partition,
		   const struct content *key, const struct content *value, struct bytes headers,
		   int64_t time_us, struct error *err)
{
	if (key->bytes.size + value->bytes.size > RECORD_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "a record of %zu bytes; the most is %u",
				 key->bytes.size + value->bytes.size, RECORD_BYTES_MAX);
	msgpack_sbuffer_clear(&submission->scratch);
	if (record_body_encode(&submission->scratch, key, value, headers, err) != 0)
		return -1;
	struct bytes body = { (const uint8_t *)submission->scratch.data, submission->scratch.size };
	return submission_add_body(submission, topic_id, partition, body, time_us, err);
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
	return 0;
}

static int set_bytes(struct bytes *member, struct bytes bytes, struct error *err)
{
	uint8_t *copy = malloc(bytes.size + 1);
	if (copy == NULL)
		return error_set(err, ERROR_MEMORY, "a position of %zu bytes", bytes.size);
	memcpy(copy, bytes.data, bytes.size);
	bytes_free(*member);
	*member = (struct bytes){ copy, bytes.size };
	return 0;
}

int submission_set_position(struct submission *submission, struct bytes position,
			    struct error *err)
{
	return set_bytes(&submission->position, position, err);
}

int submission_set_snapshot_progress(struct submission *submission, struct bytes progress,
				     struct error *err)
{
	return set_bytes(&submission->snapshot_progress, progress, err);
}

void submission_set_continues(struct submission *submission)
{
	submission->continues = true;
}

void submission_set_done(struct submission *submission, submission_done *on_done, void *user)
{
	submission->on_done = on_done;
	submission->user = user;
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
