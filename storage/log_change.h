#ifndef STORAGE_LOG_CHANGE_H
#define STORAGE_LOG_CHANGE_H

#include "protocol/change.h"
#include "protocol/record.h"
#include "storage/log_schema.h"

/* A record's value as a change, with the schema it was written with. */
struct log_change {
	bool is_change;                 /* else the value is something else */
	struct change change;
	const struct schema *schema;    /* NULL: it has none, or there is a problem */
	struct error problem;           /* why it cannot be shown as what it is */
};

/* Lends from the record and from schemas.  ERROR_MEMORY alone. */
int log_change_read(struct log_schemas *schemas, const struct record *record,
		    struct log_change *out, struct error *err);

/* "create". */
const char *log_change_op(enum change_op op);

/* Walks a row's values, or a key's. */
struct log_change_cells {
	struct unpack unpack;
	uint32_t left_count;
	const struct schema *schema;    /* NULL: the values have no names */
	bool is_key;
	uint32_t next;                  /* the column of the next value; of a key, its position */
};

struct log_change_cell {
	const struct schema_column *column;     /* NULL: it has no name */
	struct unpack value;                    /* stands at it */
};

/* row is an encoded array.  Its values have names where it has as many as the
 * schema (may be NULL) has columns; a key, as many as it has key columns. */
struct log_change_cells log_change_row(struct bytes row, const struct schema *schema);
struct log_change_cells log_change_key(struct bytes key, const struct schema *schema);
bool log_change_next(struct log_change_cells *cells, struct log_change_cell *out);

#endif
