#include "capture/postgresql_stream.h"

#include "capture/clock.h"
#include "capture/postgresql_error.h"
#include "capture/postgresql_publication.h"
#include "capture/postgresql_replication.h"
#include "capture/postgresql_slot.h"
#include "capture/postgresql_standby.h"
#include "capture/postgresql_transaction.h"

#include <stdlib.h>
#include <time.h>

/* How it works: all that the socket has is read and handled before anything waits; then
 * comes what is done by the clock.
 *
 * The server sends each change by itself, and whoever is woken for each does little else.
 * But of a transaction that is open nothing can be shown, and the rest is on its way: it
 * gathers during a nap, about as long as those before it together. */

#define PROGRESS_INTERVAL_MS    250
#define BEHIND_INTERVAL_MS      5000    /* how often the server is asked how far it is */
#define CONFIRM_POLL_MS         20      /* while a position is awaited that the server wants */
#define SILENCE_MS              90000   /* of a server that was asked to answer */
#define STATUS_ON_WAIT_MS       1000
#define ROWS_BETWEEN_CHECKS     1024
#define NAP_US_FIRST            25
#define NAP_US_MOST             1000    /* what comes in it fits the socket's buffer */

struct postgresql_stream {
	struct postgresql_source *source;
	PGconn *raw;                    /* of the replication connection */
	struct postgresql_transaction transaction;
	struct postgresql_standby standby;
	uint64_t server_lsn;            /* as far as the server says it is */
	long nap_us;                    /* the last; 0: none since no transaction was open */
	bool has_asked;                 /* for an answer, since the server was last heard */
	int64_t heard_ms, idle_save_ms, progress_ms, behind_ms, table_check_ms;
};

/* While the writer waits for room: the server must not think us dead.  What fails here
 * is seen again when the stream goes on. */
static void on_wait(void *user)
{
	struct postgresql_source *source = user;
	struct error ignored;
	if (source->stream != NULL &&
	    clock_monotonic_ms() - source->stream->standby.status_ms >= STATUS_ON_WAIT_MS)
		(void)postgresql_standby_confirm(&source->stream->standby, &ignored);
}

/* Nothing is open, and all before has gone to the writer: up to here nothing of ours
 * is missing. */
static int adopt(struct postgresql_stream *stream, uint64_t lsn, bool at_once, struct error *err)
{
	const struct source_settings *settings = stream->source->settings;
	const int64_t interval_ms = settings->heartbeat_interval_ms > 0 ? settings->heartbeat_interval_ms :
									  settings->status_update_interval_ms;
	const int64_t now_ms = clock_monotonic_ms();
	if (stream->transaction.is_open || lsn <= stream->transaction.committed_lsn ||
	    (!at_once && now_ms - stream->idle_save_ms < interval_ms))
		return 0;
	stream->idle_save_ms = now_ms;
	return postgresql_transaction_skip_to(&stream->transaction, lsn, err);
}

/* The server's messages.  Source: PostgreSQL's manual, "Streaming Replication Protocol". */
#define WAL_DATA_HEADER_BYTES   25
#define KEEPALIVE_BYTES         18

/* 'k' end of WAL, time, wants reply.  A server that is about to stop asks for a reply,
 * and waits until all it has is confirmed. */
static int keepalive(struct postgresql_stream *stream, struct bytes message, struct error *err)
{
	uint64_t lsn = load_u64(message.data + 1);
	bool wants_reply = message.data[17] != 0;
	if (!stream->transaction.is_open)
		postgresql_standby_receive(&stream->standby, lsn);
	if (lsn > stream->server_lsn)
		stream->server_lsn = lsn;
	if (adopt(stream, lsn, wants_reply, err) != 0)
		return -1;
	if (!wants_reply)
		return 0;
	stream->standby.is_confirm_wanted = true;
	stream->standby.wanted_lsn = stream->transaction.committed_lsn;
	return postgresql_standby_confirm(&stream->standby, err);
}

/* 'w' where it stands, end of WAL, time; a message of pgoutput. */
static int wal_data(struct postgresql_stream *stream, struct bytes message, struct error *err)
{
	const struct bytes content = { message.data + WAL_DATA_HEADER_BYTES, message.size - WAL_DATA_HEADER_BYTES };
	uint64_t lsn = load_u64(message.data + 1);
	if (lsn > stream->server_lsn)
		stream->server_lsn = lsn;
	if (postgresql_transaction_handle(&stream->transaction, content, lsn, err) != 0)
		return -1;
	postgresql_standby_receive(&stream->standby, stream->transaction.committed_lsn);
	return 0;
}

static int handle(struct postgresql_stream *stream, struct bytes message, struct error *err)
{
	if (message.size >= WAL_DATA_HEADER_BYTES && message.data[0] == 'w')
		return wal_data(stream, message, err);
	if (message.size >= KEEPALIVE_BYTES && message.data[0] == 'k')
		return keepalive(stream, message, err);
	return error_set(err, ERROR_MALFORMED, "a replication message of kind %u and %zu bytes",
			 message.size > 0 ? message.data[0] : 0, message.size);
}

