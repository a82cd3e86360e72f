#include "capture/postgresql_check.h"

#include "capture/name_filter.h"
#include "capture/postgresql_catalog.h"
#include "capture/postgresql_privilege.h"

#include <stdio.h>
#include <stdlib.h>

#define SERVER_VERSION_MIN      120000
#define STANDBY_VERSION_MIN     160000          /* that decodes on a standby */

/* Managed servers lend replication by roles of their own. */
#define SERVER                                                                      \
	"SELECT current_setting('wal_level'), pg_is_in_recovery(),"                 \
	" (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user)" \
	" OR EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname IN"                   \
	" ('rds_replication', 'rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin')" \
	" AND pg_has_role(current_user, r.oid, 'MEMBER'))"

static int check_facts(struct postgresql_source *source, const PGresult *facts, struct error *err)
{
	if (postgresql_field_bool(facts, 0, 1) && source->server_version < STANDBY_VERSION_MIN)
		return error_set(err, ERROR_UNSUPPORTED,
				 "this server is a standby, and before version 16 a standby decodes nothing;"
				 " set database.hostname to its primary");
	if (strcmp(PQgetvalue(facts, 0, 0), "logical") != 0)
		return error_set(err, ERROR_INVALID,
				 "wal_level is %s, and capturing needs logical; as a superuser: ALTER SYSTEM SET"
				 " wal_level = logical; then restart PostgreSQL", PQgetvalue(facts, 0, 0));
	if (!postgresql_field_bool(facts, 0, 2))
		return postgresql_privilege_deny(source, false, !source->has_position &&
						 source->settings->snapshot_mode != SNAPSHOT_MODE_NEVER, err);
	return 0;
}

int postgresql_check_server(struct postgresql_source *source, struct error *err)
{
	PGresult *facts;
	int rc;
	source->server_version = PQserverVersion(postgresql_connection_raw(source->catalog));
	if (source->server_version < SERVER_VERSION_MIN)
		return error_set(err, ERROR_UNSUPPORTED, "the server is PostgreSQL %d; 12 is the oldest that works",
				 source->server_version / 10000);
	if (postgresql_connection_query(source->catalog, SERVER, NULL, 0, &facts, err) != 0)
		return error_context(err, "ask the server for its settings");
	rc = check_facts(source, facts, err);
	PQclear(facts);
	return rc;
}

#define REPAIR  "; the changes between are lost here; " BEGIN_AGAIN

/* The history of the server's timeline names each one before it and where that ended:
 * lines "1<tab>0/3000060<tab>reason".  Source: PostgreSQL's timeline.c. */
