#ifndef TESTS_SUPPORT_MESSAGE_JSON_H
#define TESTS_SUPPORT_MESSAGE_JSON_H

#include "protocol/json.h"
#include "protocol/message.h"

/* A decoded body as JSON: maps as objects with the keys that are there, in the order
 * of the table; tuples as arrays; bytes as {"hex":"00ff"}. */
void message_json_add(struct json *json, const struct message_layout *layout, const void *message);

/* What follows the map of a PUBLISH or BATCHES, as members of an object; for other
 * frames nothing.  -1: it cannot be read, err tells why. */
int message_json_add_tail(struct json *json, const struct frame *frame, struct error *err);

#endif
