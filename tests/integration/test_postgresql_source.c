/* The PostgreSQL source against a real server: snapshot, stream, restart, what goes
 * wrong.  tests/support/postgresql_rig.h drives it over a real log. */
#include "tests/support/postgresql_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

static void wait_for_records(const char *table, size_t count)
{
	if (!wait_until(rig_count(&rig, table) >= count || atomic_load(&rig.has_ended)) ||
	    rig_count(&rig, table) != count)
		fail_msg("%s has %zu records, not %zu\n%s\n%s\n%s", table, rig_count(&rig, table), count,
			 rig_dump(&rig, table), rig.err.text, rig.lines);
}

static bool is_value(const char *sql, const char *wanted)
{
	char *value = rig_value(&rig, sql);
	bool is_same = strcmp(value, wanted) == 0;
	free(value);
	return is_same;
}

/* Snapshot. */

static void rows_are_read_then_streamed(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, name text);"
		      "INSERT INTO users VALUES (1, 'ann'), (2, NULL)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (3, 'cy')");
	rig_sql(&rig, "UPDATE users SET name = 'bo' WHERE id = 2");
	rig_sql(&rig, "DELETE FROM users WHERE id = 1");
	wait_for_records("users", 5);
	assert_string_equal(rig_dump(&rig, "users"),
			    "first r {1} - {1,'ann'}\n"
			    "last r {2} - {2,null}\n"
			    "c {3} - {3,'cy'}\n"
			    "u {2} - {2,'bo'}\n"
			    "d {1} {1,?} -\n");
	rig_stop(&rig);
}

static void markers_tell_tables_apart(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);"
		      "CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE d (id int PRIMARY KEY);"
		      "INSERT INTO a SELECT generate_series(1, 3); INSERT INTO b VALUES (1);"
		      "INSERT INTO d SELECT generate_series(1, 3)");
	rig_start_streaming(&rig);
	wait_for_records("d", 3);
	assert_string_equal(rig_dump(&rig, "a"), "first r {1} - {1}\ntrue r {2} - {2}\n"
						 "last_in_data_collection r {3} - {3}\n");
	assert_string_equal(rig_dump(&rig, "b"), "last_in_data_collection r {1} - {1}\n");
	assert_string_equal(rig_dump(&rig, "c"), "");
	assert_string_equal(rig_dump(&rig, "d"), "first_in_data_collection r {1} - {1}\ntrue r {2} - {2}\n"
						 "last r {3} - {3}\n");
	rig_stop(&rig);
}

static void snapshot_without_rows_ends_whole(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	rig_stop(&rig);
	assert_int_not_equal(rig_stored_lsn(&rig), 0);
	rig_start_streaming(&rig);
	assert_int_equal(rig.start, SOURCE_START_STREAM);
	rig_sql(&rig, "INSERT INTO users VALUES (1)");
	wait_for_records("users", 1);
	rig_stop(&rig);
}

static void mode_never_streams_alone(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "snapshot.mode", "never");
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (2)");
	wait_for_records("users", 1);
	assert_string_equal(rig_dump(&rig, "users"), "c {2} - {2}\n");
	rig_stop(&rig);
}

static void mode_initial_only_leaves_no_slot(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "snapshot.mode", "initial_only");
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)");
	rig_start(&rig);
	rig_wait_end(&rig);
	if (rig.rc != 0)
		fail_msg("%s", rig.err.text);
	/* Subscribers hear of it after the source. */
	assert_true(wait_until(rig_count(&rig, "users") == 1));
	assert_string_equal(rig_dump(&rig, "users"), "last r {1} - {1}\n");
	/* A temporary one ends with its process, soon. */
	assert_true(wait_until(is_value("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()",
					"0")));
	rig_start(&rig);
	rig_wait_end(&rig);
	assert_int_equal(rig.rc, 0);
	assert_int_equal(rig.start, SOURCE_START_DONE);
	assert_int_equal(rig_count(&rig, "users"), 1);
}

