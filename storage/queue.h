#ifndef STORAGE_QUEUE_H
#define STORAGE_QUEUE_H

#include "storage/entry.h"

#include <pthread.h>

struct command;

/* A thread in queue_put. */
struct queue_waiter {
	TAILQ_ENTRY(queue_waiter) link;
};

/* The bounded queue in front of the appender: many threads put, one takes.
 * Bounded in records and in bytes; commands count for neither.  The bytes of what
 * was taken count until they are released: they are in memory still.  Who waits for
 * room gets it in turn, so that many small submissions never keep a large one
 * out for ever. */
struct queue {
	pthread_mutex_t lock;           /* guards everything below */
	pthread_cond_t has_items;       /* waits with the monotonic clock */
	pthread_cond_t has_room;
	pthread_cond_t has_outcome;     /* a command is done, or a thread has left */
	struct item_list items;
	size_t record_count;
	size_t bytes;
	size_t taken_bytes;             /* of what was taken and is not released */
	size_t record_limit;
	size_t byte_limit;
	TAILQ_HEAD(, queue_waiter) waiters;     /* for room, in turn */
	unsigned int executing_count;   /* threads in queue_execute */
	bool was_turned_away;           /* a queue_try_put was, since the last take */
	bool is_refusing;               /* published submissions */
	struct error refusing_err;      /* why */
	bool is_closed;                 /* no more is let in */
	struct error closed_err;        /* why */
};

int queue_init(struct queue *queue, size_t record_limit, size_t byte_limit, struct error *err);
void queue_clear(struct queue *queue);

/* Waits for room; what is larger than the limits gets in when the queue is
 * empty.  -1: closed, or refused; err tells why. */
int queue_put(struct queue *queue, struct item *item, struct error *err);
/* The same until deadline_us of CLOCK_MONOTONIC: 1 taken, 0 no room by then, -1. */
int queue_put_until(struct queue *queue, struct item *item, int64_t deadline_us,
		    struct error *err);
/* 1 taken, 0 no room, -1 closed or refused. */
int queue_try_put(struct queue *queue, struct item *item, struct error *err);
/* Puts a command, whether there is room or not.  -1: closed. */
int queue_put_command(struct queue *queue, struct command *command, struct error *err);
/* The same, and waits until it is done: command->err is the outcome. */
int queue_execute(struct queue *queue, struct command *command, struct error *err);
/* It is done, its outcome filled in: from here on it is its executor's again. */
void queue_finish(struct queue *queue, struct command *command);

/* Move items into group (which is empty) until bytes_most is reached, at least
 * one; a command that runs alone is moved alone.  Waits for the first until
 * deadline_us of CLOCK_MONOTONIC.  Returns whether room was made that a
 * queue_try_put had been refused.  *out_is_closed: closed, and nothing is left. */
bool queue_take(struct queue *queue, struct item_list *group, size_t bytes_most,
		int64_t deadline_us, bool *out_is_closed);

/* The memory of so much of what was taken is free again.  Returns as queue_take
 * does. */
bool queue_release(struct queue *queue, size_t bytes);

/* While the disk is full: move only commands that do not run alone and published
 * submissions; the rest keep their places.  Returns at the deadline, as soon as
 * it has moved one, or when the queue is closed; true: it is closed. */
bool queue_take_urgent(struct queue *queue, struct item_list *group, int64_t deadline_us);

/* Does something wait that the next commit will write at once?  Not where that
 * is more than bytes_most. */
bool queue_has_more(struct queue *queue, size_t bytes_most);

/* Refuse published submissions, also those whose putters wait, with err, until
 * this is called with NULL.  Returns as queue_take does: whoever was turned away
 * should try again, to hear it. */
bool queue_refuse_published(struct queue *queue, const struct error *err);

/* Let nothing more in; those who wait get err.  Items that are in stay. */
void queue_close(struct queue *queue, const struct error *err);

/* Wait until no thread is inside a call any more, so that queue_clear may
 * follow: after queue_close, and when every item has been finished. */
void queue_wait_left(struct queue *queue);

#endif
