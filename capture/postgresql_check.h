#ifndef CAPTURE_POSTGRESQL_CHECK_H
#define CAPTURE_POSTGRESQL_CHECK_H

#include "capture/postgresql_source.h"

/* What capturing needs of a server.  Each thing that is missing is one line that says
 * what, and the SQL that mends it; privileges are told together. */

/* The server itself, over the ordinary connection: its version, wal_level, whether it
 * is a standby, whether the role may replicate.  Fills server_version. */
int postgresql_check_server(struct postgresql_source *source, struct error *err);

/* IDENTIFY_SYSTEM on the replication connection: fills system_id and timeline.  With a
 * stored position: ERROR_GAP where it belongs to another cluster, to a history that
 * this server does not share, or to WAL that it has not written. */
int postgresql_check_history(struct postgresql_source *source,
			     const struct postgresql_position *stored, struct error *err);

/* The tables to be captured: warns, by name, of those whose updates and deletes have no
 * identity.  for_reading: and fails where the role may not read one (a snapshot). */
int postgresql_check_tables(struct postgresql_source *source, bool for_reading, struct error *err);

#endif