static void *write_concurrently(void *user)
{
	PGconn *connection = user;
	unsigned seed = 7;
	for (int i = 0; i < test_amount(100, 400, 2000); i++) {
		char sql[300];
		seed = seed * 1103515245 + 12345;
		unsigned id = seed / 65536 % 3000;
		snprintf(sql, sizeof(sql), "BEGIN; INSERT INTO users VALUES (%u, 'i%d') ON CONFLICT (id) DO UPDATE SET name ="
			 " excluded.name; DELETE FROM users WHERE id = %u; UPDATE users SET name = 'u%d' WHERE id = %u; %s",
			 id, i, (id * 7) % 3000, i, (id * 13) % 3000, i % 7 == 0 ? "ROLLBACK" : "COMMIT");
		rig_sql_on(connection, sql);
	}
	return NULL;
}

static void snapshot_and_stream_meet_without_gap_or_overlap(void **state)
{
	(void)state;
	NEED_SERVER();
	pthread_t thread;
	PGconn *connection = rig_connect(&rig);
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, name text);"
		      "INSERT INTO users SELECT i, 'r' || i FROM generate_series(0, 2999) i");
	pthread_create(&thread, NULL, write_concurrently, connection);
	rig_start_streaming(&rig);
	pthread_join(thread, NULL);
	rig_sql(&rig, "CREATE TABLE IF NOT EXISTS last (id int); INSERT INTO users VALUES (100000, 'end')");
	assert_true(wait_until(strstr(rig_dump(&rig, "users"), "{100000,'end'}") != NULL));
	assert_true(rig_is_replayed(&rig, "users", "id, '''' || name || ''''"));
	PQfinish(connection);
	rig_stop(&rig);
}

static void interrupted_snapshot_begins_again(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, name text);"
		      "INSERT INTO users SELECT i, repeat('x', 200) FROM generate_series(1, 60000) i");
	rig_start(&rig);
	assert_true(wait_until(rig_count(&rig, "users") > 1000));
	rig_stop(&rig);
	size_t before = rig_count(&rig, "users");
	assert_true(before < 60000);
	assert_int_equal(rig_stored_lsn(&rig), 0);
	rig_sql(&rig, "DELETE FROM users WHERE id <> 60000");
	rig_start_streaming(&rig);
	assert_true(rig_has_logged(&rig, "the snapshot begins again"));
	wait_for_records("users", before + 2);
	assert_non_null(strstr(rig_dump(&rig, "users"), "first t - - -\nlast r {60000}"));
	assert_true(rig_is_replayed(&rig, "users", "id, '''' || name || ''''"));
	rig_stop(&rig);
}

/* To the snapshot's transaction the rows that ALTER TABLE has written anew are not there. */
static void begins_again_after_rewrite(const char *table)
{
	rig_sql(&rig, table);
	rig_sql(&rig, "INSERT INTO users SELECT i, i FROM generate_series(1, 9) i");
	rig.sql_after_slot = "ALTER TABLE users ALTER n TYPE bigint";
	rig_start(&rig);
	rig_wait_end(&rig);
	assert_non_null(strstr(rig.err.text, "was rewritten by ALTER TABLE"));
	assert_true(error_is_retryable(rig.err.code));
	assert_int_equal(rig_stored_lsn(&rig), 0);
	rig_start_streaming(&rig);
	assert_int_equal(rig_count(&rig, "users"), 10);
	assert_true(rig_is_replayed(&rig, "users", "id, n"));
	rig_stop(&rig);
}

static void rewritten_table_begins_the_snapshot_again(void **state)
{
	(void)state;
	NEED_SERVER();
	begins_again_after_rewrite("CREATE TABLE users (id int PRIMARY KEY, n int)");
}

static void rewritten_partitions_begin_the_snapshot_again(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(130000, "partitions come as their table from PostgreSQL 13 on");
	begins_again_after_rewrite("CREATE TABLE users (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);"
				   "CREATE TABLE users_1 PARTITION OF users FOR VALUES FROM (0) TO (100)");
}

static void is_not_disturbed_by(const char *sql)
{
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, n int); INSERT INTO users VALUES (1, 10), (2, 20)");
	rig.sql_after_slot = sql;
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (3, 30)");
	assert_true(wait_until(strstr(rig_dump(&rig, "users"), "{3,30}") != NULL));
	assert_true(rig_is_replayed(&rig, "users", "id, n"));
	rig_stop(&rig);
}

