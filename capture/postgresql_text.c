#include "capture/postgresql_text.h"

#include "capture/postgresql_time.h"
#include "capture/room.h"

#include <math.h>
#include <stdlib.h>

enum {
	UUID_BYTES = 16,
	UUID_TEXT_BYTES = 36,
	FLOAT_TEXT_BYTES_MAX = 63,      /* the longest that is printed has 24 */
};

/* Without the value: it may be somebody's secret, and errors go into logs. */
static int refuse(enum logical_type type, struct bytes text, struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "a value of %zu bytes that is no %s as PostgreSQL prints it",
			 text.size, logical_type_name(type));
}

int postgresql_text_append(msgpack_sbuffer *out, const struct value *value, struct error *err)
{
	size_t size = out->size;
	msgpack_packer packer;

	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	if (value_encode(&packer, value, err) != 0) {
		out->size = size;
		return -1;
	}
	return 0;
}

static int append_numbers(msgpack_sbuffer *out, const int64_t *numbers, uint32_t count, struct error *err)
{
	struct value array = { .kind = VALUE_ARRAY, .count = count };
	size_t size = out->size;

	if (postgresql_text_append(out, &array, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct value value = { .kind = VALUE_INTEGER, .integer = numbers[i] };
		if (postgresql_text_append(out, &value, err) != 0) {
			out->size = size;
			return -1;
		}
	}
	return 0;
}

/* ---- numbers ---- */

static bool read_integer(struct bytes text, int64_t min, int64_t max, int64_t *out)
{
	const uint8_t *at = text.data, *end = text.data + text.size;
	bool is_negative = at < end && *at == '-';
	int64_t number = 0;

	at += is_negative;
	if (at == end)
		return false;
	/* Downwards, where there is one number more. */
	for (; at < end; at++) {
		int digit = *at - '0';
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_sub_overflow(number, digit, &number))
			return false;
	}
	if (!is_negative && __builtin_sub_overflow(0, number, &number))
		return false;
	*out = number;
	return number >= min && number <= max;
}

/* What numeric_out writes: digits, perhaps a sign before and a point within. */
static bool is_decimal(struct bytes text)
{
	const uint8_t *at = text.data, *end = text.data + text.size;
	bool has_point = false;

	if (at < end && *at == '-')
		at++;
	if (at == end || end[-1] == '.')
		return false;
	for (; at < end; at++) {
		if (*at == '.' && !has_point && at > text.data && at[-1] != '-')
			has_point = true;
		else if (*at < '0' || *at > '9')
			return false;
	}
	return true;
}

/* NaN, Infinity, -Infinity: numeric and floats. */
static bool read_special(struct bytes text, struct value *out)
{
	static const struct {
		const char *text;
		enum value_special special;
	} specials[] = {
		{ "NaN", SPECIAL_NAN },
		{ "Infinity", SPECIAL_POSITIVE_INFINITY },
		{ "-Infinity", SPECIAL_NEGATIVE_INFINITY },
	};

	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		if (text.size == strlen(specials[i].text) && memcmp(text.data, specials[i].text, text.size) == 0) {
			*out = (struct value){ .kind = VALUE_SPECIAL, .special = specials[i].special };
			return true;
		}
	}
	return false;
}

