#include "protocol/message_group.h"

#include "protocol/message_table.h"

#define MEMBER(member) offsetof(struct message_commit_offset, member)
static const struct message_field commit_offset_fields[] = {
	REQUIRED(topic, FIELD_NAME),
	REQUIRED(partition, FIELD_U32),
	REQUIRED(offset, FIELD_U64),
	OPTIONAL(metadata, FIELD_TEXT, .most = COMMIT_METADATA_BYTES_MAX),
};
PART(commit_offset, FORM_TUPLE)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_commit, member)
static const struct message_field commit_fields[] = {
	REQUIRED(group, FIELD_NAME, .most = GROUP_NAME_BYTES_MAX),
	REQUIRED(offsets, FIELD_LIST, ITEMS(commit_offset), .least = 1, .most = COMMIT_OFFSETS_MAX),
};
BODY(commit, "COMMIT", FRAME_COMMIT, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_committed, member)
static const struct message_field committed_fields[] = {
	REQUIRED(group, FIELD_NAME, .most = GROUP_NAME_BYTES_MAX),
	OPTIONAL(after, FIELD_BYTES, .least = 1, .most = PAGE_BYTES_MAX),
};
BODY(committed, "COMMITTED", FRAME_COMMITTED, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_committed_offset, member)
static const struct message_field committed_offset_fields[] = {
	REQUIRED(topic, FIELD_NAME),
	REQUIRED(partition, FIELD_U32),
	REQUIRED(offset, FIELD_U64),
	OPTIONAL(metadata, FIELD_TEXT, .most = COMMIT_METADATA_BYTES_MAX),
	REQUIRED(time_us, FIELD_I64),
};
PART(committed_offset, FORM_TUPLE)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_committed_reply, member)
static const struct message_field committed_reply_fields[] = {
	REQUIRED(offsets, FIELD_LIST, ITEMS(committed_offset), .most = COMMIT_OFFSETS_MAX),
	OPTIONAL(next, FIELD_BYTES, .least = 1, .most = PAGE_BYTES_MAX),
};
BODY(committed_reply, "COMMITTED reply", FRAME_COMMITTED, FRAME_FLAG_REPLY)
#undef MEMBER
