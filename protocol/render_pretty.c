#include "protocol/render_plan.h"

#include "protocol/render_text.h"
#include "protocol/render_time.h"
#include "protocol/time_text.h"
#include "protocol/utf8.h"
#include "protocol/value_text.h"

#include <inttypes.h>

/*	2026-11-23T12:01:02.123Z  shop.orders/0 @42  update  id=7  status: "NEW" → "PAID"
 *
 * On a terminal that is too narrow for it, the columns of an update have a line each, and those of other
 * changes as many lines as they need:
 *
 *	2026-11-23T12:01:02.123Z  shop.orders/0 @42  update  id=7
 *	    status  "NEW" → "PAID"
 *	    note    null → "…" */

enum {
	SHOWN_BYTES_MAX = 120,  /* of one value */
	LOCATION_WIDTH_MAX = 60,
};

#define ARROW " \xe2\x86\x92 "

struct op_look { char op; const char *word; const char *colour; };

static const struct op_look looks[] = {
	{ CHANGE_CREATE, "insert   ", "\033[32m" },   { CHANGE_UPDATE, "update   ", "\033[33m" },
	{ CHANGE_DELETE, "delete   ", "\033[31m" },   { CHANGE_READ, "read     ", "\033[36m" },
	{ CHANGE_TRUNCATE, "truncate ", "\033[35m" }, { CHANGE_MESSAGE, "message  ", "\033[34m" },
	{ 0, "tombstone", "\033[2m" },
};

static void add_coloured(const struct render *render, struct text *text, const char *colour,
			 const char *word)
{
	if (render->options.has_colours)
		text_add_string(text, colour);
	text_add_string(text, word);
	if (render->options.has_colours)
		text_add_string(text, "\033[0m");
}

static void add_spaces(struct text *text, size_t count)
{
	for (; count > 0; count--)
		text_add_byte(text, ' ');
}

/* ---- Published messages ---- */

static bool is_printable(struct bytes bytes)
{
	for (size_t i = 0, step; i < bytes.size; i += step) {
		int32_t point = utf8_decode(bytes.data + i, bytes.size - i, &step);
		if (point < 0 || !utf8_is_printable(point))
			return false;
	}
	return true;
}

static char escape_of(uint8_t byte)
{
	return byte == '\t' ? 't' : byte == '\n' ? 'n' : byte == '\r' ? 'r' : '\0';
}

/* Printable but for what ends lines and cells. */
static bool is_text(struct bytes bytes)
{
	size_t begin = 0;
	for (size_t i = 0; i <= bytes.size; i++) {
		if (i < bytes.size && escape_of(bytes.data[i]) == '\0')
			continue;
		if (!is_printable((struct bytes){ bytes.data + begin, i - begin }))
			return false;
		begin = i + 1;
	}
	return true;
}

static void add_text(struct text *text, struct bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++) {
		char escape = escape_of(bytes.data[i]);
		if (escape != '\0')
			text_add_byte(text, '\\');
		text_add_byte(text, escape != '\0' ? escape : (char)bytes.data[i]);
	}
}

static void add_bytes(struct text *text, struct bytes bytes)
{
	if (is_text(bytes)) {
		add_text(text, bytes);
	} else {
		RENDER_TEXT_ADD(text, "0x");
		text_add_hex(text, bytes);
	}
}

static int add_headers(struct render *render, struct text *text, struct error *err)
{
	struct record record = { .headers = render->record.headers };
	struct unpack headers = record_headers(&record);
	struct bytes name, value;
	int rc;
	while ((rc = record_header_next(&headers, &name, &value, err)) > 0) {
		RENDER_TEXT_ADD(text, "  [");
		add_bytes(text, name);
		text_add_byte(text, '=');
		if (!render_header(render, text, name, value))
			add_bytes(text, value);
		text_add_byte(text, ']');
	}
	return rc;
}

static int add_content(struct text *text, const struct content *content, struct error *err)
{
	struct unpack unpack = unpack_over(content->bytes.data, content->bytes.size);
	if (content->kind == CONTENT_ARRAY)
		return value_text_add(text, &unpack, 0, 0, SHOWN_BYTES_MAX, err);
	add_bytes(text, content->bytes);
	return 0;
}

