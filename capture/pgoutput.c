#include "capture/pgoutput.h"

#include <assert.h>

/* PostgreSQL counts from 2000-01-01. */
#define POSTGRESQL_EPOCH_US 946684800000000

/* Of TEXT and BINARY: the kind, and the size of what follows. */
enum { FIELD_HEAD_BYTES = 5 };

/* Reads never pass the end; the first that would sets is_short, and from then on
 * all yield nothing, so that a message is read straight through and asked once. */
struct scan {
	const uint8_t *at;
	const uint8_t *end;
	bool is_short;
};

static const uint8_t *take(struct scan *scan, size_t size)
{
	const uint8_t *at = scan->at;

	if ((size_t)(scan->end - at) < size) {
		scan->is_short = true;
		scan->at = scan->end;
		return NULL;
	}
	scan->at += size;
	return at;
}

static uint8_t take_u8(struct scan *scan)
{
	const uint8_t *at = take(scan, 1);
	return at == NULL ? 0 : *at;
}

static uint16_t take_u16(struct scan *scan)
{
	const uint8_t *at = take(scan, 2);
	return at == NULL ? 0 : load_u16(at);
}

static uint32_t take_u32(struct scan *scan)
{
	const uint8_t *at = take(scan, 4);
	return at == NULL ? 0 : load_u32(at);
}

static uint64_t take_u64(struct scan *scan)
{
	const uint8_t *at = take(scan, 8);
	return at == NULL ? 0 : load_u64(at);
}

static struct bytes take_bytes(struct scan *scan, size_t size)
{
	const uint8_t *at = take(scan, size);
	return at == NULL ? (struct bytes){ 0 } : (struct bytes){ at, size };
}

/* Up to a zero byte, which is stepped over. */
static struct bytes take_text(struct scan *scan)
{
	size_t left = (size_t)(scan->end - scan->at);
	const uint8_t *zero = left == 0 ? NULL : memchr(scan->at, 0, left);

	if (zero == NULL) {
		take(scan, left + 1);
		return (struct bytes){ 0 };
	}
	struct bytes text = { scan->at, (size_t)(zero - scan->at) };
	scan->at = zero + 1;
	return text;
}

/* pgoutput sends pg_catalog as the empty name. */
static struct bytes take_schema(struct scan *scan)
{
	struct bytes name = take_text(scan);
	return name.data != NULL && name.size == 0 ? bytes_of_text("pg_catalog") : name;
}

static int take_time(struct scan *scan, int64_t *out, struct error *err)
{
	int64_t time_us = (int64_t)take_u64(scan);

	if (__builtin_add_overflow(time_us, POSTGRESQL_EPOCH_US, out))
		return error_set(err, ERROR_MALFORMED, "commit time %lld is none", (long long)time_us);
	return 0;
}

/* Step over a field: 1, or 0 where it is cut short, or -1 where it is none. */
static int skip_field(struct scan *scan)
{
	size_t left = (size_t)(scan->end - scan->at);
	size_t size = 1;

	if (left == 0)
		return 0;
	switch (*scan->at) {
	case PGOUTPUT_FIELD_NULL:
	case PGOUTPUT_FIELD_UNCHANGED:
		break;
	case PGOUTPUT_FIELD_TEXT:
	case PGOUTPUT_FIELD_BINARY:
		if (left < FIELD_HEAD_BYTES)
			return 0;
		size = FIELD_HEAD_BYTES + (size_t)load_u32(scan->at + 1);
		break;
	default:
		return -1;
	}
	if (left < size)
		return 0;
	scan->at += size;
	return 1;
}

static int read_tuple(struct scan *scan, uint8_t kind, struct pgoutput_tuple *out, struct error *err)
{
	uint16_t field_count = take_u16(scan);
	const uint8_t *first = scan->at;

	for (unsigned i = 0; i < field_count; i++) {
		int rc = skip_field(scan);
		if (rc == 0)
			return error_set(err, ERROR_MALFORMED, "field %u of %u is cut short", i + 1,
					 field_count);
		if (rc < 0)
			return error_set(err, ERROR_MALFORMED, "field %u is of kind 0x%02x, which is none",
					 i + 1, *scan->at);
	}
	out->kind = kind;
	out->field_count = field_count;
	out->fields = (struct bytes){ first, (size_t)(scan->at - first) };
	return 0;
}

static int read_begin(struct scan *scan, struct pgoutput_message *message, struct error *err)
{
	message->begin.commit_lsn = take_u64(scan);
	if (take_time(scan, &message->begin.commit_time_us, err) != 0)
		return -1;
	message->begin.transaction_id = take_u32(scan);
	return 0;
}

static int read_commit(struct scan *scan, struct pgoutput_message *message, struct error *err)
{
	take_u8(scan);          /* flags: none is in use */
	message->commit.commit_lsn = take_u64(scan);
	message->commit.end_lsn = take_u64(scan);
	return take_time(scan, &message->commit.commit_time_us, err);
}

static struct pgoutput_column take_column(struct scan *scan)
{
	struct pgoutput_column column = { .is_identity = (take_u8(scan) & 1) != 0 };

	column.name = take_text(scan);
	column.type_oid = take_u32(scan);
	column.type_modifier = (int32_t)take_u32(scan);
	return column;
}

static int read_relation(struct scan *scan, struct pgoutput_relation *relation, struct error *err)
{
	relation->oid = take_u32(scan);
	relation->schema = take_schema(scan);
	relation->table = take_text(scan);
	relation->replica_identity = (char)take_u8(scan);
	relation->column_count = take_u16(scan);
	relation->columns.data = scan->at;
	for (unsigned i = 0; i < relation->column_count && !scan->is_short; i++)
		take_column(scan);
	relation->columns.size = (size_t)(scan->at - relation->columns.data);
	if (scan->is_short)
		return 0;
	if (relation->replica_identity == '\0' || strchr("dnfi", relation->replica_identity) == NULL)
		return error_set(err, ERROR_MALFORMED, "replica identity 0x%02x is none",
				 (unsigned)(uint8_t)relation->replica_identity);
	return 0;
}

