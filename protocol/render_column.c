#include "protocol/render_column.h"

static bool is_named(struct bytes native_type, const char *name)
{
	size_t size = strlen(name);
	return native_type.size >= size && memcmp(native_type.data, name, size) == 0 &&
	       (native_type.size == size ||
		(native_type.size == size + 2 && memcmp(native_type.data + size, "[]", 2) == 0));
}

static void choose_decimal(struct render_column *column)
{
	const struct schema_column *of = column->column;
	column->scale = column->is_money ? 2 : of->length >= 0 ? of->scale : -1;
	switch (column->options->decimals) {
	case RENDER_DECIMAL_DOUBLE: column->shape = RENDER_SHAPE_FLOAT64; break;
	case RENDER_DECIMAL_STRING: column->shape = RENDER_SHAPE_STRING; break;
	case RENDER_DECIMAL_PRECISE:
		column->shape = of->length >= 0 || column->is_money ? RENDER_SHAPE_DECIMAL
								    : RENDER_SHAPE_FREE_DECIMAL;
	}
}

static enum render_unit choose_unit(enum render_times times, enum logical_type type, int32_t digits)
{
	bool is_short = digits >= 0 && digits <= 3;
	switch (times) {
	case RENDER_TIME_ADAPTIVE: return is_short ? RENDER_UNIT_MS : RENDER_UNIT_US;
	case RENDER_TIME_ADAPTIVE_MICROSECONDS:
		return is_short && type == LOGICAL_TIMESTAMP ? RENDER_UNIT_MS : RENDER_UNIT_US;
	case RENDER_TIME_CONNECT: return RENDER_UNIT_MS;
	case RENDER_TIME_ISOSTRING: return RENDER_UNIT_TEXT;
	case RENDER_TIME_MICROSECONDS: return RENDER_UNIT_US;
	case RENDER_TIME_NANOSECONDS: return RENDER_UNIT_NS;
	}
	return RENDER_UNIT_US;
}

static enum render_shape choose_shape(enum logical_type type, int32_t length)
{
	switch (type) {
	case LOGICAL_BOOL: return RENDER_SHAPE_BOOL;
	case LOGICAL_INT16:
	case LOGICAL_INT32:
	case LOGICAL_INT64:
	case LOGICAL_UINT64:
	case LOGICAL_OID: return RENDER_SHAPE_INTEGER;
	case LOGICAL_FLOAT32: return RENDER_SHAPE_FLOAT32;
	case LOGICAL_FLOAT64: return RENDER_SHAPE_FLOAT64;
	case LOGICAL_BYTES:
	case LOGICAL_BSON: return RENDER_SHAPE_BYTES;
	case LOGICAL_DATE: return RENDER_SHAPE_DATE;
	case LOGICAL_TIME: return RENDER_SHAPE_TIME;
	case LOGICAL_TIMETZ: return RENDER_SHAPE_TIMETZ;
	case LOGICAL_TIMESTAMP: return RENDER_SHAPE_TIMESTAMP;
	case LOGICAL_TIMESTAMPTZ: return RENDER_SHAPE_TIMESTAMPTZ;
	case LOGICAL_INTERVAL: return RENDER_SHAPE_INTERVAL;
	case LOGICAL_UUID: return RENDER_SHAPE_UUID;
	case LOGICAL_BIT: return length == 1 ? RENDER_SHAPE_ONE_BIT : RENDER_SHAPE_BITS;
	case LOGICAL_SET: return RENDER_SHAPE_SET;
	case LOGICAL_POINT: return RENDER_SHAPE_POINT;
	case LOGICAL_GEOMETRY: return RENDER_SHAPE_GEOMETRY;
	case LOGICAL_DECIMAL:   /* chosen by its mode */
	case LOGICAL_ARRAY:
	case LOGICAL_STRING:
	case LOGICAL_JSON:
	case LOGICAL_XML:
	case LOGICAL_ENUM:
	case LOGICAL_INET:
	case LOGICAL_TEXT: break;
	}
	return RENDER_SHAPE_STRING;
}

void render_column_init(struct render_column *column, const struct schema_column *of,
			const struct render_options *options)
{
	*column = (struct render_column){ .options = options, .column = of, .type = of->type };
	column->is_array = of->type == LOGICAL_ARRAY;
	if (column->is_array)
		column->type = of->element_type;
	column->is_money = (column->type == LOGICAL_TEXT || column->type == LOGICAL_DECIMAL) &&
			   is_named(of->native_type, "money");
	column->shape = choose_shape(column->type, of->length);
	column->scale = -1;
	if (column->type == LOGICAL_DECIMAL || column->is_money)
		choose_decimal(column);
	column->unit = choose_unit(options->times, column->type, of->length);
	column->second_digits = of->length >= 0 && of->length < 6 ? of->length : 6;
}
