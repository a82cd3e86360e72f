#include "client/feed.h"

#include "client/code.h"

#include <stdlib.h>

/* Asking for a subscription: the first time by its options, later by where it is. */

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, text != NULL ? strlen(text) : 0 };
}

static struct bytes encoded(const msgpack_sbuffer *buffer)
{
	return (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static void destroy(struct millstream_subscription *subscription)
{
	if (subscription == NULL)
		return;
	msgpack_sbuffer_destroy(&subscription->topics);
	msgpack_sbuffer_destroy(&subscription->partitions);
	free(subscription->group);
	places_clear(&subscription->places);
	free(subscription);
}

static int copy_lists(struct millstream_subscription *subscription,
		      const struct millstream_subscribe_options *options, struct error *err)
{
	for (size_t i = 0; i < options->topic_count; i++) {
		struct bytes topic = text_bytes(options->topics[i]);
		if (message_pattern_append(&subscription->topics, &topic, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < options->partition_count; i++)
		if (message_partition_number_append(&subscription->partitions,
						    &options->partitions[i], err) != 0)
			return -1;
	subscription->topic_count = (uint32_t)options->topic_count;
	subscription->partition_count = (uint32_t)options->partition_count;
	if (options->group == NULL)
		return 0;
	subscription->group = strdup(options->group);
	return subscription->group != NULL ? 0 : error_set(err, ERROR_MEMORY, "no memory");
}

static int check_options(const struct millstream_subscribe_options *options, struct error *err)
{
	if (options->topics == NULL || options->topic_count == 0)
		return error_set(err, ERROR_INVALID, "a subscription needs a topic");
	if (options->topic_count > PATTERNS_MAX || options->partition_count > TOPIC_PARTITIONS_MAX)
		return error_set(err, ERROR_LIMIT, "at most %d topics and %d partitions can be named",
				 PATTERNS_MAX, TOPIC_PARTITIONS_MAX);
	if ((unsigned)options->start > MILLSTREAM_START_TIME)
		return error_set(err, ERROR_INVALID, "there is no start %d", (int)options->start);
	if (options->start == MILLSTREAM_START_STORED && options->group == NULL)
		return error_set(err, ERROR_INVALID, "the stored start needs a group");
	if (options->credit_bytes > CREDIT_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "credit of %u bytes: at most %d",
				 options->credit_bytes, CREDIT_BYTES_MAX);
	return 0;
}

int feed_subscribe(struct feed *feed, const struct millstream_subscribe_options *options,
		   struct millstream_subscription **out, struct error *err)
{
	static const enum message_start starts[] = {
		[MILLSTREAM_START_BEGINNING] = START_BEGINNING,
		[MILLSTREAM_START_END] = START_END,
		[MILLSTREAM_START_STORED] = START_STORED,
		[MILLSTREAM_START_OFFSET] = START_OFFSET,
		[MILLSTREAM_START_TIME] = START_TIME,
	};
	struct millstream_subscription *subscription = NULL;

	if (check_options(options, err) != 0)
		return -1;
	if (feed->subscription_count == SUBSCRIPTIONS_MAX)
		return error_set(err, ERROR_LIMIT, "a client holds at most %d subscriptions",
				 SUBSCRIPTIONS_MAX);
	subscription = calloc(1, sizeof(*subscription));
	if (subscription == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a subscription");
	subscription->feed = feed;
	subscription->start = starts[options->start];
	subscription->offset = options->offset;
	subscription->time_us = options->time_us;
	subscription->credit_bytes =
		options->credit_bytes > 0 ? options->credit_bytes : FEED_CREDIT_BYTES_DEFAULT;
	if (copy_lists(subscription, options, err) != 0) {
		destroy(subscription);
		return -1;
	}
	TAILQ_INSERT_TAIL(&feed->subscriptions, subscription, link);
	feed->subscription_count++;
	*out = subscription;
	return 0;
}

void feed_unsubscribe(struct millstream_subscription *subscription)
{
	struct feed *feed = subscription->feed;
	struct conversation *conversation = feed->conversation;
	struct message_unsubscribe message = { .subscription = subscription->id };

	feed_forget(feed, subscription);
	TAILQ_REMOVE(&feed->subscriptions, subscription, link);
	feed->subscription_count--;
	if (subscription->state == SUBSCRIPTION_ASKED || subscription->state == SUBSCRIPTION_LIVE) {
		uint32_t id = conversation_next_id(conversation);
		conversation_forget(conversation, &subscription->request);
		/* Where that fails, the server stops when the credit is used up. */
		if (message_unsubscribe_encode(&conversation->output, id, &message, NULL) == 0)
			conversation_expect_nothing(conversation, id, FRAME_UNSUBSCRIBE);
	}
	destroy(subscription);
}

/* ---- The answer ---- */

static int add_news(struct millstream_subscription *subscription, struct place *place,
		    enum millstream_kind kind, struct error *err)
{
	struct entry entry = {
		.subscription = subscription,
		.place = place,
		.kind = kind,
		.is_kept = true,
	};
	if (kind == MILLSTREAM_PARTITION_ADDED) {
		entry.start_offset = place->next_offset;
		entry.end_offset = place->visible_end;
	}
	return feed_append(subscription->feed, &entry, err);
}

static bool has_name(const struct place *place, struct bytes name)
{
	return strlen(place->topic) == name.size && memcmp(place->topic, name.data, name.size) == 0;
}

static int add_place(struct millstream_subscription *subscription,
		     const struct message_subscribed *item, struct place **out, struct error *err)
{
	if (places_add(&subscription->places, item->topic, item->topic_id, item->partition, out,
		       err) != 0)
		return -1;
	(*out)->next_offset = item->offset;
	(*out)->visible_end = item->visible_end;
	(*out)->is_confirmed = true;
	return subscription->has_begun
		       ? add_news(subscription, *out, MILLSTREAM_PARTITION_ADDED, err)
		       : 0;
}

static int end_topic(struct millstream_subscription *subscription, struct place *place,
		     struct error *err)
{
	places_set_ending(&subscription->places, place->topic_id);
	return add_news(subscription, place, MILLSTREAM_TOPIC_DELETED, err);
}

static int take_item(struct millstream_subscription *subscription,
		     const struct message_subscribed *item, struct error *err)
{
	struct places *places = &subscription->places;
	struct place *place = places_find(places, item->topic_id, item->partition);

	if (place != NULL && !has_name(place, item->topic))
		return error_set(err, ERROR_MALFORMED, "topic %u has two names", item->topic_id);
	if (place != NULL) {
		place->is_confirmed = true;
		place->visible_end = item->visible_end;
		if (place->state == PLACE_WAITING)
			place->state = PLACE_FOLLOWING;
		return 0;
	}
	place = subscription->has_begun ? places_find_name(places, item->topic, item->partition)
					: NULL;
	/* Deleted, and made again under the same name. */
	if (place != NULL && !place->is_ending && end_topic(subscription, place, err) != 0)
		return -1;
	return add_place(subscription, item, &place, err);
}

/* What was not named any more was deleted meanwhile. */
static int end_unconfirmed(struct millstream_subscription *subscription, struct error *err)
{
	struct places *places = &subscription->places;

	for (uint32_t i = 0; i < places->count; i++) {
		struct place *place = places->all[i];
		if (!place->is_confirmed && !place->is_ending &&
		    end_topic(subscription, place, err) != 0)
			return -1;
	}
	return 0;
}

static int take_reply(struct millstream_subscription *subscription, struct bytes body,
		      struct error *err)
{
	struct message_subscribe_reply message;
	struct message_subscribed item;
	struct places *places = &subscription->places;

	if (message_subscribe_reply_decode(body, &message, err) != 0)
		return -1;
	for (uint32_t i = 0; i < places->count; i++)
		places->all[i]->is_confirmed = false;
	while (message_subscribed_next(&message.partitions, &item))
		if (take_item(subscription, &item, err) != 0)
			return -1;
	if (end_unconfirmed(subscription, err) != 0)
		return -1;
	subscription->given_bytes = (int64_t)subscription->credit_bytes;
	subscription->consumed_bytes = 0;
	memcpy(subscription->instance, subscription->feed->conversation->instance,
	       sizeof(subscription->instance));
	subscription->has_begun = true;
	subscription->state = SUBSCRIPTION_LIVE;
	return 0;
}

static int take_refusal(struct millstream_subscription *subscription, const struct reply *reply,
			struct error *err)
{
	struct entry entry = {
		.subscription = subscription,
		.kind = MILLSTREAM_SUBSCRIPTION_ENDED,
		.is_kept = true,
		.error_code = code_of(reply->err->code),
	};

	subscription->refusal = *reply->err;
	if (!subscription->has_begun) {
		subscription->state = SUBSCRIPTION_ENDED;
		return 0;
	}
	if (reply->is_retryable) {
		*err = *reply->err;
		return -1;
	}
	entry.text = strdup(reply->err->text);
	if (feed_append(subscription->feed, &entry, err) != 0) {
		free(entry.text);
		return -1;
	}
	subscription->state = SUBSCRIPTION_ENDED;
	return 0;
}

static int on_reply(struct conversation *conversation, struct request *request,
		    const struct reply *reply, struct error *err)
{
	struct millstream_subscription *subscription = request->user;
	(void)conversation;

	if (reply->err != NULL)
		return take_refusal(subscription, reply, err);
	return take_reply(subscription, reply->body, err);
}

static void on_lost(struct conversation *conversation, struct request *request)
{
	(void)conversation, (void)request;      /* feed_on_lost makes it idle */
}

/* ---- The question ---- */

/* By topic id: so they fit any frame, and a topic that was made again is not meant. */
static int encode_places(const struct places *places, msgpack_sbuffer *out, uint32_t *count,
			 struct error *err)
{
	for (uint32_t i = 0; i < places->count; i++) {
		const struct place *place = places->all[i];
		struct message_id_position position = { place->topic_id, place->partition,
							place->next_offset };
		if (place->state == PLACE_GONE || place->is_ending)
			continue;
		if (message_id_position_append(out, &position, err) != 0)
			return -1;
		(*count)++;
	}
	return 0;
}

int feed_ask(struct millstream_subscription *subscription, struct error *err)
{
	struct conversation *conversation = subscription->feed->conversation;
	struct message_subscribe message = {
		.topics = { .count = subscription->topic_count,
			    .encoded = encoded(&subscription->topics) },
		.start = subscription->start,
		.offset = subscription->offset,
		.time_us = subscription->time_us,
		.partitions = { .count = subscription->partition_count,
				.encoded = encoded(&subscription->partitions) },
		.group = text_bytes(subscription->group),
		.credit = subscription->credit_bytes,
		.resume = subscription->has_begun,
	};
	msgpack_sbuffer places;
	uint32_t id = conversation_next_id(conversation);
	int rc = -1;

	msgpack_sbuffer_init(&places);
	if (encode_places(&subscription->places, &places, &message.places.count, err) != 0)
		goto end;
	message.places.encoded = encoded(&places);
	/* A topic that came while there was no connection is new: all of it is. */
	if (subscription->has_begun && message.start != START_STORED)
		message.start = START_BEGINNING;
	if (message_subscribe_encode(&conversation->output, id, &message, err) != 0)
		goto end;
	subscription->request.on_reply = on_reply;
	subscription->request.on_lost = on_lost;
	subscription->request.user = subscription;
	conversation_expect(conversation, &subscription->request, id, FRAME_SUBSCRIBE);
	subscription->id = id;
	subscription->state = SUBSCRIPTION_ASKED;
	rc = 0;
end:
	msgpack_sbuffer_destroy(&places);
	return rc;
}

static int end_for_other_instance(struct millstream_subscription *subscription,
				  struct error *err)
{
	struct entry entry = {
		.subscription = subscription,
		.kind = MILLSTREAM_OTHER_INSTANCE,
		.is_kept = true,
		.error_code = MILLSTREAM_CLOSED,
	};
	if (feed_append(subscription->feed, &entry, err) != 0)
		return -1;
	subscription->state = SUBSCRIPTION_ENDED;
	return 0;
}

int feed_on_ready(struct feed *feed, struct error *err)
{
	struct millstream_subscription *subscription;

	TAILQ_FOREACH(subscription, &feed->subscriptions, link) {
		if (subscription->state != SUBSCRIPTION_IDLE)
			continue;
		bool is_other = subscription->has_begun &&
				memcmp(subscription->instance, feed->conversation->instance,
				       sizeof(subscription->instance)) != 0;
		int rc = is_other ? end_for_other_instance(subscription, err)
				  : feed_ask(subscription, err);
		if (rc != 0)
			return -1;
	}
	return 0;
}
