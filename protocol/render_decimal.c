#include "protocol/render_decimal.h"

#include "protocol/render_text.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	SHORT_DIGITS = 18,      /* that fit int64 */
	STACK_LIMBS = 64,
	STACK_DIGITS = 480,
	LIMB_DIGITS = 9,
	LIMB_BASE = 1000000000,
};

struct decimal {
	bool is_negative;
	struct bytes whole;
	struct bytes fraction;
};

static int refuse(struct bytes text, const char *why, struct error *err)
{
	return error_set(err, ERROR_MALFORMED, "'%.*s' %s",
			 (int)(text.size < 40 ? text.size : 40), (const char *)text.data, why);
}

static size_t count_digits(const uint8_t *at, size_t size)
{
	size_t n = 0;
	while (n < size && at[n] >= '0' && at[n] <= '9')
		n++;
	return n;
}

static int parse(struct bytes text, struct decimal *out, struct error *err)
{
	const uint8_t *at = text.data;
	size_t left = text.size;

	if (left > RENDER_DECIMAL_DIGITS_MAX)
		return error_set(err, ERROR_LIMIT, "a decimal number of %zu bytes is too large", left);
	out->is_negative = left > 0 && *at == '-';
	if (left > 0 && (*at == '-' || *at == '+')) {
		at++;
		left--;
	}
	out->whole = (struct bytes){ at, count_digits(at, left) };
	at += out->whole.size;
	left -= out->whole.size;
	out->fraction = (struct bytes){ at, 0 };
	if (left > 0 && *at == '.') {
		at++;
		left--;
		out->fraction = (struct bytes){ at, count_digits(at, left) };
		left -= out->fraction.size;
	}
	if (left != 0 || out->whole.size + out->fraction.size == 0)
		return refuse(text, "is no decimal number", err);
	return 0;
}

/* The decimal's digits moved to the scale: whole, then so many of the fraction, then zeros. */
static int bring_to_scale(struct bytes text, struct decimal *decimal, int32_t scale,
			  size_t *out_zeros, struct error *err)
{
	size_t wanted = scale > 0 ? (size_t)scale : 0;
	*out_zeros = 0;
	if (wanted > RENDER_DECIMAL_SCALE_MAX)
		return error_set(err, ERROR_LIMIT, "a scale of %d is too large", scale);
	while (decimal->fraction.size > wanted) {
		if (decimal->fraction.data[decimal->fraction.size - 1] != '0')
			return refuse(text, "has more digits than its column's scale", err);
		decimal->fraction.size--;
	}
	*out_zeros = wanted - decimal->fraction.size;
	for (; scale < 0 && decimal->whole.size > 0; scale++, decimal->whole.size--)
		if (decimal->whole.data[decimal->whole.size - 1] != '0')
			return refuse(text, "has more digits than its column's scale", err);
	return 0;
}

struct digit_cursor {
	const struct decimal *decimal;
	size_t at;
};

static uint32_t next_digit(struct digit_cursor *cursor)
{
	const struct decimal *decimal = cursor->decimal;
	size_t at = cursor->at++;
	if (at < decimal->whole.size)
		return decimal->whole.data[at] - (uint32_t)'0';
	at -= decimal->whole.size;
	return at < decimal->fraction.size ? decimal->fraction.data[at] - (uint32_t)'0' : 0;
}

/* Least significant limb first; returns how many are used. */
static size_t make_limbs(struct digit_cursor *cursor, size_t digit_count, uint32_t *limbs)
{
	size_t used = 0;
	while (digit_count > 0) {
		size_t step = digit_count % LIMB_DIGITS != 0 ? digit_count % LIMB_DIGITS : LIMB_DIGITS;
		uint32_t factor = 1;
		uint64_t carry = 0;
		for (size_t i = 0; i < step; i++, factor *= 10)
			carry = carry * 10 + next_digit(cursor);
		for (size_t i = 0; i < used; i++) {
			carry += (uint64_t)limbs[i] * factor;
			limbs[i] = (uint32_t)carry;
			carry >>= 32;
		}
		if (carry != 0)
			limbs[used++] = (uint32_t)carry;
		digit_count -= step;
	}
	return used;
}

