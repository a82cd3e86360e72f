#ifndef CAPTURE_POSTGRESQL_SOURCE_H
#define CAPTURE_POSTGRESQL_SOURCE_H

#include "capture/postgresql_connection.h"
#include "capture/postgresql_position.h"
#include "capture/source.h"
#include "capture/source_settings.h"

/* From here on changes of partitions can come under the name of their table. */
#define POSTGRESQL_ROOT_VERSION_MIN     130000

/* What the files of this source share; nobody else includes it. */
struct postgresql_source {
	const struct source_settings *settings; /* lent, outlive the source */
	struct source_context *context;

	/* While it is open: */
	struct postgresql_connection *catalog;          /* ordinary; NULL: to be opened again */
	struct postgresql_connection *replication;
	int server_version;                             /* 150020 */
	uint64_t system_id;
	uint32_t timeline;
	bool has_root_identity;         /* the publication shows partitions as their root */
	struct postgresql_progress progress;
	bool has_position;
	uint64_t stored_lsn;            /* where the stream goes on; of no meaning before has_position */

	struct postgresql_stream *stream;       /* while it streams, and until it is closed */
	int64_t table_check_ms;         /* how often new tables are looked for; 60,000 */
};

/* The way on from a gap; of the source's name. */
#define BEGIN_AGAIN     "to begin again: millstream source reset %s"

#define source_log(source, level, ...) \
	((source)->context->log((source)->context->user, (level), __VA_ARGS__))

/* Open the ordinary connection where there is none, or it has broken. */
int postgresql_source_need_catalog(struct postgresql_source *source, struct error *err);

#endif
