#include "protocol/message_source.h"

#include "protocol/message_table.h"

static const char *const actions[] = { "pause", "resume", "restart", "remove", "reset", NULL };

#define MEMBER(member) offsetof(struct message_sources, member)
static const struct message_field sources_fields[] = {
	OPTIONAL(name, FIELD_NAME),
	OPTIONAL(after, FIELD_NAME),
};
BODY(sources, "SOURCES", FRAME_SOURCES, 0)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_source, member)
static const struct message_field source_fields[] = {
	REQUIRED(name, FIELD_NAME),
	REQUIRED(configured, FIELD_BOOL),
	OPTIONAL(connector, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(topic_prefix, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(endpoint, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(slot, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(publication, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	REQUIRED(state, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(reason, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	REQUIRED(retries, FIELD_U32),
	OPTIONAL(retry_in_us, FIELD_U64, .absent = UINT64_MAX),
	OPTIONAL(position, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(behind_bytes, FIELD_U64, .absent = UINT64_MAX),
	OPTIONAL(source_time_us, FIELD_I64),
	OPTIONAL(lag_us, FIELD_U64, .absent = UINT64_MAX),
	REQUIRED(transaction_count, FIELD_U64),
	REQUIRED(record_count, FIELD_U64),
	OPTIONAL(snapshot_table, FIELD_TEXT, .most = STATUS_TEXT_BYTES_MAX),
	OPTIONAL(snapshot_tables_done, FIELD_U32),
	OPTIONAL(snapshot_tables_total, FIELD_U32),
	OPTIONAL(snapshot_rows_done, FIELD_U64),
	OPTIONAL(snapshot_rows_estimated, FIELD_U64),
	OPTIONAL(snapshot_left_us, FIELD_U64, .absent = UINT64_MAX),
};
PART(source, FORM_MAP)
#undef MEMBER

#define MEMBER(member) offsetof(struct message_sources_reply, member)
static const struct message_field sources_reply_fields[] = {
	REQUIRED(sources, FIELD_LIST, ITEMS(source), .most = STATUS_SOURCES_MAX),
	OPTIONAL(next, FIELD_NAME),
};
BODY(sources_reply, "SOURCES reply", FRAME_SOURCES, FRAME_FLAG_REPLY)
#undef MEMBER

static int check_control(const void *message, struct error *err)
{
	const struct message_source_control *control = message;

	if (control->drop && control->action != SOURCE_REMOVE)
		return error_set(err, ERROR_INVALID, "'drop' goes with action 'remove' alone");
	return 0;
}

#define MEMBER(member) offsetof(struct message_source_control, member)
static const struct message_field source_control_fields[] = {
	REQUIRED(name, FIELD_NAME),
	REQUIRED(action, FIELD_CHOICE, .choices = actions),
	OPTIONAL(drop, FIELD_BOOL),
};
BODY(source_control, "SOURCE_CONTROL", FRAME_SOURCE_CONTROL, 0, .check = check_control)
#undef MEMBER
