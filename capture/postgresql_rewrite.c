#include "capture/postgresql_rewrite.h"

#include <stdio.h>
#include <string.h>

/* The files of the table and its partitions, and what changes with each ALTER TABLE
 * that writes them anew: the columns' rows in the catalog, persistence, access method. */
#define LAYOUT                                                                                 \
	"SELECT (SELECT string_agg(f.relfilenode::text, ' ' ORDER BY f.oid) FROM pg_class f"    \
	" WHERE f.oid = c.oid OR (c.relkind = 'p' AND"                                          \
	" f.oid IN (SELECT relid FROM pg_partition_tree(c.oid)))),"                             \
	" concat_ws(' ', c.relpersistence, c.relam, (SELECT string_agg(a.xmin::text, ' ' ORDER BY a.attnum)" \
	" FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0))"                      \
	" FROM pg_class c WHERE c.oid = $1::oid"

enum { FILES, SHAPE };

static int ask(struct postgresql_connection *connection, uint32_t oid, PGresult **out, struct error *err)
{
	char oid_text[16];
	const char *const values[] = { oid_text };
	snprintf(oid_text, sizeof(oid_text), "%u", oid);
	return postgresql_connection_query(connection, LAYOUT, values, 1, out, err);
}

static bool differs(const PGresult *then, const PGresult *now, int field)
{
	return strcmp(PQgetvalue(then, 0, field), PQgetvalue(now, 0, field)) != 0;
}

int postgresql_rewrite_check(struct postgresql_source *source,
			     struct postgresql_connection *snapshot, uint32_t oid,
			     struct error *err)
{
	PGresult *then = NULL, *now = NULL;
	bool is_rewritten;
	if (postgresql_source_need_catalog(source, err) != 0 ||
	    ask(snapshot, oid, &then, err) != 0 || ask(source->catalog, oid, &now, err) != 0) {
		PQclear(then);
		return error_context(err, "look whether it was rewritten");
	}
	is_rewritten = PQntuples(then) == 1 && PQntuples(now) == 1 && differs(then, now, FILES) &&
		       differs(then, now, SHAPE);
	PQclear(then);
	PQclear(now);
	if (is_rewritten)
		return error_set(err, ERROR_BUSY, "it was rewritten by ALTER TABLE before the snapshot came to it, and"
				 " no longer has the rows of the snapshot's moment; the snapshot begins again");
	return 0;
}
