#include "client/client.h"

/* One request at a time, and its reply. */

static int on_reply(struct conversation *conversation, struct request *request,
		    const struct reply *reply, struct error *err)
{
	struct millstream_client *client = request->user;
	struct call *call = client->call;
	(void)conversation;

	call->is_retryable = reply->is_retryable;
	client->reply.size = 0;
	if (reply->err != NULL)
		call->refusal = *reply->err;
	else if (msgpack_sbuffer_write(&client->reply, (const char *)reply->body.data,
				       reply->body.size) != 0)
		return error_set(err, ERROR_MEMORY, "no memory for a reply");
	call->is_done = true;
	if (reply->err == NULL && call->on_done != NULL)
		call->on_done(call->user);
	return 0;
}

static void on_lost(struct conversation *conversation, struct request *request)
{
	struct millstream_client *client = request->user;
	(void)conversation;

	client->call->is_lost = true;
}

static int send_call(struct millstream_client *client, struct call *call, struct error *err)
{
	struct conversation *conversation = &client->conversation;
	uint32_t id = conversation_next_id(conversation);

	if (call->encode(call, &conversation->output, id, err) != 0)
		return -1;
	call->request.on_reply = on_reply;
	call->request.on_lost = on_lost;
	call->request.user = client;
	conversation_expect(conversation, &call->request, id, call->type);
	return 0;
}

static int run(struct millstream_client *client, struct call *call)
{
	struct error err = { 0 };

	while (!call->is_done) {
		if (call->is_lost && call->is_once)
			return client_fail_code(client, ERROR_CONNECTION,
						"the connection was lost: it is not known whether this was done");
		call->is_lost = false;
		if (call->request.id == 0 && conversation_is_ready(&client->conversation) &&
		    send_call(client, call, &err) != 0)
			return client_fail(client, &err, false);
		if (client_turn(client, call->deadline_ms) != 0)
			return client_fail(client, &client->lost, false);
		if (!call->is_done && call->deadline_ms <= client->now_ms)
			return client_not_yet(client);
	}
	if (call->refusal.code != ERROR_NONE)
		return client_fail(client, &call->refusal, call->is_retryable);
	return MILLSTREAM_OK;
}

int client_call(struct millstream_client *client, struct call *call)
{
	client->call = call;
	int code = run(client, call);
	conversation_forget(&client->conversation, &call->request);
	client->call = NULL;
	return code;
}
