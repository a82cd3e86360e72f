#include "client/millstream.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/random.h"
#include "tests/support/server_process.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A real server, real clients, and a network between them that fails in every way a
 * network does: nothing is lost, nothing comes twice, and the server keeps nothing. */

#define TOPIC "cut"
#define ANSWER_MS WAIT_UNTIL_DEADLINE_MS
#define VALUE_BYTES 100
/* A heartbeat of several of the server's looks at its clock; small batches, so that
 * cuts fall between and into them. */
#define CONFIG "heartbeat.interval.ms = 1000\nlog.map.bytes = 1GiB\nlog.batch.bytes = 4KiB\n"

struct rig {
	struct server_process server;
	struct fault_proxy *proxy;
	struct millstream_client *direct;       /* past the proxy */
};

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	server_process_start(&rig->server, CONFIG);
	rig->proxy = fault_proxy_start(rig->server.port);
	assert_int_equal(millstream_open(rig->server.url, NULL, &rig->direct), MILLSTREAM_OK);
	assert_int_equal(millstream_topic_create(rig->direct, TOPIC, 1, NULL, 0, ANSWER_MS), MILLSTREAM_OK);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;
	millstream_close(rig->direct);
	fault_proxy_stop(rig->proxy);
	/* Under a sanitizer this is 0 only if nothing leaked. */
	int status = server_process_stop(&rig->server);
	server_process_clear(&rig->server);
	free(rig);
	if (status != 0)
		fprintf(stderr, "the server ended with %d\n", status);
	return status;
}

static struct millstream_client *open_through(struct rig *rig)
{
	/* Back again quickly; and so little on its way that some of it is acknowledged
	 * before the next cut. */
	const struct millstream_options options = {
		.reconnect_min_ms = 1, .reconnect_max_ms = 20,
		.publish_batch_bytes = 4096, .publish_requests_max = 2,
	};
	struct millstream_client *client;
	assert_int_equal(millstream_open(fault_proxy_url(rig->proxy), &options, &client), MILLSTREAM_OK);
	return client;
}

static int subscribe(struct millstream_client *client, struct millstream_subscription **out)
{
	const char *topics[] = { TOPIC };
	/* Little credit: much is under way whenever a cut comes. */
	const struct millstream_subscribe_options options = {
		.topics = topics, .topic_count = 1, .credit_bytes = 8192,
	};
	return millstream_subscribe(client, &options, ANSWER_MS, out);
}

/* Numbers in order, as values. */
static int publish_number(struct millstream_client *client, uint64_t number, int timeout_ms)
{
	char value[VALUE_BYTES];
	memset(value, '.', sizeof(value));
	snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
	struct millstream_message message = {
		.topic = TOPIC, .partition = 0, .value = value, .value_bytes = sizeof(value),
	};
	return millstream_publish(client, &message, timeout_ms, NULL, NULL);
}

static void publish_directly(struct rig *rig, uint64_t *next, uint64_t count)
{
	for (const uint64_t end = *next + count; *next < end; (*next)++)
		assert_int_equal(publish_number(rig->direct, *next, ANSWER_MS), MILLSTREAM_OK);
	assert_int_equal(millstream_flush(rig->direct, ANSWER_MS), MILLSTREAM_OK);
}

/* However often the connection goes. */
static int flush(struct millstream_client *client)
{
	int code = MILLSTREAM_OK;
	(void)wait_until((code = millstream_flush(client, 1000)) != MILLSTREAM_TIMEOUT &&
			 code != MILLSTREAM_DISCONNECTED);
	return code;
}

/* Reads until the record before end came; each has to be the next one. */
static void read_up_to(struct millstream_client *client, uint64_t *next, uint64_t end)
{
	const int64_t deadline_ms = wait_until_now_ms() + 4 * ANSWER_MS;
	const struct millstream_record *record;
	while (*next < end) {
		int code = millstream_next(client, 1000, &record);
		if (code != MILLSTREAM_OK) {
			if ((code != MILLSTREAM_TIMEOUT && code != MILLSTREAM_DISCONNECTED) ||
			    wait_until_now_ms() > deadline_ms)
				fail_msg("record %llu does not come: %d, %s", (unsigned long long)*next, code,
					 millstream_error_text(client));
			continue;
		}
		if (record->kind == MILLSTREAM_CAUGHT_UP)
			continue;
		if (record->kind != MILLSTREAM_RECORD)
			fail_msg("news %d: %s", (int)record->kind, record->text != NULL ? record->text : "");
		assert_int_equal(strtoull(record->value, NULL, 10), *next);
		assert_int_equal(record->offset, *next);
		(*next)++;
	}
}

static uint32_t connections(struct rig *rig)
{
	const struct millstream_status *status;
	assert_int_equal(millstream_status(rig->direct, ANSWER_MS, &status), MILLSTREAM_OK);
	return status->connections;
}

