#include "client/command.h"
#include "client/command_output.h"
#include "client/command_progress.h"
#include "client/command_table.h"
#include "protocol/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES       (256u * 1024)
#define LINE_BYTES_MAX   FRAME_BYTES_MAX_CEILING
#define HEADERS_MAX      OPTIONS_MAX
#define STANDSTILL_US    2000000
#define END_WAIT_US      2000000        /* for what is under way when ^C was pressed */

struct produce {
	const struct command *command;
	struct millstream_message message;      /* what every record has in common */
	struct millstream_header headers[HEADERS_MAX];
	const char *delimiter;                  /* NULL: no keys */
	bool has_tombstones;

	struct millstream_client *client;
	struct command_progress progress;
	char *input;                            /* owned */
	size_t input_used, input_room;
	uint64_t published, stored, failed;
	char why[ERROR_TEXT_BYTES];             /* the first record was not stored */
	bool is_unknown;                        /* whether some were stored */
	bool was_disconnected;
	bool stands_still;
	uint64_t stored_before;
	int64_t moved_us;
	bool is_refused;                        /* connecting again is of no use */
};

static void note_failure(struct produce *produce, const char *why)
{
	if (produce->why[0] == '\0')
		snprintf(produce->why, sizeof(produce->why), "%s", why);
}

static void on_delivered(void *user, const struct millstream_delivery *delivery)
{
	struct produce *produce = user;
	if (delivery->code == MILLSTREAM_OK) {
		produce->stored++;
		return;
	}
	produce->failed++;
	produce->is_unknown |= delivery->code == MILLSTREAM_TIMEOUT || delivery->code == MILLSTREAM_CLOSED;
	note_failure(produce, delivery->text != NULL ? delivery->text : millstream_code_text(delivery->code));
}

/* Connected, and yet nothing is stored: told once, with what is known of why. */
static void tell_standstill(struct produce *produce, bool is_disconnected)
{
	int64_t now_us = command_now_us();
	if (produce->stored != produce->stored_before || is_disconnected ||
	    millstream_unacknowledged(produce->client) == 0) {
		if (produce->stands_still)
			command_tell(produce->command, "publishing on");
		produce->stands_still = false;
		produce->stored_before = produce->stored;
		produce->moved_us = now_us;
	} else if (!produce->stands_still && now_us - produce->moved_us > STANDSTILL_US) {
		produce->stands_still = true;
		command_progress_hide(&produce->progress);
		command_tell(produce->command, "nothing is stored: %s; trying again",
			     millstream_error_text(produce->client));
	}
}

/* What a call said of the connection, while records wait for it. */
static void tell_connection(struct produce *produce, int code)
{
	bool is_disconnected = code == MILLSTREAM_DISCONNECTED;
	if (code != MILLSTREAM_OK && code != MILLSTREAM_TIMEOUT && code != MILLSTREAM_BUSY && !is_disconnected &&
	    millstream_unacknowledged(produce->client) > 0) {
		produce->is_refused = true;
		note_failure(produce, millstream_error_text(produce->client));
	}
	tell_standstill(produce, is_disconnected);
	if (produce->was_disconnected == is_disconnected)
		return;
	command_progress_hide(&produce->progress);
	if (is_disconnected)
		command_tell(produce->command, "%s; trying again", millstream_error_text(produce->client));
	else if (!produce->is_refused)
		command_tell(produce->command, "connected again, and publishing on");
	produce->was_disconnected = is_disconnected;
}

static int publish(struct produce *produce, struct millstream_message *message)
{
	int code;
	do {
		code = millstream_publish(produce->client, message, COMMAND_WAIT_MS, on_delivered, produce);
		if (code == MILLSTREAM_DISCONNECTED || code == MILLSTREAM_BUSY)
			tell_connection(produce, code);
	} while ((code == MILLSTREAM_BUSY || code == MILLSTREAM_DISCONNECTED || code == MILLSTREAM_TIMEOUT) &&
	       command_output_is_wanted() && produce->failed == 0);
	if (code == MILLSTREAM_OK) {
		produce->published++;
		command_progress_step(&produce->progress, produce->stored, 0);
		return COMMAND_DONE;
	}
	if (!command_output_is_wanted())
		return COMMAND_DONE;
	command_progress_hide(&produce->progress);
	command_call_failed(produce->command, produce->client, "line %" PRIu64, produce->published + 1);
	if (code == MILLSTREAM_NOT_FOUND)
		fprintf(stderr, message->partition == MILLSTREAM_ANY_PARTITION ?
			"Make it: millstream topic create %s\n" :
			"See what there is: millstream topic info %s\n", message->topic);
	return COMMAND_FAILED;
}

