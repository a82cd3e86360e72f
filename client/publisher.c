#include "client/publisher.h"

#include "client/code.h"
#include "protocol/partitioner.h"

#include <stdlib.h>

/* Unsent output at which publishing waits for the socket. */
#define OUTPUT_BYTES_ENOUGH (512u * 1024)
#define RECORD_EXTRA_BYTES  64

void publisher_init(struct publisher *publisher, struct conversation *conversation,
		    uint64_t seed)
{
	*publisher = (struct publisher){
		.conversation = conversation,
		.random = seed,
		.buffer_bytes = PUBLISHER_BUFFER_BYTES_DEFAULT,
		.batch_bytes = PUBLISHER_BATCH_BYTES_DEFAULT,
		.requests_max = PUBLISHER_REQUESTS_MAX_DEFAULT,
		.timeout_ms = PUBLISHER_TIMEOUT_MS_DEFAULT,
	};
	SLIST_INIT(&publisher->topics);
	TAILQ_INIT(&publisher->lanes);
}

void publisher_clear(struct publisher *publisher, int code)
{
	struct publish_topic *topic;
	struct lane *lane;

	while ((lane = TAILQ_FIRST(&publisher->lanes)) != NULL)
		lane_deliver(lane, code, millstream_code_text(code), UINT64_MAX);
	while ((topic = SLIST_FIRST(&publisher->topics)) != NULL) {
		SLIST_REMOVE_HEAD(&publisher->topics, link);
		publish_topic_destroy(topic);
	}
	if (publisher->spare != NULL) {
		msgpack_sbuffer_destroy(&publisher->spare->records);
		free(publisher->spare->receipts);
		free(publisher->spare);
	}
	publisher_init(publisher, publisher->conversation, publisher->random);
}

static struct content content_of(const void *data, size_t size)
{
	static const uint8_t nothing[1];

	if (data == NULL)
		return (struct content){ .kind = CONTENT_NIL };
	return (struct content){ CONTENT_BYTES, { size > 0 ? data : nothing, size } };
}

static int check_message(const struct publisher *publisher,
			 const struct millstream_message *message, size_t *out_bytes,
			 struct error *err)
{
	size_t bytes = RECORD_EXTRA_BYTES + strlen(message->topic) + message->key_bytes +
		       message->value_bytes;
	const size_t most = publisher->conversation->frame_bytes_max - 1024;

	if ((message->key == NULL && message->key_bytes > 0) ||
	    (message->value == NULL && message->value_bytes > 0))
		return error_set(err, ERROR_INVALID, "a key or value of nothing has no bytes");
	for (size_t i = 0; i < message->header_count; i++)
		bytes += 16 + message->headers[i].name_bytes + message->headers[i].value_bytes;
	if (bytes > most || message->key_bytes > most || message->value_bytes > most)
		return error_set(err, ERROR_LIMIT, "a record of %zu bytes, headers and all, and the server takes %zu: raise its "
				 "max.frame.bytes, and the topic's max.message.bytes",
				 bytes, most);
	*out_bytes = bytes;
	return 0;
}

static int choose_partition(struct publish_topic *topic,
			    const struct millstream_message *message, uint32_t *out,
			    struct error *err)
{
	*out = message->partition;
	if (message->partition == MILLSTREAM_ANY_PARTITION) {
		*out = message->key != NULL ? partition_for_key(message->key, message->key_bytes,
								topic->partition_count)
					    : topic->next_partition % topic->partition_count;
		return 0;
	}
	if (message->partition < topic->partition_count)
		return 0;
	return error_set(err, ERROR_NOT_FOUND, "topic '%s' has no partition %u, its last one is %u",
			 topic->name, message->partition, topic->partition_count - 1);
}

static int encode_headers(msgpack_sbuffer *out, const struct millstream_message *message,
			  struct error *err)
{
	if (record_headers_begin(out, (uint32_t)message->header_count, err) != 0)
		return -1;
	for (size_t i = 0; i < message->header_count; i++) {
		const struct millstream_header *header = &message->headers[i];
		struct bytes name = { (const uint8_t *)header->name, header->name_bytes };
		struct bytes value = content_of(header->value, header->value_bytes).bytes;
		if (record_headers_add(out, name, value, err) != 0)
			return -1;
	}
	return 0;
}

static int append(struct parcel *parcel, const struct millstream_message *message,
		  struct error *err)
{
	struct content key = content_of(message->key, message->key_bytes);
	struct content value = content_of(message->value, message->value_bytes);
	msgpack_sbuffer headers;
	int rc = -1;

	if (message->header_count == 0)
		return message_publish_append(&parcel->records, message->time_us, &key, &value,
					      (struct bytes){ NULL, 0 }, err);
	msgpack_sbuffer_init(&headers);
	if (encode_headers(&headers, message, err) == 0)
		rc = message_publish_append(&parcel->records, message->time_us, &key, &value,
					    (struct bytes){ (const uint8_t *)headers.data, headers.size },
					    err);
	msgpack_sbuffer_destroy(&headers);
	return rc;
}

/* 1: it is known; 0: not yet; -1. */
static int know_topic(struct publish_topic *topic, struct error *err)
{
	if (topic->state == PUBLISH_TOPIC_KNOWN)
		return 1;
	if (topic->state == PUBLISH_TOPIC_REFUSED) {
		topic->state = PUBLISH_TOPIC_UNKNOWN;
		*err = topic->refusal;
		return -1;
	}
	return publish_topic_ask(topic, err);
}

