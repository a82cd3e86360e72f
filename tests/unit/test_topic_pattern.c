#include "protocol/topic_pattern.h"

#include "protocol/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* What the iterative one has to agree with. */
static bool matches_plainly(const char *pattern, const char *name)
{
	if (*pattern == '\0')
		return *name == '\0';
	if (*pattern == '*')
		return matches_plainly(pattern + 1, name) ||
		       (*name != '\0' && matches_plainly(pattern, name + 1));
	return *pattern == *name && matches_plainly(pattern + 1, name + 1);
}

static void stars_stand_for_any_run(void **state)
{
	static const struct {
		const char *pattern;
		const char *name;
		bool matches;
	} cases[] = {
		{ "orders", "orders", true },
		{ "orders", "order", false },
		{ "orders", "orders2", false },
		{ "orders", "Orders", false },
		{ "myapp.*", "myapp.public.users", true },
		{ "myapp.*", "myapp.", true },
		{ "myapp.*", "myapp", false },
		{ "*", "x", true },
		{ "*", "", true },
		{ "**", "anything.at-all", true },
		{ "*.users", "myapp.public.users", true },
		{ "*.users", "users", false },
		{ "a*b*c", "aXbYc", true },
		{ "a*b*c", "abc", true },
		{ "a*b*c", "abcbc", true },
		{ "a*b*c", "acb", false },
		{ "*a", "aaa", true },
		{ "*ab*ab", "abab", true },
		{ "*ab*ab", "aba", false },
		{ "x", "", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(topic_pattern_matches(text_bytes(cases[i].pattern),
						       text_bytes(cases[i].name)),
				 cases[i].matches);
	assert_true(topic_pattern_has_star(text_bytes("a*")));
	assert_false(topic_pattern_has_star(text_bytes("a")));
}

/* Every pattern and name of up to five characters out of a few. */
static void it_agrees_with_the_plain_recursion(void **state)
{
	char pattern[6], name[6];
	(void)state;
	for (int p = 0; p < 3 * 3 * 3 * 3 * 3; p++) {
		for (int n = 0; n < 2 * 2 * 2 * 2 * 2; n++) {
			for (int length = 0; length <= 5; length++) {
				for (int i = 0, rest = p; i < 5; i++, rest /= 3)
					pattern[i] = "ab*"[rest % 3];
				for (int i = 0, rest = n; i < 5; i++, rest /= 2)
					name[i] = "ab"[rest % 2];
				pattern[5] = '\0';
				name[length] = '\0';
				assert_int_equal(topic_pattern_matches(text_bytes(pattern), text_bytes(name)),
						 matches_plainly(pattern, name));
			}
		}
	}
}

/* "*a*a…b" against "aaa…": exponential for a matcher that tries every star again. */
static void the_worst_pattern_ends_soon(void **state)
{
	char pattern[TOPIC_PATTERN_BYTES_MAX + 1], name[TOPIC_NAME_BYTES_MAX + 1];
	struct error err = { 0 };
	(void)state;
	memset(pattern, 'a', sizeof(pattern));
	for (int star = 0; star < TOPIC_PATTERN_STARS_MAX; star++)
		pattern[2 * star] = '*';
	pattern[sizeof(pattern) - 2] = 'b';
	pattern[sizeof(pattern) - 1] = '\0';
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(topic_pattern_check(text_bytes(pattern), &err), 0);
	assert_false(topic_pattern_matches(text_bytes(pattern), text_bytes(name)));
}

static void check_is_invalid(struct bytes pattern, const char *text)
{
	struct error err = { 0 };
	assert_int_equal(topic_pattern_check(pattern, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.text, text));
}

static void only_what_a_topic_could_match_is_a_pattern(void **state)
{
	char longest[TOPIC_PATTERN_BYTES_MAX + 1];
	struct error err = { 0 };
	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(topic_pattern_check((struct bytes){ (uint8_t *)longest, TOPIC_PATTERN_BYTES_MAX },
					     &err), 0);
	check_is_invalid((struct bytes){ (uint8_t *)longest, sizeof(longest) }, "250 bytes, 249");
	assert_int_equal(topic_pattern_check(text_bytes("azAZ09._-********"), &err), 0);
	check_is_invalid(text_bytes("*********"), "9 stars, 8");
	check_is_invalid(text_bytes(""), "empty");
	check_is_invalid((struct bytes){ (const uint8_t *)"a\0b", 3 }, "0x00");
	check_is_invalid(text_bytes("a b"), "0x20");
	check_is_invalid(text_bytes("a/b"), "0x2f");
	check_is_invalid(text_bytes("ü"), "0xc3");
	check_is_invalid(text_bytes("a:"), "0x3a");
	check_is_invalid(text_bytes("["), "0x5b");
	check_is_invalid(text_bytes("`"), "0x60");
	check_is_invalid(text_bytes("{"), "0x7b");
	check_is_invalid(text_bytes("@"), "0x40");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stars_stand_for_any_run),
		cmocka_unit_test(it_agrees_with_the_plain_recursion),
		cmocka_unit_test(the_worst_pattern_ends_soon),
		cmocka_unit_test(only_what_a_topic_could_match_is_a_pattern),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
