#include "client/client.h"

#include "client/client_page.h"
#include "protocol/message_group.h"

/* Groups: which there are, who is in one, how far it is behind, what it has committed. */

/* ---- All groups ---- */

struct groups_walk {
	struct message_groups message;
	uint8_t after[GROUPS_PAGE_BYTES_MAX];
	char name[GROUP_NAME_BYTES_MAX + 1];
	struct millstream_group group;  /* being added up; name NULL: none */
	bool (*each)(void *user, const struct millstream_group *group);
	void *user;
};

static bool hand_out_group(struct millstream_client *client, struct groups_walk *walk)
{
	bool goes_on = true;

	if (walk->group.name != NULL) {
		client->is_calling_back = true;
		goes_on = walk->each(walk->user, &walk->group);
		client->is_calling_back = false;
	}
	walk->group = (struct millstream_group){ .name = NULL };
	return goes_on;
}

static bool is_same(const struct groups_walk *walk, struct bytes name)
{
	return walk->group.name != NULL && strlen(walk->name) == name.size &&
	       memcmp(walk->name, name.data, name.size) == 0;
}

static bool add_groups(struct millstream_client *client, struct groups_walk *walk, struct message_list groups)
{
	struct message_group from;

	while (message_group_next(&groups, &from)) {
		struct millstream_group *group = &walk->group;
		if (!is_same(walk, from.name)) {
			if (!hand_out_group(client, walk))
				return false;
			group->name = client_copy_text(walk->name, sizeof(walk->name), from.name);
		}
		group->member_count += from.members;
		group->partition_count += from.partitions;
		group->lag += from.lag;
		if (from.committed_us > group->committed_us)
			group->committed_us = from.committed_us;
	}
	return true;
}

static int encode_groups(const struct call *call, msgpack_sbuffer *frame, uint32_t id, struct error *err)
{
	return message_groups_encode(frame, id, call->message, err);
}

MILLSTREAM_API int millstream_groups(struct millstream_client *client,
				     bool (*each)(void *user, const struct millstream_group *group),
				     void *user, int timeout_ms)
{
	struct groups_walk walk = { .each = each, .user = user };
	int64_t deadline_ms = client_deadline(timeout_ms);
	struct error err = { 0 };
	int code = client_enter(client);

	while (code == MILLSTREAM_OK) {
		struct message_groups_reply reply;
		struct call call = {
			.type = FRAME_GROUPS,
			.encode = encode_groups,
			.message = &walk.message,
			.deadline_ms = deadline_ms,
		};
		if ((code = client_call(client, &call)) != MILLSTREAM_OK)
			return code;
		if (message_groups_reply_decode(client_reply(client), &reply, &err) != 0)
			return client_fail(client, &err, false);
		if (!add_groups(client, &walk, reply.groups))
			return MILLSTREAM_OK;
		if (!client_next_page(reply.next, walk.after, sizeof(walk.after), &walk.message.after))
			break;
	}
	if (code == MILLSTREAM_OK)
		hand_out_group(client, &walk);
	return code;
}

/* ---- One ---- */

struct group_walk {
	struct message_group_info message;
	uint8_t after[PAGE_BYTES_MAX];
	char texts[2][CLIENT_NAME_BYTES_MAX + 1];       /* of the entry that is handed out */
	bool (*each_member)(void *user, const struct millstream_member *member);
	bool (*each_partition)(void *user, const struct millstream_group_partition *partition);
	void *user;
};

static bool hand_out_members(struct group_walk *walk, struct message_list members)
{
	struct message_group_member from;

	while (message_group_member_next(&members, &from)) {
		struct millstream_member member = {
			.id = from.id,
			.client_name = client_copy_text(walk->texts[0], sizeof(walk->texts[0]), from.client),
			.address = client_copy_text(walk->texts[1], sizeof(walk->texts[1]), from.address),
			.partition_count = from.partitions,
		};
		if (walk->each_member != NULL && !walk->each_member(walk->user, &member))
			return false;
	}
	return true;
}

static bool hand_out_partitions(struct group_walk *walk, struct message_list partitions)
{
	struct message_group_partition from;
	uint64_t ids[PARTITION_MEMBERS_MAX];

	while (message_group_partition_next(&partitions, &from)) {
		bool has_committed = from.committed != UINT64_MAX;
		struct millstream_group_partition partition = {
			.topic = client_copy_text(walk->texts[0], sizeof(walk->texts[0]), from.topic),
			.partition = from.partition,
			.visible_end = from.visible_end,
			.committed = from.committed,
			.lag = has_committed ? 0 : UINT64_MAX,
			.committed_us = from.time_us,
			.member_count = from.members,
			.member_ids = ids,
			.member_id_count = from.member_ids.count,
		};
		if (has_committed && from.visible_end > from.committed)
			partition.lag = from.visible_end - from.committed;
		for (uint64_t *id = ids; message_group_member_id_next(&from.member_ids, id); id++)
			;
		if (walk->each_partition != NULL && !walk->each_partition(walk->user, &partition))
			return false;
	}
	return true;
}

