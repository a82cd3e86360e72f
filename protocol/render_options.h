#ifndef PROTOCOL_RENDER_OPTIONS_H
#define PROTOCOL_RENDER_OPTIONS_H

#include "protocol/error.h"

#include <stdbool.h>
#include <stddef.h>

/* How changes are rendered: a format and its options, by the names and with the values
 * that Debezium 3 has for its PostgreSQL connector and for ExtractNewRecordState
 * (debezium.io/documentation, "Debezium connector for PostgreSQL", "New Record State
 * Extraction"). */

enum render_format {
	RENDER_DEBEZIUM,        /* the envelope, as JsonConverter writes it without schemas */
	RENDER_DEBEZIUM_SCHEMA, /* {"schema":…,"payload":…} */
	RENDER_FLAT,            /* the row behind a change, alone */
	RENDER_PRETTY,          /* for people */
	RENDER_RAW,             /* the stored bytes */
};

enum render_decimals { RENDER_DECIMAL_PRECISE, RENDER_DECIMAL_DOUBLE, RENDER_DECIMAL_STRING };

enum render_times {
	RENDER_TIME_ADAPTIVE,
	RENDER_TIME_ADAPTIVE_MICROSECONDS,      /* adaptive_time_microseconds */
	RENDER_TIME_CONNECT,
	RENDER_TIME_ISOSTRING,
	RENDER_TIME_MICROSECONDS,
	RENDER_TIME_NANOSECONDS,
};

enum render_bytes { RENDER_BYTES, RENDER_BASE64, RENDER_BASE64_URL_SAFE, RENDER_HEX };

enum render_intervals { RENDER_INTERVAL_NUMERIC, RENDER_INTERVAL_STRING };

/* What RENDER_FLAT makes of a delete, and of the tombstone behind it. */
enum render_deletes {
	RENDER_DELETE_TOMBSTONE,        /* null; 'none' in earlier versions */
	RENDER_DELETE_DROP,             /* nothing */
	RENDER_DELETE_REWRITE,          /* the row before it, with __deleted */
};

struct render_options {
	enum render_format format;
	enum render_decimals decimals;
	enum render_times times;
	enum render_bytes bytes;
	enum render_intervals intervals;
	enum render_deletes deletes;
	bool keeps_tombstones;
	const char *placeholder;        /* unavailable.value.placeholder */
	const char *added_fields;       /* add.fields, as given; NULL: none */
	const char *added_prefix;       /* add.fields.prefix */
	const char *version;            /* source.version */
	bool has_colours;               /* RENDER_PRETTY on a terminal */
	unsigned width;                 /* of that terminal; 0: not known */
};

/* Debezium's defaults.  version is Millstream's own. */
void render_options_init(struct render_options *options);

/* Set one property; value is lent as long as the options are used.  ERROR_INVALID: there is no
 * such property or value, and the nearest one. */
int render_options_set(struct render_options *options, const char *name, const char *value,
		       struct error *err);

/* "debezium", "debezium-schema", "flat", "pretty", "raw".  ERROR_INVALID likewise. */
int render_options_set_format(struct render_options *options, const char *name, struct error *err);

/* The properties, one by one; NULL behind the last.  *out_words: the values, NULL behind the
 * last; itself NULL: any text. */
const char *render_options_property(size_t index, const char *const **out_words);

#endif
