#include "tests/support/client_fixture.h"
#include "tests/support/wait_until.h"

/* What on_delivered was told. */
struct results {
	uint32_t ok_count;
	uint32_t failed_count;
	int last_code;
	uint64_t last_offset;
	bool is_out_of_order;
	struct millstream_client *client;
	int code_inside;
};

static void on_delivered(void *user, const struct millstream_delivery *delivery)
{
	struct results *results = user;

	results->last_code = delivery->code;
	if (delivery->code != MILLSTREAM_OK) {
		results->failed_count++;
		return;
	}
	if (delivery->offset != UINT64_MAX && results->ok_count > 0 &&
	    results->last_offset != UINT64_MAX && delivery->offset <= results->last_offset)
		results->is_out_of_order = true;
	results->last_offset = delivery->offset;
	results->ok_count++;
}

static void publish_numbers(struct fixture *fixture, uint32_t first, uint32_t count,
			    struct results *results)
{
	for (uint32_t i = first; i < first + count; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%u", i);
		struct millstream_message message = { .topic = "t", .value = text,
						      .value_bytes = strlen(text) };
		int code = millstream_publish(fixture->client, &message, LONG_MS, on_delivered, results);
		if (code != MILLSTREAM_OK)
			fail_msg("publish: %d %s", code, millstream_error_text(fixture->client));
	}
}

static void expect_numbers(struct fixture *fixture, uint32_t count)
{
	assert_int_equal(toy_broker_end(fixture->toy, "t", 0), count);
	for (uint32_t i = 0; i < count; i++) {
		char expected[16], text[16];
		snprintf(expected, sizeof(expected), "%u", i);
		toy_broker_value(fixture->toy, "t", 0, i, text, sizeof(text));
		assert_string_equal(text, expected);
	}
}

static void records_are_stored_in_order_and_acknowledged(void **state)
{
	struct fixture *fixture = *state;
	struct results results = { 0 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	publish_numbers(fixture, 0, 1000, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	assert_int_equal(results.ok_count, 1000);
	assert_int_equal(results.last_offset, 999);
	assert_false(results.is_out_of_order);
	assert_int_equal(millstream_unacknowledged(fixture->client), 0);
	expect_numbers(fixture, 1000);
	/* Batches were made of what waited. */
	assert_true(toy_broker_frames(fixture->toy, FRAME_PUBLISH) < 500);
}

static void keys_headers_tombstones_and_times_arrive(void **state)
{
	struct fixture *fixture = *state;
	const struct millstream_header headers[] = { { "a", 1, "one", 3 }, { "bb", 2, NULL, 0 } };
	struct millstream_message message = {
		.topic = "t", .partition = 1, .key = "k", .key_bytes = 1, .headers = headers,
		.header_count = 2, .time_us = 77,
	};
	struct millstream_header header;
	size_t cursor = 0;

	toy_broker_add_topic(fixture->toy, "t", 2);
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL), 0);
	message.key = NULL;
	message.key_bytes = 0;
	message.value = "";
	message.header_count = 0;
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL), 0);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	subscribe_to(fixture, "t");
	const struct millstream_record *record = next_of(fixture);
	assert_int_equal(record->partition, 1);
	assert_memory_equal(record->key, "k", 1);
	assert_int_equal(record->value_content, MILLSTREAM_NONE);
	assert_true(millstream_header_next(record, &cursor, &header));
	assert_memory_equal(header.name, "a", 1);
	assert_int_equal(header.value_bytes, 3);
	assert_memory_equal(header.value, "one", 3);
	assert_true(millstream_header_next(record, &cursor, &header));
	assert_int_equal(header.name_bytes, 2);
	assert_null(header.value);
	assert_false(millstream_header_next(record, &cursor, &header));
	record = next_of(fixture);
	assert_int_equal(record->value_content, MILLSTREAM_BYTES);
	assert_int_equal(record->value_bytes, 0);
	assert_int_equal(record->key_content, MILLSTREAM_NONE);
}

