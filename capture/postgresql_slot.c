#include "capture/postgresql_slot.h"

#include "capture/clock.h"
#include "capture/postgresql_error.h"

#include <stdio.h>

#define LONG_WAIT_MS    2000    /* then say what slot creation waits for */
#define REMIND_MS       30000

enum { PLUGIN, TYPE, DATABASE, ACTIVE_PID, RESTART_LSN, CONFIRMED_LSN, WAL_STATUS, WHY_LOST, USER_OF };

#define SLOT                                                                                             \
	"SELECT s.plugin, s.slot_type, s.database, s.active_pid, s.restart_lsn, s.confirmed_flush_lsn,"  \
	" %s, %s, a.application_name FROM pg_replication_slots s"                                        \
	" LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = $1"

static int ask(struct postgresql_source *source, PGresult **out, struct error *err)
{
	const char *const values[] = { source->settings->slot_name };
	char sql[sizeof(SLOT) + 64];
	snprintf(sql, sizeof(sql), SLOT, source->server_version >= 130000 ? "s.wal_status" : "NULL",
		 source->server_version >= 170000 ? "s.invalidation_reason" : "NULL");
	return postgresql_connection_query(source->catalog, sql, values, 1, out, err) == 0 ? 0 :
		error_context(err, "look for replication slot \"%s\"", source->settings->slot_name);
}

static int check_kind(struct postgresql_source *source, const PGresult *slot, struct error *err)
{
	const char *name = source->settings->slot_name;
	if (strcmp(PQgetvalue(slot, 0, TYPE), "logical") != 0 || strcmp(PQgetvalue(slot, 0, PLUGIN), "pgoutput") != 0)
		return error_set(err, ERROR_INVALID, "replication slot \"%s\" is %s%s%s, not of pgoutput; choose another"
				 " slot.name, or: SELECT pg_drop_replication_slot('%s')", name,
				 PQgetvalue(slot, 0, TYPE), PQgetisnull(slot, 0, PLUGIN) ? "" : " of ",
				 PQgetvalue(slot, 0, PLUGIN), name);
	if (strcmp(PQgetvalue(slot, 0, DATABASE), source->settings->database_dbname) != 0)
		return error_set(err, ERROR_INVALID, "replication slot \"%s\" is of database \"%s\", not \"%s\"; choose"
				 " another slot.name", name, PQgetvalue(slot, 0, DATABASE),
				 source->settings->database_dbname);
	return 0;
}

static int check_life(struct postgresql_source *source, const PGresult *slot, struct error *err)
{
	const char *name = source->settings->slot_name;
	const bool is_dropped_by_hand = source->settings->snapshot_mode == SNAPSHOT_MODE_NEVER;
	if (!PQgetisnull(slot, 0, ACTIVE_PID))
		return error_set(err, ERROR_BUSY, "replication slot \"%s\" is in use by process %s (%s); a slot serves one"
				 " source: choose another slot.name, or: SELECT pg_terminate_backend(%s)", name,
				 PQgetvalue(slot, 0, ACTIVE_PID), PQgetvalue(slot, 0, USER_OF),
				 PQgetvalue(slot, 0, ACTIVE_PID));
	if (strcmp(PQgetvalue(slot, 0, WAL_STATUS), "lost") == 0 || PQgetisnull(slot, 0, RESTART_LSN) ||
	    PQgetisnull(slot, 0, CONFIRMED_LSN))
		return error_set(err, ERROR_GAP, "the server has given up the WAL of replication slot \"%s\""
				 " (%s); the changes since are lost here; " BEGIN_AGAIN "%s%s%s",
				 name, PQgetisnull(slot, 0, WHY_LOST) ? "max_slot_wal_keep_size" : PQgetvalue(slot, 0, WHY_LOST),
				 source->context->name, is_dropped_by_hand ? ", after SELECT pg_drop_replication_slot('" : "",
				 is_dropped_by_hand ? name : "", is_dropped_by_hand ? "')" : "");
	return 0;
}

int postgresql_slot_describe(struct postgresql_source *source, struct postgresql_slot *out,
			     struct error *err)
{
	const int64_t end_ms = clock_monotonic_ms() + SLOT_FREE_WAIT_MS;
	for (;;) {
		struct error problem = { 0 };
		struct postgresql_slot slot = { 0 };
		PGresult *found;
		int rc = 0;
		if (ask(source, &found, err) != 0)
			return -1;
		if (PQntuples(found) == 1) {
			slot = (struct postgresql_slot){ true, postgresql_field_lsn(found, 0, CONFIRMED_LSN) };
			rc = check_kind(source, found, &problem);
			if (rc == 0)
				rc = check_life(source, found, &problem);
		}
		PQclear(found);
		if (rc == 0) {
			*out = slot;
			return 0;
		}
		if (problem.code != ERROR_BUSY || clock_monotonic_ms() >= end_ms)
			return error_set(err, problem.code, "%s", problem.text);
		if (postgresql_connection_wait(source->catalog, false, 50, err) < 0)
			return -1;
	}
}

