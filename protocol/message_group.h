#ifndef PROTOCOL_MESSAGE_GROUP_H
#define PROTOCOL_MESSAGE_GROUP_H

#include "protocol/message.h"

/* Groups: what they have committed, who is in them, how far they are behind. */

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

struct message_groups {
	struct bytes after;             /* `next` of the reply before; nil: from the first */
};
MESSAGE(groups)

/* One with too many offsets for a reply goes on as the first item of the next: then the
 * numbers of both add up, and the later committed_us counts. */
struct message_group {
	struct bytes name;
	uint32_t members;               /* connections that follow something for it now */
	uint32_t partitions;            /* that it has committed, of topics that are there */
	uint64_t lag;                   /* of those: visible ends minus committed offsets */
	int64_t committed_us;           /* the last time; absent: 0, never */
};
MESSAGE_ITEM(group, struct message_group)

/* A reply may have no group and yet a next: there was too much to look at. */
struct message_groups_reply {
	struct message_list groups;     /* of message_group, by name */
	struct bytes next;              /* nil: this was all */
};
MESSAGE(groups_reply)

/* ERROR_NOT_FOUND: it has neither members nor committed offsets. */
struct message_group_info {
	struct bytes name;
	struct bytes after;             /* as in message_groups */
};
MESSAGE(group_info)

struct message_group_member {
	uint64_t id;                    /* of its connection; never used again by this process */
	struct bytes client;            /* as it called itself; nil: it did not */
	struct bytes address;           /* "127.0.0.1:40312", for people */
	uint32_t partitions;            /* that it follows for the group */
};
MESSAGE_ITEM(group_member, struct message_group_member)

MESSAGE_ITEM(group_member_id, uint64_t)

struct message_group_partition {        /* [topic, partition, visible end, committed, time µs,
					 * members, their ids] */
	struct bytes topic;
	uint32_t partition;
	uint64_t visible_end;
	uint64_t committed;             /* the next to read; absent: UINT64_MAX, nothing */
	int64_t time_us;                /* of the commit; absent: 0 */
	uint32_t members;               /* that follow it */
	struct message_list member_ids; /* of message_group_member_id: the first of them */
};
MESSAGE_ITEM(group_partition, struct message_group_partition)

/* Members come before partitions, over as many replies as it takes. */
struct message_group_info_reply {
	struct message_list members;    /* of message_group_member */
	struct message_list partitions; /* of message_group_partition, in no order that is promised */
	struct bytes next;              /* nil: this was all */
};
MESSAGE(group_info_reply)

/* Forget what it has committed.  The reply is empty, and comes when that is durable.
 * ERROR_INVALID while it has members; ERROR_NOT_FOUND. */
struct message_group_remove {
	struct bytes name;
};
MESSAGE(group_remove)

#endif
