#ifndef STORAGE_LAYOUT_H
#define STORAGE_LAYOUT_H

#include "protocol/batch.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

#include <msgpack/sbuffer.h>

/* The bytes of every table but the log's batches (protocol/batch.h), encode
 * beside decode.  doc/format.md draws them.  Integers are big-endian, so keys
 * sort as numbers; every value ends in u32 crc32c of what precedes it in the
 * value, then of the key ("sealed").  Decoding checks the seal: ERROR_CORRUPT. */

#define SEAL_BYTES 4

/* meta: name → u64, but "instance" → 16 bytes.  The record "format" keeps its
 * place and form in every version to come. */
#define META_FORMAT             "format"
#define META_INSTANCE           "instance"
#define META_NEXT_TOPIC_ID      "next topic id"
#define META_NEXT_SCHEMA_ID     "next schema id"
#define META_NEXT_SOURCE_ID     "next source id"

#define INSTANCE_ID_BYTES       16

/* partitions: u32 topic id, u32 partition → 48 bytes */
#define PARTITION_KEY_BYTES     8
#define PARTITION_RECORD_BYTES  (48 + SEAL_BYTES)

struct partition_record {
	uint64_t log_start;
	uint64_t visible_end;
	uint64_t log_end;
	uint64_t bytes;                 /* of its batches */
	uint64_t batch_count;
	int64_t last_append_time_us;    /* 0: nothing was ever appended */
};

void partition_key_encode(uint8_t out[PARTITION_KEY_BYTES], uint32_t topic_id, uint32_t partition);
void partition_record_encode(uint8_t out[PARTITION_RECORD_BYTES],
			     const struct partition_record *record,
			     const uint8_t key[PARTITION_KEY_BYTES]);
int partition_record_decode(struct bytes key, struct bytes value, uint32_t *out_topic_id,
			    uint32_t *out_partition, struct partition_record *out,
			    struct error *err);

/* topics: name → msgpack [id, partition count, owner source id, created µs,
 * {option name: value}]; options that are not set are absent, unknown ones are
 * kept out of the way: a newer version may have written them. */
struct topic_record {
	uint32_t id;
	uint32_t partition_count;
	uint16_t owner_source_id;
	int64_t created_us;
	struct bytes options;           /* the encoded map, lent */
};

int topic_record_encode(msgpack_sbuffer *out, const struct topic_record *record,
			struct bytes name, struct error *err);
int topic_record_decode(struct bytes name, struct bytes value, struct topic_record *out,
			struct error *err);

/* sources: name → msgpack [id, transaction ordinal, state, position,
 * snapshot progress, reason]; position and progress nil where there is none. */
struct source_record {
	uint16_t id;
	uint64_t transaction_ordinal;
	uint8_t state;
	struct bytes position;
	struct bytes snapshot_progress;
	struct bytes reason;
};

int source_record_encode(msgpack_sbuffer *out, const struct source_record *record,
			 struct bytes name, struct error *err);
int source_record_decode(struct bytes name, struct bytes value, struct source_record *out,
			 struct error *err);

/* schemas: u32 schema id → the encoded schema (protocol/schema.h), sealed.
 * fingerprints: u64 fingerprint, u32 schema id → the seal alone. */
#define SCHEMA_KEY_BYTES        4
#define FINGERPRINT_KEY_BYTES   12

void schema_key_encode(uint8_t out[SCHEMA_KEY_BYTES], uint32_t schema_id);
void fingerprint_key_encode(uint8_t out[FINGERPRINT_KEY_BYTES], uint64_t fingerprint,
			    uint32_t schema_id);

/* The seal of a value of size bytes under key, and its check: out is the value
 * without its seal.  `table` is for the error's text. */
uint32_t seal_of(const void *value, size_t size, struct bytes key);
int seal_append(msgpack_sbuffer *value, struct bytes key, struct error *err);
int seal_check(const char *table, struct bytes key, struct bytes value, struct bytes *out,
	       struct error *err);

#endif
