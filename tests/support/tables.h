#ifndef TESTS_SUPPORT_TABLES_H
#define TESTS_SUPPORT_TABLES_H

#include "storage/store.h"
#include "storage/transaction.h"
#include "tests/support/temp_dir.h"

#include <stdlib.h>

/* A store in a directory of its own, and its tables' records written by hand.
 * For tests that link storage/, after cmocka.h. */
struct tables {
	char *dir;
	struct store *store;
};

static inline int tables_create(void **state)
{
	struct tables *tables = calloc(1, sizeof(*tables));
	tables->dir = temp_dir_create_in_memory();
	struct store_options options = { .dir = tables->dir, .map_bytes = UINT64_C(64) << 20 };
	*state = tables;
	return store_open(&tables->store, &options, NULL);
}

static inline int tables_destroy(void **state)
{
	struct tables *tables = *state;
	store_close(tables->store);
	temp_dir_destroy(tables->dir);
	free(tables);
	return 0;
}

static inline void tables_put(struct tables *tables, enum table table, struct bytes key,
			      struct bytes value)
{
	struct transaction transaction;
	assert_int_equal(transaction_begin(&transaction, tables->store, NULL), 0);
	transaction_put(&transaction, table, key, value);
	assert_int_equal(transaction_commit(&transaction, NULL), 0);
}

static inline void tables_put_number(struct tables *tables, const char *name, uint64_t number)
{
	struct transaction transaction;
	assert_int_equal(transaction_begin(&transaction, tables->store, NULL), 0);
	transaction_put_number(&transaction, name, number);
	assert_int_equal(transaction_commit(&transaction, NULL), 0);
}

/* options: encoded; NULL: none are set. */
static inline void tables_put_topic(struct tables *tables, const char *name,
				    struct topic_record record, const char *options)
{
	static const char none[] = "\x80";
	msgpack_sbuffer value;
	msgpack_sbuffer_init(&value);
	record.options = bytes_of_text(options == NULL ? none : options);
	assert_int_equal(topic_record_encode(&value, &record, bytes_of_text(name), NULL), 0);
	tables_put(tables, TABLE_TOPICS, bytes_of_text(name),
		   (struct bytes){ (const uint8_t *)value.data, value.size });
	msgpack_sbuffer_destroy(&value);
}

static inline void tables_put_partition(struct tables *tables, uint32_t topic_id, uint32_t number,
					struct partition_record record)
{
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
	partition_key_encode(key, topic_id, number);
	partition_record_encode(value, &record, key);
	tables_put(tables, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) },
		   (struct bytes){ value, sizeof(value) });
}

static inline void tables_put_source(struct tables *tables, const char *name,
				     struct source_record record)
{
	msgpack_sbuffer value;
	msgpack_sbuffer_init(&value);
	assert_int_equal(source_record_encode(&value, &record, bytes_of_text(name), NULL), 0);
	tables_put(tables, TABLE_SOURCES, bytes_of_text(name),
		   (struct bytes){ (const uint8_t *)value.data, value.size });
	msgpack_sbuffer_destroy(&value);
}

#endif
