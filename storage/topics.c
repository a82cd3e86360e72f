#include "storage/topics.h"

#include "storage/command.h"
#include "storage/lookup.h"
#include "storage/name.h"
#include "storage/reader_internal.h"

#include <stdlib.h>
#include <string.h>

int topic_name_check(struct bytes name, struct error *err)
{
	if (name_check("topic", name, TOPIC_NAME_BYTES_MAX, err) != 0)
		return -1;
	if (name.data[0] == '.' && (name.size == 1 || (name.size == 2 && name.data[1] == '.')))
		return error_set(err, ERROR_INVALID, "a topic cannot be named '.' or '..'");
	return 0;
}

static int no_topic(struct bytes name, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "there is no topic '%.*s'",
			 name.size <= TOPIC_NAME_BYTES_MAX ? (int)name.size : TOPIC_NAME_BYTES_MAX,
			 (const char *)name.data);
}

/* 1 found, 0 not, -1 failed, whichever way. */
static int find(struct transaction *transaction, struct bytes name, struct topic_record *out,
		struct error *err)
{
	struct bytes value;
	if (name.size == 0 || name.size > TOPIC_NAME_BYTES_MAX)
		return 0;
	int found = transaction_get(transaction, TABLE_TOPICS, name, &value);
	if (found < 0)
		return transaction_failed(transaction, err);
	if (found > 0 && topic_record_decode(name, value, out, err) != 0)
		return -1;
	return found;
}

static void put_record(struct transaction *transaction, struct bytes name,
		       const struct topic_record *record)
{
	struct error err = { 0 };
	msgpack_sbuffer buffer;
	msgpack_sbuffer_init(&buffer);
	if (topic_record_encode(&buffer, record, name, &err) == 0)
		transaction_put(transaction, TABLE_TOPICS, name,
				(struct bytes){ (const uint8_t *)buffer.data, buffer.size });
	else
		transaction_fail(transaction, &err);
	msgpack_sbuffer_destroy(&buffer);
}

/* Making a topic. */

struct creation {
	struct command command;
	struct appender *appender;
	struct topic topic;
	struct registered_topic *made;  /* owned until the registry has it */
};

static void put_partitions(struct transaction *transaction, const struct topic *topic)
{
	const struct partition_record empty = { 0 };
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
	for (uint32_t number = 0; number < topic->partition_count; number++) {
		partition_key_encode(key, topic->id, number);
		partition_record_encode(value, &empty, key);
		transaction_put(transaction, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) },
				(struct bytes){ value, sizeof(value) });
	}
}

static int check_creation(struct creation *creation, struct transaction *transaction,
			  struct registry *registry, struct error *err)
{
	struct topic *topic = &creation->topic;
	struct topic_record there;
	int found = find(transaction, bytes_of_text(topic->name), &there, err);
	if (found < 0)
		return -1;
	if (found > 0) {
		topic->id = there.id;
		return error_set(err, ERROR_EXISTS, "topic '%s' exists already, with %u partitions",
				 topic->name, there.partition_count);
	}
	const struct registered_source *owner = registry_source(registry, topic->owner_source_id);
	if (topic->owner_source_id != SOURCE_PUBLISHED && (owner == NULL || owner->is_deleted))
		return error_set(err, ERROR_NOT_FOUND, "topic '%s': there is no source %u to own it",
				 topic->name, topic->owner_source_id);
	return 0;
}

static int next_id(struct transaction *transaction, uint32_t *out, struct error *err)
{
	uint64_t id;
	if (transaction_get_number(transaction, META_NEXT_TOPIC_ID, &id) != 0) {
		transaction_failed(transaction, err);
		return -1;
	}
	if (id > UINT32_MAX)
		return error_set(err, ERROR_LIMIT, "all topic ids are used up");
	*out = (uint32_t)id;
	return 0;
}

static int run_creation(struct command *command, struct transaction *transaction,
			struct registry *registry, struct error *err)
{
	struct creation *creation = (struct creation *)(void *)command;
	struct topic *topic = &creation->topic;
	msgpack_sbuffer options;
	if (check_creation(creation, transaction, registry, err) != 0 ||
	    next_id(transaction, &topic->id, err) != 0 ||
	    registry_reserve_topic(registry, topic->id, err) != 0)
		return -1;
	creation->made = registered_topic_create(topic->id, topic->partition_count,
						 topic->owner_source_id, &topic->config);
	if (creation->made == NULL)
		return error_set(err, ERROR_MEMORY, "making topic '%s'", topic->name);
	msgpack_sbuffer_init(&options);
	int rc = topic_config_encode(&options, &topic->config, (struct bytes){ NULL, 0 }, err);
	if (rc == 0) {
		topic->created_us = appender_wall_us(creation->appender);
		struct topic_record record = {
			.id = topic->id,
			.partition_count = topic->partition_count,
			.owner_source_id = topic->owner_source_id,
			.created_us = topic->created_us,
			.options = { (const uint8_t *)options.data, options.size },
		};
		put_record(transaction, bytes_of_text(topic->name), &record);
		put_partitions(transaction, topic);
		transaction_put_number(transaction, META_NEXT_TOPIC_ID, (uint64_t)topic->id + 1);
	}
	msgpack_sbuffer_destroy(&options);
	return rc;
}

static void creation_committed(struct command *command, struct registry *registry)
{
	struct creation *creation = (struct creation *)(void *)command;
	registry_add_topic(registry, creation->made);
	creation->made = NULL;
}

