#include "protocol/message_publish.h"

#include "protocol/message_table.h"

#include <msgpack/pack.h>

#define PUBLISHED_ITEMS 4

static int check_publish(const void *message, struct error *err)
{
	const struct message_publish *publish = message;

	if (publish->producer != PUBLISH_NO_PRODUCER && publish->partition == PUBLISH_ANY_PARTITION)
		return error_set(err, ERROR_INVALID,
				 "a 'producer' has to say which 'partition': its sequence counts by it");
	return 0;
}

#define MEMBER(member) offsetof(struct message_publish, member)
static const struct message_field publish_fields[] = {
	REQUIRED(topic, FIELD_NAME),
	OPTIONAL(partition, FIELD_U32, .absent = PUBLISH_ANY_PARTITION, .most = UINT32_MAX - 1),
	OPTIONAL(producer, FIELD_U64, .absent = PUBLISH_NO_PRODUCER),
	OPTIONAL(sequence, FIELD_U64),
	REQUIRED(count, FIELD_U32, .least = 1, .most = PUBLISH_RECORDS_MAX),
};
BODY(publish, "PUBLISH", FRAME_PUBLISH, 0, .check = check_publish)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_range, member)
static const struct message_field range_fields[] = {
	REQUIRED(partition, FIELD_U32),
	REQUIRED(first_offset, FIELD_U64),
	REQUIRED(count, FIELD_U32, .least = 1),
};
PART(range, FORM_TUPLE)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_publish_reply, member)
static const struct message_field publish_reply_fields[] = {
	REQUIRED(ranges, FIELD_LIST, ITEMS(range), .most = PUBLISH_RECORDS_MAX),
	OPTIONAL(duplicate, FIELD_BOOL),
};
BODY(publish_reply, "PUBLISH reply", FRAME_PUBLISH, FRAME_FLAG_REPLY)
#undef MEMBER

int message_publish_encode_head(msgpack_sbuffer *frame, uint32_t request_id,
				const struct message_publish *message, size_t records_bytes,
				struct error *err)
{
	return message_encode_head(&message_publish_layout, frame, request_id, message,
				   records_bytes, err);
}

int message_publish_decode(struct bytes body, struct message_publish *out, struct error *err)
{
	struct unpack unpack = unpack_over(body.data, body.size);
	struct message_publish message;

	if (message_decode_head(&message_publish_layout, &unpack, &message, err) != 0)
		return -1;
	message.records = (struct bytes){ unpack.at, (size_t)(unpack.end - unpack.at) };
	*out = message;
	return 0;
}

int message_publish_append(msgpack_sbuffer *records, int64_t time_us, const struct content *key,
			   const struct content *value, struct bytes headers, struct error *err)
{
	const size_t start = records->size;
	msgpack_packer packer;

	if (key->kind == CONTENT_ARRAY || value->kind == CONTENT_ARRAY)
		return error_set(err, ERROR_INVALID, "a published key or value is bytes or nothing");
	msgpack_packer_init(&packer, records, msgpack_sbuffer_write);
	if (msgpack_pack_array(&packer, PUBLISHED_ITEMS) != 0 ||
	    msgpack_pack_int64(&packer, time_us) != 0) {
		error_set(err, ERROR_MEMORY, "no memory for a record");
		goto fail;
	}
	if (record_body_encode(records, key, value, headers, err) != 0)
		goto fail;
	return 0;
fail:
	records->size = start;
	return -1;
}

void message_publish_open(struct message_publish_cursor *out, const struct message_publish *publish)
{
	*out = (struct message_publish_cursor){
		.records = unpack_over(publish->records.data, publish->records.size),
		.left_count = publish->count,
	};
}

static int read_content(struct unpack *unpack, const char *what, struct content *out,
			struct error *err)
{
	struct unpack_item item;

	if (unpack_next(unpack, &item, err) != 0)
		return error_context(err, "%s", what);
	if (item.type == UNPACK_NIL)
		*out = (struct content){ .kind = CONTENT_NIL };
	else if (item.type == UNPACK_BYTES)
		*out = (struct content){ .kind = CONTENT_BYTES, .bytes = item.bytes };
	else
		return error_set(err, ERROR_MALFORMED, "a published %s is nil or bin", what);
	return 0;
}

static int check_headers(struct unpack *unpack, struct error *err)
{
	struct record record = { 0 };
	struct bytes name, value;
	int rc;

	if (unpack_nil(unpack))
		return 0;
	if (unpack_skip(unpack, &record.headers, err) != 0)
		return error_context(err, "headers");
	struct unpack headers = record_headers(&record);
	while ((rc = record_header_next(&headers, &name, &value, err)) == 1)
		;
	return rc == 0 ? 0 : error_context(err, "headers");
}

static int read_record(struct unpack *unpack, struct message_publish_record *out,
		       struct error *err)
{
	struct content value;
	uint32_t item_count;

	if (unpack_array(unpack, &item_count, err) != 0)
		return -1;
	if (item_count != PUBLISHED_ITEMS)
		return error_set(err, ERROR_MALFORMED, "an array of %u items, %d belong there", item_count,
				 PUBLISHED_ITEMS);
	if (unpack_i64(unpack, &out->time_us, err) != 0)
		return error_context(err, "time");
	const uint8_t *body = unpack->at;
	if (read_content(unpack, "key", &out->key, err) != 0 ||
	    read_content(unpack, "value", &value, err) != 0 || check_headers(unpack, err) != 0)
		return -1;
	out->body = (struct bytes){ body, (size_t)(unpack->at - body) };
	return 0;
}

int message_publish_next(struct message_publish_cursor *cursor, struct message_publish_record *out,
			 struct error *err)
{
	struct unpack next = cursor->records;
	struct message_publish_record record;

	if (cursor->left_count == 0) {
		if (unpack_at_end(&next))
			return 0;
		return error_set(err, ERROR_MALFORMED, "PUBLISH: %zu bytes behind %u records",
				 (size_t)(next.end - next.at), cursor->read_count);
	}
	if (read_record(&next, &record, err) != 0)
		return error_context(err, "PUBLISH: record %u", cursor->read_count);
	cursor->records = next;
	cursor->left_count--;
	cursor->read_count++;
	*out = record;
	return 1;
}
