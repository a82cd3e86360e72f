#ifndef CAPTURE_POSTGRESQL_TYPE_H
#define CAPTURE_POSTGRESQL_TYPE_H

#include "protocol/schema.h"
#include "protocol/value.h"

#include <msgpack/sbuffer.h>

/* PostgreSQL's types as logical types, and their values as encoded values
 * (protocol/value.h).
 *
 * Values are read in the text form that PostgreSQL prints under these settings,
 * which both sessions, the streaming and the snapshotting one, must have:
 *
 *	client_encoding=UTF8 DateStyle=ISO TimeZone=UTC IntervalStyle=iso_8601
 *	extra_float_digits=3 bytea_output=hex lc_monetary=C
 *
 * A text in another form is ERROR_MALFORMED, never a guess.  The binary form
 * gives the same bytes as the text form.
 *
 *   PostgreSQL                      logical type       notes
 *   boolean                         bool
 *   smallint, integer, bigint       int16 … int64
 *   real, double precision          float32, float64   ±infinity and NaN are special
 *   numeric                         decimal            length: precision, scale: scale
 *   text, varchar, bpchar, name,    string             length: characters
 *     "char", citext
 *   bytea                           bytes
 *   date                            date               BC and years over 9999 are numbers too
 *   time, timetz                    time, timetz       length: digits of the second
 *   timestamp, timestamptz          the same           past what fits (the year 294246):
 *                                                      special, the text
 *   interval                        interval           'infinity' (17 and later): special
 *   uuid, json, jsonb, xml          uuid, json, xml
 *   enums                           enum
 *   bit, varbit                     bit                length: bits
 *   point                           point
 *   inet, cidr, macaddr, macaddr8   inet
 *   oid                             oid
 *   an array of one of these        array              bounds are not kept
 *   a domain                        as its base type   native type: the domain's
 *   any other                       text               money, ranges, composites, …
 *
 * Pure: no I/O; any thread. */

/* What the catalog says of one type that is not built in.  Texts are lent. */
struct postgresql_type_info {
	uint32_t oid;
	char kind;              /* pg_type.typtype: 'b' base, 'd' domain, 'e' enum, 'c' 'r' 'm' 'p' */
	struct bytes name;      /* format_type(oid, NULL) */
	uint32_t base_oid;      /* of a domain: typbasetype; else 0 */
	int32_t base_modifier;  /* of a domain: typtypmod; else -1 */
	uint32_t element_oid;   /* of an array: the type whose typarray this is; else 0 */
	char delimiter;         /* of an array: its element's typdelim, mostly ',' */
	const struct bytes *labels;     /* of an enum: enumlabel by enumsortorder */
	uint32_t label_count;
};

/* What was asked of the catalog: each type that columns use and that
 * postgresql_type_is_built_in does not know, and in turn their base and element
 * types.  In any order.  A type that is missing is captured as text. */
struct postgresql_type_list {
	const struct postgresql_type_info *items;
	uint32_t count;
};

/* Nothing need be asked of the catalog: also true for arrays of built-in types. */
bool postgresql_type_is_built_in(uint32_t oid);

/* What a column's type comes to. */
struct postgresql_type {
	enum logical_type type;
	enum logical_type element_type; /* of LOGICAL_ARRAY, else 0 */
	int32_t length;                 /* as in struct schema_column; of an array, its elements' */
	int32_t scale;
	struct bytes native_type;       /* lent by the list, or constant */
	const struct bytes *labels;     /* of an enum, lent by the list */
	uint32_t label_count;

	/* For the conversions: */
	uint32_t value_oid;             /* behind domains; of an array its elements'; 0: not built in */
	char delimiter;                 /* of an array */
};

/* Never fails: what is not known, or nested too deep to follow (domains of
 * domains, 32 of them), is LOGICAL_TEXT.  Its native type is the list's name,
 * or "unknown" for a type that is not in it. */
void postgresql_type_resolve(uint32_t oid, int32_t modifier, const struct postgresql_type_list *list,
			     struct postgresql_type *out);

/* Append the value that the text says, null excepted: that the caller knows.
 * Allocates only to grow the buffer.  On failure nothing is appended.
 * ERROR_MALFORMED: not a text of this type; ERROR_LIMIT: an array nested deeper
 * than PostgreSQL has them, a value of 4 GiB; ERROR_MEMORY. */
int postgresql_type_encode_text(const struct postgresql_type *type, struct bytes text,
				msgpack_sbuffer *out, struct error *err);

/* The same for the binary form (typsend).  ERROR_UNSUPPORTED: a type that has no
 * binary form here: those captured as LOGICAL_TEXT. */
int postgresql_type_encode_binary(const struct postgresql_type *type, struct bytes value,
				  msgpack_sbuffer *out, struct error *err);

/* PostgreSQL's MAXDIM. */
#define POSTGRESQL_ARRAY_DIMENSIONS_MAX 6

#endif
