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
	int64_t next_check_us;          /* monotonic */
	int64_t next_reader_check_us;
	int64_t start_wall_us;
	int64_t start_monotonic_us;
};

/* Write the group in one commit and tell each item its outcome.  Items that
 * can be tried again when there is room stay in group: then -1 with
 * ERROR_DISK_FULL.  Any other -1: everything failed. */
int commit_group(struct appender *appender, struct item_list *group, struct error *err);

/* Tell one item how it ended (err NULL: well) and give it up. */
void commit_finish_item(struct appender *appender, struct item *item, const struct error *err);

int64_t appender_monotonic_us(const struct appender *appender);

#endif
