#include "server/captures.h"

#include "capture/source_settings.h"
#include "server/broker.h"
#include "server/config.h"
#include "server/log.h"
#include "storage/sources.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What each source's thread tells arrives here: lines go straight to the log, topics and
 * removals through the broker's mailbox to the loop, ahead of the records that follow. */

/* At the end, before the log's queue is closed under those who wait for it. */
#define STOP_QUIETLY_MS 600

struct captured {
	LIST_ENTRY(captured) link;      /* by name */
	struct captures *captures;
	const struct source_settings *settings;
	struct capture *capture;
	/* A removal; the thread fills in outcome before it posts. */
	bool is_being_removed;
	bool is_removal_told;           /* the thread's, until it has ended */
	struct completion removed;
	struct error outcome;
	captures_on_done *on_done;
	void *user;
};

LIST_HEAD(captured_list, captured);

struct captures {
	struct broker *broker;
	struct captured_list list;
};

static const struct source_ops *const connectors[] = {
	&postgresql_source_ops,
	&scripted_source_ops,
};

static const struct source_ops *find_connector(const char *name)
{
	for (size_t n = 0; n < sizeof(connectors) / sizeof(connectors[0]); n++)
		if (strcmp(connectors[n]->connector, name) == 0)
			return connectors[n];
	return NULL;
}

/* On the source's thread. */

struct added_topic {
	struct completion completion;
	struct broker *broker;
	struct topic topic;
};

static void add_topic(struct completion *completion)
{
	struct added_topic *added = (struct added_topic *)(void *)completion;
	broker_topic_added(added->broker, &added->topic);
	free(added);
}

static void on_topic(void *user, const struct topic *topic)
{
	struct captured *captured = user;
	struct added_topic *added = malloc(sizeof(*added));
	log_info("source '%s': topic '%s' made, %" PRIu32 " partition%s", captured->settings->name,
		 topic->name, topic->partition_count, topic->partition_count == 1 ? "" : "s");
	if (added == NULL) {
		log_error("source '%s': out of memory: topic '%s' is seen only after the next start",
			  captured->settings->name, topic->name);
		return;
	}
	*added = (struct added_topic){
		.completion = { .run = add_topic },
		.broker = captured->captures->broker,
		.topic = *topic,
	};
	broker_complete(added->broker, &added->completion);
}

static void topic_defaults(void *user, struct topic *topic)
{
	const struct captured *captured = user;
	broker_topic_defaults(captured->captures->broker, topic);
}

static void on_state(void *user, const char *source, enum capture_state state,
		     const char *reason)
{
	(void)user;
	if (state == CAPTURE_FAILED)
		log_error("source '%s': failed: %s", source, reason);
	else if (state == CAPTURE_RETRYING)
		log_warning("source '%s': retrying: %s", source, reason);
	else
		log_info("source '%s': %s", source, capture_state_name(state));
}

static void on_log(void *user, const char *source, enum source_log_level level, const char *text)
{
	static const enum log_level levels[] = {
		[SOURCE_LOG_DEBUG] = LOG_LEVEL_DEBUG,
		[SOURCE_LOG_INFO] = LOG_LEVEL_INFO,
		[SOURCE_LOG_WARNING] = LOG_LEVEL_WARNING,
		[SOURCE_LOG_ERROR] = LOG_LEVEL_ERROR,
	};
	(void)user;
	log_write(levels[level], NULL, "source '%s': %s", source, text);
}

static void on_removed(void *user, const char *source, const struct error *err)
{
	struct captured *captured = user;
	(void)source;
	captured->outcome = err != NULL ? *err : (struct error){ 0 };
	captured->is_removal_told = true;
	broker_complete(captured->captures->broker, &captured->removed);
}

/* Start and end. */

