#include "protocol/message_topic.h"
#include "server/session.h"
#include "server/topic_work.h"
#include "storage/schemas.h"

#include <stdlib.h>
#include <string.h>

struct topic_work {
	struct broker_work work;
	STAILQ_ENTRY(topic_work) link;  /* of the service's, the first is at work */
	struct session *session;        /* held */
	uint8_t type;                   /* what it answers */
	uint32_t request_id;
	struct topic topic;
	uint8_t *body;                  /* owned: of a PUBLISH or METADATA that waits for its topic */
	size_t body_bytes;
	struct error err;
};

static struct bytes name_of(const struct topic *topic)
{
	return (struct bytes){ (const uint8_t *)topic->name, strlen(topic->name) };
}

static void work(struct broker_work *base)
{
	struct topic_work *work = (struct topic_work *)(void *)base;
	struct appender *appender = broker_appender(base->broker);
	switch (work->type) {
	case FRAME_TOPIC_CONFIGURE:
		topics_configure(appender, work->topic.name, &work->topic.config, &work->err);
		break;
	case FRAME_TOPIC_DELETE:
		topics_delete(appender, work->topic.name, &work->err);
		break;
	default:
		topics_create(appender, &work->topic, &work->err);
		break;
	}
}

static int answer(struct topic_work *work, struct error *err)
{
	struct session *session = work->session;
	struct message_topic_create_reply created = { .id = work->topic.id };
	if (work->type == FRAME_TOPIC_CREATE)
		return message_topic_create_reply_encode(&session->output, work->request_id, &created, err);
	return message_empty_encode(&session->output, work->type, FRAME_FLAG_REPLY, work->request_id,
				    err);
}

/* The topic that a PUBLISH or METADATA waited for is there, or is not. */
static void handle_again(struct topic_work *work)
{
	struct session *session = work->session;
	session_handler *handler = work->type == FRAME_PUBLISH ? session_publish : session_metadata;
	struct frame frame = {
		.type = work->type,
		.request_id = work->request_id,
		.body = { work->body, work->body_bytes },
	};
	session->is_paused = false;
	/* Made by another meanwhile, it has come into the catalog before this. */
	if (work->err.code == ERROR_EXISTS &&
	    catalog_find(broker_catalog(session->service->broker), name_of(&work->topic)) != NULL)
		work->err.code = ERROR_NONE;
	if (session->has_ended)
		return;
	if (work->err.code != ERROR_NONE || handler(session, &frame, &work->err) != 0)
		session_refuse(session, work->type, work->request_id, &work->err);
	if (!session->is_paused && !session->has_ended)
		session->transport->on_resume(session);
}

static void on_done(struct broker_work *base);

static void run_first(struct service *service)
{
	struct topic_work *first = STAILQ_FIRST(&service->topic_works);
	if (first != NULL && broker_run(service->broker, &first->work, &first->err) != 0)
		on_done(&first->work);
}

static void on_done(struct broker_work *base)
{
	struct topic_work *work = (struct topic_work *)(void *)base;
	struct session *session = work->session;
	struct error err = work->err;
	STAILQ_REMOVE_HEAD(&session->service->topic_works, link);
	run_first(session->service);
	if (err.code == ERROR_NONE && work->type == FRAME_TOPIC_CONFIGURE)
		broker_topic_configured(base->broker, &work->topic);
	else if (err.code == ERROR_NONE && work->type == FRAME_TOPIC_DELETE)
		broker_topic_removed(base->broker, name_of(&work->topic));
	else if (err.code == ERROR_NONE)
		broker_topic_added(base->broker, &work->topic);

	if (work->body != NULL) {
		handle_again(work);
	} else if (!session->has_ended) {
		if (err.code == ERROR_NONE && answer(work, &err) == 0)
			session_flush(session);
		else
			session_refuse(session, work->type, work->request_id, &err);
	}
	free(work->body);
	free(work);
	session_release(session);
}

static struct topic_work *create(struct session *session, const struct frame *frame,
				 struct bytes name, struct error *err)
{
	struct topic_work *work = calloc(1, sizeof(*work));
	if (topic_name_check(name, err) != 0) {
		free(work);
		return NULL;
	}
	if (work == NULL) {
		error_set(err, ERROR_MEMORY, "a topic");
		return NULL;
	}
	work->work.work = NULL;
	work->session = session;
	work->type = frame->type;
	work->request_id = frame->request_id;
	memcpy(work->topic.name, name.data, name.size);
	return work;
}

/* One after the other: what two threads have done would reach the catalog in any order. */
static void start(struct topic_work *started)
{
	struct service *service = started->session->service;
	bool is_first = STAILQ_EMPTY(&service->topic_works);
	started->work.broker = service->broker;
	started->work.work = work;
	started->work.on_done = on_done;
	session_hold(started->session);
	STAILQ_INSERT_TAIL(&service->topic_works, started, link);
	if (is_first)
		run_first(service);
}

/* What the topic is made with, before what the request says. */
static void set_defaults(struct session *session, struct topic *topic)
{
	topic->partition_count = session->service->limits.default_partitions;
	topic_config_init(&topic->config);
	broker_topic_defaults(session->service->broker, topic);
}

