#ifndef SERVER_CAPTURES_INTERNAL_H
#define SERVER_CAPTURES_INTERNAL_H

#include "server/broker.h"
#include "server/captures.h"

#include <sys/queue.h>

/* Shared by captures.c (start, end, what the threads tell) and captures_request.c (what
 * sessions ask).  The loop's, where nothing else is said. */

struct captured {
	LIST_ENTRY(captured) link;      /* by name */
	struct captures *captures;
	const struct source_settings *settings;
	struct capture *capture;
	/* A removal; the thread fills in outcome before it posts. */
	bool is_being_removed;
	bool is_removal_told;           /* the thread's, until it has ended */
	struct completion removed;
	struct error outcome;
	captures_on_done *on_done;
	void *user;
};

LIST_HEAD(captured_list, captured);

struct captures {
	struct broker *broker;
	struct captured_list list;
};

/* What databases this program was built for; NULL ends it. */
extern const struct source_ops *const captures_connectors[];

#endif
