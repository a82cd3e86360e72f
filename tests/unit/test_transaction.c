#include "storage/transaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/disk_watch.h"
#include "tests/support/tables.h"

#define MAP_BYTES (UINT64_C(64) << 20)

static struct bytes text(const char *text)
{
	return bytes_of_text(text);
}

static struct transaction begin(struct tables *tables)
{
	struct transaction transaction;
	struct error err = { 0 };
	if (transaction_begin(&transaction, tables->store, &err) != 0)
		fail_msg("%s", err.text);
	return transaction;
}

static struct transaction begin_read(struct tables *tables)
{
	struct transaction transaction;
	struct error err = { 0 };
	if (transaction_begin_read(&transaction, tables->store, &err) != 0)
		fail_msg("%s", err.text);
	return transaction;
}

/* What stands in the table groups, by a transaction of its own. */
static bool is_there(struct tables *tables, const char *key)
{
	struct transaction transaction = begin_read(tables);
	struct bytes value;
	int found = transaction_get(&transaction, TABLE_GROUPS, text(key), &value);
	assert_true(found >= 0);
	transaction_abort(&transaction);
	return found == 1;
}

static void put(struct tables *tables, const char *key, const char *value)
{
	tables_put(tables, TABLE_GROUPS, text(key), text(value));
}

static void committed_values_are_there_and_aborted_ones_are_not(void **state)
{
	struct tables *tables = *state;
	struct transaction transaction = begin(tables);
	struct bytes value;
	assert_int_equal(transaction_put(&transaction, TABLE_GROUPS, text("a"), text("one")), 0);
	assert_int_equal(transaction_put(&transaction, TABLE_GROUPS, text("a"), text("other")), 0);
	assert_int_equal(transaction_get(&transaction, TABLE_GROUPS, text("a"), &value), 1);
	assert_int_equal(value.size, 5);
	assert_false(is_there(tables, "a"));
	assert_int_equal(transaction_commit(&transaction, NULL), 0);
	assert_true(is_there(tables, "a"));
	assert_null(transaction.txn);

	transaction = begin(tables);
	assert_int_equal(transaction_put(&transaction, TABLE_GROUPS, text("b"), text("two")), 0);
	assert_int_equal(transaction_delete(&transaction, TABLE_GROUPS, text("a")), 0);
	transaction_abort(&transaction);
	transaction_abort(&transaction);
	assert_true(is_there(tables, "a"));
	assert_false(is_there(tables, "b"));
}

static void tables_do_not_mix(void **state)
{
	struct tables *tables = *state;
	struct bytes value;
	put(tables, "a", "one");
	struct transaction transaction = begin_read(tables);
	for (int table = 0; table < TABLE_COUNT; table++)
		assert_int_equal(transaction_get(&transaction, (enum table)table, text("a"), &value),
				 table == TABLE_GROUPS);
	transaction_abort(&transaction);
}

/* Everything that can be done; each call must refuse, and change nothing. */
static void expect_dead(struct transaction *transaction, enum error_code code, const char *words)
{
	struct bytes key = { NULL, 99 }, value = { NULL, 99 };
	uint8_t *room = NULL;
	uint64_t number = 99;
	struct error err = { 0 }, other;
	assert_int_equal(transaction_put(transaction, TABLE_GROUPS, text("later"), text("x")), -1);
	assert_int_equal(transaction_get(transaction, TABLE_GROUPS, text("before"), &value), -1);
	assert_int_equal(transaction_reserve(transaction, TABLE_GROUPS, text("later"), 1, &room), -1);
	assert_int_equal(transaction_delete(transaction, TABLE_GROUPS, text("before")), -1);
	assert_int_equal(transaction_seek(transaction, TABLE_GROUPS, text("a"), &key, &value), -1);
	assert_int_equal(transaction_get_number(transaction, META_FORMAT, &number), -1);
	assert_int_equal(transaction_put_number(transaction, META_FORMAT, 3), -1);
	error_set(&other, ERROR_LIMIT, "another");
	assert_int_equal(transaction_fail(transaction, &other), -1);
	assert_int_equal(value.size, 99);
	assert_int_equal(key.size, 99);
	assert_null(room);
	assert_int_equal(number, 99);
	assert_int_equal(transaction_failed(transaction, &err), -1);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, words));
	assert_int_equal(transaction_failed(transaction, NULL), -1);
}

