#include "tests/support/log_builder.h"

#include "tests/support/temp_dir.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LOG_BUILDER_MAP_BYTES (UINT64_C(1) << 30)

static void need(bool is_done, const char *what, const struct error *err)
{
	if (is_done)
		return;
	fprintf(stderr, "log_builder: cannot %s%s%s\n", what, err != NULL ? ": " : "",
		err != NULL ? err->text : "");
	abort();
}

struct log_builder *log_builder_create(void)
{
	struct log_builder *builder = calloc(1, sizeof(*builder));
	need(builder != NULL, "get memory", NULL);
	builder->dir = temp_dir_create_in_memory();
	log_builder_open(builder, STORE_SERVE);
	return builder;
}

void log_builder_close(struct log_builder *builder)
{
	need(!builder->is_in_transaction, "close inside a transaction", NULL);
	store_close(builder->store);
	builder->store = NULL;
}

void log_builder_destroy(struct log_builder *builder)
{
	if (builder == NULL)
		return;
	log_builder_close(builder);
	temp_dir_destroy(builder->dir);
	free(builder);
}

int log_builder_try_open(struct log_builder *builder, enum store_mode mode, struct error *err)
{
	struct store_options options = {
		.dir = builder->dir, .mode = mode, .map_bytes = LOG_BUILDER_MAP_BYTES,
	};
	return store_open(&builder->store, &options, err);
}

void log_builder_open(struct log_builder *builder, enum store_mode mode)
{
	struct error err = { 0 };
	need(log_builder_try_open(builder, mode, &err) == 0, "open a store", &err);
}

void log_builder_begin(struct log_builder *builder)
{
	struct error err = { 0 };
	need(transaction_begin(&builder->transaction, builder->store, &err) == 0, "begin", &err);
	builder->is_in_transaction = true;
}

void log_builder_commit(struct log_builder *builder)
{
	struct error err = { 0 };
	builder->is_in_transaction = false;
	need(transaction_commit(&builder->transaction, &err) == 0, "commit", &err);
}

/* Begin where the caller has not; end_step commits what this began. */
static bool begin_step(struct log_builder *builder)
{
	if (builder->is_in_transaction)
		return false;
	log_builder_begin(builder);
	return true;
}

static void end_step(struct log_builder *builder, bool has_begun)
{
	if (has_begun)
		log_builder_commit(builder);
}

void log_builder_put(struct log_builder *builder, enum table table, struct bytes key,
		     struct bytes value)
{
	bool has_begun = begin_step(builder);
	transaction_put(&builder->transaction, table, key, value);
	end_step(builder, has_begun);
}

void log_builder_put_sealed(struct log_builder *builder, enum table table, struct bytes key,
			    struct bytes body)
{
	uint8_t *value = malloc(body.size + SEAL_BYTES);
	need(value != NULL, "get memory", NULL);
	if (body.size > 0)
		memcpy(value, body.data, body.size);
	store_u32(value + body.size, seal_of(value, body.size, key));
	log_builder_put(builder, table, key, (struct bytes){ value, body.size + SEAL_BYTES });
	free(value);
}

void log_builder_delete(struct log_builder *builder, enum table table, struct bytes key)
{
	bool has_begun = begin_step(builder);
	transaction_delete(&builder->transaction, table, key);
	end_step(builder, has_begun);
}

void log_builder_put_number(struct log_builder *builder, const char *name, uint64_t number)
{
	bool has_begun = begin_step(builder);
	transaction_put_number(&builder->transaction, name, number);
	end_step(builder, has_begun);
}

static void keep_above(struct log_builder *builder, const char *name, uint64_t id)
{
	uint64_t next = 0;
	transaction_get_number(&builder->transaction, name, &next);
	if (next <= id)
		transaction_put_number(&builder->transaction, name, id + 1);
}

