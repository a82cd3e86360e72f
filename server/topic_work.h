#ifndef SERVER_TOPIC_WORK_H
#define SERVER_TOPIC_WORK_H

#include "server/session.h"

/* Making, changing and deleting topics: work that waits for the disk, done on a
 * thread of the pool, one after the other, and answered on the loop. */

/* The topic of a PUBLISH or METADATA does not exist: make it, where the configuration
 * allows, then handle the frame again.  Until then the session takes no more input.
 * ERROR_NOT_FOUND where topics are not made by themselves. */
int topic_work_create_for(struct session *session, const struct frame *frame, struct bytes name,
			  struct error *err);

#endif
