#include "server/captures_internal.h"

#include "capture/source_settings.h"
#include "server/config.h"
#include "server/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What each source's thread tells arrives here: lines go straight to the log, topics and
 * removals through the broker's mailbox to the loop, ahead of the records that follow. */

/* At the end, before the log's queue is closed under those who wait for it. */
#define STOP_QUIETLY_MS 600

const struct source_ops *const captures_connectors[] = {
	&postgresql_source_ops,
	&scripted_source_ops,
	NULL,
};

static const struct source_ops *find_connector(const char *name)
{
	const struct source_ops *const *connector = captures_connectors;
	while (*connector != NULL && strcmp((*connector)->connector, name) != 0)
		connector++;
	return *connector;
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
