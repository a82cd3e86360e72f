#include "server/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a session's goodbye may take to be sent. */
#define LINGER_MS 1000

struct connection {
	uv_tcp_t socket;
	uv_timer_t linger;
	uv_write_t write;
	struct connection_owner *owner;
	struct session *session;
	msgpack_sbuffer sending;        /* being written by libuv */
	uint8_t *leftover;              /* owned: input that a paused session did not take */
	size_t leftover_bytes;
	bool is_writing;
	bool is_ending;                 /* closes when all is sent, or the time is up */
	bool is_closing;
	bool is_reading;
	unsigned int open_handles;
};

/* All connections read into the same buffer: what is read is used up at once. */
static char input[256 * 1024];

static int64_t now_ms(const struct connection *connection)
{
	return (int64_t)uv_now(connection->socket.loop);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;
	if (--connection->open_handles > 0)
		return;
	struct connection_owner *owner = connection->owner;
	session_destroy(connection->session);
	msgpack_sbuffer_destroy(&connection->sending);
	free(connection->leftover);
	free(connection);
	owner->on_closed(owner);
}

static void close_now(struct connection *connection)
{
	if (connection->is_closing)
		return;
	connection->is_closing = true;
	connection->session->has_ended = true;
	uv_close((uv_handle_t *)&connection->socket, on_handle_closed);
	uv_close((uv_handle_t *)&connection->linger, on_handle_closed);
}

static void on_linger(uv_timer_t *timer)
{
	close_now(timer->data);
}

static void flush(struct connection *connection);

static void on_written(uv_write_t *write, int status)
{
	struct connection *connection = write->data;
	connection->is_writing = false;
	msgpack_sbuffer_destroy(&connection->sending);
	msgpack_sbuffer_init(&connection->sending);
	if (status != 0) {
		close_now(connection);
		return;
	}
	session_sent(connection->session, 0);
	flush(connection);
}

/* What the socket did not take at once goes on by itself.  It may wait for long:
 * it gets memory of just its size. */
static void start_write(struct connection *connection, size_t sent_bytes)
{
	msgpack_sbuffer *output = &connection->session->output;
	size_t size = output->size - sent_bytes;
	char *data = malloc(size);
	if (data == NULL) {
		close_now(connection);
		return;
	}
	memcpy(data, output->data + sent_bytes, size);
	connection->sending = (msgpack_sbuffer){ .size = size, .data = data, .alloc = size };
	msgpack_sbuffer_destroy(output);
	msgpack_sbuffer_init(output);
	uv_buf_t rest = uv_buf_init(data, (unsigned int)size);
	connection->write.data = connection;
	if (uv_write(&connection->write, (uv_stream_t *)&connection->socket, &rest, 1, on_written) != 0) {
		close_now(connection);
		return;
	}
	connection->is_writing = true;
	session_sent(connection->session, rest.len);
}

static void flush(struct connection *connection)
{
	struct session *session = connection->session;
	if (connection->is_closing || connection->is_writing)
		return;
	if (session->output.size > 0) {
		uv_buf_t buffer = uv_buf_init(session->output.data, (unsigned int)session->output.size);
		int sent = uv_try_write((uv_stream_t *)&connection->socket, &buffer, 1);
		if (sent < 0 && sent != UV_EAGAIN) {
			close_now(connection);
			return;
		}
		if (sent < 0 || (size_t)sent < session->output.size) {
			start_write(connection, sent < 0 ? 0 : (size_t)sent);
			return;
		}
		session->output.size = 0;
		session_sent(session, 0);
	}
	if (connection->is_ending)
		close_now(connection);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	(void)handle, (void)suggested;
	*buffer = uv_buf_init(input, sizeof(input));
}

/* Keep what a paused session did not take, and read no more. */
static int keep(struct connection *connection, const uint8_t *data, size_t size)
{
	uv_read_stop((uv_stream_t *)&connection->socket);
	connection->is_reading = false;
	if (size == 0)
		return 0;
	uint8_t *kept = malloc(size);
	if (kept == NULL)
		return -1;
	memcpy(kept, data, size);
	free(connection->leftover);
	connection->leftover = kept;
	connection->leftover_bytes = size;
	return 0;
}

