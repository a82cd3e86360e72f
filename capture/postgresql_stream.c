#include "capture/postgresql_stream.h"

#include "capture/pgoutput.h"
#include "capture/postgresql_error.h"
#include "capture/postgresql_publication.h"
#include "capture/postgresql_stream_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* How it works: all that the socket has is read and handled before anything waits.
 * A transaction goes to the writer as it comes, and is committed there at its Commit
 * message with the LSN behind it.  What fails in between leaves it open, to be
 * abandoned by who drives the source; the server sends it again from the stored
 * position on. */

#define POSTGRES_EPOCH_US       INT64_C(946684800000000)        /* 2000-01-01 */

#define PROGRESS_INTERVAL_MS    250
#define BEHIND_INTERVAL_MS      5000    /* how often the server is asked how far it is */
#define CONFIRM_POLL_MS         20      /* while a position is awaited that the server wants */
#define SILENCE_MS              90000   /* of a server that was asked to answer */
#define STATUS_ON_WAIT_MS       1000
#define ROWS_BETWEEN_CHECKS     1024

struct postgresql_stream {
	struct postgresql_source *source;
	PGconn *raw;
	struct postgresql_stream_tables tables;
	msgpack_sbuffer rows[2];        /* after, before */
	msgpack_sbuffer keys[2];        /* new, old */

	bool is_open;                   /* between Begin and Commit */
	struct position position;       /* of the open transaction's rows */
	uint64_t committed_lsn;         /* given to the writer as a position */
	uint64_t durable_lsn;           /* of the writer */
	uint64_t received_lsn;          /* seen of the server */
	uint64_t server_lsn;            /* as far as it says it is */
	uint64_t row_count;
	int64_t source_time_us;

	bool is_confirm_wanted;         /* the server waits for wanted_lsn */
	uint64_t wanted_lsn;
	bool has_asked;                 /* for an answer, since the server was last heard */
	int64_t heard_ms, status_ms, idle_save_ms, progress_ms, behind_ms, table_check_ms;
};

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What is durable, as the writer tells: the one source of what is confirmed. */
static int learn_durable(struct postgresql_stream *stream, struct error *err)
{
	/* All positions that the writer has had since its start are ours, of one size. */
	uint8_t bytes[POSTGRESQL_POSITION_BYTES];
	struct postgresql_position position;
	size_t size;
	int rc = writer_durable(stream->source->context->writer, bytes, &size, err);
	if (rc <= 0)
		return rc;
	if (postgresql_position_decode((struct bytes){ bytes, size }, &position, err) != 0)
		return -1;
	if (position.lsn > stream->durable_lsn)
		stream->durable_lsn = position.lsn;
	return 0;
}

/* 'r' written, flushed, applied, time, wants reply.  Source: PostgreSQL's manual,
 * "Streaming Replication Protocol", Standby status update. */
static int send_status(struct postgresql_stream *stream, bool wants_reply, struct error *err)
{
	uint8_t message[34];
	message[0] = 'r';
	store_u64(message + 1, stream->received_lsn > stream->durable_lsn ? stream->received_lsn : stream->durable_lsn);
	store_u64(message + 9, stream->durable_lsn);
	store_u64(message + 17, stream->durable_lsn);
	store_u64(message + 25, (uint64_t)(now_us() - POSTGRES_EPOCH_US));
	message[33] = wants_reply;
	if (PQputCopyData(stream->raw, (const char *)message, sizeof(message)) < 0 || PQflush(stream->raw) < 0)
		return postgresql_error_of_result(stream->raw, NULL, err);
	stream->status_ms = postgresql_now_ms();
	if (stream->durable_lsn >= stream->wanted_lsn)
		stream->is_confirm_wanted = false;
	return 0;
}

static int confirm(struct postgresql_stream *stream, struct error *err)
{
	return learn_durable(stream, err) == 0 ? send_status(stream, false, err) : -1;
}

/* While the writer waits for room: the server must not think us dead.  What fails here
 * is seen again when the stream goes on. */
