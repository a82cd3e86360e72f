#ifndef CAPTURE_PROPERTY_H
#define CAPTURE_PROPERTY_H

#include "protocol/option.h"

/* What can stand in a source block, as data: every property of Debezium's connector for
 * PostgreSQL, and what it does here.  The table is capture/property_table.c;
 * millstream.conf(5) follows it, and tests/check_options.sh holds the two together. */

#define PROPERTY_STATUSES(X)                                                            \
	X(WORKS, "works")               /* does here what it does there */              \
	X(NEEDLESS, "no effect")        /* taken without a word: nothing here needs it */ \
	X(ELSEWHERE, "elsewhere")       /* a warning: this is said in another place */  \
	X(PLANNED, "not yet")           /* a warning: it does nothing yet */            \
	X(REFUSED, "refused")           /* an error: to go on without it would do harm */ \
	X(ALIAS, "alias")               /* another name, stands for `why` */

enum property_status {
#define X(name, words) PROPERTY_##name,
	PROPERTY_STATUSES(X)
#undef X
};

/* Checked, but kept nowhere. */
#define PROPERTY_NO_PLACE ((size_t)-1)

struct property_spec {
	/* place is in struct source_settings.  With an asterisk in its name it stands for
	 * a family: column.mask.with.*.chars.  default_text NULL: there is none. */
	struct option_spec option;
	enum property_status status;
	const char *connector;          /* the only one that has it; NULL: all have */
	bool is_required;
	bool keeps_word;                /* an OPTION_WORD whose place is a char * */
	const char *excludes;           /* the property that must not stand beside it */
	/* What holds in its place, half a sentence; of an alias, the other name. */
	const char *why;
};

/* Property n, in the order of the manual; NULL behind the last. */
const struct property_spec *property_at(size_t n);
/* By its name, or the family it belongs to; NULL: nobody knows it. */
const struct property_spec *property_find(const char *name);
size_t property_number(const struct property_spec *spec);
#define PROPERTIES_MAX 256

/* "works", "not yet". */
const char *property_status_name(enum property_status status);

/* Read and check a value, also by its other names (no_data is never), which come out as
 * the one the table has.  ERROR_INVALID: the text says what is allowed, ERROR_UNSUPPORTED: a
 * value of Debezium's that is not implemented yet. */
int property_check(const struct property_spec *spec, const char **value, struct error *err);

/* A paragraph for people, or the members of a JSON object begun by the caller. */
void property_print(const struct property_spec *spec, struct text *out);
void property_print_json(const struct property_spec *spec, struct json *out);

#endif
