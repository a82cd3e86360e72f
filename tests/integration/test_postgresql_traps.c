/* Where PostgreSQL itself says nothing, and a row would be lost or wrong: each is told
 * here, or put right.  tests/support/postgresql_rig.h drives the source over a real log. */
#include "tests/support/postgresql_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/wait_until.h"

static void wait_for_records(const char *table, size_t count)
{
	if (!wait_until(rig_count(&rig, table) >= count || atomic_load(&rig.has_ended)) ||
	    rig_count(&rig, table) != count)
		fail_msg("%s has %zu records, not %zu\n%s\n%s\n%s", table, rig_count(&rig, table), count,
			 rig_dump(&rig, table), rig.err.text, rig.lines);
}

static void ends_with(enum error_code code, const char *words)
{
	rig_wait_end(&rig);
	if (rig.rc != -1 || rig.err.code != code || strstr(rig.err.text, words) == NULL)
		fail_msg("rc %d, code %d: %s\n%s", rig.rc, rig.err.code, rig.err.text, rig.lines);
}

/* Runs SQL that has the name of the publication, and of the slot, for its %s. */
static void run_named(const char *before, const char *after)
{
	char sql[300];
	snprintf(sql, sizeof(sql), "%s%s%s", before, rig.database, after);
	rig_sql(&rig, sql);
}

static int start_server_with_reader(void **state)
{
	start_server(state);
	if (server.dir == NULL)
		return 0;
	postgresql_rig_create(&rig, &server);
	rig_sql(&rig, "CREATE ROLE reader LOGIN REPLICATION");
	postgresql_rig_destroy(&rig);
	return 0;
}

/* A policy hides rows from COPY, and none from the stream. */
static void rows_hidden_by_a_policy_are_refused(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2);"
		      "ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY one ON users USING (id = 1);"
		      "GRANT SELECT ON users TO reader; GRANT USAGE ON SCHEMA public TO reader");
	run_named("CREATE PUBLICATION ", " FOR TABLE users");
	rig_set(&rig, "publication.autocreate.mode", "disabled");
	rig_set(&rig, "database.user", "reader");
	rig_start(&rig);
	ends_with(ERROR_DENIED, "row-level security");
	assert_int_equal(rig_count(&rig, "users"), 0);
	rig_sql(&rig, "ALTER ROLE reader BYPASSRLS");
	rig_start_streaming(&rig);
	wait_for_records("users", 2 + 1);
	rig_stop(&rig);
	rig_sql(&rig, "ALTER ROLE reader NOBYPASSRLS");
}

/* While a snapshot is read, the slot is free for all. */
static void slot_read_by_another_during_the_snapshot_is_a_gap(void **state)
{
	(void)state;
	NEED_SERVER();
	char sql[300];
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)");
	snprintf(sql, sizeof(sql), "BEGIN; INSERT INTO users VALUES (2); COMMIT;"
		 "SELECT pg_replication_slot_advance('%s', pg_current_wal_lsn())", rig.database);
	rig.sql_after_slot = sql;
	rig_start(&rig);
	ends_with(ERROR_GAP, "somebody else has read from it");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create_rig, destroy_rig)
	const struct CMUnitTest tests[] = {
		TEST(rows_hidden_by_a_policy_are_refused),
		TEST(slot_read_by_another_during_the_snapshot_is_a_gap),
	};
	cmocka_set_test_filter(getenv("MILLSTREAM_TEST_FILTER"));
	return cmocka_run_group_tests(tests, start_server_with_reader, stop_server);
}
