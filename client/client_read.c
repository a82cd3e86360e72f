#include "client/client.h"

#include "protocol/message_group.h"

#include <stdlib.h>

/* Reading, as the public header has it. */

/* Between two turns of a busy reader: heartbeats are to be answered, and what is
 * published in between to be acknowledged. */
#define NEXT_TURN_MS 200

MILLSTREAM_API int millstream_subscribe(struct millstream_client *client,
					const struct millstream_subscribe_options *options,
					int timeout_ms, struct millstream_subscription **out)
{
	int64_t deadline_ms = client_deadline(timeout_ms);
	struct millstream_subscription *subscription;
	struct error err = { 0 };
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	if (feed_subscribe(&client->feed, options, &subscription, &err) != 0)
		return client_fail(client, &err, false);
	subscription->client = client;
	if (conversation_is_ready(&client->conversation) && feed_ask(subscription, &err) != 0) {
		code = client_fail(client, &err, false);
		goto fail;
	}
	while (!subscription->has_begun) {
		if (subscription->state == SUBSCRIPTION_ENDED) {
			code = client_fail(client, &subscription->refusal, false);
			goto fail;
		}
		if (client_turn(client, deadline_ms) != 0) {
			code = client_fail(client, &client->lost, false);
			goto fail;
		}
		if (client->now_ms >= deadline_ms && !subscription->has_begun &&
		    subscription->state != SUBSCRIPTION_ENDED) {
			code = client_not_yet(client);
			goto fail;
		}
	}
	*out = subscription;
	return MILLSTREAM_OK;
fail:
	feed_unsubscribe(subscription);
	return code;
}

MILLSTREAM_API void millstream_unsubscribe(struct millstream_subscription *subscription)
{
	if (subscription != NULL && client_enter(subscription->client) == MILLSTREAM_OK)
		feed_unsubscribe(subscription);
}

static int wait_for_next(struct millstream_client *client, int64_t deadline_ms)
{
	for (;;) {
		if (client_turn(client, deadline_ms) != 0)
			return client_fail(client, &client->lost, false);
		if (feed_next(&client->feed) == 1)
			return MILLSTREAM_OK;
		if (client->now_ms >= deadline_ms)
			return client_not_yet(client);
	}
}

MILLSTREAM_API int millstream_next(struct millstream_client *client, int timeout_ms,
				   const struct millstream_record **out)
{
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	if (transport_roughly_now_ms() - client->turned_ms >= NEXT_TURN_MS)
		(void)client_turn(client, 0);
	if (feed_next(&client->feed) == 1) {
		*out = &client->feed.record;
		return MILLSTREAM_OK;
	}
	if (TAILQ_EMPTY(&client->feed.subscriptions)) {
		client_fail_code(client, ERROR_INVALID, "there is no subscription");
		return MILLSTREAM_CLOSED;
	}
	code = wait_for_next(client, client_deadline(timeout_ms));
	if (code == MILLSTREAM_OK)
		*out = &client->feed.record;
	return code;
}

MILLSTREAM_API bool millstream_header_next(const struct millstream_record *record, size_t *cursor,
					   struct millstream_header *out)
{
	struct record from = { .headers = { record->headers, record->headers_bytes } };
	struct bytes name, value;

	if (record->headers == NULL || *cursor >= record->headers_bytes)
		return false;
	struct unpack headers = record_headers(&from);
	if (*cursor > 0)
		headers.at = from.headers.data + *cursor;
	if (record_header_next(&headers, &name, &value, NULL) != 1)
		return false;
	*out = (struct millstream_header){ (const char *)name.data, name.size, value.data,
					   value.size };
	*cursor = (size_t)(headers.at - from.headers.data);
	return true;
}

MILLSTREAM_API void millstream_places(struct millstream_subscription *subscription,
				      bool (*each)(void *user, const struct millstream_place *place),
				      void *user)
{
	const struct places *places = &subscription->places;
	struct millstream_client *client = subscription->client;

	client->is_calling_back = true;
	for (uint32_t i = 0; i < places->count; i++) {
		const struct place *from = places->all[i];
		struct millstream_place place = {
			.topic = from->topic,
			.partition = from->partition,
			.is_caught_up = from->is_caught_up,
			.next_offset = from->next_offset,
			.visible_end = from->visible_end > from->next_offset ? from->visible_end
									     : from->next_offset,
		};
		if (from->state != PLACE_GONE && !each(user, &place))
			break;
	}
	client->is_calling_back = false;
}

MILLSTREAM_API bool millstream_is_caught_up(const struct millstream_subscription *subscription)
{
	return subscription->places.behind_count == 0;
}

/* ---- SEEK ---- */

static int encode_seek(const struct call *call, msgpack_sbuffer *frame, uint32_t id,
		       struct error *err)
{
	return message_seek_encode(frame, id, call->message, err);
}

/* Where to, until the server has answered. */
struct move {
	struct millstream_subscription *subscription;
	struct place *place;
	uint64_t offset;
};

static void on_moved(void *user)
{
	const struct move *move = user;

	feed_moved(move->subscription->feed, move->subscription, move->place, move->offset);
}

/* 1: it was sent, and *out_code is the result; 0: the connection was lost before. */
static int seek_once(struct move *move, int64_t deadline_ms, int *out_code)
{
	struct message_id_position position = { move->place->topic_id, move->place->partition,
						move->offset };
	struct message_seek message = {
		.subscription = move->subscription->id,
		.positions = { .count = 1, .items = &position },
	};
	struct call call = {
		.type = FRAME_SEEK,
		.encode = encode_seek,
		.message = &message,
		.on_done = on_moved,
		.user = move,
		.is_once = true,
		.deadline_ms = deadline_ms,
	};

	*out_code = client_call(move->subscription->client, &call);
	/* Where the server is now is not known: the next connection says where to be. */
	if (!call.is_done && !call.is_lost)
		client_drop(move->subscription->client, "a seek was not answered in time");
	return !call.is_lost;
}

