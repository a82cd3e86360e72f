#include "capture/postgresql_transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "capture/postgresql_source.h"

/* Begin: 'B', the commit's LSN, its time, the transaction's id. */
static const uint8_t begin_at_0x1f4[] = {
	'B', 0, 0, 0, 0, 0, 0, 0x01, 0xf4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
};

static int handle(uint64_t stored_lsn, const uint8_t *message, size_t size, struct error *err)
{
	struct source_context context = { .name = "shop" };
	struct postgresql_source source = { .context = &context, .stored_lsn = stored_lsn };
	struct postgresql_transaction transaction;
	postgresql_transaction_init(&transaction, &source);
	int rc = postgresql_transaction_handle(&transaction, (struct bytes){ message, size }, 0, err);
	assert_false(transaction.is_open);
	postgresql_transaction_clear(&transaction);
	return rc;
}

static void transaction_that_committed_before_the_stored_position_is_refused(void **state)
{
	struct error err = { 0 };
	(void)state;
	assert_int_equal(handle(0x1f5, begin_at_0x1f4, sizeof(begin_at_0x1f4), &err), -1);
	assert_int_equal(err.code, ERROR_UNEXPECTED);
	assert_string_equal(err.text, "the server sent transaction 7 again, which is stored");
}

static void commit_without_a_begin_is_malformed(void **state)
{
	static const uint8_t commit[26] = { 'C', [9] = 1, [17] = 2 };
	struct error err = { 0 };
	(void)state;
	assert_int_equal(handle(0, commit, sizeof(commit), &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_string_equal(err.text, "COMMIT outside a transaction");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transaction_that_committed_before_the_stored_position_is_refused),
		cmocka_unit_test(commit_without_a_begin_is_malformed),
	};
	cmocka_set_test_filter(getenv("MILLSTREAM_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
