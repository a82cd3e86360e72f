#include "protocol/frame.h"

#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char ping_hex[] = "00000009 03 00 0000 00000007 80";

static struct frame frame_of(uint8_t type, uint8_t flags, uint32_t request_id, size_t body_bytes)
{
	static const uint8_t body[8192];
	return (struct frame){ type, flags, request_id, { body, body_bytes } };
}

/* A frame of this many bytes behind its length, filled with a pattern. */
static uint8_t *make_frame(uint32_t frame_bytes, size_t *out_size)
{
	uint8_t *frame = calloc(1, FRAME_LENGTH_BYTES + frame_bytes);
	assert_non_null(frame);
	store_u32(frame, frame_bytes);
	frame[4] = FRAME_PUBLISH;
	store_u32(frame + 8, 1);
	for (uint32_t i = FRAME_HEADER_BYTES; i < FRAME_LENGTH_BYTES + frame_bytes; i++)
		frame[i] = (uint8_t)(i * 7);
	*out_size = FRAME_LENGTH_BYTES + frame_bytes;
	return frame;
}

static void a_frame_has_its_golden_bytes(void **state)
{
	uint8_t expected[32];
	const size_t size = hex_bytes(expected, sizeof(expected), ping_hex);
	msgpack_sbuffer buffer;
	struct error err = { 0 };
	size_t start;
	(void)state;
	msgpack_sbuffer_init(&buffer);
	msgpack_sbuffer_write(&buffer, "before", 6);
	assert_int_equal(frame_begin(&buffer, FRAME_PING, 0, 7, &start, &err), 0);
	msgpack_sbuffer_write(&buffer, "\x80", 1);
	assert_int_equal(frame_end(&buffer, start, 0, &err), 0);
	assert_int_equal(start, 6);
	assert_int_equal(buffer.size, 6 + size);
	assert_memory_equal(buffer.data + 6, expected, size);

	assert_int_equal(frame_begin(&buffer, FRAME_BATCHES, FRAME_FLAG_REPLY, 0xfffffffe, &start, &err), 0);
	assert_int_equal(frame_end(&buffer, start, 0x123456, &err), 0);
	hex_bytes(expected, sizeof(expected), "0012345e 0c 01 0000 fffffffe");
	assert_memory_equal(buffer.data + start, expected, FRAME_HEADER_BYTES);
	msgpack_sbuffer_destroy(&buffer);
}