int postgresql_slot_check_place(const struct postgresql_source *source, const struct postgresql_slot *slot,
				struct error *err)
{
	char ours[POSTGRESQL_LSN_TEXT_BYTES], theirs[POSTGRESQL_LSN_TEXT_BYTES];
	if (!slot->exists)
		return error_set(err, ERROR_GAP,
				 "replication slot \"%s\" is gone, and with it the changes since the stored position; "
				 BEGIN_AGAIN,
				 source->settings->slot_name, source->context->name);
	postgresql_lsn_text(source->stored_lsn, ours);
	postgresql_lsn_text(slot->confirmed_lsn, theirs);
	/* The server would silently go on at its own position. */
	if (slot->confirmed_lsn > source->stored_lsn)
		return error_set(err, ERROR_GAP,
				 "replication slot \"%s\" is at %s, and %s is stored here: somebody else has read from it,"
				 " or it was made anew; the changes between are lost here; " BEGIN_AGAIN,
				 source->settings->slot_name, theirs, ours, source->context->name);
	return 0;
}

int postgresql_slot_check_taken(struct postgresql_source *source, struct error *err)
{
	struct postgresql_slot slot = { 0 };
	PGresult *found;
	if (postgresql_source_need_catalog(source, err) != 0 || ask(source, &found, err) != 0)
		return -1;
	if (PQntuples(found) == 1)
		slot = (struct postgresql_slot){ true, postgresql_field_lsn(found, 0, CONFIRMED_LSN) };
	PQclear(found);
	return postgresql_slot_check_place(source, &slot, err);
}

/* While the slot is being made: whom its server process waits for. */
struct wait {
	struct postgresql_source *source;
	int64_t told_ms;
};

static int tell_wait(void *user, int64_t waited_ms, struct error *err)
{
	struct wait *wait = user;
	struct postgresql_source *source = wait->source;
	char pid[16];
	const char *const values[] = { pid };
	PGresult *blocking;
	if (waited_ms < LONG_WAIT_MS || (wait->told_ms != 0 && waited_ms - wait->told_ms < REMIND_MS))
		return 0;
	wait->told_ms = waited_ms;
	snprintf(pid, sizeof(pid), "%d", PQbackendPID(postgresql_connection_raw(source->replication)));
	/* Slot creation waits for a transaction's end by its id. */
	if (postgresql_connection_query(source->catalog,
			"SELECT a.pid, a.usename, a.application_name, date_trunc('second', now() - a.xact_start)::text"
			" FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($1::int)) ORDER BY a.xact_start LIMIT 1",
			values, 1, &blocking, err) != 0)
		return -1;
	if (PQntuples(blocking) == 1)
		source_log(source, SOURCE_LOG_WARNING, "creating replication slot \"%s\" waits for the transaction of"
			   " process %s (user %s, %s), open since %s; end it, or: SELECT pg_terminate_backend(%s)",
			   source->settings->slot_name, PQgetvalue(blocking, 0, 0), PQgetvalue(blocking, 0, 1),
			   PQgetvalue(blocking, 0, 2), PQgetvalue(blocking, 0, 3), PQgetvalue(blocking, 0, 0));
	else
		source_log(source, SOURCE_LOG_WARNING, "creating replication slot \"%s\" still waits for the server",
			   source->settings->slot_name);
	PQclear(blocking);
	return 0;
}

static int explain(struct postgresql_source *source, struct error *err)
{
	PGresult *full;
	bool is_full = false;
	if (err != NULL && err->code == ERROR_BUSY &&
	    postgresql_connection_query(source->catalog,
			"SELECT count(*) >= current_setting('max_replication_slots')::int FROM pg_replication_slots",
			NULL, 0, &full, NULL) == 0) {
		is_full = postgresql_field_bool(full, 0, 0);
		PQclear(full);
	}
	if (is_full)
		return error_set(err, ERROR_BUSY, "replication slot \"%s\" cannot be made: all are in use; raise"
				 " max_replication_slots and restart PostgreSQL, or drop one that SELECT * FROM"
				 " pg_replication_slots shows as inactive", source->settings->slot_name);
	return error_context(err, "make replication slot \"%s\"", source->settings->slot_name);
}

/* Has a transaction that began at or after $2 (a txid) altered or truncated a published table,
 * or a partition of one?  It has left its id at the table's rows in the catalog. */
