#ifndef CAPTURE_POSTGRESQL_STREAM_TABLES_H
#define CAPTURE_POSTGRESQL_STREAM_TABLES_H

#include "capture/postgresql_source.h"
#include "capture/postgresql_table.h"

/* The tables that a stream has told of: by oid, at the version that its last Relation
 * message gave them. */
struct postgresql_stream_tables {
	struct postgresql_stream_table *items; /* by oid */
	uint32_t count;
	uint32_t capacity;
	uint32_t last;                  /* the one found last: rows come in runs */
};

struct postgresql_stream_table {
	uint32_t oid;
	struct postgresql_table *table; /* NULL: not captured */
	struct writer_table *writer_table;
};

void postgresql_stream_tables_clear(struct postgresql_stream_tables *tables);

/* A Relation message: it says that the table is new to this stream, or may have
 * changed; so the catalog is asked again.  Blocks on the database. */
int postgresql_stream_tables_learn(struct postgresql_stream_tables *tables,
			       struct postgresql_source *source,
			       const struct pgoutput_relation *message, struct error *err);

/* NULL: never told of. */
struct postgresql_stream_table *postgresql_stream_tables_find(struct postgresql_stream_tables *tables,
						   uint32_t oid);

#endif