static void a_key_always_has_the_partition_that_murmur2_names(void **state)
{
	struct fixture *fixture = *state;
	struct millstream_message message = { .topic = "t", .partition = MILLSTREAM_ANY_PARTITION,
					      .key = "21", .key_bytes = 2, .value = "v",
					      .value_bytes = 1 };

	toy_broker_add_topic(fixture->toy, "t", 4);
	for (int i = 0; i < 10; i++)
		assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL), 0);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	/* murmur2("21") = -973932308 in Kafka's tests; positive, modulo 4: 0. */
	assert_int_equal(toy_broker_end(fixture->toy, "t", 0), 10);
	message.key = NULL;
	message.key_bytes = 0;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL), 0);
		assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	}
	for (uint32_t p = 1; p < 4; p++)
		assert_int_equal(toy_broker_end(fixture->toy, "t", p), 2);
}

static void what_was_not_acknowledged_is_sent_again_and_stored_once(void **state)
{
	struct fixture *fixture = *state;
	struct results results = { 0 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	for (uint32_t i = 0; i < 50; i++) {
		publish_numbers(fixture, 20 * i, 20, &results);
		toy_broker_cut(fixture->toy);
	}
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	assert_int_equal(results.ok_count, 1000);
	assert_int_equal(results.failed_count, 0);
	expect_numbers(fixture, 1000);
}

static void a_full_disk_is_waited_for(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	publish_numbers(fixture, 0, 1, &results);
	faults.refused_publish_skip = 1;
	faults.refused_publish_count = 2;
	faults.refusal = ERROR_DISK_FULL;
	toy_broker_set_faults(fixture->toy, &faults);
	publish_numbers(fixture, 1, 500, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	assert_int_equal(results.ok_count, 501);
	expect_numbers(fixture, 501);
}

/* The first batch of a producer is refused while a second could follow it: the
 * server would take that for the first. */
static void a_refused_first_batch_is_not_overtaken(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };
	struct millstream_options options = quick;

	options.publish_batch_bytes = 100;
	millstream_close(fixture->client);
	assert_int_equal(millstream_open(toy_broker_url(fixture->toy), &options, &fixture->client), 0);
	toy_broker_add_topic(fixture->toy, "t", 2);
	/* To the other partition: from now on the topic is known. */
	struct millstream_message message = { .topic = "t", .partition = 1, .value = "v",
					      .value_bytes = 1 };
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL), 0);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	faults.refused_publish_count = 1;
	faults.refusal = ERROR_DISK_FULL;
	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	publish_numbers(fixture, 0, 200, &results);
	assert_true(wait_until(toy_broker_frames(fixture->toy, FRAME_PUBLISH) >= 2));
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	expect_numbers(fixture, 200);
	assert_int_equal(toy_broker_duplicates(fixture->toy), 0);
}

static void what_is_refused_for_good_is_reported_and_the_rest_goes_on(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	publish_numbers(fixture, 0, 1, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	faults.refused_publish_count = 1;
	faults.refusal = ERROR_NOT_OWNER;
	toy_broker_set_faults(fixture->toy, &faults);
	publish_numbers(fixture, 7777, 1, &results);
	publish_numbers(fixture, 1, 300, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), MILLSTREAM_NOT_OWNER);
	assert_non_null(strstr(millstream_error_text(fixture->client), "refused by the test"));
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	assert_int_equal(results.failed_count, 1);
	assert_int_equal(results.ok_count, 301);
	expect_numbers(fixture, 301);
}

/* Of several batches under way, the first are refused since the topic is gone, and the next are
 * stored, since there is a new one, which takes any number from a producer it does not know. */