static int add_published(struct render *render, struct text *text, struct error *err)
{
	const struct render_record *record = &render->record;
	time_text_timestamp(text, record->time_us);
	text_add_format(text, "Z  %s/%" PRIu32 " @%" PRIu64 "  ", record->topic, record->partition,
			record->offset);
	if (record->key.kind != CONTENT_NIL) {
		if (add_content(text, &record->key, err) != 0)
			return -1;
		RENDER_TEXT_ADD(text, " = ");
	}
	if (record->value.kind == CONTENT_NIL)
		add_coloured(render, text, "\033[2m", "(tombstone)");
	else if (add_content(text, &record->value, err) != 0)
		return -1;
	return add_headers(render, text, err);
}

/* ---- Changes ---- */

static void add_name(struct text *text, struct bytes name)
{
	if (value_text_is_plain(name))
		text_add(text, name.data, name.size);
	else
		value_text_add_quoted(text, name, 0);
}

int render_pretty_key(struct render *render, struct text *text, struct error *err)
{
	const struct render_plan *plan = render->plan;
	struct unpack unpack = unpack_over(render->record.key.bytes.data, render->record.key.bytes.size);
	uint32_t count;
	if (plan == NULL)
		return add_content(text, &render->record.key, err);
	if (unpack_array(&unpack, &count, err) != 0)
		return -1;
	if (count != plan->key_count)
		return error_set(err, ERROR_MALFORMED, "key has %u values, its schema says %u", count,
				 plan->key_count);
	for (uint32_t i = 0; i < count; i++) {
		const struct schema_column *column = &plan->schema.columns[plan->key_columns[i]];
		if (i > 0)
			text_add_byte(text, ' ');
		add_name(text, column->name);
		text_add_byte(text, '=');
		if (value_text_add(text, &unpack, column->type, column->element_type, SHOWN_BYTES_MAX,
				   err) != 0)
			return -1;
	}
	return 0;
}

/* One column's values before and after; nil: that row is not there. */
struct cell {
	const struct schema_column *column;
	struct bytes before;
	struct bytes after;
};

struct cells {
	const struct render_plan *plan;
	struct unpack before;
	struct unpack after;
	bool has_before;
	bool has_after;
	uint32_t at;
	bool has_key;           /* the key is shown on its own */
	bool is_update;
};

static int begin_row(struct bytes row, uint32_t column_count, struct unpack *out, bool *out_has,
		     struct error *err)
{
	uint32_t count;
	*out_has = row.data != NULL;
	*out = unpack_over(row.data, row.size);
	if (!*out_has)
		return 0;
	if (unpack_array(out, &count, err) != 0)
		return -1;
	return count == column_count ? 0
		: error_set(err, ERROR_MALFORMED, "row has %u values, its schema %u columns", count, column_count);
}

static int begin_cells(const struct render *render, struct cells *out, struct error *err)
{
	uint32_t count = render->plan->schema.column_count;
	*out = (struct cells){ .plan = render->plan, .has_key = render->record.key.kind == CONTENT_ARRAY };
	out->is_update = render->change.op == CHANGE_UPDATE;
	return begin_row(render->change.before, count, &out->before, &out->has_before, err) != 0 ||
	       begin_row(render->change.after, count, &out->after, &out->has_after, err) != 0 ? -1 : 0;
}

static bool is_unavailable(struct bytes value)
{
	struct unpack unpack = unpack_over(value.data, value.size);
	struct value decoded;
	return value_decode(&unpack, &decoded, NULL) == 0 && decoded.kind == VALUE_UNAVAILABLE;
}

static bool is_same(struct bytes one, struct bytes other)
{
	return one.size == other.size && memcmp(one.data, other.data, one.size) == 0;
}

/* What is worth a look: no key column that is shown already, nothing that is not known, and of
 * an update whose old row is there, what it changed. */
