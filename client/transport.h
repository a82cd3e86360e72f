#ifndef CLIENT_TRANSPORT_H
#define CLIENT_TRANSPORT_H

#include "client/url.h"
#include "protocol/bytes.h"

#include <stdbool.h>
#include <sys/types.h>

struct addrinfo;

/* A TCP connection that never blocks, but for looking up a host's name.  The one
 * place in client/ that makes system calls. */

enum transport_state {
	TRANSPORT_CLOSED,
	TRANSPORT_CONNECTING,
	TRANSPORT_OPEN,
};

struct transport {
	enum transport_state state;
	int fd;                         /* -1: none */
	struct addrinfo *addresses;     /* owned, while connecting */
	const struct addrinfo *address; /* the one that is tried */
};

void transport_init(struct transport *transport);
void transport_close(struct transport *transport);

/* Begin to connect.  ERROR_CONNECTION. */
int transport_open(struct transport *transport, const struct url *url, struct error *err);

/* While connecting, when the descriptor is writable: 1 connected, 0 not yet (it may
 * be trying the next address, with another descriptor), -1 ERROR_CONNECTION, closed. */
int transport_continue(struct transport *transport, const struct url *url, struct error *err);

/* The address that is tried does not answer: as transport_continue, with the next. */
int transport_give_up(struct transport *transport, const struct url *url, struct error *err);

/* Bytes moved; 0: not now; -1: ERROR_CONNECTION. */
ssize_t transport_send(struct transport *transport, const void *data, size_t size,
		       struct error *err);
ssize_t transport_receive(struct transport *transport, void *out, size_t size,
			  struct error *err);

/* poll(2)'s: what happened, 0 after timeout_ms (-1: no end) or a signal. */
short transport_wait(const struct transport *transport, short events, int timeout_ms);

/* Monotonic. */
int64_t transport_now_ms(void);
/* Milliseconds old at most, and cheaper. */
int64_t transport_roughly_now_ms(void);

/* Numbers that nobody else has. */
uint64_t transport_random(void);

#endif
