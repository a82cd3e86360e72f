#include "protocol/message_field.h"

#include <assert.h>

/* Room for any struct of a message: a body is read into it first, so that a failure
 * leaves the caller's struct alone. */
#define STRUCT_BYTES_MAX 512

union any_struct {
	max_align_t align;
	uint8_t bytes[STRUCT_BYTES_MAX];
};

static void *place_of(const struct message_field *field, void *message)
{
	return (uint8_t *)message + field->member;
}

static int read_struct(const struct message_layout *layout, struct unpack *unpack, void *out,
		       struct error *err);

static int read_u32(struct unpack *unpack, uint32_t *out, struct error *err)
{
	uint64_t number;

	if (unpack_u64(unpack, &number, err) != 0)
		return -1;
	if (number > UINT32_MAX)
		return error_set(err, ERROR_LIMIT, "%llu, %u are allowed", (unsigned long long)number,
				 UINT32_MAX);
	*out = (uint32_t)number;
	return 0;
}

static int read_choice(const struct message_field *field, struct unpack *unpack, int *out,
		       struct error *err)
{
	struct bytes text;

	if (unpack_text(unpack, &text, err) != 0)
		return -1;
	for (int i = 0; field->choices[i] != NULL; i++) {
		if (text.size == strlen(field->choices[i]) &&
		    memcmp(text.data, field->choices[i], text.size) == 0) {
			*out = i + 1;
			return 0;
		}
	}
	if (!field->is_open)
		return error_set(err, ERROR_UNSUPPORTED, "the choice is not known here");
	*out = 0;
	return 0;
}

static int read_list(const struct message_field *field, struct unpack *unpack,
		     struct message_list *out, struct error *err)
{
	const struct message_layout *items = field->items;
	union any_struct scratch;
	uint32_t count;
	int rc = items->form == FORM_PAIR ? unpack_map(unpack, &count, err)
					  : unpack_array(unpack, &count, err);

	if (rc != 0 || message_field_check_size(field, count, "items", err) != 0)
		return -1;
	const uint8_t *start = unpack->at;
	for (uint32_t i = 0; i < count; i++) {
		if (read_struct(items, unpack, &scratch, err) != 0)
			return error_context(err, "item %u", i);
	}
	*out = (struct message_list){
		.count = count,
		.encoded = { start, (size_t)(unpack->at - start) },
	};
	return 0;
}

static int read_value(const struct message_field *field, struct unpack *unpack, void *out,
		      struct error *err)
{
	switch (field->type) {
	case FIELD_BOOL:
		return unpack_bool(unpack, out, err);
	case FIELD_U32:
		return read_u32(unpack, out, err);
	case FIELD_U64:
		return unpack_u64(unpack, out, err);
	case FIELD_I64:
		return unpack_i64(unpack, out, err);
	case FIELD_TEXT:
	case FIELD_NAME:
	case FIELD_PATTERN:
		return unpack_text(unpack, out, err);
	case FIELD_BYTES:
		return unpack_bytes(unpack, out, err);
	case FIELD_CHOICE:
		return read_choice(field, unpack, out, err);
	case FIELD_LIST:
		return read_list(field, unpack, out, err);
	case FIELD_STRUCT:
		return read_struct(field->items, unpack, out, err);
	}
	return 0;
}

static int read_field(const struct message_field *field, struct unpack *unpack, void *out,
		      struct error *err)
{
	if (!field->is_required && unpack_nil(unpack))
		return 0;
	if (read_value(field, unpack, place_of(field, out), err) != 0 ||
	    message_field_check(field, out, err) != 0)
		return message_field_name(field, err);
	return 0;
}

static void set_absent(const struct message_layout *layout, void *out)
{
	memset(out, 0, layout->struct_bytes);
	for (size_t i = 0; i < layout->field_count; i++) {
		const struct message_field *field = &layout->fields[i];
		void *member = place_of(field, out);
		if (field->absent == 0)
			continue;
		if (field->type == FIELD_U32)
			*(uint32_t *)member = (uint32_t)field->absent;
		else if (field->type == FIELD_U64 || field->type == FIELD_I64)
			*(uint64_t *)member = field->absent;
		else if (field->type == FIELD_CHOICE)
			*(int *)member = (int)field->absent;
		else if (field->type == FIELD_BOOL)
			*(bool *)member = true;
	}
}

