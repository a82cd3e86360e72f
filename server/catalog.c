#include "server/catalog.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static void destroy(struct catalog_topic *topic)
{
	free(topic->partitions);
	free(topic);
}

void catalog_clear(struct catalog *catalog)
{
	struct catalog_topic *topic;
	while ((topic = LIST_FIRST(&catalog->topics)) != NULL)
		catalog_remove(catalog, topic);
	free(catalog->by_id);
	*catalog = (struct catalog){ 0 };
}

struct catalog_topic *catalog_topic(const struct catalog *catalog, uint32_t id)
{
	return id < catalog->capacity ? catalog->by_id[id] : NULL;
}

struct catalog_partition *catalog_partition(const struct catalog *catalog, uint32_t topic_id,
					    uint32_t partition)
{
	struct catalog_topic *topic = catalog_topic(catalog, topic_id);
	return topic != NULL && partition < topic->topic.partition_count ? &topic->partitions[partition]
									  : NULL;
}

static int compare_names(const void *a, const void *b)
{
	const struct catalog_topic *left = a, *right = b;
	return strcmp(left->topic.name, right->topic.name);
}

struct catalog_topic *catalog_find(const struct catalog *catalog, struct bytes name)
{
	struct catalog_topic wanted;
	if (name.size > TOPIC_NAME_BYTES_MAX)
		return NULL;
	memcpy(wanted.topic.name, name.data, name.size);
	wanted.topic.name[name.size] = '\0';
	struct catalog_topic *const *found = tfind(&wanted, &catalog->by_name, compare_names);
	return found != NULL ? *found : NULL;
}

static int reserve(struct catalog *catalog, uint32_t id)
{
	if (id < catalog->capacity)
		return 0;
	uint32_t capacity = id + id / 2 + 16;
	struct catalog_topic **grown = realloc(catalog->by_id, capacity * sizeof(struct catalog_topic *));
	if (grown == NULL)
		return -1;
	memset(grown + catalog->capacity, 0,
	       (capacity - catalog->capacity) * sizeof(struct catalog_topic *));
	catalog->by_id = grown;
	catalog->capacity = capacity;
	return 0;
}

int catalog_add(struct catalog *catalog, const struct topic *topic,
		struct catalog_topic **out, struct error *err)
{
	struct catalog_topic *added = calloc(1, sizeof(*added));
	if (added == NULL || reserve(catalog, topic->id) != 0)
		goto fail;
	added->topic = *topic;
	added->partitions = calloc(topic->partition_count, sizeof(*added->partitions));
	if (added->partitions == NULL)
		goto fail;
	for (uint32_t n = 0; n < topic->partition_count; n++)
		LIST_INIT(&added->partitions[n].cursors);
	if (tsearch(added, &catalog->by_name, compare_names) == NULL)
		goto fail;
	catalog->by_id[topic->id] = added;
	catalog->topic_count++;
	catalog->partition_count += topic->partition_count;
	LIST_INSERT_HEAD(&catalog->topics, added, link);
	*out = added;
	return 0;
fail:
	if (added != NULL)
		free(added->partitions);
	free(added);
	return error_set(err, ERROR_MEMORY, "topic '%s'", topic->name);
}

void catalog_remove(struct catalog *catalog, struct catalog_topic *topic)
{
	LIST_REMOVE(topic, link);
	tdelete(topic, &catalog->by_name, compare_names);
	catalog->by_id[topic->topic.id] = NULL;
	catalog->topic_count--;
	catalog->partition_count -= topic->topic.partition_count;
	destroy(topic);
}

static int load_ends(struct catalog_topic *topic, struct reader *reader, struct error *err)
{
	for (uint32_t n = 0; n < topic->topic.partition_count; n++) {
		struct reader_ends ends;
		if (reader_ends(reader, topic->topic.id, n, &ends, err) != 0)
			return -1;
		topic->partitions[n].visible_end = ends.visible_end;
	}
	return 0;
}

int catalog_load(struct catalog *catalog, struct reader *reader, struct error *err)
{
	struct topic topic = { 0 };
	int rc;
	*catalog = (struct catalog){ 0 };
	LIST_INIT(&catalog->topics);
	while ((rc = topics_next(reader, topic.name, &topic, err)) == 1) {
		struct catalog_topic *added;
		if (catalog_add(catalog, &topic, &added, err) != 0 ||
		    load_ends(added, reader, err) != 0)
			return -1;
	}
	return rc;
}
