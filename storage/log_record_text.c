#include "storage/log_record.h"

#include "protocol/value_text.h"
#include "storage/log_text.h"

#include <inttypes.h>

void log_record_batch_text(struct text *text, const struct log_record_batch *batch)
{
	const struct batch_header *header = &batch->header;
	text_add_string(text, "\nbatch  ");
	log_text_offsets(text, header->base_offset,
			 header->base_offset + header->last_offset_delta + 1);
	text_add_format(text, ", %" PRIu32 " record%s, ", header->record_count,
			header->record_count == 1 ? "" : "s");
	log_text_size(text, batch->bytes);
	text_add_string(text, ", appended ");
	log_text_time(text, header->append_time_us);
	if (header->source_id == 0) {
		text_add_string(text, ", published");
	} else {
		text_add_string(text, ", source ");
		text_add_string(text, batch->source != NULL ? batch->source : "no longer known");
		text_add_format(text, " (%u), transaction %" PRIu64, header->source_id,
				header->transaction_ordinal);
	}
	if (header->flags & BATCH_FLAG_CONTINUES)
		text_add_string(text, ", goes on in a later commit");
	text_add_byte(text, '\n');
}

static void add_title(struct text *text, const char *title)
{
	text_add_format(text, "    %-9s", title);
}

static void add_cells(struct text *text, struct log_change_cells cells)
{
	struct log_change_cell cell;
	const char *space = "";
	while (log_change_next(&cells, &cell)) {
		const struct schema_column *column = cell.column;
		text_add_string(text, space);
		if (column != NULL) {
			log_text_name(text, column->name);
			text_add_byte(text, '=');
		}
		value_text_add(text, &cell.value, column != NULL ? column->type : 0,
			       column != NULL ? column->element_type : 0, LOG_TEXT_SHOWN_BYTES, NULL);
		space = "  ";
	}
	if (*space == '\0')
		text_add_string(text, "(no values)");
}

static void add_bytes(struct text *text, struct bytes bytes)
{
	if (value_text_is_plain(bytes) || bytes.size == 0)
		value_text_add_quoted(text, bytes, LOG_TEXT_SHOWN_BYTES);
	else
		value_text_add_bytes(text, bytes, LOG_TEXT_SHOWN_BYTES);
}

static void add_row(struct text *text, const char *title, struct bytes row,
		    const struct schema *schema)
{
	if (row.data == NULL)
		return;
	add_title(text, title);
	add_cells(text, log_change_row(row, schema));
	text_add_byte(text, '\n');
}

static void add_change(struct text *text, const struct log_change *shown)
{
	const struct change *change = &shown->change;
	add_title(text, log_change_op(change->op));
	if (shown->schema != NULL) {
		log_schema_table_name(shown->schema, text);
		text_add_string(text, ", ");
	}
	if (change->schema_id != 0)
		text_add_format(text, "schema %" PRIu32 ", ", change->schema_id);
	text_add_string(text, "at the source ");
	log_text_time(text, change->source_time_us);
	if (change->position.data != NULL) {
		text_add_string(text, ", position ");
		log_text_opaque(text, change->position);
	}
	text_add_format(text, ", index %" PRIu64 "\n", change->index);
	add_row(text, "before", change->before, shown->schema);
	add_row(text, "after", change->after, shown->schema);
}

static void add_value(struct text *text, const struct content *value)
{
	add_title(text, "value");
	if (value->kind == CONTENT_NIL)
		text_add_string(text, "null (tombstone)");
	else if (value->kind == CONTENT_BYTES)
		add_bytes(text, value->bytes);
	else
		add_cells(text, log_change_row(value->bytes, NULL));
	text_add_byte(text, '\n');
}

static void add_headers(struct text *text, const struct record *record)
{
	struct unpack headers = record_headers(record);
	struct bytes name, value;
	while (record_header_next(&headers, &name, &value, NULL) == 1) {
		add_title(text, "header");
		log_text_name(text, name);
		text_add_byte(text, '=');
		if (value.data == NULL)
			text_add_string(text, "null");
		else
			add_bytes(text, value);
		text_add_byte(text, '\n');
	}
}

void log_record_text(struct text *text, const struct record *record,
		     const struct log_change *change)
{
	text_add_format(text, "  %" PRIu64 "  ", record->offset);
	log_text_time(text, record->time_us);
	if (record->transaction_ordinal != 0)
		text_add_format(text, "  transaction %" PRIu64, record->transaction_ordinal);
	text_add_byte(text, '\n');
	if (record->key.kind != CONTENT_NIL) {
		add_title(text, "key");
		if (record->key.kind == CONTENT_BYTES)
			add_bytes(text, record->key.bytes);
		else
			add_cells(text, log_change_key(record->key.bytes, change->schema));
		text_add_byte(text, '\n');
	}
	if (change->is_change)
		add_change(text, change);
	else
		add_value(text, &record->value);
	if (change->problem.code != ERROR_NONE) {
		add_title(text, "PROBLEM");
		log_text_message(text, change->problem.text);
		text_add_byte(text, '\n');
	}
	add_headers(text, record);
}