static void negate(uint32_t *limbs, size_t count)
{
	uint64_t carry = 1;
	for (size_t i = 0; i < count; i++) {
		carry += (uint32_t)~limbs[i];
		limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

/* In place: the bytes of the number, in order, shortest. */
static struct bytes twos_complement(uint32_t *limbs, size_t count, bool is_negative)
{
	uint8_t *bytes = (uint8_t *)limbs;
	size_t size = count * 4, skipped = 0;

	if (is_negative)
		negate(limbs, count);
	for (size_t low = 0, high = count - 1; low < high; low++, high--) {
		uint32_t limb = limbs[low];
		limbs[low] = limbs[high];
		limbs[high] = limb;
	}
	for (size_t i = 0; i < count; i++)
		store_u32(bytes + 4 * i, limbs[i]);
	uint8_t sign = bytes[0] & 0x80 ? 0xff : 0;
	while (skipped + 1 < size && bytes[skipped] == sign && ((bytes[skipped + 1] ^ sign) & 0x80) == 0)
		skipped++;
	return (struct bytes){ bytes + skipped, size - skipped };
}

static int add_unscaled(struct text *text, const struct decimal *decimal, size_t zeros,
			struct error *err)
{
	struct digit_cursor cursor = { decimal, 0 };
	size_t digit_count = decimal->whole.size + decimal->fraction.size + zeros;
	size_t limb_count = digit_count / LIMB_DIGITS + 3;
	uint32_t stack[STACK_LIMBS];
	uint32_t *limbs = stack;

	if (limb_count > STACK_LIMBS) {
		limbs = malloc(limb_count * sizeof(*limbs));
		if (limbs == NULL)
			return error_set(err, ERROR_MEMORY, "no memory for a number of %zu digits", digit_count);
	}
	size_t used = make_limbs(&cursor, digit_count, limbs);
	limbs[used++] = 0;      /* room for the sign */
	render_text_base64(text, twos_complement(limbs, used, decimal->is_negative), false);
	if (limbs != stack)
		free(limbs);
	return 0;
}

int render_decimal_scaled(struct text *text, struct bytes decimal, int32_t scale, struct error *err)
{
	struct decimal parts;
	size_t zeros;
	if (parse(decimal, &parts, err) != 0 || bring_to_scale(decimal, &parts, scale, &zeros, err) != 0)
		return -1;
	return add_unscaled(text, &parts, zeros, err);
}

int render_decimal_variable(struct text *text, struct bytes decimal, struct error *err)
{
	struct decimal parts;
	if (parse(decimal, &parts, err) != 0)
		return -1;
	while (parts.fraction.size > 0 && parts.fraction.data[parts.fraction.size - 1] == '0')
		parts.fraction.size--;
	RENDER_TEXT_ADD(text, "{\"scale\":");
	text_add_u64(text, parts.fraction.size);
	RENDER_TEXT_ADD(text, ",\"value\":");
	if (add_unscaled(text, &parts, 0, err) != 0)
		return -1;
	text_add_byte(text, '}');
	return 0;
}

/* Few digits are exact as a double, and so is a small power of ten: their quotient is rounded
 * once.  The rest is strtod's, without a point, which would be the locale's. */
int render_decimal_double(struct text *text, struct bytes decimal, struct error *err)
{
	static const double powers[] = { 1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
					 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	struct decimal parts;
	struct digit_cursor cursor = { &parts, 0 };
	double number = 0;

	if (parse(decimal, &parts, err) != 0)
		return -1;
	size_t digit_count = parts.whole.size + parts.fraction.size;
	if (digit_count <= 15) {
		uint64_t n = 0;
		for (size_t i = 0; i < digit_count; i++)
			n = n * 10 + next_digit(&cursor);
		number = (double)n / powers[parts.fraction.size];
	} else {
		char stack[STACK_DIGITS + 32];
		char *digits = digit_count > STACK_DIGITS ? malloc(digit_count + 32) : stack;
		if (digits == NULL)
			return error_set(err, ERROR_MEMORY, "no memory for a number of %zu digits", digit_count);
		memcpy(digits, parts.whole.data, parts.whole.size);
		memcpy(digits + parts.whole.size, parts.fraction.data, parts.fraction.size);
		snprintf(digits + digit_count, 32, "e-%zu", parts.fraction.size);
		number = strtod(digits, NULL);
		if (digits != stack)
			free(digits);
	}
	/* Java's BigDecimal has no -0. */
	render_text_float64(text, parts.is_negative && number != 0 ? -number : number);
	return 0;
}

int render_decimal_string(struct text *text, struct bytes decimal, int32_t scale, struct error *err)
{
	struct decimal parts;
	size_t zeros = 0;
	if (parse(decimal, &parts, err) != 0)
		return -1;
	if (scale > RENDER_DECIMAL_SCALE_MAX)
		return error_set(err, ERROR_LIMIT, "a scale of %d is too large", scale);
	if (scale > 0 && (size_t)scale > parts.fraction.size)
		zeros = (size_t)scale - parts.fraction.size;
	text_add_byte(text, '"');
	text_add(text, decimal.data, decimal.size);
	if (zeros > 0 && parts.fraction.size == 0)
		text_add_byte(text, '.');
	for (; zeros > 0; zeros--)
		text_add_byte(text, '0');
	text_add_byte(text, '"');
	return 0;
}

int render_decimal_of_money(struct bytes money, char *out, size_t *out_size, struct error *err)
{
	size_t used = 0;
	for (size_t i = 0; i < money.size; i++) {
		char letter = (char)money.data[i];
		if (letter == '$' || letter == ',')
			continue;
		if (!((letter >= '0' && letter <= '9') || letter == '.' || (letter == '-' && used == 0)))
			return refuse(money, "is no money in the locale C", err);
		out[used++] = letter;
	}
	*out_size = used;
	return 0;
}
