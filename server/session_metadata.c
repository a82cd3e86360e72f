#include "protocol/message_topic.h"
#include "protocol/topic_pattern.h"
#include "server/session.h"
#include "server/topic_work.h"
#include "storage/sources.h"

#include <stdlib.h>
#include <string.h>

/* METADATA: topics by name, as many as keep the frame's limit. */

struct metadata {
	struct session *session;
	const struct message_metadata *request;
	msgpack_sbuffer topics;         /* encoded */
	uint32_t count;
};

static struct bytes text_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static bool is_wanted(const struct metadata *metadata, const struct topic *topic)
{
	struct message_list patterns = metadata->request->topics;
	struct bytes pattern;
	if (patterns.count == 0)
		return true;
	while (message_pattern_next(&patterns, &pattern))
		if (topic_pattern_matches(pattern, text_of(topic->name)))
			return true;
	return false;
}

static int encode_options(const struct topic_config *config, msgpack_sbuffer *options,
			  uint32_t *option_count, msgpack_sbuffer *set, uint32_t *set_count,
			  struct error *err)
{
	const struct topic_option *option;
	for (size_t n = 0; (option = topic_option(n)) != NULL; n++) {
		char text[TOPIC_CONFIG_TEXT_BYTES];
		topic_config_text(config, n, text, sizeof(text));
		struct message_option item = { text_of(option->name), text_of(text) };
		if (message_option_append(options, &item, err) != 0)
			return -1;
		(*option_count)++;
		if (!(config->set & (1u << n)))
			continue;
		if (message_option_name_append(set, &item.name, err) != 0)
			return -1;
		(*set_count)++;
	}
	return 0;
}

static int encode_partitions(struct session *session, const struct topic *topic,
			     msgpack_sbuffer *partitions, struct error *err)
{
	for (uint32_t n = 0; n < topic->partition_count; n++) {
		struct reader_ends ends;
		if (reader_ends(broker_reader(session->service->broker), topic->id, n, &ends, err) != 0)
			return -1;
		struct message_partition item = { ends.log_start, ends.visible_end, ends.bytes };
		if (message_partition_append(partitions, &item, err) != 0)
			return -1;
	}
	return 0;
}

/* The source that owns the topic, by name; '' when nobody has it any more. */
static int find_owner(struct session *session, uint16_t source_id,
		      char out[SOURCE_NAME_BYTES_MAX + 1], struct error *err)
{
	struct source source = { 0 };
	char after[SOURCE_NAME_BYTES_MAX + 1] = "";
	int rc;
	out[0] = '\0';
	while ((rc = sources_next(broker_reader(session->service->broker), after, &source, err)) == 1) {
		bool is_it = source.id == source_id;
		memcpy(after, source.name, sizeof(after));
		source_clear(&source);
		if (!is_it)
			continue;
		memcpy(out, after, sizeof(after));
		return 0;
	}
	return rc;
}

static int add_topic(struct metadata *metadata, const struct topic *topic, struct error *err)
{
	char owner[SOURCE_NAME_BYTES_MAX + 1];
	struct message_topic item = {
		.name = text_of(topic->name),
		.id = topic->id,
		.created_us = topic->created_us,
		.partitions = { .count = topic->partition_count },
	};
	msgpack_sbuffer options, set, partitions;
	msgpack_sbuffer_init(&options);
	msgpack_sbuffer_init(&set);
	msgpack_sbuffer_init(&partitions);
	int rc = encode_options(&topic->config, &options, &item.config.count, &set, &item.set.count, err);
	if (rc == 0)
		rc = encode_partitions(metadata->session, topic, &partitions, err);
	if (rc == 0 && topic->owner_source_id != SOURCE_PUBLISHED) {
		rc = find_owner(metadata->session, topic->owner_source_id, owner, err);
		item.owner = text_of(owner);
	}
	item.config.encoded = (struct bytes){ (const uint8_t *)options.data, options.size };
	item.set.encoded = (struct bytes){ (const uint8_t *)set.data, set.size };
	item.partitions.encoded = (struct bytes){ (const uint8_t *)partitions.data, partitions.size };
	if (rc == 0)
		rc = message_topic_append(&metadata->topics, &item, err);
	if (rc == 0)
		metadata->count++;
	msgpack_sbuffer_destroy(&options);
	msgpack_sbuffer_destroy(&set);
	msgpack_sbuffer_destroy(&partitions);
	return rc;
}

/* 1: there is more than fits, behind topic->name; 0: all; -1. */
static int collect(struct metadata *metadata, struct topic *topic, struct error *err)
{
	struct reader *reader = broker_reader(metadata->session->service->broker);
	size_t bytes_most = metadata->session->service->limits.frame_bytes_max / 2;
	struct topic next;
	int rc;
	while ((rc = topics_next(reader, topic->name, &next, err)) == 1) {
		if (metadata->topics.size >= bytes_most)
			return 1;
		*topic = next;
		if (is_wanted(metadata, topic) && add_topic(metadata, topic, err) != 0)
			return -1;
	}
	return rc;
}

/* A name without a star that is not there, and may be made. */
static bool find_missing(struct session *session, const struct message_metadata *request,
			 struct bytes *out)
{
	struct message_list patterns = request->topics;
	if (!request->create || !broker_creates_topics(session->service->broker))
		return false;
	while (message_pattern_next(&patterns, out))
		if (!topic_pattern_has_star(*out) &&
		    catalog_find(broker_catalog(session->service->broker), *out) == NULL)
			return true;
	return false;
}

int session_metadata(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_metadata request;
	struct message_metadata_reply reply = { .topics = { .count = 0 } };
	struct topic topic = { .name = "" };
	struct bytes missing;
	if (message_metadata_decode(frame->body, &request, err) != 0)
		return -1;
	/* One at a time: when it is made, the request is looked at again. */
	if (find_missing(session, &request, &missing))
		return topic_work_create_for(session, frame, missing, err);
	if (request.after.data != NULL)
		memcpy(topic.name, request.after.data, request.after.size);
	struct metadata metadata = { .session = session, .request = &request };
	msgpack_sbuffer_init(&metadata.topics);
	int rc = collect(&metadata, &topic, err);
	reply.topics = (struct message_list){
		.count = metadata.count,
		.encoded = { (const uint8_t *)metadata.topics.data, metadata.topics.size },
	};
	if (rc == 1)
		reply.next = text_of(topic.name);
	if (rc >= 0)
		rc = message_metadata_reply_encode(&session->output, frame->request_id, &reply, err);
	msgpack_sbuffer_destroy(&metadata.topics);
	if (rc == 0)
		session_flush(session);
	return rc;
}
