#include "server/config.h"

#include "server/address.h"
#include "server/log_line.h"

#include <string.h>

/* Every option there is.  millstream.conf(5) and millstream.conf.example follow
 * this table; tests/check_options.sh holds them against it. */

#define KIB(n) (INT64_C(n) << 10)
#define MIB(n) (INT64_C(n) << 20)
#define GIB(n) (INT64_C(n) << 30)
#define TIB(n) (INT64_C(n) << 40)
#define MINUTE_MS 60000

static const char *const levels[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL,
};

static const char *const formats[] = {
	[LOG_FORMAT_LOGFMT] = "logfmt",
	[LOG_FORMAT_JSON] = "json",
	NULL,
};

/* There is no way yet to configure users, so the server stays on loopback. */
static int check_listen(const char *value, struct error *err)
{
	union address address;
	if (address_parse(value, &address, err) != 0)
		return -1;
	return address_check_exposure(&address, false, err);
}

#define PLACE(member) .place = offsetof(struct config, member)

static const struct option_spec options[] = {
	{
		.name = "listen", .type = OPTION_TEXT, PLACE(listen),
		.default_text = "127.0.0.1:7470", .form = "ADDRESS:PORT", .check = check_listen,
		.needs_restart = true, .known_as = "listeners",
		.help = "Where clients connect: a numeric address and a port, 0 for any free one.",
	},
	{
		.name = "data.dir", .type = OPTION_TEXT, PLACE(data_dir),
		.default_text = "/var/lib/millstream", .form = "PATH",
		.needs_restart = true, .known_as = "log.dirs",
		.help = "The directory that holds the log. It is made where it is missing, its parent is not.",
	},
	{
		.name = "log.level", .type = OPTION_WORD, PLACE(log_level), .words = levels,
		.default_text = "info",
		.help = "What the server writes to stderr: errors alone, or up to this level.",
	},
	{
		.name = "log.format", .type = OPTION_WORD, PLACE(log_format), .words = formats,
		.default_text = "logfmt",
		.help = "How it writes it: name=value, or one JSON object a line.",
	},
	{
		.name = "log.map.bytes", .type = OPTION_BYTES, PLACE(log_map_bytes),
		.default_text = "1TiB", .min = MIB(64), .max = TIB(64), .needs_restart = true,
		.help = "Address space reserved for the log, and so the most it can ever hold. Costs neither "
			"memory nor disk.",
	},
	{
		.name = "log.quota.bytes", .type = OPTION_BYTES, PLACE(log_quota_bytes),
		.default_text = "0", .min = 0, .max = TIB(64), .needs_restart = true,
		.help = "At this many bytes in use the log counts as full: nothing more is taken, reading goes "
			"on. 0 stands for what log.map.bytes holds.",
	},
	{
		.name = "log.ballast.bytes", .type = OPTION_BYTES, PLACE(log_ballast_bytes),
		.default_text = "64MiB", .min = 0, .max = TIB(1), .needs_restart = true,
		.help = "Disk space held back, and freed when the disk is full so that old records can still be "
			"deleted. 0 for none.",
	},
	{
		.name = "log.batch.bytes", .type = OPTION_BYTES, PLACE(log_batch_bytes),
		.default_text = "64KiB", .min = KIB(4), .max = MIB(1), .needs_restart = true,
		.help = "How large a stored batch grows before the next one begins.",
	},
	{
		.name = "log.commit.bytes", .type = OPTION_BYTES, PLACE(log_commit_bytes),
		.default_text = "16MiB", .min = KIB(64), .max = MIB(256), .needs_restart = true,
		.help = "How much is written and synced to disk at once at most.",
	},
	{
		.name = "log.queue.bytes", .type = OPTION_BYTES, PLACE(log_queue_bytes),
		.default_text = "64MiB", .min = MIB(1), .max = GIB(4), .needs_restart = true,
		.known_as = "max.queue.size.in.bytes",
		.help = "How much may wait to be written. When it is full, whoever publishes has to wait.",
	},
	{
		.name = "log.queue.records", .type = OPTION_INTEGER, PLACE(log_queue_records),
		.default_text = "8192", .min = 1, .max = 10000000, .needs_restart = true,
		.known_as = "max.queue.size",
		.help = "How many records may wait to be written.",
	},
	{
		.name = "max.connections", .type = OPTION_INTEGER, PLACE(max_connections),
		.default_text = "10000", .min = 1, .max = 1000000,
		.help = "How many clients may be connected at once. The limit of open files must allow it.",
	},
	{
		.name = "max.connections.per.address", .type = OPTION_INTEGER,
		PLACE(max_connections_per_address),
		.default_text = "1000", .min = 1, .max = 1000000, .known_as = "max.connections.per.ip",
		.help = "How many of them may come from one address.",
	},
	{
		.name = "max.frame.bytes", .type = OPTION_BYTES, PLACE(max_frame_bytes),
		.default_text = "1MiB", .min = FRAME_BYTES_MAX_DEFAULT, .max = FRAME_BYTES_MAX_CEILING,
		.known_as = "socket.request.max.bytes",
		.help = "The largest frame taken from a client, and so the most that it can publish at once.",
	},
	{
		.name = "connection.out.buffer.bytes", .type = OPTION_BYTES,
		PLACE(connection_out_buffer_bytes),
		.default_text = "16MiB", .min = MIB(1), .max = GIB(1),
		.help = "How much may wait to be sent on one connection. A client that reads too slowly gets "
			"nothing more until it does.",
	},
	{
		.name = "heartbeat.interval.ms", .type = OPTION_DURATION, PLACE(heartbeat_interval_ms),
		.default_text = "10000", .min = 100, .max = 60 * MINUTE_MS,
		.help = "A client that was silent this long is asked whether it is there, and dropped after three "
			"such intervals.",
	},
	{
		.name = "login.timeout.ms", .type = OPTION_DURATION, PLACE(login_timeout_ms),
		.default_text = "5000", .min = 100, .max = 10 * MINUTE_MS,
		.help = "How long a new connection has to log in.",
	},
	{
		.name = "topic.autocreate", .type = OPTION_BOOL, PLACE(topic_autocreate),
		.default_text = "true", .needs_restart = true, .known_as = "auto.create.topics.enable",
		.help = "Make a topic when something is published to it that does not exist.",
	},
	{
		.name = "num.partitions", .type = OPTION_INTEGER, PLACE(num_partitions),
		.default_text = "1", .min = 1, .max = TOPIC_PARTITIONS_MAX,
		.help = "How many partitions a topic has for which nobody says it.",
	},
};

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };
_Static_assert(OPTION_COUNT <= CONFIG_OPTIONS_MAX, "arrays of CONFIG_OPTIONS_MAX hold all options");

const struct option_spec *config_option(size_t n)
{
	return n < OPTION_COUNT ? &options[n] : NULL;
}

const struct option_spec *config_find(const char *name)
{
	for (size_t n = 0; n < OPTION_COUNT; n++)
		if (strcmp(options[n].name, name) == 0)
			return &options[n];
	return NULL;
}
