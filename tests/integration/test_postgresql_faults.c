/* What the PostgreSQL source says and does when something is wrong: each fault of a
 * server's is one clear line, worth a retry or not, and never has a password in it. */
#include "storage/sources.h"
#include "tests/support/postgresql_fixture.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/wait_until.h"

#define PASSWORD "kX93-hidden-72"

static struct postgresql_server other;  /* started by the tests that need it */

static void write_file(const char *name, const char *text)
{
	char path[500];
	snprintf(path, sizeof(path), "%s/data/%s", server.dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int start_server_with_roles(void **state)
{
	start_server(state);
	if (server.dir == NULL)
		return 0;
	/* Whoever is named like this has to know a password. */
	write_file("pg_hba.conf", "host all +guarded 127.0.0.1/32 scram-sha-256\n"
				  "hostssl all encrypted 127.0.0.1/32 trust\nhost all encrypted 127.0.0.1/32 reject\n"
				  "host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n");
	postgresql_rig_create(&rig, &server);
	rig_sql(&rig, "CREATE ROLE guarded; CREATE ROLE ann LOGIN REPLICATION PASSWORD '" PASSWORD "' IN ROLE guarded;"
		      "CREATE ROLE encrypted LOGIN REPLICATION; CREATE ROLE plain LOGIN;"
		      "CREATE ROLE reader LOGIN REPLICATION; SELECT pg_reload_conf()");
	postgresql_rig_destroy(&rig);
	return 0;
}

static int stop_servers(void **state)
{
	stop_server(state);
	postgresql_server_clear(&other);
	return 0;
}

/* It ends with this code, and says this. */
static void ends_with(enum error_code code, const char *words)
{
	rig_wait_end(&rig);
	if (rig.rc != -1 || rig.err.code != code || strstr(rig.err.text, words) == NULL)
		fail_msg("rc %d, code %d: %s\n%s", rig.rc, rig.err.code, rig.err.text, rig.lines);
	assert_null(strchr(rig.err.text, '\n'));
	assert_null(strstr(rig.err.text, PASSWORD));
	assert_null(strstr(rig.lines, PASSWORD));
}

static void fails_with(enum error_code code, const char *words)
{
	rig_start(&rig);
	ends_with(code, words);
}

static uint64_t number_of(struct postgresql_rig *of, const char *sql)
{
	char *value = rig_value(of, sql);
	uint64_t number = strtoull(value, NULL, 10);
	free(value);
	return number;
}

/* Connecting. */

static void wrong_password_fails(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.user", "ann");
	rig_set(&rig, "database.password", PASSWORD "x");
	fails_with(ERROR_DENIED, "password authentication failed for user \"ann\"; check database.user and database.password");
	assert_false(error_is_retryable(rig.err.code));
	rig_set(&rig, "database.password", PASSWORD);
	rig_set(&rig, "snapshot.mode", "never");
	fails_with(ERROR_DENIED, "as the owner of the tables: CREATE PUBLICATION");
	assert_non_null(strstr(rig.err.text, "ONLY \"public\".\"users\""));
}

static void unknown_role_host_and_database_are_named(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.user", "nobody_at_all");
	fails_with(ERROR_DENIED, "role \"nobody_at_all\" does not exist");
	rig_set(&rig, "database.user", "postgres");
	rig_set(&rig, "database.dbname", "nowhere");
	fails_with(ERROR_NOT_FOUND, "database \"nowhere\" does not exist; check database.dbname");
	rig_set(&rig, "database.hostname", "no-such-host.invalid");
	fails_with(ERROR_CONNECTION, "could not translate host name \"no-such-host.invalid\"");
	assert_true(error_is_retryable(rig.err.code));
}

static void refused_connection_is_retried(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.port", "1");
	fails_with(ERROR_CONNECTION, "Connection refused");
}

static void tls_that_the_server_has_not_fails(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.sslmode", "require");
	fails_with(ERROR_DENIED, "server does not support SSL, but SSL was required; switch on ssl");
	rig_set(&rig, "database.sslmode", "prefer");
	rig_set(&rig, "database.user", "encrypted");
	fails_with(ERROR_DENIED, "pg_hba.conf");
}

/* Takes connections and says nothing. */
static int silent_listener(char *port, size_t port_bytes)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(port, port_bytes, "%d", ntohs(address.sin_port));
	return fd;
}

static void silent_server_times_out(void **state)
{
	(void)state;
	NEED_SERVER();
	char port[16];
	int fd = silent_listener(port, sizeof(port));
	rig_set(&rig, "database.port", port);
	rig_set(&rig, "connection.validation.timeout.ms", "1000");
	fails_with(ERROR_TIMEOUT, "no answer within 1000 ms");
	close(fd);
}

static void stop_cuts_a_connection_attempt_short(void **state)
{
	(void)state;
	NEED_SERVER();
	char port[16];
	int fd = silent_listener(port, sizeof(port));
	rig_set(&rig, "database.port", port);
	rig_set(&rig, "connection.validation.timeout.ms", "600000");
	rig_start(&rig);
	atomic_store(&rig.should_stop, true);
	eventfd_write(rig.context.wake_fd, 1);
	rig_wait_end(&rig);
	assert_int_equal(rig.err.code, ERROR_SHUTDOWN);
	close(fd);
}

/* What the server must have. */

static void missing_privileges_are_named_with_their_sql(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.user", "plain");
	fails_with(ERROR_DENIED, "ALTER ROLE \"plain\" REPLICATION; GRANT SELECT ON \"public\".\"users\" TO \"plain\"; "
				 "CREATE PUBLICATION ");
	rig_sql(&rig, "CREATE SCHEMA far; CREATE TABLE far.a (id int PRIMARY KEY); CREATE TABLE far.b (id int PRIMARY KEY);"
		      "GRANT SELECT ON far.b TO plain");
	rig_set(&rig, "table.include.list", "public.users,far.*");
	fails_with(ERROR_DENIED, "as a superuser, and then millstream source restart shop: "
				 "ALTER ROLE \"plain\" REPLICATION; GRANT USAGE ON SCHEMA \"far\" TO \"plain\"; "
				 "GRANT SELECT ON \"far\".\"a\", \"public\".\"users\" TO \"plain\"; CREATE PUBLICATION ");
	assert_non_null(strstr(rig.err.text, " FOR TABLE ONLY \"far\".\"a\", ONLY \"far\".\"b\", ONLY \"public\".\"users\""));
	/* What it says is what is missing. */
	rig_sql(&rig, strstr(rig.err.text, "ALTER ROLE"));
	rig_start_streaming(&rig);
	rig_stop(&rig);
	rig_sql(&rig, "ALTER ROLE plain NOREPLICATION; DROP SCHEMA far CASCADE");
}

static void tables_that_may_not_be_read_are_named_with_their_sql(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.user", "reader");
	fails_with(ERROR_DENIED, "GRANT SELECT ON \"public\".\"users\" TO \"reader\"");
}

static void role_that_owns_its_tables_needs_no_more(void **state)
{
	(void)state;
	NEED_SERVER();
	char sql[200];
	snprintf(sql, sizeof(sql), "GRANT CREATE ON DATABASE %s TO reader; ALTER TABLE users OWNER TO reader;"
				   "INSERT INTO users VALUES (1, 'a')", rig.database);
	rig_sql(&rig, sql);
	rig_set(&rig, "database.user", "reader");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'b'); ALTER TABLE users ADD age int; INSERT INTO users VALUES (3, 'c', 7)");
	assert_true(wait_until(rig_count(&rig, "users") == 3));
	rig_stop(&rig);
	rig_start_streaming(&rig);
	rig_stop(&rig);
	snprintf(sql, sizeof(sql), "ALTER TABLE users OWNER TO postgres; REVOKE CREATE ON DATABASE %s FROM reader", rig.database);
	rig_sql(&rig, sql);
}

