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
 *   scale          of decimal; -1: none
 *   flags          SCHEMA_COLUMN_*
 *   key position   1, 2, … for the columns of the key, 0 for others
 *   default        nil, or the source's text of the default
 *   labels         nil, or an array of text: of enum and set
 *
 * Readers skip items behind those they know. */

#define SCHEMA_COLUMN_OPTIONAL  0x01u   /* may be null */
#define SCHEMA_COLUMN_GENERATED 0x02u

#define SCHEMA_COLUMNS_MAX      4096    /* PostgreSQL has 1600, MySQL 4096 */
#define SCHEMA_LABELS_MAX       65535   /* MySQL's limit for enum */
#define SCHEMA_NAME_BYTES_MAX   1024

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

/* Append the encoded form.  ERROR_MEMORY, ERROR_LIMIT. */
int schema_encode(msgpack_sbuffer *buffer, const struct schema *schema, struct error *err);

/* Read the encoded form.  Texts are lent by the input, which must outlive the
 * schema; the arrays are the schema's: schema_clear frees them.  Allocates no
 * more than the counts that fit the input.  ERROR_MALFORMED, ERROR_LIMIT,
 * ERROR_MEMORY, ERROR_FORMAT_VERSION. */
int schema_decode(const void *data, size_t size, struct schema *out, struct error *err);
void schema_clear(struct schema *schema);

/* What a schema version is found by: FNV-1a, 64 bits, of the encoded form.
 * Whoever looks up by it compares the bytes as well. */
uint64_t schema_fingerprint(const void *encoded, size_t size);

#endif
