#ifndef SERVER_DELIVERY_H
#define SERVER_DELIVERY_H

#include "server/service.h"

/* Delivers to ready subscriptions in turn: one read of one partition each, at most
 * READER_BYTES_MAX, so that many and fast subscribers share the loop fairly. */

/* Deliver for about DELIVERY_TURN_US; true: some are still ready. */
bool delivery_run(struct service *service);

#define DELIVERY_TURN_US 2000

/* A session gets no more while this much of its output waits. */
#define DELIVERY_OUTPUT_BYTES (256u * 1024)

#endif
