#ifndef CLIENT_PUBLISHER_H
#define CLIENT_PUBLISHER_H

#include "client/conversation.h"
#include "client/millstream.h"
#include "protocol/message_publish.h"

/* Publishing: records on their way, in batches, one line of them (a lane) for each
 * partition.  Pure.
 *
 * Each lane is a producer of its own with a random id, and numbers its records; the
 * server stores what comes with the number it expects, answers what it has already,
 * and refuses what is ahead of that.  Hence:
 *
 *   connection lost    what was under way is in doubt: it is sent again, the same
 *                      numbers, so it is stored once
 *   refused            it is not stored, and neither is what was sent behind it (a gap
 *                      in the numbers); when all answers are here, what is left is
 *                      numbered anew from there and sent again
 *   nothing stored yet a server does not know the producer and takes any number as the
 *                      first: so until the first answer, one batch is under way
 *   given up in doubt  it may be stored or not: everything in doubt of that lane is
 *                      reported so, and the lane becomes another producer
 *
 * A batch is sent when it is full, or when its lane has nothing under way. */

#define PUBLISHER_BUFFER_BYTES_DEFAULT  (32u * 1024 * 1024)
#define PUBLISHER_BATCH_BYTES_DEFAULT   (64u * 1024)
#define PUBLISHER_REQUESTS_MAX_DEFAULT  16u
#define PUBLISHER_TIMEOUT_MS_DEFAULT    (120 * 1000)
#define PUBLISHER_PAUSE_MS_MIN          100     /* before a refused batch is sent again */
#define PUBLISHER_PAUSE_MS_MAX          5000

struct receipt {
	millstream_on_delivered on_delivered;
	void *user;
};

/* One PUBLISH. */
struct parcel {
	struct request request;         /* under way while its id is not 0 */
	struct lane *lane;
	msgpack_sbuffer records;
	struct receipt *receipts;       /* owned; of each record */
	uint32_t count;
	uint32_t receipt_capacity;
	size_t bytes;                   /* counted in waiting_bytes */
	bool is_in_doubt;               /* was sent, and the answer is lost */
	int verdict;                    /* a code: it failed, to be reported in its turn */
	char *verdict_text;             /* owned, or NULL */
	int64_t deadline_ms;
	TAILQ_ENTRY(parcel) link;      /* its lane's, oldest first */
};

TAILQ_HEAD(parcel_queue, parcel);

struct lane {
	struct publish_topic *topic;
	uint32_t partition;
	struct parcel_queue parcels;
	uint32_t under_way_count;
	uint64_t producer;
	uint64_t next_sequence;         /* of the oldest parcel */
	bool is_known;                  /* the server has stored something of this producer */
	bool is_draining;               /* one was refused: wait for the other answers */
	bool needs_new_producer;
	uint32_t refusals_count;        /* out of sequence, in a row */
	int64_t resume_ms;              /* not before: 0 at once */
	int64_t pause_ms;
	int64_t answered_ms;
	TAILQ_ENTRY(lane) link;         /* of the lanes with parcels */
};

TAILQ_HEAD(lane_queue, lane);

enum publish_topic_state {
	PUBLISH_TOPIC_UNKNOWN,
	PUBLISH_TOPIC_ASKED,
	PUBLISH_TOPIC_KNOWN,
	PUBLISH_TOPIC_REFUSED,          /* the answer is handed out once, then it is unknown */
};

struct publish_topic {
	struct publisher *publisher;
	enum publish_topic_state state;
	struct request request;
	struct error refusal;
	uint32_t partition_count;
	uint32_t next_partition;        /* for records without a key */
	struct lane **lanes;            /* owned, lane_count of them; NULL: none yet */
	uint32_t lane_count;
	SLIST_ENTRY(publish_topic) link;
	char name[];
};

struct publisher {
	struct conversation *conversation;
	SLIST_HEAD(, publish_topic) topics;
	struct publish_topic *last_topic;
	struct lane_queue lanes;        /* that have parcels */
	struct parcel *spare;           /* owned */
	size_t waiting_bytes;           /* of memory that parcels take */
	size_t unacknowledged_count;
	uint32_t under_way_count;
	uint8_t instance[16];           /* the log that the producers write to */
	uint64_t random;                /* state */

	size_t buffer_bytes;
	size_t batch_bytes;
	uint32_t requests_max;
	int timeout_ms;                 /* negative: none */

	int first_failure;              /* code of a delivery, since it was asked for */
	struct error hold_up;           /* why the server takes no more for now; ERROR_NONE: it does */
	struct error failure;
	bool is_delivering;             /* inside on_delivered */
};

/* seed: from a source of random numbers, for the producers' ids. */
void publisher_init(struct publisher *publisher, struct conversation *conversation,
		    uint64_t seed);
/* Everything that waits is reported with this code. */
void publisher_clear(struct publisher *publisher, int code);

/* 1: in line; 0: not yet: no room, or the topic's description is on its way; -1: ERROR_INVALID, ERROR_LIMIT, ERROR_NOT_FOUND, ERROR_MEMORY, …. */
int publisher_add(struct publisher *publisher, const struct millstream_message *message,
		  millstream_on_delivered on_delivered, void *user, int64_t now_ms,
		  struct lane **out_lane, struct error *err);

/* Append what may be sent now to the conversation's output; give up what is too old.
 * ERROR_MEMORY; ERROR_TIMEOUT: the server owes an answer, the connection has to end. */
int publisher_send(struct publisher *publisher, int64_t now_ms, struct error *err);
/* When publisher_send has something to do at the latest; INT64_MAX: no need. */
int64_t publisher_next_ms(const struct publisher *publisher);
/* For conversation's observer: behind requests' own on_lost. */
int publisher_on_ready(struct publisher *publisher, struct error *err);
void publisher_on_lost(struct publisher *publisher);

/* publish_topic.c */
struct publish_topic *publish_topic_find(struct publisher *publisher, const char *name,
					 struct error *err);
/* Ask for its description, if it is not under way and there is a connection. */
int publish_topic_ask(struct publish_topic *topic, struct error *err);
void publish_topic_forget(struct publish_topic *topic);
struct lane *publish_topic_lane(struct publish_topic *topic, uint32_t partition,
				struct error *err);
void publish_topic_destroy(struct publish_topic *topic);

/* lane.c */
int lane_create(struct publish_topic *topic, uint32_t partition, struct lane **out,
		struct error *err);
/* Its parcels have to be delivered. */
void lane_destroy(struct lane *lane);
/* Where a record of so many bytes goes: the last parcel, or a new one behind it. */
struct parcel *lane_parcel(struct lane *lane, size_t record_bytes, int64_t now_ms,
			   struct error *err);
/* The next to be sent, if that may be done now; else NULL. */
struct parcel *lane_sendable(struct lane *lane, int64_t now_ms);
int lane_send(struct lane *lane, struct parcel *parcel, struct error *err);
/* Give up what is too old.  True: an answer is owed for too long. */
bool lane_expire(struct lane *lane, int64_t now_ms);
/* The connection is gone, and its requests are lost. */
void lane_settle(struct lane *lane);
/* The log is another one. */
void lane_start_over(struct lane *lane);
/* Take the oldest parcel out, report its result and free it.  first_offset UINT64_MAX:
 * not known. */
void lane_deliver(struct lane *lane, int code, const char *text, uint64_t first_offset);

#endif
