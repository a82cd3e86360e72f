#ifndef SERVER_PROBLEM_H
#define SERVER_PROBLEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is wrong with a configuration, gathered so that all of it is told at once.
 * Allocates nothing: beyond PROBLEMS_MAX they are only counted. */

#define PROBLEMS_MAX            64
#define PROBLEM_TEXT_BYTES      1024

struct problem {
	bool is_warning;
	/* "/etc/millstream/millstream.conf:12: max.connections: 'many' is …".  One
	 * line, safe on a terminal: what is not printable is a '?'. */
	char text[PROBLEM_TEXT_BYTES];
};

/* Begins zeroed. */
struct problem_list {
	struct problem items[PROBLEMS_MAX];
	size_t count;
	size_t error_count;             /* all of them */
	size_t dropped_count;           /* not in items */
};

/* place: a file, or "command line"; line: 0 for none. */
void problem_add(struct problem_list *problems, bool is_warning, const char *place, uint32_t line,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
