#include "client/command.h"
#include "client/command_output.h"
#include "client/command_table.h"
#include "client/command_words.h"
#include "protocol/array.h"
#include "protocol/text_columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* group info and rm: one group, and who is in it. */

enum { OPTION_JSON = 256, OPTION_YES };

struct member_name {
	uint64_t id;
	uint32_t partition_count;
	char *text;                     /* owned */
};

struct group_work {
	const struct command *command;
	struct millstream_client *client;
	const char *name;
	bool as_json;
	struct text text;
	struct json json;
	struct text_columns columns;
	struct member_name *members;    /* owned, by id */
	size_t member_count;
	size_t partition_count;         /* that are committed */
	uint64_t lag;
	bool has_partitions;
	bool has_failed;                /* memory ran out */
};

static void add_member_json(struct json *json, const struct millstream_member *member)
{
	json_begin_object(json);
	command_add_number(json, "id", member->id);
	command_add_string(json, "client", member->client_name);
	command_add_string(json, "address", member->address);
	command_add_number(json, "partitions", member->partition_count);
	json_end_object(json);
}

static bool note_member(void *user, const struct millstream_member *member)
{
	struct group_work *work = user;
	struct text text;
	if (work->as_json)
		add_member_json(&work->json, member);
	void *grown = array_grow(work->members, work->member_count, sizeof(*work->members));
	work->has_failed = grown == NULL;
	if (grown == NULL)
		return false;
	work->members = grown;
	text_init(&text);
	text_add_format(&text, "%s (%s)", member->client_name != NULL ? member->client_name : "?",
			member->address);
	text_add_byte(&text, '\0');
	char *name = text.has_failed ? NULL : strdup(text.buffer.data);
	text_clear(&text);
	work->has_failed = name == NULL;
	if (name != NULL)
		work->members[work->member_count++] =
			(struct member_name){ member->id, member->partition_count, name };
	return name != NULL;
}

static int compare_ids(const void *left, const void *right)
{
	const struct member_name *a = left, *b = right;
	return (a->id > b->id) - (a->id < b->id);
}

/* "worker/1 (127.0.0.1:40312) and 2 more" */
static void add_members(struct text *text, const struct group_work *work,
			const struct millstream_group_partition *partition)
{
	const struct member_name key = { .id = partition->member_id_count > 0 ? partition->member_ids[0] : 0 };
	if (partition->member_count == 0)
		return;
	const struct member_name *found =
		work->members == NULL ? NULL
				      : bsearch(&key, work->members, work->member_count, sizeof(key), compare_ids);
	text_add_string(text, found != NULL ? found->text : "one that joined just now");
	if (partition->member_count > 1)
		text_add_format(text, " and %" PRIu32 " more", partition->member_count - 1);
}

static void add_row(struct group_work *work, const struct millstream_group_partition *partition)
{
	struct text_columns *columns = &work->columns;
	const uint64_t numbers[] = { partition->partition, partition->committed, partition->visible_end,
				     partition->lag };
	text_add_string(&columns->cells, partition->topic);
	text_columns_end_cell(columns);
	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
		if (numbers[n] != UINT64_MAX)
			text_add_u64(&columns->cells, numbers[n]);
		text_columns_end_cell(columns);
	}
	add_members(&columns->cells, work, partition);
	text_columns_end_cell(columns);
}

static void add_partition_json(struct json *json, const struct millstream_group_partition *partition)
{
	json_begin_object(json);
	command_add_string(json, "topic", partition->topic);
	command_add_number(json, "partition", partition->partition);
	command_add_number(json, "committed", partition->committed);
	command_add_number(json, "end", partition->visible_end);
	command_add_number(json, "lag", partition->lag);
	command_add_number(json, "committed_us",
			   partition->committed_us != 0 ? (uint64_t)partition->committed_us : UINT64_MAX);
	command_add_number(json, "members", partition->member_count);
	json_name(json, "member_ids");
	json_begin_array(json);
	for (size_t n = 0; n < partition->member_id_count; n++)
		json_u64(json, partition->member_ids[n]);
	json_end_array(json);
	json_end_object(json);
}

static void begin_partitions(struct group_work *work)
{
	if (work->has_partitions)
		return;
	work->has_partitions = true;
	json_end_array(&work->json);
	json_name(&work->json, "partition_list");
	json_begin_array(&work->json);
}

static bool show_partition(void *user, const struct millstream_group_partition *partition)
{
	struct group_work *work = user;
	if (partition->lag != UINT64_MAX) {
		work->partition_count++;
		work->lag += partition->lag;
	}
	if (!work->as_json) {
		add_row(work, partition);
		return true;
	}
	begin_partitions(work);
	add_partition_json(&work->json, partition);
	return true;
}

