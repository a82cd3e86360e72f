#ifndef PROTOCOL_MESSAGE_SESSION_H
#define PROTOCOL_MESSAGE_SESSION_H

#include "protocol/message.h"

/* Coming and going: HELLO, AUTH, GOODBYE, and the error reply.  PING {} has a reply
 * {} (message_empty_encode). */

struct message_hello {
	uint32_t version;               /* the one the client wants: PROTOCOL_VERSION */
	struct bytes client;            /* "myprogram/1.2", for logs; may be nil */
};
MESSAGE(hello)

/* A server that lacks the version sends an error reply, ERROR_VERSION with the
 * versions it has, and closes. */
struct message_hello_reply {
	uint32_t version;
	struct bytes server;            /* "millstream 0.1" */
	struct bytes instance;          /* 16 bytes: which log this is */
	uint32_t max_frame_bytes;       /* of frames that the client sends */
	uint32_t heartbeat_ms;
	bool auth;                      /* AUTH has to come next */
};
MESSAGE(hello_reply)

struct message_auth {
	struct bytes mechanism;
	struct bytes data;              /* may be nil */
};
MESSAGE(auth)

struct message_auth_reply {
	struct bytes data;              /* the mechanism's next word; may be nil */
	bool done;                      /* false: the client sends another AUTH */
};
MESSAGE(auth_reply)

/* The last frame of a connection; request id 0. */
struct message_goodbye {
	uint32_t code;                  /* enum error_code, or one of a newer version */
	struct bytes error;             /* text for people */
	bool retryable;                 /* connecting again may help */
};
MESSAGE(goodbye)

/* GOODBYE with a struct error; its text is made UTF-8 and never empty. */
int message_goodbye_encode_error(msgpack_sbuffer *frame, const struct error *why,
				 struct error *err);

/* The body of every reply with FRAME_FLAG_ERROR. */
struct message_error {
	uint32_t code;
	struct bytes error;
	bool retryable;
	uint32_t version_min;           /* with ERROR_VERSION: what the server speaks; else 0 */
	uint32_t version_max;
};
extern const struct message_layout message_error_layout;

/* An error reply to the request of this type and id; with ERROR_VERSION it tells
 * our versions.  The text is made UTF-8 and never empty. */
int message_error_encode(msgpack_sbuffer *frame, uint8_t type, uint32_t request_id,
			 const struct error *why, struct error *err);
int message_error_decode(struct bytes body, struct message_error *out, struct error *err);

/* The other side's error as one of ours; a code that is not known here stays a
 * number. */
void message_error_get(const struct message_error *message, struct error *out);

#endif
