#ifndef STORAGE_GROUPS_H
#define STORAGE_GROUPS_H

#include "protocol/limits.h"
#include "storage/appender.h"
#include "storage/reader.h"

/* What groups of subscribers have committed: for each partition the next offset
 * to read.  Written by the appender, in the same commits as records. */

#define GROUP_METADATA_BYTES_MAX 4096

struct group_offset {
	uint32_t topic_id;
	uint32_t partition;
	uint64_t offset;
	int64_t time_us;                /* of the commit; not read by groups_commit */
	struct bytes metadata;          /* text; may be nil.  Read: lent by the caller's buffer */
};

/* Called once, on the appender's thread; must not block.  err NULL: durable. */
typedef void groups_done(void *user, const struct error *err);

/* Store them all, or none; copies.  Any thread, the loop too: does not wait.
 * ERROR_MEMORY, ERROR_STOPPED; through on_done also ERROR_NOT_FOUND (no such
 * topic or partition), ERROR_DISK_FULL. */
int groups_commit(struct appender *appender, struct bytes group,
		  const struct group_offset *offsets, size_t count, groups_done *on_done, void *user,
		  struct error *err);

/* 1 and the offset (its metadata nil), 0: none was committed, -1. */
int groups_read(struct reader *reader, struct bytes group, uint32_t topic_id,
		uint32_t partition, struct group_offset *out, struct error *err);

/* Forget all that the group has committed; copies.  Done and failing as groups_commit. */
int groups_remove(struct appender *appender, struct bytes group, groups_done *on_done, void *user,
		  struct error *err);

/* The group's first offset behind (topic id, partition); has_after false: the first
 * of all.  1, 0, -1.  metadata is appended to buffer, which is cleared first; buffer NULL:
 * it is nil. */
int groups_next(struct reader *reader, struct bytes group, bool has_after,
		uint32_t after_topic_id, uint32_t after_partition, struct group_offset *out,
		msgpack_sbuffer *buffer, struct error *err);

/* The first group that has committed something and whose name sorts behind `after`, by
 * bytes; an empty one: the first of all.  1, 0, -1. */
struct group_name {
	uint8_t bytes[GROUP_NAME_BYTES_MAX];
	size_t size;
};
int groups_next_name(struct reader *reader, struct bytes after, struct group_name *out,
		     struct error *err);

/* For storage/ alone: an entry of the table.  Lends.  ERROR_CORRUPT. */
int groups_decode(struct bytes key, struct bytes value, struct bytes *out_group,
		  struct group_offset *out, struct error *err);

#endif
