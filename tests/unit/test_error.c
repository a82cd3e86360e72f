#include "protocol/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void set_fills_in_code_and_text(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_set(&err, ERROR_MALFORMED, "length %d", 7), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_string_equal(err.text, "length 7");
}

static void set_may_quote_the_text_it_replaces(void **state)
{
	struct error err = { 0 };

	(void)state;
	error_set(&err, ERROR_IO, "fdatasync failed");
	error_set(&err, ERROR_STOPPED, "stopped: %s", err.text);
	assert_string_equal(err.text, "stopped: fdatasync failed");
}

static void context_goes_in_front_of_the_cause(void **state)
{
	struct error err = { 0 };

	(void)state;
	error_set(&err, ERROR_MALFORMED, "length 7");
	assert_int_equal(error_context(&err, "frame %d", 3), -1);
	assert_int_equal(error_context(&err, "session"), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_string_equal(err.text, "session: frame 3: length 7");
}

static void long_text_is_cut_at_its_end(void **state)
{
	char long_text[2 * ERROR_TEXT_BYTES];
	struct error err = { 0 };

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	error_set(&err, ERROR_LIMIT, "%s", long_text);
	assert_int_equal(strlen(err.text), ERROR_TEXT_BYTES - 1);
	error_context(&err, "topic 'orders'");
	assert_int_equal(strlen(err.text), ERROR_TEXT_BYTES - 1);
	assert_memory_equal(err.text, "topic 'orders': xxx", 19);
}

static void a_caller_may_pass_no_error(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, ERROR_MEMORY, "x"), -1);
	assert_int_equal(error_context(NULL, "x"), -1);
}

static const struct {
	enum error_code code;
	int number;
	bool is_retryable;
} published[] = {
	{ ERROR_NONE, 0, false },
	{ ERROR_MEMORY, 1, false },
	{ ERROR_MALFORMED, 2, false },
	{ ERROR_CORRUPT, 3, false },
	{ ERROR_DISK_FULL, 4, true },
	{ ERROR_IO, 5, false },
	{ ERROR_LIMIT, 6, false },
	{ ERROR_INVALID, 7, false },
	{ ERROR_NOT_FOUND, 8, false },
	{ ERROR_EXISTS, 9, false },
	{ ERROR_LOCKED, 10, false },
	{ ERROR_FORMAT_VERSION, 11, false },
	{ ERROR_UNSUPPORTED, 12, false },
	{ ERROR_OFFSET_OUT_OF_RANGE, 13, false },
	{ ERROR_QUEUE_FULL, 14, true },
	{ ERROR_STOPPED, 15, true },
	{ ERROR_NOT_OWNER, 16, false },
	{ ERROR_OUT_OF_SEQUENCE, 17, false },
	{ ERROR_VERSION, 18, false },
	{ ERROR_UNEXPECTED, 19, false },
	{ ERROR_DENIED, 20, false },
	{ ERROR_TIMEOUT, 21, true },
	{ ERROR_BUSY, 22, true },
	{ ERROR_CONNECTION, 23, true },
	{ ERROR_SHUTDOWN, 24, true },
	{ ERROR_GAP, 25, false },
};

enum { PUBLISHED_COUNT = sizeof(published) / sizeof(published[0]) };

static void published_numbers_stay(void **state)
{
	(void)state;
#define X(name, number, retryable, words) +1
	assert_int_equal(PUBLISHED_COUNT, 1 ERROR_CODES(X));
#undef X
	for (size_t i = 0; i < PUBLISHED_COUNT; i++) {
		assert_int_equal(published[i].code, published[i].number);
		assert_int_equal(error_is_retryable(published[i].code), published[i].is_retryable);
	}
}

static void every_code_has_words_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < PUBLISHED_COUNT; i++) {
		assert_string_not_equal(error_words(published[i].code), "unknown error");
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(error_words(published[i].code), error_words(published[k].code));
	}
}

static void an_unknown_number_has_words_too(void **state)
{
	(void)state;
	assert_string_equal(error_words((enum error_code)9999), "unknown error");
	assert_false(error_is_retryable((enum error_code)9999));
	assert_int_equal(error_exit_status((enum error_code)9999), 1);
}

static void exit_status_tells_a_failed_disk(void **state)
{
	(void)state;
	assert_int_equal(error_exit_status(ERROR_NONE), 0);
	assert_int_equal(error_exit_status(ERROR_IO), 74);
	assert_int_equal(error_exit_status(ERROR_DISK_FULL), 1);
	assert_int_equal(error_exit_status(ERROR_FORMAT_VERSION), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_in_code_and_text),
		cmocka_unit_test(set_may_quote_the_text_it_replaces),
		cmocka_unit_test(context_goes_in_front_of_the_cause),
		cmocka_unit_test(long_text_is_cut_at_its_end),
		cmocka_unit_test(a_caller_may_pass_no_error),
		cmocka_unit_test(published_numbers_stay),
		cmocka_unit_test(every_code_has_words_of_its_own),
		cmocka_unit_test(an_unknown_number_has_words_too),
		cmocka_unit_test(exit_status_tells_a_failed_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
