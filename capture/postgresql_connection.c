#include "capture/postgresql_connection.h"

#include "capture/clock.h"
#include "capture/errand.h"
#include "capture/host_lookup.h"
#include "capture/postgresql_error.h"
#include "capture/source_settings.h"
#include "capture/source_wait.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* A statement that waits for a lock gives up in time, so that a server whose client is
 * gone does not keep the WAL for ever.  Policies must not hide rows: refused is better.
 * Where a publication was not there, version 18 tells by a warning alone. */
#define SESSION_OPTIONS                                                                    \
	"-c DateStyle=ISO -c TimeZone=UTC -c IntervalStyle=iso_8601 -c extra_float_digits=3 " \
	"-c bytea_output=hex -c lc_monetary=C -c search_path= -c statement_timeout=0 "     \
	"-c idle_in_transaction_session_timeout=0 -c lock_timeout=300000 "                  \
	"-c row_security=off -c client_min_messages=warning"

/* Unacknowledged data that makes the kernel give up a connection. */
#define TCP_TIMEOUT_MS          "60000"
/* A silent connection is probed before somebody on the way forgets it. */
#define KEEPALIVE_IDLE_S        "60"
/* How long a server is given to take the order to end a statement. */
#define CANCEL_WAIT_MS          300

struct postgresql_connection {
	PGconn *raw;
	const struct source_context *context;
	bool is_replication;
	int64_t query_timeout_ms;       /* 0: none */
	bool is_busy;           /* a statement runs whose result nobody has taken */
	char warning_state[6];  /* SQLSTATE of the last warning; "": none */
};

int postgresql_connection_wait(struct postgresql_connection *connection, bool for_writing,
			       int64_t wait_ms, struct error *err)
{
	return source_wait(connection->context, PQsocket(connection->raw),
			   for_writing ? POLLIN | POLLOUT : POLLIN, wait_ms, err);
}

/* The name once an address, and the addresses, as libpq's host and hostaddr want them. */
static void list_addresses(const struct host_lookup *found, const char *name, struct text *names,
			   struct text *addresses)
{
	text_init(names);
	text_init(addresses);
	for (size_t i = 0; i < found->count; i++) {
		text_add_format(names, "%s%s", i > 0 ? "," : "", name);
		text_add_format(addresses, "%s%s", i > 0 ? "," : "", found->addresses[i]);
	}
	if (found->count == 0)
		text_add_string(names, name);
	text_add_byte(names, '\0');
	text_add_byte(addresses, '\0');
}

static PGconn *start_at(const struct source_settings *settings, const struct source_context *context,
			bool is_replication, const char *host, const char *addresses)
{
	char port[16], application[64];
	snprintf(port, sizeof(port), "%d", (int)settings->database_port);
	snprintf(application, sizeof(application), "millstream %.50s", context->name);
	const char *const keys[] = {
		"host", "hostaddr", "port", "user", "password", "dbname", "sslmode", "sslcert", "sslkey",
		"sslrootcert", "sslpassword", "keepalives", "keepalives_idle", "tcp_user_timeout", "application_name",
		"client_encoding", "options", "replication", NULL,
	};
	const char *const values[] = {
		host, addresses, port, settings->database_user, settings->database_password,
		settings->database_dbname, settings->database_sslmode, settings->database_sslcert,
		settings->database_sslkey, settings->database_sslrootcert, settings->database_sslpassword,
		settings->database_tcp_keepalive ? "1" : "0", KEEPALIVE_IDLE_S, TCP_TIMEOUT_MS, application, "UTF8",
		SESSION_OPTIONS, is_replication ? "database" : NULL, NULL,
	};
	/* Without this, OpenSSL asks the terminal for the password of a key. */
	PQsetSSLKeyPassHook_OpenSSL(PQdefaultSSLKeyPassHook_OpenSSL);
	/* Not expanded: a dbname is a name, never a connection string. */
	return PQconnectStartParams(keys, values, 0);
}

