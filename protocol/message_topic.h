#ifndef PROTOCOL_MESSAGE_TOPIC_H
#define PROTOCOL_MESSAGE_TOPIC_H

#include "protocol/message.h"

/* Topics: METADATA, OFFSETS, SCHEMA and administration. */

struct message_metadata {
	struct message_list topics;     /* of message_pattern; empty: all */
	struct bytes after;             /* only names that sort behind it; may be nil */
	bool create;                    /* make names that are not there, where that is allowed */
};
MESSAGE(metadata)

struct message_partition {              /* [log start, visible end, bytes] */
	uint64_t log_start;
	uint64_t visible_end;
	uint64_t bytes;
};
MESSAGE_ITEM(partition, struct message_partition)

MESSAGE_ITEM(option_name, struct bytes)

struct message_topic {
	struct bytes name;
	uint32_t id;
	struct bytes owner;             /* the source that writes it; nil: publishers */
	int64_t created_us;
	struct message_list config;     /* of message_option: every option's value in force */
	struct message_list set;        /* of message_option_name: those set by hand */
	struct message_list partitions; /* of message_partition: partition 0, 1, … */
};
MESSAGE_ITEM(topic, struct message_topic)

/* A reply holds as many topics as keep it under max_frame_bytes, at least one; the
 * rest is asked for with after = next. */
struct message_metadata_reply {
	struct message_list topics;     /* of message_topic, by name */
	struct bytes next;              /* nil: this was all */
};
MESSAGE(metadata_reply)

struct message_offsets {
	struct bytes topic;
	uint32_t partition;
	int64_t time_us;                /* absent: INT64_MAX, behind everything */
};
MESSAGE(offsets)

struct message_offsets_reply {
	uint64_t offset;                /* the first at or after the time, else the visible end */
	uint64_t log_start;
	uint64_t visible_end;
};
MESSAGE(offsets_reply)

struct message_schema {
	uint32_t id;
};
MESSAGE(schema)

struct message_schema_reply {
	uint32_t id;
	struct bytes schema;            /* protocol/schema.h */
};
MESSAGE(schema_reply)

struct message_topic_create {
	struct bytes name;
	uint32_t partitions;            /* absent: 0, the server's default */
	struct message_list config;     /* of message_option */
};
MESSAGE(topic_create)

struct message_topic_create_reply {
	uint32_t id;
};
MESSAGE(topic_create_reply)

/* All of it or nothing.  The reply is empty. */
struct message_topic_configure {
	struct bytes name;
	struct message_list set;        /* of message_option */
	struct message_list unset;      /* of message_option_name: back to the default */
};
MESSAGE(topic_configure)

/* The reply is empty. */
struct message_topic_delete {
	struct bytes name;
};
MESSAGE(topic_delete)

#endif
