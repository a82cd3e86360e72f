#include "storage/registry.h"

#include "storage/lookup.h"
#include "storage/recovery.h"
#include "storage/sources.h"

#include <stdlib.h>
#include <string.h>

/* LMDB's own limit. */
#define KEY_BYTES_MAX 511

struct load {
	struct registry *registry;
	struct transaction *transaction;
	uint64_t next_topic_id;
	uint64_t next_source_id;
	struct error *err;
};

/* Arrays grow by doubling. */
static uint32_t capacity_for(uint32_t count)
{
	uint32_t capacity = 1;
	while (capacity < count)
		capacity *= 2;
	return capacity;
}

struct registered_topic *registered_topic_create(uint32_t id, uint32_t partition_count,
						 uint16_t owner_source_id,
						 const struct topic_config *config)
{
	struct registered_topic *topic = calloc(1, sizeof(*topic));
	if (topic == NULL)
		return NULL;
	topic->partitions = calloc(partition_count, sizeof(*topic->partitions));
	if (topic->partitions == NULL) {
		free(topic);
		return NULL;
	}
	topic->id = id;
	topic->partition_count = partition_count;
	topic->owner_source_id = owner_source_id;
	topic->config = *config;
	for (uint32_t number = 0; number < partition_count; number++) {
		topic->partitions[number].topic = topic;
		topic->partitions[number].number = number;
	}
	return topic;
}

void registered_topic_destroy(struct registered_topic *topic)
{
	if (topic == NULL)
		return;
	free(topic->partitions);
	free(topic);
}

int registry_reserve_topic(struct registry *registry, uint32_t id, struct error *err)
{
	if (id < registry->topic_capacity)
		return 0;
	/* Doubling would overflow. */
	if (id >= UINT32_C(1) << 31)
		return error_set(err, ERROR_LIMIT, "all topic ids are used up");
	uint32_t capacity = capacity_for(id + 1);
	struct registered_topic **topics =
		realloc(registry->topics, (size_t)capacity * sizeof(struct registered_topic *));
	if (topics == NULL)
		return error_set(err, ERROR_MEMORY, "topic %u", id);
	for (uint32_t n = registry->topic_capacity; n < capacity; n++)
		topics[n] = NULL;
	registry->topics = topics;
	registry->topic_capacity = capacity;
	return 0;
}

void registry_add_topic(struct registry *registry, struct registered_topic *topic)
{
	registry->topics[topic->id] = topic;
}

void registry_remove_topic(struct registry *registry, uint32_t id)
{
	struct registered_topic *topic = registry_topic(registry, id);
	if (topic == NULL)
		return;
	registered_topic_destroy(topic);
	registry->topics[id] = NULL;
}

int registry_reserve_source(struct registry *registry, uint16_t id, struct error *err)
{
	if (id < registry->source_capacity)
		return 0;
	uint32_t capacity = capacity_for((uint32_t)id + 1);
	struct registered_source **sources =
		realloc(registry->sources, capacity * sizeof(struct registered_source *));
	if (sources == NULL)
		return error_set(err, ERROR_MEMORY, "source %u", id);
	for (uint32_t n = registry->source_capacity; n < capacity; n++)
		sources[n] = NULL;
	registry->sources = sources;
	registry->source_capacity = capacity;
	return 0;
}

void registry_add_source(struct registry *registry, struct registered_source *source)
{
	registry->sources[source->id] = source;
}

void registry_clear(struct registry *registry)
{
	for (uint32_t n = 0; n < registry->topic_capacity; n++)
		registered_topic_destroy(registry->topics[n]);
	for (uint32_t n = 0; n < registry->source_capacity; n++)
		free(registry->sources[n]);
	free(registry->topics);
	free(registry->sources);
	*registry = (struct registry){ 0 };
}

