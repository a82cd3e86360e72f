#include "client/command.h"
#include "client/command_format.h"
#include "client/command_output.h"
#include "client/command_progress.h"
#include "client/command_start.h"
#include "client/command_table.h"
#include "protocol/array.h"
#include "protocol/limits.h"
#include "protocol/topic_pattern.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define OUTPUT_BYTES     (64u * 1024)   /* gathered before a write */
#define COMMIT_EVERY_US  1000000
#define COMMIT_LAST_MS   2000           /* that the last one may take when ^C was pressed */
#define PARTITIONS_MAX   TOPIC_PARTITIONS_MAX

enum { OPTION_FORMAT = 256, OPTION_SKIP_GAPS, OPTION_PROPERTY };

#define WIDTH_MIN 40    /* of a terminal that lines are made to fit */

struct consume {
	const struct command *command;
	struct millstream_subscribe_options subscribe;
	uint32_t partitions[PARTITIONS_MAX];
	bool has_start;
	bool ends_at_end;
	bool is_unbuffered;
	bool skips_gaps;
	struct command_format format;
	uint64_t count_max;             /* UINT64_MAX: no limit */

	struct millstream_client *client;
	struct millstream_subscription *subscription;
	struct text text;               /* not written yet */
	struct command_progress progress;
	uint64_t count;
	bool was_disconnected;

	/* Of a group: as far as the output has been written. */
	struct millstream_offset *written;      /* owned, and so are the topics in it */
	size_t written_count, noted_count;
	bool is_uncommitted;
	int64_t committed_us;
};

/* ---- What the group has seen ---- */

/* Places come in one order: each is looked for where it was the last time. */
static bool note_place(void *user, const struct millstream_place *place)
{
	struct consume *consume = user;
	size_t n = consume->noted_count;
	if (n == consume->written_count) {
		void *grown = array_grow(consume->written, n, sizeof(*consume->written));
		if (grown == NULL)
			return false;
		consume->written = grown;
		consume->written[consume->written_count++] = (struct millstream_offset){ .topic = NULL };
	}
	struct millstream_offset *offset = &consume->written[n];
	if (offset->topic == NULL || strcmp(offset->topic, place->topic) != 0) {
		char *topic = strdup(place->topic);
		if (topic == NULL)
			return false;
		free((char *)offset->topic);
		offset->topic = topic;
		consume->is_uncommitted = true;
	}
	consume->is_uncommitted |= offset->partition != place->partition || offset->offset != place->next_offset;
	offset->partition = place->partition;
	offset->offset = place->next_offset;
	consume->noted_count++;
	return true;
}

static void forget_written(struct consume *consume, size_t from)
{
	while (consume->written_count > from)
		free((char *)consume->written[--consume->written_count].topic);
}

static void note_places(struct consume *consume)
{
	consume->noted_count = 0;
	millstream_places(consume->subscription, note_place, consume);
	forget_written(consume, consume->noted_count);
}

/* A server that is away, or a topic of which is not heard yet that it was deleted: the next
 * commit says the same. */
static bool may_commit_later(int code)
{
	return code == MILLSTREAM_DISCONNECTED || code == MILLSTREAM_TIMEOUT || code == MILLSTREAM_NOT_FOUND ||
	       code == MILLSTREAM_BUSY || code == MILLSTREAM_DISK_FULL;
}

static int commit(struct consume *consume, int timeout_ms, bool is_last)
{
	consume->committed_us = command_now_us();
	if (!consume->is_uncommitted)
		return COMMAND_DONE;
	int code = millstream_commit_offsets(consume->client, consume->subscribe.group, consume->written,
					     consume->written_count, timeout_ms);
	if (code == MILLSTREAM_OK)
		consume->is_uncommitted = false;
	else if (is_last || !may_commit_later(code)) {
		command_call_failed(consume->command, consume->client, "commit for the group '%s'",
				    consume->subscribe.group);
		fputs("What was written since its last commit comes again the next time.\n", stderr);
		return COMMAND_FAILED;
	}
	return COMMAND_DONE;
}