/* Much has come without a pause: 1 asked to stop. */
static int look_up(struct postgresql_stream *stream, struct error *err)
{
	struct source_context *context = stream->source->context;
	if (context->should_stop(context->user))
		return 1;
	return postgresql_standby_due_in_ms(&stream->standby) == 0 ?
		postgresql_standby_confirm(&stream->standby, err) : 0;
}

/* Handles what has been read: 0 all, 1 asked to stop. */
static int drain(struct postgresql_stream *stream, struct error *err)
{
	char *data = NULL;
	size_t size = 0;
	int rc;
	for (unsigned n = 1; (rc = postgresql_replication_next(stream->source, &data, &size, err)) > 0; n++) {
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
	const struct postgresql_transaction *transaction = &stream->transaction;
	struct source_context *context = stream->source->context;
	struct source_progress progress = {
		.behind_bytes = stream->server_lsn > transaction->committed_lsn ?
			stream->server_lsn - transaction->committed_lsn : 0,
		.rows_done = transaction->row_count,
		.source_time_us = transaction->source_time_us,
	};
	postgresql_lsn_text(transaction->committed_lsn, progress.position);
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
	if (stream->transaction.is_open ||
	    (postgresql_source_need_catalog(stream->source, &problem) == 0 &&
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
	const int64_t now_ms = clock_monotonic_ms();
	if (stream->has_asked && now_ms - stream->heard_ms >= SILENCE_MS)
		return error_set(err, ERROR_CONNECTION, "the server has been silent for %d s", SILENCE_MS / 1000);
	/* A position without rows waits for somebody to ask. */
	(void)writer_is_idle(stream->source->context->writer);
	if (postgresql_standby_learn(&stream->standby, err) != 0)
		return -1;
	if (postgresql_standby_due_in_ms(&stream->standby) == 0) {
		bool ask = now_ms - stream->heard_ms >= SILENCE_MS / 3;
		if (postgresql_standby_send(&stream->standby, ask, err) != 0)
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
	const int64_t left_ms = postgresql_standby_due_in_ms(&stream->standby);
	if (stream->standby.is_confirm_wanted)
		return CONFIRM_POLL_MS;
	return left_ms < PROGRESS_INTERVAL_MS ? left_ms : PROGRESS_INTERVAL_MS;
}

static void nap(struct postgresql_stream *stream)
{
	stream->nap_us = stream->nap_us == 0 ? NAP_US_FIRST : stream->nap_us * 2;
	if (stream->nap_us > NAP_US_MOST)
		stream->nap_us = NAP_US_MOST;
	nanosleep(&(struct timespec){ .tv_nsec = stream->nap_us * 1000 }, NULL);
}

/* As postgresql_connection_wait. */
static int wait_for_input(struct postgresql_stream *stream, struct error *err)
{
	struct postgresql_connection *connection = stream->source->replication;
	if (!stream->transaction.is_open) {
		stream->nap_us = 0;
	} else {
		int rc = postgresql_connection_wait(connection, false, 0, err);
		if (rc != 0)
			return rc;
		nap(stream);
	}
	return postgresql_connection_wait(connection, PQflush(stream->raw) > 0, wait_ms(stream), err);
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
		rc = wait_for_input(stream, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		if (!PQconsumeInput(stream->raw))
			return postgresql_error_of_result(stream->raw, NULL, err);
		stream->heard_ms = clock_monotonic_ms();
		stream->has_asked = false;
	}
}

static int create(struct postgresql_source *source, struct error *err)
{
	struct postgresql_stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return error_set(err, ERROR_MEMORY, "a stream");
	stream->source = source;
	stream->raw = postgresql_connection_raw(source->replication);
	postgresql_transaction_init(&stream->transaction, source);
	postgresql_standby_init(&stream->standby, source);
	stream->heard_ms = stream->table_check_ms = clock_monotonic_ms();
	source->stream = stream;
	return 0;
}

void postgresql_stream_destroy(struct postgresql_stream *stream)
{
	if (stream == NULL)
		return;
	postgresql_transaction_clear(&stream->transaction);
	free(stream);
}

int postgresql_stream_run(struct postgresql_source *source, struct error *err)
{
	struct postgresql_stream *stream;
	char lsn[POSTGRESQL_LSN_TEXT_BYTES];
	int rc;
	postgresql_lsn_text(source->stored_lsn, lsn);
	if (postgresql_replication_start(source, err) != 0 || postgresql_slot_check_taken(source, err) != 0)
		return err != NULL && err->code == ERROR_SHUTDOWN ? 0 : -1;
	if (create(source, err) != 0)
		return -1;
	source_log(source, SOURCE_LOG_INFO, "streaming from %s", lsn);
	stream = source->stream;
	source->context->on_wait = on_wait;
	rc = loop(stream, err);
	source->context->on_wait = NULL;
	tell_progress(stream);
	return rc != 0 && err != NULL && err->code == ERROR_SHUTDOWN ? 0 : rc;
}

void postgresql_stream_confirm(struct postgresql_source *source)
{
	struct postgresql_stream *stream = source->stream;
	struct error ignored;
	if (stream == NULL || PQstatus(stream->raw) != CONNECTION_OK)
		return;
	if (postgresql_standby_confirm(&stream->standby, &ignored) == 0)
		(void)PQputCopyEnd(stream->raw, NULL);
	(void)PQflush(stream->raw);
}
