#ifndef CAPTURE_POSTGRESQL_ERROR_H
#define CAPTURE_POSTGRESQL_ERROR_H

#include "protocol/error.h"

#include <libpq-fe.h>

/* libpq's failures as ours.  No text here has a password in it: nothing is passed to
 * libpq as a connection string, which alone it would repeat. */

/* Of a SQLSTATE (PostgreSQL's manual, appendix A); NULL or "": the connection broke.
 * Retryable is what heals by itself or by somebody else's doing: a lost connection,
 * a server that starts or stops, too many connections, locks, an object in use.
 * What an administrator must repair here first is not. */
enum error_code postgresql_error_code(const char *sqlstate);

/* What a query's result says; result may be NULL. */
int postgresql_error_of_result(PGconn *connection, const PGresult *result, struct error *err);

/* Why a connection could not be made: one line, and what to do.  The connection's
 * verbosity has to be PQERRORS_VERBOSE: only so does libpq tell the SQLSTATE. */
int postgresql_error_of_connect(PGconn *connection, struct error *err);

#endif
