#ifndef CAPTURE_POSTGRESQL_CONNECTION_H
#define CAPTURE_POSTGRESQL_CONNECTION_H

#include "capture/source.h"
#include "protocol/text.h"

#include <libpq-fe.h>

/* One connection to a PostgreSQL, ordinary or for replication.  Whatever waits here
 * polls the context's wake_fd beside the socket, and ends with ERROR_SHUTDOWN soon
 * after the source is asked to stop, or with ERROR_TIMEOUT.  The source's thread.
 *
 * Both kinds of session have the settings that postgresql_type.h needs, and an empty
 * search_path: every name in a query is pg_catalog's or has its schema. */
struct postgresql_connection;

/* ERROR_TIMEOUT after settings' connect_timeout_ms; postgresql_error_of_connect. */
int postgresql_connection_open(struct postgresql_connection **out,
			       const struct source_settings *settings,
			       const struct source_context *context, bool is_replication,
			       struct error *err);
/* Also one that is broken, and NULL.  What it was doing ends at the server, too, where that
 * answers at once. */
void postgresql_connection_close(struct postgresql_connection *connection);

/* Not NULL, nor broken, nor left within a statement that was not answered in time? */
bool postgresql_connection_is_usable(const struct postgresql_connection *connection);

/* From now on, statements take timeout_ms at most, where the settings leave them more. */
void postgresql_connection_limit(struct postgresql_connection *connection, int64_t timeout_ms);

PGconn *postgresql_connection_raw(struct postgresql_connection *connection);

/* Was the last warning that the server sent of this state?  It stands between the
 * messages of a stream where it was sent. */
bool postgresql_connection_has_warned(const struct postgresql_connection *connection,
				      const char *sqlstate);

/* Run one statement and take its result, which the caller clears; a result that is
 * no success is an error.  ERROR_TIMEOUT after settings' query_timeout_ms: of no use any more.  Values are texts for $1, $2, …; NULL for null.  (A
 * replication connection takes none.) */
int postgresql_connection_query(struct postgresql_connection *connection, const char *sql,
				const char *const *values, int value_count, PGresult **out,
				struct error *err);
/* The same for a statement that returns nothing. */
int postgresql_connection_run(struct postgresql_connection *connection, const char *sql,
			      struct error *err);

/* Called about each second while a statement runs, which has no other limit: -1 gives it up. */
typedef int postgresql_connection_on_second(void *user, int64_t waited_ms, struct error *err);
int postgresql_connection_query_watched(struct postgresql_connection *connection, const char *sql,
					postgresql_connection_on_second *on_second, void *user,
					PGresult **out, struct error *err);

/* Wait until the socket can be read (or written, where asked), at most wait_ms (-1: for
 * ever): 1, or 0 when the time is over.  ERROR_SHUTDOWN. */
int postgresql_connection_wait(struct postgresql_connection *connection, bool for_writing,
			       int64_t wait_ms, struct error *err);

/* The next line of a COPY … TO STDOUT: 1, a line that PQfreemem frees; 0 at its end.
 * query_timeout_ms limits the wait for each. */
int postgresql_connection_copy_line(struct postgresql_connection *connection, char **out,
				    size_t *out_bytes, struct error *err);

/* "name", with quotes inside doubled. */
void postgresql_quote_name(struct text *text, struct bytes name);
/* "schema"."table" */
void postgresql_quote_table(struct text *text, struct bytes schema, struct bytes table);

/* A field of a result as bytes (nil for null), lent by the result. */
struct bytes postgresql_field(const PGresult *result, int row, int column);
/* 0 for null. */
uint64_t postgresql_field_u64(const PGresult *result, int row, int column);
bool postgresql_field_bool(const PGresult *result, int row, int column);
/* "16/B374D848"; 0 for null or what is none. */
uint64_t postgresql_field_lsn(const PGresult *result, int row, int column);

#endif
