#ifndef STORAGE_LOG_NAMES_H
#define STORAGE_LOG_NAMES_H

#include "storage/log_tables.h"

/* The names of topics or of sources by their ids, for millstream-log. */
struct log_names {
	struct log_name *names;         /* owned, by id */
	size_t count;
	size_t capacity;
};

struct log_name {
	uint32_t id;
	char text[256];
};

/* Read those whose records are whole: of TABLE_TOPICS or TABLE_SOURCES.
 * ERROR_MEMORY; what is damaged is for whoever shows the table to tell. */
int log_names_load(struct log_names *out, struct log_tables *tables, enum table table,
		   struct error *err);
/* Fine on one that is zeroed. */
void log_names_clear(struct log_names *names);

/* NULL: there is none.  Lends. */
const char *log_names_find(const struct log_names *names, uint32_t id);

#endif