static void what_a_new_topic_of_that_name_acknowledges_is_in_it(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };
	struct millstream_options options = quick;

	options.publish_batch_bytes = 100;
	millstream_close(fixture->client);
	assert_int_equal(millstream_open(toy_broker_url(fixture->toy), &options, &fixture->client), 0);
	toy_broker_add_topic(fixture->toy, "t", 1);
	publish_numbers(fixture, 0, 1, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	toy_broker_remove_topic(fixture->toy, "t");
	toy_broker_add_topic(fixture->toy, "t", 1);
	faults.refused_publish_count = 2;
	faults.refusal = ERROR_NOT_FOUND;
	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	publish_numbers(fixture, 1, 300, &results);
	assert_true(wait_until(toy_broker_frames(fixture->toy, FRAME_PUBLISH) >= 6));
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), MILLSTREAM_NOT_FOUND);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	assert_true(results.failed_count > 0);
	assert_int_equal(results.ok_count + results.failed_count, 301);
	assert_int_equal(toy_broker_end(fixture->toy, "t", 0), results.ok_count - 1);
	assert_int_equal(toy_broker_connections(fixture->toy), 1);
}

static void a_server_that_lost_the_sequence_gets_a_new_producer(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	faults.refused_publish_skip = 1;
	faults.refused_publish_count = 1;
	faults.refusal = ERROR_OUT_OF_SEQUENCE;
	toy_broker_set_faults(fixture->toy, &faults);
	publish_numbers(fixture, 0, 100, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	expect_numbers(fixture, 100);
	faults.refused_publish_skip = 0;
	faults.refused_publish_count = 100;
	toy_broker_set_faults(fixture->toy, &faults);
	publish_numbers(fixture, 100, 1, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), MILLSTREAM_SERVER);
}

static void what_nobody_acknowledges_times_out(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };
	struct millstream_options options = quick;

	options.delivery_timeout_ms = 30;
	millstream_close(fixture->client);
	assert_int_equal(millstream_open(toy_broker_url(fixture->toy), &options, &fixture->client), 0);
	toy_broker_add_topic(fixture->toy, "t", 1);
	publish_numbers(fixture, 0, 1, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	publish_numbers(fixture, 1, 3, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), MILLSTREAM_TIMEOUT);
	assert_int_equal(results.failed_count, 3);
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	options.delivery_timeout_ms = 0;
	publish_numbers(fixture, 4, 1, &results);
	(void)millstream_flush(fixture->client, LONG_MS);
	assert_int_equal(millstream_unacknowledged(fixture->client), 0);
}

static void memory_is_bounded_and_publish_waits_for_room(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };
	struct millstream_options options = quick;
	struct millstream_message message = { .topic = "t", .value = "v", .value_bytes = 1 };
	uint32_t count = 0;

	options.publish_buffer_bytes = 10000;
	millstream_close(fixture->client);
	assert_int_equal(millstream_open(toy_broker_url(fixture->toy), &options, &fixture->client), 0);
	toy_broker_add_topic(fixture->toy, "t", 1);
	publish_numbers(fixture, 0, 1, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	int code;
	while ((code = millstream_publish(fixture->client, &message, 0, on_delivered, &results)) == 0)
		count++;
	assert_int_equal(code, MILLSTREAM_BUSY);
	assert_true(millstream_error_is_retryable(fixture->client));
	assert_in_range(count, 50, 200);
	assert_int_equal(millstream_flush(fixture->client, 0), MILLSTREAM_TIMEOUT);
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, on_delivered, &results),
			 0);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	assert_int_equal(results.ok_count, count + 2);
}

static void who_waits_for_answers_need_not_be_woken_before(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	int timeout_ms = 0;

	toy_broker_add_topic(fixture->toy, "t", 32);
	for (uint32_t partition = 0; partition < 32; partition++) {
		struct millstream_message message = { .topic = "t", .partition = partition, .value = "v",
						      .value_bytes = 1 };
		assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL), 0);
		if (partition > 0)
			continue;
		assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
		faults.is_mute = true;
		toy_broker_set_faults(fixture->toy, &faults);
	}
	assert_int_equal(millstream_flush(fixture->client, 0), MILLSTREAM_TIMEOUT);
	(void)millstream_events(fixture->client, &timeout_ms);
	assert_true(timeout_ms != 0);
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
}

