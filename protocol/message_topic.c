#include "protocol/message_topic.h"

#include "protocol/message_table.h"

#define MEMBER(member) offsetof(struct message_metadata, member)
static const struct message_field metadata_fields[] = {
	OPTIONAL(topics, FIELD_LIST, ITEMS(pattern), .most = PATTERNS_MAX),
	OPTIONAL(after, FIELD_NAME),
	OPTIONAL(create, FIELD_BOOL),
};
BODY(metadata, "METADATA", FRAME_METADATA, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_partition, member)
static const struct message_field partition_fields[] = {
	REQUIRED(log_start, FIELD_U64),
	REQUIRED(visible_end, FIELD_U64),
	REQUIRED(bytes, FIELD_U64),
};
PART(partition, FORM_TUPLE)
#undef MEMBER

BARE_ITEM(option_name, struct bytes, .type = FIELD_TEXT, .least = 1, .most = OPTION_NAME_BYTES_MAX)

#define MEMBER(member) offsetof(struct message_topic, member)
static const struct message_field topic_fields[] = {
	REQUIRED(name, FIELD_NAME),
	REQUIRED(id, FIELD_U32),
	OPTIONAL(owner, FIELD_TEXT, .most = CLIENT_NAME_BYTES_MAX),
	REQUIRED(created_us, FIELD_I64),
	REQUIRED(config, FIELD_LIST, ITEMS(option), .most = OPTIONS_MAX),
	REQUIRED(set, FIELD_LIST, ITEMS(option_name), .most = OPTIONS_MAX),
	REQUIRED(partitions, FIELD_LIST, ITEMS(partition), .most = TOPIC_PARTITIONS_MAX),
};
PART(topic, FORM_MAP)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_metadata_reply, member)
static const struct message_field metadata_reply_fields[] = {
	REQUIRED(topics, FIELD_LIST, ITEMS(topic)),
	OPTIONAL(next, FIELD_NAME),
};
BODY(metadata_reply, "METADATA reply", FRAME_METADATA, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_offsets, member)
static const struct message_field offsets_fields[] = {
	REQUIRED(topic, FIELD_NAME),
	REQUIRED(partition, FIELD_U32),
	OPTIONAL(time_us, FIELD_I64, .absent = INT64_MAX),
};
BODY(offsets, "OFFSETS", FRAME_OFFSETS, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_offsets_reply, member)
static const struct message_field offsets_reply_fields[] = {
	REQUIRED(offset, FIELD_U64),
	REQUIRED(log_start, FIELD_U64),
	REQUIRED(visible_end, FIELD_U64),
};
BODY(offsets_reply, "OFFSETS reply", FRAME_OFFSETS, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_schema, member)
static const struct message_field schema_fields[] = {
	REQUIRED(id, FIELD_U32),
};
BODY(schema, "SCHEMA", FRAME_SCHEMA, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_schema_reply, member)
static const struct message_field schema_reply_fields[] = {
	REQUIRED(id, FIELD_U32),
	REQUIRED(schema, FIELD_BYTES),
};
BODY(schema_reply, "SCHEMA reply", FRAME_SCHEMA, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_topic_create, member)
static const struct message_field topic_create_fields[] = {
	REQUIRED(name, FIELD_NAME),
	OPTIONAL(partitions, FIELD_U32, .most = TOPIC_PARTITIONS_MAX),
	OPTIONAL(config, FIELD_LIST, ITEMS(option), .most = OPTIONS_MAX),
};
BODY(topic_create, "TOPIC_CREATE", FRAME_TOPIC_CREATE, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_topic_create_reply, member)
static const struct message_field topic_create_reply_fields[] = {
	REQUIRED(id, FIELD_U32),
};
BODY(topic_create_reply, "TOPIC_CREATE reply", FRAME_TOPIC_CREATE, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_topic_configure, member)
static const struct message_field topic_configure_fields[] = {
	REQUIRED(name, FIELD_NAME),
	OPTIONAL(set, FIELD_LIST, ITEMS(option), .most = OPTIONS_MAX),
	OPTIONAL(unset, FIELD_LIST, ITEMS(option_name), .most = OPTIONS_MAX),
};
BODY(topic_configure, "TOPIC_CONFIGURE", FRAME_TOPIC_CONFIGURE, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_topic_delete, member)
static const struct message_field topic_delete_fields[] = {
	REQUIRED(name, FIELD_NAME),
};
BODY(topic_delete, "TOPIC_DELETE", FRAME_TOPIC_DELETE, 0)
#undef MEMBER