/* libpq itself would wait for the resolver, and nothing could end that. */
static int start(struct postgresql_connection *connection, const struct source_settings *settings,
		 struct error *err)
{
	struct host_lookup found;
	struct text host, addresses;
	int rc;
	if (host_lookup(&found, settings->database_hostname, connection->context, settings->connect_timeout_ms, err) != 0)
		return -1;
	list_addresses(&found, settings->database_hostname, &host, &addresses);
	rc = text_check(&host, err);
	if (rc == 0)
		rc = text_check(&addresses, err);
	if (rc == 0) {
		connection->raw = start_at(settings, connection->context, connection->is_replication,
					   host.buffer.data, addresses.buffer.data);
		if (connection->raw == NULL)
			rc = error_set(err, ERROR_MEMORY, "a connection");
	}
	text_clear(&host);
	text_clear(&addresses);
	return rc;
}

/* Notices are for people; one state is looked for (postgresql_connection_has_warned). */
static void on_notice(void *user, const PGresult *result)
{
	struct postgresql_connection *connection = user;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (state != NULL && strncmp(state, "00", 2) != 0)
		snprintf(connection->warning_state, sizeof(connection->warning_state), "%s", state);
}

bool postgresql_connection_has_warned(const struct postgresql_connection *connection, const char *sqlstate)
{
	return strcmp(connection->warning_state, sqlstate) == 0;
}

/* Two semicolons stand for one that does not end a statement, as in Debezium. */
static int run_initial(struct postgresql_connection *connection, const char *statements, struct error *err)
{
	char *sql = strdup(statements), *to = sql;
	int rc;
	if (sql == NULL)
		return error_set(err, ERROR_MEMORY, "database.initial.statements");
	for (const char *from = statements; *from != '\0'; from++) {
		*to++ = *from;
		from += from[0] == ';' && from[1] == ';';
	}
	*to = '\0';
	rc = postgresql_connection_run(connection, sql, err);
	free(sql);
	return rc;
}

static int finish_connecting(PGconn *raw, const struct source_context *context, int64_t timeout_ms,
			     struct error *err)
{
	const int64_t end_ms = clock_monotonic_ms() + timeout_ms;
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	while (status != PGRES_POLLING_OK) {
		if (status == PGRES_POLLING_FAILED || PQstatus(raw) == CONNECTION_BAD)
			return postgresql_error_of_connect(raw, err);
		int64_t left_ms = end_ms - clock_monotonic_ms();
		if (left_ms <= 0)
			return error_set(err, ERROR_TIMEOUT, "no answer within %lld ms", (long long)timeout_ms);
		int ready = source_wait(context, PQsocket(raw), status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
					left_ms, err);
		if (ready < 0)
			return -1;
		if (ready > 0)
			status = PQconnectPoll(raw);
	}
	return 0;
}

