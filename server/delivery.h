#ifndef SERVER_DELIVERY_H
#define SERVER_DELIVERY_H

#include "server/service.h"

/* Delivers to ready subscriptions in turn: one read of one partition each, at most
 * READER_BYTES_MAX, so that many and fast subscribers share the loop fairly. */

/* Deliver for about DELIVERY_TURN_US; true: some are still ready. */
bool delivery_run(struct service *service);

#define DELIVERY_TURN_US 2000

/* What one read takes for one subscription, and how much of a session's output may
 * wait before it gets more: the more subscriptions there are the less, so that
 * what stalled ones leave in memory stays bounded however many they are (a batch
 * more for each, since batches are never cut). */
size_t delivery_share_bytes(const struct service *service);

#endif
