#include "tests/support/client_fixture.h"

/* One conversation, publishing and reading, cut after every byte of it in either
 * direction: each record is stored once, acknowledged once and read once. */

#define RECORDS 6

struct outcome {
	uint32_t acknowledged[2 * RECORDS];
	uint32_t failed_count;
};

struct expected {
	struct outcome *outcome;
	uint32_t number;
};

static void on_delivered(void *user, const struct millstream_delivery *delivery)
{
	struct expected *expected = user;

	if (delivery->code == MILLSTREAM_OK)
		expected->outcome->acknowledged[expected->number]++;
	else
		expected->outcome->failed_count++;
}

static void publish(struct fixture *fixture, struct expected *expected, uint32_t first,
		    uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%u", i);
		struct millstream_message message = { .topic = "t", .value = text,
						      .value_bytes = strlen(text) };
		assert_int_equal(millstream_publish(fixture->client, &message, LONG_MS, on_delivered,
						    &expected[i]),
				 0);
	}
	assert_int_equal(millstream_flush(fixture->client, LONG_MS), 0);
}

static void converse(const struct toy_faults *faults, long *out_sent_bytes,
		     long *out_received_bytes)
{
	struct fixture fixture;
	struct outcome outcome = { 0 };
	struct expected expected[2 * RECORDS];

	for (uint32_t i = 0; i < 2 * RECORDS; i++)
		expected[i] = (struct expected){ &outcome, i };
	fixture.toy = toy_broker_start();
	toy_broker_add_topic(fixture.toy, "t", 1);
	toy_broker_set_faults(fixture.toy, faults);
	assert_int_equal(millstream_open(toy_broker_url(fixture.toy), &quick, &fixture.client), 0);
	publish(&fixture, expected, 0, RECORDS);
	subscribe_to(&fixture, "t");
	for (uint64_t i = 0; i < RECORDS; i++)
		expect_record(&fixture, i);
	publish(&fixture, expected, RECORDS, RECORDS);
	for (uint64_t i = RECORDS; i < 2 * RECORDS; i++)
		expect_record(&fixture, i);
	for (uint32_t i = 0; i < 2 * RECORDS; i++)
		assert_int_equal(outcome.acknowledged[i], 1);
	assert_int_equal(outcome.failed_count, 0);
	assert_int_equal(toy_broker_end(fixture.toy, "t", 0), 2 * RECORDS);
	if (out_sent_bytes != NULL) {
		*out_sent_bytes = toy_broker_sent_bytes(fixture.toy);
		*out_received_bytes = toy_broker_received_bytes(fixture.toy);
	}
	millstream_close(fixture.client);
	toy_broker_stop(fixture.toy);
}

static void a_cut_after_any_byte_loses_and_repeats_nothing(void **state)
{
	struct toy_faults faults = toy_no_faults;
	long sent_bytes, received_bytes;
	(void)state;

	converse(&faults, &sent_bytes, &received_bytes);
	assert_true(sent_bytes > 500 && received_bytes > 200);
	for (long n = 0; n < sent_bytes; n++) {
		faults.cut_after_sent_bytes = n;
		converse(&faults, NULL, NULL);
	}
	faults = toy_no_faults;
	for (long n = 0; n < received_bytes; n++) {
		faults.cut_after_received_bytes = n;
		converse(&faults, NULL, NULL);
	}
}

static void single_bytes_are_enough(void **state)
{
	struct toy_faults faults = toy_no_faults;
	(void)state;

	faults.sends_single_bytes = true;
	converse(&faults, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_after_any_byte_loses_and_repeats_nothing),
		cmocka_unit_test(single_bytes_are_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
