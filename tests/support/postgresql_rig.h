#ifndef TESTS_SUPPORT_POSTGRESQL_RIG_H
#define TESTS_SUPPORT_POSTGRESQL_RIG_H

#include "capture/source.h"
#include "capture/source_settings.h"
#include "capture/writer.h"
#include "tests/support/watched_log.h"

#include <libpq-fe.h>
#include <pthread.h>

/* A real PostgreSQL, and a source that captures from it into a real log, without
 * capture.c: the test drives the life itself.  What cannot be done ends the test. */

/* A server in a directory of its own (tests/support/postgresql.sh). */
struct postgresql_server {
	char *dir;              /* NULL: not installed */
	int port;
};
/* settings: "name=value" each, ended by NULL; or NULL. */
void postgresql_server_start(struct postgresql_server *server, const char *const *settings);
void postgresql_server_stop(struct postgresql_server *server);
void postgresql_server_clear(struct postgresql_server *server);

enum { RIG_PROPERTIES_MAX = 24 };

struct postgresql_rig {
	struct postgresql_server *server;
	char database[32];
	PGconn *admin;                  /* superuser, in the database */
	struct watched_log *log;
	uint16_t source_id;

	struct source_property properties[RIG_PROPERTIES_MAX];
	size_t property_count;
	char port_text[16];

	struct source_settings *settings;
	struct writer *writer;
	struct source_context context;
	void *source;

	pthread_t thread;
	bool is_running;
	atomic_bool should_stop;
	atomic_bool has_ended;
	atomic_bool is_streaming;
	struct error err;               /* of the life that has ended */
	int rc;
	enum source_start start;
	int64_t table_check_ms;         /* 0: the source's own */
	size_t queue_records;           /* 0: the writer's own */
	const char *sql_after_slot;     /* run once, between the slot's making and the snapshot; NULL: none */

	pthread_mutex_t lock;           /* guards the rest */
	char lines[65536];              /* what was logged */
	size_t lines_bytes;
	struct source_progress progress;
};

/* A new database on the server, and an empty log. */
void postgresql_rig_create(struct postgresql_rig *rig, struct postgresql_server *server);
void postgresql_rig_destroy(struct postgresql_rig *rig);

/* Replace a property, or add one. */
void rig_set(struct postgresql_rig *rig, const char *key, const char *value);

/* One life of the source on a thread: open, the snapshot, the stream. */
void rig_start(struct postgresql_rig *rig);
/* Start, and wait until it streams. */
void rig_start_streaming(struct postgresql_rig *rig);
/* Ask it to stop and wait; fails the test where it ended otherwise. */
void rig_stop(struct postgresql_rig *rig);
/* Wait until it ends by itself; the error is rig->err. */
void rig_wait_end(struct postgresql_rig *rig);

/* Run SQL, of one or several statements. */
void rig_sql(struct postgresql_rig *rig, const char *sql);
/* The one value that a query gives; the caller frees it. */
char *rig_value(struct postgresql_rig *rig, const char *sql);
PGconn *rig_connect(struct postgresql_rig *rig);
void rig_sql_on(PGconn *connection, const char *sql);

bool rig_has_logged(struct postgresql_rig *rig, const char *text);
void rig_forget_lines(struct postgresql_rig *rig);
struct source_progress rig_progress(struct postgresql_rig *rig);

/* How many records there are to be read of "<prefix>.public.<table>". */
size_t rig_count(struct postgresql_rig *rig, const char *table);
/* All of them, one a line: "c {1} - {1,'a'}", op, key, before, after; a snapshot's
 * marker in front.  Strings in quotes, unavailable is "?".  Lent until the next. */
const char *rig_dump(struct postgresql_rig *rig, const char *table);
/* Do all events, replayed by key, come to the rows of SELECT * at the source, and does each
 * make a row that is not there, or change one that is? */
bool rig_is_replayed(struct postgresql_rig *rig, const char *table, const char *columns);

/* Put a position into the log as if it had been reached. */
void rig_store_position(struct postgresql_rig *rig, uint64_t lsn, uint64_t system_id, uint32_t timeline);

/* The LSN of the stored position, and of the slot; 0: none. */
uint64_t rig_stored_lsn(struct postgresql_rig *rig);
uint64_t rig_slot_lsn(struct postgresql_rig *rig);

#endif
