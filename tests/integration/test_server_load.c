#include "client/millstream.h"
#include "protocol/message_session.h"
#include "protocol/message_subscription.h"
#include "tests/support/server_process.h"
#include "tests/support/skip.h"
#include "tests/support/test_amount.h"
#include "tests/support/wait_until.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Connections that hold on and do nothing, and subscribers that never read: what they
 * cost the server, and that everyone else is served. */

#define TOPIC "load"
#define IDLE_BYTES_MAX          (UINT64_C(24) << 20)
#define LOADED_BYTES_MAX        (UINT64_C(128) << 20)
#define FILES_BESIDES           64

static void send_all(int fd, const msgpack_sbuffer *bytes)
{
	assert_int_equal(send(fd, bytes->data, bytes->size, MSG_NOSIGNAL), (ssize_t)bytes->size);
}

/* One frame, dropped; false: the connection has ended. */
static bool skip_frame(int fd)
{
	uint8_t head[FRAME_LENGTH_BYTES], rest[4096];
	if (recv(fd, head, sizeof(head), MSG_WAITALL) != sizeof(head))
		return false;
	uint32_t length = load_u32(head);
	return length <= sizeof(rest) && recv(fd, rest, length, MSG_WAITALL) == (ssize_t)length;
}

static int connect_to(const struct server_process *server)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)server->port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
	const struct message_hello hello = { .version = PROTOCOL_VERSION };
	msgpack_sbuffer frame;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	/* What the kernel would hold for those that never read is not the server's. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 16384 }, sizeof(int)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_hello_encode(&frame, 1, &hello, NULL), 0);
	send_all(fd, &frame);
	msgpack_sbuffer_destroy(&frame);
	assert_true(skip_frame(fd));
	return fd;
}

/* Follow the topic with all the credit there is, and never read. */
static void subscribe(int fd)
{
	msgpack_sbuffer patterns, frame;
	struct bytes topic = { (const uint8_t *)TOPIC, strlen(TOPIC) };
	msgpack_sbuffer_init(&patterns);
	msgpack_sbuffer_init(&frame);
	assert_int_equal(message_pattern_append(&patterns, &topic, NULL), 0);
	struct message_subscribe request = {
		.topics = { .count = 1, .encoded = { (const uint8_t *)patterns.data, patterns.size } },
		.start = START_BEGINNING,
		.credit = CREDIT_BYTES_MAX,
	};
	assert_int_equal(message_subscribe_encode(&frame, 2, &request, NULL), 0);
	send_all(fd, &frame);
	msgpack_sbuffer_destroy(&patterns);
	msgpack_sbuffer_destroy(&frame);
}

static uint64_t private_bytes(struct millstream_client *client)
{
	const struct millstream_status *status;
	assert_int_equal(millstream_status(client, 10000, &status), MILLSTREAM_OK);
	return status->private_bytes;
}

static void publish(struct millstream_client *client, size_t count)
{
	char value[300];
	memset(value, 'v', sizeof(value));
	struct millstream_message message = {
		.topic = TOPIC, .partition = 0, .value = value, .value_bytes = sizeof(value),
	};
	for (size_t i = 0; i < count; i++)
		assert_int_equal(millstream_publish(client, &message, 10000, NULL, NULL), MILLSTREAM_OK);
	assert_int_equal(millstream_flush(client, WAIT_UNTIL_DEADLINE_MS), MILLSTREAM_OK);
}

/* One that reads gets everything, whatever the others do. */
static void read_all(const struct server_process *server, size_t count)
{
	const char *topics[] = { TOPIC };
	const struct millstream_subscribe_options options = { .topics = topics, .topic_count = 1 };
	struct millstream_client *client;
	struct millstream_subscription *subscription;
	const struct millstream_record *record;
	assert_int_equal(millstream_open(server->url, NULL, &client), MILLSTREAM_OK);
	assert_int_equal(millstream_subscribe(client, &options, 10000, &subscription), MILLSTREAM_OK);
	for (size_t n = 0; n < count;) {
		assert_int_equal(millstream_next(client, WAIT_UNTIL_DEADLINE_MS, &record), MILLSTREAM_OK);
		if (record->kind == MILLSTREAM_RECORD)
			assert_int_equal(record->offset, n++);
	}
	millstream_close(client);
}

static void five_thousand_connections_and_a_thousand_stalled_subscribers_fit(void **state)
{
	const int connections = test_amount(200, 5000, 5000), subscribers = test_amount(50, 1000, 1000);
	const size_t records = (size_t)test_amount(2000, 100000, 400000);
	struct rlimit files;
	struct server_process server;
	struct millstream_client *client;
	(void)state;
	getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_max < (rlim_t)connections + FILES_BESIDES)
		SKIP_TEST("the hard limit of open files is too low; raise it with ulimit -Hn");
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);

	server_process_start(&server, "max.connections.per.address = 10000\n");
	assert_int_equal(millstream_open(server.url, NULL, &client), MILLSTREAM_OK);
	assert_int_equal(millstream_topic_create(client, TOPIC, 1, NULL, 0, 10000), MILLSTREAM_OK);
	uint64_t idle_bytes = private_bytes(client);
	int *fds = calloc((size_t)connections, sizeof(*fds));
	assert_non_null(fds);
	for (int i = 0; i < connections; i++)
		fds[i] = connect_to(&server);
	for (int i = 0; i < subscribers; i++)
		subscribe(fds[i]);
	publish(client, records);
	read_all(&server, records);
	uint64_t loaded_bytes = private_bytes(client);
	print_message("# private memory: %.1f MiB idle, %.1f MiB with %d connections, %d of them stalled subscribers\n",
		      (double)idle_bytes / (1 << 20), (double)loaded_bytes / (1 << 20), connections, subscribers);
	assert_true(idle_bytes > 0 && idle_bytes <= IDLE_BYTES_MAX);
	assert_true(loaded_bytes <= LOADED_BYTES_MAX);
	for (int i = 0; i < connections; i++)
		close(fds[i]);
	millstream_close(client);
	assert_int_equal(server_process_stop(&server), 0);
	server_process_clear(&server);
	free(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_thousand_connections_and_a_thousand_stalled_subscribers_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
