#ifndef SERVER_CONFIG_PARSE_H
#define SERVER_CONFIG_PARSE_H

#include "protocol/bytes.h"

#include <stdbool.h>

/* The grammar of a configuration file; what its names mean is for the handler.
 *
 *	file      = { statement [";"] }
 *	statement = name "=" value | name [title] "{" { statement [";"] } "}"
 *	          | "include" value | "include" "(" value ")"
 *	value     = word | "…" | '…' | "{" [value {"," value} [","]] "}"
 *
 * Line ends are blanks, but a value begins on the line of its "=".  Comments are
 * # and // to the end of the line and / * * /.  After a problem it goes on with
 * the next line, so that all of them are told at once. */
struct config_handler {
	/* A list's items come joined by commas.  value is NULL when it is wrong, which was
	 * reported. */
	void (*on_assignment)(void *user, uint32_t line, const char *name, const char *value,
			      bool is_list);
	/* name and title are NULL when they are missing, which was reported. */
	void (*on_block)(void *user, uint32_t line, const char *name, const char *title);
	void (*on_block_end)(void *user);
	void (*on_include)(void *user, uint32_t line, const char *pattern);
	void (*on_problem)(void *user, uint32_t line, const char *text);
	/* What ${NAME} stands for; NULL: it is not set. */
	const char *(*environment)(const char *name);
	void *user;
};

/* Blocks that are open at the end are reported and ended.  Pure. */
void config_parse(struct bytes text, const struct config_handler *handler);

#endif
