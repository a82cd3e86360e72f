#include "tests/support/client_fixture.h"

struct walk {
	struct millstream_client *client;
	char text[512];
	int left;
	int code_inside;
};

static bool on_group(void *user, const struct millstream_group *group)
{
	struct walk *walk = user;
	size_t size = strlen(walk->text);
	snprintf(walk->text + size, sizeof(walk->text) - size, "%s %u %u %u %u; ", group->name,
		 group->member_count, group->partition_count, (unsigned)group->lag, (unsigned)group->committed_us);
	walk->code_inside = millstream_group_remove(walk->client, "b", 0);
	return --walk->left > 0;
}

static void expect_groups(struct fixture *fixture, int most, const char *expected)
{
	struct walk walk = { .client = fixture->client, .left = most };
	assert_int_equal(millstream_groups(fixture->client, on_group, &walk, LONG_MS), MILLSTREAM_OK);
	assert_string_equal(walk.text, expected);
	assert_int_equal(walk.code_inside, MILLSTREAM_BUSY);
}

static void group_of_several_pages_is_handed_out_once(void **state)
{
	struct fixture *fixture = *state;
	expect_groups(fixture, 9, "a 2 3 30 7; b 1 0 0 0; ");
	expect_groups(fixture, 1, "a 2 3 30 7; ");
}

static bool on_member(void *user, const struct millstream_member *member)
{
	struct walk *walk = user;
	size_t size = strlen(walk->text);
	snprintf(walk->text + size, sizeof(walk->text) - size, "%u %s %s %u; ", (unsigned)member->id,
		 member->client_name != NULL ? member->client_name : "-", member->address,
		 member->partition_count);
	walk->code_inside = millstream_group_remove(walk->client, "b", 0);
	return --walk->left > 0;
}

static bool on_partition(void *user, const struct millstream_group_partition *partition)
{
	struct walk *walk = user;
	size_t size = strlen(walk->text);
	snprintf(walk->text + size, sizeof(walk->text) - size, "%s/%u %d of %d, %d behind, %u, %u:", partition->topic,
		 partition->partition, (int)partition->committed, (int)partition->visible_end,
		 (int)partition->lag, (unsigned)partition->committed_us, partition->member_count);
	for (size_t n = 0; n < partition->member_id_count; n++)
		snprintf(walk->text + strlen(walk->text), 8, " %u", (unsigned)partition->member_ids[n]);
	strcat(walk->text, "; ");
	return --walk->left > 0;
}

static void expect_info(struct fixture *fixture, int most, const char *expected)
{
	struct walk walk = { .client = fixture->client, .left = most };
	assert_int_equal(millstream_group_info(fixture->client, "a", on_member, on_partition, &walk, LONG_MS),
			 MILLSTREAM_OK);
	assert_string_equal(walk.text, expected);
	assert_int_equal(walk.code_inside, MILLSTREAM_BUSY);
}

static void members_come_before_partitions_over_all_pages(void **state)
{
	struct fixture *fixture = *state;
	expect_info(fixture, 9,
		    "4 me/1 here:1 3; 5 - there:2 1; t/1 4 of 9, 5 behind, 8, 30: 4 5; "
		    "u/0 -1 of 3, -1 behind, 0, 1: 4; u/1 5 of 3, 0 behind, 8, 0:; ");
	expect_info(fixture, 1, "4 me/1 here:1 3; ");
	expect_info(fixture, 3, "4 me/1 here:1 3; 5 - there:2 1; t/1 4 of 9, 5 behind, 8, 30: 4 5; ");
	assert_int_equal(millstream_group_info(fixture->client, "a", NULL, NULL, NULL, LONG_MS), MILLSTREAM_OK);
}

static void group_that_is_not_there_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct walk walk = { .client = fixture->client };
	assert_int_equal(millstream_group_info(fixture->client, "x", on_member, on_partition, &walk, LONG_MS),
			 MILLSTREAM_NOT_FOUND);
	assert_int_equal(millstream_group_info(fixture->client, "a/b", NULL, NULL, NULL, LONG_MS),
			 MILLSTREAM_INVALID);
	assert_string_equal(walk.text, "");
}

static void group_is_removed(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(millstream_group_remove(fixture->client, "b", LONG_MS), MILLSTREAM_OK);
	assert_int_equal(millstream_group_remove(fixture->client, "a", LONG_MS), MILLSTREAM_INVALID);
	assert_string_equal(millstream_error_text(fixture->client), "it has members");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(group_of_several_pages_is_handed_out_once),
		RUN(members_come_before_partitions_over_all_pages),
		RUN(group_that_is_not_there_is_told),
		RUN(group_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
