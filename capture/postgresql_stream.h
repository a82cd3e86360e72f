#ifndef CAPTURE_POSTGRESQL_STREAM_H
#define CAPTURE_POSTGRESQL_STREAM_H

#include "capture/postgresql_source.h"

/* Streaming: START_REPLICATION and what comes of it, transaction by transaction, into
 * the writer.
 *
 * The server is told three things, and the third is a promise: flush, up to where it
 * may forget, is always and only what writer_durable says.  It is told at each
 * status.update.interval.ms, at once when it asks, while the writer waits for a slow
 * disk, and a last time at the end.
 *
 * Nothing captured commits on a quiet database, yet its WAL grows: then the server's
 * keepalives say up to where it has looked.  That becomes the position, at most once
 * each heartbeat.interval.ms (0: status.update.interval.ms), and at once where the server
 * asks for an answer: stored first, then confirmed like any other. */

struct postgresql_stream;

/* From stored_lsn until asked to stop (0), or an error. */
int postgresql_stream_run(struct postgresql_source *source, struct error *err);

/* Tell the server once more what is durable.  NULL is fine. */
void postgresql_stream_confirm(struct postgresql_source *source);

void postgresql_stream_destroy(struct postgresql_stream *stream);

#endif