static void after_one_failure_nothing_is_written(void **state)
{
	struct tables *tables = *state;
	struct error err = { 0 };
	uint8_t *room;
	put(tables, "before", "1");
	struct transaction transaction = begin(tables);
	assert_int_equal(transaction_failed(&transaction, &err), 0);
	assert_int_equal(transaction_put(&transaction, TABLE_GROUPS, text("now"), text("x")), 0);
	assert_int_equal(transaction_reserve(&transaction, TABLE_GROUPS, text("before"), 1, &room), -1);
	expect_dead(&transaction, ERROR_CORRUPT, "where a new one belongs");
	assert_int_equal(transaction_commit(&transaction, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.text, "table groups"));
	assert_true(is_there(tables, "before"));
	assert_false(is_there(tables, "now"));
	assert_false(is_there(tables, "later"));
	/* It is over: the next one works. */
	put(tables, "next", "1");
	assert_true(is_there(tables, "next"));
}

static void callers_failure_counts_as_the_first(void **state)
{
	struct tables *tables = *state;
	struct error err, reason;
	struct transaction transaction = begin(tables);
	assert_int_equal(transaction_put(&transaction, TABLE_GROUPS, text("now"), text("x")), 0);
	error_set(&reason, ERROR_NOT_OWNER, "not yours");
	assert_int_equal(transaction_fail(&transaction, &reason), -1);
	expect_dead(&transaction, ERROR_NOT_OWNER, "not yours");
	assert_int_equal(transaction_commit(&transaction, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_OWNER);
	assert_false(is_there(tables, "now"));
}

static void full_map_is_a_full_disk(void **state)
{
	struct tables *tables = *state;
	struct error err = { 0 };
	uint8_t *room, key[8] = { 0 };
	struct transaction transaction = begin(tables);
	for (uint64_t n = 0; n < MAP_BYTES >> 20; n++) {
		store_u64(key, n);
		if (transaction_reserve(&transaction, TABLE_GROUPS, (struct bytes){ key, sizeof(key) },
					1u << 20, &room) != 0)
			break;
		memset(room, 1, 1u << 20);
	}
	assert_int_equal(transaction_failed(&transaction, &err), -1);
	assert_int_equal(err.code, ERROR_DISK_FULL);
	assert_int_equal(transaction_commit(&transaction, &err), -1);
	assert_int_equal(err.code, ERROR_DISK_FULL);
	put(tables, "next", "1");
	assert_true(is_there(tables, "next"));
}

static void reserved_room_is_what_was_written_there(void **state)
{
	struct tables *tables = *state;
	struct bytes value;
	uint8_t *room;
	struct transaction transaction = begin(tables);
	for (size_t size = 1; size <= 20000; size = size * 3 + 1) {
		char key[32];
		snprintf(key, sizeof(key), "%zu", size);
		assert_int_equal(transaction_reserve(&transaction, TABLE_GROUPS, text(key), size, &room), 0);
		for (size_t i = 0; i < size; i++)
			room[i] = (uint8_t)(i * 7 + size);
	}
	assert_int_equal(transaction_commit(&transaction, NULL), 0);
	transaction = begin_read(tables);
	for (size_t size = 1; size <= 20000; size = size * 3 + 1) {
		char key[32];
		snprintf(key, sizeof(key), "%zu", size);
		assert_int_equal(transaction_get(&transaction, TABLE_GROUPS, text(key), &value), 1);
		assert_int_equal(value.size, size);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(value.data[i], (uint8_t)(i * 7 + size));
	}
	transaction_abort(&transaction);
}

static void seek_finds_the_key_or_the_next_one(void **state)
{
	struct tables *tables = *state;
	struct bytes key, value;
	put(tables, "b", "1");
	put(tables, "bb", "2");
	put(tables, "d", "3");
	static const struct {
		const char *sought;
		const char *found;
	} cases[] = { { "", "b" }, { "a", "b" }, { "b", "b" }, { "ba", "bb" }, { "c", "d" }, { "d", "d" },
		      { "da", NULL }, { "z", NULL } };
	struct transaction transaction = begin_read(tables);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int found = transaction_seek(&transaction, TABLE_GROUPS, text(cases[i].sought), &key, &value);
		assert_int_equal(found, cases[i].found != NULL);
		if (found == 1) {
			assert_int_equal(key.size, strlen(cases[i].found));
			assert_memory_equal(key.data, cases[i].found, key.size);
			assert_int_equal(value.size, 1);
		}
	}
	assert_int_equal(transaction_seek(&transaction, TABLE_PRODUCERS, text(""), &key, &value), 0);
	transaction_abort(&transaction);
}

