#include "server/session.h"

#include "protocol/message_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than this is given back when it has been sent. */
#define OUTPUT_KEPT_BYTES 4096

int session_create(struct session **out, struct service *service,
		   const struct session_transport *transport, void *carrier, const char *peer,
		   int64_t now_ms, struct error *err)
{
	struct session *session = calloc(1, sizeof(*session));
	if (session == NULL)
		return error_set(err, ERROR_MEMORY, "a session");
	session->service = service;
	session->transport = transport;
	session->carrier = carrier;
	session->id = ++service->next_session_id;
	session->state = CONNECTION_CONNECTED;
	session->opened_ms = session->last_received_ms = session->last_ping_ms = now_ms;
	snprintf(session->peer, sizeof(session->peer), "%s", peer);
	frame_parser_init(&session->parser, FRAME_BYTES_MAX_BEFORE_LOGIN);
	msgpack_sbuffer_init(&session->output);
	LIST_INIT(&session->subscriptions);
	LIST_INSERT_HEAD(&service->sessions, session, link);
	service->session_count++;
	*out = session;
	return 0;
}

static void free_session(struct session *session)
{
	msgpack_sbuffer_destroy(&session->output);
	free(session);
}

/* What it holds of others goes at once; itself may have to wait. */
static void let_go(struct session *session)
{
	struct subscription *subscription;
	while ((subscription = LIST_FIRST(&session->subscriptions)) != NULL)
		subscription_destroy(subscription);
	session_publish_drop(session);
	session->has_ended = true;
}

void session_destroy(struct session *session)
{
	if (session == NULL)
		return;
	let_go(session);
	frame_parser_clear(&session->parser);
	LIST_REMOVE(session, link);
	session->service->session_count--;
	session->is_abandoned = true;
	if (session->operation_count == 0)
		free_session(session);
}

void session_hold(struct session *session)
{
	session->operation_count++;
}

void session_release(struct session *session)
{
	session->operation_count--;
	if (session->operation_count == 0 && session->is_abandoned)
		free_session(session);
}

void session_flush(struct session *session)
{
	if (session->is_abandoned)
		return;
	size_t limit = session->service->limits.output_bytes_max + session->delivered_bytes;
	if (session->output.size + session->unsent_bytes > limit && !session->has_ended) {
		/* Its goodbye would never arrive: what waits is dropped with it. */
		let_go(session);
		session->output.size = 0;
		session->transport->on_end(session);
		return;
	}
	session->transport->on_output(session);
}

void session_sent(struct session *session, size_t unsent_bytes)
{
	struct subscription *subscription;
	session->unsent_bytes = unsent_bytes;
	if (session->output.size == 0 && session->output.alloc > OUTPUT_KEPT_BYTES) {
		msgpack_sbuffer_destroy(&session->output);
		msgpack_sbuffer_init(&session->output);
	}
	LIST_FOREACH(subscription, &session->subscriptions, link)
		subscription_update(subscription);
}

void session_end(struct session *session, const struct error *why)
{
	struct error err;
	if (session->has_ended)
		return;
	if (session->state != CONNECTION_CLOSING &&
	    message_goodbye_encode_error(&session->output, why, &err) == 0)
		connection_state_move(&session->state, CONNECTION_SAID_GOODBYE, &err);
	let_go(session);
	session->transport->on_end(session);
}

void session_refuse(struct session *session, uint8_t type, uint32_t request_id,
		    const struct error *why)
{
	struct error err;
	if (session->has_ended)
		return;
	if (message_error_encode(&session->output, type, request_id, why, &err) != 0) {
		session_end(session, &err);
		return;
	}
	session_flush(session);
}

static int on_hello(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_hello hello;
	if (message_hello_decode(frame->body, &hello, err) != 0)
		return -1;
	if (hello.version < PROTOCOL_VERSION_MIN || hello.version > PROTOCOL_VERSION) {
		struct error why;
		error_set(&why, ERROR_VERSION, "this server speaks versions %d to %d, not %u",
			  PROTOCOL_VERSION_MIN, PROTOCOL_VERSION, hello.version);
		session_refuse(session, frame->type, frame->request_id, &why);
		session_end(session, &why);
		return 0;
	}
	size_t size = hello.client.size < sizeof(session->client) ? hello.client.size
								  : sizeof(session->client) - 1;
	memcpy(session->client, hello.client.data != NULL ? hello.client.data : (const uint8_t *)"",
	       size);
	struct message_hello_reply reply = {
		.version = hello.version,
		.server = { (const uint8_t *)PACKAGE_STRING, strlen(PACKAGE_STRING) },
		.instance = { store_instance_id(broker_store(session->service->broker)), 16 },
		.max_frame_bytes = session->service->limits.frame_bytes_max,
		.heartbeat_ms = session->service->limits.heartbeat_ms,
	};
	if (message_hello_reply_encode(&session->output, frame->request_id, &reply, err) != 0 ||
	    connection_state_move(&session->state, CONNECTION_SAID_HELLO, err) != 0)
		return -1;
	session->parser.frame_bytes_max = session->service->limits.frame_bytes_max;
	session_flush(session);
	return 0;
}

