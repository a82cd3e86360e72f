#ifndef CLIENT_COMMAND_H
#define CLIENT_COMMAND_H

#include "client/command_arguments.h"
#include "client/millstream.h"

/* What the nouns and verbs of millstream share.  One thread. */

enum {
	COMMAND_DONE = 0,
	COMMAND_FAILED = 1,     /* of status: a warning */
	COMMAND_CRITICAL = 2,   /* of status alone */
	COMMAND_USAGE = 64      /* EX_USAGE of sysexits.h */
};

#define COMMAND_ANSWER_MS 10000 /* that a server may take for a small request */
#define COMMAND_WAIT_MS 200     /* between two looks at signals and at the output */

/* Say on stderr what failed; returns COMMAND_FAILED. */
int command_failed(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for a call of the library: doing, then millstream_error_text. */
int command_call_failed(const struct command *command, const struct millstream_client *client,
			const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Like command_failed: something a person should know. */
void command_tell(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The server that -s, MILLSTREAM_URL or the default names.  Lent. */
const char *command_server(const struct command_arguments *arguments);

/* Open a client and connect it.  COMMAND_DONE and *out, or said why not:
 * COMMAND_FAILED, COMMAND_USAGE.  options may be NULL. */
int command_connect(const struct command_arguments *arguments,
		    const struct millstream_options *options, struct millstream_client **out);

int64_t command_now_us(void);   /* monotonic */

#endif