/* The stream tells of the truncate. */
static void truncated_table_does_not_disturb_the_snapshot(void **state)
{
	(void)state;
	NEED_SERVER();
	is_not_disturbed_by("TRUNCATE users");
}

/* It leaves the rows as old as they were. */
static void vacuum_full_does_not_disturb_the_snapshot(void **state)
{
	(void)state;
	NEED_SERVER();
	is_not_disturbed_by("VACUUM FULL users");
}

static void altered_empty_table_does_not_disturb_the_snapshot(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE empty (id int PRIMARY KEY)");
	is_not_disturbed_by("ALTER TABLE empty ADD note text");
}

/* What is made at the server before the log knows would never be known for ours. */
static void log_knows_of_the_snapshot_before_the_slot_is_made(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)");
	watched_log_hold(rig.log);
	rig_start(&rig);
	assert_true(wait_until(rig_has_logged(&rig, "\" made")));
	rig_sql(&rig, "SELECT pg_sleep(0.5)");
	assert_true(is_value("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()", "0"));
	watched_log_release(rig.log);
	wait_for_records("users", 1);
	rig_stop(&rig);
}

static void column_lists_and_row_filters_hold_for_snapshot_and_stream(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(150000, "publications have column lists and row filters from PostgreSQL 15 on");
	rig_set(&rig, "publication.autocreate.mode", "disabled");
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, name text, secret text, twice int GENERATED ALWAYS AS (id * 2)"
		      " STORED); INSERT INTO users VALUES (1, 'a', 's'), (100, 'b', 's');");
	char sql[200];
	snprintf(sql, sizeof(sql), "CREATE PUBLICATION %s FOR TABLE users (id, name) WHERE (id < 10)", rig.database);
	rig_sql(&rig, sql);
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'c', 's'), (101, 'd', 's')");
	wait_for_records("users", 2);
	assert_string_equal(rig_dump(&rig, "users"), "last r {1} - {1,'a'}\nc {2} - {2,'c'}\n");
	rig_stop(&rig);
}

static void generated_columns_are_left_out_of_both(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, name text);"
		      "INSERT INTO users (id, name) VALUES (1, 'a')");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users (id, name) VALUES (2, 'b')");
	wait_for_records("users", 2);
	assert_string_equal(rig_dump(&rig, "users"), "last r {1} - {1,'a'}\nc {2} - {2,'b'}\n");
	rig_stop(&rig);
}

/* From version 18 on they are virtual unless they say otherwise, and such a one is never published. */
static void virtual_columns_are_left_out_of_both(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(180000, "generated columns are virtual from PostgreSQL 18 on");
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2), name text);"
		      "INSERT INTO users (id, name) VALUES (1, 'a')");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users (id, name) VALUES (2, 'b'); ALTER TABLE users ADD thrice int GENERATED ALWAYS AS"
		      " (id * 3); UPDATE users SET name = 'c' WHERE id = 2");
	wait_for_records("users", 3);
	assert_string_equal(rig_dump(&rig, "users"), "last r {1} - {1,'a'}\nc {2} - {2,'b'}\nu {2} - {2,'c'}\n");
	rig_stop(&rig);
}

static void publishes_generated_columns(const char *publication, const char *dump)
{
	char sql[300];
	rig_set(&rig, "publication.autocreate.mode", "disabled");
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED,"
		      " thrice int GENERATED ALWAYS AS (id * 3) VIRTUAL, name text);"
		      "INSERT INTO users (id, name) VALUES (1, 'a')");
	snprintf(sql, sizeof(sql), "CREATE PUBLICATION %s FOR TABLE users %s", rig.database, publication);
	rig_sql(&rig, sql);
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users (id, name) VALUES (2, 'b')");
	wait_for_records("users", 2);
	assert_string_equal(rig_dump(&rig, "users"), dump);
	rig_stop(&rig);
}

static void stored_columns_that_are_published_are_in_both(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(180000, "generated columns are published from PostgreSQL 18 on");
	publishes_generated_columns("WITH (publish_generated_columns = stored)",
				    "last r {1} - {1,2,'a'}\nc {2} - {2,4,'b'}\n");
}

static void stored_columns_of_a_column_list_are_in_both(void **state)
{
	(void)state;
	NEED_SERVER();
	NEED_VERSION(180000, "generated columns are published from PostgreSQL 18 on");
	publishes_generated_columns("(id, twice)", "last r {1} - {1,2}\nc {2} - {2,4}\n");
}

