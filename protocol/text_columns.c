#include "protocol/text_columns.h"

static size_t width_of(const char *cell)
{
	size_t width = 0;
	for (; *cell != '\0'; cell++)
		width += (*cell & 0xc0) != 0x80;        /* UTF-8's followers take no room */
	return width;
}

void text_columns_begin(struct text_columns *columns, const char *layout, const char *titles)
{
	*columns = (struct text_columns){ .column_count = strlen(layout), .layout = layout };
	text_init(&columns->cells);
	for (size_t i = 0; i < columns->column_count; i++) {
		size_t size = strcspn(titles, "|");
		text_add(&columns->cells, titles, size);
		text_columns_end_cell(columns);
		titles += size + (titles[size] == '|');
	}
}

void text_columns_end_cell(struct text_columns *columns)
{
	if (columns->cells.buffer.size == columns->cell_begin)
		text_add_byte(&columns->cells, '-');
	text_add_byte(&columns->cells, '\0');
	if (columns->cells.has_failed)
		return;
	size_t width = width_of(columns->cells.buffer.data + columns->cell_begin);
	if (width > columns->widths[columns->next])
		columns->widths[columns->next] = width;
	columns->next = (columns->next + 1) % columns->column_count;
	columns->cell_begin = columns->cells.buffer.size;
}

static void pad(struct text *out, size_t count)
{
	text_add_format(out, "%*s", (int)count, "");
}

void text_columns_write(const struct text_columns *columns, const char *indent, struct text *out)
{
	const char *cell = columns->cells.buffer.data;
	const char *end = cell + columns->cells.buffer.size;
	if (columns->cells.has_failed)
		out->has_failed = true;
	for (size_t i = 0; cell < end && !columns->cells.has_failed; cell += strlen(cell) + 1) {
		size_t room = columns->widths[i] - width_of(cell);
		bool is_last = i == columns->column_count - 1;
		text_add_string(out, i == 0 ? indent : "  ");
		if (columns->layout[i] == 'r')
			pad(out, room);
		text_add_string(out, cell);
		if (columns->layout[i] == 'l' && !is_last)
			pad(out, room);
		if (is_last)
			text_add_byte(out, '\n');
		i = (i + 1) % columns->column_count;
	}
}

void text_columns_clear(struct text_columns *columns)
{
	text_clear(&columns->cells);
}
