#include "client/command.h"
#include "client/command_table.h"
#include "protocol/limits.h"

#include <string.h>

enum { OPTION_UNSET = 256 };

/* value is cut in two at the equals sign. */
static int read_setting(const struct command *command, const char *word,
			struct millstream_setting *settings, size_t *count)
{
	char *equals = strchr(word, '=');
	if (equals == NULL || equals == word)
		return command_misused(command, "'%s' is not KEY=VALUE", word), -1;
	if (*count == OPTIONS_MAX)
		return command_misused(command, "more than %d settings", OPTIONS_MAX), -1;
	*equals = '\0';
	settings[(*count)++] = (struct millstream_setting){ .name = word, .value = equals + 1 };
	return 0;
}

static int run_create(struct command_arguments *arguments)
{
	const struct command *command = arguments->command;
	struct millstream_setting settings[OPTIONS_MAX];
	struct millstream_client *client = NULL;
	size_t setting_count = 0;
	uint64_t partitions = 0;
	const char *value;
	int letter;

	while ((letter = command_arguments_next(arguments, &value)) > 0) {
		if (letter == 'c' && read_setting(command, value, settings, &setting_count) != 0)
			return COMMAND_USAGE;
		if (letter == 'p' &&
		    command_number(command, "-p", value, 1, TOPIC_PARTITIONS_MAX, &partitions) != 0)
			return COMMAND_USAGE;
	}
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc != 1)
		return command_misused(command, arguments->argc == 0 ? "which topic?" : "one topic at a time");
	if (command_name(command, "topic", arguments->argv[0]) != 0)
		return COMMAND_USAGE;
	int status = command_connect(arguments, NULL, &client);
	if (status == COMMAND_DONE &&
	    millstream_topic_create(client, arguments->argv[0], (uint32_t)partitions, settings,
				    setting_count, COMMAND_ANSWER_MS) != MILLSTREAM_OK)
		status = command_call_failed(command, client, "create '%s'", arguments->argv[0]);
	millstream_close(client);
	return status;
}

static int run_set(struct command_arguments *arguments)
{
	const struct command *command = arguments->command;
	struct millstream_setting settings[OPTIONS_MAX];
	const char *unset[OPTIONS_MAX];
	size_t setting_count = 0, unset_count = 0;
	struct millstream_client *client = NULL;
	const char *value;
	int letter;

	while ((letter = command_arguments_next(arguments, &value)) > 0) {
		if (unset_count == OPTIONS_MAX)
			return command_misused(command, "more than %d --unset", OPTIONS_MAX);
		unset[unset_count++] = value;
	}
	if (letter < 0)
		return COMMAND_USAGE;
	if (arguments->argc == 0)
		return command_misused(command, "which topic?");
	if (command_name(command, "topic", arguments->argv[0]) != 0)
		return COMMAND_USAGE;
	for (int i = 1; i < arguments->argc; i++)
		if (read_setting(command, arguments->argv[i], settings, &setting_count) != 0)
			return COMMAND_USAGE;
	if (setting_count + unset_count == 0)
		return command_misused(command, "set what? KEY=VALUE, or --unset KEY");
	int status = command_connect(arguments, NULL, &client);
	if (status == COMMAND_DONE &&
	    millstream_topic_configure(client, arguments->argv[0], settings, setting_count, unset,
				       unset_count, COMMAND_ANSWER_MS) != MILLSTREAM_OK)
		status = command_call_failed(command, client, "set '%s'", arguments->argv[0]);
	millstream_close(client);
	return status;
}

static const struct command_option create_options[] = {
	{ 'p', "partitions", "N", "how many (default: as the server is configured)" },
	{ 'c', "config", "KEY=VALUE", "a setting, such as retention.ms=86400000; may be given again" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_topic_create = {
	.noun = "topic", .verb = "create", .arguments = "NAME",
	.summary = "make a topic",
	.description = "Make a topic that publishers write to.\n",
	.options = create_options,
	.examples = "  millstream topic create payments -p 4\n"
		    "  millstream topic create audit -c retention.ms=86400000\n",
	.run = run_create,
};

static const struct command_option set_options[] = {
	{ OPTION_UNSET, "unset", "KEY", "back to the default; may be given again" },
	{ 0, NULL, NULL, NULL },
};

const struct command command_topic_set = {
	.noun = "topic", .verb = "set", .arguments = "NAME [KEY=VALUE...]",
	.summary = "change its settings",
	.description = "Change settings of a topic; 'millstream topic info' shows them.\n",
	.options = set_options,
	.examples = "  millstream topic set orders retention.bytes=1073741824\n"
		    "  millstream topic set orders --unset retention.bytes\n",
	.run = run_set,
};