static void a_frame_that_nobody_may_take_is_not_made(void **state)
{
	msgpack_sbuffer buffer;
	struct error err = { 0 };
	size_t start;
	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(frame_begin(&buffer, FRAME_BATCHES, 0, 1, &start, &err), 0);
	assert_int_equal(frame_end(&buffer, start, FRAME_BYTES_MAX_FROM_SERVER - 8, &err), 0);
	assert_int_equal(frame_begin(&buffer, FRAME_BATCHES, 0, 1, &start, &err), 0);
	assert_int_equal(frame_end(&buffer, start, FRAME_BYTES_MAX_FROM_SERVER - 7, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(buffer.size, FRAME_HEADER_BYTES);
	assert_int_equal(frame_begin(&buffer, FRAME_BATCHES, 0, 1, &start, &err), 0);
	assert_int_equal(frame_end(&buffer, start, SIZE_MAX, &err), -1);
	assert_int_equal(buffer.size, FRAME_HEADER_BYTES);
	msgpack_sbuffer_destroy(&buffer);
}

/* Feed a stream in pieces and check that each frame comes out as it went in. */
static void feed_in_pieces(const uint8_t *stream, size_t size, size_t piece_bytes, int frame_count)
{
	struct frame_parser parser;
	struct error err = { 0 };
	struct frame frame;
	const uint8_t *expected = stream;
	int rc = 0;
	frame_parser_init(&parser, FRAME_BYTES_MAX_DEFAULT);
	for (size_t at = 0; at < size; at += piece_bytes) {
		const size_t now_bytes = size - at < piece_bytes ? size - at : piece_bytes;
		/* Of its own, so that reading past it or keeping it is noticed. */
		uint8_t *piece = malloc(now_bytes);
		struct bytes input = { piece, now_bytes };
		assert_non_null(piece);
		memcpy(piece, stream + at, now_bytes);
		while ((rc = frame_parser_next(&parser, &input, &frame, &err)) == 1) {
			const size_t body_bytes = load_u32(expected) - FRAME_BYTES_MIN;
			assert_int_equal(frame.type, expected[4]);
			assert_int_equal(frame.flags, expected[5]);
			assert_int_equal(frame.request_id, load_u32(expected + 8));
			assert_int_equal(frame.body.size, body_bytes);
			assert_memory_equal(frame.body.data, expected + FRAME_HEADER_BYTES, body_bytes);
			expected += FRAME_HEADER_BYTES + body_bytes;
			frame_count--;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(input.size, 0);
		free(piece);
	}
	assert_int_equal(frame_count, 0);
	assert_false(frame_parser_is_inside(&parser));
	assert_null(parser.gathered);
	frame_parser_clear(&parser);
}

static void frames_come_out_whole_however_they_arrive(void **state)
{
	static const uint32_t sizes[] = { 8, 9, 300, 8, 5000, 20000, 8 };
	uint8_t stream[32768];
	size_t size = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t frame_bytes;
		uint8_t *frame = make_frame(sizes[i], &frame_bytes);
		store_u32(frame + 8, (uint32_t)i + 1);
		frame[5] = (uint8_t)(i % 2);
		memcpy(stream + size, frame, frame_bytes);
		size += frame_bytes;
		free(frame);
	}
	for (size_t piece_bytes = 1; piece_bytes <= 40; piece_bytes++)
		feed_in_pieces(stream, size, piece_bytes, 7);
	feed_in_pieces(stream, size, 4096, 7);
	feed_in_pieces(stream, size, 16384, 7);
	feed_in_pieces(stream, size, size, 7);
}

static void a_frame_in_one_piece_is_not_copied(void **state)
{
	uint8_t bytes[32];
	struct bytes input = { bytes, hex_bytes(bytes, sizeof(bytes), ping_hex) };
	struct frame_parser parser;
	struct error err = { 0 };
	struct frame frame;
	(void)state;
	frame_parser_init(&parser, FRAME_BYTES_MAX_BEFORE_LOGIN);
	fail_malloc_after(0);
	assert_int_equal(frame_parser_next(&parser, &input, &frame, &err), 1);
	assert_ptr_equal(frame.body.data, bytes + FRAME_HEADER_BYTES);
	assert_int_equal(frame_parser_next(&parser, &input, &frame, &err), 0);
	assert_false(fail_malloc_stop());
	frame_parser_clear(&parser);
}

static void memory_follows_the_bytes_that_arrive(void **state)
{
	size_t size;
	uint8_t *stream = make_frame(FRAME_BYTES_MAX_DEFAULT, &size);
	struct frame_parser parser;
	struct error err = { 0 };
	struct frame frame;
	(void)state;
	frame_parser_init(&parser, FRAME_BYTES_MAX_DEFAULT);
	for (size_t at = 0; at < size; at++) {
		struct bytes input = { stream + at, 1 };
		const int rc = frame_parser_next(&parser, &input, &frame, &err);
		assert_int_equal(rc, at == size - 1);
		assert_true(parser.capacity_bytes <= 4096 || parser.capacity_bytes <= 2 * (at + 1));
		assert_true(parser.capacity_bytes <= size || parser.capacity_bytes <= 4096);
	}
	/* And the memory of a large frame does not stay with a small one. */
	struct bytes input = { stream, 3 };
	assert_int_equal(frame_parser_next(&parser, &input, &frame, &err), 0);
	assert_true(frame_parser_is_inside(&parser));
	assert_true(parser.capacity_bytes <= 256 * 1024);
	frame_parser_clear(&parser);
	assert_false(frame_parser_is_inside(&parser));
	free(stream);
}

static void check_is_refused(const char *hex, enum error_code code, const char *text)
{
	uint8_t bytes[64];
	const size_t size = hex_bytes(bytes, sizeof(bytes), hex);
	/* Whole, and byte by byte. */
	for (size_t piece_bytes = 1; piece_bytes <= size; piece_bytes += size - 1) {
		struct frame_parser parser;
		struct error err = { 0 };
		struct frame frame;
		int rc = 0;
		frame_parser_init(&parser, FRAME_BYTES_MAX_BEFORE_LOGIN);
		for (size_t at = 0; at < size && rc == 0; at += piece_bytes) {
			struct bytes input = { bytes + at, piece_bytes };
			rc = frame_parser_next(&parser, &input, &frame, &err);
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, code);
		assert_non_null(strstr(err.text, text));
		frame_parser_clear(&parser);
	}
}

static void lengths_and_flags_that_cannot_be_are_refused(void **state)
{
	(void)state;
	check_is_refused("00000007 00 00", ERROR_MALFORMED, "a frame of 7 bytes");
	check_is_refused("00000000 00 00", ERROR_MALFORMED, "a frame of 0 bytes");
	check_is_refused("00001001 00 00", ERROR_LIMIT, "a frame of 4097 bytes, 4096 are allowed");
	check_is_refused("ffffffff 00 00", ERROR_LIMIT, "a frame of 4294967295 bytes");
	check_is_refused("00000008 03 04 0000 00000001", ERROR_MALFORMED, "flags 0x04");
	check_is_refused("00000008 03 80 0000 00000001", ERROR_MALFORMED, "flags 0x80");
	check_is_refused("00000008 03 02 0000 00000001", ERROR_MALFORMED, "flags 0x02");
	check_is_refused("00000008 03 00 0001 00000001", ERROR_MALFORMED, "0x0001 where zero");
	check_is_refused("00000008 03 00 0100 00000001", ERROR_MALFORMED, "0x0100 where zero");
}

static void a_limit_is_refused_before_anything_is_allocated(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x00, 0x10, 0x01, 0x01 };
	struct bytes input = { bytes, sizeof(bytes) };
	struct frame_parser parser;
	struct error err = { 0 };
	struct frame frame;
	(void)state;
	frame_parser_init(&parser, FRAME_BYTES_MAX_BEFORE_LOGIN);
	fail_malloc_after(0);
	assert_int_equal(frame_parser_next(&parser, &input, &frame, &err), -1);
	assert_false(fail_malloc_stop());
	assert_int_equal(err.code, ERROR_LIMIT);

	/* One that is allowed wants memory only now. */
	parser.frame_bytes_max = FRAME_BYTES_MAX_DEFAULT;
	fail_malloc_after(0);
	assert_int_equal(frame_parser_next(&parser, &input, &frame, &err), -1);
	assert_true(fail_malloc_stop());
	assert_int_equal(err.code, ERROR_MEMORY);
	frame_parser_clear(&parser);
}

static void the_table_knows_every_type(void **state)
{
	(void)state;
	assert_null(frame_type_name(0));
	assert_null(frame_type_name(FRAME_TYPE_MAX + 1));
	assert_null(frame_type_name(255));
	for (uint8_t type = 1; type <= FRAME_TYPE_MAX; type++)
		assert_non_null(frame_type_name(type));
	assert_string_equal(frame_type_name(FRAME_TOPIC_CREATE), "TOPIC_CREATE");
	assert_true(frame_has_reply(FRAME_PUBLISH));
	assert_false(frame_has_reply(FRAME_CREDIT));
}

/* The whole table once more, in other words: a line a state, sender and kind, a
 * letter a type, 1 to 22. */
static void each_frame_is_allowed_where_the_document_says(void **state)
{
	static const struct {
		enum connection_state state;
		enum frame_sender sender;
		bool is_reply;
		const char *allowed;
	} rows[] = {
		{ CONNECTION_CONNECTED, FRAME_FROM_CLIENT, false, "x........................" },
		{ CONNECTION_CONNECTED, FRAME_FROM_SERVER, false, ".............x..........." },
		{ CONNECTION_CONNECTED, FRAME_FROM_CLIENT, true, "........................." },
		{ CONNECTION_CONNECTED, FRAME_FROM_SERVER, true, "x........................" },
		{ CONNECTION_GREETED, FRAME_FROM_CLIENT, false, ".x......................." },
		{ CONNECTION_GREETED, FRAME_FROM_SERVER, false, ".............x..........." },
		{ CONNECTION_GREETED, FRAME_FROM_CLIENT, true, "........................." },
		{ CONNECTION_GREETED, FRAME_FROM_SERVER, true, ".x......................." },
		{ CONNECTION_READY, FRAME_FROM_CLIENT, false, ".xxxxxxxxxx...xxxxxxxxxxx" },
		{ CONNECTION_READY, FRAME_FROM_SERVER, false, "..x........xxx..........." },
		{ CONNECTION_READY, FRAME_FROM_CLIENT, true, "..x......................" },
		{ CONNECTION_READY, FRAME_FROM_SERVER, true, ".xxxxxx.xxx...xxxxxxxxxxx" },
		{ CONNECTION_CLOSING, FRAME_FROM_CLIENT, false, "........................." },
		{ CONNECTION_CLOSING, FRAME_FROM_SERVER, false, "........................." },
		{ CONNECTION_CLOSING, FRAME_FROM_CLIENT, true, "........................." },
		{ CONNECTION_CLOSING, FRAME_FROM_SERVER, true, "........................." },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned type = 0; type <= 255; type++) {
			const bool expected = type >= 1 && type <= FRAME_TYPE_MAX &&
					      rows[i].allowed[type - 1] == 'x';
			const struct frame frame = frame_of((uint8_t)type, rows[i].is_reply, 1, 0);
			struct error err = { 0 };
			assert_int_equal(frame_is_allowed((uint8_t)type, rows[i].is_reply, rows[i].state,
							  rows[i].sender), expected);
			const enum frame_verdict verdict = frame_judge(&frame, rows[i].state,
								       rows[i].sender, &err);
			assert_int_equal(verdict == FRAME_ACCEPT, expected);
			assert_int_equal(err.text[0] == '\0', expected);
		}
	}
}

