#include "server/broker.h"

#include <stdlib.h>
#include <string.h>

struct announcement {
	uint32_t topic_id;
	uint32_t partition;
	uint64_t visible_end;
};

/* What other threads have for the loop, since it last looked. */
struct mailbox {
	pthread_mutex_t lock;           /* guards all of it */
	struct announcement *announcements;     /* owned array */
	size_t announcement_count;
	size_t announcement_capacity;
	bool has_overflowed;            /* memory was short: look at every partition */
	struct completion_list completions;
	bool has_room;
	bool has_state;
	enum appender_state state;
	struct error state_err;
};

struct broker {
	struct broker_options options;
	struct broker_observer observer;
	uv_loop_t *loop;
	uv_async_t wakeup;
	struct mailbox mailbox;
	struct announcement *spare;     /* swapped with the mailbox's, to look without the lock */
	size_t spare_capacity;
	struct store *store;
	struct appender *appender;
	struct reader *reader;
	struct catalog catalog;
	unsigned int work_count;
	bool is_stopping;
};

/* The appender's thread. */
static void on_visible(void *user, uint32_t topic_id, uint32_t partition, uint64_t visible_end)
{
	struct broker *broker = user;
	struct mailbox *mailbox = &broker->mailbox;
	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->announcement_count == mailbox->announcement_capacity) {
		size_t capacity = mailbox->announcement_capacity * 2 + 64;
		struct announcement *grown =
			realloc(mailbox->announcements, capacity * sizeof(*grown));
		if (grown == NULL) {
			mailbox->has_overflowed = true;
			goto out;
		}
		mailbox->announcements = grown;
		mailbox->announcement_capacity = capacity;
	}
	mailbox->announcements[mailbox->announcement_count++] =
		(struct announcement){ topic_id, partition, visible_end };
out:
	pthread_mutex_unlock(&mailbox->lock);
	uv_async_send(&broker->wakeup);
}

static void on_state(void *user, enum appender_state state, const struct error *err)
{
	struct broker *broker = user;
	pthread_mutex_lock(&broker->mailbox.lock);
	broker->mailbox.has_state = true;
	broker->mailbox.state = state;
	broker->mailbox.state_err = err != NULL ? *err : (struct error){ 0 };
	pthread_mutex_unlock(&broker->mailbox.lock);
	uv_async_send(&broker->wakeup);
}

static void on_room(void *user)
{
	struct broker *broker = user;
	pthread_mutex_lock(&broker->mailbox.lock);
	broker->mailbox.has_room = true;
	pthread_mutex_unlock(&broker->mailbox.lock);
	uv_async_send(&broker->wakeup);
}

void broker_complete(struct broker *broker, struct completion *completion)
{
	pthread_mutex_lock(&broker->mailbox.lock);
	STAILQ_INSERT_TAIL(&broker->mailbox.completions, completion, link);
	pthread_mutex_unlock(&broker->mailbox.lock);
	uv_async_send(&broker->wakeup);
}

static void announce(struct broker *broker, struct catalog_topic *topic, uint32_t partition,
		     uint64_t visible_end)
{
	if (topic->partitions[partition].visible_end >= visible_end)
		return;
	topic->partitions[partition].visible_end = visible_end;
	if (broker->observer.on_visible != NULL)
		broker->observer.on_visible(broker->observer.user, topic, partition);
}

static void announce_all(struct broker *broker)
{
	struct catalog_topic *topic;
	LIST_FOREACH(topic, &broker->catalog.topics, link)
		for (uint32_t n = 0; n < topic->topic.partition_count; n++) {
			struct reader_ends ends;
			if (reader_ends(broker->reader, topic->topic.id, n, &ends, NULL) == 0)
				announce(broker, topic, n, ends.visible_end);
		}
}

/* Take what is in the mailbox and act on it. */
static void drain(struct broker *broker)
{
	struct mailbox *mailbox = &broker->mailbox, taken;
	pthread_mutex_lock(&mailbox->lock);
	taken = *mailbox;
	mailbox->announcements = broker->spare;
	mailbox->announcement_capacity = broker->spare_capacity;
	mailbox->announcement_count = 0;
	mailbox->has_overflowed = mailbox->has_room = mailbox->has_state = false;
	STAILQ_INIT(&mailbox->completions);
	pthread_mutex_unlock(&mailbox->lock);
	broker->spare = taken.announcements;
	broker->spare_capacity = taken.announcement_capacity;

	if (taken.has_state && broker->observer.on_state != NULL)
		broker->observer.on_state(broker->observer.user, taken.state,
					  taken.state_err.code != ERROR_NONE ? &taken.state_err : NULL);
	/* Publishers hear first, then subscribers. */
	struct completion *completion = STAILQ_FIRST(&taken.completions);
	while (completion != NULL) {
		struct completion *next = STAILQ_NEXT(completion, link);
		completion->run(completion);
		completion = next;
	}
	for (size_t i = 0; i < taken.announcement_count; i++) {
		const struct announcement *announcement = &taken.announcements[i];
		struct catalog_topic *topic = catalog_topic(&broker->catalog, announcement->topic_id);
		if (topic != NULL)
			announce(broker, topic, announcement->partition, announcement->visible_end);
	}
	if (taken.has_overflowed)
		announce_all(broker);
	if (taken.has_room && !broker->is_stopping && broker->observer.on_room != NULL)
		broker->observer.on_room(broker->observer.user);
}