/* A float's text for strtod and strtof, which read much more than PostgreSQL prints. */
static bool copy_float(struct bytes text, char out[FLOAT_TEXT_BYTES_MAX + 1])
{
	if (text.size == 0 || text.size > FLOAT_TEXT_BYTES_MAX)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		char c = (char)text.data[i];
		if ((c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e')
			return false;
		out[i] = c;
	}
	out[text.size] = '\0';
	return out[text.size - 1] >= '0' && out[text.size - 1] <= '9' && out[0] != '+';
}

static bool read_float64(struct bytes text, double *out)
{
	char copy[FLOAT_TEXT_BYTES_MAX + 1], *end;

	if (!copy_float(text, copy))
		return false;
	*out = strtod(copy, &end);
	return *end == '\0' && isfinite(*out);
}

static bool read_float32(struct bytes text, float *out)
{
	char copy[FLOAT_TEXT_BYTES_MAX + 1], *end;

	if (!copy_float(text, copy))
		return false;
	*out = strtof(copy, &end);
	return *end == '\0' && isfinite(*out);
}

struct value postgresql_text_float64(double number)
{
	if (isnan(number))
		return (struct value){ .kind = VALUE_SPECIAL, .special = SPECIAL_NAN };
	if (isinf(number))
		return (struct value){ .kind = VALUE_SPECIAL,
				       .special = number > 0 ? SPECIAL_POSITIVE_INFINITY
							     : SPECIAL_NEGATIVE_INFINITY };
	return (struct value){ .kind = VALUE_FLOAT64, .float64 = number };
}

struct value postgresql_text_float32(float number)
{
	if (!isfinite(number))
		return postgresql_text_float64(number);
	return (struct value){ .kind = VALUE_FLOAT32, .float32 = number };
}

static bool read_coordinate(struct bytes text, double *out)
{
	struct value special;

	if (!read_special(text, &special))
		return read_float64(text, out);
	*out = special.special == SPECIAL_NAN ? NAN :
	       special.special == SPECIAL_POSITIVE_INFINITY ? INFINITY : -INFINITY;
	return true;
}

int postgresql_text_append_point(msgpack_sbuffer *out, double x, double y, struct error *err)
{
	const struct value values[] = {
		{ .kind = VALUE_ARRAY, .count = 2 },
		{ .kind = VALUE_FLOAT64, .float64 = isnan(x) ? NAN : x },
		{ .kind = VALUE_FLOAT64, .float64 = isnan(y) ? NAN : y },
	};
	size_t size = out->size;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (postgresql_text_append(out, &values[i], err) != 0) {
			out->size = size;
			return -1;
		}
	}
	return 0;
}

/* (x,y) */
static int encode_point(struct bytes text, msgpack_sbuffer *out, struct error *err)
{
	const uint8_t *comma = text.size < 2 ? NULL : memchr(text.data, ',', text.size);
	double x, y;

	if (comma == NULL || text.data[0] != '(' || text.data[text.size - 1] != ')')
		return refuse(LOGICAL_POINT, text, err);

	struct bytes first = { text.data + 1, (size_t)(comma - text.data) - 1 };
	struct bytes second = { comma + 1, text.size - first.size - 3 };
	if (!read_coordinate(first, &x) || !read_coordinate(second, &y))
		return refuse(LOGICAL_POINT, text, err);
	return postgresql_text_append_point(out, x, y, err);
}

/* ---- bytes ---- */

static const uint8_t hex_digits[256] = {
	['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15,
	['6'] = 0x16, ['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b,
	['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f,
};

/* Two digits to one byte; bit 4 of the table says that it is a digit. */
static bool read_hex(const uint8_t *at, size_t count, uint8_t *out)
{
	uint8_t all = 0x10;

	for (size_t i = 0; i < count; i++, at += 2) {
		uint8_t high = hex_digits[at[0]], low = hex_digits[at[1]];
		all &= high & low;
		out[i] = (uint8_t)(high << 4 | (low & 0x0f));
	}
	return all != 0;
}

/* \x00ff: decoded where it will stay. */
static int encode_bytes(struct bytes text, msgpack_sbuffer *out, struct error *err)
{
	size_t before = out->size;
	msgpack_packer packer;

	if (text.size < 2 || text.size % 2 != 0 || text.data[0] != '\\' || text.data[1] != 'x')
		return refuse(LOGICAL_BYTES, text, err);

	size_t size = text.size / 2 - 1;
	if (size >= UINT32_MAX)
		return error_set(err, ERROR_LIMIT, "a value of %zu bytes is too large", size);
	if (room_make(out, size + POSTGRESQL_TEXT_GROWTH_MAX, err) != 0)
		return -1;
	msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
	msgpack_pack_bin(&packer, size);        /* cannot fail: there is room */
	if (!read_hex(text.data + 2, size, (uint8_t *)out->data + out->size)) {
		out->size = before;
		return refuse(LOGICAL_BYTES, text, err);
	}
	out->size += size;
	return 0;
}

static int encode_uuid(struct bytes text, msgpack_sbuffer *out, struct error *err)
{
	const uint8_t *at = text.data;
	uint8_t uuid[UUID_BYTES];
	struct value value = { .kind = VALUE_BYTES, .bytes = { uuid, sizeof(uuid) } };

	if (text.size != UUID_TEXT_BYTES || at[8] != '-' || at[13] != '-' || at[18] != '-' || at[23] != '-')
		return refuse(LOGICAL_UUID, text, err);
	if (!read_hex(at, 4, uuid) || !read_hex(at + 9, 2, uuid + 4) || !read_hex(at + 14, 2, uuid + 6) ||
	    !read_hex(at + 19, 2, uuid + 8) || !read_hex(at + 24, 6, uuid + 10))
		return refuse(LOGICAL_UUID, text, err);
	return postgresql_text_append(out, &value, err);
}

static bool is_bits(struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] != '0' && text.data[i] != '1')
			return false;
	}
	return true;
}

