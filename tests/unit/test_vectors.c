#include "protocol/frame.h"

#include "protocol/message_publish.h"
#include "protocol/message_session.h"
#include "protocol/message_subscription.h"
#include "tests/support/hex.h"
#include "tests/support/message_json.h"
#include "tests/support/random.h"
#include "tests/support/test_amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every frame of tests/vectors/ is read, and its line is written anew from what was
 * read: the two have to be the same. */

enum {
	NAME_BYTES = 128,
	STRUCT_BYTES = 512,
};

struct vector {
	char *line;             /* owned, without its end */
	char name[NAME_BYTES];
	enum frame_sender sender;
	bool is_decode_only;
	uint8_t *bytes;         /* owned */
	size_t size;
};

typedef void on_vector(const struct vector *vector);

/* The text of a member that has no escapes. */
static bool find_text(const char *line, const char *member, const char **out, size_t *out_size)
{
	char start[64];
	snprintf(start, sizeof(start), "\"%s\":\"", member);
	const char *at = strstr(line, start);
	if (at == NULL)
		return false;
	*out = at + strlen(start);
	*out_size = strcspn(*out, "\"");
	return true;
}

static bool text_is(const char *line, const char *member, const char *expected)
{
	const char *text;
	size_t size;
	return find_text(line, member, &text, &size) && size == strlen(expected) &&
	       memcmp(text, expected, size) == 0;
}

static void copy_text(const char *line, const char *member, char *out, size_t room)
{
	const char *text;
	size_t size;
	assert_true(find_text(line, member, &text, &size));
	assert_true(size < room);
	memcpy(out, text, size);
	out[size] = '\0';
}

static void read_hex(struct vector *vector)
{
	/* The last one: a body has bytes in hex too. */
	char *hex = NULL;
	for (char *at = vector->line; (at = strstr(at, "\"hex\":\"")) != NULL; at++)
		hex = at + strlen("\"hex\":\"");
	assert_non_null(hex);
	char *end = strchr(hex, '"');
	assert_non_null(end);
	*end = '\0';
	vector->bytes = malloc(strlen(hex) / 2 + 1);
	assert_non_null(vector->bytes);
	vector->size = hex_bytes(vector->bytes, strlen(hex) / 2, hex);
	*end = '"';
}

static int each_vector(const char *file_name, on_vector *check)
{
	const char *top_srcdir = getenv("top_srcdir");
	char path[4096];
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int count = 0;
	snprintf(path, sizeof(path), "%s/tests/vectors/%s", top_srcdir != NULL ? top_srcdir : ".",
		 file_name);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while ((length = getline(&line, &room, file)) > 0) {
		struct vector vector = { .line = line };
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		copy_text(line, "name", vector.name, sizeof(vector.name));
		vector.sender = text_is(line, "from", "client") ? FRAME_FROM_CLIENT : FRAME_FROM_SERVER;
		vector.is_decode_only = strstr(line, "\"decode_only\":true") != NULL;
		read_hex(&vector);
		check(&vector);
		free(vector.bytes);
		count++;
	}
	free(line);
	fclose(file);
	return count;
}

/* What a receiver says of a frame. */
struct outcome {
	enum frame_verdict verdict;
	bool closes;            /* behind a refusal */
	bool is_read;           /* frame is filled in */
	struct frame frame;
	struct error err;
};

static uint32_t frame_bytes_max(enum connection_state state, enum frame_sender sender)
{
	if (sender == FRAME_FROM_SERVER)
		return FRAME_BYTES_MAX_FROM_SERVER;
	return state == CONNECTION_READY ? FRAME_BYTES_MAX_DEFAULT : FRAME_BYTES_MAX_BEFORE_LOGIN;
}

static const struct message_layout *layout_of(const struct frame *frame)
{
	if ((frame->flags & FRAME_FLAG_ERROR) != 0)
		return &message_error_layout;
	return message_layout_of(frame->type, (frame->flags & FRAME_FLAG_REPLY) != 0);
}

static bool has_tail(const struct frame *frame)
{
	return (frame->type == FRAME_PUBLISH || frame->type == FRAME_BATCHES) && frame->flags == 0;
}

/* Decode the map, into out, and walk what is behind it. */
static int decode(const struct frame *frame, void *out, struct error *err)
{
	struct unpack body = unpack_over(frame->body.data, frame->body.size);
	struct text text;
	text_init(&text);
	struct json json = json_to(&text);
	int rc;
	if (has_tail(frame)) {
		rc = message_decode_head(layout_of(frame), &body, out, err);
		if (rc == 0)
			rc = message_json_add_tail(&json, frame, err);
	} else {
		rc = message_decode(layout_of(frame), frame->body, out, err);
	}
	text_clear(&text);
	return rc;
}