void log_builder_topic(struct log_builder *builder, const char *name, uint32_t topic_id,
		       uint32_t partition_count, uint16_t owner_source_id)
{
	static const uint8_t no_options[] = { 0x80 };
	struct topic_record record = {
		.id = topic_id, .partition_count = partition_count,
		.owner_source_id = owner_source_id, .created_us = 1,
		.options = { no_options, sizeof(no_options) },
	};
	msgpack_sbuffer value;
	bool has_begun = begin_step(builder);
	msgpack_sbuffer_init(&value);
	need(topic_record_encode(&value, &record, bytes_of_text(name), NULL) == 0, "encode", NULL);
	log_builder_put(builder, TABLE_TOPICS, bytes_of_text(name),
			(struct bytes){ (const uint8_t *)value.data, value.size });
	msgpack_sbuffer_destroy(&value);
	keep_above(builder, META_NEXT_TOPIC_ID, topic_id);
	for (uint32_t n = 0; n < partition_count; n++)
		log_builder_put_record(builder, topic_id, n, &(struct partition_record){ 0 });
	end_step(builder, has_begun);
}

void log_builder_source(struct log_builder *builder, const char *name, uint16_t id,
			uint64_t transaction_ordinal)
{
	struct source_record record = { .id = id, .transaction_ordinal = transaction_ordinal };
	msgpack_sbuffer value;
	bool has_begun = begin_step(builder);
	msgpack_sbuffer_init(&value);
	need(source_record_encode(&value, &record, bytes_of_text(name), NULL) == 0, "encode", NULL);
	log_builder_put(builder, TABLE_SOURCES, bytes_of_text(name),
			(struct bytes){ (const uint8_t *)value.data, value.size });
	msgpack_sbuffer_destroy(&value);
	keep_above(builder, META_NEXT_SOURCE_ID, id);
	end_step(builder, has_begun);
}

void log_builder_put_record(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			    const struct partition_record *record)
{
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
	partition_key_encode(key, topic_id, partition);
	partition_record_encode(value, record, key);
	log_builder_put(builder, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) },
			(struct bytes){ value, sizeof(value) });
}

struct partition_record log_builder_record(struct log_builder *builder, uint32_t topic_id,
					   uint32_t partition)
{
	struct partition_record record = { 0 };
	struct error err = { 0 };
	uint8_t key[PARTITION_KEY_BYTES];
	struct bytes key_bytes = { key, sizeof(key) }, value;
	bool has_begun = begin_step(builder);
	partition_key_encode(key, topic_id, partition);
	need(transaction_get(&builder->transaction, TABLE_PARTITIONS, key_bytes, &value) == 1,
	     "find a partition", NULL);
	need(partition_record_decode(key_bytes, value, &topic_id, &partition, &record, &err) == 0,
	     "read a partition's record", &err);
	end_step(builder, has_begun);
	return record;
}

void log_value(uint8_t *out, size_t size, uint32_t topic_id, uint32_t partition, uint64_t offset)
{
	int used = snprintf((char *)out, size, "%" PRIu32 "/%" PRIu32 "/%" PRIu64 " ", topic_id,
			    partition, offset);
	need(used > 0 && (size_t)used < size, "write so short a value", NULL);
	for (size_t i = (size_t)used; i < size; i++)
		out[i] = (uint8_t)(offset * 31 + i * 7);
}

bool log_value_is_right(struct bytes value, uint32_t topic_id, uint32_t partition,
			uint64_t offset)
{
	uint8_t *expected = malloc(value.size);
	if (expected == NULL || value.size < LOG_VALUE_BYTES_MIN) {
		free(expected);
		return false;
	}
	log_value(expected, value.size, topic_id, partition, offset);
	bool is_right = memcmp(expected, value.data, value.size) == 0;
	free(expected);
	return is_right;
}

static void add_record(msgpack_sbuffer *payload, const struct log_batch *batch, uint32_t delta,
		       uint32_t topic_id, uint32_t partition, uint64_t offset)
{
	uint8_t prefix[RECORD_PREFIX_BYTES_MAX];
	size_t value_bytes =
		batch->value_bytes > LOG_VALUE_BYTES_MIN ? batch->value_bytes : LOG_VALUE_BYTES_MIN;
	uint8_t *text = malloc(value_bytes);
	need(text != NULL, "get memory", NULL);
	log_value(text, value_bytes, topic_id, partition, offset);
	struct content key = { .kind = CONTENT_NIL };
	struct content value = { .kind = CONTENT_BYTES, .bytes = { text, value_bytes } };
	msgpack_sbuffer_write(payload, (const char *)prefix,
			      record_prefix_encode(prefix, delta, 0, 0));
	need(record_body_encode(payload, &key, batch->value != NULL ? batch->value : &value,
				(struct bytes){ NULL, 0 }, NULL) == 0, "encode a record", NULL);
	free(text);
}

