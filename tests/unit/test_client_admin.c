#include "tests/support/client_fixture.h"

/* Calls with one answer: topics, offsets, status, what groups committed. */

struct seen {
	char names[200];
	uint32_t count;
	uint32_t most;          /* stop then */
	int inner_code;         /* of a call from within */
	struct millstream_client *client;
};

static bool see(void *user, const struct millstream_topic *topic)
{
	struct seen *seen = user;

	strncat(seen->names, topic->name, sizeof(seen->names) - strlen(seen->names) - 1);
	strncat(seen->names, " ", sizeof(seen->names) - strlen(seen->names) - 1);
	seen->inner_code = millstream_connect(seen->client, 0);
	/* The toy's own. */
	assert_int_equal(topic->setting_count, 1);
	assert_string_equal(topic->settings[0].name, "retention.ms");
	assert_string_equal(topic->settings[0].value, "1000");
	assert_true(topic->settings[0].is_set);
	return ++seen->count != seen->most;
}

static void topics_are_walked_page_by_page_until_it_is_enough(void **state)
{
	struct fixture *fixture = *state;
	struct seen seen = { .client = fixture->client };
	const char *patterns[] = { "b*", "a" };

	assert_int_equal(millstream_topics(fixture->client, NULL, 0, see, &seen, LONG_MS), 0);
	assert_int_equal(seen.count, 0);
	toy_broker_add_topic(fixture->toy, "a", 1);
	toy_broker_add_topic(fixture->toy, "b1", 2);
	toy_broker_add_topic(fixture->toy, "b2", 3);
	toy_broker_add_topic(fixture->toy, "c", 1);
	assert_int_equal(millstream_topics(fixture->client, NULL, 0, see, &seen, LONG_MS), 0);
	assert_string_equal(seen.names, "a b1 b2 c ");
	/* Nothing may be called from within. */
	assert_int_equal(seen.inner_code, MILLSTREAM_BUSY);
	seen = (struct seen){ .client = fixture->client };
	assert_int_equal(millstream_topics(fixture->client, patterns, 2, see, &seen, LONG_MS), 0);
	assert_string_equal(seen.names, "a b1 b2 ");
	seen = (struct seen){ .client = fixture->client, .most = 2 };
	assert_int_equal(millstream_topics(fixture->client, NULL, 0, see, &seen, LONG_MS), 0);
	assert_string_equal(seen.names, "a b1 ");
}

static bool check_ends(void *user, const struct millstream_topic *topic)
{
	const uint32_t *ends = user;

	for (uint32_t n = 0; n < topic->partition_count; n++)
		assert_int_equal(topic->partitions[n].visible_end, ends[n]);
	return true;
}

static void topics_are_made_changed_and_deleted(void **state)
{
	struct fixture *fixture = *state;
	const struct millstream_setting settings[] = { { .name = "retention.ms", .value = "5" } };
	const char *unset[] = { "retention.bytes" };
	uint32_t ends[2] = { 0, 3 };

	assert_int_equal(millstream_topic_create(fixture->client, "t", 2, settings, 1, LONG_MS), 0);
	assert_int_equal(millstream_topic_create(fixture->client, "t", 2, NULL, 0, LONG_MS), MILLSTREAM_EXISTS);
	assert_non_null(strstr(millstream_error_text(fixture->client), "it is there"));
	toy_broker_append(fixture->toy, "t", 1, 3);
	assert_int_equal(millstream_topics(fixture->client, NULL, 0, check_ends, ends, LONG_MS), 0);
	assert_int_equal(millstream_topic_configure(fixture->client, "t", settings, 1, unset, 1, LONG_MS), 0);
	assert_int_equal(millstream_topic_delete(fixture->client, "t", LONG_MS), 0);
	assert_int_equal(millstream_topic_delete(fixture->client, "t", LONG_MS), MILLSTREAM_NOT_FOUND);
	assert_int_equal(millstream_topic_create(fixture->client, "not a name", 0, NULL, 0, LONG_MS),
			 MILLSTREAM_INVALID);
}

/* Whether it was done is not known, and so it is not done again. */
static void a_change_that_was_not_answered_is_not_repeated(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	const struct millstream_status *status;

	assert_int_equal(millstream_topic_create(fixture->client, "t", 1, NULL, 0, LONG_MS), 0);
	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	uint32_t deletes = toy_broker_frames(fixture->toy, FRAME_TOPIC_DELETE);
	assert_int_equal(millstream_topic_delete(fixture->client, "t", 20), MILLSTREAM_TIMEOUT);
	toy_broker_cut(fixture->toy);
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	/* This one is: it goes over the next connection. */
	assert_int_equal(millstream_status(fixture->client, LONG_MS, &status), 0);
	assert_int_equal(toy_broker_frames(fixture->toy, FRAME_TOPIC_DELETE), deletes + 1);
}

static void a_change_whose_connection_is_lost_says_that_it_is_not_known(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;

	toy_broker_add_topic(fixture->toy, "t", 1);
	assert_int_equal(millstream_connect(fixture->client, LONG_MS), 0);
	/* The next connection takes HELLO, and is reset by the first byte behind it. */
	faults.cut_after_received_bytes = toy_broker_received_bytes(fixture->toy) + 1;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_cut(fixture->toy);
	while (millstream_connect(fixture->client, LONG_MS) != MILLSTREAM_OK ||
	       toy_broker_connections(fixture->toy) < 2)
		(void)millstream_dispatch(fixture->client);
	assert_int_equal(millstream_topic_delete(fixture->client, "t", LONG_MS), MILLSTREAM_DISCONNECTED);
	assert_non_null(strstr(millstream_error_text(fixture->client), "not known"));
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	assert_int_equal(toy_broker_frames(fixture->toy, FRAME_TOPIC_DELETE), 0);
}

static void the_status_says_what_the_server_says(void **state)
{
	struct fixture *fixture = *state;
	const struct millstream_status *status;

	assert_int_equal(millstream_status(fixture->client, LONG_MS, &status), 0);
	assert_string_equal(status->state, "ready");
	assert_int_equal(status->uptime_ms, 1234);
	assert_int_equal(status->log_bytes, 5);
	assert_true(status->is_disk_full);
	assert_int_equal(status->written_bytes, 6);
	assert_int_equal(status->warning_count, 1);
	assert_true(strlen(status->warnings[0]) > 0);
	assert_int_equal(status->source_count, 1);
	assert_true(strlen(status->sources[0].name) > 0);
	/* Once more: what was lent before is not any longer. */
	assert_int_equal(millstream_status(fixture->client, LONG_MS, &status), 0);
	assert_string_equal(status->state, "ready");
}

static void an_offset_is_looked_up(void **state)
{
	struct fixture *fixture = *state;
	struct millstream_offsets offsets;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 7);
	assert_int_equal(millstream_offset_for_time(fixture->client, "t", 0, INT64_MAX, LONG_MS, &offsets), 0);
	assert_int_equal(offsets.visible_end, 7);
	assert_int_equal(millstream_offset_for_time(fixture->client, "nope", 0, 0, LONG_MS, &offsets),
			 MILLSTREAM_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(topics_are_walked_page_by_page_until_it_is_enough),
		RUN(topics_are_made_changed_and_deleted),
		RUN(a_change_that_was_not_answered_is_not_repeated),
		RUN(a_change_whose_connection_is_lost_says_that_it_is_not_known),
		RUN(the_status_says_what_the_server_says),
		RUN(an_offset_is_looked_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
