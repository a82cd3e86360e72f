#ifndef MILLSTREAM_H
#define MILLSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* libmillstream: reads from and writes to a Millstream server.
 *
 * A client is one connection.  It has no threads of its own: the calls below do all
 * the work, so one thread at a time may use a client and what belongs to it; two
 * clients know nothing of each other.  A client whose program makes no call for
 * three heartbeats (30 s, as servers are set up) is dropped by the server; its next
 * call connects again and goes on where it was.
 *
 * A lost connection is opened again by whatever call comes next, with pauses of
 * 100 ms, doubling to 5 s.  Subscriptions go on at the next record that
 * millstream_next has not handed out; records that were published and not yet
 * acknowledged are sent again with the same sequence numbers, so that each is
 * stored once.
 *
 * Timeouts are in milliseconds: 0 does not wait, a negative one waits for ever.
 * Only host names make a call block longer: they are resolved by getaddrinfo(3).
 *
 * Functions that return int return a MILLSTREAM_ code.  The members `reserved` of
 * structs have to be 0, as everything is that is left out of an initializer;
 * structs that the library fills may grow at their end. */

#if defined(__GNUC__)
#define MILLSTREAM_API __attribute__((visibility("default")))
#else
#define MILLSTREAM_API
#endif

/* Results.  The numbers are never changed. */
enum millstream_code {
	MILLSTREAM_OK = 0,
	MILLSTREAM_TIMEOUT = 1,         /* not yet; the connection is there */
	MILLSTREAM_DISCONNECTED = 2,    /* not yet, and there is no connection: the next call
					 * tries again */
	MILLSTREAM_NOT_FOUND = 3,       /* no such topic, partition, schema, subscription */
	MILLSTREAM_OUT_OF_RANGE = 4,    /* an offset that is not in the log */
	MILLSTREAM_DAMAGED = 5,         /* stored data is damaged */
	MILLSTREAM_DENIED = 6,
	MILLSTREAM_INVALID = 7,         /* an argument or an option is wrong */
	MILLSTREAM_EXISTS = 8,
	MILLSTREAM_MEMORY = 9,
	MILLSTREAM_SERVER = 10,         /* the server failed, or does not keep to the protocol */
	MILLSTREAM_DISK_FULL = 11,
	MILLSTREAM_CLOSED = 12,         /* the client or the subscription was closed */
	MILLSTREAM_TOO_LARGE = 13,      /* beyond a limit */
	MILLSTREAM_BUSY = 14,           /* no room now, or called from within a callback */
	MILLSTREAM_NOT_OWNER = 15,      /* the topic is written by a source */
	MILLSTREAM_UNSUPPORTED = 16     /* of another version */
};

/* "0.1.0": of the library that runs. */
MILLSTREAM_API const char *millstream_version(void);

/* A few plain words for a code; never NULL. */
MILLSTREAM_API const char *millstream_code_text(int code);

struct millstream_client;
struct millstream_subscription;

/* ---- A client ---- */

struct millstream_options {
	const char *client_name;        /* for the server's log: "myprogram/1.2" */
	size_t publish_buffer_bytes;    /* that wait to be acknowledged; default 32 MiB */
	size_t publish_batch_bytes;     /* aim of a batch; default 64 KiB */
	unsigned publish_requests_max;  /* under way at a time; default 16 */
	int delivery_timeout_ms;        /* until a record counts as not delivered; default
					 * 120 s, negative: never */
	int connect_timeout_ms;         /* of one attempt; default 10 s */
	int reconnect_min_ms;           /* pause before the second attempt; default 100 ms, */
	int reconnect_max_ms;           /* doubling to this; default 5 s */
	uintptr_t reserved[8];
};

/* Make a client of "millstream://HOST:PORT" or "HOST:PORT" (port 7470 if left out;
 * "[::1]:7470").  options may be NULL.  Copies both.  Does not connect yet: the
 * first call that needs the server does.  MILLSTREAM_INVALID, MILLSTREAM_MEMORY. */
