#ifndef STORAGE_LOG_OVERVIEW_H
#define STORAGE_LOG_OVERVIEW_H

#include "storage/store.h"

#include <stdbool.h>

/* millstream-log dump DIR: what a store holds, except the records. */

/* Write it to stdout.  Entries that are damaged are listed at the end, and
 * counted.  -1: it could not be made. */
int log_overview_write(struct store *store, bool as_json, uint64_t *out_damaged_count,
		       struct error *err);

#endif
