/* Three bytes: which type, and text or binary; then its text or binary form.  What
 * comes of it is one value of its logical type, the same behind other bytes, and the
 * same from a second reading. */
#include "capture/postgresql_type.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

static const struct bytes labels[] = { TEXT("sad"), TEXT("happy") };
static const struct postgresql_type_info infos[] = {
	{ .oid = 20000, .kind = 'e', .name = TEXT("mood"), .labels = labels, .label_count = 2 },
	{ .oid = 20001, .kind = 'b', .name = TEXT("mood[]"), .element_oid = 20000, .delimiter = ',' },
	{ .oid = 20002, .kind = 'd', .name = TEXT("price"), .base_oid = 1700, .base_modifier = 524294 },
	{ .oid = 20003, .kind = 'b', .name = TEXT("price[]"), .element_oid = 20002, .delimiter = ',' },
	{ .oid = 20004, .kind = 'b', .name = TEXT("citext"), .base_modifier = -1 },
};
static const struct postgresql_type_list list = { infos, sizeof(infos) / sizeof(infos[0]) };

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static int encode(const struct postgresql_type *type, bool is_binary, struct bytes bytes,
		  msgpack_sbuffer *out, struct error *err)
{
	return is_binary ? postgresql_type_encode_binary(type, bytes, out, err)
			 : postgresql_type_encode_text(type, bytes, out, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct postgresql_type type;
	struct error err = { 0 };
	msgpack_sbuffer once, twice;

	if (size < 3)
		return 0;
	uint32_t oid = load_u16(data);
	bool is_binary = data[2] % 2 == 1;
	struct bytes bytes = { data + 3, size - 3 };

	postgresql_type_resolve(oid, -1, &list, &type);
	msgpack_sbuffer_init(&once);
	msgpack_sbuffer_init(&twice);
	msgpack_sbuffer_write(&twice, "front", 5);
	int rc = encode(&type, is_binary, bytes, &once, &err);
	demand(encode(&type, is_binary, bytes, &twice, NULL) == rc);
	if (rc == 0) {
		struct unpack unpack = unpack_over(once.data, once.size);
		demand(value_check(&unpack, type.type, type.element_type, NULL) == 0);
		demand(unpack_at_end(&unpack));
	} else {
		demand(once.size == 0);
		demand(err.code == ERROR_MALFORMED || err.code == ERROR_LIMIT || err.code == ERROR_UNSUPPORTED);
	}
	demand(twice.size == 5 + once.size && memcmp(twice.data, "front", 5) == 0);
	demand(once.size == 0 || memcmp(twice.data + 5, once.data, once.size) == 0);
	msgpack_sbuffer_destroy(&once);
	msgpack_sbuffer_destroy(&twice);
	return 0;
}