/* Call `each` for every entry of a table, in order. */
static int walk(struct load *load, enum table table,
		int (*each)(struct load *load, struct bytes key, struct bytes value))
{
	uint8_t start[KEY_BYTES_MAX + 1];
	struct bytes after = { start, 0 }, key, value;
	int rc;
	while ((rc = transaction_seek(load->transaction, table, after, &key, &value)) == 1) {
		if (key.size > KEY_BYTES_MAX)
			return error_set(load->err, ERROR_CORRUPT, "table %s: a key of %zu bytes",
					 table_name(table), key.size);
		if (each(load, key, value) != 0)
			return -1;
		/* The least key that is greater. */
		memcpy(start, key.data, key.size);
		start[key.size] = 0;
		after.size = key.size + 1;
	}
	return rc;
}

/* The topic whose partitions these are, made where it is new; a deleted one
 * until the topics table names it.  NULL: failed. */
static struct registered_topic *find_or_add(struct load *load, uint32_t id)
{
	struct registered_topic *topic = registry_topic(load->registry, id);
	if (topic != NULL || registry_reserve_topic(load->registry, id, load->err) != 0)
		return topic;
	topic = calloc(1, sizeof(*topic));
	if (topic == NULL) {
		error_set(load->err, ERROR_MEMORY, "topic %u", id);
		return NULL;
	}
	topic->id = id;
	topic->is_deleted = true;
	topic_config_init(&topic->config);
	registry_add_topic(load->registry, topic);
	return topic;
}

/* Make partition `number` exist; those skipped stay zeroed, without a topic. */
static int grow(struct registered_topic *topic, uint32_t number, struct error *err)
{
	uint32_t capacity = capacity_for(number + 1);
	if (topic->partitions == NULL || capacity > capacity_for(topic->partition_count)) {
		struct partition *partitions =
			realloc(topic->partitions, capacity * sizeof(*partitions));
		if (partitions == NULL)
			return error_set(err, ERROR_MEMORY, "%u partitions of topic %u", number + 1,
					 topic->id);
		topic->partitions = partitions;
	}
	memset(&topic->partitions[topic->partition_count], 0,
	       (number + 1 - topic->partition_count) * sizeof(*topic->partitions));
	topic->partition_count = number + 1;
	return 0;
}

static int load_partition(struct load *load, struct bytes key, struct bytes value)
{
	struct partition_record record;
	uint32_t topic_id, number;
	if (partition_record_decode(key, value, &topic_id, &number, &record, load->err) != 0)
		return -1;
	if (topic_id == 0 || topic_id >= load->next_topic_id || number >= TOPIC_PARTITIONS_MAX)
		return error_set(load->err, ERROR_CORRUPT,
				 "table partitions: there can be no partition %u of topic id %u",
				 number, topic_id);
	struct registered_topic *topic = find_or_add(load, topic_id);
	if (topic == NULL || grow(topic, number, load->err) != 0)
		return -1;
	struct partition *partition = &topic->partitions[number];
	partition->topic = topic;
	partition->stored = record;
	partition->next = record;
	return 0;
}

static int check_partitions(const struct registered_topic *topic, uint32_t partition_count,
			    struct error *err)
{
	uint32_t found = topic == NULL ? 0 : topic->partition_count;
	if (found > partition_count)
		return error_set(err, ERROR_CORRUPT, "it has %u partitions, but there is a partition %u",
				 partition_count, found - 1);
	for (uint32_t number = 0; number < partition_count; number++)
		if (number >= found || topic->partitions[number].topic == NULL)
			return error_set(err, ERROR_CORRUPT, "its partition %u of %u is missing",
					 number, partition_count);
	return 0;
}

static int load_topic(struct load *load, struct bytes name, struct bytes value)
{
	struct topic_record record;
	struct topic_config config;
	struct error *err = load->err;
	if (topic_record_decode(name, value, &record, err) != 0)
		goto fail;
	struct registered_topic *topic = registry_topic(load->registry, record.id);
	if (name.size > TOPIC_NAME_BYTES_MAX || record.id == 0 ||
	    record.id >= load->next_topic_id || record.partition_count == 0 ||
	    (topic != NULL && !topic->is_deleted)) {
		error_set(err, ERROR_CORRUPT, "it cannot have id %u and %u partitions", record.id,
			  record.partition_count);
		goto fail;
	}
	if (check_partitions(topic, record.partition_count, err) != 0 ||
	    topic_config_decode(record.options, &config, err) != 0)
		goto fail;
	topic->owner_source_id = record.owner_source_id;
	topic->config = config;
	topic->is_deleted = false;
	return 0;
fail:
	return error_context(err, "topic '%.*s'", (int)name.size, (const char *)name.data);
}

