#include "protocol/message_group.h"
#include "server/members.h"
#include "server/session.h"
#include "storage/groups.h"

/* GROUPS.  What one request looks at is bounded, so that a group of very many partitions
 * holds up the loop no longer than others: it goes on in the next reply. */

#define LOOKUPS_MAX 1024                /* of names and offsets, a reply */

/* A page's token: u8 is within the group, u32 topic id and u32 partition of the last
 * offset looked at, the group's name. */
#define PLACE_BYTES_MIN 9

struct place {
	struct group_name name;         /* size 0: the beginning */
	bool is_within;                 /* else: behind all of the group */
	uint32_t topic_id;
	uint32_t partition;
};

struct listing {
	struct session *session;
	struct members members;
	struct place place;
	msgpack_sbuffer groups;         /* encoded */
	uint32_t count;
	uint32_t lookup_count;
};

static struct bytes name_of(const struct group_name *name)
{
	return (struct bytes){ name->bytes, name->size };
}

static void set_name(struct group_name *out, struct bytes name)
{
	memcpy(out->bytes, name.data, name.size);
	out->size = name.size;
}

static int read_place(struct place *out, struct bytes token, struct error *err)
{
	struct place place = { .is_within = false };
	if (token.data != NULL) {
		if (token.size <= PLACE_BYTES_MIN || token.size > PLACE_BYTES_MIN + GROUP_NAME_BYTES_MAX ||
		    token.data[0] > 1)
			return error_set(err, ERROR_INVALID, "'after' is no 'next' of this server");
		place.is_within = token.data[0] == 1;
		place.topic_id = load_u32(token.data + 1);
		place.partition = load_u32(token.data + 5);
		set_name(&place.name, (struct bytes){ token.data + PLACE_BYTES_MIN, token.size - PLACE_BYTES_MIN });
	}
	*out = place;
	return 0;
}

static struct bytes write_place(const struct place *place, uint8_t out[GROUPS_PAGE_BYTES_MAX])
{
	out[0] = place->is_within;
	store_u32(out + 1, place->topic_id);
	store_u32(out + 5, place->partition);
	memcpy(out + PLACE_BYTES_MIN, place->name.bytes, place->name.size);
	return (struct bytes){ out, PLACE_BYTES_MIN + place->name.size };
}

/* The next name, of those that have committed and those that have members, and how many. */
static int find_next(struct listing *listing, uint32_t *out_members, struct error *err)
{
	struct bytes after = name_of(&listing->place.name);
	struct group_name stored;
	size_t count = 0;
	const struct member *live = members_next_group(&listing->members, after, &count);
	int rc = groups_next_name(broker_reader(listing->session->service->broker), after, &stored, err);
	if (rc < 0 || (rc == 0 && live == NULL))
		return rc;
	int order = live == NULL ? -1 : rc == 0 ? 1 : bytes_compare(name_of(&stored), live->group);
	set_name(&listing->place.name, order < 0 ? name_of(&stored) : live->group);
	*out_members = order < 0 ? 0 : (uint32_t)count;
	return 1;
}

static void count_offset(const struct catalog *catalog, const struct group_offset *offset,
			 struct message_group *group)
{
	const struct catalog_partition *partition =
		catalog_partition(catalog, offset->topic_id, offset->partition);
	if (partition == NULL)
		return;         /* the topic was deleted */
	group->partitions++;
	if (partition->visible_end > offset->offset)
		group->lag += partition->visible_end - offset->offset;
	if (offset->time_us > group->committed_us)
		group->committed_us = offset->time_us;
}

/* 0: all that the group has left; 1: its rest is for the next reply; -1. */
static int add_group(struct listing *listing, uint32_t members, struct error *err)
{
	struct broker *broker = listing->session->service->broker;
	struct place *place = &listing->place;
	struct message_group group = { .name = name_of(&place->name), .members = members };
	struct group_offset offset;
	int rc = 1;
	while (listing->lookup_count < LOOKUPS_MAX &&
	       (rc = groups_next(broker_reader(broker), group.name, place->is_within, place->topic_id,
				 place->partition, &offset, NULL, err)) == 1) {
		listing->lookup_count++;
		count_offset(broker_catalog(broker), &offset, &group);
		place->is_within = true;
		place->topic_id = offset.topic_id;
		place->partition = offset.partition;
	}
	if (rc < 0 || message_group_append(&listing->groups, &group, err) != 0)
		return -1;
	listing->count++;
	return rc;
}

static bool is_full(const struct listing *listing)
{
	return listing->count == GROUPS_MAX || listing->lookup_count >= LOOKUPS_MAX ||
	       listing->groups.size >= listing->session->service->limits.frame_bytes_max / 2;
}

/* 1: there are more, behind listing->place; 0: all; -1. */
static int collect(struct listing *listing, struct error *err)
{
	uint32_t members = 0;
	int rc = 1;
	while (!is_full(listing)) {
		if (!listing->place.is_within && (rc = find_next(listing, &members, err)) <= 0)
			return rc;
		if ((rc = add_group(listing, listing->place.is_within ? 0 : members, err)) != 0)
			return rc;
		listing->lookup_count++;
		listing->place = (struct place){ .name = listing->place.name };
	}
	return 1;
}

int session_groups(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_groups message;
	struct listing listing = { .session = session };
	uint8_t next[GROUPS_PAGE_BYTES_MAX];
	if (message_groups_decode(frame->body, &message, err) != 0 ||
	    read_place(&listing.place, message.after, err) != 0 ||
	    members_collect(&listing.members, session->service, (struct bytes){ NULL, 0 }, err) != 0)
		return -1;
	msgpack_sbuffer_init(&listing.groups);
	int rc = collect(&listing, err);
	struct message_groups_reply reply = {
		.groups = { .count = listing.count,
			    .encoded = { (const uint8_t *)listing.groups.data, listing.groups.size } },
		.next = rc == 1 ? write_place(&listing.place, next) : (struct bytes){ NULL, 0 },
	};
	if (rc >= 0)
		rc = message_groups_reply_encode(&session->output, frame->request_id, &reply, err);
	msgpack_sbuffer_destroy(&listing.groups);
	members_clear(&listing.members);
	if (rc == 0)
		session_flush(session);
	return rc;
}
