#include "capture/postgresql_error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* The first prefix that fits decides. */
static const struct {
	const char *prefix;
	enum error_code code;
} codes[] = {
	{ "08", ERROR_CONNECTION },
	{ "3D000", ERROR_NOT_FOUND },
	{ "25006", ERROR_UNSUPPORTED },         /* read-only: a standby */
	{ "28", ERROR_DENIED },
	{ "40", ERROR_BUSY },                   /* deadlock, serialization */
	{ "42501", ERROR_DENIED },
	{ "42704", ERROR_NOT_FOUND },
	{ "42P01", ERROR_NOT_FOUND },
	{ "42710", ERROR_EXISTS },
	{ "53", ERROR_BUSY },                   /* connections, slots, memory, disk */
	{ "55006", ERROR_BUSY },                /* in use */
	{ "55P03", ERROR_TIMEOUT },             /* a lock */
	{ "57014", ERROR_TIMEOUT },
	{ "57", ERROR_CONNECTION },             /* starts, stops, has crashed */
	{ "58P01", ERROR_GAP },                 /* a WAL segment has been removed */
	{ "58", ERROR_BUSY },
	{ "XX", ERROR_BUSY },
	{ "0A", ERROR_UNSUPPORTED },
	{ "", ERROR_INVALID },
};

enum error_code postgresql_error_code(const char *sqlstate)
{
	size_t i = 0;
	if (sqlstate == NULL || sqlstate[0] == '\0')
		return ERROR_CONNECTION;
	while (strncmp(sqlstate, codes[i].prefix, strlen(codes[i].prefix)) != 0)
		i++;
	return codes[i].code;
}

/* The first line, without what libpq puts in front. */
static void first_line(const char *message, char *out, size_t out_bytes)
{
	const char *failed = strstr(message, " failed: ");
	size_t length = strcspn(message, "\n");
	if (failed != NULL && failed < message + length) {
		length -= (size_t)(failed + 9 - message);
		message = failed + 9;
	}
	snprintf(out, out_bytes, "%.*s", (int)length, message);
}

int postgresql_error_of_result(PGconn *connection, const PGresult *result, struct error *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	char line[ERROR_TEXT_BYTES];
	if (primary != NULL)
		return error_set(err, postgresql_error_code(sqlstate), "%s%s%s%s", primary,
				 hint != NULL ? " (" : "", hint != NULL ? hint : "", hint != NULL ? ")" : "");
	first_line(PQerrorMessage(connection), line, sizeof(line));
	return error_set(err, ERROR_CONNECTION, "the connection to the server is lost%s%s",
			 line[0] != '\0' ? ": " : "", line);
}

/* "FATAL:  28P01: password authentication failed", in any language of the server's.
 * Returns what follows the state, or NULL. */
static const char *find_state(const char *message, char *out)
{
	const char *at = message;
	while ((at = strstr(at, ":  ")) != NULL) {
		size_t n = 0;
		at += 3;
		while (n < 5 && (isdigit((unsigned char)at[n]) || isupper((unsigned char)at[n])))
			n++;
		if (n == 5 && at[5] == ':' && at[6] == ' ') {
			snprintf(out, 6, "%s", at);
			return at + 7;
		}
	}
	return NULL;
}

static const char *advice_for(const char *state)
{
	static const struct {
		const char *state;
		const char *advice;
	} advice[] = {
		{ "28P01", "; check database.user and database.password" },
		{ "28000", "; check database.user and the server's pg_hba.conf" },
		{ "3D000", "; check database.dbname" },
		{ "53300", "; raise max_connections or max_wal_senders, or end what uses them" },
	};
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (strcmp(advice[i].state, state) == 0)
			return advice[i].advice;
	return "";
}

static bool has(const char *text, const char *word)
{
	return strstr(text, word) != NULL;
}

int postgresql_error_of_connect(PGconn *connection, struct error *err)
{
	const char *message = PQerrorMessage(connection), *said;
	char line[ERROR_TEXT_BYTES], state[6] = "";
	said = find_state(message, state);
	if (said != NULL) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(said, "\n"), said);
		if (strcmp(state, "42501") == 0)
			return error_set(err, ERROR_DENIED, "%s; as a superuser: ALTER ROLE \"%s\" REPLICATION",
					 line, PQuser(connection));
		return error_set(err, postgresql_error_code(state), "%s%s", line, advice_for(state));
	}
	first_line(message, line, sizeof(line));
	if (has(line, "no password supplied"))
		return error_set(err, ERROR_DENIED, "the server asks for a password; set database.password");
	if (has(line, "private key"))
		return error_set(err, ERROR_DENIED, "%s; check database.sslkey, database.sslcert and database.sslpassword",
				 line);
	/* libpq itself refuses: no TLS there, or a certificate that is not trusted. */
	if ((has(line, "SSL") || has(line, "certificate")) && !has(line, "SYSCALL") && !has(line, "unexpectedly"))
		return error_set(err, ERROR_DENIED,
				 "%s; switch on ssl at the server, or change database.sslmode and its certificates",
				 line);
	if (has(line, "invalid") && has(line, "value"))
		return error_set(err, ERROR_INVALID, "%s", line);
	return error_set(err, ERROR_CONNECTION, "%s", line[0] != '\0' ? line : "no connection");
}
