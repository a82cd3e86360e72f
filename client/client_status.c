#include "client/client.h"

#include "client/client_page.h"
#include "protocol/message_status.h"

#include <stdlib.h>

/* The server's status. */

/* A status and everything it points to, in one piece of memory. */
struct lent_status {
	struct millstream_status status;
	const char *warnings[STATUS_WARNINGS_MAX];
	struct millstream_source sources[];
	/* and texts behind them */
};

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

	out->version = client_add_text(&texts, from->version);
	out->state = client_add_text(&texts, from->state);
	while (message_warning_next(&warnings, &warning))
		lent->warnings[out->warning_count++] = client_add_text(&texts, warning);
	while (message_status_source_next(&sources, &source))
		lent->sources[out->source_count++] = (struct millstream_source){
			.name = client_add_text(&texts, source.name),
			.state = client_add_text(&texts, source.state),
			.reason = client_add_text(&texts, source.reason),
			.position = client_add_text(&texts, source.position),
			.lag_us = source.lag_us,
			.snapshot_table = client_add_text(&texts, source.snapshot_table),
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

	if (message_status_reply_decode(client_reply(client), &from, err) != 0)
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
	if (lend_status(client, client_reply(client), &err) != 0)
		return client_fail(client, &err, false);
	*out = &((struct lent_status *)client->lent)->status;
	return MILLSTREAM_OK;
}
