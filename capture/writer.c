#include "capture/writer_internal.h"

#include "capture/clock.h"
#include "protocol/partitioner.h"
#include "protocol/put.h"
#include "storage/appender.h"
#include "storage/sources.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A row's way: encoded straight into the submission, at its place in memory; that is
 * what the appender copies into LMDB's page.  Nothing here looks inside a row.
 *
 * A transaction that outgrows one submission goes to the log in parts, so that the disk
 * has work while the rest is read, and memory stays bounded; the last part carries the
 * position, and with its commit all become visible. */

#define QUEUE_RECORDS           8192    /* Debezium's max.queue.size */
#define BATCH_RECORDS           2048    /* and max.batch.size */

/* How often a wait looks up, and tells the source. */
#define WAIT_STEP_US            INT64_C(200000)
#define ON_WAIT_INTERVAL_US     INT64_C(1000000)
/* Positions without rows are stored this often. */
#define POSITION_INTERVAL_US    INT64_C(1000000)
/* What a flush still waits once it should stop. */
#define FLUSH_GRACE_US          INT64_C(500000)

/* What a record or a schema takes in a submission beside its own bytes, at most. */
#define ENTRY_OVERHEAD_BYTES    128

#define HEADER_NEW_KEY          "__debezium.newkey"
#define HEADER_OLD_KEY          "__debezium.oldkey"

int writer_create(struct writer **out, const struct writer_options *options, struct error *err)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	if (writer == NULL)
		return error_set(err, ERROR_MEMORY, "a source's writer");
	writer->options = *options;
	if (writer->options.queue_records == 0)
		writer->options.queue_records = QUEUE_RECORDS;
	if (writer->options.batch_records == 0)
		writer->options.batch_records = BATCH_RECORDS;
	writer->epoch = 1;
	LIST_INIT(&writer->tables);
	writer->pending = malloc(SOURCE_POSITION_BYTES_MAX);
	if (writer->pending == NULL) {
		error_set(err, ERROR_MEMORY, "a source's writer");
		goto fail;
	}
	if (ledger_create(&writer->ledger, err) != 0 ||
	    reader_open(&writer->reader, options->store, err) != 0)
		goto fail;
	*out = writer;
	return 0;
fail:
	writer_destroy(writer);
	return -1;
}

void writer_destroy(struct writer *writer)
{
	struct writer_table *table;
	if (writer == NULL)
		return;
	while ((table = LIST_FIRST(&writer->tables)) != NULL) {
		LIST_REMOVE(table, link);
		free(table);
	}
	submission_destroy(writer->submission);
	ledger_release(writer->ledger);
	reader_close(writer->reader);
	free(writer->pending);
	free(writer);
}

/* Submitting. */

static bool should_stop(const struct writer *writer)
{
	return writer->options.should_stop != NULL && writer->options.should_stop(writer->options.user);
}

static void tell_wait(struct writer *writer)
{
	int64_t now = clock_monotonic_us();
	if (writer->options.on_wait == NULL || now < writer->next_wait_us)
		return;
	writer->next_wait_us = now + ON_WAIT_INTERVAL_US;
	writer->options.on_wait(writer->options.user);
}

/* A step of waiting has passed in vain. */
static int wait_on(struct writer *writer, struct error *err)
{
	if (should_stop(writer))
		return error_set(err, ERROR_STOPPED, "stopped while waiting for the log");
	tell_wait(writer);
	return 0;
}

/* Wait until so many more records may be under way. */
static int wait_for_room(struct writer *writer, size_t record_count, struct error *err)
{
	size_t most = writer->options.queue_records;
	size_t allowed = record_count < most ? most - record_count : 0;
	while (!ledger_wait(writer->ledger, allowed, SIZE_MAX, clock_monotonic_us() + WAIT_STEP_US))
		if (wait_on(writer, err) != 0)
			return -1;
	return ledger_check(writer->ledger, err);
}

/* Takes the submission, whatever happens. */
static int submit(struct writer *writer, struct submission *submission, int64_t mark,
		  struct error *err)
{
	int rc = wait_for_room(writer, submission_record_count(submission), err);
	if (rc != 0)
		goto fail;
	submission_set_mark(submission, mark);
	ledger_enter(writer->ledger, submission);
	do {
		rc = appender_submit_within(writer->options.appender, submission, WAIT_STEP_US, err);
		if (rc == 0)
			rc = wait_on(writer, err);
	} while (rc == 0);
	if (rc == 1)
		return 0;
	ledger_withdraw(writer->ledger, submission);
fail:
	submission_destroy(submission);
	return -1;
}

static int submit_part(struct writer *writer, struct error *err)
{
	struct submission *part = writer->submission;
	submission_set_continues(part);
	writer->submission = NULL;
	writer->has_parts = true;
	return submit(writer, part, LEDGER_NO_TRANSACTION, err);
}

/* Rows. */

void writer_begin(struct writer *writer, int64_t source_time_us)
{
	assert(!writer->is_open);
	writer->is_open = true;
	writer->has_parts = false;
	writer->source_time_us = source_time_us;
	writer->index = 0;
}

