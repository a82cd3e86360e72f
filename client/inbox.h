#ifndef CLIENT_INBOX_H
#define CLIENT_INBOX_H

#include "protocol/frame.h"

/* Received bytes, and the frames in them.  The socket writes straight into blocks;
 * a frame lies in one block, whole, and may be held there as long as it is needed
 * while others arrive.  Only the beginning of a frame that its block has no room
 * for is copied.  Pure. */

#define INBOX_BLOCK_BYTES_MIN   (16u * 1024)
#define INBOX_BLOCK_BYTES_MAX   (1024u * 1024)

struct block {
	uint32_t hold_count;
	size_t capacity_bytes;
	size_t used_bytes;
	uint8_t data[];
};

struct inbox {
	struct frame_parser parser;     /* checks frames; it never has to gather one */
	struct block *block;            /* owned: where bytes arrive */
	size_t parsed_bytes;            /* of it */
	struct block *spare;            /* owned */
	size_t block_bytes;             /* of the next one: grows with the traffic */
};

void inbox_init(struct inbox *inbox);
/* All blocks have to be released. */
void inbox_clear(struct inbox *inbox);

/* Forget what has arrived and was not taken (the connection is gone). */
void inbox_reset(struct inbox *inbox);

/* Where the next bytes go: *out_size > 0.  Memory grows as bytes arrive, never beyond
 * twice what is there of a frame, or a block.  ERROR_MEMORY. */
int inbox_room(struct inbox *inbox, uint8_t **out, size_t *out_size, struct error *err);
void inbox_received(struct inbox *inbox, size_t bytes);

/* 1 and a frame, lent until the next inbox_room, or longer: see block_hold; 0: none
 * yet; -1: these are no frames (ERROR_MALFORMED, ERROR_LIMIT). */
int inbox_next(struct inbox *inbox, struct frame *out, struct error *err);

/* Keep the block of the frame that inbox_next gave. */
struct block *inbox_hold(struct inbox *inbox);
void inbox_release(struct inbox *inbox, struct block *block);

#endif
