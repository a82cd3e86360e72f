#include "client/client.h"

#include "client/client_page.h"
#include "protocol/message_topic.h"

#include <stdlib.h>

/* Topics, as the public header has them. */

static struct bytes text_bytes(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, text != NULL ? strlen(text) : 0 };
}

static struct message_list list_of(uint32_t count, const msgpack_sbuffer *encoded)
{
	return (struct message_list){ .count = count,
				      .encoded = { (const uint8_t *)encoded->data, encoded->size } };
}

static int encode(const struct call *call, msgpack_sbuffer *frame, uint32_t id,
		  struct error *err)
{
	return message_encode(message_layout_of((uint8_t)call->type, false), frame, id,
			      call->message, err);
}

/* ---- Walking them ---- */

/* One topic as the caller sees it: texts ended by zeros. */
struct view {
	struct millstream_topic topic;
	struct millstream_setting *settings;
	struct millstream_partition *partitions;
	char *texts;
	size_t text_bytes;
};

static const char *add_text(struct view *view, struct bytes text)
{
	char *at = view->texts + view->text_bytes;

	if (text.data == NULL)
		return NULL;
	memcpy(at, text.data, text.size);
	at[text.size] = '\0';
	view->text_bytes += text.size + 1;
	return at;
}

static void clear(struct view *view)
{
	free(view->settings);
	free(view->partitions);
	free(view->texts);
}

static bool is_set(struct message_list names, struct bytes name)
{
	struct bytes set;

	while (message_option_name_next(&names, &set))
		if (set.size == name.size && memcmp(set.data, name.data, name.size) == 0)
			return true;
	return false;
}

static void fill_lists(struct view *view, const struct message_topic *from)
{
	struct message_list config = from->config;
	struct message_list partitions = from->partitions;
	struct message_option option;
	struct message_partition partition;

	while (message_option_next(&config, &option))
		view->settings[view->topic.setting_count++] = (struct millstream_setting){
			.name = add_text(view, option.name),
			.value = add_text(view, option.value),
			.is_set = is_set(from->set, option.name),
		};
	while (message_partition_next(&partitions, &partition))
		view->partitions[view->topic.partition_count++] = (struct millstream_partition){
			partition.log_start, partition.visible_end, partition.bytes
		};
}

static int fill(struct view *view, const struct message_topic *from, struct error *err)
{
	/* Every text of the reply, and a zero behind each. */
	size_t bytes = from->name.size + from->owner.size + from->config.encoded.size +
		       2 * (size_t)from->config.count + 2;

	*view = (struct view){ .topic = { .id = from->id, .created_us = from->created_us } };
	view->settings = calloc(from->config.count + 1, sizeof(*view->settings));
	view->partitions = calloc(from->partitions.count + 1, sizeof(*view->partitions));
	view->texts = malloc(bytes);
	if (view->settings == NULL || view->partitions == NULL || view->texts == NULL) {
		clear(view);
		return error_set(err, ERROR_MEMORY, "no memory for a topic");
	}
	view->topic.name = add_text(view, from->name);
	view->topic.owner = add_text(view, from->owner);
	fill_lists(view, from);
	view->topic.settings = view->settings;
	view->topic.partitions = view->partitions;
	return 0;
}

/* 1 all were handed out, 0 the caller has enough, -1. */
static int hand_out(struct millstream_client *client, struct message_list topics,
		    bool (*each)(void *user, const struct millstream_topic *topic), void *user,
		    struct error *err)
{
	struct message_topic topic;
	struct view view;

	while (message_topic_next(&topics, &topic)) {
		if (fill(&view, &topic, err) != 0)
			return -1;
		client->is_calling_back = true;
		bool goes_on = each(user, &view.topic);
		client->is_calling_back = false;
		clear(&view);
		if (!goes_on)
			return 0;
	}
	return 1;
}

static int walk(struct millstream_client *client, struct message_metadata *message,
		bool (*each)(void *user, const struct millstream_topic *topic), void *user,
		int64_t deadline_ms)
{
	uint8_t after[TOPIC_NAME_BYTES_MAX];
	struct error err = { 0 };

	for (;;) {
		struct message_metadata_reply reply;
		struct call call = {
			.type = FRAME_METADATA,
			.encode = encode,
			.message = message,
			.deadline_ms = deadline_ms,
		};
		int code = client_call(client, &call);
		if (code != MILLSTREAM_OK)
			return code;
		if (message_metadata_reply_decode(client_reply(client), &reply, &err) != 0)
			return client_fail(client, &err, false);
		int rc = hand_out(client, reply.topics, each, user, &err);
		if (rc < 0)
			return client_fail(client, &err, false);
		if (rc == 0 || !client_next_page(reply.next, after, sizeof(after), &message->after))
			return MILLSTREAM_OK;
	}
}

MILLSTREAM_API int millstream_topics(struct millstream_client *client, const char *const *patterns,
				     size_t pattern_count,
				     bool (*each)(void *user, const struct millstream_topic *topic),
				     void *user, int timeout_ms)
{
	struct message_metadata message = { .topics = { .count = 0 } };
	struct error err = { 0 };
	msgpack_sbuffer encoded;
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	msgpack_sbuffer_init(&encoded);
	for (size_t i = 0; i < pattern_count && err.code == ERROR_NONE; i++) {
		struct bytes pattern = text_bytes(patterns[i]);
		message_pattern_append(&encoded, &pattern, &err);
	}
	message.topics = list_of((uint32_t)pattern_count, &encoded);
	code = err.code != ERROR_NONE
		       ? client_fail(client, &err, false)
		       : walk(client, &message, each, user, client_deadline(timeout_ms));
	msgpack_sbuffer_destroy(&encoded);
	return code;
}