static int on_auth(struct session *session, const struct frame *frame, struct error *err)
{
	(void)session, (void)frame;
	return error_set(err, ERROR_UNSUPPORTED, "this server has no users: no login is needed");
}

static int on_ping(struct session *session, const struct frame *frame, struct error *err)
{
	if (frame->flags & FRAME_FLAG_REPLY)
		return 0;
	if (message_empty_decode(frame->body, err) != 0 ||
	    message_empty_encode(&session->output, FRAME_PING, FRAME_FLAG_REPLY, frame->request_id,
				 err) != 0)
		return -1;
	session_flush(session);
	return 0;
}

static session_handler *const handlers[FRAME_TYPE_MAX + 1] = {
	[FRAME_HELLO] = on_hello,
	[FRAME_AUTH] = on_auth,
	[FRAME_PING] = on_ping,
	[FRAME_METADATA] = session_metadata,
	[FRAME_OFFSETS] = session_offsets,
	[FRAME_SCHEMA] = session_schema,
	[FRAME_TOPIC_CREATE] = session_topic_create,
	[FRAME_TOPIC_CONFIGURE] = session_topic_configure,
	[FRAME_TOPIC_DELETE] = session_topic_delete,
	[FRAME_PUBLISH] = session_publish,
	[FRAME_SUBSCRIBE] = session_subscribe,
	[FRAME_UNSUBSCRIBE] = session_unsubscribe,
	[FRAME_CREDIT] = session_credit,
	[FRAME_SEEK] = session_seek,
	[FRAME_COMMIT] = session_commit,
	[FRAME_COMMITTED] = session_committed,
	[FRAME_STATUS] = session_status,
	[FRAME_SOURCES] = session_sources,
	[FRAME_SOURCE_CONTROL] = session_source_control,
	[FRAME_GROUPS] = session_groups,
	[FRAME_GROUP_INFO] = session_group_info,
	[FRAME_GROUP_REMOVE] = session_group_remove,
};

static void handle(struct session *session, const struct frame *frame)
{
	struct error err = { 0 };
	switch (frame_judge(frame, session->state, FRAME_FROM_CLIENT, &err)) {
	case FRAME_FATAL:
		session_end(session, &err);
		return;
	case FRAME_REFUSE:
		session_refuse(session, frame->type, frame->request_id, &err);
		return;
	case FRAME_ACCEPT:
		break;
	}
	if (frame->type > FRAME_TYPE_MAX || handlers[frame->type] == NULL) {
		error_set(&err, ERROR_UNSUPPORTED, "a frame of type %u", frame->type);
		session_refuse(session, frame->type, frame->request_id, &err);
		return;
	}
	if (handlers[frame->type](session, frame, &err) == 0)
		return;
	session_refuse(session, frame->type, frame->request_id, &err);
	/* Who cannot even greet gets no second chance. */
	if (session->state != CONNECTION_READY)
		session_end(session, &err);
}

size_t session_feed(struct session *session, const uint8_t *data, size_t size, int64_t now_ms)
{
	struct bytes input = { data, size };
	struct frame frame;
	struct error err = { 0 };
	session->last_received_ms = now_ms;
	while (!session->is_paused && !session->has_ended) {
		int rc = frame_parser_next(&session->parser, &input, &frame, &err);
		if (rc < 0)
			session_end(session, &err);
		if (rc <= 0)
			break;
		handle(session, &frame);
	}
	return size - input.size;
}

void session_tick(struct session *session, int64_t now_ms)
{
	const struct service_limits *limits = &session->service->limits;
	int64_t silent_ms = now_ms - session->last_received_ms;
	struct error err;
	if (session->has_ended)
		return;
	if (session->state != CONNECTION_READY) {
		if (now_ms - session->opened_ms >= limits->login_timeout_ms) {
			error_set(&err, ERROR_TIMEOUT, "no login within %u ms", limits->login_timeout_ms);
			session_end(session, &err);
		}
		return;
	}
	/* While it is paused nothing is read from it: its silence is our doing. */
	if (session->is_paused)
		return;
	if (silent_ms >= (int64_t)HEARTBEATS_MISSED_MAX * limits->heartbeat_ms) {
		error_set(&err, ERROR_TIMEOUT, "nothing heard for %lld ms", (long long)silent_ms);
		session_end(session, &err);
		return;
	}
	if (silent_ms < limits->heartbeat_ms ||
	    now_ms - session->last_ping_ms < limits->heartbeat_ms)
		return;
	session->last_ping_ms = now_ms;
	if (message_empty_encode(&session->output, FRAME_PING, 0, 1, &err) != 0) {
		session_end(session, &err);
		return;
	}
	session_flush(session);
}