/* Can it take so much more? */
static bool fits(const struct writer *writer, size_t bytes)
{
	return submission_record_count(writer->submission) < writer->options.batch_records &&
	       submission_bytes(writer->submission) + bytes <= SUBMISSION_BYTES_MAX;
}

/* Room for a record in the open submission; makes one, or the next. */
static int add_room(struct writer *writer, struct writer_table *table, struct bytes key,
		    size_t body_bytes, uint8_t **out, struct error *err)
{
	size_t bytes = body_bytes + ENTRY_OVERHEAD_BYTES;
	if (!table->has_schema)
		bytes += table->encoded_bytes + ENTRY_OVERHEAD_BYTES;
	if (writer->submission != NULL && submission_record_count(writer->submission) > 0 &&
	    !fits(writer, bytes) && submit_part(writer, err) != 0)
		return -1;
	if (writer->submission == NULL &&
	    submission_create(&writer->submission, writer->options.source_id, err) != 0)
		return -1;
	if (!table->has_schema) {
		struct bytes encoded = { table->encoded, table->encoded_bytes };
		if (submission_add_schema(writer->submission, table->schema_id, encoded, err) != 0)
			return -1;
		table->has_schema = true;
	}
	uint32_t partition =
		key.data == NULL || table->partition_count == 1
			? 0 : partition_for_key(key.data, key.size, table->partition_count);
	return submission_add_room(writer->submission, table->topic_id, partition, body_bytes, 0, out,
				   err);
}

static size_t header_size(const char *name, struct bytes value)
{
	return value.data == NULL ? 1 : 2 + strlen(name) + bin_size(value.size);
}

/* An array of one name, which is short, and its value; nil without one. */
static uint8_t *put_header(uint8_t *at, const char *name, struct bytes value)
{
	size_t size = strlen(name);
	if (value.data == NULL)
		return put_encoded(at, value);
	*at++ = 0x92;
	*at++ = (uint8_t)(0xa0 | size);
	memcpy(at, name, size);
	return put_bin(at + size, value);
}

/* A record but for its value: key and header. */
struct envelope {
	struct bytes key;
	const char *header;
	struct bytes header_value;      /* nil: no header */
};

static int write_change(struct writer *writer, struct writer_table *table,
			const struct envelope *envelope, struct change *change, struct error *err)
{
	uint8_t *at;
	change->index = writer->index;
	size_t size = encoded_size(envelope->key) + change_size(change) +
		      header_size(envelope->header, envelope->header_value);
	if (add_room(writer, table, envelope->key, size, &at, err) != 0)
		return -1;
	at = put_encoded(at, envelope->key);
	at = change_put(at, change);
	put_header(at, envelope->header, envelope->header_value);
	writer->index++;
	return 0;
}

static int write_tombstone(struct writer *writer, struct writer_table *table,
			   const struct envelope *envelope, struct error *err)
{
	const struct bytes nil = { NULL, 0 };
	uint8_t *at;
	if (!writer->options.makes_tombstones || envelope->key.data == NULL)
		return 0;
	size_t size = envelope->key.size + 1 + header_size(envelope->header, envelope->header_value);
	if (add_room(writer, table, envelope->key, size, &at, err) != 0)
		return -1;
	at = put_encoded(at, envelope->key);
	at = put_encoded(at, nil);
	put_header(at, envelope->header, envelope->header_value);
	return 0;
}

static int write_delete(struct writer *writer, struct writer_table *table,
			const struct envelope *envelope, const struct change *row,
			struct error *err)
{
	struct change change = *row;
	change.op = CHANGE_DELETE;
	change.after = (struct bytes){ NULL, 0 };
	if (write_change(writer, table, envelope, &change, err) != 0)
		return -1;
	return write_tombstone(writer, table, envelope, err);
}

static int write_key_change(struct writer *writer, struct writer_table *table,
			    const struct writer_row *row, const struct change *change,
			    struct error *err)
{
	const struct envelope old = { row->old_key, HEADER_NEW_KEY, row->key };
	const struct envelope new = { row->key, HEADER_OLD_KEY, row->old_key };
	struct change create = *change;
	if (write_delete(writer, table, &old, change, err) != 0)
		return -1;
	create.op = CHANGE_CREATE;
	create.before = (struct bytes){ NULL, 0 };
	return write_change(writer, table, &new, &create, err);
}

int writer_row(struct writer *writer, struct writer_table *table, const struct writer_row *row,
	       struct error *err)
{
	uint8_t position[POSITION_BYTES_MAX];
	const struct envelope envelope = { .key = row->key, .header = "" };
	assert(writer->is_open);
	if (ledger_check(writer->ledger, err) != 0 ||
	    writer_table_refresh(writer, table, err) != 0)
		return -1;
	struct change change = {
		.op = row->op,
		.schema_id = table->schema_id,
		.before = row->before,
		.after = row->after,
		.source_time_us = writer->source_time_us,
		.position = { position, position_encode(position, &row->position) },
	};
	if (row->op == CHANGE_UPDATE && row->old_key.data != NULL)
		return write_key_change(writer, table, row, &change, err);
	if (row->op == CHANGE_DELETE)
		return write_delete(writer, table, &envelope, &change, err);
	return write_change(writer, table, &envelope, &change, err);
}

