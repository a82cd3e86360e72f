#include "storage/recovery.h"

#include "storage/guard.h"
#include "storage/snapshot.h"
#include "storage/transaction.h"

#include <string.h>

/* What is deleted in one commit: the numbers of its pages are held in memory. */
#define CUT_STEP_BATCHES 4096
#define CUT_STEP_BYTES   (UINT64_C(64) << 20)

/* Delete one step's batches from the visible end on; *out_is_done where none is left. */
static int cut_step(struct transaction *transaction, uint32_t topic_id, uint32_t partition,
		    struct partition_record *record, bool *out_is_done)
{
	uint8_t start[BATCH_KEY_BYTES];
	struct bytes key, value;
	uint64_t cut_bytes = 0;
	batch_key_encode(start, topic_id, partition, record->visible_end);
	for (int n = 0; n < CUT_STEP_BATCHES && cut_bytes < CUT_STEP_BYTES; n++) {
		uint8_t found[BATCH_KEY_BYTES];
		int rc = transaction_seek(transaction, TABLE_LOG,
					  (struct bytes){ start, sizeof(start) }, &key, &value);
		if (rc < 0)
			return -1;
		if (rc == 0 || key.size != BATCH_KEY_BYTES || memcmp(key.data, start, 8) != 0) {
			*out_is_done = true;
			return 0;
		}
		/* Sums that do not hold are for the check of the store to report: they
		 * must not keep it from being opened. */
		record->bytes -= value.size < record->bytes ? value.size : record->bytes;
		record->batch_count -= record->batch_count > 0;
		cut_bytes += value.size;
		/* The key lies in the page that the deletion changes. */
		memcpy(found, key.data, sizeof(found));
		if (transaction_delete(transaction, TABLE_LOG,
				       (struct bytes){ found, sizeof(found) }) != 0)
			return -1;
	}
	return 0;
}

struct cut {
	struct store *store;
	uint32_t topic_id;
	uint32_t partition;
	struct partition_record *record;
	struct error *err;
};

static int cut_guarded(void *argument)
{
	struct cut *cut = argument;
	uint8_t key[PARTITION_KEY_BYTES], value[PARTITION_RECORD_BYTES];
	bool is_done = false;
	partition_key_encode(key, cut->topic_id, cut->partition);
	while (!is_done) {
		struct transaction transaction;
		struct partition_record left = *cut->record;
		if (transaction_begin(&transaction, cut->store, cut->err) != 0)
			return -1;
		if (cut_step(&transaction, cut->topic_id, cut->partition, &left, &is_done) == 0) {
			if (is_done)
				left.log_end = left.visible_end;
			partition_record_encode(value, &left, key);
			transaction_put(&transaction, TABLE_PARTITIONS,
					(struct bytes){ key, sizeof(key) },
					(struct bytes){ value, sizeof(value) });
		}
		if (transaction_commit(&transaction, cut->err) != 0)
			return -1;
		*cut->record = left;
	}
	return 0;
}

int recovery_cut(struct store *store, uint32_t topic_id, uint32_t partition,
		 struct partition_record *record, struct error *err)
{
	struct cut cut = { store, topic_id, partition, record, err };
	if (guard_run(cut_guarded, &cut, err) != 0)
		return error_context(err, "cut off an unfinished transaction");
	return 0;
}

/* A search for the first partition at or behind key that has a hidden tail. */
struct hidden {
	struct snapshot snapshot;
	uint8_t key[PARTITION_KEY_BYTES];
	uint32_t topic_id;
	uint32_t partition;
	struct partition_record record;
	struct error *err;
};

/* 1 found, 0 none, -1. */
static int find_hidden(void *argument)
{
	struct hidden *hidden = argument;
	struct bytes key, value;
	uint8_t last[PARTITION_KEY_BYTES];
	memcpy(last, hidden->key, sizeof(last));
	int found = snapshot_seek(&hidden->snapshot, TABLE_PARTITIONS,
				  (struct bytes){ hidden->key, sizeof(hidden->key) }, &key, &value,
				  hidden->err);
	while (found == 1) {
		if (partition_record_decode(key, value, &hidden->topic_id, &hidden->partition,
					    &hidden->record, hidden->err) != 0)
			return -1;
		if (hidden->record.log_end > hidden->record.visible_end)
			return 1;
		/* Damaged pages can lead in a circle. */
		if (memcmp(key.data, last, sizeof(last)) < 0)
			return error_set(hidden->err, ERROR_CORRUPT,
					 "table partitions: keys are out of order");
		memcpy(last, key.data, sizeof(last));
		found = snapshot_next(&hidden->snapshot, TABLE_PARTITIONS, &key, &value, hidden->err);
	}
	return found;
}

int recovery_run(struct store *store, struct error *err)
{
	struct hidden hidden = { .err = err };
	int found;
	if (snapshot_open(&hidden.snapshot, store, err) != 0)
		return -1;
	while ((found = snapshot_run(&hidden.snapshot, find_hidden, &hidden, err)) == 1) {
		if (recovery_cut(store, hidden.topic_id, hidden.partition, &hidden.record, err) != 0) {
			found = -1;
			break;
		}
		partition_key_encode(hidden.key, hidden.topic_id, hidden.partition);
	}
	snapshot_close(&hidden.snapshot);
	return found;
}
