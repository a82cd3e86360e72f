#ifndef STORAGE_LOG_TABLES_H
#define STORAGE_LOG_TABLES_H

#include "storage/snapshot.h"

/* The small tables as they are stored, entry by entry, for millstream-log:
 * other readers stop at the first entry that is damaged, a tool goes on behind
 * it.  One thread. */
struct log_tables {
	struct snapshot snapshot;
	msgpack_sbuffer key;            /* of the entry that was found last */
	msgpack_sbuffer value;
};

int log_tables_open(struct log_tables *out, struct store *store, struct error *err);
/* Fine on one that is zeroed. */
void log_tables_close(struct log_tables *tables);

/* An entry, copied out of the map: lent until the next call. */
struct log_entry {
	struct bytes key;
	struct bytes value;
};

/* The first entry behind the one in entry (zeroed: the first of all): 1, 0, -1.
 * After ERROR_CORRUPT, a damaged page, the rest of the table cannot be reached. */
int log_tables_next(struct log_tables *tables, enum table table, struct log_entry *entry,
		    struct error *err);

/* The entry with this key: 1, 0, -1. */
int log_tables_get(struct log_tables *tables, enum table table, struct bytes key,
		   struct bytes *out_value, struct error *err);

#endif
