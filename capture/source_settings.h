#ifndef CAPTURE_SOURCE_SETTINGS_H
#define CAPTURE_SOURCE_SETTINGS_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a source block says, by Debezium's names, checked: one table of properties
 * (capture/property.h) drives parsing, checks, the list for --options and the manual.
 *
 * Not to be used by two threads at once: the filters keep what they match with. */

struct name_filter;             /* anchored regular expressions: include and exclude lists */

enum snapshot_mode { SNAPSHOT_MODE_INITIAL, SNAPSHOT_MODE_NEVER, SNAPSHOT_MODE_INITIAL_ONLY };
enum publication_mode { PUBLICATION_FILTERED, PUBLICATION_ALL_TABLES, PUBLICATION_DISABLED, PUBLICATION_NO_TABLES };

/* Texts are owned, NULL where not set and there is no default.  Times in ms. */
struct source_settings {
	char *name;                             /* the block's */
	char *connector_class;                  /* "postgresql" */
	char *topic_prefix;                     /* topic.prefix, database.server.name; default: name */
	char *topic_delimiter;                  /* one of . _ - */
	char *script_file;                      /* of a scripted source alone */

	char *database_hostname;
	int64_t database_port;
	char *database_user;
	char *database_password;                /* never in a log or a message */
	char *database_dbname;
	char *database_sslmode;
	char *database_sslcert;
	char *database_sslkey;
	char *database_sslrootcert;
	char *database_sslpassword;
	bool database_tcp_keepalive;
	char *database_initial_statements;

	/* Valid in PostgreSQL; the defaults are "millstream_" and the block's name, as far as a
	 * slot may be called so. */
	char *slot_name;
	bool slot_drop_on_stop;
	char *publication_name;
	int publication_mode;                   /* enum publication_mode */

	struct name_filter *tables;             /* of "schema.table" */
	struct name_filter *schemas;
	struct name_filter *columns;            /* of "schema.table.column" */

	int snapshot_mode;                      /* enum snapshot_mode */
	bool tombstones_on_delete;
	int64_t heartbeat_interval_ms;          /* 0: none */
	int64_t status_update_interval_ms;
	int64_t max_queue_size;
	int64_t max_batch_size;
	int64_t connect_timeout_ms;             /* connection.validation.timeout.ms */
	int64_t query_timeout_ms;               /* database.query.timeout.ms; 0: none */
	int64_t retry_delay_ms;                 /* retriable.restart.connector.wait.ms */
	int64_t retry_delay_max_ms;             /* errors.retry.delay.max.ms; never below that */
	int64_t retries_max;                    /* errors.max.retries; -1: for ever */
};

struct source_property {
	const char *key;
	const char *value;      /* NULL: there is one, but it cannot be read, which was told */
	uint32_t line;
};

/* Each problem there is, warnings too: a property of Debezium's that is known and
 * does nothing here yet is a warning that names it; one that nobody knows is an
 * error with the nearest that is known. */
typedef void source_on_problem(void *user, bool is_warning, uint32_t line, const char *text);

/* Check a block and copy it.  All problems there are are told, each on its property's line, what
 * is missing on the block's.  -1: on_problem was told of an error at least.  Pure. */
int source_settings_create(struct source_settings **out, const char *name, uint32_t line,
			   const struct source_property *properties, size_t property_count,
			   source_on_problem *on_problem, void *user);
void source_settings_destroy(struct source_settings *settings);

/* Is a table captured?  A column of one that is?  Anchored, whatever the case, as in
 * Debezium; like there never the system's own (pg_*, information_schema, spatial_ref_sys). */
bool source_settings_has_table(const struct source_settings *settings, struct bytes schema,
			       struct bytes table);
bool source_settings_has_column(const struct source_settings *settings, struct bytes schema,
				struct bytes table, struct bytes column);

/* <topic.prefix>.<schema>.<table>, each character that Kafka does not allow in names replaced by
 * '_' (by two where Java counts two), so that two tables may come to the same name; out has TOPIC_NAME_BYTES_MAX + 1 bytes of room.  ERROR_INVALID: too long. */
int source_settings_topic(const struct source_settings *settings, struct bytes schema,
			  struct bytes table, char *out, struct error *err);

#endif
