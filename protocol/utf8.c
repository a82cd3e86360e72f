#include "protocol/utf8.h"

/* What may follow a lead byte: how many bytes, and the range of the first of
 * them; the others are always 80 to BF (RFC 3629, section 4). */
struct form {
	uint8_t follow_count;
	uint8_t low;
	uint8_t high;
};

static struct form form_of(uint8_t lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return (struct form){ 1, 0x80, 0xbf };
	if (lead >= 0xe0 && lead <= 0xef)
		return (struct form){ 2, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf };
	if (lead >= 0xf0 && lead <= 0xf4)
		return (struct form){ 3, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf };
	return (struct form){ 0, 0, 0 };
}

int32_t utf8_decode(const uint8_t *at, size_t size, size_t *out_bytes)
{
	*out_bytes = 1;
	if (at[0] < 0x80)
		return at[0];
	struct form form = form_of(at[0]);
	if (form.follow_count == 0)
		return -1;
	int32_t code_point = at[0] & (0x3f >> form.follow_count);
	for (size_t i = 1; i <= form.follow_count; i++) {
		if (i == size || at[i] < form.low || at[i] > form.high)
			return -1;
		code_point = code_point << 6 | (at[i] & 0x3f);
		*out_bytes = i + 1;
		form.low = 0x80;
		form.high = 0xbf;
	}
	return code_point;
}

bool utf8_is_valid(struct bytes text)
{
	size_t n;
	for (size_t i = 0; i < text.size; i += n)
		if (utf8_decode(text.data + i, text.size - i, &n) < 0)
			return false;
	return true;
}

bool utf8_is_printable(int32_t code_point)
{
	if (code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f))
		return false;
	/* U+200E and U+200F, U+2028 to U+202E, U+2066 to U+2069. */
	return !(code_point == 0x061c || code_point == 0x200e || code_point == 0x200f ||
		 (code_point >= 0x2028 && code_point <= 0x202e) ||
		 (code_point >= 0x2066 && code_point <= 0x2069));
}

void utf8_repair(char *text)
{
	size_t left = strlen(text), size;
	for (char *at = text; left > 0; at += size, left -= size)
		if (utf8_decode((const uint8_t *)at, left, &size) < 0)
			memset(at, '?', size);
}
