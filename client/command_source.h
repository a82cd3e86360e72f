#ifndef CLIENT_COMMAND_SOURCE_H
#define CLIENT_COMMAND_SOURCE_H

#include "client/command.h"
#include "protocol/text_columns.h"

/* What the commands of a source share: one at work.  Each is begin, calls of the client,
 * end; the status of a step is the command's own, told where it is not COMMAND_DONE. */
struct source_work {
	const struct command *command;
	struct millstream_client *client;
	bool as_json;
	bool names_only;
	const char *name;               /* NULL: all */
	struct text text;               /* what is written at the end */
	struct text_columns columns;
	size_t found_count;
	bool drops;
};

/* The one operand; -1: told that it is not one. */
int command_source_read_name(struct command_arguments *arguments, struct source_work *work);

/* Connects. */
int command_source_begin(struct command_arguments *arguments, struct source_work *work);

/* Each source, or the one of work's name: each gets work. */
int command_source_walk(struct source_work *work,
			bool (*each)(void *, const struct millstream_source_info *));

/* Tells that there is none of work's name. */
int command_source_not_found(const struct source_work *work);

/* Writes the text, unless something has failed; disconnects.  Returns status. */
int command_source_end(struct source_work *work, int status);

#endif
