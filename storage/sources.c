#include "storage/sources.h"

#include "storage/command.h"
#include "storage/guard.h"
#include "storage/lookup.h"
#include "storage/name.h"
#include "storage/reader_internal.h"

#include <stdlib.h>
#include <string.h>

void source_clear(struct source *source)
{
	free(source->position);
	free(source->snapshot_progress);
	*source = (struct source){ 0 };
}

static int no_source(struct bytes name, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "there is no source '%.*s'",
			 name.size <= SOURCE_NAME_BYTES_MAX ? (int)name.size : SOURCE_NAME_BYTES_MAX,
			 (const char *)name.data);
}

/* 1 found, 0 not, -1 failed, whichever way. */
static int find(struct transaction *transaction, struct bytes name, struct source_record *out,
		struct error *err)
{
	struct bytes value;
	if (name.size == 0 || name.size > SOURCE_NAME_BYTES_MAX)
		return 0;
	int found = transaction_get(transaction, TABLE_SOURCES, name, &value);
	if (found < 0)
		return transaction_failed(transaction, err);
	if (found > 0 && source_record_decode(name, value, out, err) != 0)
		return -1;
	return found;
}

static void put_record(struct transaction *transaction, struct bytes name,
		       const struct source_record *record)
{
	struct error err = { 0 };
	msgpack_sbuffer buffer;
	msgpack_sbuffer_init(&buffer);
	if (source_record_encode(&buffer, record, name, &err) == 0)
		transaction_put(transaction, TABLE_SOURCES, name,
				(struct bytes){ (const uint8_t *)buffer.data, buffer.size });
	else
		transaction_fail(transaction, &err);
	msgpack_sbuffer_destroy(&buffer);
}

struct change_of_source {
	struct command command;
	struct bytes name;
	uint16_t id;
	uint8_t state;
	struct bytes reason;
	struct bytes snapshot_progress;
	struct registered_source *made; /* owned until the registry has it */
};

/* Making one. */

static int next_id(struct transaction *transaction, uint16_t *out, struct error *err)
{
	uint64_t id;
	if (transaction_get_number(transaction, META_NEXT_SOURCE_ID, &id) != 0) {
		transaction_failed(transaction, err);
		return -1;
	}
	if (id > UINT16_MAX)
		return error_set(err, ERROR_LIMIT,
				 "all %d source ids are used up: they are never used again", UINT16_MAX);
	*out = (uint16_t)id;
	return 0;
}

static int run_registration(struct command *command, struct transaction *transaction,
			    struct registry *registry, struct error *err)
{
	struct change_of_source *change = (struct change_of_source *)(void *)command;
	struct source_record record = { 0 };
	int found = find(transaction, change->name, &record, err);
	if (found != 0) {
		change->id = record.id;
		return found < 0 ? -1 : 0;
	}
	if (next_id(transaction, &record.id, err) != 0 ||
	    registry_reserve_source(registry, record.id, err) != 0)
		return -1;
	change->made = calloc(1, sizeof(*change->made));
	if (change->made == NULL)
		return error_set(err, ERROR_MEMORY, "registering a source");
	change->id = change->made->id = record.id;
	memcpy(change->made->name, change->name.data, change->name.size);
	record.reason = bytes_of_text("");
	put_record(transaction, change->name, &record);
	transaction_put_number(transaction, META_NEXT_SOURCE_ID, (uint64_t)record.id + 1);
	return 0;
}

static void registration_committed(struct command *command, struct registry *registry)
{
	struct change_of_source *change = (struct change_of_source *)(void *)command;
	if (change->made != NULL)
		registry_add_source(registry, change->made);
	change->made = NULL;
}

int sources_register(struct appender *appender, const char *name, uint16_t *out_id,
		     struct error *err)
{
	struct change_of_source change = {
		.command = { .run = run_registration, .committed = registration_committed },
		.name = bytes_of_text(name),
	};
	if (name_check("source", change.name, SOURCE_NAME_BYTES_MAX, err) != 0)
		return -1;
	int rc = appender_execute(appender, &change.command, err);
	free(change.made);
	if (rc == 0)
		*out_id = change.id;
	return rc;
}