static void on_wait(void *user)
{
	struct postgresql_source *source = user;
	struct error ignored;
	if (source->stream != NULL &&
	    postgresql_now_ms() - source->stream->status_ms >= STATUS_ON_WAIT_MS)
		(void)confirm(source->stream, &ignored);
}

static int commit_position(struct postgresql_stream *stream, uint64_t lsn, struct error *err)
{
	const struct postgresql_position position = {
		.lsn = lsn,
		.system_id = stream->source->system_id,
		.timeline = stream->source->timeline,
	};
	uint8_t bytes[POSTGRESQL_POSITION_BYTES];
	postgresql_position_encode(bytes, &position);
	if (writer_commit(stream->source->context->writer, (struct bytes){ bytes, sizeof(bytes) }, err) != 0)
		return -1;
	stream->committed_lsn = lsn;
	stream->source->stored_lsn = lsn;
	stream->source->has_position = true;
	return 0;
}

static int begin(struct postgresql_stream *stream, const struct pgoutput_message *message,
		 struct error *err)
{
	if (stream->is_open)
		return error_set(err, ERROR_MALFORMED, "BEGIN inside a transaction");
	/* What commits before the stored position is stored. */
	if (message->begin.commit_lsn < stream->committed_lsn)
		return error_set(err, ERROR_UNEXPECTED, "the server sent transaction %u again, which is stored",
				 message->begin.transaction_id);
	stream->is_open = true;
	stream->source_time_us = message->begin.commit_time_us;
	stream->position = (struct position){
		.kind = POSITION_POSTGRESQL,
		.marker = SNAPSHOT_NO,
		.transaction_id = message->begin.transaction_id,
		.commit_lsn = message->begin.commit_lsn,
	};
	writer_begin(stream->source->context->writer, message->begin.commit_time_us);
	return 0;
}

static int commit(struct postgresql_stream *stream, const struct pgoutput_message *message,
		  struct error *err)
{
	if (!stream->is_open)
		return error_set(err, ERROR_MALFORMED, "COMMIT outside a transaction");
	if (message->commit.end_lsn <= stream->position.commit_lsn)
		return error_set(err, ERROR_MALFORMED, "a commit that ends before it begins");
	if (commit_position(stream, message->commit.end_lsn, err) != 0)
		return -1;
	stream->is_open = false;
	if (message->commit.end_lsn > stream->received_lsn)
		stream->received_lsn = message->commit.end_lsn;
	return 0;
}

static int find_table(struct postgresql_stream *stream, uint32_t oid,
		      struct postgresql_stream_table **out, struct error *err)
{
	if (!stream->is_open)
		return error_set(err, ERROR_MALFORMED, "a row outside a transaction");
	*out = postgresql_stream_tables_find(&stream->tables, oid);
	return *out != NULL ? 0 : error_set(err, ERROR_MALFORMED, "a row of relation %u, which was never described", oid);
}

