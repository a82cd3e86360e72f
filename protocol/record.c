#include "protocol/record.h"

#include <msgpack/pack.h>

#define RECORD_ITEMS 6

static inline uint8_t *put_unsigned(uint8_t *at, uint64_t n)
{
	if (n < 0x80) {
		at[0] = (uint8_t)n;
		return at + 1;
	}
	if (n <= UINT8_MAX) {
		at[0] = 0xcc;
		at[1] = (uint8_t)n;
		return at + 2;
	}
	if (n <= UINT16_MAX) {
		at[0] = 0xcd;
		store_u16(at + 1, (uint16_t)n);
		return at + 3;
	}
	if (n <= UINT32_MAX) {
		at[0] = 0xce;
		store_u32(at + 1, (uint32_t)n);
		return at + 5;
	}
	at[0] = 0xcf;
	store_u64(at + 1, n);
	return at + 9;
}

static inline uint8_t *put_signed(uint8_t *at, int64_t n)
{
	if (n >= 0)
		return put_unsigned(at, (uint64_t)n);
	if (n >= -32) {
		at[0] = (uint8_t)n;
		return at + 1;
	}
	if (n >= INT8_MIN) {
		at[0] = 0xd0;
		at[1] = (uint8_t)n;
		return at + 2;
	}
	if (n >= INT16_MIN) {
		at[0] = 0xd1;
		store_u16(at + 1, (uint16_t)n);
		return at + 3;
	}
	if (n >= INT32_MIN) {
		at[0] = 0xd2;
		store_u32(at + 1, (uint32_t)n);
		return at + 5;
	}
	at[0] = 0xd3;
	store_u64(at + 1, (uint64_t)n);
	return at + 9;
}

static inline size_t unsigned_size(uint64_t n)
{
	if (n < 0x80)
		return 1;
	if (n <= UINT16_MAX)
		return n <= UINT8_MAX ? 2 : 3;
	return n <= UINT32_MAX ? 5 : 9;
}

static inline size_t signed_size(int64_t n)
{
	if (n >= 0)
		return unsigned_size((uint64_t)n);
	if (n >= INT8_MIN)
		return n >= -32 ? 1 : 2;
	if (n >= INT16_MIN)
		return 3;
	return n >= INT32_MIN ? 5 : 9;
}

size_t record_prefix_encode(uint8_t *out, uint32_t offset_delta, int64_t time_delta_us,
			    uint64_t transaction_delta)
{
	uint8_t *at = out;
	*at++ = 0x90 | RECORD_ITEMS;
	at = put_unsigned(at, offset_delta);
	at = put_signed(at, time_delta_us);
	at = put_unsigned(at, transaction_delta);
	return (size_t)(at - out);
}

size_t record_prefix_size(uint32_t offset_delta, int64_t time_delta_us, uint64_t transaction_delta)
{
	return 1 + unsigned_size(offset_delta) + signed_size(time_delta_us) +
	       unsigned_size(transaction_delta);
}

/* msgpack's packing functions return 0, or what sbuffer's write returned. */
static int pack_bytes(msgpack_packer *packer, struct bytes bytes)
{
	if (msgpack_pack_bin(packer, bytes.size) != 0)
		return -1;
	return bytes.size == 0 ? 0 : msgpack_pack_bin_body(packer, bytes.data, bytes.size);
}

static int pack_encoded(msgpack_packer *packer, struct bytes encoded)
{
	return packer->callback(packer->data, (const char *)encoded.data, encoded.size);
}

static int pack_content(msgpack_packer *packer, const struct content *content)
{
	switch (content->kind) {
	case CONTENT_NIL: return msgpack_pack_nil(packer);
	case CONTENT_BYTES: return pack_bytes(packer, content->bytes);
	case CONTENT_ARRAY: return pack_encoded(packer, content->bytes);
	}
	return -1;
}

int record_body_encode(msgpack_sbuffer *buffer, const struct content *key,
		       const struct content *value, struct bytes headers, struct error *err)
{
	if (key->bytes.size > UINT32_MAX || value->bytes.size > UINT32_MAX ||
	    headers.size > UINT32_MAX)
		return error_set(err, ERROR_LIMIT,
				 "a key, value or headers of 4 GiB or more do not fit a record");

	const size_t start = buffer->size;
	msgpack_packer packer;
	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	if (pack_content(&packer, key) != 0 || pack_content(&packer, value) != 0 ||
	    (headers.data == NULL ? msgpack_pack_nil(&packer)
				  : pack_encoded(&packer, headers)) != 0) {
		buffer->size = start;
		return error_set(err, ERROR_MEMORY, "no memory for a record of %zu bytes",
				 key->bytes.size + value->bytes.size + headers.size);
	}
	return 0;
}

int record_headers_begin(msgpack_sbuffer *buffer, uint32_t count, struct error *err)
{
	if (count > UINT32_MAX / 2)
		return error_set(err, ERROR_LIMIT, "%u headers do not fit a record", count);

	msgpack_packer packer;
	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	if (msgpack_pack_array(&packer, 2 * (size_t)count) != 0)
		return error_set(err, ERROR_MEMORY, "no memory for a record's headers");
	return 0;
}

int record_headers_add(msgpack_sbuffer *buffer, struct bytes name, struct bytes value,
		       struct error *err)
{
	if (name.size > UINT32_MAX || value.size > UINT32_MAX)
		return error_set(err, ERROR_LIMIT,
				 "a header of 4 GiB or more does not fit a record");

	const size_t start = buffer->size;
	msgpack_packer packer;
	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	if (msgpack_pack_str(&packer, name.size) != 0 ||
	    (name.size != 0 && msgpack_pack_str_body(&packer, name.data, name.size) != 0) ||
	    (value.data == NULL ? msgpack_pack_nil(&packer) : pack_bytes(&packer, value)) != 0) {
		buffer->size = start;
		return error_set(err, ERROR_MEMORY, "no memory for a header of %zu bytes",
				 name.size + value.size);
	}
	return 0;
}
