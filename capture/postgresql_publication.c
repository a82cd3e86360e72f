#include "capture/postgresql_publication.h"

#include "capture/postgresql_catalog.h"
#include "capture/postgresql_error.h"

#include <stdio.h>

/* Says that a publication was made here, in a comment on it. */
#define MARK    "made by millstream"

struct publication {
	bool exists;
	bool is_ours;
	bool has_all_tables;
	bool has_root_identity;
	char lacks[64];         /* operations that it leaves out: "delete truncate" */
};

static int describe(struct postgresql_source *source, struct publication *out, struct error *err)
{
	const char *const values[] = { source->settings->publication_name, MARK };
	PGresult *found;
	if (postgresql_connection_query(source->catalog, source->server_version >= POSTGRESQL_ROOT_VERSION_MIN ?
			"SELECT coalesce(obj_description(oid, 'pg_publication') = $2, false), puballtables, pubviaroot,"
			" concat_ws(', ', CASE WHEN NOT pubinsert THEN 'insert' END, CASE WHEN NOT pubupdate THEN 'update' END,"
			" CASE WHEN NOT pubdelete THEN 'delete' END, CASE WHEN NOT pubtruncate THEN 'truncate' END)"
			" FROM pg_publication WHERE pubname = $1" :
			"SELECT coalesce(obj_description(oid, 'pg_publication') = $2, false), puballtables, false,"
			" concat_ws(', ', CASE WHEN NOT pubinsert THEN 'insert' END, CASE WHEN NOT pubupdate THEN 'update' END,"
			" CASE WHEN NOT pubdelete THEN 'delete' END, CASE WHEN NOT pubtruncate THEN 'truncate' END)"
			" FROM pg_publication WHERE pubname = $1",
			values, 2, &found, err) != 0)
		return error_context(err, "look for publication \"%s\"", source->settings->publication_name);
	*out = (struct publication){ .exists = PQntuples(found) == 1 };
	if (out->exists) {
		out->is_ours = postgresql_field_bool(found, 0, 0);
		out->has_all_tables = postgresql_field_bool(found, 0, 1);
		out->has_root_identity = postgresql_field_bool(found, 0, 2);
		snprintf(out->lacks, sizeof(out->lacks), "%s", PQgetvalue(found, 0, 3));
	}
	PQclear(found);
	return 0;
}

static void add_name(struct postgresql_source *source, struct text *sql)
{
	postgresql_quote_name(sql, bytes_of_text(source->settings->publication_name));
}

/* ONLY: what inherits from a table is a table of its own, with a topic of its own. */
static void add_table(struct text *sql, const struct postgresql_candidate *table)
{
	text_add_string(sql, table->is_partitioned ? "" : "ONLY ");
	postgresql_quote_table(sql, table->schema, table->table);
}

/* Runs what the text holds; a refusal says what an administrator can run instead. */
static int run(struct postgresql_source *source, struct text *sql, struct error *err)
{
	int rc;
	text_add_byte(sql, '\0');
	if (text_check(sql, err) != 0)
		return -1;
	rc = postgresql_connection_run(source->catalog, sql->buffer.data, err);
	if (rc != 0 && err != NULL && err->code == ERROR_DENIED) {
		char why[ERROR_TEXT_BYTES];
		snprintf(why, sizeof(why), "%s", err->text);
		error_set(err, ERROR_DENIED, "publication \"%s\": %.150s; as the owner of the tables: %.200s; then set"
			  " publication.autocreate.mode = \"disabled\"", source->settings->publication_name, why,
			  sql->buffer.data);
	}
	return rc;
}

static int mark_as_ours(struct postgresql_source *source, struct error *err)
{
	struct text sql;
	int rc;
	text_init(&sql);
	text_add_string(&sql, "COMMENT ON PUBLICATION ");
	add_name(source, &sql);
	text_add_string(&sql, " IS '" MARK "'");
	rc = run(source, &sql, err);
	text_clear(&sql);
	return rc;
}

static int create(struct postgresql_source *source, const struct postgresql_candidates *tables,
		  struct error *err)
{
	struct text sql;
	int rc, count = 0;
	text_init(&sql);
	text_add_string(&sql, "CREATE PUBLICATION ");
	add_name(source, &sql);
	if (source->settings->publication_mode == PUBLICATION_ALL_TABLES)
		text_add_string(&sql, " FOR ALL TABLES");
	for (uint32_t i = 0; tables != NULL && i < tables->count; i++) {
		if (tables->items[i].is_unlogged)
			continue;
		text_add_string(&sql, count++ == 0 ? " FOR TABLE " : ", ");
		add_table(&sql, &tables->items[i]);
	}
	if (source->server_version >= POSTGRESQL_ROOT_VERSION_MIN)
		text_add_string(&sql, " WITH (publish_via_partition_root = true)");
	rc = run(source, &sql, err);
	text_clear(&sql);
	if (rc != 0)
		return -1;
	source->has_root_identity = source->server_version >= POSTGRESQL_ROOT_VERSION_MIN;
	source_log(source, SOURCE_LOG_INFO, "publication \"%s\" made%s", source->settings->publication_name,
		   tables == NULL && source->settings->publication_mode == PUBLICATION_NO_TABLES ?
			", without any table: add what is to be captured" : "");
	return mark_as_ours(source, err);
}