static void wal_level_is_checked(void **state)
{
	(void)state;
	NEED_SERVER();
	static const char *const settings[] = { "wal_level=replica", NULL };
	struct postgresql_rig away;
	postgresql_server_start(&other, settings);
	postgresql_rig_create(&away, &other);
	rig_sql(&away, "CREATE TABLE users (id int PRIMARY KEY)");
	rig_start(&away);
	rig_wait_end(&away);
	assert_int_equal(away.err.code, ERROR_INVALID);
	assert_non_null(strstr(away.err.text, "ALTER SYSTEM SET wal_level = logical"));
	postgresql_rig_destroy(&away);
	postgresql_server_stop(&other);
}

static void missing_table_and_publication_fail(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "table.include.list", "public.missing");
	fails_with(ERROR_NOT_FOUND, "no table of database");
	rig_set(&rig, "table.include.list", "public.users, public.lost.*");
	rig_set(&rig, "publication.autocreate.mode", "disabled");
	fails_with(ERROR_NOT_FOUND, "does not exist, and publication.autocreate.mode is disabled");
	assert_true(rig_has_logged(&rig, "table.include.list: 'public.lost.*' matches no table"));
	assert_false(rig_has_logged(&rig, "'public.users' matches"));
}

static void tables_without_identity_are_warned_of(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE keyless (id int); CREATE TABLE nothing (id int PRIMARY KEY);"
		      "ALTER TABLE nothing REPLICA IDENTITY NOTHING; CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	assert_true(rig_has_logged(&rig, "ALTER TABLE \"public\".\"keyless\" REPLICA IDENTITY FULL"));
	assert_true(rig_has_logged(&rig, "table \"public\".\"nothing\" has no replica identity"));
	assert_true(rig_has_logged(&rig, "table \"public\".\"fleeting\" is unlogged"));
	assert_false(rig_has_logged(&rig, "\"users\" has no replica identity"));
	rig_stop(&rig);
}

