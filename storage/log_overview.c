#include "storage/log_overview.h"

#include "storage/layout.h"
#include "storage/log_json.h"
#include "storage/log_output.h"
#include "storage/log_rows.h"
#include "storage/log_text.h"

#include <inttypes.h>
#include <stdio.h>

struct overview {
	struct store *store;
	struct log_tables tables;
	struct log_rows rows;
	uint64_t row_count;             /* of the table that is being walked */
	struct text damage;             /* lines for people, kept for the end */
	uint64_t damaged_count;
};

static int flush(struct overview *overview, struct error *err)
{
	return log_output_write(&overview->rows.text, err);
}

/* Most errors begin with "table NAME: ", which is told already. */
static const char *without_table(const char *text, const char *table)
{
	char prefix[64];
	int size = snprintf(prefix, sizeof(prefix), "table %s: ", table);
	return strncmp(text, prefix, (size_t)size) == 0 ? text + size : text;
}

/* key nil: it is not known which entries are concerned. */
static void note_damage(struct overview *overview, const char *table, struct bytes key,
			const struct error *err)
{
	const char *reason = without_table(err->text, table);
	overview->damaged_count++;
	if (overview->rows.as_json) {
		struct json json = log_json_begin(&overview->rows.text, "damage");
		log_json_string(&json, "table", table);
		log_json_text(&json, "key", key);
		log_json_string(&json, "error", reason);
		log_json_end(&json);
		return;
	}
	struct text *text = &overview->damage;
	text_add_format(text, "DAMAGED  table %s, ", table);
	if (key.data == NULL)
		text_add_string(text, "what is left of it");
	else
		text_add_string(text, "key ");
	log_text_opaque(text, key);
	text_add_string(text, ": ");
	log_text_message(text, reason);
	text_add_byte(text, '\n');
}

static int show(struct overview *overview, enum table table, const struct log_entry *entry,
		log_row *row, struct error *err)
{
	struct error damage = { 0 };
	if (row(&overview->rows, entry, &damage) == 0) {
		overview->row_count++;
	} else if (damage.code == ERROR_MEMORY) {
		*err = damage;
		return -1;
	} else {
		note_damage(overview, table_name(table), entry->key, &damage);
	}
	return flush(overview, err);
}

static int walk(struct overview *overview, enum table table, log_row *row, struct error *err)
{
	struct log_entry entry = { 0 };
	struct error damage = { 0 };
	int found = 0;
	overview->row_count = 0;
	while (log_output_is_wanted() &&
	       (found = log_tables_next(&overview->tables, table, &entry, &damage)) == 1)
		if (show(overview, table, &entry, row, err) != 0)
			return -1;
	if (found >= 0)
		return 0;
	if (damage.code != ERROR_CORRUPT) {
		*err = damage;
		return -1;
	}
	note_damage(overview, table_name(table), (struct bytes){ NULL, 0 }, &damage);
	return flush(overview, err);
}

/* A table whose entries are rows, behind an empty line. */
static int walk_rows(struct overview *overview, enum table table, log_row *row,
		     const char *layout, const char *titles, struct error *err)
{
	struct log_rows *rows = &overview->rows;
	if (rows->as_json)
		return walk(overview, table, row, err);
	text_columns_begin(&rows->columns, layout, titles);
	int rc = walk(overview, table, row, err);
	text_add_byte(&rows->text, '\n');
	if (overview->row_count > 0)
		text_columns_write(&rows->columns, "", &rows->text);
	else
		text_add_format(&rows->text, "no %s\n", table_name(table));
	text_columns_clear(&rows->columns);
	return rc == 0 ? flush(overview, err) : -1;
}

/* One that is damaged is noted, and 0. */
static int read_number(struct overview *overview, const char *name, uint64_t *out,
		       struct error *err)
{
	struct bytes value, body, key = bytes_of_text(name);
	struct error damage = { 0 };
	int found = log_tables_get(&overview->tables, TABLE_META, key, &value, &damage);
	if (found < 0 && damage.code != ERROR_CORRUPT) {
		*err = damage;
		return -1;
	}
	if (found == 0)
		error_set(&damage, ERROR_CORRUPT, "it is missing");
	if (found == 1 && seal_check("meta", key, value, &body, &damage) == 0) {
		if (body.size == sizeof(*out)) {
			*out = load_u64(body.data);
			return 0;
		}
		error_set(&damage, ERROR_CORRUPT, "%zu bytes are no number", body.size);
	}
	note_damage(overview, table_name(TABLE_META), key, &damage);
	*out = 0;
	return 0;
}

