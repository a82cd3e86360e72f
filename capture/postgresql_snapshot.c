#include "capture/postgresql_snapshot.h"

#include "capture/clock.h"
#include "capture/postgresql_catalog.h"
#include "capture/postgresql_rewrite.h"
#include "capture/postgresql_slot.h"

#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_INTERVAL_MS    250
#define ROWS_BETWEEN_CLOCKS     512

/* The last event of a table, and of all, is marked as such: so one is always held back
 * until it is known what follows. */
struct held {
	bool is_there;
	enum change_op op;
	enum snapshot_marker marker;
	struct writer_table *table;
	msgpack_sbuffer row;
	msgpack_sbuffer key;
};

struct snapshot {
	struct postgresql_source *source;
	struct postgresql_connection *connection;       /* in the snapshot's transaction */
	struct postgresql_candidates tables;
	struct postgresql_candidate *table;             /* being read */
	bool is_repeated;
	bool is_alone;                                  /* initial_only: no stream follows */
	uint64_t lsn;
	int64_t time_us;
	struct held held;
	msgpack_sbuffer row;
	msgpack_sbuffer key;
	bool is_open;           /* the writer's transaction */
	uint32_t open_rows;
	size_t open_bytes;
	bool has_events;
	struct source_progress progress;
	int64_t told_ms;
};

static void tell(struct snapshot *snapshot)
{
	struct source_context *context = snapshot->source->context;
	snapshot->told_ms = clock_monotonic_ms();
	if (context->on_progress != NULL)
		context->on_progress(context->user, &snapshot->progress);
}

static int commit(struct snapshot *snapshot, enum postgresql_snapshot_state state, struct error *err)
{
	const struct postgresql_progress progress = { .state = state, .lsn = snapshot->lsn };
	const struct postgresql_position position = {
		.lsn = snapshot->lsn,
		.system_id = snapshot->source->system_id,
		.timeline = snapshot->source->timeline,
	};
	uint8_t position_bytes[POSTGRESQL_POSITION_BYTES], progress_bytes[POSTGRESQL_PROGRESS_BYTES];
	struct bytes where = { NULL, 0 };
	postgresql_progress_encode(progress_bytes, &progress);
	if (state == POSTGRESQL_SNAPSHOT_WHOLE) {
		postgresql_position_encode(position_bytes, &position);
		where = (struct bytes){ position_bytes, sizeof(position_bytes) };
	}
	if (writer_commit_snapshot(snapshot->source->context->writer, where,
				   (struct bytes){ progress_bytes, sizeof(progress_bytes) }, err) != 0)
		return -1;
	snapshot->is_open = false;
	snapshot->source->progress = progress;
	return 0;
}

static void begin(struct snapshot *snapshot)
{
	if (snapshot->is_open)
		return;
	writer_begin(snapshot->source->context->writer, snapshot->time_us);
	snapshot->is_open = true;
	snapshot->open_rows = 0;
	snapshot->open_bytes = 0;
}