/* PostgreSQL refuses their UPDATE, too, which before it did not. */
static void full_identities_with_unpublished_columns_are_warned_of(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(180000, "identities may have columns that are not published before PostgreSQL 18");
	char sql[200];
	rig_sql(&rig, "CREATE TABLE virtual (id int, v int GENERATED ALWAYS AS (id) VIRTUAL);"
		      "CREATE TABLE stored (id int, v int GENERATED ALWAYS AS (id) STORED);"
		      "ALTER TABLE virtual REPLICA IDENTITY FULL; ALTER TABLE stored REPLICA IDENTITY FULL;"
		      "ALTER TABLE users ADD v int GENERATED ALWAYS AS (id) STORED");
	rig_start_streaming(&rig);
	assert_true(rig_has_logged(&rig, "ALTER TABLE \"public\".\"virtual\" REPLICA IDENTITY DEFAULT"));
	assert_true(rig_has_logged(&rig, "ALTER TABLE \"public\".\"stored\" REPLICA IDENTITY DEFAULT"));
	assert_false(rig_has_logged(&rig, "ALTER TABLE \"public\".\"users\" REPLICA IDENTITY"));
	rig_stop(&rig);
	rig_forget_lines(&rig);
	snprintf(sql, sizeof(sql), "ALTER PUBLICATION %s SET (publish_generated_columns = stored)", rig.database);
	rig_sql(&rig, sql);
	rig_start_streaming(&rig);
	assert_true(rig_has_logged(&rig, "ALTER TABLE \"public\".\"virtual\" REPLICA IDENTITY DEFAULT"));
	assert_false(rig_has_logged(&rig, "ALTER TABLE \"public\".\"stored\" REPLICA IDENTITY"));
	rig_stop(&rig);
}

static void full_replication_slots_are_retried(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "SELECT pg_create_physical_replication_slot('full' || i) FROM generate_series(1, 20) i");
	fails_with(ERROR_BUSY, "all are in use; raise max_replication_slots");
	assert_true(error_is_retryable(rig.err.code));
	rig_sql(&rig, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'full%'");
	rig_start_streaming(&rig);
	rig_stop(&rig);
}

static void full_wal_senders_are_retried(void **state)
{
	(void)state;
	NEED_SERVER();
	PGconn *senders[20];
	const char *const keys[] = { "host", "port", "user", "dbname", "replication", NULL };
	const char *const values[] = { "127.0.0.1", rig.port_text, "postgres", rig.database, "database", NULL };
	for (int i = 0; i < 20; i++)
		senders[i] = PQconnectdbParams(keys, values, 0);
	assert_int_equal(PQstatus(senders[19]), CONNECTION_OK);
	fails_with(ERROR_BUSY, "max_wal_senders");
	for (int i = 0; i < 20; i++)
		PQfinish(senders[i]);
}

/* The slot. */

static void slot_of_another_kind_is_refused(void **state)
{
	(void)state;
	NEED_SERVER();
	char sql[200];
	snprintf(sql, sizeof(sql), "SELECT pg_create_logical_replication_slot('%s', 'test_decoding')", rig.database);
	rig_sql(&rig, sql);
	fails_with(ERROR_INVALID, "is logical of test_decoding, not of pgoutput");
	PGconn *elsewhere;
	const char *const keys[] = { "host", "port", "user", "dbname", NULL };
	const char *const values[] = { "127.0.0.1", rig.port_text, "postgres", "postgres", NULL };
	elsewhere = PQconnectdbParams(keys, values, 0);
	rig_sql_on(elsewhere, "SELECT pg_create_logical_replication_slot('elsewhere', 'pgoutput')");
	rig_set(&rig, "slot.name", "elsewhere");
	fails_with(ERROR_INVALID, "is of database \"postgres\", not");
	rig_sql_on(elsewhere, "SELECT pg_drop_replication_slot('elsewhere')");
	PQfinish(elsewhere);
}

