#ifndef CLIENT_FEED_H
#define CLIENT_FEED_H

#include "client/conversation.h"
#include "client/millstream.h"
#include "client/place.h"
#include "protocol/batch.h"
#include "protocol/message_subscription.h"

/* Reading: the subscriptions, what was pushed to them and is not yet handed out, and
 * the record that is lent.  Pure.
 *
 * Pushed frames stay where they were received (client/inbox.h); feed_next walks their
 * batches in place, so a record costs no allocation and no copy.  How much waits is
 * bounded by the credit that was given.  When the connection goes, batches that wait
 * are dropped, to be asked for again: a place's next_offset counts what was handed
 * out and nothing else. */

#define FEED_CREDIT_BYTES_DEFAULT       (4u * 1024 * 1024)
/* News that wait to be handed out; a server that sends more is not believed. */
#define FEED_NEWS_MAX                   (4u * SUBSCRIPTION_PARTITIONS_MAX)

enum subscription_state {
	SUBSCRIPTION_IDLE,      /* to be asked for, as soon as there is a connection */
	SUBSCRIPTION_ASKED,
	SUBSCRIPTION_LIVE,
	SUBSCRIPTION_ENDED,     /* for good */
};

struct millstream_subscription {
	struct feed *feed;
	struct millstream_client *client;
	enum subscription_state state;
	uint32_t id;                    /* the request id of its SUBSCRIBE */
	struct request request;
	bool has_begun;                 /* it was live once: now its places count */
	uint8_t instance[16];           /* in this log */
	struct error refusal;           /* of the first SUBSCRIBE */

	/* Copies of what was asked for. */
	msgpack_sbuffer topics;         /* encoded items */
	uint32_t topic_count;
	msgpack_sbuffer partitions;     /* encoded items */
	uint32_t partition_count;
	char *group;                    /* or NULL */
	enum message_start start;
	int64_t offset;
	int64_t time_us;

	struct places places;
	uint64_t credit_bytes;          /* the whole of it */
	int64_t given_bytes;            /* that the server may still send; below 0: its last
					 * batches overdrew it */
	uint64_t consumed_bytes;        /* to be given back */
	TAILQ_ENTRY(millstream_subscription) link;
};

TAILQ_HEAD(subscription_queue, millstream_subscription);

/* Something that waits to be handed out. */
struct entry {
	struct millstream_subscription *subscription;   /* NULL: was taken out */
	struct place *place;            /* NULL: of the whole subscription */
	enum millstream_kind kind;      /* MILLSTREAM_RECORD: batches */
	bool is_kept;                   /* also when the connection goes */
	struct block *block;            /* held; NULL: none */
	struct bytes batches;
	uint32_t credit_bytes;          /* to be given back with it */
	uint64_t start_offset;
	uint64_t end_offset;
	int error_code;
	char *text;                     /* owned, or NULL */
};

struct feed {
	struct conversation *conversation;
	struct subscription_queue subscriptions;
	uint32_t subscription_count;

	struct entry *entries;          /* owned: a ring */
	uint32_t capacity;
	uint32_t head;
	uint32_t count;

	struct entry current;           /* being handed out; subscription NULL: none */
	struct bytes batches;           /* of it, not yet begun */
	bool is_in_batch;
	struct batch_cursor cursor;
	uint64_t batch_end;             /* the offset behind it */
	struct block *lent_block;       /* of the record that is lent, held */
	char *lent_text;                /* owned */
	struct millstream_record record;
};

void feed_init(struct feed *feed, struct conversation *conversation);
void feed_clear(struct feed *feed);

/* Copies the options.  ERROR_MEMORY, ERROR_INVALID, ERROR_LIMIT. */
int feed_subscribe(struct feed *feed, const struct millstream_subscribe_options *options,
		   struct millstream_subscription **out, struct error *err);
void feed_unsubscribe(struct millstream_subscription *subscription);

/* The next record or news: 1 and feed->record, or 0. */
int feed_next(struct feed *feed);

/* For conversation's observer. */
int feed_on_ready(struct feed *feed, struct error *err);
int feed_on_push(struct feed *feed, const struct frame *frame, struct error *err);
void feed_on_lost(struct feed *feed);

/* A SEEK is answered: go on at offset, and drop what waits of the old place. */
void feed_moved(struct feed *feed, struct millstream_subscription *subscription,
		struct place *place, uint64_t offset);

/* feed_subscribe.c: ask for a subscription that is idle.  ERROR_MEMORY, ERROR_LIMIT. */
int feed_ask(struct millstream_subscription *subscription, struct error *err);
/* feed_entry.c: put something in line; takes text.  ERROR_MEMORY, ERROR_LIMIT. */
int feed_append(struct feed *feed, const struct entry *entry, struct error *err);
/* Give bytes back to the server, when they are worth a frame. */
int feed_give_credit(struct millstream_subscription *subscription, uint64_t bytes,
		     struct error *err);
/* Take a subscription's entries out of the line. */
void feed_forget(struct feed *feed, const struct millstream_subscription *subscription);
/* The current entry is done with, or dropped. */
void feed_finish_current(struct feed *feed);
void feed_drop_entry(struct feed *feed, struct entry *entry);

#endif