MILLSTREAM_API int millstream_open(const char *url, const struct millstream_options *options,
				   struct millstream_client **out);

/* Connect now, and say why it cannot be done: MILLSTREAM_DISCONNECTED with
 * millstream_error_text, at the first attempt that fails.  MILLSTREAM_OK if it is
 * connected. */
MILLSTREAM_API int millstream_connect(struct millstream_client *client, int timeout_ms);

/* End the client and all its subscriptions, without waiting: what was published and
 * is not acknowledged is reported as MILLSTREAM_CLOSED (see millstream_flush).
 * NULL is fine. */
MILLSTREAM_API void millstream_close(struct millstream_client *client);

/* What went wrong in the last call that failed, and why; lent until the next call. */
MILLSTREAM_API const char *millstream_error_text(const struct millstream_client *client);

/* May the same call succeed later, with nothing repaired by hand in between? */
MILLSTREAM_API bool millstream_error_is_retryable(const struct millstream_client *client);

/* For programs with a loop of their own:
 *
 *	fd.fd = millstream_fd(client);
 *	fd.events = millstream_events(client, &timeout_ms);
 *	poll(&fd, 1, timeout_ms);
 *	millstream_dispatch(client);
 *	while (millstream_next(client, 0, &record) == MILLSTREAM_OK)
 *		…
 *
 * The descriptor changes with each connection and is -1 between two.  events are
 * poll(2)'s, timeout_ms is when to dispatch at the latest; -1: no need. */
MILLSTREAM_API int millstream_fd(const struct millstream_client *client);
MILLSTREAM_API short millstream_events(struct millstream_client *client, int *timeout_ms);
MILLSTREAM_API int millstream_dispatch(struct millstream_client *client);

/* ---- Reading ---- */

enum millstream_start {
	MILLSTREAM_START_BEGINNING = 0,
	MILLSTREAM_START_END = 1,
	MILLSTREAM_START_STORED = 2,    /* what the group has committed, else the beginning */
	MILLSTREAM_START_OFFSET = 3,    /* negative: so many before the end */
	MILLSTREAM_START_TIME = 4       /* the first record at or after time_us, else the end */
};

struct millstream_subscribe_options {
	const char *const *topics;      /* names, or patterns such as "myapp.*" */
	size_t topic_count;
	enum millstream_start start;
	int64_t offset;                 /* of MILLSTREAM_START_OFFSET */
	int64_t time_us;                /* of MILLSTREAM_START_TIME: µs since the Unix epoch */
	const char *group;              /* NULL: none; MILLSTREAM_START_STORED needs one */
	const uint32_t *partitions;     /* NULL: all */
	size_t partition_count;
	uint32_t credit_bytes;          /* that the server may send ahead; default 4 MiB */
	uintptr_t reserved[8];
};

/* Copies the options.  Topics that a pattern comes to match are followed too, from
 * their beginning.  MILLSTREAM_NOT_FOUND for a name that is not there. */
MILLSTREAM_API int millstream_subscribe(struct millstream_client *client,
					const struct millstream_subscribe_options *options,
					int timeout_ms, struct millstream_subscription **out);

/* End a subscription, at once: frees it.  NULL is fine. */
MILLSTREAM_API void millstream_unsubscribe(struct millstream_subscription *subscription);

/* What millstream_next hands out: a record, or news that a reader must not miss. */
enum millstream_kind {
	MILLSTREAM_RECORD = 1,
	MILLSTREAM_PARTITION_ADDED = 2, /* delivered from offset on */
	MILLSTREAM_TOPIC_DELETED = 3,   /* nothing more comes of the topic */
	MILLSTREAM_RECORDS_GONE = 4,    /* offset to before end_offset are out of the log's
					 * range; the partition waits for millstream_seek */
	MILLSTREAM_RECORDS_DAMAGED = 5, /* likewise: stored data is damaged there */
	MILLSTREAM_CAUGHT_UP = 6,       /* all that was there when the subscription or the
					 * partition began or was moved by millstream_seek,
					 * up to end_offset, is handed out */
	MILLSTREAM_PARTITION_REFUSED = 7, /* a new one, for which the subscription has no room */
	MILLSTREAM_OTHER_INSTANCE = 8,  /* the server has another log now, in which offsets
					 * mean something else: the subscription has ended */
	MILLSTREAM_SUBSCRIPTION_ENDED = 9 /* the server does not take it up again after a new
					 * connection; error_code and text say why */
};

