#include "client/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void transport_init(struct transport *transport)
{
	*transport = (struct transport){ .fd = -1 };
}

static void close_fd(struct transport *transport)
{
	if (transport->fd >= 0)
		close(transport->fd);
	transport->fd = -1;
}

void transport_close(struct transport *transport)
{
	close_fd(transport);
	if (transport->addresses != NULL)
		freeaddrinfo(transport->addresses);
	transport_init(transport);
}

static int failed(const struct url *url, const char *why, struct error *err)
{
	return error_set(err, ERROR_CONNECTION, "cannot connect to %s, port %s: %s", url->host,
			 url->port, why);
}

static int resolve(struct transport *transport, const struct url *url, struct error *err)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	int rc = getaddrinfo(url->host, url->port, &hints, &transport->addresses);
	if (rc == EAI_NONAME) {
		hints.ai_flags = AI_NUMERICSERV;
		rc = getaddrinfo(url->host, url->port, &hints, &transport->addresses);
	}
	if (rc != 0) {
		transport->addresses = NULL;
		return failed(url, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc), err);
	}
	transport->address = transport->addresses;
	return 0;
}

/* 1 connected, 0 under way, -1 with errno. */
static int connect_to(struct transport *transport, const struct addrinfo *address)
{
	const int on = 1;

	transport->fd = socket(address->ai_family,
			       address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
			       address->ai_protocol);
	if (transport->fd < 0)
		return -1;
	(void)setsockopt(transport->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(transport->fd, address->ai_addr, address->ai_addrlen) == 0)
		return 1;
	return errno == EINPROGRESS || errno == EINTR ? 0 : -1;
}

static int be_open(struct transport *transport)
{
	freeaddrinfo(transport->addresses);
	transport->addresses = NULL;
	transport->state = TRANSPORT_OPEN;
	return 1;
}

/* Try addresses, from transport->address on, until one does not fail at once. */
static int try_addresses(struct transport *transport, const struct url *url, int why,
			 struct error *err)
{
	for (; transport->address != NULL; transport->address = transport->address->ai_next) {
		int rc = connect_to(transport, transport->address);
		if (rc == 1)
			return be_open(transport);
		if (rc == 0) {
			transport->state = TRANSPORT_CONNECTING;
			return 0;
		}
		why = errno;
		close_fd(transport);
	}
	transport_close(transport);
	return failed(url, strerror(why), err);
}

int transport_open(struct transport *transport, const struct url *url, struct error *err)
{
	transport_close(transport);
	if (resolve(transport, url, err) != 0)
		return -1;
	return try_addresses(transport, url, 0, err) < 0 ? -1 : 0;
}

static int try_next(struct transport *transport, const struct url *url, int why,
		    struct error *err)
{
	close_fd(transport);
	transport->address = transport->address->ai_next;
	return try_addresses(transport, url, why, err);
}

int transport_continue(struct transport *transport, const struct url *url, struct error *err)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int why = 0;
	socklen_t why_size = sizeof(why);

	if (getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &why, &why_size) != 0)
		why = errno;
	if (why != 0)
		return try_next(transport, url, why, err);
	if (getpeername(transport->fd, (struct sockaddr *)&peer, &size) != 0)
		return 0;
	return be_open(transport);
}

int transport_give_up(struct transport *transport, const struct url *url, struct error *err)
{
	return try_next(transport, url, ETIMEDOUT, err);
}

ssize_t transport_send(struct transport *transport, const void *data, size_t size,
		       struct error *err)
{
	ssize_t sent_bytes = send(transport->fd, data, size, MSG_NOSIGNAL);

	if (sent_bytes >= 0)
		return sent_bytes;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
		return 0;
	return error_set(err, ERROR_CONNECTION, "the connection is lost: %s", strerror(errno));
}

ssize_t transport_receive(struct transport *transport, void *out, size_t size,
			  struct error *err)
{
	ssize_t received_bytes = recv(transport->fd, out, size, 0);

	if (received_bytes > 0)
		return received_bytes;
	if (received_bytes == 0)
		return error_set(err, ERROR_CONNECTION, "the server closed the connection");
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return error_set(err, ERROR_CONNECTION, "the connection is lost: %s", strerror(errno));
}

short transport_wait(const struct transport *transport, short events, int timeout_ms)
{
	struct pollfd pollfd = { .fd = transport->fd, .events = events };

	return poll(&pollfd, 1, timeout_ms) == 1 ? pollfd.revents : 0;
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t transport_now_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t transport_roughly_now_ms(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

uint64_t transport_random(void)
{
	uint64_t number;
	struct timespec now;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number))
		return number;
	clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_nsec << 34) ^ (uint64_t)now.tv_sec ^ ((uint64_t)getpid() << 17);
}