/* Restart. */

static void restarted_source_goes_on_where_the_log_ends(void **state)
{
	(void)state;
	NEED_SERVER();
	char row[100];
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY)");
	for (int i = 0; i < 5; i++) {
		rig_start_streaming(&rig);
		snprintf(row, sizeof(row), "INSERT INTO users VALUES (%d); INSERT INTO users VALUES (%d)", 2 * i, 2 * i + 1);
		rig_sql(&rig, row);
		wait_for_records("users", (size_t)(2 * i + 2));
		rig_stop(&rig);
		snprintf(row, sizeof(row), "DELETE FROM users WHERE id = %d; INSERT INTO users VALUES (%d)", 2 * i, 2 * i);
		if (i == 4)
			rig_sql(&rig, row);
	}
	rig_start_streaming(&rig);
	wait_for_records("users", 12);
	assert_true(rig_is_replayed(&rig, "users", "id"));
	rig_stop(&rig);
}

static void what_is_confirmed_was_stored_before(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "status.update.interval.ms", "100");
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1)");
	wait_for_records("users", 1);
	uint64_t stored = rig_stored_lsn(&rig);
	assert_true(wait_until(rig_slot_lsn(&rig) >= stored));
	watched_log_hold(rig.log);
	rig_sql(&rig, "INSERT INTO users VALUES (2)");
	uint64_t reached = rig_slot_lsn(&rig);
	/* The server has had many statuses meanwhile, and none of them says more. */
	assert_true(wait_until(rig_progress(&rig).rows_done >= 2));
	rig_sql(&rig, "SELECT pg_sleep(0.5)");
	assert_int_equal(rig_slot_lsn(&rig), reached);
	assert_true(is_value("SELECT write_lsn > flush_lsn FROM pg_stat_replication"
			     " WHERE application_name = 'millstream shop'", "t"));
	watched_log_release(rig.log);
	assert_true(wait_until(rig_slot_lsn(&rig) > reached));
	rig_stop(&rig);
}

static void idle_database_advances_the_slot(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "status.update.interval.ms", "100");
	rig_set(&rig, "heartbeat.interval.ms", "100");
	rig_set(&rig, "table.include.list", "public.users");
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE others (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	/* More than once, and soon: a position without rows may wait for a later one. */
	for (int i = 0; i < 3; i++) {
		uint64_t before = rig_slot_lsn(&rig);
		rig_sql(&rig, "INSERT INTO others SELECT generate_series(1, 1000); TRUNCATE others");
		char *reached = rig_value(&rig, "SELECT pg_current_wal_lsn() - '0/0'");
		uint64_t goal = strtoull(reached, NULL, 10);
		free(reached);
		assert_true(goal > before);
		assert_true(wait_until(rig_slot_lsn(&rig) >= goal));
		assert_true(rig_stored_lsn(&rig) >= rig_slot_lsn(&rig));
	}
	rig_stop(&rig);
}

static void cut_connection_loses_and_repeats_nothing(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1)");
	wait_for_records("users", 1);
	rig_sql(&rig, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
	rig_wait_end(&rig);
	assert_int_equal(rig.rc, -1);
	assert_int_equal(rig.err.code, ERROR_CONNECTION);
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (2)");
	wait_for_records("users", 2);
	rig_stop(&rig);
}

/* Rows. */

static void unchanged_toast_is_unavailable(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "snapshot.mode", "never");
	rig_sql(&rig, "CREATE TABLE a (id int PRIMARY KEY, n int, big text); ALTER TABLE a ALTER big SET STORAGE EXTERNAL;"
		      "CREATE TABLE b (LIKE a INCLUDING ALL); ALTER TABLE b REPLICA IDENTITY FULL");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO a VALUES (1, 1, repeat('x', 9000)); UPDATE a SET n = 2");
	rig_sql(&rig, "INSERT INTO b VALUES (1, 1, repeat('x', 9000)); UPDATE b SET n = 2");
	wait_for_records("a", 2);
	wait_for_records("b", 2);
	assert_non_null(strstr(rig_dump(&rig, "a"), "u {1} - {1,2,?}\n"));
	assert_null(strchr(rig_dump(&rig, "b"), '?'));
	assert_true(rig_is_replayed(&rig, "b", "id, n, '''' || big || ''''"));
	rig_stop(&rig);
}

