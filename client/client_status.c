#include "client/client.h"

#include "protocol/message_group.h"
#include "protocol/message_status.h"

#include <stdlib.h>

/* The server's status, and what groups have committed. */

/* A status and everything it points to, in one piece of memory. */
struct lent_status {
	struct millstream_status status;
	const char *warnings[STATUS_WARNINGS_MAX];
	struct millstream_source sources[];
	/* and texts behind them */
};

static const char *add_text(char **at, struct bytes text)
{
	char *begin = *at;

	if (text.data == NULL)
		return NULL;
	memcpy(begin, text.data, text.size);
	begin[text.size] = '\0';
	*at += text.size + 1;
	return begin;
}

static void fill_numbers(struct millstream_status *out, const struct message_status_reply *from)
{
	memcpy(out->instance, from->instance.data, sizeof(out->instance));
	out->uptime_ms = from->uptime_ms;
	out->connections = from->connections;
	out->subscriptions = from->subscriptions;
	out->topics = from->topics;
	out->partitions = from->partitions;
	out->private_bytes = from->private_bytes;
	out->received_count = from->received_count;
	out->sent_bytes = from->sent_bytes;
	out->log_bytes = from->disk.log_bytes;
	out->file_bytes = from->disk.file_bytes;
	out->quota_bytes = from->disk.quota_bytes;
	out->free_bytes = from->disk.free_bytes;
	out->is_disk_full = from->disk.full;
	out->queued_count = from->appender.queued_count;
	out->queued_bytes = from->appender.queued_bytes;
	out->commit_count = from->appender.commit_count;
	out->record_count = from->appender.record_count;
	out->written_bytes = from->appender.written_bytes;
}

static void fill_lists(struct lent_status *lent, const struct message_status_reply *from,
		       char *texts)
{
	struct millstream_status *out = &lent->status;
	struct message_list warnings = from->warnings;
	struct message_list sources = from->sources;
	struct message_status_source source;
	struct bytes warning;

	out->version = add_text(&texts, from->version);
	out->state = add_text(&texts, from->state);
	while (message_warning_next(&warnings, &warning))
		lent->warnings[out->warning_count++] = add_text(&texts, warning);
	while (message_status_source_next(&sources, &source))
		lent->sources[out->source_count++] = (struct millstream_source){
			.name = add_text(&texts, source.name),
			.state = add_text(&texts, source.state),
			.reason = add_text(&texts, source.reason),
			.position = add_text(&texts, source.position),
			.lag_us = source.lag_us,
			.snapshot_table = add_text(&texts, source.snapshot_table),
			.snapshot_rows_done = source.snapshot_rows_done,
			.snapshot_rows_estimated = source.snapshot_rows_estimated,
			.snapshot_left_us = source.snapshot_left_us,
		};
	out->warnings = lent->warnings;
	out->sources = lent->sources;
}

static int lend_status(struct millstream_client *client, struct bytes body, struct error *err)
{
	struct message_status_reply from;

	if (message_status_reply_decode(body, &from, err) != 0)
		return -1;
	/* All texts together are shorter than the body; each gets a zero. */
	size_t list_bytes = from.sources.count * sizeof(struct millstream_source);
	size_t text_bytes = body.size + 5 * (size_t)from.sources.count + from.warnings.count + 2;
	struct lent_status *lent = calloc(1, sizeof(*lent) + list_bytes + text_bytes);
	if (lent == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for the server's status");
	fill_numbers(&lent->status, &from);
	fill_lists(lent, &from, (char *)(lent->sources + from.sources.count));
	free(client->lent);
	client->lent = lent;
	return 0;
}

static int encode_status(const struct call *call, msgpack_sbuffer *frame, uint32_t id,
			 struct error *err)
{
	(void)call;
	return message_empty_encode(frame, FRAME_STATUS, 0, id, err);
}

MILLSTREAM_API int millstream_status(struct millstream_client *client, int timeout_ms,
				     const struct millstream_status **out)
{
	struct call call = {
		.type = FRAME_STATUS,
		.encode = encode_status,
		.deadline_ms = client_deadline(timeout_ms),
	};
	struct error err = { 0 };
	int code = client_enter(client);

	if (code == MILLSTREAM_OK)
		code = client_call(client, &call);
	if (code != MILLSTREAM_OK)
		return code;
	struct bytes body = { (const uint8_t *)client->reply.data, client->reply.size };
	if (lend_status(client, body, &err) != 0)
		return client_fail(client, &err, false);
	*out = &((struct lent_status *)client->lent)->status;
	return MILLSTREAM_OK;
}

/* ---- Groups ---- */

/* Where a walk is, and room for the texts of one entry. */
struct walk {
	struct message_committed message;
	uint8_t after[PAGE_BYTES_MAX];
	char topic[TOPIC_NAME_BYTES_MAX + 1];
	char metadata[COMMIT_METADATA_BYTES_MAX + 1];
};

static const char *copy_text(char *out, size_t size, struct bytes text)
{
	if (text.data == NULL || text.size >= size)
		return NULL;
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
	return out;
}

/* 1 go on with the next page, 0 enough. */
static int hand_out(struct millstream_client *client, struct walk *walk,
		    struct message_committed_reply *reply,
		    bool (*each)(void *user, const struct millstream_offset *offset), void *user)
{
	struct message_committed_offset from;
	bool goes_on = true;

	while (goes_on && message_committed_offset_next(&reply->offsets, &from)) {
		struct millstream_offset offset = {
			.topic = copy_text(walk->topic, sizeof(walk->topic), from.topic),
			.partition = from.partition,
			.offset = from.offset,
			.metadata = copy_text(walk->metadata, sizeof(walk->metadata), from.metadata),
			.time_us = from.time_us,
		};
		client->is_calling_back = true;
		goes_on = each(user, &offset);
		client->is_calling_back = false;
	}
	if (!goes_on || reply->next.data == NULL || reply->next.size > sizeof(walk->after))
		return 0;
	memcpy(walk->after, reply->next.data, reply->next.size);
	walk->message.after = (struct bytes){ walk->after, reply->next.size };
	return 1;
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
	struct walk walk = { .message.group = { (const uint8_t *)group, strlen(group) } };
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
		struct bytes body = { (const uint8_t *)client->reply.data, client->reply.size };
		if (message_committed_reply_decode(body, &reply, &err) != 0)
			return client_fail(client, &err, false);
		if (hand_out(client, &walk, &reply, each, user) == 0)
			break;
	}
	return code;
}