static int start(struct captures *captures, const struct source_settings *settings,
		 struct captured **out, struct error *err)
{
	struct captured *captured = calloc(1, sizeof(*captured));
	if (captured == NULL)
		return error_set(err, ERROR_MEMORY, "source '%s'", settings->name);
	captured->captures = captures;
	captured->settings = settings;
	const struct capture_options options = {
		.settings = settings,
		.ops = find_connector(settings->connector_class),
		.appender = broker_appender(captures->broker),
		.store = broker_store(captures->broker),
		.observer = {
			.on_topic = on_topic,
			.on_state = on_state,
			.log = on_log,
			.topic_defaults = topic_defaults,
			.on_removed = on_removed,
			.user = captured,
		},
	};
	int rc = options.ops != NULL
			 ? capture_start(&captured->capture, &options, err)
			 : error_set(err, ERROR_UNSUPPORTED, "source '%s': connector '%s' is not part of this program",
				     settings->name, settings->connector_class);
	if (rc != 0) {
		free(captured);
		return -1;
	}
	*out = captured;
	return 0;
}

static void insert(struct captures *captures, struct captured *captured)
{
	struct captured *each, *last = NULL;
	LIST_FOREACH(each, &captures->list, link) {
		if (strcmp(each->settings->name, captured->settings->name) > 0)
			break;
		last = each;
	}
	if (last == NULL)
		LIST_INSERT_HEAD(&captures->list, captured, link);
	else
		LIST_INSERT_AFTER(last, captured, link);
}

int captures_start(struct captures **out, struct broker *broker,
		   const struct config_source *sources, size_t source_count, struct error *err)
{
	struct captures *captures = calloc(1, sizeof(*captures));
	if (captures == NULL)
		return error_set(err, ERROR_MEMORY, "starting the sources");
	captures->broker = broker;
	LIST_INIT(&captures->list);
	/* Also where this fails: whoever stops it stops what has been started. */
	*out = captures;
	for (size_t n = 0; n < source_count; n++) {
		struct captured *captured;
		if (start(captures, sources[n].settings, &captured, err) != 0)
			return -1;
		insert(captures, captured);
	}
	return 0;
}

static bool have_ended(const struct captures *captures)
{
	const struct captured *captured;
	LIST_FOREACH(captured, &captures->list, link)
		if (!capture_has_ended(captured->capture))
			return false;
	return true;
}

void captures_ask_to_stop(struct captures *captures)
{
	struct captured *captured;
	if (captures == NULL)
		return;
	LIST_FOREACH(captured, &captures->list, link)
		capture_ask_to_stop(captured->capture);
}

/* The end came first. */
static void refuse_removal(struct captured *captured)
{
	struct error err = { 0 };
	if (!captured->is_being_removed || captured->is_removal_told)
		return;
	error_set(&err, ERROR_SHUTDOWN, "the server is stopping; source '%s' is still there",
		  captured->settings->name);
	captured->is_being_removed = false;
	captured->on_done(captured->user, &err);
}

bool captures_stop(struct captures *captures)
{
	const struct timespec step = { .tv_nsec = 2000000 };
	struct captured *captured;
	bool is_clean = true;
	if (captures == NULL)
		return true;
	captures_ask_to_stop(captures);
	for (int waited_ms = 0; waited_ms < STOP_QUIETLY_MS && !have_ended(captures); waited_ms += 2)
		nanosleep(&step, NULL);
	appender_close(broker_appender(captures->broker));
	LIST_FOREACH(captured, &captures->list, link) {
		if (!capture_stop(captured->capture)) {
			log_warning("source '%s': does not answer and is left behind", captured->settings->name);
			is_clean = false;
		}
		captured->capture = NULL;
		refuse_removal(captured);
	}
	return is_clean;
}

void captures_destroy(struct captures *captures)
{
	struct captured *captured;
	if (captures == NULL)
		return;
	while ((captured = LIST_FIRST(&captures->list)) != NULL) {
		LIST_REMOVE(captured, link);
		free(captured);
	}
	free(captures);
}

/* Looking. */

static struct captured *find(const struct captures *captures, struct bytes name)
{
	struct captured *captured;
	LIST_FOREACH(captured, &captures->list, link)
		if (strlen(captured->settings->name) == name.size &&
		    memcmp(captured->settings->name, name.data, name.size) == 0)
			return captured;
	return NULL;
}

