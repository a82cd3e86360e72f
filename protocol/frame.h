#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include "protocol/bytes.h"
#include "protocol/connection_state.h"
#include "protocol/error.h"
#include "protocol/limits.h"

#include <msgpack/sbuffer.h>
#include <stdbool.h>

/* The envelope of everything on the wire.  Big-endian:
 *
 *   0 u32 length         of what follows: 8 + the body's size
 *   4 u8  type           enum frame_type
 *   5 u8  flags          FRAME_FLAG_*; others are refused
 *   6 u16 zero
 *   8 u32 request id     requests: not 0, the sender's choice; replies: the request's;
 *                        BATCHES, NOTICE: their SUBSCRIBE's; GOODBYE: 0
 *  12     body           length - 8 bytes */

#define FRAME_LENGTH_BYTES      4       /* the length field itself */
#define FRAME_BYTES_MIN         8       /* the least the length field may say */
#define FRAME_HEADER_BYTES      12

#define FRAME_FLAG_REPLY        0x01
#define FRAME_FLAG_ERROR        0x02    /* only with REPLY: the body says why not */

/* Name, number, sender of the request or push: client, server or both; whether a
 * reply follows; states (as bits) in which it may be sent; most bytes of a body
 * sent by a client, 0: only the connection's limit. */
#define FRAME_TYPES(X)                                                           \
	X(HELLO,            1, CLIENT, true,  IN_CONNECTED,         4088)        \
	X(AUTH,             2, CLIENT, true,  IN_GREETED | IN_READY, 4088)       \
	X(PING,             3, BOTH,   true,  IN_READY,             4088)        \
	X(METADATA,         4, CLIENT, true,  IN_READY,             0)           \
	X(OFFSETS,          5, CLIENT, true,  IN_READY,             4088)        \
	X(SUBSCRIBE,        6, CLIENT, true,  IN_READY,             0)           \
	X(UNSUBSCRIBE,      7, CLIENT, true,  IN_READY,             4088)        \
	X(CREDIT,           8, CLIENT, false, IN_READY,             4088)        \
	X(COMMIT,           9, CLIENT, true,  IN_READY,             0)           \
	X(PUBLISH,         10, CLIENT, true,  IN_READY,             0)           \
	X(SCHEMA,          11, CLIENT, true,  IN_READY,             4088)        \
	X(BATCHES,         12, SERVER, false, IN_READY,             0)           \
	X(NOTICE,          13, SERVER, false, IN_READY,             0)           \
	X(GOODBYE,         14, SERVER, false, IN_ANY,               0)           \
	X(SEEK,            15, CLIENT, true,  IN_READY,             0)           \
	X(TOPIC_CREATE,    16, CLIENT, true,  IN_READY,             0)           \
	X(TOPIC_CONFIGURE, 17, CLIENT, true,  IN_READY,             0)           \
	X(TOPIC_DELETE,    18, CLIENT, true,  IN_READY,             4088)        \
	X(STATUS,          19, CLIENT, true,  IN_READY,             4088)        \
	X(COMMITTED,       20, CLIENT, true,  IN_READY,             4088)        \
	X(SOURCES,         21, CLIENT, true,  IN_READY,             4088)        \
	X(SOURCE_CONTROL,  22, CLIENT, true,  IN_READY,             4088)        \
	X(GROUPS,          23, CLIENT, true,  IN_READY,             4088)        \
	X(GROUP_INFO,      24, CLIENT, true,  IN_READY,             4088)        \
	X(GROUP_REMOVE,    25, CLIENT, true,  IN_READY,             4088)

enum frame_type {
#define X(name, number, sender, has_reply, states, body_bytes_max) FRAME_##name = number,
	FRAME_TYPES(X)
#undef X
};
#define FRAME_TYPE_MAX 25

enum frame_sender {
	FRAME_FROM_CLIENT = 1,
	FRAME_FROM_SERVER = 2,
};

struct frame {
	uint8_t type;           /* as received: may be no enum frame_type */
	uint8_t flags;
	uint32_t request_id;
	struct bytes body;      /* lent */
};

/* "SUBSCRIBE"; NULL for a number that is no type. */
const char *frame_type_name(uint8_t type);

/* Does a reply follow a request of this type?  (An error reply may follow any.) */
bool frame_has_reply(enum frame_type type);

/* May this side send such a frame, as a request or push, or as a reply, in this
 * state?  Of a reply: if the request had been allowed.  The table alone. */
bool frame_is_allowed(uint8_t type, bool is_reply, enum connection_state state,
		      enum frame_sender sender);

/* What to do with a frame that arrived, before its body is looked at. */
enum frame_verdict {
	FRAME_ACCEPT,
	FRAME_REFUSE,           /* answer with an error reply, and go on */
	FRAME_FATAL,            /* server: GOODBYE with this error; then close */
};

/* The rules of doc/protocol.md in one place; err is filled for all but ACCEPT.
 * Whether a reply's request was really made is for the caller to know. */
enum frame_verdict frame_judge(const struct frame *frame, enum connection_state state,
			       enum frame_sender sender, struct error *err);

/* Append a frame: begin, append the body to buffer, end.  begin returns where the
 * frame starts; end fills in the length, with tail_bytes for what the caller
 * sends right behind it from elsewhere (batches, records).  After a failure the
 * buffer is as it was before begin.  ERROR_MEMORY; ERROR_LIMIT for a frame over
 * FRAME_BYTES_MAX_FROM_SERVER. */
int frame_begin(msgpack_sbuffer *buffer, enum frame_type type, uint8_t flags,
		uint32_t request_id, size_t *out_start, struct error *err);
int frame_end(msgpack_sbuffer *buffer, size_t start, size_t tail_bytes, struct error *err);

/* Cuts a stream of bytes into frames.  A frame that lies whole in one piece of
 * input is lent from there and not copied; only a frame that arrives in pieces is
 * gathered, in memory that grows as bytes arrive: at most twice what is there (4 KiB
 * to begin with, 256 KiB while frames follow closely), and not more than the declared
 * length, which was checked first.  While no frame is half there, it holds no memory. */
struct frame_parser {
	uint32_t frame_bytes_max;       /* of the length field; may be changed at any time
					 * between two calls */
	uint8_t *gathered;              /* owned: the beginning of a frame */
	size_t gathered_bytes;
	size_t capacity_bytes;
	bool is_spent;                  /* what is gathered was yielded as a frame */
};

void frame_parser_init(struct frame_parser *parser, uint32_t frame_bytes_max);
void frame_parser_clear(struct frame_parser *parser);

/* Take bytes off the front of *input: 1 and a frame; 0 when all of the input is
 * taken; -1 for bytes that are no frame, then the stream is lost: ERROR_MALFORMED,
 * ERROR_LIMIT (longer than frame_bytes_max), ERROR_MEMORY.  The frame is lent until the next call,
 * or until the caller's input goes.
 *
 *	while ((rc = frame_parser_next(&parser, &input, &frame, &err)) == 1)
 *		…
 */
int frame_parser_next(struct frame_parser *parser, struct bytes *input, struct frame *out,
		      struct error *err);

/* Is part of a frame waiting for the rest? */
bool frame_parser_is_inside(const struct frame_parser *parser);

#endif
