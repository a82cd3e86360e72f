#include "server/config_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/text.h"
#include "tests/support/fail_malloc.h"

/* What the handler hears, one line a call. */
static struct text heard;

static void on_assignment(void *user, uint32_t line, const char *name, const char *value, bool is_list)
{
	(void)user;
	if (value != NULL)
		text_add_format(&heard, "%" PRIu32 " %s %s [%s]\n", line, name, is_list ? "list" : "=", value);
}

static void on_block(void *user, uint32_t line, const char *name, const char *title)
{
	(void)user;
	text_add_format(&heard, "%" PRIu32 " {%s %s\n", line, name != NULL ? name : "-",
			title != NULL ? title : "-");
}

static void on_block_end(void *user)
{
	(void)user;
	text_add_string(&heard, "}\n");
}

static void on_include(void *user, uint32_t line, const char *pattern)
{
	(void)user;
	text_add_format(&heard, "%" PRIu32 " include %s\n", line, pattern);
}

static void on_problem(void *user, uint32_t line, const char *problem)
{
	(void)user;
	text_add_format(&heard, "%" PRIu32 "! %s\n", line, problem);
}

static const char *environment(const char *name)
{
	if (strcmp(name, "HOST") == 0)
		return "10.0.0.1";
	if (strcmp(name, "EMPTY") == 0)
		return "";
	return strcmp(name, "ODD") == 0 ? "a\"b\n} ${HOST}" : NULL;
}

static const struct config_handler handler = {
	.on_assignment = on_assignment, .on_block = on_block, .on_block_end = on_block_end,
	.on_include = on_include, .on_problem = on_problem, .environment = environment,
};

static void parse_bytes(const char *text, size_t size)
{
	/* Its own memory, so that a step past its end is noticed. */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	memcpy(copy, text, size);
	config_parse((struct bytes){ copy, size }, &handler);
	free(copy);
}

static void expect(const char *text, const char *expected)
{
	text_init(&heard);
	parse_bytes(text, strlen(text));
	text_add_byte(&heard, '\0');
	assert_string_equal(heard.buffer.data, expected);
	text_clear(&heard);
}

static void assignments_are_heard_with_their_lines(void **state)
{
	(void)state;
	expect("listen = 127.0.0.1:7470\n\n  data.dir=/var/lib/x\r\n\tlog.level = \"debug\"", 
	       "1 listen = [127.0.0.1:7470]\n3 data.dir = [/var/lib/x]\n4 log.level = [debug]\n");
	expect("a = 1 b = 2; c = 3;;\nd = '4'", "1 a = [1]\n1 b = [2]\n1 c = [3]\n2 d = [4]\n");
	expect("\xef\xbb\xbflisten = x", "1 listen = [x]\n");
	expect("", "");
	expect("a = \"\"", "1 a = []\n");
}

static void comments_are_skipped(void **state)
{
	(void)state;
	expect("# one\na = 1 # two\n// three\nb = x//y\nc = postgres://h/x // four\n/* five\n six */ d = /* 7 */ 4\n",
	       "2 a = [1]\n4 b = [x//y]\n5 c = [postgres://h/x]\n7 d = [4]\n");
	expect("a = 1#x", "1 a = [1]\n");
	expect("a = 1/* no comment */", "1 a = [1/*]\n1! 'no' goes on with '=' and a value, or, as a block, "
					"with one title and '{', but here is '*/'\n");
	expect("a = 1\n/* x\n\n", "1 a = [1]\n2! the comment that begins here has no end (*/)\n");
	expect("a = '# not one' b = \"// nor this\"", "1 a = [# not one]\n1 b = [// nor this]\n");
}

static void texts_have_escapes_in_double_quotes_alone(void **state)
{
	(void)state;
	expect("a = \"x\\\\y\\\"z\\$\\n\\t\\r\"", "1 a = [x\\y\"z$\n\t\r]\n");
	expect("a = 'x\\y\"${HOST}'", "1 a = [x\\y\"${HOST}]\n");
	expect("a = \"one \\\n  two\" b = 3", "1 a = [one   two]\n2 b = [3]\n");
	expect("a = \"one \\\r\n  two\" b = 3", "1 a = [one   two]\n2 b = [3]\n");
	expect("a = \"public\\.users\"\nb = 2",
	       "1! in double quotes \\ stands before one of \\ \" $ n t r or the end of the line: write \\\\ for "
	       "one of its own, or put the text in single quotes\n2 b = [2]\n");
	expect("a = 'it\"s' b = \"it's\"", "1 a = [it\"s]\n1 b = [it's]\n");
	expect("a = \"$5 $\"", "1 a = [$5 $]\n");
}

