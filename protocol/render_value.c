#include "protocol/render_value.h"

#include "protocol/render_decimal.h"
#include "protocol/render_text.h"
#include "protocol/render_time.h"

int render_value_refuse(const struct render_column *column, struct error *err)
{
	const struct schema_column *of = column->column;
	return error_set(err, ERROR_MALFORMED, "column '%.*s' holds a value that is no %s",
			 (int)(of->name.size < 64 ? of->name.size : 64), (const char *)of->name.data,
			 logical_type_name(column->type) != NULL ? logical_type_name(column->type) : "value");
}

void render_column_bytes(struct text *text, struct bytes bytes, enum render_bytes how)
{
	switch (how) {
	case RENDER_BYTES:
	case RENDER_BASE64: render_text_base64(text, bytes, false); break;
	case RENDER_BASE64_URL_SAFE: render_text_base64(text, bytes, true); break;
	case RENDER_HEX:
		text_add_byte(text, '"');
		text_add_hex(text, bytes);
		text_add_byte(text, '"');
	}
}

static int add_decimal(struct text *text, const struct render_column *column, struct bytes decimal,
		       struct error *err)
{
	char money[64];
	if (column->is_money && column->type == LOGICAL_TEXT) {
		size_t size;
		if (decimal.size > sizeof(money) ||
		    render_decimal_of_money(decimal, money, &size, err) != 0)
			return render_value_refuse(column, err);
		decimal = (struct bytes){ (const uint8_t *)money, size };
	}
	switch (column->shape) {
	case RENDER_SHAPE_DECIMAL: return render_decimal_scaled(text, decimal, column->scale, err);
	case RENDER_SHAPE_FREE_DECIMAL: return render_decimal_variable(text, decimal, err);
	case RENDER_SHAPE_FLOAT64: return render_decimal_double(text, decimal, err);
	default: return render_decimal_string(text, decimal, column->scale, err);
	}
}

/* Beyond what ns can say (the years 1677 to 2262): null, as Debezium. */
static bool add_unit(struct text *text, enum render_unit unit, int64_t time_us)
{
	int64_t ns;
	switch (unit) {
	case RENDER_UNIT_MS: text_add_i64(text, render_time_ms(time_us)); return true;
	case RENDER_UNIT_US: text_add_i64(text, time_us); return true;
	default:
		if (__builtin_mul_overflow(time_us, INT64_C(1000), &ns))
			return false;
		text_add_i64(text, ns);
		return true;
	}
}

/* False: there is no way to say it, and nothing was added. */
static bool add_moment(struct text *text, const struct render_column *column, int64_t number)
{
	bool is_text = column->unit == RENDER_UNIT_TEXT || column->shape == RENDER_SHAPE_TIMESTAMPTZ;
	if (!is_text && column->shape == RENDER_SHAPE_DATE) {
		text_add_i64(text, number);
		return true;
	}
	if (!is_text)
		return add_unit(text, column->unit, number);
	text_add_byte(text, '"');
	if (column->shape == RENDER_SHAPE_DATE)
		render_time_date(text, number);
	else if (column->shape == RENDER_SHAPE_TIME)
		render_time_time(text, number);
	else
		render_time_timestamp(text, number,
				      column->shape == RENDER_SHAPE_TIMESTAMP ? RENDER_TIME_TRIMMED
									      : column->second_digits);
	text_add(text, "Z\"", 2);
	return true;
}

/* 1: added; 0: there is no way to say it; -1. */
static int add_integer(struct text *text, const struct render_column *column, const struct value *value,
		       struct error *err)
{
	switch (column->shape) {
	case RENDER_SHAPE_INTEGER:
		text_add_i64(text, value->integer);
		return 1;
	case RENDER_SHAPE_DATE:
	case RENDER_SHAPE_TIME:
	case RENDER_SHAPE_TIMESTAMP:
	case RENDER_SHAPE_TIMESTAMPTZ:
		return add_moment(text, column, value->integer);
	default:
		return render_value_refuse(column, err);
	}
}

static int add_text(struct text *text, const struct render_column *column, struct bytes string,
		    struct error *err)
{
	if (column->type == LOGICAL_DECIMAL || column->is_money)
		return add_decimal(text, column, string, err) != 0 ? -1 : 1;
	switch (column->shape) {
	case RENDER_SHAPE_STRING:
		render_text_string(text, string);
		return 1;
	case RENDER_SHAPE_ONE_BIT:
		text_add_string(text, memchr(string.data, '1', string.size) != NULL ? "true" : "false");
		return 1;
	case RENDER_SHAPE_BITS:
		return render_value_add_bits(text, column, string, err) != 0 ? -1 : 1;
	default:
		return render_value_refuse(column, err);
	}
}

