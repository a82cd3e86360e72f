#include "tests/support/postgresql_rig.h"

#include "capture/postgresql_source.h"
#include "storage/sources.h"
#include "tests/support/run_child.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static int find_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int run_script(const struct postgresql_server *server, const char *verb, const char *const *settings)
{
	static const char *const none[] = { NULL };
	char port[16], in_source[4096];
	const char *source = getenv("top_srcdir");
	snprintf(in_source, sizeof(in_source), "%s/tests/support/postgresql.sh", source != NULL ? source : ".");
	char *script = access(in_source, X_OK) == 0 ? strdup(in_source) : built_file("tests/support/postgresql.sh");
	const char *argv[16] = { script, verb, server->dir, NULL };
	struct child_end end;
	size_t count = 3;
	snprintf(port, sizeof(port), "%d", server->port);
	if (strcmp(verb, "start") == 0)
		argv[count++] = port;
	while (settings != NULL && *settings != NULL)
		argv[count++] = *settings++;
	argv[count] = NULL;
	run_child(&end, argv, none, 120000);
	free(script);
	if (end.status != 0 && end.status != 77)
		fail_msg("postgresql.sh %s: %s", verb, end.output);
	return end.status;
}

void postgresql_server_start(struct postgresql_server *server, const char *const *settings)
{
	if (server->dir == NULL)
		*server = (struct postgresql_server){ .dir = temp_dir_create_in_memory(), .port = find_port() };
	if (run_script(server, "start", settings) == 77)
		postgresql_server_clear(server);
}

void postgresql_server_stop(struct postgresql_server *server)
{
	if (server->dir != NULL)
		run_script(server, "stop", NULL);
}

void postgresql_server_clear(struct postgresql_server *server)
{
	postgresql_server_stop(server);
	temp_dir_destroy(server->dir);
	server->dir = NULL;
}

static PGconn *connect_to(struct postgresql_rig *rig, const char *database)
{
	const char *const keys[] = { "host", "port", "user", "dbname", NULL };
	const char *const values[] = { "127.0.0.1", rig->port_text, "postgres", database, NULL };
	PGconn *connection = PQconnectdbParams(keys, values, 0);
	if (PQstatus(connection) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(connection));
	return connection;
}

PGconn *rig_connect(struct postgresql_rig *rig)
{
	return connect_to(rig, rig->database);
}

void rig_sql_on(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(result));
	PQclear(result);
}

void rig_sql(struct postgresql_rig *rig, const char *sql)
{
	rig_sql_on(rig->admin, sql);
}

char *rig_value(struct postgresql_rig *rig, const char *sql)
{
	PGresult *result = PQexec(rig->admin, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(result));
	char *value = strdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return value;
}

void rig_set(struct postgresql_rig *rig, const char *key, const char *value)
{
	size_t i = 0;
	while (i < rig->property_count && strcmp(rig->properties[i].key, key) != 0)
		i++;
	assert_true(i < RIG_PROPERTIES_MAX);
	rig->properties[i] = (struct source_property){ key, value, 1 };
	if (i == rig->property_count)
		rig->property_count++;
}

void postgresql_rig_create(struct postgresql_rig *rig, struct postgresql_server *server)
{
	static int number;
	void *log = NULL;
	char sql[64];
	memset(rig, 0, sizeof(*rig));
	rig->server = server;
	pthread_mutex_init(&rig->lock, NULL);
	snprintf(rig->port_text, sizeof(rig->port_text), "%d", server->port);
	snprintf(rig->database, sizeof(rig->database), "db%d", ++number);
	PGconn *maintenance = connect_to(rig, "postgres");
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", rig->database);
	rig_sql_on(maintenance, sql);
	PQfinish(maintenance);
	rig->admin = rig_connect(rig);
	watched_log_create(&log);
	rig->log = log;
	rig->source_id = watched_log_source(rig->log, "shop");
	rig->context.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rig_set(rig, "connector.class", "postgresql");
	rig_set(rig, "database.hostname", "127.0.0.1");
	rig_set(rig, "database.port", rig->port_text);
	rig_set(rig, "database.user", "postgres");
	rig_set(rig, "database.dbname", rig->database);
	rig_set(rig, "slot.name", rig->database);
	rig_set(rig, "publication.name", rig->database);
	rig_set(rig, "tombstones.on.delete", "false");
}