static void identities_tell_what_they_can(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "snapshot.mode", "never");
	rig_sql(&rig, "CREATE TABLE f (id int PRIMARY KEY, n int); ALTER TABLE f REPLICA IDENTITY FULL;"
		      "CREATE TABLE i (id int PRIMARY KEY, n int NOT NULL UNIQUE); ALTER TABLE i REPLICA IDENTITY USING INDEX"
		      " i_n_key; CREATE TABLE k (id int, n int); ALTER TABLE k REPLICA IDENTITY FULL");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO f VALUES (1, 1); UPDATE f SET n = 2; DELETE FROM f");
	rig_sql(&rig, "INSERT INTO i VALUES (1, 1); UPDATE i SET id = 2; DELETE FROM i");
	rig_sql(&rig, "INSERT INTO k VALUES (1, 1); UPDATE k SET n = 2; DELETE FROM k");
	wait_for_records("f", 3);
	wait_for_records("i", 3);
	wait_for_records("k", 3);
	assert_string_equal(rig_dump(&rig, "f"), "c {1} - {1,1}\nu {1} {1,1} {1,2}\nd {1} {1,2} -\n");
	assert_string_equal(rig_dump(&rig, "i"), "c {1} - {1,1}\nu {1} - {2,1}\nd {1} {?,1} -\n");
	assert_string_equal(rig_dump(&rig, "k"), "c - - {1,1}\nu - {1,1} {1,2}\nd - {1,2} -\n");
	rig_stop(&rig);
}

static void changed_key_is_a_delete_and_a_create(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "tombstones.on.delete", "true");
	rig_set(&rig, "snapshot.mode", "never");
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'a'); UPDATE users SET id = 2");
	wait_for_records("users", 4);
	assert_string_equal(rig_dump(&rig, "users"), "c {1} - {1,'a'}\nd {1} {1,?} -\ntombstone {1}\nc {2} - {2,'a'}\n");
	rig_stop(&rig);
}

static void truncate_is_told_for_each_table(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY REFERENCES a)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); TRUNCATE a CASCADE; INSERT INTO a VALUES (2)");
	wait_for_records("a", 3);
	wait_for_records("b", 2);
	assert_string_equal(rig_dump(&rig, "a"), "c {1} - {1}\nt - - -\nc {2} - {2}\n");
	assert_string_equal(rig_dump(&rig, "b"), "c {1} - {1}\nt - - -\n");
	rig_stop(&rig);
}

static void rolled_back_work_is_not_seen(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "BEGIN; INSERT INTO users VALUES (1); SAVEPOINT s; INSERT INTO users VALUES (2); ROLLBACK TO s;"
		      "INSERT INTO users VALUES (3); COMMIT");
	rig_sql(&rig, "BEGIN; INSERT INTO users VALUES (4); ROLLBACK");
	rig_sql(&rig, "INSERT INTO users VALUES (5)");
	wait_for_records("users", 3);
	assert_string_equal(rig_dump(&rig, "users"), "c {1} - {1}\nc {3} - {3}\nc {5} - {5}\n");
	rig_stop(&rig);
}

static void columns_come_and_go_while_streaming(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'a')");
	rig_sql(&rig, "ALTER TABLE users ADD age int DEFAULT 7");
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'b', 8)");
	rig_sql(&rig, "BEGIN; INSERT INTO users VALUES (3, 'c'); ALTER TABLE users DROP name; INSERT INTO users VALUES (4, 9);"
		      "COMMIT");
	rig_sql(&rig, "ALTER TABLE users ALTER age TYPE text; INSERT INTO users VALUES (5, 'ten')");
	wait_for_records("users", 5);
	assert_string_equal(rig_dump(&rig, "users"), "c {1} - {1,'a'}\nc {2} - {2,'b',8}\nc {3} - {3,'c',7}\nc {4} - {4,9}\n"
						     "c {5} - {5,'ten'}\n");
	rig_stop(&rig);
}

