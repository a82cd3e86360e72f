#include "client/inbox.h"
#include "protocol/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* A NOTICE frame of so many bytes of body, each being fill. */
static size_t make_frame(uint8_t *out, uint32_t id, size_t body_bytes, uint8_t fill)
{
	store_u32(out, (uint32_t)(FRAME_HEADER_BYTES - FRAME_LENGTH_BYTES + body_bytes));
	out[4] = FRAME_NOTICE;
	out[5] = out[6] = out[7] = 0;
	store_u32(out + 8, id);
	memset(out + FRAME_HEADER_BYTES, fill, body_bytes);
	return FRAME_HEADER_BYTES + body_bytes;
}

static void receive(struct inbox *inbox, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		uint8_t *room;
		size_t room_bytes;
		assert_int_equal(inbox_room(inbox, &room, &room_bytes, NULL), 0);
		assert_true(room_bytes > 0);
		if (room_bytes > size)
			room_bytes = size;
		memcpy(room, bytes, room_bytes);
		inbox_received(inbox, room_bytes);
		bytes += room_bytes;
		size -= room_bytes;
	}
}

static void expect_frame(struct inbox *inbox, uint32_t id, size_t body_bytes, uint8_t fill)
{
	struct frame frame;
	assert_int_equal(inbox_next(inbox, &frame, NULL), 1);
	assert_int_equal(frame.type, FRAME_NOTICE);
	assert_int_equal(frame.request_id, id);
	assert_int_equal(frame.body.size, body_bytes);
	for (size_t n = 0; n < body_bytes; n++)
		assert_int_equal(frame.body.data[n], fill);
}

static void frames_come_whole_from_single_bytes(void **state)
{
	struct inbox inbox;
	struct frame frame;
	uint8_t bytes[200];
	(void)state;
	inbox_init(&inbox);
	for (uint32_t id = 1; id < 2000; id++) {
		size_t size = make_frame(bytes, id, id % 90, (uint8_t)id);
		for (size_t n = 0; n + 1 < size; n++) {
			receive(&inbox, bytes + n, 1);
			assert_int_equal(inbox_next(&inbox, &frame, NULL), 0);
		}
		receive(&inbox, bytes + size - 1, 1);
		expect_frame(&inbox, id, id % 90, (uint8_t)id);
	}
	inbox_clear(&inbox);
}

static void a_held_frame_stays_while_others_arrive(void **state)
{
	const size_t body_bytes = 5000;
	struct block *blocks[50];
	struct bytes held[50];
	struct inbox inbox;
	struct frame frame;
	uint8_t *bytes = malloc(body_bytes + FRAME_HEADER_BYTES);
	(void)state;
	inbox_init(&inbox);
	for (uint32_t n = 0; n < 50; n++) {
		receive(&inbox, bytes, make_frame(bytes, n + 1, body_bytes, (uint8_t)n));
		assert_int_equal(inbox_next(&inbox, &frame, NULL), 1);
		held[n] = frame.body;
		blocks[n] = inbox_hold(&inbox);
	}
	inbox_reset(&inbox);
	for (uint32_t n = 0; n < 50; n++) {
		assert_int_equal(held[n].size, body_bytes);
		for (size_t i = 0; i < body_bytes; i++)
			assert_int_equal(held[n].data[i], n);
		inbox_release(&inbox, blocks[n]);
	}
	inbox_clear(&inbox);
	free(bytes);
}

static void frames_larger_than_a_block_come_too(void **state)
{
	const size_t body_bytes = 3 * INBOX_BLOCK_BYTES_MAX + 7;
	struct inbox inbox;
	uint8_t *bytes = malloc(body_bytes + FRAME_HEADER_BYTES);
	(void)state;
	inbox_init(&inbox);
	for (uint32_t id = 1; id < 4; id++) {
		receive(&inbox, bytes, make_frame(bytes, id, body_bytes, (uint8_t)id));
		expect_frame(&inbox, id, body_bytes, (uint8_t)id);
	}
	inbox_clear(&inbox);
	free(bytes);
}

/* A length alone reserves nothing. */
static void memory_grows_as_bytes_arrive(void **state)
{
	struct inbox inbox;
	struct frame frame;
	uint8_t head[FRAME_HEADER_BYTES];
	uint8_t *room;
	size_t room_bytes;
	(void)state;
	inbox_init(&inbox);
	make_frame(head, 1, 0, 0);
	store_u32(head, FRAME_BYTES_MAX_FROM_SERVER);
	receive(&inbox, head, sizeof(head));
	assert_int_equal(inbox_next(&inbox, &frame, NULL), 0);
	assert_int_equal(inbox_room(&inbox, &room, &room_bytes, NULL), 0);
	assert_true(room_bytes <= INBOX_BLOCK_BYTES_MAX);
	inbox_clear(&inbox);
}

static void what_is_no_frame_is_refused_and_a_reset_begins_anew(void **state)
{
	struct inbox inbox;
	struct frame frame;
	struct error err = { 0 };
	uint8_t bytes[64];
	(void)state;
	inbox_init(&inbox);
	make_frame(bytes, 1, 4, 0);
	store_u32(bytes, FRAME_BYTES_MAX_FROM_SERVER + 1);
	receive(&inbox, bytes, 16);
	assert_int_equal(inbox_next(&inbox, &frame, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	inbox_reset(&inbox);
	/* Half of one, and then the connection goes. */
	receive(&inbox, bytes, make_frame(bytes, 2, 10, 2) - 5);
	assert_int_equal(inbox_next(&inbox, &frame, NULL), 0);
	inbox_reset(&inbox);
	receive(&inbox, bytes, make_frame(bytes, 3, 10, 3));
	expect_frame(&inbox, 3, 10, 3);
	inbox_clear(&inbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_whole_from_single_bytes),
		cmocka_unit_test(a_held_frame_stays_while_others_arrive),
		cmocka_unit_test(frames_larger_than_a_block_come_too),
		cmocka_unit_test(memory_grows_as_bytes_arrive),
		cmocka_unit_test(what_is_no_frame_is_refused_and_a_reset_begins_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