enum millstream_content {
	MILLSTREAM_NONE = 0,            /* of a value: a tombstone */
	MILLSTREAM_BYTES = 1,           /* as published */
	MILLSTREAM_CHANGE = 2           /* captured: a msgpack array, of a value a change's, of a
					 * key its columns */
};

/* Pointers are lent until the next millstream_next with the same client, and not
 * longer than the subscription lives. */
struct millstream_record {
	enum millstream_kind kind;
	uint32_t partition;
	struct millstream_subscription *subscription;
	const char *topic;
	uint64_t offset;
	int64_t time_us;                /* of its append, or given by the publisher */
	const void *key;
	size_t key_bytes;
	const void *value;
	size_t value_bytes;
	enum millstream_content key_content;
	enum millstream_content value_content;
	uint64_t transaction;           /* the source transaction's ordinal; 0: published */
	const void *headers;            /* for millstream_header_next; NULL: none */
	size_t headers_bytes;
	/* Of the other kinds: */
	uint64_t end_offset;
	const char *text;               /* for people; NULL: nothing to say */
	int error_code;
};

/* Wait for the next record or news of any subscription.  MILLSTREAM_OK and *out,
 * lent; MILLSTREAM_TIMEOUT; MILLSTREAM_DISCONNECTED: nothing came, and there is no
 * connection; MILLSTREAM_CLOSED: there is no subscription. */
MILLSTREAM_API int millstream_next(struct millstream_client *client, int timeout_ms,
				   const struct millstream_record **out);

/* Walk a record's headers: begin with *cursor = 0.  True and a header, lent as the
 * record is: the name is not ended by a zero byte, a value of nothing is NULL. */
struct millstream_header {
	const char *name;
	size_t name_bytes;
	const void *value;
	size_t value_bytes;
};
MILLSTREAM_API bool millstream_header_next(const struct millstream_record *record, size_t *cursor,
					   struct millstream_header *out);

/* Go on elsewhere in one partition, which then has to catch up again.  What was
 * handed out stays lent. */
MILLSTREAM_API int millstream_seek(struct millstream_subscription *subscription, const char *topic,
				   uint32_t partition, uint64_t offset, int timeout_ms);

/* Where a subscription is, partition by partition; stop when `each` returns false.
 * No I/O; `each` must not call the library with this client. */
struct millstream_place {
	const char *topic;
	uint32_t partition;
	bool is_caught_up;              /* see MILLSTREAM_CAUGHT_UP */
	uint64_t next_offset;           /* the next to be handed out */
	uint64_t visible_end;           /* as far as is known */
};
MILLSTREAM_API void millstream_places(struct millstream_subscription *subscription,
				      bool (*each)(void *user, const struct millstream_place *place),
				      void *user);

/* Are all its partitions caught up?  (Then there was an end, and you have seen it.) */
MILLSTREAM_API bool millstream_is_caught_up(const struct millstream_subscription *subscription);

/* Store, durably, for the subscription's group, that all is done that was handed out
 * so far.  Places that do not fit one request are stored in several, one after the other. */
MILLSTREAM_API int millstream_commit(struct millstream_subscription *subscription, int timeout_ms);

/* The same for places of your own choice. */
struct millstream_offset {
	const char *topic;
	uint32_t partition;
	uint64_t offset;                /* the next to read */
	const char *metadata;           /* NULL: none */
	int64_t time_us;                /* of its commit; not looked at when committing */
};
MILLSTREAM_API int millstream_commit_offsets(struct millstream_client *client, const char *group,
					     const struct millstream_offset *offsets, size_t count,
					     int timeout_ms);

