#ifndef PROTOCOL_TEXT_COLUMNS_H
#define PROTOCOL_TEXT_COLUMNS_H

#include "protocol/text.h"

/* A table for people: cells are gathered row by row and written with each
 * column as wide as its widest cell.  Numbers stand to the right. */
#define TEXT_COLUMNS_MAX 12

struct text_columns {
	struct text cells;              /* each ends in '\0' */
	size_t column_count;
	size_t widths[TEXT_COLUMNS_MAX];
	const char *layout;             /* a letter a column: l left, r right */
	size_t next;                    /* the column of the cell that comes next */
	size_t cell_begin;
};

/* titles: one a column, separated by '|'. */
void text_columns_begin(struct text_columns *columns, const char *layout, const char *titles);

/* A cell is what is added to columns->cells, then ended.  What is empty is
 * shown as "-". */
void text_columns_end_cell(struct text_columns *columns);

/* Append the table to out, each line behind indent. */
void text_columns_write(const struct text_columns *columns, const char *indent, struct text *out);
void text_columns_clear(struct text_columns *columns);

#endif