static void slot_of_somebody_else_is_not_taken_for_a_snapshot(void **state)
{
	(void)state;
	NEED_SERVER();
	char sql[200];
	snprintf(sql, sizeof(sql), "CREATE PUBLICATION %s FOR TABLE users", rig.database);
	rig_sql(&rig, sql);
	snprintf(sql, sizeof(sql), "SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", rig.database);
	rig_sql(&rig, sql);
	fails_with(ERROR_EXISTS, "was not made for this log");
	/* But gone on from, when asked. */
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'before')");
	rig_set(&rig, "snapshot.mode", "never");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'after')");
	assert_true(wait_until(rig_count(&rig, "users") == 2));
	rig_stop(&rig);
}

static void publication_made_after_the_slot_is_a_gap(void **state)
{
	(void)state;
	NEED_SERVER();
	char sql[200];
	snprintf(sql, sizeof(sql), "SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", rig.database);
	rig_sql(&rig, sql);
	/* A server that tells by a warning (18) tells, whatever the role wants to hear. */
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET client_min_messages = error", rig.database);
	rig_sql(&rig, sql);
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'before')");
	rig_set(&rig, "snapshot.mode", "never");
	fails_with(ERROR_GAP, "was not there when changes were made that the slot still has");
}

static void slot_in_use_is_retried(void **state)
{
	(void)state;
	NEED_SERVER();
	struct postgresql_rig second;
	rig_start_streaming(&rig);
	postgresql_rig_create(&second, &server);
	rig_set(&second, "database.dbname", rig.database);
	rig_set(&second, "slot.name", rig.database);
	rig_set(&second, "publication.name", rig.database);
	rig_start(&second);
	rig_wait_end(&second);
	assert_int_equal(second.err.code, ERROR_BUSY);
	assert_non_null(strstr(second.err.text, "is in use by process"));
	assert_non_null(strstr(second.err.text, "(millstream shop)"));
	postgresql_rig_destroy(&second);
	rig_stop(&rig);
}

static void slot_that_waits_for_a_transaction_says_whose(void **state)
{
	(void)state;
	NEED_SERVER();
	char words[100];
	PGconn *busy = rig_connect(&rig);
	rig_sql_on(busy, "BEGIN; INSERT INTO users VALUES (1, 'a')");
	snprintf(words, sizeof(words), "waits for the transaction of process %d", PQbackendPID(busy));
	rig_start(&rig);
	assert_true(wait_until(rig_has_logged(&rig, words)));
	assert_false(atomic_load(&rig.is_streaming));
	rig_sql_on(busy, "COMMIT");
	assert_true(wait_until(atomic_load(&rig.is_streaming)));
	assert_true(wait_until(rig_count(&rig, "users") == 1));
	PQfinish(busy);
	rig_stop(&rig);
}

