#include "capture/script_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

static struct script parse(const char *text)
{
	struct script script;
	struct error err = { 0 };
	if (script_parse(&script, bytes_of_text(text), &err) != 0)
		fail_msg("%s", err.text);
	return script;
}

#define WHOLE                                                                          \
	"# all there is\n"                                                             \
	"table public.users id:int32* name:string\n"                                   \
	"table plain on:bool share:float64 note:json\n"                                \
	"oldest 3\n"                                                                   \
	"confirm /tmp/x\n"                                                             \
	"snapshot\n"                                                                   \
	"  public.users*100 $i \"Ann\"\n"                                              \
	"end\n"                                                                        \
	"begin*1000\n"                                                                 \
	"  c*50 public.users $i \"row $i of $n\"\n"                                    \
	"  u public.users 2 \"B\" was 1 \"it was \\\"A\\\"\"\n"                        \
	"  d plain true -1.5 null\n"                                                   \
	"  t plain\n"                                                                  \
	"commit\n"                                                                     \
	"wait 500\n"                                                                   \
	"fail*3 connection it is gone\n"                                               \
	"hang"

static void every_line_is_read(void **state)
{
	struct script script = parse(WHOLE);
	(void)state;
	assert_int_equal(script.table_count, 2);
	assert_string_equal(script.tables[0].name, "public.users");
	assert_memory_equal(script.tables[0].schema.schema.data, "public", 6);
	assert_memory_equal(script.tables[0].schema.table.data, "users", 5);
	assert_true(script.tables[0].has_key);
	assert_false(script.tables[1].has_key);
	assert_int_equal(script.oldest, 3);
	assert_string_equal(script.confirm_path, "/tmp/x");
	assert_int_equal(script.snapshot_count, 1);
	assert_int_equal(script.snapshot[0].count, 100);
	static const enum script_verb verbs[] = {
		SCRIPT_BEGIN, SCRIPT_ROW, SCRIPT_ROW, SCRIPT_ROW, SCRIPT_ROW, SCRIPT_COMMIT,
		SCRIPT_WAIT, SCRIPT_FAIL, SCRIPT_HANG,
	};
	static const uint64_t counts[] = { 1000, 50, 1, 1, 1, 1, 500, 3, 1 };
	assert_int_equal(script.step_count, 9);
	for (size_t n = 0; n < 9; n++) {
		assert_int_equal(script.steps[n].verb, verbs[n]);
		assert_int_equal(script.steps[n].count, counts[n]);
	}
	assert_int_equal(script.steps[7].code, ERROR_CONNECTION);
	assert_memory_equal(script.steps[7].values.data, "it is gone", 10);
	script_clear(&script);
}

static void expect_row(const struct script *script, size_t step, bool is_was, uint64_t n,
		       uint64_t i, const char *row_hex, const char *key_hex)
{
	msgpack_sbuffer row, key;
	uint8_t expected[128];
	struct error err = { 0 };
	const struct script_step *s = &script->steps[step];
	msgpack_sbuffer_init(&row);
	msgpack_sbuffer_init(&key);
	if (script_row_encode(&script->tables[s->table], is_was ? s->was : s->values, n, i, &row, &key,
			      &err) != 0)
		fail_msg("%s", err.text);
	size_t size = hex_bytes(expected, sizeof(expected), row_hex);
	assert_int_equal(row.size, size);
	assert_memory_equal(row.data, expected, size);
	size = hex_bytes(expected, sizeof(expected), key_hex);
	assert_int_equal(key.size, size);
	if (size > 0)
		assert_memory_equal(key.data, expected, size);
	msgpack_sbuffer_destroy(&row);
	msgpack_sbuffer_destroy(&key);
}

static void rows_are_encoded_with_their_numbers(void **state)
{
	struct script script = parse(WHOLE);
	(void)state;
	expect_row(&script, 1, false, 7, 12, "92 0c ab 72 6f 77 20 31 32 20 6f 66 20 37", "91 0c");
	expect_row(&script, 2, false, 1, 1, "92 02 a1 42", "91 02");
	expect_row(&script, 2, true, 1, 1, "92 01 aa 69 74 20 77 61 73 20 22 41 22", "91 01");
	expect_row(&script, 3, false, 1, 1, "93 c3 cb bf f8 00 00 00 00 00 00 c0", "");
	script_clear(&script);
}

