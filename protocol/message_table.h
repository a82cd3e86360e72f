#ifndef PROTOCOL_MESSAGE_TABLE_H
#define PROTOCOL_MESSAGE_TABLE_H

#include "protocol/message.h"

/* Words that the tables of messages are written in; for the files message_*.c alone.
 *
 *	#define MEMBER(member) offsetof(struct message_credit, member)
 *	static const struct message_field credit_fields[] = {
 *		REQUIRED(subscription, FIELD_U32),
 *		REQUIRED(bytes, FIELD_U64, .least = 1, .most = CREDIT_BYTES_MAX),
 *	};
 *	BODY(credit, "CREDIT", FRAME_CREDIT, 0)
 *	#undef MEMBER
 */

#define REQUIRED(NAME, TYPE, ...) \
	{ .name = #NAME, .type = TYPE, .is_required = true, .member = MEMBER(NAME), ##__VA_ARGS__ }
#define OPTIONAL(NAME, TYPE, ...) \
	{ .name = #NAME, .type = TYPE, .member = MEMBER(NAME), ##__VA_ARGS__ }

/* A list is of items with a layout of their own. */
#define ITEMS(NAME) .items = &message_##NAME##_layout

#define FIELDS(NAME) \
	.fields = NAME##_fields, .field_count = sizeof(NAME##_fields) / sizeof(NAME##_fields[0])

/* The body of a frame, made of NAME_fields. */
#define BODY(NAME, WORDS, TYPE, FLAGS, ...)                          \
	const struct message_layout message_##NAME##_layout = {      \
		.name = WORDS, .type = TYPE, .flags = FLAGS,         \
		.form = FORM_MAP,                                    \
		.struct_bytes = sizeof(struct message_##NAME),       \
		FIELDS(NAME), ##__VA_ARGS__                          \
	};

/* A part of a body: a map, tuple or pair, made of NAME_fields. */
#define PART(NAME, FORM)                                             \
	const struct message_layout message_##NAME##_layout = {      \
		.name = #NAME, .form = FORM,                         \
		.struct_bytes = sizeof(struct message_##NAME),       \
		FIELDS(NAME)                                         \
	};

/* An item that is one value and no struct. */
#define BARE_ITEM(NAME, C_TYPE, ...)                                 \
	static const struct message_field NAME##_fields[] = {        \
		{ .is_required = true, ##__VA_ARGS__ },              \
	};                                                           \
	const struct message_layout message_##NAME##_layout = {      \
		.name = #NAME, .form = FORM_BARE,                    \
		.struct_bytes = sizeof(C_TYPE), FIELDS(NAME)         \
	};

#endif