int topics_create(struct appender *appender, struct topic *topic, struct error *err)
{
	struct creation creation = {
		.command = { .run = run_creation, .committed = creation_committed },
		.appender = appender,
		.topic = *topic,
	};
	struct error why = { 0 };
	size_t name_bytes = strnlen(topic->name, sizeof(topic->name));
	if (topic_name_check((struct bytes){ (const uint8_t *)topic->name, name_bytes }, err) != 0)
		return -1;
	if (topic->partition_count < 1 || topic->partition_count > TOPIC_PARTITIONS_MAX)
		return error_set(err, ERROR_INVALID, "topic '%s': it has 1 to %d partitions, not %u",
				 topic->name, TOPIC_PARTITIONS_MAX, topic->partition_count);
	if (topic_config_check(&topic->config, err) != 0)
		return error_context(err, "topic '%s'", topic->name);
	int rc = appender_execute(appender, &creation.command, &why);
	registered_topic_destroy(creation.made);
	if (rc == 0 || why.code == ERROR_EXISTS)
		topic->id = creation.topic.id;
	if (rc == 0)
		topic->created_us = creation.topic.created_us;
	else if (err != NULL)
		*err = why;
	return rc;
}

/* Changing one. */

struct change_of_topic {
	struct command command;
	struct bytes name;
	const struct topic_config *config;
	uint32_t id;
};

static int find_to_change(struct change_of_topic *change, struct transaction *transaction,
			  struct topic_record *out, struct error *err)
{
	int found = find(transaction, change->name, out, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return no_topic(change->name, err);
	change->id = out->id;
	return 0;
}

static int run_configuration(struct command *command, struct transaction *transaction,
			     struct registry *registry, struct error *err)
{
	struct change_of_topic *change = (struct change_of_topic *)(void *)command;
	struct topic_record record;
	msgpack_sbuffer options;
	(void)registry;
	if (find_to_change(change, transaction, &record, err) != 0)
		return -1;
	msgpack_sbuffer_init(&options);
	int rc = topic_config_encode(&options, change->config, record.options, err);
	if (rc == 0) {
		record.options = (struct bytes){ (const uint8_t *)options.data, options.size };
		put_record(transaction, change->name, &record);
	}
	msgpack_sbuffer_destroy(&options);
	return rc;
}

static void configuration_committed(struct command *command, struct registry *registry)
{
	struct change_of_topic *change = (struct change_of_topic *)(void *)command;
	registry_topic(registry, change->id)->config = *change->config;
}

int topics_configure(struct appender *appender, const char *name,
		     const struct topic_config *config, struct error *err)
{
	struct change_of_topic change = {
		.command = { .run = run_configuration, .committed = configuration_committed },
		.name = bytes_of_text(name),
		.config = config,
	};
	if (topic_config_check(config, err) != 0)
		return error_context(err, "topic '%.*s'", TOPIC_NAME_BYTES_MAX, name);
	return appender_execute(appender, &change.command, err);
}

static int run_deletion(struct command *command, struct transaction *transaction,
			struct registry *registry, struct error *err)
{
	struct change_of_topic *change = (struct change_of_topic *)(void *)command;
	struct topic_record record;
	(void)registry;
	if (find_to_change(change, transaction, &record, err) != 0)
		return -1;
	return transaction_delete(transaction, TABLE_TOPICS, change->name);
}

static void deletion_committed(struct command *command, struct registry *registry)
{
	struct change_of_topic *change = (struct change_of_topic *)(void *)command;
	registry_topic(registry, change->id)->is_deleted = true;
}

int topics_delete(struct appender *appender, const char *name, struct error *err)
{
	struct change_of_topic change = {
		.command = { .run = run_deletion, .committed = deletion_committed },
		.name = bytes_of_text(name),
	};
	return appender_execute(appender, &change.command, err);
}

/* Reading. */

struct lookup_of_topic {
	const char *name;
	struct topic found;
};

static int fill(struct bytes name, const struct topic_record *record, struct topic *out,
		struct error *err)
{
	struct topic topic = {
		.id = record->id,
		.partition_count = record->partition_count,
		.owner_source_id = record->owner_source_id,
		.created_us = record->created_us,
	};
	if (name.size > TOPIC_NAME_BYTES_MAX)
		return error_set(err, ERROR_CORRUPT, "table topics: a name of %zu bytes", name.size);
	memcpy(topic.name, name.data, name.size);
	if (topic_config_decode(record->options, &topic.config, err) != 0)
		return error_context(err, "topic '%s'", topic.name);
	*out = topic;
	return 1;
}

static int describe(void *argument, struct transaction *transaction, struct error *err)
{
	struct lookup_of_topic *lookup = argument;
	struct bytes name = bytes_of_text(lookup->name);
	struct topic_record record;
	int found = find(transaction, name, &record, err);
	if (found < 0)
		return -1;
	return found == 0 ? no_topic(name, err) : fill(name, &record, &lookup->found, err);
}

int topics_describe(struct reader *reader, const char *name, struct topic *out,
		    struct error *err)
{
	struct lookup_of_topic lookup = { .name = name };
	if (lookup_run(reader_store(reader), describe, &lookup, err) < 0)
		return -1;
	*out = lookup.found;
	return 0;
}

static int next(void *argument, struct transaction *transaction, struct error *err)
{
	struct lookup_of_topic *lookup = argument;
	struct topic_record record;
	struct bytes name, value;
	int rc = lookup_next(transaction, TABLE_TOPICS, lookup->name, TOPIC_NAME_BYTES_MAX, &name,
			     &value);
	if (rc <= 0)
		return rc;
	if (topic_record_decode(name, value, &record, err) != 0)
		return -1;
	return fill(name, &record, &lookup->found, err);
}

int topics_next(struct reader *reader, const char *after, struct topic *out, struct error *err)
{
	struct lookup_of_topic lookup = { .name = after };
	int rc = lookup_run(reader_store(reader), next, &lookup, err);
	if (rc == 1)
		*out = lookup.found;
	return rc;
}
