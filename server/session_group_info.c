#include "protocol/message_group.h"
#include "protocol/utf8.h"
#include "server/members.h"
#include "server/session.h"
#include "storage/groups.h"

#include <stdio.h>

/* GROUP_INFO: the group's members, then its partitions.  The partitions are those of the
 * catalog, in its order, beside the committed offsets, which have the same one. */

/* What one request may look at: cursors and partitions, in memory; a lookup in the log
 * is dearer. */
#define STEPS_MAX       65536
#define LOOKUP_STEPS    16

/* A page's token: u8 what, then of members u64 id of the last one, of partitions u32
 * topic id and u32 partition. */
#define PLACE_BYTES     9
enum { PLACE_MEMBERS = 1, PLACE_PARTITIONS = 2 };

struct telling {
	struct session *session;
	struct bytes group;
	struct members members_found;
	uint8_t place[PLACE_BYTES];     /* of the last one told or passed over */
	msgpack_sbuffer members;        /* encoded, as partitions */
	uint32_t member_count;
	msgpack_sbuffer partitions;
	uint32_t partition_count;
	bool has_committed;
	struct group_offset committed;  /* the next that was not passed */
	uint32_t step_count;
};

static bool is_full(const struct telling *telling)
{
	return telling->member_count == GROUP_MEMBERS_MAX ||
	       telling->partition_count == GROUP_PARTITIONS_MAX || telling->step_count >= STEPS_MAX ||
	       telling->members.size + telling->partitions.size >=
		       telling->session->service->limits.frame_bytes_max / 2;
}

/* 1: there are more; 0: all; -1. */
static int add_members(struct telling *telling, struct error *err)
{
	const struct members *found = &telling->members_found;
	uint64_t after = load_u64(telling->place + 1);
	for (size_t n = 0; n < found->count; n++) {
		const struct session *session = found->items[n].session;
		char client[sizeof(session->client)];
		if (session->id <= after)
			continue;
		if (is_full(telling))
			return 1;
		snprintf(client, sizeof(client), "%s", session->client);
		utf8_repair(client);    /* it is cut where it does not fit */
		struct message_group_member member = {
			.id = session->id,
			.client = client[0] != '\0' ? bytes_of_text(client) : (struct bytes){ NULL, 0 },
			.address = bytes_of_text(session->peer),
			.partitions = found->items[n].partition_count,
		};
		if (message_group_member_append(&telling->members, &member, err) != 0)
			return -1;
		telling->member_count++;
		store_u64(telling->place + 1, session->id);
	}
	return 0;
}

static int find_committed(struct telling *telling, bool has_after, struct error *err)
{
	struct group_offset *committed = &telling->committed;
	int rc = groups_next(broker_reader(telling->session->service->broker), telling->group, has_after,
			     committed->topic_id, committed->partition, committed, NULL, err);
	telling->step_count += LOOKUP_STEPS;
	telling->has_committed = rc == 1;
	return rc < 0 ? -1 : 0;
}

static bool is_before(const struct group_offset *committed, uint32_t topic_id, uint32_t partition)
{
	return committed->topic_id < topic_id ||
	       (committed->topic_id == topic_id && committed->partition < partition);
}

static void move_to(struct telling *telling, uint32_t topic_id, uint32_t partition)
{
	telling->place[0] = PLACE_PARTITIONS;
	store_u32(telling->place + 1, topic_id);
	store_u32(telling->place + 5, partition);
}

/* Pass over what topics have left that were deleted.  1: enough was looked at; 0; -1. */
static int skip_to(struct telling *telling, uint32_t topic_id, uint32_t partition, struct error *err)
{
	while (telling->has_committed && is_before(&telling->committed, topic_id, partition)) {
		if (is_full(telling))
			return 1;
		move_to(telling, telling->committed.topic_id, telling->committed.partition);
		if (find_committed(telling, true, err) != 0)
			return -1;
	}
	return 0;
}

/* A connection that follows twice counts once, as far as ids are kept. */
static void add_id(uint64_t ids[PARTITION_MEMBERS_MAX], uint32_t *id_count, uint32_t *member_count,
		   uint64_t id)
{
	for (uint32_t n = 0; n < *id_count; n++)
		if (ids[n] == id)
			return;
	if (*id_count < PARTITION_MEMBERS_MAX)
		ids[(*id_count)++] = id;
	(*member_count)++;
}

