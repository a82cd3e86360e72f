/* millstream: what a person or a script asks of a server. */
#include "client/command.h"
#include "client/command_output.h"
#include "client/command_table.h"
#include "protocol/nearest.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
	&command_status,        &command_consume,       &command_produce,
	&command_topic_ls,      &command_topic_info,    &command_topic_create,
	&command_topic_set,     &command_topic_rm,      &command_source_ls,
	&command_source_info,   &command_source_pause,  &command_source_resume,
	&command_source_restart, &command_source_reset, &command_source_rm,    &command_group_ls,
	&command_group_info,    &command_group_seek,    &command_group_rm,
	&command_bench_publish, &command_bench_consume, &command_bench_e2e,
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_commands(FILE *file, const char *noun)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const struct command *command = commands[i];
		if (noun == NULL || strcmp(noun, command->noun) == 0)
			fprintf(file, "  %-7s %-8s %-22s %s\n", command->noun,
				command->verb != NULL ? command->verb : "", command->arguments,
				command->summary);
	}
}

static void print_help(FILE *file, const char *noun)
{
	fprintf(file, "usage: millstream [-s HOST:PORT] %s [OPTION]...\n\n",
		noun == NULL ? "NOUN [VERB]" : noun);
	print_commands(file, noun);
	fputs("\n  millstream NOUN [VERB] --help   more about one of them\n"
	      "  millstream --version\n\n"
	      "The server is what -s names, else $MILLSTREAM_URL, else 127.0.0.1:7470.\n\n"
	      "examples:\n", file);
	if (noun != NULL && strcmp(noun, "topic") == 0)
		fputs("  millstream topic create orders -p 4\n"
		      "  millstream topic ls\n", file);
	else if (noun != NULL && strcmp(noun, "source") == 0)
		fputs("  millstream source ls\n"
		      "  millstream source pause myapp\n", file);
	else if (noun != NULL && strcmp(noun, "group") == 0)
		fputs("  millstream group ls\n"
		      "  millstream group info billing\n", file);
	else if (noun != NULL && strcmp(noun, "bench") == 0)
		fputs("  millstream bench publish --count 100000\n"
		      "  millstream bench e2e --rate 1000 --seconds 1\n", file);
	else
		fputs("  echo hello | millstream produce greetings\n"
		      "  millstream consume greetings -e\n", file);
}

static bool has_noun(const char *word)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i]->noun, word) == 0)
			return true;
	return false;
}

/* What Kafka's commands and their like call the verbs. */
static const char *other_word(const char *noun, const char *word)
{
	static const struct { const char *word, *verb; } words[] = {
		{ "list", "ls" },      { "describe", "info" }, { "show", "info" },     { "get", "info" },
		{ "delete", "rm" },    { "remove", "rm" },     { "drop", "rm" },       { "alter", "set" },
		{ "config", "set" },   { "add", "create" },    { "new", "create" },    { "reset-offsets", "seek" },
		{ "reset", "seek" },   { "status", "info" },   { "stop", "pause" },    { "start", "resume" },
		{ "produce", "publish" },
	};
	for (size_t i = 0; noun != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		for (size_t n = 0; n < COMMAND_COUNT && strcmp(words[i].word, word) == 0; n++)
			if (strcmp(commands[n]->noun, noun) == 0 && commands[n]->verb != NULL &&
			    strcmp(commands[n]->verb, words[i].verb) == 0)
				return words[i].verb;
	return NULL;
}

static int refuse(const char *noun, const char *word)
{
	const char *meant = other_word(noun, word);
	if (noun == NULL && (strcmp(word, "-s") == 0 || strcmp(word, "--server") == 0)) {
		fprintf(stderr, "millstream: %s needs a value: HOST:PORT\n", word);
		return COMMAND_USAGE;
	}
	struct nearest nearest = nearest_to(word);
	const char *what = noun != NULL ? "verb" : word[0] == '-' ? "option" : "noun";
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (noun == NULL)
			nearest_try(&nearest, commands[i]->noun);
		else if (strcmp(commands[i]->noun, noun) == 0)
			nearest_try(&nearest, commands[i]->verb);
	if (noun == NULL) {
		nearest_try(&nearest, "--help");
		nearest_try(&nearest, "--version");
		nearest_try(&nearest, "--server");
	}
	fprintf(stderr, "millstream%s%s: unknown %s '%s': ", noun != NULL ? " " : "",
		noun != NULL ? noun : "", what, word);
	if (meant == NULL)
		meant = nearest_name(&nearest);
	if (meant != NULL)
		fprintf(stderr, "did you mean '%s'?\n", meant);
	else
		fprintf(stderr, "see 'millstream %s%s--help'\n", noun != NULL ? noun : "",
			noun != NULL ? " " : "");
	return COMMAND_USAGE;
}

static int run_noun(struct command_arguments *arguments, int argc, char **argv)
{
	const char *noun = argv[0];
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		bool is_verb = argc > 1 && commands[i]->verb != NULL &&
			       strcmp(commands[i]->verb, argv[1]) == 0;
		if (strcmp(commands[i]->noun, noun) != 0 || (commands[i]->verb != NULL && !is_verb))
			continue;
		arguments->command = commands[i];
		arguments->argc = argc - is_verb;
		arguments->argv = argv + is_verb;
		return commands[i]->run(arguments);
	}
	if (!has_noun(noun))
		return refuse(NULL, noun);
	if (argc > 1 && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0)
		return refuse(noun, argv[1]);
	print_help(argc > 1 ? stdout : stderr, noun);
	return argc > 1 ? COMMAND_DONE : COMMAND_USAGE;
}

/* -s before the noun; returns how many words it takes, 0: it is not there. */
static int read_server(struct command_arguments *arguments, int argc, char **argv)
{
	if (strncmp(argv[0], "--server=", 9) == 0)
		arguments->server = argv[0] + 9;
	else if (strncmp(argv[0], "-s", 2) == 0 && argv[0][2] != '\0')
		arguments->server = argv[0] + 2;
	else if (argc > 1 && (strcmp(argv[0], "-s") == 0 || strcmp(argv[0], "--server") == 0))
		arguments->server = argv[1];
	else
		return 0;
	return arguments->server == argv[1] ? 2 : 1;
}

static int run(int argc, char **argv)
{
	struct command_arguments arguments = { 0 };
	int words = 1;
	while (words > 0 && argc > words) {
		argc -= words;
		argv += words;
		words = read_server(&arguments, argc, argv);
	}
	if (words > 0) {
		print_help(stderr, NULL);
		return COMMAND_USAGE;
	}
	if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
		print_help(stdout, NULL);
		return COMMAND_DONE;
	}
	if (strcmp(argv[0], "--version") == 0) {
		printf("millstream %s\n", PACKAGE_VERSION);
		return COMMAND_DONE;
	}
	return run_noun(&arguments, argc, argv);
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	command_output_begin();
	return command_output_end(run(argc, argv));
}
