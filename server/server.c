#include "server/server.h"

#include "server/address.h"
#include "server/captures.h"
#include "server/connection.h"
#include "server/delivery.h"
#include "server/log.h"
#include "server/notify.h"
#include "storage/disk.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define TICK_MS                 500
#define LISTEN_BACKLOG          1024

enum { SIGNAL_COUNT = 3 };

struct server {
	struct server_settings settings;
	struct service service;
	struct connection_owner owner;
	struct notify notify;
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_timer_t tick;
	uv_signal_t signals[SIGNAL_COUNT];
	uv_prepare_t before_poll;       /* deliver before the loop waits, */
	uv_check_t after_poll;          /* and after what came in; */
	uv_idle_t busy;                 /* while it runs, the loop does not wait */
	unsigned int open_connections;
	int exit_status;
};

static void on_busy(uv_idle_t *handle)
{
	(void)handle;           /* that it runs is what it is for */
}

static void deliver(struct server *server)
{
	if (delivery_run(&server->service))
		uv_idle_start(&server->busy, on_busy);
	else
		uv_idle_stop(&server->busy);
}

static void on_before_poll(uv_prepare_t *handle)
{
	deliver(handle->data);
}

static void on_after_poll(uv_check_t *handle)
{
	deliver(handle->data);
}

static void on_closed(struct connection_owner *owner)
{
	struct server *server = (struct server *)(void *)((char *)owner - offsetof(struct server, owner));
	server->open_connections--;
}

/* "127.0.0.1:40312" → the length of the address alone. */
static size_t host_length(const char *peer)
{
	const char *colon = strrchr(peer, ':');
	return colon != NULL ? (size_t)(colon - peer) : strlen(peer);
}

static uint32_t count_from(const struct service *service, const char *peer)
{
	const struct session *session;
	size_t length = host_length(peer);
	uint32_t count = 0;
	LIST_FOREACH(session, &service->sessions, link)
		count += host_length(session->peer) == length && memcmp(session->peer, peer, length) == 0;
	return count;
}

static void check_limits(struct server *server, struct session *session)
{
	const struct server_settings *settings = &server->settings;
	struct error why;
	if (server->service.session_count > settings->connections_max)
		error_set(&why, ERROR_BUSY, "the server holds %u connections, its limit",
			  settings->connections_max);
	else if (count_from(&server->service, session->peer) > settings->connections_per_address_max)
		error_set(&why, ERROR_BUSY, "the server holds %u connections from this address, its limit",
			  settings->connections_per_address_max);
	else
		return;
	log_warning("%s: connection refused: %s", session->peer, why.text);
	session_end(session, &why);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct server *server = listener->data;
	struct session *session;
	struct error err = { 0 };
	if (status != 0) {
		log_warning("a connection could not be taken: %s", uv_strerror(status));
		return;
	}
	if (connection_accept(listener, &server->owner, &session, &err) != 0) {
		log_warning("a connection could not be taken: %s", err.text);
		return;
	}
	server->open_connections++;
	log_debug("%s: connected", session->peer);
	check_limits(server, session);
}

static void on_tick(uv_timer_t *timer)
{
	struct server *server = timer->data;
	struct session *session, *next;
	int64_t now_ms = (int64_t)uv_now(&server->loop);
	for (session = LIST_FIRST(&server->service.sessions); session != NULL; session = next) {
		next = LIST_NEXT(session, link);
		session_tick(session, now_ms);
	}
	notify_watchdog(&server->notify, NULL);
	log_tick(false);
}

static void reload(struct server *server)
{
	notify_reloading(&server->notify, NULL);
	if (server->settings.on_reload != NULL &&
	    server->settings.on_reload(server->settings.user, &server->settings) == 0)
		server->service.limits = server->settings.limits;
	notify_ready(&server->notify, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct server *server = handle->data;
	if (number == SIGHUP) {
		reload(server);
		return;
	}
	log_info("stopping (%s)", number == SIGTERM ? "SIGTERM" : "SIGINT");
	uv_stop(&server->loop);
}

static void on_state(void *user, enum appender_state state, const struct error *err)
{
	struct server *server = (struct server *)(void *)((char *)user - offsetof(struct server, service));
	service_broker_observer.on_state(user, state, err);
	if (state != APPENDER_FAILED)
		return;
	server->exit_status = error_exit_status(err->code);
	uv_stop(&server->loop);
}

/* What to do about it. */
static const char *advice(int rc)
{
	switch (rc) {
	case UV_EADDRINUSE:
		return ": another process listens there ('ss -ltnp' shows which); stop that one, or choose "
		       "another port with --listen";
	case UV_EADDRNOTAVAIL:
		return ": this machine has no such address; 'ip address' shows those it has";
	case UV_EACCES:
		return ": ports below 1024 are for root; choose a higher one with --listen";
	default:
		return "";
	}
}

static void warn_of_ballast(const struct store_options *store)
{
	if (store->ballast_bytes > 0 && !ballast_is_there(store->dir))
		log_warning("the disk has no room for log.ballast.bytes, which takes as much again beside it: once it "
			    "is full, deleting records may not help; make room and restart, or set it lower");
}

static int start_listening(struct server *server, struct error *err)
{
	union address address;
	struct sockaddr_storage bound;
	int size = sizeof(bound), rc;
	char text[ADDRESS_TEXT_BYTES];
	if (address_parse(server->settings.listen, &address, err) != 0 ||
	    address_check_exposure(&address, false, err) != 0)
		return -1;
	uv_tcp_init(&server->loop, &server->listener);
	server->listener.data = server;
	if ((rc = uv_tcp_bind(&server->listener, &address.any, 0)) != 0 ||
	    (rc = uv_listen((uv_stream_t *)&server->listener, LISTEN_BACKLOG, on_connection)) != 0 ||
	    (rc = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&bound, &size)) != 0)
		return error_set(err, ERROR_INVALID, "listen on %s: %s%s", server->settings.listen,
				 uv_strerror(rc), advice(rc));
	memcpy(&address, &bound, sizeof(address));
	address_format(&address, text);
	log_info("listening on %s, data in %s", text, server->settings.broker.store.dir);
	return 0;
}