static bool is_shown(const struct cells *cells, struct cell *cell)
{
	if (cell->before.data != NULL && is_unavailable(cell->before))
		cell->before = (struct bytes){ 0 };
	if (cell->after.data != NULL && is_unavailable(cell->after))
		return false;
	if (cell->before.data == NULL && cell->after.data == NULL)
		return false;
	if (cells->is_update && cell->before.data != NULL)
		return !is_same(cell->before, cell->after);
	return !(cells->has_key && cell->column->key_position != 0);
}

/* 1: the next cell that is shown; 0: no more; -1. */
static int next_cell(struct cells *cells, struct cell *out, struct error *err)
{
	while (cells->at < cells->plan->schema.column_count) {
		*out = (struct cell){ .column = &cells->plan->schema.columns[cells->at++] };
		if ((cells->has_before && unpack_skip(&cells->before, &out->before, err) != 0) ||
		    (cells->has_after && unpack_skip(&cells->after, &out->after, err) != 0))
			return -1;
		if (is_shown(cells, out))
			return 1;
	}
	return 0;
}

static int add_value(struct text *text, const struct cell *cell, struct bytes value, struct error *err)
{
	struct unpack unpack = unpack_over(value.data, value.size);
	return value_text_add(text, &unpack, cell->column->type, cell->column->element_type,
			      SHOWN_BYTES_MAX, err);
}

static int add_cell(const struct render *render, struct text *text, const struct cell *cell,
		    struct error *err)
{
	bool has_both = cell->before.data != NULL && cell->after.data != NULL;
	if (cell->before.data != NULL) {
		if (has_both && render->options.has_colours)
			RENDER_TEXT_ADD(text, "\033[2m");
		if (add_value(text, cell, cell->before, err) != 0)
			return -1;
		if (has_both && render->options.has_colours)
			RENDER_TEXT_ADD(text, "\033[0m");
	}
	if (has_both)
		RENDER_TEXT_ADD(text, ARROW);
	if (cell->after.data != NULL)
		return add_value(text, cell, cell->after, err);
	return 0;
}

/* Colours take bytes and no room. */
static size_t shown_width(struct bytes line)
{
	size_t width = 0;
	for (size_t i = 0; i < line.size; i++) {
		if (line.data[i] == '\033')
			while (i < line.size && line.data[i] != 'm')
				i++;
		else
			width += (line.data[i] & 0xc0) != 0x80;
	}
	return width;
}

static int add_named_cell(const struct render *render, struct text *text, const struct cell *cell,
			  struct error *err)
{
	RENDER_TEXT_ADD(text, "  ");
	add_name(text, cell->column->name);
	text_add_string(text, cell->before.data != NULL && cell->after.data != NULL ? ": " : "=");
	return add_cell(render, text, cell, err);
}

static int add_in_line(const struct render *render, struct text *text, struct error *err)
{
	struct cells cells;
	struct cell cell;
	int rc;
	if (begin_cells(render, &cells, err) != 0)
		return -1;
	while ((rc = next_cell(&cells, &cell, err)) > 0)
		if (add_named_cell(render, text, &cell, err) != 0)
			return -1;
	return rc;
}

/* As many on a line as there is room for. */
static int add_folded(struct render *render, struct text *text, size_t width, struct error *err)
{
	struct cells cells;
	struct cell cell;
	int rc;
	if (begin_cells(render, &cells, err) != 0)
		return -1;
	while ((rc = next_cell(&cells, &cell, err)) > 0) {
		text_empty(&render->scratch);
		if (add_named_cell(render, &render->scratch, &cell, err) != 0 ||
		    text_check(&render->scratch, err) != 0)
			return -1;
		struct bytes piece = text_bytes(&render->scratch);
		size_t more = shown_width(piece);
		if (width + more > render->options.width) {
			RENDER_TEXT_ADD(text, "\n  ");
			width = 2;
		}
		text_add(text, piece.data, piece.size);
		width += more;
	}
	return rc;
}

static size_t count_characters(struct bytes bytes)
{
	size_t count = 0;
	for (size_t i = 0; i < bytes.size; i++)
		count += (bytes.data[i] & 0xc0) != 0x80;
	return count;
}

