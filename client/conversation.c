#include "client/conversation.h"

#include <assert.h>
#include <stdlib.h>

/* Sent output is dropped from memory beyond this. */
#define OUTPUT_KEPT_BYTES (256u * 1024)
/* More often than that a server need not hear from us, whatever it says. */
#define HEARTBEAT_MS_MIN 100

void conversation_init(struct conversation *conversation,
		       const struct conversation_observer *observer, void *user,
		       const char *client_name)
{
	*conversation = (struct conversation){
		.observer = observer,
		.user = user,
		.client_name = client_name,
		.frame_bytes_max = FRAME_BYTES_MAX_DEFAULT,
		.heartbeat_ms = HEARTBEAT_MS_DEFAULT,
	};
	inbox_init(&conversation->inbox);
	msgpack_sbuffer_init(&conversation->output);
	TAILQ_INIT(&conversation->requests);
}

void conversation_clear(struct conversation *conversation)
{
	conversation_end(conversation);
	inbox_clear(&conversation->inbox);
	msgpack_sbuffer_destroy(&conversation->output);
}

bool conversation_is_ready(const struct conversation *conversation)
{
	return conversation->is_open && conversation->state == CONNECTION_READY;
}

uint32_t conversation_next_id(struct conversation *conversation)
{
	if (++conversation->last_request_id == 0)
		conversation->last_request_id = 1;
	return conversation->last_request_id;
}

void conversation_expect(struct conversation *conversation, struct request *request, uint32_t id,
			 enum frame_type type)
{
	assert(request->id == 0);
	request->id = id;
	request->type = (uint8_t)type;
	TAILQ_INSERT_TAIL(&conversation->requests, request, link);
}

/* A forgotten request leaves one of these behind. */
static int drop_reply(struct conversation *conversation, struct request *request,
		      const struct reply *reply, struct error *err)
{
	(void)conversation, (void)reply, (void)err;
	free(request);
	return 0;
}

static void drop_lost(struct conversation *conversation, struct request *request)
{
	(void)conversation;
	free(request);
}

void conversation_expect_nothing(struct conversation *conversation, uint32_t id,
				 enum frame_type type)
{
	struct request *ghost = calloc(1, sizeof(*ghost));

	if (ghost == NULL)
		return;
	ghost->on_reply = drop_reply;
	ghost->on_lost = drop_lost;
	conversation_expect(conversation, ghost, id, type);
}

void conversation_forget(struct conversation *conversation, struct request *request)
{
	if (request->id == 0)
		return;
	TAILQ_REMOVE(&conversation->requests, request, link);
	conversation_expect_nothing(conversation, request->id, (enum frame_type)request->type);
	request->id = 0;
}

static int on_hello_reply(struct conversation *conversation, struct request *request,
			  const struct reply *reply, struct error *err)
{
	struct message_hello_reply hello;
	(void)request;

	if (reply->err != NULL) {
		conversation->is_final = !reply->is_retryable;
		*err = *reply->err;
		return -1;
	}
	if (message_hello_reply_decode(reply->body, &hello, err) != 0)
		return -1;
	if (hello.auth) {
		conversation->is_final = true;
		return error_set(err, ERROR_DENIED,
				 "the server wants a login, which this version cannot do");
	}
	if (connection_state_move(&conversation->state, CONNECTION_SAID_HELLO, err) != 0)
		return -1;
	memcpy(conversation->instance, hello.instance.data, 16);
	conversation->frame_bytes_max = hello.max_frame_bytes;
	conversation->heartbeat_ms =
		hello.heartbeat_ms > HEARTBEAT_MS_MIN ? hello.heartbeat_ms : HEARTBEAT_MS_MIN;
	return conversation->observer->on_ready(conversation->user, err);
}

static int on_ping_reply(struct conversation *conversation, struct request *request,
			 const struct reply *reply, struct error *err)
{
	(void)conversation, (void)request, (void)reply, (void)err;
	return 0;
}

static void lose_nothing(struct conversation *conversation, struct request *request)
{
	(void)conversation, (void)request;
}

int conversation_begin(struct conversation *conversation, int64_t now_ms, struct error *err)
{
	const char *name = conversation->client_name;
	struct message_hello hello = {
		.version = PROTOCOL_VERSION,
		.client = { (const uint8_t *)name, name != NULL ? strlen(name) : 0 },
	};
	uint32_t id = conversation_next_id(conversation);

	if (message_hello_encode(&conversation->output, id, &hello, err) != 0)
		return -1;
	conversation->state = CONNECTION_CONNECTED;
	conversation->is_open = true;
	conversation->is_final = false;
	conversation->now_ms = conversation->heard_ms = now_ms;
	conversation->hello.on_reply = on_hello_reply;
	conversation->hello.on_lost = lose_nothing;
	conversation_expect(conversation, &conversation->hello, id, FRAME_HELLO);
	return 0;
}

void conversation_end(struct conversation *conversation)
{
	struct request_queue lost;
	struct request *request;

	conversation->is_open = false;
	conversation->state = CONNECTION_CLOSING;
	inbox_reset(&conversation->inbox);
	conversation->sent_bytes = 0;
	msgpack_sbuffer_destroy(&conversation->output);
	msgpack_sbuffer_init(&conversation->output);
	TAILQ_INIT(&lost);
	TAILQ_CONCAT(&lost, &conversation->requests, link);
	while ((request = TAILQ_FIRST(&lost)) != NULL) {
		TAILQ_REMOVE(&lost, request, link);
		request->id = 0;
		request->on_lost(conversation, request);
	}
	conversation->observer->on_lost(conversation->user);
}

