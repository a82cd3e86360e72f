#include "capture/name_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/fail_malloc.h"

static struct name_filter *made(const char *list, enum name_filter_mode mode)
{
	struct name_filter *filter;
	struct error err = { 0 };
	if (name_filter_create(&filter, list, mode, &err) != 0)
		fail_msg("%s: %s", list, err.text);
	return filter;
}

/* Is the name in the list? */
static bool lists(const char *list, const char *name)
{
	struct name_filter *include = made(list, NAME_FILTER_INCLUDE);
	struct name_filter *exclude = made(list, NAME_FILTER_EXCLUDE);
	bool is_in = name_filter_admits(include, bytes_of_text(name));
	assert_int_equal(name_filter_admits(exclude, bytes_of_text(name)), !is_in);
	name_filter_destroy(include);
	name_filter_destroy(exclude);
	return is_in;
}

static void expression_matches_the_whole_name(void **state)
{
	(void)state;
	assert_true(lists("public.users", "public.users"));
	assert_false(lists("public.users", "public.users2"));
	assert_false(lists("public.users", "xpublic.users"));
	assert_false(lists("users", "public.users"));
	assert_true(lists("public.user|public.users", "public.users"));
	assert_true(lists("public\\..*", "public.a.b"));
}

static void case_does_not_matter(void **state)
{
	(void)state;
	assert_true(lists("PUBLIC.Users", "public.uSERS"));
	assert_true(lists("public.Ärger", "public.ärger"));
}

static void commas_separate_expressions_and_blanks_around_them_do_not_count(void **state)
{
	const char *list = " public.a ,public.b,, public.c\t";
	(void)state;
	assert_true(lists(list, "public.a"));
	assert_true(lists(list, "public.b"));
	assert_true(lists(list, "public.c"));
	assert_false(lists(list, "public.d"));
	assert_false(lists(list, ""));
}

static void list_without_expressions_lets_all_pass(void **state)
{
	(void)state;
	for (int n = 0; n < 3; n++) {
		static const char *const lists_of_none[] = { "", " , ,", "\t" };
		struct name_filter *include = made(lists_of_none[n], NAME_FILTER_INCLUDE);
		struct name_filter *exclude = made(lists_of_none[n], NAME_FILTER_EXCLUDE);
		assert_true(name_filter_admits(include, bytes_of_text("public.a")));
		assert_true(name_filter_admits(exclude, bytes_of_text("public.a")));
		name_filter_destroy(include);
		name_filter_destroy(exclude);
	}
	assert_true(name_filter_admits(NULL, bytes_of_text("public.a")));
}

static void comma_of_a_quantifier_a_class_or_behind_a_backslash_separates_nothing(void **state)
{
	(void)state;
	assert_true(lists("s.a{2,3},s.b", "s.aaa"));
	assert_true(lists("s.a{2,3},s.b", "s.b"));
	assert_false(lists("s.a{2,3},s.b", "s.a"));
	assert_true(lists("s.a{2,},s.b", "s.aaaaa"));
	assert_true(lists("s.[a,b],s.c", "s.,"));
	assert_true(lists("s.[a,b],s.c", "s.c"));
	assert_true(lists("s.[],]x", "s.,x"));
	assert_true(lists("s.[^],]x,s.y", "s.ax"));
	assert_true(lists("s.[^],]x,s.y", "s.y"));
	assert_true(lists("s.[\\],]x,s.y", "s.]x"));
	assert_true(lists("s.a\\,b,s.c", "s.a,b"));
	assert_true(lists("s.a\\,b,s.c", "s.c"));
	/* These are no quantifiers. */
	assert_true(lists("s.a\\{1,2}", "2}"));
	assert_true(lists("s.{,2}", "2}"));
}

static void javas_usual_expressions_mean_the_same(void **state)
{
	(void)state;
	assert_true(lists("public\\.(users|orders)(_\\d{4}_\\d{2})?", "public.orders_2026_11"));
	assert_true(lists("(?!public\\.audit).*", "public.users"));
	assert_false(lists("(?!public\\.audit).*", "public.audit_log"));
	assert_true(lists("\\Qa.b\\E", "a.b"));
	assert_false(lists("\\Qa.b\\E", "axb"));
	assert_true(lists("(?<part>[a-z]+)\\.\\k<part>", "ab.ab"));
	assert_true(lists("a++b", "aab"));
}

static void expect_refusal(const char *list, enum error_code code, const char *text)
{
	struct name_filter *filter = (struct name_filter *)&filter;
	struct error err = { 0 };
	assert_int_equal(name_filter_create(&filter, list, NAME_FILTER_INCLUDE, &err), -1);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
	assert_ptr_equal(filter, &filter);
}

