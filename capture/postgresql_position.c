#include "capture/postgresql_position.h"

#include <stdio.h>

#define LAYOUT  1

void postgresql_position_encode(uint8_t *out, const struct postgresql_position *position)
{
	out[0] = LAYOUT;
	store_u64(out + 1, position->lsn);
	store_u64(out + 9, position->system_id);
	store_u32(out + 17, position->timeline);
}

static int check(struct bytes encoded, size_t size, const char *what, struct error *err)
{
	if (encoded.size > 0 && encoded.data[0] != LAYOUT)
		return error_set(err, ERROR_FORMAT_VERSION, "%s of layout %u, which this version does not know",
				 what, encoded.data[0]);
	if (encoded.size != size)
		return error_set(err, ERROR_MALFORMED, "%s has %zu bytes, this one has %zu", what, size,
				 encoded.size);
	return 0;
}

int postgresql_position_decode(struct bytes encoded, struct postgresql_position *out,
			       struct error *err)
{
	if (check(encoded, POSTGRESQL_POSITION_BYTES, "a stored position", err) != 0)
		return -1;
	*out = (struct postgresql_position){
		.lsn = load_u64(encoded.data + 1),
		.system_id = load_u64(encoded.data + 9),
		.timeline = load_u32(encoded.data + 17),
	};
	return 0;
}

void postgresql_progress_encode(uint8_t *out, const struct postgresql_progress *progress)
{
	out[0] = LAYOUT;
	out[1] = (uint8_t)progress->state;
	store_u64(out + 2, progress->lsn);
}

int postgresql_progress_decode(struct bytes encoded, struct postgresql_progress *out,
			       struct error *err)
{
	if (encoded.data == NULL) {
		*out = (struct postgresql_progress){ .state = POSTGRESQL_SNAPSHOT_NONE };
		return 0;
	}
	if (check(encoded, POSTGRESQL_PROGRESS_BYTES, "a snapshot's progress", err) != 0)
		return -1;
	if (encoded.data[1] != POSTGRESQL_SNAPSHOT_BEGUN && encoded.data[1] != POSTGRESQL_SNAPSHOT_WHOLE)
		return error_set(err, ERROR_MALFORMED, "a snapshot's state %u is none", encoded.data[1]);
	*out = (struct postgresql_progress){
		.state = (enum postgresql_snapshot_state)encoded.data[1],
		.lsn = load_u64(encoded.data + 2),
	};
	return 0;
}

void postgresql_lsn_text(uint64_t lsn, char *out)
{
	snprintf(out, POSTGRESQL_LSN_TEXT_BYTES, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
}
