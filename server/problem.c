#include "server/problem.h"

#include "protocol/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Replace what could disturb a terminal or a line of a log; also half a character
 * at the end of a text that was cut. */
static void make_printable(char *text)
{
	size_t left = strlen(text), size;
	for (char *at = text; left > 0; at += size, left -= size)
		if (!utf8_is_printable(utf8_decode((const uint8_t *)at, left, &size)))
			memset(at, '?', size);
}

void problem_add(struct problem_list *problems, bool is_warning, const char *place, uint32_t line,
		 const char *format, ...)
{
	problems->error_count += !is_warning;
	if (problems->count == PROBLEMS_MAX) {
		problems->dropped_count++;
		return;
	}
	struct problem *problem = &problems->items[problems->count++];
	int used = line > 0 ? snprintf(problem->text, PROBLEM_TEXT_BYTES, "%.500s:%" PRIu32 ": %s", place,
				       line, is_warning ? "warning: " : "")
			    : snprintf(problem->text, PROBLEM_TEXT_BYTES, "%.500s: %s", place,
				       is_warning ? "warning: " : "");
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(problem->text + used, PROBLEM_TEXT_BYTES - (size_t)used, format, arguments);
	va_end(arguments);
	problem->is_warning = is_warning;
	make_printable(problem->text);
}
