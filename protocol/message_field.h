#ifndef PROTOCOL_MESSAGE_FIELD_H
#define PROTOCOL_MESSAGE_FIELD_H

#include "protocol/message.h"

/* One field of a message: what message_encode.c and message_decode.c share, so that
 * the same rules hold for what is sent and for what is received.  For them alone. */

static inline const void *message_field_member(const struct message_field *field,
					       const void *message)
{
	return (const uint8_t *)message + field->member;
}

static inline struct bytes message_field_bytes(const struct message_field *field,
					       const void *message)
{
	return *(const struct bytes *)message_field_member(field, message);
}

/* Has the member the value that stands for an absent key? */
bool message_field_is_absent(const struct message_field *field, const void *message);

/* Is the member's value within its limits, and made of the right characters? */
int message_field_check(const struct message_field *field, const void *message,
			struct error *err);
/* The same for the size of a text (unit "bytes") or list ("items") alone. */
int message_field_check_size(const struct message_field *field, size_t size, const char *unit,
			     struct error *err);

/* Put the field's name in front of the error; -1. */
int message_field_name(const struct message_field *field, struct error *err);

#endif
