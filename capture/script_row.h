#ifndef CAPTURE_SCRIPT_ROW_H
#define CAPTURE_SCRIPT_ROW_H

#include "capture/script.h"

#include <msgpack/sbuffer.h>

/* The values of a row, as they stand in a script, as a row of its table: row i of
 * transaction n, for $i and $n. */

/* Append the values, and the key where there is one, as encoded arrays.  ERROR_MALFORMED
 * names the column; ERROR_LIMIT, ERROR_MEMORY. */
int script_row_encode(const struct script_table *table, struct bytes values, uint64_t n, uint64_t i,
		      msgpack_sbuffer *row, msgpack_sbuffer *key, struct error *err);

/* Can it be encoded?  Whatever its numbers are, it can then later, but for ranges. */
int script_row_check(const struct script_table *table, struct bytes values, struct error *err);

#endif
