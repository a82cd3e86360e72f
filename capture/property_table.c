#include "capture/property.h"

#include "capture/source_settings.h"
#include "protocol/limits.h"
#include "protocol/topic_pattern.h"

#include <limits.h>

/* Every property there is, in Debezium 3's names.  What is PLANNED has Debezium's default, and
 * is warned of only where it is set to something else. */

#define MINUTE_MS       INT64_C(60000)
#define HOUR_MS         (60 * MINUTE_MS)
#define DAY_MS          (24 * HOUR_MS)

/* PostgreSQL's NAMEDATALEN, without the zero. */
#define NAME_BYTES_MAX  63

static const char *const connectors[] = { "postgresql", "scripted", NULL };
static const char *const ssl_modes[] = { "disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL };
static const char *const publication_modes[] = {
	[PUBLICATION_FILTERED] = "filtered",
	[PUBLICATION_ALL_TABLES] = "all_tables",
	[PUBLICATION_DISABLED] = "disabled",
	[PUBLICATION_NO_TABLES] = "no_tables",
	NULL,
};
static const char *const snapshot_modes[] = {
	[SNAPSHOT_MODE_INITIAL] = "initial",
	[SNAPSHOT_MODE_NEVER] = "never",
	[SNAPSHOT_MODE_INITIAL_ONLY] = "initial_only",
	NULL,
};

/* Of what is only checked. */
static const char *const adjustments[] = { "none", "avro", "avro_unicode", NULL };
static const char *const binary_modes[] = { "bytes", "base64", "base64-url-safe", "hex", NULL };
static const char *const decimal_modes[] = { "precise", "double", "string", NULL };
static const char *const flush_actions[] = { "fail", "warn", "ignore", NULL };
static const char *const flush_modes[] = { "connector", "manual", "connector_and_driver", NULL };
static const char *const guardrail_actions[] = { "warn", "fail", NULL };
static const char *const hstore_modes[] = { "json", "map", NULL };
static const char *const interval_modes[] = { "numeric", "string", NULL };
static const char *const isolations[] = { "serializable", "repeatable_read", "read_committed", "read_uncommitted", NULL };
static const char *const locking_modes[] = { "none", "shared", "custom", NULL };
static const char *const mismatches[] = { "no_validation", "trust_offset", "trust_slot", "trust_greater_lsn", NULL };
static const char *const event_failures[] = { "fail", "warn", "skip", "ignore", NULL };
static const char *const orders[] = { "disabled", "ascending", "descending", NULL };
static const char *const query_modes[] = { "select_all", "custom", NULL };
static const char *const refreshes[] = { "columns_diff", "columns_diff_exclude_unchanged_toast", NULL };
static const char *const time_modes[] = {
	"adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds",
	"structured", NULL,
};
static const char *const watermarks[] = { "insert_insert", "insert_delete", NULL };

/* A part of topics' names. */
static int check_prefix(const char *value, struct error *err)
{
	struct bytes text = bytes_of_text(value);
	if (topic_pattern_check(text, NULL) == 0 && !topic_pattern_has_star(text))
		return 0;
	return error_set(err, ERROR_INVALID,
			 "'%.64s' cannot begin the names of topics: 1 to %d letters, digits, '.', '_' and '-'",
			 value, TOPIC_NAME_BYTES_MAX);
}

static int check_delimiter(const char *value, struct error *err)
{
	if (strlen(value) == 1 && strchr("._-", value[0]) != NULL)
		return 0;
	return error_set(err, ERROR_INVALID, "'%.64s' is not '.', '_' or '-'", value);
}

static int check_plugin(const char *value, struct error *err)
{
	if (strcmp(value, "pgoutput") == 0)
		return 0;
	return error_set(err, ERROR_INVALID,
			 "'%.64s' is not supported; only pgoutput is, which every PostgreSQL has built in: leave "
			 "plugin.name out, and let a new slot be made (an old one keeps its plugin)", value);
}

static int check_slot(const char *value, struct error *err)
{
	size_t size = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (value[size] == '\0' && size > 0 && size <= NAME_BYTES_MAX)
		return 0;
	return error_set(err, ERROR_INVALID,
			 "'%.64s' cannot be the name of a slot: 1 to %d lower-case letters, digits and '_'",
			 value, NAME_BYTES_MAX);
}

static int check_publication(const char *value, struct error *err)
{
	if (strlen(value) <= NAME_BYTES_MAX)
		return 0;
	return error_set(err, ERROR_INVALID, "'%.64s…' is longer than PostgreSQL's names can be, %d bytes", value,
			 NAME_BYTES_MAX);
}

/* Who has the property. */
#define OF_ALL          .connector = NULL
#define OF_POSTGRESQL   .connector = "postgresql"
#define OF_SCRIPTED     .connector = "scripted"

#define PLACE(member)   .place = offsetof(struct source_settings, member)
#define KEPT(n, t)      .name = n, .type = t, .needs_restart = true
#define CHECKED(n, t, d) .name = n, .type = t, .default_text = d, .place = PROPERTY_NO_PLACE, .needs_restart = true

/* What is known and does nothing: name, default, limits, why. */
#define TEXT_OF(s, n, d, w) \
	{ .option = { CHECKED(n, OPTION_TEXT, d) }, .status = PROPERTY_##s, .why = w },
#define LIST_OF(s, n, d, w) \
	{ .option = { CHECKED(n, OPTION_LIST, d) }, .status = PROPERTY_##s, .why = w },
#define BOOL_OF(s, n, d, w) \
	{ .option = { CHECKED(n, OPTION_BOOL, d) }, .status = PROPERTY_##s, .why = w },
#define WORD_OF(s, n, d, list, w) \
	{ .option = { CHECKED(n, OPTION_WORD, d), .words = list }, .status = PROPERTY_##s, .why = w },
#define NUMBER_OF(s, n, d, low, high, w) \
	{ .option = { CHECKED(n, OPTION_INTEGER, d), .min = low, .max = high }, \
	  .status = PROPERTY_##s, .why = w },
#define TIME_OF(s, n, d, low, high, w) \
	{ .option = { CHECKED(n, OPTION_DURATION, d), .min = low, .max = high }, \
	  .status = PROPERTY_##s, .why = w },
#define ALIAS_OF(n, other) \
	{ .option = { CHECKED(n, OPTION_TEXT, NULL) }, .status = PROPERTY_ALIAS, .why = other },

static const struct property_spec properties[] = {
	/* The source and its topics. */
	{ .option = { KEPT("connector.class", OPTION_WORD), PLACE(connector_class), .words = connectors,
		      .help = "What is captured from. Debezium's full class name is fine as well." },
	  OF_ALL, .keeps_word = true, .is_required = true },
	{ .option = { KEPT("topic.prefix", OPTION_TEXT), PLACE(topic_prefix), .form = "NAME",
		      .check = check_prefix,
		      .help = "What the names of the source's topics begin with: PREFIX.SCHEMA.TABLE. Without it, the "
			      "block's name." },
	  OF_ALL },
	{ .option = { KEPT("topic.delimiter", OPTION_TEXT), PLACE(topic_delimiter), .default_text = ".",
		      .form = "one of . _ -", .check = check_delimiter,
		      .help = "What stands between the three parts of a topic's name." },
	  OF_ALL },
	{ .option = { KEPT("script.file", OPTION_TEXT), PLACE(script_file), .form = "PATH",
		      .help = "The transactions that a scripted source plays, for trials without a database." },
	  OF_SCRIPTED, .is_required = true },

	/* The connection. */
	{ .option = { KEPT("database.hostname", OPTION_TEXT), PLACE(database_hostname), .form = "HOST",
		      .default_text = "localhost",
		      .help = "Where the database is: a name, an address, or the directory of a Unix socket." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.port", OPTION_INTEGER), PLACE(database_port), .default_text = "5432",
		      .min = 1, .max = 65535, .help = "Its port." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.user", OPTION_TEXT), PLACE(database_user), .form = "NAME",
		      .help = "Whom to log in as. Needs the attribute REPLICATION, and may read the captured tables." },
	  OF_POSTGRESQL, .is_required = true },
	{ .option = { KEPT("database.password", OPTION_SECRET), PLACE(database_password), .form = "TEXT",
		      .help = "The password, best as ${NAME} from the environment. It is never shown or logged." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.dbname", OPTION_TEXT), PLACE(database_dbname), .form = "NAME",
		      .help = "The database." },
	  OF_POSTGRESQL, .is_required = true },
	{ .option = { KEPT("database.sslmode", OPTION_WORD), PLACE(database_sslmode), .words = ssl_modes,
		      .default_text = "prefer", .help = "Whether the connection is encrypted, as in libpq." },
	  OF_POSTGRESQL, .keeps_word = true },
	{ .option = { KEPT("database.sslcert", OPTION_TEXT), PLACE(database_sslcert), .form = "PATH",
		      .help = "The client's certificate." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.sslkey", OPTION_TEXT), PLACE(database_sslkey), .form = "PATH",
		      .help = "The key of that certificate." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.sslpassword", OPTION_SECRET), PLACE(database_sslpassword), .form = "TEXT",
		      .help = "The password of that key." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.sslrootcert", OPTION_TEXT), PLACE(database_sslrootcert), .form = "PATH",
		      .help = "The certificates of the authorities that the server's is checked against." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.tcpKeepAlive", OPTION_BOOL), PLACE(database_tcp_keepalive),
		      .default_text = "true", .help = "Have the system probe a silent connection." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.initial.statements", OPTION_TEXT), PLACE(database_initial_statements),
		      .form = "SQL",
		      .help = "Statements for the beginning of each session, with semicolons between them; two "
			      "stand for one. Not for the connection that reads the changes." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("connection.validation.timeout.ms", OPTION_DURATION), PLACE(connect_timeout_ms),
		      .default_text = "10000", .min = 1000, .max = HOUR_MS,
		      .help = "How long connecting may take." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("database.query.timeout.ms", OPTION_DURATION), PLACE(query_timeout_ms),
		      .default_text = "600000", .min = 0, .max = DAY_MS,
		      .help = "How long the database may leave a query without an answer, or a snapshot without "
			      "its next row; then the source is tried again. 0: for ever." },
	  OF_POSTGRESQL },

	/* Slot and publication. */
	{ .option = { CHECKED("plugin.name", OPTION_TEXT, "pgoutput"), .form = "pgoutput", .check = check_plugin,
		      .help = "How PostgreSQL puts changes into bytes. There is only one way here." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("slot.name", OPTION_TEXT), PLACE(slot_name), .form = "NAME", .check = check_slot,
		      .help = "The replication slot, made where it is missing. Without it, millstream_ and the "
			      "block's name." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("slot.drop.on.stop", OPTION_BOOL), PLACE(slot_drop_on_stop), .default_text = "false",
		      .help = "Remove the slot when the source stops as asked, also when it pauses. What is changed "
			      "until it starts again is then lost to it: for trials." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("publication.name", OPTION_TEXT), PLACE(publication_name), .form = "NAME",
		      .check = check_publication,
		      .help = "The publication that says which tables are sent. Without it, millstream_ and the "
			      "block's name." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("publication.autocreate.mode", OPTION_WORD), PLACE(publication_mode),
		      .words = publication_modes, .default_text = "filtered",
		      .help = "Who makes it: filtered, made and kept for the captured tables; all_tables, made for all; "
			      "disabled, somebody else made it; no_tables, made empty." },
	  OF_POSTGRESQL },

	/* What is captured. */
	{ .option = { KEPT("schema.include.list", OPTION_LIST), PLACE(schemas), .form = "EXPRESSIONS",
		      .help = "The schemas to capture: regular expressions for the whole name. Without a list, all but "
			      "the system's." },
	  OF_ALL, .excludes = "schema.exclude.list" },
	{ .option = { KEPT("schema.exclude.list", OPTION_LIST), PLACE(schemas), .form = "EXPRESSIONS",
		      .help = "The schemas to leave out." },
	  OF_ALL, .excludes = "schema.include.list" },
	{ .option = { KEPT("table.include.list", OPTION_LIST), PLACE(tables), .form = "EXPRESSIONS",
		      .help = "The tables to capture, as SCHEMA.TABLE. Without a list, all." },
	  OF_ALL, .excludes = "table.exclude.list" },
	{ .option = { KEPT("table.exclude.list", OPTION_LIST), PLACE(tables), .form = "EXPRESSIONS",
		      .help = "The tables to leave out." },
	  OF_ALL, .excludes = "table.include.list" },
	{ .option = { KEPT("column.include.list", OPTION_LIST), PLACE(columns), .form = "EXPRESSIONS",
		      .help = "The columns to capture, as SCHEMA.TABLE.COLUMN. Without a list, all." },
	  OF_ALL, .excludes = "column.exclude.list" },
	{ .option = { KEPT("column.exclude.list", OPTION_LIST), PLACE(columns), .form = "EXPRESSIONS",
		      .help = "The columns to leave out." },
	  OF_ALL, .excludes = "column.include.list" },
	{ .option = { KEPT("snapshot.mode", OPTION_WORD), PLACE(snapshot_mode), .words = snapshot_modes,
		      .default_text = "initial",
		      .help = "Whether the rows that are there already are read first: initial, once; never (Debezium: "
			      "no_data); initial_only, and nothing after them." },
	  OF_ALL },
	{ .option = { KEPT("tombstones.on.delete", OPTION_BOOL), PLACE(tombstones_on_delete),
		      .default_text = "true",
		      .help = "Follow a delete by a tombstone, so that compaction forgets the key." },
	  OF_ALL },

	/* Times and amounts. */
	{ .option = { KEPT("heartbeat.interval.ms", OPTION_DURATION), PLACE(heartbeat_interval_ms),
		      .default_text = "0", .min = 0, .max = DAY_MS,
		      .help = "How often a source that has nothing to capture stores and confirms how far it has read. "
			      "0 leaves that to status.update.interval.ms. No heartbeat records are written." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("status.update.interval.ms", OPTION_DURATION), PLACE(status_update_interval_ms),
		      .default_text = "10000", .min = 100, .max = 10 * MINUTE_MS,
		      .help = "How often the database is told how far the changes are stored." },
	  OF_POSTGRESQL },
	{ .option = { KEPT("max.queue.size", OPTION_INTEGER), PLACE(max_queue_size), .default_text = "8192",
		      .min = 1, .max = 10000000,
		      .help = "How many changes may wait to be stored. Reading pauses while that many do." },
	  OF_ALL },
	{ .option = { KEPT("max.batch.size", OPTION_INTEGER), PLACE(max_batch_size), .default_text = "2048",
		      .min = 1, .max = 10000000,
		      .help = "How many changes go to the log at once. Less than max.queue.size." },
	  OF_ALL },
	{ .option = { KEPT("retriable.restart.connector.wait.ms", OPTION_DURATION), PLACE(retry_delay_ms),
		      .default_text = "300", .min = 1, .max = DAY_MS,
		      .help = "How long to wait before connecting again; twice as long each time." },
	  OF_ALL },
	{ .option = { KEPT("errors.retry.delay.max.ms", OPTION_DURATION), PLACE(retry_delay_max_ms),
		      .default_text = "10000", .min = 1, .max = DAY_MS, .help = "The longest such wait." },
	  OF_ALL },
	{ .option = { KEPT("errors.max.retries", OPTION_INTEGER), PLACE(retries_max), .default_text = "-1",
		      .min = -1, .max = INT_MAX,
		      .help = "How often to try in a row before the source counts as failed. -1: without end." },
	  OF_ALL },

	/* Nothing here needs these. */
	TEXT_OF(NEEDLESS, "name", NULL, "the block has a name")
	NUMBER_OF(NEEDLESS, "tasks.max", "1", 1, INT_MAX, "a source is one task")
	TIME_OF(NEEDLESS, "poll.interval.ms", "500", 1, DAY_MS, "changes are pushed, and not asked for")
	TIME_OF(NEEDLESS, "poll.dispatch.interval.ms", "0", 0, DAY_MS, "what commits together is stored together")
	NUMBER_OF(NEEDLESS, "max.queue.size.in.bytes", "0", 0, INT64_MAX, "log.queue.bytes bounds all that waits")
	TEXT_OF(NEEDLESS, "queue.provider.type", "memory", "the queue is in memory")
	NUMBER_OF(NEEDLESS, "snapshot.fetch.size", "10240", 1, INT_MAX, "rows come as a stream")
	NUMBER_OF(NEEDLESS, "query.fetch.size", "0", 0, INT_MAX, "rows come as a stream")
	WORD_OF(NEEDLESS, "snapshot.isolation.mode", "serializable", isolations,
		"all rows are read at the one moment at which the stream begins")
	WORD_OF(NEEDLESS, "snapshot.locking.mode", "none", locking_modes, "a snapshot needs no locks")
	BOOL_OF(NEEDLESS, "include.unknown.datatypes", "false", "any other type is captured as text")
	WORD_OF(NEEDLESS, "schema.refresh.mode", "columns_diff", refreshes, "the stream itself tells of new columns")
	TIME_OF(NEEDLESS, "xmin.fetch.interval.ms", "0", 0, DAY_MS, "the position says it all")
	TIME_OF(NEEDLESS, "lsn.flush.timeout.ms", "30000", 1, DAY_MS, "confirming waits for nobody")
	WORD_OF(NEEDLESS, "lsn.flush.timeout.action", "fail", flush_actions, "confirming waits for nobody")
	NUMBER_OF(NEEDLESS, "slot.max.retries", "6", 0, INT_MAX, "errors.max.retries holds for every failure")
	TIME_OF(NEEDLESS, "slot.retry.delay.ms", "10000", 0, DAY_MS,
		"retriable.restart.connector.wait.ms holds for every failure")
	TEXT_OF(NEEDLESS, "database.sslfactory", NULL, "database.sslmode says what is checked")
	TEXT_OF(NEEDLESS, "database.connection.factory.class", NULL, "libpq connects")
	BOOL_OF(NEEDLESS, "include.schema.changes", "true", "schema versions are stored with the changes")
	BOOL_OF(NEEDLESS, "extended.headers.enabled", "true", "there are no tasks that headers could tell of")
	NUMBER_OF(NEEDLESS, "topic.cache.size", "10000", 1, INT_MAX, "topics are looked up once")
	BOOL_OF(NEEDLESS, "legacy.snapshot.max.threads", "false", "there is one way to read a snapshot")
	TEXT_OF(NEEDLESS, "custom.sanitize.pattern", NULL, "passwords are never logged")
	BOOL_OF(NEEDLESS, "statistics.metrics.enabled", "true", "counting costs nothing")
	TIME_OF(NEEDLESS, "executor.shutdown.timeout.ms", "4000", 0, DAY_MS, "a source ends within two seconds")
	TEXT_OF(NEEDLESS, "exactly.once.support", "requested", "a position is stored with its changes, always")
	TEXT_OF(NEEDLESS, "transaction.boundary", NULL, "transactions are stored whole")
	TEXT_OF(NEEDLESS, "offset.*", NULL, "positions are stored with the changes")
	TEXT_OF(NEEDLESS, "schema.history.*", NULL, "schema versions are stored with the changes")

	/* Said in another place. */
#define READER "whoever reads chooses, as in: millstream consume --format=debezium --"
	WORD_OF(ELSEWHERE, "decimal.handling.mode", "precise", decimal_modes, READER "decimal.handling.mode=...")
	WORD_OF(ELSEWHERE, "time.precision.mode", "adaptive", time_modes, READER "time.precision.mode=...")
	WORD_OF(ELSEWHERE, "binary.handling.mode", "bytes", binary_modes, READER "binary.handling.mode=...")
	WORD_OF(ELSEWHERE, "hstore.handling.mode", "json", hstore_modes, "whoever reads chooses how values look")
	WORD_OF(ELSEWHERE, "interval.handling.mode", "numeric", interval_modes, "whoever reads chooses how values look")
	NUMBER_OF(ELSEWHERE, "money.fraction.digits", "2", 0, 18, "whoever reads chooses how values look")
	TEXT_OF(ELSEWHERE, "unavailable.value.placeholder", "__debezium_unavailable_value",
		"a value that the database did not send is stored as just that")
	WORD_OF(ELSEWHERE, "schema.name.adjustment.mode", "none", adjustments, "whoever reads chooses how names look")
	WORD_OF(ELSEWHERE, "field.name.adjustment.mode", "none", adjustments, "whoever reads chooses how names look")
	TEXT_OF(ELSEWHERE, "key.converter*", NULL, "whoever reads chooses: millstream consume --format=...")
	TEXT_OF(ELSEWHERE, "value.converter*", NULL, "whoever reads chooses: millstream consume --format=...")
	TEXT_OF(ELSEWHERE, "header.converter*", NULL, "whoever reads chooses: millstream consume --format=...")
	TEXT_OF(ELSEWHERE, "topic.creation.*", NULL, "topics begin with what topic \"PATTERN\" { ... } says")
	TEXT_OF(ELSEWHERE, "producer.override.*", NULL, "there is no Kafka producer here")

	/* Known, and nothing yet. */
	BOOL_OF(PLANNED, "slot.failover", "false", "the slot is an ordinary one")
	TEXT_OF(PLANNED, "slot.stream.params", NULL, "the stream begins with what the server needs")
	WORD_OF(PLANNED, "offset.mismatch.strategy", "no_validation", mismatches,
		"the stored position is always checked, and a gap stops the source")
	BOOL_OF(PLANNED, "publish.via.partition.root", "false", "each partition has a topic of its own")
	TEXT_OF(PLANNED, "replica.identity.autoset.values", NULL, "replica identities stay as they are")
	BOOL_OF(PLANNED, "flush.lsn.source", "true", "what is stored is confirmed")
	WORD_OF(PLANNED, "lsn.flush.mode", "connector", flush_modes, "what is stored is confirmed")
	BOOL_OF(PLANNED, "read.only", "false", "nothing is written but slot and publication")
	BOOL_OF(PLANNED, "table.ignore.builtin", "true", "the system's tables are left out")
	BOOL_OF(PLANNED, "skip.messages.without.change", "false", "each change is captured")
	LIST_OF(PLANNED, "skipped.operations", "none", "no operation is skipped, not even truncate")
	LIST_OF(PLANNED, "message.key.columns", NULL, "keys are the replica identity's")
	LIST_OF(PLANNED, "column.truncate.to.*.chars", NULL, "values are captured whole")
	LIST_OF(PLANNED, "column.propagate.source.type", NULL, "nothing is added to the schemas")
	LIST_OF(PLANNED, "datatype.propagate.source.type", NULL, "nothing is added to the schemas")
	BOOL_OF(PLANNED, "include.schema.comments", "false", "schemas have no comments")
	LIST_OF(PLANNED, "message.prefix.include.list", NULL, "logical messages are not captured")
	LIST_OF(PLANNED, "message.prefix.exclude.list", NULL, "logical messages are not captured")
	LIST_OF(PLANNED, "converters", NULL, "values are stored by their types")
	LIST_OF(PLANNED, "post.processors", NULL, "changes are stored as they are")
	LIST_OF(PLANNED, "snapshot.include.collection.list", NULL, "all captured tables are read")
	LIST_OF(PLANNED, "snapshot.select.statement.overrides", NULL, "tables are read whole")
	TEXT_OF(PLANNED, "snapshot.select.statement.overrides.*", NULL, "tables are read whole")
	NUMBER_OF(PLANNED, "snapshot.max.threads", "1", 1, 1000, "one table is read after the other")
	NUMBER_OF(PLANNED, "snapshot.max.threads.multiplier", "1", 1, 1000, "one table is read after the other")
	WORD_OF(PLANNED, "snapshot.tables.order.by.row.count", "disabled", orders, "tables are read by their names")
	TIME_OF(PLANNED, "snapshot.delay.ms", "0", 0, DAY_MS, "the snapshot begins at once")
	TIME_OF(PLANNED, "streaming.delay.ms", "0", 0, DAY_MS, "the stream follows the snapshot at once")
	TIME_OF(PLANNED, "snapshot.lock.timeout.ms", "10000", 0, DAY_MS, "a snapshot waits five minutes for a lock")
	WORD_OF(PLANNED, "snapshot.query.mode", "select_all", query_modes, "tables are read whole")
	TEXT_OF(PLANNED, "snapshot.query.mode.custom.name", NULL, "tables are read whole")
	TEXT_OF(PLANNED, "snapshot.mode.custom.name", NULL, "snapshot.mode has no such mode")
	TEXT_OF(PLANNED, "snapshot.locking.mode.custom.name", NULL, "a snapshot takes no locks")
#define BASED "snapshot.mode.configuration.based."
	BOOL_OF(PLANNED, BASED "snapshot.data", "false", "snapshot.mode has no such mode")
	BOOL_OF(PLANNED, BASED "snapshot.schema", "false", "snapshot.mode has no such mode")
	BOOL_OF(PLANNED, BASED "start.stream", "false", "snapshot.mode has no such mode")
	BOOL_OF(PLANNED, BASED "snapshot.on.schema.error", "false", "snapshot.mode has no such mode")
	BOOL_OF(PLANNED, BASED "snapshot.on.data.error", "false", "snapshot.mode has no such mode")
	NUMBER_OF(PLANNED, "incremental.snapshot.chunk.size", "1024", 1, INT_MAX, "there are no incremental snapshots")
	WORD_OF(PLANNED, "incremental.snapshot.watermarking.strategy", "insert_insert", watermarks,
		"there are no incremental snapshots")
	BOOL_OF(PLANNED, "incremental.snapshot.allow.schema.changes", "false", "there are no incremental snapshots")
	WORD_OF(PLANNED, "event.processing.failure.handling.mode", "fail", event_failures,
		"a change that cannot be read stops the source")
	WORD_OF(PLANNED, "event.converting.failure.handling.mode", "fail", event_failures,
		"a value that cannot be read stops the source")
	TEXT_OF(PLANNED, "heartbeat.action.query", NULL, "an idle source moves on without one")
	TEXT_OF(PLANNED, "topic.heartbeat.prefix", "__debezium-heartbeat", "no heartbeat records are written")
	TEXT_OF(PLANNED, "topic.heartbeat.name", NULL, "no heartbeat records are written")
	TEXT_OF(PLANNED, "topic.naming.strategy", "io.debezium.schema.SchemaTopicNamingStrategy",
		"topics are called PREFIX.SCHEMA.TABLE")
	TEXT_OF(PLANNED, "topic.transaction", "transaction", "transactions have no topic")
	BOOL_OF(PLANNED, "provide.transaction.metadata", "false", "transactions have no topic")
	TEXT_OF(PLANNED, "transaction.metadata.factory", NULL, "transactions have no topic")
	TEXT_OF(PLANNED, "sourceinfo.struct.maker", NULL, "the source block is Debezium's")
	TEXT_OF(PLANNED, "signal.data.collection", NULL, "there are no signals")
	LIST_OF(PLANNED, "signal.enabled.channels", "source", "there are no signals")
	TIME_OF(PLANNED, "signal.poll.interval.ms", "5000", 1, DAY_MS, "there are no signals")
	TEXT_OF(PLANNED, "signal.*", NULL, "there are no signals")
	LIST_OF(PLANNED, "notification.enabled.channels", NULL, "millstream status tells how far a source is")
	TEXT_OF(PLANNED, "notification.*", NULL, "millstream status tells how far a source is")
	TEXT_OF(PLANNED, "custom.metric.tags", NULL, "there are no tags")
	NUMBER_OF(PLANNED, "guardrail.collections.max", "0", 0, INT_MAX, "any number of tables is captured")
	WORD_OF(PLANNED, "guardrail.collections.limit.action", "warn", guardrail_actions,
		"any number of tables is captured")
	BOOL_OF(PLANNED, "openlineage.integration.enabled", "false", "no lineage is told")
	TEXT_OF(PLANNED, "openlineage.integration.*", NULL, "no lineage is told")
	TEXT_OF(PLANNED, "transforms*", NULL,
		"changes are stored as they are; --format=flat of millstream consume is Debezium's unwrap")
	TEXT_OF(PLANNED, "predicates*", NULL, "changes are stored as they are")
	TEXT_OF(PLANNED, "errors.*", NULL, "a change that cannot be read stops the source")
	TEXT_OF(PLANNED, "driver.*", NULL, "libpq has parameters of its own")
	TEXT_OF(PLANNED, "internal.*", NULL, "these are Debezium's own")

	/* To capture without these would show what somebody wants hidden. */
	LIST_OF(REFUSED, "column.mask.*", NULL,
		"the values would be stored unmasked; leave the columns out with column.exclude.list")

	/* Older names. */
	ALIAS_OF("database.server.name", "topic.prefix")
	ALIAS_OF("schema.whitelist", "schema.include.list")
	ALIAS_OF("schema.blacklist", "schema.exclude.list")
	ALIAS_OF("table.whitelist", "table.include.list")
	ALIAS_OF("table.blacklist", "table.exclude.list")
	ALIAS_OF("column.whitelist", "column.include.list")
	ALIAS_OF("column.blacklist", "column.exclude.list")
	ALIAS_OF("errors.retry.delay.initial.ms", "retriable.restart.connector.wait.ms")
	ALIAS_OF("heartbeat.topics.prefix", "topic.heartbeat.prefix")
	ALIAS_OF("slot.drop_on_stop", "slot.drop.on.stop")
};

enum { PROPERTY_COUNT = sizeof(properties) / sizeof(properties[0]) };
_Static_assert(PROPERTY_COUNT <= PROPERTIES_MAX, "arrays of PROPERTIES_MAX hold all properties");

const struct property_spec *property_at(size_t n)
{
	return n < PROPERTY_COUNT ? &properties[n] : NULL;
}
