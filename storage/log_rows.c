#include "storage/log_rows.h"

#include "storage/groups.h"
#include "storage/layout.h"
#include "storage/log_json.h"
#include "storage/log_text.h"
#include "storage/topic_config.h"

#include <inttypes.h>

static void cell_u64(struct log_rows *rows, uint64_t number)
{
	text_add_u64(&rows->columns.cells, number);
	text_columns_end_cell(&rows->columns);
}

static void cell_size(struct log_rows *rows, uint64_t bytes)
{
	log_text_size(&rows->columns.cells, bytes);
	text_columns_end_cell(&rows->columns);
}

static void cell_name(struct log_rows *rows, struct bytes name)
{
	log_text_name(&rows->columns.cells, name);
	text_columns_end_cell(&rows->columns);
}

static void cell_string(struct log_rows *rows, const char *string)
{
	text_add_string(&rows->columns.cells, string);
	text_columns_end_cell(&rows->columns);
}

static void cell_opaque(struct log_rows *rows, struct bytes bytes)
{
	log_text_opaque(&rows->columns.cells, bytes);
	text_columns_end_cell(&rows->columns);
}

static void cell_time(struct log_rows *rows, int64_t time_us)
{
	if (time_us != 0)
		log_text_time(&rows->columns.cells, time_us);
	text_columns_end_cell(&rows->columns);
}

static void cell_config(struct log_rows *rows, const struct topic_config *config)
{
	char value[TOPIC_CONFIG_TEXT_BYTES];
	const struct topic_option *option;
	const char *space = "";
	for (size_t n = 0; (option = topic_option(n)) != NULL; n++) {
		if ((config->set & UINT32_C(1) << n) == 0)
			continue;
		topic_config_text(config, n, value, sizeof(value));
		text_add_format(&rows->columns.cells, "%s%s=%s", space, option->name, value);
		space = " ";
	}
	text_columns_end_cell(&rows->columns);
}

static void json_config(struct json *json, const struct topic_config *config)
{
	char value[TOPIC_CONFIG_TEXT_BYTES];
	const struct topic_option *option;
	json_name(json, "config");
	json_begin_object(json);
	for (size_t n = 0; (option = topic_option(n)) != NULL; n++) {
		if ((config->set & UINT32_C(1) << n) == 0)
			continue;
		topic_config_text(config, n, value, sizeof(value));
		log_json_string(json, option->name, value);
	}
	json_end_object(json);
}

static void json_topic(struct log_rows *rows, struct bytes name, const struct topic_record *topic,
		       const struct topic_config *config)
{
	struct json json = log_json_begin(&rows->text, "topic");
	log_json_text(&json, "name", name);
	log_json_u64(&json, "id", topic->id);
	log_json_u64(&json, "partitions", topic->partition_count);
	log_json_u64(&json, "owner_source_id", topic->owner_source_id);
	log_json_string(&json, "owner", log_names_find(&rows->sources, topic->owner_source_id));
	log_json_i64(&json, "created_us", topic->created_us);
	json_config(&json, config);
	log_json_end(&json);
}

int log_row_topic(struct log_rows *rows, const struct log_entry *entry, struct error *err)
{
	struct topic_record topic;
	struct topic_config config;
	if (topic_record_decode(entry->key, entry->value, &topic, err) != 0 ||
	    topic_config_decode(topic.options, &config, err) != 0)
		return -1;
	if (rows->as_json) {
		json_topic(rows, entry->key, &topic, &config);
		return 0;
	}
	const char *owner = log_names_find(&rows->sources, topic.owner_source_id);
	cell_name(rows, entry->key);
	cell_u64(rows, topic.id);
	cell_u64(rows, topic.partition_count);
	if (owner != NULL)
		cell_name(rows, bytes_of_text(owner));
	else
		cell_string(rows, topic.owner_source_id == 0 ? "publishers" : "(no longer known)");
	cell_time(rows, topic.created_us);
	cell_config(rows, &config);
	return 0;
}

/* A topic that is deleted has no name any more. */
static void cell_topic(struct log_rows *rows, uint32_t topic_id)
{
	const char *topic = log_names_find(&rows->topics, topic_id);
	if (topic != NULL) {
		cell_name(rows, bytes_of_text(topic));
		return;
	}
	text_add_format(&rows->columns.cells, "(topic %" PRIu32 ")", topic_id);
	text_columns_end_cell(&rows->columns);
}

