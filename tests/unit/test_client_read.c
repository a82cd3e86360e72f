#include "tests/support/client_fixture.h"

#include <poll.h>

static void records_come_in_order_with_all_that_belongs_to_them(void **state)
{
	struct fixture *fixture = *state;
	const struct millstream_record *record;

	toy_broker_add_topic(fixture->toy, "orders", 1);
	toy_broker_append(fixture->toy, "orders", 0, 3);
	struct millstream_subscription *subscription = subscribe_to(fixture, "orders");
	assert_false(millstream_is_caught_up(subscription));
	assert_int_equal(millstream_next(fixture->client, LONG_MS, &record), MILLSTREAM_OK);
	assert_ptr_equal(record->subscription, subscription);
	assert_string_equal(record->topic, "orders");
	assert_int_equal(record->partition, 0);
	assert_int_equal(record->key_content, MILLSTREAM_NONE);
	assert_null(record->key);
	assert_int_equal(record->value_content, MILLSTREAM_BYTES);
	assert_true(record->time_us == 1700000000000000);
	assert_int_equal(record->transaction, 0);
	assert_null(record->headers);
	expect_record(fixture, 1);
	expect_record(fixture, 2);
	assert_int_equal(millstream_next(fixture->client, LONG_MS, &record), MILLSTREAM_OK);
	assert_int_equal(record->kind, MILLSTREAM_CAUGHT_UP);
	assert_int_equal(record->end_offset, 3);
	assert_true(millstream_is_caught_up(subscription));
	assert_int_equal(millstream_next(fixture->client, 0, &record), MILLSTREAM_TIMEOUT);
	toy_broker_append(fixture->toy, "orders", 0, 1);
	expect_record(fixture, 3);
}

static void starts_are_where_they_were_asked_for(void **state)
{
	struct fixture *fixture = *state;
	const char *topic = "t";
	struct millstream_subscribe_options options = {
		.topics = &topic, .topic_count = 1, .start = MILLSTREAM_START_OFFSET, .offset = -2
	};
	struct millstream_subscription *subscription;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 5);
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	expect_record(fixture, 3);
	millstream_unsubscribe(subscription);
	options.start = MILLSTREAM_START_END;
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	toy_broker_append(fixture->toy, "t", 0, 1);
	expect_record(fixture, 5);
	options.start = MILLSTREAM_START_STORED;
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription),
			 MILLSTREAM_INVALID);
	options.start = MILLSTREAM_START_END;
	topic = "nothing";
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription),
			 MILLSTREAM_NOT_FOUND);
	assert_non_null(strstr(millstream_error_text(fixture->client), "nothing"));
	assert_false(millstream_error_is_retryable(fixture->client));
	topic = "not a name";
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription),
			 MILLSTREAM_INVALID);
	options.topic_count = 0;
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription),
			 MILLSTREAM_INVALID);
}

static void a_lost_connection_loses_and_repeats_nothing(void **state)
{
	struct fixture *fixture = *state;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 10);
	/* Credit for one batch: the next has to come over the next connection. */
	const char *topic = "t";
	struct millstream_subscribe_options options = { .topics = &topic, .topic_count = 1,
							.credit_bytes = 1 };
	struct millstream_subscription *subscription;
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	for (uint64_t i = 0; i < 10; i++) {
		expect_record(fixture, i);
		toy_broker_cut(fixture->toy);
	}
	toy_broker_append(fixture->toy, "t", 0, 1);
	expect_record(fixture, 10);
	assert_true(toy_broker_connections(fixture->toy) > 5);
}

