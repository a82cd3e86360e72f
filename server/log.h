#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include "server/log_line.h"

#include <stdbool.h>

/* The program's own log: lines on stderr.  A line says what happened, to what, and what
 * next: log_warning("source '%s': connection lost (%s); retrying in %d s", …).
 * Never row data, never passwords.  Only server/ logs; the layers below return errors.
 *
 * Any thread.  A line is written whole, by one write of at most 4 KiB, and only
 * when that can be done at once: when whoever reads stderr does not keep up,
 * lines are dropped and counted, and nobody waits.  Lines from one place (one
 * format) that come too fast are held back and counted (server/log_repeat.h);
 * those of level debug are not. */

struct log_options {
	int fd;
	enum log_level level;           /* lines above it are not written */
	enum log_format format;
	bool has_priorities;            /* "<6>" in front, as systemd's journal reads it */
	int64_t (*wall_us)(void);       /* since the Unix epoch; NULL: the system's clock */
	int64_t (*monotonic_ms)(void);
};

/* Before the first call it is stderr, info, logfmt.  May be called again. */
void log_open(const struct log_options *options);

/* Is this file descriptor the journal's ($JOURNAL_STREAM, as sd-daemon(3) has it)? */
bool log_is_journal(int fd);

/* For a reload. */
void log_set(enum log_level level, enum log_format format);

bool log_is_enabled(enum log_level level);

/* Tell of lines that were held back or dropped, where it is time to: each second,
 * and with is_end before the program ends. */
void log_tick(bool is_end);

/* A message by printf's rules, and fields: NULL, or
 * LOG_FIELDS(LOG_TEXT("peer", peer), LOG_NUMBER("port", 7470)).  Keeps errno. */
void log_write(enum log_level level, const struct log_field *fields, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)

#endif
