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

#define MEMBER(member) offsetof(struct message_groups, member)
static const struct message_field groups_fields[] = {
	OPTIONAL(after, FIELD_BYTES, .least = 1, .most = GROUPS_PAGE_BYTES_MAX),
};
BODY(groups, "GROUPS", FRAME_GROUPS, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_group, member)
static const struct message_field group_fields[] = {
	REQUIRED(name, FIELD_NAME, .most = GROUP_NAME_BYTES_MAX),
	REQUIRED(members, FIELD_U32),
	REQUIRED(partitions, FIELD_U32),
	REQUIRED(lag, FIELD_U64),
	OPTIONAL(committed_us, FIELD_I64),
};
PART(group, FORM_MAP)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_groups_reply, member)
static const struct message_field groups_reply_fields[] = {
	REQUIRED(groups, FIELD_LIST, ITEMS(group), .most = GROUPS_MAX),
	OPTIONAL(next, FIELD_BYTES, .least = 1, .most = GROUPS_PAGE_BYTES_MAX),
};
BODY(groups_reply, "GROUPS reply", FRAME_GROUPS, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_group_info, member)
static const struct message_field group_info_fields[] = {
	REQUIRED(name, FIELD_NAME, .most = GROUP_NAME_BYTES_MAX),
	OPTIONAL(after, FIELD_BYTES, .least = 1, .most = PAGE_BYTES_MAX),
};
BODY(group_info, "GROUP_INFO", FRAME_GROUP_INFO, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_group_member, member)
static const struct message_field group_member_fields[] = {
	REQUIRED(id, FIELD_U64),
	OPTIONAL(client, FIELD_TEXT, .most = CLIENT_NAME_BYTES_MAX),
	REQUIRED(address, FIELD_TEXT, .most = CLIENT_NAME_BYTES_MAX),
	REQUIRED(partitions, FIELD_U32),
};
PART(group_member, FORM_MAP)
#undef MEMBER

BARE_ITEM(group_member_id, uint64_t, .type = FIELD_U64)

#define MEMBER(member) offsetof(struct message_group_partition, member)
static const struct message_field group_partition_fields[] = {
	REQUIRED(topic, FIELD_NAME),
	REQUIRED(partition, FIELD_U32),
	REQUIRED(visible_end, FIELD_U64),
	OPTIONAL(committed, FIELD_U64, .absent = UINT64_MAX),
	OPTIONAL(time_us, FIELD_I64),
	REQUIRED(members, FIELD_U32),
	REQUIRED(member_ids, FIELD_LIST, ITEMS(group_member_id), .most = PARTITION_MEMBERS_MAX),
};
PART(group_partition, FORM_TUPLE)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_group_info_reply, member)
static const struct message_field group_info_reply_fields[] = {
	REQUIRED(members, FIELD_LIST, ITEMS(group_member), .most = GROUP_MEMBERS_MAX),
	REQUIRED(partitions, FIELD_LIST, ITEMS(group_partition), .most = GROUP_PARTITIONS_MAX),
	OPTIONAL(next, FIELD_BYTES, .least = 1, .most = PAGE_BYTES_MAX),
};
BODY(group_info_reply, "GROUP_INFO reply", FRAME_GROUP_INFO, FRAME_FLAG_REPLY)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_group_remove, member)
static const struct message_field group_remove_fields[] = {
	REQUIRED(name, FIELD_NAME, .most = GROUP_NAME_BYTES_MAX),
};
BODY(group_remove, "GROUP_REMOVE", FRAME_GROUP_REMOVE, 0)
#undef MEMBER