static int encode_info(const struct call *call, msgpack_sbuffer *frame, uint32_t id, struct error *err)
{
	return message_group_info_encode(frame, id, call->message, err);
}

MILLSTREAM_API int millstream_group_info(
	struct millstream_client *client, const char *name,
	bool (*each_member)(void *user, const struct millstream_member *member),
	bool (*each_partition)(void *user, const struct millstream_group_partition *partition), void *user,
	int timeout_ms)
{
	struct group_walk walk = { .message.name = bytes_of_text(name), .each_member = each_member,
				   .each_partition = each_partition, .user = user };
	int64_t deadline_ms = client_deadline(timeout_ms);
	struct error err = { 0 };
	int code = client_enter(client);

	while (code == MILLSTREAM_OK) {
		struct message_group_info_reply reply;
		struct call call = {
			.type = FRAME_GROUP_INFO,
			.encode = encode_info,
			.message = &walk.message,
			.deadline_ms = deadline_ms,
		};
		if ((code = client_call(client, &call)) != MILLSTREAM_OK)
			return code;
		if (message_group_info_reply_decode(client_reply(client), &reply, &err) != 0)
			return client_fail(client, &err, false);
		client->is_calling_back = true;
		bool goes_on = hand_out_members(&walk, reply.members) &&
			       hand_out_partitions(&walk, reply.partitions);
		client->is_calling_back = false;
		if (!goes_on ||
		    !client_next_page(reply.next, walk.after, sizeof(walk.after), &walk.message.after))
			break;
	}
	return code;
}

static int encode_remove(const struct call *call, msgpack_sbuffer *frame, uint32_t id, struct error *err)
{
	return message_group_remove_encode(frame, id, call->message, err);
}

MILLSTREAM_API int millstream_group_remove(struct millstream_client *client, const char *name, int timeout_ms)
{
	struct message_group_remove message = { bytes_of_text(name) };
	struct call call = {
		.type = FRAME_GROUP_REMOVE,
		.encode = encode_remove,
		.message = &message,
		.is_once = true,
		.deadline_ms = client_deadline(timeout_ms),
	};
	int code = client_enter(client);

	return code == MILLSTREAM_OK ? client_call(client, &call) : code;
}

/* ---- What one has committed ---- */

/* Where a walk is, and room for the texts of one entry. */
struct committed_walk {
	struct message_committed message;
	uint8_t after[PAGE_BYTES_MAX];
	char topic[TOPIC_NAME_BYTES_MAX + 1];
	char metadata[COMMIT_METADATA_BYTES_MAX + 1];
};

/* Is there a next page, and is it wanted? */
static bool hand_out_offsets(struct millstream_client *client, struct committed_walk *walk,
			     struct message_committed_reply *reply,
			     bool (*each)(void *user, const struct millstream_offset *offset), void *user)
{
	struct message_committed_offset from;
	bool goes_on = true;

	while (goes_on && message_committed_offset_next(&reply->offsets, &from)) {
		struct millstream_offset offset = {
			.topic = client_copy_text(walk->topic, sizeof(walk->topic), from.topic),
			.partition = from.partition,
			.offset = from.offset,
			.metadata = client_copy_text(walk->metadata, sizeof(walk->metadata), from.metadata),
			.time_us = from.time_us,
		};
		client->is_calling_back = true;
		goes_on = each(user, &offset);
		client->is_calling_back = false;
	}
	return goes_on && client_next_page(reply->next, walk->after, sizeof(walk->after), &walk->message.after);
}

static int encode_committed(const struct call *call, msgpack_sbuffer *frame, uint32_t id,
			    struct error *err)
{
	return message_committed_encode(frame, id, call->message, err);
}

MILLSTREAM_API int millstream_committed(struct millstream_client *client, const char *group,
					bool (*each)(void *user,
						     const struct millstream_offset *offset),
					void *user, int timeout_ms)
{
	struct committed_walk walk = { .message.group = { (const uint8_t *)group, strlen(group) } };
	int64_t deadline_ms = client_deadline(timeout_ms);
	struct error err = { 0 };
	int code = client_enter(client);

	while (code == MILLSTREAM_OK) {
		struct message_committed_reply reply;
		struct call call = {
			.type = FRAME_COMMITTED,
			.encode = encode_committed,
			.message = &walk.message,
			.deadline_ms = deadline_ms,
		};
		code = client_call(client, &call);
		if (code != MILLSTREAM_OK)
			return code;
		if (message_committed_reply_decode(client_reply(client), &reply, &err) != 0)
			return client_fail(client, &err, false);
		if (!hand_out_offsets(client, &walk, &reply, each, user))
			break;
	}
	return code;
}