static int load_source(struct load *load, struct bytes name, struct bytes value)
{
	struct source_record record;
	struct error *err = load->err;
	if (source_record_decode(name, value, &record, err) != 0)
		goto fail;
	if (name.size > SOURCE_NAME_BYTES_MAX || record.id == 0 ||
	    record.id >= load->next_source_id || registry_source(load->registry, record.id) != NULL) {
		error_set(err, ERROR_CORRUPT, "it cannot have id %u", record.id);
		goto fail;
	}
	if (registry_reserve_source(load->registry, record.id, err) != 0)
		goto fail;
	struct registered_source *source = calloc(1, sizeof(*source));
	if (source == NULL) {
		error_set(err, ERROR_MEMORY, "loading it");
		goto fail;
	}
	source->id = record.id;
	memcpy(source->name, name.data, name.size);
	source->stored_ordinal = record.transaction_ordinal;
	source->next_ordinal = record.transaction_ordinal;
	registry_add_source(load->registry, source);
	return 0;
fail:
	return error_context(err, "source '%.*s'", (int)name.size, (const char *)name.data);
}

/* Retention took some partitions of a deleted topic already: what is left is
 * an array without holes all the same. */
static void fill_holes(struct registry *registry)
{
	for (uint32_t id = 0; id < registry->topic_capacity; id++) {
		struct registered_topic *topic = registry->topics[id];
		for (uint32_t number = 0; topic != NULL && number < topic->partition_count; number++) {
			topic->partitions[number].topic = topic;
			topic->partitions[number].number = number;
		}
	}
}

static int load_tables(void *argument, struct transaction *transaction, struct error *err)
{
	struct load load = { .registry = argument, .transaction = transaction, .err = err };
	if (transaction_get_number(transaction, META_NEXT_TOPIC_ID, &load.next_topic_id) != 0 ||
	    transaction_get_number(transaction, META_NEXT_SOURCE_ID, &load.next_source_id) != 0)
		return -1;
	if (load.next_topic_id == 0 || load.next_source_id == 0)
		return error_set(err, ERROR_CORRUPT, "table meta: '%s' or '%s' is missing",
				 META_NEXT_TOPIC_ID, META_NEXT_SOURCE_ID);
	if (walk(&load, TABLE_PARTITIONS, load_partition) != 0 ||
	    walk(&load, TABLE_TOPICS, load_topic) != 0 ||
	    walk(&load, TABLE_SOURCES, load_source) != 0)
		return -1;
	fill_holes(load.registry);
	return 0;
}

int registry_load(struct registry *registry, struct store *store, struct error *err)
{
	*registry = (struct registry){ 0 };
	if (lookup_run(store, load_tables, registry, err) == 0)
		return 0;
	if (err != NULL && err->code == ERROR_CORRUPT) {
		struct error cause = *err;
		error_set(err, ERROR_CORRUPT,
			  "%s; 'millstream-log verify %s' lists all that is damaged; put a whole copy of the "
			  "directory in its place",
			  cause.text, store->dir);
	}
	return error_context(err, "load the tables");
}

static int cut_topic(struct store *store, struct registered_topic *topic, struct error *err)
{
	for (uint32_t number = 0; number < topic->partition_count; number++) {
		struct partition *partition = &topic->partitions[number];
		if (partition->stored.visible_end == partition->stored.log_end)
			continue;
		if (recovery_cut(store, topic->id, number, &partition->stored, err) != 0)
			return -1;
		partition->next = partition->stored;
	}
	return 0;
}

int registry_cut_source(struct registry *registry, struct store *store,
			struct registered_source *source, struct error *err)
{
	for (uint32_t id = 0; id < registry->topic_capacity; id++) {
		struct registered_topic *topic = registry->topics[id];
		if (topic != NULL && topic->owner_source_id == source->id &&
		    cut_topic(store, topic, err) != 0)
			return -1;
	}
	source->stored_is_open = source->next_is_open = false;
	return 0;
}
