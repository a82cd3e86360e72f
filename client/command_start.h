#ifndef CLIENT_COMMAND_START_H
#define CLIENT_COMMAND_START_H

#include "client/command_arguments.h"
#include "client/millstream.h"

/* Where reading begins, as -o WHERE says it: beginning, end, N, -N, s@MS. */
struct command_start {
	enum millstream_start kind;
	int64_t number;                 /* MILLSTREAM_START_OFFSET: N or -N; _TIME: µs since 1970 */
};

/* takes_stored: "stored" is one, too.  -1: told what is wrong. */
int command_start_read(const struct command *command, const char *value, bool takes_stored,
		       struct command_start *out);

#endif
