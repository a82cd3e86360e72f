#ifndef CAPTURE_NAME_FILTER_H
#define CAPTURE_NAME_FILTER_H

#include "protocol/bytes.h"
#include "protocol/error.h"

#include <stdbool.h>

/* A list of table, schema or column names as Debezium's *.include.list and
 * *.exclude.list: regular expressions with commas between them, each held against the
 * whole name, whatever the case.  Blanks around an expression do not count, and one
 * that is empty is skipped; a list without any lets all names pass.
 *
 * The expressions are Java's there and PCRE2's here, which read nearly all alike; what
 * the two would read differently without a word is refused: classes in classes,
 * intersections of classes (&&), and verbs of PCRE2's ("(*").  A comma does not end an
 * expression when it stands in {m,n} or in a class, or behind a backslash. */
struct name_filter;

enum name_filter_mode { NAME_FILTER_INCLUDE, NAME_FILTER_EXCLUDE };

#define NAME_FILTER_BYTES_MAX            (256 * 1024)   /* of a list */
#define NAME_FILTER_EXPRESSIONS_MAX      4096
#define NAME_FILTER_EXPRESSION_BYTES_MAX 4096
/* Steps of one match.  Names are short: an expression that needs more backtracks without end. */
#define NAME_FILTER_STEPS_MAX            200000
#define NAME_FILTER_HEAP_KIB             4096

/* ERROR_INVALID: the expression, what is wrong with it, and at which of its characters;
 * ERROR_LIMIT, ERROR_MEMORY.  Pure. */
int name_filter_create(struct name_filter **out, const char *list, enum name_filter_mode mode,
		       struct error *err);
void name_filter_destroy(struct name_filter *filter);

/* Does a name pass?  NULL lets all pass.  A match that was given up for its steps or for
 * want of memory lets the name pass: rather a table too many than a gap that nobody sees.
 * Any thread, but one at a time. */
bool name_filter_admits(const struct name_filter *filter, struct bytes name);

/* An include list's expressions one by one, to tell of those that match nothing: the text
 * of the index-th, lent; NULL behind the last, and for any other filter. */
const char *name_filter_included(const struct name_filter *filter, size_t index);
bool name_filter_includes(const struct name_filter *filter, size_t index, struct bytes name);

#endif
