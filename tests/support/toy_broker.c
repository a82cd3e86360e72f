#include "tests/support/toy_broker_internal.h"

#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

const struct toy_faults toy_no_faults = {
	.cut_after_sent_bytes = -1,
	.cut_after_received_bytes = -1,
	.instance = 7,
};

static void reset(struct toy_connection *connection)
{
	struct linger linger = { .l_onoff = 1 };

	if (connection->fd < 0)
		return;
	setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(connection->fd);
	connection->fd = -1;
	frame_parser_clear(&connection->parser);
	msgpack_sbuffer_destroy(&connection->output);
}

static void accept_connection(struct toy_broker *toy)
{
	int fd = accept(toy->listener, NULL, NULL);

	if (fd < 0)
		return;
	for (int i = 0; i < TOY_CONNECTIONS_MAX; i++) {
		struct toy_connection *connection = &toy->connections[i];
		if (connection->fd >= 0)
			continue;
		memset(connection, 0, sizeof(*connection));
		connection->fd = fd;
		fcntl(fd, F_SETFL, O_NONBLOCK);
		frame_parser_init(&connection->parser, FRAME_BYTES_MAX_DEFAULT);
		msgpack_sbuffer_init(&connection->output);
		connection->cut_after_sent_bytes = toy->faults.cut_after_sent_bytes;
		connection->cut_after_received_bytes = toy->faults.cut_after_received_bytes;
		toy->faults.cut_after_sent_bytes = toy->faults.cut_after_received_bytes = -1;
		toy->last = connection;
		toy->connection_count++;
		return;
	}
	close(fd);
}

static void receive(struct toy_broker *toy, struct toy_connection *connection)
{
	uint8_t data[65536];
	size_t size = sizeof(data);
	struct frame frame;
	struct error err = { 0 };
	long left = connection->cut_after_received_bytes - connection->total_received_bytes;

	if (connection->cut_after_received_bytes >= 0 && left < (long)size)
		size = (size_t)left;
	ssize_t bytes = size > 0 ? recv(connection->fd, data, size, 0) : 0;
	if (bytes < 0 && errno == EAGAIN)
		return;
	if (bytes <= 0) {
		reset(connection);
		return;
	}
	connection->total_received_bytes += bytes;
	struct bytes input = { data, (size_t)bytes };
	while (frame_parser_next(&connection->parser, &input, &frame, &err) == 1) {
		if (frame.type <= FRAME_TYPE_MAX)
			toy->frame_counts[frame.type]++;
		toy_session_handle(toy, connection, &frame);
	}
	if (connection->total_received_bytes == connection->cut_after_received_bytes)
		reset(connection);
}

static void send_output(struct toy_broker *toy, struct toy_connection *connection)
{
	while (connection->fd >= 0 && connection->output.size > connection->sent_bytes &&
	       !toy->faults.is_mute) {
		size_t size = connection->output.size - connection->sent_bytes;
		if (connection->cut_after_sent_bytes >= 0 &&
		    size > (size_t)(connection->cut_after_sent_bytes - connection->total_sent_bytes))
			size = (size_t)(connection->cut_after_sent_bytes - connection->total_sent_bytes);
		if (toy->faults.sends_single_bytes && size > 1)
			size = 1;
		ssize_t bytes = send(connection->fd, connection->output.data + connection->sent_bytes,
				     size, MSG_NOSIGNAL);
		if (bytes < 0 && errno != EAGAIN) {
			reset(connection);
			return;
		}
		if (bytes < 0)
			return;
		connection->sent_bytes += (size_t)bytes;
		connection->total_sent_bytes += bytes;
		if (connection->total_sent_bytes == connection->cut_after_sent_bytes) {
			/* What was sent has to arrive: no reset. */
			shutdown(connection->fd, SHUT_RDWR);
			close(connection->fd);
			connection->fd = -1;
			frame_parser_clear(&connection->parser);
			msgpack_sbuffer_destroy(&connection->output);
			return;
		}
	}
	if (connection->fd >= 0 && connection->sent_bytes == connection->output.size) {
		connection->output.size = connection->sent_bytes = 0;
		if (connection->is_closing)
			reset(connection);
	}
}