static int add_in_lines(const struct render *render, struct text *text, struct error *err)
{
	struct cells cells;
	struct cell cell;
	size_t widest = 0;
	int rc;

	for (uint32_t i = 0; i < render->plan->schema.column_count; i++) {
		size_t width = count_characters(render->plan->schema.columns[i].name);
		if (width > widest && width <= 32)
			widest = width;
	}
	if (begin_cells(render, &cells, err) != 0)
		return -1;
	while ((rc = next_cell(&cells, &cell, err)) > 0) {
		RENDER_TEXT_ADD(text, "\n    ");
		add_name(text, cell.column->name);
		size_t width = count_characters(cell.column->name);
		add_spaces(text, 2 + (width < widest ? widest - width : 0));
		if (add_cell(render, text, &cell, err) != 0)
			return -1;
	}
	return rc;
}

/* op 0: a tombstone. */
static void add_head(struct render *render, struct text *text, int64_t time_us, char op)
{
	const struct render_record *record = &render->record;
	size_t size_before;
	render_time_timestamp(text, time_us, 3);
	RENDER_TEXT_ADD(text, "Z  ");
	size_before = text->buffer.size;
	text_add_format(text, "%s/%" PRIu32 " @%" PRIu64, record->topic, record->partition, record->offset);
	size_t width = text->buffer.size - size_before;
	if (width > render->location_width && width <= LOCATION_WIDTH_MAX)
		render->location_width = width;
	add_spaces(text, 2 + (width < render->location_width ? render->location_width - width : 0));
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (looks[i].op == op)
			add_coloured(render, text, looks[i].colour, looks[i].word);
}

static int add_message(const struct render *render, struct text *text, struct error *err)
{
	struct bytes prefix, content;
	if (render_message_parts(&render->change, &prefix, &content, err) != 0)
		return -1;
	RENDER_TEXT_ADD(text, "  ");
	value_text_add_quoted(text, prefix, SHOWN_BYTES_MAX);
	RENDER_TEXT_ADD(text, "  ");
	if (is_printable(content))
		value_text_add_quoted(text, content, SHOWN_BYTES_MAX);
	else
		value_text_add_bytes(text, content, SHOWN_BYTES_MAX);
	return 0;
}

static int add_change(struct render *render, struct text *text, struct error *err)
{
	size_t line = text->buffer.size;
	add_head(render, text, render->change.source_time_us, (char)render->change.op);
	if (render->plan == NULL)
		return add_message(render, text, err);
	if (render->record.key.kind == CONTENT_ARRAY && render->change.op != CHANGE_TRUNCATE) {
		RENDER_TEXT_ADD(text, "  ");
		if (render_pretty_key(render, text, err) != 0)
			return -1;
	}
	size_t head = text->buffer.size;
	if (add_in_line(render, text, err) != 0)
		return -1;
	if (text->has_failed)
		return 0;
	if (render->change.op == CHANGE_UPDATE && text->buffer.size == head) {
		RENDER_TEXT_ADD(text, "  (no column changed)");
		return 0;
	}
	struct bytes all = text_bytes(text);
	if (render->options.width == 0 ||
	    shown_width((struct bytes){ all.data + line, all.size - line }) <= render->options.width)
		return 0;
	text->buffer.size = head;
	if (render->change.op == CHANGE_UPDATE && render->change.before.data != NULL)
		return add_in_lines(render, text, err);
	return add_folded(render, text, shown_width((struct bytes){ all.data + line, head - line }), err);
}

static int add_tombstone(struct render *render, struct text *text, struct error *err)
{
	add_head(render, text, render->record.time_us, 0);
	RENDER_TEXT_ADD(text, "  ");
	return render_pretty_key(render, text, err);
}

static int add_captured(struct render *render, struct text *text, struct error *err)
{
	if ((render->is_change ? add_change(render, text, err) : add_tombstone(render, text, err)) != 0)
		return -1;
	return add_headers(render, text, err);
}

int render_pretty_value(struct render *render, struct text *text, struct error *err)
{
	bool is_tombstone = render->record.value.kind == CONTENT_NIL && render->record.key.kind == CONTENT_ARRAY;
	return render->is_change || is_tombstone ? add_captured(render, text, err)
						 : add_published(render, text, err);
}
