#include "protocol/message.h"

#include "protocol/message_group.h"
#include "protocol/message_publish.h"
#include "protocol/message_session.h"
#include "protocol/message_source.h"
#include "protocol/message_status.h"
#include "protocol/message_subscription.h"
#include "protocol/message_table.h"
#include "protocol/message_topic.h"

BARE_ITEM(name, struct bytes, .type = FIELD_NAME)
BARE_ITEM(pattern, struct bytes, .type = FIELD_PATTERN)
BARE_ITEM(partition_number, uint32_t, .type = FIELD_U32)

#define MEMBER(member) offsetof(struct message_position, member)
static const struct message_field position_fields[] = {
	REQUIRED(topic, FIELD_NAME),
	REQUIRED(partition, FIELD_U32),
	REQUIRED(offset, FIELD_U64),
};
PART(position, FORM_TUPLE)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_id_position, member)
static const struct message_field id_position_fields[] = {
	REQUIRED(topic_id, FIELD_U32),
	REQUIRED(partition, FIELD_U32),
	REQUIRED(offset, FIELD_U64),
};
PART(id_position, FORM_TUPLE)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_option, member)
static const struct message_field option_fields[] = {
	REQUIRED(name, FIELD_TEXT, .least = 1, .most = OPTION_NAME_BYTES_MAX),
	REQUIRED(value, FIELD_TEXT, .most = OPTION_VALUE_BYTES_MAX),
};
PART(option, FORM_PAIR)
#undef MEMBER

/* A struct has to have a member. */
struct message_empty {
	char nothing;
};

static const struct message_layout empty_layout = {
	.name = "empty body",
	.form = FORM_MAP,
	.struct_bytes = sizeof(struct message_empty),
};

int message_empty_encode(msgpack_sbuffer *frame, enum frame_type type, uint8_t flags,
			 uint32_t request_id, struct error *err)
{
	struct message_layout layout = empty_layout;
	const struct message_empty empty = { 0 };

	layout.type = (uint8_t)type;
	layout.flags = flags;
	return message_encode(&layout, frame, request_id, &empty, err);
}

int message_empty_decode(struct bytes body, struct error *err)
{
	struct message_empty empty;

	return message_decode(&empty_layout, body, &empty, err);
}

const struct message_layout *message_layout_of(uint8_t type, bool is_reply)
{
	static const struct message_layout *const layouts[FRAME_TYPE_MAX + 1][2] = {
		[FRAME_HELLO] = { &message_hello_layout, &message_hello_reply_layout },
		[FRAME_AUTH] = { &message_auth_layout, &message_auth_reply_layout },
		[FRAME_PING] = { &empty_layout, &empty_layout },
		[FRAME_METADATA] = { &message_metadata_layout, &message_metadata_reply_layout },
		[FRAME_OFFSETS] = { &message_offsets_layout, &message_offsets_reply_layout },
		[FRAME_SUBSCRIBE] = { &message_subscribe_layout, &message_subscribe_reply_layout },
		[FRAME_UNSUBSCRIBE] = { &message_unsubscribe_layout, &empty_layout },
		[FRAME_CREDIT] = { &message_credit_layout, NULL },
		[FRAME_COMMIT] = { &message_commit_layout, &empty_layout },
		[FRAME_PUBLISH] = { &message_publish_layout, &message_publish_reply_layout },
		[FRAME_SCHEMA] = { &message_schema_layout, &message_schema_reply_layout },
		[FRAME_BATCHES] = { &message_batches_layout, NULL },
		[FRAME_NOTICE] = { &message_notice_layout, NULL },
		[FRAME_GOODBYE] = { &message_goodbye_layout, NULL },
		[FRAME_SEEK] = { &message_seek_layout, &empty_layout },
		[FRAME_TOPIC_CREATE] = { &message_topic_create_layout,
					 &message_topic_create_reply_layout },
		[FRAME_TOPIC_CONFIGURE] = { &message_topic_configure_layout, &empty_layout },
		[FRAME_TOPIC_DELETE] = { &message_topic_delete_layout, &empty_layout },
		[FRAME_STATUS] = { &empty_layout, &message_status_reply_layout },
		[FRAME_COMMITTED] = { &message_committed_layout, &message_committed_reply_layout },
		[FRAME_SOURCES] = { &message_sources_layout, &message_sources_reply_layout },
		[FRAME_SOURCE_CONTROL] = { &message_source_control_layout, &empty_layout },
		[FRAME_GROUPS] = { &message_groups_layout, &message_groups_reply_layout },
		[FRAME_GROUP_INFO] = { &message_group_info_layout, &message_group_info_reply_layout },
		[FRAME_GROUP_REMOVE] = { &message_group_remove_layout, &empty_layout },
	};

	return type <= FRAME_TYPE_MAX ? layouts[type][is_reply] : NULL;
}