/* The record that a change is about; its texts are lent by the transaction. */
static int find_record(struct change_of_source *change, struct transaction *transaction,
		       struct registry *registry, struct source_record *out, struct error *err)
{
	const struct registered_source *source = registry_source(registry, change->id);
	if (source == NULL || source->is_deleted)
		return error_set(err, ERROR_NOT_FOUND, "there is no source %u", change->id);
	change->name = bytes_of_text(source->name);
	int found = find(transaction, change->name, out, err);
	if (found == 0)
		return error_set(err, ERROR_CORRUPT, "table sources: '%s' is missing", source->name);
	return found < 0 ? -1 : 0;
}

/* Its state. */

static int run_state(struct command *command, struct transaction *transaction,
		     struct registry *registry, struct error *err)
{
	struct change_of_source *change = (struct change_of_source *)(void *)command;
	struct source_record record;
	if (find_record(change, transaction, registry, &record, err) != 0)
		return -1;
	record.state = change->state;
	record.reason = change->reason;
	put_record(transaction, change->name, &record);
	return 0;
}

int sources_set_state(struct appender *appender, uint16_t source_id, uint8_t state,
		      const char *reason, struct error *err)
{
	struct change_of_source change = {
		.command = { .run = run_state },
		.id = source_id,
		.state = state,
		.reason = bytes_of_text(reason),
	};
	if (change.reason.size > SOURCE_REASON_BYTES_MAX)
		return error_set(err, ERROR_INVALID, "a reason of %zu bytes: %d are allowed",
				 change.reason.size, SOURCE_REASON_BYTES_MAX);
	return appender_execute(appender, &change.command, err);
}

struct posted_state {
	struct change_of_source change;
	char reason[SOURCE_REASON_BYTES_MAX];
};

static void on_state_posted(struct command *command, const struct error *err)
{
	(void)err;
	free(command);
}

int sources_post_state(struct appender *appender, uint16_t source_id, uint8_t state,
		       const char *reason, struct error *err)
{
	struct posted_state *posted = calloc(1, sizeof(*posted));
	if (posted == NULL)
		return error_set(err, ERROR_MEMORY, "the state of a source");
	size_t size = strnlen(reason, sizeof(posted->reason));
	memcpy(posted->reason, reason, size);
	posted->change.command = (struct command){ .run = run_state, .on_done = on_state_posted };
	posted->change.id = source_id;
	posted->change.state = state;
	posted->change.reason = (struct bytes){ (const uint8_t *)posted->reason, size };
	if (appender_post(appender, &posted->change.command, err) == 0)
		return 0;
	free(posted);
	return -1;
}

/* Beginning again. */

static int run_reset(struct command *command, struct transaction *transaction,
		     struct registry *registry, struct error *err)
{
	struct change_of_source *change = (struct change_of_source *)(void *)command;
	struct source_record record;
	if (find_record(change, transaction, registry, &record, err) != 0)
		return -1;
	record.position = (struct bytes){ NULL, 0 };
	record.snapshot_progress = change->snapshot_progress;
	put_record(transaction, change->name, &record);
	return 0;
}

int sources_reset(struct appender *appender, uint16_t source_id, struct bytes snapshot_progress,
		  struct error *err)
{
	struct change_of_source change = {
		.command = { .run = run_reset },
		.id = source_id,
		.snapshot_progress = snapshot_progress,
	};
	return appender_execute(appender, &change.command, err);
}

/* Forgetting it: alone, so that no submission in the same commit still writes
 * the record. */

struct deletion {
	struct command command;
	const char *name;
	struct store *store;
	struct registry *registry;
	struct error *err;
};

static struct registered_source *find_registered(const struct registry *registry, const char *name)
{
	for (uint32_t id = 0; id < registry->source_capacity; id++) {
		struct registered_source *source = registry->sources[id];
		if (source != NULL && !source->is_deleted && strcmp(source->name, name) == 0)
			return source;
	}
	return NULL;
}

