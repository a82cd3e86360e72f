#ifndef STORAGE_STAGE_H
#define STORAGE_STAGE_H

#include "storage/command.h"
#include "storage/registry.h"
#include "storage/transaction.h"

/* One commit in the making: gives records their offsets, gathers them into
 * batches, writes those into the open LMDB transaction, and keeps what the
 * registry says now apart from what it will say once the commit is durable.
 * The appender's thread alone. */
struct stage {
	struct registry *registry;
	struct schema_reservations *schemas;
	struct transaction *transaction;        /* lent from begin to committed or aborted */
	size_t batch_bytes;                     /* what a batch aims at */
	int64_t now_us;
	struct partition_list dirty;
	struct source_list dirty_sources;
	struct partition *last_used;            /* the next record's is most often the same */
	uint64_t record_count;                  /* of this commit */
	uint64_t batch_count;
	uint64_t batch_bytes_written;
};

void stage_init(struct stage *stage, struct registry *registry,
		struct schema_reservations *schemas, size_t batch_bytes);
void stage_begin(struct stage *stage, struct transaction *transaction, int64_t now_us);

/* Take the records of a submission in.  -1 with submission->err filled: it was
 * refused and left no trace.  The submission must live until the commit ends. */
int stage_submission(struct stage *stage, struct submission *submission);

/* Write every open batch.  Before anything else reads or writes the log. */
int stage_flush(struct stage *stage);

/* A partition whose record must be written with the commit. */
void stage_touch(struct stage *stage, struct partition *partition);

/* Flush, and write the records of partitions and sources that changed. */
int stage_finish(struct stage *stage);

/* The outcome.  Committed: what was next is now stored.  Aborted: next is again
 * as stored. */
void stage_committed(struct stage *stage);
void stage_aborted(struct stage *stage);

#endif
