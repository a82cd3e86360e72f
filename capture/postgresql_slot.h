#ifndef CAPTURE_POSTGRESQL_SLOT_H
#define CAPTURE_POSTGRESQL_SLOT_H

#include "capture/postgresql_source.h"

/* The replication slot: what keeps the server's WAL until it is stored here. */

struct postgresql_slot {
	bool exists;
	uint64_t confirmed_lsn;
};

/* How it stands.  A fault of it is an error: ERROR_BUSY while another process uses it
 * (after waiting SLOT_FREE_WAIT_MS: that of a connection just lost goes away by itself);
 * ERROR_INVALID for one of another plugin or database; ERROR_GAP where the server has
 * given up its WAL. */
#define SLOT_FREE_WAIT_MS       3000
int postgresql_slot_describe(struct postgresql_source *source, struct postgresql_slot *out,
			     struct error *err);

/* Is what comes behind the stored position still there?  ERROR_GAP. */
int postgresql_slot_check_place(const struct postgresql_source *source, const struct postgresql_slot *slot,
				struct error *err);
/* The same of the slot that this source streams from: until then anybody may have used
 * it, and during a snapshot for hours. */
int postgresql_slot_check_taken(struct postgresql_source *source, struct error *err);

/* Make it, on the replication connection.  With an exported snapshot, whose name it fills
 * in (snapshot_bytes of room): good until the next command there.  A temporary one ends
 * with the connection.  Logs, while it takes long, which process it waits for.
 * ERROR_BUSY: all slots are in use, or a published table was altered or truncated
 * meanwhile, and nothing was made; ERROR_TIMEOUT: still waiting. */
int postgresql_slot_create(struct postgresql_source *source, bool is_temporary,
			   uint64_t *out_lsn, char *snapshot, size_t snapshot_bytes,
			   struct error *err);

/* Not there: fine. */
int postgresql_slot_drop(struct postgresql_source *source, struct error *err);

#endif
