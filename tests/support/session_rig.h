#ifndef TESTS_SUPPORT_SESSION_RIG_H
#define TESTS_SUPPORT_SESSION_RIG_H

#include "server/session.h"

/* A log opened for serving, without sockets: sessions whose transport is memory.
 * What goes wrong in setting it up aborts the test. */
struct session_rig {
	char *dir;
	uv_loop_t loop;
	struct service service;
	int64_t now_ms;
};

struct session_rig *session_rig_create(void);
void session_rig_destroy(struct session_rig *rig);

/* A session and what it has said so far. */
struct rig_session {
	struct session_rig *rig;
	struct session *session;
	msgpack_sbuffer said;           /* all frames, in order */
	size_t read_bytes;              /* of those, how many rig_next has given */
	uint8_t *kept;                  /* owned: input that a pause has left */
	size_t kept_bytes;
	bool has_ended;
	bool stops_reading;             /* its transport takes nothing more */
};

struct rig_session *rig_session_create(struct session_rig *rig);
void rig_session_destroy(struct rig_session *session);

/* Bytes from the client, in one piece; what a pause leaves is fed when it resumes. */
void rig_feed(struct rig_session *session, const void *data, size_t size);

/* Let other threads' work come in and deliveries go out, once. */
void rig_run(struct session_rig *rig);

/* The next frame that it says, waiting for it; false: it has ended and has no
 * more to say.  A deadline aborts.  Lent until the next call. */
bool rig_next(struct rig_session *session, struct frame *out);

/* The reply to a request, past everything else. */
bool rig_reply(struct rig_session *session, uint32_t request_id, struct frame *out);

/* HELLO and its reply. */
void rig_greet(struct rig_session *session);

#endif