static void stop_ends_a_slot_that_is_being_made(void **state)
{
	(void)state;
	NEED_SERVER();
	PGconn *busy = rig_connect(&rig);
	rig_sql_on(busy, "BEGIN; INSERT INTO users VALUES (1, 'a')");
	rig_start(&rig);
	assert_true(wait_until(rig_has_logged(&rig, "waits for the transaction")));
	rig_stop(&rig);
	/* Nor does its process stay at the server. */
	assert_true(wait_until(number_of(&rig, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'") == 0));
	PQfinish(busy);
}

static PGconn *begin_transaction(void)
{
	PGconn *connection = rig_connect(&rig);
	rig_sql_on(connection, "BEGIN; SELECT txid_current()");
	return connection;
}

static void expect_the_slot_waits_for(PGconn *busy)
{
	char sql[200];
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'"
				   " AND %d = ANY (pg_blocking_pids(pid))", PQbackendPID(busy));
	assert_true(wait_until(number_of(&rig, sql) == 1));
}

/* The slot would decode with what the table was before (12 to 18), or not at all (15 to 18). */
static void slot_made_during(const char *sql, const char *rows)
{
	PGconn *before = begin_transaction();
	rig_start(&rig);
	expect_the_slot_waits_for(before);
	PGconn *after = begin_transaction();
	rig_sql(&rig, sql);
	rig_sql_on(before, "COMMIT");
	expect_the_slot_waits_for(after);
	PGconn *writing = begin_transaction();
	rig_sql_on(writing, "INSERT INTO users VALUES (1, 'a')");
	rig_sql_on(after, "COMMIT");
	ends_with(ERROR_BUSY, "was altered or truncated while replication slot");
	rig_sql_on(writing, "COMMIT");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'b')");
	assert_true(wait_until(strstr(rig_dump(&rig, "users"), "{2,") != NULL));
	assert_string_equal(rig_dump(&rig, "users"), rows);
	rig_stop(&rig);
	PQfinish(before);
	PQfinish(after);
	PQfinish(writing);
}

static void table_truncated_while_the_slot_is_made_has_another_made(void **state)
{
	(void)state;
	NEED_SERVER();
	slot_made_during("TRUNCATE users", "first t - - -\nlast r {1} - {1,'a'}\nc {2} - {2,'b'}\n");
}

static void table_altered_while_the_slot_is_made_has_another_made(void **state)
{
	(void)state;
	NEED_SERVER();
	slot_made_during("ALTER TABLE users ADD note text, DROP name",
			 "first t - - -\nlast r {1} - {1,'a'}\nc {2} - {2,'b'}\n");
}

static void partition_altered_while_the_slot_is_made_has_another_made(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(130000, "partitions come as their table from PostgreSQL 13 on");
	rig_sql(&rig, "DROP TABLE users; CREATE TABLE users (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);"
		      "CREATE TABLE users_1 PARTITION OF users FOR VALUES FROM (0) TO (9)");
	slot_made_during("TRUNCATE users_1", "first t - - -\nlast r {1} - {1,'a'}\nc {2} - {2,'b'}\n");
}

/* Gaps. */

static void reach_a_position(void)
{
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'a')");
	assert_true(wait_until(rig_count(&rig, "users") == 1));
	rig_stop(&rig);
	assert_true(wait_until(number_of(&rig, "SELECT count(*) FROM pg_replication_slots WHERE active") == 0));
}

/* As millstream source reset does. */
static void reset_source(void)
{
	struct error err = { 0 };
	if (sources_reset(rig.log->appender, rig.source_id, postgresql_source_ops.snapshot_begun, &err) != 0)
		fail_msg("%s", err.text);
}

/* What happened in the gap is made up for, deletes too. */
static void begins_again(void)
{
	rig_sql(&rig, "DELETE FROM users WHERE id = 1; INSERT INTO users VALUES (7, 'g')");
	reset_source();
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (8, 'h')");
	assert_true(wait_until(strstr(rig_dump(&rig, "users"), "{8,'h'}") != NULL));
	assert_true(rig_is_replayed(&rig, "users", "id, '''' || name || ''''"));
	rig_stop(&rig);
}

static void dropped_slot_is_a_gap(void **state)
{
	(void)state;
	NEED_SERVER();
	char sql[200];
	reach_a_position();
	snprintf(sql, sizeof(sql), "SELECT pg_drop_replication_slot('%s')", rig.database);
	rig_sql(&rig, sql);
	fails_with(ERROR_GAP, "is gone, and with it the changes since the stored position; to begin again: millstream source reset shop");
	/* Made again by hand, it begins too late. */
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'b')");
	snprintf(sql, sizeof(sql), "SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", rig.database);
	rig_sql(&rig, sql);
	fails_with(ERROR_GAP, "the changes between are lost here");
	begins_again();
}

static void slot_read_by_another_is_a_gap(void **state)
{
	(void)state;
	NEED_SERVER();
	char sql[200];
	reach_a_position();
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'b')");
	snprintf(sql, sizeof(sql), "SELECT pg_replication_slot_advance('%s', pg_current_wal_lsn())", rig.database);
	rig_sql(&rig, sql);
	fails_with(ERROR_GAP, "somebody else has read from it");
	assert_int_equal(rig_count(&rig, "users"), 1);
}

