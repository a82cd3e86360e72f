#ifndef SERVER_BROKER_H
#define SERVER_BROKER_H

#include "server/catalog.h"
#include "storage/appender.h"

#include <uv.h>

/* The log, opened for serving: the store, its appender, the loop's reader and
 * catalog, and the way back from other threads to the loop.  Everything here is
 * called on the loop's thread, unless it says otherwise. */

/* Something that another thread has finished; run on the loop. */
struct completion {
	STAILQ_ENTRY(completion) link;
	void (*run)(struct completion *completion);
};

STAILQ_HEAD(completion_list, completion);

struct broker_options {
	struct store_options store;
	struct appender_options appender;       /* its observer is the broker's */
	bool creates_topics;                    /* on the first publish */
	/* Settings of a topic that is made without any: by name.  Any thread. */
	void (*topic_defaults)(void *user, struct topic *topic);
	void *user;
};

struct broker_observer {
	/* Subscribers may read the partition up to its new visible end. */
	void (*on_visible)(void *user, struct catalog_topic *topic, uint32_t partition);
	void (*on_topic_added)(void *user, struct catalog_topic *topic);
	/* Still in the catalog, for the last time. */
	void (*on_topic_removed)(void *user, struct catalog_topic *topic);
	void (*on_room)(void *user);            /* after an appender_try_submit that found none */
	void (*on_state)(void *user, enum appender_state state, const struct error *err);
	void *user;
};

struct broker;

int broker_open(struct broker **out, uv_loop_t *loop, const struct broker_options *options,
		const struct broker_observer *observer, struct error *err);

/* Works that broker_run started and that have not ended. */
unsigned int broker_work_count(const struct broker *broker);

/* Write out what is queued; then run every completion.  Blocks on the disk: for
 * the end of the process, when no works are left. */
void broker_stop(struct broker *broker);
/* After broker_stop, once the loop has run its close callbacks. */
void broker_close(struct broker *broker);

struct appender *broker_appender(struct broker *broker);
struct reader *broker_reader(struct broker *broker);
struct catalog *broker_catalog(struct broker *broker);
struct store *broker_store(struct broker *broker);
bool broker_creates_topics(const struct broker *broker);
void broker_topic_defaults(const struct broker *broker, struct topic *topic);

/* Hand a completion to the loop.  Any thread. */
void broker_complete(struct broker *broker, struct completion *completion);

/* Work that blocks, done on a thread of libuv's pool; then on_done on the loop. */
struct broker_work {
	uv_work_t request;
	struct broker *broker;
	void (*work)(struct broker_work *work);         /* not on the loop */
	void (*on_done)(struct broker_work *work);      /* may free it */
};
int broker_run(struct broker *broker, struct broker_work *work, struct error *err);

/* The catalog follows what a work has done to a topic. */
void broker_topic_added(struct broker *broker, const struct topic *topic);
void broker_topic_configured(struct broker *broker, const struct topic *topic);
void broker_topic_removed(struct broker *broker, struct bytes name);

#endif
