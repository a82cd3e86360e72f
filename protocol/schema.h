#ifndef PROTOCOL_SCHEMA_H
#define PROTOCOL_SCHEMA_H

#include "protocol/value.h"

#include <msgpack/sbuffer.h>

/* The columns and types a change was written with: one version of one table.
 *
 * Encoded as a msgpack array, the form that is stored, sent and fingerprinted:
 *
 *   [1, source, database, schema, table, [column, …]]
 *   column = [name, logical type, element type, native type, length, scale,
 *             flags, key position, default, labels]
 *
 *   1              the encoding's version; a reader refuses others
 *   source … table text; '' where the database has no such level
 *   element type   of arrays; else 0
 *   native type    the source's own name of it: "character varying"
 *   length         of text, bit; precision of decimal and times; -1: none
 *   scale          of a decimal that has a precision, and there -1 is a scale
 *                  like others (PostgreSQL has -1000 to 1000); else -1
 *   flags          SCHEMA_COLUMN_*; readers keep those they do not know
 *   key position   1, 2, … for the columns of the key, 0 for others
 *   default        nil, or the source's text of the default
 *   labels         nil, or an array of one text or more: of enum and set
 *
 * Readers skip items behind those they know. */

#define SCHEMA_COLUMN_OPTIONAL  0x01u   /* may be null */
#define SCHEMA_COLUMN_GENERATED 0x02u

#define SCHEMA_COLUMNS_MAX      4096    /* PostgreSQL has 1600, MySQL 4096 */
#define SCHEMA_LABELS_MAX       65535   /* of all columns; MySQL's limit for one enum */
#define SCHEMA_NAME_BYTES_MAX   1024    /* of each text but defaults and labels */

struct schema_column {
	struct bytes name;
	enum logical_type type;
	enum logical_type element_type;
	struct bytes native_type;
	int32_t length;
	int32_t scale;
	uint32_t flags;
	uint32_t key_position;
	struct bytes default_text;      /* nil: none */
	struct bytes *labels;           /* owned array of lent texts */
	uint32_t label_count;
};

struct schema {
	struct bytes source;
	struct bytes database;
	struct bytes schema;
	struct bytes table;
	struct schema_column *columns;  /* owned array */
	uint32_t column_count;
};

/* Append the encoded form; on failure nothing is appended.  ERROR_MEMORY,
 * ERROR_LIMIT; ERROR_INVALID for what schema_decode would not read: an empty
 * column name, a type that is none, key positions that are not 1, 2, … */
int schema_encode(msgpack_sbuffer *buffer, const struct schema *schema, struct error *err);

/* Read the encoded form.  Texts are lent by the input, which must outlive the
 * schema; the arrays are the schema's: schema_clear frees them.  Allocates only
 * for input that is well-formed to its end, so never for a count that is not
 * true, and with the limits above at most 1.5 MiB.  ERROR_MALFORMED,
 * ERROR_LIMIT, ERROR_MEMORY, ERROR_FORMAT_VERSION. */
int schema_decode(const void *data, size_t size, struct schema *out, struct error *err);

/* Free the arrays: columns and each column's labels, all from malloc.  Also
 * for a schema that is all zero, or cleared already. */
void schema_clear(struct schema *schema);

/* What a schema version is found by: FNV-1a, 64 bits, of the encoded form.
 * Whoever looks up by it compares the bytes as well. */
uint64_t schema_fingerprint(const void *encoded, size_t size);

#endif