static void check_verdict(struct frame frame, enum connection_state state, enum frame_sender sender,
			  enum frame_verdict verdict, enum error_code code)
{
	struct error err = { 0 };
	assert_int_equal(frame_judge(&frame, state, sender, &err), verdict);
	assert_int_equal(err.code, code);
}

static void the_verdict_depends_on_who_is_already_known(void **state)
{
	const struct frame unknown = frame_of(99, 0, 1, 0);
	const struct frame large_ping = frame_of(FRAME_PING, 0, 1, 4089);
	const struct frame large_hello = frame_of(FRAME_HELLO, 0, 1, 4089);
	const struct frame second_hello = frame_of(FRAME_HELLO, 0, 1, 4);
	(void)state;
	check_verdict(unknown, CONNECTION_READY, FRAME_FROM_CLIENT, FRAME_REFUSE, ERROR_UNSUPPORTED);
	check_verdict(unknown, CONNECTION_GREETED, FRAME_FROM_CLIENT, FRAME_FATAL, ERROR_UNEXPECTED);
	check_verdict(unknown, CONNECTION_READY, FRAME_FROM_SERVER, FRAME_FATAL, ERROR_UNEXPECTED);
	check_verdict(large_ping, CONNECTION_READY, FRAME_FROM_CLIENT, FRAME_REFUSE, ERROR_LIMIT);
	check_verdict(large_ping, CONNECTION_READY, FRAME_FROM_SERVER, FRAME_ACCEPT, ERROR_NONE);
	check_verdict(large_hello, CONNECTION_CONNECTED, FRAME_FROM_CLIENT, FRAME_FATAL, ERROR_LIMIT);
	check_verdict(second_hello, CONNECTION_READY, FRAME_FROM_CLIENT, FRAME_FATAL, ERROR_UNEXPECTED);
	check_verdict(frame_of(FRAME_PING, 0, 1, 4088), CONNECTION_READY, FRAME_FROM_CLIENT,
		      FRAME_ACCEPT, ERROR_NONE);
}