static void a_lent_record_outlives_other_calls_and_the_connection(void **state)
{
	struct fixture *fixture = *state;
	const void *schema;
	size_t size;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 200);
	subscribe_to(fixture, "t");
	const struct millstream_record *record = next_of(fixture);
	toy_broker_append(fixture->toy, "t", 0, 1000);
	assert_int_equal(millstream_schema(fixture->client, 3, LONG_MS, &schema, &size), 0);
	assert_memory_equal(schema, "schema bytes", size);
	toy_broker_cut(fixture->toy);
	assert_int_equal(millstream_schema(fixture->client, 4, LONG_MS, &schema, &size),
			 MILLSTREAM_NOT_FOUND);
	assert_int_equal(record->value_bytes, 1);
	assert_memory_equal(record->value, "0", 1);
	for (uint64_t i = 1; i < 1200; i++)
		expect_record(fixture, i);
	assert_int_equal(millstream_schema(fixture->client, 3, 0, &schema, &size), 0);
	assert_int_equal(toy_broker_frames(fixture->toy, FRAME_SCHEMA), 2);
}

static void credit_is_given_back_and_never_overdrawn(void **state)
{
	struct fixture *fixture = *state;
	const char *topic = "t";
	struct millstream_subscribe_options options = { .topics = &topic, .topic_count = 1,
							.credit_bytes = 300 };
	struct millstream_subscription *subscription;

	toy_broker_add_topic(fixture->toy, "t", 2);
	toy_broker_append(fixture->toy, "t", 0, 100);
	toy_broker_append(fixture->toy, "t", 1, 100);
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	uint64_t next[2] = { 0, 0 };
	for (int i = 0; i < 200; i++) {
		const struct millstream_record *record = next_of(fixture);
		assert_int_equal(record->offset, next[record->partition]++);
	}
	assert_true(toy_broker_frames(fixture->toy, FRAME_CREDIT) > 20);
}

static void a_server_that_ignores_credit_is_left(void **state)
{
	struct fixture *fixture = *state;
	const char *topic = "t";
	struct millstream_subscribe_options options = { .topics = &topic, .topic_count = 1,
							.credit_bytes = 100 };
	struct toy_faults faults = toy_no_faults;
	struct millstream_subscription *subscription;
	const struct millstream_record *record;

	faults.sends_more_than_credit = true;
	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 100);
	toy_broker_set_faults(fixture->toy, &faults);
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	while (toy_broker_connections(fixture->toy) < 3)
		(void)millstream_next(fixture->client, 1, &record);
}

static void seek_goes_back_and_forth_and_says_where_it_cannot(void **state)
{
	struct fixture *fixture = *state;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 20);
	struct millstream_subscription *subscription = subscribe_to(fixture, "t");
	expect_record(fixture, 0);
	assert_int_equal(millstream_seek(subscription, "t", 0, 15, LONG_MS), 0);
	expect_record(fixture, 15);
	assert_int_equal(millstream_seek(subscription, "t", 0, 2, LONG_MS), 0);
	expect_record(fixture, 2);
	assert_int_equal(millstream_seek(subscription, "t", 0, 21, LONG_MS),
			 MILLSTREAM_OUT_OF_RANGE);
	expect_record(fixture, 3);
	assert_int_equal(millstream_seek(subscription, "t", 1, 0, LONG_MS), MILLSTREAM_NOT_FOUND);
	toy_broker_cut(fixture->toy);
	assert_int_equal(millstream_seek(subscription, "t", 0, 19, LONG_MS), 0);
	expect_record(fixture, 19);
}

/* Its end_offset. */
static uint64_t expect_caught_up(struct fixture *fixture)
{
	const struct millstream_record *record;

	assert_int_equal(millstream_next(fixture->client, LONG_MS, &record), MILLSTREAM_OK);
	assert_int_equal(record->kind, MILLSTREAM_CAUGHT_UP);
	return record->end_offset;
}

static void a_partition_catches_up_again_after_each_seek(void **state)
{
	struct fixture *fixture = *state;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 3);
	struct millstream_subscription *subscription = subscribe_to(fixture, "t");
	for (uint64_t i = 0; i < 3; i++)
		expect_record(fixture, i);
	assert_false(millstream_is_caught_up(subscription));
	assert_int_equal(expect_caught_up(fixture), 3);
	assert_true(millstream_is_caught_up(subscription));
	toy_broker_append(fixture->toy, "t", 0, 1);
	expect_record(fixture, 3);
	assert_true(millstream_is_caught_up(subscription));
	assert_int_equal(millstream_seek(subscription, "t", 0, 2, LONG_MS), 0);
	assert_false(millstream_is_caught_up(subscription));
	expect_record(fixture, 2);
	/* Another connection does not count as another seek. */
	toy_broker_cut(fixture->toy);
	expect_record(fixture, 3);
	assert_int_equal(expect_caught_up(fixture), 4);
	/* Twice before anything came: once. */
	assert_int_equal(millstream_seek(subscription, "t", 0, 0, LONG_MS), 0);
	assert_int_equal(millstream_seek(subscription, "t", 0, 4, LONG_MS), 0);
	assert_int_equal(expect_caught_up(fixture), 4);
	assert_true(millstream_is_caught_up(subscription));
}

