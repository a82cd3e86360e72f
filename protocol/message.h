#ifndef PROTOCOL_MESSAGE_H
#define PROTOCOL_MESSAGE_H

#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/frame.h"
#include "protocol/unpack.h"

#include <msgpack/sbuffer.h>
#include <stdbool.h>
#include <stddef.h>

/* Bodies of frames: msgpack maps with text keys.  Each message is a plain struct
 * and a table that says which key is which member; one encoder and one decoder
 * work from the tables, so both sides hold to the same rules:
 *
 *   unknown keys are skipped, a key that comes twice is ERROR_MALFORMED
 *   a required key is missing, or a value is of another type       ERROR_MALFORMED
 *   too large a number, too long a text or list                    ERROR_LIMIT
 *   a name or pattern with other characters, an empty name, keys that do not
 *   go together                                                    ERROR_INVALID
 *   a choice that is not known                                     ERROR_UNSUPPORTED
 *
 * The error's text names the key.  An optional key may be absent or nil; then the
 * member is what the table says (0, an empty list, data NULL, or as the member's
 * comment tells), and encoding leaves it out.  Texts are UTF-8.
 *
 * The messages are in message_session.h (HELLO, AUTH, PING, GOODBYE, errors),
 * message_subscription.h, message_publish.h, message_topic.h, message_group.h,
 * message_source.h and message_status.h. */

enum message_field_type {
	FIELD_BOOL,             /* bool */
	FIELD_U32,              /* uint32_t */
	FIELD_U64,              /* uint64_t */
	FIELD_I64,              /* int64_t */
	FIELD_TEXT,             /* struct bytes, UTF-8 */
	FIELD_BYTES,            /* struct bytes, msgpack bin */
	FIELD_NAME,             /* struct bytes: 1 or more of [A-Za-z0-9._-] */
	FIELD_PATTERN,          /* struct bytes: protocol/topic_pattern.h */
	FIELD_CHOICE,           /* int: index + 1 in choices; a text on the wire */
	FIELD_LIST,             /* struct message_list: an array, or of FORM_PAIR a map */
	FIELD_STRUCT,           /* a struct of its own */
};

enum message_form {
	FORM_MAP,               /* {"key": value, …} */
	FORM_TUPLE,             /* [value, …]: each field in its place, readers skip more */
	FORM_PAIR,              /* key and value in the map that is their list */
	FORM_BARE,              /* the one field's value itself */
};

struct message_field {
	const char *name;
	enum message_field_type type;
	bool is_required;
	bool is_open;                   /* CHOICE: an unknown one becomes 0 and is no error */
	size_t member;                  /* offsetof */
	uint64_t most;                  /* number, bytes or items; 0: no limit of its own */
	uint64_t least;                 /* of a required text, bytes or list: size; of a number: itself */
	uint64_t absent;                /* of an optional number */
	const char *const *choices;     /* NULL behind the last */
	const struct message_layout *items;     /* of LIST and STRUCT */
};

struct message_layout {
	const char *name;               /* "SUBSCRIBE" */
	uint8_t type;                   /* of a frame's body: the frame's; else 0 */
	uint8_t flags;
	enum message_form form;
	size_t struct_bytes;
	const struct message_field *fields;
	size_t field_count;
	/* What fields must hold together; NULL: nothing. */
	int (*check)(const void *message, struct error *err);
};

/* A list inside a message.  To encode: an array of `count` items, or the bytes of
 * `count` items made by …_append.  Decoded: `encoded`, lent and already checked, to be
 * walked with …_next. */
struct message_list {
	uint32_t count;
	const void *items;
	struct bytes encoded;
};

/* Append a whole frame, header included.  After a failure the buffer is as it was.
 * ERROR_MEMORY, and what decoding would say. */
int message_encode(const struct message_layout *layout, msgpack_sbuffer *frame,
		   uint32_t request_id, const void *message, struct error *err);

/* Fill the struct; lends from body, allocates nothing.  The body has to be one map
 * and nothing else. */