/* ---- Changing them ---- */

static int encode_settings(const struct millstream_setting *settings, size_t count,
			   msgpack_sbuffer *out, struct error *err)
{
	if (count > OPTIONS_MAX)
		return error_set(err, ERROR_LIMIT, "%zu settings: at most %d", count, OPTIONS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct message_option option = { text_bytes(settings[i].name),
						 text_bytes(settings[i].value) };
		if (message_option_append(out, &option, err) != 0)
			return -1;
	}
	return 0;
}

static int encode_names(const char *const *names, size_t count, msgpack_sbuffer *out,
			struct error *err)
{
	if (count > OPTIONS_MAX)
		return error_set(err, ERROR_LIMIT, "%zu settings: at most %d", count, OPTIONS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct bytes name = text_bytes(names[i]);
		if (message_option_name_append(out, &name, err) != 0)
			return -1;
	}
	return 0;
}

/* Ask once: whether it was done is not known when the connection goes. */
static int ask_once(struct millstream_client *client, enum frame_type type, const void *message,
		    int timeout_ms)
{
	struct call call = {
		.type = type,
		.encode = encode,
		.message = message,
		.is_once = true,
		.deadline_ms = client_deadline(timeout_ms),
	};

	return client_call(client, &call);
}

MILLSTREAM_API int millstream_topic_create(struct millstream_client *client, const char *name,
					   uint32_t partition_count,
					   const struct millstream_setting *settings,
					   size_t setting_count, int timeout_ms)
{
	struct message_topic_create message = { .name = text_bytes(name),
						.partitions = partition_count };
	struct error err = { 0 };
	msgpack_sbuffer encoded;
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	msgpack_sbuffer_init(&encoded);
	if (encode_settings(settings, setting_count, &encoded, &err) != 0) {
		code = client_fail(client, &err, false);
	} else {
		message.config = list_of((uint32_t)setting_count, &encoded);
		code = ask_once(client, FRAME_TOPIC_CREATE, &message, timeout_ms);
	}
	msgpack_sbuffer_destroy(&encoded);
	return code;
}

MILLSTREAM_API int millstream_topic_configure(struct millstream_client *client, const char *name,
					      const struct millstream_setting *set,
					      size_t set_count, const char *const *unset,
					      size_t unset_count, int timeout_ms)
{
	struct message_topic_configure message = { .name = text_bytes(name) };
	struct error err = { 0 };
	msgpack_sbuffer encoded_set, encoded_unset;
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	msgpack_sbuffer_init(&encoded_set);
	msgpack_sbuffer_init(&encoded_unset);
	if (encode_settings(set, set_count, &encoded_set, &err) != 0 ||
	    encode_names(unset, unset_count, &encoded_unset, &err) != 0) {
		code = client_fail(client, &err, false);
	} else {
		message.set = list_of((uint32_t)set_count, &encoded_set);
		message.unset = list_of((uint32_t)unset_count, &encoded_unset);
		code = ask_once(client, FRAME_TOPIC_CONFIGURE, &message, timeout_ms);
	}
	msgpack_sbuffer_destroy(&encoded_set);
	msgpack_sbuffer_destroy(&encoded_unset);
	return code;
}

MILLSTREAM_API int millstream_topic_delete(struct millstream_client *client, const char *name,
					   int timeout_ms)
{
	struct message_topic_delete message = { .name = text_bytes(name) };
	int code = client_enter(client);

	return code != MILLSTREAM_OK ? code
				     : ask_once(client, FRAME_TOPIC_DELETE, &message, timeout_ms);
}

MILLSTREAM_API int millstream_offset_for_time(struct millstream_client *client, const char *topic,
					      uint32_t partition, int64_t time_us, int timeout_ms,
					      struct millstream_offsets *out)
{
	struct message_offsets message = { text_bytes(topic), partition, time_us };
	struct message_offsets_reply reply;
	struct call call = {
		.type = FRAME_OFFSETS,
		.encode = encode,
		.message = &message,
		.deadline_ms = client_deadline(timeout_ms),
	};
	struct error err = { 0 };
	int code = client_enter(client);

	if (code == MILLSTREAM_OK)
		code = client_call(client, &call);
	if (code != MILLSTREAM_OK)
		return code;
	if (message_offsets_reply_decode(client_reply(client), &reply, &err) != 0)
		return client_fail(client, &err, false);
	*out = (struct millstream_offsets){ reply.offset, reply.log_start, reply.visible_end };
	return MILLSTREAM_OK;
}

MILLSTREAM_API int millstream_schema(struct millstream_client *client, uint32_t id, int timeout_ms,
				     const void **out, size_t *out_bytes)
{
	struct message_schema message = { id };
	struct message_schema_reply reply;
	struct call call = {
		.type = FRAME_SCHEMA,
		.encode = encode,
		.message = &message,
		.deadline_ms = client_deadline(timeout_ms),
	};
	struct bytes schema = schema_cache_find(&client->schemas, id);
	struct error err = { 0 };
	int code = client_enter(client);

	if (code != MILLSTREAM_OK)
		return code;
	if (schema.data == NULL) {
		code = client_call(client, &call);
		if (code != MILLSTREAM_OK)
			return code;
		if (message_schema_reply_decode(client_reply(client), &reply, &err) != 0 ||
		    schema_cache_add(&client->schemas, id, reply.schema, &err) != 0)
			return client_fail(client, &err, false);
		schema = schema_cache_find(&client->schemas, id);
	}
	*out = schema.data;
	*out_bytes = schema.size;
	return MILLSTREAM_OK;
}
