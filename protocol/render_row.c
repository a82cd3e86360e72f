#include "protocol/render_plan.h"

#include "protocol/render_text.h"

int render_row_begin(struct text *text, const struct render_plan *plan, struct bytes row, bool is_before,
		     bool *out_has_gap, struct error *err)
{
	struct unpack unpack = unpack_over(row.data, row.size);
	uint32_t count;
	bool is_null;

	if (unpack_array(&unpack, &count, err) != 0)
		return error_context(err, "row");
	if (count != plan->schema.column_count)
		return error_set(err, ERROR_MALFORMED, "row has %u values, its schema %u columns", count,
				 plan->schema.column_count);
	text_add_byte(text, '{');
	for (uint32_t i = 0; i < count; i++) {
		size_t comma = i == 0;
		text_add(text, plan->names[i].data + comma, plan->names[i].size - comma);
		if (render_column_value(text, &plan->columns[i], &unpack, is_before, &is_null, err) != 0)
			return -1;
		*out_has_gap |= is_null && (plan->schema.columns[i].flags & SCHEMA_COLUMN_OPTIONAL) == 0;
	}
	if (!unpack_at_end(&unpack))
		return error_set(err, ERROR_MALFORMED, "row has bytes behind its end");
	return 0;
}

int render_row_add(struct text *text, const struct render_plan *plan, struct bytes row, bool is_before,
		   bool *out_has_gap, struct error *err)
{
	if (row.data == NULL) {
		RENDER_TEXT_ADD(text, "null");
		return 0;
	}
	if (render_row_begin(text, plan, row, is_before, out_has_gap, err) != 0)
		return -1;
	text_add_byte(text, '}');
	return 0;
}

int render_row_add_key(struct text *text, const struct render_plan *plan, struct bytes key,
		       struct error *err)
{
	struct unpack unpack = unpack_over(key.data, key.size);
	uint32_t count;

	if (unpack_array(&unpack, &count, err) != 0)
		return error_context(err, "key");
	if (count != plan->key_count)
		return error_set(err, ERROR_MALFORMED, "key has %u values, its schema says %u", count,
				 plan->key_count);
	text_add_byte(text, '{');
	for (uint32_t i = 0; i < count; i++) {
		uint32_t column = plan->key_columns[i];
		size_t comma = i == 0;
		text_add(text, plan->names[column].data + comma, plan->names[column].size - comma);
		if (render_column_value(text, &plan->columns[column], &unpack, false, NULL, err) != 0)
			return error_context(err, "key");
	}
	text_add_byte(text, '}');
	return 0;
}

int render_message_parts(const struct change *change, struct bytes *out_prefix,
			 struct bytes *out_content, struct error *err)
{
	struct unpack unpack = unpack_over(change->after.data, change->after.size);
	uint32_t count;
	if (unpack_array(&unpack, &count, err) != 0 || unpack_text(&unpack, out_prefix, err) != 0 ||
	    unpack_bytes(&unpack, out_content, err) != 0)
		return error_context(err, "logical message");
	return 0;
}