static int add_partition(struct telling *telling, const struct catalog_topic *topic, uint32_t number,
			 struct error *err)
{
	const struct catalog_partition *partition = &topic->partitions[number];
	const struct group_offset *committed = &telling->committed;
	bool has_committed = telling->has_committed && committed->topic_id == topic->topic.id &&
			     committed->partition == number;
	uint64_t ids[PARTITION_MEMBERS_MAX];
	struct message_group_partition item = {
		.topic = bytes_of_text(topic->topic.name),
		.partition = number,
		.visible_end = partition->visible_end,
		.committed = has_committed ? committed->offset : UINT64_MAX,
		.time_us = has_committed ? committed->time_us : 0,
		.member_ids.items = ids,
	};
	const struct cursor *cursor;
	LIST_FOREACH(cursor, &partition->cursors, partition_link) {
		const struct subscription *subscription = cursor->subscription;
		telling->step_count++;
		if (subscription->group.data != NULL &&
		    bytes_compare(subscription->group, telling->group) == 0)
			add_id(ids, &item.member_ids.count, &item.members, subscription->session->id);
	}
	if (!has_committed && item.members == 0)
		return 0;
	telling->partition_count++;
	return message_group_partition_append(&telling->partitions, &item, err);
}

static int add_topic(struct telling *telling, const struct catalog_topic *topic, uint32_t from,
		     struct error *err)
{
	for (uint32_t n = from; n < topic->topic.partition_count; n++) {
		int rc = skip_to(telling, topic->topic.id, n, err);
		if (rc != 0)
			return rc;
		if (is_full(telling))
			return 1;
		telling->step_count++;
		if (add_partition(telling, topic, n, err) != 0)
			return -1;
		move_to(telling, topic->topic.id, n);
	}
	return 0;
}

/* 1: there are more; 0: all; -1. */
static int add_partitions(struct telling *telling, struct error *err)
{
	const struct catalog *catalog = broker_catalog(telling->session->service->broker);
	bool has_after = telling->place[0] == PLACE_PARTITIONS;
	uint32_t after_topic_id = has_after ? load_u32(telling->place + 1) : 0;
	uint32_t after_partition = has_after ? load_u32(telling->place + 5) : 0;
	telling->committed = (struct group_offset){ .topic_id = after_topic_id, .partition = after_partition };
	int rc = find_committed(telling, has_after, err);
	for (uint32_t id = after_topic_id; rc == 0 && id < catalog->capacity; id++) {
		const struct catalog_topic *topic = catalog_topic(catalog, id);
		bool is_begun = has_after && id == after_topic_id && after_partition != UINT32_MAX;
		if (topic != NULL)
			rc = add_topic(telling, topic, is_begun ? after_partition + 1 : 0, err);
	}
	return rc;
}

/* Where the request goes on; ERROR_NOT_FOUND where there is nothing to begin with. */
static int begin(struct telling *telling, const struct message_group_info *message, struct error *err)
{
	if (message->after.data != NULL) {
		if (message->after.size != PLACE_BYTES || message->after.data[0] < PLACE_MEMBERS ||
		    message->after.data[0] > PLACE_PARTITIONS)
			return error_set(err, ERROR_INVALID, "'after' is no 'next' of this server");
		memcpy(telling->place, message->after.data, PLACE_BYTES);
		return 0;
	}
	telling->place[0] = PLACE_MEMBERS;
	return telling->members_found.count > 0 ? 0 : session_group_find(telling->session, telling->group, err);
}

/* 1: there are more; 0: all; -1. */
static int tell(struct telling *telling, const struct message_group_info *message, struct error *err)
{
	int rc = begin(telling, message, err);
	if (rc == 0 && telling->place[0] == PLACE_MEMBERS)
		rc = add_members(telling, err);
	return rc == 0 ? add_partitions(telling, err) : rc;
}

int session_group_info(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_group_info message;
	struct telling telling = { .session = session };
	if (message_group_info_decode(frame->body, &message, err) != 0 ||
	    members_collect(&telling.members_found, session->service, message.name, err) != 0)
		return -1;
	telling.group = message.name;
	msgpack_sbuffer_init(&telling.members);
	msgpack_sbuffer_init(&telling.partitions);
	int rc = tell(&telling, &message, err);
	struct message_group_info_reply reply = {
		.members = { .count = telling.member_count,
			     .encoded = { (const uint8_t *)telling.members.data, telling.members.size } },
		.partitions = { .count = telling.partition_count,
				.encoded = { (const uint8_t *)telling.partitions.data, telling.partitions.size } },
		.next = rc == 1 ? (struct bytes){ telling.place, PLACE_BYTES } : (struct bytes){ NULL, 0 },
	};
	if (rc >= 0)
		rc = message_group_info_reply_encode(&session->output, frame->request_id, &reply, err);
	msgpack_sbuffer_destroy(&telling.members);
	msgpack_sbuffer_destroy(&telling.partitions);
	members_clear(&telling.members_found);
	if (rc == 0)
		session_flush(session);
	return rc;
}
