#ifndef CAPTURE_POSTGRESQL_REWRITE_H
#define CAPTURE_POSTGRESQL_REWRITE_H

#include "capture/postgresql_source.h"

/* Was a table written anew since the snapshot's moment?  To a transaction of before, the
 * rows that ALTER TABLE has rewritten are not there, and the stream never tells of them
 * (PostgreSQL's documentation, 13.6 Caveats).
 *
 * Asked in the snapshot's transaction, once the table is locked by having been read
 * there.  It matters only where no row was seen.  0: what was seen is right; -1:
 * rewritten (ERROR_BUSY: a new snapshot will do), or the servers' errors.  TRUNCATE,
 * which the stream tells of, and VACUUM FULL, which keeps the rows' age, are neither. */
int postgresql_rewrite_check(struct postgresql_source *source,
			     struct postgresql_connection *snapshot, uint32_t oid,
			     struct error *err);

#endif