MILLSTREAM_API int millstream_seek(struct millstream_subscription *subscription, const char *topic,
				   uint32_t partition, uint64_t offset, int timeout_ms)
{
	struct millstream_client *client = subscription->client;
	struct bytes name = { (const uint8_t *)topic, strlen(topic) };
	int64_t deadline_ms = client_deadline(timeout_ms);
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	for (;;) {
		struct place *place = places_find_name(&subscription->places, name, partition);
		if (place == NULL || place->state == PLACE_GONE || place->is_ending)
			return client_fail_code(client, ERROR_NOT_FOUND,
						"the subscription has no such partition");
		if (subscription->state == SUBSCRIPTION_ENDED) {
			client_fail_code(client, ERROR_INVALID, "the subscription has ended");
			return MILLSTREAM_CLOSED;
		}
		struct move move = { subscription, place, offset };
		if (subscription->state == SUBSCRIPTION_LIVE && seek_once(&move, deadline_ms, &code) == 1)
			return code;
		if (client_turn(client, deadline_ms) != 0)
			return client_fail(client, &client->lost, false);
		if (client->now_ms >= deadline_ms)
			return client_not_yet(client);
	}
}

/* ---- COMMIT ---- */

/* Of a frame, the offset that is being added and all that is not offsets. */
#define COMMIT_REST_BYTES (COMMIT_METADATA_BYTES_MAX + 1024)

/* Offsets on their way: as many to a request as a frame of the server's has room for. */
struct commit {
	struct millstream_client *client;
	const char *group;
	int64_t deadline_ms;
	msgpack_sbuffer encoded;
	uint32_t count;
};

static int encode_commit(const struct call *call, msgpack_sbuffer *frame, uint32_t id,
			 struct error *err)
{
	return message_commit_encode(frame, id, call->message, err);
}

static int send_commit(struct commit *commit)
{
	struct message_commit message = {
		.group = { (const uint8_t *)commit->group, strlen(commit->group) },
		.offsets = { .count = commit->count,
			     .encoded = { (const uint8_t *)commit->encoded.data, commit->encoded.size } },
	};
	struct call call = {
		.type = FRAME_COMMIT,
		.encode = encode_commit,
		.message = &message,
		.deadline_ms = commit->deadline_ms,
	};
	int code = commit->count > 0 ? client_call(commit->client, &call) : MILLSTREAM_OK;

	commit->encoded.size = 0;
	commit->count = 0;
	return code;
}

static int add_offset(struct commit *commit, const struct message_commit_offset *offset)
{
	struct millstream_client *client = commit->client;
	struct error err = { 0 };

	if (commit->count == COMMIT_OFFSETS_MAX ||
	    commit->encoded.size + COMMIT_REST_BYTES > client->conversation.frame_bytes_max) {
		int code = send_commit(commit);
		if (code != MILLSTREAM_OK)
			return code;
	}
	if (message_commit_offset_append(&commit->encoded, offset, &err) != 0)
		return client_fail(client, &err, false);
	commit->count++;
	return MILLSTREAM_OK;
}

static void begin_commit(struct commit *commit, struct millstream_client *client, const char *group,
			 int timeout_ms)
{
	*commit = (struct commit){ client, group, client_deadline(timeout_ms), { 0 }, 0 };
	msgpack_sbuffer_init(&commit->encoded);
}

static int end_commit(struct commit *commit, int code)
{
	if (code == MILLSTREAM_OK)
		code = send_commit(commit);
	msgpack_sbuffer_destroy(&commit->encoded);
	return code;
}

MILLSTREAM_API int millstream_commit_offsets(struct millstream_client *client, const char *group,
					     const struct millstream_offset *offsets, size_t count,
					     int timeout_ms)
{
	struct commit commit;
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	begin_commit(&commit, client, group, timeout_ms);
	for (size_t i = 0; i < count && code == MILLSTREAM_OK; i++) {
		const struct millstream_offset *from = &offsets[i];
		struct message_commit_offset offset = {
			.topic = { (const uint8_t *)from->topic, strlen(from->topic) },
			.partition = from->partition,
			.offset = from->offset,
			.metadata = { (const uint8_t *)from->metadata,
				      from->metadata != NULL ? strlen(from->metadata) : 0 },
		};
		code = add_offset(&commit, &offset);
	}
	return end_commit(&commit, code);
}

MILLSTREAM_API int millstream_commit(struct millstream_subscription *subscription, int timeout_ms)
{
	struct millstream_client *client = subscription->client;
	const struct places *places = &subscription->places;
	struct commit commit;
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	if (subscription->group == NULL)
		return client_fail_code(client, ERROR_INVALID, "the subscription has no group");
	begin_commit(&commit, client, subscription->group, timeout_ms);
	for (uint32_t i = 0; i < places->count && code == MILLSTREAM_OK; i++) {
		const struct place *place = places->all[i];
		struct message_commit_offset offset = {
			.topic = { (const uint8_t *)place->topic, strlen(place->topic) },
			.partition = place->partition,
			.offset = place->next_offset,
		};
		if (place->state != PLACE_GONE && !place->is_ending)
			code = add_offset(&commit, &offset);
	}
	return end_commit(&commit, code);
}