static void a_seek_that_is_not_answered_leaves_no_gap(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	const char *topic = "t";
	struct millstream_subscribe_options options = { .topics = &topic, .topic_count = 1,
							.credit_bytes = 1 };
	struct millstream_subscription *subscription;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 20);
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	expect_record(fixture, 0);
	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	assert_int_equal(millstream_seek(subscription, "t", 0, 10, 20), MILLSTREAM_TIMEOUT);
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	for (uint64_t i = 1; i < 20; i++)
		expect_record(fixture, i);
}

static void what_is_gone_is_told_and_waits_for_a_seek(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 10);
	const char *topic = "t";
	struct millstream_subscribe_options options = { .topics = &topic, .topic_count = 1,
							.credit_bytes = 1 };
	struct millstream_subscription *subscription;
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	expect_record(fixture, 0);
	expect_record(fixture, 1);
	faults.log_start = 5;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_cut(fixture->toy);
	const struct millstream_record *record = next_of(fixture);
	while (record->kind == MILLSTREAM_RECORD)
		record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_RECORDS_GONE);
	assert_int_equal(record->end_offset, 5);
	assert_int_equal(record->error_code, MILLSTREAM_OUT_OF_RANGE);
	assert_string_equal(record->text, "so it is");
	assert_int_equal(millstream_seek(subscription, "t", 0, record->end_offset, LONG_MS), 0);
	expect_record(fixture, 5);
}

static void damaged_batches_are_told_and_not_handed_out(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;

	faults.damages_batches = true;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 3);
	struct millstream_subscription *subscription = subscribe_to(fixture, "t");
	const struct millstream_record *record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_RECORDS_DAMAGED);
	assert_int_equal(record->offset, 0);
	assert_int_equal(record->error_code, MILLSTREAM_DAMAGED);
	assert_non_null(record->text);
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	assert_int_equal(millstream_seek(subscription, "t", 0, 0, LONG_MS), 0);
	for (uint64_t i = 0; i < 3; i++)
		expect_record(fixture, i);
}

static void topics_that_come_and_go_are_news(void **state)
{
	struct fixture *fixture = *state;

	toy_broker_add_topic(fixture->toy, "a.one", 1);
	struct millstream_subscription *subscription = subscribe_to(fixture, "a.*");
	toy_broker_add_topic(fixture->toy, "a.two", 1);
	toy_broker_append(fixture->toy, "a.two", 0, 1);
	const struct millstream_record *record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_PARTITION_ADDED);
	assert_string_equal(record->topic, "a.two");
	expect_record(fixture, 0);
	toy_broker_remove_topic(fixture->toy, "a.two");
	record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_TOPIC_DELETED);
	assert_string_equal(record->topic, "a.two");
	/* And the same while there is no connection. */
	assert_int_equal(millstream_seek(subscription, "a.two", 0, 0, LONG_MS), MILLSTREAM_NOT_FOUND);
	toy_broker_cut(fixture->toy);
	toy_broker_remove_topic(fixture->toy, "a.one");
	toy_broker_add_topic(fixture->toy, "a.three", 1);
	bool has_gone = false, has_come = false;
	while (!has_gone || !has_come) {
		record = next_of(fixture);
		if (record->kind == MILLSTREAM_TOPIC_DELETED && strcmp(record->topic, "a.one") == 0)
			has_gone = true;
		if (record->kind == MILLSTREAM_PARTITION_ADDED && strcmp(record->topic, "a.three") == 0)
			has_come = true;
	}
}

