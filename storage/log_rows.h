#ifndef STORAGE_LOG_ROWS_H
#define STORAGE_LOG_ROWS_H

#include "protocol/text_columns.h"
#include "storage/log_names.h"

/* Entries of the small tables as millstream-log shows them: for people a row of
 * columns, for programs a line of text. */
struct log_rows {
	bool as_json;
	struct log_names topics;
	struct log_names sources;
	struct text text;               /* lines */
	struct text_columns columns;    /* rows */
};

/* Shows one entry.  -1: it is damaged, and nothing was shown; or ERROR_MEMORY. */
typedef int log_row(struct log_rows *rows, const struct log_entry *entry, struct error *err);

/* The columns of those that have rows, for text_columns_begin. */
#define LOG_ROW_TOPIC_LAYOUT     "lrrlll"
#define LOG_ROW_TOPIC_TITLES     "TOPIC|ID|PARTITIONS|OWNER|CREATED|CONFIGURATION"
#define LOG_ROW_PARTITION_LAYOUT "lrrrrrrl"
#define LOG_ROW_PARTITION_TITLES "TOPIC|PARTITION|START|VISIBLE END|LOG END|BATCHES|SIZE|LAST APPEND"
#define LOG_ROW_SOURCE_LAYOUT    "lrrrlll"
#define LOG_ROW_SOURCE_TITLES    "SOURCE|ID|TRANSACTIONS|STATE|POSITION|SNAPSHOT|REASON"
#define LOG_ROW_GROUP_LAYOUT     "llrrll"
#define LOG_ROW_GROUP_TITLES     "GROUP|TOPIC|PARTITION|COMMITTED|AT|METADATA"

log_row log_row_topic;
log_row log_row_partition;
log_row log_row_source;
log_row log_row_group;
log_row log_row_schema;                 /* for people: lines and a table of its own */

#endif
