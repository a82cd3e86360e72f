#include "tests/support/message_json.h"

#include "protocol/message_field.h"
#include "protocol/message_publish.h"
#include "protocol/message_subscription.h"

#include <stdlib.h>

static void add_bytes(struct json *json, struct bytes bytes)
{
	json_begin_object(json);
	json_name(json, "hex");
	json_hex(json, bytes);
	json_end_object(json);
}

static void add_item(struct json *json, const struct message_layout *items, const void *item)
{
	if (items->form == FORM_PAIR) {
		const struct message_option *option = item;
		json_name_text(json, option->name);
		json_text(json, option->value);
		return;
	}
	message_json_add(json, items, item);
}

static void add_list(struct json *json, const struct message_layout *items,
		     struct message_list list)
{
	union {
		max_align_t align;
		uint8_t bytes[512];
	} item;

	if (items->form == FORM_PAIR)
		json_begin_object(json);
	else
		json_begin_array(json);
	while (message_list_next(items, &list, &item))
		add_item(json, items, &item);
	if (items->form == FORM_PAIR)
		json_end_object(json);
	else
		json_end_array(json);
}

static void add_value(struct json *json, const struct message_field *field, const void *member)
{
	const int *choice = member;

	switch (field->type) {
	case FIELD_BOOL:
		json_bool(json, *(const bool *)member);
		break;
	case FIELD_U32:
		json_u64(json, *(const uint32_t *)member);
		break;
	case FIELD_U64:
		json_u64(json, *(const uint64_t *)member);
		break;
	case FIELD_I64:
		json_i64(json, *(const int64_t *)member);
		break;
	case FIELD_TEXT:
	case FIELD_NAME:
	case FIELD_PATTERN:
		json_text(json, *(const struct bytes *)member);
		break;
	case FIELD_BYTES:
		add_bytes(json, *(const struct bytes *)member);
		break;
	case FIELD_CHOICE:
		if (*choice == 0)
			json_null(json);
		else
			json_string(json, field->choices[*choice - 1]);
		break;
	case FIELD_LIST:
		add_list(json, field->items, *(const struct message_list *)member);
		break;
	case FIELD_STRUCT:
		message_json_add(json, field->items, member);
		break;
	}
}

void message_json_add(struct json *json, const struct message_layout *layout, const void *message)
{
	if (layout->form == FORM_MAP)
		json_begin_object(json);
	else if (layout->form == FORM_TUPLE)
		json_begin_array(json);
	for (size_t i = 0; i < layout->field_count; i++) {
		const struct message_field *field = &layout->fields[i];
		bool is_absent = !field->is_required && message_field_is_absent(field, message);
		if (layout->form == FORM_MAP && is_absent)
			continue;
		if (layout->form == FORM_MAP)
			json_name(json, field->name);
		if (is_absent)
			json_null(json);
		else
			add_value(json, field, message_field_member(field, message));
	}
	if (layout->form == FORM_MAP)
		json_end_object(json);
	else if (layout->form == FORM_TUPLE)
		json_end_array(json);
}

static void add_content(struct json *json, const struct content *content)
{
	if (content->kind == CONTENT_NIL) {
		json_null(json);
	} else if (content->kind == CONTENT_BYTES) {
		add_bytes(json, content->bytes);
	} else {
		json_begin_object(json);
		json_name(json, "msgpack");
		json_hex(json, content->bytes);
		json_end_object(json);
	}
}

static int add_headers(struct json *json, const struct record *record, struct error *err)
{
	struct unpack headers = record_headers(record);
	struct bytes name, value;
	int rc;

	if (record->headers.data == NULL) {
		json_null(json);
		return 0;
	}
	json_begin_array(json);
	while ((rc = record_header_next(&headers, &name, &value, err)) == 1) {
		json_begin_array(json);
		json_text(json, name);
		if (value.data == NULL)
			json_null(json);
		else
			add_bytes(json, value);
		json_end_array(json);
	}
	json_end_array(json);
	return rc;
}

static int add_record(struct json *json, const struct record *record, bool is_published,
		      struct error *err)
{
	json_begin_array(json);
	if (!is_published)
		json_u64(json, record->offset);
	json_i64(json, record->time_us);
	add_content(json, &record->key);
	add_content(json, &record->value);
	int rc = add_headers(json, record, err);
	json_end_array(json);
	return rc;
}

/* A published record's body has become a record's: read it as the log would. */
static int add_published(struct json *json, const struct message_publish_record *published,
			 struct error *err)
{
	msgpack_sbuffer buffer;
	uint8_t prefix[RECORD_PREFIX_BYTES_MAX];
	struct record record;
	size_t prefix_bytes = record_prefix_encode(prefix, 0, 0, 0);

	msgpack_sbuffer_init(&buffer);
	if (msgpack_sbuffer_write(&buffer, (const char *)prefix, prefix_bytes) != 0 ||
	    msgpack_sbuffer_write(&buffer, (const char *)published->body.data, published->body.size) != 0)
		abort();
	struct unpack unpack = unpack_over(buffer.data, buffer.size);
	int rc = record_decode(&unpack, 0, published->time_us, 0, &record, err);
	if (rc == 0 && !unpack_at_end(&unpack))
		abort();
	if (rc == 0)
		rc = add_record(json, &record, true, err);
	msgpack_sbuffer_destroy(&buffer);
	return rc;
}

static int add_publish(struct json *json, const struct frame *frame, struct error *err)
{
	struct message_publish publish;
	struct message_publish_cursor cursor;
	struct message_publish_record record;
	int rc;

	if (message_publish_decode(frame->body, &publish, err) != 0)
		return -1;
	message_publish_open(&cursor, &publish);
	json_name(json, "records");
	json_begin_array(json);
	while ((rc = message_publish_next(&cursor, &record, err)) == 1) {
		if (add_published(json, &record, err) != 0)
			return -1;
	}
	json_end_array(json);
	return rc;
}

static int add_batch(struct json *json, struct bytes batch, struct error *err)
{
	struct batch_cursor cursor;
	struct record record;
	int rc;

	if (batch_open(&cursor, batch.data, batch.size, err) != 0)
		return -1;
	json_begin_object(json);
	json_name(json, "base_offset");
	json_u64(json, cursor.header.base_offset);
	json_name(json, "append_time_us");
	json_i64(json, cursor.header.append_time_us);
	json_name(json, "records");
	json_begin_array(json);
	while ((rc = batch_next(&cursor, &record, err)) == 1) {
		if (add_record(json, &record, false, err) != 0)
			return -1;
	}
	json_end_array(json);
	json_end_object(json);
	return rc;
}

static int add_batches(struct json *json, const struct frame *frame, struct error *err)
{
	struct message_batches message;
	struct bytes batch;
	uint8_t key[BATCH_KEY_BYTES];
	int rc;

	if (message_batches_decode(frame->body, &message, err) != 0)
		return -1;
	json_name(json, "batches");
	json_begin_array(json);
	while ((rc = message_batches_next(&message.batches, &batch, err)) == 1) {
		batch_key_encode(key, message.topic_id, message.partition, load_u64(batch.data + 8));
		if (batch_check(batch.data, batch.size, key, err) != 0 ||
		    add_batch(json, batch, err) != 0)
			return -1;
	}
	json_end_array(json);
	return rc;
}

int message_json_add_tail(struct json *json, const struct frame *frame, struct error *err)
{
	if (frame->type == FRAME_PUBLISH && frame->flags == 0)
		return add_publish(json, frame, err);
	if (frame->type == FRAME_BATCHES && frame->flags == 0)
		return add_batches(json, frame, err);
	return 0;
}