static size_t find_field(const struct message_layout *layout, struct bytes key)
{
	for (size_t i = 0; i < layout->field_count; i++) {
		const char *name = layout->fields[i].name;
		if (key.size == strlen(name) && memcmp(key.data, name, key.size) == 0)
			return i;
	}
	return layout->field_count;
}

static int read_map(const struct message_layout *layout, struct unpack *unpack, void *out,
		    struct error *err)
{
	uint64_t seen = 0;
	uint32_t pair_count;
	struct bytes key;

	if (unpack_map(unpack, &pair_count, err) != 0)
		return -1;
	if (pair_count > MESSAGE_KEYS_MAX)
		return error_set(err, ERROR_LIMIT, "a map of %u keys, %d are allowed", pair_count,
				 MESSAGE_KEYS_MAX);
	for (; pair_count > 0; pair_count--) {
		if (unpack_text(unpack, &key, err) != 0)
			return error_context(err, "a key");
		size_t i = find_field(layout, key);
		if (i == layout->field_count) {
			if (unpack_skip(unpack, NULL, err) != 0)
				return error_context(err, "an unknown key");
			continue;
		}
		if ((seen & 1ull << i) != 0)
			return error_set(err, ERROR_MALFORMED, "'%s' stands there twice",
					 layout->fields[i].name);
		seen |= 1ull << i;
		if (read_field(&layout->fields[i], unpack, out, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < layout->field_count; i++) {
		if (layout->fields[i].is_required && (seen & 1ull << i) == 0)
			return error_set(err, ERROR_MALFORMED, "'%s' is missing", layout->fields[i].name);
	}
	return 0;
}

static int read_items(const struct message_layout *layout, struct unpack *unpack, void *out,
		      struct error *err)
{
	uint32_t item_count = (uint32_t)layout->field_count;

	if (layout->form == FORM_TUPLE && unpack_array(unpack, &item_count, err) != 0)
		return -1;
	if (item_count < layout->field_count)
		return error_set(err, ERROR_MALFORMED, "an array of %u items, %zu belong there", item_count,
				 layout->field_count);
	for (size_t i = 0; i < layout->field_count; i++) {
		if (read_field(&layout->fields[i], unpack, out, err) != 0)
			return -1;
	}
	for (uint32_t i = (uint32_t)layout->field_count; i < item_count; i++) {
		if (unpack_skip(unpack, NULL, err) != 0)
			return -1;
	}
	return 0;
}

static int read_struct(const struct message_layout *layout, struct unpack *unpack, void *out,
		       struct error *err)
{
	int rc;

	assert(layout->struct_bytes <= STRUCT_BYTES_MAX);
	set_absent(layout, out);
	if (layout->form == FORM_MAP)
		rc = read_map(layout, unpack, out, err);
	else
		rc = read_items(layout, unpack, out, err);
	if (rc != 0)
		return -1;
	return layout->check == NULL ? 0 : layout->check(out, err);
}

int message_decode_head(const struct message_layout *layout, struct unpack *body, void *out,
			struct error *err)
{
	struct unpack next = *body;
	union any_struct message;

	if (read_struct(layout, &next, &message, err) != 0)
		return error_context(err, "%s", layout->name);
	*body = next;
	memcpy(out, &message, layout->struct_bytes);
	return 0;
}

int message_decode(const struct message_layout *layout, struct bytes body, void *out,
		   struct error *err)
{
	struct unpack unpack = unpack_over(body.data, body.size);
	union any_struct message;

	if (message_decode_head(layout, &unpack, &message, err) != 0)
		return -1;
	if (!unpack_at_end(&unpack))
		return error_set(err, ERROR_MALFORMED, "%s: %zu bytes behind the body's map", layout->name,
				 (size_t)(unpack.end - unpack.at));
	memcpy(out, &message, layout->struct_bytes);
	return 0;
}

bool message_list_next(const struct message_layout *items, struct message_list *list, void *out)
{
	if (list->count == 0)
		return false;
	list->count--;
	if (list->items != NULL) {
		memcpy(out, list->items, items->struct_bytes);
		list->items = (const uint8_t *)list->items + items->struct_bytes;
		return true;
	}

	struct unpack unpack = unpack_over(list->encoded.data, list->encoded.size);
	int rc = read_struct(items, &unpack, out, NULL);
	assert(rc == 0); /* decoding has been over it */
	(void)rc;
	list->encoded = (struct bytes){ unpack.at, (size_t)(unpack.end - unpack.at) };
	return true;
}