static void write_info(struct group_work *work)
{
	struct text *text = &work->text;
	if (work->as_json) {
		begin_partitions(work);
		json_end_array(&work->json);
		command_add_number(&work->json, "lag", work->partition_count > 0 ? work->lag : UINT64_MAX);
		json_end_object(&work->json);
		json_end_line(&work->json);
		return;
	}
	text_add_format(text, "%s  ", work->name);
	command_add_count(text, work->member_count, "member");
	if (work->partition_count > 0)
		text_add_format(text, ", lag %" PRIu64, work->lag);
	text_add_byte(text, '\n');
	text_columns_write(&work->columns, "", text);
	for (size_t n = 0; n < work->member_count; n++)
		if (work->members[n].partition_count == 0)
			text_add_format(text, "%s follows nothing yet\n", work->members[n].text);
}

/* The one operand; -1: told that it is not one. */
static int read_name(struct command_arguments *arguments, struct group_work *work)
{
	if (arguments->argc == 1) {
		work->name = arguments->argv[0];
		return command_name(work->command, "group", work->name);
	}
	command_misused(work->command, arguments->argc == 0 ? "which group?" : "one group at a time");
	return -1;
}

static int ask(struct group_work *work)
{
	int code = millstream_group_info(work->client, work->name, note_member, show_partition, work,
					 COMMAND_ANSWER_MS);
	if (code == MILLSTREAM_NOT_FOUND)
		return command_failed(work->command, "there is no group '%s'; millstream group ls lists those there are",
				      work->name);
	if (code != MILLSTREAM_OK)
		return command_call_failed(work->command, work->client, "ask for group '%s'", work->name);
	return work->has_failed ? command_failed(work->command, "out of memory") : COMMAND_DONE;
}

static void begin(struct group_work *work)
{
	text_init(&work->text);
	text_columns_begin(&work->columns, "lrrrrl", "TOPIC|PARTITION|COMMITTED|END|LAG|MEMBER");
	if (!work->as_json)
		return;
	work->json = json_to(&work->text);
	json_begin_object(&work->json);
	command_add_string(&work->json, "name", work->name);
	json_name(&work->json, "member_list");
	json_begin_array(&work->json);
}

static int end(struct group_work *work, int status)
{
	if (status == COMMAND_DONE)
		command_output_write(&work->text);
	for (size_t n = 0; n < work->member_count; n++)
		free(work->members[n].text);
	free(work->members);
	text_columns_clear(&work->columns);
	text_clear(&work->text);
	millstream_close(work->client);
	return status;
}

static int run_info(struct command_arguments *arguments)
{
	struct group_work work = { .command = arguments->command };
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		work.as_json = true;
	if (letter < 0 || read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	begin(&work);
	int status = command_connect(arguments, NULL, &work.client);
	if (status == COMMAND_DONE)
		status = ask(&work);
	if (status == COMMAND_DONE)
		write_info(&work);
	return end(&work, status);
}

/* ---- rm ---- */

static int plan(struct group_work *work)
{
	int status = ask(work);
	if (status != COMMAND_DONE)
		return status;
	if (work->member_count > 0) {
		command_failed(work->command, "group '%s' has members: end them first", work->name);
		for (size_t n = 0; n < work->member_count; n++)
			fprintf(stderr, "  %s\n", work->members[n].text);
		return COMMAND_FAILED;
	}
	text_add_format(&work->text, "Would forget what group %s has committed:\n", work->name);
	text_columns_write(&work->columns, "  ", &work->text);
	command_output_write(&work->text);
	fputs("Nothing is removed. Add --yes.\n", stderr);
	return COMMAND_FAILED;
}

static int run_rm(struct command_arguments *arguments)
{
	struct group_work work = { .command = arguments->command };
	bool is_sure = false;
	const char *value;
	int letter;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		is_sure = true;
	if (letter < 0 || read_name(arguments, &work) != 0)
		return COMMAND_USAGE;
	begin(&work);
	int status = command_connect(arguments, NULL, &work.client);
	if (status == COMMAND_DONE && !is_sure)
		status = plan(&work);
	else if (status == COMMAND_DONE &&
		 millstream_group_remove(work.client, work.name, COMMAND_ANSWER_MS) != MILLSTREAM_OK)
		status = command_call_failed(work.command, work.client, "remove '%s'", work.name);
	return end(&work, status);
}

static const struct command_option info_options[] = {
	{ OPTION_JSON, "json", NULL, "one object" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_group_info = {
	.noun = "group", .verb = "info", .arguments = "GROUP",
	.summary = "its members, offsets and lag",
	.description = "Show who is in a group, and for each partition what it has committed, where the log ends\n"
		       "and who follows it.\n",
	.options = info_options,
	.examples = "  millstream group info billing\n"
		    "  millstream group info billing --json\n",
	.run = run_info,
};

static const struct command_option rm_options[] = {
	{ OPTION_YES, "yes", NULL, "do it; without it, only say what would happen" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_group_rm = {
	.noun = "group", .verb = "rm", .arguments = "GROUP",
	.summary = "forget what a group has committed",
	.description = "Forget what a group has committed. Refused while it has members. Without --yes it only says\n"
		       "what would happen.\n",
	.options = rm_options,
	.examples = "  millstream group rm old --yes\n"
		    "  millstream group rm billing --yes\n",
	.run = run_rm,
};
