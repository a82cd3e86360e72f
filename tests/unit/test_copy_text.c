#include "capture/copy_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FIELDS_MAX = 8 };

/* The fields of a line, from a copy that ends where its memory ends. */
struct line {
	uint8_t *copy;
	struct bytes fields[FIELDS_MAX];
	int count;
	int rc;
};

static struct line read_line(const char *data, size_t size, struct error *err)
{
	struct line line = { .copy = malloc(size == 0 ? 1 : size) };

	assert_non_null(line.copy);
	memcpy(line.copy, data, size);
	struct copy_text cursor = copy_text_over(line.copy, size);
	while (line.count < FIELDS_MAX && (line.rc = copy_text_next(&cursor, &line.fields[line.count], err)) > 0)
		line.count++;
	return line;
}

#define NIL { NULL, 0 }
#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

static void fields_are_what_postgresql_copied(void **state)
{
	static const struct {
		struct bytes line;
		int count;
		struct bytes fields[FIELDS_MAX];
	} cases[] = {
		{ TEXT("1\tann\t\\N\n"), 3, { TEXT("1"), TEXT("ann"), NIL } },
		{ TEXT("1\tann\t\\N"), 3, { TEXT("1"), TEXT("ann"), NIL } },
		{ TEXT("\n"), 1, { TEXT("") } },
		{ TEXT(""), 1, { TEXT("") } },
		{ TEXT("\t\n"), 2, { TEXT(""), TEXT("") } },
		{ TEXT("\\N\t\\N\n"), 2, { NIL, NIL } },
		/* The text "\N" is no null, and neither is what begins with it. */
		{ TEXT("\\\\N\tNULL\t\\N1\n"), 3, { TEXT("\\N"), TEXT("NULL"), TEXT("N1") } },
		{ TEXT("\\b\\f\\n\\r\\t\\v\\\\\n"), 1, { TEXT("\b\f\n\r\t\v\\") } },
		{ TEXT("a\\tb\tc\td\\\\\t\\\\e\n"), 4, { TEXT("a\tb"), TEXT("c"), TEXT("d\\"), TEXT("\\e") } },
		/* Which PostgreSQL reads, but never writes. */
		{ TEXT("\\x41\\x4g\\101\\1012\\xg\\q\n"), 1, { TEXT("A\x04gAA2xgq") } },
		{ TEXT("\\.\n"), 1, { TEXT(".") } },
		{ TEXT("gr\xc3\xbc\xc3\x9f\x01\n"), 1, { TEXT("gr\xc3\xbc\xc3\x9f\x01") } },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct line line = read_line((const char *)cases[i].line.data, cases[i].line.size, NULL);
		assert_int_equal(line.rc, 0);
		assert_int_equal(line.count, cases[i].count);
		for (int k = 0; k < line.count; k++) {
			const struct bytes *wanted = &cases[i].fields[k];
			assert_int_equal(line.fields[k].data == NULL, wanted->data == NULL);
			assert_int_equal(line.fields[k].size, wanted->size);
			if (wanted->data != NULL)
				assert_memory_equal(line.fields[k].data, wanted->data, wanted->size);
		}
		free(line.copy);
	}
}

static void escape_that_is_cut_short_is_malformed(void **state)
{
	static const char *const lines[] = { "a\\\n", "\\", "a\tb\\\n", "a\\\tb\n" };
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct error err = { 0 };
		struct line line = read_line(lines[i], strlen(lines[i]), &err);
		assert_int_equal(line.rc, -1);
		assert_int_equal(err.code, ERROR_MALFORMED);
		assert_string_equal(err.text, "COPY line has a field that ends in the middle of an escape");
		free(line.copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_what_postgresql_copied),
		cmocka_unit_test(escape_that_is_cut_short_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
