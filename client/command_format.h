#ifndef CLIENT_COMMAND_FORMAT_H
#define CLIENT_COMMAND_FORMAT_H

#include "client/millstream.h"
#include "protocol/render.h"

/* How consume shows a record: key and value as protocol/render.h has them, in a line, in an object or by
 * letters. */

enum command_form {
	COMMAND_FORM_LINE,      /* the value; "null" for a tombstone */
	COMMAND_FORM_JSON,      /* -J */
	COMMAND_FORM_LETTERS,   /* -f */
};

struct command_format {
	enum command_form form;
	const char *letters;            /* of COMMAND_FORM_LETTERS, checked; lent */
	struct render_options options;
	struct millstream_client *client;       /* lent: asked for schemas */
	struct render *render;          /* owned */
};

void command_format_init(struct command_format *format);

/* Check a format of -f: -1 and why. */
int command_format_check(const char *format, struct error *err);

/* Begin, with the options that were set.  -1 and why. */
int command_format_open(struct command_format *format, struct millstream_client *client,
			struct error *err);
/* Also of one that was not begun. */
void command_format_close(struct command_format *format);

/* Append one record.  1: it is there; 0: it is not to be shown; -1: nothing was added, and why.  May
 * ask the server for a schema; gives up when the output is no longer wanted. */
int command_format_add(struct command_format *format, struct text *text,
		       const struct millstream_record *record, struct error *err);

#endif