static struct request *find_request(struct conversation *conversation, uint32_t id)
{
	struct request *request;

	TAILQ_FOREACH(request, &conversation->requests, link)
		if (request->id == id)
			return request;
	return NULL;
}

static int take_error(const struct frame *frame, struct error *out, bool *out_retryable,
		      struct error *err)
{
	struct message_error message;

	if (message_error_decode(frame->body, &message, err) != 0)
		return -1;
	message_error_get(&message, out);
	*out_retryable = message.retryable;
	return 0;
}

static int take_reply(struct conversation *conversation, const struct frame *frame,
		      struct error *err)
{
	struct request *request = find_request(conversation, frame->request_id);
	struct reply reply = { .body = frame->body };
	struct error refusal = { 0 };

	/* Only an error may answer what has no reply, CREDIT: it was right, so it is wrong. */
	if (request == NULL || request->type != frame->type)
		return error_set(err, ERROR_UNEXPECTED, "a reply of type %u to no request, id %u",
				 frame->type, frame->request_id);
	if ((frame->flags & FRAME_FLAG_ERROR) != 0) {
		if (take_error(frame, &refusal, &reply.is_retryable, err) != 0)
			return -1;
		reply.err = &refusal;
	}
	TAILQ_REMOVE(&conversation->requests, request, link);
	request->id = 0;
	return request->on_reply(conversation, request, &reply, err);
}

static int take_goodbye(struct conversation *conversation, const struct frame *frame,
			struct error *err)
{
	struct message_goodbye goodbye;

	if (message_goodbye_decode(frame->body, &goodbye, err) != 0)
		return -1;
	conversation->state = CONNECTION_CLOSING;
	conversation->is_final = !goodbye.retryable && goodbye.code != ERROR_NONE;
	return error_set(err, (enum error_code)goodbye.code, "the server ended the connection: %.*s",
			 (int)goodbye.error.size, (const char *)goodbye.error.data);
}

static int answer_ping(struct conversation *conversation, const struct frame *frame,
		       struct error *err)
{
	if (message_empty_decode(frame->body, err) != 0)
		return -1;
	return message_empty_encode(&conversation->output, FRAME_PING, FRAME_FLAG_REPLY,
				    frame->request_id, err);
}

static int take_frame(struct conversation *conversation, const struct frame *frame,
		      struct error *err)
{
	if (frame_judge(frame, conversation->state, FRAME_FROM_SERVER, err) != FRAME_ACCEPT)
		return -1;
	if ((frame->flags & FRAME_FLAG_REPLY) != 0)
		return take_reply(conversation, frame, err);
	switch (frame->type) {
	case FRAME_PING:
		return answer_ping(conversation, frame, err);
	case FRAME_GOODBYE:
		return take_goodbye(conversation, frame, err);
	default:
		return conversation->observer->on_push(conversation->user, frame, err);
	}
}

int conversation_received(struct conversation *conversation, size_t bytes, int64_t now_ms,
			  struct error *err)
{
	struct frame frame;
	int rc;

	inbox_received(&conversation->inbox, bytes);
	conversation->now_ms = conversation->heard_ms = now_ms;
	while ((rc = inbox_next(&conversation->inbox, &frame, err)) == 1)
		if (take_frame(conversation, &frame, err) != 0)
			return -1;
	return rc;
}

struct bytes conversation_output(const struct conversation *conversation)
{
	if (conversation->output.size == conversation->sent_bytes)
		return (struct bytes){ NULL, 0 };
	return (struct bytes){ (const uint8_t *)conversation->output.data + conversation->sent_bytes,
			       conversation->output.size - conversation->sent_bytes };
}

void conversation_sent(struct conversation *conversation, size_t bytes)
{
	msgpack_sbuffer *output = &conversation->output;

	conversation->sent_bytes += bytes;
	if (conversation->sent_bytes < output->size)
		return;
	conversation->sent_bytes = 0;
	output->size = 0;
	if (output->alloc > OUTPUT_KEPT_BYTES) {
		msgpack_sbuffer_destroy(output);
		msgpack_sbuffer_init(output);
	}
}

static int64_t silence_ms(const struct conversation *conversation)
{
	/* Before it has said how often it speaks, the server has as long as we would have. */
	if (conversation->state != CONNECTION_READY)
		return LOGIN_TIMEOUT_MS;
	int64_t beats = conversation->ping.id == 0 ? 1 : HEARTBEATS_MISSED_MAX;
	return beats * (int64_t)conversation->heartbeat_ms;
}

int64_t conversation_next_ms(const struct conversation *conversation)
{
	if (!conversation->is_open)
		return INT64_MAX;
	return conversation->heard_ms + silence_ms(conversation);
}

int conversation_tick(struct conversation *conversation, int64_t now_ms, struct error *err)
{
	conversation->now_ms = now_ms;
	if (now_ms < conversation_next_ms(conversation))
		return 0;
	if (conversation->state != CONNECTION_READY || conversation->ping.id != 0)
		return error_set(err, ERROR_CONNECTION, "the server says nothing for %lld ms",
				 (long long)(now_ms - conversation->heard_ms));
	uint32_t id = conversation_next_id(conversation);
	if (message_empty_encode(&conversation->output, FRAME_PING, 0, id, err) != 0)
		return -1;
	conversation->ping.on_reply = on_ping_reply;
	conversation->ping.on_lost = lose_nothing;
	conversation_expect(conversation, &conversation->ping, id, FRAME_PING);
	return 0;
}

void conversation_excuse(struct conversation *conversation, int64_t now_ms)
{
	conversation->now_ms = conversation->heard_ms = now_ms;
}
