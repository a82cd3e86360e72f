#ifndef TESTS_SUPPORT_TOY_BROKER_INTERNAL_H
#define TESTS_SUPPORT_TOY_BROKER_INTERNAL_H

#include "protocol/message_subscription.h"
#include "tests/support/toy_broker.h"
#include "tests/support/toy_log.h"

#include <pthread.h>

#define TOY_CONNECTIONS_MAX     8
#define TOY_SUBSCRIPTIONS_MAX   8
#define TOY_PATTERNS_MAX        4

struct toy_cursor {
	uint32_t topic_id;              /* 0: none */
	uint64_t next_offset;
	uint64_t caught_up_offset;
	bool has_caught_up;
	bool is_waiting;
};

struct toy_subscription {
	uint32_t id;                    /* 0: none */
	int64_t credit_bytes;           /* below 0: overdrawn by one batch */
	char patterns[TOY_PATTERNS_MAX][64];
	uint32_t pattern_count;
	struct toy_cursor cursors[TOY_TOPICS_MAX][TOY_PARTITIONS_MAX];
};

struct toy_connection {
	int fd;                         /* -1: none */
	struct frame_parser parser;
	msgpack_sbuffer output;
	size_t sent_bytes;              /* of output */
	long total_sent_bytes;
	long total_received_bytes;
	long cut_after_sent_bytes;
	long cut_after_received_bytes;
	bool has_greeted;
	bool is_closing;                /* when output is sent */
	struct toy_subscription subscriptions[TOY_SUBSCRIPTIONS_MAX];
};

struct toy_broker {
	pthread_t thread;
	pthread_mutex_t lock;           /* of all below */
	char url[32];
	int listener;
	int wake[2];
	bool is_stopping;
	struct toy_log log;
	struct toy_faults faults;
	struct toy_connection connections[TOY_CONNECTIONS_MAX];
	struct toy_connection *last;
	uint32_t connection_count;
	uint32_t frame_counts[FRAME_TYPE_MAX + 1];
	uint32_t duplicate_count;
	struct { char group[64]; char topic[64]; uint32_t partition; uint64_t offset; } committed[64];
	uint32_t committed_count;
};

/* toy_session.c: answer one frame; deliver what credit allows. */
void toy_session_handle(struct toy_broker *toy, struct toy_connection *connection,
			const struct frame *frame);
void toy_session_deliver(struct toy_broker *toy, struct toy_connection *connection);
/* A topic has come, or goes. */
void toy_session_topic_added(struct toy_broker *toy, struct toy_connection *connection,
			     const struct toy_topic *topic);
void toy_session_topic_removed(struct toy_connection *connection, const struct toy_topic *topic);

#endif