/* What a group has committed, by topic and partition; stop when `each` returns
 * false.  `each` must not call the library with this client. */
MILLSTREAM_API int millstream_committed(struct millstream_client *client, const char *group,
					bool (*each)(void *user,
						     const struct millstream_offset *offset),
					void *user, int timeout_ms);

/* ---- Groups ---- */

struct millstream_group {
	const char *name;
	uint32_t member_count;          /* connections that follow something for it, now */
	uint32_t partition_count;       /* that it has committed */
	uint64_t lag;                   /* of these together: ends minus committed offsets */
	int64_t committed_us;           /* its last commit; 0: none */
};

/* Groups by name: those that have committed something, and those with members; stop when
 * `each` returns false; it must not call the library with this client. */
MILLSTREAM_API int millstream_groups(struct millstream_client *client,
				     bool (*each)(void *user, const struct millstream_group *group),
				     void *user, int timeout_ms);

struct millstream_member {
	uint64_t id;                    /* of its connection, until the server stops */
	const char *client_name;        /* as it calls itself, or NULL */
	const char *address;            /* "127.0.0.1:40312" */
	uint32_t partition_count;       /* that it follows for the group */
};

struct millstream_group_partition {
	const char *topic;
	uint32_t partition;
	uint64_t visible_end;
	uint64_t committed;             /* the next to read; UINT64_MAX: nothing was committed */
	uint64_t lag;                   /* UINT64_MAX: not known, as nothing was committed */
	int64_t committed_us;           /* when; 0: nothing was */
	uint32_t member_count;          /* that follow it */
	const uint64_t *member_ids;     /* of some of them, at most 16 */
	size_t member_id_count;
};

/* A group's members, then the partitions that it has committed or that a member follows; stop
 * when one of the callbacks, which may be NULL, returns false; they must not call the library
 * with this client.  MILLSTREAM_NOT_FOUND: it has neither. */
MILLSTREAM_API int millstream_group_info(
	struct millstream_client *client, const char *name,
	bool (*each_member)(void *user, const struct millstream_member *member),
	bool (*each_partition)(void *user, const struct millstream_group_partition *partition),
	void *user, int timeout_ms);

/* Forget what a group has committed.  Not repeated when the connection is lost, as
 * millstream_topic_create.  MILLSTREAM_INVALID while it has members; MILLSTREAM_NOT_FOUND. */
MILLSTREAM_API int millstream_group_remove(struct millstream_client *client, const char *name,
					   int timeout_ms);

/* ---- Publishing ---- */

#define MILLSTREAM_ANY_PARTITION UINT32_MAX     /* by key; without one, in turn */

struct millstream_message {
	const char *topic;
	uint32_t partition;
	const void *key;                /* NULL: none */
	size_t key_bytes;
	const void *value;              /* NULL: a tombstone */
	size_t value_bytes;
	const struct millstream_header *headers;
	size_t header_count;
	int64_t time_us;                /* since the Unix epoch; 0: when it is stored */
	uintptr_t reserved[4];
};

struct millstream_delivery {
	int code;                       /* MILLSTREAM_OK: durable, at partition and offset.
					 * MILLSTREAM_TIMEOUT, MILLSTREAM_CLOSED: not known.
					 * Others: not stored */
	const char *text;               /* why not, or NULL */
	const char *topic;
	uint32_t partition;
	uint64_t offset;                /* UINT64_MAX: stored, at an offset not known */
};

/* Called from within a call of this client, in order a partition, once for each
 * record.  It must not call the library with this client: MILLSTREAM_BUSY. */
typedef void (*millstream_on_delivered)(void *user, const struct millstream_delivery *delivery);

/* Put a record in line; copies it.  on_delivered may be NULL.  Records are sent in
 * batches: the first at once, more as earlier ones are acknowledged, by this and
 * every other call of the client, so a program that pauses calls millstream_flush
 * or millstream_dispatch.  Waits, up to timeout_ms, for room in the buffer and, the
 * first time, for the topic's description.  Only MILLSTREAM_OK means that
 * on_delivered will be called.  MILLSTREAM_BUSY: no room in time;
 * MILLSTREAM_NOT_FOUND, MILLSTREAM_TOO_LARGE, … */