struct whole {
	struct bytes instance;
	struct store_usage usage;
	uint64_t next_topic_id;
	uint64_t next_source_id;
	uint64_t next_schema_id;
};

static void json_whole(struct text *text, const struct whole *whole)
{
	struct json json = log_json_begin(text, "store");
	log_json_u64(&json, "format", STORE_FORMAT_VERSION);
	log_json_hex(&json, "instance", whole->instance);
	log_json_u64(&json, "file_bytes", whole->usage.file_bytes);
	log_json_u64(&json, "free_bytes", whole->usage.free_bytes);
	log_json_u64(&json, "next_topic_id", whole->next_topic_id);
	log_json_u64(&json, "next_source_id", whole->next_source_id);
	log_json_u64(&json, "next_schema_id", whole->next_schema_id);
	log_json_end(&json);
}

static void text_whole(struct text *text, const struct whole *whole)
{
	text_add_format(text, "format    %d\ninstance  ", STORE_FORMAT_VERSION);
	text_add_hex(text, whole->instance);
	text_add_string(text, "\nfile      ");
	log_text_size(text, whole->usage.file_bytes);
	text_add_string(text, ", of which ");
	log_text_size(text, whole->usage.free_bytes);
	text_add_format(text, " are free\nnext ids  topic %" PRIu64 ", source %" PRIu64
			", schema %" PRIu64 "\n",
			whole->next_topic_id, whole->next_source_id, whole->next_schema_id);
}

static int write_whole(struct overview *overview, struct error *err)
{
	struct whole whole = {
		.instance = { store_instance_id(overview->store), INSTANCE_ID_BYTES },
	};
	if (store_usage(overview->store, &whole.usage, err) != 0 ||
	    read_number(overview, META_NEXT_TOPIC_ID, &whole.next_topic_id, err) != 0 ||
	    read_number(overview, META_NEXT_SOURCE_ID, &whole.next_source_id, err) != 0 ||
	    read_number(overview, META_NEXT_SCHEMA_ID, &whole.next_schema_id, err) != 0)
		return -1;
	(overview->rows.as_json ? json_whole : text_whole)(&overview->rows.text, &whole);
	return flush(overview, err);
}

static int write_tables(struct overview *overview, struct error *err)
{
	struct log_rows *rows = &overview->rows;
	if (log_names_load(&rows->topics, &overview->tables, TABLE_TOPICS, err) != 0 ||
	    log_names_load(&rows->sources, &overview->tables, TABLE_SOURCES, err) != 0 ||
	    walk_rows(overview, TABLE_TOPICS, log_row_topic, LOG_ROW_TOPIC_LAYOUT,
		      LOG_ROW_TOPIC_TITLES, err) != 0 ||
	    walk_rows(overview, TABLE_PARTITIONS, log_row_partition, LOG_ROW_PARTITION_LAYOUT,
		      LOG_ROW_PARTITION_TITLES, err) != 0 ||
	    walk_rows(overview, TABLE_SOURCES, log_row_source, LOG_ROW_SOURCE_LAYOUT,
		      LOG_ROW_SOURCE_TITLES, err) != 0 ||
	    walk_rows(overview, TABLE_GROUPS, log_row_group, LOG_ROW_GROUP_LAYOUT,
		      LOG_ROW_GROUP_TITLES, err) != 0 ||
	    walk(overview, TABLE_SCHEMAS, log_row_schema, err) != 0)
		return -1;
	if (!rows->as_json && overview->row_count == 0)
		text_add_string(&rows->text, "\nno schemas\n");
	if (overview->damage.buffer.size > 0)
		text_add_byte(&rows->text, '\n');
	text_add(&rows->text, overview->damage.buffer.data, overview->damage.buffer.size);
	return text_check(&overview->damage, err) == 0 ? flush(overview, err) : -1;
}

int log_overview_write(struct store *store, bool as_json, uint64_t *out_damaged_count,
		       struct error *err)
{
	struct overview overview = { .store = store, .rows = { .as_json = as_json } };
	if (log_tables_open(&overview.tables, store, err) != 0)
		return -1;
	text_init(&overview.rows.text);
	text_init(&overview.damage);
	int rc = write_whole(&overview, err) == 0 ? write_tables(&overview, err) : -1;
	if (rc == 0)
		*out_damaged_count = overview.damaged_count;
	log_names_clear(&overview.rows.topics);
	log_names_clear(&overview.rows.sources);
	text_clear(&overview.rows.text);
	text_clear(&overview.damage);
	log_tables_close(&overview.tables);
	return rc;
}