static void example_is_a_script(void **state)
{
	const char *top = getenv("top_srcdir");
	char path[4096], text[8192];
	struct script script;
	struct error err = { 0 };
	(void)state;
	snprintf(path, sizeof(path), "%s/examples/trial.script", top != NULL ? top : ".");
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	size_t size = fread(text, 1, sizeof(text), file);
	fclose(file);
	if (script_parse(&script, (struct bytes){ (const uint8_t *)text, size }, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(script.table_count, 2);
	script_clear(&script);
}

static void wrong_lines_are_refused_by_their_number(void **state)
{
	static const struct { const char *text, *why; } wrong[] = {
		{ "\nnonsense", "line 2: 'nonsense' is not known" },
		{ "table", "a table needs a name" },
		{ "table a", "a table needs columns" },
		{ "table a id", "a column is NAME:TYPE" },
		{ "table a :int32", "a column is NAME:TYPE" },
		{ "table a id:int31", "type 'int31' is not known" },
		{ "c a 1", "a change outside begin and commit" },
		{ "begin\nc a 1\ncommit", "table 'a' is not declared" },
		{ "table a id:int32\nbegin\nc a\ncommit", "0 values, the table has 1 columns" },
		{ "table a id:int32\nbegin\nc a 1 2\ncommit", "more values than columns" },
		{ "table a id:int32\nbegin\nc a x\ncommit", "column 'id': 'x' is no int32" },
		{ "table a id:int16\nbegin\nc a 70000\ncommit", "column 'id'" },
		{ "table a id:int32*\nbegin\nc a null\ncommit", "column 'id': 'null' is no int32" },
		{ "table a id:bool\nbegin\nc a 1\ncommit", "'1' is no bool" },
		{ "table a id:text\nbegin\nc a \"1\ncommit", "a '\"' is missing" },
		{ "table a id:text\nbegin\nc a \"$x\"\ncommit", "$x is neither $n nor $i" },
		{ "table a id:text\nbegin\nc a \\\ncommit", "nothing follows '\\'" },
		{ "begin\nbegin", "a transaction cannot begin here" },
		{ "begin*0\ncommit", "a transaction cannot begin here" },
		{ "begin*x\ncommit", "'begin*x' is no count" },
		{ "commit", "commit without begin" },
		{ "begin", "its end is missing: commit" },
		{ "snapshot", "its end is missing: end" },
		{ "wait", "a number is missing" },
		{ "wait x", "'x' is no number" },
		{ "fail soon", "fails with" },
	};
	(void)state;
	for (size_t n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
		struct script script;
		struct error err = { 0 };
		assert_int_equal(script_parse(&script, bytes_of_text(wrong[n].text), &err), -1);
		if (err.code == ERROR_NONE || strstr(err.text, wrong[n].why) == NULL)
			fail_msg("%s: '%s'", wrong[n].text, err.text);
	}
}

static void every_truncation_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t size = 0; size < strlen(WHOLE); size++) {
		struct script script;
		struct error err = { 0 };
		if (script_parse(&script, (struct bytes){ (const uint8_t *)WHOLE, size }, &err) == 0)
			script_clear(&script);
		else
			assert_int_equal(err.code, ERROR_MALFORMED);
	}
}

static void every_failed_allocation_is_reported(void **state)
{
	(void)state;
	for (int n = 0;; n++) {
		struct script script;
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = script_parse(&script, bytes_of_text(WHOLE), &err);
		bool has_failed = fail_malloc_stop();
		if (rc == 0)
			script_clear(&script);
		if (!has_failed)
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
	}
}

#define RUN(test) cmocka_unit_test(test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(every_line_is_read),
		RUN(rows_are_encoded_with_their_numbers),
		RUN(example_is_a_script),
		RUN(wrong_lines_are_refused_by_their_number),
		RUN(every_truncation_is_read_or_refused),
		RUN(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
