#include "storage/recovery.h"

#include "storage/transaction.h"

#include <stdlib.h>
#include <string.h>

/* Batches deleted in one commit: their pages' numbers are held in memory. */
#define CUT_STEP_BATCHES 4096

/* Delete one step's batches from the visible end on; *out_is_done where none is left. */
static int cut_step(struct transaction *transaction, uint32_t topic_id, uint32_t partition,
		    struct partition_record *record, bool *out_is_done)
{
	uint8_t start[BATCH_KEY_BYTES];
	struct bytes key, value;
	batch_key_encode(start, topic_id, partition, record->visible_end);
	for (int n = 0; n < CUT_STEP_BATCHES; n++) {
		uint8_t found[BATCH_KEY_BYTES];
		int rc = transaction_seek(transaction, TABLE_LOG,
					  (struct bytes){ start, sizeof(start) }, &key, &value);
		if (rc < 0)
			return -1;
		if (rc == 0 || key.size != BATCH_KEY_BYTES || memcmp(key.data, start, 8) != 0) {
			*out_is_done = true;
			return 0;
		}
		record->bytes -= value.size;
		record->batch_count--;
		/* The key lies in the page that the deletion changes. */
		memcpy(found, key.data, sizeof(found));
		if (transaction_delete(transaction, TABLE_LOG,
				       (struct bytes){ found, sizeof(found) }) != 0)
			return -1;
	}
	return 0;
}

int recovery_cut(struct store *store, uint32_t topic_id, uint32_t partition,
		 struct partition_record *record, struct error *err)
{
	struct partition_record left = *record;
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
	bool is_done = false;
	partition_key_encode(key, topic_id, partition);
	while (!is_done) {
		struct transaction transaction;
		if (transaction_begin(&transaction, store, err) != 0)
			return -1;
		if (cut_step(&transaction, topic_id, partition, &left, &is_done) == 0) {
			if (is_done)
				left.log_end = left.visible_end;
			partition_record_encode(value, &left, key);
			transaction_put(&transaction, TABLE_PARTITIONS,
					(struct bytes){ key, sizeof(key) },
					(struct bytes){ value, sizeof(value) });
		}
		if (transaction_commit(&transaction, err) != 0)
			return error_context(err, "cut off an unfinished transaction");
	}
	*record = left;
	return 0;
}

/* The first partition behind `after` that has a hidden tail: 1, 0, -1. */
static int find_hidden(struct store *store, uint8_t after[PARTITION_KEY_BYTES],
		       uint32_t *out_topic_id, uint32_t *out_partition,
		       struct partition_record *out, struct error *err)
{
	struct transaction transaction;
	MDB_cursor *cursor;
	if (transaction_begin_read(&transaction, store, err) != 0)
		return -1;
	int rc = mdb_cursor_open(transaction.txn, store->tables[TABLE_PARTITIONS], &cursor);
	if (rc != 0) {
		lmdb_error(store, rc, 0, err, "open a cursor");
		transaction_abort(&transaction);
		return -1;
	}
	MDB_val key = { PARTITION_KEY_BYTES, after }, value;
	int found = 0;
	for (rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE); rc == 0 && found == 0;
	     rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		struct bytes key_bytes = { key.mv_data, key.mv_size };
		struct bytes value_bytes = { value.mv_data, value.mv_size };
		if (partition_record_decode(key_bytes, value_bytes, out_topic_id, out_partition, out,
					    err) != 0)
			found = -1;
		else if (out->log_end > out->visible_end)
			found = 1;
	}
	if (rc != 0 && rc != MDB_NOTFOUND)
		found = lmdb_error(store, rc, 0, err, "read table partitions");
	mdb_cursor_close(cursor);
	transaction_abort(&transaction);
	return found;
}

int recovery_run(struct store *store, struct error *err)
{
	uint8_t after[PARTITION_KEY_BYTES] = { 0 };
	struct partition_record record;
	uint32_t topic_id, partition;
	int found;
	while ((found = find_hidden(store, after, &topic_id, &partition, &record, err)) == 1) {
		if (recovery_cut(store, topic_id, partition, &record, err) != 0)
			return -1;
		partition_key_encode(after, topic_id, partition);
	}
	return found;
}