static struct outcome receive(const uint8_t *bytes, size_t size, enum connection_state state,
			      enum frame_sender sender)
{
	struct bytes input = { bytes, size };
	struct outcome outcome = { .verdict = FRAME_ACCEPT };
	struct frame_parser parser;
	uint8_t message[STRUCT_BYTES];
	frame_parser_init(&parser, frame_bytes_max(state, sender));
	const int rc = frame_parser_next(&parser, &input, &outcome.frame, &outcome.err);
	if (rc == 1 && parser.gathered == NULL) {
		outcome.is_read = true;
		outcome.verdict = frame_judge(&outcome.frame, state, sender, &outcome.err);
	} else if (rc == -1) {
		outcome.verdict = FRAME_FATAL;
	}
	if (outcome.is_read && outcome.verdict == FRAME_ACCEPT &&
	    decode(&outcome.frame, message, &outcome.err) != 0) {
		outcome.verdict = sender == FRAME_FROM_CLIENT ? FRAME_REFUSE : FRAME_FATAL;
		outcome.closes = state != CONNECTION_READY;
	}
	frame_parser_clear(&parser);
	return outcome;
}

static enum connection_state state_for(const uint8_t *bytes)
{
	if (bytes[4] == FRAME_HELLO)
		return CONNECTION_CONNECTED;
	return bytes[4] == FRAME_AUTH ? CONNECTION_GREETED : CONNECTION_READY;
}

static void add_flags(struct json *json, uint8_t flags)
{
	json_name(json, "flags");
	json_begin_array(json);
	if ((flags & FRAME_FLAG_REPLY) != 0)
		json_string(json, "REPLY");
	if ((flags & FRAME_FLAG_ERROR) != 0)
		json_string(json, "ERROR");
	json_end_array(json);
}

static void check_line(const struct vector *vector, const struct text *written)
{
	const size_t size = written->buffer.size;
	if (size == strlen(vector->line) && memcmp(written->buffer.data, vector->line, size) == 0)
		return;
	print_message("# %s\n# read as %.*s\n", vector->line, (int)size, written->buffer.data);
	fail();
}

static void check_is_read_as_written(const struct vector *vector)
{
	uint8_t message[STRUCT_BYTES];
	struct error err = { 0 };
	struct text text;
	const struct outcome outcome = receive(vector->bytes, vector->size, state_for(vector->bytes),
					       vector->sender);
	if (outcome.verdict != FRAME_ACCEPT || !outcome.is_read)
		fail_msg("%s: %s", vector->name, outcome.err.text);
	assert_int_equal(decode(&outcome.frame, message, &err), 0);

	text_init(&text);
	struct json json = json_to(&text);
	json_begin_object(&json);
	json_name(&json, "name");
	json_string(&json, vector->name);
	json_name(&json, "from");
	json_string(&json, vector->sender == FRAME_FROM_CLIENT ? "client" : "server");
	json_name(&json, "frame");
	json_string(&json, frame_type_name(outcome.frame.type));
	add_flags(&json, outcome.frame.flags);
	json_name(&json, "request_id");
	json_u64(&json, outcome.frame.request_id);
	json_name(&json, "body");
	message_json_add(&json, layout_of(&outcome.frame), message);
	assert_int_equal(message_json_add_tail(&json, &outcome.frame, &err), 0);
	if (vector->is_decode_only) {
		json_name(&json, "decode_only");
		json_bool(&json, true);
	}
	json_name(&json, "hex");
	json_hex(&json, (struct bytes){ vector->bytes, vector->size });
	json_end_object(&json);
	check_line(vector, &text);
	text_clear(&text);
}

static void frames_are_read_as_another_library_wrote_them(void **state)
{
	(void)state;
	assert_true(each_vector("frames.jsonl", check_is_read_as_written) > 70);
}

/* Encode what was decoded; what follows the map is as it came. */
static void encode_again(const struct frame *frame, msgpack_sbuffer *out)
{
	uint8_t message[STRUCT_BYTES];
	struct error err = { 0 };
	struct unpack body = unpack_over(frame->body.data, frame->body.size);
	struct message_layout layout = *layout_of(frame);
	assert_int_equal(message_decode_head(&layout, &body, message, &err), 0);
	const size_t tail_bytes = (size_t)(body.end - body.at);
	layout.type = frame->type;
	layout.flags = frame->flags;
	assert_int_equal(message_encode_head(&layout, out, frame->request_id, message, tail_bytes,
					     &err), 0);
	if (tail_bytes > 0)
		assert_int_equal(msgpack_sbuffer_write(out, (const char *)body.at, tail_bytes), 0);
}

static void check_is_written_as_read(const struct vector *vector)
{
	const struct outcome outcome = receive(vector->bytes, vector->size, state_for(vector->bytes),
					       vector->sender);
	msgpack_sbuffer again;
	if (vector->is_decode_only)
		return;
	msgpack_sbuffer_init(&again);
	encode_again(&outcome.frame, &again);
	if (again.size != vector->size || memcmp(again.data, vector->bytes, again.size) != 0)
		fail_msg("%s is written otherwise", vector->name);
	msgpack_sbuffer_destroy(&again);
}