static void feed(struct connection *connection, const uint8_t *data, size_t size)
{
	size_t taken = session_feed(connection->session, data, size, now_ms(connection));
	if (connection->session->is_paused && !connection->session->has_ended &&
	    keep(connection, data + taken, size - taken) != 0)
		close_now(connection);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct connection *connection = stream->data;
	if (size < 0) {
		close_now(connection);
		return;
	}
	if (size > 0 && !connection->session->has_ended)
		feed(connection, (const uint8_t *)buffer->base, (size_t)size);
}

static void start_reading(struct connection *connection)
{
	if (connection->is_reading || connection->is_closing)
		return;
	connection->is_reading = true;
	if (uv_read_start((uv_stream_t *)&connection->socket, on_alloc, on_read) != 0)
		close_now(connection);
}

static void on_output(struct session *session)
{
	flush(session->carrier);
}

static void on_resume(struct session *session)
{
	struct connection *connection = session->carrier;
	if (connection->is_closing)
		return;
	uint8_t *data = connection->leftover;
	size_t size = connection->leftover_bytes;
	connection->leftover = NULL;
	connection->leftover_bytes = 0;
	/* Its own pause must not count as its silence. */
	session->last_received_ms = now_ms(connection);
	if (size > 0)
		feed(connection, data, size);
	free(data);
	if (!session->is_paused && !session->has_ended)
		start_reading(connection);
}

static void on_end(struct session *session)
{
	connection_close(session);
}

void connection_close(struct session *session)
{
	struct connection *connection = session->carrier;
	if (connection->is_closing || connection->is_ending)
		return;
	connection->is_ending = true;
	uv_read_stop((uv_stream_t *)&connection->socket);
	uv_timer_start(&connection->linger, on_linger, LINGER_MS, 0);
	flush(connection);
}

static const struct session_transport transport = { on_output, on_resume, on_end };

static void describe_peer(const uv_tcp_t *socket, char *out, size_t out_bytes)
{
	struct sockaddr_storage address;
	int size = sizeof(address);
	char host[INET6_ADDRSTRLEN] = "?";
	unsigned int port = 0;
	if (uv_tcp_getpeername(socket, (struct sockaddr *)&address, &size) == 0) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&address;
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&address;
		if (address.ss_family == AF_INET6)
			uv_ip6_name(v6, host, sizeof(host));
		else
			uv_ip4_name(v4, host, sizeof(host));
		port = ntohs(address.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
	}
	snprintf(out, out_bytes, address.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, port);
}

static void on_refused(uv_handle_t *handle)
{
	free(handle->data);
}

int connection_accept(uv_stream_t *listener, struct connection_owner *owner,
		      struct session **out, struct error *err)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	char peer[64];
	if (connection == NULL)
		return error_set(err, ERROR_MEMORY, "a connection");
	uv_tcp_init(listener->loop, &connection->socket);
	connection->socket.data = connection;
	msgpack_sbuffer_init(&connection->sending);
	connection->owner = owner;
	int rc = uv_accept(listener, (uv_stream_t *)&connection->socket);
	if (rc != 0) {
		error_set(err, ERROR_IO, "accept: %s", uv_strerror(rc));
		goto fail;
	}
	uv_tcp_nodelay(&connection->socket, 1);
	describe_peer(&connection->socket, peer, sizeof(peer));
	if (session_create(&connection->session, owner->service, &transport, connection, peer,
			   now_ms(connection), err) != 0)
		goto fail;
	uv_timer_init(listener->loop, &connection->linger);
	connection->linger.data = connection;
	connection->open_handles = 2;
	start_reading(connection);
	*out = connection->session;
	return 0;
fail:
	uv_close((uv_handle_t *)&connection->socket, on_refused);
	return -1;
}