static void slot_that_lost_its_wal_is_a_gap(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(130000, "slots keep their WAL whatever it costs before PostgreSQL 13 (max_slot_wal_keep_size)");
	reach_a_position();
	rig_sql(&rig, "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
	rig_sql(&rig, "SELECT pg_reload_conf()");
	for (int i = 0; i < 12; i++)
		rig_sql(&rig, "SELECT pg_switch_wal(); CREATE TABLE IF NOT EXISTS filler (id int); DROP TABLE filler; CHECKPOINT");
	rig_sql(&rig, "ALTER SYSTEM RESET max_slot_wal_keep_size");
	rig_sql(&rig, "SELECT pg_reload_conf()");
	fails_with(ERROR_GAP, "has given up the WAL");
	begins_again();
}

static void slot_that_nobody_read_for_long_is_a_gap(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(180000, "slots have idle_replication_slot_timeout from PostgreSQL 18 on");
	reach_a_position();
	rig_sql(&rig, "ALTER SYSTEM SET idle_replication_slot_timeout = '1s'");
	rig_sql(&rig, "SELECT pg_reload_conf()");
	/* A checkpoint looks. */
	assert_true(wait_until((rig_sql(&rig, "CHECKPOINT"), number_of(&rig, "SELECT count(*) FROM pg_replication_slots"
				" WHERE invalidation_reason = 'idle_timeout' AND database = current_database()") == 1)));
	rig_sql(&rig, "ALTER SYSTEM RESET idle_replication_slot_timeout");
	rig_sql(&rig, "SELECT pg_reload_conf()");
	fails_with(ERROR_GAP, "has given up the WAL");
	assert_non_null(strstr(rig.err.text, "(idle_timeout)"));
}

static void another_server_or_future_is_a_gap(void **state)
{
	(void)state;
	NEED_SERVER();
	uint64_t system_id = number_of(&rig, "SELECT system_identifier FROM pg_control_system()");
	rig_store_position(&rig, 1, system_id + 1, 1);
	fails_with(ERROR_GAP, "this is another PostgreSQL");
	rig_store_position(&rig, UINT64_C(1) << 60, system_id, 1);
	fails_with(ERROR_GAP, "it was set back");
	rig_store_position(&rig, 1, system_id, 7);
	fails_with(ERROR_GAP, "has left ours (timeline 7)");
}

/* A standby that is promoted begins timeline 2. */
static void promoted_server_is_followed_only_within_its_history(void **state)
{
	(void)state;
	NEED_SERVER();
	struct postgresql_rig away;
	char path[500];
	postgresql_server_stop(&other);
	postgresql_server_start(&other, NULL);
	postgresql_rig_create(&away, &other);
	rig_sql(&away, "CREATE TABLE users (id int PRIMARY KEY); CHECKPOINT");
	uint64_t system_id = number_of(&away, "SELECT system_identifier FROM pg_control_system()");
	uint64_t before = number_of(&away, "SELECT pg_current_wal_lsn() - '0/0'");
	postgresql_server_stop(&other);
	snprintf(path, sizeof(path), "%s/data/standby.signal", other.dir);
	fclose(fopen(path, "w"));
	postgresql_server_start(&other, NULL);
	PQreset(away.admin);
	rig_start(&away);
	rig_wait_end(&away);
	assert_int_equal(away.err.code, ERROR_UNSUPPORTED);
	/* From version 16 on it could decode, but has no publication yet. */
	assert_true(strstr(away.err.text, "is a standby") != NULL || strstr(away.err.text, "read-only") != NULL);
	rig_sql(&away, "SELECT pg_promote()");
	assert_true(wait_until(number_of(&away, "SELECT timeline_id FROM pg_control_checkpoint()") == 2));
	rig_store_position(&away, before, system_id, 1);
	rig_start(&away);
	rig_wait_end(&away);
	/* Its history is ours; the slot is what is missing. */
	assert_non_null(strstr(away.err.text, "is gone, and with it"));
	assert_true(rig_has_logged(&away, "it has been promoted"));
	rig_store_position(&away, before + 100000000, system_id, 1);
	rig_start(&away);
	rig_wait_end(&away);
	assert_int_equal(away.err.code, ERROR_GAP);
	assert_non_null(strstr(away.err.text, "has left ours (timeline 1)"));
	postgresql_rig_destroy(&away);
	postgresql_server_stop(&other);
}

/* While it streams. */

static void slow_disk_does_not_cost_the_connection(void **state)
{
	(void)state;
	NEED_SERVER();
	rig.queue_records = 10;
	rig_sql(&rig, "ALTER SYSTEM SET wal_sender_timeout = '3s'");
	rig_sql(&rig, "SELECT pg_reload_conf()");
	rig_start_streaming(&rig);
	uint64_t pid = number_of(&rig, "SELECT active_pid FROM pg_replication_slots WHERE active");
	watched_log_hold(rig.log);
	for (int i = 0; i < 30; i++) {
		char sql[100];
		snprintf(sql, sizeof(sql), "INSERT INTO users VALUES (%d, 'a')", i);
		rig_sql(&rig, sql);
	}
	rig_sql(&rig, "SELECT pg_sleep(5)");
	assert_int_equal(number_of(&rig, "SELECT active_pid FROM pg_replication_slots WHERE active"), pid);
	watched_log_release(rig.log);
	assert_true(wait_until(rig_count(&rig, "users") == 30));
	rig_stop(&rig);
	rig_sql(&rig, "ALTER SYSTEM RESET wal_sender_timeout");
	rig_sql(&rig, "SELECT pg_reload_conf()");
}

static pid_t postmaster(void)
{
	char path[500], line[32];
	snprintf(path, sizeof(path), "%s/data/postmaster.pid", server.dir);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	return (pid_t)strtol(line, NULL, 10);
}

static bool has_server_ended(void)
{
	char path[500];
	snprintf(path, sizeof(path), "%s/data/postmaster.pid", server.dir);
	return access(path, F_OK) != 0;
}

static void server_shuts_down_without_waiting_for_us(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "status.update.interval.ms", "600000");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'a')");
	assert_true(wait_until(rig_count(&rig, "users") == 1));
	rig_sql(&rig, "CREATE TABLE elsewhere (id int)");
	kill(postmaster(), SIGINT);
	assert_true(wait_until(has_server_ended()));
	rig_wait_end(&rig);
	assert_int_equal(rig.err.code, ERROR_CONNECTION);
	fails_with(ERROR_CONNECTION, "Connection refused");
	postgresql_server_start(&server, NULL);
	PQreset(rig.admin);
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'b')");
	assert_true(wait_until(rig_count(&rig, "users") == 2));
	rig_stop(&rig);
}

