#include "protocol/render_schema.h"

#include "protocol/render_text.h"

#include <msgpack/pack.h>
#include <stdio.h>
#include <stdlib.h>

/* Defaults as the source prints them in its catalog: 42, '-7'::integer, 'it''s'::text, true,
 * (1.5)::double precision.  An expression or a function is no default that anybody could
 * write down, and is left out. */

enum { LITERAL_BYTES_MAX = 4096 };

struct literal {
	char text[LITERAL_BYTES_MAX];
	size_t size;
	bool is_quoted;
};

static bool is_cast(struct bytes rest)
{
	if (rest.size == 0)
		return true;
	if (rest.size < 3 || rest.data[0] != ':' || rest.data[1] != ':')
		return false;
	for (size_t i = 2; i < rest.size; i++) {
		uint8_t c = rest.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 ||
		      memchr(" _\".,()[]", c, 9) != NULL))
			return false;
	}
	return true;
}

static struct bytes behind(struct bytes text, size_t count)
{
	return (struct bytes){ text.data + count, text.size - count };
}

static bool read_quoted(struct bytes text, struct literal *out)
{
	size_t at = 1;
	out->is_quoted = true;
	for (;; at++) {
		if (at >= text.size || out->size + 1 >= sizeof(out->text))
			return false;
		if (text.data[at] == '\'') {
			if (at + 1 >= text.size || text.data[at + 1] != '\'')
				break;
			at++;
		}
		out->text[out->size++] = (char)text.data[at];
	}
	return is_cast(behind(text, at + 1));
}

static bool read_bare(struct bytes text, struct literal *out)
{
	bool has_parentheses = text.size > 0 && text.data[0] == '(';
	if (has_parentheses)
		text = behind(text, 1);
	for (; text.size > 0 && out->size < 64; text = behind(text, 1)) {
		uint8_t c = text.data[0];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.'))
			break;
		out->text[out->size++] = (char)c;
	}
	if (has_parentheses) {
		if (text.size == 0 || text.data[0] != ')')
			return false;
		text = behind(text, 1);
	}
	return out->size > 0 && is_cast(text);
}

static bool read_literal(struct bytes text, struct literal *out)
{
	out->size = 0;
	out->is_quoted = false;
	while (text.size > 0 && text.data[0] == ' ')
		text = behind(text, 1);
	if (text.size > 1 && text.data[0] == 'B' && text.data[1] == '\'')
		text = behind(text, 1);
	if (text.size > 0 && text.data[0] == '\'' ? !read_quoted(text, out) : !read_bare(text, out))
		return false;
	out->text[out->size] = '\0';
	return true;
}

/* ---- Numbers and times ---- */

/* So many digits, or from 1 to 9 of them if count is 0. */
static bool take_digits(const char **at, int count, int64_t *out)
{
	int taken = 0;
	*out = 0;
	while (**at >= '0' && **at <= '9' && (count == 0 ? taken < 9 : taken < count)) {
		*out = *out * 10 + (*(*at)++ - '0');
		taken++;
	}
	return count == 0 ? taken > 0 : taken == count;
}

static bool take(const char **at, char letter)
{
	if (**at != letter)
		return false;
	(*at)++;
	return true;
}

/* Digits behind the point, as µs. */
static bool take_fraction(const char **at, int64_t *out_us)
{
	int64_t unit = 100000;
	*out_us = 0;
	if (!take(at, '.'))
		return true;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
		*out_us += (**at - '0') * unit;
	return true;
}

static bool take_date(const char **at, int64_t *out_days)
{
	int64_t year, month, day;
	if (!take_digits(at, 4, &year) || !take(at, '-') || !take_digits(at, 2, &month) ||
	    !take(at, '-') || !take_digits(at, 2, &day) || year < 1 || month < 1 || month > 12 ||
	    day < 1 || day > 31)
		return false;
	/* Years that begin in March, as in protocol/time_text.c. */
	int64_t march_year = year - (month <= 2);
	int64_t march_month = month > 2 ? month - 3 : month + 9;
	*out_days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 +
		    (153 * march_month + 2) / 5 + day - 1 - 719468;
	return true;
}