static void wrong_messages_are_refused_at_once(void **state)
{
	struct fixture *fixture = *state;
	static char large[2 * 1024 * 1024];
	struct millstream_message message = { .topic = "none", .value = "v", .value_bytes = 1 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL),
			 MILLSTREAM_NOT_FOUND);
	message.topic = "";
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL),
			 MILLSTREAM_INVALID);
	message.topic = "t";
	message.partition = 1;
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL),
			 MILLSTREAM_NOT_FOUND);
	message.partition = 0;
	message.value = large;
	message.value_bytes = sizeof(large);
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL),
			 MILLSTREAM_TOO_LARGE);
	message.value = NULL;
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL),
			 MILLSTREAM_INVALID);
	assert_int_equal(millstream_unacknowledged(fixture->client), 0);
}

static void a_topic_that_is_not_there_is_made_where_the_server_does_that(void **state)
{
	struct fixture *fixture = *state;
	const struct millstream_message message = { .topic = "new", .partition = 1, .value = "v", .value_bytes = 1 };
	struct toy_faults faults = toy_no_faults;

	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL),
			 MILLSTREAM_NOT_FOUND);
	faults.creates_topics = true;
	toy_broker_set_faults(fixture->toy, &faults);
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, NULL, NULL), MILLSTREAM_OK);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), MILLSTREAM_OK);
}

static void close_reports_what_is_left(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	publish_numbers(fixture, 0, 1, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	publish_numbers(fixture, 1, 5, &results);
	millstream_close(fixture->client);
	fixture->client = NULL;
	assert_int_equal(results.failed_count, 5);
	assert_int_equal(results.last_code, MILLSTREAM_CLOSED);
}

static void call_inside(void *user, const struct millstream_delivery *delivery)
{
	struct results *results = user;
	(void)delivery;

	results->code_inside = millstream_flush(results->client, 0);
}

static void callbacks_must_not_call_back(void **state)
{
	struct fixture *fixture = *state;
	struct results results = { .client = fixture->client };
	struct millstream_message message = { .topic = "t", .value = "v", .value_bytes = 1 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, call_inside, &results),
			 0);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	assert_int_equal(results.code_inside, MILLSTREAM_BUSY);
}

static void another_log_gets_all_that_is_left(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct results results = { 0 };

	toy_broker_add_topic(fixture->toy, "t", 1);
	publish_numbers(fixture, 0, 10, &results);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	faults.is_mute = true;
	faults.instance = 9;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_cut(fixture->toy);
	publish_numbers(fixture, 0, 10, &results);
	toy_broker_remove_topic(fixture->toy, "t");
	toy_broker_add_topic(fixture->toy, "t", 1);
	faults.is_mute = false;
	toy_broker_set_faults(fixture->toy, &faults);
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
	expect_numbers(fixture, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(records_are_stored_in_order_and_acknowledged),
		RUN(keys_headers_tombstones_and_times_arrive),
		RUN(a_key_always_has_the_partition_that_murmur2_names),
		RUN(what_was_not_acknowledged_is_sent_again_and_stored_once),
		RUN(a_full_disk_is_waited_for),
		RUN(a_refused_first_batch_is_not_overtaken),
		RUN(what_is_refused_for_good_is_reported_and_the_rest_goes_on),
		RUN(what_a_new_topic_of_that_name_acknowledges_is_in_it),
		RUN(a_server_that_lost_the_sequence_gets_a_new_producer),
		RUN(what_nobody_acknowledges_times_out),
		RUN(memory_is_bounded_and_publish_waits_for_room),
		RUN(who_waits_for_answers_need_not_be_woken_before),
		RUN(wrong_messages_are_refused_at_once),
		RUN(a_topic_that_is_not_there_is_made_where_the_server_does_that),
		RUN(close_reports_what_is_left),
		RUN(callbacks_must_not_call_back),
		RUN(another_log_gets_all_that_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
