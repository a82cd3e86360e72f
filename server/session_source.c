#include "capture/source_settings.h"
#include "protocol/message_source.h"
#include "protocol/utf8.h"
#include "server/captures.h"
#include "server/session.h"
#include "storage/sources.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for a text that is put together or cut here. */
#define TEXT_BYTES 1024

static struct bytes text_or_nil(const char *text)
{
	return text != NULL && text[0] != '\0' ? bytes_of_text(text) : (struct bytes){ 0 };
}

/* Copies of what the configuration says: its texts need not be UTF-8. */
struct told {
	char endpoint[TEXT_BYTES];
	char slot[TEXT_BYTES];
	char publication[TEXT_BYTES];
};

static struct bytes copied(char out[TEXT_BYTES], const char *text)
{
	snprintf(out, TEXT_BYTES, "%s", text != NULL ? text : "");
	utf8_repair(out);
	return text_or_nil(out);
}

static void tell_settings(struct message_source *message, const struct source_settings *settings,
			  struct told *told)
{
	char endpoint[TEXT_BYTES] = "";
	if (settings->database_user != NULL)
		snprintf(endpoint, sizeof(endpoint), "%s@%s:%" PRId64 "/%s", settings->database_user,
			 settings->database_hostname, settings->database_port, settings->database_dbname);
	message->configured = true;
	message->connector = text_or_nil(settings->connector_class);
	message->topic_prefix = text_or_nil(settings->topic_prefix);
	message->endpoint = copied(told->endpoint,
				   endpoint[0] != '\0' ? endpoint : settings->script_file);
	message->slot = copied(told->slot, settings->slot_name);
	message->publication = copied(told->publication, settings->publication_name);
}

static void tell_snapshot(struct message_source *message, struct capture_status *status)
{
	struct source_progress *progress = &status->progress;
	utf8_repair(progress->table);
	message->snapshot_table = text_or_nil(progress->table);
	message->snapshot_tables_done = progress->tables_done;
	message->snapshot_tables_total = progress->tables_total;
	message->snapshot_rows_done = progress->rows_done;
	message->snapshot_rows_estimated = progress->rows_estimated;
	message->snapshot_left_us = capture_snapshot_left_us(status);
}

static uint64_t or_unknown(int64_t number)
{
	return number >= 0 ? (uint64_t)number : UINT64_MAX;
}

static int add_source(msgpack_sbuffer *out, const struct captures_source *source, struct error *err)
{
	struct capture_status status = source->status;
	struct told told;
	struct message_source message = {
		.name = bytes_of_text(source->name),
		.state = bytes_of_text(capture_state_name(status.state)),
		.retries = status.retries,
		.retry_in_us = status.state == CAPTURE_RETRYING ? or_unknown(status.retry_in_us) : UINT64_MAX,
		.behind_bytes = status.state == CAPTURE_STREAMING ? status.progress.behind_bytes : UINT64_MAX,
		.source_time_us = status.progress.source_time_us,
		.lag_us = or_unknown(status.lag_us),
		.transaction_count = status.transaction_count,
		.record_count = status.record_count,
		.snapshot_left_us = UINT64_MAX,
	};
	utf8_repair(status.reason);
	utf8_repair(status.progress.position);
	message.reason = text_or_nil(status.reason);
	message.position = text_or_nil(status.progress.position);
	if (source->settings != NULL)
		tell_settings(&message, source->settings, &told);
	if (status.state == CAPTURE_SNAPSHOT)
		tell_snapshot(&message, &status);
	return message_source_append(out, &message, err);
}

struct page {
	msgpack_sbuffer sources;
	uint32_t count;
	char last[SOURCE_NAME_BYTES_MAX + 1];
};

/* 1: there are more than fit, behind page->last; 0: all; -1. */
static int collect(struct session *session, struct page *page, struct error *err)
{
	size_t bytes_most = session->service->limits.frame_bytes_max / 2;
	struct captures_source source;
	while (captures_next(session->service->captures, page->last, &source) == 1) {
		if (page->count == STATUS_SOURCES_MAX || page->sources.size > bytes_most)
			return 1;
		if (add_source(&page->sources, &source, err) != 0)
			return -1;
		snprintf(page->last, sizeof(page->last), "%s", source.name);
		page->count++;
	}
	return 0;
}

