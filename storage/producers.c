#include "storage/producers.h"

#include <string.h>

/* producers: u64 producer id, u32 topic id, u32 partition → sealed, 36 bytes:
 *
 *   0 u64 next sequence
 *   8 u64 the last submission's first sequence
 *  16 u64 its first offset
 *  24 i64 when, µs */
#define KEY_BYTES       16
#define RECORD_BYTES    (32 + SEAL_BYTES)

/* Looked at in one step of forgetting. */
#define EXPIRE_STEP     64

static struct bytes encode_key(uint8_t out[KEY_BYTES], uint64_t producer_id, uint32_t topic_id,
			       uint32_t partition)
{
	store_u64(out, producer_id);
	store_u32(out + 8, topic_id);
	store_u32(out + 12, partition);
	return (struct bytes){ out, KEY_BYTES };
}

struct stored {
	uint64_t next_sequence;
	uint64_t last_sequence;
	uint64_t last_offset;
};

static int decode(struct bytes key, struct bytes value, struct stored *out, struct error *err)
{
	struct bytes body;
	if (key.size != KEY_BYTES)
		return error_set(err, ERROR_CORRUPT, "table producers: a key of %zu bytes", key.size);
	if (seal_check("producers", key, value, &body, err) != 0)
		return -1;
	if (value.size != RECORD_BYTES)
		return error_set(err, ERROR_CORRUPT, "table producers: a value of %zu bytes", value.size);
	*out = (struct stored){ load_u64(body.data), load_u64(body.data + 8), load_u64(body.data + 16) };
	if (out->last_sequence > out->next_sequence)
		return error_set(err, ERROR_CORRUPT, "table producers: sequences out of order");
	return 0;
}

int producers_check_entry(struct bytes key, struct bytes value, struct error *err)
{
	struct stored stored;
	return decode(key, value, &stored, err);
}

/* What was stored of the producer: 1, 0 nothing, -1 the transaction failed. */

static int find(struct transaction *transaction, struct bytes key, struct stored *out)
{
	struct bytes value;
	struct error damage = { 0 };
	int found = transaction_get(transaction, TABLE_PRODUCERS, key, &value);
	if (found <= 0)
		return found;
	return decode(key, value, out, &damage) == 0 ? 1 : transaction_fail(transaction, &damage);
}

static int check_one_partition(const struct submission *submission, struct error *err)
{
	struct submission_cursor cursor = { 0 };
	const struct entry *first = submission_next_entry(submission, &cursor), *entry;
	while ((entry = submission_next_entry(submission, &cursor)) != NULL)
		if (entry->topic_id != first->topic_id || entry->partition != first->partition)
			return error_set(err, ERROR_INVALID,
					 "a producer's records go to one partition at a time");
	return 0;
}

static int check_sequence(const struct stored *stored, const struct submission *submission,
			  struct error *err)
{
	uint64_t sequence = submission->sequence, next = stored->next_sequence;
	uint64_t count = submission->item.record_count;
	if (sequence > next)
		return error_set(err, ERROR_OUT_OF_SEQUENCE, "sequence %llu where %llu comes next",
				 (unsigned long long)sequence, (unsigned long long)next);
	if (sequence < next && count > next - sequence)
		return error_set(err, ERROR_OUT_OF_SEQUENCE,
				 "sequences %llu to %llu were stored only in part; send again what was sent before",
				 (unsigned long long)sequence,
				 (unsigned long long)(sequence + count - 1));
	return 0;
}

static void set_offsets(const struct submission *submission, const struct stored *stored)
{
	struct submission_cursor cursor = { 0 };
	struct entry *entry;
	bool is_known = submission->sequence >= stored->last_sequence;
	uint64_t offset = stored->last_offset + (submission->sequence - stored->last_sequence);
	while ((entry = submission_next_entry(submission, &cursor)) != NULL)
		entry->offset = is_known ? offset++ : UINT64_MAX;
}

int producers_check(struct transaction *transaction, struct submission *submission)
{
	struct submission_cursor cursor = { 0 };
	const struct entry *first = submission_next_entry(submission, &cursor);
	uint8_t key_bytes[KEY_BYTES];
	struct stored stored = { 0 };
	submission->is_duplicate = false;
	if (submission->producer_id == 0 || first == NULL)
		return 1;
	if (check_one_partition(submission, &submission->err) != 0)
		return -1;
	if (submission->sequence > UINT64_MAX - submission->item.record_count)
		return error_set(&submission->err, ERROR_INVALID, "the producer's sequences are used up");
	struct bytes key = encode_key(key_bytes, submission->producer_id, first->topic_id,
				      first->partition);
	int found = find(transaction, key, &stored);
	if (found <= 0)
		return found == 0;
	if (check_sequence(&stored, submission, &submission->err) != 0)
		return -1;
	if (submission->sequence == stored.next_sequence)
		return 1;
	submission->is_duplicate = true;
	set_offsets(submission, &stored);
	return 0;
}

int producers_put(struct transaction *transaction, const struct submission *submission,
		  int64_t now_us)
{
	struct submission_cursor cursor = { 0 };
	const struct entry *first = submission_next_entry(submission, &cursor);
	uint8_t key_bytes[KEY_BYTES], value[RECORD_BYTES];
	if (submission->producer_id == 0 || first == NULL)
		return 0;
	struct bytes key = encode_key(key_bytes, submission->producer_id, first->topic_id,
				      first->partition);
	store_u64(value, submission->sequence + submission->item.record_count);
	store_u64(value + 8, submission->sequence);
	store_u64(value + 16, first->offset);
	store_u64(value + 24, (uint64_t)now_us);
	store_u32(value + 32, seal_of(value, 32, key));
	return transaction_put(transaction, TABLE_PRODUCERS, key,
			       (struct bytes){ value, sizeof(value) });
}

int producers_expire(struct transaction *transaction, uint64_t *position, int64_t before_us)
{
	uint8_t key_bytes[KEY_BYTES];
	struct bytes start = encode_key(key_bytes, *position, 0, 0), key, value;
	for (int n = 0; n < EXPIRE_STEP; n++) {
		int rc = transaction_seek(transaction, TABLE_PRODUCERS, start, &key, &value);
		if (rc < 0)
			return -1;
		if (rc == 0 || key.size != KEY_BYTES) {
			*position = 0;
			return 0;
		}
		bool is_silent = value.size == RECORD_BYTES &&
				 (int64_t)load_u64(value.data + 24) < before_us;
		memcpy(key_bytes, key.data, KEY_BYTES);
		if (is_silent && transaction_delete(transaction, TABLE_PRODUCERS, start) != 0)
			return -1;
		/* The key just behind it. */
		*position = load_u64(key_bytes);
		uint64_t low = load_u64(key_bytes + 8) + 1;
		store_u64(key_bytes + 8, low);
		if (low == 0)
			store_u64(key_bytes, load_u64(key_bytes) + 1);
	}
	return 0;
}
