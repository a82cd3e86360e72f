#ifndef TESTS_SUPPORT_CLIENT_FIXTURE_H
#define TESTS_SUPPORT_CLIENT_FIXTURE_H

#include "client/millstream.h"
#include "tests/support/toy_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A toy broker and a client of it that comes back quickly. */

#define LONG_MS 20000           /* that only something that hangs reaches */

struct fixture {
	struct toy_broker *toy;
	struct millstream_client *client;
};

static const struct millstream_options quick = { .reconnect_min_ms = 1, .reconnect_max_ms = 4 };

static inline int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->toy = toy_broker_start();
	assert_int_equal(millstream_open(toy_broker_url(fixture->toy), &quick, &fixture->client),
			 MILLSTREAM_OK);
	*state = fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	millstream_close(fixture->client);
	toy_broker_stop(fixture->toy);
	free(fixture);
	return 0;
}

static inline struct millstream_subscription *subscribe_to(struct fixture *fixture,
							   const char *topic)
{
	struct millstream_subscribe_options options = { .topics = &topic, .topic_count = 1 };
	struct millstream_subscription *subscription = NULL;

	assert_int_equal(millstream_subscribe(fixture->client, &options, LONG_MS, &subscription),
			 MILLSTREAM_OK);
	return subscription;
}

/* The next that is a record, or not CAUGHT_UP. */
static inline const struct millstream_record *next_of(struct fixture *fixture)
{
	const struct millstream_record *record;

	do {
		int code = millstream_next(fixture->client, LONG_MS, &record);
		if (code != MILLSTREAM_OK)
			fail_msg("next: %d %s", code, millstream_error_text(fixture->client));
	} while (record->kind == MILLSTREAM_CAUGHT_UP);
	return record;
}

static inline void expect_record(struct fixture *fixture, uint64_t offset)
{
	const struct millstream_record *record = next_of(fixture);
	char text[24];

	assert_int_equal(record->kind, MILLSTREAM_RECORD);
	assert_int_equal(record->offset, offset);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)offset);
	assert_int_equal(record->value_bytes, strlen(text));
	assert_memory_equal(record->value, text, strlen(text));
}

#define RUN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
