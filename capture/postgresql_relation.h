#ifndef CAPTURE_POSTGRESQL_RELATION_H
#define CAPTURE_POSTGRESQL_RELATION_H

#include "capture/pgoutput.h"

/* What PostgreSQL tells of a table: to be filled from the catalog, or merged from
 * a Relation message and the catalog.  Texts are lent. */

struct postgresql_column {
	struct bytes name;
	uint32_t type_oid;              /* pg_attribute.atttypid */
	int32_t type_modifier;          /* atttypmod */
	bool is_identity;               /* part of the replica identity.  From the catalog it is wanted
					 * for 'i' alone: in the index that has indisreplident */
	bool is_not_null;               /* attnotnull */
	bool is_generated;              /* attgenerated <> '' */
	uint32_t key_position;          /* 1, 2, … in the primary key; 0: not in it */
	struct bytes default_text;      /* pg_get_expr(adbin, adrelid); nil: none */
};

/* The columns are those that pgoutput publishes, in the order of attnum: without
 * dropped ones, and without generated ones and those outside the publication's
 * column list, where the server leaves them out. */
struct postgresql_relation {
	uint32_t oid;
	struct bytes schema;
	struct bytes table;
	char replica_identity;          /* 'd' 'n' 'f' 'i' */
	struct postgresql_column *columns;      /* the maker's; a merged relation's own */
	uint32_t column_count;
};

/* What the stream said, completed with what the catalog says today (of the table
 * with this oid; NULL: dropped since).  Columns meet by name; one that has another
 * type today takes nothing from it but its place in the key.  The primary key is
 * today's, where it can have been that of the time; else, with REPLICA IDENTITY
 * DEFAULT, the identity's columns in the table's order.  Texts are lent by both.
 * ERROR_MEMORY. */
int postgresql_relation_merge(const struct pgoutput_relation *message,
			      const struct postgresql_relation *catalog,
			      struct postgresql_relation *out, struct error *err);

/* Free a merged relation's columns; also for one that is all zero. */
void postgresql_relation_clear(struct postgresql_relation *relation);

#endif
