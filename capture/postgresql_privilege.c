#include "capture/postgresql_privilege.h"

#include "capture/postgresql_catalog.h"

#include <stdio.h>

/* So many names in a statement; the error's text is not long. */
#define NAMES_MAX 6

/* In the order of the candidates, of which one may have been dropped meanwhile. */
#define PRIVILEGES                                                                              \
	"SELECT c.oid, has_schema_privilege(n.oid, 'USAGE'),"                                   \
	" has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'),"   \
	" pg_has_role(c.relowner, 'USAGE') AND has_database_privilege(current_database(), 'CREATE')" \
	" OR EXISTS (SELECT 1 FROM pg_publication WHERE pubname = $2)"                          \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                        \
	" WHERE c.oid = ANY ($1::oid[]) ORDER BY n.nspname, c.relname"

enum { OID, MAY_ENTER, MAY_READ, MAY_PUBLISH };

struct privileges {
	struct postgresql_source *source;
	struct postgresql_candidates tables;
	PGresult *result;               /* a row a table, where its oid is the same */
	struct text sql;                /* of what is missing */
};

static bool lacks(const struct privileges *privileges, uint32_t table, int column)
{
	const PGresult *result = privileges->result;
	return (int)table < PQntuples(result) &&
	       postgresql_field_u64(result, (int)table, OID) == privileges->tables.items[table].oid &&
	       !postgresql_field_bool(result, (int)table, column);
}

static void add_role(struct privileges *privileges)
{
	postgresql_quote_name(&privileges->sql, bytes_of_text(privileges->source->settings->database_user));
}

static void add_replication(struct privileges *privileges)
{
	text_add_string(&privileges->sql, "ALTER ROLE ");
	add_role(privileges);
	text_add_string(&privileges->sql, " REPLICATION; ");
}

static void end_list(struct privileges *privileges, uint32_t count)
{
	if (count > NAMES_MAX)
		text_add_format(&privileges->sql, ", … (%u more)", count - NAMES_MAX);
}

/* Tables come by schema. */
static void add_usage(struct privileges *privileges)
{
	const struct postgresql_candidate *items = privileges->tables.items;
	uint32_t count = 0;
	for (uint32_t i = 0; i < privileges->tables.count; i++) {
		if (!lacks(privileges, i, MAY_ENTER) || (i > 0 && bytes_compare(items[i].schema, items[i - 1].schema) == 0))
			continue;
		if (count++ < NAMES_MAX) {
			text_add_string(&privileges->sql, count == 1 ? "GRANT USAGE ON SCHEMA " : ", ");
			postgresql_quote_name(&privileges->sql, items[i].schema);
		}
	}
	if (count == 0)
		return;
	end_list(privileges, count);
	text_add_string(&privileges->sql, " TO ");
	add_role(privileges);
	text_add_string(&privileges->sql, "; ");
}

static void add_select(struct privileges *privileges)
{
	const struct postgresql_candidate *items = privileges->tables.items;
	uint32_t count = 0;
	for (uint32_t i = 0; i < privileges->tables.count; i++) {
		if (lacks(privileges, i, MAY_READ) && count++ < NAMES_MAX) {
			text_add_string(&privileges->sql, count == 1 ? "GRANT SELECT ON " : ", ");
			postgresql_quote_table(&privileges->sql, items[i].schema, items[i].table);
		}
	}
	if (count == 0)
		return;
	end_list(privileges, count);
	text_add_string(&privileges->sql, " TO ");
	add_role(privileges);
	text_add_string(&privileges->sql, "; ");
}

static void add_publication(struct privileges *privileges)
{
	const struct postgresql_source *source = privileges->source;
	const struct postgresql_candidate *items = privileges->tables.items;
	uint32_t count = 0;
	bool may_publish = true;
	for (uint32_t i = 0; i < privileges->tables.count; i++)
		may_publish &= !lacks(privileges, i, MAY_PUBLISH);
	if (may_publish)
		return;
	text_add_string(&privileges->sql, "CREATE PUBLICATION ");
	postgresql_quote_name(&privileges->sql, bytes_of_text(source->settings->publication_name));
	for (uint32_t i = 0; i < privileges->tables.count; i++) {
		if (!items[i].is_unlogged && count++ < NAMES_MAX) {
			text_add_string(&privileges->sql, count == 1 ? " FOR TABLE " : ", ");
			text_add_string(&privileges->sql, items[i].is_partitioned ? "" : "ONLY ");
			postgresql_quote_table(&privileges->sql, items[i].schema, items[i].table);
		}
	}
	end_list(privileges, count);
	if (source->server_version >= POSTGRESQL_ROOT_VERSION_MIN)
		text_add_string(&privileges->sql, " WITH (publish_via_partition_root = true)");
	text_add_string(&privileges->sql, "; ");
}

static int ask(struct privileges *privileges, struct error *err)
{
	struct postgresql_source *source = privileges->source;
	struct text oids;
	int rc;
	if (postgresql_catalog_candidates(source, source->catalog, &privileges->tables, err) != 0)
		return -1;
	text_init(&oids);
	for (uint32_t i = 0; i < privileges->tables.count; i++)
		text_add_format(&oids, "%c%u", i == 0 ? '{' : ',', privileges->tables.items[i].oid);
	text_add_string(&oids, privileges->tables.count == 0 ? "{}" : "}");
	text_add_byte(&oids, '\0');
	rc = text_check(&oids, err);
	if (rc == 0) {
		const char *const values[] = { oids.buffer.data, source->settings->publication_name };
		rc = postgresql_connection_query(source->catalog, PRIVILEGES, values, 2, &privileges->result, err);
	}
	text_clear(&oids);
	return rc;
}

int postgresql_privilege_deny(struct postgresql_source *source, bool may_replicate, bool reads,
			      struct error *err)
{
	struct privileges privileges = { .source = source };
	text_init(&privileges.sql);
	if (ask(&privileges, err) != 0) {
		error_context(err, "ask the server what the role may do");
		goto out;
	}
	if (!may_replicate)
		add_replication(&privileges);
	if (reads) {
		add_usage(&privileges);
		add_select(&privileges);
	}
	if (source->settings->publication_mode == PUBLICATION_FILTERED &&
	    source->settings->snapshot_mode != SNAPSHOT_MODE_INITIAL_ONLY)
		add_publication(&privileges);
	if (privileges.sql.buffer.size > 2)
		privileges.sql.buffer.size -= 2;
	text_add_byte(&privileges.sql, '\0');
	if (text_check(&privileges.sql, err) == 0)
		error_set(err, ERROR_DENIED, "the role lacks privileges; as a superuser, and then millstream source restart %s: %s",
			  source->context->name, privileges.sql.buffer.data);
out:
	postgresql_candidates_clear(&privileges.tables);
	PQclear(privileges.result);
	text_clear(&privileges.sql);
	return -1;
}
