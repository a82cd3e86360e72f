#ifndef STORAGE_LOG_PROGRESS_H
#define STORAGE_LOG_PROGRESS_H

#include "protocol/text.h"

#include <stdbool.h>
#include <stdint.h>

/* How far long work has come: one line on stderr, written over and over, where
 * that is a terminal; else nothing. */
struct log_progress {
	bool is_shown;          /* stderr is a terminal */
	bool is_on_screen;      /* the line stands there now */
	int64_t begin_us;       /* monotonic */
	const char *verb;       /* "verified" */
	struct text text;
};

void log_progress_begin(struct log_progress *progress, const char *verb);
void log_progress_show(struct log_progress *progress, uint64_t bytes_done, uint64_t bytes_total);
/* Take the line away, before anything else is written. */
void log_progress_hide(struct log_progress *progress);
void log_progress_end(struct log_progress *progress);

/* The line's words: "verified 1.2 GiB of 9.8 GiB (12%), 512.0 MiB/s, 17 s left".
 * bytes_total may be an estimate, and too small. */
void log_progress_words(struct text *text, const char *verb, uint64_t bytes_done,
			uint64_t bytes_total, int64_t elapsed_us);

#endif
