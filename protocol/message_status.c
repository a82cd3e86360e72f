#include "protocol/message_status.h"

#include "protocol/message_table.h"

#define INSTANCE_BYTES 16

#define MEMBER(member) offsetof(struct message_status_disk, member)
static const struct message_field status_disk_fields[] = {
	REQUIRED(log_bytes, FIELD_U64),
	REQUIRED(file_bytes, FIELD_U64),
	REQUIRED(quota_bytes, FIELD_U64),
	REQUIRED(free_bytes, FIELD_U64),
	REQUIRED(full, FIELD_BOOL),
};
PART(status_disk, FORM_MAP)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_status_appender, member)
static const struct message_field status_appender_fields[] = {
	REQUIRED(queued_count, FIELD_U64),
	REQUIRED(queued_bytes, FIELD_U64),
	REQUIRED(commit_count, FIELD_U64),
	REQUIRED(record_count, FIELD_U64),
	REQUIRED(written_bytes, FIELD_U64),
};
PART(status_appender, FORM_MAP)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_status_source, member)
static const struct message_field status_source_fields[] = {
	REQUIRED(name, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	REQUIRED(state, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(reason, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(position, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(lag_us, FIELD_U64, .absent = UINT64_MAX),
	OPTIONAL(snapshot_table, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(snapshot_rows_done, FIELD_U64),
	OPTIONAL(snapshot_rows_estimated, FIELD_U64),
	OPTIONAL(snapshot_left_us, FIELD_U64, .absent = UINT64_MAX),
};
PART(status_source, FORM_MAP)
#undef MEMBER

BARE_ITEM(warning, struct bytes, .type = FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX)

#define MEMBER(member) offsetof(struct message_status_reply, member)
static const struct message_field status_reply_fields[] = {
	REQUIRED(version, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	REQUIRED(instance, FIELD_BYTES, .least = INSTANCE_BYTES, .most = INSTANCE_BYTES),
	REQUIRED(uptime_ms, FIELD_U64),
	REQUIRED(state, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	REQUIRED(warnings, FIELD_LIST, ITEMS(warning), .most = STATUS_WARNINGS_MAX),
	REQUIRED(connections, FIELD_U32),
	REQUIRED(subscriptions, FIELD_U32),
	REQUIRED(topics, FIELD_U32),
	REQUIRED(partitions, FIELD_U32),
	REQUIRED(private_bytes, FIELD_U64),
	REQUIRED(received_count, FIELD_U64),
	REQUIRED(sent_bytes, FIELD_U64),
	REQUIRED(disk, FIELD_STRUCT, ITEMS(status_disk)),
	REQUIRED(appender, FIELD_STRUCT, ITEMS(status_appender)),
	REQUIRED(sources, FIELD_LIST, ITEMS(status_source), .most = STATUS_SOURCES_MAX),
};
BODY(status_reply, "STATUS reply", FRAME_STATUS, FRAME_FLAG_REPLY)
#undef MEMBER
