#ifndef SERVER_LOG_REPEAT_H
#define SERVER_LOG_REPEAT_H

#include "server/log_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keeps one place in the program from filling the log.  Each has LOG_REPEAT_BURST lines
 * a window; those beyond are held back, counted, and told as one line when the window
 * is over: "… (repeated 512 times in 10 s)".  No locks: the caller's. */

#define LOG_REPEAT_BURST        10
#define LOG_REPEAT_WINDOW_MS    10000
/* Places watched at once; the one whose window is oldest gives way. */
#define LOG_REPEAT_PLACES_MAX   64
/* What is kept of the last line held back. */
#define LOG_REPEAT_TEXT_BYTES   512

struct log_repeat_place {
	const void *key;                /* NULL: free */
	enum log_level level;
	int64_t window_start_ms;
	uint64_t written_count;
	uint64_t held_count;
	char text[LOG_REPEAT_TEXT_BYTES];       /* of the last one held back */
};

/* Begins zeroed. */
struct log_repeats {
	struct log_repeat_place places[LOG_REPEAT_PLACES_MAX];
};

/* A line that tells of lines held back. */
struct log_report {
	enum log_level level;
	char text[LOG_REPEAT_TEXT_BYTES + 64];
};

/* May this line be written now?  key says where it comes from: its format.
 * *out_has_report: before it, write out_report. */
bool log_repeat_admit(struct log_repeats *repeats, const void *key, enum log_level level,
		      int64_t now_ms, const char *text, bool *out_has_report,
		      struct log_report *out_report);

/* A report whose window is over, or, at the end of the program, any; false when
 * there is none left. */
bool log_repeat_next(struct log_repeats *repeats, int64_t now_ms, bool is_end,
		     struct log_report *out);

#endif
