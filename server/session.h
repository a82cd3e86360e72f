#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "protocol/connection_state.h"
#include "protocol/frame.h"
#include "server/service.h"

/* One client, as the protocol sees it: bytes in, frames out, no socket and no
 * clock of its own (so that it is fuzzed and simulated).  connection.c carries the
 * bytes.  The loop's thread alone. */

struct publish;

/* What a session asks of whoever carries its bytes.  Never called from within
 * session_destroy. */
struct session_transport {
	/* session->output holds bytes to send.  May be called often; sends soon. */
	void (*on_output)(struct session *session);
	/* It takes no more input until on_resume (is_paused tells which). */
	void (*on_resume)(struct session *session);
	/* It is over: send what is in output, then close.  Called once. */
	void (*on_end)(struct session *session);
};

struct session {
	struct service *service;
	const struct session_transport *transport;
	void *carrier;                  /* the transport's own */
	uint64_t id;
	char peer[64];                  /* "127.0.0.1:40312", for people */
	char client[64];                /* as it calls itself */
	enum connection_state state;
	struct frame_parser parser;
	msgpack_sbuffer output;         /* whole frames, not yet given to the transport */
	size_t unsent_bytes;            /* what the transport still has of earlier ones */
	size_t delivered_bytes;         /* of the last delivery: one batch may be larger than
					 * the output's limit, and comes on top of it */
	struct subscription_list subscriptions;
	uint32_t subscription_count;
	struct publish *waiting;        /* owned: the appender's queue was full */
	bool is_paused;
	bool has_ended;                 /* takes and sends nothing more */
	bool is_abandoned;              /* destroyed as soon as operation_count is 0 */
	uint32_t operation_count;       /* under way in other threads, holding this */
	int64_t opened_ms;
	int64_t last_received_ms;
	int64_t last_ping_ms;
	unsigned int group_commit_count;        /* under way */
	TAILQ_ENTRY(session) waiting_link;      /* while it is waiting */
	LIST_ENTRY(session) link;
};

int session_create(struct session **out, struct service *service,
		   const struct session_transport *transport, void *carrier, const char *peer,
		   int64_t now_ms, struct error *err);

/* The transport is gone.  Frees it, at once or when its operations have ended. */
void session_destroy(struct session *session);

/* Bytes have come.  Returns how many it took: all, or fewer when it has paused or
 * ended. */
size_t session_feed(struct session *session, const uint8_t *data, size_t size, int64_t now_ms);

/* Time has passed: login time out, heartbeats. */
void session_tick(struct session *session, int64_t now_ms);

/* The transport has sent some of what it had. */
void session_sent(struct session *session, size_t unsent_bytes);

/* Say goodbye and end. */
void session_end(struct session *session, const struct error *why);

/* For the handlers (session_*.c). */

/* Answer a request with an error; with what was encoded to session->output. */
void session_refuse(struct session *session, uint8_t type, uint32_t request_id,
		    const struct error *why);
/* Something was appended to session->output. */
void session_flush(struct session *session);

/* An operation in another thread holds the session. */
void session_hold(struct session *session);
void session_release(struct session *session);

/* A request's handler: -1 and err when it refuses; else it has answered, or will. */
typedef int session_handler(struct session *session, const struct frame *frame,
			    struct error *err);
session_handler session_metadata, session_offsets, session_schema;
session_handler session_topic_create, session_topic_configure, session_topic_delete;
session_handler session_publish;
session_handler session_subscribe, session_unsubscribe, session_credit, session_seek;
session_handler session_commit, session_committed;
session_handler session_groups, session_group_info, session_group_remove;
session_handler session_status;
session_handler session_sources, session_source_control;

/* Has the group committed anything?  ERROR_NOT_FOUND: no.  (session_group.c) */
int session_group_find(struct session *session, struct bytes group, struct error *err);

/* The appender has room again: try what waits.  False: it has not, and the session waits on.
 * (session_publish.c) */
bool session_publish_resume(struct session *session);
void session_publish_drop(struct session *session);

#endif