static void on_wakeup(uv_async_t *handle)
{
	drain(handle->data);
}

int broker_open(struct broker **out, uv_loop_t *loop, const struct broker_options *options,
		const struct broker_observer *observer, struct error *err)
{
	struct broker *broker = calloc(1, sizeof(*broker));
	if (broker == NULL)
		return error_set(err, ERROR_MEMORY, "opening the log");
	broker->options = *options;
	broker->observer = *observer;
	broker->loop = loop;
	STAILQ_INIT(&broker->mailbox.completions);
	LIST_INIT(&broker->catalog.topics);
	pthread_mutex_init(&broker->mailbox.lock, NULL);
	struct appender_options appender = options->appender;
	appender.observer = (struct appender_observer){ on_visible, on_state, on_room, broker };
	if (store_open(&broker->store, &options->store, err) != 0 ||
	    reader_open(&broker->reader, broker->store, err) != 0 ||
	    catalog_load(&broker->catalog, broker->reader, err) != 0)
		goto fail;
	int rc = uv_async_init(loop, &broker->wakeup, on_wakeup);
	if (rc != 0) {
		error_set(err, ERROR_MEMORY, "the loop: %s", uv_strerror(rc));
		goto fail;
	}
	broker->wakeup.data = broker;
	if (appender_start(&broker->appender, broker->store, &appender, err) != 0) {
		uv_close((uv_handle_t *)&broker->wakeup, NULL);
		uv_run(loop, UV_RUN_NOWAIT);
		goto fail;
	}
	*out = broker;
	return 0;
fail:
	broker_close(broker);
	return -1;
}

unsigned int broker_work_count(const struct broker *broker)
{
	return broker->work_count;
}

void broker_stop(struct broker *broker)
{
	broker->is_stopping = true;
	appender_stop(broker->appender);
	broker->appender = NULL;
	drain(broker);
	uv_close((uv_handle_t *)&broker->wakeup, NULL);
}

void broker_close(struct broker *broker)
{
	if (broker == NULL)
		return;
	catalog_clear(&broker->catalog);
	reader_close(broker->reader);
	store_close(broker->store);
	free(broker->spare);
	free(broker->mailbox.announcements);
	pthread_mutex_destroy(&broker->mailbox.lock);
	free(broker);
}

struct appender *broker_appender(struct broker *broker)
{
	return broker->appender;
}

struct reader *broker_reader(struct broker *broker)
{
	return broker->reader;
}

struct catalog *broker_catalog(struct broker *broker)
{
	return &broker->catalog;
}

struct store *broker_store(struct broker *broker)
{
	return broker->store;
}

bool broker_creates_topics(const struct broker *broker)
{
	return broker->options.creates_topics;
}

void broker_topic_defaults(const struct broker *broker, struct topic *topic)
{
	if (broker->options.topic_defaults != NULL)
		broker->options.topic_defaults(broker->options.user, topic);
}

static void on_work(uv_work_t *request)
{
	struct broker_work *work = request->data;
	work->work(work);
}

static void on_after_work(uv_work_t *request, int status)
{
	struct broker_work *work = request->data;
	(void)status;           /* works are never cancelled */
	work->broker->work_count--;
	work->on_done(work);
}

int broker_run(struct broker *broker, struct broker_work *work, struct error *err)
{
	work->broker = broker;
	work->request.data = work;
	int rc = uv_queue_work(broker->loop, &work->request, on_work, on_after_work);
	if (rc != 0)
		return error_set(err, ERROR_MEMORY, "queue work: %s", uv_strerror(rc));
	broker->work_count++;
	return 0;
}

void broker_topic_added(struct broker *broker, const struct topic *topic)
{
	struct catalog_topic *added;
	struct bytes name = { (const uint8_t *)topic->name, strlen(topic->name) };
	if (catalog_find(&broker->catalog, name) != NULL)
		return;
	/* Short of memory, the topic is there after the next start; nothing is lost. */
	if (catalog_add(&broker->catalog, topic, &added, NULL) != 0)
		return;
	if (broker->observer.on_topic_added != NULL)
		broker->observer.on_topic_added(broker->observer.user, added);
}

void broker_topic_configured(struct broker *broker, const struct topic *topic)
{
	struct catalog_topic *found = catalog_topic(&broker->catalog, topic->id);
	if (found != NULL)
		found->topic.config = topic->config;
}

void broker_topic_removed(struct broker *broker, struct bytes name)
{
	struct catalog_topic *topic = catalog_find(&broker->catalog, name);
	if (topic == NULL)
		return;
	if (broker->observer.on_topic_removed != NULL)
		broker->observer.on_topic_removed(broker->observer.user, topic);
	catalog_remove(&broker->catalog, topic);
}
