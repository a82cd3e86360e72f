#include "protocol/change.h"
#include "storage/verify_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

/* What can be wrong with records: told once a batch each, from the first such
 * record to the last one. */
enum fault {
	FAULT_ORDINAL_FALLS,
	FAULT_ORDINAL_AHEAD,
	FAULT_ORDINAL_PUBLISHED,
	FAULT_CHANGE,
	FAULT_SCHEMA,
	FAULT_ROW,
	FAULT_COUNT
};

struct found_fault {
	uint64_t start;
	uint64_t end;                   /* 0: none was found */
	uint32_t count;
	char text[384];                 /* of the first */
};

struct record_check {
	struct verify *verify;
	const struct batch_header *header;
	bool is_visible;
	uint64_t *last_ordinal;
	struct found_fault faults[FAULT_COUNT];
};

__attribute__((format(printf, 4, 5))) static void note(struct record_check *check, enum fault fault,
						       uint64_t offset, const char *format, ...)
{
	struct found_fault *found = &check->faults[fault];
	if (found->count++ == 0) {
		va_list arguments;
		found->start = offset;
		va_start(arguments, format);
		vsnprintf(found->text, sizeof(found->text), format, arguments);
		va_end(arguments);
	}
	found->end = offset + 1;
}

static void check_ordinal(struct record_check *check, const struct record *record)
{
	const struct verify *verify = check->verify;
	const struct verify_source *source = verify_source(verify, check->header->source_id);
	uint64_t ordinal = record->transaction_ordinal;
	if (check->header->source_id == SOURCE_PUBLISHED) {
		if (ordinal != 0)
			note(check, FAULT_ORDINAL_PUBLISHED, record->offset,
			     "a published record has transaction ordinal %" PRIu64, ordinal);
		return;
	}
	if (ordinal == 0 || ordinal < *check->last_ordinal)
		note(check, FAULT_ORDINAL_FALLS, record->offset,
		     "transaction ordinal %" PRIu64 " behind %" PRIu64, ordinal, *check->last_ordinal);
	else
		*check->last_ordinal = ordinal;
	/* Beyond the visible end lies what the source has not ended yet. */
	if (source == NULL || verify->is_context_broken)
		return;
	uint64_t most = source->transaction_ordinal + !check->is_visible;
	if (ordinal > most)
		note(check, FAULT_ORDINAL_AHEAD, record->offset,
		     "transaction ordinal %" PRIu64 ", and the source has stored %" PRIu64 " so far",
		     ordinal, source->transaction_ordinal);
}

/* 0, or -1: the run has to end. */
static int check_change(struct record_check *check, const struct record *record)
{
	const struct schema *schema;
	struct change change;
	struct error err = { 0 };
	if (change_decode(record->value.bytes.data, record->value.bytes.size, &change, &err) != 0) {
		note(check, FAULT_CHANGE, record->offset, "the change does not decode: %s", err.text);
		return 0;
	}
	bool has_row = change.before.data != NULL || change.after.data != NULL;
	if (change.schema_id == 0) {
		if (has_row && change.op != CHANGE_MESSAGE)
			note(check, FAULT_SCHEMA, record->offset, "a change with a row and without a schema");
		return 0;
	}
	int found = verify_schema_find(check->verify, change.schema_id, &schema);
	if (found < 0)
		return -1;
	if (found == 0) {
		note(check, FAULT_SCHEMA, record->offset, "there is no schema %" PRIu32,
		     change.schema_id);
		return 0;
	}
	if ((change.before.data != NULL && change_check_row(change.before, schema, &err) != 0) ||
	    (change.after.data != NULL && change_check_row(change.after, schema, &err) != 0))
		note(check, FAULT_ROW, record->offset, "the row is not one of schema %" PRIu32 ": %s",
		     change.schema_id, err.text);
	return 0;
}

