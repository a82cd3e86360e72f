#include "protocol/message_group.h"
#include "server/members.h"
#include "server/session.h"
#include "storage/groups.h"

#include <stdlib.h>
#include <string.h>

/* COMMIT, COMMITTED and GROUP_REMOVE. */

/* Of a session under way: their bytes wait for the appender, whose queue takes any. */
#define GROUP_COMMITS_MAX 16

/* What the appender writes for a request, and tells when it is durable. */
struct group_commit {
	struct completion completion;
	struct session *session;        /* held */
	enum frame_type type;
	uint32_t request_id;
	struct error err;
};

/* The appender's thread. */
static void on_durable(void *user, const struct error *err)
{
	struct group_commit *commit = user;
	if (err != NULL)
		commit->err = *err;
	broker_complete(commit->session->service->broker, &commit->completion);
}

static void on_completed(struct completion *completion)
{
	struct group_commit *commit = (struct group_commit *)(void *)completion;
	struct session *session = commit->session;
	struct error err = commit->err;
	if (!session->has_ended) {
		if (err.code == ERROR_NONE &&
		    message_empty_encode(&session->output, commit->type, FRAME_FLAG_REPLY,
					 commit->request_id, &err) == 0)
			session_flush(session);
		else
			session_refuse(session, (uint8_t)commit->type, commit->request_id, &err);
	}
	free(commit);
	session->group_commit_count--;
	session_release(session);
}

static int collect(struct session *session, struct message_list list,
		   struct group_offset *offsets, struct error *err)
{
	struct message_commit_offset item;
	for (size_t i = 0; message_commit_offset_next(&list, &item); i++) {
		struct catalog_topic *topic =
			catalog_find(broker_catalog(session->service->broker), item.topic);
		if (topic == NULL || item.partition >= topic->topic.partition_count)
			return error_set(err, ERROR_NOT_FOUND, "there is no topic '%.*s' with a partition %u",
					 (int)item.topic.size, (const char *)item.topic.data,
					 item.partition);
		if (item.offset > topic->partitions[item.partition].visible_end)
			return error_set(err, ERROR_OFFSET_OUT_OF_RANGE,
					 "topic '%s', partition %u: offset %llu is beyond the end",
					 topic->topic.name, item.partition,
					 (unsigned long long)item.offset);
		offsets[i] = (struct group_offset){
			.topic_id = topic->topic.id,
			.partition = item.partition,
			.offset = item.offset,
			.metadata = item.metadata,
		};
	}
	return 0;
}

static struct group_commit *begin(struct session *session, const struct frame *frame, struct error *err)
{
	if (session->group_commit_count == GROUP_COMMITS_MAX) {
		error_set(err, ERROR_BUSY, "%d COMMITs of this connection are under way", GROUP_COMMITS_MAX);
		return NULL;
	}
	struct group_commit *commit = calloc(1, sizeof(*commit));
	if (commit == NULL) {
		error_set(err, ERROR_MEMORY, "a group's offsets");
		return NULL;
	}
	commit->completion.run = on_completed;
	commit->session = session;
	commit->type = (enum frame_type)frame->type;
	commit->request_id = frame->request_id;
	session->group_commit_count++;
	session_hold(session);
	return commit;
}

/* It was not taken: on_durable will not be called. */
static void give_up(struct group_commit *commit)
{
	commit->session->group_commit_count--;
	session_release(commit->session);
	free(commit);
}

int session_commit(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_commit message;
	if (message_commit_decode(frame->body, &message, err) != 0)
		return -1;
	struct group_offset *offsets = calloc(message.offsets.count, sizeof(*offsets));
	if (offsets == NULL)
		return error_set(err, ERROR_MEMORY, "committing offsets");
	int rc = collect(session, message.offsets, offsets, err);
	struct group_commit *commit = rc == 0 ? begin(session, frame, err) : NULL;
	if (commit != NULL &&
	    groups_commit(broker_appender(session->service->broker), message.group, offsets,
			  message.offsets.count, on_durable, commit, err) != 0) {
		give_up(commit);
		commit = NULL;
	}
	free(offsets);
	return commit != NULL ? 0 : -1;
}

