#ifndef PROTOCOL_RENDER_COLUMN_H
#define PROTOCOL_RENDER_COLUMN_H

#include "protocol/render_options.h"
#include "protocol/schema.h"
#include "protocol/text.h"
#include "protocol/unpack.h"

/* One column under given options: what Debezium's value converters and schema builders make of
 * it.  The value and the schema are decided by the same few facts, found once. */

/* What a value is written as. */
enum render_shape {
	RENDER_SHAPE_BOOL,
	RENDER_SHAPE_INTEGER,
	RENDER_SHAPE_FLOAT32,
	RENDER_SHAPE_FLOAT64,
	RENDER_SHAPE_STRING,
	RENDER_SHAPE_BYTES,
	RENDER_SHAPE_DECIMAL,           /* with a scale */
	RENDER_SHAPE_FREE_DECIMAL,      /* VariableScaleDecimal */
	RENDER_SHAPE_DATE,
	RENDER_SHAPE_TIME,
	RENDER_SHAPE_TIMESTAMP,
	RENDER_SHAPE_TIMESTAMPTZ,
	RENDER_SHAPE_TIMETZ,
	RENDER_SHAPE_INTERVAL,
	RENDER_SHAPE_UUID,
	RENDER_SHAPE_ONE_BIT,
	RENDER_SHAPE_BITS,
	RENDER_SHAPE_SET,
	RENDER_SHAPE_POINT,
	RENDER_SHAPE_GEOMETRY,
};

/* The unit of dates and times. */
enum render_unit { RENDER_UNIT_MS, RENDER_UNIT_US, RENDER_UNIT_NS, RENDER_UNIT_TEXT };

struct render_column {
	const struct render_options *options;   /* lent */
	const struct schema_column *column;     /* lent */
	enum logical_type type;         /* of an array, of its elements */
	bool is_array;
	bool is_money;                  /* captured as text: "$1.00" */
	enum render_shape shape;
	enum render_unit unit;          /* of dates and times */
	int32_t scale;                  /* of RENDER_SHAPE_DECIMAL; of strings of decimals */
	int second_digits;              /* of timestamptz */
};

void render_column_init(struct render_column *column, const struct schema_column *of,
			const struct render_options *options);

/* Append one value as JSON (protocol/render_value.c) and step over it.  is_before: what is unavailable there was never asked
 * for, and is null; elsewhere it is the placeholder.  *out_is_null (may be NULL): "null" was
 * added.  ERROR_MALFORMED, ERROR_LIMIT, ERROR_MEMORY; then the text is to be cut back. */
int render_column_value(struct text *text, const struct render_column *column, struct unpack *unpack,
			bool is_before, bool *out_is_null, struct error *err);

void render_column_bytes(struct text *text, struct bytes bytes, enum render_bytes how);

#endif