static void a_topic_made_again_is_read_from_its_beginning(void **state)
{
	struct fixture *fixture = *state;
	const struct millstream_record *record;

	toy_broker_add_topic(fixture->toy, "t.x", 1);
	toy_broker_append(fixture->toy, "t.x", 0, 3);
	subscribe_to(fixture, "t.*");
	for (uint64_t i = 0; i < 3; i++)
		expect_record(fixture, i);
	struct toy_faults mute = toy_no_faults;
	mute.is_mute = true;
	toy_broker_set_faults(fixture->toy, &mute);
	toy_broker_cut(fixture->toy);
	toy_broker_remove_topic(fixture->toy, "t.x");
	toy_broker_add_topic(fixture->toy, "t.x", 1);
	toy_broker_append(fixture->toy, "t.x", 0, 5);
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_TOPIC_DELETED);
	record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_PARTITION_ADDED);
	for (uint64_t i = 0; i < 5; i++)
		expect_record(fixture, i);
}

static void a_topic_deleted_meanwhile_is_told_and_the_others_go_on(void **state)
{
	struct fixture *fixture = *state;
	const char *topics[] = { "a", "b" };
	struct millstream_subscribe_options options = { .topics = topics, .topic_count = 2 };
	struct millstream_subscription *subscription;
	struct toy_faults mute = toy_no_faults;
	const struct millstream_record *record;

	toy_broker_add_topic(fixture->toy, "a", 1);
	toy_broker_add_topic(fixture->toy, "b", 1);
	toy_broker_append(fixture->toy, "b", 0, 2);
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	expect_record(fixture, 0);
	expect_record(fixture, 1);
	mute.is_mute = true;
	toy_broker_set_faults(fixture->toy, &mute);
	toy_broker_cut(fixture->toy);
	toy_broker_remove_topic(fixture->toy, "a");
	toy_broker_append(fixture->toy, "b", 0, 1);
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_TOPIC_DELETED);
	assert_string_equal(record->topic, "a");
	expect_record(fixture, 2);
	/* Made again, it is followed again. */
	toy_broker_add_topic(fixture->toy, "a", 1);
	toy_broker_append(fixture->toy, "a", 0, 1);
	record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_PARTITION_ADDED);
	expect_record(fixture, 0);
}

static void another_log_ends_the_subscription(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	const struct millstream_record *record;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 2);
	struct millstream_subscription *subscription = subscribe_to(fixture, "t");
	expect_record(fixture, 0);
	faults.instance = 9;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_cut(fixture->toy);
	do
		record = next_of(fixture);
	while (record->kind == MILLSTREAM_RECORD);
	assert_int_equal(record->kind, MILLSTREAM_OTHER_INSTANCE);
	assert_int_equal(millstream_seek(subscription, "t", 0, 0, LONG_MS), MILLSTREAM_CLOSED);
	millstream_unsubscribe(subscription);
	subscribe_to(fixture, "t");
	expect_record(fixture, 0);
}

static void a_subscription_refused_later_says_so(void **state)
{
	struct fixture *fixture = *state;

	toy_broker_add_topic(fixture->toy, "t", 1);
	subscribe_to(fixture, "t");
	struct toy_faults mute = toy_no_faults;
	mute.is_mute = true;
	toy_broker_set_faults(fixture->toy, &mute);
	toy_broker_cut(fixture->toy);
	struct toy_faults refusing = toy_no_faults;
	refusing.subscribe_refusal = ERROR_OFFSET_OUT_OF_RANGE;
	toy_broker_set_faults(fixture->toy, &refusing);
	const struct millstream_record *record = next_of(fixture);
	assert_int_equal(record->kind, MILLSTREAM_SUBSCRIPTION_ENDED);
	assert_int_equal(record->error_code, MILLSTREAM_OUT_OF_RANGE);
	assert_non_null(record->text);
}

