#ifndef SERVER_CONFIG_SCAN_H
#define SERVER_CONFIG_SCAN_H

#include "protocol/text.h"

/* A configuration file cut into tokens.  Pure, and safe on any bytes.
 *
 * libconfuse, whose syntax this follows, ends at the first error, keeps no line for
 * a name it does not know, takes an unset ${NAME} for "" without a word, drops bytes it
 * does not like, and calls exit() on a file it cannot read. */

enum config_token_type {
	CONFIG_TOKEN_END,
	CONFIG_TOKEN_WORD,              /* listen, 64MiB, myapp.*: no quotes around it */
	CONFIG_TOKEN_TEXT,              /* "…" or '…' */
	CONFIG_TOKEN_SIGN,              /* one of = { } ( ) , ; */
	CONFIG_TOKEN_BAD,               /* reported already; what is left of the line is lost */
};

struct config_scan {
	const uint8_t *at;
	const uint8_t *end;
	uint32_t line;
	uint32_t last_line;             /* where the token before ended; 0: none did */
	const char *(*environment)(const char *name);   /* NULL for a name that is not set */
	void (*on_problem)(void *user, uint32_t line, const char *text);
	void *user;

	/* The token that config_scan_next has read. */
	enum config_token_type type;
	char sign;
	uint32_t token_line;            /* where it begins */
	bool begins_line;               /* nothing but comments stands before it on its line */
	bool is_wrong;                  /* its value was reported: do not look at it */
	bool has_environment;           /* part of it comes from there: do not show it */
	struct text value;              /* of a word or text, with a zero behind it */
};

void config_scan_init(struct config_scan *scan, struct bytes text);
void config_scan_clear(struct config_scan *scan);

/* Read the next token.  When memory runs out it is CONFIG_TOKEN_BAD. */
void config_scan_next(struct config_scan *scan);

/* Lends, until the next token. */
const char *config_scan_value(const struct config_scan *scan);

#endif
