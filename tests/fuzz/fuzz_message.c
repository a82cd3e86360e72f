#include "protocol/message.h"

#include "protocol/message_publish.h"
#include "protocol/message_session.h"
#include "protocol/message_subscription.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STRUCT_BYTES 512

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static bool lies_in(struct bytes bytes, const uint8_t *data, size_t size)
{
	return bytes.data == NULL ||
	       (bytes.data >= data && bytes.size <= size &&
		bytes.data <= data + size - bytes.size);
}

/* All that was read is lent from the input; lists are walked to their end. */
static void check_lent(const struct message_layout *layout, const uint8_t *message,
		       const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < layout->field_count; i++) {
		const struct message_field *field = &layout->fields[i];
		const uint8_t *member = message + field->member;
		if (field->type == FIELD_TEXT || field->type == FIELD_BYTES || field->type == FIELD_NAME ||
		    field->type == FIELD_PATTERN) {
			demand(lies_in(*(const struct bytes *)(const void *)member, data, size));
		} else if (field->type == FIELD_STRUCT) {
			check_lent(field->items, member, data, size);
		} else if (field->type == FIELD_LIST) {
			struct message_list list = *(const struct message_list *)(const void *)member;
			_Alignas(max_align_t) uint8_t item[STRUCT_BYTES];
			demand(lies_in(list.encoded, data, size));
			while (message_list_next(field->items, &list, item))
				check_lent(field->items, item, data, size);
			demand(list.count == 0 && list.encoded.size == 0);
		}
	}
}

/* What was read can be written, and then reads and writes the same. */
static void check_again(const struct message_layout *original, const void *message)
{
	struct message_layout layout = *original;
	_Alignas(max_align_t) uint8_t again[STRUCT_BYTES];
	msgpack_sbuffer first, second;
	struct error err = { 0 };

	layout.type = FRAME_PING; /* of no matter, but a frame has one */
	msgpack_sbuffer_init(&first);
	msgpack_sbuffer_init(&second);
	if (message_encode(&layout, &first, 1, message, &err) == 0) {
		struct bytes body = { (const uint8_t *)first.data + FRAME_HEADER_BYTES,
				      first.size - FRAME_HEADER_BYTES };
		demand(message_decode(&layout, body, again, &err) == 0);
		demand(message_encode(&layout, &second, 1, again, &err) == 0);
		demand(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
	} else {
		/* A choice to come is understood as such, and cannot be sent on. */
		demand(err.code == ERROR_INVALID && original == &message_notice_layout);
	}
	msgpack_sbuffer_destroy(&first);
	msgpack_sbuffer_destroy(&second);
}

static void walk_records(const struct message_publish *publish, const uint8_t *data, size_t size)
{
	struct message_publish_cursor cursor;
	struct message_publish_record record;
	struct error err = { 0 };
	uint32_t count = 0;
	int rc;

	message_publish_open(&cursor, publish);
	while ((rc = message_publish_next(&cursor, &record, &err)) == 1) {
		demand(lies_in(record.body, data, size) && record.body.size >= 3);
		demand(lies_in(record.key.bytes, data, size));
		demand(record.key.kind != CONTENT_ARRAY);
		count++;
	}
	demand(rc == -1 || count == publish->count);
	demand(rc == 0 || err.code == ERROR_MALFORMED || err.code == ERROR_LIMIT);
}

static void walk_batches(struct message_batches *message, const uint8_t *data, size_t size)
{
	struct bytes batch;
	struct error err = { 0 };
	struct batch_cursor cursor;
	struct record record;

	while (message_batches_next(&message->batches, &batch, &err) == 1) {
		demand(lies_in(batch, data, size) && batch.size >= BATCH_HEADER_BYTES);
		demand(batch_open(&cursor, batch.data, batch.size, &err) == 0);
		while (batch_next(&cursor, &record, &err) == 1)
			;
	}
}

static void check_tail(const struct message_layout *layout, struct bytes body)
{
	struct error err = { 0 };

	if (layout == &message_publish_layout) {
		struct message_publish publish;
		if (message_publish_decode(body, &publish, &err) == 0)
			walk_records(&publish, body.data, body.size);
	} else if (layout == &message_batches_layout) {
		struct message_batches batches;
		if (message_batches_decode(body, &batches, &err) == 0)
			walk_batches(&batches, body.data, body.size);
	}
}

/* The input: u8 type, u8 flags, then a body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_Alignas(max_align_t) uint8_t message[STRUCT_BYTES], before[STRUCT_BYTES];
	const struct message_layout *layout;
	struct error err = { 0 };

	if (size < 2)
		return 0;
	layout = (data[1] & FRAME_FLAG_ERROR) != 0
			 ? &message_error_layout
			 : message_layout_of(data[0], (data[1] & FRAME_FLAG_REPLY) != 0);
	if (layout == NULL)
		return 0;
	const struct bytes body = { data + 2, size - 2 };
	memset(message, 0xa5, sizeof(message));
	memcpy(before, message, sizeof(before));
	if (message_decode(layout, body, message, &err) != 0) {
		demand(err.code == ERROR_MALFORMED || err.code == ERROR_LIMIT ||
		       err.code == ERROR_INVALID || err.code == ERROR_UNSUPPORTED);
		demand(err.text[0] != '\0');
		demand(memcmp(message, before, sizeof(before)) == 0);
	} else {
		check_lent(layout, message, body.data, body.size);
		check_again(layout, message);
	}
	check_tail(layout, body);
	return 0;
}
