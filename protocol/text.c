#include "protocol/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int text_check(const struct text *text, struct error *err)
{
	return text->has_failed ? error_set(err, ERROR_MEMORY, "no memory for %zu bytes of text",
					    text->buffer.size)
				: 0;
}

void text_add(struct text *text, const void *data, size_t size)
{
	if (size == 0 || text->has_failed)
		return;
	if (msgpack_sbuffer_write(&text->buffer, data, size) != 0)
		text->has_failed = true;
}

void text_add_byte(struct text *text, char byte)
{
	text_add(text, &byte, 1);
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_add_format(struct text *text, const char *format, ...)
{
	char piece[256];
	char *longer = NULL;
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int size = vsnprintf(piece, sizeof(piece), format, arguments);
	if (size >= (int)sizeof(piece)) {
		longer = malloc((size_t)size + 1);
		if (longer != NULL)
			vsnprintf(longer, (size_t)size + 1, format, again);
	}
	if (size < 0 || (size >= (int)sizeof(piece) && longer == NULL))
		text->has_failed = true;
	else
		text_add(text, longer != NULL ? longer : piece, (size_t)size);
	free(longer);
	va_end(again);
	va_end(arguments);
}

void text_add_hex(struct text *text, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	char piece[256];
	size_t used = 0;
	for (size_t i = 0; i < bytes.size; i++) {
		piece[used++] = digits[bytes.data[i] >> 4];
		piece[used++] = digits[bytes.data[i] & 0xf];
		if (used == sizeof(piece)) {
			text_add(text, piece, used);
			used = 0;
		}
	}
	text_add(text, piece, used);
}

void text_add_u64(struct text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	text_add(text, digits + at, sizeof(digits) - at);
}

void text_add_i64(struct text *text, int64_t number)
{
	if (number < 0)
		text_add_byte(text, '-');
	text_add_u64(text, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

/* printf writes the locale's decimal point, of one byte or more. */
static void add_number(struct text *text, const char *number)
{
	while (*number != '\0') {
		size_t plain = strspn(number, "+-0123456789e");
		text_add(text, number, plain);
		number += plain;
		if (*number == '\0')
			return;
		text_add_byte(text, '.');
		number += strcspn(number, "+-0123456789e");
	}
}

static bool add_infinite(struct text *text, double number)
{
	if (isfinite(number))
		return false;
	text_add_string(text, isnan(number) ? "NaN" : number > 0 ? "infinity" : "-infinity");
	return true;
}

/* 15 digits survive a way through a double, 17 always suffice; of a float, 6
 * and 9 (C11 5.2.4.2.2: DBL_DIG, DBL_DECIMAL_DIG, FLT_DIG, FLT_DECIMAL_DIG). */
void text_add_float64(struct text *text, double number)
{
	char digits[40];
	if (add_infinite(text, number))
		return;
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, number);
		if (strtod(digits, NULL) == number)
			break;
	}
	add_number(text, digits);
}

void text_add_float32(struct text *text, float number)
{
	char digits[40];
	if (add_infinite(text, (double)number))
		return;
	for (int precision = 6; precision <= 9; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, (double)number);
		if (strtof(digits, NULL) == number)
			break;
	}
	add_number(text, digits);
}
