#include "protocol/message_field.h"

#include <msgpack/pack.h>

static int packed(int rc, struct error *err)
{
	return rc == 0 ? 0 : error_set(err, ERROR_MEMORY, "no memory for a message");
}

static int pack_raw(msgpack_packer *packer, struct bytes raw, struct error *err)
{
	if (raw.size == 0)
		return 0;
	return packed(packer->callback(packer->data, (const char *)raw.data, raw.size), err);
}

static int pack_text(msgpack_packer *packer, const void *data, size_t size, struct error *err)
{
	if (packed(msgpack_pack_str(packer, size), err) != 0)
		return -1;
	return pack_raw(packer, (struct bytes){ data, size }, err);
}

static int pack_struct(const struct message_layout *layout, msgpack_packer *packer,
		       const void *message, struct error *err);

static int pack_choice(const struct message_field *field, msgpack_packer *packer, int choice,
		       struct error *err)
{
	for (int i = 0; field->choices[i] != NULL; i++) {
		if (i + 1 == choice)
			return pack_text(packer, field->choices[i], strlen(field->choices[i]), err);
	}
	return error_set(err, ERROR_INVALID, "choice %d is none", choice);
}

static int pack_list(const struct message_field *field, msgpack_packer *packer,
		     const struct message_list *list, struct error *err)
{
	const struct message_layout *items = field->items;
	const uint8_t *item = list->items;
	int rc = items->form == FORM_PAIR ? msgpack_pack_map(packer, list->count)
					  : msgpack_pack_array(packer, list->count);

	if (packed(rc, err) != 0)
		return -1;
	if (item == NULL)
		return pack_raw(packer, list->encoded, err);
	for (uint32_t i = 0; i < list->count; i++, item += items->struct_bytes) {
		if (pack_struct(items, packer, item, err) != 0)
			return error_context(err, "item %u", i);
	}
	return 0;
}

static int pack_value(const struct message_field *field, msgpack_packer *packer, const void *message,
		      struct error *err)
{
	const void *member = message_field_member(field, message);
	struct bytes bytes;

	switch (field->type) {
	case FIELD_BOOL:
		return packed(*(const bool *)member ? msgpack_pack_true(packer)
						    : msgpack_pack_false(packer), err);
	case FIELD_U32:
		return packed(msgpack_pack_uint32(packer, *(const uint32_t *)member), err);
	case FIELD_U64:
		return packed(msgpack_pack_uint64(packer, *(const uint64_t *)member), err);
	case FIELD_I64:
		return packed(msgpack_pack_int64(packer, *(const int64_t *)member), err);
	case FIELD_TEXT:
	case FIELD_NAME:
	case FIELD_PATTERN:
		bytes = message_field_bytes(field, message);
		return pack_text(packer, bytes.data, bytes.size, err);
	case FIELD_BYTES:
		bytes = message_field_bytes(field, message);
		if (packed(msgpack_pack_bin(packer, bytes.size), err) != 0)
			return -1;
		return pack_raw(packer, bytes, err);
	case FIELD_CHOICE:
		return pack_choice(field, packer, *(const int *)member, err);
	case FIELD_LIST:
		return pack_list(field, packer, member, err);
	case FIELD_STRUCT:
		return pack_struct(field->items, packer, member, err);
	}
	return 0;
}

static int pack_field(const struct message_layout *layout, const struct message_field *field,
		      msgpack_packer *packer, const void *message, struct error *err)
{
	if (layout->form == FORM_MAP &&
	    pack_text(packer, field->name, strlen(field->name), err) != 0)
		return -1;
	if (!field->is_required && message_field_is_absent(field, message))
		return packed(msgpack_pack_nil(packer), err);
	if (message_field_check(field, message, err) != 0 || pack_value(field, packer, message, err) != 0)
		return message_field_name(field, err);
	return 0;
}

static int pack_struct(const struct message_layout *layout, msgpack_packer *packer,
		       const void *message, struct error *err)
{
	bool is_map = layout->form == FORM_MAP;
	size_t sent_count = layout->field_count;

	if (layout->check != NULL && layout->check(message, err) != 0)
		return -1;
	for (size_t i = 0; is_map && i < layout->field_count; i++) {
		const struct message_field *field = &layout->fields[i];
		if (!field->is_required && message_field_is_absent(field, message))
			sent_count--;
	}
	if (is_map && packed(msgpack_pack_map(packer, sent_count), err) != 0)
		return -1;
	if (layout->form == FORM_TUPLE && packed(msgpack_pack_array(packer, sent_count), err) != 0)
		return -1;
	for (size_t i = 0; i < layout->field_count; i++) {
		const struct message_field *field = &layout->fields[i];
		if (is_map && !field->is_required && message_field_is_absent(field, message))
			continue;
		if (pack_field(layout, field, packer, message, err) != 0)
			return -1;
	}
	return 0;
}

int message_list_append(const struct message_layout *items, msgpack_sbuffer *encoded,
			const void *item, struct error *err)
{
	const size_t start = encoded->size;
	msgpack_packer packer;

	msgpack_packer_init(&packer, encoded, msgpack_sbuffer_write);
	if (pack_struct(items, &packer, item, err) != 0) {
		encoded->size = start;
		return -1;
	}
	return 0;
}

int message_encode_head(const struct message_layout *layout, msgpack_sbuffer *frame,
			uint32_t request_id, const void *message, size_t tail_bytes,
			struct error *err)
{
	size_t start;

	if (frame_begin(frame, layout->type, layout->flags, request_id, &start, err) != 0)
		return -1;
	if (message_list_append(layout, frame, message, err) != 0) {
		frame->size = start;
		return error_context(err, "%s", layout->name);
	}
	return frame_end(frame, start, tail_bytes, err);
}

int message_encode(const struct message_layout *layout, msgpack_sbuffer *frame,
		   uint32_t request_id, const void *message, struct error *err)
{
	return message_encode_head(layout, frame, request_id, message, 0, err);
}