/* ---- times ---- */

static int encode_timetz(struct bytes text, msgpack_sbuffer *out, struct error *err)
{
	int64_t numbers[2];

	if (!postgresql_time_read_timetz(text, &numbers[0], &numbers[1]))
		return refuse(LOGICAL_TIMETZ, text, err);
	return append_numbers(out, numbers, 2, err);
}

static int encode_interval(struct bytes text, msgpack_sbuffer *out, struct error *err)
{
	struct postgresql_interval interval;
	struct value infinity;

	if (postgresql_time_read_infinity(text, &infinity))
		return postgresql_text_append(out, &infinity, err);
	if (!postgresql_time_read_interval(text, &interval))
		return refuse(LOGICAL_INTERVAL, text, err);
	return append_numbers(out, (int64_t[]){ interval.months, interval.days, interval.time_us }, 3, err);
}

/* The types whose value is one item. */
static bool read_item(enum logical_type type, struct bytes text, struct value *out)
{
	switch (type) {
	case LOGICAL_BOOL:
		out->kind = VALUE_BOOL;
		out->boolean = text.size == 1 && text.data[0] == 't';
		return out->boolean || (text.size == 1 && text.data[0] == 'f');
	case LOGICAL_INT16:
		return read_integer(text, INT16_MIN, INT16_MAX, &out->integer);
	case LOGICAL_INT32:
		return read_integer(text, INT32_MIN, INT32_MAX, &out->integer);
	case LOGICAL_INT64:
		return read_integer(text, INT64_MIN, INT64_MAX, &out->integer);
	case LOGICAL_OID:
		out->kind = VALUE_UNSIGNED;
		return read_integer(text, 0, UINT32_MAX, &out->integer);
	case LOGICAL_FLOAT32:
		out->kind = VALUE_FLOAT32;
		return read_float32(text, &out->float32) || read_special(text, out);
	case LOGICAL_FLOAT64:
		out->kind = VALUE_FLOAT64;
		return read_float64(text, &out->float64) || read_special(text, out);
	case LOGICAL_DECIMAL:
		*out = (struct value){ .kind = VALUE_TEXT, .bytes = text };
		return is_decimal(text) || read_special(text, out);
	case LOGICAL_DATE:
		return postgresql_time_read_date(text, out);
	case LOGICAL_TIME:
		return postgresql_time_read_time(text, &out->integer);
	case LOGICAL_TIMESTAMP:
		return postgresql_time_read_timestamp(text, false, out);
	case LOGICAL_TIMESTAMPTZ:
		return postgresql_time_read_timestamp(text, true, out);
	case LOGICAL_BIT:
		*out = (struct value){ .kind = VALUE_TEXT, .bytes = text };
		return is_bits(text);
	default:
		*out = (struct value){ .kind = VALUE_TEXT, .bytes = text };
		return true;
	}
}

int postgresql_text_encode(enum logical_type type, struct bytes text, msgpack_sbuffer *out, struct error *err)
{
	struct value value = { .kind = VALUE_INTEGER };

	switch (type) {
	case LOGICAL_BYTES:
		return encode_bytes(text, out, err);
	case LOGICAL_UUID:
		return encode_uuid(text, out, err);
	case LOGICAL_TIMETZ:
		return encode_timetz(text, out, err);
	case LOGICAL_INTERVAL:
		return encode_interval(text, out, err);
	case LOGICAL_POINT:
		return encode_point(text, out, err);
	default:
		if (!read_item(type, text, &value))
			return refuse(type, text, err);
		return postgresql_text_append(out, &value, err);
	}
}
