#include "client/command_group.h"

#include "client/command.h"
#include "client/command_output.h"
#include "client/command_table.h"
#include "client/command_words.h"
#include "protocol/text_columns.h"
#include "protocol/time_text.h"

#include <inttypes.h>
#include <stdio.h>

enum { OPTION_JSON = 256 };

struct group_list {
	struct text_columns columns;
	struct json *json;
	struct text *lines;             /* names, or JSON */
	size_t most;
	size_t count;
};

static void add_group_json(struct json *json, const struct millstream_group *group)
{
	json_begin_object(json);
	command_add_string(json, "name", group->name);
	command_add_number(json, "members", group->member_count);
	command_add_number(json, "partitions", group->partition_count);
	command_add_number(json, "lag", group->partition_count > 0 ? group->lag : UINT64_MAX);
	command_add_number(json, "committed_us", group->committed_us != 0 ? (uint64_t)group->committed_us : UINT64_MAX);
	json_end_object(json);
}

static bool list_json(void *user, const struct millstream_group *group)
{
	struct group_list *list = user;
	struct json line;
	if (list->lines == NULL) {
		add_group_json(list->json, group);
		return true;
	}
	line = json_to(list->lines);
	add_group_json(&line, group);
	json_end_line(&line);
	return true;
}

static bool list_name(void *user, const struct millstream_group *group)
{
	text_add_format(((struct group_list *)user)->lines, "%s\n", group->name);
	return true;
}

static void add_time(struct text *text, int64_t time_us)
{
	if (time_us == 0)
		return;
	time_text_timestamp(text, time_us);
	text_add_byte(text, 'Z');
}

static bool list_row(void *user, const struct millstream_group *group)
{
	struct group_list *list = user;
	struct text_columns *columns = &list->columns;
	if (list->count++ >= list->most)
		return true;
	text_add_string(&columns->cells, group->name);
	text_columns_end_cell(columns);
	text_add_u64(&columns->cells, group->member_count);
	text_columns_end_cell(columns);
	text_add_u64(&columns->cells, group->partition_count);
	text_columns_end_cell(columns);
	if (group->partition_count > 0)
		text_add_u64(&columns->cells, group->lag);
	text_columns_end_cell(columns);
	add_time(&columns->cells, group->committed_us);
	text_columns_end_cell(columns);
	return true;
}

static int walk_groups(struct millstream_client *client, struct group_list *list,
		       bool (*each)(void *, const struct millstream_group *))
{
	int code = millstream_groups(client, each, list, COMMAND_ANSWER_MS);
	return code == MILLSTREAM_UNSUPPORTED ? MILLSTREAM_OK : code;
}

int command_group_add_table(struct text *out, struct millstream_client *client, size_t most,
			    size_t *out_count)
{
	struct group_list list = { .most = most };
	text_columns_begin(&list.columns, "lrrrl", "GROUP|MEMBERS|PARTITIONS|LAG|LAST COMMIT");
	int code = walk_groups(client, &list, list_row);
	if (code == MILLSTREAM_OK && list.count > 0)
		text_columns_write(&list.columns, "", out);
	if (code == MILLSTREAM_OK && list.count > most)
		text_add_format(out, "and %zu more: millstream group ls\n", list.count - most);
	text_columns_clear(&list.columns);
	*out_count = list.count;
	return code;
}

int command_group_add_json(struct json *json, struct text *lines, struct millstream_client *client)
{
	struct group_list list = { .json = json, .lines = lines };
	return walk_groups(client, &list, list_json);
}

static int run_ls(struct command_arguments *arguments)
{
	const struct command *command = arguments->command;
	struct millstream_client *client = NULL;
	struct text text;
	struct group_list names = { .lines = &text };
	size_t count = 1;
	int how = 0, code, letter;
	const char *value;
	while ((letter = command_arguments_next(arguments, &value)) > 0)
		how = letter;
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc > 0)
		return command_misused(command, "'%s'? It takes no arguments", arguments->argv[0]);
	text_init(&text);
	int status = command_connect(arguments, NULL, &client);
	if (status == COMMAND_DONE) {
		code = how == 'q'	    ? walk_groups(client, &names, list_name)
		       : how == OPTION_JSON ? command_group_add_json(NULL, &text, client)
					    : command_group_add_table(&text, client, SIZE_MAX, &count);
		if (code != MILLSTREAM_OK)
			status = command_call_failed(command, client, "ask for the groups");
		else if (count == 0)
			command_tell(command, "no group yet: millstream consume -G GROUP makes one");
	}
	if (status == COMMAND_DONE)
		command_output_write(&text);
	millstream_close(client);
	text_clear(&text);
	return status;
}

static const struct command_option ls_options[] = {
	{ 'q', "quiet", NULL, "names alone" },
	{ OPTION_JSON, "json", NULL, "an object a line" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_group_ls = {
	.noun = "group", .verb = "ls", .arguments = "",
	.summary = "list groups, and how far they are behind",
	.description = "List the groups that have committed something or have members now. The lag is how many\n"
		       "offsets come behind what they have committed.\n",
	.options = ls_options,
	.examples = "  millstream group ls\n"
		    "  millstream group ls --json\n",
	.run = run_ls,
};
