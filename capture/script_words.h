#ifndef CAPTURE_SCRIPT_WORDS_H
#define CAPTURE_SCRIPT_WORDS_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <stdbool.h>

/* A line of a script as words, with blanks between; what is left of it.  Everything is
 * lent by the line. */
struct script_words {
	const char *at;
	const char *end;
};

void script_words_skip(struct script_words *words);

/* The next word: 1, or 0 at the end. */
int script_words_next(struct script_words *words, struct bytes *out);

bool script_words_is(struct bytes word, const char *text);

/* "c*50": "c" and 50; without a count 1.  ERROR_MALFORMED. */
int script_words_split_count(struct bytes *word, uint64_t *out, struct error *err);

/* The next word, which is a number.  ERROR_MALFORMED. */
int script_words_number(struct script_words *words, uint64_t *out, struct error *err);

#endif
