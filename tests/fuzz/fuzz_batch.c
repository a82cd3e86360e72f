#include "protocol/batch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static void walk_headers(const struct record *record)
{
	struct unpack headers = record_headers(record);
	struct error err = { 0 };
	struct bytes name, value;
	int rc;

	while ((rc = record_header_next(&headers, &name, &value, &err)) == 1)
		demand(name.data != NULL);
	demand(rc == 0);
}

static bool is_known(enum error_code code)
{
	return code == ERROR_MALFORMED || code == ERROR_LIMIT || code == ERROR_UNSUPPORTED ||
	       code == ERROR_FORMAT_VERSION;
}

/* Whatever the header says, what comes out keeps its promises. */
static void walk(const uint8_t *batch, size_t size)
{
	struct batch_cursor cursor;
	struct error err = { 0 };
	struct record record;
	uint64_t next_offset, last_offset;
	uint32_t count = 0;
	int rc;

	if (batch_open(&cursor, batch, size, &err) != 0) {
		demand(is_known(err.code) && err.text[0] != '\0');
		return;
	}
	next_offset = cursor.header.base_offset;
	last_offset = next_offset + cursor.header.last_offset_delta;
	demand(last_offset >= next_offset && last_offset < UINT64_MAX);
	while ((rc = batch_next(&cursor, &record, &err)) == 1) {
		demand(record.offset >= next_offset && record.offset <= last_offset);
		next_offset = record.offset + 1;
		count++;
		walk_headers(&record);
	}
	if (rc == 0)
		demand(count == cursor.header.record_count && next_offset == last_offset + 1);
	else
		demand(is_known(err.code) && err.text[0] != '\0');
}

static void check(const uint8_t *batch, size_t size, const uint8_t key[BATCH_KEY_BYTES])
{
	struct batch_header header;
	struct error err = { 0 };

	if (batch_check(batch, size, key, &err) == 0)
		demand(batch_header_decode(batch, size, &header, &err) == 0 &&
		       header.base_offset == load_u64(key + 8));
	else
		demand(err.code == ERROR_CORRUPT || err.code == ERROR_UNSUPPORTED ||
		       err.code == ERROR_FORMAT_VERSION);
}

/* The input is a batch.  It is read as it is; then its checksum and the size of
 * its payload are made right, so that what lies behind them is reached. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[BATCH_KEY_BYTES];

	batch_key_encode(key, 1, 0, size < BATCH_HEADER_BYTES ? 0 : load_u64(data + 8));
	check(data, size, key);
	walk(data, size);
	if (size < BATCH_HEADER_BYTES || size > BATCH_BYTES_MAX)
		return 0;

	uint8_t *mended = malloc(size);
	if (mended == NULL)
		return 0;
	memcpy(mended, data, size);
	store_u32(mended + 44, (uint32_t)(size - BATCH_HEADER_BYTES));
	batch_seal(mended, size, key);
	check(mended, size, key);
	walk(mended, size);
	free(mended);
	return 0;
}