int topic_work_create_for(struct session *session, const struct frame *frame, struct bytes name,
			  struct error *err)
{
	if (!broker_creates_topics(session->service->broker))
		return error_set(err, ERROR_NOT_FOUND, "there is no topic '%.*s'; create it first",
				 (int)name.size, (const char *)name.data);
	struct topic_work *created = create(session, frame, name, err);
	if (created == NULL)
		return -1;
	set_defaults(session, &created->topic);
	created->body = malloc(frame->body.size);
	if (created->body == NULL) {
		free(created);
		return error_set(err, ERROR_MEMORY, "publishing");
	}
	memcpy(created->body, frame->body.data, frame->body.size);
	created->body_bytes = frame->body.size;
	session->is_paused = true;
	start(created);
	return 0;
}

/* Two changes that begin with the same configuration would undo each other. */
static int check_unchanged(struct session *session, struct bytes name, struct error *err)
{
	const struct topic_work *work;
	STAILQ_FOREACH(work, &session->service->topic_works, link)
		if (work->type == FRAME_TOPIC_CONFIGURE && strlen(work->topic.name) == name.size &&
		    memcmp(work->topic.name, name.data, name.size) == 0)
			return error_set(err, ERROR_BUSY, "topic '%s' is being changed just now; try again",
					 work->topic.name);
	return 0;
}

/* Option names and values come as lent bytes, storage takes texts. */
static int set_option(struct topic_config *config, const struct message_option *option,
		      struct error *err)
{
	char name[OPTION_NAME_BYTES_MAX + 1] = "", value[OPTION_VALUE_BYTES_MAX + 1] = "";
	memcpy(name, option->name.data, option->name.size);
	memcpy(value, option->value.data, option->value.size);
	return topic_config_set(config, name, value, err);
}

static int set_options(struct topic_config *config, struct message_list options,
		       struct error *err)
{
	struct message_option option;
	while (message_option_next(&options, &option))
		if (set_option(config, &option, err) != 0)
			return -1;
	return 0;
}

int session_topic_create(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_topic_create message;
	if (message_topic_create_decode(frame->body, &message, err) != 0)
		return -1;
	struct topic_work *created = create(session, frame, message.name, err);
	if (created == NULL)
		return -1;
	set_defaults(session, &created->topic);
	if (message.partitions != 0)
		created->topic.partition_count = message.partitions;
	if (set_options(&created->topic.config, message.config, err) != 0) {
		free(created);
		return -1;
	}
	start(created);
	return 0;
}

static int unset_options(struct topic_config *config, struct message_list names,
			 struct error *err)
{
	struct bytes name;
	while (message_option_name_next(&names, &name)) {
		char text[OPTION_NAME_BYTES_MAX + 1] = "";
		memcpy(text, name.data, name.size);
		if (topic_config_unset(config, text, err) != 0)
			return -1;
	}
	return 0;
}

static struct catalog_topic *find(struct session *session, struct bytes name, struct error *err)
{
	struct catalog_topic *topic = catalog_find(broker_catalog(session->service->broker), name);
	if (topic == NULL)
		error_set(err, ERROR_NOT_FOUND, "there is no topic '%.*s'", (int)name.size,
			  (const char *)name.data);
	return topic;
}

int session_topic_configure(struct session *session, const struct frame *frame,
			    struct error *err)
{
	struct message_topic_configure message;
	if (message_topic_configure_decode(frame->body, &message, err) != 0)
		return -1;
	struct catalog_topic *topic = find(session, message.name, err);
	if (topic == NULL || check_unchanged(session, message.name, err) != 0)
		return -1;
	struct topic_work *configured = create(session, frame, message.name, err);
	if (configured == NULL)
		return -1;
	configured->topic = topic->topic;
	if (set_options(&configured->topic.config, message.set, err) != 0 ||
	    unset_options(&configured->topic.config, message.unset, err) != 0) {
		free(configured);
		return -1;
	}
	start(configured);
	return 0;
}

int session_topic_delete(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_topic_delete message;
	if (message_topic_delete_decode(frame->body, &message, err) != 0 ||
	    find(session, message.name, err) == NULL)
		return -1;
	struct topic_work *deleted = create(session, frame, message.name, err);
	if (deleted == NULL)
		return -1;
	start(deleted);
	return 0;
}

int session_offsets(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_offsets message;
	struct message_offsets_reply reply = { 0 };
	struct reader_ends ends;
	struct reader *reader = broker_reader(session->service->broker);
	if (message_offsets_decode(frame->body, &message, err) != 0)
		return -1;
	struct catalog_topic *topic = find(session, message.topic, err);
	if (topic == NULL ||
	    reader_ends(reader, topic->topic.id, message.partition, &ends, err) != 0 ||
	    reader_offset_for_time(reader, topic->topic.id, message.partition, message.time_us,
				   &reply.offset, err) != 0)
		return -1;
	reply.log_start = ends.log_start;
	reply.visible_end = ends.visible_end;
	if (message_offsets_reply_encode(&session->output, frame->request_id, &reply, err) != 0)
		return -1;
	session_flush(session);
	return 0;
}

int session_schema(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_schema message;
	struct message_schema_reply reply;
	msgpack_sbuffer encoded;
	if (message_schema_decode(frame->body, &message, err) != 0)
		return -1;
	msgpack_sbuffer_init(&encoded);
	int rc = schemas_read(broker_reader(session->service->broker), message.id, &encoded, err);
	if (rc == 0) {
		reply.id = message.id;
		reply.schema = (struct bytes){ (const uint8_t *)encoded.data, encoded.size };
		rc = message_schema_reply_encode(&session->output, frame->request_id, &reply, err);
	}
	msgpack_sbuffer_destroy(&encoded);
	if (rc == 0)
		session_flush(session);
	return rc;
}
