#include "client/client.h"

#include "client/client_page.h"
#include "protocol/message_source.h"

#include <stdlib.h>

/* Sources, as the public header has them. */

/* All texts of one source, ended by zeros. */
struct view {
	struct millstream_source_info info;
	char *texts;
};

static size_t texts_bytes(const struct message_source *from)
{
	const struct bytes texts[] = {
		from->name, from->connector, from->topic_prefix, from->endpoint, from->slot,
		from->publication, from->state, from->reason, from->position, from->snapshot_table,
	};
	size_t bytes = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		bytes += texts[i].size + 1;
	return bytes;
}

static int fill(struct view *view, const struct message_source *from, struct error *err)
{
	char *at = malloc(texts_bytes(from));

	if (at == NULL)
		return error_set(err, ERROR_MEMORY, "no memory for a source");
	view->texts = at;
	view->info = (struct millstream_source_info){
		.name = client_add_text(&at, from->name),
		.is_configured = from->configured,
		.connector = client_add_text(&at, from->connector),
		.topic_prefix = client_add_text(&at, from->topic_prefix),
		.endpoint = client_add_text(&at, from->endpoint),
		.slot = client_add_text(&at, from->slot),
		.publication = client_add_text(&at, from->publication),
		.state = client_add_text(&at, from->state),
		.reason = client_add_text(&at, from->reason),
		.retries = from->retries,
		.retry_in_us = from->retry_in_us,
		.position = client_add_text(&at, from->position),
		.behind_bytes = from->behind_bytes,
		.source_time_us = from->source_time_us,
		.lag_us = from->lag_us,
		.transaction_count = from->transaction_count,
		.record_count = from->record_count,
		.snapshot_table = client_add_text(&at, from->snapshot_table),
		.snapshot_tables_done = from->snapshot_tables_done,
		.snapshot_tables_total = from->snapshot_tables_total,
		.snapshot_rows_done = from->snapshot_rows_done,
		.snapshot_rows_estimated = from->snapshot_rows_estimated,
		.snapshot_left_us = from->snapshot_left_us,
	};
	return 0;
}

/* 1 all were handed out, 0 the caller has enough, -1. */
static int hand_out(struct millstream_client *client, struct message_list sources,
		    bool (*each)(void *user, const struct millstream_source_info *source),
		    void *user, struct error *err)
{
	struct message_source source;
	struct view view;

	while (message_source_next(&sources, &source)) {
		if (fill(&view, &source, err) != 0)
			return -1;
		client->is_calling_back = true;
		bool goes_on = each(user, &view.info);
		client->is_calling_back = false;
		free(view.texts);
		if (!goes_on)
			return 0;
	}
	return 1;
}

static int encode_sources(const struct call *call, msgpack_sbuffer *frame, uint32_t id,
			  struct error *err)
{
	return message_sources_encode(frame, id, call->message, err);
}

static struct bytes bytes_or_nil(const char *text)
{
	return text != NULL ? bytes_of_text(text) : (struct bytes){ 0 };
}

MILLSTREAM_API int millstream_sources(struct millstream_client *client, const char *name,
				      bool (*each)(void *user,
						   const struct millstream_source_info *source),
				      void *user, int timeout_ms)
{
	struct message_sources message = { .name = bytes_or_nil(name) };
	int64_t deadline_ms = client_deadline(timeout_ms);
	uint8_t after[TOPIC_NAME_BYTES_MAX];
	struct error err = { 0 };
	int code = client_enter(client);

	while (code == MILLSTREAM_OK) {
		struct message_sources_reply reply;
		struct call call = {
			.type = FRAME_SOURCES,
			.encode = encode_sources,
			.message = &message,
			.deadline_ms = deadline_ms,
		};
		code = client_call(client, &call);
		if (code != MILLSTREAM_OK)
			return code;
		if (message_sources_reply_decode(client_reply(client), &reply, &err) != 0)
			return client_fail(client, &err, false);
		int rc = hand_out(client, reply.sources, each, user, &err);
		if (rc < 0)
			return client_fail(client, &err, false);
		if (rc == 0 || !client_next_page(reply.next, after, sizeof(after), &message.after))
			break;
	}
	return code;
}

static int encode_control(const struct call *call, msgpack_sbuffer *frame, uint32_t id,
			  struct error *err)
{
	return message_source_control_encode(frame, id, call->message, err);
}

MILLSTREAM_API int millstream_source_control(struct millstream_client *client, const char *name,
					     enum millstream_source_action action, int timeout_ms)
{
	static const enum message_source_action actions[] = {
		[MILLSTREAM_SOURCE_PAUSE] = SOURCE_PAUSE,
		[MILLSTREAM_SOURCE_RESUME] = SOURCE_RESUME,
		[MILLSTREAM_SOURCE_RESTART] = SOURCE_RESTART,
		[MILLSTREAM_SOURCE_REMOVE] = SOURCE_REMOVE,
		[MILLSTREAM_SOURCE_REMOVE_AND_DROP] = SOURCE_REMOVE,
		[MILLSTREAM_SOURCE_RESET] = SOURCE_RESET,
	};
	bool is_known = action >= MILLSTREAM_SOURCE_PAUSE && action <= MILLSTREAM_SOURCE_RESET;
	struct message_source_control message = {
		.name = bytes_or_nil(name),
		.action = is_known ? actions[action] : SOURCE_PAUSE,
		.drop = action == MILLSTREAM_SOURCE_REMOVE_AND_DROP,
	};
	struct call call = {
		.type = FRAME_SOURCE_CONTROL,
		.encode = encode_control,
		.message = &message,
		.is_once = true,
		.deadline_ms = client_deadline(timeout_ms),
	};
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	if (!is_known)
		return client_fail_code(client, ERROR_INVALID, "there is no such action");
	return client_call(client, &call);
}