static uint32_t subscriptions(struct rig *rig)
{
	const struct millstream_status *status;
	assert_int_equal(millstream_status(rig->direct, ANSWER_MS, &status), MILLSTREAM_OK);
	return status->subscriptions;
}

/* Only the direct client is left. */
static void expect_freed(struct rig *rig)
{
	assert_true(wait_until(connections(rig) == 1));
	assert_int_equal(subscriptions(rig), 0);
}

/* Of the frames that the proxy holds: how many are PINGs, and is a GOODBYE the last? */
static unsigned int count_pings(struct rig *rig, bool *out_said_goodbye)
{
	static uint8_t held[65536];
	size_t size = fault_proxy_held(rig->proxy, held, sizeof(held));
	unsigned int pings = 0;
	*out_said_goodbye = false;
	for (size_t at = 0; at + FRAME_HEADER_BYTES <= size; at += FRAME_LENGTH_BYTES + load_u32(held + at)) {
		pings += held[at + FRAME_LENGTH_BYTES] == FRAME_PING;
		*out_said_goodbye = held[at + FRAME_LENGTH_BYTES] == FRAME_GOODBYE;
	}
	return pings;
}

static void a_silent_network_frees_the_session_within_three_heartbeats(void **state)
{
	struct rig *rig = *state;
	struct millstream_client *client = open_through(rig);
	struct millstream_subscription *subscription;
	uint64_t published = 0, read = 0;
	bool has_said_goodbye;
	publish_directly(rig, &published, 10);
	assert_int_equal(subscribe(client, &subscription), MILLSTREAM_OK);
	read_up_to(client, &read, published);
	assert_int_equal(connections(rig), 2);
	assert_int_equal(subscriptions(rig), 1);

	fault_proxy_set(rig->proxy, PROXY_BLACKHOLE);
	expect_freed(rig);
	/* A PING a heartbeat, and with the third the end. */
	assert_in_range(count_pings(rig, &has_said_goodbye), 1, HEARTBEATS_MISSED_MAX);
	assert_true(has_said_goodbye);

	publish_directly(rig, &published, 10);
	fault_proxy_set(rig->proxy, PROXY_PASS);
	read_up_to(client, &read, published);
	millstream_close(client);
	expect_freed(rig);
}

static void a_reader_goes_on_behind_each_kind_of_cut(void **state)
{
	const int rounds = test_amount(6, 30, 300);
	struct rig *rig = *state;
	struct millstream_client *client = open_through(rig);
	struct millstream_subscription *subscription;
	uint64_t published = 0, read = 0;
	assert_int_equal(subscribe(client, &subscription), MILLSTREAM_OK);
	for (int n = 0; n < rounds; n++) {
		/* Slow modes get less to do. */
		enum proxy_mode mode = (enum proxy_mode)(n % PROXY_BLACKHOLE);
		publish_directly(rig, &published, mode == PROXY_PASS ? 2000 : 200);
		fault_proxy_set(rig->proxy, mode);
		fault_proxy_reset_within(rig->proxy, mode == PROXY_PASS ? 100000 : 20000);
		read_up_to(client, &read, published - 100);
		if (n % 3 == 0)
			fault_proxy_reset(rig->proxy);
	}
	fault_proxy_reset_within(rig->proxy, 0);
	fault_proxy_set(rig->proxy, PROXY_PASS);
	read_up_to(client, &read, published);
	print_message("# %u connections were reset\n", fault_proxy_reset_count(rig->proxy));
	assert_true(fault_proxy_reset_count(rig->proxy) >= (unsigned int)rounds / 3);
	millstream_close(client);
	expect_freed(rig);
}

static void what_is_published_through_cuts_is_stored_once_in_order(void **state)
{
	const int rounds = test_amount(6, 30, 300);
	const uint64_t a_round = 200;
	struct rig *rig = *state;
	struct millstream_client *client = open_through(rig);
	struct millstream_subscription *subscription;
	uint64_t published = 0, read = 0;
	for (int n = 0; n < rounds; n++) {
		fault_proxy_set(rig->proxy, (enum proxy_mode)(n % PROXY_BLACKHOLE));
		fault_proxy_reset_within(rig->proxy, 20000);
		for (const uint64_t end = published + a_round; published < end; published++) {
			if (published % 97 == 0)
				fault_proxy_reset(rig->proxy);
			while (publish_number(client, published, 1000) != MILLSTREAM_OK)
				assert_true(millstream_error_is_retryable(client));
		}
		assert_int_equal(flush(client), MILLSTREAM_OK);
	}
	fault_proxy_reset_within(rig->proxy, 0);
	fault_proxy_set(rig->proxy, PROXY_PASS);
	assert_int_equal(flush(client), MILLSTREAM_OK);
	print_message("# %u connections were reset\n", fault_proxy_reset_count(rig->proxy));
	assert_true(fault_proxy_reset_count(rig->proxy) >= (unsigned int)rounds / 3);
	millstream_close(client);

	assert_int_equal(subscribe(rig->direct, &subscription), MILLSTREAM_OK);
	read_up_to(rig->direct, &read, published);
	/* And not one more. */
	struct millstream_offsets offsets;
	assert_int_equal(millstream_offset_for_time(rig->direct, TOPIC, 0, INT64_MAX, ANSWER_MS, &offsets),
			 MILLSTREAM_OK);
	assert_int_equal(offsets.visible_end, published);
	millstream_unsubscribe(subscription);
	expect_freed(rig);
}