static void labels_come_while_streaming(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE users (id int PRIMARY KEY, mood mood)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1, 'sad')");
	rig_sql(&rig, "ALTER TYPE mood ADD VALUE 'ok'");
	rig_sql(&rig, "INSERT INTO users VALUES (2, 'ok')");
	wait_for_records("users", 2);
	assert_string_equal(rig_dump(&rig, "users"), "c {1} - {1,'sad'}\nc {2} - {2,'ok'}\n");
	rig_stop(&rig);
}

/* Its own questions to the catalog go over a connection that may break, too. */
static void broken_catalog_connection_is_made_again(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1)");
	wait_for_records("users", 1);
	rig_sql(&rig, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millstream shop'"
		      " AND backend_type = 'client backend'");
	rig_sql(&rig, "ALTER TABLE users ADD name text; INSERT INTO users VALUES (2, 'b')");
	assert_true(wait_until(rig_count(&rig, "users") == 2 || atomic_load(&rig.has_ended)));
	/* Either it was seen to be broken, or the question failed and all begins again. */
	if (atomic_load(&rig.has_ended)) {
		rig_wait_end(&rig);
		assert_true(error_is_retryable(rig.err.code));
		rig_start_streaming(&rig);
		wait_for_records("users", 2);
	}
	assert_string_equal(rig_dump(&rig, "users"), "c {1} - {1}\nc {2} - {2,'b'}\n");
	rig_stop(&rig);
}

static void new_tables_that_match_are_added(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "table.include.list", "public\\.user.*");
	rig.table_check_ms = 50;
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "CREATE TABLE other (id int PRIMARY KEY); CREATE TABLE user_roles (id int PRIMARY KEY)");
	assert_true(wait_until(rig_has_logged(&rig, "table public.user_roles is in publication")));
	assert_false(rig_has_logged(&rig, "table public.other is in publication"));
	rig_sql(&rig, "INSERT INTO other VALUES (1); INSERT INTO user_roles VALUES (1)");
	wait_for_records("user_roles", 1);
	assert_int_equal(rig_count(&rig, "other"), 0);
	assert_false(rig_has_logged(&rig, "had rows before"));
	rig_sql(&rig, "CREATE TABLE user_tags (id int PRIMARY KEY, tag text); INSERT INTO user_tags VALUES (1, 'a')");
	assert_true(wait_until(rig_has_logged(&rig, "table public.user_tags had rows before")));
	rig_sql(&rig, "UPDATE user_tags SET tag = tag");
	wait_for_records("user_tags", 1);
	rig_stop(&rig);
	/* And on restart. */
	rig_sql(&rig, "CREATE TABLE user_names (id int PRIMARY KEY)");
	rig.table_check_ms = 0;
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO user_names VALUES (1)");
	wait_for_records("user_names", 1);
	rig_stop(&rig);
}

static void renamed_table_has_its_new_name(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE users (id int PRIMARY KEY)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO users VALUES (1)");
	rig_sql(&rig, "ALTER TABLE users RENAME TO people");
	rig_sql(&rig, "INSERT INTO people VALUES (2)");
	wait_for_records("people", 1);
	assert_string_equal(rig_dump(&rig, "users"), "c {1} - {1}\n");
	assert_string_equal(rig_dump(&rig, "people"), "c {2} - {2}\n");
	rig_stop(&rig);
}

/* Before PostgreSQL 13 each comes as itself. */
static void partitions_come_as_their_table(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE sales (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);"
		      "CREATE TABLE sales_eu PARTITION OF sales FOR VALUES IN ('eu');"
		      "CREATE TABLE sales_us PARTITION OF sales FOR VALUES IN ('us');"
		      "INSERT INTO sales VALUES (1, 'eu'), (2, 'us')");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO sales VALUES (3, 'us'); UPDATE sales SET region = 'eu' WHERE id = 3");
	if (PQserverVersion(rig.admin) >= 130000) {
		wait_for_records("sales", 5);
		assert_int_equal(rig_count(&rig, "sales_eu") + rig_count(&rig, "sales_us"), 0);
		assert_true(rig_is_replayed(&rig, "sales", "id, '''' || region || ''''"));
	} else {
		wait_for_records("sales_us", 3);
		wait_for_records("sales_eu", 2);
		assert_int_equal(rig_count(&rig, "sales"), 0);
	}
	rig_stop(&rig);
}

