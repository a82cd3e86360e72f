#include "tests/support/client_fixture.h"

struct walk {
	struct millstream_client *client;
	char names[16];
	size_t most;
	int code_inside;
};

static bool on_source(void *user, const struct millstream_source_info *source)
{
	struct walk *walk = user;
	strcat(walk->names, source->name);
	walk->code_inside = millstream_source_control(walk->client, "a", MILLSTREAM_SOURCE_PAUSE, 0);
	return strlen(walk->names) < walk->most;
}

static void expect_walk(struct fixture *fixture, const char *name, size_t most, const char *names)
{
	struct walk walk = { .client = fixture->client, .most = most };
	assert_int_equal(millstream_sources(fixture->client, name, on_source, &walk, LONG_MS),
			 MILLSTREAM_OK);
	assert_string_equal(walk.names, names);
	if (names[0] != '\0')
		assert_int_equal(walk.code_inside, MILLSTREAM_BUSY);
}

static void sources_are_walked_page_by_page(void **state)
{
	struct fixture *fixture = *state;
	expect_walk(fixture, NULL, 9, "abc");
	expect_walk(fixture, NULL, 1, "a");
	expect_walk(fixture, "a", 9, "a");
	expect_walk(fixture, "x", 9, "");
}

static bool check_source(void *user, const struct millstream_source_info *source)
{
	int *count = user;
	switch ((*count)++) {
	case 0:
		assert_true(source->is_configured);
		assert_string_equal(source->connector, "postgresql");
		assert_string_equal(source->topic_prefix, "p");
		assert_string_equal(source->endpoint, "me@db:5432/shop");
		assert_string_equal(source->slot, "s");
		assert_string_equal(source->publication, "q");
		assert_string_equal(source->state, "snapshot");
		assert_null(source->reason);
		assert_null(source->position);
		assert_int_equal(source->behind_bytes, 7);
		assert_int_equal(source->source_time_us, 8);
		assert_int_equal(source->lag_us, 9);
		assert_int_equal(source->transaction_count, 10);
		assert_int_equal(source->record_count, 11);
		assert_string_equal(source->snapshot_table, "public.t");
		assert_int_equal(source->snapshot_tables_done, 1);
		assert_int_equal(source->snapshot_tables_total, 2);
		assert_int_equal(source->snapshot_rows_done, 3);
		assert_int_equal(source->snapshot_rows_estimated, 4);
		assert_int_equal(source->snapshot_left_us, 5);
		break;
	case 1:
		assert_false(source->is_configured);
		assert_null(source->connector);
		assert_null(source->snapshot_table);
		assert_true(source->behind_bytes == UINT64_MAX && source->lag_us == UINT64_MAX);
		assert_true(source->retry_in_us == UINT64_MAX && source->snapshot_left_us == UINT64_MAX);
		break;
	default:
		assert_string_equal(source->reason, "no route");
		assert_int_equal(source->retries, 2);
		assert_int_equal(source->retry_in_us, 300);
		assert_string_equal(source->position, "0/12");
		break;
	}
	return true;
}

static void all_that_is_told_of_a_source_is_handed_out(void **state)
{
	struct fixture *fixture = *state;
	int count = 0;
	assert_int_equal(millstream_sources(fixture->client, NULL, check_source, &count, LONG_MS),
			 MILLSTREAM_OK);
	assert_int_equal(count, 3);
}

static void source_is_told_what_to_do(void **state)
{
	struct fixture *fixture = *state;
	struct millstream_client *client = fixture->client;
	for (int action = MILLSTREAM_SOURCE_PAUSE; action <= MILLSTREAM_SOURCE_RESTART; action++)
		assert_int_equal(millstream_source_control(client, "a", action, LONG_MS), MILLSTREAM_OK);
	assert_int_equal(millstream_source_control(client, "a", MILLSTREAM_SOURCE_RESET, LONG_MS), MILLSTREAM_OK);
	assert_int_equal(millstream_source_control(client, "x", MILLSTREAM_SOURCE_PAUSE, LONG_MS),
			 MILLSTREAM_NOT_FOUND);
	assert_int_equal(millstream_source_control(client, "a", MILLSTREAM_SOURCE_REMOVE, LONG_MS),
			 MILLSTREAM_BUSY);
	assert_string_equal(millstream_error_text(client), "remove");
	assert_int_equal(millstream_source_control(client, "a", MILLSTREAM_SOURCE_REMOVE_AND_DROP, LONG_MS),
			 MILLSTREAM_BUSY);
	assert_string_equal(millstream_error_text(client), "remove and drop");
	assert_int_equal(millstream_source_control(client, "a", 7, LONG_MS), MILLSTREAM_INVALID);
	assert_int_equal(millstream_source_control(client, "a/b", MILLSTREAM_SOURCE_PAUSE, LONG_MS),
			 MILLSTREAM_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(sources_are_walked_page_by_page),
		RUN(all_that_is_told_of_a_source_is_handed_out),
		RUN(source_is_told_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