MILLSTREAM_API int millstream_publish(struct millstream_client *client,
				      const struct millstream_message *message, int timeout_ms,
				      millstream_on_delivered on_delivered, void *user);

/* Wait until every record has its result.  MILLSTREAM_OK, or the first failure of a
 * record since the last flush that returned such a result; MILLSTREAM_TIMEOUT, MILLSTREAM_DISCONNECTED: some are
 * still waiting. */
MILLSTREAM_API int millstream_flush(struct millstream_client *client, int timeout_ms);

/* Records without a result yet. */
MILLSTREAM_API size_t millstream_unacknowledged(const struct millstream_client *client);

/* ---- Topics ---- */

struct millstream_setting {
	const char *name;               /* "retention.ms" */
	const char *value;
	bool is_set;                    /* by hand; filled by millstream_topics */
};

struct millstream_partition {
	uint64_t log_start;             /* the first offset that is there */
	uint64_t visible_end;           /* the next offset to come */
	uint64_t bytes;
};

struct millstream_topic {
	const char *name;
	uint32_t id;
	uint32_t partition_count;
	const char *owner;              /* the source that writes it; NULL: publishers */
	int64_t created_us;
	const struct millstream_setting *settings;
	size_t setting_count;
	const struct millstream_partition *partitions;
};

/* Topics by name, those that match one of the patterns; none: all.  Stop when `each`
 * returns false; it must not call the library with this client.  A name that is not there is left out. */
MILLSTREAM_API int millstream_topics(struct millstream_client *client, const char *const *patterns,
				     size_t pattern_count,
				     bool (*each)(void *user, const struct millstream_topic *topic),
				     void *user, int timeout_ms);

/* These three are not repeated when the connection is lost while they are under way:
 * MILLSTREAM_DISCONNECTED then means that it is not known whether they were done. */
MILLSTREAM_API int millstream_topic_create(struct millstream_client *client, const char *name,
					   uint32_t partition_count, /* 0: as configured */
					   const struct millstream_setting *settings,
					   size_t setting_count, int timeout_ms);
MILLSTREAM_API int millstream_topic_configure(struct millstream_client *client, const char *name,
					      const struct millstream_setting *set,
					      size_t set_count, const char *const *unset,
					      size_t unset_count, int timeout_ms);
MILLSTREAM_API int millstream_topic_delete(struct millstream_client *client, const char *name,
					   int timeout_ms);

struct millstream_offsets {
	uint64_t offset;                /* the first at or after the time, else visible_end */
	uint64_t log_start;
	uint64_t visible_end;
};

/* time_us INT64_MAX: behind everything. */
MILLSTREAM_API int millstream_offset_for_time(struct millstream_client *client, const char *topic,
					      uint32_t partition, int64_t time_us, int timeout_ms,
					      struct millstream_offsets *out);

/* A schema's bytes (msgpack), lent as long as the client lives: asked for once. */
MILLSTREAM_API int millstream_schema(struct millstream_client *client, uint32_t id, int timeout_ms,
				     const void **out, size_t *out_bytes);

/* ---- Sources ---- */

