#ifndef SERVER_MEMBERS_H
#define SERVER_MEMBERS_H

#include "server/service.h"

/* Who is in which group: the connections that follow something for it, now.  Looked up
 * in the subscriptions whenever somebody asks.  The loop's thread alone. */

struct member {
	struct bytes group;             /* lent by a subscription, as the session is */
	struct session *session;
	uint32_t partition_count;       /* that it follows for the group */
};

struct members {
	struct member *items;           /* owned; by group, as bytes sort, then session id; each once */
	size_t count;
};

/* Of one group; group.data NULL: of all.  ERROR_MEMORY. */
int members_collect(struct members *out, const struct service *service, struct bytes group,
		    struct error *err);
void members_clear(struct members *members);

/* The first of the groups that sort behind `after`; NULL: none.  *out_count of them are
 * in the same group. */
const struct member *members_next_group(const struct members *members, struct bytes after,
					size_t *out_count);

#endif
