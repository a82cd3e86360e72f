#ifndef CAPTURE_POSTGRESQL_CATALOG_H
#define CAPTURE_POSTGRESQL_CATALOG_H

#include "capture/postgresql_source.h"
#include "capture/postgresql_table.h"

/* What the server's catalog says of tables, columns and types.  Over any ordinary
 * connection: in a snapshot's transaction it is the catalog of that snapshot. */

/* A table that the filters name. */
struct postgresql_candidate {
	uint32_t oid;
	struct bytes schema;            /* texts are lent by the list */
	struct bytes table;
	bool is_partitioned;
	bool is_unlogged;               /* not in the WAL: never captured */
	bool may_read;
	bool has_identity;              /* its updates and deletes can say which row */
	bool has_unpublished_identity;  /* FULL, and generated columns that are not published: the
					 * server refuses updates and deletes */
	bool is_member;                 /* named by the publication, or by all tables of it */
	bool is_published;              /* its changes come under its own name */
	struct bytes row_filter;        /* of the publication; nil: none */
	uint64_t row_estimate;          /* 0: not known */
};

struct postgresql_candidates {
	struct postgresql_candidate *items;
	uint32_t count;
	PGresult *result;
};

/* In the order of their names.  Partitions of a table that is itself named are left
 * out: they come under its name.  (Before version 13 they cannot, and the partitioned
 * table is left out instead.)  Temporary tables and the system's are none. */
int postgresql_catalog_candidates(struct postgresql_source *source,
				  struct postgresql_connection *connection,
				  struct postgresql_candidates *out, struct error *err);
/* Those whose changes come under their own name: what the snapshot has to read. */
int postgresql_catalog_published(struct postgresql_source *source,
				 struct postgresql_connection *connection,
				 struct postgresql_candidates *out, struct error *err);
void postgresql_candidates_clear(struct postgresql_candidates *candidates);

/* A table's columns as they are now.  published_only: without those that the stream
 * leaves out.  1, or 0 where there is no such table.  Texts are lent until _clear. */
struct postgresql_catalog_relation {
	struct postgresql_relation relation;
	PGresult *result;
};
int postgresql_catalog_relation(struct postgresql_source *source,
				struct postgresql_connection *connection, uint32_t oid,
				bool published_only, struct postgresql_catalog_relation *out,
				struct error *err);
void postgresql_catalog_relation_clear(struct postgresql_catalog_relation *relation);

/* The table that a relation comes to, with what the catalog says of its types, and the
 * writer's table for it. */
int postgresql_catalog_open_table(struct postgresql_source *source,
				  struct postgresql_connection *connection,
				  const struct postgresql_relation *relation,
				  struct postgresql_table **out, struct writer_table **out_writer,
				  struct error *err);

#endif