static void json_partition(struct log_rows *rows, uint32_t topic_id, uint32_t number,
			   const struct partition_record *partition)
{
	struct json json = log_json_begin(&rows->text, "partition");
	log_json_string(&json, "topic", log_names_find(&rows->topics, topic_id));
	log_json_u64(&json, "topic_id", topic_id);
	log_json_u64(&json, "partition", number);
	log_json_u64(&json, "log_start", partition->log_start);
	log_json_u64(&json, "visible_end", partition->visible_end);
	log_json_u64(&json, "log_end", partition->log_end);
	log_json_u64(&json, "batches", partition->batch_count);
	log_json_u64(&json, "bytes", partition->bytes);
	if (partition->last_append_time_us != 0)
		log_json_i64(&json, "last_append_us", partition->last_append_time_us);
	else
		log_json_string(&json, "last_append_us", NULL);
	log_json_end(&json);
}

int log_row_partition(struct log_rows *rows, const struct log_entry *entry, struct error *err)
{
	uint32_t topic_id, number;
	struct partition_record partition;
	if (partition_record_decode(entry->key, entry->value, &topic_id, &number, &partition, err) != 0)
		return -1;
	if (rows->as_json) {
		json_partition(rows, topic_id, number, &partition);
		return 0;
	}
	cell_topic(rows, topic_id);
	cell_u64(rows, number);
	cell_u64(rows, partition.log_start);
	cell_u64(rows, partition.visible_end);
	cell_u64(rows, partition.log_end);
	cell_u64(rows, partition.batch_count);
	cell_size(rows, partition.bytes);
	cell_time(rows, partition.last_append_time_us);
	return 0;
}

static void json_source(struct log_rows *rows, struct bytes name,
			const struct source_record *source)
{
	struct json json = log_json_begin(&rows->text, "source");
	log_json_text(&json, "name", name);
	log_json_u64(&json, "id", source->id);
	log_json_u64(&json, "transaction_ordinal", source->transaction_ordinal);
	log_json_u64(&json, "state", source->state);
	json_name(&json, "position");
	value_json_add_bytes(&json, source->position);
	json_name(&json, "snapshot_progress");
	value_json_add_bytes(&json, source->snapshot_progress);
	log_json_text(&json, "reason", source->reason);
	log_json_end(&json);
}

int log_row_source(struct log_rows *rows, const struct log_entry *entry, struct error *err)
{
	struct source_record source;
	if (source_record_decode(entry->key, entry->value, &source, err) != 0)
		return -1;
	if (rows->as_json) {
		json_source(rows, entry->key, &source);
		return 0;
	}
	cell_name(rows, entry->key);
	cell_u64(rows, source.id);
	cell_u64(rows, source.transaction_ordinal);
	cell_u64(rows, source.state);
	cell_opaque(rows, source.position);
	cell_opaque(rows, source.snapshot_progress);
	cell_opaque(rows, source.reason.size > 0 ? source.reason : (struct bytes){ NULL, 0 });
	return 0;
}

static void json_group(struct log_rows *rows, struct bytes group, const struct group_offset *offset)
{
	struct json json = log_json_begin(&rows->text, "group");
	log_json_text(&json, "name", group);
	log_json_string(&json, "topic", log_names_find(&rows->topics, offset->topic_id));
	log_json_u64(&json, "topic_id", offset->topic_id);
	log_json_u64(&json, "partition", offset->partition);
	log_json_u64(&json, "offset", offset->offset);
	log_json_i64(&json, "time_us", offset->time_us);
	log_json_text(&json, "metadata", offset->metadata);
	log_json_end(&json);
}

int log_row_group(struct log_rows *rows, const struct log_entry *entry, struct error *err)
{
	struct bytes group;
	struct group_offset offset;
	if (groups_decode(entry->key, entry->value, &group, &offset, err) != 0)
		return -1;
	if (rows->as_json) {
		json_group(rows, group, &offset);
		return 0;
	}
	cell_name(rows, group);
	cell_topic(rows, offset.topic_id);
	cell_u64(rows, offset.partition);
	cell_u64(rows, offset.offset);
	cell_time(rows, offset.time_us);
	cell_opaque(rows, offset.metadata);
	return 0;
}
