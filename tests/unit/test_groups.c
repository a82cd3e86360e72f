#include "storage/groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "storage/topics.h"
#include "tests/support/running_log.h"

#define PARTITIONS 3

/* Topic 1 of PARTITIONS. */
static int create_log(void **state)
{
	struct topic topic = { .name = "orders", .partition_count = PARTITIONS };
	struct error err = { 0 };
	if (running_log_create(state) != 0)
		return -1;
	topic_config_init(&topic.config);
	struct running_log *log = *state;
	return topics_create(log->appender, &topic, &err);
}

static void on_done(void *user, const struct error *err)
{
	struct outcome *outcome = user;
	outcome->code = err == NULL ? ERROR_NONE : err->code;
	atomic_store(&outcome->is_known, true);
}

static enum error_code outcome_of(struct outcome *outcome)
{
	assert_true(wait_until(atomic_load(&outcome->is_known)));
	return outcome->code;
}

static enum error_code commit(struct running_log *log, const char *group, uint32_t partition, uint64_t offset)
{
	struct outcome outcome = { .code = ERROR_NONE };
	struct group_offset committed = { .topic_id = 1, .partition = partition, .offset = offset,
					  .metadata = bytes_of_text("why") };
	if (groups_commit(log->appender, bytes_of_text(group), &committed, 1, on_done, &outcome, NULL) != 0)
		fail();
	return outcome_of(&outcome);
}

static void forget(struct running_log *log, const char *group)
{
	struct outcome outcome = { .code = ERROR_NONE };
	assert_int_equal(groups_remove(log->appender, bytes_of_text(group), on_done, &outcome, NULL), 0);
	assert_int_equal(outcome_of(&outcome), ERROR_NONE);
}

static void expect_names(struct running_log *log, const char *names)
{
	struct group_name name = { .size = 0 };
	char text[1024] = "";
	struct error err = { 0 };
	int rc;
	while ((rc = groups_next_name(log->reader, (struct bytes){ name.bytes, name.size }, &name, &err)) == 1)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s ", (int)name.size,
			 (const char *)name.bytes);
	assert_int_equal(rc, 0);
	assert_string_equal(text, names);
}

static void names_are_walked_each_once_in_order(void **state)
{
	struct running_log *log = *state;
	char longest[GROUP_NAME_BYTES_MAX + 1], expected[GROUP_NAME_BYTES_MAX + 20];
	memset(longest, 'z', GROUP_NAME_BYTES_MAX);
	longest[GROUP_NAME_BYTES_MAX] = '\0';
	expect_names(log, "");
	const char *const names[] = { longest, "b", "a-b", "a", "aa", "a.b" };
	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
		for (uint32_t partition = 0; partition < PARTITIONS; partition++)
			assert_int_equal(commit(log, names[n], partition, n), ERROR_NONE);
	snprintf(expected, sizeof(expected), "a a-b a.b aa b %s ", longest);
	expect_names(log, expected);
	running_log_reopen(log);
	expect_names(log, expected);
}

static void name_that_no_group_can_have_is_refused(void **state)
{
	struct running_log *log = *state;
	uint8_t name[GROUP_NAME_BYTES_MAX + 1] = { 'a' };
	struct group_name out;
	struct error err = { 0 };
	assert_int_equal(groups_next_name(log->reader, (struct bytes){ name, sizeof(name) }, &out, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	err = (struct error){ 0 };
	assert_int_equal(groups_remove(log->appender, (struct bytes){ name, sizeof(name) }, on_done, NULL, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
}

static uint32_t offsets_of(struct running_log *log, const char *group)
{
	struct group_offset offset = { .partition = 0 };
	bool has_after = false;
	uint32_t count = 0;
	while (groups_next(log->reader, bytes_of_text(group), has_after, offset.topic_id, offset.partition, &offset,
			   NULL, NULL) == 1) {
		assert_int_equal(offset.partition, count++);
		assert_null(offset.metadata.data);
		has_after = true;
	}
	return count;
}

static void forgotten_group_has_committed_nothing(void **state)
{
	struct running_log *log = *state;
	const char *const names[] = { "a", "aa", "ab" };
	for (size_t n = 0; n < 3; n++)
		for (uint32_t partition = 0; partition < PARTITIONS; partition++)
			commit(log, names[n], partition, 1);
	forget(log, "aa");
	forget(log, "aa");
	forget(log, "none");
	for (int round = 0; round < 2; round++) {
		expect_names(log, "a ab ");
		assert_int_equal(offsets_of(log, "a"), PARTITIONS);
		assert_int_equal(offsets_of(log, "aa"), 0);
		assert_int_equal(offsets_of(log, "ab"), PARTITIONS);
		running_log_reopen(log);
	}
	assert_int_equal(commit(log, "aa", 0, 7), ERROR_NONE);
	assert_int_equal(offsets_of(log, "aa"), 1);
}

static void commit_of_a_partition_that_is_not_there_is_refused(void **state)
{
	struct running_log *log = *state;
	assert_int_equal(commit(log, "a", PARTITIONS, 1), ERROR_NOT_FOUND);
	expect_names(log, "");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, create_log, running_log_destroy)
	const struct CMUnitTest tests[] = {
		TEST(names_are_walked_each_once_in_order),
		TEST(name_that_no_group_can_have_is_refused),
		TEST(forgotten_group_has_committed_nothing),
		TEST(commit_of_a_partition_that_is_not_there_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
