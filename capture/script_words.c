#include "capture/script_words.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT_DIGITS_MAX = 18 };

void script_words_skip(struct script_words *words)
{
	while (words->at < words->end && (*words->at == ' ' || *words->at == '\t'))
		words->at++;
}

int script_words_next(struct script_words *words, struct bytes *out)
{
	script_words_skip(words);
	const char *begin = words->at;
	while (words->at < words->end && *words->at != ' ' && *words->at != '\t')
		words->at++;
	*out = (struct bytes){ (const uint8_t *)begin, (size_t)(words->at - begin) };
	return words->at > begin;
}

bool script_words_is(struct bytes word, const char *text)
{
	return word.size == strlen(text) && memcmp(word.data, text, word.size) == 0;
}

int script_words_split_count(struct bytes *word, uint64_t *out, struct error *err)
{
	const uint8_t *star = word->size > 0 ? memchr(word->data, '*', word->size) : NULL;
	*out = 1;
	if (star == NULL)
		return 0;
	size_t digits = (size_t)(word->data + word->size - star - 1);
	uint64_t count = 0;
	for (size_t i = 0; i < digits; i++) {
		if (star[1 + i] < '0' || star[1 + i] > '9')
			digits = 0;
		count = count * 10 + (uint64_t)(star[1 + i] - '0');
	}
	if (digits == 0 || digits > COUNT_DIGITS_MAX)
		return error_set(err, ERROR_MALFORMED, "'%.*s' is no count", (int)word->size,
				 (const char *)word->data);
	word->size = (size_t)(star - word->data);
	*out = count;
	return 0;
}

int script_words_number(struct script_words *words, uint64_t *out, struct error *err)
{
	char digits[COUNT_DIGITS_MAX + 1];
	struct bytes word;
	char *end;
	if (script_words_next(words, &word) == 0 || word.size > COUNT_DIGITS_MAX)
		return error_set(err, ERROR_MALFORMED, "a number is missing");
	memcpy(digits, word.data, word.size);
	digits[word.size] = '\0';
	*out = strtoull(digits, &end, 10);
	if (*end != '\0')
		return error_set(err, ERROR_MALFORMED, "'%s' is no number", digits);
	return 0;
}
