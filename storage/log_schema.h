#ifndef STORAGE_LOG_SCHEMA_H
#define STORAGE_LOG_SCHEMA_H

#include "protocol/schema.h"
#include "protocol/text.h"
#include "storage/log_tables.h"

/* The schema versions that millstream-log needs to show changes: read when
 * first met, the last few kept. */
#define LOG_SCHEMAS_KEPT 64

struct log_schemas {
	struct log_tables *tables;
	struct log_schema {
		uint32_t id;            /* 0: none is kept here */
		struct schema schema;   /* its texts lie in encoded */
		msgpack_sbuffer encoded;
	} kept[LOG_SCHEMAS_KEPT];
};

void log_schemas_init(struct log_schemas *schemas, struct log_tables *tables);
void log_schemas_clear(struct log_schemas *schemas);

/* Lends, until another is asked for.  ERROR_NOT_FOUND, ERROR_CORRUPT,
 * ERROR_MEMORY, and whatever schema_decode has to say. */
int log_schemas_find(struct log_schemas *schemas, uint32_t id, const struct schema **out,
		     struct error *err);

/* database.schema.table, what is empty left out. */
void log_schema_table_name(const struct schema *schema, struct text *text);

#endif
