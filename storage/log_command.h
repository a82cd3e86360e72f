#ifndef STORAGE_LOG_COMMAND_H
#define STORAGE_LOG_COMMAND_H

#include "protocol/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The commands of millstream-log: one table says what each takes; it is what
 * parses, what helps and what is compared with the manual. */
struct log_option {
	const char *name;       /* "count", typed as --count */
	const char *value;      /* "N"; NULL: it takes none */
	const char *help;
};

struct log_command {
	const char *name;
	const char *arguments;                  /* "DIR [TOPIC]" */
	const char *summary;                    /* one line */
	const char *description;                /* lines, each ended */
	const struct log_option *options;       /* NULL behind the last one's name */
	const char *examples;                   /* lines, each ended */
	/* Returns the exit status; argv[0] is the command's name. */
	int (*run)(const struct log_command *command, int argc, char **argv);
};

#define LOG_EXIT_FAILED 1
#define LOG_EXIT_USAGE  64      /* EX_USAGE of sysexits.h */

/* The command's help, for its --help. */
void log_command_help(const struct log_command *command);

/* Say on stderr why the command failed; returns its exit status. */
int log_command_failed(const struct log_command *command, const struct error *err);
/* What was typed is wrong; returns LOG_EXIT_USAGE. */
int log_command_misused(const struct log_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Walks what was typed.  Options may stand anywhere, as --name VALUE or
 * --name=VALUE; behind "--" there are none. */
struct log_arguments {
	const struct log_command *command;
	int argc;
	char **argv;
	int next;
	bool has_options_ended;
};

struct log_arguments log_arguments_begin(const struct log_command *command, int argc, char **argv);

/* 1: *out_option is what was found, or NULL for an argument that is none;
 * *out_value its value.  0: no more.  -1: wrong, and said so. */
int log_arguments_next(struct log_arguments *arguments, const struct log_option **out_option,
		       const char **out_value);

/* A whole number up to max.  -1: it is none, and said so. */
int log_arguments_number(const struct log_arguments *arguments, const struct log_option *option,
			 const char *value, uint64_t max, uint64_t *out);

#endif