static void deleting_what_is_not_there_is_fine(void **state)
{
	struct tables *tables = *state;
	put(tables, "a", "1");
	struct transaction transaction = begin(tables);
	assert_int_equal(transaction_delete(&transaction, TABLE_GROUPS, text("b")), 0);
	assert_false(transaction.has_written);
	assert_int_equal(transaction_delete(&transaction, TABLE_GROUPS, text("a")), 0);
	assert_true(transaction.has_written);
	assert_int_equal(transaction_commit(&transaction, NULL), 0);
	assert_false(is_there(tables, "a"));
}

static void numbers_are_sealed(void **state)
{
	struct tables *tables = *state;
	struct error err = { 0 };
	uint64_t number = 99;
	struct transaction transaction = begin(tables);
	assert_int_equal(transaction_get_number(&transaction, "no such number", &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(transaction_put_number(&transaction, META_NEXT_TOPIC_ID, UINT64_MAX), 0);
	assert_int_equal(transaction_get_number(&transaction, META_NEXT_TOPIC_ID, &number), 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(transaction_commit(&transaction, NULL), 0);

	static const char *const wrong[] = { "", "abc", "abcdefghijkl", "abcdefghijklmnop" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		tables_put(tables, TABLE_META, text("number"), text(wrong[i]));
		transaction = begin_read(tables);
		assert_int_equal(transaction_get_number(&transaction, "number", &number), -1);
		assert_int_equal(transaction_failed(&transaction, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		transaction_abort(&transaction);
	}
	/* A good seal over another size. */
	uint8_t value[2 + SEAL_BYTES] = { 1, 2 };
	store_u32(value + 2, seal_of(value, 2, text("number")));
	tables_put(tables, TABLE_META, text("number"), (struct bytes){ value, sizeof(value) });
	transaction = begin_read(tables);
	assert_int_equal(transaction_get_number(&transaction, "number", &number), -1);
	assert_int_equal(transaction_failed(&transaction, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.text, "2 bytes"));
	transaction_abort(&transaction);
}

static void impossible_keys_are_the_callers_mistake(void **state)
{
	struct tables *tables = *state;
	struct error err = { 0 };
	char key[600];
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	const char *const keys[] = { key, "" };
	for (size_t i = 0; i < 2; i++) {
		struct transaction transaction = begin(tables);
		assert_int_equal(transaction_put(&transaction, TABLE_GROUPS, text(keys[i]), text("x")), -1);
		assert_int_equal(transaction_commit(&transaction, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
	put(tables, "next", "1");
}

static void read_transaction_cannot_write(void **state)
{
	struct tables *tables = *state;
	struct transaction transaction = begin_read(tables);
	assert_int_equal(transaction_put(&transaction, TABLE_GROUPS, text("a"), text("1")), -1);
	assert_int_equal(transaction_commit(&transaction, NULL), -1);
	assert_false(is_there(tables, "a"));
	put(tables, "b", "1");
	assert_true(is_there(tables, "b"));
}

static void more_read_transactions_than_slots_is_an_error(void **state)
{
	struct tables *tables = *state;
	struct transaction transactions[200];
	struct error err = { 0 };
	size_t count = 0;
	while (count < 200 && transaction_begin_read(&transactions[count], tables->store, &err) == 0)
		count++;
	assert_in_range(count, 100, 199);
	assert_int_equal(err.code, ERROR_LIMIT);
	while (count > 0)
		transaction_abort(&transactions[--count]);
	assert_false(is_there(tables, "a"));
}

/* Syncs. */

static void commit_ends_with_a_sync(void **state)
{
	struct tables *tables = *state;
	struct disk_watch watch = { .room_bytes = -1 };
	for (int n = 0; n < 10; n++) {
		struct transaction transaction = begin(tables);
		transaction_put(&transaction, TABLE_GROUPS, text("key"), text("value"));
		disk_watch_begin(&watch);
		assert_int_equal(transaction_commit(&transaction, NULL), 0);
		disk_watch_end();
		/* The pages and their sync, the meta page and its. */
		assert_true(watch.write_count >= 2);
		assert_int_equal(watch.sync_count, 2);
		assert_int_equal(watch.unsynced_writes, 0);
	}
}

static void unsynced_commit_leaves_the_meta_page_to_the_next(void **state)
{
	struct tables *tables = *state;
	struct disk_watch watch = { .room_bytes = -1 };
	for (int n = 0; n < 10; n++) {
		struct transaction transaction = begin(tables);
		transaction_put(&transaction, TABLE_GROUPS, text("key"), text("value"));
		disk_watch_begin(&watch);
		assert_int_equal(transaction_commit_unsynced(&transaction, NULL), 0);
		disk_watch_end();
		assert_int_equal(watch.sync_count, 1);
		assert_int_equal(watch.unsynced_writes, 1);
	}
	disk_watch_begin(&watch);
	assert_int_equal(transaction_sync(tables->store, NULL), 0);
	disk_watch_end();
	assert_int_equal(watch.sync_count, 1);
}

static void transaction_that_wrote_nothing_does_not_sync(void **state)
{
	struct tables *tables = *state;
	struct disk_watch watch = { .room_bytes = -1 };
	disk_watch_begin(&watch);
	struct transaction transaction = begin(tables);
	assert_int_equal(transaction_delete(&transaction, TABLE_GROUPS, text("none")), 0);
	assert_int_equal(transaction_commit(&transaction, NULL), 0);
	disk_watch_end();
	assert_int_equal(watch.write_count + watch.sync_count, 0);
}

static void failed_sync_is_never_a_full_disk(void **state)
{
	struct tables *tables = *state;
	for (int n = 1; n <= 2; n++) {
		struct disk_watch watch = { .fail_sync = n, .room_bytes = n == 1 ? -1 : 0 };
		struct error err = { 0 };
		struct transaction transaction = begin(tables);
		transaction_put(&transaction, TABLE_GROUPS, text("key"), text("value"));
		disk_watch_begin(&watch);
		assert_int_equal(transaction_commit(&transaction, &err), -1);
		disk_watch_end();
		assert_int_equal(err.code, ERROR_IO);
		assert_int_equal(error_exit_status(err.code), 74);
	}
}

/* The code that a commit fails with when its first write does. */
static enum error_code code_of(struct tables *tables, int number, int64_t room_bytes)
{
	struct disk_watch watch = {
		.fail_write = 1, .fail_write_errno = number, .room_bytes = room_bytes,
	};
	struct error err = { 0 };
	struct transaction transaction = begin(tables);
	transaction_put(&transaction, TABLE_GROUPS, text("lost"), text("value"));
	disk_watch_begin(&watch);
	assert_int_equal(transaction_commit(&transaction, &err), -1);
	disk_watch_end();
	assert_false(is_there(tables, "lost"));
	return err.code;
}

static void full_disk_is_told_from_a_broken_one(void **state)
{
	struct tables *tables = *state;
	assert_int_equal(code_of(tables, ENOSPC, -1), ERROR_DISK_FULL);
	assert_int_equal(code_of(tables, EDQUOT, -1), ERROR_DISK_FULL);
	assert_int_equal(code_of(tables, EIO, 0), ERROR_DISK_FULL);
	assert_int_equal(code_of(tables, EIO, INT64_C(1) << 30), ERROR_IO);
	put(tables, "next", "1");
	assert_true(is_there(tables, "next"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tables_create, tables_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(committed_values_are_there_and_aborted_ones_are_not),
		TEST(tables_do_not_mix),
		TEST(after_one_failure_nothing_is_written),
		TEST(callers_failure_counts_as_the_first),
		TEST(full_map_is_a_full_disk),
		TEST(reserved_room_is_what_was_written_there),
		TEST(seek_finds_the_key_or_the_next_one),
		TEST(deleting_what_is_not_there_is_fine),
		TEST(numbers_are_sealed),
		TEST(impossible_keys_are_the_callers_mistake),
		TEST(read_transaction_cannot_write),
		TEST(more_read_transactions_than_slots_is_an_error),
		TEST(commit_ends_with_a_sync),
		TEST(unsynced_commit_leaves_the_meta_page_to_the_next),
		TEST(transaction_that_wrote_nothing_does_not_sync),
		TEST(failed_sync_is_never_a_full_disk),
		TEST(full_disk_is_told_from_a_broken_one),
	};
	return cmocka_run_group_tests_name("transaction", tests, NULL, NULL);
}
