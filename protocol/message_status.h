#ifndef PROTOCOL_MESSAGE_STATUS_H
#define PROTOCOL_MESSAGE_STATUS_H

#include "protocol/message.h"

/* STATUS {} → how the server is.  Counters count from its start. */

struct message_status_disk {
	uint64_t log_bytes;             /* of batches */
	uint64_t file_bytes;            /* of the log's file */
	uint64_t quota_bytes;           /* 0: none */
	uint64_t free_bytes;            /* on its file system */
	bool full;                      /* nothing is written until there is room */
};
extern const struct message_layout message_status_disk_layout;

struct message_status_appender {
	uint64_t queued_count;          /* submissions that wait */
	uint64_t queued_bytes;
	uint64_t commit_count;
	uint64_t record_count;
	uint64_t written_bytes;
};
extern const struct message_layout message_status_appender_layout;

struct message_status_source {
	struct bytes name;
	struct bytes state;
	struct bytes reason;            /* why it is in that state; may be nil */
	struct bytes position;          /* readable; may be nil */
	uint64_t lag_us;                /* absent: UINT64_MAX, not known */
	/* Of a snapshot under way: */
	struct bytes snapshot_table;    /* being read; nil: none is */
	uint64_t snapshot_rows_done;
	uint64_t snapshot_rows_estimated;       /* absent: 0, not known */
	uint64_t snapshot_left_us;      /* at the speed so far; absent: UINT64_MAX, not known */
};
MESSAGE_ITEM(status_source, struct message_status_source)

MESSAGE_ITEM(warning, struct bytes)

struct message_status_reply {
	struct bytes version;           /* "0.1.0" */
	struct bytes instance;          /* 16 bytes */
	uint64_t uptime_ms;
	struct bytes state;             /* "ready", "disk full", "stopping" */
	struct message_list warnings;   /* of message_warning: what deserves a look */
	uint32_t connections;
	uint32_t subscriptions;
	uint32_t topics;
	uint32_t partitions;
	uint64_t private_bytes;         /* of memory */
	uint64_t received_count;        /* records published over the wire */
	uint64_t sent_bytes;            /* of batches, to subscribers */
	struct message_status_disk disk;
	struct message_status_appender appender;
	struct message_list sources;    /* of message_status_source */
};
MESSAGE(status_reply)

#endif