static void describe(const struct captured *captured, struct captures_source *out)
{
	out->name = captured->settings->name;
	out->settings = captured->settings;
	capture_describe(captured->capture, &out->status);
}

static void describe_stored(const struct source *source, struct captures_source *out)
{
	static char name[SOURCE_NAME_BYTES_MAX + 1];    /* the loop's: lent until it goes on */
	memcpy(name, source->name, sizeof(name));
	*out = (struct captures_source){
		.name = name,
		.status = { .state = CAPTURE_STOPPED, .lag_us = -1,
			    .progress = { .behind_bytes = UINT64_MAX } },
	};
	/* Whose it is, only a block would tell. */
	for (size_t n = 0; n < sizeof(connectors) / sizeof(connectors[0]) && source->position != NULL; n++)
		if (out->status.progress.position[0] == '\0')
			connectors[n]->position_text((struct bytes){ source->position, source->position_bytes },
						     out->status.progress.position);
}

/* The first behind `after` that has a block. */
static struct captured *next_started(const struct captures *captures, const char *after)
{
	struct captured *captured;
	LIST_FOREACH(captured, &captures->list, link)
		if (strcmp(captured->settings->name, after) > 0)
			return captured;
	return NULL;
}

/* The first that only the log knows: 1, 0.  A log that cannot be read has none. */
static int next_stored(const struct captures *captures, const char *after, struct source *out)
{
	char name[SOURCE_NAME_BYTES_MAX + 1];
	struct source source = { 0 };
	strcpy(name, after);
	while (sources_next(broker_reader(captures->broker), name, &source, NULL) == 1) {
		if (find(captures, bytes_of_text(source.name)) == NULL) {
			*out = source;
			return 1;
		}
		strcpy(name, source.name);
		source_clear(&source);
	}
	return 0;
}

int captures_next(struct captures *captures, const char *after, struct captures_source *out)
{
	struct source stored = { 0 };
	const struct captured *started = next_started(captures, after);
	int has_stored = strlen(after) <= SOURCE_NAME_BYTES_MAX ? next_stored(captures, after, &stored) : 0;
	if (started != NULL && (has_stored == 0 || strcmp(started->settings->name, stored.name) < 0))
		describe(started, out);
	else if (has_stored == 1)
		describe_stored(&stored, out);
	source_clear(&stored);
	return started != NULL || has_stored == 1;
}

static int is_stored(struct captures *captures, struct bytes name, struct source *out,
		     struct error *err)
{
	char text[SOURCE_NAME_BYTES_MAX + 1] = "";
	if (name.size == 0 || name.size > SOURCE_NAME_BYTES_MAX)
		return error_set(err, ERROR_NOT_FOUND, "no source has such a name");
	memcpy(text, name.data, name.size);
	return sources_describe(broker_reader(captures->broker), text, out, err);
}

int captures_find(struct captures *captures, struct bytes name, struct captures_source *out,
		  struct error *err)
{
	struct source stored = { 0 };
	const struct captured *captured = find(captures, name);
	if (captured != NULL) {
		describe(captured, out);
		return 0;
	}
	if (is_stored(captures, name, &stored, err) != 0)
		return -1;
	describe_stored(&stored, out);
	source_clear(&stored);
	return 0;
}

/* Asking. */

static int find_at_work(struct captures *captures, struct bytes name, struct captured **out,
			struct error *err)
{
	struct source stored = { 0 };
	struct captured *captured = find(captures, name);
	if (captured == NULL) {
		if (is_stored(captures, name, &stored, err) != 0)
			return -1;
		source_clear(&stored);
		return error_set(err, ERROR_INVALID,
				 "source '%.*s' is not at work: it has no block in the configuration any more",
				 (int)name.size, (const char *)name.data);
	}
	if (captured->is_being_removed)
		return error_set(err, ERROR_INVALID, "source '%s' is being removed", captured->settings->name);
	*out = captured;
	return 0;
}

