#ifndef STORAGE_LOG_COLUMNS_H
#define STORAGE_LOG_COLUMNS_H

#include "protocol/text.h"

/* A table for people: cells are gathered row by row and written with each
 * column as wide as its widest cell.  Numbers stand to the right. */
#define LOG_COLUMNS_MAX 12

struct log_columns {
	struct text cells;              /* each ends in '\0' */
	size_t column_count;
	size_t widths[LOG_COLUMNS_MAX];
	const char *layout;             /* a letter a column: l left, r right */
	size_t next;                    /* the column of the cell that comes next */
	size_t cell_begin;
};

/* titles: one a column, separated by '|'. */
void log_columns_begin(struct log_columns *columns, const char *layout, const char *titles);

/* A cell is what is added to columns->cells, then ended.  What is empty is
 * shown as "-". */
void log_columns_end_cell(struct log_columns *columns);

/* Append the table to out, each line behind indent. */
void log_columns_write(const struct log_columns *columns, const char *indent, struct text *out);
void log_columns_clear(struct log_columns *columns);

#endif
