#include "tests/support/fault_proxy.h"

#include "tests/support/random.h"
#include "tests/support/wait_until.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX       32
#define BUFFER_BYTES    16384
#define BYTES_A_TURN    256             /* in single bytes: then the others */

/* One direction. */
struct flow {
	int from;
	int to;
	uint8_t buffer[BUFFER_BYTES];
	size_t start, end;      /* of what waits in buffer */
	int64_t due_ms;         /* it may go on then */
	bool has_ended;         /* from was closed */
};

struct link {
	struct flow up;         /* client to server */
	struct flow down;
	uint64_t passed_bytes;
	uint64_t limit_bytes;   /* reset then */
	STAILQ_ENTRY(link) link;
};

struct fault_proxy {
	pthread_t thread;
	int listener;
	int server_port;
	int wakeup;             /* eventfd */
	char url[32];
	pthread_mutex_t lock;   /* guards what follows */
	enum proxy_mode mode;
	uint64_t reset_within_bytes;
	struct random random;
	unsigned int reset_count;
	bool is_stopping;
	STAILQ_HEAD(, link) links;
	unsigned int link_count;
};

static void demand(bool fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "fault proxy: %s: %s\n", what, strerror(errno));
	abort();
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
}

static void draw_limit(struct fault_proxy *proxy, struct link *link)
{
	link->limit_bytes = UINT64_MAX;
	if (proxy->reset_within_bytes > 0)
		link->limit_bytes = link->passed_bytes +
				    random_between(&proxy->random, 1, proxy->reset_within_bytes);
}

static void open_link(struct fault_proxy *proxy)
{
	struct sockaddr_in address = loopback(proxy->server_port);
	int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0)
		return;
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct link *link = calloc(1, sizeof(*link));
	demand(server >= 0 && link != NULL, "open a connection");
	if (connect(server, (struct sockaddr *)&address, sizeof(address)) != 0) {
		/* The server is not there: neither is its port. */
		close(client);
		close(server);
		free(link);
		return;
	}
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	link->up.from = link->down.to = client;
	link->up.to = link->down.from = server;
	draw_limit(proxy, link);
	STAILQ_INSERT_TAIL(&proxy->links, link, link);
	proxy->link_count++;
}