int session_group_find(struct session *session, struct bytes group, struct error *err)
{
	struct group_offset offset;
	int rc = groups_next(broker_reader(session->service->broker), group, false, 0, 0, &offset, NULL, err);
	if (rc == 0)
		error_set(err, ERROR_NOT_FOUND, "there is no group '%.*s'", (int)group.size,
			  (const char *)group.data);
	return rc == 1 ? 0 : -1;
}

/* May it be removed: is it there, and nobody in it? */
static int check_removable(struct session *session, struct bytes group, struct error *err)
{
	struct members members;
	if (members_collect(&members, session->service, group, err) != 0)
		return -1;
	size_t count = members.count;
	members_clear(&members);
	if (count > 0)
		return error_set(err, ERROR_INVALID, "group '%.*s' has %zu member%s: end %s first",
				 (int)group.size, (const char *)group.data, count, count == 1 ? "" : "s",
				 count == 1 ? "it" : "them");
	return session_group_find(session, group, err);
}

int session_group_remove(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_group_remove message;
	if (message_group_remove_decode(frame->body, &message, err) != 0 ||
	    check_removable(session, message.name, err) != 0)
		return -1;
	struct group_commit *removal = begin(session, frame, err);
	if (removal == NULL)
		return -1;
	if (groups_remove(broker_appender(session->service->broker), message.name, on_durable, removal, err) == 0)
		return 0;
	give_up(removal);
	return -1;
}

/* Offsets a reply holds at most, so that it keeps the frame's limit. */
#define COMMITTED_COUNT_MAX 128

static int append(struct session *session, const struct group_offset *offset,
		  msgpack_sbuffer *encoded, uint32_t *count, struct error *err)
{
	struct catalog_topic *topic =
		catalog_topic(broker_catalog(session->service->broker), offset->topic_id);
	if (topic == NULL)
		return 0;       /* the topic was deleted */
	struct message_committed_offset item = {
		.topic = { (const uint8_t *)topic->topic.name, strlen(topic->topic.name) },
		.partition = offset->partition,
		.offset = offset->offset,
		.metadata = offset->metadata,
		.time_us = offset->time_us,
	};
	(*count)++;
	return message_committed_offset_append(encoded, &item, err);
}

/* The token of a page is the place of its last offset: u32 topic id, u32 partition. */
#define PAGE_BYTES 8

static int collect_committed(struct session *session, const struct message_committed *message,
			     msgpack_sbuffer *encoded, uint8_t page[PAGE_BYTES],
			     struct message_committed_reply *reply, struct error *err)
{
	struct group_offset offset = { .partition = 0 };
	bool has_after = message->after.data != NULL;
	msgpack_sbuffer metadata;
	int rc = 1;
	if (has_after) {
		if (message->after.size != PAGE_BYTES)
			return error_set(err, ERROR_INVALID, "'after' is no 'next' of this server");
		offset.topic_id = load_u32(message->after.data);
		offset.partition = load_u32(message->after.data + 4);
	}
	msgpack_sbuffer_init(&metadata);
	while (reply->offsets.count < COMMITTED_COUNT_MAX &&
	       (rc = groups_next(broker_reader(session->service->broker), message->group, has_after,
				 offset.topic_id, offset.partition, &offset, &metadata, err)) == 1) {
		has_after = true;
		if ((rc = append(session, &offset, encoded, &reply->offsets.count, err)) != 0)
			break;
		rc = 1;
	}
	msgpack_sbuffer_destroy(&metadata);
	if (rc == 1) {
		store_u32(page, offset.topic_id);
		store_u32(page + 4, offset.partition);
		reply->next = (struct bytes){ page, PAGE_BYTES };
	}
	return rc < 0 ? -1 : 0;
}

int session_committed(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_committed message;
	struct message_committed_reply reply = { .offsets = { .count = 0 } };
	uint8_t page[PAGE_BYTES];
	msgpack_sbuffer encoded;
	if (message_committed_decode(frame->body, &message, err) != 0)
		return -1;
	msgpack_sbuffer_init(&encoded);
	int rc = collect_committed(session, &message, &encoded, page, &reply, err);
	reply.offsets.encoded = (struct bytes){ (const uint8_t *)encoded.data, encoded.size };
	if (rc == 0)
		rc = message_committed_reply_encode(&session->output, frame->request_id, &reply, err);
	msgpack_sbuffer_destroy(&encoded);
	if (rc == 0)
		session_flush(session);
	return rc;
}