/* False: the output is of no use any more. */
static bool write_out(struct consume *consume)
{
	if (command_output_write(&consume->text) != 0)
		return false;
	if (consume->subscribe.group != NULL)
		note_places(consume);
	return true;
}

/* ---- Records and news ---- */

static int add_record(struct consume *consume, const struct millstream_record *record)
{
	struct error err = { 0 };
	int rc = command_format_add(&consume->format, &consume->text, record, &err);
	if (rc >= 0) {
		consume->count += (uint64_t)rc;
		return COMMAND_DONE;
	}
	if (!command_output_is_wanted())
		return COMMAND_DONE;
	write_out(consume);
	command_progress_hide(&consume->progress);
	command_failed(consume->command, "%s/%" PRIu32 " @%" PRIu64 " cannot be shown: %s", record->topic,
		       record->partition, record->offset, err.text);
	fprintf(stderr, "See its bytes with --format raw, or go on behind it with -p %" PRIu32 " -o %" PRIu64
			".\n", record->partition, record->offset + 1);
	return COMMAND_FAILED;
}

static int pass_gap(struct consume *consume, const struct millstream_record *news)
{
	const char *why = news->kind == MILLSTREAM_RECORDS_GONE ? "are not in the log (any more)"
								: "are damaged";
	/* Of those that are gone it says the same. */
	const char *text = news->kind == MILLSTREAM_RECORDS_GONE ? NULL : news->text;
	command_progress_hide(&consume->progress);
	command_tell(consume->command, "%s/%" PRIu32 ": offsets %" PRIu64 " to before %" PRIu64 " %s%s%s",
		     news->topic, news->partition, news->offset, news->end_offset, why,
		     text != NULL ? ": " : "", text != NULL ? text : "");
	if (!consume->skips_gaps) {
		fprintf(stderr, "Go on behind them with --skip-gaps or another -o.\n");
		return COMMAND_FAILED;
	}
	uint64_t offset = news->end_offset;
	uint32_t partition = news->partition;
	char *topic = strdup(news->topic);
	if (topic == NULL)
		return command_failed(consume->command, "%s", strerror(ENOMEM));
	int code = millstream_seek(consume->subscription, topic, partition, offset, COMMAND_ANSWER_MS);
	if (code == MILLSTREAM_OK)
		command_tell(consume->command, "%s/%" PRIu32 ": skipped, goes on at %" PRIu64, topic,
			     partition, offset);
	else
		command_call_failed(consume->command, consume->client, "skip to %" PRIu64, offset);
	free(topic);
	return code == MILLSTREAM_OK ? COMMAND_DONE : COMMAND_FAILED;
}

static bool stop_at_first(void *user, const struct millstream_place *place)
{
	(void)place;
	*(bool *)user = true;
	return false;
}

static bool has_places(const struct consume *consume)
{
	bool found = false;
	millstream_places(consume->subscription, stop_at_first, &found);
	return found;
}

static bool has_pattern(const struct consume *consume)
{
	for (size_t i = 0; i < consume->subscribe.topic_count; i++)
		if (topic_pattern_has_star(bytes_of_text(consume->subscribe.topics[i])))
			return true;
	return false;
}

/* May a partition still come to be followed? */
static bool may_come(const struct consume *consume)
{
	return has_pattern(consume) || consume->subscribe.partition_count == 0;
}

static int hear_news(struct consume *consume, const struct millstream_record *news)
{
	const char *text = news->text != NULL ? news->text : millstream_code_text(news->error_code);
	switch (news->kind) {
	case MILLSTREAM_RECORDS_GONE:
	case MILLSTREAM_RECORDS_DAMAGED:
		return pass_gap(consume, news);
	case MILLSTREAM_TOPIC_DELETED:
		command_tell(consume->command, "the topic '%s' was deleted", news->topic);
		return has_pattern(consume) || has_places(consume) ? COMMAND_DONE : COMMAND_FAILED;
	case MILLSTREAM_PARTITION_REFUSED:
		return command_failed(consume->command, "%s/%" PRIu32 " is left out: too many partitions; "
				      "use a narrower pattern", news->topic, news->partition);
	case MILLSTREAM_OTHER_INSTANCE:
		return command_failed(consume->command, "the server has another log now, in which "
				      "offsets mean something else: start again");
	case MILLSTREAM_SUBSCRIPTION_ENDED:
		return command_failed(consume->command, "the server ended the subscription: %s", text);
	default:
		return COMMAND_DONE;
	}
}

