#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include "server/session.h"

#include <uv.h>

/* A TCP connection: carries a session's bytes.  It owns itself from accept until
 * its last close callback.  The loop's thread alone. */
struct connection;

struct connection_owner {
	struct service *service;
	void (*on_closed)(struct connection_owner *owner);
};

/* Take the next client from a listening socket.  ERROR_MEMORY, ERROR_IO. */
int connection_accept(uv_stream_t *listener, struct connection_owner *owner,
		      struct session **out, struct error *err);

/* Stop reading, send what waits for a short while, then close. */
void connection_close(struct session *session);

#endif
