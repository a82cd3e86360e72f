#include "client/command.h"
#include "client/command_output.h"
#include "client/command_table.h"
#include "client/command_words.h"
#include "protocol/text_columns.h"
#include "protocol/time_text.h"
#include "protocol/topic_pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_JSON = 256, OPTION_YES };

struct totals {
	uint64_t records;
	uint64_t bytes;
};

struct topic_work {
	const struct command *command;
	const struct command_arguments *arguments;
	bool *is_found;                 /* owned; of each operand: there is a topic of that name */
	bool (*each)(void *, const struct millstream_topic *);
	struct millstream_client *client;
	bool as_json;
	bool names_only;
	struct text text;
	struct text_columns columns;
	size_t found_count;
	struct totals totals;
	uint64_t partition_count;
};

static struct totals totals_of(const struct millstream_topic *topic)
{
	struct totals totals = { 0 };
	for (uint32_t i = 0; i < topic->partition_count; i++) {
		const struct millstream_partition *partition = &topic->partitions[i];
		totals.records += partition->visible_end - partition->log_start;
		totals.bytes += partition->bytes;
	}
	return totals;
}

static void add_json_topic(struct text *text, const struct millstream_topic *topic, bool is_whole)
{
	struct json json = json_to(text);
	struct totals totals = totals_of(topic);

	json_begin_object(&json);
	json_name(&json, "name");
	json_string(&json, topic->name);
	json_name(&json, "id");
	json_u64(&json, topic->id);
	json_name(&json, "partitions");
	json_u64(&json, topic->partition_count);
	json_name(&json, "records");
	json_u64(&json, totals.records);
	json_name(&json, "bytes");
	json_u64(&json, totals.bytes);
	command_add_string(&json, "owner", topic->owner);
	if (is_whole) {
		json_name(&json, "created_us");
		json_i64(&json, topic->created_us);
		json_name(&json, "settings");
		json_begin_array(&json);
		for (size_t i = 0; i < topic->setting_count; i++) {
			json_begin_object(&json);
			json_name(&json, "name");
			json_string(&json, topic->settings[i].name);
			json_name(&json, "value");
			json_string(&json, topic->settings[i].value);
			json_name(&json, "is_set");
			json_bool(&json, topic->settings[i].is_set);
			json_end_object(&json);
		}
		json_end_array(&json);
		json_name(&json, "partition_list");
		json_begin_array(&json);
		for (uint32_t i = 0; i < topic->partition_count; i++) {
			json_begin_object(&json);
			json_name(&json, "partition");
			json_u64(&json, i);
			json_name(&json, "log_start");
			json_u64(&json, topic->partitions[i].log_start);
			json_name(&json, "visible_end");
			json_u64(&json, topic->partitions[i].visible_end);
			json_name(&json, "bytes");
			json_u64(&json, topic->partitions[i].bytes);
			json_end_object(&json);
		}
		json_end_array(&json);
	}
	json_end_object(&json);
	json_end_line(&json);
}

/* ---- ls ---- */

static bool list_topic(void *user, const struct millstream_topic *topic)
{
	struct topic_work *work = user;
	struct totals totals = totals_of(topic);
	struct text *cells = &work->columns.cells;

	work->found_count++;
	if (work->names_only) {
		text_add_string(&work->text, topic->name);
		text_add_byte(&work->text, '\n');
		return true;
	}
	if (work->as_json) {
		add_json_topic(&work->text, topic, false);
		return true;
	}
	text_add_string(cells, topic->name);
	text_columns_end_cell(&work->columns);
	text_add_u64(cells, topic->partition_count);
	text_columns_end_cell(&work->columns);
	text_add_u64(cells, totals.records);
	text_columns_end_cell(&work->columns);
	command_add_size(cells, totals.bytes);
	text_columns_end_cell(&work->columns);
	if (topic->owner != NULL)
		text_add_string(cells, topic->owner);
	text_columns_end_cell(&work->columns);
	return true;
}

static bool visit_topic(void *user, const struct millstream_topic *topic)
{
	struct topic_work *work = user;
	for (int i = 0; i < work->arguments->argc; i++)
		work->is_found[i] |= strcmp(work->arguments->argv[i], topic->name) == 0;
	return work->each(work, topic);
}

/* A name without a star has to be there: a misspelt one would be passed over. */
static int check_found(const struct topic_work *work)
{
	for (int i = 0; i < work->arguments->argc; i++) {
		const char *name = work->arguments->argv[i];
		if (!work->is_found[i] && !topic_pattern_has_star(bytes_of_text(name)))
			return command_failed(work->command, "there is no topic '%s'; millstream topic ls lists those "
							     "there are", name);
	}
	return COMMAND_DONE;
}