static void bad_expression_is_refused_with_its_place(void **state)
{
	(void)state;
	expect_refusal("public.a,public.(b", ERROR_INVALID,
		       "'public.(b' is not a regular expression: missing closing parenthesis (at character 10)");
	expect_refusal("s.[a,s.b", ERROR_INVALID,
		       "'s.[a' is not a regular expression: missing terminating ] for character class (at "
		       "character 5)");
	expect_refusal("*", ERROR_INVALID,
		       "'*' is not a regular expression: quantifier does not follow a repeatable item (at "
		       "character 1)");
	expect_refusal("s.\xff", ERROR_INVALID,
		       "'s.\xff' is not a regular expression: UTF-8 error: illegal byte (0xfe or 0xff) (at "
		       "character 3)");
	expect_refusal("s.a\\", ERROR_INVALID,
		       "'s.a\\' is not a regular expression: \\ at end of pattern (at character 5)");
}

static void what_java_would_read_otherwise_is_refused(void **state)
{
	(void)state;
	expect_refusal(" s.[a[bc]]", ERROR_INVALID,
		       "'s.[a[bc]]' is not a regular expression: a class in a class is not supported (at "
		       "character 5)");
	expect_refusal("s.b,s.[a-z&&[^b]]", ERROR_INVALID,
		       "'s.[a-z&&[^b]]' is not a regular expression: an intersection of classes (&&) is not "
		       "supported (at character 7)");
	expect_refusal("(*ANYCRLF)a", ERROR_INVALID,
		       "'(*ANYCRLF)a' is not a regular expression: there is nothing that * could repeat (at "
		       "character 1)");
	assert_true(lists("\\(*a", "((a"));
}

static void lists_have_limits(void **state)
{
	struct error err = { 0 };
	struct name_filter *filter;
	char *text = malloc(NAME_FILTER_BYTES_MAX + 2);
	(void)state;
	memset(text, 'a', NAME_FILTER_EXPRESSION_BYTES_MAX);
	text[NAME_FILTER_EXPRESSION_BYTES_MAX] = '\0';
	name_filter_destroy(made(text, NAME_FILTER_INCLUDE));
	text[NAME_FILTER_EXPRESSION_BYTES_MAX] = 'a';
	text[NAME_FILTER_EXPRESSION_BYTES_MAX + 1] = '\0';
	assert_int_equal(name_filter_create(&filter, text, NAME_FILTER_INCLUDE, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);

	for (size_t n = 0; n < NAME_FILTER_EXPRESSIONS_MAX; n++)
		memcpy(text + 2 * n, "a,", 3);
	name_filter_destroy(made(text, NAME_FILTER_INCLUDE));
	memcpy(text + 2 * (size_t)NAME_FILTER_EXPRESSIONS_MAX, "a", 2);
	assert_int_equal(name_filter_create(&filter, text, NAME_FILTER_INCLUDE, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_string_equal(err.text, "there are more than 4096 expressions");

	memset(text, ',', NAME_FILTER_BYTES_MAX);
	text[NAME_FILTER_BYTES_MAX] = '\0';
	name_filter_destroy(made(text, NAME_FILTER_INCLUDE));
	text[NAME_FILTER_BYTES_MAX] = ',';
	text[NAME_FILTER_BYTES_MAX + 1] = '\0';
	assert_int_equal(name_filter_create(&filter, text, NAME_FILTER_INCLUDE, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	free(text);
}

/* Without its limit this one takes longer than anybody waits. */
static void match_that_is_given_up_lets_the_name_pass(void **state)
{
	const char *list = "(a|aa|aaa|aaaa|a*)*b";
	const char *name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc";
	struct name_filter *include = made(list, NAME_FILTER_INCLUDE);
	struct name_filter *exclude = made(list, NAME_FILTER_EXCLUDE);
	(void)state;
	assert_true(name_filter_admits(include, bytes_of_text(name)));
	assert_true(name_filter_admits(exclude, bytes_of_text(name)));
	name_filter_destroy(include);
	name_filter_destroy(exclude);
}

static void name_that_is_no_utf8_harms_nothing(void **state)
{
	(void)state;
	assert_false(lists("public.a", "public.\xff\xc0"));
	assert_true(lists("public.a", "public.a"));
}

static void failed_allocation_is_reported(void **state)
{
	int n;
	(void)state;
	for (n = 0;; n++) {
		struct name_filter *filter = NULL;
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = name_filter_create(&filter, "a,b", NAME_FILTER_INCLUDE, &err);
		if (!fail_malloc_stop()) {
			name_filter_destroy(filter);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
	}
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expression_matches_the_whole_name),
		cmocka_unit_test(case_does_not_matter),
		cmocka_unit_test(commas_separate_expressions_and_blanks_around_them_do_not_count),
		cmocka_unit_test(list_without_expressions_lets_all_pass),
		cmocka_unit_test(comma_of_a_quantifier_a_class_or_behind_a_backslash_separates_nothing),
		cmocka_unit_test(javas_usual_expressions_mean_the_same),
		cmocka_unit_test(bad_expression_is_refused_with_its_place),
		cmocka_unit_test(what_java_would_read_otherwise_is_refused),
		cmocka_unit_test(lists_have_limits),
		cmocka_unit_test(match_that_is_given_up_lets_the_name_pass),
		cmocka_unit_test(name_that_is_no_utf8_harms_nothing),
		cmocka_unit_test(failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
