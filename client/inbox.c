#include "client/inbox.h"

#include <stdlib.h>

/* With less room than this, and nothing half there, a new block is begun. */
#define ROOM_BYTES_MIN 4096

void inbox_init(struct inbox *inbox)
{
	*inbox = (struct inbox){ .block_bytes = INBOX_BLOCK_BYTES_MIN };
	frame_parser_init(&inbox->parser, FRAME_BYTES_MAX_FROM_SERVER);
}

void inbox_clear(struct inbox *inbox)
{
	free(inbox->block);
	free(inbox->spare);
	frame_parser_clear(&inbox->parser);
	inbox_init(inbox);
}

/* No longer where bytes arrive: its holders, if any, keep it. */
static void leave_block(struct inbox *inbox)
{
	struct block *block = inbox->block;

	inbox->block = NULL;
	inbox->parsed_bytes = 0;
	if (block == NULL || block->hold_count > 0)
		return;
	if (inbox->spare == NULL && block->capacity_bytes == inbox->block_bytes)
		inbox->spare = block;
	else
		free(block);
}

void inbox_reset(struct inbox *inbox)
{
	leave_block(inbox);
}

static struct block *new_block(struct inbox *inbox, size_t capacity_bytes)
{
	struct block *block = inbox->spare;

	if (block != NULL && block->capacity_bytes >= capacity_bytes) {
		inbox->spare = NULL;
	} else {
		block = malloc(sizeof(*block) + capacity_bytes);
		if (block == NULL)
			return NULL;
		block->capacity_bytes = capacity_bytes;
	}
	block->hold_count = 0;
	block->used_bytes = 0;
	return block;
}

/* Bytes of the frame that is half there, length field included; 0: not known. */
static size_t wanted_bytes(const struct inbox *inbox, const uint8_t *at, size_t size)
{
	if (size < FRAME_LENGTH_BYTES)
		return 0;
	uint32_t length = load_u32(at);
	/* A wrong one is inbox_next's to refuse. */
	return length <= inbox->parser.frame_bytes_max ? FRAME_LENGTH_BYTES + (size_t)length : 0;
}

static size_t capacity_for(const struct inbox *inbox, size_t half_bytes, size_t whole_bytes)
{
	size_t capacity_bytes = inbox->block_bytes;

	if (whole_bytes > capacity_bytes) {
		if (capacity_bytes < 2 * half_bytes)
			capacity_bytes = 2 * half_bytes;
		if (capacity_bytes > whole_bytes)
			capacity_bytes = whole_bytes;
	}
	return capacity_bytes;
}

int inbox_room(struct inbox *inbox, uint8_t **out, size_t *out_size, struct error *err)
{
	struct block *block = inbox->block;

	if (block != NULL && inbox->parsed_bytes == block->used_bytes && block->hold_count == 0)
		inbox->parsed_bytes = block->used_bytes = 0;

	size_t half_bytes = block != NULL ? block->used_bytes - inbox->parsed_bytes : 0;
	size_t left_bytes = block != NULL ? block->capacity_bytes - block->used_bytes : 0;
	size_t whole_bytes = half_bytes > 0 ? wanted_bytes(inbox, block->data + inbox->parsed_bytes,
							   half_bytes)
					    : 0;
	bool is_too_small = left_bytes < ROOM_BYTES_MIN && half_bytes == 0;
	if (left_bytes == 0 || is_too_small ||
	    (block->capacity_bytes - inbox->parsed_bytes < whole_bytes && inbox->parsed_bytes > 0)) {
		if (block != NULL && inbox->block_bytes < INBOX_BLOCK_BYTES_MAX) {
			inbox->block_bytes *= 2;
			free(inbox->spare);
			inbox->spare = NULL;
		}
		struct block *next = new_block(inbox, capacity_for(inbox, half_bytes, whole_bytes));
		if (next == NULL)
			return error_set(err, ERROR_MEMORY, "no memory to receive into");
		if (half_bytes > 0)
			memcpy(next->data, block->data + inbox->parsed_bytes, half_bytes);
		next->used_bytes = half_bytes;
		leave_block(inbox);
		inbox->block = block = next;
	}
	*out = block->data + block->used_bytes;
	*out_size = block->capacity_bytes - block->used_bytes;
	return 0;
}

void inbox_received(struct inbox *inbox, size_t bytes)
{
	inbox->block->used_bytes += bytes;
}

int inbox_next(struct inbox *inbox, struct frame *out, struct error *err)
{
	struct block *block = inbox->block;

	if (block == NULL)
		return 0;
	struct bytes input = { block->data + inbox->parsed_bytes,
			       block->used_bytes - inbox->parsed_bytes };
	if (input.size < FRAME_LENGTH_BYTES)
		return 0;
	size_t whole_bytes = wanted_bytes(inbox, input.data, input.size);
	if (whole_bytes >= FRAME_HEADER_BYTES && whole_bytes > input.size)
		return 0;
	int rc = frame_parser_next(&inbox->parser, &input, out, err);
	inbox->parsed_bytes = block->used_bytes - input.size;
	return rc;
}

struct block *inbox_hold(struct inbox *inbox)
{
	inbox->block->hold_count++;
	return inbox->block;
}

void inbox_release(struct inbox *inbox, struct block *block)
{
	if (block == NULL || --block->hold_count > 0 || block == inbox->block)
		return;
	if (inbox->spare == NULL && block->capacity_bytes == inbox->block_bytes)
		inbox->spare = block;
	else
		free(block);
}
