#ifndef STORAGE_QUEUE_H
#define STORAGE_QUEUE_H

#include "storage/entry.h"

#include <pthread.h>

/* The bounded queue in front of the appender: many threads put, one takes.
 * Bounded in records and in bytes; commands count for neither. */
struct queue {
	pthread_mutex_t lock;           /* guards everything below */
	pthread_cond_t has_items;       /* waits with the monotonic clock */
	pthread_cond_t has_room;
	pthread_cond_t has_outcome;     /* a command is done */
	struct item_list items;
	size_t record_count;
	size_t bytes;
	size_t record_limit;
	size_t byte_limit;
	unsigned int waiting_count;     /* threads in queue_put */
	bool was_turned_away;           /* a queue_try_put was, since the last take */
	bool is_closed;                 /* no more is let in */
	struct error closed_err;        /* why */
};

int queue_init(struct queue *queue, size_t record_limit, size_t byte_limit, struct error *err);
void queue_clear(struct queue *queue);

/* Waits for room; what is larger than the limits gets in when the queue is
 * empty.  -1: closed, err tells why. */
int queue_put(struct queue *queue, struct item *item, struct error *err);
/* 1 taken, 0 no room, -1 closed. */
int queue_try_put(struct queue *queue, struct item *item, struct error *err);
/* Commands: never waits for room. */
int queue_put_command(struct queue *queue, struct item *item, struct error *err);

/* Move items into group (which is empty) until bytes_most is reached, at least
 * one.  Waits for the first until deadline_us of CLOCK_MONOTONIC.  Returns
 * whether room was made that a queue_try_put had been refused.  *out_is_closed:
 * closed, and nothing is left. */
bool queue_take(struct queue *queue, struct item_list *group, size_t bytes_most,
		int64_t deadline_us, bool *out_is_closed);

/* While the disk is full: move only commands that do not run alone and published
 * submissions; the rest keep their places.  Returns at the deadline, as soon as
 * it has moved one, or when the queue is closed; true: it is closed. */
bool queue_take_urgent(struct queue *queue, struct item_list *group, int64_t deadline_us);

/* Does something wait that the next commit will write at once?  Not where that
 * is more than bytes_most. */
bool queue_has_more(struct queue *queue, size_t bytes_most);

/* Let nothing more in; those who wait get err.  Items that are in stay. */
void queue_close(struct queue *queue, const struct error *err);

#endif
