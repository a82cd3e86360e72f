#ifndef CAPTURE_POSTGRESQL_SNAPSHOT_H
#define CAPTURE_POSTGRESQL_SNAPSHOT_H

#include "capture/postgresql_source.h"

/* The rows that are there before the stream begins: the slot is made first, and its
 * exported snapshot read, so the stream goes on exactly where the snapshot looked.
 *
 * The log is told before that a snapshot has begun, and with its last row that it is
 * whole; in between there is no position, so an interrupted one begins again: with a
 * new slot, and with a truncate in front of each table's rows, for what was written
 * may since have been deleted. */

/* A transaction of rows, the last one before either is passed. */
#define SNAPSHOT_ROWS_MAX       2048
#define SNAPSHOT_BYTES_MAX      (2 * 1024 * 1024)

/* 0: whole, or asked to stop.  Sets stored_lsn where it is whole. */
int postgresql_snapshot_run(struct postgresql_source *source, struct error *err);

#endif