int message_decode(const struct message_layout *layout, struct bytes body, void *out,
		   struct error *err);

/* As message_decode, for a map that other bytes follow: moves the cursor. */
int message_decode_head(const struct message_layout *layout, struct unpack *body, void *out,
			struct error *err);

/* As message_encode, for a body that goes on behind its map: the caller sends
 * tail_bytes bytes right behind the frame's. */
int message_encode_head(const struct message_layout *layout, msgpack_sbuffer *frame,
			uint32_t request_id, const void *message, size_t tail_bytes,
			struct error *err);

/* Append one item to the bytes of a list.  Failures as message_encode. */
int message_list_append(const struct message_layout *items, msgpack_sbuffer *encoded,
			const void *item, struct error *err);

/* Step through a list: true and an item, false at the end.  It moves the list: walk
 * a copy to walk twice. */
bool message_list_next(const struct message_layout *items, struct message_list *list, void *out);

/* The layout of a frame's body: of a request or push, or of a reply (not of an
 * error reply: that is message_error_layout).  NULL: no such frame. */
const struct message_layout *message_layout_of(uint8_t type, bool is_reply);

/* Declares, typed, for struct message_NAME:
 *	int message_NAME_encode(msgpack_sbuffer *frame, uint32_t request_id,
 *				const struct message_NAME *message, struct error *err);
 *	int message_NAME_decode(struct bytes body, struct message_NAME *out, struct error *err);
 */
#define MESSAGE(NAME)                                                                         \
	extern const struct message_layout message_##NAME##_layout;                           \
	static inline int message_##NAME##_encode(msgpack_sbuffer *frame, uint32_t request_id, \
						  const struct message_##NAME *message,       \
						  struct error *err)                          \
	{                                                                                     \
		return message_encode(&message_##NAME##_layout, frame, request_id, message, err); \
	}                                                                                     \
	static inline int message_##NAME##_decode(struct bytes body, struct message_##NAME *out, \
						  struct error *err)                          \
	{                                                                                     \
		return message_decode(&message_##NAME##_layout, body, out, err);              \
	}

/* Declares, typed, for items of type TYPE:
 *	int message_NAME_append(msgpack_sbuffer *encoded, const TYPE *item, struct error *err);
 *	bool message_NAME_next(struct message_list *list, TYPE *out);
 */
#define MESSAGE_ITEM(NAME, TYPE)                                                              \
	extern const struct message_layout message_##NAME##_layout;                           \
	static inline int message_##NAME##_append(msgpack_sbuffer *encoded, const TYPE *item, \
						  struct error *err)                          \
	{                                                                                     \
		return message_list_append(&message_##NAME##_layout, encoded, item, err);     \
	}                                                                                     \
	static inline bool message_##NAME##_next(struct message_list *list, TYPE *out)        \
	{                                                                                     \
		return message_list_next(&message_##NAME##_layout, list, out);                \
	}

/* Items that several messages use. */
MESSAGE_ITEM(name, struct bytes)                /* a topic's name */
MESSAGE_ITEM(pattern, struct bytes)             /* a topic's name or pattern */
MESSAGE_ITEM(partition_number, uint32_t)

/* Explicit places. */
struct message_position {               /* [topic, partition, offset] */
	struct bytes topic;
	uint32_t partition;
	uint64_t offset;
};
MESSAGE_ITEM(position, struct message_position)

struct message_id_position {            /* [topic id, partition, offset] */
	uint32_t topic_id;
	uint32_t partition;
	uint64_t offset;
};
MESSAGE_ITEM(id_position, struct message_id_position)

struct message_option {                 /* {name: value} */
	struct bytes name;
	struct bytes value;
};
MESSAGE_ITEM(option, struct message_option)

/* {}: PING and STATUS, their replies where they say nothing, and every reply that
 * says only "done".  The type is the frame's. */
int message_empty_encode(msgpack_sbuffer *frame, enum frame_type type, uint8_t flags,
			 uint32_t request_id, struct error *err);
int message_empty_decode(struct bytes body, struct error *err);

#endif
