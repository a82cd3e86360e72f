#include "server/captures_internal.h"

#include "capture/source_settings.h"
#include "server/log.h"
#include "storage/sources.h"

#include <stdlib.h>
#include <string.h>

/* Looking: what is at work, and what only the log still knows. */

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
	char *text = out->status.progress.position;
	for (size_t n = 0; captures_connectors[n] != NULL && source->position != NULL && text[0] == '\0'; n++)
		captures_connectors[n]->position_text((struct bytes){ source->position, source->position_bytes }, text);
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

int captures_reset(struct captures *captures, struct bytes name, struct error *err)
{
	struct captured *captured;
	if (find_at_work(captures, name, &captured, err) != 0)
		return -1;
	capture_reset(captured->capture);
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
