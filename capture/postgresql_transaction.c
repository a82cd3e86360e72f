#include "capture/postgresql_transaction.h"

#include "capture/clock.h"
#include "capture/pgoutput.h"

#include <string.h>

void postgresql_transaction_init(struct postgresql_transaction *transaction,
				 struct postgresql_source *source)
{
	*transaction = (struct postgresql_transaction){
		.source = source,
		.writer = source->context->writer,
		.committed_lsn = source->stored_lsn,
	};
	for (int i = 0; i < 2; i++) {
		msgpack_sbuffer_init(&transaction->rows[i]);
		msgpack_sbuffer_init(&transaction->keys[i]);
	}
}

void postgresql_transaction_clear(struct postgresql_transaction *transaction)
{
	for (int i = 0; i < 2; i++) {
		msgpack_sbuffer_destroy(&transaction->rows[i]);
		msgpack_sbuffer_destroy(&transaction->keys[i]);
	}
	postgresql_stream_tables_clear(&transaction->tables);
}

static int commit_position(struct postgresql_transaction *transaction, uint64_t lsn, struct error *err)
{
	const struct postgresql_position position = {
		.lsn = lsn,
		.system_id = transaction->source->system_id,
		.timeline = transaction->source->timeline,
	};
	uint8_t bytes[POSTGRESQL_POSITION_BYTES];
	postgresql_position_encode(bytes, &position);
	if (writer_commit(transaction->writer, (struct bytes){ bytes, sizeof(bytes) }, err) != 0)
		return -1;
	transaction->committed_lsn = lsn;
	transaction->source->stored_lsn = lsn;
	transaction->source->has_position = true;
	return 0;
}

static int begin(struct postgresql_transaction *transaction, const struct pgoutput_message *message,
		 struct error *err)
{
	if (transaction->is_open)
		return error_set(err, ERROR_MALFORMED, "BEGIN inside a transaction");
	/* What commits before the stored position is stored. */
	if (message->begin.commit_lsn < transaction->committed_lsn)
		return error_set(err, ERROR_UNEXPECTED, "the server sent transaction %u again, which is stored",
				 message->begin.transaction_id);
	transaction->is_open = true;
	transaction->source_time_us = message->begin.commit_time_us;
	transaction->position = (struct position){
		.kind = POSITION_POSTGRESQL,
		.marker = SNAPSHOT_NO,
		.transaction_id = message->begin.transaction_id,
		.commit_lsn = message->begin.commit_lsn,
	};
	writer_begin(transaction->writer, message->begin.commit_time_us);
	return 0;
}

static int commit(struct postgresql_transaction *transaction, const struct pgoutput_message *message,
		  struct error *err)
{
	if (!transaction->is_open)
		return error_set(err, ERROR_MALFORMED, "COMMIT outside a transaction");
	if (message->commit.end_lsn <= transaction->position.commit_lsn)
		return error_set(err, ERROR_MALFORMED, "a commit that ends before it begins");
	if (commit_position(transaction, message->commit.end_lsn, err) != 0)
		return -1;
	transaction->is_open = false;
	return 0;
}

static int find_table(struct postgresql_transaction *transaction, uint32_t oid,
		      struct postgresql_stream_table **out, struct error *err)
{
	if (!transaction->is_open)
		return error_set(err, ERROR_MALFORMED, "a row outside a transaction");
	*out = postgresql_stream_tables_find(&transaction->tables, oid);
	return *out != NULL ? 0 : error_set(err, ERROR_MALFORMED, "a row of relation %u, which was never described", oid);
}

static struct bytes filled(const msgpack_sbuffer *buffer)
{
	return buffer->size == 0 ? (struct bytes){ NULL, 0 } :
				   (struct bytes){ (const uint8_t *)buffer->data, buffer->size };
}

static bool is_same(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static int row(struct postgresql_transaction *transaction, const struct pgoutput_message *message,
	       uint64_t lsn, struct error *err)
{
	const struct pgoutput_tuple *old = &message->row.old, *new = &message->row.new;
	struct postgresql_stream_table *known;
	struct writer_row out = { 0 };
	if (find_table(transaction, message->row.relation_oid, &known, err) != 0)
		return -1;
	if (known->table == NULL)
		return 0;
	for (int i = 0; i < 2; i++) {
		transaction->rows[i].size = 0;
		transaction->keys[i].size = 0;
	}
	if (message->kind != PGOUTPUT_DELETE &&
	    postgresql_table_encode(known->table, new, old, &transaction->rows[0], &transaction->keys[0], err) != 0)
		return -1;
	if (old->kind != PGOUTPUT_TUPLE_NONE &&
	    postgresql_table_encode(known->table, old, NULL, &transaction->rows[1], &transaction->keys[1], err) != 0)
		return -1;
	out.op = message->kind == PGOUTPUT_INSERT ? CHANGE_CREATE :
		 message->kind == PGOUTPUT_UPDATE ? CHANGE_UPDATE : CHANGE_DELETE;
	out.after = filled(&transaction->rows[0]);
	out.before = filled(&transaction->rows[1]);
	out.key = filled(&transaction->keys[message->kind == PGOUTPUT_DELETE]);
	if (message->kind == PGOUTPUT_UPDATE && old->kind != PGOUTPUT_TUPLE_NONE &&
	    !is_same(filled(&transaction->keys[0]), filled(&transaction->keys[1])))
		out.old_key = filled(&transaction->keys[1]);
	transaction->position.lsn = lsn;
	out.position = transaction->position;
	transaction->row_count++;
	return writer_row(transaction->writer, known->writer_table, &out, err);
}

static int truncate_tables(struct postgresql_transaction *transaction, const struct pgoutput_message *message,
			   uint64_t lsn, struct error *err)
{
	transaction->position.lsn = lsn;
	for (uint32_t i = 0; i < message->truncate.relation_count; i++) {
		struct postgresql_stream_table *known;
		struct writer_row out = { .op = CHANGE_TRUNCATE, .position = transaction->position };
		if (find_table(transaction, pgoutput_truncate_relation(message, i), &known, err) != 0)
			return -1;
		if (known->table != NULL &&
		    writer_row(transaction->writer, known->writer_table, &out, err) != 0)
			return -1;
	}
	return 0;
}

int postgresql_transaction_handle(struct postgresql_transaction *transaction, struct bytes content,
				  uint64_t lsn, struct error *err)
{
	struct pgoutput_message message;
	if (pgoutput_decode(content, &message, err) != 0)
		return -1;
	switch (message.kind) {
	case PGOUTPUT_BEGIN:
		return begin(transaction, &message, err);
	case PGOUTPUT_COMMIT:
		return commit(transaction, &message, err);
	case PGOUTPUT_RELATION:
		return postgresql_stream_tables_learn(&transaction->tables, transaction->source, &message.relation, err);
	case PGOUTPUT_INSERT:
	case PGOUTPUT_UPDATE:
	case PGOUTPUT_DELETE:
		return row(transaction, &message, lsn, err);
	case PGOUTPUT_TRUNCATE:
		return truncate_tables(transaction, &message, lsn, err);
	case PGOUTPUT_ORIGIN:
	case PGOUTPUT_TYPE:
	case PGOUTPUT_MESSAGE:
		break;
	}
	return 0;
}

int postgresql_transaction_skip_to(struct postgresql_transaction *transaction, uint64_t lsn,
				   struct error *err)
{
	writer_begin(transaction->writer, clock_real_us());
	return commit_position(transaction, lsn, err);
}