static struct bytes filled(const msgpack_sbuffer *buffer)
{
	return buffer->size == 0 ? (struct bytes){ NULL, 0 } :
				   (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static bool is_same(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static int row(struct postgresql_stream *stream, const struct pgoutput_message *message,
	       uint64_t lsn, struct error *err)
{
	const struct pgoutput_tuple *old = &message->row.old, *new = &message->row.new;
	struct postgresql_stream_table *known;
	struct writer_row out = { 0 };
	if (find_table(stream, message->row.relation_oid, &known, err) != 0)
		return -1;
	if (known->table == NULL)
		return 0;
	for (int i = 0; i < 2; i++) {
		stream->rows[i].size = 0;
		stream->keys[i].size = 0;
	}
	if (message->kind != PGOUTPUT_DELETE &&
	    postgresql_table_encode(known->table, new, old, &stream->rows[0], &stream->keys[0], err) != 0)
		return -1;
	if (old->kind != PGOUTPUT_TUPLE_NONE &&
	    postgresql_table_encode(known->table, old, NULL, &stream->rows[1], &stream->keys[1], err) != 0)
		return -1;
	out.op = message->kind == PGOUTPUT_INSERT ? CHANGE_CREATE :
		 message->kind == PGOUTPUT_UPDATE ? CHANGE_UPDATE : CHANGE_DELETE;
	out.after = filled(&stream->rows[0]);
	out.before = filled(&stream->rows[1]);
	out.key = filled(&stream->keys[message->kind == PGOUTPUT_DELETE]);
	if (message->kind == PGOUTPUT_UPDATE && old->kind != PGOUTPUT_TUPLE_NONE &&
	    !is_same(filled(&stream->keys[0]), filled(&stream->keys[1])))
		out.old_key = filled(&stream->keys[1]);
	stream->position.lsn = lsn;
	out.position = stream->position;
	stream->row_count++;
	return writer_row(stream->source->context->writer, known->writer_table, &out, err);
}

static int truncate_tables(struct postgresql_stream *stream, const struct pgoutput_message *message,
			   uint64_t lsn, struct error *err)
{
	stream->position.lsn = lsn;
	for (uint32_t i = 0; i < message->truncate.relation_count; i++) {
		struct postgresql_stream_table *known;
		struct writer_row out = { .op = CHANGE_TRUNCATE, .position = stream->position };
		if (find_table(stream, pgoutput_truncate_relation(message, i), &known, err) != 0)
			return -1;
		if (known->table != NULL &&
		    writer_row(stream->source->context->writer, known->writer_table, &out, err) != 0)
			return -1;
	}
	return 0;
}

static int handle_change(struct postgresql_stream *stream, struct bytes content, uint64_t lsn,
			 struct error *err)
{
	struct pgoutput_message message;
	if (pgoutput_decode(content, &message, err) != 0)
		return -1;
	switch (message.kind) {
	case PGOUTPUT_BEGIN:
		return begin(stream, &message, err);
	case PGOUTPUT_COMMIT:
		return commit(stream, &message, err);
	case PGOUTPUT_RELATION:
		return postgresql_stream_tables_learn(&stream->tables, stream->source, &message.relation, err);
	case PGOUTPUT_INSERT:
	case PGOUTPUT_UPDATE:
	case PGOUTPUT_DELETE:
		return row(stream, &message, lsn, err);
	case PGOUTPUT_TRUNCATE:
		return truncate_tables(stream, &message, lsn, err);
	case PGOUTPUT_ORIGIN:
	case PGOUTPUT_TYPE:
	case PGOUTPUT_MESSAGE:
		break;
	}
	return 0;
}

/* Nothing is open, and all before has gone to the writer: up to here nothing of ours
 * is missing. */
static int adopt(struct postgresql_stream *stream, uint64_t lsn, bool at_once, struct error *err)
{
	const struct source_settings *settings = stream->source->settings;
	const int64_t interval_ms = settings->heartbeat_interval_ms > 0 ? settings->heartbeat_interval_ms :
									  settings->status_update_interval_ms;
	const int64_t now_ms = postgresql_now_ms();
	if (stream->is_open || lsn <= stream->committed_lsn ||
	    (!at_once && now_ms - stream->idle_save_ms < interval_ms))
		return 0;
	stream->idle_save_ms = now_ms;
	writer_begin(stream->source->context->writer, now_us());
	return commit_position(stream, lsn, err);
}

/* 'k' end of WAL, time, wants reply.  A server that is about to stop asks for a reply,
 * and waits until all it has is confirmed. */
static int keepalive(struct postgresql_stream *stream, struct bytes message, struct error *err)
{
	uint64_t lsn = load_u64(message.data + 1);
	bool wants_reply = message.data[17] != 0;
	if (!stream->is_open && lsn > stream->received_lsn)
		stream->received_lsn = lsn;
	if (lsn > stream->server_lsn)
		stream->server_lsn = lsn;
	if (adopt(stream, lsn, wants_reply, err) != 0)
		return -1;
	if (!wants_reply)
		return 0;
	stream->is_confirm_wanted = true;
	stream->wanted_lsn = stream->committed_lsn;
	return confirm(stream, err);
}

static int handle(struct postgresql_stream *stream, struct bytes message, struct error *err)
{
	if (message.size >= 25 && message.data[0] == 'w') {
		const struct bytes content = { message.data + 25, message.size - 25 };
		uint64_t lsn = load_u64(message.data + 1);
		if (lsn > stream->server_lsn)
			stream->server_lsn = lsn;
		return handle_change(stream, content, lsn, err);
	}
	if (message.size >= 18 && message.data[0] == 'k')
		return keepalive(stream, message, err);
	return error_set(err, ERROR_MALFORMED, "a replication message of kind %u and %zu bytes",
			 message.size > 0 ? message.data[0] : 0, message.size);
}

/* Decoding looks at the catalog as it was at each change.  Where the publication was not
 * there, the server ends the stream with an error; from version 18 on it leaves out the
 * changes, and sends a warning. */
#define PUBLICATION_MISSING_STATE       "42704"
#define PUBLICATION_SKIPPED_STATE       "55000"

static int publication_gap(const struct postgresql_stream *stream, struct error *err)
{
	return error_set(err, ERROR_GAP, "publication \"%s\" was not there when changes were made that the slot still has"
			 " (it was dropped, or made after the slot), so nobody can read them: millstream source rm %s,"
			 " then begin again with a snapshot", stream->source->settings->publication_name,
			 stream->source->context->name);
}

/* "" is any. */
static bool has_state(const PGresult *result, const char *state)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	return sqlstate != NULL && (state[0] == '\0' || strcmp(sqlstate, state) == 0);
}

/* The stream has ended: why? */
static int explain_end(struct postgresql_stream *stream, struct error *err)
{
	PGresult *result = PQgetResult(stream->raw);
	if (result != NULL && PQresultStatus(result) == PGRES_COPY_IN) {
		PQclear(result);
		result = NULL;
	}
	if (result != NULL && has_state(result, PUBLICATION_MISSING_STATE))
		publication_gap(stream, err);
	else if (result != NULL && has_state(result, ""))
		postgresql_error_of_result(stream->raw, result, err);
	else
		error_set(err, ERROR_CONNECTION, "the server has ended the stream");
	PQclear(result);
	return -1;
}

/* A message that PQfreemem frees: 1; 0: all that has been read is handled. */
static int next_message(struct postgresql_stream *stream, char **out, size_t *out_bytes, struct error *err)
{
	char *data = NULL;
	int size = PQgetCopyData(stream->raw, &data, 1);
	if (size == -1)
		return explain_end(stream, err);
	if (size < 0)
		return postgresql_error_of_result(stream->raw, NULL, err);
	if (postgresql_connection_has_warned(stream->source->replication, PUBLICATION_SKIPPED_STATE)) {
		PQfreemem(data);
		return publication_gap(stream, err);
	}
	*out = data;
	*out_bytes = (size_t)size;
	return size > 0;
}

/* Much has come without a pause: 1 asked to stop. */
static int look_up(struct postgresql_stream *stream, struct error *err)
{
	struct source_context *context = stream->source->context;
	const int64_t silent_ms = postgresql_now_ms() - stream->status_ms;
	if (context->should_stop(context->user))
		return 1;
	return silent_ms >= stream->source->settings->status_update_interval_ms ? confirm(stream, err) : 0;
}

/* Handles what has been read: 0 all, 1 asked to stop. */
static int drain(struct postgresql_stream *stream, struct error *err)
{
	char *data = NULL;
	size_t size = 0;
	int rc;
	for (unsigned n = 1; (rc = next_message(stream, &data, &size, err)) > 0; n++) {
		rc = handle(stream, (struct bytes){ (const uint8_t *)data, size }, err);
		PQfreemem(data);
		if (rc == 0 && n % ROWS_BETWEEN_CHECKS == 0)
			rc = look_up(stream, err);
		if (rc != 0)
			return rc;
	}
	return rc;
}

static void tell_progress(struct postgresql_stream *stream)
{
	struct source_context *context = stream->source->context;
	struct source_progress progress = {
		.behind_bytes = stream->server_lsn > stream->committed_lsn ?
			stream->server_lsn - stream->committed_lsn : 0,
		.rows_done = stream->row_count,
		.source_time_us = stream->source_time_us,
	};
	postgresql_lsn_text(stream->committed_lsn, progress.position);
	if (context->on_progress != NULL)
		context->on_progress(context->user, &progress);
}

/* How far the server itself is: what it sends says only how far it has read. */
static void ask_behind(struct postgresql_stream *stream)
{
	struct postgresql_source *source = stream->source;
	struct error ignored;
	PGresult *result;
	uint64_t lsn;
	if (source->catalog == NULL ||
	    postgresql_connection_query(source->catalog,
			"SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END",
			NULL, 0, &result, &ignored) != 0)
		return;
	lsn = postgresql_field_lsn(result, 0, 0);
	if (lsn > stream->server_lsn)
		stream->server_lsn = lsn;
	PQclear(result);
}

static int look_for_tables(struct postgresql_stream *stream, struct error *err)
{
	struct error problem = { 0 };
	if (stream->is_open || (postgresql_source_need_catalog(stream->source, &problem) == 0 &&
				postgresql_publication_refresh(stream->source, &problem) == 0))
		return 0;
	/* Looking again is no reason to stop; that there is no publication is. */
	if (problem.code == ERROR_NOT_FOUND)
		return error_set(err, problem.code, "%s", problem.text);
	if (problem.code != ERROR_SHUTDOWN)
		source_log(stream->source, SOURCE_LOG_WARNING, "look for new tables: %s", problem.text);
	return 0;
}

static bool is_due(int64_t *last_ms, int64_t interval_ms, int64_t now_ms)
{
	if (now_ms - *last_ms < interval_ms)
		return false;
	*last_ms = now_ms;
	return true;
}

/* What is done by the clock. */
static int tick(struct postgresql_stream *stream, struct error *err)
{
	const struct source_settings *settings = stream->source->settings;
	int64_t now_ms = postgresql_now_ms();
	if (stream->has_asked && now_ms - stream->heard_ms >= SILENCE_MS)
		return error_set(err, ERROR_CONNECTION, "the server has been silent for %d s", SILENCE_MS / 1000);
	/* A position without rows waits for somebody to ask. */
	(void)writer_is_idle(stream->source->context->writer);
	if (learn_durable(stream, err) != 0)
		return -1;
	if ((stream->is_confirm_wanted && stream->durable_lsn >= stream->wanted_lsn) ||
	    now_ms - stream->status_ms >= settings->status_update_interval_ms) {
		bool ask = now_ms - stream->heard_ms >= SILENCE_MS / 3;
		if (send_status(stream, ask, err) != 0)
			return -1;
		stream->has_asked |= ask;
	}
	if (is_due(&stream->progress_ms, PROGRESS_INTERVAL_MS, now_ms))
		tell_progress(stream);
	if (is_due(&stream->behind_ms, BEHIND_INTERVAL_MS, now_ms))
		ask_behind(stream);
	if (is_due(&stream->table_check_ms, stream->source->table_check_ms, now_ms))
		return look_for_tables(stream, err);
	return 0;
}

static int64_t wait_ms(const struct postgresql_stream *stream)
{
	int64_t left_ms = stream->status_ms + stream->source->settings->status_update_interval_ms - postgresql_now_ms();
	if (stream->is_confirm_wanted)
		left_ms = CONFIRM_POLL_MS;
	if (left_ms > PROGRESS_INTERVAL_MS)
		left_ms = PROGRESS_INTERVAL_MS;
	return left_ms > 0 ? left_ms : 0;
}

/* 0 asked to stop. */
static int loop(struct postgresql_stream *stream, struct error *err)
{
	for (;;) {
		int rc = drain(stream, err);
		if (rc != 0)
			return rc > 0 ? 0 : -1;
		if (tick(stream, err) != 0)
			return -1;
		rc = postgresql_connection_wait(stream->source->replication, PQflush(stream->raw) > 0,
						wait_ms(stream), err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		if (!PQconsumeInput(stream->raw))
			return postgresql_error_of_result(stream->raw, NULL, err);
		stream->heard_ms = postgresql_now_ms();
		stream->has_asked = false;
	}
}

static int start(struct postgresql_source *source, struct error *err)
{
	char lsn[POSTGRESQL_LSN_TEXT_BYTES];
	const char *name = source->settings->publication_name;
	struct text sql;
	PGresult *result;
	int rc;
	postgresql_lsn_text(source->stored_lsn, lsn);
	text_init(&sql);
	text_add_string(&sql, "START_REPLICATION SLOT ");
	postgresql_quote_name(&sql, bytes_of_text(source->settings->slot_name));
	text_add_format(&sql, " LOGICAL %s (proto_version '1', publication_names '", lsn);
	/* A list of names: quoted as such, and then as a text. */
	text_add_byte(&sql, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\'')
			text_add_byte(&sql, *name);
		text_add_byte(&sql, *name);
	}
	text_add_string(&sql, "\"')");
	text_add_byte(&sql, '\0');
	rc = text_check(&sql, err);
	if (rc == 0)
		rc = postgresql_connection_query(source->replication, sql.buffer.data, NULL, 0, &result, err);
	text_clear(&sql);
	if (rc != 0)
		return error_context(err, "stream from %s", lsn);
	rc = PQresultStatus(result) == PGRES_COPY_BOTH ? 0 :
		error_set(err, ERROR_UNEXPECTED, "the server does not stream");
	PQclear(result);
	if (rc == 0)
		source_log(source, SOURCE_LOG_INFO, "streaming from %s", lsn);
	return rc;
}

static int create(struct postgresql_source *source, struct error *err)
{
	struct postgresql_stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return error_set(err, ERROR_MEMORY, "a stream");
	stream->source = source;
	stream->raw = postgresql_connection_raw(source->replication);
	for (int i = 0; i < 2; i++) {
		msgpack_sbuffer_init(&stream->rows[i]);
		msgpack_sbuffer_init(&stream->keys[i]);
	}
	stream->committed_lsn = source->stored_lsn;
	stream->received_lsn = source->stored_lsn;
	stream->heard_ms = stream->status_ms = stream->table_check_ms = postgresql_now_ms();
	source->stream = stream;
	return 0;
}

void postgresql_stream_destroy(struct postgresql_stream *stream)
{
	if (stream == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		msgpack_sbuffer_destroy(&stream->rows[i]);
		msgpack_sbuffer_destroy(&stream->keys[i]);
	}
	postgresql_stream_tables_clear(&stream->tables);
	free(stream);
}

int postgresql_stream_run(struct postgresql_source *source, struct error *err)
{
	struct postgresql_stream *stream;
	int rc;
	if (start(source, err) != 0)
		return err != NULL && err->code == ERROR_SHUTDOWN ? 0 : -1;
	if (create(source, err) != 0)
		return -1;
	stream = source->stream;
	source->context->on_wait = on_wait;
	rc = loop(stream, err);
	source->context->on_wait = NULL;
	tell_progress(stream);
	return rc != 0 && err != NULL && err->code == ERROR_SHUTDOWN ? 0 : rc;
}

void postgresql_stream_confirm(struct postgresql_source *source)
{
	struct error ignored;
	if (source->stream == NULL || PQstatus(source->stream->raw) != CONNECTION_OK)
		return;
	if (confirm(source->stream, &ignored) == 0)
		(void)PQputCopyEnd(source->stream->raw, NULL);
	(void)PQflush(source->stream->raw);
}
