#include "client/client.h"

#include "client/code.h"

#include <stdlib.h>

static int on_ready(void *user, struct error *err)
{
	struct millstream_client *client = user;

	client->lost = (struct error){ 0 };
	if (feed_on_ready(&client->feed, err) != 0)
		return -1;
	return publisher_on_ready(&client->publisher, err);
}

static int on_push(void *user, const struct frame *frame, struct error *err)
{
	struct millstream_client *client = user;

	return feed_on_push(&client->feed, frame, err);
}

static void on_lost(void *user)
{
	struct millstream_client *client = user;

	feed_on_lost(&client->feed);
	publisher_on_lost(&client->publisher);
}

static const struct conversation_observer observer = { on_ready, on_push, on_lost };

static void apply(struct millstream_client *client, const struct millstream_options *options)
{
	struct publisher *publisher = &client->publisher;

	if (options->publish_buffer_bytes > 0)
		publisher->buffer_bytes = options->publish_buffer_bytes;
	if (options->publish_batch_bytes > 0)
		publisher->batch_bytes = options->publish_batch_bytes;
	if (options->publish_requests_max > 0)
		publisher->requests_max = options->publish_requests_max;
	if (options->delivery_timeout_ms != 0)
		publisher->timeout_ms = options->delivery_timeout_ms;
	if (options->connect_timeout_ms > 0)
		client->connect_timeout_ms = options->connect_timeout_ms;
	if (options->reconnect_min_ms > 0)
		client->pause_min_ms = options->reconnect_min_ms;
	if (options->reconnect_max_ms > 0)
		client->pause_max_ms = options->reconnect_max_ms;
}

MILLSTREAM_API int millstream_open(const char *url, const struct millstream_options *options,
				   struct millstream_client **out)
{
	static const struct millstream_options defaults;
	struct url parsed;

	if (options == NULL)
		options = &defaults;
	if (url == NULL || url_parse(url, &parsed, NULL) != 0)
		return MILLSTREAM_INVALID;
	if (options->client_name != NULL && strlen(options->client_name) > CLIENT_NAME_BYTES_MAX)
		return MILLSTREAM_INVALID;
	struct millstream_client *client = calloc(1, sizeof(*client));
	if (client == NULL)
		return MILLSTREAM_MEMORY;
	if (options->client_name != NULL && (client->name = strdup(options->client_name)) == NULL) {
		free(client);
		return MILLSTREAM_MEMORY;
	}
	client->url = parsed;
	client->connect_timeout_ms = CLIENT_CONNECT_MS;
	client->pause_min_ms = CLIENT_PAUSE_MS_MIN;
	client->pause_max_ms = CLIENT_PAUSE_MS_MAX;
	transport_init(&client->transport);
	conversation_init(&client->conversation, &observer, client, client->name);
	feed_init(&client->feed, &client->conversation);
	publisher_init(&client->publisher, &client->conversation, transport_random());
	msgpack_sbuffer_init(&client->reply);
	apply(client, options);
	*out = client;
	return MILLSTREAM_OK;
}

MILLSTREAM_API void millstream_close(struct millstream_client *client)
{
	if (client == NULL)
		return;
	transport_close(&client->transport);
	conversation_end(&client->conversation);
	publisher_clear(&client->publisher, MILLSTREAM_CLOSED);
	feed_clear(&client->feed);
	conversation_clear(&client->conversation);
	schema_cache_clear(&client->schemas);
	msgpack_sbuffer_destroy(&client->reply);
	free(client->lent);
	free(client->name);
	free(client);
}

int client_fail(struct millstream_client *client, const struct error *err, bool is_retryable)
{
	if (err != &client->err)
		client->err = *err;
	client->is_retryable = is_retryable || error_is_retryable(err->code);
	return code_of(err->code);
}

int client_fail_code(struct millstream_client *client, enum error_code code, const char *text)
{
	struct error err = { 0 };

	error_set(&err, code, "%s", text);
	return client_fail(client, &err, false);
}

int client_not_yet(struct millstream_client *client)
{
	if (conversation_is_ready(&client->conversation))
		return client_fail_code(client, ERROR_TIMEOUT, "no answer in the time given");
	if (client->lost.code != ERROR_NONE) {
		client_fail(client, &client->lost, true);
		return MILLSTREAM_DISCONNECTED;
	}
	return client_fail_code(client, ERROR_CONNECTION, "not connected yet");
}

int client_enter(struct millstream_client *client)
{
	if (!client->publisher.is_delivering && !client->is_calling_back)
		return MILLSTREAM_OK;
	return client_fail_code(client, ERROR_BUSY, "not from within a callback");
}

MILLSTREAM_API const char *millstream_error_text(const struct millstream_client *client)
{
	return client->err.text;
}

MILLSTREAM_API bool millstream_error_is_retryable(const struct millstream_client *client)
{
	return client->is_retryable;
}

MILLSTREAM_API int millstream_connect(struct millstream_client *client, int timeout_ms)
{
	int64_t deadline_ms = client_deadline(timeout_ms);
	uint64_t failed_count = client->failed_count;
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	if (client->is_refused) {
		client->is_refused = false;
		client->attempt_ms = 0;
	}
	if (client->transport.state == TRANSPORT_CLOSED)
		client->attempt_ms = 0;
	while (!conversation_is_ready(&client->conversation)) {
		if (client_turn(client, deadline_ms) != 0)
			return client_fail(client, &client->lost, false);
		if (client->failed_count != failed_count) {
			client_fail(client, &client->lost, true);
			return MILLSTREAM_DISCONNECTED;
		}
		if (client->now_ms >= deadline_ms && !conversation_is_ready(&client->conversation))
			return client_not_yet(client);
	}
	return MILLSTREAM_OK;
}

MILLSTREAM_API int millstream_dispatch(struct millstream_client *client)
{
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	if (client_turn(client, 0) != 0)
		return client_fail(client, &client->lost, false);
	return MILLSTREAM_OK;
}
