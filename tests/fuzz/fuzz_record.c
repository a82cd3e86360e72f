#include "protocol/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An error that is none, a cursor that moved on failure or contents outside
 * of the input are findings. */
static void demand(bool fact)
{
	if (!fact)
		abort();
}

static bool lies_in(struct bytes bytes, const uint8_t *data, size_t size)
{
	return bytes.data == NULL ||
	       (bytes.data >= data && bytes.size <= size &&
		bytes.data <= data + size - bytes.size);
}

static void walk_headers(const struct record *record, const uint8_t *data, size_t size)
{
	struct unpack headers = record_headers(record);
	struct error err = { 0 };
	struct bytes name, value;
	int rc;

	while ((rc = record_header_next(&headers, &name, &value, &err)) == 1) {
		demand(lies_in(name, data, size));
		demand(lies_in(value, data, size));
	}
	demand(rc == 0);
}

/* Published records, with 0, have no deltas. */
#define BASE_ORDINAL 1

/* What was read and is written again reads the same. */
static void check_reencoded(const struct record *record)
{
	uint8_t prefix[RECORD_PREFIX_BYTES_MAX];
	struct error err = { 0 };
	struct record again;
	msgpack_sbuffer buffer;

	if (record->offset > UINT32_MAX)
		return;
	const uint64_t delta = record->transaction_ordinal - BASE_ORDINAL;
	const size_t prefix_bytes =
		record_prefix_encode(prefix, (uint32_t)record->offset, record->time_us, delta);
	demand(prefix_bytes ==
	       record_prefix_size((uint32_t)record->offset, record->time_us, delta));

	msgpack_sbuffer_init(&buffer);
	demand(msgpack_sbuffer_write(&buffer, (const char *)prefix, prefix_bytes) == 0);
	demand(record_body_encode(&buffer, &record->key, &record->value, record->headers,
				  &err) == 0);
	struct unpack unpack = unpack_over(buffer.data, buffer.size);
	demand(record_decode(&unpack, 0, 0, BASE_ORDINAL, &again, &err) == 0);
	demand(unpack_at_end(&unpack));
	demand(again.offset == record->offset && again.time_us == record->time_us &&
	       again.transaction_ordinal == record->transaction_ordinal);
	demand(again.key.kind == record->key.kind && again.value.kind == record->value.kind);
	demand(again.key.bytes.size == record->key.bytes.size &&
	       again.value.bytes.size == record->value.bytes.size &&
	       again.headers.size == record->headers.size);
	msgpack_sbuffer_destroy(&buffer);
}

/* The input: records one after the other. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack unpack = unpack_over(data, size);
	const uint8_t *before = unpack.at;
	struct error err = { 0 };
	struct record record;

	while (record_decode(&unpack, 0, 0, BASE_ORDINAL, &record, &err) == 0) {
		demand(unpack.at > before);
		demand(lies_in(record.key.bytes, data, size));
		demand(lies_in(record.value.bytes, data, size));
		demand(lies_in(record.headers, data, size));
		walk_headers(&record, data, size);
		check_reencoded(&record);
		before = unpack.at;
	}
	demand(unpack.at == before);
	demand(err.code == ERROR_MALFORMED || err.code == ERROR_LIMIT);
	demand(err.text[0] != '\0');
	return 0;
}