/* Positions. */

static int submit_position(struct writer *writer, struct error *err)
{
	struct bytes position = { writer->pending, writer->pending_bytes };
	struct submission *submission;
	if (submission_create(&submission, writer->options.source_id, err) != 0)
		return -1;
	if (submission_set_position(submission, position, err) != 0) {
		submission_destroy(submission);
		return -1;
	}
	writer->has_pending = false;
	writer->next_position_us = clock_monotonic_us() + POSITION_INTERVAL_US;
	return submit(writer, submission, LEDGER_NO_TRANSACTION, err);
}

/* Where nothing later carries it soon. */
static int submit_due_position(struct writer *writer, struct error *err)
{
	if (!writer->has_pending || !ledger_is_empty(writer->ledger) ||
	    clock_monotonic_us() < writer->next_position_us)
		return 0;
	return submit_position(writer, err);
}

static int commit_position(struct writer *writer, struct bytes position, struct error *err)
{
	if (position.size > SOURCE_POSITION_BYTES_MAX)
		return error_set(err, ERROR_LIMIT, "a position of %zu bytes; the most is %d",
				 position.size, SOURCE_POSITION_BYTES_MAX);
	memcpy(writer->pending, position.data, position.size);
	writer->pending_bytes = position.size;
	writer->has_pending = true;
	return submit_due_position(writer, err);
}

static int commit_rows(struct writer *writer, struct bytes position, struct bytes progress,
		       struct error *err)
{
	if (writer->submission == NULL &&
	    submission_create(&writer->submission, writer->options.source_id, err) != 0)
		return -1;
	struct submission *submission = writer->submission;
	if ((position.data != NULL && submission_set_position(submission, position, err) != 0) ||
	    (progress.data != NULL && submission_set_snapshot_progress(submission, progress, err) != 0))
		return -1;
	if (position.data != NULL)
		writer->has_pending = false;
	writer->submission = NULL;
	int64_t mark = submission_record_count(submission) > 0 || writer->has_parts
			       ? writer->source_time_us : LEDGER_NO_TRANSACTION;
	return submit(writer, submission, mark, err);
}

int writer_commit(struct writer *writer, struct bytes position, struct error *err)
{
	assert(writer->is_open && position.data != NULL);
	if (ledger_check(writer->ledger, err) != 0)
		return -1;
	writer->is_open = false;
	if (writer->submission == NULL && !writer->has_parts)
		return commit_position(writer, position, err);
	return commit_rows(writer, position, (struct bytes){ NULL, 0 }, err);
}

int writer_commit_snapshot(struct writer *writer, struct bytes position, struct bytes progress,
			   struct error *err)
{
	assert(writer->is_open);
	if (ledger_check(writer->ledger, err) != 0)
		return -1;
	writer->is_open = false;
	return commit_rows(writer, position, progress, err);
}

int writer_abandon(struct writer *writer, struct error *err)
{
	submission_destroy(writer->submission);
	writer->submission = NULL;
	writer->is_open = false;
	writer->has_parts = false;
	writer->has_pending = false;
	writer->epoch++;
	if (ledger_begin_reset(writer->ledger) &&
	    appender_post_reset(writer->options.appender, writer->options.source_id, ledger_on_reset,
				writer->ledger, err) != 0) {
		ledger_withdraw_reset(writer->ledger);
		return -1;
	}
	int rc;
	while ((rc = ledger_wait_reset(writer->ledger, clock_monotonic_us() + WAIT_STEP_US, err)) == 0)
		if (wait_on(writer, err) != 0)
			return -1;
	return rc == 1 ? 0 : -1;
}

/* What has become of it. */

int writer_durable(struct writer *writer, uint8_t *out, size_t *out_bytes, struct error *err)
{
	return ledger_durable(writer->ledger, out, out_bytes, err);
}

bool writer_is_idle(struct writer *writer)
{
	/* A failure shows in the next call. */
	(void)submit_due_position(writer, NULL);
	return !writer->has_pending && ledger_is_empty(writer->ledger);
}

int writer_flush(struct writer *writer, struct error *err)
{
	int64_t end_us = INT64_MAX;
	if (writer->has_pending && submit_position(writer, err) != 0)
		return -1;
	while (!ledger_wait(writer->ledger, SIZE_MAX, 0, clock_monotonic_us() + WAIT_STEP_US)) {
		int64_t now = clock_monotonic_us();
		if (should_stop(writer) && end_us == INT64_MAX)
			end_us = now + FLUSH_GRACE_US;
		if (now >= end_us)
			return error_set(err, ERROR_STOPPED, "stopped while the log was being written");
		tell_wait(writer);
	}
	return ledger_check(writer->ledger, err);
}

void writer_counts(struct writer *writer, struct writer_counts *out)
{
	struct ledger_counts counts;
	ledger_counts(writer->ledger, &counts);
	*out = (struct writer_counts){ counts.transaction_count, counts.record_count, counts.lag_us };
}