static void frames_are_written_as_another_library_wrote_them(void **state)
{
	(void)state;
	each_vector("frames.jsonl", check_is_written_as_read);
}

static bool seen[FRAME_TYPE_MAX + 1][2];

static void note_type(const struct vector *vector)
{
	seen[vector->bytes[4]][vector->bytes[5] & FRAME_FLAG_REPLY] = true;
}

static void every_message_has_a_vector(void **state)
{
	(void)state;
	each_vector("frames.jsonl", note_type);
	for (uint8_t type = 1; type <= FRAME_TYPE_MAX; type++) {
		assert_true(seen[type][0]);
		assert_int_equal(seen[type][1], frame_has_reply(type));
	}
}

/* The length says that the frame ends where it was cut. */
static void check_cut_anywhere(const struct vector *vector)
{
	for (size_t cut = FRAME_HEADER_BYTES; cut < vector->size; cut++) {
		/* Of its own, so that reading past its end is noticed. */
		uint8_t *part = malloc(cut);
		assert_non_null(part);
		memcpy(part, vector->bytes, cut);
		store_u32(part, (uint32_t)(cut - FRAME_LENGTH_BYTES));
		const struct outcome outcome = receive(part, cut, state_for(part), vector->sender);
		if (outcome.verdict == FRAME_ACCEPT || outcome.err.code != ERROR_MALFORMED)
			fail_msg("%s cut to %zu bytes: %s", vector->name, cut, outcome.err.text);
		free(part);
	}
}

static void bodies_cut_anywhere_are_malformed(void **state)
{
	(void)state;
	each_vector("frames.jsonl", check_cut_anywhere);
}

static const char *error_name(enum error_code code)
{
	switch (code) {
	case ERROR_NONE:
		return "NONE";
#define X(name, number, retryable, words) \
	case ERROR_##name:                \
		return #name;
	ERROR_CODES(X)
#undef X
	}
	return "?";
}

static const char *verdict_name(const struct outcome *outcome)
{
	if (outcome->verdict == FRAME_ACCEPT)
		return "accept";
	if (outcome->verdict == FRAME_FATAL)
		return "fatal";
	return outcome->closes ? "refuse_and_close" : "refuse";
}

static enum connection_state named_state(const char *line)
{
	for (int i = 0; i < CONNECTION_STATES; i++) {
		if (text_is(line, "state", connection_state_name((enum connection_state)i)))
			return (enum connection_state)i;
	}
	fail_msg("no such state: %s", line);
	return CONNECTION_CLOSING;
}

static void check_is_refused(const struct vector *vector)
{
	char text[256];
	const struct outcome outcome = receive(vector->bytes, vector->size, named_state(vector->line),
					       vector->sender);
	copy_text(vector->line, "text", text, sizeof(text));
	if (!text_is(vector->line, "verdict", verdict_name(&outcome)) ||
	    !text_is(vector->line, "error", error_name(outcome.err.code)) ||
	    strstr(outcome.err.text, text) == NULL)
		fail_msg("%s: %s %s: %s; expected %.400s", vector->name, verdict_name(&outcome),
			 error_name(outcome.err.code), outcome.err.text, vector->line);
}

static void bad_frames_are_refused_for_the_right_reason(void **state)
{
	(void)state;
	assert_true(each_vector("bad_frames.jsonl", check_is_refused) > 200);
}

/* A small change at random: the frame is read, or refused with a reason. */
static void check_mutated(const struct vector *vector)
{
	static struct random random = { 1 };
	const int count = test_amount(20, 200, 5000);
	for (int i = 0; i < count; i++) {
		uint8_t *bytes = malloc(vector->size);
		assert_non_null(bytes);
		memcpy(bytes, vector->bytes, vector->size);
		bytes[random_next(&random) % vector->size] ^= (uint8_t)(1 + random_next(&random) % 255);
		const enum connection_state state = random_next(&random) % CONNECTION_STATES;
		const struct outcome outcome = receive(bytes, vector->size, state, vector->sender);
		if (outcome.verdict != FRAME_ACCEPT) {
			assert_int_not_equal(outcome.err.code, ERROR_NONE);
			assert_true(outcome.err.text[0] != '\0');
		}
		free(bytes);
	}
}

static void mutated_frames_are_read_or_refused(void **state)
{
	(void)state;
	each_vector("frames.jsonl", check_mutated);
	each_vector("bad_frames.jsonl", check_mutated);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_read_as_another_library_wrote_them),
		cmocka_unit_test(frames_are_written_as_another_library_wrote_them),
		cmocka_unit_test(every_message_has_a_vector),
		cmocka_unit_test(bodies_cut_anywhere_are_malformed),
		cmocka_unit_test(bad_frames_are_refused_for_the_right_reason),
		cmocka_unit_test(mutated_frames_are_read_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