/* Connect and walk the topics that the operands name. */
static int walk(struct command_arguments *arguments, struct topic_work *work,
		bool (*each)(void *, const struct millstream_topic *))
{
	for (int i = 0; i < arguments->argc; i++)
		if (command_pattern(work->command, arguments->argv[i]) != 0)
			return COMMAND_USAGE;
	int status = command_connect(arguments, NULL, &work->client);
	if (status != COMMAND_DONE)
		return status;
	work->arguments = arguments;
	work->each = each;
	work->is_found = calloc((size_t)arguments->argc + 1, sizeof(*work->is_found));
	if (work->is_found == NULL)
		return command_failed(work->command, "out of memory");
	if (millstream_topics(work->client, (const char *const *)arguments->argv,
			      (size_t)arguments->argc, visit_topic, work, COMMAND_ANSWER_MS) != MILLSTREAM_OK)
		return command_call_failed(work->command, work->client, "ask for the topics");
	return check_found(work);
}

static int end_work(struct topic_work *work, int status)
{
	if (status == COMMAND_DONE)
		command_output_write(&work->text);
	millstream_close(work->client);
	free(work->is_found);
	text_clear(&work->text);
	text_columns_clear(&work->columns);
	return status;
}

static int run_ls(struct command_arguments *arguments)
{
	struct topic_work work = { .command = arguments->command };
	const char *value;
	int letter;

	while ((letter = command_arguments_next(arguments, &value)) > 0)
		if (letter == 'q')
			work.names_only = true;
		else
			work.as_json = true;
	if (letter < 0)
		return COMMAND_USAGE;
	text_init(&work.text);
	text_columns_begin(&work.columns, "lrrrl", "TOPIC|PARTITIONS|RECORDS|SIZE|OWNER");
	int status = walk(arguments, &work, list_topic);
	if (status == COMMAND_DONE && !work.names_only && !work.as_json && work.found_count > 0)
		text_columns_write(&work.columns, "", &work.text);
	if (status == COMMAND_DONE && work.found_count == 0 && !work.as_json && !work.names_only)
		command_tell(work.command, arguments->argc > 0
						   ? "no topic matches"
						   : "no topic yet: a source makes its own as it captures, publishing makes "
						     "one, and so does millstream topic create NAME");
	return end_work(&work, status);
}

/* ---- info ---- */

static void add_partitions(struct text *text, const struct millstream_topic *topic)
{
	struct text_columns columns;
	text_columns_begin(&columns, "rrrrr", "PARTITION|START|END|RECORDS|SIZE");
	for (uint32_t i = 0; i < topic->partition_count; i++) {
		const struct millstream_partition *partition = &topic->partitions[i];
		text_add_u64(&columns.cells, i);
		text_columns_end_cell(&columns);
		text_add_u64(&columns.cells, partition->log_start);
		text_columns_end_cell(&columns);
		text_add_u64(&columns.cells, partition->visible_end);
		text_columns_end_cell(&columns);
		text_add_u64(&columns.cells, partition->visible_end - partition->log_start);
		text_columns_end_cell(&columns);
		command_add_size(&columns.cells, partition->bytes);
		text_columns_end_cell(&columns);
	}
	text_columns_write(&columns, "  ", text);
	text_columns_clear(&columns);
}

static bool show_topic(void *user, const struct millstream_topic *topic)
{
	struct topic_work *work = user;
	struct totals totals = totals_of(topic);
	struct text *text = &work->text;

	if (work->as_json) {
		work->found_count++;
		add_json_topic(text, topic, true);
		return true;
	}
	if (work->found_count++ > 0)
		text_add_byte(text, '\n');
	text_add_format(text, "%s  (id %" PRIu32 ", written by %s%s, created ", topic->name, topic->id,
			topic->owner != NULL ? "source " : "publishers",
			topic->owner != NULL ? topic->owner : "");
	time_text_timestamp(text, topic->created_us);
	text_add_string(text, "Z)\n  ");
	command_add_count(text, totals.records, "record");
	text_add_string(text, ", ");
	command_add_size(text, totals.bytes);
	text_add_byte(text, '\n');
	for (size_t i = 0; i < topic->setting_count; i++)
		text_add_format(text, "  %s = %s%s\n", topic->settings[i].name, topic->settings[i].value,
				topic->settings[i].is_set ? "" : "  (default)");
	add_partitions(text, topic);
	return true;
}