int captures_pause(struct captures *captures, struct bytes name, struct error *err)
{
	struct captured *captured;
	if (find_at_work(captures, name, &captured, err) != 0)
		return -1;
	capture_pause(captured->capture);
	return 0;
}

int captures_resume(struct captures *captures, struct bytes name, struct error *err)
{
	struct captured *captured;
	if (find_at_work(captures, name, &captured, err) != 0)
		return -1;
	capture_resume(captured->capture);
	return 0;
}

int captures_restart(struct captures *captures, struct bytes name, struct error *err)
{
	struct captured *captured;
	if (find_at_work(captures, name, &captured, err) != 0)
		return -1;
	capture_restart(captured->capture);
	return 0;
}

/* Removing. */

static void finish_removal(struct completion *completion)
{
	struct captured *captured =
		(struct captured *)(void *)((char *)completion - offsetof(struct captured, removed));
	const struct error outcome = captured->outcome;
	captures_on_done *on_done = captured->on_done;
	void *user = captured->user;
	captured->is_being_removed = false;
	if (outcome.code == ERROR_NONE) {
		log_info("source '%s': removed", captured->settings->name);
		/* Its thread is at its end. */
		if (captured->capture != NULL)
			(void)capture_stop(captured->capture);
		LIST_REMOVE(captured, link);
		free(captured);
	}
	on_done(user, outcome.code == ERROR_NONE ? NULL : &outcome);
}

struct forgetting {
	struct broker_work work;
	char name[SOURCE_NAME_BYTES_MAX + 1];
	struct error outcome;
	captures_on_done *on_done;
	void *user;
};

static void forget(struct broker_work *base)
{
	struct forgetting *forgetting = (struct forgetting *)(void *)base;
	(void)sources_delete(broker_appender(base->broker), forgetting->name, &forgetting->outcome);
}

static void on_forgotten(struct broker_work *base)
{
	struct forgetting *forgetting = (struct forgetting *)(void *)base;
	bool is_done = forgetting->outcome.code == ERROR_NONE;
	if (is_done)
		log_info("source '%s': forgotten", forgetting->name);
	forgetting->on_done(forgetting->user, is_done ? NULL : &forgetting->outcome);
	free(forgetting);
}

/* Without a block there is nothing but the log. */
static int remove_stored(struct captures *captures, struct bytes name, bool drops,
			 captures_on_done *on_done, void *user, struct error *err)
{
	struct source stored = { 0 };
	if (is_stored(captures, name, &stored, err) != 0)
		return -1;
	source_clear(&stored);
	if (drops)
		return error_set(err, ERROR_INVALID,
				 "source '%.*s' has no block in the configuration any more: what it made at the "
				 "database has to be dropped there", (int)name.size, (const char *)name.data);
	/* It would wait for room, and a stop for it. */
	if (appender_state(broker_appender(captures->broker)) == APPENDER_DISK_FULL)
		return error_set(err, ERROR_DISK_FULL, "no room on the disk; try again when there is");
	struct forgetting *forgetting = calloc(1, sizeof(*forgetting));
	if (forgetting == NULL)
		return error_set(err, ERROR_MEMORY, "removing a source");
	memcpy(forgetting->name, name.data, name.size);
	forgetting->work.work = forget;
	forgetting->work.on_done = on_forgotten;
	forgetting->on_done = on_done;
	forgetting->user = user;
	if (broker_run(captures->broker, &forgetting->work, err) == 0)
		return 0;
	free(forgetting);
	return -1;
}

int captures_remove(struct captures *captures, struct bytes name, bool drops,
		    captures_on_done *on_done, void *user, struct error *err)
{
	struct captured *captured = find(captures, name);
	if (captured == NULL)
		return remove_stored(captures, name, drops, on_done, user, err);
	if (captured->is_being_removed)
		return error_set(err, ERROR_BUSY, "source '%s' is being removed", captured->settings->name);
	captured->is_being_removed = true;
	captured->is_removal_told = false;
	captured->removed.run = finish_removal;
	captured->on_done = on_done;
	captured->user = user;
	capture_remove(captured->capture, drops);
	return 0;
}
