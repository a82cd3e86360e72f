#include "capture/source_settings.h"

#include "capture/name_filter.h"
#include "protocol/limits.h"
#include "protocol/utf8.h"

#include <ctype.h>
#include <strings.h>

/* Schema, table and column with their points: no database has names of over 256 bytes. */
#define FULL_NAME_BYTES 1024
/* What is shown of a name. */
#define SHOWN_BYTES     64

/* Join names by points.  0: longer than any database has them. */
static size_t join(char out[FULL_NAME_BYTES], const struct bytes *parts, size_t count)
{
	size_t used = 0;
	for (size_t n = 0; n < count; n++) {
		if (parts[n].size > FULL_NAME_BYTES - used - 1)
			return 0;
		if (n > 0)
			out[used++] = '.';
		if (parts[n].size > 0)
			memcpy(out + used, parts[n].data, parts[n].size);
		used += parts[n].size;
	}
	return used;
}

static bool is_system_table(struct bytes schema, struct bytes table)
{
	static const char information[] = "information_schema", spatial[] = "spatial_ref_sys";
	return (schema.size >= 3 && memcmp(schema.data, "pg_", 3) == 0) ||
	       (schema.size == strlen(information) &&
		strncasecmp((const char *)schema.data, information, schema.size) == 0) ||
	       (table.size == strlen(spatial) &&
		strncasecmp((const char *)table.data, spatial, table.size) == 0);
}

bool source_settings_has_table(const struct source_settings *settings, struct bytes schema,
			       struct bytes table)
{
	const struct bytes parts[] = { schema, table };
	char name[FULL_NAME_BYTES];
	size_t size = join(name, parts, 2);
	return size > 0 && !is_system_table(schema, table) && name_filter_admits(settings->schemas, schema) &&
	       name_filter_admits(settings->tables, (struct bytes){ (const uint8_t *)name, size });
}

bool source_settings_has_column(const struct source_settings *settings, struct bytes schema,
				struct bytes table, struct bytes column)
{
	const struct bytes parts[] = { schema, table, column };
	char name[FULL_NAME_BYTES];
	size_t size = join(name, parts, 3);
	return size > 0 && name_filter_admits(settings->columns, (struct bytes){ (const uint8_t *)name, size });
}

/* A part of a topic's name, in what Kafka allows; beyond the room there is it is only counted. */
static void add_part(char *out, size_t *used, struct bytes part)
{
	size_t size;
	for (size_t at = 0; at < part.size; at += size) {
		int32_t point = utf8_decode(part.data + at, part.size - at, &size);
		bool is_fine = point >= 0 && point < 0x80 && (isalnum(point) || strchr("._-", point) != NULL) &&
			       point != 0;
		for (int n = 0; n < (point > 0xffff ? 2 : 1); n++, (*used)++)
			if (*used < TOPIC_NAME_BYTES_MAX)
				out[*used] = is_fine ? (char)point : '_';
	}
}

static int shown(struct bytes name)
{
	return name.size < SHOWN_BYTES ? (int)name.size : SHOWN_BYTES;
}

int source_settings_topic(const struct source_settings *settings, struct bytes schema,
			  struct bytes table, char *out, struct error *err)
{
	struct bytes delimiter = bytes_of_text(settings->topic_delimiter);
	char name[TOPIC_NAME_BYTES_MAX];
	size_t used = 0;
	add_part(name, &used, bytes_of_text(settings->topic_prefix));
	add_part(name, &used, delimiter);
	add_part(name, &used, schema);
	add_part(name, &used, delimiter);
	add_part(name, &used, table);
	if (used > TOPIC_NAME_BYTES_MAX)
		return error_set(err, ERROR_INVALID,
				 "the topic of table '%.*s.%.*s' would have a name of %zu bytes, and %d is the most: "
				 "set a shorter topic.prefix", shown(schema), (const char *)schema.data, shown(table),
				 (const char *)table.data, used, TOPIC_NAME_BYTES_MAX);
	memcpy(out, name, used);
	out[used] = '\0';
	return 0;
}