static bool has_active_slot(struct postgresql_rig *rig)
{
	char *count = rig_value(rig, "SELECT count(*) FROM pg_replication_slots WHERE active AND"
				     " database = current_database()");
	bool has = strcmp(count, "0") != 0;
	free(count);
	return has;
}

/* A slot outlives its database's connections, and would count for the next test. */
static void drop_slots(struct postgresql_rig *rig)
{
	(void)wait_until(!has_active_slot(rig));
	PQclear(PQexec(rig->admin, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
				   " WHERE database = current_database()"));
}

void postgresql_rig_destroy(struct postgresql_rig *rig)
{
	void *log = rig->log;
	if (rig->is_running) {
		atomic_store(&rig->should_stop, true);
		eventfd_write(rig->context.wake_fd, 1);
		watched_log_release(rig->log);
		pthread_join(rig->thread, NULL);
	}
	if (PQstatus(rig->admin) == CONNECTION_OK)
		drop_slots(rig);
	PQfinish(rig->admin);
	writer_destroy(rig->writer);
	source_settings_destroy(rig->settings);
	watched_log_release(rig->log);
	watched_log_destroy(&log);
	close(rig->context.wake_fd);
	pthread_mutex_destroy(&rig->lock);
}

/* What the source is given. */

static bool should_stop(void *user)
{
	return atomic_load(&((struct postgresql_rig *)user)->should_stop);
}

static void on_progress(void *user, const struct source_progress *progress)
{
	struct postgresql_rig *rig = user;
	pthread_mutex_lock(&rig->lock);
	rig->progress = *progress;
	pthread_mutex_unlock(&rig->lock);
}

static void run_after_slot(struct postgresql_rig *rig)
{
	PGconn *connection = rig_connect(rig);
	rig_sql_on(connection, rig->sql_after_slot);
	PQfinish(connection);
	rig->sql_after_slot = NULL;
}

