#include "protocol/change.h"

#include "protocol/put.h"
#include "protocol/unpack.h"

#include <msgpack/pack.h>

enum {
	CHANGE_ITEMS = 7,
	SHOWN_NAME_BYTES = 64,
};

static bool is_op(uint64_t number)
{
	switch (number) {
	case CHANGE_CREATE:
	case CHANGE_UPDATE:
	case CHANGE_DELETE:
	case CHANGE_READ:
	case CHANGE_TRUNCATE:
	case CHANGE_MESSAGE:
		return true;
	default:
		return false;
	}
}

static int pack_row(msgpack_packer *packer, msgpack_sbuffer *buffer, struct bytes row)
{
	if (row.data == NULL)
		return msgpack_pack_nil(packer);
	return msgpack_sbuffer_write(buffer, (const char *)row.data, row.size);
}

static int pack_position(msgpack_packer *packer, struct bytes position)
{
	if (position.data == NULL)
		return msgpack_pack_nil(packer);
	return msgpack_pack_bin_with_body(packer, position.data, position.size);
}

int change_encode(msgpack_sbuffer *buffer, const struct change *change, struct error *err)
{
	size_t size_before = buffer->size;
	msgpack_packer packer;
	int rc;

	if (change->position.size > UINT32_MAX)
		return error_set(err, ERROR_LIMIT, "change: position of %zu bytes",
				 change->position.size);

	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	rc = msgpack_pack_array(&packer, CHANGE_ITEMS);
	rc |= msgpack_pack_uint32(&packer, change->op);
	rc |= msgpack_pack_uint32(&packer, change->schema_id);
	rc |= pack_row(&packer, buffer, change->before);
	rc |= pack_row(&packer, buffer, change->after);
	rc |= msgpack_pack_int64(&packer, change->source_time_us);
	rc |= pack_position(&packer, change->position);
	rc |= msgpack_pack_uint64(&packer, change->index);
	if (rc != 0) {
		buffer->size = size_before;
		return error_set(err, ERROR_MEMORY, "no memory to encode a change of %zu and %zu bytes",
				 change->before.size, change->after.size);
	}
	return 0;
}

size_t change_size(const struct change *change)
{
	return 1 + unsigned_size(change->op) + unsigned_size(change->schema_id) +
	       encoded_size(change->before) + encoded_size(change->after) +
	       signed_size(change->source_time_us) +
	       (change->position.data == NULL ? 1 : bin_size(change->position.size)) +
	       unsigned_size(change->index);
}

uint8_t *change_put(uint8_t *at, const struct change *change)
{
	*at++ = 0x90 | CHANGE_ITEMS;
	at = put_unsigned(at, change->op);
	at = put_unsigned(at, change->schema_id);
	at = put_encoded(at, change->before);
	at = put_encoded(at, change->after);
	at = put_signed(at, change->source_time_us);
	at = change->position.data == NULL ? put_encoded(at, change->position)
					   : put_bin(at, change->position);
	return put_unsigned(at, change->index);
}

static int read_op(struct unpack *unpack, enum change_op *out, struct error *err)
{
	uint64_t number;

	if (unpack_u64(unpack, &number, err) != 0)
		return -1;
	if (!is_op(number))
		return error_set(err, ERROR_MALFORMED, "op %llu is not known",
				 (unsigned long long)number);
	*out = (enum change_op)number;
	return 0;
}

static int read_row(struct unpack *unpack, struct bytes *out, struct error *err)
{
	const uint8_t *begin = unpack->at;
	uint32_t count;

	*out = (struct bytes){ 0 };
	if (unpack_nil(unpack))
		return 0;
	if (unpack_array(unpack, &count, err) != 0)
		return -1;
	unpack->at = begin;
	return unpack_skip(unpack, out, err);
}

static int read_position(struct unpack *unpack, struct bytes *out, struct error *err)
{
	*out = (struct bytes){ 0 };
	if (unpack_nil(unpack))
		return 0;
	return unpack_bytes(unpack, out, err);
}

static int read_items(struct unpack *unpack, struct change *out, struct error *err)
{
	uint32_t item_count;

	if (unpack_array(unpack, &item_count, err) != 0)
		return -1;
	if (item_count < CHANGE_ITEMS)
		return error_set(err, ERROR_MALFORMED, "%u items, %d are needed", item_count,
				 CHANGE_ITEMS);
	if (read_op(unpack, &out->op, err) != 0 ||
	    unpack_u32(unpack, &out->schema_id, err) != 0 ||
	    read_row(unpack, &out->before, err) != 0 ||
	    read_row(unpack, &out->after, err) != 0 ||
	    unpack_i64(unpack, &out->source_time_us, err) != 0 ||
	    read_position(unpack, &out->position, err) != 0 ||
	    unpack_u64(unpack, &out->index, err) != 0)
		return -1;
	for (uint32_t i = CHANGE_ITEMS; i < item_count; i++) {
		if (unpack_skip(unpack, NULL, err) != 0)
			return -1;
	}
	if (!unpack_at_end(unpack))
		return error_set(err, ERROR_MALFORMED, "%zu bytes behind its end",
				 (size_t)(unpack->end - unpack->at));
	return 0;
}

int change_decode(const void *data, size_t size, struct change *out, struct error *err)
{
	struct unpack unpack = unpack_over(data, size);
	struct change change;

	if (read_items(&unpack, &change, err) != 0)
		return error_context(err, "change");
	*out = change;
	return 0;
}

static int column_context(const struct schema_column *column, struct error *err)
{
	size_t size = column->name.size;

	return error_context(err, "column '%.*s'",
			     (int)(size < SHOWN_NAME_BYTES ? size : SHOWN_NAME_BYTES),
			     (const char *)column->name.data);
}

int change_check_row(struct bytes row, const struct schema *schema, struct error *err)
{
	struct unpack unpack = unpack_over(row.data, row.size);
	uint32_t count;

	if (unpack_array(&unpack, &count, err) != 0)
		return error_context(err, "row");
	if (count != schema->column_count)
		return error_set(err, ERROR_MALFORMED, "row has %u values, its schema %u columns",
				 count, schema->column_count);
	for (uint32_t i = 0; i < count; i++) {
		const struct schema_column *column = &schema->columns[i];
		if (value_check(&unpack, column->type, column->element_type, err) != 0)
			return column_context(column, err);
	}
	if (!unpack_at_end(&unpack))
		return error_set(err, ERROR_MALFORMED, "row has %zu bytes behind its end",
				 (size_t)(unpack.end - unpack.at));
	return 0;
}
