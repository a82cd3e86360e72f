#include "protocol/message_subscription.h"

#include "protocol/message_table.h"

static const char *const starts[] = { "beginning", "end", "stored", "offset", "time", NULL };
static const char *const notice_kinds[] = { "partition_added", "topic_deleted", "out_of_range",
					    "damaged", "caught_up", "refused", NULL };

static int check_subscribe(const void *message, struct error *err)
{
	const struct message_subscribe *subscribe = message;

	if (subscribe->start == START_STORED && subscribe->group.data == NULL)
		return error_set(err, ERROR_INVALID, "start 'stored' needs a 'group'");
	return 0;
}

#define MEMBER(member) offsetof(struct message_subscribe, member)
static const struct message_field subscribe_fields[] = {
	REQUIRED(topics, FIELD_LIST, ITEMS(pattern), .least = 1, .most = PATTERNS_MAX),
	OPTIONAL(start, FIELD_CHOICE, .choices = starts, .absent = START_BEGINNING),
	OPTIONAL(offset, FIELD_I64),
	OPTIONAL(time_us, FIELD_I64),
	OPTIONAL(partitions, FIELD_LIST, ITEMS(partition_number), .most = TOPIC_PARTITIONS_MAX),
	OPTIONAL(group, FIELD_NAME, .most = GROUP_NAME_BYTES_MAX),
	REQUIRED(credit, FIELD_U64, .most = CREDIT_BYTES_MAX),
	OPTIONAL(positions, FIELD_LIST, ITEMS(position), .most = SUBSCRIPTION_PARTITIONS_MAX),
	OPTIONAL(places, FIELD_LIST, ITEMS(id_position), .most = SUBSCRIPTION_PARTITIONS_MAX),
	OPTIONAL(resume, FIELD_BOOL),
};
BODY(subscribe, "SUBSCRIBE", FRAME_SUBSCRIBE, 0, .check = check_subscribe)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_subscribed, member)
static const struct message_field subscribed_fields[] = {
	REQUIRED(topic, FIELD_NAME),
	REQUIRED(topic_id, FIELD_U32),
	REQUIRED(partition, FIELD_U32),
	REQUIRED(offset, FIELD_U64),
	REQUIRED(visible_end, FIELD_U64),
};
PART(subscribed, FORM_TUPLE)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_subscribe_reply, member)
static const struct message_field subscribe_reply_fields[] = {
	REQUIRED(partitions, FIELD_LIST, ITEMS(subscribed), .most = SUBSCRIPTION_PARTITIONS_MAX),
};
BODY(subscribe_reply, "SUBSCRIBE reply", FRAME_SUBSCRIBE, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_unsubscribe, member)
static const struct message_field unsubscribe_fields[] = {
	REQUIRED(subscription, FIELD_U32),
};
BODY(unsubscribe, "UNSUBSCRIBE", FRAME_UNSUBSCRIBE, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_credit, member)
static const struct message_field credit_fields[] = {
	REQUIRED(subscription, FIELD_U32),
	REQUIRED(bytes, FIELD_U64, .least = 1, .most = CREDIT_BYTES_MAX),
};
BODY(credit, "CREDIT", FRAME_CREDIT, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_seek, member)
static const struct message_field seek_fields[] = {
	REQUIRED(subscription, FIELD_U32),
	REQUIRED(positions, FIELD_LIST, ITEMS(id_position), .least = 1,
		 .most = SUBSCRIPTION_PARTITIONS_MAX),
};
BODY(seek, "SEEK", FRAME_SEEK, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_batches, member)
static const struct message_field batches_fields[] = {
	REQUIRED(topic_id, FIELD_U32),
	REQUIRED(partition, FIELD_U32),
	REQUIRED(visible_end, FIELD_U64),
	REQUIRED(bytes, FIELD_U32, .least = BATCH_HEADER_BYTES, .most = FRAME_BYTES_MAX_FROM_SERVER),
};
BODY(batches, "BATCHES", FRAME_BATCHES, 0)
#undef MEMBER

int message_batches_encode_head(msgpack_sbuffer *frame, uint32_t subscription,
				const struct message_batches *message, struct error *err)
{
	return message_encode_head(&message_batches_layout, frame, subscription, message,
				   message->bytes, err);
}

int message_batches_decode(struct bytes body, struct message_batches *out, struct error *err)
{
	struct unpack unpack = unpack_over(body.data, body.size);
	struct message_batches message;

	if (message_decode_head(&message_batches_layout, &unpack, &message, err) != 0)
		return -1;
	message.batches = (struct bytes){ unpack.at, (size_t)(unpack.end - unpack.at) };
	if (message.batches.size != message.bytes)
		return error_set(err, ERROR_MALFORMED, "BATCHES: %zu bytes of batches, %u were announced",
				 message.batches.size, message.bytes);
	*out = message;
	return 0;
}

int message_batches_next(struct bytes *batches, struct bytes *out, struct error *err)
{
	struct batch_header header;
	size_t size = batches->size;

	if (size == 0)
		return 0;
	/* Where the header lies, batch_header_decode says so, given all there is. */
	if (size >= BATCH_HEADER_BYTES) {
		size_t said_bytes = BATCH_HEADER_BYTES + (size_t)load_u32(batches->data + 44);
		if (said_bytes < size)
			size = said_bytes;
	}
	if (batch_header_decode(batches->data, size, &header, err) != 0)
		return error_context(err, "BATCHES");
	*out = (struct bytes){ batches->data, size };
	batches->data += size;
	batches->size -= size;
	return 1;
}

#define MEMBER(member) offsetof(struct message_notice, member)
static const struct message_field notice_fields[] = {
	REQUIRED(kind, FIELD_CHOICE, .choices = notice_kinds, .is_open = true),
	REQUIRED(topic, FIELD_NAME),
	REQUIRED(topic_id, FIELD_U32),
	REQUIRED(partition, FIELD_U32),
	REQUIRED(start_offset, FIELD_U64),
	REQUIRED(end_offset, FIELD_U64),
	OPTIONAL(text, FIELD_TEXT, .most = ERROR_TEXT_BYTES),
};
BODY(notice, "NOTICE", FRAME_NOTICE, 0)
#undef MEMBER
