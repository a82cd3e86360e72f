#ifndef CAPTURE_POSTGRESQL_POSITION_H
#define CAPTURE_POSTGRESQL_POSITION_H

#include "protocol/bytes.h"
#include "protocol/error.h"

/* What the log keeps of a PostgreSQL source: where it goes on, and how far its
 * snapshot is (doc/format.md, sources).  Big-endian. */

/*  0 u8  1: this layout
 *  1 u64 LSN behind the last commit that is stored whole: where the stream goes on
 *  9 u64 system identifier of the cluster the LSN belongs to
 * 17 u32 timeline */
struct postgresql_position {
	uint64_t lsn;
	uint64_t system_id;
	uint32_t timeline;
};

#define POSTGRESQL_POSITION_BYTES       21

void postgresql_position_encode(uint8_t *out, const struct postgresql_position *position);
/* ERROR_MALFORMED, ERROR_FORMAT_VERSION. */
int postgresql_position_decode(struct bytes encoded, struct postgresql_position *out,
			       struct error *err);

/* 0 u8  1: this layout
 * 1 u8  enum postgresql_snapshot_state
 * 2 u64 the snapshot's LSN, the slot's consistent point; 0 before there is one */
enum postgresql_snapshot_state {
	POSTGRESQL_SNAPSHOT_NONE = 0,   /* never stored: no progress at all */
	POSTGRESQL_SNAPSHOT_BEGUN = 1,  /* rows may be in the log, and are not all */
	POSTGRESQL_SNAPSHOT_WHOLE = 2,
};

struct postgresql_progress {
	enum postgresql_snapshot_state state;
	uint64_t lsn;
};

#define POSTGRESQL_PROGRESS_BYTES       10

void postgresql_progress_encode(uint8_t *out, const struct postgresql_progress *progress);
/* nil is POSTGRESQL_SNAPSHOT_NONE. */
int postgresql_progress_decode(struct bytes encoded, struct postgresql_progress *out,
			       struct error *err);

/* "16/B374D848"; out has POSTGRESQL_LSN_TEXT_BYTES of room. */
#define POSTGRESQL_LSN_TEXT_BYTES       18
void postgresql_lsn_text(uint64_t lsn, char *out);

#endif
