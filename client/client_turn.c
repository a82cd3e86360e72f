#include "client/client.h"

#include <limits.h>
#include <poll.h>

/* The one loop: connect, wait, receive, think, send. */

/* In one turn, so that other work gets its share. */
#define RECEIVES_MAX 16

int64_t client_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : transport_now_ms() + timeout_ms;
}

static void pause_before_attempt(struct millstream_client *client)
{
	client->pause_ms = client->pause_ms == 0 ? client->pause_min_ms : 2 * client->pause_ms;
	if (client->pause_ms > client->pause_max_ms)
		client->pause_ms = client->pause_max_ms;
	/* Up to half as much again, or many clients would come back all at once. */
	client->attempt_ms = client->now_ms + client->pause_ms +
			     (int64_t)(transport_random() % (uint64_t)(client->pause_ms / 2 + 1));
}

static void lose(struct millstream_client *client, const struct error *why)
{
	bool is_final = client->conversation.is_open && client->conversation.is_final;

	client->lost = *why;
	client->failed_count++;
	transport_close(&client->transport);
	if (client->conversation.is_open)
		conversation_end(&client->conversation);
	if (is_final)
		client->is_refused = true;
	else
		pause_before_attempt(client);
}

void client_drop(struct millstream_client *client, const char *why)
{
	struct error err = { 0 };

	if (client->transport.state == TRANSPORT_CLOSED)
		return;
	error_set(&err, ERROR_CONNECTION, "%s", why);
	lose(client, &err);
}

static int be_connected(struct millstream_client *client, struct error *err)
{
	return conversation_begin(&client->conversation, client->now_ms, err);
}

/* Make some way towards a connection; -1: this attempt has failed. */
static int go_on_connecting(struct millstream_client *client, short events, struct error *err)
{
	struct transport *transport = &client->transport;
	int rc = 0;

	if (transport->state == TRANSPORT_CLOSED) {
		if (client->now_ms < client->attempt_ms)
			return 0;
		if (transport_open(transport, &client->url, err) != 0)
			return -1;
		client->attempt_ms = client->now_ms + client->connect_timeout_ms;
		rc = transport->state == TRANSPORT_OPEN;
	} else if (events != 0) {
		rc = transport_continue(transport, &client->url, err);
	} else if (client->now_ms >= client->attempt_ms) {
		rc = transport_give_up(transport, &client->url, err);
		client->attempt_ms = client->now_ms + client->connect_timeout_ms;
	}
	return rc == 1 ? be_connected(client, err) : rc;
}

static int send_output(struct millstream_client *client, struct error *err)
{
	struct bytes output;

	while ((output = conversation_output(&client->conversation)).size > 0) {
		ssize_t bytes = transport_send(&client->transport, output.data, output.size, err);
		if (bytes <= 0)
			return (int)bytes;
		conversation_sent(&client->conversation, (size_t)bytes);
	}
	return 0;
}

/* 1 something came, 0 nothing. */
static int receive(struct millstream_client *client, struct error *err)
{
	bool has_received = false;

	for (int i = 0; i < RECEIVES_MAX; i++) {
		uint8_t *room;
		size_t size;
		if (inbox_room(&client->conversation.inbox, &room, &size, err) != 0)
			return -1;
		ssize_t bytes = transport_receive(&client->transport, room, size, err);
		if (bytes < 0)
			return -1;
		if (bytes == 0)
			break;
		has_received = true;
		if (conversation_received(&client->conversation, (size_t)bytes, client->now_ms,
					  err) != 0)
			return -1;
		if ((size_t)bytes < size)
			break;
	}
	return has_received;
}

/* 1 something came, 0 nothing, -1 the connection has to end. */
static int exchange(struct millstream_client *client, struct error *err)
{
	int rc = receive(client, err);

	if (rc < 0)
		return -1;
	if (client->now_ms - client->turned_ms > client->conversation.heartbeat_ms)
		conversation_excuse(&client->conversation, client->now_ms);
	if (conversation_tick(&client->conversation, client->now_ms, err) != 0 ||
	    publisher_send(&client->publisher, client->now_ms, err) != 0 ||
	    send_output(client, err) != 0)
		return -1;
	if (rc == 1 && conversation_is_ready(&client->conversation))
		client->pause_ms = 0;
	return rc;
}

static int64_t next_ms(const struct millstream_client *client)
{
	int64_t next = conversation_next_ms(&client->conversation);
	int64_t publish = publisher_next_ms(&client->publisher);

	if (publish < next)
		next = publish;
	if (client->transport.state != TRANSPORT_OPEN && client->attempt_ms < next)
		next = client->attempt_ms;
	return next;
}

short millstream_events(struct millstream_client *client, int *timeout_ms)
{
	int64_t left_ms = next_ms(client);

	if (left_ms != INT64_MAX)
		left_ms -= transport_now_ms();
	if (client->is_refused)
		left_ms = INT64_MAX;
	if (client->feed.count > 0 || client->feed.current.subscription != NULL)
		left_ms = 0;
	*timeout_ms = left_ms <= 0 ? 0 : left_ms == INT64_MAX ? -1 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
	if (client->transport.state == TRANSPORT_CONNECTING)
		return POLLOUT;
	if (client->transport.state == TRANSPORT_CLOSED)
		return 0;
	return conversation_output(&client->conversation).size > 0 ? POLLIN | POLLOUT : POLLIN;
}

int millstream_fd(const struct millstream_client *client)
{
	return client->transport.fd;
}

static short wait_for(const struct millstream_client *client, int64_t deadline_ms)
{
	int64_t until_ms = next_ms(client);
	short events = POLLIN;

	if (deadline_ms < until_ms)
		until_ms = deadline_ms;
	int64_t left_ms = until_ms == INT64_MAX ? -1 : until_ms - client->now_ms;
	if (left_ms < 0 && until_ms != INT64_MAX)
		left_ms = 0;
	if (client->transport.state == TRANSPORT_CONNECTING)
		events = POLLOUT;
	else if (conversation_output(&client->conversation).size > 0)
		events = POLLIN | POLLOUT;
	return transport_wait(&client->transport, events, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
}

int client_turn(struct millstream_client *client, int64_t deadline_ms)
{
	struct error err = { 0 };
	int rc = 0;

	if (client->is_refused)
		return -1;
	client->now_ms = transport_now_ms();
	/* What is possible without waiting comes first. */
	if (client->transport.state == TRANSPORT_OPEN) {
		rc = exchange(client, &err);
		if (rc == 0 && client->now_ms < deadline_ms) {
			(void)wait_for(client, deadline_ms);
			client->turned_ms = client->now_ms = transport_now_ms();
			rc = exchange(client, &err);
		}
	} else {
		rc = go_on_connecting(client, 0, &err);
		if (rc == 0 && client->transport.state != TRANSPORT_OPEN) {
			int64_t until_ms = client->now_ms < deadline_ms ? deadline_ms : client->now_ms;
			short events = wait_for(client, until_ms);
			client->now_ms = transport_now_ms();
			if (client->transport.state == TRANSPORT_CONNECTING)
				rc = go_on_connecting(client, events, &err);
		}
		/* What waits grows old also without a connection. */
		if (rc == 0 && client->transport.state != TRANSPORT_OPEN)
			(void)publisher_send(&client->publisher, client->now_ms, NULL);
		if (rc == 0 && client->transport.state == TRANSPORT_OPEN)
			rc = exchange(client, &err);
	}
	client->turned_ms = client->now_ms;
	if (rc < 0)
		lose(client, &err);
	return client->is_refused ? -1 : 0;
}
