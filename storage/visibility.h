#ifndef STORAGE_VISIBILITY_H
#define STORAGE_VISIBILITY_H

#include "storage/registry.h"

#include <pthread.h>

/* What lies between written and durable.
 *
 * LMDB syncs a commit twice: its pages, then the meta page that makes them
 * count.  Under load the second sync is left to the first one of the commit
 * that follows at once, so each commit costs one.  Until then its visible ends
 * stand in the table but must not be shown: readers ask here.  LMDB never
 * reuses a page of the two newest states, so a crash in between leaves the log
 * as the commit before had it (lmdb.h, MDB_NOMETASYNC). */
struct visible_move {
	uint32_t topic_id;
	uint32_t partition;
	uint64_t from;
	uint64_t to;
};

struct visible_moves {
	struct visible_move *moves;     /* owned array */
	size_t count;
	size_t capacity;
};

struct visibility {
	pthread_mutex_t lock;           /* guards all of it; the appender's thread alone writes */
	struct visible_moves writing;   /* of the commit that is being made */
	struct visible_moves written;   /* of the last one, not durable yet */
};

void visibility_init(struct visibility *visibility);
void visibility_clear(struct visibility *visibility);

/* Before a commit: what it moves, by the partitions it touches.  ERROR_MEMORY. */
int visibility_begin(struct visibility *visibility, const struct partition_list *dirty,
		     struct error *err);
/* The commit is written, and what was written before it is durable. */
void visibility_written(struct visibility *visibility);
/* It has failed. */
void visibility_aborted(struct visibility *visibility);
/* What was written is durable. */
void visibility_durable(struct visibility *visibility);

/* How far a reader may see, whose transaction (begun before this call) says
 * end.  Any thread. */
uint64_t visibility_limit(struct visibility *visibility, uint32_t topic_id, uint32_t partition,
			  uint64_t end);

#endif