static int add_array(struct text *text, const struct render_column *column, uint32_t count,
		     struct unpack *unpack, struct error *err);

/* Is it a dimension more, and not an element that is itself made of several numbers? */
static bool is_dimension(const struct render_column *column, const struct value *value,
			 const struct unpack *unpack)
{
	struct unpack ahead = *unpack;
	struct unpack_item item;
	if (value->count == 0 || unpack_next(&ahead, &item, NULL) != 0)
		return true;
	return item.type == UNPACK_ARRAY || item.type == UNPACK_EXTENSION ||
	       (item.type == UNPACK_NIL && column->shape != RENDER_SHAPE_GEOMETRY);
}

static int add_counted(struct text *text, const struct render_column *column, const struct value *value,
		       struct unpack *unpack, bool is_element, struct error *err)
{
	int rc;
	if (is_element && is_dimension(column, value, unpack))
		return add_array(text, column, value->count, unpack, err) != 0 ? -1 : 1;
	switch (column->shape) {
	case RENDER_SHAPE_TIMETZ: rc = render_value_add_timetz(text, column, value, unpack, err); break;
	case RENDER_SHAPE_INTERVAL: rc = render_value_add_interval(text, column, value, unpack, err); break;
	case RENDER_SHAPE_POINT: rc = render_value_add_point(text, column, value, unpack, err); break;
	case RENDER_SHAPE_GEOMETRY: rc = render_value_add_geometry(text, column, value, unpack, err); break;
	case RENDER_SHAPE_SET: rc = render_value_add_set(text, column, value->count, unpack, err); break;
	default:
		rc = is_element ? add_array(text, column, value->count, unpack, err)
				: render_value_refuse(column, err);
	}
	return rc != 0 ? -1 : 1;
}

static int add_value(struct text *text, const struct render_column *column, const struct value *value,
		     struct unpack *unpack, bool is_element, struct error *err)
{
	bool is_right;
	switch (value->kind) {
	case VALUE_NULL:
	case VALUE_UNAVAILABLE:
		return 0;
	case VALUE_SPECIAL:
		return render_value_add_special(text, column, value);
	case VALUE_INTEGER:
		return add_integer(text, column, value, err);
	case VALUE_TEXT:
		return add_text(text, column, value->bytes, err);
	case VALUE_ARRAY:
		return add_counted(text, column, value, unpack, is_element, err);
	case VALUE_BOOL:
		is_right = column->shape == RENDER_SHAPE_BOOL;
		text_add_string(text, value->boolean ? "true" : "false");
		break;
	case VALUE_UNSIGNED:
		is_right = column->shape == RENDER_SHAPE_INTEGER;
		text_add_u64(text, value->number);
		break;
	case VALUE_FLOAT32:
		is_right = column->shape == RENDER_SHAPE_FLOAT32;
		render_text_float32(text, value->float32);
		break;
	case VALUE_FLOAT64:
		is_right = column->shape == RENDER_SHAPE_FLOAT64;
		render_text_float64(text, value->float64);
		break;
	default:
		is_right = column->shape == RENDER_SHAPE_UUID ? value->bytes.size == 16
							      : column->shape == RENDER_SHAPE_BYTES;
		if (is_right && column->shape == RENDER_SHAPE_UUID)
			render_value_add_uuid(text, value->bytes);
		else if (is_right)
			render_column_bytes(text, value->bytes, column->options->bytes);
	}
	return is_right ? 1 : render_value_refuse(column, err);
}

static int add_array(struct text *text, const struct render_column *column, uint32_t count,
		     struct unpack *unpack, struct error *err)
{
	struct value item;
	text_add_byte(text, '[');
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			text_add_byte(text, ',');
		if (value_decode(unpack, &item, err) != 0)
			return -1;
		int rc = add_value(text, column, &item, unpack, true, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			RENDER_TEXT_ADD(text, "null");
	}
	text_add_byte(text, ']');
	return 0;
}

int render_column_value(struct text *text, const struct render_column *column, struct unpack *unpack,
			bool is_before, bool *out_is_null, struct error *err)
{
	struct value value;
	int rc;

	if (value_decode(unpack, &value, err) != 0)
		return -1;
	if (value.kind == VALUE_UNAVAILABLE)
		rc = !is_before && render_value_add_unavailable(text, column);
	else if (!column->is_array)
		rc = add_value(text, column, &value, unpack, false, err);
	else if (value.kind == VALUE_ARRAY)
		rc = add_array(text, column, value.count, unpack, err) != 0 ? -1 : 1;
	else
		rc = value.kind == VALUE_NULL ? 0 : render_value_refuse(column, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		RENDER_TEXT_ADD(text, "null");
	if (out_is_null != NULL)
		*out_is_null = rc == 0;
	return 0;
}
