/* unpack against msgpack-c: what the one accepts, the other accepts and reads
 * alike, and so both write it alike again. */
#include "protocol/unpack.h"

#include <msgpack.h>
#include <stdlib.h>

enum { ITEMS_MAX = 100000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

/* msgpack-c keeps a float32 as a double; the way there and back changes the
 * bits of a signalling NaN. */
static float as_msgpack_c_keeps_it(float number)
{
	volatile double kept = number;
	return (float)kept;
}

static void rewrite(struct unpack *unpack, msgpack_packer *packer)
{
	struct unpack_item item;

	demand(unpack_next(unpack, &item, NULL) == 0);
	switch (item.type) {
	case UNPACK_NIL:
		msgpack_pack_nil(packer);
		break;
	case UNPACK_BOOL:
		item.boolean ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
		break;
	case UNPACK_UNSIGNED:
		msgpack_pack_uint64(packer, item.number);
		break;
	case UNPACK_NEGATIVE:
		demand(item.negative < 0);
		msgpack_pack_int64(packer, item.negative);
		break;
	case UNPACK_FLOAT32:
		msgpack_pack_float(packer, as_msgpack_c_keeps_it(item.float32));
		break;
	case UNPACK_FLOAT64:
		msgpack_pack_double(packer, item.float64);
		break;
	case UNPACK_TEXT:
		msgpack_pack_str_with_body(packer, item.bytes.data, item.bytes.size);
		break;
	case UNPACK_BYTES:
		msgpack_pack_bin_with_body(packer, item.bytes.data, item.bytes.size);
		break;
	case UNPACK_EXTENSION:
		msgpack_pack_ext_with_body(packer, item.bytes.data, item.bytes.size,
					   item.extension_type);
		break;
	case UNPACK_ARRAY:
		msgpack_pack_array(packer, item.count);
		for (uint32_t i = 0; i < item.count; i++)
			rewrite(unpack, packer);
		break;
	case UNPACK_MAP:
		msgpack_pack_map(packer, item.count);
		for (uint32_t i = 0; i < item.count; i++) {
			rewrite(unpack, packer);
			rewrite(unpack, packer);
		}
		break;
	}
}

static void compare_accepted(const uint8_t *data, size_t size)
{
	msgpack_unpacked unpacked;
	size_t used = 0;
	msgpack_sbuffer ours;
	msgpack_sbuffer theirs;
	msgpack_packer packer;
	struct unpack unpack = unpack_over(data, size);

	msgpack_sbuffer_init(&ours);
	msgpack_sbuffer_init(&theirs);
	msgpack_unpacked_init(&unpacked);
	demand(msgpack_unpack_next(&unpacked, (const char *)data, size, &used) ==
		MSGPACK_UNPACK_SUCCESS);
	demand(used == size);

	msgpack_packer_init(&packer, &theirs, msgpack_sbuffer_write);
	msgpack_pack_object(&packer, unpacked.data);
	msgpack_packer_init(&packer, &ours, msgpack_sbuffer_write);
	rewrite(&unpack, &packer);
	demand(unpack_at_end(&unpack));
	demand(ours.size == theirs.size);
	demand(memcmp(ours.data, theirs.data, ours.size) == 0);

	msgpack_unpacked_destroy(&unpacked);
	msgpack_sbuffer_destroy(&ours);
	msgpack_sbuffer_destroy(&theirs);
}

/* msgpack-c may only look at what we refuse where no count can be large. */
static bool has_large_container(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] >= 0xdc && data[i] <= 0xdf)
			return true;
	}
	return false;
}

static void compare_refused(const uint8_t *data, size_t size)
{
	msgpack_unpacked unpacked;
	size_t used = 0;

	if (has_large_container(data, size))
		return;
	msgpack_unpacked_init(&unpacked);
	demand(msgpack_unpack_next(&unpacked, (const char *)data, size, &used) !=
		MSGPACK_UNPACK_SUCCESS || used != size);
	msgpack_unpacked_destroy(&unpacked);
}

/* Item after item, whatever they are: a skip from each either ends where it
 * says or does not move. */
static void walk_and_skip(const uint8_t *data, size_t size)
{
	struct unpack unpack = unpack_over(data, size);
	struct unpack_item item;

	while (true) {
		struct unpack skipped = unpack;
		struct bytes whole = { 0 };
		if (unpack_skip(&skipped, &whole, NULL) == 0) {
			demand(whole.data == unpack.at && whole.data + whole.size == skipped.at);
			demand(unpack_check(whole.data, whole.size, UINT32_MAX, NULL) == 0);
		} else {
			demand(skipped.at == unpack.at && whole.data == NULL);
		}

		const uint8_t *at = unpack.at;
		if (unpack_next(&unpack, &item, NULL) != 0) {
			demand(unpack.at == at);
			break;
		}
		demand(unpack.at > at && unpack.at <= unpack.end);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };

	if (unpack_check(data, size, ITEMS_MAX, &err) == 0)
		compare_accepted(data, size);
	else if (err.code == ERROR_MALFORMED)
		compare_refused(data, size);
	else
		demand(err.code == ERROR_LIMIT);
	if (size <= 4096)
		walk_and_skip(data, size);
	return 0;
}
