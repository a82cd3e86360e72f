#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "client/conversation.h"
#include "client/feed.h"
#include "client/millstream.h"
#include "client/publisher.h"
#include "client/schema_cache.h"
#include "client/transport.h"

/* A client: the protocol's side (conversation, feed, publisher: pure) joined to a
 * socket and a clock.  Every public call comes through here. */

#define CLIENT_PAUSE_MS_MIN     100     /* between attempts to connect */
#define CLIENT_PAUSE_MS_MAX     5000
#define CLIENT_CONNECT_MS       10000

struct millstream_client {
	struct url url;
	char *name;                     /* owned, or NULL */
	struct transport transport;
	struct conversation conversation;
	struct feed feed;
	struct publisher publisher;
	struct schema_cache schemas;
	int connect_timeout_ms;
	int pause_min_ms;
	int pause_max_ms;

	int64_t now_ms;                 /* of the turn */
	int64_t turned_ms;              /* of the last turn */
	int64_t attempt_ms;             /* the next, or when the one under way is given up */
	int64_t pause_ms;
	uint64_t failed_count;          /* attempts and connections that came to an end */
	bool is_refused;                /* connecting again is of no use: see lost */
	struct error lost;              /* why there is no connection */
	uint32_t quiet_count;           /* records published without a turn */

	struct error err;               /* of the last call that failed */
	bool is_retryable;
	bool is_calling_back;           /* inside a callback of a walk */
	struct call *call;              /* under way; NULL: none */
	msgpack_sbuffer reply;          /* of the last call: what is lent points in here */
	void *lent;                     /* owned: for millstream_status */
};

/* INT64_MAX: no end. */
int64_t client_deadline(int timeout_ms);

/* One round: connect, send and receive what is possible, waiting for it until
 * deadline_ms at most.  A connection that is lost is no failure, it is opened again:
 * 0; -1: it cannot be, client->lost says why. */
int client_turn(struct millstream_client *client, int64_t deadline_ms);

/* End the connection, and open another one with the next turn. */
void client_drop(struct millstream_client *client, const char *why);

/* What a call that did not come to its end returns: MILLSTREAM_TIMEOUT or _DISCONNECTED. */
int client_not_yet(struct millstream_client *client);
/* A call failed: remember why, and return the code for it. */
int client_fail(struct millstream_client *client, const struct error *err, bool is_retryable);
int client_fail_code(struct millstream_client *client, enum error_code code, const char *text);

/* Begin a public call: MILLSTREAM_BUSY from within a callback. */
int client_enter(struct millstream_client *client);

/* A request with a reply, done by one public call (client/call.c). */
struct call {
	enum frame_type type;
	/* Append the frame.  Again after a lost connection, unless is_once. */
	int (*encode)(const struct call *call, msgpack_sbuffer *frame, uint32_t id,
		      struct error *err);
	const void *message;
	/* It was done: before anything that came behind the reply is looked at.  NULL: nothing. */
	void (*on_done)(void *user);
	void *user;
	bool is_once;
	/* Internal. */
	struct request request;
	bool is_done;
	bool is_retryable;
	struct error refusal;           /* code ERROR_NONE: none */
	bool is_lost;
	int64_t deadline_ms;
};

/* MILLSTREAM_OK and client->reply; else as the public functions. */
int client_call(struct millstream_client *client, struct call *call);

/* The body that the last call has brought. */
static inline struct bytes client_reply(const struct millstream_client *client)
{
	return (struct bytes){ (const uint8_t *)client->reply.data, client->reply.size };
}

#endif