uint8_t *log_batch_encode(const struct log_batch *batch, uint32_t topic_id, uint32_t partition,
			  uint64_t base_offset, size_t *out_size)
{
	uint8_t key[BATCH_KEY_BYTES];
	uint32_t count = batch->record_count != 0 ? batch->record_count : 1;
	msgpack_sbuffer payload;
	msgpack_sbuffer_init(&payload);
	for (uint32_t n = 0; n < count; n++) {
		uint32_t delta = n == count - 1 ? n + batch->more_offsets : n;
		add_record(&payload, batch, delta, topic_id, partition, base_offset + delta);
	}
	struct batch_header header = {
		.base_offset = base_offset, .record_count = count,
		.last_offset_delta = count - 1 + batch->more_offsets,
		.append_time_us = batch->append_time_us,
		.transaction_ordinal = batch->transaction_ordinal,
		.source_id = batch->source_id, .flags = batch->flags,
		.payload_bytes = (uint32_t)payload.size,
	};
	*out_size = BATCH_HEADER_BYTES + payload.size;
	uint8_t *out = malloc(*out_size);
	need(out != NULL, "get memory", NULL);
	batch_header_encode(out, &header);
	memcpy(out + BATCH_HEADER_BYTES, payload.data, payload.size);
	msgpack_sbuffer_destroy(&payload);
	batch_key_encode(key, topic_id, partition, base_offset);
	batch_seal(out, *out_size, key);
	return out;
}

uint64_t log_builder_append(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			    const struct log_batch *batch)
{
	uint8_t key[BATCH_KEY_BYTES], *room;
	size_t size;
	bool has_begun = begin_step(builder);
	struct partition_record record = log_builder_record(builder, topic_id, partition);
	struct log_batch stored = *batch;
	uint64_t base_offset = record.log_end;
	if (stored.append_time_us == 0)
		stored.append_time_us = record.last_append_time_us != 0 ? record.last_append_time_us : 1;
	uint8_t *bytes = log_batch_encode(&stored, topic_id, partition, base_offset, &size);
	batch_key_encode(key, topic_id, partition, base_offset);
	need(transaction_reserve(&builder->transaction, TABLE_LOG,
				 (struct bytes){ key, sizeof(key) }, size, &room) == 0,
	     "append a batch", &builder->transaction.err);
	memcpy(room, bytes, size);
	free(bytes);
	record.log_end += (batch->record_count != 0 ? batch->record_count : 1) + batch->more_offsets;
	if (!batch->is_hidden)
		record.visible_end = record.log_end;
	record.bytes += size;
	record.batch_count++;
	record.last_append_time_us = stored.append_time_us;
	log_builder_put_record(builder, topic_id, partition, &record);
	end_step(builder, has_begun);
	return base_offset;
}

uint8_t *log_builder_read_batch(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
				uint64_t base_offset, size_t *out_size)
{
	uint8_t key[BATCH_KEY_BYTES], *out = NULL;
	struct bytes value;
	bool has_begun = begin_step(builder);
	*out_size = 0;
	batch_key_encode(key, topic_id, partition, base_offset);
	if (transaction_get(&builder->transaction, TABLE_LOG, (struct bytes){ key, sizeof(key) },
			    &value) == 1) {
		out = malloc(value.size);
		need(out != NULL, "get memory", NULL);
		memcpy(out, value.data, value.size);
		*out_size = value.size;
	}
	end_step(builder, has_begun);
	return out;
}

void log_builder_write_batch(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			     uint64_t base_offset, const uint8_t *batch, size_t size)
{
	uint8_t key[BATCH_KEY_BYTES];
	batch_key_encode(key, topic_id, partition, base_offset);
	log_builder_put(builder, TABLE_LOG, (struct bytes){ key, sizeof(key) },
			(struct bytes){ batch, size });
}
