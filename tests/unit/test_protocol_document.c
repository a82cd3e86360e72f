#include "protocol/frame.h"

#include "protocol/limits.h"
#include "protocol/message.h"
#include "protocol/message_session.h"
#include "protocol/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* doc/protocol.md is what strangers write clients from: its tables are held against
 * those that the code works from, row by row, and its example against the vectors. */

static char *read_file(const char *path)
{
	const char *top_srcdir = getenv("top_srcdir");
	char whole_path[4096];
	size_t room = 1 << 20;
	char *text = malloc(room);
	assert_non_null(text);
	snprintf(whole_path, sizeof(whole_path), "%s/%s", top_srcdir != NULL ? top_srcdir : ".", path);
	FILE *file = fopen(whole_path, "r");
	if (file == NULL)
		fail_msg("cannot open %s", whole_path);
	const size_t size = fread(text, 1, room - 1, file);
	assert_true(size < room - 1);
	text[size] = '\0';
	fclose(file);
	return text;
}

static char *document;

static int load(void **state)
{
	(void)state;
	document = read_file("doc/protocol.md");
	return 0;
}

static int unload(void **state)
{
	(void)state;
	free(document);
	return 0;
}

static void demand_in(const char *part, const char *from, const char *to, const char *where)
{
	const char *found = strstr(from, part);
	if (found == NULL || found > to)
		fail_msg("doc/protocol.md, %s, lacks: %s", where, part + (part[0] == '\n'));
}

static void demand(const char *part)
{
	demand_in(part, document, document + strlen(document), "anywhere");
}

static const char *type_words(const struct message_field *field)
{
	switch (field->type) {
	case FIELD_BOOL: return "bool";
	case FIELD_U32: return "u32";
	case FIELD_U64: return "u64";
	case FIELD_I64: return "i64";
	case FIELD_TEXT: return "text";
	case FIELD_BYTES: return "bin";
	case FIELD_NAME: return "name";
	case FIELD_PATTERN: return "pattern";
	case FIELD_CHOICE: return "choice";
	case FIELD_LIST: return field->items->form == FORM_PAIR ? "map of " : "list of ";
	case FIELD_STRUCT: return "map ";
	}
	return "?";
}

static void add_limits(struct text *text, const struct message_field *field)
{
	const char *unit = "";
	uint64_t least = field->least, most = field->most;
	switch (field->type) {
	case FIELD_NAME:
	case FIELD_PATTERN:
		least = 1;
		most = TOPIC_NAME_BYTES_MAX;
		unit = " bytes";
		break;
	case FIELD_TEXT:
	case FIELD_BYTES:
		unit = " bytes";
		break;
	case FIELD_LIST:
		unit = " items";
		break;
	default:
		break;
	}
	if (most == 0 && least == 0)
		return;
	if (most == 0)
		text_add_format(text, " %llu or more%s", (unsigned long long)least, unit);
	else if (least == most)
		text_add_format(text, " %llu%s", (unsigned long long)most, unit);
	else if (least == 0)
		text_add_format(text, " at most %llu%s", (unsigned long long)most, unit);
	else
		text_add_format(text, " %llu to %llu%s", (unsigned long long)least,
				(unsigned long long)most, unit);
}

/* A table's row up to what it says in words. */
static void add_row(struct text *text, const struct message_field *field)
{
	text_add_format(text, "| `%s` | %s%s | %s |", field->name, type_words(field),
			field->items != NULL ? field->items->name : "",
			field->is_required ? "required" : "optional");
	add_limits(text, field);
	text_add_string(text, " |");
	text_add_byte(text, '\0');
}

static void check_choices(const struct message_field *field, const char *from, const char *to,
			  const char *where)
{
	char word[64];
	for (int i = 0; field->choices != NULL && field->choices[i] != NULL; i++) {
		snprintf(word, sizeof(word), "`%s`", field->choices[i]);
		demand_in(word, from, to, where);
	}
}

