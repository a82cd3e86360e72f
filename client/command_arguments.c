#include "client/command_arguments.h"

#include "client/command.h"
#include "protocol/limits.h"
#include "protocol/nearest.h"
#include "protocol/topic_pattern.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command_option server_option = {
	's', "server", "HOST:PORT", "the server (default: $MILLSTREAM_URL, else 127.0.0.1:7470)"
};
static const struct command_option help_option = { 'h', "help", NULL, "show this" };

int command_misused(const struct command *command, const char *format, ...)
{
	va_list arguments;
	fprintf(stderr, "millstream %s%s%s: ", command->noun, command->verb != NULL ? " " : "",
		command->verb != NULL ? command->verb : "");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\nSee 'millstream %s%s%s --help'.\n", command->noun,
		command->verb != NULL ? " " : "", command->verb != NULL ? command->verb : "");
	return COMMAND_USAGE;
}

struct getopt_tables {
	char letters[3 * COMMAND_OPTIONS_MAX];
	struct option options[COMMAND_OPTIONS_MAX];
	size_t used, count;
};

static void add_option(struct getopt_tables *tables, const struct command_option *option)
{
	if (tables->count + 1 >= COMMAND_OPTIONS_MAX)
		abort();
	if (option->letter < 256) {
		tables->letters[tables->used++] = (char)option->letter;
		if (option->value != NULL)
			tables->letters[tables->used++] = ':';
	}
	tables->options[tables->count++] = (struct option){
		option->name, option->value != NULL ? required_argument : no_argument, NULL,
		option->letter
	};
}

static void fill_tables(struct getopt_tables *tables, const struct command *command)
{
	memset(tables, 0, sizeof(*tables));
	tables->letters[tables->used++] = ':';
	for (const struct command_option *option = command->options; option->name != NULL; option++)
		add_option(tables, option);
	add_option(tables, &server_option);
	add_option(tables, &help_option);
}

static int refuse_long(const struct command *command, const char *word)
{
	char name[NEAREST_BYTES_MAX + 1];
	size_t size = strcspn(word, "=");
	snprintf(name, sizeof(name), "%.*s", (int)(size < NEAREST_BYTES_MAX ? size : NEAREST_BYTES_MAX),
		 word);
	struct nearest nearest = nearest_to(name);
	for (const struct command_option *option = command->options; option->name != NULL; option++)
		nearest_try(&nearest, option->name);
	nearest_try(&nearest, server_option.name);
	nearest_try(&nearest, help_option.name);
	if (nearest_name(&nearest) != NULL)
		command_misused(command, "unknown option '--%s': did you mean '--%s'?", name,
				nearest_name(&nearest));
	else
		command_misused(command, "unknown option '--%s'", name);
	return -1;
}

static int refuse(const struct command *command, const struct getopt_tables *tables, int reason,
		  char **argv)
{
	const char *word = argv[optind - 1];
	if (reason == ':' || optopt > 255) {
		for (size_t i = 0; i < tables->count; i++)
			if (tables->options[i].val == optopt && reason == ':')
				return command_misused(command, "--%s needs a value",
						       tables->options[i].name), -1;
		return command_misused(command, "'%s' takes no value", word), -1;
	}
	if (optopt == 0 && strncmp(word, "--", 2) == 0)
		return refuse_long(command, word + 2);
	if (optopt == 0)
		return command_misused(command, "'%s' is not clear", word), -1;
	for (size_t i = 0; i < tables->count; i++)
		if (tables->options[i].val == optopt)
			return command_misused(command, "'%s' takes no value", word), -1;
	return command_misused(command, "unknown option '-%c'", optopt), -1;
}

