#ifndef PROTOCOL_OPTION_H
#define PROTOCOL_OPTION_H

#include "protocol/error.h"
#include "protocol/json.h"

#include <stdint.h>

/* One option of a configuration, as data: this drives parsing, checking and
 * printing.  The tables are server/config_table.c and capture/property_table.c. */

enum option_type {
	OPTION_TEXT,            /* char *, not empty */
	OPTION_SECRET,          /* char *; never shown, "***" stands in its place */
	OPTION_LIST,            /* char *, items joined by commas; "a,b" or { "a", "b" } */
	OPTION_INTEGER,         /* int64_t */
	OPTION_BYTES,           /* int64_t: 65536, 64KiB, 1.5 is not one */
	OPTION_DURATION,        /* int64_t in milliseconds: 500, 500ms, 10s, 5m, 2h, 7d */
	OPTION_BOOL,            /* bool: true false yes no on off */
	OPTION_WORD,            /* int: the place of the word among words */
};

struct option_spec {
	const char *name;
	enum option_type type;
	size_t place;                   /* of the value, in the struct that it is stored in */
	const char *default_text;
	int64_t min;                    /* of the three kinds of numbers */
	int64_t max;
	const char *const *words;       /* of OPTION_WORD; NULL behind the last */
	const char *form;               /* of a text, for people: "ADDRESS:PORT"; may be NULL */
	int (*check)(const char *value, struct error *err);     /* of a text; may be NULL */
	bool needs_restart;             /* a reload does not change it */
	const char *known_as;           /* its name elsewhere, for those who look for that; may be NULL */
	const char *help;               /* one sentence or two, without the limits and the default */
};

/* What a value becomes. */
union option_value {
	const char *text;       /* OPTION_TEXT, _SECRET, _LIST: the input itself */
	int64_t number;
	bool boolean;
	int word;
};

/* Read and check a value.  The error says what is allowed and, but for a
 * secret, what was given: "max.connections: 'many' is not …".  ERROR_INVALID,
 * or what the option's check says. */
int option_parse(const struct option_spec *spec, const char *text, union option_value *out,
		 struct error *err);

/* Read, check and put it in its place in an object: texts are copied, and what was
 * there is freed.  What option_parse says; ERROR_MEMORY. */
int option_store(const struct option_spec *spec, void *object, const char *text, struct error *err);
/* The value in its place; lent while the object lives. */
union option_value option_load(const struct option_spec *spec, const void *object);
/* Free what is in its place, and zero that. */
void option_clear(const struct option_spec *spec, void *object);

/* A value for people, short enough for a line of the log: as it could be
 * written, sizes with a unit where that is exact. */
#define OPTION_TEXT_BYTES 128
void option_format(const struct option_spec *spec, union option_value value,
		   char out[OPTION_TEXT_BYTES]);

bool option_is_equal(const struct option_spec *spec, union option_value a, union option_value b);

/* "1 to 1000000", "64MiB to 64TiB", "error, warning, info or debug", "ADDRESS:PORT". */
void option_limits(const struct option_spec *spec, char out[OPTION_TEXT_BYTES]);

const char *option_type_name(enum option_type type);
/* Is it kept as a char *? */
bool option_is_text(const struct option_spec *spec);

/* A paragraph for people, or the members of a JSON object begun by the caller. */
void option_print(const struct option_spec *spec, struct text *out);
void option_print_json(const struct option_spec *spec, struct json *out);

/* For options that are not in the table: the numbers alone.  0 or -1. */
int option_parse_bytes(const char *text, int64_t *out);
int option_parse_duration(const char *text, int64_t *out_ms);

#endif
