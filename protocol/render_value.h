#ifndef PROTOCOL_RENDER_VALUE_H
#define PROTOCOL_RENDER_VALUE_H

#include "protocol/render_column.h"

/* Inside of protocol/render_value.c: one value's JSON, by what its column makes of it.  value is the head
 * that was read; what belongs to it follows in unpack. */

/* ERROR_MALFORMED: "column 'x' holds a value that is no date". */
int render_value_refuse(const struct render_column *column, struct error *err);

/* protocol/render_parts.c */
int render_value_add_timetz(struct text *text, const struct render_column *column, const struct value *value,
		      struct unpack *unpack, struct error *err);
int render_value_add_interval(struct text *text, const struct render_column *column, const struct value *value,
			struct unpack *unpack, struct error *err);
void render_value_add_uuid(struct text *text, struct bytes uuid);
int render_value_add_bits(struct text *text, const struct render_column *column, struct bytes bits,
		    struct error *err);
int render_value_add_set(struct text *text, const struct render_column *column, uint32_t count,
		   struct unpack *unpack, struct error *err);
int render_value_add_point(struct text *text, const struct render_column *column, const struct value *value,
		     struct unpack *unpack, struct error *err);
int render_value_add_geometry(struct text *text, const struct render_column *column, const struct value *value,
			struct unpack *unpack, struct error *err);

/* protocol/render_absent.c: values that are none.  False: the column's type has no way to say it, and nothing
 * was added. */
bool render_value_add_unavailable(struct text *text, const struct render_column *column);
bool render_value_add_special(struct text *text, const struct render_column *column, const struct value *value);

#endif
