#include "storage/log_command.h"

#include "protocol/nearest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int option_width(const struct log_option *option)
{
	return (int)(strlen(option->name) + (option->value != NULL ? 1 + strlen(option->value) : 0));
}

static void help_option(const struct log_option *option, int width)
{
	int pad = width - option_width(option);
	printf("  --%s%s%s%*s  %s\n", option->name, option->value != NULL ? " " : "",
	       option->value != NULL ? option->value : "", pad, "", option->help);
}

void log_command_help(const struct log_command *command)
{
	static const struct log_option help = { "help", NULL, "show this" };
	int width = option_width(&help);
	for (const struct log_option *option = command->options; option->name != NULL; option++)
		if (option_width(option) > width)
			width = option_width(option);
	printf("usage: millstream-log %s %s [OPTION]...\n\n%s\n", command->name, command->arguments,
	       command->description);
	for (const struct log_option *option = command->options; option->name != NULL; option++)
		help_option(option, width);
	help_option(&help, width);
	printf("\nexamples:\n%s", command->examples);
}

int log_command_failed(const struct log_command *command, const struct error *err)
{
	fprintf(stderr, "millstream-log %s: %s\n", command->name, err->text);
	return error_exit_status(err->code);
}

int log_command_misused(const struct log_command *command, const char *format, ...)
{
	va_list arguments;
	fprintf(stderr, "millstream-log %s: ", command->name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return LOG_EXIT_USAGE;
}

struct log_arguments log_arguments_begin(const struct log_command *command, int argc, char **argv)
{
	return (struct log_arguments){ command, argc, argv, 1, false };
}

static int refuse_option(const struct log_command *command, const char *name)
{
	struct nearest nearest = nearest_to(name);
	for (const struct log_option *option = command->options; option->name != NULL; option++)
		nearest_try(&nearest, option->name);
	nearest_try(&nearest, "help");
	if (nearest_name(&nearest) != NULL)
		log_command_misused(command, "unknown option '--%s': did you mean '--%s'?", name,
				    nearest_name(&nearest));
	else
		log_command_misused(command, "unknown option '--%s': see 'millstream-log %s --help'",
				    name, command->name);
	return -1;
}

static const struct log_option *find_option(const struct log_command *command, const char *name,
					    size_t size)
{
	for (const struct log_option *option = command->options; option->name != NULL; option++)
		if (strlen(option->name) == size && memcmp(option->name, name, size) == 0)
			return option;
	return NULL;
}

static int read_option(struct log_arguments *arguments, const char *name,
		       const struct log_option **out_option, const char **out_value)
{
	const struct log_command *command = arguments->command;
	const char *equals = strchr(name, '=');
	size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
	const struct log_option *option = find_option(command, name, size);
	if (option == NULL)
		return refuse_option(command, name);
	if (option->value == NULL && equals != NULL) {
		log_command_misused(command, "--%s takes no value", option->name);
		return -1;
	}
	*out_value = equals != NULL ? equals + 1 : NULL;
	if (option->value != NULL && equals == NULL) {
		if (arguments->next == arguments->argc) {
			log_command_misused(command, "--%s needs a value: --%s %s", option->name,
					    option->name, option->value);
			return -1;
		}
		*out_value = arguments->argv[arguments->next++];
	}
	*out_option = option;
	return 1;
}

int log_arguments_next(struct log_arguments *arguments, const struct log_option **out_option,
		       const char **out_value)
{
	if (arguments->next == arguments->argc)
		return 0;
	const char *word = arguments->argv[arguments->next++];
	if (!arguments->has_options_ended && strcmp(word, "--") == 0) {
		arguments->has_options_ended = true;
		return log_arguments_next(arguments, out_option, out_value);
	}
	if (!arguments->has_options_ended && strncmp(word, "--", 2) == 0)
		return read_option(arguments, word + 2, out_option, out_value);
	if (!arguments->has_options_ended && word[0] == '-' && word[1] != '\0') {
		log_command_misused(arguments->command,
				    "unknown option '%s': options begin with two dashes", word);
		return -1;
	}
	*out_option = NULL;
	*out_value = word;
	return 1;
}

int log_arguments_number(const struct log_arguments *arguments, const struct log_option *option,
			 const char *value, uint64_t max, uint64_t *out)
{
	errno = 0;
	uint64_t number = strtoull(value, NULL, 10);
	if (value[0] == '\0' || strspn(value, "0123456789") != strlen(value) || errno != 0 ||
	    number > max) {
		log_command_misused(arguments->command,
				    "--%s: '%s' is not a number from 0 to %" PRIu64, option->name,
				    value, max);
		return -1;
	}
	*out = number;
	return 0;
}
