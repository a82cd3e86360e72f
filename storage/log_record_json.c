#include "storage/log_record.h"

#include "storage/log_json.h"

static void add_place(struct json *json, const struct log_record_batch *batch)
{
	log_json_text(json, "topic", batch->topic);
	log_json_u64(json, "partition", batch->partition);
}

void log_record_batch_json(struct text *text, const struct log_record_batch *batch)
{
	const struct batch_header *header = &batch->header;
	struct json json = log_json_begin(text, "batch");
	add_place(&json, batch);
	log_json_u64(&json, "first_offset", header->base_offset);
	log_json_u64(&json, "last_offset", header->base_offset + header->last_offset_delta);
	log_json_u64(&json, "records", header->record_count);
	log_json_u64(&json, "bytes", batch->bytes);
	log_json_i64(&json, "append_time_us", header->append_time_us);
	log_json_u64(&json, "source_id", header->source_id);
	log_json_string(&json, "source", batch->source);
	log_json_u64(&json, "transaction_ordinal", header->transaction_ordinal);
	log_json_u64(&json, "codec", header->flags & BATCH_FLAG_CODEC_MASK);
	log_json_bool(&json, "continues", (header->flags & BATCH_FLAG_CONTINUES) != 0);
	log_json_end(&json);
}

/* An object where the values have names, else an array. */
static void add_cells(struct json *json, struct log_change_cells cells)
{
	struct log_change_cell cell;
	bool has_names = cells.schema != NULL;
	(has_names ? json_begin_object : json_begin_array)(json);
	while (log_change_next(&cells, &cell)) {
		const struct schema_column *column = cell.column;
		if (has_names)
			json_name_text(json, column->name);
		value_json_add(json, &cell.value, has_names ? column->type : 0,
			       has_names ? column->element_type : 0, NULL);
	}
	(has_names ? json_end_object : json_end_array)(json);
}

static void add_row(struct json *json, const char *name, struct bytes row,
		    const struct schema *schema)
{
	json_name(json, name);
	if (row.data == NULL)
		json_null(json);
	else
		add_cells(json, log_change_row(row, schema));
}

static void add_table(struct json *json, const struct schema *schema)
{
	log_json_text(json, "database", schema->database);
	log_json_text(json, "schema", schema->schema);
	log_json_text(json, "table", schema->table);
}

static void add_change(struct json *json, const struct log_change *shown)
{
	const struct change *change = &shown->change;
	json_begin_object(json);
	log_json_string(json, "op", log_change_op(change->op));
	log_json_u64(json, "schema_id", change->schema_id);
	if (shown->schema != NULL)
		add_table(json, shown->schema);
	add_row(json, "before", change->before, shown->schema);
	add_row(json, "after", change->after, shown->schema);
	log_json_i64(json, "source_time_us", change->source_time_us);
	json_name(json, "position");
	value_json_add_bytes(json, change->position);
	log_json_u64(json, "index", change->index);
	json_end_object(json);
}

static void add_content(struct json *json, const char *name, const struct content *content,
			struct log_change_cells cells)
{
	json_name(json, name);
	if (content->kind == CONTENT_NIL)
		json_null(json);
	else if (content->kind == CONTENT_BYTES)
		value_json_add_text(json, content->bytes);
	else
		add_cells(json, cells);
}

static void add_headers(struct json *json, const struct record *record)
{
	struct unpack headers = record_headers(record);
	struct bytes name, value;
	json_name(json, "headers");
	json_begin_array(json);
	while (record_header_next(&headers, &name, &value, NULL) == 1) {
		json_begin_object(json);
		log_json_text(json, "name", name);
		log_json_text(json, "value", value);
		json_end_object(json);
	}
	json_end_array(json);
}

void log_record_json(struct text *text, const struct log_record_batch *batch,
		     const struct record *record, const struct log_change *change)
{
	struct json json = log_json_begin(text, "record");
	add_place(&json, batch);
	log_json_u64(&json, "offset", record->offset);
	log_json_i64(&json, "time_us", record->time_us);
	log_json_u64(&json, "transaction_ordinal", record->transaction_ordinal);
	add_content(&json, "key", &record->key, log_change_key(record->key.bytes, change->schema));
	if (change->is_change) {
		json_name(&json, "change");
		add_change(&json, change);
	} else {
		add_content(&json, "value", &record->value,
			    log_change_row(record->value.bytes, NULL));
	}
	add_headers(&json, record);
	if (change->problem.code != ERROR_NONE)
		log_json_string(&json, "problem", change->problem.text);
	log_json_end(&json);
}
