#ifndef CAPTURE_POSTGRESQL_TABLE_H
#define CAPTURE_POSTGRESQL_TABLE_H

#include "capture/pgoutput.h"
#include "capture/postgresql_relation.h"
#include "capture/postgresql_type.h"
#include "protocol/schema.h"

#include <msgpack/sbuffer.h>
#include <stdbool.h>

/* One captured table at one version: from what PostgreSQL told of it to its
 * encoded schema, and from its tuples and COPY lines to encoded rows and keys.
 *
 *   catalog (snapshot) ─────────────┐
 *   Relation message ─┬─ merge ─► relation ─► table ─► schema, rows, keys
 *   catalog (today) ──┘
 *
 * The same relation gives the same schema byte for byte, whether it came from the
 * catalog or from the stream, so the snapshot and the stream share one version.
 *
 * Pure: no I/O.  A table is used by one thread at a time. */

struct postgresql_table_options {
	struct bytes source;            /* the source's name */
	struct bytes database;
	const struct postgresql_type_list *types;
	/* column.include.list and column.exclude.list; NULL: all.  Key columns are
	 * captured whatever it says: without them a row has no name. */
	bool (*is_captured)(void *context, const struct postgresql_relation *relation, struct bytes column);
	void *context;
};

struct postgresql_table;

/* Copies all it keeps.  ERROR_MEMORY; ERROR_LIMIT, ERROR_INVALID of schema_encode.
 *
 * The key is the primary key; where old tuples do not carry it (REPLICA IDENTITY
 * USING INDEX over other columns), or there is none, the identity index's
 * columns; else there is none, and every key is nil. */
int postgresql_table_create(const struct postgresql_relation *relation,
			    const struct postgresql_table_options *options,
			    struct postgresql_table **out, struct error *err);
void postgresql_table_destroy(struct postgresql_table *table);

/* Lent until destroyed.  The schema's columns are the captured ones in order: the
 * very list for COPY (SELECT …) TO STDOUT. */
const struct schema *postgresql_table_schema(const struct postgresql_table *table);
struct bytes postgresql_table_encoded_schema(const struct postgresql_table *table);
uint32_t postgresql_table_oid(const struct postgresql_table *table);
bool postgresql_table_has_key(const struct postgresql_table *table);

/* Append the row that the tuple holds, an array in column order, to row; and its
 * key, an array of the key columns, to key (either may be NULL; without a key
 * nothing is appended to key).  On failure nothing is appended to either.
 *
 * Of a KEY tuple the columns outside the identity are unavailable: absent is not
 * null.  An unchanged TOAST value is taken from old (may be NULL or of kind NONE)
 * where old has it, else it is unavailable.
 *
 *   change   before                      after
 *   insert   –                           encode(new, NULL)
 *   update   old is there: encode(old)   encode(new, old)
 *   delete   encode(old, NULL)           –
 *
 * An update whose old tuple is there changed its key when the two keys' bytes
 * differ; without an old tuple it did not change.
 *
 * ERROR_MALFORMED: another number of fields than the relation has columns, or a
 * value that is none of its type, naming the column; ERROR_UNSUPPORTED: a key
 * column that the tuple does not tell; ERROR_LIMIT, ERROR_MEMORY. */
int postgresql_table_encode(struct postgresql_table *table, const struct pgoutput_tuple *tuple,
			    const struct pgoutput_tuple *old, msgpack_sbuffer *row,
			    msgpack_sbuffer *key, struct error *err);

/* The same for one line of COPY whose fields are the captured columns in order.
 * Changes the line. */
int postgresql_table_encode_copy(struct postgresql_table *table, void *line, size_t size,
				 msgpack_sbuffer *row, msgpack_sbuffer *key, struct error *err);

#endif
