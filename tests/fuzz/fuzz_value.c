/* Two bytes name a type and an element type; values follow.  What is decoded is
 * encoded and decoded to the same again, a value that passes the check of its
 * type ends where a skip over it ends, and so do its forms for people, which are
 * printable, and for programs, which are UTF-8. */
#include "protocol/utf8.h"
#include "protocol/value.h"
#include "protocol/value_json.h"
#include "protocol/value_text.h"

#include <msgpack.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static void encode(msgpack_sbuffer *buffer, const struct value *value)
{
	msgpack_packer packer;

	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	demand(value_encode(&packer, value, NULL) == 0);
}

static void round_trip(const struct value *value)
{
	msgpack_sbuffer once;
	msgpack_sbuffer twice;
	struct value copy;

	msgpack_sbuffer_init(&once);
	msgpack_sbuffer_init(&twice);
	encode(&once, value);

	/* The items of an array are not there: give it as many nils as it needs. */
	size_t head_size = once.size;
	for (uint32_t i = 0; value->kind == VALUE_ARRAY && i < value->count; i++)
		msgpack_sbuffer_write(&once, "\xc0", 1);
	struct unpack unpack = unpack_over(once.data, once.size);
	demand(value_decode(&unpack, &copy, NULL) == 0);
	demand((const char *)unpack.at == once.data + head_size);

	demand(copy.kind == value->kind);
	encode(&twice, &copy);
	demand(twice.size == head_size);
	demand(memcmp(once.data, twice.data, head_size) == 0);
	msgpack_sbuffer_destroy(&once);
	msgpack_sbuffer_destroy(&twice);
}

static void show(struct unpack unpack, enum logical_type type, enum logical_type element_type)
{
	struct unpack after = unpack, as_text = unpack, as_json = unpack;
	bool is_whole = unpack_skip(&after, NULL, NULL) == 0;
	struct text text;
	struct json json = json_to(&text);

	text_init(&text);
	demand((value_text_add(&text, &as_text, type, element_type, 40, NULL) == 0) == is_whole);
	demand(as_text.at == after.at);
	demand(value_text_is_plain(text_bytes(&text)) == is_whole);
	text_empty(&text);
	demand((value_json_add(&json, &as_json, type, element_type, NULL) == 0) == is_whole);
	demand(as_json.at == after.at);
	demand(utf8_is_valid(text_bytes(&text)));
	text_clear(&text);
}

/* The value against the item it was read from. */
static void compare(struct unpack unpack, const struct value *value)
{
	struct unpack_item item;

	demand(unpack_next(&unpack, &item, NULL) == 0);
	switch (value->kind) {
	case VALUE_INTEGER:
		if (item.type == UNPACK_NEGATIVE)
			demand(value->integer == item.negative && value->integer < 0);
		else
			demand(value->integer >= 0 && (uint64_t)value->integer == item.number);
		break;
	case VALUE_UNSIGNED:
		demand(value->number == item.number && item.number > INT64_MAX);
		break;
	case VALUE_SPECIAL:
		demand(item.extension_type == VALUE_EXTENSION_SPECIAL);
		demand(value->special == item.bytes.data[0]);
		demand(value->special == SPECIAL_TEXT || item.bytes.size == 1);
		break;
	case VALUE_UNAVAILABLE:
		demand(item.extension_type == VALUE_EXTENSION_UNAVAILABLE);
		break;
	default:
		demand(item.type != UNPACK_EXTENSION && item.type != UNPACK_MAP);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct value value;

	if (size < 2)
		return 0;
	enum logical_type type = data[0];
	enum logical_type element_type = data[1];
	struct unpack unpack = unpack_over(data + 2, size - 2);

	while (true) {
		struct unpack checked = unpack;
		struct unpack skipped = unpack;
		if (value_check(&checked, type, element_type, NULL) == 0) {
			demand(unpack_skip(&skipped, NULL, NULL) == 0);
			demand(checked.at == skipped.at);
		} else {
			demand(checked.at == unpack.at);
		}
		show(unpack, type, element_type);

		const uint8_t *at = unpack.at;
		if (value_decode(&unpack, &value, NULL) != 0) {
			demand(unpack.at == at);
			break;
		}
		compare(unpack_over(at, (size_t)(unpack.end - at)), &value);
		round_trip(&value);
	}
	return 0;
}
