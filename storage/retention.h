#ifndef STORAGE_RETENTION_H
#define STORAGE_RETENTION_H

#include "storage/stage.h"

/* Deletes what a topic's retention.ms and retention.bytes no longer keep, and
 * the batches of deleted topics: oldest first, whole batches, a bounded step in
 * each commit, so that appends hardly notice.  The appender's thread alone.
 *
 * As in Kafka, retention.bytes is a floor: a batch goes when what is left
 * without it is still that much. */
struct retention {
	struct partition_list due;
	uint64_t deleted_batches;       /* by the open transaction */
	struct registered_topic *gone;  /* its records are deleted by the open transaction */
};

/* A step ends after this many batches or this much time, whichever is first.
 * Deleting reads a page a batch, which may have to come from the disk. */
#define RETENTION_STEP_BATCHES  512
#define RETENTION_STEP_US       5000

void retention_init(struct retention *retention);

/* Look at every topic: by time, and at deleted ones. */
void retention_scan(struct retention *retention, const struct registry *registry,
		    int64_t now_us);

/* Look at the partitions that the open transaction adds to: by bytes. */
void retention_note(struct retention *retention, const struct stage *stage);

static inline bool retention_is_due(const struct retention *retention)
{
	return !TAILQ_EMPTY(&retention->due);
}

/* One step, in the stage's open transaction; now_us for retention.ms.  Errors
 * stay in the transaction. */
void retention_step(struct retention *retention, struct stage *stage, int64_t now_us,
		    const struct appender_clock *clock);

/* The outcome of the transaction: after stage_committed, before stage_aborted. */
void retention_committed(struct retention *retention, struct registry *registry);
void retention_aborted(struct retention *retention);

#endif