/* The one of a name, or none. */
static int collect_one(struct session *session, struct bytes name, struct page *page, struct error *err)
{
	struct captures_source source;
	struct error why = { 0 };
	if (captures_find(session->service->captures, name, &source, &why) != 0) {
		if (why.code == ERROR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	page->count = 1;
	return add_source(&page->sources, &source, err);
}

int session_sources(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_sources message;
	struct page page = { .count = 0 };
	int rc = 0;
	if (message_sources_decode(frame->body, &message, err) != 0)
		return -1;
	if (message.after.size > SOURCE_NAME_BYTES_MAX)
		return error_set(err, ERROR_INVALID, "'after': no source has a name of %zu bytes",
				 message.after.size);
	memcpy(page.last, message.after.size > 0 ? message.after.data : (const uint8_t *)"", message.after.size);
	msgpack_sbuffer_init(&page.sources);
	if (session->service->captures != NULL)
		rc = message.name.data != NULL ? collect_one(session, message.name, &page, err)
					       : collect(session, &page, err);
	if (rc >= 0) {
		struct message_sources_reply reply = {
			.sources = { .count = page.count,
				     .encoded = { (const uint8_t *)page.sources.data, page.sources.size } },
			.next = rc == 1 ? bytes_of_text(page.last) : (struct bytes){ 0 },
		};
		rc = message_sources_reply_encode(&session->output, frame->request_id, &reply, err);
	}
	msgpack_sbuffer_destroy(&page.sources);
	if (rc == 0)
		session_flush(session);
	return rc;
}

/* A removal under way. */
struct removal {
	struct session *session;        /* held */
	uint32_t request_id;
};

static int answer(struct session *session, uint32_t request_id, struct error *err)
{
	if (message_empty_encode(&session->output, FRAME_SOURCE_CONTROL, FRAME_FLAG_REPLY, request_id, err) != 0)
		return -1;
	session_flush(session);
	return 0;
}

static void on_removed(void *user, const struct error *why)
{
	struct removal *removal = user;
	struct session *session = removal->session;
	struct error err = { 0 };
	if (!session->has_ended && (why != NULL || answer(session, removal->request_id, &err) != 0))
		session_refuse(session, FRAME_SOURCE_CONTROL, removal->request_id, why != NULL ? why : &err);
	free(removal);
	session_release(session);
}

static int start_removal(struct session *session, uint32_t request_id,
			 const struct message_source_control *message, struct error *err)
{
	struct removal *removal = malloc(sizeof(*removal));
	if (removal == NULL)
		return error_set(err, ERROR_MEMORY, "removing a source");
	*removal = (struct removal){ session, request_id };
	session_hold(session);
	if (captures_remove(session->service->captures, message->name, message->drop, on_removed, removal,
			    err) == 0)
		return 0;
	session_release(session);
	free(removal);
	return -1;
}

int session_source_control(struct session *session, const struct frame *frame, struct error *err)
{
	struct captures *captures = session->service->captures;
	struct message_source_control message;
	int rc = -1;
	if (message_source_control_decode(frame->body, &message, err) != 0)
		return -1;
	if (captures == NULL)
		return error_set(err, ERROR_NOT_FOUND, "this server has no sources");
	switch (message.action) {
	case SOURCE_PAUSE:
		rc = captures_pause(captures, message.name, err);
		break;
	case SOURCE_RESUME:
		rc = captures_resume(captures, message.name, err);
		break;
	case SOURCE_RESTART:
		rc = captures_restart(captures, message.name, err);
		break;
	case SOURCE_RESET:
		rc = captures_reset(captures, message.name, err);
		break;
	case SOURCE_REMOVE:
		return start_removal(session, frame->request_id, &message, err);
	}
	return rc == 0 ? answer(session, frame->request_id, err) : -1;
}