static int read_row(struct scan *scan, struct pgoutput_message *message, struct error *err)
{
	message->row.relation_oid = take_u32(scan);
	uint8_t kind = take_u8(scan);

	if (message->kind != PGOUTPUT_INSERT &&
	    (kind == PGOUTPUT_TUPLE_KEY || kind == PGOUTPUT_TUPLE_OLD)) {
		if (read_tuple(scan, kind, &message->row.old, err) != 0)
			return error_context(err, "old row");
		if (message->kind == PGOUTPUT_DELETE)
			return 0;
		kind = take_u8(scan);
	}
	if (scan->is_short)
		return 0;
	if (message->kind == PGOUTPUT_DELETE || kind != PGOUTPUT_TUPLE_NEW)
		return error_set(err, ERROR_MALFORMED, "row of kind 0x%02x cannot stand there", kind);
	if (read_tuple(scan, kind, &message->row.new, err) != 0)
		return error_context(err, "new row");
	return 0;
}

static void read_truncate(struct scan *scan, struct pgoutput_message *message)
{
	message->truncate.relation_count = take_u32(scan);
	message->truncate.flags = take_u8(scan);
	message->truncate.relations =
		take_bytes(scan, (size_t)message->truncate.relation_count * sizeof(uint32_t));
}

static void read_message(struct scan *scan, struct pgoutput_message *message)
{
	message->message.is_transactional = (take_u8(scan) & 1) != 0;
	message->message.lsn = take_u64(scan);
	message->message.prefix = take_text(scan);
	message->message.content = take_bytes(scan, take_u32(scan));
}

static int read_body(struct scan *scan, struct pgoutput_message *message, struct error *err)
{
	switch (message->kind) {
	case PGOUTPUT_BEGIN:
		return read_begin(scan, message, err);
	case PGOUTPUT_COMMIT:
		return read_commit(scan, message, err);
	case PGOUTPUT_ORIGIN:
		message->origin.lsn = take_u64(scan);
		message->origin.name = take_text(scan);
		return 0;
	case PGOUTPUT_RELATION:
		return read_relation(scan, &message->relation, err);
	case PGOUTPUT_TYPE:
		message->type.oid = take_u32(scan);
		message->type.schema = take_schema(scan);
		message->type.name = take_text(scan);
		return 0;
	case PGOUTPUT_INSERT:
	case PGOUTPUT_UPDATE:
	case PGOUTPUT_DELETE:
		return read_row(scan, message, err);
	case PGOUTPUT_TRUNCATE:
		read_truncate(scan, message);
		return 0;
	case PGOUTPUT_MESSAGE:
		read_message(scan, message);
		return 0;
	}
	return error_set(err, ERROR_MALFORMED, "it is none of proto_version 1");
}

int pgoutput_decode(struct bytes bytes, struct pgoutput_message *out, struct error *err)
{
	struct scan scan = { bytes.data, bytes.size == 0 ? bytes.data : bytes.data + bytes.size, false };
	struct pgoutput_message message = { .kind = take_u8(&scan) };

	if (scan.is_short)
		return error_set(err, ERROR_MALFORMED, "a pgoutput message of no bytes");
	if (read_body(&scan, &message, err) != 0)
		goto fail;
	if (scan.is_short) {
		error_set(err, ERROR_MALFORMED, "cut short at byte %zu", bytes.size);
		goto fail;
	}
	if (scan.at != scan.end) {
		error_set(err, ERROR_MALFORMED, "%zu bytes behind its end", (size_t)(scan.end - scan.at));
		goto fail;
	}
	*out = message;
	return 0;
fail:
	return error_context(err, "pgoutput message 0x%02x", (unsigned)bytes.data[0]);
}

bool pgoutput_tuple_next(struct pgoutput_tuple *tuple, struct pgoutput_field *out)
{
	const uint8_t *at = tuple->fields.data;

	if (tuple->field_count == 0)
		return false;
	/* Checked to its end by pgoutput_decode. */
	size_t size = 1;
	out->kind = at[0];
	out->bytes = (struct bytes){ 0 };
	if (out->kind == PGOUTPUT_FIELD_TEXT || out->kind == PGOUTPUT_FIELD_BINARY) {
		out->bytes = (struct bytes){ at + FIELD_HEAD_BYTES, load_u32(at + 1) };
		size = FIELD_HEAD_BYTES + out->bytes.size;
	}
	assert(size <= tuple->fields.size);
	tuple->fields.data += size;
	tuple->fields.size -= size;
	tuple->field_count--;
	return true;
}

bool pgoutput_column_next(struct pgoutput_relation *relation, struct pgoutput_column *out)
{
	struct scan scan = { relation->columns.data, relation->columns.data + relation->columns.size, false };

	if (relation->column_count == 0)
		return false;
	*out = take_column(&scan);
	assert(!scan.is_short);
	relation->columns = (struct bytes){ scan.at, (size_t)(scan.end - scan.at) };
	relation->column_count--;
	return true;
}

uint32_t pgoutput_truncate_relation(const struct pgoutput_message *message, uint32_t index)
{
	assert(message->kind == PGOUTPUT_TRUNCATE && index < message->truncate.relation_count);
	return load_u32(message->truncate.relations.data + (size_t)index * sizeof(uint32_t));
}
