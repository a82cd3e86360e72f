#ifndef TESTS_SUPPORT_TOY_BROKER_H
#define TESTS_SUPPORT_TOY_BROKER_H

#include "protocol/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A server for tests of the client: a thread that keeps topics in memory, follows
 * the protocol, and misbehaves on demand.  Functions here may be called from the
 * test's thread at any time. */

struct toy_broker;

struct toy_broker *toy_broker_start(void);
/* Also ends its connections. */
void toy_broker_stop(struct toy_broker *toy);

/* "127.0.0.1:40001" */
const char *toy_broker_url(const struct toy_broker *toy);

void toy_broker_add_topic(struct toy_broker *toy, const char *name, uint32_t partition_count);
void toy_broker_remove_topic(struct toy_broker *toy, const char *name);
/* Append records, each a batch of its own, with values "0", "1", …. */
void toy_broker_append(struct toy_broker *toy, const char *topic, uint32_t partition,
		       uint32_t count);
/* Records, and a copy of one's value as text. */
uint64_t toy_broker_end(struct toy_broker *toy, const char *topic, uint32_t partition);
void toy_broker_value(struct toy_broker *toy, const char *topic, uint32_t partition,
		      uint64_t offset, char *out, size_t size);

struct toy_faults {
	/* The next connection is reset when so many bytes were sent (received); -1: not. */
	long cut_after_sent_bytes;
	long cut_after_received_bytes;
	bool sends_single_bytes;
	/* PUBLISHes from now on are answered with this error, so many of them. */
	uint32_t refused_publish_count;
	uint32_t refused_publish_skip;  /* after so many that are done */
	enum error_code refusal;
	bool is_mute;                   /* takes everything, sends nothing */
	uint32_t log_start;             /* of every partition: what is before is gone */
	bool damages_batches;           /* one bit in each */
	const struct error *goodbye;    /* said to each new connection instead of HELLO's reply */
	uint32_t heartbeat_ms;          /* 0: 10 s */
	uint8_t instance;               /* every byte of its id */
	bool sends_more_than_credit;
	enum error_code subscribe_refusal;      /* ERROR_NONE: none */
	bool creates_topics;            /* of two partitions, when METADATA asks for it */
	/* Sent, as it is, when SUBSCRIBE is answered. */
	const void *junk;
	size_t junk_bytes;
};

void toy_broker_set_faults(struct toy_broker *toy, const struct toy_faults *faults);
extern const struct toy_faults toy_no_faults;

/* Reset every connection now. */
void toy_broker_cut(struct toy_broker *toy);

/* Since the start: connections, bytes sent and received by the last one, frames of a
 * type received by all. */
uint32_t toy_broker_connections(struct toy_broker *toy);
long toy_broker_sent_bytes(struct toy_broker *toy);
long toy_broker_received_bytes(struct toy_broker *toy);
uint32_t toy_broker_frames(struct toy_broker *toy, enum frame_type type);
/* Records stored twice would be counted by toy_broker_end: this counts repeats that
 * were recognized. */
uint32_t toy_broker_duplicates(struct toy_broker *toy);

#endif