/* A parcel that nothing could be put into must not stay. */
static void drop_if_empty(struct publisher *publisher, struct lane *lane)
{
	struct parcel *parcel = TAILQ_LAST(&lane->parcels, parcel_queue);

	if (parcel->count > 0)
		return;
	TAILQ_REMOVE(&lane->parcels, parcel, link);
	if (TAILQ_EMPTY(&lane->parcels))
		TAILQ_REMOVE(&publisher->lanes, lane, link);
	msgpack_sbuffer_destroy(&parcel->records);
	free(parcel->receipts);
	free(parcel);
}

int publisher_add(struct publisher *publisher, const struct millstream_message *message,
		  millstream_on_delivered on_delivered, void *user, int64_t now_ms,
		  struct lane **out_lane, struct error *err)
{
	uint32_t partition;
	size_t bytes = 0;
	int rc;

	struct publish_topic *topic = publish_topic_find(publisher, message->topic, err);
	if (topic == NULL)
		return -1;
	if ((rc = know_topic(topic, err)) != 1)
		return rc;
	if (check_message(publisher, message, &bytes, err) != 0 ||
	    choose_partition(topic, message, &partition, err) != 0)
		return -1;
	if (publisher->waiting_bytes > 0 && publisher->waiting_bytes + bytes > publisher->buffer_bytes)
		return 0;
	struct lane *lane = publish_topic_lane(topic, partition, err);
	if (lane == NULL)
		return -1;
	struct parcel *parcel = lane_parcel(lane, bytes, now_ms, err);
	if (parcel == NULL)
		return -1;
	if (append(parcel, message, err) != 0) {
		drop_if_empty(publisher, lane);
		return -1;
	}
	parcel->receipts[parcel->count++] = (struct receipt){ on_delivered, user };
	parcel->bytes += bytes;
	publisher->waiting_bytes += bytes;
	publisher->unacknowledged_count++;
	*out_lane = lane;
	return 1;
}

static size_t unsent_bytes(const struct publisher *publisher)
{
	return conversation_output(publisher->conversation).size;
}

static int send_lane(struct publisher *publisher, struct lane *lane, int64_t now_ms,
		     struct error *err)
{
	struct parcel *parcel;

	while (unsent_bytes(publisher) < OUTPUT_BYTES_ENOUGH &&
	       (parcel = lane_sendable(lane, now_ms)) != NULL) {
		if (lane_send(lane, parcel, err) != 0)
			return -1;
		/* In turn, but a batch at a time. */
		lane->topic->next_partition++;
	}
	return 0;
}

int publisher_send(struct publisher *publisher, int64_t now_ms, struct error *err)
{
	struct lane *lane, *next;
	bool is_ready = conversation_is_ready(publisher->conversation);

	for (lane = TAILQ_FIRST(&publisher->lanes); lane != NULL; lane = next) {
		next = TAILQ_NEXT(lane, link);
		if (lane_expire(lane, now_ms))
			return error_set(err, ERROR_TIMEOUT,
					 "the server does not acknowledge what was published in time");
	}
	if (!is_ready || TAILQ_EMPTY(&publisher->lanes))
		return 0;
	/* Who was first now is last the next time. */
	lane = TAILQ_FIRST(&publisher->lanes);
	TAILQ_REMOVE(&publisher->lanes, lane, link);
	TAILQ_INSERT_TAIL(&publisher->lanes, lane, link);
	TAILQ_FOREACH(lane, &publisher->lanes, link)
		if (send_lane(publisher, lane, now_ms, err) != 0)
			return -1;
	return 0;
}

int64_t publisher_next_ms(const struct publisher *publisher)
{
	/* Else it goes on when the socket has taken something, or an answer has come. */
	bool may_send = conversation_is_ready(publisher->conversation) &&
			publisher->under_way_count < publisher->requests_max &&
			unsent_bytes(publisher) < OUTPUT_BYTES_ENOUGH;
	const struct lane *lane;
	int64_t next_ms = INT64_MAX;

	TAILQ_FOREACH(lane, &publisher->lanes, link) {
		const struct parcel *parcel = TAILQ_FIRST(&lane->parcels);
		if (parcel->deadline_ms < next_ms)
			next_ms = parcel->deadline_ms;
		if (may_send && lane->under_way_count == 0 && lane->resume_ms < next_ms)
			next_ms = lane->resume_ms;
	}
	return next_ms;
}

int publisher_on_ready(struct publisher *publisher, struct error *err)
{
	const uint8_t *instance = publisher->conversation->instance;
	struct publish_topic *topic;

	if (memcmp(publisher->instance, instance, sizeof(publisher->instance)) != 0) {
		SLIST_FOREACH(topic, &publisher->topics, link) {
			publish_topic_forget(topic);
			for (uint32_t i = 0; i < topic->lane_count; i++)
				lane_start_over(topic->lanes[i]);
		}
		memcpy(publisher->instance, instance, sizeof(publisher->instance));
	}
	return publisher_send(publisher, publisher->conversation->now_ms, err);
}

void publisher_on_lost(struct publisher *publisher)
{
	struct lane *lane, *next;

	for (lane = TAILQ_FIRST(&publisher->lanes); lane != NULL; lane = next) {
		next = TAILQ_NEXT(lane, link);
		lane_settle(lane);
	}
}