/* A database that the server captures changes from.  Texts that are not known are NULL. */
struct millstream_source_info {
	const char *name;
	bool is_configured;             /* false: the log knows it still, the configuration does
					 * not: what comes from there is NULL */
	const char *connector;          /* "postgresql" */
	const char *topic_prefix;
	const char *endpoint;           /* "user@host:5432/myapp" */
	const char *slot;               /* what it has at the database */
	const char *publication;
	const char *state;              /* "starting", "snapshot", "streaming", "retrying",
					 * "paused", "failed", "done", "stopped", others */
	const char *reason;             /* why it is in that state */
	uint32_t retries;               /* in a row */
	uint64_t retry_in_us;           /* UINT64_MAX: it waits for none */
	const char *position;           /* in the source's log, for people */
	uint64_t behind_bytes;          /* of the source's log; UINT64_MAX: not known */
	int64_t source_time_us;         /* of the last commit that was read; 0: none yet */
	uint64_t lag_us;                /* from the last commit until it was durable; UINT64_MAX:
					 * not known */
	uint64_t transaction_count;     /* since the server's start */
	uint64_t record_count;
	const char *snapshot_table;     /* being read; NULL: no snapshot is under way */
	uint32_t snapshot_tables_done;
	uint32_t snapshot_tables_total;
	uint64_t snapshot_rows_done;    /* of all tables */
	uint64_t snapshot_rows_estimated; /* 0: not known */
	uint64_t snapshot_left_us;      /* UINT64_MAX: not known */
};

/* Sources by name, or the one of that name; stop when `each` returns false; it must not
 * call the library with this client.  A name that is not there is left out. */
MILLSTREAM_API int millstream_sources(struct millstream_client *client, const char *name,
				      bool (*each)(void *user,
						   const struct millstream_source_info *source),
				      void *user, int timeout_ms);

enum millstream_source_action {
	MILLSTREAM_SOURCE_PAUSE = 1,    /* also over restarts of the server */
	MILLSTREAM_SOURCE_RESUME = 2,
	MILLSTREAM_SOURCE_RESTART = 3,  /* connect anew at once; also from "failed" */
	MILLSTREAM_SOURCE_REMOVE = 4,   /* stop it and forget how far it was; its topics stay */
	MILLSTREAM_SOURCE_REMOVE_AND_DROP = 5, /* and drop slot and publication */
	MILLSTREAM_SOURCE_RESET = 6     /* forget how far it was, and begin again, with a snapshot; its
					 * topics and their records stay */
};

/* Removing waits until it is done; the others are told to the source, whose state shows it.
 * Not repeated when the connection is lost, as millstream_topic_create.  MILLSTREAM_NOT_FOUND;
 * MILLSTREAM_INVALID: it is not configured, so only forgetting it is possible. */
MILLSTREAM_API int millstream_source_control(struct millstream_client *client, const char *name,
					     enum millstream_source_action action, int timeout_ms);

/* ---- The server ---- */

struct millstream_source {
	const char *name;
	const char *state;
	const char *reason;             /* why it is in that state, or NULL */
	const char *position;           /* or NULL */
	uint64_t lag_us;                /* UINT64_MAX: not known */
	const char *snapshot_table;     /* being read; NULL: no snapshot is under way */
	uint64_t snapshot_rows_done;
	uint64_t snapshot_rows_estimated; /* 0: not known */
	uint64_t snapshot_left_us;      /* UINT64_MAX: not known */
};

struct millstream_status {
	const char *version;
	uint8_t instance[16];           /* which log this is */
	uint64_t uptime_ms;
	const char *state;              /* "ready", "disk full", "stopping" */
	const char *const *warnings;
	size_t warning_count;
	uint32_t connections;
	uint32_t subscriptions;
	uint32_t topics;
	uint32_t partitions;
	uint64_t private_bytes;         /* of memory */
	uint64_t received_count;        /* records published */
	uint64_t sent_bytes;            /* of batches */
	uint64_t log_bytes;
	uint64_t file_bytes;
	uint64_t quota_bytes;           /* 0: none */
	uint64_t free_bytes;            /* on its file system */
	bool is_disk_full;
	uint64_t queued_count;          /* submissions that wait for the disk */
	uint64_t queued_bytes;
	uint64_t commit_count;
	uint64_t record_count;
	uint64_t written_bytes;
	const struct millstream_source *sources;
	size_t source_count;
};

/* Lent until the client's next call but millstream_error_text. */
MILLSTREAM_API int millstream_status(struct millstream_client *client, int timeout_ms,
				     const struct millstream_status **out);

#ifdef __cplusplus
}
#endif

#endif