/* Cannot be told: true. */
static bool has_rows(struct postgresql_source *source, const struct postgresql_candidate *table)
{
	struct text sql;
	PGresult *found;
	bool has = true;
	text_init(&sql);
	text_add_string(&sql, table->is_partitioned ? "SELECT EXISTS (SELECT FROM " : "SELECT EXISTS (SELECT FROM ONLY ");
	postgresql_quote_table(&sql, table->schema, table->table);
	text_add_string(&sql, ")");
	text_add_byte(&sql, '\0');
	if (text_check(&sql, NULL) == 0 &&
	    postgresql_connection_query(source->catalog, sql.buffer.data, NULL, 0, &found, NULL) == 0) {
		has = postgresql_field_bool(found, 0, 0);
		PQclear(found);
	}
	text_clear(&sql);
	return has;
}

/* A snapshot is still to come, or else the rows of before are never read. */
static void tell_added(struct postgresql_source *source, const struct postgresql_candidate *table)
{
	const int schema_size = (int)table->schema.size, table_size = (int)table->table.size;
	const char *schema = (const char *)table->schema.data, *name = (const char *)table->table.data;
	/* Asked before anybody hears that it is captured now. */
	const bool misses_rows = source->has_position && has_rows(source, table);
	source_log(source, SOURCE_LOG_INFO, "table %.*s.%.*s is in publication \"%s\" now", schema_size, schema,
		   table_size, name, source->settings->publication_name);
	if (misses_rows)
		source_log(source, SOURCE_LOG_WARNING, "table %.*s.%.*s had rows before it was in publication \"%s\":"
			   " each is captured when it is changed next, or by an UPDATE of all of them that sets a column"
			   " to itself", schema_size, schema, table_size, name, source->settings->publication_name);
}

static int add_missing(struct postgresql_source *source, const struct postgresql_candidates *tables,
		       struct error *err)
{
	for (uint32_t i = 0; i < tables->count; i++) {
		const struct postgresql_candidate *table = &tables->items[i];
		struct text sql;
		int rc;
		if (table->is_member || table->is_unlogged)
			continue;
		text_init(&sql);
		text_add_string(&sql, "ALTER PUBLICATION ");
		add_name(source, &sql);
		text_add_string(&sql, " ADD TABLE ");
		add_table(&sql, table);
		rc = run(source, &sql, err);
		text_clear(&sql);
		if (rc != 0)
			return -1;
		tell_added(source, table);
	}
	return 0;
}

/* Tables of a publication of ours that the filters no longer name. */
static int remove_others(struct postgresql_source *source, struct error *err)
{
	const char *const values[] = { source->settings->publication_name };
	PGresult *members;
	int rc = 0;
	if (postgresql_connection_query(source->catalog,
			"SELECT n.nspname, c.relname FROM pg_publication b JOIN pg_publication_rel r ON r.prpubid = b.oid"
			" JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
			" WHERE b.pubname = $1", values, 1, &members, err) != 0)
		return error_context(err, "list the tables of publication \"%s\"", source->settings->publication_name);
	for (int row = 0; row < PQntuples(members) && rc == 0; row++) {
		struct bytes schema = postgresql_field(members, row, 0), table = postgresql_field(members, row, 1);
		struct text sql;
		if (source_settings_has_table(source->settings, schema, table))
			continue;
		text_init(&sql);
		text_add_string(&sql, "ALTER PUBLICATION ");
		add_name(source, &sql);
		text_add_string(&sql, " DROP TABLE ");
		postgresql_quote_table(&sql, schema, table);
		rc = run(source, &sql, err);
		text_clear(&sql);
		if (rc == 0)
			source_log(source, SOURCE_LOG_INFO, "table %.*s.%.*s is no longer in publication \"%s\"",
				   (int)schema.size, (const char *)schema.data, (int)table.size,
				   (const char *)table.data, source->settings->publication_name);
	}
	PQclear(members);
	return rc;
}

static int ensure_filtered(struct postgresql_source *source, const struct publication *publication,
			   struct error *err)
{
	struct postgresql_candidates tables;
	int rc;
	if (postgresql_catalog_candidates(source, source->catalog, &tables, err) != 0)
		return -1;
	if (!publication->exists)
		rc = create(source, &tables, err);
	else if (publication->has_all_tables)
		rc = 0;
	else
		rc = add_missing(source, &tables, err);
	if (rc == 0 && publication->is_ours && !publication->has_all_tables)
		rc = remove_others(source, err);
	postgresql_candidates_clear(&tables);
	return rc;
}