static void start_handles(struct server *server)
{
	static const int numbers[SIGNAL_COUNT] = { SIGTERM, SIGINT, SIGHUP };
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		uv_signal_init(&server->loop, &server->signals[i]);
		server->signals[i].data = server;
		uv_signal_start(&server->signals[i], on_signal, numbers[i]);
	}
	uv_timer_init(&server->loop, &server->tick);
	server->tick.data = server;
	uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS);
	uv_prepare_init(&server->loop, &server->before_poll);
	server->before_poll.data = server;
	uv_prepare_start(&server->before_poll, on_before_poll);
	uv_check_init(&server->loop, &server->after_poll);
	server->after_poll.data = server;
	uv_check_start(&server->after_poll, on_after_poll);
	uv_idle_init(&server->loop, &server->busy);
}

static void close_handle(uv_handle_t *handle, void *argument)
{
	(void)argument;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* Sessions hear that it is over, after the answers to what they had sent. */
static void say_goodbye(struct server *server)
{
	struct session *session, *next;
	struct error why;
	error_set(&why, server->exit_status == 0 ? ERROR_STOPPED : ERROR_IO,
		  server->exit_status == 0 ? "the server is stopping" : "the server's disk failed");
	for (session = LIST_FIRST(&server->service.sessions); session != NULL; session = next) {
		next = LIST_NEXT(session, link);
		session_end(session, &why);
	}
}

/* A thread that was left behind may still read what would be freed now. */
static void leave(struct server *server)
{
	log_info("stopped");
	log_tick(true);
	_exit(server->exit_status);
}

static void stop(struct server *server)
{
	struct session *session;
	server->service.state = "stopping";
	notify_stopping(&server->notify, NULL);
	if (server->listener.data != NULL)
		uv_close((uv_handle_t *)&server->listener, NULL);
	LIST_FOREACH(session, &server->service.sessions, link)
		session->is_paused = true;
	captures_ask_to_stop(server->service.captures);
	while (broker_work_count(server->service.broker) > 0)
		uv_run(&server->loop, UV_RUN_ONCE);
	bool is_clean = captures_stop(server->service.captures);
	broker_stop(server->service.broker);
	say_goodbye(server);
	while (server->open_connections > 0)
		uv_run(&server->loop, UV_RUN_ONCE);
	if (!is_clean)
		leave(server);
	captures_destroy(server->service.captures);
	server->service.captures = NULL;
}

int server_run(const struct server_settings *settings)
{
	struct server server = { .settings = *settings };
	struct broker_observer observer = service_broker_observer;
	struct error err = { 0 };
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&server.loop);
	if (notify_open(&server.notify, &err) != 0)
		log_warning("no service manager: %s", err.text);
	service_init(&server.service, &settings->limits, (int64_t)(uv_hrtime() / 1000000));
	server.owner = (struct connection_owner){ &server.service, on_closed };
	observer.on_state = on_state;
	observer.user = &server.service;
	int rc = broker_open(&server.service.broker, &server.loop, &settings->broker, &observer, &err);
	if (rc == 0) {
		warn_of_ballast(&settings->broker.store);
		start_handles(&server);
		rc = captures_start(&server.service.captures, server.service.broker, settings->sources,
				    settings->source_count, &err);
		if (rc == 0)
			rc = start_listening(&server, &err);
		if (rc == 0) {
			notify_ready(&server.notify, NULL);
			uv_run(&server.loop, UV_RUN_DEFAULT);
		}
		stop(&server);
	}
	if (rc != 0) {
		log_error("cannot start: %s", err.text);
		server.exit_status = err.code == ERROR_IO ? EX_IOERR : EX_CONFIG;
	} else {
		log_info("stopped");
	}
	uv_walk(&server.loop, close_handle, NULL);
	uv_run(&server.loop, UV_RUN_DEFAULT);
	uv_loop_close(&server.loop);
	broker_close(rc == 0 || server.service.broker != NULL ? server.service.broker : NULL);
	notify_close(&server.notify);
	log_tick(true);
	return server.exit_status;
}
