#ifndef CLIENT_COMMAND_ARGUMENTS_H
#define CLIENT_COMMAND_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A command and its options, as tables: they drive parsing, --help and what is
 * suggested for a misspelt one. */

struct command_arguments;

struct command_option {
	int letter;             /* as in -o; above 255: has none, only identifies it */
	const char *name;       /* as in --offset */
	const char *value;      /* its placeholder; NULL: takes none */
	const char *help;       /* NULL: not shown by --help */
};

#define COMMAND_OPTIONS_MAX 24

struct command {
	const char *noun;
	const char *verb;       /* NULL: the noun is all */
	const char *arguments;  /* "TOPIC..." */
	const char *summary;
	const char *description;
	const struct command_option *options;   /* the last has no name */
	const char *examples;
	/* Returns the exit status.  Everything left of the options has been read. */
	int (*run)(struct command_arguments *arguments);
};

struct command_arguments {
	const struct command *command;
	const char *server;     /* -s; NULL: not given */
	int argc;
	char **argv;            /* argv[0] is the noun or verb */
};

/* The next option: its letter and value (lent; NULL: takes none).  0: there are no
 * more, and the operands are argv[0] to argv[argc - 1].  -1: told what is wrong,
 * COMMAND_USAGE is to be returned.  -s is dealt with in here. */
int command_arguments_next(struct command_arguments *arguments, const char **out_value);

/* Say what is wrong with the command line; returns COMMAND_USAGE. */
int command_misused(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A number from min to max.  -1: said that it is none. */
int command_number(const struct command *command, const char *what, const char *value, uint64_t min,
		   uint64_t max, uint64_t *out);

/* "300", "64KiB", "1MiB", "2GiB". */
int command_size(const struct command *command, const char *what, const char *value, uint64_t min,
		 uint64_t max, uint64_t *out);

/* A topic's or a group's name, a topic's name or pattern.  -1: said that it is none. */
int command_name(const struct command *command, const char *what, const char *value);
int command_pattern(const struct command *command, const char *value);

void command_help(const struct command *command);

#endif
