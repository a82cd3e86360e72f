#include "protocol/record.h"

#include "protocol/put.h"

#include <inttypes.h>
#include <msgpack/pack.h>

#define RECORD_ITEMS 6

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

static size_t content_size(const struct content *content)
{
	size_t size = content->bytes.size;
	switch (content->kind) {
	case CONTENT_NIL: return 1;
	case CONTENT_BYTES: return size + (size <= UINT8_MAX ? 2 : size <= UINT16_MAX ? 3 : 5);
	case CONTENT_ARRAY: return size;
	}
	return 0;
}

size_t record_body_size(const struct content *key, const struct content *value,
			struct bytes headers)
{
	return content_size(key) + content_size(value) + (headers.data == NULL ? 1 : headers.size);
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

/* The forms that nearly every record has are read here, without a call; all
 * others, and every error, are left to unpack. */
static inline int read_unsigned(struct unpack *unpack, uint64_t *out, struct error *err)
{
	const uint8_t *at = unpack->at;
	const size_t left_bytes = (size_t)(unpack->end - at);

	if (left_bytes >= 1 && at[0] < 0x80) {
		*out = at[0];
		unpack->at = at + 1;
		return 0;
	}
	if (left_bytes >= 2 && at[0] == 0xcc) {
		*out = at[1];
		unpack->at = at + 2;
		return 0;
	}
	if (left_bytes >= 3 && at[0] == 0xcd) {
		*out = load_u16(at + 1);
		unpack->at = at + 3;
		return 0;
	}
	return unpack_u64(unpack, out, err);
}

static inline int read_signed(struct unpack *unpack, int64_t *out, struct error *err)
{
	const uint8_t *at = unpack->at;
	const size_t left_bytes = (size_t)(unpack->end - at);

	if (left_bytes >= 1 && (at[0] < 0x80 || at[0] >= 0xe0)) {
		*out = (int8_t)at[0];
		unpack->at = at + 1;
		return 0;
	}
	if (left_bytes >= 3 && at[0] == 0xd1) {
		*out = (int16_t)load_u16(at + 1);
		unpack->at = at + 3;
		return 0;
	}
	if (left_bytes >= 5 && at[0] == 0xd2) {
		*out = (int32_t)load_u32(at + 1);
		unpack->at = at + 5;
		return 0;
	}
	return unpack_i64(unpack, out, err);
}

static inline int read_array(struct unpack *unpack, uint32_t *out_count, struct error *err)
{
	const size_t left_bytes = (size_t)(unpack->end - unpack->at);

	if (left_bytes > RECORD_ITEMS && unpack->at[0] == (0x90 | RECORD_ITEMS)) {
		*out_count = RECORD_ITEMS;
		unpack->at++;
		return 0;
	}
	return unpack_array(unpack, out_count, err);
}

static bool is_array(uint8_t head)
{
	return (head & 0xf0) == 0x90 || head == 0xdc || head == 0xdd;
}

static inline int read_content(struct unpack *unpack, const char *name, struct content *out,
			       struct error *err)
{
	if (unpack_nil(unpack)) {
		*out = (struct content){ .kind = CONTENT_NIL };
		return 0;
	}
	if (!unpack_at_end(unpack) && is_array(*unpack->at)) {
		out->kind = CONTENT_ARRAY;
		if (unpack_skip(unpack, &out->bytes, err) != 0)
			return error_context(err, "the %s", name);
		return 0;
	}
	out->kind = CONTENT_BYTES;
	if (unpack_bytes(unpack, &out->bytes, err) != 0)
		return error_context(err, "the %s is not nil, bytes or an array", name);
	return 0;
}

static int read_header(struct unpack *unpack, struct bytes *out_name, struct bytes *out_value,
		       struct error *err)
{
	if (unpack_text(unpack, out_name, err) != 0)
		return error_context(err, "a header's name");
	if (unpack_nil(unpack)) {
		*out_value = (struct bytes){ NULL, 0 };
		return 0;
	}
	if (unpack_bytes(unpack, out_value, err) != 0)
		return error_context(err, "a header's value");
	return 0;
}

static int read_headers(struct unpack *unpack, struct bytes *out, struct error *err)
{
	if (unpack_nil(unpack)) {
		*out = (struct bytes){ NULL, 0 };
		return 0;
	}

	const uint8_t *begin = unpack->at;
	uint32_t item_count;
	if (unpack_array(unpack, &item_count, err) != 0)
		return error_context(err, "the headers");
	if (item_count % 2 != 0)
		return error_set(err, ERROR_MALFORMED, "the last header has no value");
	for (; item_count > 0; item_count -= 2) {
		struct bytes name, value;
		if (read_header(unpack, &name, &value, err) != 0)
			return -1;
	}
	*out = (struct bytes){ begin, (size_t)(unpack->at - begin) };
	return 0;
}

int record_decode(struct unpack *unpack, uint64_t base_offset, int64_t base_time_us,
		  uint64_t base_transaction_ordinal, struct record *out, struct error *err)
{
	struct unpack next = *unpack;
	struct record record;
	uint32_t item_count;
	uint64_t offset_delta, transaction_delta;
	int64_t time_delta_us;

	if (read_array(&next, &item_count, err) != 0)
		return -1;
	if (item_count < RECORD_ITEMS)
		return error_set(err, ERROR_MALFORMED, "a record has %d items or more, here are %u items",
				 RECORD_ITEMS, item_count);
	if (read_unsigned(&next, &offset_delta, err) != 0 ||
	    read_signed(&next, &time_delta_us, err) != 0 ||
	    read_unsigned(&next, &transaction_delta, err) != 0 ||
	    read_content(&next, "key", &record.key, err) != 0 ||
	    read_content(&next, "value", &record.value, err) != 0 ||
	    read_headers(&next, &record.headers, err) != 0)
		return -1;
	for (; item_count > RECORD_ITEMS; item_count--) {
		if (unpack_skip(&next, NULL, err) != 0)
			return -1;
	}

	if (offset_delta > UINT32_MAX ||
	    __builtin_add_overflow(base_offset, offset_delta, &record.offset) ||
	    __builtin_add_overflow(base_time_us, time_delta_us, &record.time_us) ||
	    __builtin_add_overflow(base_transaction_ordinal, transaction_delta,
				   &record.transaction_ordinal))
		return error_set(err, ERROR_MALFORMED,
				 "an offset, time or transaction is out of range");
	if (base_transaction_ordinal == 0 && transaction_delta != 0)
		return error_set(err, ERROR_MALFORMED,
				 "a published record of a source's transaction %" PRIu64, transaction_delta);

	*unpack = next;
	*out = record;
	return 0;
}

struct unpack record_headers(const struct record *record)
{
	struct unpack headers = unpack_over(record->headers.data, record->headers.size);
	uint32_t item_count;

	/* What is no array stays, for record_header_next to refuse. */
	if (record->headers.data != NULL)
		(void)unpack_array(&headers, &item_count, NULL);
	return headers;
}

int record_header_next(struct unpack *headers, struct bytes *out_name, struct bytes *out_value,
		       struct error *err)
{
	if (unpack_at_end(headers))
		return 0;

	struct unpack next = *headers;
	struct bytes name, value;
	if (read_header(&next, &name, &value, err) != 0)
		return -1;
	*headers = next;
	*out_name = name;
	*out_value = value;
	return 1;
}
