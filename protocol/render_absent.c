#include "protocol/render_value.h"

#include "protocol/render_text.h"

static bool is_string_shape(const struct render_column *column)
{
	return column->shape == RENDER_SHAPE_STRING || column->shape == RENDER_SHAPE_UUID ||
	       column->shape == RENDER_SHAPE_SET ||
	       (column->unit == RENDER_UNIT_TEXT && column->shape >= RENDER_SHAPE_DATE &&
		column->shape <= RENDER_SHAPE_TIMESTAMP) ||
	       column->shape == RENDER_SHAPE_TIMESTAMPTZ || column->shape == RENDER_SHAPE_TIMETZ;
}

/* The bytes of the placeholder as the numbers of an array. */
static void add_placeholder_numbers(struct text *text, struct bytes placeholder)
{
	for (size_t i = 0; i < placeholder.size; i++) {
		if (i > 0)
			text_add_byte(text, ',');
		text_add_u64(text, placeholder.data[i]);
	}
}

/* False: the column's type has no room for a placeholder, and nothing was added. */
bool render_value_add_unavailable(struct text *text, const struct render_column *column)
{
	struct bytes placeholder = bytes_of_text(column->options->placeholder);
	bool is_number = column->shape == RENDER_SHAPE_INTEGER ||
			 (column->shape == RENDER_SHAPE_DATE && column->unit != RENDER_UNIT_TEXT);
	if (!is_string_shape(column) && column->shape != RENDER_SHAPE_BYTES &&
	    !(column->is_array && is_number))
		return false;
	if (column->is_array)
		text_add_byte(text, '[');
	if (is_string_shape(column))
		render_text_string(text, placeholder);
	else if (is_number)
		add_placeholder_numbers(text, placeholder);
	else if (column->options->bytes == RENDER_HEX)
		render_text_string(text, placeholder);
	else
		render_column_bytes(text, placeholder, column->options->bytes);
	if (column->is_array)
		text_add_byte(text, ']');
	return true;
}

/* Debezium's numbers for PostgreSQL's infinite timestamps: those of the JDBC driver. */
static void add_infinite_timestamp(struct text *text, enum render_unit unit, bool is_positive)
{
	switch (unit) {
	case RENDER_UNIT_MS:
		text_add_i64(text, is_positive ? INT64_C(9223372036825200) : INT64_C(-9223372036832400));
		break;
	case RENDER_UNIT_US:
		text_add_i64(text, is_positive ? INT64_C(9223372036825200000)
					       : INT64_C(-9223372036832400000));
		break;
	default: text_add_i64(text, is_positive ? INT64_MAX : INT64_MIN);
	}
}

/* False: its type has no way to say it, and nothing was added. */
bool render_value_add_special(struct text *text, const struct render_column *column, const struct value *value)
{
	bool is_positive = value->special == SPECIAL_POSITIVE_INFINITY;
	bool is_infinite = is_positive || value->special == SPECIAL_NEGATIVE_INFINITY;
	bool is_time = column->type == LOGICAL_DATE || column->type == LOGICAL_TIMESTAMP ||
		       column->type == LOGICAL_TIMESTAMPTZ;

	if (value->special == SPECIAL_TEXT) {
		if (!is_string_shape(column))
			return false;
		render_text_string(text, value->bytes);
	} else if (is_string_shape(column)) {
		text_add_string(text, !is_infinite ? "\"NaN\""
				      : is_time ? is_positive ? "\"infinity\"" : "\"-infinity\""
						: is_positive ? "\"Infinity\"" : "\"-Infinity\"");
	} else if (column->shape == RENDER_SHAPE_FLOAT64 || column->shape == RENDER_SHAPE_FLOAT32) {
		text_add_string(text, !is_infinite ? "\"NaN\""
						   : is_positive ? "\"Infinity\"" : "\"-Infinity\"");
	} else if (column->shape == RENDER_SHAPE_DATE && is_infinite) {
		text_add_i64(text, is_positive ? INT32_MAX : INT32_MIN);
	} else if (column->shape == RENDER_SHAPE_TIMESTAMP && is_infinite) {
		add_infinite_timestamp(text, column->unit, is_positive);
	} else if (column->shape == RENDER_SHAPE_INTERVAL && is_infinite &&
		   column->options->intervals == RENDER_INTERVAL_NUMERIC) {
		text_add_i64(text, is_positive ? INT64_MAX : INT64_MIN);
	} else if (column->shape == RENDER_SHAPE_INTERVAL && is_infinite) {
		text_add_string(text, is_positive ? "\"infinity\"" : "\"-infinity\"");
	} else {
		return false;
	}
	return true;
}
