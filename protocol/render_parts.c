#include "protocol/render_value.h"

#include "protocol/render_text.h"
#include "protocol/render_time.h"

#include <stdlib.h>

/* Values that are made of several things, or come to several bytes. */

static int read_numbers(struct unpack *unpack, uint32_t count, int64_t *out, struct error *err)
{
	for (uint32_t i = 0; i < count; i++)
		if (unpack_i64(unpack, &out[i], err) != 0)
			return -1;
	return 0;
}

int render_value_add_timetz(struct text *text, const struct render_column *column, const struct value *value,
		      struct unpack *unpack, struct error *err)
{
	int64_t parts[2];
	if (value->count != 2 || read_numbers(unpack, 2, parts, err) != 0)
		return render_value_refuse(column, err);
	int64_t day_us = INT64_C(86400000000);
	int64_t time_us = parts[0] % day_us - parts[1] % 86400 * 1000000;
	text_add_byte(text, '"');
	render_time_time(text, time_us == day_us ? 0 : time_us);
	text_add(text, "Z\"", 2);
	return 0;
}

int render_value_add_interval(struct text *text, const struct render_column *column, const struct value *value,
			struct unpack *unpack, struct error *err)
{
	int64_t parts[3];
	if (value->count != 3 || read_numbers(unpack, 3, parts, err) != 0)
		return render_value_refuse(column, err);
	if (column->options->intervals == RENDER_INTERVAL_NUMERIC) {
		text_add_i64(text, render_time_interval_us(parts[0], parts[1], parts[2]));
		return 0;
	}
	text_add_byte(text, '"');
	render_time_interval(text, parts[0], parts[1], parts[2]);
	text_add_byte(text, '"');
	return 0;
}

void render_value_add_uuid(struct text *text, struct bytes uuid)
{
	static const char digits[] = "0123456789abcdef";
	char piece[38];
	size_t used = 0;
	piece[used++] = '"';
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			piece[used++] = '-';
		piece[used++] = digits[uuid.data[i] >> 4];
		piece[used++] = digits[uuid.data[i] & 0xf];
	}
	piece[used++] = '"';
	text_add(text, piece, used);
}

/* Debezium's Bits: little-endian, without the zeros in front. */
int render_value_add_bits(struct text *text, const struct render_column *column, struct bytes bits,
		    struct error *err)
{
	uint8_t stack[256];
	size_t leading = 0;
	while (leading < bits.size && bits.data[leading] == '0')
		leading++;
	size_t count = bits.size - leading, size = (count + 7) / 8;
	uint8_t *bytes = size > sizeof(stack) ? malloc(size) : stack;

	if (bytes == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for %zu bits", count);
	memset(bytes, 0, size);
	bool is_wrong = false;
	for (size_t i = 0; i < count; i++) {
		uint8_t digit = bits.data[bits.size - 1 - i];
		is_wrong |= digit != '0' && digit != '1';
		bytes[i / 8] |= (uint8_t)((digit & 1) << (i % 8));
	}
	if (!is_wrong)
		render_text_base64(text, (struct bytes){ bytes, size }, false);
	if (bytes != stack)
		free(bytes);
	return is_wrong ? render_value_refuse(column, err) : 0;
}

int render_value_add_set(struct text *text, const struct render_column *column, uint32_t count,
		   struct unpack *unpack, struct error *err)
{
	struct bytes label;
	text_add_byte(text, '"');
	for (uint32_t i = 0; i < count; i++) {
		if (unpack_text(unpack, &label, err) != 0)
			return render_value_refuse(column, err);
		if (i > 0)
			text_add_byte(text, ',');
		render_text_escaped(text, label);
	}
	text_add_byte(text, '"');
	return 0;
}

static void store_double(uint8_t *at, double number)
{
	uint64_t bits;
	memcpy(&bits, &number, sizeof(bits));
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(bits >> (8 * i));
}

/* With its well-known binary form: little-endian, geometry type 1. */
int render_value_add_point(struct text *text, const struct render_column *column, const struct value *value,
		     struct unpack *unpack, struct error *err)
{
	uint8_t wkb[21] = { 1, 1, 0, 0, 0 };
	double at[2];
	struct value item;

	if (value->count != 2)
		return render_value_refuse(column, err);
	for (int i = 0; i < 2; i++) {
		if (value_decode(unpack, &item, err) != 0)
			return -1;
		if (item.kind != VALUE_FLOAT64)
			return render_value_refuse(column, err);
		at[i] = item.float64;
		store_double(wkb + 5 + 8 * i, at[i]);
	}
	RENDER_TEXT_ADD(text, "{\"x\":");
	render_text_float64(text, at[0]);
	RENDER_TEXT_ADD(text, ",\"y\":");
	render_text_float64(text, at[1]);
	RENDER_TEXT_ADD(text, ",\"wkb\":");
	render_text_base64(text, (struct bytes){ wkb, sizeof(wkb) }, false);
	RENDER_TEXT_ADD(text, ",\"srid\":null}");
	return 0;
}

int render_value_add_geometry(struct text *text, const struct render_column *column, const struct value *value,
			struct unpack *unpack, struct error *err)
{
	struct bytes wkb;
	uint64_t srid = 0;
	bool has_srid = false;
	if (value->count != 2)
		return render_value_refuse(column, err);
	if (!unpack_nil(unpack)) {
		has_srid = true;
		if (unpack_u64(unpack, &srid, err) != 0)
			return render_value_refuse(column, err);
	}
	if (unpack_bytes(unpack, &wkb, err) != 0)
		return render_value_refuse(column, err);
	RENDER_TEXT_ADD(text, "{\"wkb\":");
	render_text_base64(text, wkb, false);
	RENDER_TEXT_ADD(text, ",\"srid\":");
	if (has_srid)
		text_add_u64(text, srid);
	else
		RENDER_TEXT_ADD(text, "null");
	text_add_byte(text, '}');
	return 0;
}