static void what_a_silent_network_held_is_published_once(void **state)
{
	struct rig *rig = *state;
	struct millstream_client *client = open_through(rig);
	struct millstream_subscription *subscription;
	uint64_t published = 0, read = 0;
	for (int n = 0; n < 2; n++) {
		for (const uint64_t end = published + 100; published < end; published++)
			assert_int_equal(publish_number(client, published, ANSWER_MS), MILLSTREAM_OK);
		if (n == 0)
			assert_int_equal(millstream_flush(client, ANSWER_MS), MILLSTREAM_OK);
		/* The first round is acknowledged, the second is not. */
		fault_proxy_set(rig->proxy, PROXY_BLACKHOLE);
	}
	expect_freed(rig);
	fault_proxy_set(rig->proxy, PROXY_PASS);
	assert_int_equal(flush(client), MILLSTREAM_OK);
	millstream_close(client);
	assert_int_equal(subscribe(rig->direct, &subscription), MILLSTREAM_OK);
	read_up_to(rig->direct, &read, published);
	millstream_unsubscribe(subscription);
	expect_freed(rig);
}

/* By name they would not fit a frame. */
static void thousands_of_partitions_with_long_names_are_resumed(void **state)
{
	const char *patterns[] = { "long*", TOPIC };
	const struct millstream_subscribe_options options = { .topics = patterns, .topic_count = 2 };
	struct rig *rig = *state;
	struct millstream_client *client = open_through(rig);
	struct millstream_subscription *subscription;
	uint64_t published = 0, read = 0;
	char name[250] = "";
	for (int n = 0; n < 5; n++) {
		memset(name, 'x', sizeof(name) - 1);
		memcpy(name, "long", 4);
		name[4] = (char)('0' + n);
		assert_int_equal(millstream_topic_create(rig->direct, name, 1024, NULL, 0, ANSWER_MS),
				 MILLSTREAM_OK);
	}
	publish_directly(rig, &published, 10);
	assert_int_equal(millstream_subscribe(client, &options, ANSWER_MS, &subscription), MILLSTREAM_OK);
	read_up_to(client, &read, published);
	fault_proxy_reset(rig->proxy);
	publish_directly(rig, &published, 10);
	read_up_to(client, &read, published);
	millstream_close(client);
	expect_freed(rig);
}

/* Read, publish, and say on the pipe that both are under way; then be killed. */
static void be_killed(const char *url, int pipe_fd)
{
	struct millstream_client *client;
	struct millstream_subscription *subscription;
	const struct millstream_record *record;
	if (millstream_open(url, NULL, &client) != MILLSTREAM_OK ||
	    subscribe(client, &subscription) != MILLSTREAM_OK)
		_exit(1);
	for (uint64_t n = 0;; n++) {
		if (publish_number(client, n, 1000) != MILLSTREAM_OK)
			_exit(1);
		if (n % 50 == 49)
			(void)millstream_next(client, 0, &record);
		if (n == 100 && write(pipe_fd, "", 1) != 1)
			_exit(1);
	}
}

static void kill_a_client(struct rig *rig, struct random *random)
{
	int pipes[2];
	char said;
	assert_int_equal(pipe(pipes), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_killed(rig->server.url, pipes[1]);
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &said, 1), 1);
	close(pipes[0]);
	struct timespec pause = { .tv_nsec = (long)random_between(random, 0, 20) * 1000000L };
	nanosleep(&pause, NULL);        /* when it dies is the test's only dice */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int open_files(const struct rig *rig)
{
	char path[64];
	int count = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)rig->server.pid);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void a_killed_client_leaves_nothing_behind(void **state)
{
	const int kills = test_amount(3, 30, 200);
	struct rig *rig = *state;
	struct random random = random_seeded(7471, 0);
	assert_int_equal(connections(rig), 1);
	int files = open_files(rig);
	for (int n = 0; n < kills; n++)
		kill_a_client(rig, &random);
	expect_freed(rig);
	assert_int_equal(open_files(rig), files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_silent_network_frees_the_session_within_three_heartbeats),
		TEST(a_reader_goes_on_behind_each_kind_of_cut),
		TEST(what_is_published_through_cuts_is_stored_once_in_order),
		TEST(what_a_silent_network_held_is_published_once),
		TEST(thousands_of_partitions_with_long_names_are_resumed),
		TEST(a_killed_client_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