static bool take_time(const char **at, int64_t *out_us)
{
	int64_t hours, minutes, seconds, fraction_us;
	if (!take_digits(at, 2, &hours) || !take(at, ':') || !take_digits(at, 2, &minutes) ||
	    !take(at, ':') || !take_digits(at, 2, &seconds) || !take_fraction(at, &fraction_us))
		return false;
	*out_us = ((hours * 60 + minutes) * 60 + seconds) * 1000000 + fraction_us;
	return true;
}

static bool read_moment(const char *at, enum logical_type type, int64_t *out)
{
	int64_t days = 0, time_us = 0;
	if (type == LOGICAL_TIME)
		return take_time(&at, out) && *at == '\0';
	if (!take_date(&at, &days))
		return false;
	*out = days;
	if (type == LOGICAL_DATE)
		return *at == '\0';
	if (*at == ' ' && (at++, !take_time(&at, &time_us)))
		return false;
	*out = days * INT64_C(86400000000) + time_us;
	if (type == LOGICAL_TIMESTAMPTZ && strncmp(at, "+00", 3) == 0)
		at += 3;
	return *at == '\0';
}

static bool add_part(int64_t *part, int64_t sign, int64_t number, int64_t unit, int64_t rest)
{
	int64_t sum;
	return !__builtin_mul_overflow(number, unit, &sum) && !__builtin_add_overflow(sum, rest, &sum) &&
	       !__builtin_add_overflow(*part, sign * sum, part);
}

/* P1Y2M3DT4H5M6.7S, each part with a sign of its own. */
static bool read_interval(const char *at, int64_t parts[3])
{
	bool is_time = false;
	parts[0] = parts[1] = parts[2] = 0;
	if (!take(&at, 'P') || *at == '\0')
		return false;
	while (*at != '\0') {
		int64_t number, fraction_us;
		is_time |= take(&at, 'T');
		int64_t sign = take(&at, '-') ? -1 : 1;
		if (!take_digits(&at, 0, &number) || !take_fraction(&at, &fraction_us))
			return false;
		bool is_right = false;
		switch (*at) {
		case 'Y': is_right = add_part(&parts[0], sign, number, 12, 0); break;
		case 'M':
			is_right = is_time ? add_part(&parts[2], sign, number, 60000000, 0)
					   : add_part(&parts[0], sign, number, 1, 0);
			break;
		case 'D': is_right = add_part(&parts[1], sign, number, 1, 0); break;
		case 'H': is_right = add_part(&parts[2], sign, number, INT64_C(3600000000), 0); break;
		case 'S': is_right = add_part(&parts[2], sign, number, 1000000, fraction_us); break;
		}
		if (!is_right)
			return false;
		at++;
	}
	return true;
}

static bool is_number(const char *at, bool may_have_point)
{
	if (*at == '-')
		at++;
	size_t whole = strspn(at, "0123456789");
	at += whole;
	if (whole == 0 || whole > 400)
		return false;
	if (may_have_point && *at == '.')
		at += 1 + strspn(at + 1, "0123456789");
	return *at == '\0';
}

/* ---- As a value ---- */

static int pack_text(msgpack_packer *packer, const struct literal *literal)
{
	return msgpack_pack_str_with_body(packer, literal->text, literal->size);
}

static bool pack_integer(msgpack_packer *packer, const struct literal *literal)
{
	return is_number(literal->text, false) && literal->size <= 20 &&
	       msgpack_pack_int64(packer, strtoll(literal->text, NULL, 10)) == 0;
}

static bool pack_moment(msgpack_packer *packer, const struct literal *literal, enum logical_type type)
{
	int64_t number;
	return read_moment(literal->text, type, &number) && msgpack_pack_int64(packer, number) == 0;
}