static int take(struct consume *consume, const struct millstream_record *record)
{
	if (record->kind != MILLSTREAM_RECORD) {
		/* What stands before the news is written before it is told. */
		write_out(consume);
		return hear_news(consume, record);
	}
	if (add_record(consume, record) != COMMAND_DONE)
		return COMMAND_FAILED;
	command_progress_step(&consume->progress, consume->count,
			      consume->count_max == UINT64_MAX ? 0 : consume->count_max);
	if (consume->is_unbuffered || consume->text.buffer.size >= OUTPUT_BYTES)
		write_out(consume);
	return COMMAND_DONE;
}

static void tell_connection(struct consume *consume, bool is_disconnected)
{
	if (consume->was_disconnected == is_disconnected)
		return;
	command_progress_hide(&consume->progress);
	if (is_disconnected)
		command_tell(consume->command, "%s; trying again", millstream_error_text(consume->client));
	else
		command_tell(consume->command, "connected again, and reading on");
	consume->was_disconnected = is_disconnected;
}

static int wait_for_record(struct consume *consume, const struct millstream_record **out)
{
	int code = millstream_next(consume->client, 0, out);
	if (code == MILLSTREAM_OK)
		return code;
	write_out(consume);
	if (!command_output_is_wanted())
		return MILLSTREAM_TIMEOUT;
	return millstream_next(consume->client, COMMAND_WAIT_MS, out);
}

static bool is_done(const struct consume *consume)
{
	return consume->count >= consume->count_max || !command_output_is_wanted() ||
	       (consume->ends_at_end && millstream_is_caught_up(consume->subscription));
}

static int follow(struct consume *consume)
{
	const struct millstream_record *record;
	int status = COMMAND_DONE;

	if (!has_places(consume) && !may_come(consume))
		return command_failed(consume->command, "no topic that matches has such a partition (-p); "
				      "millstream topic info shows those there are");
	if (consume->ends_at_end && !has_places(consume)) {
		command_tell(consume->command, "no topic matches");
		return COMMAND_DONE;
	}
	while (status == COMMAND_DONE && !is_done(consume)) {
		int code = wait_for_record(consume, &record);
		if (code == MILLSTREAM_OK || code == MILLSTREAM_TIMEOUT || code == MILLSTREAM_DISCONNECTED)
			tell_connection(consume, code == MILLSTREAM_DISCONNECTED);
		if (code == MILLSTREAM_OK)
			status = take(consume, record);
		else if (code != MILLSTREAM_TIMEOUT && code != MILLSTREAM_DISCONNECTED)
			status = command_call_failed(consume->command, consume->client, "read");
		if (code != MILLSTREAM_OK && !command_output_has_reader())
			break;
		if (consume->subscribe.group != NULL && status == COMMAND_DONE &&
		    consume->is_uncommitted && command_now_us() - consume->committed_us > COMMIT_EVERY_US)
			status = commit(consume, COMMAND_WAIT_MS, false);
	}
	return status;
}

/* ---- Options ---- */

static int read_start(struct consume *consume, const char *value)
{
	struct millstream_subscribe_options *subscribe = &consume->subscribe;
	struct command_start start;
	consume->has_start = true;
	if (command_start_read(consume->command, value, true, &start) != 0)
		return -1;
	subscribe->start = start.kind;
	if (start.kind == MILLSTREAM_START_TIME)
		subscribe->time_us = start.number;
	else if (start.kind == MILLSTREAM_START_OFFSET)
		subscribe->offset = start.number;
	return 0;
}

static int read_format(struct consume *consume, const char *value)
{
	struct error err = { 0 };
	if (render_options_set_format(&consume->format.options, value, &err) != 0)
		return command_misused(consume->command, "--%s", err.text), -1;
	return 0;
}

