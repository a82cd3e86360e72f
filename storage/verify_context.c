#include "storage/guard.h"
#include "storage/verify_internal.h"

#include <stdlib.h>

void verify_context_clear(struct verify_context *context)
{
	free(context->topics);
	free(context->sources);
	*context = (struct verify_context){ 0 };
}

/* Room for one more in an array that only grows. */
static int grow(void **array, size_t *capacity, size_t count, size_t item_bytes, struct error *err)
{
	if (count < *capacity)
		return 0;
	size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
	void *grown = realloc(*array, wanted * item_bytes);
	if (grown == NULL)
		return error_set(err, ERROR_MEMORY, "checking the store");
	*array = grown;
	*capacity = wanted;
	return 0;
}

static int add_topic(struct verify *verify, struct bytes name, struct bytes value)
{
	struct verify_context *fresh = &verify->fresh;
	struct topic_record record;
	void *topics = fresh->topics;
	if (name.size > TOPIC_NAME_BYTES_MAX || topic_record_decode(name, value, &record, NULL) != 0)
		return 0;
	if (grow(&topics, &fresh->topic_capacity, fresh->topic_count, sizeof(*fresh->topics),
		 &verify->err) != 0)
		return -1;
	fresh->topics = topics;
	struct verify_topic *topic = &fresh->topics[fresh->topic_count++];
	*topic = (struct verify_topic){
		.id = record.id, .partition_count = record.partition_count,
		.owner_source_id = record.owner_source_id,
	};
	memcpy(topic->name, name.data, name.size);
	return 0;
}

static int add_source(struct verify *verify, struct bytes name, struct bytes value)
{
	struct verify_context *fresh = &verify->fresh;
	struct source_record record;
	void *sources = fresh->sources;
	if (source_record_decode(name, value, &record, NULL) != 0)
		return 0;
	if (grow(&sources, &fresh->source_capacity, fresh->source_count, sizeof(*fresh->sources),
		 &verify->err) != 0)
		return -1;
	fresh->sources = sources;
	fresh->sources[fresh->source_count++] =
		(struct verify_source){ record.id, record.transaction_ordinal };
	return 0;
}

static int add_partition(struct verify *verify, struct bytes key, struct bytes value)
{
	struct partition_record record;
	uint32_t topic_id, partition;
	if (partition_record_decode(key, value, &topic_id, &partition, &record, NULL) == 0)
		verify->fresh.bytes_total += record.bytes;
	return 0;
}

static int each(struct verify *verify, enum table table,
		int (*add)(struct verify *verify, struct bytes key, struct bytes value))
{
	struct bytes key, value, last = { NULL, 0 };
	int found = snapshot_seek(&verify->snapshot, table, last, &key, &value, &verify->err);
	while (found == 1) {
		/* Damaged pages can lead in a circle. */
		if (last.data != NULL && bytes_compare(key, last) <= 0)
			return error_set(&verify->err, ERROR_CORRUPT, "table %s: keys are out of order",
					 table_name(table));
		last = key;
		if (add(verify, key, value) != 0)
			return -1;
		found = snapshot_next(&verify->snapshot, table, &key, &value, &verify->err);
	}
	return found;
}

static int get_number(struct verify *verify, const char *name, uint64_t *out)
{
	struct bytes value, body, key = { (const uint8_t *)name, strlen(name) };
	int found = snapshot_get(&verify->snapshot, TABLE_META, key, &value, &verify->err);
	*out = 0;
	if (found == 1 && seal_check("meta", key, value, &body, NULL) == 0 && body.size == sizeof(*out))
		*out = load_u64(body.data);
	return found < 0 ? -1 : 0;
}

static int compare_topics(const void *left, const void *right)
{
	const struct verify_topic *a = left, *b = right;
	return (a->id > b->id) - (a->id < b->id);
}

static int compare_sources(const void *left, const void *right)
{
	const struct verify_source *a = left, *b = right;
	return (a->id > b->id) - (a->id < b->id);
}

static int load(void *argument)
{
	struct verify *verify = argument;
	struct verify_context *fresh = &verify->fresh;
	if (get_number(verify, META_NEXT_TOPIC_ID, &fresh->next_topic_id) != 0 ||
	    get_number(verify, META_NEXT_SCHEMA_ID, &fresh->next_schema_id) != 0 ||
	    get_number(verify, META_NEXT_SOURCE_ID, &fresh->next_source_id) != 0 ||
	    each(verify, TABLE_TOPICS, add_topic) != 0 ||
	    each(verify, TABLE_SOURCES, add_source) != 0)
		return -1;
	/* An estimate: the first one will do. */
	fresh->bytes_total = verify->context.bytes_total;
	if (fresh->bytes_total == 0 && each(verify, TABLE_PARTITIONS, add_partition) != 0)
		return -1;
	if (fresh->topic_count > 0)
		qsort(fresh->topics, fresh->topic_count, sizeof(*fresh->topics), compare_topics);
	if (fresh->source_count > 0)
		qsort(fresh->sources, fresh->source_count, sizeof(*fresh->sources), compare_sources);
	return 0;
}

int verify_context_load(struct verify *verify)
{
	if (verify->has_context && (!verify->is_live || verify->is_context_broken))
		return 0;
	verify_context_clear(&verify->fresh);
	int rc = guard_run(load, verify, &verify->err);
	if (rc != 0 && verify->err.code == ERROR_MEMORY)
		return -1;
	/* What could be read is better than nothing; which table is damaged, its own
	 * check will say. */
	if (rc != 0 && !verify->has_context && verify->fresh.topic_count > 0)
		qsort(verify->fresh.topics, verify->fresh.topic_count, sizeof(*verify->fresh.topics),
		      compare_topics);
	if (rc == 0 || !verify->has_context) {
		struct verify_context old = verify->context;
		verify->context = verify->fresh;
		verify->fresh = old;
		verify_context_clear(&verify->fresh);
	}
	verify->has_context = true;
	verify->is_context_broken = rc != 0;
	return rc != 0;
}

const struct verify_topic *verify_topic(const struct verify *verify, uint32_t id)
{
	struct verify_topic wanted = { .id = id };
	if (verify->context.topic_count == 0)
		return NULL;
	return bsearch(&wanted, verify->context.topics, verify->context.topic_count, sizeof(wanted),
		       compare_topics);
}

bool verify_topics_share_id(const struct verify *verify, uint32_t id)
{
	const struct verify_topic *first = verify->context.topics;
	const struct verify_topic *last = first + verify->context.topic_count;
	const struct verify_topic *topic = verify_topic(verify, id);
	return topic != NULL && ((topic > first && topic[-1].id == id) ||
				 (topic + 1 < last && topic[1].id == id));
}

bool verify_sources_share_id(const struct verify *verify, uint16_t id)
{
	const struct verify_source *first = verify->context.sources;
	const struct verify_source *last = first + verify->context.source_count;
	const struct verify_source *source = verify_source(verify, id);
	return source != NULL && ((source > first && source[-1].id == id) ||
				  (source + 1 < last && source[1].id == id));
}

const struct verify_source *verify_source(const struct verify *verify, uint16_t id)
{
	struct verify_source wanted = { .id = id };
	if (verify->context.source_count == 0)
		return NULL;
	return bsearch(&wanted, verify->context.sources, verify->context.source_count,
		       sizeof(wanted), compare_sources);
}
