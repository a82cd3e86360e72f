#include "server/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static void print_help(void)
{
	printf("usage: millstreamd [-c FILE] [-t] [--data-dir DIR] [--listen ADDRESS:PORT]\n"
	       "       millstreamd --options [--json]\n"
	       "\n"
	       "Keeps the log and serves it.\n"
	       "\n"
	       "  -c, --config FILE      the configuration; without it %s,\n"
	       "                         where there is one\n"
	       "  -t, --test             check the configuration, tell all that is wrong, and end\n"
	       "  --data-dir DIR         in place of data.dir\n"
	       "  --listen ADDRESS:PORT  in place of listen\n"
	       "  --options [--json]     every option, what it takes and its default\n"
	       "  --version, --help\n"
	       "\n"
	       "SIGHUP reads the configuration again, SIGTERM ends the server. Exit status: 0 ended when\n"
	       "asked, 1 failed, 64 wrong arguments, 74 the disk failed, 78 wrong configuration.\n"
	       "\n"
	       "examples:\n"
	       "  millstreamd --data-dir /tmp/log\n"
	       "  millstreamd -c millstream.conf -t\n",
	       ARGUMENTS_CONFIG_PATH);
}

static int usage(const char *problem)
{
	if (problem != NULL)
		fprintf(stderr, "millstreamd: %s\n", problem);
	fprintf(stderr, "try 'millstreamd --help'\n");
	return EX_USAGE;
}

int arguments_parse(int argc, char **argv, struct arguments *out)
{
	enum { OPTION_DATA_DIR = 256, OPTION_LISTEN, OPTION_OPTIONS, OPTION_JSON, OPTION_VERSION };
	static const struct option long_options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "test", no_argument, NULL, 't' },
		{ "data-dir", required_argument, NULL, OPTION_DATA_DIR },
		{ "listen", required_argument, NULL, OPTION_LISTEN },
		{ "options", no_argument, NULL, OPTION_OPTIONS },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments arguments = { .path = ARGUMENTS_CONFIG_PATH, .path_is_default = true };
	const char *data_dir = NULL, *listen = NULL;
	int option;
	while ((option = getopt_long(argc, argv, "c:th", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments.path = optarg;
			arguments.path_is_default = false;
			break;
		case 't':
			arguments.only_tests = true;
			break;
		case OPTION_DATA_DIR:
			data_dir = optarg;
			break;
		case OPTION_LISTEN:
			listen = optarg;
			break;
		case OPTION_OPTIONS:
			arguments.prints_options = true;
			break;
		case OPTION_JSON:
			arguments.is_json = true;
			break;
		case OPTION_VERSION:
			printf("millstreamd %s\n", PACKAGE_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			print_help();
			return EXIT_SUCCESS;
		default:
			return usage(NULL);
		}
	}
	if (optind < argc)
		return usage("it takes options alone, no other arguments");
	if (arguments.is_json && !arguments.prints_options)
		return usage("--json goes with --options");
	if (data_dir != NULL)
		arguments.overrides[arguments.override_count++] = (struct config_override){ "data.dir", data_dir };
	if (listen != NULL)
		arguments.overrides[arguments.override_count++] = (struct config_override){ "listen", listen };
	*out = arguments;
	return -1;
}
