#ifndef CLIENT_COMMAND_PROGRESS_H
#define CLIENT_COMMAND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* A line on stderr that tells how far long work has got; only on a terminal, and
 * only once it has taken a second. */
struct command_progress {
	bool is_shown;
	bool is_on_screen;
	int64_t begin_us;
	int64_t next_us;
	const char *verb;       /* lent: "published" */
};

/* writes_data: to stdout, which on the same terminal the line would tear. */
void command_progress_begin(struct command_progress *progress, const char *verb, bool writes_data);

/* Cheap enough for every record.  total 0: not known, no time that remains. */
void command_progress_step(struct command_progress *progress, uint64_t done, uint64_t total);

/* Take the line off the screen, before anything else is said. */
void command_progress_hide(struct command_progress *progress);

#endif
