#include "protocol/topic_pattern.h"

#include "protocol/limits.h"

static bool is_name_character(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

int topic_pattern_check(struct bytes pattern, struct error *err)
{
	int star_count = 0;

	if (pattern.size == 0)
		return error_set(err, ERROR_INVALID, "a topic name or pattern is empty");
	if (pattern.size > TOPIC_PATTERN_BYTES_MAX)
		return error_set(err, ERROR_INVALID, "a topic name or pattern has %zu bytes, %d are allowed",
				 pattern.size, TOPIC_PATTERN_BYTES_MAX);
	for (size_t i = 0; i < pattern.size; i++) {
		if (pattern.data[i] == '*')
			star_count++;
		else if (!is_name_character(pattern.data[i]))
			return error_set(err, ERROR_INVALID,
					 "byte 0x%02x does not belong in a topic name or pattern: "
					 "letters, digits, '.', '_', '-' and '*' do",
					 pattern.data[i]);
	}
	if (star_count > TOPIC_PATTERN_STARS_MAX)
		return error_set(err, ERROR_INVALID, "a topic pattern has %d stars, %d are allowed",
				 star_count, TOPIC_PATTERN_STARS_MAX);
	return 0;
}

bool topic_pattern_has_star(struct bytes pattern)
{
	return pattern.size > 0 && memchr(pattern.data, '*', pattern.size) != NULL;
}

/* When a character does not fit, only the last star need be given one more: what the
 * ones before it took was the least that was possible. */
bool topic_pattern_matches(struct bytes pattern, struct bytes name)
{
	size_t p = 0, n = 0;
	bool has_star = false;
	size_t behind_star = 0, star_end = 0;   /* in the pattern; in the name */

	while (n < name.size) {
		if (p < pattern.size && pattern.data[p] == '*') {
			has_star = true;
			behind_star = ++p;
			star_end = n;
		} else if (p < pattern.size && pattern.data[p] == name.data[n]) {
			p++;
			n++;
		} else if (has_star) {
			p = behind_star;
			n = ++star_end;
		} else {
			return false;
		}
	}
	while (p < pattern.size && pattern.data[p] == '*')
		p++;
	return p == pattern.size;
}