static bool pack_interval(msgpack_packer *packer, const struct literal *literal)
{
	int64_t parts[3];
	return read_interval(literal->text, parts) && msgpack_pack_array(packer, 3) == 0 &&
	       msgpack_pack_int64(packer, parts[0]) == 0 && msgpack_pack_int64(packer, parts[1]) == 0 &&
	       msgpack_pack_int64(packer, parts[2]) == 0;
}

static bool pack_uuid(msgpack_packer *packer, const struct literal *literal)
{
	uint8_t bytes[16] = { 0 };
	size_t digits = 0;
	for (size_t i = 0; i < literal->size; i++) {
		static const char all[] = "0123456789abcdef";
		const char *found = strchr(all, literal->text[i]);
		if (literal->text[i] == '-')
			continue;
		if (found == NULL || literal->text[i] == '\0' || digits == 32)
			return false;
		bytes[digits / 2] |= (uint8_t)((found - all) << (digits % 2 == 0 ? 4 : 0));
		digits++;
	}
	return digits == 32 && msgpack_pack_bin_with_body(packer, bytes, sizeof(bytes)) == 0;
}

/* A point in every locale: the number is digits and a power of ten. */
static bool pack_float(msgpack_packer *packer, const struct literal *literal, bool is_double)
{
	char digits[480];
	size_t used = 0, behind_point = 0;
	bool has_point = false;
	if (!is_number(literal->text, true) || literal->size > sizeof(digits) - 32)
		return false;
	for (const char *at = literal->text; *at != '\0'; at++) {
		has_point |= *at == '.';
		if (*at == '.')
			continue;
		digits[used++] = *at;
		behind_point += has_point;
	}
	snprintf(digits + used, sizeof(digits) - used, "e-%zu", behind_point);
	return (is_double ? msgpack_pack_double(packer, strtod(digits, NULL))
			  : msgpack_pack_float(packer, strtof(digits, NULL))) == 0;
}

static bool pack_literal(msgpack_packer *packer, const struct render_column *column,
			 const struct literal *literal)
{
	bool is_true = strcmp(literal->text, "true") == 0;
	switch (column->type) {
	case LOGICAL_BOOL:
		return (is_true || strcmp(literal->text, "false") == 0) &&
		       (is_true ? msgpack_pack_true(packer) : msgpack_pack_false(packer)) == 0;
	case LOGICAL_INT16:
	case LOGICAL_INT32:
	case LOGICAL_INT64: return pack_integer(packer, literal);
	case LOGICAL_FLOAT32: return pack_float(packer, literal, false);
	case LOGICAL_FLOAT64: return pack_float(packer, literal, true);
	case LOGICAL_DECIMAL:
		return is_number(literal->text, true) && column->shape != RENDER_SHAPE_FREE_DECIMAL &&
		       pack_text(packer, literal) == 0;
	case LOGICAL_STRING:
	case LOGICAL_JSON:
	case LOGICAL_XML:
	case LOGICAL_ENUM:
	case LOGICAL_BIT: return literal->is_quoted && pack_text(packer, literal) == 0;
	case LOGICAL_UUID: return pack_uuid(packer, literal);
	case LOGICAL_DATE:
	case LOGICAL_TIME:
	case LOGICAL_TIMESTAMP:
	case LOGICAL_TIMESTAMPTZ: return pack_moment(packer, literal, column->type);
	case LOGICAL_INTERVAL: return pack_interval(packer, literal);
	default: return false;
	}
}

void render_schema_add_default(struct text *text, const struct render_column *column)
{
	struct literal literal;
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	size_t before = text->buffer.size;

	if (column->column->default_text.size == 0 || column->is_money ||
	    !read_literal(column->column->default_text, &literal))
		return;
	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	RENDER_TEXT_ADD(text, ",\"default\":");
	bool is_null = true;
	if (pack_literal(&packer, column, &literal)) {
		struct unpack unpack = unpack_over(buffer.data, buffer.size);
		if (render_column_value(text, column, &unpack, false, &is_null, NULL) != 0)
			is_null = true;
	}
	if (is_null)
		text->buffer.size = before;
	msgpack_sbuffer_destroy(&buffer);
}
