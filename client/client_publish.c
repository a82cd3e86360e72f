#include "client/client.h"

#include "client/code.h"

/* Publishing, as the public header has it. */

/* Records between two looks at the socket, when there is nothing to send. */
#define QUIET_COUNT_MAX 64

/* Not in time, and why, where the server has said it. */
static int not_yet(struct millstream_client *client, enum error_code code, const char *text)
{
	if (!conversation_is_ready(&client->conversation))
		return client_not_yet(client);
	client_fail_code(client, code, client->publisher.hold_up.code != ERROR_NONE ? client->publisher.hold_up.text
										    : text);
	return code_of(code);
}

static void give_way(struct millstream_client *client, struct lane *lane)
{
	if (++client->quiet_count < QUIET_COUNT_MAX && lane_sendable(lane, client->now_ms) == NULL)
		return;
	client->quiet_count = 0;
	(void)client_turn(client, 0);
}

MILLSTREAM_API int millstream_publish(struct millstream_client *client,
				      const struct millstream_message *message, int timeout_ms,
				      millstream_on_delivered on_delivered, void *user)
{
	struct lane *lane;
	struct error err = { 0 };
	int64_t deadline_ms = -1;
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	for (;;) {
		int rc = publisher_add(&client->publisher, message, on_delivered, user,
				       transport_roughly_now_ms(), &lane, &err);
		if (rc < 0)
			return client_fail(client, &err, false);
		if (rc == 1) {
			/* It is in line: what may go wrong now is for on_delivered to hear. */
			give_way(client, lane);
			return MILLSTREAM_OK;
		}
		if (deadline_ms == -1)
			deadline_ms = client_deadline(timeout_ms);
		else if (client->now_ms >= deadline_ms)
			break;
		if (client_turn(client, deadline_ms) != 0)
			return client_fail(client, &client->lost, false);
	}
	return not_yet(client, ERROR_BUSY, "no room for more records: earlier ones are not acknowledged yet");
}

MILLSTREAM_API int millstream_flush(struct millstream_client *client, int timeout_ms)
{
	struct publisher *publisher = &client->publisher;
	int64_t deadline_ms = client_deadline(timeout_ms);
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	while (publisher->unacknowledged_count > 0) {
		if (client_turn(client, deadline_ms) != 0)
			return client_fail(client, &client->lost, false);
		if (client->now_ms >= deadline_ms && publisher->unacknowledged_count > 0)
			return not_yet(client, ERROR_TIMEOUT, "no answer in the time given");
	}
	code = publisher->first_failure;
	publisher->first_failure = MILLSTREAM_OK;
	if (code != MILLSTREAM_OK)
		client_fail(client, &publisher->failure, false);
	return code;
}

MILLSTREAM_API size_t millstream_unacknowledged(const struct millstream_client *client)
{
	return client->publisher.unacknowledged_count;
}
