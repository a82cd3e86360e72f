#include "server/service.h"

#include "server/log.h"
#include "server/session.h"

void service_init(struct service *service, const struct service_limits *limits, int64_t now_ms)
{
	*service = (struct service){ .limits = *limits, .start_ms = now_ms, .state = "ready" };
	LIST_INIT(&service->sessions);
	TAILQ_INIT(&service->ready);
	TAILQ_INIT(&service->waiting);
	STAILQ_INIT(&service->topic_works);
}

static void on_visible(void *user, struct catalog_topic *topic, uint32_t partition)
{
	struct cursor *cursor;
	(void)user;
	LIST_FOREACH(cursor, &topic->partitions[partition].cursors, partition_link)
		cursor_update(cursor);
}

/* A subscription by pattern follows a new topic from its beginning. */
static void follow(struct subscription *subscription, struct catalog_topic *topic)
{
	struct session *session = subscription->session;
	const struct topic *described = &topic->topic;
	for (uint32_t n = 0; n < described->partition_count; n++) {
		struct error err = { 0 };
		if (!subscription_has_partition(subscription, n))
			continue;
		struct message_notice notice = {
			.kind = NOTICE_PARTITION_ADDED,
			.topic = { (const uint8_t *)described->name, strlen(described->name) },
			.topic_id = described->id,
			.partition = n,
			.end_offset = topic->partitions[n].visible_end,
		};
		if (subscription_add_cursor(subscription, topic, n, 0, &err) != 0) {
			notice.kind = NOTICE_REFUSED;
			notice.text = (struct bytes){ (const uint8_t *)err.text, strlen(err.text) };
		}
		if (message_notice_encode(&session->output, subscription->request_id, &notice, &err) != 0) {
			session_end(session, &err);
			return;
		}
		if (notice.kind == NOTICE_PARTITION_ADDED)
			cursor_update(LIST_FIRST(&subscription->cursors));
	}
}

static void on_topic_added(void *user, struct catalog_topic *topic)
{
	struct service *service = user;
	struct session *session, *next;
	for (session = LIST_FIRST(&service->sessions); session != NULL; session = next) {
		struct subscription *subscription, *after;
		next = LIST_NEXT(session, link);
		/* Ending a session ends its subscriptions, this list with them. */
		for (subscription = LIST_FIRST(&session->subscriptions);
		     subscription != NULL && !session->has_ended; subscription = after) {
			after = LIST_NEXT(subscription, link);
			if (subscription_matches(subscription, &topic->topic))
				follow(subscription, topic);
		}
		if (!session->has_ended && session->output.size > 0)
			session_flush(session);
	}
}

static void tell_deleted(struct subscription *subscription, const struct topic *topic)
{
	struct session *session = subscription->session;
	struct error err;
	struct message_notice notice = {
		.kind = NOTICE_TOPIC_DELETED,
		.topic = { (const uint8_t *)topic->name, strlen(topic->name) },
		.topic_id = topic->id,
	};
	if (message_notice_encode(&session->output, subscription->request_id, &notice, &err) != 0)
		session_end(session, &err);
	else
		session_flush(session);
}

/* One subscription's cursors of the topic. */
static void drop_cursors(struct subscription *subscription, const struct catalog_topic *topic)
{
	struct cursor *cursor, *next;
	for (cursor = LIST_FIRST(&subscription->cursors); cursor != NULL; cursor = next) {
		next = LIST_NEXT(cursor, subscription_link);
		if (cursor->topic == topic)
			cursor_destroy(cursor);
	}
	subscription_update(subscription);
}

static void on_topic_removed(void *user, struct catalog_topic *topic)
{
	(void)user;
	for (uint32_t n = 0; n < topic->topic.partition_count; n++) {
		struct cursor *cursor;
		while ((cursor = LIST_FIRST(&topic->partitions[n].cursors)) != NULL) {
			struct subscription *subscription = cursor->subscription;
			drop_cursors(subscription, topic);
			tell_deleted(subscription, &topic->topic);
		}
	}
}

static void on_room(void *user)
{
	struct service *service = user;
	struct session *session;
	/* Whoever has more to publish behind that is the last again. */
	while ((session = TAILQ_FIRST(&service->waiting)) != NULL)
		if (!session_publish_resume(session))
			break;
}

static void on_state(void *user, enum appender_state state, const struct error *err)
{
	struct service *service = user;
	switch (state) {
	case APPENDER_RUNNING:
		service->state = "ready";
		log_info("there is room on the disk again: writing resumes");
		break;
	case APPENDER_DISK_FULL:
		service->state = "disk full";
		log_error("disk full (%s): reading goes on, writing resumes by itself when there is room",
			  err->text);
		break;
	case APPENDER_FAILED:
		service->state = "failed";
		log_error("the log failed: %s", err->text);
		break;
	case APPENDER_STOPPED:
		break;
	}
}

const struct broker_observer service_broker_observer = {
	.on_visible = on_visible,
	.on_topic_added = on_topic_added,
	.on_topic_removed = on_topic_removed,
	.on_room = on_room,
	.on_state = on_state,
};