static void text_without_an_end_is_one_problem(void **state)
{
	(void)state;
	expect("a = \"open\nb = 2\n", "1! the text that begins with \" on line 1 has no \" at its end\n2 b = [2]\n");
	expect("a = 'open", "1! the text that begins with ' on line 1 has no ' at its end\n");
	expect("a = \"open \\\n more\nb = 2",
	       "2! the text that begins with \" on line 1 has no \" at its end\n3 b = [2]\n");
	expect("a = \"\\", "1! in double quotes \\ stands before one of \\ \" $ n t r or the end of the line: "
			   "write \\\\ for one of its own, or put the text in single quotes\n"
			   "1! the text that begins with \" on line 1 has no \" at its end\n");
}

static void environment_stands_in_words_and_double_quotes(void **state)
{
	(void)state;
	expect("a = \"http://${HOST}:80/\" b = ${HOST} c = x${HOST}y",
	       "1 a = [http://10.0.0.1:80/]\n1 b = [10.0.0.1]\n1 c = [x10.0.0.1y]\n");
	expect("a = \"${NONE:-d e}\" b = \"${EMPTY:-full}\" c = \"${EMPTY}\" d = \"${HOST:-x}\" e = \"${NONE:-}\"",
	       "1 a = [d e]\n1 b = [full]\n1 c = []\n1 d = [10.0.0.1]\n1 e = []\n");
	expect("a = \"\\${HOST}\" b = '${HOST}'", "1 a = [${HOST}]\n1 b = [${HOST}]\n");
	/* What it holds is a value, whatever it looks like. */
	expect("a = \"${ODD}\" b = ${ODD}", "1 a = [a\"b\n} ${HOST}]\n1 b = [a\"b\n} ${HOST}]\n");
}

static void variable_that_is_not_set_is_a_problem(void **state)
{
	(void)state;
	expect("a = 1\nb = \"${NONE}${NADA}\"\nc = ${NONE}\nd = 4",
	       "1 a = [1]\n"
	       "2! the environment variable NONE is not set: set it, or write ${NONE:-default}\n"
	       "2! the environment variable NADA is not set: set it, or write ${NADA:-default}\n"
	       "3! the environment variable NONE is not set: set it, or write ${NONE:-default}\n"
	       "4 d = [4]\n");
	expect("a = { x, ${NONE}, y }",
	       "1! the environment variable NONE is not set: set it, or write ${NONE:-default}\n");
}

#define SUBSTITUTION "! a '${' goes on as ${NAME} or ${NAME:-default}, NAME of A-Z a-z 0-9 _; in double quotes " \
		     "\\$ stands for a '$' of its own\n"

static void what_is_no_variable_is_a_problem(void **state)
{
	(void)state;
	expect("a = \"${}\"\nb = \"${1A}\"\nc = \"${A B}\"\nd = ${A-x}\ne = \"${HOST\"\nf = ${HOST:-x\ng = 7",
	       "1" SUBSTITUTION "2" SUBSTITUTION "3" SUBSTITUTION "4" SUBSTITUTION "5" SUBSTITUTION
	       "6" SUBSTITUTION "7 g = [7]\n");
	expect("a = ${", "1" SUBSTITUTION);
}

static void lists_are_joined_by_commas(void **state)
{
	(void)state;
	expect("a = {x, \"y z\",'w'} b = { 1,\n  2,\n}\nc = {} d = {\"\", q}",
	       "1 a list [x,y z,w]\n1 b list [1,2]\n4 c list []\n4 d list [,q]\n");
}

static void what_is_no_list_is_one_problem(void **state)
{
	(void)state;
	expect("s \"t\" {\n a = { x y }\n b = 2\n}\nc = 3",
	       "1 {s t\n2! a list goes on with ',' or ends with '}', but here is 'y'\n3 b = [2]\n}\n5 c = [3]\n");
	expect("a = { , x }\nb = 2",
	       "1! a list is made of values, with ',' between them, but here is ','\n2 b = [2]\n");
	/* Its end is missing: what comes behind is found again. */
	expect("a = { x,\n y\nb = 2\nc = 3",
	       "3! a list goes on with ',' or ends with '}', but here is 'b'\n4 c = [3]\n");
	expect("listen: 127.0.0.1:80\nb = 1", "2! an option is written 'listen = VALUE', without a colon, but here is 'b'\n2 b = [1]\n");
	expect("a = { x", "1! a list goes on with ',' or ends with '}', but here is the end of the file\n");
}