static void close_link(struct fault_proxy *proxy, struct link *link, bool is_reset)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	if (is_reset) {
		setsockopt(link->up.from, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		setsockopt(link->up.to, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		proxy->reset_count++;
	}
	close(link->up.from);
	close(link->up.to);
	STAILQ_REMOVE(&proxy->links, link, link, link);
	proxy->link_count--;
	free(link);
}

static void receive(const struct fault_proxy *proxy, struct flow *flow)
{
	if (flow->start < flow->end || flow->has_ended)
		return;
	ssize_t bytes = recv(flow->from, flow->buffer, sizeof(flow->buffer), MSG_DONTWAIT);
	if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	flow->has_ended = bytes <= 0;
	flow->start = 0;
	flow->end = bytes > 0 ? (size_t)bytes : 0;
	flow->due_ms = proxy->mode == PROXY_DELAY ? wait_until_now_ms() + FAULT_PROXY_DELAY_MS : 0;
}

static void pass_on(const struct fault_proxy *proxy, struct link *link, struct flow *flow)
{
	const size_t most = proxy->mode == PROXY_SINGLE_BYTES ? 1 : sizeof(flow->buffer);
	if (flow->due_ms > wait_until_now_ms())
		return;
	for (int n = 0; n < BYTES_A_TURN && flow->start < flow->end; n++) {
		size_t size = flow->end - flow->start < most ? flow->end - flow->start : most;
		if (size > link->limit_bytes - link->passed_bytes)
			size = (size_t)(link->limit_bytes - link->passed_bytes);
		ssize_t bytes = send(flow->to, flow->buffer + flow->start, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (bytes < 0)
			flow->has_ended = true;
		flow->start = bytes < 0 ? flow->end : flow->start + (size_t)bytes;
		link->passed_bytes += bytes > 0 ? (uint64_t)bytes : 0;
		if (link->passed_bytes >= link->limit_bytes)
			return;
	}
}

static bool is_over(const struct flow *flow)
{
	return flow->has_ended && flow->start == flow->end;
}

static void serve(struct fault_proxy *proxy, struct link *link)
{
	if (proxy->mode == PROXY_BLACKHOLE)
		return;
	receive(proxy, &link->up);
	pass_on(proxy, link, &link->up);
	if (link->passed_bytes < link->limit_bytes) {
		receive(proxy, &link->down);
		pass_on(proxy, link, &link->down);
	}
	if (link->passed_bytes >= link->limit_bytes)
		close_link(proxy, link, true);
	else if (is_over(&link->up) || is_over(&link->down))
		close_link(proxy, link, false);
}

static void add_poll(struct pollfd *polls, nfds_t *count, const struct flow *flow, int *wait_ms)
{
	bool waits = flow->start < flow->end;
	if (waits && flow->due_ms > wait_until_now_ms())
		*wait_ms = 1;
	else
		polls[(*count)++] = (struct pollfd){ waits ? flow->to : flow->from, waits ? POLLOUT : POLLIN, 0 };
}

/* Wait, without the lock, until something may have to be done. */
static void wait(struct fault_proxy *proxy)
{
	struct pollfd polls[2 + 2 * LINKS_MAX] = { { proxy->wakeup, POLLIN, 0 } };
	struct link *link;
	nfds_t count = 1;
	int wait_ms = -1;
	uint64_t ignored;
	if (proxy->mode != PROXY_BLACKHOLE) {
		if (proxy->link_count < LINKS_MAX)
			polls[count++] = (struct pollfd){ proxy->listener, POLLIN, 0 };
		STAILQ_FOREACH(link, &proxy->links, link) {
			add_poll(polls, &count, &link->up, &wait_ms);
			add_poll(polls, &count, &link->down, &wait_ms);
		}
	}
	pthread_mutex_unlock(&proxy->lock);
	poll(polls, count, wait_ms);
	if (polls[0].revents != 0 && read(proxy->wakeup, &ignored, sizeof(ignored)) < 0)
		demand(errno == EAGAIN, "be woken");
	pthread_mutex_lock(&proxy->lock);
}

static void *run(void *argument)
{
	struct fault_proxy *proxy = argument;
	struct link *link, *next;
	pthread_mutex_lock(&proxy->lock);
	while (!proxy->is_stopping) {
		wait(proxy);
		if (proxy->mode != PROXY_BLACKHOLE && proxy->link_count < LINKS_MAX)
			open_link(proxy);
		for (link = STAILQ_FIRST(&proxy->links); link != NULL; link = next) {
			next = STAILQ_NEXT(link, link);
			serve(proxy, link);
		}
	}
	while ((link = STAILQ_FIRST(&proxy->links)) != NULL)
		close_link(proxy, link, false);
	pthread_mutex_unlock(&proxy->lock);
	return NULL;
}

struct fault_proxy *fault_proxy_start(int server_port)
{
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof(address);
	struct fault_proxy *proxy = calloc(1, sizeof(*proxy));
	demand(proxy != NULL, "memory");
	proxy->server_port = server_port;
	proxy->random = random_seeded(7473, 0);
	proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	proxy->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	STAILQ_INIT(&proxy->links);
	demand(proxy->wakeup >= 0 && pthread_mutex_init(&proxy->lock, NULL) == 0, "wakeup");
	demand(proxy->listener >= 0 &&
		       bind(proxy->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		       listen(proxy->listener, LINKS_MAX) == 0 &&
		       getsockname(proxy->listener, (struct sockaddr *)&address, &size) == 0,
	       "listen");
	snprintf(proxy->url, sizeof(proxy->url), "127.0.0.1:%d", ntohs(address.sin_port));
	demand(pthread_create(&proxy->thread, NULL, run, proxy) == 0, "start");
	return proxy;
}

static void unlock_and_wake(struct fault_proxy *proxy)
{
	pthread_mutex_unlock(&proxy->lock);
	demand(write(proxy->wakeup, &(uint64_t){ 1 }, sizeof(uint64_t)) > 0, "wake it");
}

void fault_proxy_stop(struct fault_proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
	proxy->is_stopping = true;
	unlock_and_wake(proxy);
	pthread_join(proxy->thread, NULL);
	close(proxy->listener);
	close(proxy->wakeup);
	pthread_mutex_destroy(&proxy->lock);
	free(proxy);
}

const char *fault_proxy_url(const struct fault_proxy *proxy)
{
	return proxy->url;
}

void fault_proxy_set(struct fault_proxy *proxy, enum proxy_mode mode)
{
	pthread_mutex_lock(&proxy->lock);
	proxy->mode = mode;
	unlock_and_wake(proxy);
}

void fault_proxy_reset(struct fault_proxy *proxy)
{
	struct link *link;
	pthread_mutex_lock(&proxy->lock);
	while ((link = STAILQ_FIRST(&proxy->links)) != NULL)
		close_link(proxy, link, true);
	unlock_and_wake(proxy);
}

void fault_proxy_reset_within(struct fault_proxy *proxy, uint64_t bytes)
{
	struct link *link;
	pthread_mutex_lock(&proxy->lock);
	proxy->reset_within_bytes = bytes;
	STAILQ_FOREACH(link, &proxy->links, link)
		draw_limit(proxy, link);
	unlock_and_wake(proxy);
}

unsigned int fault_proxy_reset_count(struct fault_proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
	unsigned int count = proxy->reset_count;
	pthread_mutex_unlock(&proxy->lock);
	return count;
}

size_t fault_proxy_held(struct fault_proxy *proxy, uint8_t *out, size_t size)
{
	ssize_t bytes = 0;
	pthread_mutex_lock(&proxy->lock);
	struct link *link = STAILQ_FIRST(&proxy->links);
	if (link != NULL)
		bytes = recv(link->down.from, out, size, MSG_DONTWAIT | MSG_PEEK);
	pthread_mutex_unlock(&proxy->lock);
	return bytes > 0 ? (size_t)bytes : 0;
}