#define IS_NEW(xmin)    "((" xmin "::text::int8 - $2::int8) & 4294967295) < now.txid - $2::int8"
#define HAS_CHANGED                                                                             \
	"WITH published AS (SELECT c.oid FROM pg_publication_tables p"                          \
	" JOIN pg_namespace n ON n.nspname = p.schemaname"                                      \
	" JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename WHERE p.pubname = $1)," \
	" tables AS (SELECT oid FROM published"                                                 \
	" UNION SELECT t.relid::oid FROM published, pg_partition_tree(published.oid) t)"        \
	" SELECT EXISTS (SELECT FROM tables JOIN pg_class c USING (oid),"                       \
	" (SELECT txid_snapshot_xmax(txid_current_snapshot()) AS txid) now WHERE " IS_NEW("c.xmin") \
	" OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND " IS_NEW("a.xmin") "))"

enum { TXID_BYTES = 24 };

static int next_txid(struct postgresql_source *source, char *out, struct error *err)
{
	PGresult *next;
	if (postgresql_source_need_catalog(source, err) != 0 ||
	    postgresql_connection_query(source->catalog, "SELECT txid_snapshot_xmax(txid_current_snapshot())", NULL, 0,
					&next, err) != 0)
		return -1;
	snprintf(out, TXID_BYTES, "%s", PQgetvalue(next, 0, 0));
	PQclear(next);
	return 0;
}

static int has_changed(struct postgresql_source *source, const char *since_txid, struct error *err)
{
	const char *const values[] = { source->settings->publication_name, since_txid };
	PGresult *found;
	int has;
	if (postgresql_source_need_catalog(source, err) != 0 ||
	    postgresql_connection_query(source->catalog, HAS_CHANGED, values, 2, &found, err) != 0)
		return error_context(err, "look whether tables were altered");
	has = postgresql_field_bool(found, 0, 0);
	PQclear(found);
	return has;
}

/* Of a transaction that begins and ends while a slot is being made, decoding never learns
 * what it changes in the catalog (seen with 12 to 18): it goes on with the old columns,
 * without a word, or cannot find the table's file.  Such a slot is of no use. */
static int check_tables(struct postgresql_source *source, const char *since_txid, struct error *err)
{
	int rc = has_changed(source, since_txid, err);
	if (rc == 0)
		return 0;
	if (postgresql_slot_drop(source, rc > 0 ? err : NULL) != 0 || rc < 0)
		return -1;
	return error_set(err, ERROR_BUSY, "a table was altered or truncated while replication slot \"%s\" was being made,"
			 " and PostgreSQL would go on with what it was before; a new one is made",
			 source->settings->slot_name);
}

static int create(struct postgresql_source *source, bool is_temporary, uint64_t *out_lsn, char *snapshot,
		  size_t snapshot_bytes, struct error *err)
{
	struct wait wait = { .source = source };
	struct text sql;
	PGresult *made = NULL;
	int rc;
	text_init(&sql);
	text_add_string(&sql, "CREATE_REPLICATION_SLOT ");
	postgresql_quote_name(&sql, bytes_of_text(source->settings->slot_name));
	text_add_format(&sql, "%s LOGICAL pgoutput %s", is_temporary ? " TEMPORARY" : "",
			snapshot != NULL ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT");
	text_add_byte(&sql, '\0');
	rc = text_check(&sql, err);
	if (rc == 0)
		rc = postgresql_connection_query_watched(source->replication, sql.buffer.data, tell_wait, &wait,
							 &made, err);
	text_clear(&sql);
	if (rc != 0)
		return explain(source, err);
	*out_lsn = postgresql_field_lsn(made, 0, 1);
	if (snapshot != NULL)
		snprintf(snapshot, snapshot_bytes, "%s", PQgetvalue(made, 0, 2));
	PQclear(made);
	return 0;
}

int postgresql_slot_create(struct postgresql_source *source, bool is_temporary,
			   uint64_t *out_lsn, char *snapshot, size_t snapshot_bytes,
			   struct error *err)
{
	char txid[TXID_BYTES], lsn[POSTGRESQL_LSN_TEXT_BYTES];
	/* Nothing is decoded from a temporary one. */
	if ((!is_temporary && next_txid(source, txid, err) != 0) ||
	    create(source, is_temporary, out_lsn, snapshot, snapshot_bytes, err) != 0 ||
	    (!is_temporary && check_tables(source, txid, err) != 0))
		return -1;
	postgresql_lsn_text(*out_lsn, lsn);
	source_log(source, SOURCE_LOG_INFO, "%sreplication slot \"%s\" made at %s", is_temporary ? "temporary " : "",
		   source->settings->slot_name, lsn);
	return 0;
}

int postgresql_slot_drop(struct postgresql_source *source, struct error *err)
{
	const char *const values[] = { source->settings->slot_name };
	PGresult *dropped;
	int count;
	if (postgresql_connection_query(source->catalog,
			"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1",
			values, 1, &dropped, err) != 0)
		return error_context(err, "drop replication slot \"%s\"", source->settings->slot_name);
	count = PQntuples(dropped);
	PQclear(dropped);
	if (count > 0)
		source_log(source, SOURCE_LOG_INFO, "replication slot \"%s\" dropped", source->settings->slot_name);
	return 0;
}
