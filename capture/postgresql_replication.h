#ifndef CAPTURE_POSTGRESQL_REPLICATION_H
#define CAPTURE_POSTGRESQL_REPLICATION_H

#include "capture/postgresql_source.h"

/* The replication connection as a stream of messages: how it begins, its next message,
 * and why it has ended. */

/* START_REPLICATION at stored_lsn.  Blocks on the database.  ERROR_SHUTDOWN. */
int postgresql_replication_start(struct postgresql_source *source, struct error *err);

/* The next message of what PQconsumeInput has read: 1, one that PQfreemem frees; 0: all is
 * taken.  Does not block.  ERROR_GAP: changes cannot be read, because the publication was
 * not there when they were made; ERROR_CONNECTION, and what the server says. */
int postgresql_replication_next(struct postgresql_source *source, char **out, size_t *out_bytes,
				struct error *err);

#endif