static void only_goodbye_has_request_id_zero(void **state)
{
	(void)state;
	check_verdict(frame_of(FRAME_PING, 0, 0, 1), CONNECTION_READY, FRAME_FROM_CLIENT, FRAME_FATAL,
		      ERROR_MALFORMED);
	check_verdict(frame_of(FRAME_BATCHES, 0, 0, 1), CONNECTION_READY, FRAME_FROM_SERVER,
		      FRAME_FATAL, ERROR_MALFORMED);
	check_verdict(frame_of(FRAME_GOODBYE, 0, 0, 1), CONNECTION_READY, FRAME_FROM_SERVER,
		      FRAME_ACCEPT, ERROR_NONE);
}

static void any_request_may_be_refused_and_nothing_else(void **state)
{
	const uint8_t refusal = FRAME_FLAG_REPLY | FRAME_FLAG_ERROR;
	(void)state;
	check_verdict(frame_of(FRAME_CREDIT, refusal, 1, 1), CONNECTION_READY, FRAME_FROM_SERVER,
		      FRAME_ACCEPT, ERROR_NONE);
	check_verdict(frame_of(99, refusal, 1, 1), CONNECTION_READY, FRAME_FROM_SERVER, FRAME_ACCEPT,
		      ERROR_NONE);
	check_verdict(frame_of(FRAME_HELLO, refusal, 1, 1), CONNECTION_CONNECTED, FRAME_FROM_SERVER,
		      FRAME_ACCEPT, ERROR_NONE);
	check_verdict(frame_of(FRAME_PING, refusal, 1, 1), CONNECTION_READY, FRAME_FROM_CLIENT,
		      FRAME_ACCEPT, ERROR_NONE);
	check_verdict(frame_of(FRAME_BATCHES, refusal, 1, 1), CONNECTION_READY, FRAME_FROM_SERVER,
		      FRAME_FATAL, ERROR_UNEXPECTED);
	check_verdict(frame_of(FRAME_CREDIT, refusal, 1, 1), CONNECTION_READY, FRAME_FROM_CLIENT,
		      FRAME_FATAL, ERROR_UNEXPECTED);
	check_verdict(frame_of(99, refusal, 1, 1), CONNECTION_READY, FRAME_FROM_CLIENT, FRAME_FATAL,
		      ERROR_UNEXPECTED);
	check_verdict(frame_of(FRAME_HELLO, refusal, 1, 1), CONNECTION_CLOSING, FRAME_FROM_SERVER,
		      FRAME_FATAL, ERROR_UNEXPECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_has_its_golden_bytes),
		cmocka_unit_test(a_frame_that_nobody_may_take_is_not_made),
		cmocka_unit_test(frames_come_out_whole_however_they_arrive),
		cmocka_unit_test(a_frame_in_one_piece_is_not_copied),
		cmocka_unit_test(memory_follows_the_bytes_that_arrive),
		cmocka_unit_test(lengths_and_flags_that_cannot_be_are_refused),
		cmocka_unit_test(a_limit_is_refused_before_anything_is_allocated),
		cmocka_unit_test(the_table_knows_every_type),
		cmocka_unit_test(each_frame_is_allowed_where_the_document_says),
		cmocka_unit_test(the_verdict_depends_on_who_is_already_known),
		cmocka_unit_test(only_goodbye_has_request_id_zero),
		cmocka_unit_test(any_request_may_be_refused_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
