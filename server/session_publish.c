#include "server/session.h"

#include "protocol/message_publish.h"
#include "protocol/partitioner.h"
#include "server/topic_work.h"

#include <stdlib.h>
#include <string.h>

/* PUBLISH: a frame becomes one submission; the answer goes out when it is durable.
 * While the appender's queue is full, the submission waits in the session, which
 * takes no more input: that slows the publisher down, and nobody else. */
struct publish {
	struct completion completion;
	struct session *session;        /* held */
	uint32_t request_id;
	uint32_t record_count;
	struct submission *submission;  /* owned until it is submitted */
	struct error err;               /* the outcome */
	bool is_duplicate;
	msgpack_sbuffer ranges;         /* encoded, with their number */
	uint32_t range_count;
};

static void publish_destroy(struct publish *publish)
{
	struct session *session = publish->session;
	submission_destroy(publish->submission);
	msgpack_sbuffer_destroy(&publish->ranges);
	free(publish);
	session_release(session);
}

static void add_range(struct publish *publish, const struct message_range *range)
{
	if (range->count == 0 || publish->err.code != ERROR_NONE)
		return;
	if (message_range_append(&publish->ranges, range, &publish->err) == 0)
		publish->range_count++;
}

/* The appender's thread: note where the records are. */
static void note_ranges(struct publish *publish, const struct submission *submission)
{
	struct submission_cursor cursor = { 0 };
	struct submission_place place;
	struct message_range range = { 0 };
	while (submission_next(submission, &cursor, &place) == 1) {
		/* A duplicate of long ago: only that it is stored is known. */
		if (place.offset == UINT64_MAX)
			return;
		if (range.count > 0 && place.partition == range.partition &&
		    place.offset == range.first_offset + range.count) {
			range.count++;
			continue;
		}
		add_range(publish, &range);
		range = (struct message_range){ place.partition, place.offset, 1 };
	}
	add_range(publish, &range);
}

static void on_done(void *user, struct submission *submission,
		    const struct submission_result *result)
{
	struct publish *publish = user;
	publish->is_duplicate = result->is_duplicate;
	if (result->err != NULL)
		publish->err = *result->err;
	else
		note_ranges(publish, submission);
	broker_complete(publish->session->service->broker, &publish->completion);
}

/* The loop: answer. */
static void on_completed(struct completion *completion)
{
	struct publish *publish = (struct publish *)(void *)completion;
	struct session *session = publish->session;
	struct message_publish_reply reply = {
		.ranges = { .count = publish->range_count,
			    .encoded = { (const uint8_t *)publish->ranges.data, publish->ranges.size } },
		.duplicate = publish->is_duplicate,
	};
	struct error err = publish->err;
	if (err.code == ERROR_NONE) {
		session->service->received_count += publish->record_count;
		if (!session->has_ended &&
		    message_publish_reply_encode(&session->output, publish->request_id, &reply, &err) == 0)
			session_flush(session);
	}
	if (err.code != ERROR_NONE)
		session_refuse(session, FRAME_PUBLISH, publish->request_id, &err);
	publish_destroy(publish);
}

/* 1 submitted, 0 no room, -1 refused and answered; the latter takes it. */
static int try_submit(struct publish *publish)
{
	struct appender *appender = broker_appender(publish->session->service->broker);
	int rc = appender_try_submit(appender, publish->submission, &publish->err);
	if (rc == 1)
		publish->submission = NULL;
	if (rc == -1)
		on_completed(&publish->completion);
	return rc;
}

static void submit(struct publish *publish)
{
	struct session *session = publish->session;
	struct session_queue *waiting = &session->service->waiting;
	/* Where others wait, the first of them is told of room. */
	if (TAILQ_EMPTY(waiting) && try_submit(publish) != 0)
		return;
	TAILQ_INSERT_TAIL(waiting, session, waiting_link);
	session->waiting = publish;
	session->is_paused = true;
}

static void stop_waiting(struct session *session)
{
	TAILQ_REMOVE(&session->service->waiting, session, waiting_link);
	session->waiting = NULL;
}

bool session_publish_resume(struct session *session)
{
	struct publish *publish = session->waiting;
	/* First: a refusal that does not fit the output ends the session, and what waits with it. */
	stop_waiting(session);
	if (try_submit(publish) == 0) {
		TAILQ_INSERT_HEAD(&session->service->waiting, session, waiting_link);
		session->waiting = publish;
		return false;
	}
	session->is_paused = false;
	session->transport->on_resume(session);
	return true;
}

void session_publish_drop(struct session *session)
{
	if (session->waiting == NULL)
		return;
	struct publish *publish = session->waiting;
	stop_waiting(session);
	publish_destroy(publish);
}

static uint32_t choose_partition(struct catalog_topic *topic, const struct content *key)
{
	uint32_t count = topic->topic.partition_count;
	if (key->kind != CONTENT_NIL)
		return partition_for_key(key->bytes.data, key->bytes.size, count);
	return topic->next_partition++ % count;
}

static int add_records(struct publish *publish, struct catalog_topic *topic,
		       const struct message_publish *message, struct error *err)
{
	struct message_publish_cursor cursor;
	struct message_publish_record record;
	int rc;
	message_publish_open(&cursor, message);
	while ((rc = message_publish_next(&cursor, &record, err)) == 1) {
		uint32_t partition = message->partition != PUBLISH_ANY_PARTITION
					     ? message->partition
					     : choose_partition(topic, &record.key);
		if (submission_add_body(publish->submission, topic->topic.id, partition, record.body,
					record.time_us, err) != 0)
			return -1;
	}
	publish->record_count = message->count;
	return rc;
}

static int create(struct publish **out, struct session *session, uint32_t request_id,
		  struct error *err)
{
	struct publish *publish = calloc(1, sizeof(*publish));
	if (publish == NULL)
		return error_set(err, ERROR_MEMORY, "publishing");
	publish->completion.run = on_completed;
	publish->session = session;
	publish->request_id = request_id;
	msgpack_sbuffer_init(&publish->ranges);
	session_hold(session);
	if (submission_create(&publish->submission, SOURCE_PUBLISHED, err) != 0) {
		publish_destroy(publish);
		return -1;
	}
	submission_set_done(publish->submission, on_done, publish);
	*out = publish;
	return 0;
}

int session_publish(struct session *session, const struct frame *frame, struct error *err)
{
	struct message_publish message;
	struct publish *publish = NULL;
	if (message_publish_decode(frame->body, &message, err) != 0)
		return -1;
	struct catalog_topic *topic =
		catalog_find(broker_catalog(session->service->broker), message.topic);
	if (topic == NULL)
		return topic_work_create_for(session, frame, message.topic, err);
	if (message.partition != PUBLISH_ANY_PARTITION &&
	    message.partition >= topic->topic.partition_count)
		return error_set(err, ERROR_NOT_FOUND, "topic '%s' has %u partitions, there is no %u",
				 topic->topic.name, topic->topic.partition_count, message.partition);
	if (create(&publish, session, frame->request_id, err) != 0)
		return -1;
	if (add_records(publish, topic, &message, err) != 0) {
		publish_destroy(publish);
		return -1;
	}
	submission_set_producer(publish->submission, message.producer, message.sequence);
	submit(publish);
	return 0;
}