static void children_that_inherit_are_tables_of_their_own(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);"
		      "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2)");
	rig_start_streaming(&rig);
	rig_sql(&rig, "INSERT INTO child VALUES (3)");
	wait_for_records("child", 2);
	wait_for_records("parent", 1);
	assert_string_equal(rig_dump(&rig, "parent"), "last r {1} - {1}\n");
	assert_string_equal(rig_dump(&rig, "child"), "first r {2} - {2}\nc {3} - {3}\n");
	rig_stop(&rig);
}

static void values_are_the_same_from_snapshot_and_stream(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
		      "CREATE TABLE t (id int PRIMARY KEY, a bool, b float8, c numeric(10,2), d bytea, e date, f timestamptz,"
		      " g interval, h uuid, i jsonb, j mood, k int[], l inet, m positive, n text[], o mood[], p money, q int4range)");
	const char *row = "INSERT INTO t VALUES (%d, true, 0.1, 12.50, '\\x00ff', '2020-02-29', '2020-01-01 12:00+02',"
			  " '1 mon 2 days 03:00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"a\": 1}', 'ok', '{1,NULL,3}',"
			  " '10.0.0.1/8', 5, '{\"a\\\"b\",\"\\\\n\"}', '{sad}', 1.5, '[1,5)')";
	char sql[600];
	snprintf(sql, sizeof(sql), row, 1);
	rig_sql(&rig, sql);
	rig_start_streaming(&rig);
	snprintf(sql, sizeof(sql), row, 1);
	rig_sql(&rig, "DELETE FROM t");
	rig_sql(&rig, sql);
	wait_for_records("t", 3);
	const char *dump = rig_dump(&rig, "t");
	const char *read = strstr(dump, "r {1} - "), *created = strstr(dump, "c {1} - ");
	assert_non_null(read);
	assert_non_null(created);
	size_t length = strcspn(read + 8, "\n");
	assert_memory_equal(read + 8, created + 8, length);
	assert_non_null(memmem(read, length, "[1,null,3]", 10));
	rig_stop(&rig);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create_rig, destroy_rig)
	const struct CMUnitTest tests[] = {
		TEST(rows_are_read_then_streamed),
		TEST(markers_tell_tables_apart),
		TEST(snapshot_without_rows_ends_whole),
		TEST(mode_never_streams_alone),
		TEST(mode_initial_only_leaves_no_slot),
		TEST(snapshot_and_stream_meet_without_gap_or_overlap),
		TEST(interrupted_snapshot_begins_again),
		TEST(rewritten_table_begins_the_snapshot_again),
		TEST(rewritten_partitions_begin_the_snapshot_again),
		TEST(truncated_table_does_not_disturb_the_snapshot),
		TEST(vacuum_full_does_not_disturb_the_snapshot),
		TEST(altered_empty_table_does_not_disturb_the_snapshot),
		TEST(log_knows_of_the_snapshot_before_the_slot_is_made),
		TEST(column_lists_and_row_filters_hold_for_snapshot_and_stream),
		TEST(generated_columns_are_left_out_of_both),
		TEST(virtual_columns_are_left_out_of_both),
		TEST(stored_columns_that_are_published_are_in_both),
		TEST(stored_columns_of_a_column_list_are_in_both),
		TEST(restarted_source_goes_on_where_the_log_ends),
		TEST(what_is_confirmed_was_stored_before),
		TEST(idle_database_advances_the_slot),
		TEST(cut_connection_loses_and_repeats_nothing),
		TEST(unchanged_toast_is_unavailable),
		TEST(identities_tell_what_they_can),
		TEST(changed_key_is_a_delete_and_a_create),
		TEST(truncate_is_told_for_each_table),
		TEST(rolled_back_work_is_not_seen),
		TEST(columns_come_and_go_while_streaming),
		TEST(labels_come_while_streaming),
		TEST(broken_catalog_connection_is_made_again),
		TEST(new_tables_that_match_are_added),
		TEST(renamed_table_has_its_new_name),
		TEST(partitions_come_as_their_table),
		TEST(children_that_inherit_are_tables_of_their_own),
		TEST(values_are_the_same_from_snapshot_and_stream),
	};
	cmocka_set_test_filter(getenv("MILLSTREAM_TEST_FILTER"));
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