static void no_subscription_and_no_server_are_told_apart(void **state)
{
	struct fixture *fixture = *state;
	const struct millstream_record *record;
	struct millstream_client *client;

	assert_int_equal(millstream_next(fixture->client, LONG_MS, &record), MILLSTREAM_CLOSED);
	/* Nobody listens on a port that was just left. */
	struct toy_broker *other = toy_broker_start();
	toy_broker_add_topic(other, "t", 1);
	assert_int_equal(millstream_open(toy_broker_url(other), &quick, &client), 0);
	const char *topic = "t";
	struct millstream_subscribe_options options = { .topics = &topic, .topic_count = 1 };
	struct millstream_subscription *subscription;
	assert_int_equal(millstream_subscribe(client, &options, LONG_MS, &subscription), 0);
	toy_broker_stop(other);
	int code;
	while ((code = millstream_next(client, 5, &record)) == MILLSTREAM_OK)
		;
	assert_int_equal(code, MILLSTREAM_DISCONNECTED);
	assert_true(millstream_error_is_retryable(client));
	assert_int_equal(millstream_connect(client, LONG_MS), MILLSTREAM_DISCONNECTED);
	assert_non_null(strstr(millstream_error_text(client), "127.0.0.1"));
	assert_int_equal(millstream_fd(client), -1);
	millstream_close(client);
}

static void a_foreign_loop_drives_it(void **state)
{
	struct fixture *fixture = *state;
	const struct millstream_record *record;
	int got = 0;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 50);
	subscribe_to(fixture, "t");
	toy_broker_cut(fixture->toy);
	while (got < 50) {
		int timeout_ms;
		struct pollfd polled = { .fd = millstream_fd(fixture->client) };
		polled.events = millstream_events(fixture->client, &timeout_ms);
		poll(&polled, 1, timeout_ms);
		assert_int_equal(millstream_dispatch(fixture->client), 0);
		while (millstream_next(fixture->client, 0, &record) == MILLSTREAM_OK)
			if (record->kind == MILLSTREAM_RECORD)
				assert_int_equal(record->offset, got++);
	}
}

static bool note_place(void *user, const struct millstream_place *place)
{
	struct millstream_place *out = user;
	*out = *place;
	return false;
}

static void places_and_commits_say_what_was_handed_out(void **state)
{
	struct fixture *fixture = *state;
	const char *topic = "t";
	struct millstream_subscribe_options options = { .topics = &topic, .topic_count = 1,
							.group = "g" };
	struct millstream_subscription *subscription;
	struct millstream_place place;

	toy_broker_add_topic(fixture->toy, "t", 1);
	toy_broker_append(fixture->toy, "t", 0, 5);
	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription), 0);
	expect_record(fixture, 0);
	expect_record(fixture, 1);
	millstream_places(subscription, note_place, &place);
	assert_int_equal(place.next_offset, 2);
	assert_int_equal(place.visible_end, 5);
	assert_false(place.is_caught_up);
	assert_int_equal(millstream_commit(subscription, LONG_MS), 0);
	assert_int_equal(toy_broker_frames(fixture->toy, FRAME_COMMIT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(records_come_in_order_with_all_that_belongs_to_them),
		RUN(starts_are_where_they_were_asked_for),
		RUN(a_lost_connection_loses_and_repeats_nothing),
		RUN(a_lent_record_outlives_other_calls_and_the_connection),
		RUN(credit_is_given_back_and_never_overdrawn),
		RUN(a_server_that_ignores_credit_is_left),
		RUN(seek_goes_back_and_forth_and_says_where_it_cannot),
		RUN(a_partition_catches_up_again_after_each_seek),
		RUN(a_seek_that_is_not_answered_leaves_no_gap),
		RUN(what_is_gone_is_told_and_waits_for_a_seek),
		RUN(damaged_batches_are_told_and_not_handed_out),
		RUN(topics_that_come_and_go_are_news),
		RUN(a_topic_made_again_is_read_from_its_beginning),
		RUN(a_topic_deleted_meanwhile_is_told_and_the_others_go_on),
		RUN(another_log_ends_the_subscription),
		RUN(a_subscription_refused_later_says_so),
		RUN(no_subscription_and_no_server_are_told_apart),
		RUN(a_foreign_loop_drives_it),
		RUN(places_and_commits_say_what_was_handed_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