static bool history_has(const char *history, const struct postgresql_position *stored)
{
	for (const char *line = history; line != NULL && *line != '\0';) {
		unsigned timeline, high, low;
		if (sscanf(line, "%u %X/%X", &timeline, &high, &low) == 3 && timeline == stored->timeline)
			return stored->lsn <= ((uint64_t)high << 32 | low);
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	return false;
}

static int check_timeline(struct postgresql_source *source, const struct postgresql_position *stored,
			  struct error *err)
{
	char sql[64];
	PGresult *history;
	bool is_ours = false;
	if (source->timeline == stored->timeline)
		return 0;
	if (source->timeline > stored->timeline) {
		snprintf(sql, sizeof(sql), "TIMELINE_HISTORY %u", source->timeline);
		if (postgresql_connection_query(source->replication, sql, NULL, 0, &history, err) != 0)
			return error_context(err, "read the history of timeline %u", source->timeline);
		is_ours = PQntuples(history) == 1 && history_has(PQgetvalue(history, 0, 1), stored);
		PQclear(history);
	}
	if (!is_ours)
		return error_set(err, ERROR_GAP,
				 "the server's history (timeline %u) has left ours (timeline %u) before the stored"
				 " position" REPAIR, source->timeline, stored->timeline, source->context->name);
	source_log(source, SOURCE_LOG_WARNING, "the server is on timeline %u now, was on %u: it has been promoted;"
		   " the stored position is before that", source->timeline, stored->timeline);
	return 0;
}

static int check_stored(struct postgresql_source *source, const struct postgresql_position *stored,
			uint64_t server_lsn, struct error *err)
{
	char ours[POSTGRESQL_LSN_TEXT_BYTES], theirs[POSTGRESQL_LSN_TEXT_BYTES];
	if (stored->system_id != source->system_id)
		return error_set(err, ERROR_GAP,
				 "this is another PostgreSQL (system identifier %llu) than the one captured so far"
				 " (%llu)" REPAIR, (unsigned long long)source->system_id,
				 (unsigned long long)stored->system_id, source->context->name);
	if (check_timeline(source, stored, err) != 0)
		return -1;
	postgresql_lsn_text(stored->lsn, ours);
	postgresql_lsn_text(server_lsn, theirs);
	if (stored->lsn > server_lsn)
		return error_set(err, ERROR_GAP,
				 "the server has written its log up to %s, and the stored position is %s: it was set"
				 " back, by a backup or a failover" REPAIR, theirs, ours, source->context->name);
	return 0;
}

int postgresql_check_history(struct postgresql_source *source,
			     const struct postgresql_position *stored, struct error *err)
{
	PGresult *identity;
	uint64_t server_lsn;
	if (postgresql_connection_query(source->replication, "IDENTIFY_SYSTEM", NULL, 0, &identity, err) != 0)
		return error_context(err, "ask the server who it is");
	source->system_id = strtoull(PQgetvalue(identity, 0, 0), NULL, 10);
	source->timeline = (uint32_t)postgresql_field_u64(identity, 0, 1);
	server_lsn = postgresql_field_lsn(identity, 0, 2);
	PQclear(identity);
	return stored != NULL ? check_stored(source, stored, server_lsn, err) : 0;
}

static int check_table(struct postgresql_source *source, const struct postgresql_candidate *table,
		       bool for_reading, struct error *err)
{
	struct text name;
	int rc = 0;
	text_init(&name);
	postgresql_quote_table(&name, table->schema, table->table);
	text_add_byte(&name, '\0');
	if (text_check(&name, err) != 0)
		rc = -1;
	else if (for_reading && !table->may_read)
		rc = postgresql_privilege_deny(source, true, true, err);
	else if (table->is_unlogged)
		source_log(source, SOURCE_LOG_WARNING, "table %s is unlogged: its changes are not in the server's log,"
			   " and it is not captured", name.buffer.data);
	else if (!table->has_identity)
		source_log(source, SOURCE_LOG_WARNING, "table %s has no replica identity: while it is published,"
			   " PostgreSQL refuses its UPDATE and DELETE; give it a primary key, or: ALTER TABLE %s"
			   " REPLICA IDENTITY FULL", name.buffer.data, name.buffer.data);
	else if (table->has_unpublished_identity)
		source_log(source, SOURCE_LOG_WARNING, "table %s has REPLICA IDENTITY FULL and generated columns that are"
			   " not published: PostgreSQL refuses its UPDATE and DELETE; give it a primary key and ALTER TABLE"
			   " %s REPLICA IDENTITY DEFAULT, or publish_generated_columns = stored", name.buffer.data,
			   name.buffer.data);
	text_clear(&name);
	return rc;
}

static bool is_met(const struct name_filter *filter, size_t index,
		   const struct postgresql_candidates *tables)
{
	for (uint32_t i = 0; i < tables->count; i++) {
		const struct postgresql_candidate *table = &tables->items[i];
		char name[SCHEMA_NAME_BYTES_MAX];
		int size = snprintf(name, sizeof(name), "%.*s.%.*s", (int)table->schema.size,
				    (const char *)table->schema.data, (int)table->table.size,
				    (const char *)table->table.data);
		if (name_filter_includes(filter, index, (struct bytes){ (const uint8_t *)name, (size_t)size }))
			return true;
	}
	return false;
}

/* What such a server cannot publish is no candidate. */
static const char *hint_of_version(const struct postgresql_source *source)
{
	return source->server_version < POSTGRESQL_ROOT_VERSION_MIN ?
		" (before PostgreSQL 13 a partitioned table cannot be: name its partitions)" : "";
}

static void warn_of_unmet(struct postgresql_source *source, const struct postgresql_candidates *tables)
{
	const struct name_filter *filter = source->settings->tables;
	const char *text;
	for (size_t i = 0; (text = name_filter_included(filter, i)) != NULL; i++)
		if (!is_met(filter, i, tables))
			source_log(source, SOURCE_LOG_WARNING, "table.include.list: '%s' matches no table of database \"%s\""
				   " that can be captured%s", text, source->settings->database_dbname,
				   hint_of_version(source));
}

int postgresql_check_tables(struct postgresql_source *source, bool for_reading, struct error *err)
{
	struct postgresql_candidates tables;
	int rc = 0;
	if (postgresql_catalog_candidates(source, source->catalog, &tables, err) != 0)
		return -1;
	for (uint32_t i = 0; i < tables.count && rc == 0; i++)
		rc = check_table(source, &tables.items[i], for_reading, err);
	if (tables.count > 0)
		warn_of_unmet(source, &tables);
	else if (source->has_position)
		source_log(source, SOURCE_LOG_WARNING, "no table of database \"%s\" matches table.include.list and its"
			   " like any more", source->settings->database_dbname);
	else
		rc = error_set(err, ERROR_NOT_FOUND,
			       "no table of database \"%s\" that can be captured matches table.include.list and its like%s;"
			       " make one, or correct the lists, then: millstream source restart %s",
			       source->settings->database_dbname, hint_of_version(source), source->context->name);
	postgresql_candidates_clear(&tables);
	return rc;
}