/* "**NAME**", then a row for each field in order, before the next such line. */
static void check_message(const struct message_layout *layout)
{
	char title[128];
	struct text row;
	snprintf(title, sizeof(title), "\n**%s**", layout->name);
	const char *at = strstr(document, title);
	if (at == NULL) {
		fail_msg("doc/protocol.md lacks **%s**", layout->name);
		return;
	}
	const char *end = strstr(at + strlen(title), "\n**");
	end = end != NULL ? end : at + strlen(at);
	text_init(&row);
	for (size_t i = 0; i < layout->field_count; i++) {
		const struct message_field *field = &layout->fields[i];
		text_empty(&row);
		add_row(&row, field);
		demand_in(row.buffer.data, at, end, layout->name);
		check_choices(field, at, end, layout->name);
		if (field->items != NULL && field->items->form != FORM_BARE)
			check_message(field->items);
	}
	text_clear(&row);
}

static void every_field_is_described(void **state)
{
	(void)state;
	for (uint8_t type = 1; type <= FRAME_TYPE_MAX; type++) {
		for (int is_reply = 0; is_reply <= 1; is_reply++) {
			const struct message_layout *layout = message_layout_of(type, is_reply == 1);
			if (layout != NULL && layout->field_count > 0)
				check_message(layout);
		}
	}
	check_message(&message_error_layout);
}

static const char *sender_words(uint8_t type)
{
	bool is_clients = frame_is_allowed(type, false, CONNECTION_READY, FRAME_FROM_CLIENT) ||
			  type == FRAME_HELLO;
	bool is_servers = frame_is_allowed(type, false, CONNECTION_READY, FRAME_FROM_SERVER);
	if (is_clients && is_servers)
		return "both";
	return is_clients ? "client" : "server";
}

static void every_frame_type_is_listed(void **state)
{
	char row[256];
	(void)state;
	for (uint8_t type = 1; type <= FRAME_TYPE_MAX; type++) {
		int length = snprintf(row, sizeof(row), "\n| %u | %s | %s | %s |", type,
				      frame_type_name(type), sender_words(type),
				      frame_has_reply((enum frame_type)type) ? "yes" : "no");
		const char *before = " ";
		for (int i = 0; i < CONNECTION_STATES; i++) {
			if (!frame_is_allowed(type, false, (enum connection_state)i, FRAME_FROM_CLIENT) &&
			    !frame_is_allowed(type, false, (enum connection_state)i, FRAME_FROM_SERVER))
				continue;
			length += snprintf(row + length, sizeof(row) - (size_t)length, "%s%s", before,
					   connection_state_name((enum connection_state)i));
			before = ", ";
		}
		snprintf(row + length, sizeof(row) - (size_t)length, " |");
		demand(row);
	}
}

static void every_error_is_listed(void **state)
{
	static const struct {
		const char *name;
		int number;
		bool is_retryable;
		const char *words;
	} errors[] = {
#define X(name, number, retryable, words) { #name, number, retryable, words },
		ERROR_CODES(X)
#undef X
	};
	char row[256];
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		snprintf(row, sizeof(row), "\n| %d | %s | %s | %s |", errors[i].number, errors[i].name,
			 errors[i].is_retryable ? "yes" : "no", errors[i].words);
		demand(row);
	}
}