static void log_line(void *user, enum source_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void log_line(void *user, enum source_log_level level, const char *format, ...)
{
	struct postgresql_rig *rig = user;
	char line[2048];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	pthread_mutex_lock(&rig->lock);
	rig->lines_bytes += (size_t)snprintf(rig->lines + rig->lines_bytes, sizeof(rig->lines) - rig->lines_bytes,
					     "%d %s\n", level, line);
	assert_true(rig->lines_bytes < sizeof(rig->lines));
	pthread_mutex_unlock(&rig->lock);
	if (rig->sql_after_slot != NULL && strstr(line, "\" made at ") != NULL)
		run_after_slot(rig);
	if (strncmp(line, "streaming from", 14) == 0)
		atomic_store(&rig->is_streaming, true);
}

static void on_wait(void *user)
{
	struct postgresql_rig *rig = user;
	if (rig->context.on_wait != NULL)
		rig->context.on_wait(rig->source);
}

bool rig_has_logged(struct postgresql_rig *rig, const char *text)
{
	pthread_mutex_lock(&rig->lock);
	bool has = strstr(rig->lines, text) != NULL;
	pthread_mutex_unlock(&rig->lock);
	return has;
}

void rig_forget_lines(struct postgresql_rig *rig)
{
	pthread_mutex_lock(&rig->lock);
	rig->lines_bytes = 0;
	rig->lines[0] = '\0';
	pthread_mutex_unlock(&rig->lock);
}

struct source_progress rig_progress(struct postgresql_rig *rig)
{
	pthread_mutex_lock(&rig->lock);
	struct source_progress progress = rig->progress;
	pthread_mutex_unlock(&rig->lock);
	return progress;
}

static void on_problem(void *user, bool is_warning, uint32_t line, const char *text)
{
	(void)user;
	(void)line;
	if (!is_warning)
		print_message("configuration: %s\n", text);
}

static void prepare(struct postgresql_rig *rig)
{
	struct error err = { 0 };
	writer_destroy(rig->writer);
	source_settings_destroy(rig->settings);
	rig->writer = NULL;
	rig->settings = NULL;
	assert_int_equal(source_settings_create(&rig->settings, "shop", 1, rig->properties, rig->property_count,
						on_problem, NULL), 0);
	const struct writer_options options = {
		.appender = rig->log->appender,
		.store = rig->log->store,
		.source_id = rig->source_id,
		.makes_tombstones = rig->settings->tombstones_on_delete,
		.queue_records = rig->queue_records,
		.should_stop = should_stop,
		.on_wait = on_wait,
		.user = rig,
	};
	/* As capture.c does: what the life before has left unfinished is forgotten. */
	if (writer_create(&rig->writer, &options, &err) != 0 || writer_abandon(rig->writer, &err) != 0)
		fail_msg("%s", err.text);
	rig->context.name = "shop";
	rig->context.writer = rig->writer;
	rig->context.should_stop = should_stop;
	rig->context.on_progress = on_progress;
	rig->context.log = log_line;
	rig->context.user = rig;
	atomic_store(&rig->should_stop, false);
	atomic_store(&rig->has_ended, false);
	atomic_store(&rig->is_streaming, false);
	rig->err = (struct error){ 0 };
}

void rig_store_position(struct postgresql_rig *rig, uint64_t lsn, uint64_t system_id, uint32_t timeline)
{
	const struct postgresql_position position = { lsn, system_id, timeline };
	uint8_t bytes[POSTGRESQL_POSITION_BYTES];
	struct error err = { 0 };
	prepare(rig);
	postgresql_position_encode(bytes, &position);
	writer_begin(rig->writer, 0);
	if (writer_commit(rig->writer, (struct bytes){ bytes, sizeof(bytes) }, &err) != 0 ||
	    writer_flush(rig->writer, &err) != 0)
		fail_msg("%s", err.text);
}

static int live(struct postgresql_rig *rig, const struct source_ops *ops, const struct source_stored *stored)
{
	if (ops->open(rig->source, stored, &rig->start, &rig->err) != 0)
		return -1;
	if (rig->start == SOURCE_START_DONE)
		return 0;
	if (rig->start == SOURCE_START_SNAPSHOT && ops->snapshot(rig->source, &rig->err) != 0)
		return -1;
	if (rig->settings->snapshot_mode == SNAPSHOT_MODE_INITIAL_ONLY || should_stop(rig))
		return 0;
	return ops->stream(rig->source, &rig->err);
}

static void *run(void *user)
{
	struct postgresql_rig *rig = user;
	const struct source_ops *ops = &postgresql_source_ops;
	struct reader *reader;
	struct source source;
	struct source_stored stored;
	rig->rc = -1;
	if (reader_open(&reader, rig->log->store, &rig->err) == 0 &&
	    sources_describe(reader, "shop", &source, &rig->err) == 0 &&
	    ops->create(&rig->source, rig->settings, &rig->context, &rig->err) == 0) {
		if (rig->table_check_ms != 0)
			((struct postgresql_source *)rig->source)->table_check_ms = rig->table_check_ms;
		stored.position = (struct bytes){ source.position, source.position_bytes };
		stored.snapshot_progress = (struct bytes){ source.snapshot_progress, source.snapshot_progress_bytes };
		rig->rc = live(rig, ops, &stored);
		ops->close(rig->source);
		ops->destroy(rig->source);
		source_clear(&source);
	}
	reader_close(reader);
	atomic_store(&rig->has_ended, true);
	return NULL;
}

void rig_start(struct postgresql_rig *rig)
{
	assert_false(rig->is_running);
	prepare(rig);
	rig->is_running = true;
	assert_int_equal(pthread_create(&rig->thread, NULL, run, rig), 0);
}

void rig_start_streaming(struct postgresql_rig *rig)
{
	rig_start(rig);
	assert_true(wait_until(atomic_load(&rig->is_streaming) || atomic_load(&rig->has_ended)));
	if (atomic_load(&rig->has_ended))
		fail_msg("it does not stream: %s\n%s", rig->err.text, rig->lines);
}

static void join(struct postgresql_rig *rig)
{
	assert_true(wait_until(atomic_load(&rig->has_ended)));
	pthread_join(rig->thread, NULL);
	rig->is_running = false;
}

void rig_stop(struct postgresql_rig *rig)
{
	assert_true(rig->is_running);
	atomic_store(&rig->should_stop, true);
	eventfd_write(rig->context.wake_fd, 1);
	join(rig);
	if (rig->rc != 0)
		fail_msg("it ended with: %s", rig->err.text);
}

void rig_wait_end(struct postgresql_rig *rig)
{
	assert_true(rig->is_running);
	join(rig);
}
