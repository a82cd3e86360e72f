#ifndef CLIENT_COMMAND_COLUMNS_H
#define CLIENT_COMMAND_COLUMNS_H

#include "protocol/text.h"

/* A table for people: cells are gathered row by row and written with each
 * column as wide as its widest cell.  Numbers stand to the right. */
#define COMMAND_COLUMNS_MAX 12

struct command_columns {
	struct text cells;              /* each ends in '\0' */
	size_t column_count;
	size_t widths[COMMAND_COLUMNS_MAX];
	const char *layout;             /* a letter a column: l left, r right */
	size_t next;                    /* the column of the cell that comes next */
	size_t cell_begin;
};

/* titles: one a column, separated by '|'. */
void command_columns_begin(struct command_columns *columns, const char *layout, const char *titles);

/* A cell is what is added to columns->cells, then ended.  What is empty is
 * shown as "-". */
void command_columns_end_cell(struct command_columns *columns);

/* Append the table to out, each line behind indent. */
void command_columns_write(const struct command_columns *columns, const char *indent, struct text *out);
void command_columns_clear(struct command_columns *columns);

#endif