static void server_that_crashes_costs_and_repeats_nothing(void **state)
{
	(void)state;
	NEED_SERVER();
	for (int i = 0; i < 3; i++) {
		char sql[200];
		rig_start_streaming(&rig);
		snprintf(sql, sizeof(sql), "INSERT INTO users SELECT i, 'x' FROM generate_series(%d, %d) i", i * 100, i * 100 + 99);
		rig_sql(&rig, sql);
		postgresql_server_stop(&server);
		rig_wait_end(&rig);
		assert_true(error_is_retryable(rig.err.code));
		postgresql_server_start(&server, NULL);
		PQreset(rig.admin);
	}
	rig_start_streaming(&rig);
	assert_true(wait_until(rig_count(&rig, "users") == 300));
	assert_true(rig_is_replayed(&rig, "users", "id, '''' || name || ''''"));
	rig_stop(&rig);
}

static void dropped_publication_stops_it(void **state)
{
	(void)state;
	NEED_SERVER();
	char sql[100];
	rig.table_check_ms = 50;
	rig_start_streaming(&rig);
	snprintf(sql, sizeof(sql), "DROP PUBLICATION %s", rig.database);
	rig_sql(&rig, sql);
	rig_wait_end(&rig);
	assert_int_equal(rig.rc, -1);
	assert_non_null(strstr(rig.err.text, "publication"));
	/* Nothing has changed since: it is made again. */
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'a')");
	assert_true(wait_until(rig_count(&rig, "users") == 1));
	rig_stop(&rig);
}

static void table_that_is_locked_does_not_hold_the_stream_up(void **state)
{
	(void)state;
	NEED_SERVER();
	rig.table_check_ms = 50;
	rig_start_streaming(&rig);
	PGconn *busy = rig_connect(&rig);
	rig_sql(&rig, "CREATE TABLE locked (id int PRIMARY KEY)");
	assert_true(wait_until(rig_has_logged(&rig, "table public.locked is in publication")));
	char sql[200];
	rig_forget_lines(&rig);
	snprintf(sql, sizeof(sql), "BEGIN; ALTER PUBLICATION %s DROP TABLE locked; COMMIT; BEGIN; LOCK TABLE locked", rig.database);
	rig_sql_on(busy, sql);
	assert_true(wait_until(rig_has_logged(&rig, "a new table cannot be captured: canceling statement due to lock timeout") ||
			       rig_has_logged(&rig, "table public.locked is in publication")));
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'a')");
	assert_true(wait_until(rig_count(&rig, "users") == 1));
	PQfinish(busy);
	assert_true(wait_until(rig_has_logged(&rig, "table public.locked is in publication")));
	rig_stop(&rig);
}