static void serve(struct toy_broker *toy, const struct pollfd *polled)
{
	char drained[64];

	if (polled[0].revents != 0)
		accept_connection(toy);
	if (polled[1].revents != 0 && read(toy->wake[0], drained, sizeof(drained)) < 0)
		abort();
	for (int i = 0; i < TOY_CONNECTIONS_MAX; i++) {
		struct toy_connection *connection = &toy->connections[i];
		if (connection->fd < 0)
			continue;
		if (polled[2 + i].fd == connection->fd && (polled[2 + i].revents & ~POLLOUT) != 0)
			receive(toy, connection);
		if (connection->fd >= 0)
			toy_session_deliver(toy, connection);
		send_output(toy, connection);
	}
}

static void *run(void *user)
{
	struct toy_broker *toy = user;
	struct pollfd polled[2 + TOY_CONNECTIONS_MAX];

	pthread_mutex_lock(&toy->lock);
	while (!toy->is_stopping) {
		polled[0] = (struct pollfd){ .fd = toy->listener, .events = POLLIN };
		polled[1] = (struct pollfd){ .fd = toy->wake[0], .events = POLLIN };
		for (int i = 0; i < TOY_CONNECTIONS_MAX; i++) {
			const struct toy_connection *connection = &toy->connections[i];
			bool has_output = connection->fd >= 0 && !toy->faults.is_mute &&
					  connection->output.size > connection->sent_bytes;
			polled[2 + i] = (struct pollfd){
				.fd = connection->fd,
				.events = has_output ? POLLIN | POLLOUT : POLLIN,
			};
		}
		pthread_mutex_unlock(&toy->lock);
		poll(polled, 2 + TOY_CONNECTIONS_MAX, -1);
		pthread_mutex_lock(&toy->lock);
		serve(toy, polled);
	}
	pthread_mutex_unlock(&toy->lock);
	return NULL;
}

static void wake(struct toy_broker *toy)
{
	if (write(toy->wake[1], "", 1) != 1)
		abort();
}

struct toy_broker *toy_broker_start(void)
{
	struct toy_broker *toy = calloc(1, sizeof(*toy));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	assert(toy != NULL);
	toy->faults = toy_no_faults;
	pthread_mutex_init(&toy->lock, NULL);
	for (int i = 0; i < TOY_CONNECTIONS_MAX; i++)
		toy->connections[i].fd = -1;
	toy->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (toy->listener < 0 || bind(toy->listener, (struct sockaddr *)&address, size) != 0 ||
	    listen(toy->listener, 16) != 0 ||
	    getsockname(toy->listener, (struct sockaddr *)&address, &size) != 0 ||
	    pipe(toy->wake) != 0)
		abort();
	snprintf(toy->url, sizeof(toy->url), "127.0.0.1:%u", ntohs(address.sin_port));
	if (pthread_create(&toy->thread, NULL, run, toy) != 0)
		abort();
	return toy;
}

void toy_broker_stop(struct toy_broker *toy)
{
	pthread_mutex_lock(&toy->lock);
	toy->is_stopping = true;
	wake(toy);
	pthread_mutex_unlock(&toy->lock);
	pthread_join(toy->thread, NULL);
	for (int i = 0; i < TOY_CONNECTIONS_MAX; i++)
		reset(&toy->connections[i]);
	close(toy->listener);
	close(toy->wake[0]);
	close(toy->wake[1]);
	toy_log_clear(&toy->log);
	pthread_mutex_destroy(&toy->lock);
	free(toy);
}

const char *toy_broker_url(const struct toy_broker *toy)
{
	return toy->url;
}

static struct toy_topic *find(struct toy_broker *toy, const char *name)
{
	return toy_log_find(&toy->log, (struct bytes){ (const uint8_t *)name, strlen(name) });
}

void toy_broker_add_topic(struct toy_broker *toy, const char *name, uint32_t partition_count)
{
	pthread_mutex_lock(&toy->lock);
	struct toy_topic *topic = toy_log_add(&toy->log, name, partition_count);
	for (int i = 0; i < TOY_CONNECTIONS_MAX; i++)
		if (toy->connections[i].fd >= 0)
			toy_session_topic_added(toy, &toy->connections[i], topic);
	wake(toy);
	pthread_mutex_unlock(&toy->lock);
}

