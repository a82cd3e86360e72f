#include "capture/postgresql_replication.h"

#include "capture/postgresql_error.h"

#include <string.h>

int postgresql_replication_start(struct postgresql_source *source, struct error *err)
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
	return rc;
}

/* Decoding looks at the catalog as it was at each change.  Where the publication was not
 * there, the server ends the stream with an error; from version 18 on it leaves out the
 * changes, and sends a warning. */
#define PUBLICATION_MISSING_STATE       "42704"
#define PUBLICATION_SKIPPED_STATE       "55000"

static int publication_gap(const struct postgresql_source *source, struct error *err)
{
	return error_set(err, ERROR_GAP, "publication \"%s\" was not there when changes were made that the slot still has"
			 " (it was dropped, or made after the slot), so nobody can read them; " BEGIN_AGAIN,
			 source->settings->publication_name,
			 source->context->name);
}

/* "" is any. */
static bool has_state(const PGresult *result, const char *state)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	return sqlstate != NULL && (state[0] == '\0' || strcmp(sqlstate, state) == 0);
}

/* A table was truncated or rewritten while the slot was being made: the server takes that
 * transaction for one that still runs, and meets a file that it does not know, at each try
 * again.  (PostgreSQL 15.20: "filenode", 16 to 18: "filenumber"; never translated.) */
#define FILENODE_STATE  "XX000"
#define FILENODE_WORDS  "could not map file"

static bool has_lost_a_table(const PGresult *result)
{
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	return has_state(result, FILENODE_STATE) && primary != NULL && strstr(primary, FILENODE_WORDS) != NULL;
}

static void undecodable_gap(const struct postgresql_source *source, const PGresult *result, struct error *err)
{
	error_set(err, ERROR_GAP, "%s: a table was truncated or rewritten while replication slot \"%s\" was being made,"
		  " and the server cannot decode what comes next; " BEGIN_AGAIN,
		  PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), source->settings->slot_name,
		  source->context->name);
}

/* The stream has ended: why? */
static int explain_end(struct postgresql_source *source, struct error *err)
{
	PGconn *raw = postgresql_connection_raw(source->replication);
	PGresult *result = PQgetResult(raw);
	if (result != NULL && PQresultStatus(result) == PGRES_COPY_IN) {
		PQclear(result);
		result = NULL;
	}
	if (result != NULL && has_state(result, PUBLICATION_MISSING_STATE))
		publication_gap(source, err);
	else if (result != NULL && has_lost_a_table(result))
		undecodable_gap(source, result, err);
	else if (result != NULL && has_state(result, ""))
		postgresql_error_of_result(raw, result, err);
	else
		error_set(err, ERROR_CONNECTION, "the server has ended the stream");
	PQclear(result);
	return -1;
}

int postgresql_replication_next(struct postgresql_source *source, char **out, size_t *out_bytes,
				struct error *err)
{
	PGconn *raw = postgresql_connection_raw(source->replication);
	char *data = NULL;
	int size = PQgetCopyData(raw, &data, 1);
	if (size == -1)
		return explain_end(source, err);
	if (size < 0)
		return postgresql_error_of_result(raw, NULL, err);
	if (postgresql_connection_has_warned(source->replication, PUBLICATION_SKIPPED_STATE)) {
		PQfreemem(data);
		return publication_gap(source, err);
	}
	*out = data;
	*out_bytes = (size_t)size;
	return size > 0;
}
