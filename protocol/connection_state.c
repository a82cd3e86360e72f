#include "protocol/connection_state.h"

#define NOWHERE (-1)

static const struct {
	const char *name;
	int next[CONNECTION_EVENTS];
} states[CONNECTION_STATES] = {
	[CONNECTION_CONNECTED] = { "CONNECTED", {
		[CONNECTION_SAID_HELLO] = CONNECTION_READY,
		[CONNECTION_WANTS_LOGIN] = CONNECTION_GREETED,
		[CONNECTION_LOGGED_IN] = NOWHERE,
		[CONNECTION_SAID_GOODBYE] = CONNECTION_CLOSING,
	} },
	[CONNECTION_GREETED] = { "GREETED", {
		[CONNECTION_SAID_HELLO] = NOWHERE,
		[CONNECTION_WANTS_LOGIN] = NOWHERE,
		[CONNECTION_LOGGED_IN] = CONNECTION_READY,
		[CONNECTION_SAID_GOODBYE] = CONNECTION_CLOSING,
	} },
	[CONNECTION_READY] = { "READY", {
		[CONNECTION_SAID_HELLO] = NOWHERE,
		[CONNECTION_WANTS_LOGIN] = NOWHERE,
		[CONNECTION_LOGGED_IN] = NOWHERE,
		[CONNECTION_SAID_GOODBYE] = CONNECTION_CLOSING,
	} },
	[CONNECTION_CLOSING] = { "CLOSING", {
		[CONNECTION_SAID_HELLO] = NOWHERE,
		[CONNECTION_WANTS_LOGIN] = NOWHERE,
		[CONNECTION_LOGGED_IN] = NOWHERE,
		[CONNECTION_SAID_GOODBYE] = NOWHERE,
	} },
};

static const char *const event_words[CONNECTION_EVENTS] = {
	[CONNECTION_SAID_HELLO] = "HELLO is answered",
	[CONNECTION_WANTS_LOGIN] = "HELLO is answered and a login wanted",
	[CONNECTION_LOGGED_IN] = "the login is done",
	[CONNECTION_SAID_GOODBYE] = "GOODBYE is said",
};

int connection_state_move(enum connection_state *state, enum connection_event event,
			  struct error *err)
{
	int next = states[*state].next[event];

	if (next == NOWHERE)
		return error_set(err, ERROR_UNEXPECTED, "%s, but the connection is in state %s",
				 event_words[event], states[*state].name);
	*state = (enum connection_state)next;
	return 0;
}

const char *connection_state_name(enum connection_state state)
{
	return states[state].name;
}