static int publish_line(struct produce *produce, const char *line, size_t size)
{
	struct millstream_message message = produce->message;
	message.value = line;
	message.value_bytes = size;
	if (produce->delimiter != NULL) {
		size_t width = strlen(produce->delimiter);
		const char *at = memmem(line, size, produce->delimiter, width);
		if (at != NULL) {
			message.key = line;
			message.key_bytes = (size_t)(at - line);
			message.value = at + width;
			message.value_bytes = size - message.key_bytes - width;
		}
	}
	if (produce->has_tombstones && message.value_bytes == 0)
		message.value = NULL;
	return publish(produce, &message);
}

static int publish_lines(struct produce *produce, bool is_end)
{
	size_t begin = 0;
	int status = COMMAND_DONE;
	while (status == COMMAND_DONE && begin < produce->input_used && command_output_is_wanted()) {
		const char *line = produce->input + begin;
		const char *end = memchr(line, '\n', produce->input_used - begin);
		if (end == NULL && !is_end)
			break;
		size_t size = end != NULL ? (size_t)(end - line) : produce->input_used - begin;
		status = publish_line(produce, line, size);
		begin += size + (end != NULL);
	}
	memmove(produce->input, produce->input + begin, produce->input_used - begin);
	produce->input_used -= begin;
	return status;
}

static int make_room(struct produce *produce)
{
	if (produce->input_room - produce->input_used >= READ_BYTES)
		return COMMAND_DONE;
	if (produce->input_used > LINE_BYTES_MAX)
		return command_failed(produce->command, "line %" PRIu64 " is longer than %d bytes",
				      produce->published + 1, LINE_BYTES_MAX);
	size_t room = produce->input_room * 2 + READ_BYTES;
	char *grown = realloc(produce->input, room);
	if (grown == NULL)
		return command_failed(produce->command, "%s", strerror(ENOMEM));
	produce->input = grown;
	produce->input_room = room;
	return COMMAND_DONE;
}

/* Until there is something to read; what is under way goes on meanwhile. */
static bool wait_for_input(struct produce *produce)
{
	for (;;) {
		int timeout_ms = -1;
		struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN } };
		fds[1].events = millstream_events(produce->client, &timeout_ms);
		fds[1].fd = millstream_fd(produce->client);
		if (timeout_ms < 0 || timeout_ms > COMMAND_WAIT_MS)
			timeout_ms = COMMAND_WAIT_MS;
		poll(fds, 2, timeout_ms);
		if (!command_output_is_wanted() || produce->failed > 0 || produce->is_refused)
			return false;
		if (fds[0].revents != 0)
			return true;
		millstream_dispatch(produce->client);
		tell_connection(produce, millstream_flush(produce->client, 0));
	}
}

static int read_input(struct produce *produce)
{
	int status = COMMAND_DONE;
	while (status == COMMAND_DONE && wait_for_input(produce)) {
		status = make_room(produce);
		if (status != COMMAND_DONE)
			break;
		ssize_t size = read(STDIN_FILENO, produce->input + produce->input_used,
				    produce->input_room - produce->input_used);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return command_failed(produce->command, "read the input: %s", strerror(errno));
		produce->input_used += (size_t)size;
		status = publish_lines(produce, size == 0);
		if (size == 0)
			break;
	}
	return status;
}

static void wait_for_delivery(struct produce *produce)
{
	int64_t interrupted_us = 0;
	while (millstream_unacknowledged(produce->client) > 0 && !produce->is_refused) {
		tell_connection(produce, millstream_flush(produce->client, COMMAND_WAIT_MS));
		command_progress_step(&produce->progress, produce->stored & ~UINT64_C(63),
				      produce->published);
		if (command_output_is_wanted())
			continue;
		if (interrupted_us == 0)
			interrupted_us = command_now_us();
		else if (command_now_us() - interrupted_us > END_WAIT_US)
			break;
	}
}