static int run_info(struct command_arguments *arguments)
{
	struct topic_work work = { .command = arguments->command };
	const char *value;
	int letter;

	while ((letter = command_arguments_next(arguments, &value)) > 0)
		work.as_json = true;
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc == 0)
		return command_misused(work.command, "which topic?");
	text_init(&work.text);
	int status = walk(arguments, &work, show_topic);
	if (status == COMMAND_DONE && work.found_count == 0)
		status = command_failed(work.command, "no topic matches");
	return end_work(&work, status);
}

/* ---- rm ---- */

static bool plan_topic(void *user, const struct millstream_topic *topic)
{
	struct topic_work *work = user;
	struct totals totals = totals_of(topic);
	work->found_count++;
	text_add_format(&work->text, "%s: ", topic->name);
	command_add_count(&work->text, topic->partition_count, "partition");
	text_add_string(&work->text, ", ");
	command_add_count(&work->text, totals.records, "record");
	text_add_string(&work->text, ", ");
	command_add_size(&work->text, totals.bytes);
	text_add_byte(&work->text, '\n');
	if (topic->owner != NULL)
		text_add_format(&work->text, "  source %s writes to it: at the next change there it fails, and makes "
					     "the topic\n  anew when it is restarted, without the rows of now\n",
				topic->owner);
	return true;
}

static int remove_topics(struct command_arguments *arguments, struct topic_work *work, bool is_sure)
{
	if (!is_sure) {
		printf("Would delete, for good:\n");
		fflush(stdout);
		command_output_write(&work->text);
		fputs("Nothing is deleted. Add --yes.\n", stderr);
		return COMMAND_FAILED;
	}
	for (int i = 0; i < arguments->argc; i++)
		if (millstream_topic_delete(work->client, arguments->argv[i], COMMAND_ANSWER_MS) !=
		    MILLSTREAM_OK)
			return command_call_failed(work->command, work->client, "delete '%s'",
						   arguments->argv[i]);
	text_empty(&work->text);
	return COMMAND_DONE;
}

static int run_rm(struct command_arguments *arguments)
{
	struct topic_work work = { .command = arguments->command };
	bool is_sure = false;
	const char *value;
	int letter;

	while ((letter = command_arguments_next(arguments, &value)) > 0)
		is_sure = true;
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc == 0)
		return command_misused(work.command, "which topic?");
	for (int i = 0; i < arguments->argc; i++)
		if (topic_pattern_has_star(bytes_of_text(arguments->argv[i])))
			return command_misused(work.command, "'%s': names alone, no patterns",
					       arguments->argv[i]);
	for (int i = 1; i < arguments->argc; i++)
		for (int n = 0; n < i; n++)
			if (strcmp(arguments->argv[n], arguments->argv[i]) == 0)
				return command_misused(work.command, "'%s' is named twice", arguments->argv[i]);
	text_init(&work.text);
	int status = walk(arguments, &work, plan_topic);
	if (status == COMMAND_DONE)
		status = remove_topics(arguments, &work, is_sure);
	return end_work(&work, status);
}

static const struct command_option ls_options[] = {
	{ 'q', "quiet", NULL, "names alone" },
	{ OPTION_JSON, "json", NULL, "an object a line" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_topic_ls = {
	.noun = "topic", .verb = "ls", .arguments = "[PATTERN...]",
	.summary = "list topics",
	.description = "List the topics, or those that match a pattern such as 'myapp.*'.\n",
	.options = ls_options,
	.examples = "  millstream topic ls\n"
		    "  millstream topic ls -q 'orders*'\n",
	.run = run_ls,
};

static const struct command_option info_options[] = {
	{ OPTION_JSON, "json", NULL, "an object a line" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_topic_info = {
	.noun = "topic", .verb = "info", .arguments = "TOPIC|PATTERN...",
	.summary = "partitions, sizes, settings",
	.description = "Show a topic's partitions, their offsets and sizes, and its settings.\n",
	.options = info_options,
	.examples = "  millstream topic info orders\n"
		    "  millstream topic info orders --json\n",
	.run = run_info,
};

static const struct command_option rm_options[] = {
	{ OPTION_YES, "yes", NULL, "do it; without, it shows what it would delete and exits 1" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_topic_rm = {
	.noun = "topic", .verb = "rm", .arguments = "NAME...",
	.summary = "delete a topic and its records",
	.description = "Delete topics with all their records, for good.\n",
	.options = rm_options,
	.examples = "  millstream topic rm payments || true\n"
		    "  millstream topic rm payments --yes\n",
	.run = run_rm,
};
