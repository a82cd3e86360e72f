#include "protocol/message_status.h"
#include "protocol/utf8.h"
#include "server/captures.h"
#include "server/session.h"

#include <stdio.h>
#include <string.h>

static uint64_t private_bytes(void)
{
	unsigned long long kib, total = 0;
	char line[256];
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Anonymous: %llu", &kib) == 1)
			total = kib * 1024;
	fclose(file);
	return total;
}

static struct bytes text_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static uint64_t log_bytes(struct broker *broker)
{
	struct catalog_topic *topic;
	uint64_t bytes = 0;
	LIST_FOREACH(topic, &broker_catalog(broker)->topics, link)
		for (uint32_t n = 0; n < topic->topic.partition_count; n++) {
			struct reader_ends ends;
			if (reader_ends(broker_reader(broker), topic->topic.id, n, &ends, NULL) == 0)
				bytes += ends.bytes;
		}
	return bytes;
}

static struct bytes text_or_nil(const char *text)
{
	return text[0] != '\0' ? text_of(text) : (struct bytes){ NULL, 0 };
}

static int add_source(msgpack_sbuffer *out, const struct captures_source *source,
		      struct error *err)
{
	struct captures_source told = *source;
	struct capture_status *status = &told.status;
	struct source_progress *progress = &status->progress;
	/* What a database says is cut where it does not fit. */
	utf8_repair(status->reason);
	utf8_repair(progress->position);
	utf8_repair(progress->table);
	struct message_status_source message = {
		.name = text_of(source->name),
		.state = text_of(capture_state_name(status->state)),
		.reason = text_or_nil(status->reason),
		.position = text_or_nil(status->progress.position),
		.lag_us = status->lag_us >= 0 ? (uint64_t)status->lag_us : UINT64_MAX,
		.snapshot_left_us = UINT64_MAX,
	};
	if (status->state == CAPTURE_SNAPSHOT) {
		message.snapshot_table = text_or_nil(progress->table);
		message.snapshot_rows_done = progress->rows_done;
		message.snapshot_rows_estimated = progress->rows_estimated;
		message.snapshot_left_us = capture_snapshot_left_us(status);
	}
	return message_status_source_append(out, &message, err);
}

/* Those that have a block; what only the log still knows is for SOURCES. */
static int add_sources(struct captures *captures, msgpack_sbuffer *out, uint32_t *out_count,
		       struct error *err)
{
	struct captures_source source;
	const char *after = "";
	uint32_t count = 0;
	while (captures != NULL && count < STATUS_SOURCES_MAX &&
	       captures_next(captures, after, &source) == 1) {
		after = source.name;
		if (source.settings == NULL)
			continue;
		if (add_source(out, &source, err) != 0)
			return -1;
		count++;
	}
	*out_count = count;
	return 0;
}

static int encode(struct session *session, const struct frame *frame,
		  struct message_status_reply *reply, struct error *err)
{
	msgpack_sbuffer sources;
	uint32_t count = 0;
	msgpack_sbuffer_init(&sources);
	int rc = add_sources(session->service->captures, &sources, &count, err);
	reply->sources = (struct message_list){
		.count = count,
		.encoded = { (const uint8_t *)sources.data, sources.size },
	};
	if (rc == 0)
		rc = message_status_reply_encode(&session->output, frame->request_id, reply, err);
	msgpack_sbuffer_destroy(&sources);
	return rc;
}

int session_status(struct session *session, const struct frame *frame, struct error *err)
{
	struct service *service = session->service;
	struct catalog *catalog = broker_catalog(service->broker);
	struct store_usage usage;
	struct appender_stats stats;
	if (message_empty_decode(frame->body, err) != 0 ||
	    store_usage(broker_store(service->broker), &usage, err) != 0)
		return -1;
	appender_stats(broker_appender(service->broker), &stats);
	struct message_status_reply reply = {
		.version = text_of(PACKAGE_VERSION),
		.instance = { store_instance_id(broker_store(service->broker)), 16 },
		.uptime_ms = uv_hrtime() / 1000000 - (uint64_t)service->start_ms,
		.state = text_of(service->state),
		.connections = service->session_count,
		.subscriptions = service->subscription_count,
		.topics = catalog->topic_count,
		.partitions = catalog->partition_count,
		.private_bytes = private_bytes(),
		.received_count = service->received_count,
		.sent_bytes = service->sent_bytes,
		.disk = {
			.log_bytes = log_bytes(service->broker),
			.file_bytes = usage.file_bytes,
			.quota_bytes = usage.quota_bytes,
			.free_bytes = usage.disk_free_bytes,
			.full = appender_state(broker_appender(service->broker)) == APPENDER_DISK_FULL,
		},
		.appender = {
			.queued_count = stats.queue_records,
			.queued_bytes = stats.queue_bytes,
			.commit_count = stats.commits,
			.record_count = stats.records,
			.written_bytes = stats.bytes,
		},
	};
	if (encode(session, frame, &reply, err) != 0)
		return -1;
	session_flush(session);
	return 0;
}
