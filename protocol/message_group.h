#ifndef PROTOCOL_MESSAGE_GROUP_H
#define PROTOCOL_MESSAGE_GROUP_H

#include "protocol/message.h"

/* What groups have committed. */

struct message_commit_offset {          /* [topic, partition, offset, metadata] */
	struct bytes topic;
	uint32_t partition;
	uint64_t offset;                /* the next to read */
	struct bytes metadata;          /* text; may be nil */
};
MESSAGE_ITEM(commit_offset, struct message_commit_offset)

/* The reply is empty, and comes when the offsets are durable.  All or nothing. */
struct message_commit {
	struct bytes group;
	struct message_list offsets;    /* of message_commit_offset: 1 or more */
};
MESSAGE(commit)

struct message_committed {
	struct bytes group;
	struct bytes after;             /* `next` of the reply before; nil: from the first */
};
MESSAGE(committed)

struct message_committed_offset {       /* [topic, partition, offset, metadata, time µs] */
	struct bytes topic;
	uint32_t partition;
	uint64_t offset;
	struct bytes metadata;
	int64_t time_us;
};
MESSAGE_ITEM(committed_offset, struct message_committed_offset)

struct message_committed_reply {
	struct message_list offsets;    /* of message_committed_offset; none: nothing committed */
	struct bytes next;              /* nil: this was all.  The server's own business else, 1 to
					 * PAGE_BYTES_MAX bytes */
};
MESSAGE(committed_reply)

#endif
