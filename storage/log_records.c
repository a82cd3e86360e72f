#include "storage/log_records.h"

#include "protocol/nearest.h"
#include "storage/layout.h"
#include "storage/log_json.h"
#include "storage/log_names.h"
#include "storage/log_output.h"
#include "storage/log_record.h"
#include "storage/log_text.h"
#include "storage/reader.h"

#include <inttypes.h>
#include <stdio.h>

struct records {
	const struct log_records_options *options;
	struct log_tables tables;
	struct log_names sources;
	struct log_schemas schemas;
	struct reader *reader;
	struct topic_record topic;
	struct log_record_batch batch;         /* the one that is shown */
	msgpack_sbuffer batches;        /* copied out of the map, one behind the other */
	struct text text;
	uint64_t left_count;            /* records that may still be shown */
	uint64_t damaged_count;
};

static bool is_done(const struct records *records)
{
	return records->left_count == 0 || !log_output_is_wanted();
}

static int refuse_topic(struct records *records, const char *name, struct error *err)
{
	struct nearest nearest = nearest_to(name);
	struct log_names topics = { 0 };
	if (log_names_load(&topics, &records->tables, TABLE_TOPICS, err) != 0)
		return -1;
	for (size_t i = 0; i < topics.count; i++)
		nearest_try(&nearest, topics.names[i].text);
	if (nearest_name(&nearest) != NULL)
		error_set(err, ERROR_NOT_FOUND, "there is no topic '%s': did you mean '%s'?", name,
			  nearest_name(&nearest));
	else
		error_set(err, ERROR_NOT_FOUND,
			  "there is no topic '%s': without a topic, dump lists those there are",
			  name);
	log_names_clear(&topics);
	return -1;
}

static int find_topic(struct records *records, struct error *err)
{
	const struct log_records_options *options = records->options;
	struct bytes value, name = bytes_of_text(options->topic);
	int found = 0;
	if (name.size > 0 && name.size < sizeof(((struct log_name *)0)->text))
		found = log_tables_get(&records->tables, TABLE_TOPICS, name, &value, err);
	if (found == 0)
		return refuse_topic(records, options->topic, err);
	if (found < 0 || topic_record_decode(name, value, &records->topic, err) != 0)
		return error_context(err, "topic '%s'", options->topic);
	if (options->has_partition && options->partition >= records->topic.partition_count)
		return error_set(err, ERROR_NOT_FOUND,
				 "topic '%s' has partitions 0 to %" PRIu32 ", not %" PRIu32,
				 options->topic, records->topic.partition_count - 1,
				 options->partition);
	return 0;
}

/* Damage, as a line. */
static void show_damage(struct records *records, uint64_t start, uint64_t end,
			const struct error *err)
{
	struct text *text = &records->text;
	records->damaged_count++;
	if (records->options->as_json) {
		struct json json = log_json_begin(text, "damage");
		log_json_text(&json, "topic", records->batch.topic);
		log_json_u64(&json, "partition", records->batch.partition);
		log_json_u64(&json, "start_offset", start);
		log_json_u64(&json, "end_offset", end);
		log_json_string(&json, "error", err->text);
		log_json_end(&json);
		return;
	}
	text_add_string(text, "\nDAMAGED  ");
	if (end > start) {
		log_text_offsets(text, start, end);
		text_add_string(text, ": ");
	}
	log_text_message(text, err->text);
	text_add_byte(text, '\n');
}

static int show_record(struct records *records, const struct record *record, struct error *err)
{
	struct log_change change;
	if (log_change_read(&records->schemas, record, &change, err) != 0)
		return -1;
	records->damaged_count += change.problem.code != ERROR_NONE;
	if (records->options->as_json)
		log_record_json(&records->text, &records->batch, record, &change);
	else
		log_record_text(&records->text, record, &change);
	return log_output_write(&records->text, err);
}

static void show_batch_header(struct records *records)
{
	struct log_record_batch *batch = &records->batch;
	batch->source = log_names_find(&records->sources, batch->header.source_id);
	if (records->options->as_json)
		log_record_batch_json(&records->text, batch);
	else
		log_record_batch_text(&records->text, batch);
}

/* A batch's checksum has been found right; what it holds may still be ill-formed. */
static int show_batch(struct records *records, const uint8_t *data, size_t size, uint64_t offset,
		      struct error *err)
{
	struct batch_cursor cursor;
	struct record record;
	struct error damage = { 0 };
	int rc = batch_open(&cursor, data, size, &damage);
	records->batch.header = cursor.header;
	records->batch.bytes = size;
	if (rc == 0) {
		show_batch_header(records);
		while (!is_done(records) && (rc = batch_next(&cursor, &record, &damage)) == 1) {
			if (record.offset < offset)
				continue;
			records->left_count--;
			if (show_record(records, &record, err) != 0)
				return -1;
		}
	}
	if (rc < 0) {
		uint64_t base_offset = load_u64(data + 8);
		show_damage(records, base_offset, base_offset + load_u32(data + 20) + 1, &damage);
	}
	return log_output_write(&records->text, err);
}

