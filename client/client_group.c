#include "client/client.h"

#include "protocol/message_group.h"

/* Groups: which there are, who is in one, how far it is behind. */

static const char *copy_text(char *out, size_t size, struct bytes text)
{
	if (text.data == NULL || text.size >= size)
		return NULL;
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
	return out;
}

/* One page: its body, or what millstream_… returns. */
static int ask(struct millstream_client *client, struct call *call, int64_t deadline_ms, struct bytes *out)
{
	call->deadline_ms = deadline_ms;
	int code = client_call(client, call);

	*out = (struct bytes){ (const uint8_t *)client->reply.data, client->reply.size };
	return code;
}

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
			group->name = copy_text(walk->name, sizeof(walk->name), from.name);
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
		struct call call = { .type = FRAME_GROUPS, .encode = encode_groups, .message = &walk.message };
		struct bytes body;
		if ((code = ask(client, &call, deadline_ms, &body)) != MILLSTREAM_OK)
			return code;
		if (message_groups_reply_decode(body, &reply, &err) != 0)
			return client_fail(client, &err, false);
		if (!add_groups(client, &walk, reply.groups))
			return MILLSTREAM_OK;
		if (reply.next.data == NULL)
			break;
		memcpy(walk.after, reply.next.data, reply.next.size);
		walk.message.after = (struct bytes){ walk.after, reply.next.size };
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
			.client_name = copy_text(walk->texts[0], sizeof(walk->texts[0]), from.client),
			.address = copy_text(walk->texts[1], sizeof(walk->texts[1]), from.address),
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
			.topic = copy_text(walk->texts[0], sizeof(walk->texts[0]), from.topic),
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
		struct call call = { .type = FRAME_GROUP_INFO, .encode = encode_info, .message = &walk.message };
		struct bytes body;
		if ((code = ask(client, &call, deadline_ms, &body)) != MILLSTREAM_OK)
			return code;
		if (message_group_info_reply_decode(body, &reply, &err) != 0)
			return client_fail(client, &err, false);
		client->is_calling_back = true;
		bool goes_on = hand_out_members(&walk, reply.members) &&
			       hand_out_partitions(&walk, reply.partitions);
		client->is_calling_back = false;
		if (!goes_on || reply.next.data == NULL)
			break;
		memcpy(walk.after, reply.next.data, reply.next.size);
		walk.message.after = (struct bytes){ walk.after, reply.next.size };
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
