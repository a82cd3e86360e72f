#include "client/millstream.h"
#include "tests/support/random.h"
#include "tests/support/server_process.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Eight producers number their records 0, 1, 2, …, eight subscribers read them all,
 * and the server is killed again and again: every record that a producer was told is
 * stored comes to every subscriber once, in order, without a gap. */

enum { PRODUCERS = 8, SUBSCRIBERS = 8, PARTITIONS = 4 };

#define TOPIC "killed"

struct producer {
	const char *url;
	int number;
	uint64_t published_count;
	uint64_t acknowledged_count;    /* all below were */
	char failure[256];
	pthread_t thread;
};

struct subscriber {
	const char *url;
	uint64_t next[PRODUCERS];       /* the record that must come next */
	char failure[256];
	pthread_t thread;
};

static atomic_bool is_producing;
static atomic_bool is_over;             /* every record is published: read to the end */
static struct producer producers[PRODUCERS];
static struct subscriber subscribers[SUBSCRIBERS];

static void on_delivered(void *user, const struct millstream_delivery *delivery)
{
	struct producer *producer = user;
	if (delivery->code == MILLSTREAM_OK)
		producer->acknowledged_count++;
	else if (producer->failure[0] == '\0')
		snprintf(producer->failure, sizeof(producer->failure), "not delivered: %d %s",
			 delivery->code, delivery->text != NULL ? delivery->text : "");
}

static int publish_next(struct producer *producer, struct millstream_client *client)
{
	char key[16], value[64];
	snprintf(key, sizeof(key), "p%d", producer->number);
	snprintf(value, sizeof(value), "%d %llu", producer->number,
		 (unsigned long long)producer->published_count);
	struct millstream_message message = {
		.topic = TOPIC, .partition = MILLSTREAM_ANY_PARTITION,
		.key = key, .key_bytes = strlen(key), .value = value, .value_bytes = strlen(value),
	};
	return millstream_publish(client, &message, 1000, on_delivered, producer);
}

static void *produce(void *argument)
{
	struct producer *producer = argument;
	struct millstream_client *client;
	if (millstream_open(producer->url, NULL, &client) != MILLSTREAM_OK)
		return NULL;
	while (atomic_load(&is_producing)) {
		if (publish_next(producer, client) == MILLSTREAM_OK)
			producer->published_count++;
		/* A steady stream, not a flood: the kills should find all states. */
		if (producer->published_count % 64 == 0)
			millstream_flush(client, 5);
	}
	while (millstream_unacknowledged(client) > 0 && producer->failure[0] == '\0')
		millstream_flush(client, 1000);
	millstream_close(client);
	return NULL;
}

static void check_record(struct subscriber *subscriber, const struct millstream_record *record)
{
	int number;
	unsigned long long sequence;
	char text[64];
	snprintf(text, sizeof(text), "%.*s", (int)record->value_bytes, (const char *)record->value);
	if (sscanf(text, "%d %llu", &number, &sequence) != 2 || number < 0 || number >= PRODUCERS)
		snprintf(subscriber->failure, sizeof(subscriber->failure), "a strange record: '%s'", text);
	else if (sequence != subscriber->next[number])
		snprintf(subscriber->failure, sizeof(subscriber->failure),
			 "producer %d: %llu came where %llu is next (partition %u, offset %llu)", number,
			 sequence, (unsigned long long)subscriber->next[number], record->partition,
			 (unsigned long long)record->offset);
	else
		subscriber->next[number]++;
}

static bool has_all(const struct subscriber *subscriber)
{
	for (int n = 0; n < PRODUCERS; n++)
		if (subscriber->next[n] < producers[n].acknowledged_count)
			return false;
	return true;
}

static void *follow(void *argument)
{
	struct subscriber *subscriber = argument;
	const char *topics[] = { TOPIC };
	const struct millstream_subscribe_options options = { .topics = topics, .topic_count = 1 };
	struct millstream_client *client;
	struct millstream_subscription *subscription;
	const struct millstream_record *record;
	if (millstream_open(subscriber->url, NULL, &client) != MILLSTREAM_OK)
		return NULL;
	while (millstream_subscribe(client, &options, 1000, &subscription) != MILLSTREAM_OK)
		;
	int64_t deadline_ms = INT64_MAX;
	while (subscriber->failure[0] == '\0') {
		if (millstream_next(client, 100, &record) == MILLSTREAM_OK) {
			if (record->kind == MILLSTREAM_RECORD)
				check_record(subscriber, record);
			else if (record->kind != MILLSTREAM_CAUGHT_UP)
				snprintf(subscriber->failure, sizeof(subscriber->failure),
					 "unexpected news %d: %s", (int)record->kind,
					 record->text != NULL ? record->text : "");
			continue;
		}
		if (!atomic_load(&is_over))
			continue;
		if (has_all(subscriber))
			break;
		if (deadline_ms == INT64_MAX)
			deadline_ms = wait_until_now_ms() + WAIT_UNTIL_DEADLINE_MS;
		if (wait_until_now_ms() > deadline_ms)
			snprintf(subscriber->failure, sizeof(subscriber->failure), "records are missing");
	}
	millstream_close(client);
	return NULL;
}

static void start_all(const char *url)
{
	atomic_store(&is_producing, true);
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){ .url = url, .number = i };
		assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
	}
	for (int i = 0; i < SUBSCRIBERS; i++) {
		subscribers[i] = (struct subscriber){ .url = url };
		assert_int_equal(pthread_create(&subscribers[i].thread, NULL, follow, &subscribers[i]), 0);
	}
}

static void join_all(void)
{
	uint64_t total = 0;
	atomic_store(&is_producing, false);
	for (int i = 0; i < PRODUCERS; i++) {
		pthread_join(producers[i].thread, NULL);
		total += producers[i].acknowledged_count;
	}
	atomic_store(&is_over, true);
	for (int i = 0; i < SUBSCRIBERS; i++)
		pthread_join(subscribers[i].thread, NULL);
	print_message("# %llu records acknowledged\n", (unsigned long long)total);
	assert_true(total > 0);
}

static void create_topic(const char *url)
{
	struct millstream_client *client;
	assert_int_equal(millstream_open(url, NULL, &client), MILLSTREAM_OK);
	assert_int_equal(millstream_topic_create(client, TOPIC, PARTITIONS, NULL, 0, 10000), MILLSTREAM_OK);
	millstream_close(client);
}

static void acknowledged_records_are_read_once_in_order_however_often_the_server_is_killed(void **state)
{
	const int kills = test_amount(2, 20, 200);
	struct random random = random_seeded(7470, 0);
	struct server_process server;
	(void)state;
	server_process_start(&server, NULL);
	create_topic(server.url);
	start_all(server.url);
	for (int n = 0; n < kills; n++) {
		struct timespec pause = { .tv_nsec = (long)random_between(&random, 1, 250) * 1000000L };
		nanosleep(&pause, NULL);        /* when it dies is the test's only dice */
		server_process_kill(&server);
		server_process_restart(&server);
	}
	join_all();
	assert_int_equal(server_process_stop(&server), 0);
	server_process_clear(&server);
	for (int i = 0; i < PRODUCERS; i++) {
		assert_string_equal(producers[i].failure, "");
		assert_int_equal(producers[i].acknowledged_count, producers[i].published_count);
	}
	for (int i = 0; i < SUBSCRIBERS; i++)
		assert_string_equal(subscribers[i].failure, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledged_records_are_read_once_in_order_however_often_the_server_is_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