/* A property of the rendering is an option by its name. */
static int read_property(struct consume *consume, int letter, const char *value)
{
	const struct command_option *option = consume->command->options;
	struct error err = { 0 };
	while (option->letter != letter)
		option++;
	if (render_options_set(&consume->format.options, option->name, value, &err) != 0)
		return command_misused(consume->command, "--%s", err.text), -1;
	return 0;
}

static int choose_form(struct consume *consume, enum command_form form)
{
	if (consume->format.form != COMMAND_FORM_LINE && consume->format.form != form)
		return command_misused(consume->command, "-J and -f are two ways to write a record: choose one"), -1;
	consume->format.form = form;
	return 0;
}

static int read_letters(struct consume *consume, const char *value)
{
	struct error err = { 0 };
	if (command_format_check(value, &err) != 0)
		return command_misused(consume->command, "-f: %s", err.text), -1;
	consume->format.letters = value;
	return choose_form(consume, COMMAND_FORM_LETTERS);
}

static int read_partition(struct consume *consume, const char *value)
{
	uint64_t partition;
	if (command_number(consume->command, "-p", value, 0, TOPIC_PARTITIONS_MAX - 1, &partition) != 0)
		return -1;
	if (consume->subscribe.partition_count == PARTITIONS_MAX)
		return command_misused(consume->command, "too many -p"), -1;
	consume->partitions[consume->subscribe.partition_count++] = (uint32_t)partition;
	consume->subscribe.partitions = consume->partitions;
	return 0;
}

static int read_option(struct consume *consume, int letter, const char *value)
{
	switch (letter) {
	case 'o': return read_start(consume, value);
	case 'e': consume->ends_at_end = true; return 0;
	case 'c': return command_number(consume->command, "-c", value, 0, INT64_MAX, &consume->count_max);
	case 'G':
		consume->subscribe.group = value;
		return command_name(consume->command, "group", value);
	case 'p': return read_partition(consume, value);
	case OPTION_FORMAT: return read_format(consume, value);
	case 'J': return choose_form(consume, COMMAND_FORM_JSON);
	case 'f': return read_letters(consume, value);
	case 'u': consume->is_unbuffered = true; return 0;
	case OPTION_SKIP_GAPS: consume->skips_gaps = true; return 0;
	default: return read_property(consume, letter, value);
	}
}

static int read_options(struct consume *consume, struct command_arguments *arguments)
{
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		if (read_option(consume, letter, value) != 0)
			return -1;
	if (letter < 0)
		return -1;
	if (arguments->argc == 0)
		return command_misused(consume->command, "which topic?"), -1;
	if (consume->format.options.format == RENDER_PRETTY && consume->format.form != COMMAND_FORM_LINE)
		return command_misused(consume->command, "--format pretty is for a line of its own: leave out "
				       "-J and -f"), -1;
	for (int i = 0; i < arguments->argc; i++)
		if (command_pattern(consume->command, arguments->argv[i]) != 0)
			return -1;
	consume->subscribe.topics = (const char *const *)arguments->argv;
	consume->subscribe.topic_count = (size_t)arguments->argc;
	if (consume->subscribe.group == NULL && consume->subscribe.start == MILLSTREAM_START_STORED)
		return command_misused(consume->command, "-o stored needs a group: -G GROUP"), -1;
	if (consume->subscribe.group != NULL && !consume->has_start)
		consume->subscribe.start = MILLSTREAM_START_STORED;
	return 0;
}

/* Colours and a width only where a person looks (https://no-color.org). */
static void look_at_terminal(struct render_options *options)
{
	const char *no_colours = getenv("NO_COLOR");
	struct winsize size;
	if (!isatty(STDOUT_FILENO))
		return;
	options->has_colours = no_colours == NULL || no_colours[0] == '\0';
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_MIN)
		options->width = size.ws_col;
}

static int open_format(struct consume *consume)
{
	struct error err = { 0 };
	look_at_terminal(&consume->format.options);
	if (command_format_open(&consume->format, consume->client, &err) != 0)
		return command_failed(consume->command, "%s", err.text);
	return COMMAND_DONE;
}