static int show_batches(struct records *records, uint64_t offset, struct error *err)
{
	const uint8_t *at = (const uint8_t *)records->batches.data;
	size_t left_bytes = records->batches.size, size;
	for (; left_bytes > 0 && !is_done(records); at += size, left_bytes -= size) {
		size = BATCH_HEADER_BYTES + load_u32(at + 44);
		if (show_batch(records, at, size, offset, err) != 0)
			return -1;
	}
	return 0;
}

/* Copies: what is lent lies in the map, and a reader's call must not wait for
 * whoever reads our output. */
static int on_batch(void *user, const uint8_t *batch, size_t size,
		    const struct batch_header *header)
{
	struct records *records = user;
	(void)header;
	return msgpack_sbuffer_write(&records->batches, (const char *)batch, size);
}

static int show_partition_from(struct records *records, uint64_t offset, struct error *err)
{
	uint32_t topic_id = records->topic.id, partition = records->batch.partition;
	struct reader_progress progress = { 0 };
	int rc = 1;
	while (rc != 0 && !is_done(records)) {
		struct error damage = { 0 };
		records->batches.size = 0;
		rc = reader_read(records->reader, topic_id, partition, offset, READER_BYTES_MAX,
				 on_batch, records, &progress, &damage);
		bool is_damaged = rc < 0 && progress.damaged_end > progress.damaged_start;
		if (rc < 0 && !is_damaged) {
			*err = damage;
			return -1;
		}
		if (rc == 1 && progress.next_offset == offset)
			return error_set(err, ERROR_MEMORY, "no memory for a batch");
		if (show_batches(records, offset, err) != 0)
			return -1;
		offset = progress.next_offset;
		if (is_damaged && !is_done(records)) {
			show_damage(records, progress.damaged_start, progress.damaged_end, &damage);
			offset = progress.damaged_end;
		}
	}
	return log_output_write(&records->text, err);
}

static void show_ends(struct records *records, const struct reader_ends *ends)
{
	struct text *text = &records->text;
	if (records->options->as_json)
		return;
	text_add_string(text, records->batch.partition == 0 || records->options->has_partition
				      ? "" : "\n");
	log_text_name(text, records->batch.topic);
	text_add_format(text, "/%" PRIu32 "  ", records->batch.partition);
	if (ends->visible_end > ends->log_start)
		log_text_offsets(text, ends->log_start, ends->visible_end);
	else
		text_add_format(text, "empty, the next offset is %" PRIu64, ends->visible_end);
	text_add_format(text, ", %" PRIu64 " batch%s, ", ends->batch_count,
			ends->batch_count == 1 ? "" : "es");
	log_text_size(text, ends->bytes);
	if (ends->log_end > ends->visible_end) {
		text_add_string(text, "\n  of a transaction that never ended, and hidden: ");
		log_text_offsets(text, ends->visible_end, ends->log_end);
	}
	text_add_byte(text, '\n');
}

static int show_partition(struct records *records, uint32_t partition, struct error *err)
{
	struct reader_ends ends;
	struct error damage = { 0 };
	records->batch.partition = partition;
	if (reader_ends(records->reader, records->topic.id, partition, &ends, &damage) != 0) {
		if (damage.code != ERROR_CORRUPT && damage.code != ERROR_NOT_FOUND) {
			*err = damage;
			return -1;
		}
		show_damage(records, 0, 0, &damage);
		return log_output_write(&records->text, err);
	}
	show_ends(records, &ends);
	uint64_t offset = records->options->offset;
	if (offset < ends.log_start)
		offset = ends.log_start;
	if (offset >= ends.visible_end)
		return log_output_write(&records->text, err);
	return show_partition_from(records, offset, err);
}

static int show_topic(struct records *records, struct error *err)
{
	const struct log_records_options *options = records->options;
	uint32_t first = options->has_partition ? options->partition : 0;
	uint32_t end = options->has_partition ? first + 1 : records->topic.partition_count;
	for (uint32_t partition = first; partition < end && !is_done(records); partition++)
		if (show_partition(records, partition, err) != 0)
			return -1;
	return 0;
}

int log_records_write(struct store *store, const struct log_records_options *options,
		      uint64_t *out_damaged_count, struct error *err)
{
	struct records records = {
		.options = options,
		.left_count = options->has_count ? options->count : UINT64_MAX,
		.batch = { .topic = bytes_of_text(options->topic) },
	};
	int rc = -1;
	if (log_tables_open(&records.tables, store, err) != 0)
		return -1;
	log_schemas_init(&records.schemas, &records.tables);
	msgpack_sbuffer_init(&records.batches);
	text_init(&records.text);
	if (find_topic(&records, err) == 0 &&
	    log_names_load(&records.sources, &records.tables, TABLE_SOURCES, err) == 0 &&
	    reader_open(&records.reader, store, err) == 0)
		rc = show_topic(&records, err);
	if (rc == 0)
		*out_damaged_count = records.damaged_count;
	reader_close(records.reader);
	log_names_clear(&records.sources);
	log_schemas_clear(&records.schemas);
	msgpack_sbuffer_destroy(&records.batches);
	text_clear(&records.text);
	log_tables_close(&records.tables);
	return rc;
}
