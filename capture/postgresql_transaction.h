#ifndef CAPTURE_POSTGRESQL_TRANSACTION_H
#define CAPTURE_POSTGRESQL_TRANSACTION_H

#include "capture/postgresql_source.h"
#include "capture/postgresql_stream_tables.h"

#include <msgpack/sbuffer.h>

/* What a stream tells, transaction by transaction, into the writer.  Rows go there as
 * they come; the Commit message commits them there, with the LSN behind it as position.
 * What fails in between leaves the transaction open, to be abandoned by who drives the
 * source; the server sends it again from the stored position on.
 *
 * Embedded in the stream; the source's thread. */
struct postgresql_transaction {
	struct postgresql_source *source;       /* lent */
	struct writer *writer;                  /* the source's */
	struct postgresql_stream_tables tables;
	msgpack_sbuffer rows[2];        /* after, before */
	msgpack_sbuffer keys[2];        /* new, old */

	bool is_open;                   /* between Begin and Commit */
	struct position position;       /* of the open one's rows */
	uint64_t committed_lsn;         /* given to the writer as a position */
	uint64_t row_count;             /* since the stream's start */
	int64_t source_time_us;         /* the last one's commit, since 1970; 0: none yet */
};

/* None is open; what the source has stored is committed. */
void postgresql_transaction_init(struct postgresql_transaction *transaction,
				 struct postgresql_source *source);
void postgresql_transaction_clear(struct postgresql_transaction *transaction);

/* One message of pgoutput, and where it stands in the WAL.  Blocks on the writer, and on
 * the database where a table has to be looked up.  ERROR_MALFORMED: no message, or not
 * here; ERROR_UNEXPECTED: sent before, and stored; what postgresql_stream_tables_learn,
 * postgresql_table_encode and the writer say. */
int postgresql_transaction_handle(struct postgresql_transaction *transaction, struct bytes message,
				  uint64_t lsn, struct error *err);

/* None is open, and up to here nothing of ours is missing: a position without rows. */
int postgresql_transaction_skip_to(struct postgresql_transaction *transaction, uint64_t lsn,
				   struct error *err);

#endif