static void tell_faults(const struct record_check *check, const struct stored_batch *batch)
{
	for (int n = 0; n < FAULT_COUNT; n++) {
		const struct found_fault *fault = &check->faults[n];
		if (fault->count == 1)
			verify_add(check->verify, "log", batch->topic_id, batch->partition, fault->start,
				   fault->end, "%s", fault->text);
		else if (fault->count > 1)
			verify_add(check->verify, "log", batch->topic_id, batch->partition, fault->start,
				   fault->end, "%s (the first of %" PRIu32 ")", fault->text, fault->count);
	}
}

int verify_records(struct verify *verify, const struct stored_batch *batch,
		   const struct batch_header *header, bool is_visible, uint64_t *last_ordinal)
{
	struct record_check check = {
		.verify = verify, .header = header, .is_visible = is_visible,
		.last_ordinal = last_ordinal,
	};
	struct batch_cursor cursor;
	struct record record;
	struct error err = { 0 };
	int rc = batch_open(&cursor, batch->data, batch->size, &err);
	bool has_opened = rc == 0;
	while (has_opened && (rc = batch_next(&cursor, &record, &err)) == 1) {
		verify->report.records++;
		check_ordinal(&check, &record);
		if (record.value.kind == CONTENT_ARRAY && check_change(&check, &record) != 0)
			return -1;
	}
	tell_faults(&check, batch);
	if (rc < 0)
		verify_add(verify, "log", batch->topic_id, batch->partition,
			   has_opened ? cursor.next_offset : header->base_offset,
			   header->base_offset + header->last_offset_delta + 1,
			   "the records do not decode: %s", err.text);
	return 0;
}

/* Schemas. */

static void forget(struct verify *verify, struct verify_schema *slot)
{
	if (slot->id == 0)
		return;
	verify->schema_bytes -= slot->size;
	schema_clear(&slot->schema);
	free(slot->encoded);
	*slot = (struct verify_schema){ 0 };
}

void verify_schemas_clear(struct verify *verify)
{
	for (int n = 0; n < VERIFY_SCHEMAS; n++)
		forget(verify, &verify->schemas[n]);
}

static int remember(struct verify *verify, struct verify_schema *slot, uint32_t id,
		    struct bytes encoded)
{
	struct error err = { 0 };
	forget(verify, slot);
	if (verify->schema_bytes + encoded.size > VERIFY_SCHEMA_BYTES_MAX)
		verify_schemas_clear(verify);
	uint8_t *copy = malloc(encoded.size > 0 ? encoded.size : 1);
	if (copy == NULL)
		return error_set(&verify->err, ERROR_MEMORY, "checking a schema");
	memcpy(copy, encoded.data, encoded.size);
	if (schema_decode(copy, encoded.size, &slot->schema, &err) != 0) {
		free(copy);
		slot->schema = (struct schema){ 0 };
		if (err.code != ERROR_MEMORY)
			return 0;
		verify->err = err;
		return -1;
	}
	slot->id = id;
	slot->encoded = copy;
	slot->size = encoded.size;
	verify->schema_bytes += encoded.size;
	return 1;
}

int verify_schema_find(struct verify *verify, uint32_t id, const struct schema **out)
{
	struct verify_schema *slot = &verify->schemas[id % VERIFY_SCHEMAS];
	struct bytes value, encoded;
	uint8_t key[SCHEMA_KEY_BYTES];
	struct bytes key_bytes = { key, sizeof(key) };
	if (slot->id != id) {
		schema_key_encode(key, id);
		int found = snapshot_get(&verify->snapshot, TABLE_SCHEMAS, key_bytes, &value, &verify->err);
		/* The seal is read before memory is got: a fault leaves nothing behind. */
		if (found == 1 && seal_check("schemas", key_bytes, value, &encoded, NULL) != 0)
			found = 0;
		if (found == 1)
			found = remember(verify, slot, id, encoded);
		if (found != 1)
			return found;
	}
	*out = &slot->schema;
	return 1;
}
