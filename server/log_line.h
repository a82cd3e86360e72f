#ifndef SERVER_LOG_LINE_H
#define SERVER_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>

/* One line of the program's log as bytes.  Pure. */

enum log_level {
	LOG_LEVEL_ERROR,        /* someone must act */
	LOG_LEVEL_WARNING,      /* we coped */
	LOG_LEVEL_INFO,         /* the life of sources, subscribers and the server */
	LOG_LEVEL_DEBUG,        /* what happens a batch */
};

enum log_format {
	LOG_FORMAT_LOGFMT,      /* time=… level=info msg="…" peer=127.0.0.1:4711 */
	LOG_FORMAT_JSON,        /* {"time":"…","level":"info","msg":"…","peer":"127.0.0.1:4711"} */
};

const char *log_level_name(enum log_level level);

/* What a program may want to find again, behind the message.  An array of them
 * ends with a zeroed one. */
struct log_field {
	const char *name;       /* plain: letters, digits, '_' and '.' */
	const char *text;       /* lent; NULL: it is a number */
	int64_t number;
};
#define LOG_TEXT(name, text) { (name), (text), 0 }
#define LOG_NUMBER(name, number) { (name), NULL, (int64_t)(number) }
#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { NULL, NULL, 0 } })

/* The longest line, its end included: what a pipe takes whole (PIPE_BUF). */
#define LOG_LINE_BYTES_MAX      4096
/* What a message and a field's text may take of it, escapes included; what is
 * longer ends with an ellipsis. */
#define LOG_MESSAGE_BYTES_MAX   2048
#define LOG_FIELD_BYTES_MAX     512

/* Write one line, with its newline, into out (LOG_LINE_BYTES_MAX); returns its
 * size.  Control characters, what turns the direction of writing and what is no
 * UTF-8 come out escaped or replaced: a line stays one line.  fields may be NULL; one that
 * no longer fits is left out, and so are all behind it. */
size_t log_line_format(char *out, enum log_format format, enum log_level level, int64_t time_us,
		       const char *message, const struct log_field *fields);

#endif