static int report(struct produce *produce, int status)
{
	uint64_t missing = produce->published - produce->stored;
	if (missing == 0)
		return status;
	return command_failed(produce->command, "of %" PRIu64 " record%s %" PRIu64 " %s not %s: %s",
			      produce->published, produce->published == 1 ? "" : "s", missing, missing == 1 ? "was" : "were",
			      produce->is_unknown ? "acknowledged, and may be stored or not" : "stored", produce->why);
}

static int read_header(struct produce *produce, char *value)
{
	char *equals = strchr(value, '=');
	if (equals == NULL || equals == value)
		return command_misused(produce->command, "-H: '%s' is not NAME=VALUE", value), -1;
	if (produce->message.header_count == HEADERS_MAX)
		return command_misused(produce->command, "more than %d -H", HEADERS_MAX), -1;
	produce->headers[produce->message.header_count++] = (struct millstream_header){
		value, (size_t)(equals - value), equals + 1, strlen(equals + 1)
	};
	return 0;
}

static int read_option(struct produce *produce, int letter, const char *value)
{
	uint64_t number = 0;
	switch (letter) {
	case 'K':
		produce->delimiter = value;
		return value[0] != '\0' ? 0 : (command_misused(produce->command, "-K: an empty delimiter"), -1);
	case 'Z': produce->has_tombstones = true; return 0;
	case 'H': return read_header(produce, (char *)value);
	default:
		if (command_number(produce->command, "-p", value, 0, TOPIC_PARTITIONS_MAX - 1, &number) != 0)
			return -1;
		produce->message.partition = (uint32_t)number;
		return 0;
	}
}

static int read_options(struct produce *produce, struct command_arguments *arguments)
{
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		if (read_option(produce, letter, value) != 0)
			return -1;
	if (letter < 0)
		return -1;
	if (arguments->argc != 1)
		return command_misused(produce->command, arguments->argc == 0 ? "to which topic?"
								: "to one topic at a time"), -1;
	if (command_name(produce->command, "topic", arguments->argv[0]) != 0)
		return -1;
	produce->message.topic = arguments->argv[0];
	produce->message.headers = produce->headers;
	return 0;
}

static int run(struct command_arguments *arguments)
{
	struct produce produce = {
		.command = arguments->command,
		.message.partition = MILLSTREAM_ANY_PARTITION,
	};
	int status;

	if (read_options(&produce, arguments) != 0)
		return COMMAND_USAGE;
	status = command_connect(arguments, NULL, &produce.client);
	if (status != COMMAND_DONE)
		return status;
	produce.moved_us = command_now_us();
	command_progress_begin(&produce.progress, "published", false);
	status = read_input(&produce);
	wait_for_delivery(&produce);
	command_progress_hide(&produce.progress);
	if (millstream_unacknowledged(produce.client) > 0)
		note_failure(&produce, produce.was_disconnected || produce.stands_still ?
				       millstream_error_text(produce.client) : "it was interrupted");
	millstream_close(produce.client);
	free(produce.input);
	return report(&produce, status);
}

static const struct command_option options[] = {
	{ 'K', "key-delimiter", "DELIM", "what stands before the first DELIM in a line is the key" },
	{ 'Z', "tombstones", NULL, "a line without a value is a tombstone" },
	{ 'p', "partition", "N", "to this partition (default: by key; without one, in turn)" },
	{ 'H', "header", "NAME=VALUE", "a header of every record; may be given again" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_produce = {
	.noun = "produce",
	.arguments = "TOPIC",
	.summary = "publish the lines of standard input",
	.description = "Publish each line of standard input as a record, and wait until all are stored.\n"
		       "Exits 1 if any was not, and says why.\n",
	.options = options,
	.examples = "  echo 'hello' | millstream produce greetings\n"
		    "  printf '42:paid\\n43:\\n' | millstream produce orders -K : -Z -H origin=shell\n",
	.run = run,
};