void toy_broker_remove_topic(struct toy_broker *toy, const char *name)
{
	pthread_mutex_lock(&toy->lock);
	struct toy_topic *topic = find(toy, name);
	for (int i = 0; i < TOY_CONNECTIONS_MAX; i++)
		if (toy->connections[i].fd >= 0)
			toy_session_topic_removed(&toy->connections[i], topic);
	toy_log_remove(topic);
	wake(toy);
	pthread_mutex_unlock(&toy->lock);
}

void toy_broker_append(struct toy_broker *toy, const char *name, uint32_t partition,
		       uint32_t count)
{
	pthread_mutex_lock(&toy->lock);
	struct toy_topic *topic = find(toy, name);
	for (uint32_t i = 0; i < count; i++) {
		struct error err = { 0 };
		char text[24];
		msgpack_sbuffer body;
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)topic->partitions[partition].end);
		struct content key = { .kind = CONTENT_NIL };
		struct content value = { CONTENT_BYTES, { (const uint8_t *)text, strlen(text) } };
		msgpack_sbuffer_init(&body);
		record_body_encode(&body, &key, &value, (struct bytes){ NULL, 0 }, &err);
		toy_log_append(topic, partition,
			       (struct bytes){ (const uint8_t *)body.data, body.size });
		msgpack_sbuffer_destroy(&body);
	}
	wake(toy);
	pthread_mutex_unlock(&toy->lock);
}

uint64_t toy_broker_end(struct toy_broker *toy, const char *name, uint32_t partition)
{
	pthread_mutex_lock(&toy->lock);
	uint64_t end = find(toy, name)->partitions[partition].end;
	pthread_mutex_unlock(&toy->lock);
	return end;
}

void toy_broker_value(struct toy_broker *toy, const char *name, uint32_t partition,
		      uint64_t offset, char *out, size_t size)
{
	struct batch_cursor cursor;
	struct record record;
	struct error err = { 0 };

	pthread_mutex_lock(&toy->lock);
	struct bytes batch = find(toy, name)->partitions[partition].batches[offset];
	if (batch_open(&cursor, batch.data, batch.size, &err) != 0 ||
	    batch_next(&cursor, &record, &err) != 1)
		abort();
	snprintf(out, size, "%.*s", (int)record.value.bytes.size,
		 (const char *)record.value.bytes.data);
	pthread_mutex_unlock(&toy->lock);
}

void toy_broker_set_faults(struct toy_broker *toy, const struct toy_faults *faults)
{
	pthread_mutex_lock(&toy->lock);
	toy->faults = *faults;
	wake(toy);
	pthread_mutex_unlock(&toy->lock);
}

void toy_broker_cut(struct toy_broker *toy)
{
	pthread_mutex_lock(&toy->lock);
	for (int i = 0; i < TOY_CONNECTIONS_MAX; i++)
		reset(&toy->connections[i]);
	wake(toy);
	pthread_mutex_unlock(&toy->lock);
}

/* Read one number under the lock. */
#define LOCKED(type, name, value)                       \
	type name(struct toy_broker *toy)               \
	{                                               \
		pthread_mutex_lock(&toy->lock);         \
		type number = value;                    \
		pthread_mutex_unlock(&toy->lock);       \
		return number;                          \
	}

LOCKED(uint32_t, toy_broker_connections, toy->connection_count)
LOCKED(uint32_t, toy_broker_duplicates, toy->duplicate_count)
LOCKED(long, toy_broker_sent_bytes, toy->last != NULL ? toy->last->total_sent_bytes : 0)
LOCKED(long, toy_broker_received_bytes, toy->last != NULL ? toy->last->total_received_bytes : 0)

uint32_t toy_broker_frames(struct toy_broker *toy, enum frame_type type)
{
	pthread_mutex_lock(&toy->lock);
	uint32_t count = toy->frame_counts[type];
	pthread_mutex_unlock(&toy->lock);
	return count;
}