static int delete_guarded(void *argument)
{
	struct deletion *deletion = argument;
	struct registered_source *source = find_registered(deletion->registry, deletion->name);
	struct transaction transaction;
	if (source == NULL)
		return no_source(bytes_of_text(deletion->name), deletion->err);
	if (registry_cut_source(deletion->registry, deletion->store, source, deletion->err) != 0 ||
	    transaction_begin(&transaction, deletion->store, deletion->err) != 0)
		return -1;
	transaction_delete(&transaction, TABLE_SOURCES, bytes_of_text(source->name));
	if (transaction_commit(&transaction, deletion->err) != 0)
		return -1;
	source->is_deleted = true;
	return 0;
}

static int run_deletion(struct command *command, struct store *store, struct registry *registry,
			struct error *err)
{
	struct deletion *deletion = (struct deletion *)(void *)command;
	deletion->store = store;
	deletion->registry = registry;
	deletion->err = err;
	return guard_run(delete_guarded, deletion, err);
}

int sources_delete(struct appender *appender, const char *name, struct error *err)
{
	struct deletion deletion = {
		.command = { .run_alone = run_deletion },
		.name = name,
	};
	return appender_execute(appender, &deletion.command, err);
}

/* Reading. */

struct lookup_of_source {
	const char *name;
	struct source found;            /* owned, also where the lookup fails */
};

static int copy_bytes(struct bytes bytes, uint8_t **out, size_t *out_bytes, struct error *err)
{
	if (bytes.data == NULL)
		return 0;
	*out = malloc(bytes.size + 1);
	if (*out == NULL)
		return error_set(err, ERROR_MEMORY, "describing a source");
	memcpy(*out, bytes.data, bytes.size);
	*out_bytes = bytes.size;
	return 0;
}

static int fill(struct bytes name, const struct source_record *record, struct source *out,
		struct error *err)
{
	if (name.size > SOURCE_NAME_BYTES_MAX || record->reason.size > SOURCE_REASON_BYTES_MAX)
		return error_set(err, ERROR_CORRUPT,
				 "table sources: a name of %zu bytes and a reason of %zu", name.size,
				 record->reason.size);
	out->id = record->id;
	out->transaction_ordinal = record->transaction_ordinal;
	out->state = record->state;
	memcpy(out->name, name.data, name.size);
	memcpy(out->reason, record->reason.data, record->reason.size);
	if (copy_bytes(record->position, &out->position, &out->position_bytes, err) != 0 ||
	    copy_bytes(record->snapshot_progress, &out->snapshot_progress,
		       &out->snapshot_progress_bytes, err) != 0)
		return -1;
	return 1;
}

static int describe(void *argument, struct transaction *transaction, struct error *err)
{
	struct lookup_of_source *lookup = argument;
	struct bytes name = bytes_of_text(lookup->name);
	struct source_record record;
	int found = find(transaction, name, &record, err);
	if (found < 0)
		return -1;
	return found == 0 ? no_source(name, err) : fill(name, &record, &lookup->found, err);
}

static int next(void *argument, struct transaction *transaction, struct error *err)
{
	struct lookup_of_source *lookup = argument;
	struct source_record record;
	struct bytes name, value;
	int rc = lookup_next(transaction, TABLE_SOURCES, lookup->name, SOURCE_NAME_BYTES_MAX, &name,
			     &value);
	if (rc <= 0)
		return rc;
	if (source_record_decode(name, value, &record, err) != 0)
		return -1;
	return fill(name, &record, &lookup->found, err);
}

static int look_up(struct reader *reader, lookup_body *body, const char *name, struct source *out,
		   struct error *err)
{
	struct lookup_of_source lookup = { .name = name };
	int rc = lookup_run(reader_store(reader), body, &lookup, err);
	if (rc == 1)
		*out = lookup.found;
	else
		source_clear(&lookup.found);
	return rc;
}

int sources_describe(struct reader *reader, const char *name, struct source *out,
		     struct error *err)
{
	return look_up(reader, describe, name, out, err) == 1 ? 0 : -1;
}

int sources_next(struct reader *reader, const char *after, struct source *out,
		 struct error *err)
{
	return look_up(reader, next, after, out, err);
}
