#include "protocol/position.h"

const char *snapshot_marker_name(enum snapshot_marker marker)
{
	static const char *const names[] = {
		[SNAPSHOT_NO] = "false",
		[SNAPSHOT_FIRST] = "first",
		[SNAPSHOT_FIRST_IN_TABLE] = "first_in_data_collection",
		[SNAPSHOT_ROW] = "true",
		[SNAPSHOT_LAST_IN_TABLE] = "last_in_data_collection",
		[SNAPSHOT_LAST] = "last",
	};
	return names[marker];
}

size_t position_encode(uint8_t *out, const struct position *position)
{
	out[0] = POSITION_POSTGRESQL;
	out[1] = (uint8_t)position->marker;
	store_u32(out + 2, position->transaction_id);
	store_u64(out + 6, position->lsn);
	store_u64(out + 14, position->commit_lsn);
	return POSITION_POSTGRESQL_BYTES;
}

int position_decode(struct bytes encoded, struct position *out, struct error *err)
{
	if (encoded.size == 0)
		return error_set(err, ERROR_MALFORMED, "a position of no bytes");
	if (encoded.data[0] != POSITION_POSTGRESQL)
		return error_set(err, ERROR_UNSUPPORTED, "a position of kind %u, which this version does not know",
				 encoded.data[0]);
	if (encoded.size != POSITION_POSTGRESQL_BYTES)
		return error_set(err, ERROR_MALFORMED, "a postgresql position has %d bytes, this one has %zu",
				 POSITION_POSTGRESQL_BYTES, encoded.size);
	if (encoded.data[1] > SNAPSHOT_LAST)
		return error_set(err, ERROR_MALFORMED, "snapshot marker %u is none", encoded.data[1]);
	*out = (struct position){
		.kind = POSITION_POSTGRESQL,
		.marker = (enum snapshot_marker)encoded.data[1],
		.transaction_id = load_u32(encoded.data + 2),
		.lsn = load_u64(encoded.data + 6),
		.commit_lsn = load_u64(encoded.data + 14),
	};
	return 0;
}
