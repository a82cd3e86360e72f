#ifndef TESTS_SUPPORT_LOG_BUILDER_H
#define TESTS_SUPPORT_LOG_BUILDER_H

#include "storage/store.h"
#include "storage/transaction.h"

#include <stdbool.h>

/* A store in a directory of its own whose log is written by hand, without the
 * appender: batch by batch, right or deliberately wrong.  What cannot be done
 * ends the test program. */
struct log_builder {
	char *dir;
	struct store *store;            /* NULL: closed */
	bool is_in_transaction;
	struct transaction transaction;
};

struct log_builder *log_builder_create(void);
void log_builder_destroy(struct log_builder *builder);

void log_builder_close(struct log_builder *builder);
/* As store_open; -1 is for the test to judge. */
int log_builder_try_open(struct log_builder *builder, enum store_mode mode, struct error *err);
void log_builder_open(struct log_builder *builder, enum store_mode mode);

/* Between these two everything is written in one commit; else each call is one. */
void log_builder_begin(struct log_builder *builder);
void log_builder_commit(struct log_builder *builder);

void log_builder_put(struct log_builder *builder, enum table table, struct bytes key,
		     struct bytes value);
void log_builder_put_sealed(struct log_builder *builder, enum table table, struct bytes key,
			    struct bytes body);
void log_builder_delete(struct log_builder *builder, enum table table, struct bytes key);
void log_builder_put_number(struct log_builder *builder, const char *name, uint64_t number);

/* A topic and its empty partitions; the next topic id is kept above. */
void log_builder_topic(struct log_builder *builder, const char *name, uint32_t topic_id,
		       uint32_t partition_count, uint16_t owner_source_id);
/* The next source id is kept above. */
void log_builder_source(struct log_builder *builder, const char *name, uint16_t id,
			uint64_t transaction_ordinal);

void log_builder_put_record(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			    const struct partition_record *record);
struct partition_record log_builder_record(struct log_builder *builder, uint32_t topic_id,
					   uint32_t partition);

/* Records that all look alike, or one with this value. */
struct log_batch {
	uint32_t record_count;          /* 0: one */
	uint32_t value_bytes;           /* of each; at least what log_value writes */
	int64_t append_time_us;         /* 0: the partition's last */
	uint64_t transaction_ordinal;   /* of every record */
	uint16_t source_id;
	uint16_t flags;
	uint32_t more_offsets;          /* how many compaction left out before the last record */
	const struct content *value;
	bool is_hidden;                 /* the visible end stays */
};

/* Append it at the partition's log end and bring the partition's record up to
 * date; returns its base offset. */
uint64_t log_builder_append(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			    const struct log_batch *batch);

/* The encoded, sealed batch alone, malloced. */
uint8_t *log_batch_encode(const struct log_batch *batch, uint32_t topic_id, uint32_t partition,
			  uint64_t base_offset, size_t *out_size);

/* The value of the record at an offset: text that says where it belongs, and
 * filling.  Is it that? */
#define LOG_VALUE_BYTES_MIN 48
void log_value(uint8_t *out, size_t size, uint32_t topic_id, uint32_t partition, uint64_t offset);
bool log_value_is_right(struct bytes value, uint32_t topic_id, uint32_t partition,
			uint64_t offset);

/* The stored bytes of a batch: size 0, where there is none; freed by the caller. */
uint8_t *log_builder_read_batch(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
				uint64_t base_offset, size_t *out_size);
/* Put other bytes in its place. */
void log_builder_write_batch(struct log_builder *builder, uint32_t topic_id, uint32_t partition,
			     uint64_t base_offset, const uint8_t *batch, size_t size);

#endif
