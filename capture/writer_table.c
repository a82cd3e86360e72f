#include "capture/writer_internal.h"

#include "storage/schemas.h"
#include "storage/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int make_topic(struct writer *writer, const char *name, struct topic *out,
		      struct error *err)
{
	const struct writer_options *options = &writer->options;
	struct topic topic = { .partition_count = 1 };
	snprintf(topic.name, sizeof(topic.name), "%s", name);
	topic_config_init(&topic.config);
	if (options->topic_defaults != NULL)
		options->topic_defaults(options->user, &topic);
	topic.owner_source_id = options->source_id;
	if (topics_create(options->appender, &topic, err) != 0)
		return -1;
	if (options->on_topic != NULL)
		options->on_topic(options->user, &topic);
	*out = topic;
	return 0;
}

/* Whose topic is it, in words? */
static void name_owner(struct writer *writer, uint16_t source_id, char *out, size_t out_bytes)
{
	struct source source = { 0 };
	char after[SOURCE_NAME_BYTES_MAX + 1] = "";
	snprintf(out, out_bytes, "%s",
		 source_id == SOURCE_PUBLISHED ? "publishers write" : "a source that was removed has written");
	while (source_id != SOURCE_PUBLISHED && sources_next(writer->reader, after, &source, NULL) == 1) {
		memcpy(after, source.name, sizeof(after));
		if (source.id == source_id)
			snprintf(out, out_bytes, "source '%s' writes", source.name);
		source_clear(&source);
	}
}

static int check_owner(struct writer *writer, const struct topic *topic, struct error *err)
{
	char owner[SOURCE_NAME_BYTES_MAX + 32];
	if (topic->owner_source_id == writer->options.source_id)
		return 0;
	name_owner(writer, topic->owner_source_id, owner, sizeof(owner));
	return error_set(err, ERROR_NOT_OWNER,
			 "topic '%s' exists, and %s to it; set another topic.prefix, or delete it: "
			 "millstream topic rm %s", topic->name, owner, topic->name);
}

static int find_topic(struct writer *writer, const char *name, struct topic *out,
		      struct error *err)
{
	struct error failure = { 0 };
	if (topics_describe(writer->reader, name, out, &failure) == 0)
		return check_owner(writer, out, err);
	if (failure.code == ERROR_NOT_FOUND) {
		failure = (struct error){ 0 };
		if (make_topic(writer, name, out, &failure) == 0)
			return 0;
	}
	/* Somebody else has just made it. */
	if (failure.code == ERROR_EXISTS && topics_describe(writer->reader, name, out, &failure) == 0)
		return check_owner(writer, out, err);
	if (err != NULL)
		*err = failure;
	return -1;
}

int writer_table_refresh(struct writer *writer, struct writer_table *table, struct error *err)
{
	struct bytes encoded = { table->encoded, table->encoded_bytes };
	struct topic topic;
	uint32_t schema_id;
	bool is_stored;
	if (table->epoch == writer->epoch)
		return 0;
	if (find_topic(writer, table->topic, &topic, err) != 0)
		return -1;
	if (schemas_reserve(writer->options.appender, encoded, &schema_id, &is_stored, err) != 0)
		return error_context(err, "topic '%s': its schema", table->topic);
	table->topic_id = topic.id;
	table->partition_count = topic.partition_count;
	table->schema_id = schema_id;
	table->has_schema = is_stored;
	table->epoch = writer->epoch;
	return 0;
}

static struct writer_table *find(struct writer *writer, const char *topic, struct bytes encoded,
				 uint64_t fingerprint)
{
	struct writer_table *table;
	LIST_FOREACH(table, &writer->tables, link)
		if (table->fingerprint == fingerprint && table->encoded_bytes == encoded.size &&
		    memcmp(table->encoded, encoded.data, encoded.size) == 0 &&
		    strcmp(table->topic, topic) == 0)
			return table;
	return NULL;
}

int writer_table(struct writer *writer, const char *topic, struct bytes encoded,
		 struct writer_table **out, struct error *err)
{
	uint64_t fingerprint = schema_fingerprint(encoded.data, encoded.size);
	struct writer_table *table = find(writer, topic, encoded, fingerprint);
	if (table != NULL) {
		if (writer_table_refresh(writer, table, err) != 0)
			return -1;
		*out = table;
		return 0;
	}
	if (topic_name_check(bytes_of_text(topic), err) != 0)
		return -1;
	table = calloc(1, sizeof(*table) + encoded.size);
	if (table == NULL)
		return error_set(err, ERROR_MEMORY, "topic '%s': its schema", topic);
	table->fingerprint = fingerprint;
	table->encoded_bytes = encoded.size;
	snprintf(table->topic, sizeof(table->topic), "%s", topic);
	memcpy(table->encoded, encoded.data, encoded.size);
	if (writer_table_refresh(writer, table, err) != 0) {
		free(table);
		return -1;
	}
	LIST_INSERT_HEAD(&writer->tables, table, link);
	*out = table;
	return 0;
}
