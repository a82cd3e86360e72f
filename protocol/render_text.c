#include "protocol/render_text.h"

#include "protocol/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Strings ---- */

static void add_unit(struct text *text, uint32_t unit)
{
	static const char digits[] = "0123456789ABCDEF";
	char piece[6] = { '\\', 'u', digits[unit >> 12 & 0xf], digits[unit >> 8 & 0xf],
			  digits[unit >> 4 & 0xf], digits[unit & 0xf] };
	text_add(text, piece, sizeof(piece));
}

static void add_escaped(struct text *text, uint8_t byte)
{
	static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
					['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\' };
	if (byte < sizeof(letters) && letters[byte] != '\0') {
		char piece[2] = { '\\', letters[byte] };
		text_add(text, piece, sizeof(piece));
	} else {
		add_unit(text, byte);
	}
}

static bool is_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* How many bytes from here on are written as they are? */
static size_t plain_bytes(struct bytes string, size_t from)
{
	size_t at = from;
	while (at < string.size) {
		uint8_t byte = string.data[at];
		size_t n = 1;
		if (!is_plain(byte) &&
		    (byte < 0x80 || byte >= 0xf0 ||
		     utf8_decode(string.data + at, string.size - at, &n) < 0))
			break;
		at += n;
	}
	return at - from;
}

static size_t add_special(struct text *text, const uint8_t *at, size_t size)
{
	size_t n = 1;
	if (*at < 0x80) {
		add_escaped(text, *at);
		return n;
	}
	int32_t point = utf8_decode(at, size, &n);
	if (point < 0) {
		RENDER_TEXT_ADD(text, "\xef\xbf\xbd");
	} else {
		add_unit(text, 0xd800 + (((uint32_t)point - 0x10000) >> 10));
		add_unit(text, 0xdc00 + (((uint32_t)point - 0x10000) & 0x3ff));
	}
	return n;
}

void render_text_escaped(struct text *text, struct bytes string)
{
	for (size_t at = 0; at < string.size;) {
		size_t n = plain_bytes(string, at);
		text_add(text, string.data + at, n);
		at += n;
		if (at < string.size)
			at += add_special(text, string.data + at, string.size - at);
	}
}

void render_text_string(struct text *text, struct bytes string)
{
	text_add_byte(text, '"');
	render_text_escaped(text, string);
	text_add_byte(text, '"');
}

/* ---- Floating-point numbers ---- */

struct digits {
	char digits[20];        /* no zero at the end, but one digit at least */
	int count;
	int exponent;           /* of the first digit: 1.5 has 0 */
};

static void strip_zeros(struct digits *digits)
{
	while (digits->count > 1 && digits->digits[digits->count - 1] == '0')
		digits->count--;
}

/* Most numbers that people store are short: n / 10^k is rounded correctly, so it says whether n
 * with k decimals reads back as the same number. */
static bool find_short(double number, struct digits *out)
{
	static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };
	if (number >= 1e9 || number < 1e-3)
		return false;
	for (int k = 0; k <= 6; k++) {
		double scaled = number * powers[k];
		uint64_t n = (uint64_t)(scaled + 0.5);
		if ((double)n / powers[k] != number)
			continue;
		char all[20];
		int count = 0;
		for (; n != 0; n /= 10)
			all[count++] = (char)('0' + n % 10);
		for (int i = 0; i < count; i++)
			out->digits[i] = all[count - 1 - i];
		out->count = count;
		out->exponent = count - 1 - k;
		strip_zeros(out);
		return true;
	}
	return false;
}

static void read_digits(const char *printed, struct digits *out)
{
	out->count = 0;
	for (; *printed != 'e'; printed++)
		if (*printed >= '0' && *printed <= '9')
			out->digits[out->count++] = *printed;
	out->exponent = atoi(printed + 1);
	strip_zeros(out);
}

