#ifndef SERVER_ARGUMENTS_H
#define SERVER_ARGUMENTS_H

#include "server/config.h"

/* The command line of millstreamd. */

#define ARGUMENTS_CONFIG_PATH "/etc/millstream/millstream.conf"

struct arguments {
	const char *path;               /* -c, else ARGUMENTS_CONFIG_PATH */
	bool path_is_default;
	bool only_tests;                /* -t */
	bool prints_options;            /* --options */
	bool is_json;
	struct config_override overrides[2];
	size_t override_count;
};

/* -1: go on with them.  Otherwise all is said (--help, --version, or what is wrong
 * with them, on stderr), and it is the exit status. */
int arguments_parse(int argc, char **argv, struct arguments *out);

#endif