static void blocks_have_a_name_and_a_title(void **state)
{
	(void)state;
	expect("topic \"myapp.*\" { partitions = 4  retention.ms = 3 }\nsource myapp\n{\n a.b = c\n}\nx { }\n",
	       "1 {topic myapp.*\n1 partitions = [4]\n1 retention.ms = [3]\n}\n"
	       "2 {source myapp\n4 a.b = [c]\n}\n6 {x -\n}\n");
	expect("topic ${NONE} {\n a = 1\n}\nb = 2",
	       "1! the environment variable NONE is not set: set it, or write ${NONE:-default}\n1 {- \n2 a = [1]\n"
	       "}\n4 b = [2]\n");
	expect("a { b { c = 1 } }", "1 {a -\n1 {b -\n1 c = [1]\n}\n}\n");
}

static void block_without_an_end_is_told_with_its_line(void **state)
{
	(void)state;
	expect("a = 1\ntopic x {\n b = 2\n",
	       "1 a = [1]\n2 {topic x\n3 b = [2]\n2! the block that begins here has no '}' at its end\n}\n");
	expect("a {\nb {", "1 {a -\n2 {b -\n1! the block that begins here has no '}' at its end\n}\n}\n");
}

static void brace_too_much_is_a_problem(void **state)
{
	(void)state;
	expect("a = 1\n}\nb = 2", "1 a = [1]\n2! there is no open block for this '}' to end\n3 b = [2]\n");
	expect("a = ) }\nb = 2", "1! a value comes behind '=', but here is ')'\n2 b = [2]\n");
	expect("{ a = 1 }\nb = 2", "1! a block has a name before its '{'\n1 {- -\n1 a = [1]\n}\n2 b = [2]\n");
}

static void includes_are_heard(void **state)
{
	(void)state;
	expect("include \"conf.d/*.conf\"\ninclude('b.conf') include ( c.conf )",
	       "1 include conf.d/*.conf\n2 include b.conf\n2 include c.conf\n");
	expect("include\na = 1",
	       "2! include takes the name of a file: include \"conf.d/*.conf\", but here is 'a'\n2 a = [1]\n");
	expect("include (a.conf\nb = 1", "1 include a.conf\n2! 'include (' ends with ')', but here is 'b'\n2 b = [1]\n");
	expect("include ()", "1! include takes the name of a file: include \"conf.d/*.conf\", but here is ')'\n");
}

static void missing_value_is_a_problem_of_its_line(void **state)
{
	(void)state;
	expect("a =\nb = 2", "1! 'a =' has no value: it begins on the same line\n2 b = [2]\n");
	expect("a =", "1! a value comes behind '=', but here is the end of the file\n");
	expect("a = = 1\nb = 2", "1! a value comes behind '=', but here is '='\n2 b = [2]\n");
	expect("a = ;\nb = 2", "1! a value comes behind '=', but here is ';'\n2 b = [2]\n");
	expect("s t { a = }\nb = 2", "1 {s t\n1! a value comes behind '=', but here is '}'\n}\n2 b = [2]\n");
}

static void missing_equals_sign_is_a_problem(void **state)
{
	(void)state;
	expect("listen 127.0.0.1:7470\nb = 2",
	       "2! 'listen' goes on with '=' and a value, or, as a block, with one title and '{', but here is 'b'\n"
	       "2 b = [2]\n");
	expect("listen\nb = 2", "2! 'listen' goes on with '=' and a value, but here is 'b'\n2 b = [2]\n");
	expect("listen", "1! 'listen' goes on with '=' and a value, but here is the end of the file\n");
	expect("a = very verbose\nb = 2",
	       "1 a = [very]\n2! 'verbose' goes on with '=' and a value, but here is 'b'\n2 b = [2]\n");
	expect("topic a b {\n c = 1\n}\nd = 2",
	       "1! 'topic' goes on with '=' and a value, or, as a block, with one title and '{', but here is 'b'\n"
	       "1 {- -\n2 c = [1]\n}\n4 d = [2]\n");
}

static void value_of_the_environment_is_not_shown(void **state)
{
	(void)state;
	expect("password x ${HOST}",
	       "1! 'password' goes on with '=' and a value, or, as a block, with one title and '{', but here is a "
	       "value from the environment\n");
}