static struct bytes filled(const msgpack_sbuffer *buffer)
{
	return buffer->size == 0 ? (struct bytes){ NULL, 0 } :
				   (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

/* Writes the event held back, with the marker that it has turned out to have. */
static int write_held(struct snapshot *snapshot, bool is_last_in_table, bool is_last, struct error *err)
{
	struct held *held = &snapshot->held;
	struct writer_row row = { .op = held->op };
	if (!held->is_there)
		return 0;
	begin(snapshot);
	row.after = filled(&held->row);
	row.key = filled(&held->key);
	row.position = (struct position){
		.kind = POSITION_POSTGRESQL,
		.marker = is_last ? SNAPSHOT_LAST :
			  is_last_in_table && held->marker != SNAPSHOT_FIRST ? SNAPSHOT_LAST_IN_TABLE : held->marker,
		.lsn = snapshot->lsn,
		.commit_lsn = snapshot->lsn,
	};
	if (writer_row(snapshot->source->context->writer, held->table, &row, err) != 0)
		return -1;
	held->is_there = false;
	snapshot->open_rows++;
	snapshot->open_bytes += held->row.size + held->key.size;
	if (!is_last && (snapshot->open_rows >= SNAPSHOT_ROWS_MAX || snapshot->open_bytes >= SNAPSHOT_BYTES_MAX))
		return commit(snapshot, POSTGRESQL_SNAPSHOT_BEGUN, err);
	return 0;
}

/* The event in snapshot->row and ->key is the next; the one before goes out. */
static int hold(struct snapshot *snapshot, enum change_op op, struct writer_table *table,
		bool is_first_in_table, struct error *err)
{
	struct held *held = &snapshot->held;
	msgpack_sbuffer row, key;
	if (write_held(snapshot, is_first_in_table, false, err) != 0)
		return -1;
	row = held->row;
	key = held->key;
	*held = (struct held){
		.is_there = true,
		.op = op,
		.marker = !snapshot->has_events ? SNAPSHOT_FIRST :
			  is_first_in_table ? SNAPSHOT_FIRST_IN_TABLE : SNAPSHOT_ROW,
		.table = table,
		.row = snapshot->row,
		.key = snapshot->key,
	};
	snapshot->row = row;
	snapshot->key = key;
	snapshot->row.size = 0;
	snapshot->key.size = 0;
	snapshot->has_events = true;
	return 0;
}

static int read_rows(struct snapshot *snapshot, struct postgresql_table *table,
		     struct writer_table *writer_table_of_it, bool has_events, struct error *err)
{
	struct source_context *context = snapshot->source->context;
	for (uint64_t n = 0;; n++) {
		char *line;
		size_t size;
		int rc = postgresql_connection_copy_line(snapshot->connection, &line, &size, err);
		if (rc == 0 && n == 0)
			return postgresql_rewrite_check(snapshot->source, snapshot->connection,
							snapshot->table->oid, err);
		if (rc <= 0)
			return rc;
		rc = postgresql_table_encode_copy(table, line, size, &snapshot->row, &snapshot->key, err);
		PQfreemem(line);
		if (rc != 0 || hold(snapshot, CHANGE_READ, writer_table_of_it, n == 0 && !has_events, err) != 0)
			return -1;
		snapshot->progress.rows_done++;
		if (n % ROWS_BETWEEN_CLOCKS != 0)
			continue;
		if (context->should_stop(context->user))
			return error_set(err, ERROR_SHUTDOWN, "asked to stop");
		if (clock_monotonic_ms() - snapshot->told_ms >= PROGRESS_INTERVAL_MS)
			tell(snapshot);
	}
}

/* COPY (SELECT the captured columns FROM the table) TO STDOUT.  ONLY: what inherits
 * from it is a table of its own. */
static int start_copy(struct snapshot *snapshot, const struct postgresql_table *table, struct error *err)
{
	const struct postgresql_candidate *candidate = snapshot->table;
	const struct schema *schema = postgresql_table_schema(table);
	struct text sql;
	PGresult *result;
	int rc;
	text_init(&sql);
	text_add_string(&sql, "COPY (SELECT ");
	for (uint32_t i = 0; i < schema->column_count; i++) {
		text_add_string(&sql, i > 0 ? ", " : "");
		postgresql_quote_name(&sql, schema->columns[i].name);
	}
	text_add_string(&sql, candidate->is_partitioned ? " FROM " : " FROM ONLY ");
	postgresql_quote_table(&sql, candidate->schema, candidate->table);
	if (candidate->row_filter.data != NULL && !snapshot->is_alone) {
		text_add_string(&sql, " WHERE ");
		text_add(&sql, candidate->row_filter.data, candidate->row_filter.size);
	}
	text_add_string(&sql, ") TO STDOUT");
	text_add_byte(&sql, '\0');
	rc = text_check(&sql, err);
	if (rc == 0)
		rc = postgresql_connection_query(snapshot->connection, sql.buffer.data, NULL, 0, &result, err);
	text_clear(&sql);
	if (rc == 0)
		PQclear(result);
	return rc;
}

static int read_table(struct snapshot *snapshot, struct error *err)
{
	struct postgresql_source *source = snapshot->source;
	const struct postgresql_candidate *candidate = snapshot->table;
	struct postgresql_catalog_relation relation = { 0 };
	struct postgresql_table *table = NULL;
	struct writer_table *writer_table_of_it;
	int rc = postgresql_catalog_relation(source, snapshot->connection, candidate->oid, !snapshot->is_alone,
					     &relation, err);
	if (rc <= 0)
		return rc;      /* without any column there is no row to tell of */
	rc = postgresql_catalog_open_table(source, snapshot->connection, &relation.relation, &table,
					   &writer_table_of_it, err);
	if (rc == 0 && snapshot->is_repeated)
		rc = hold(snapshot, CHANGE_TRUNCATE, writer_table_of_it, true, err);
	if (rc == 0)
		rc = start_copy(snapshot, table, err);
	if (rc == 0)
		rc = read_rows(snapshot, table, writer_table_of_it, snapshot->is_repeated, err);
	postgresql_table_destroy(table);
	postgresql_catalog_relation_clear(&relation);
	return rc;
}

/* What is wrong with the table itself names it already. */
static int tell_table(const struct snapshot *snapshot, struct error *err)
{
	if (err != NULL && strncmp(err->text, "table ", 6) == 0)
		return -1;
	return error_context(err, "read table %s", snapshot->progress.table);
}

static int read_tables(struct snapshot *snapshot, struct error *err)
{
	snapshot->progress.tables_total = snapshot->tables.count;
	for (uint32_t i = 0; i < snapshot->tables.count; i++)
		snapshot->progress.rows_estimated += snapshot->tables.items[i].row_estimate;
	source_log(snapshot->source, SOURCE_LOG_INFO, "reading %u tables, about %llu rows, as of %s",
		   snapshot->progress.tables_total, (unsigned long long)snapshot->progress.rows_estimated,
		   snapshot->progress.position);
	for (uint32_t i = 0; i < snapshot->tables.count; i++) {
		const struct postgresql_candidate *table = &snapshot->tables.items[i];
		snapshot->table = &snapshot->tables.items[i];
		snprintf(snapshot->progress.table, sizeof(snapshot->progress.table), "%.*s.%.*s",
			 (int)table->schema.size, (const char *)table->schema.data,
			 (int)table->table.size, (const char *)table->table.data);
		tell(snapshot);
		if (!table->is_unlogged && read_table(snapshot, err) != 0)
			return tell_table(snapshot, err);
		snapshot->progress.tables_done++;
	}
	snapshot->progress.table[0] = '\0';
	return 0;
}

/* Before anything is made at the server: what is left of this after a crash is to be
 * known as an interrupted snapshot's. */
static int tell_log(struct snapshot *snapshot, struct error *err)
{
	begin(snapshot);
	return commit(snapshot, POSTGRESQL_SNAPSHOT_BEGUN, err) == 0 ?
		writer_flush(snapshot->source->context->writer, err) : -1;
}

static int open_transaction(struct snapshot *snapshot, const char *name, struct error *err)
{
	struct postgresql_source *source = snapshot->source;
	PGresult *now;
	char sql[128];
	if (postgresql_connection_open(&snapshot->connection, source->settings, source->context, false, err) != 0)
		return -1;
	snprintf(sql, sizeof(sql), "SET TRANSACTION SNAPSHOT '%s'", name);
	if (postgresql_connection_run(snapshot->connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err) != 0 ||
	    postgresql_connection_run(snapshot->connection, sql, err) != 0 ||
	    postgresql_connection_query(snapshot->connection, "SELECT (extract(epoch FROM now()) * 1000000)::int8", NULL, 0,
					&now, err) != 0)
		return error_context(err, "open the snapshot");
	snapshot->time_us = (int64_t)postgresql_field_u64(now, 0, 0);
	PQclear(now);
	return snapshot->is_alone ?
		postgresql_catalog_candidates(source, snapshot->connection, &snapshot->tables, err) :
		postgresql_catalog_published(source, snapshot->connection, &snapshot->tables, err);
}

static int run(struct snapshot *snapshot, struct error *err)
{
	struct postgresql_source *source = snapshot->source;
	char name[64], lsn[POSTGRESQL_LSN_TEXT_BYTES];
	if (snapshot->is_repeated)
		source_log(source, SOURCE_LOG_WARNING, "the snapshot begins again: each table is truncated first");
	if (tell_log(snapshot, err) != 0 ||
	    (snapshot->is_repeated && !snapshot->is_alone && postgresql_slot_drop(source, err) != 0) ||
	    postgresql_slot_create(source, snapshot->is_alone, &snapshot->lsn, name, sizeof(name), err) != 0)
		return -1;
	postgresql_lsn_text(snapshot->lsn, lsn);
	snprintf(snapshot->progress.position, sizeof(snapshot->progress.position), "%s", lsn);
	if (open_transaction(snapshot, name, err) != 0 || read_tables(snapshot, err) != 0 ||
	    write_held(snapshot, true, true, err) != 0)
		return -1;
	begin(snapshot);
	if (commit(snapshot, POSTGRESQL_SNAPSHOT_WHOLE, err) != 0 ||
	    writer_flush(source->context->writer, err) != 0)
		return -1;
	source->stored_lsn = snapshot->lsn;
	source->has_position = true;
	tell(snapshot);
	source_log(source, SOURCE_LOG_INFO, "snapshot whole: %llu rows of %u tables, as of %s",
		   (unsigned long long)snapshot->progress.rows_done, snapshot->progress.tables_total, lsn);
	return 0;
}

int postgresql_snapshot_run(struct postgresql_source *source, struct error *err)
{
	struct snapshot snapshot = {
		.source = source,
		.is_repeated = source->progress.state == POSTGRESQL_SNAPSHOT_BEGUN,
		.is_alone = source->settings->snapshot_mode == SNAPSHOT_MODE_INITIAL_ONLY,
		.progress = { .behind_bytes = UINT64_MAX },
	};
	int rc = run(&snapshot, err);
	postgresql_connection_close(snapshot.connection);
	postgresql_candidates_clear(&snapshot.tables);
	msgpack_sbuffer_destroy(&snapshot.held.row);
	msgpack_sbuffer_destroy(&snapshot.held.key);
	msgpack_sbuffer_destroy(&snapshot.row);
	msgpack_sbuffer_destroy(&snapshot.key);
	return rc != 0 && err != NULL && err->code == ERROR_SHUTDOWN ? 0 : rc;
}
