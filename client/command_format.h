#ifndef CLIENT_COMMAND_FORMAT_H
#define CLIENT_COMMAND_FORMAT_H

#include "client/millstream.h"
#include "protocol/text.h"

/* How consume shows a record. */

/* Check a format of -f: -1 and why. */
int command_format_check(const char *format, struct error *err);

/* By a format that was checked. */
void command_format_add(struct text *text, const char *format,
			const struct millstream_record *record);

/* The value and a line's end; "null" for a tombstone. */
void command_format_raw(struct text *text, const struct millstream_record *record);

/* For people, a line each; nothing in it can disturb a terminal. */
void command_format_pretty(struct text *text, const struct millstream_record *record);

/* -J: an object a line. */
void command_format_json(struct text *text, const struct millstream_record *record);

#endif