/* After all, what is in it counts. */
static int warn_of_missing(struct postgresql_source *source, struct error *err)
{
	struct postgresql_candidates tables;
	if (postgresql_catalog_candidates(source, source->catalog, &tables, err) != 0)
		return -1;
	for (uint32_t i = 0; i < tables.count; i++) {
		const struct postgresql_candidate *table = &tables.items[i];
		const int schema_size = (int)table->schema.size, table_size = (int)table->table.size;
		if (table->is_published || table->is_unlogged)
			continue;
		if (table->is_partitioned && !source->has_root_identity)
			source_log(source, SOURCE_LOG_WARNING, "changes of %.*s.%.*s come under the names of its partitions,"
				   " and only those that the filters name are captured; ALTER PUBLICATION \"%s\" SET"
				   " (publish_via_partition_root = true)", schema_size, (const char *)table->schema.data,
				   table_size, (const char *)table->table.data, source->settings->publication_name);
		else
			source_log(source, SOURCE_LOG_WARNING, "table %.*s.%.*s is not in publication \"%s\" and not captured;"
				   " ALTER PUBLICATION \"%s\" ADD TABLE \"%.*s\".\"%.*s\"", schema_size,
				   (const char *)table->schema.data, table_size, (const char *)table->table.data,
				   source->settings->publication_name, source->settings->publication_name, schema_size,
				   (const char *)table->schema.data, table_size, (const char *)table->table.data);
	}
	postgresql_candidates_clear(&tables);
	return 0;
}

int postgresql_publication_ensure(struct postgresql_source *source, struct error *err)
{
	const int mode = source->settings->publication_mode;
	struct publication publication;
	if (describe(source, &publication, err) != 0)
		return -1;
	source->has_root_identity = publication.has_root_identity;
	if (!publication.exists && mode == PUBLICATION_DISABLED)
		return error_set(err, ERROR_NOT_FOUND,
				 "publication \"%s\" does not exist, and publication.autocreate.mode is disabled; as the"
				 " owner of the tables: CREATE PUBLICATION \"%s\" FOR TABLE …",
				 source->settings->publication_name, source->settings->publication_name);
	if (mode == PUBLICATION_FILTERED ? ensure_filtered(source, &publication, err) != 0 :
					   !publication.exists && create(source, NULL, err) != 0)
		return -1;
	if (publication.lacks[0] != '\0')
		source_log(source, SOURCE_LOG_WARNING, "publication \"%s\" leaves out %s", source->settings->publication_name,
			   publication.lacks);
	return warn_of_missing(source, err);
}

int postgresql_publication_refresh(struct postgresql_source *source, struct error *err)
{
	struct publication publication;
	struct postgresql_candidates tables;
	struct error problem = { 0 };
	if (source->settings->publication_mode != PUBLICATION_FILTERED)
		return 0;
	if (describe(source, &publication, err) != 0)
		return -1;
	if (!publication.exists)
		return error_set(err, ERROR_NOT_FOUND, "publication \"%s\" has been dropped",
				 source->settings->publication_name);
	if (publication.has_all_tables)
		return 0;
	if (postgresql_catalog_candidates(source, source->catalog, &tables, err) != 0)
		return -1;
	/* An index being built on a table may keep it for hours; the stream must not wait. */
	if (postgresql_connection_run(source->catalog, "SET lock_timeout = 2000", &problem) != 0 ||
	    add_missing(source, &tables, &problem) != 0 ||
	    postgresql_connection_run(source->catalog, "RESET lock_timeout", &problem) != 0)
		source_log(source, SOURCE_LOG_WARNING, "a new table cannot be captured: %s", problem.text);
	postgresql_candidates_clear(&tables);
	return 0;
}

int postgresql_publication_drop(struct postgresql_source *source, struct error *err)
{
	struct publication publication;
	struct text sql;
	int rc;
	if (describe(source, &publication, err) != 0)
		return -1;
	if (!publication.exists)
		return 0;
	if (!publication.is_ours) {
		source_log(source, SOURCE_LOG_INFO, "publication \"%s\" was not made by millstream and stays",
			   source->settings->publication_name);
		return 0;
	}
	text_init(&sql);
	text_add_string(&sql, "DROP PUBLICATION ");
	add_name(source, &sql);
	rc = run(source, &sql, err);
	text_clear(&sql);
	if (rc == 0)
		source_log(source, SOURCE_LOG_INFO, "publication \"%s\" dropped", source->settings->publication_name);
	return rc;
}
