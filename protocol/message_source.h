#ifndef PROTOCOL_MESSAGE_SOURCE_H
#define PROTOCOL_MESSAGE_SOURCE_H

#include "protocol/message.h"

/* Sources: SOURCES describes them, SOURCE_CONTROL has one pause, go on, begin again or go. */

struct message_sources {
	struct bytes name;              /* this one alone; nil: all */
	struct bytes after;             /* only names that sort behind it; may be nil */
};
MESSAGE(sources)

struct message_source {
	struct bytes name;
	bool configured;                /* false: its block is gone, the log still knows it */
	struct bytes connector;         /* "postgresql"; nil without a block, as all that a block says */
	struct bytes topic_prefix;
	struct bytes endpoint;          /* "millstream@db:5432/myapp" */
	struct bytes slot;              /* what it made at the database; nil where it makes none */
	struct bytes publication;
	struct bytes state;             /* "streaming" */
	struct bytes reason;            /* why it is in that state; may be nil */
	uint32_t retries;               /* since it last worked */
	uint64_t retry_in_us;           /* absent: UINT64_MAX, it waits for no retry */
	struct bytes position;          /* readable; may be nil */
	uint64_t behind_bytes;          /* of the source's own log; absent: UINT64_MAX, not known */
	int64_t source_time_us;         /* of the last commit read; absent: 0, none yet */
	uint64_t lag_us;                /* from commit to durable, of the last one; absent: UINT64_MAX */
	uint64_t transaction_count;     /* since the server's start */
	uint64_t record_count;
	/* Of a snapshot under way: the table that is being read, and how far it is. */
	struct bytes snapshot_table;    /* nil: none is */
	uint32_t snapshot_tables_done;
	uint32_t snapshot_tables_total;
	uint64_t snapshot_rows_done;
	uint64_t snapshot_rows_estimated; /* absent: 0, not known */
	uint64_t snapshot_left_us;      /* at the speed so far; absent: UINT64_MAX, not known */
};
MESSAGE_ITEM(source, struct message_source)

/* A reply holds as many sources as keep it under max_frame_bytes, at least one; the
 * rest is asked for with after = next. */
struct message_sources_reply {
	struct message_list sources;    /* of message_source, by name */
	struct bytes next;              /* nil: this was all */
};
MESSAGE(sources_reply)

enum message_source_action {
	SOURCE_PAUSE = 1,
	SOURCE_RESUME,
	SOURCE_RESTART,                 /* close and open again at once; from "failed", too */
	SOURCE_REMOVE,                  /* stop it and forget how far it was; its topics stay */
	SOURCE_RESET,                   /* forget how far it was, and begin again with the same topics */
};

/* The reply is empty.  That of a REMOVE comes when it is done, the others' at once: the
 * source's state tells. */
struct message_source_control {
	struct bytes name;
	enum message_source_action action;
	bool drop;                      /* with REMOVE: also what it made at the database */
};
MESSAGE(source_control)

#endif