int command_arguments_next(struct command_arguments *arguments, const char **out_value)
{
	struct getopt_tables tables;
	int letter;

	fill_tables(&tables, arguments->command);
	opterr = 0;
	do {
		letter = getopt_long(arguments->argc, arguments->argv, tables.letters, tables.options,
				     NULL);
		if (letter == 's')
			arguments->server = optarg;
	} while (letter == 's');
	if (letter == 'h') {
		command_help(arguments->command);
		exit(fflush(stdout) == 0 ? COMMAND_DONE : COMMAND_FAILED);
	}
	if (letter == '?' || letter == ':')
		return refuse(arguments->command, &tables, letter, arguments->argv);
	*out_value = optarg;
	if (letter != -1)
		return letter;
	arguments->argc -= optind;
	arguments->argv += optind;
	return 0;
}

static bool read_digits(const char *value, uint64_t *out, const char **out_end)
{
	char *end;
	errno = 0;
	if (value[0] < '0' || value[0] > '9')
		return false;
	*out = strtoull(value, &end, 10);
	*out_end = end;
	return errno == 0;
}

int command_number(const struct command *command, const char *what, const char *value, uint64_t min,
		   uint64_t max, uint64_t *out)
{
	uint64_t number;
	const char *end;
	if (!read_digits(value, &number, &end) || *end != '\0' || number < min || number > max) {
		command_misused(command, "%s: '%s' is not a number from %" PRIu64 " to %" PRIu64, what,
				value, min, max);
		return -1;
	}
	*out = number;
	return 0;
}

int command_size(const struct command *command, const char *what, const char *value, uint64_t min,
		 uint64_t max, uint64_t *out)
{
	static const struct { const char *name; unsigned shift; } units[] = {
		{ "", 0 }, { "B", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 },
	};
	uint64_t number;
	const char *end;
	if (read_digits(value, &number, &end))
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strcmp(end, units[i].name) == 0 && number <= max >> units[i].shift &&
			    number << units[i].shift >= min) {
				*out = number << units[i].shift;
				return 0;
			}
	command_misused(command, "%s: '%s' is not a size from %" PRIu64 " to %" PRIu64
				 " bytes (such as 300 or 64KiB)", what, value, min, max);
	return -1;
}

int command_name(const struct command *command, const char *what, const char *value)
{
	if (!topic_pattern_has_star(bytes_of_text(value)) && topic_pattern_check(bytes_of_text(value), NULL) == 0)
		return 0;
	command_misused(command, "'%s' is no name of a %s: it has 1 to %d letters, digits, '.', '_' and '-'", value,
			what, TOPIC_NAME_BYTES_MAX);
	return -1;
}

int command_pattern(const struct command *command, const char *value)
{
	if (topic_pattern_check(bytes_of_text(value), NULL) == 0)
		return 0;
	command_misused(command, "'%s' is neither a topic's name, which has 1 to %d letters, digits, '.', '_' and '-', "
				 "nor a pattern, which has up to %d '*' besides", value, TOPIC_NAME_BYTES_MAX,
			TOPIC_PATTERN_STARS_MAX);
	return -1;
}

static int option_width(const struct command_option *option)
{
	return (int)(strlen(option->name) + (option->value != NULL ? 1 + strlen(option->value) : 0));
}

static void print_option(const struct command_option *option, int width)
{
	if (option->letter < 256)
		printf("  -%c, ", option->letter);
	else
		printf("      ");
	printf("--%s%s%s%*s  %s\n", option->name, option->value != NULL ? " " : "",
	       option->value != NULL ? option->value : "", width - option_width(option), "",
	       option->help);
}

void command_help(const struct command *command)
{
	int width = option_width(&server_option);
	for (const struct command_option *option = command->options; option->name != NULL; option++)
		if (option->help != NULL && option_width(option) > width)
			width = option_width(option);
	printf("usage: millstream %s%s%s %s%s[OPTION]...\n\n%s\n", command->noun,
	       command->verb != NULL ? " " : "", command->verb != NULL ? command->verb : "",
	       command->arguments, command->arguments[0] != '\0' ? " " : "", command->description);
	for (const struct command_option *option = command->options; option->name != NULL; option++)
		if (option->help != NULL)
			print_option(option, width);
	print_option(&server_option, width);
	print_option(&help_option, width);
	printf("\nexamples:\n%s", command->examples);
}
