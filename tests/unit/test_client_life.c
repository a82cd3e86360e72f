#include "protocol/error.h"
#include "tests/support/client_fixture.h"
#include "tests/support/wait_until.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection's life: heartbeats, goodbyes, and servers that do not answer. */

static void a_silent_server_is_asked_and_then_left(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	const struct millstream_record *record;

	faults.heartbeat_ms = 20;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_add_topic(fixture->toy, "t", 1);
	subscribe_to(fixture, "t");
	uint32_t connections = toy_broker_connections(fixture->toy);
	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	assert_true(wait_until((millstream_next(fixture->client, 5, &record),
				toy_broker_connections(fixture->toy) > connections)));
	assert_true(toy_broker_frames(fixture->toy, FRAME_PING) > 0);
	/* And it goes on where it was. */
	faults.is_mute = false;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_append(fixture->toy, "t", 0, 1);
	expect_record(fixture, 0);
}

static void a_server_that_answers_is_kept_however_long_nothing_happens(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	const struct millstream_record *record;

	faults.heartbeat_ms = 20;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_add_topic(fixture->toy, "t", 1);
	subscribe_to(fixture, "t");
	uint32_t connections = toy_broker_connections(fixture->toy);
	assert_true(wait_until((millstream_next(fixture->client, 5, &record),
				toy_broker_frames(fixture->toy, FRAME_PING) >= 5)));
	assert_int_equal(toy_broker_connections(fixture->toy), connections);
}

static void a_goodbye_that_may_pass_is_followed_by_another_attempt(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	struct error why;

	error_set(&why, ERROR_BUSY, "too many are here");
	faults.goodbye = &why;
	toy_broker_set_faults(fixture->toy, &faults);
	assert_int_equal(millstream_connect(fixture->client, LONG_MS), MILLSTREAM_DISCONNECTED);
	assert_non_null(strstr(millstream_error_text(fixture->client), "too many are here"));
	assert_true(millstream_error_is_retryable(fixture->client));
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	toy_broker_add_topic(fixture->toy, "t", 1);
	subscribe_to(fixture, "t");
	assert_true(toy_broker_connections(fixture->toy) >= 2);
}

static void a_goodbye_for_good_is_not_followed_by_another_attempt(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;
	const struct millstream_record *record;
	struct error why;

	toy_broker_add_topic(fixture->toy, "t", 1);
	subscribe_to(fixture, "t");
	error_set(&why, ERROR_DENIED, "not you");
	faults.goodbye = &why;
	toy_broker_set_faults(fixture->toy, &faults);
	toy_broker_cut(fixture->toy);
	int code = MILLSTREAM_OK;
	assert_true(wait_until((code = millstream_next(fixture->client, 10, &record)) == MILLSTREAM_DENIED));
	assert_non_null(strstr(millstream_error_text(fixture->client), "not you"));
	assert_false(millstream_error_is_retryable(fixture->client));
	uint32_t connections = toy_broker_connections(fixture->toy);
	for (int n = 0; n < 5; n++)
		assert_int_equal(millstream_next(fixture->client, 10, &record), MILLSTREAM_DENIED);
	assert_int_equal(toy_broker_connections(fixture->toy), connections);
	/* Unless it is asked to: something may have been repaired. */
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
	assert_int_equal(millstream_connect(fixture->client, LONG_MS), MILLSTREAM_OK);
}

static void a_server_that_says_nothing_is_waited_for_as_long_as_was_said(void **state)
{
	struct fixture *fixture = *state;
	struct toy_faults faults = toy_no_faults;

	faults.is_mute = true;
	toy_broker_set_faults(fixture->toy, &faults);
	assert_int_equal(millstream_connect(fixture->client, 20), MILLSTREAM_DISCONNECTED);
	assert_true(millstream_error_is_retryable(fixture->client));
	toy_broker_set_faults(fixture->toy, &toy_no_faults);
}

static void a_port_where_nobody_listens_is_told_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct millstream_client *client;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	char url[32];
	(void)fixture;

	/* Bound, so that nobody else takes it, but not listening. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(url, sizeof(url), "127.0.0.1:%d", ntohs(address.sin_port));
	assert_int_equal(millstream_open(url, &quick, &client), MILLSTREAM_OK);
	assert_int_equal(millstream_connect(client, LONG_MS), MILLSTREAM_DISCONNECTED);
	assert_non_null(strstr(millstream_error_text(client), "refused"));
	millstream_close(client);
	close(fd);
}

/* A listener whose queue is full: what more comes is left without an answer. */
static void an_attempt_that_gets_no_answer_is_given_up_in_its_time(void **state)
{
	enum { FILLERS = 8 };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	struct millstream_options options = quick;
	struct millstream_client *client;
	int fillers[FILLERS];
	char url[32];
	(void)state;

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (int n = 0; n < FILLERS; n++) {
		fillers[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fillers[n], (struct sockaddr *)&address, size) != 0)
			assert_int_equal(errno, EINPROGRESS);
	}
	snprintf(url, sizeof(url), "127.0.0.1:%d", ntohs(address.sin_port));
	options.connect_timeout_ms = 30;
	assert_int_equal(millstream_open(url, &options, &client), MILLSTREAM_OK);
	assert_int_equal(millstream_connect(client, LONG_MS), MILLSTREAM_DISCONNECTED);
	assert_true(millstream_error_is_retryable(client));
	millstream_close(client);
	for (int n = 0; n < FILLERS; n++)
		close(fillers[n]);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(a_silent_server_is_asked_and_then_left),
		RUN(a_server_that_answers_is_kept_however_long_nothing_happens),
		RUN(a_goodbye_that_may_pass_is_followed_by_another_attempt),
		RUN(a_goodbye_for_good_is_not_followed_by_another_attempt),
		RUN(a_server_that_says_nothing_is_waited_for_as_long_as_was_said),
		RUN(a_port_where_nobody_listens_is_told_at_once),
		RUN(an_attempt_that_gets_no_answer_is_given_up_in_its_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
