#ifndef PROTOCOL_MESSAGE_SUBSCRIPTION_H
#define PROTOCOL_MESSAGE_SUBSCRIPTION_H

#include "protocol/message.h"

/* Following topics: SUBSCRIBE, CREDIT, SEEK, UNSUBSCRIBE, and what the server pushes.
 * A subscription is named by the request id of its SUBSCRIBE. */

enum message_start {
	START_BEGINNING = 1,
	START_END,
	START_STORED,           /* what the group committed; without that, the beginning */
	START_OFFSET,           /* offset; negative: so many before the visible end */
	START_TIME,             /* the first record at or after time_us; else the end */
};

struct message_subscribe {
	struct message_list topics;     /* of message_pattern: 1 to PATTERNS_MAX */
	enum message_start start;       /* absent: START_BEGINNING */
	int64_t offset;                 /* of START_OFFSET */
	int64_t time_us;                /* of START_TIME */
	struct message_list partitions; /* of message_partition_number; empty: all */
	struct bytes group;             /* may be nil; START_STORED needs it */
	uint64_t credit;                /* bytes, to begin with */
	struct message_list positions;  /* of message_position: starts that win */
	struct message_list places;     /* of message_id_position: likewise, by topic id */
	bool resume;                    /* names need not be there */
};
MESSAGE(subscribe)

struct message_subscribed {             /* [topic, topic id, partition, offset, visible end] */
	struct bytes topic;
	uint32_t topic_id;
	uint32_t partition;
	uint64_t offset;                /* where delivery starts */
	uint64_t visible_end;
};
MESSAGE_ITEM(subscribed, struct message_subscribed)

struct message_subscribe_reply {
	struct message_list partitions; /* of message_subscribed */
};
MESSAGE(subscribe_reply)

/* Its reply is empty; no push of the subscription follows it. */
struct message_unsubscribe {
	uint32_t subscription;
};
MESSAGE(unsubscribe)

/* No reply.  Unknown subscriptions are ignored: it may have ended just now. */
struct message_credit {
	uint32_t subscription;
	uint64_t bytes;                 /* 1 to CREDIT_BYTES_MAX, added to what is left */
};
MESSAGE(credit)

/* Its reply is empty; behind it, no batch is delivered that the old place led to. */
struct message_seek {
	uint32_t subscription;
	struct message_list positions;  /* of message_id_position: 1 or more */
};
MESSAGE(seek)

/* The head of BATCHES.  `bytes` bytes of batches follow, as stored.  The first may
 * begin before the offset that was asked for: the reader skips. */
struct message_batches {
	uint32_t topic_id;
	uint32_t partition;
	uint64_t visible_end;
	uint32_t bytes;
	struct bytes batches;           /* decoded: lent.  To encode: not looked at */
};
extern const struct message_layout message_batches_layout;

/* Append the frame up to its batches; the caller sends message->bytes bytes of them
 * right behind it (append them to the same buffer, say). */
int message_batches_encode_head(msgpack_sbuffer *frame, uint32_t subscription,
				const struct message_batches *message, struct error *err);
int message_batches_decode(struct bytes body, struct message_batches *out, struct error *err);

/* Cut the next batch off the front of *batches: 1, 0 at the end, -1 when what
 * stands there is no batch (ERROR_MALFORMED, ERROR_FORMAT_VERSION, ERROR_UNSUPPORTED).
 * Whether it is whole tells batch_check() with the topic id and the partition. */
int message_batches_next(struct bytes *batches, struct bytes *out, struct error *err);

enum message_notice_kind {
	NOTICE_UNKNOWN,                 /* of a newer server: to be skipped */
	NOTICE_PARTITION_ADDED,         /* delivered from start_offset on */
	NOTICE_TOPIC_DELETED,           /* nothing more will come of the topic */
	NOTICE_OUT_OF_RANGE,            /* start_offset to before end_offset cannot be had;
					 * the partition waits for a SEEK */
	NOTICE_DAMAGED,                 /* likewise: stored data is damaged there */
	NOTICE_CAUGHT_UP,               /* all up to end_offset, the visible end when the
					 * subscription or the partition began, is delivered */
	NOTICE_REFUSED,                 /* a new partition that the subscription has no room for */
};

struct message_notice {
	enum message_notice_kind kind;
	struct bytes topic;
	uint32_t topic_id;
	uint32_t partition;             /* of TOPIC_DELETED: 0, of no meaning */
	uint64_t start_offset;
	uint64_t end_offset;
	struct bytes text;              /* for people; may be nil */
};
MESSAGE(notice)

#endif
