#ifndef PROTOCOL_CONNECTION_STATE_H
#define PROTOCOL_CONNECTION_STATE_H

#include "protocol/error.h"

/* The life of a connection, the same on both sides.  A pure table; which frames
 * are allowed where is frame.h's.
 *
 *   CONNECTED ──HELLO──► GREETED ──AUTH──► READY ──GOODBYE──► CLOSING
 *       └─────── HELLO, no login wanted ─────┘  (GOODBYE: from every state)
 *
 * The server moves when it sends the frame that is named, the client when it
 * receives it. */
enum connection_state {
	CONNECTION_CONNECTED,   /* nothing was said yet: HELLO alone */
	CONNECTION_GREETED,     /* HELLO is answered, a login is wanted: AUTH alone */
	CONNECTION_READY,
	CONNECTION_CLOSING,     /* GOODBYE was said: no frame follows, either way */
};
#define CONNECTION_STATES 4

enum connection_event {
	CONNECTION_SAID_HELLO,          /* HELLO's reply, auth: false */
	CONNECTION_WANTS_LOGIN,         /* HELLO's reply, auth: true */
	CONNECTION_LOGGED_IN,           /* AUTH's reply, done: true */
	CONNECTION_SAID_GOODBYE,
};
#define CONNECTION_EVENTS 4

/* Move to the next state; ERROR_UNEXPECTED, and the state stays, where the table
 * has no such move. */
int connection_state_move(enum connection_state *state, enum connection_event event,
			  struct error *err);

/* "CONNECTED" */
const char *connection_state_name(enum connection_state state);

#endif
