#include "client/publisher.h"

#include "protocol/message_topic.h"
#include "protocol/topic_pattern.h"

#include <stdlib.h>

/* What a publisher has to know of a topic: how many partitions it has. */

static struct bytes name_of(const struct publish_topic *topic)
{
	return (struct bytes){ (const uint8_t *)topic->name, strlen(topic->name) };
}

struct publish_topic *publish_topic_find(struct publisher *publisher, const char *name,
					 struct error *err)
{
	struct publish_topic *topic = publisher->last_topic;
	size_t size = strlen(name);

	if (topic != NULL && strcmp(topic->name, name) == 0)
		return topic;
	SLIST_FOREACH(topic, &publisher->topics, link)
		if (strcmp(topic->name, name) == 0)
			return publisher->last_topic = topic;
	if (topic_pattern_check(bytes_of_text(name), NULL) != 0 || topic_pattern_has_star(bytes_of_text(name))) {
		error_set(err, ERROR_INVALID, "'%s' is no name of a topic: it has 1 to %d letters, digits, '.', '_' and '-'",
			  name, TOPIC_NAME_BYTES_MAX);
		return NULL;
	}
	topic = calloc(1, sizeof(*topic) + size + 1);
	if (topic == NULL) {
		error_set(err, ERROR_MEMORY, "no memory to publish");
		return NULL;
	}
	memcpy(topic->name, name, size);
	topic->publisher = publisher;
	SLIST_INSERT_HEAD(&publisher->topics, topic, link);
	return publisher->last_topic = topic;
}

void publish_topic_destroy(struct publish_topic *topic)
{
	conversation_forget(topic->publisher->conversation, &topic->request);
	for (uint32_t i = 0; i < topic->lane_count; i++)
		lane_destroy(topic->lanes[i]);
	free(topic->lanes);
	free(topic);
}

void publish_topic_forget(struct publish_topic *topic)
{
	if (topic->state == PUBLISH_TOPIC_KNOWN)
		topic->state = PUBLISH_TOPIC_UNKNOWN;
}

static void refuse(struct publish_topic *topic, const struct error *why)
{
	topic->state = PUBLISH_TOPIC_REFUSED;
	topic->refusal = *why;
}

static int take_reply(struct publish_topic *topic, struct bytes body, struct error *err)
{
	struct message_metadata_reply message;
	struct message_topic described;
	struct error why = { 0 };

	if (message_metadata_reply_decode(body, &message, err) != 0)
		return -1;
	while (message_topic_next(&message.topics, &described)) {
		if (described.name.size != strlen(topic->name) ||
		    memcmp(described.name.data, topic->name, described.name.size) != 0)
			continue;
		if (described.partitions.count == 0)
			return error_set(err, ERROR_MALFORMED, "a topic without partitions");
		topic->partition_count = described.partitions.count;
		topic->state = PUBLISH_TOPIC_KNOWN;
		return 0;
	}
	error_set(&why, ERROR_NOT_FOUND, "there is no topic '%s'", topic->name);
	refuse(topic, &why);
	return 0;
}

static int on_reply(struct conversation *conversation, struct request *request,
		    const struct reply *reply, struct error *err)
{
	struct publish_topic *topic = request->user;
	(void)conversation;

	if (reply->err == NULL)
		return take_reply(topic, reply->body, err);
	refuse(topic, reply->err);
	return 0;
}

static void on_lost(struct conversation *conversation, struct request *request)
{
	struct publish_topic *topic = request->user;
	(void)conversation;

	topic->state = PUBLISH_TOPIC_UNKNOWN;
}

int publish_topic_ask(struct publish_topic *topic, struct error *err)
{
	struct conversation *conversation = topic->publisher->conversation;
	struct bytes name = name_of(topic);
	struct message_metadata message = { .topics = { .count = 1, .items = &name }, .create = true };

	if (topic->state != PUBLISH_TOPIC_UNKNOWN || !conversation_is_ready(conversation))
		return 0;
	uint32_t id = conversation_next_id(conversation);
	if (message_metadata_encode(&conversation->output, id, &message, err) != 0)
		return -1;
	topic->request.on_reply = on_reply;
	topic->request.on_lost = on_lost;
	topic->request.user = topic;
	conversation_expect(conversation, &topic->request, id, FRAME_METADATA);
	topic->state = PUBLISH_TOPIC_ASKED;
	return 0;
}

struct lane *publish_topic_lane(struct publish_topic *topic, uint32_t partition,
				struct error *err)
{
	if (partition < topic->lane_count)
		return topic->lanes[partition];
	struct lane **lanes = realloc(topic->lanes, (partition + 1) * sizeof(*lanes));
	if (lanes == NULL) {
		error_set(err, ERROR_MEMORY, "no memory to publish");
		return NULL;
	}
	topic->lanes = lanes;
	for (; topic->lane_count <= partition; topic->lane_count++)
		if (lane_create(topic, topic->lane_count, &lanes[topic->lane_count], err) != 0)
			return NULL;
	return lanes[partition];
}
