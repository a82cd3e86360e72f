#include "capture/copy_text.h"

static uint8_t *find(uint8_t *at, uint8_t *end, char wanted)
{
	uint8_t *found = at == end ? NULL : memchr(at, wanted, (size_t)(end - at));
	return found == NULL ? end : found;
}

struct copy_text copy_text_over(void *data, size_t size)
{
	uint8_t *at = data;
	uint8_t *end = size == 0 ? at : at + size;

	if (size > 0 && end[-1] == '\n')
		end--;
	return (struct copy_text){ at, end, find(at, end, '\\'), false };
}

static int digit_of(uint8_t c, int base)
{
	int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : base;
	return digit < base ? digit : -1;
}

/* Up to so many digits; a number over 255 loses its high bits, as in PostgreSQL. */
static uint8_t *read_code(uint8_t *at, uint8_t *end, int base, int digits_max, uint8_t *out)
{
	unsigned code = 0;

	for (int i = 0; i < digits_max && at < end && digit_of(*at, base) >= 0; i++)
		code = code * (unsigned)base + (unsigned)digit_of(*at++, base);
	*out = (uint8_t)code;
	return at;
}

/* Undo the escape behind a backslash; returns where the text goes on. */
static uint8_t *unescape_one(uint8_t *at, uint8_t *end, uint8_t *out)
{
	switch (*at) {
	case 'b': *out = '\b'; return at + 1;
	case 'f': *out = '\f'; return at + 1;
	case 'n': *out = '\n'; return at + 1;
	case 'r': *out = '\r'; return at + 1;
	case 't': *out = '\t'; return at + 1;
	case 'v': *out = '\v'; return at + 1;
	case 'x':
		if (at + 1 < end && digit_of(at[1], 16) >= 0)
			return read_code(at + 1, end, 16, 2, out);
		break;
	case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7':
		return read_code(at, end, 8, 3, out);
	}
	*out = *at;
	return at + 1;
}

/* Undo all from the first backslash on; returns the field's new end. */
static uint8_t *unescape(uint8_t *at, uint8_t *end)
{
	uint8_t *out = at;

	while (at < end) {
		if (*at != '\\') {
			*out++ = *at++;
			continue;
		}
		if (++at == end)
			return NULL;
		at = unescape_one(at, end, out++);
	}
	return out;
}

int copy_text_next(struct copy_text *line, struct bytes *out, struct error *err)
{
	if (line->is_done)
		return 0;

	/* PostgreSQL writes a tab in a value as \t: a raw one always parts two fields. */
	uint8_t *first = line->at;
	uint8_t *field_end = find(first, line->end, '\t');
	uint8_t *last = field_end;
	bool is_null = false;

	if (line->escape < field_end) {
		is_null = field_end - first == 2 && first[0] == '\\' && first[1] == 'N';
		last = is_null ? field_end : unescape(line->escape, field_end);
		if (last == NULL)
			return error_set(err, ERROR_MALFORMED, "COPY line has a field that ends in the middle of an escape");
		line->escape = find(field_end, line->end, '\\');
	}
	line->is_done = field_end == line->end;
	line->at = line->is_done ? field_end : field_end + 1;
	*out = is_null ? (struct bytes){ 0 } : (struct bytes){ first, (size_t)(last - first) };
	return 1;
}