static void statement_begins_with_a_name(void **state)
{
	(void)state;
	expect("\"a\" = 1\nb = 2", "1! here a name begins an option or a block, but here is 'a'\n2 b = [2]\n");
	expect("= 1\nb = 2", "1! here a name begins an option or a block, but here is '='\n2 b = [2]\n");
	expect("a = 1 ) , (\nb = 2",
	       "1 a = [1]\n1! here a name begins an option or a block, but here is ')'\n2 b = [2]\n");
}

static void all_problems_are_told_at_once(void **state)
{
	(void)state;
	expect("a = \"x\nb\nc = { 1 2 }\nd = ${NONE}\n}\ne = 5\nf g h\n",
	       "1! the text that begins with \" on line 1 has no \" at its end\n"
	       "3! 'b' goes on with '=' and a value, but here is 'c'\n"
	       "3! a list goes on with ',' or ends with '}', but here is '2'\n"
	       "4! the environment variable NONE is not set: set it, or write ${NONE:-default}\n"
	       "5! there is no open block for this '}' to end\n"
	       "6 e = [5]\n"
	       "7! 'f' goes on with '=' and a value, or, as a block, with one title and '{', but here is 'h'\n");
}

static void file_that_is_no_text_is_one_problem(void **state)
{
	static const char zero[] = "a = 1\nb = \0x";
	(void)state;
	expect("a = 1\nb = \xff\n\xff", "2! this is not UTF-8 text\n");
	expect("a = 1\n\n\x7f", "3! this is not a text file: a control character is in it\n");
	text_init(&heard);
	parse_bytes(zero, sizeof(zero));
	assert_int_equal(heard.buffer.size, strlen("2! this is not a text file: a control character is in it\n"));
	text_clear(&heard);
}

static void deep_nesting_takes_no_stack(void **state)
{
	size_t size = 1000000;
	char *text = malloc(size);
	(void)state;
	for (size_t n = 0; n < size; n++)
		text[n] = n % 2 == 0 ? 'a' : '{';
	text_init(&heard);
	parse_bytes(text, size);
	assert_int_equal(text_check(&heard, NULL), 0);
	assert_non_null(memmem(heard.buffer.data, heard.buffer.size,
			       "1! the block that begins here has no '}' at its end\n", 52));
	text_clear(&heard);
	free(text);
}

static void failed_allocation_is_a_problem(void **state)
{
	static const char text[] = "a = \"xyz\" topic \"b\" { c = { 1, 2 } } include d";
	int count = 0;
	(void)state;
	for (int n = 0;; n++, count++) {
		bool has_problem;
		/* What is heard has its memory already. */
		text_init(&heard);
		text_add(&heard, text, sizeof(text));
		for (int k = 0; k < 100; k++)
			text_add(&heard, text, sizeof(text));
		text_empty(&heard);
		fail_malloc_after(n);
		config_parse((struct bytes){ (const uint8_t *)text, sizeof(text) - 1 }, &handler);
		bool has_failed = fail_malloc_stop();
		has_problem = memmem(heard.buffer.data, heard.buffer.size, "! out of memory", 15) != NULL;
		text_clear(&heard);
		if (!has_failed)
			break;
		assert_true(has_problem);
	}
	assert_in_range(count, 5, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assignments_are_heard_with_their_lines),
		cmocka_unit_test(comments_are_skipped),
		cmocka_unit_test(texts_have_escapes_in_double_quotes_alone),
		cmocka_unit_test(text_without_an_end_is_one_problem),
		cmocka_unit_test(environment_stands_in_words_and_double_quotes),
		cmocka_unit_test(variable_that_is_not_set_is_a_problem),
		cmocka_unit_test(what_is_no_variable_is_a_problem),
		cmocka_unit_test(lists_are_joined_by_commas),
		cmocka_unit_test(what_is_no_list_is_one_problem),
		cmocka_unit_test(blocks_have_a_name_and_a_title),
		cmocka_unit_test(block_without_an_end_is_told_with_its_line),
		cmocka_unit_test(brace_too_much_is_a_problem),
		cmocka_unit_test(includes_are_heard),
		cmocka_unit_test(missing_value_is_a_problem_of_its_line),
		cmocka_unit_test(missing_equals_sign_is_a_problem),
		cmocka_unit_test(value_of_the_environment_is_not_shown),
		cmocka_unit_test(statement_begins_with_a_name),
		cmocka_unit_test(all_problems_are_told_at_once),
		cmocka_unit_test(file_that_is_no_text_is_one_problem),
		cmocka_unit_test(deep_nesting_takes_no_stack),
		cmocka_unit_test(failed_allocation_is_a_problem),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