static void slot_that_is_dropped_on_stop_is_made_anew(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "slot.drop.on.stop", "true");
	rig_set(&rig, "database.initial.statements", "SET application_name = 'a;;b'; SET work_mem = '4MB'");
	reach_a_position();
	assert_int_equal(number_of(&rig, "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), 0);
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'lost')");
	rig_start_streaming(&rig);
	assert_true(rig_has_logged(&rig, "dropped on stop"));
	assert_int_equal(number_of(&rig, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a;b'"), 1);
	rig_sql(&rig, "INSERT INTO users VALUES (3, 'c')");
	assert_true(wait_until(rig_count(&rig, "users") == 2));
	rig_stop(&rig);
}

/* Dropping. */

static void drop_removes_what_was_made_here(void **state)
{
	(void)state;
	NEED_SERVER();
	void *source;
	struct error err = { 0 };
	reach_a_position();
	atomic_store(&rig.should_stop, false);
	assert_int_equal(postgresql_source_ops.create(&source, rig.settings, &rig.context, &err), 0);
	for (int i = 0; i < 2; i++)
		if (postgresql_source_ops.drop(source, &err) != 0)
			fail_msg("%s", err.text);
	assert_int_equal(number_of(&rig, "SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())"
					 " + (SELECT count(*) FROM pg_publication)"), 0);
	char sql[100];
	snprintf(sql, sizeof(sql), "CREATE PUBLICATION %s", rig.database);
	rig_sql(&rig, sql);
	assert_int_equal(postgresql_source_ops.drop(source, &err), 0);
	assert_int_equal(number_of(&rig, "SELECT count(*) FROM pg_publication"), 1);
	assert_true(rig_has_logged(&rig, "was not made by millstream and stays"));
	postgresql_source_ops.destroy(source);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create_rig_with_users, destroy_rig)
	const struct CMUnitTest tests[] = {
		TEST(wrong_password_fails),
		TEST(unknown_role_host_and_database_are_named),
		TEST(refused_connection_is_retried),
		TEST(tls_that_the_server_has_not_fails),
		TEST(silent_server_times_out),
		TEST(stop_cuts_a_connection_attempt_short),
		TEST(missing_privileges_are_named_with_their_sql),
		TEST(tables_that_may_not_be_read_are_named_with_their_sql),
		TEST(role_that_owns_its_tables_needs_no_more),
		TEST(wal_level_is_checked),
		TEST(missing_table_and_publication_fail),
		TEST(tables_without_identity_are_warned_of),
		TEST(full_identities_with_unpublished_columns_are_warned_of),
		TEST(full_replication_slots_are_retried),
		TEST(full_wal_senders_are_retried),
		TEST(slot_of_another_kind_is_refused),
		TEST(slot_of_somebody_else_is_not_taken_for_a_snapshot),
		TEST(publication_made_after_the_slot_is_a_gap),
		TEST(slot_in_use_is_retried),
		TEST(slot_that_waits_for_a_transaction_says_whose),
		TEST(stop_ends_a_slot_that_is_being_made),
		TEST(table_truncated_while_the_slot_is_made_has_another_made),
		TEST(table_altered_while_the_slot_is_made_has_another_made),
		TEST(partition_altered_while_the_slot_is_made_has_another_made),
		TEST(dropped_slot_is_a_gap),
		TEST(slot_read_by_another_is_a_gap),
		TEST(slot_that_lost_its_wal_is_a_gap),
		TEST(slot_that_nobody_read_for_long_is_a_gap),
		TEST(another_server_or_future_is_a_gap),
		TEST(promoted_server_is_followed_only_within_its_history),
		TEST(slow_disk_does_not_cost_the_connection),
		TEST(server_shuts_down_without_waiting_for_us),
		TEST(server_that_crashes_costs_and_repeats_nothing),
		TEST(dropped_publication_stops_it),
		TEST(table_that_is_locked_does_not_hold_the_stream_up),
		TEST(slot_that_is_dropped_on_stop_is_made_anew),
		TEST(drop_removes_what_was_made_here),
	};
	cmocka_set_test_filter(getenv("MILLSTREAM_TEST_FILTER"));
	return cmocka_run_group_tests(tests, start_server_with_roles, stop_servers);
}