static void every_limit_is_listed(void **state)
{
	static const struct {
		const char *words;
		uint64_t number;
	} limits[] = {
		{ "bytes of a frame before READY", FRAME_BYTES_MAX_BEFORE_LOGIN },
		{ "bytes of a frame from a client, default of `max_frame_bytes`", FRAME_BYTES_MAX_DEFAULT },
		{ "bytes of a frame from a client, ceiling", FRAME_BYTES_MAX_CEILING },
		{ "bytes of a frame from a server", FRAME_BYTES_MAX_FROM_SERVER },
		{ "bytes of a batch", BATCH_BYTES_MAX },
		{ "ms from connecting to READY", LOGIN_TIMEOUT_MS },
		{ "ms, default of `heartbeat_ms`", HEARTBEAT_MS_DEFAULT },
		{ "heartbeats without a byte, then the peer is gone", HEARTBEATS_MISSED_MAX },
		{ "bytes that wait for a client that does not read", OUTPUT_BYTES_MAX },
		{ "subscriptions of a connection", SUBSCRIPTIONS_MAX },
		{ "partitions of a subscription", SUBSCRIPTION_PARTITIONS_MAX },
		{ "partitions of a topic", TOPIC_PARTITIONS_MAX },
		{ "bytes of credit", CREDIT_BYTES_MAX },
		{ "keys of a map", MESSAGE_KEYS_MAX },
		{ "nested values", UNPACK_DEPTH_MAX },
		{ "stars of a pattern", TOPIC_PATTERN_STARS_MAX },
		{ "bytes of a body of HELLO, AUTH, PING, OFFSETS, UNSUBSCRIBE, CREDIT, SCHEMA, "
		  "TOPIC_DELETE, STATUS, COMMITTED, SOURCES, SOURCE_CONTROL, GROUPS, GROUP_INFO, "
		  "GROUP_REMOVE from a client", 4088 },
	};
	char row[256];
	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		snprintf(row, sizeof(row), "\n| %llu | %s |", (unsigned long long)limits[i].number,
			 limits[i].words);
		demand(row);
	}
	for (uint8_t type = 1; type <= FRAME_TYPE_MAX; type++) {
		const struct frame frame = { .type = type, .request_id = 1, .body.size = 4089 };
		struct error err = { 0 };
		const char *list = strstr(document, "| bytes of a body of HELLO");
		char word[64];
		snprintf(word, sizeof(word), type == FRAME_TYPE_MAX ? " %s " : " %s,", frame_type_name(type));
		const char *found = strstr(list, word);
		const bool is_small = found != NULL && found < strchr(list, '\n');
		if (frame_is_allowed(type, false, CONNECTION_READY, FRAME_FROM_CLIENT))
			assert_int_equal(frame_judge(&frame, CONNECTION_READY, FRAME_FROM_CLIENT, &err) ==
						 FRAME_REFUSE, is_small);
	}
}

/* What stands in code blocks up to ';', without spaces, all in one. */
static char *code_of(const char *text)
{
	char *code = calloc(1, strlen(text) + 1), *out = code;
	bool is_code = false;
	assert_non_null(code);
	while (*text != '\0') {
		const char *end = text + strcspn(text, "\n");
		if (strncmp(text, "```", 3) == 0) {
			is_code = !is_code;
		} else if (is_code) {
			for (; text < end && *text != ';'; text++)
				if (!isspace((unsigned char)*text))
					*out++ = *text;
		}
		text = *end == '\0' ? end : end + 1;
	}
	return code;
}

static void the_example_is_among_the_vectors(void **state)
{
	char *vectors = read_file("tests/vectors/frames.jsonl");
	char *code = code_of(document);
	int count = 0;
	(void)state;
	for (char *line = strtok(vectors, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (strncmp(line, "{\"name\":\"example_", 17) != 0)
			continue;
		char *hex = NULL;
		for (char *at = line; (at = strstr(at, "\"hex\":\"")) != NULL; at++)
			hex = at + 7;
		assert_non_null(hex);
		*strchr(hex, '"') = '\0';
		if (strstr(code, hex) == NULL)
			fail_msg("doc/protocol.md, example, lacks: %s", hex);
		count++;
	}
	assert_int_equal(count, 8);
	free(code);
	free(vectors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_described),
		cmocka_unit_test(every_frame_type_is_listed),
		cmocka_unit_test(every_error_is_listed),
		cmocka_unit_test(every_limit_is_listed),
		cmocka_unit_test(the_example_is_among_the_vectors),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
