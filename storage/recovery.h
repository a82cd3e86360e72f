#ifndef STORAGE_RECOVERY_H
#define STORAGE_RECOVERY_H

#include "storage/environment.h"

/* What lies beyond a partition's visible end belongs to a transaction that was
 * never finished: it was never shown to anyone, so its offsets are free again. */

/* Cut off every partition's hidden tail: at open, and when an appender starts, before
 * anything is written.  Takes time only where there is one. */
int recovery_run(struct store *store, struct error *err);

/* The same for one partition, in commits of its own, bounded however long the
 * tail is; record is its record, brought up to date with each of them.  The
 * appender's thread, outside a transaction. */
int recovery_cut(struct store *store, uint32_t topic_id, uint32_t partition,
		 struct partition_record *record, struct error *err);

#endif