/* A precision up to `unique` is the same for all numbers that are not subnormal (C11 5.2.4.2.2:
 * DBL_DIG, FLT_DIG), so the shorter ones are found by leaving zeros out.  Java prints two digits
 * at least, and so finds 4.9E-324 where one would do. */
static void find_digits64(double number, struct digits *out)
{
	char printed[40];
	if (find_short(number, out))
		return;
	for (int precision = number < 2.3e-308 ? 2 : 15; precision <= 17; precision++) {
		snprintf(printed, sizeof(printed), "%.*e", precision - 1, number);
		if (strtod(printed, NULL) == number)
			break;
	}
	read_digits(printed, out);
}

static void find_digits32(float number, struct digits *out)
{
	char printed[40];
	for (int precision = number < 1.2e-38f ? 2 : 6; precision <= 9; precision++) {
		snprintf(printed, sizeof(printed), "%.*e", precision - 1, (double)number);
		if (strtof(printed, NULL) == number)
			break;
	}
	read_digits(printed, out);
}

static void add_zeros(struct text *text, int count)
{
	for (; count > 0; count--)
		text_add_byte(text, '0');
}

/* From 10^-3 to below 10^7 without an exponent, as Double.toString says. */
static void add_digits(struct text *text, const struct digits *digits)
{
	int exponent = digits->exponent;
	if (exponent >= 7 || exponent < -3) {
		text_add(text, digits->digits, 1);
		text_add_byte(text, '.');
		text_add(text, digits->count > 1 ? digits->digits + 1 : "0",
			 digits->count > 1 ? (size_t)digits->count - 1 : 1);
		text_add_byte(text, 'E');
		text_add_i64(text, exponent);
	} else if (exponent < 0) {
		RENDER_TEXT_ADD(text, "0.");
		add_zeros(text, -1 - exponent);
		text_add(text, digits->digits, (size_t)digits->count);
	} else {
		int whole = exponent + 1;
		int shown = whole < digits->count ? whole : digits->count;
		text_add(text, digits->digits, (size_t)shown);
		add_zeros(text, whole - shown);
		text_add_byte(text, '.');
		text_add(text, shown < digits->count ? digits->digits + shown : "0",
			 shown < digits->count ? (size_t)(digits->count - shown) : 1);
	}
}

static bool add_unusual(struct text *text, double number)
{
	if (isnan(number))
		RENDER_TEXT_ADD(text, "\"NaN\"");
	else if (isinf(number))
		text_add_string(text, number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else if (signbit(number))
		text_add_byte(text, '-');
	if (number == 0)
		RENDER_TEXT_ADD(text, "0.0");
	return !isfinite(number) || number == 0;
}

void render_text_float64(struct text *text, double number)
{
	struct digits digits;
	if (add_unusual(text, number))
		return;
	find_digits64(fabs(number), &digits);
	add_digits(text, &digits);
}

void render_text_float32(struct text *text, float number)
{
	struct digits digits;
	if (add_unusual(text, (double)number))
		return;
	find_digits32(fabsf(number), &digits);
	add_digits(text, &digits);
}

/* ---- Bytes ---- */

void render_text_base64(struct text *text, struct bytes bytes, bool is_url_safe)
{
	static const char usual[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *digits = is_url_safe ? safe : usual;
	char piece[256];
	size_t used = 0;

	piece[used++] = '"';
	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t left = bytes.size - i;
		uint32_t group = (uint32_t)bytes.data[i] << 16 |
				 (left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
				 (left > 2 ? bytes.data[i + 2] : 0);
		piece[used++] = digits[group >> 18];
		piece[used++] = digits[group >> 12 & 63];
		piece[used++] = left > 1 ? digits[group >> 6 & 63] : '=';
		piece[used++] = left > 2 ? digits[group & 63] : '=';
		if (used > sizeof(piece) - 5) {
			text_add(text, piece, used);
			used = 0;
		}
	}
	piece[used++] = '"';
	text_add(text, piece, used);
}
