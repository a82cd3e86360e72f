/* millstream-log: what can be done with a data directory that no server has open. */
#include "protocol/nearest.h"
#include "storage/log_bench.h"
#include "storage/log_command.h"
#include "storage/log_dump.h"
#include "storage/log_output.h"
#include "storage/log_verify.h"
#include "storage/store.h"

#include <lmdb.h>
#include <stdio.h>
#include <string.h>

static const struct log_command *const commands[] = {
	&log_verify_command,
	&log_dump_command,
	&log_bench_command,
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *file)
{
	fprintf(file, "usage: millstream-log COMMAND ...\n\n"
		      "Looks at a data directory that no millstreamd has open.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(file, "  %-6s  %-12s  %s\n", commands[i]->name, commands[i]->arguments,
			commands[i]->summary);
	fprintf(file, "\n  millstream-log COMMAND --help   more about one of them\n"
		      "  millstream-log --version\n\n"
		      "examples:\n"
		      "  millstream-log verify /var/lib/millstream\n"
		      "  millstream-log dump /var/lib/millstream --json | jq .\n");
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int run_command(const struct log_command *command, int argc, char **argv)
{
	if (wants_help(argc, argv)) {
		log_command_help(command);
		return 0;
	}
	return command->run(command, argc, argv);
}

static int refuse(const char *word)
{
	struct nearest nearest = nearest_to(word);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		nearest_try(&nearest, commands[i]->name);
	nearest_try(&nearest, "--help");
	nearest_try(&nearest, "--version");
	fprintf(stderr, "millstream-log: unknown %s '%s': ", word[0] == '-' ? "option" : "command", word);
	if (nearest_name(&nearest) != NULL)
		fprintf(stderr, "did you mean '%s'?\n", nearest_name(&nearest));
	else
		fprintf(stderr, "see 'millstream-log --help'\n");
	return LOG_EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return LOG_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("millstream-log %s (data format %d, LMDB %d.%d.%d)\n", PACKAGE_VERSION,
		       STORE_FORMAT_VERSION, MDB_VERSION_MAJOR, MDB_VERSION_MINOR,
		       MDB_VERSION_PATCH);
		return 0;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return run_command(commands[i], argc - 1, argv + 1);
	return refuse(argv[1]);
}

int main(int argc, char **argv)
{
	return log_output_end(run(argc, argv));
}
