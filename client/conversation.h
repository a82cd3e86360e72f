#ifndef CLIENT_CONVERSATION_H
#define CLIENT_CONVERSATION_H

#include "client/inbox.h"
#include "protocol/message_session.h"

#include <sys/queue.h>

/* The client's side of the protocol: bytes in, bytes out, and calls to those who
 * wait for replies or follow what is pushed.  Pure: no socket and no clock, so that
 * it is tested and fuzzed without either.  It outlives connections. */

struct conversation;
struct request;

/* What came back. */
struct reply {
	const struct error *err;        /* NULL: done, and body says what */
	bool is_retryable;
	struct bytes body;              /* lent during the call */
};

/* Something asked and not yet answered.  Embedded in what waits. */
struct request {
	uint32_t id;                    /* 0: not under way */
	uint8_t type;
	/* -1: the reply is against the protocol, err says how: the connection ends. */
	int (*on_reply)(struct conversation *conversation, struct request *request,
			const struct reply *reply, struct error *err);
	/* The connection is gone, and so is the question whether it was done. */
	void (*on_lost)(struct conversation *conversation, struct request *request);
	void *user;
	TAILQ_ENTRY(request) link;
};

TAILQ_HEAD(request_queue, request);

/* Who takes part, beside requests. */
struct conversation_observer {
	/* READY: take up again what is to go on. */
	int (*on_ready)(void *user, struct error *err);
	/* BATCHES or NOTICE. */
	int (*on_push)(void *user, const struct frame *frame, struct error *err);
	void (*on_lost)(void *user);
};

struct conversation {
	enum connection_state state;
	bool is_open;                   /* there is a connection */
	struct inbox inbox;
	msgpack_sbuffer output;         /* whole frames */
	size_t sent_bytes;              /* of output */
	uint32_t last_request_id;
	struct request_queue requests;
	struct request hello;
	struct request ping;
	const char *client_name;        /* lent */
	const struct conversation_observer *observer;
	void *user;

	/* What the server said of itself. */
	uint8_t instance[16];           /* which log it has */
	uint32_t frame_bytes_max;
	uint32_t heartbeat_ms;

	int64_t now_ms;
	int64_t heard_ms;               /* when something arrived last */
	bool is_final;                  /* connecting again does not help */
};

void conversation_init(struct conversation *conversation,
		       const struct conversation_observer *observer, void *user,
		       const char *client_name);
void conversation_clear(struct conversation *conversation);

/* There is a connection: say HELLO.  ERROR_MEMORY. */
int conversation_begin(struct conversation *conversation, int64_t now_ms, struct error *err);

/* It is gone, for whatever reason. */
void conversation_end(struct conversation *conversation);

/* Bytes were put where inbox_room said.  -1: end the connection; is_final tells
 * whether another one may help. */
int conversation_received(struct conversation *conversation, size_t bytes, int64_t now_ms,
			  struct error *err);

/* Bytes of output were sent. */
void conversation_sent(struct conversation *conversation, size_t bytes);
struct bytes conversation_output(const struct conversation *conversation);

/* Time has passed: heartbeats.  -1: the server is silent, end the connection.
 * conversation_next_ms: when to call at the latest; INT64_MAX: no need. */
int conversation_tick(struct conversation *conversation, int64_t now_ms, struct error *err);
int64_t conversation_next_ms(const struct conversation *conversation);

/* The client made no calls for a while: the silence was not the server's. */
void conversation_excuse(struct conversation *conversation, int64_t now_ms);

bool conversation_is_ready(const struct conversation *conversation);

/* A request goes out: name it, append its frame to conversation->output with that
 * id, then wait for the reply (or take it back with conversation_forget). */
uint32_t conversation_next_id(struct conversation *conversation);
void conversation_expect(struct conversation *conversation, struct request *request, uint32_t id,
			 enum frame_type type);

/* Nobody waits for the reply any more: it will be dropped when it comes.  (Without
 * the memory to note that, the connection will end when it comes.) */
void conversation_forget(struct conversation *conversation, struct request *request);

/* A frame was appended whose reply nobody waits for. */
void conversation_expect_nothing(struct conversation *conversation, uint32_t id,
				 enum frame_type type);

#endif