static int subscribe(struct consume *consume)
{
	int code = millstream_subscribe(consume->client, &consume->subscribe, COMMAND_ANSWER_MS,
					&consume->subscription);
	if (code == MILLSTREAM_OK)
		return COMMAND_DONE;
	command_call_failed(consume->command, consume->client, "subscribe");
	if (code == MILLSTREAM_NOT_FOUND)
		fputs("'millstream topic ls' lists what there is.\n", stderr);
	return COMMAND_FAILED;
}

static int run(struct command_arguments *arguments)
{
	struct consume consume = { .command = arguments->command, .count_max = UINT64_MAX };
	int status;

	command_format_init(&consume.format);
	if (read_options(&consume, arguments) != 0)
		return COMMAND_USAGE;
	text_init(&consume.text);
	status = command_connect(arguments, NULL, &consume.client);
	if (status == COMMAND_DONE)
		status = open_format(&consume);
	if (status == COMMAND_DONE)
		status = subscribe(&consume);
	if (status != COMMAND_DONE)
		goto out;
	command_progress_begin(&consume.progress, "read", true);
	status = follow(&consume);
	command_progress_hide(&consume.progress);
	write_out(&consume);
	if (consume.subscribe.group != NULL &&
	    commit(&consume, command_output_is_wanted() ? COMMAND_ANSWER_MS : COMMIT_LAST_MS, true) != COMMAND_DONE)
		status = COMMAND_FAILED;
out:
	command_format_close(&consume.format);
	millstream_close(consume.client);
	forget_written(&consume, 0);
	free(consume.written);
	text_clear(&consume.text);
	return status;
}

static const struct command_option options[] = {
	{ 'o', "offset", "WHERE", "beginning (default), end, stored, N, -N (before the end), s@MS (time)" },
	{ 'e', "exit", NULL, "exit where the log ended when it began" },
	{ 'c', "count", "N", "exit after N records" },
	{ 'G', "group", "GROUP", "start where the group is, and store how far it got" },
	{ 'p', "partition", "N", "this partition alone; may be given again" },
	{ OPTION_FORMAT, "format", "NAME", "debezium (default), debezium-schema, flat, pretty, raw" },
	{ 'J', "json", NULL, "an object a line: topic, partition, offset, ts, key, payload, headers" },
	{ 'f', "fmt", "FORMAT", "%t topic %p partition %o offset %k key %v value %T ms %h headers" },
	{ 'u', "unbuffered", NULL, "write each record at once" },
	{ OPTION_SKIP_GAPS, "skip-gaps", NULL, "go on behind records that are gone or damaged" },
	/* Of the rendering; millstream(1) has them. */
	{ OPTION_PROPERTY, "decimal.handling.mode", "MODE", NULL },
	{ OPTION_PROPERTY + 1, "time.precision.mode", "MODE", NULL },
	{ OPTION_PROPERTY + 2, "binary.handling.mode", "MODE", NULL },
	{ OPTION_PROPERTY + 3, "interval.handling.mode", "MODE", NULL },
	{ OPTION_PROPERTY + 4, "unavailable.value.placeholder", "TEXT", NULL },
	{ OPTION_PROPERTY + 5, "delete.tombstone.handling.mode", "MODE", NULL },
	{ OPTION_PROPERTY + 6, "delete.handling.mode", "MODE", NULL },
	{ OPTION_PROPERTY + 7, "drop.tombstones", "BOOL", NULL },
	{ OPTION_PROPERTY + 8, "add.fields", "LIST", NULL },
	{ OPTION_PROPERTY + 9, "add.fields.prefix", "TEXT", NULL },
	{ 0, NULL, NULL, NULL },
};

const struct command command_consume = {
	.noun = "consume",
	.arguments = "TOPIC|PATTERN...",
	.summary = "read records, and follow what comes",
	.description = "Write the records of topics to standard output, and go on as new ones come. In a\n"
		       "pattern, such as 'myapp.*', a star stands for any letters. Exits 1 at a gap.\n"
		       "Properties of a format are options too: --decimal.handling.mode=string,\n"
		       "--time.precision.mode, --add.fields=op, ...; millstream(1) has them.\n",
	.options = options,
	.examples = "  millstream consume orders -o -10 -e\n"
		    "  millstream consume orders -e -f '%p/%o %k: %v\\n'\n",
	.run = run,
};