int postgresql_connection_open(struct postgresql_connection **out,
			       const struct source_settings *settings,
			       const struct source_context *context, bool is_replication,
			       struct error *err)
{
	struct postgresql_connection *connection = calloc(1, sizeof(*connection));
	if (connection == NULL)
		return error_set(err, ERROR_MEMORY, "a connection");
	connection->context = context;
	connection->is_replication = is_replication;
	connection->query_timeout_ms = settings->query_timeout_ms;
	if (start(connection, settings, err) != 0)
		goto fail;
	PQsetErrorVerbosity(connection->raw, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(connection->raw, on_notice, connection);
	if (finish_connecting(connection->raw, context, settings->connect_timeout_ms, err) != 0)
		goto fail;
	PQsetErrorVerbosity(connection->raw, PQERRORS_DEFAULT);
	if (PQsetnonblocking(connection->raw, 1) != 0) {
		postgresql_error_of_result(connection->raw, NULL, err);
		goto fail;
	}
	if (!is_replication && settings->database_initial_statements != NULL &&
	    run_initial(connection, settings->database_initial_statements, err) != 0) {
		error_context(err, "database.initial.statements");
		goto fail;
	}
	*out = connection;
	return 0;
fail:
	postgresql_connection_close(connection);
	return error_context(err, "%s:%d, database \"%s\"", settings->database_hostname,
			     (int)settings->database_port, settings->database_dbname);
}

static void run_cancel(void *cancel)
{
	char problem[256];
	(void)PQcancel(cancel, problem, sizeof(problem));
}

static void free_cancel(void *cancel)
{
	PQfreeCancel(cancel);
}

/* A backend that waits for a lock does not notice that its client is gone.  PQcancel waits
 * for the server's answer: for ever, where there is none. */
static void cancel_statement(PGconn *raw)
{
	PGcancel *cancel = PQgetCancel(raw);
	struct errand *errand;
	struct pollfd ended = { .events = POLLIN };
	if (cancel == NULL || errand_start(&errand, run_cancel, free_cancel, cancel, NULL) != 0) {
		PQfreeCancel(cancel);
		return;
	}
	ended.fd = errand_fd(errand);
	(void)poll(&ended, 1, CANCEL_WAIT_MS);
	errand_leave(errand);
}

void postgresql_connection_close(struct postgresql_connection *connection)
{
	if (connection == NULL)
		return;
	if (connection->is_busy && PQstatus(connection->raw) == CONNECTION_OK)
		cancel_statement(connection->raw);
	PQfinish(connection->raw);
	free(connection);
}

bool postgresql_connection_is_usable(const struct postgresql_connection *connection)
{
	return connection != NULL && PQstatus(connection->raw) == CONNECTION_OK && !connection->is_busy;
}

void postgresql_connection_limit(struct postgresql_connection *connection, int64_t timeout_ms)
{
	if (connection->query_timeout_ms == 0 || connection->query_timeout_ms > timeout_ms)
		connection->query_timeout_ms = timeout_ms;
}

PGconn *postgresql_connection_raw(struct postgresql_connection *connection)
{
	return connection->raw;
}

/* For the server's part of a statement, since begin_ms: 1, or 0 each second. */
static int wait_within_limit(struct postgresql_connection *connection, bool for_writing, int64_t begin_ms,
			     int64_t limit_ms, struct error *err)
{
	int64_t left_ms = limit_ms == 0 ? 1000 : begin_ms + limit_ms - clock_monotonic_ms();
	if (left_ms <= 0)
		return error_set(err, ERROR_TIMEOUT, "no answer to a query within %lld ms (database.query.timeout.ms)",
				 (long long)limit_ms);
	return postgresql_connection_wait(connection, for_writing, left_ms < 1000 ? left_ms : 1000, err);
}

static int send_all(struct postgresql_connection *connection, struct error *err)
{
	const int64_t begin_ms = clock_monotonic_ms();
	int left;
	while ((left = PQflush(connection->raw)) > 0) {
		if (wait_within_limit(connection, true, begin_ms, connection->query_timeout_ms, err) < 0)
			return -1;
		if (!PQconsumeInput(connection->raw))
			return postgresql_error_of_result(connection->raw, NULL, err);
	}
	return left == 0 ? 0 : postgresql_error_of_result(connection->raw, NULL, err);
}

/* Waits until PQgetResult does not block.  Whoever watches decides how long. */
static int wait_for_result(struct postgresql_connection *connection,
			   postgresql_connection_on_second *on_second, void *user, struct error *err)
{
	const int64_t begin_ms = clock_monotonic_ms();
	int64_t told_ms = begin_ms;
	while (PQisBusy(connection->raw)) {
		int ready = wait_within_limit(connection, false, begin_ms,
					      on_second != NULL ? 0 : connection->query_timeout_ms, err);
		int64_t now_ms = clock_monotonic_ms();
		if (ready < 0)
			return -1;
		if (ready > 0 && !PQconsumeInput(connection->raw))
			return postgresql_error_of_result(connection->raw, NULL, err);
		if (on_second != NULL && now_ms - told_ms >= 1000) {
			if (on_second(user, now_ms - begin_ms, err) != 0)
				return -1;
			told_ms = now_ms;
		}
	}
	return 0;
}

/* The last result counts: of several statements in one text, the first that fails is
 * the last there is. */
static int take_result(struct postgresql_connection *connection,
		       postgresql_connection_on_second *on_second, void *user, PGresult **out,
		       struct error *err)
{
	PGresult *last = NULL, *next;
	for (;;) {
		ExecStatusType status;
		if (wait_for_result(connection, on_second, user, err) != 0) {
			PQclear(last);
			return -1;
		}
		next = PQgetResult(connection->raw);
		if (next == NULL)
			break;
		PQclear(last);
		last = next;
		status = PQresultStatus(last);
		if (status == PGRES_COPY_BOTH || status == PGRES_COPY_OUT) {
			/* A stream needs no cancelling: the server reads what is last said. */
			connection->is_busy = status == PGRES_COPY_OUT;
			*out = last;
			return 0;
		}
	}
	connection->is_busy = false;
	if (last == NULL || (PQresultStatus(last) != PGRES_TUPLES_OK && PQresultStatus(last) != PGRES_COMMAND_OK)) {
		postgresql_error_of_result(connection->raw, last, err);
		PQclear(last);
		return -1;
	}
	*out = last;
	return 0;
}

int postgresql_connection_query_watched(struct postgresql_connection *connection, const char *sql,
					postgresql_connection_on_second *on_second, void *user,
					PGresult **out, struct error *err)
{
	if (!PQsendQuery(connection->raw, sql))
		return postgresql_error_of_result(connection->raw, NULL, err);
	connection->is_busy = true;
	if (send_all(connection, err) != 0)
		return -1;
	return take_result(connection, on_second, user, out, err);
}

int postgresql_connection_query(struct postgresql_connection *connection, const char *sql,
				const char *const *values, int value_count, PGresult **out,
				struct error *err)
{
	if (value_count == 0)
		return postgresql_connection_query_watched(connection, sql, NULL, NULL, out, err);
	if (!PQsendQueryParams(connection->raw, sql, value_count, NULL, values, NULL, NULL, 0))
		return postgresql_error_of_result(connection->raw, NULL, err);
	connection->is_busy = true;
	if (send_all(connection, err) != 0)
		return -1;
	return take_result(connection, NULL, NULL, out, err);
}

int postgresql_connection_run(struct postgresql_connection *connection, const char *sql,
			      struct error *err)
{
	PGresult *result;
	if (postgresql_connection_query(connection, sql, NULL, 0, &result, err) != 0)
		return -1;
	PQclear(result);
	return 0;
}

int postgresql_connection_copy_line(struct postgresql_connection *connection, char **out,
				    size_t *out_bytes, struct error *err)
{
	int64_t begin_ms = 0;
	for (;;) {
		PGresult *result;
		int size = PQgetCopyData(connection->raw, out, 1);
		if (size > 0) {
			*out_bytes = (size_t)size;
			return 1;
		}
		if (size == -2)
			return postgresql_error_of_result(connection->raw, NULL, err);
		if (size == -1) {
			if (take_result(connection, NULL, NULL, &result, err) != 0)
				return -1;
			PQclear(result);
			return 0;
		}
		if (begin_ms == 0)
			begin_ms = clock_monotonic_ms();
		if (wait_within_limit(connection, false, begin_ms, connection->query_timeout_ms, err) < 0)
			return -1;
		if (!PQconsumeInput(connection->raw))
			return postgresql_error_of_result(connection->raw, NULL, err);
	}
}

void postgresql_quote_name(struct text *text, struct bytes name)
{
	text_add_byte(text, '"');
	for (size_t i = 0; i < name.size; i++) {
		if (name.data[i] == '"')
			text_add_byte(text, '"');
		text_add_byte(text, (char)name.data[i]);
	}
	text_add_byte(text, '"');
}

void postgresql_quote_table(struct text *text, struct bytes schema, struct bytes table)
{
	postgresql_quote_name(text, schema);
	text_add_byte(text, '.');
	postgresql_quote_name(text, table);
}

struct bytes postgresql_field(const PGresult *result, int row, int column)
{
	if (PQgetisnull(result, row, column))
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ (const uint8_t *)PQgetvalue(result, row, column),
			       (size_t)PQgetlength(result, row, column) };
}

uint64_t postgresql_field_u64(const PGresult *result, int row, int column)
{
	return strtoull(PQgetvalue(result, row, column), NULL, 10);
}

bool postgresql_field_bool(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

uint64_t postgresql_field_lsn(const PGresult *result, int row, int column)
{
	unsigned high, low;
	if (sscanf(PQgetvalue(result, row, column), "%X/%X", &high, &low) != 2)
		return 0;
	return (uint64_t)high << 32 | low;
}
