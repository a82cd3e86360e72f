#ifndef STORAGE_APPENDER_INTERNAL_H
#define STORAGE_APPENDER_INTERNAL_H

#include "storage/queue.h"
#include "storage/retention.h"
#include "storage/stage.h"

#include <stdatomic.h>

/* Shared by appender.c (the thread, the queue's outside) and commit.c (one
 * group of items, one commit). */
struct appender {
	struct store *store;
	struct appender_options options;
	struct queue queue;
	struct schema_reservations *schemas;
	pthread_t thread;
	_Atomic enum appender_state state;

	pthread_mutex_t stats_lock;
	struct appender_stats stats;    /* guarded by stats_lock */

	/* The appender's thread alone, from here on. */
	struct registry registry;
	struct stage stage;
	struct retention retention;
	struct item_list unsynced;      /* written, but not durable: their outcome waits */
	bool has_unsynced;              /* a commit is, though it may have no items */
	size_t finished_bytes;          /* of items told, to be released in the queue */
	bool expires_producers;         /* the next commit forgets some silent ones */
	uint64_t producer_position;
	int64_t next_check_us;          /* monotonic */
	int64_t next_reader_check_us;
	int64_t start_wall_us;
	int64_t start_monotonic_us;
};

/* Write the group in one commit.  Where more work waits, its sync is left to
 * the next commit, and so is telling the items their outcome; commit_settle
 * does both.  Items that can be tried again when there is room stay in group:
 * then -1 with ERROR_DISK_FULL.  Any other -1: everything failed. */
int commit_group(struct appender *appender, struct item_list *group, struct error *err);

/* Make durable what was written, and tell.  -1: everything failed. */
int commit_settle(struct appender *appender, struct error *err);

/* The most bytes waiting that a commit leaves its sync to. */
#define COMMIT_DEFER_BYTES      (4u * 1024 * 1024)
/* With less than this free on the disk none does. */
#define COMMIT_DEFER_ROOM_BYTES (UINT64_C(256) << 20)

/* The time for retention: the wall's, unless that jumped ahead. */
int64_t commit_retention_us(const struct appender *appender);

/* Tell one item how it ended (err NULL: well) and give it up. */
void commit_finish_item(struct appender *appender, struct item *item, const struct error *err);

int64_t appender_monotonic_us(const struct appender *appender);

#endif
