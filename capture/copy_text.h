#ifndef CAPTURE_COPY_TEXT_H
#define CAPTURE_COPY_TEXT_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <stdbool.h>

/* One line of COPY … TO STDOUT in text format, as PQgetCopyData gives it: fields
 * apart by tabs, \N for null, backslash escapes, a newline at its end (or none).
 * Source: PostgreSQL's manual, COPY, "Text Format".
 *
 * The line is the caller's to change: escapes are undone in place, so that what
 * is yielded is lent by the line and nothing is allocated.  A line is read once. */
struct copy_text {
	uint8_t *at;
	uint8_t *end;
	uint8_t *escape;        /* the next backslash, or end */
	bool is_done;
};

/* Takes one newline off the end. */
struct copy_text copy_text_over(void *line, size_t size);

/* 1: a field, nil for null; 0: there is none any more; -1: ERROR_MALFORMED, an
 * escape that is cut short.  An empty line has one empty field. */
int copy_text_next(struct copy_text *line, struct bytes *out, struct error *err);

#endif
