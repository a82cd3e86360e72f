#include "storage/queue.h"

#include "storage/command.h"

#include <string.h>
#include <time.h>

int queue_init(struct queue *queue, size_t record_limit, size_t byte_limit, struct error *err)
{
	pthread_condattr_t monotonic;
	*queue = (struct queue){ .record_limit = record_limit, .byte_limit = byte_limit };
	STAILQ_INIT(&queue->items);
	if (pthread_condattr_init(&monotonic) != 0)
		return error_set(err, ERROR_MEMORY, "the appender's queue");
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	/* On Linux none of these can fail. */
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->has_items, &monotonic);
	pthread_cond_init(&queue->has_room, NULL);
	pthread_cond_init(&queue->has_outcome, NULL);
	pthread_condattr_destroy(&monotonic);
	return 0;
}

void queue_clear(struct queue *queue)
{
	pthread_cond_destroy(&queue->has_outcome);
	pthread_cond_destroy(&queue->has_room);
	pthread_cond_destroy(&queue->has_items);
	pthread_mutex_destroy(&queue->lock);
}

static bool fits(const struct queue *queue, const struct item *item)
{
	if (STAILQ_EMPTY(&queue->items))
		return true;
	return queue->record_count + item->record_count <= queue->record_limit &&
	       queue->bytes + item->bytes <= queue->byte_limit;
}

static void insert(struct queue *queue, struct item *item)
{
	STAILQ_INSERT_TAIL(&queue->items, item, link);
	queue->record_count += item->record_count;
	queue->bytes += item->bytes;
	pthread_cond_signal(&queue->has_items);
}

static int refuse(const struct queue *queue, struct error *err)
{
	if (err != NULL)
		*err = queue->closed_err;
	return -1;
}

int queue_put(struct queue *queue, struct item *item, struct error *err)
{
	int rc = 0;
	pthread_mutex_lock(&queue->lock);
	queue->waiting_count++;
	while (!queue->is_closed && !fits(queue, item))
		pthread_cond_wait(&queue->has_room, &queue->lock);
	queue->waiting_count--;
	if (queue->is_closed)
		rc = refuse(queue, err);
	else
		insert(queue, item);
	pthread_mutex_unlock(&queue->lock);
	return rc;
}

int queue_try_put(struct queue *queue, struct item *item, struct error *err)
{
	int rc = 1;
	pthread_mutex_lock(&queue->lock);
	if (queue->is_closed) {
		rc = refuse(queue, err);
	} else if (!fits(queue, item)) {
		queue->was_turned_away = true;
		rc = 0;
	} else {
		insert(queue, item);
	}
	pthread_mutex_unlock(&queue->lock);
	return rc;
}

int queue_put_command(struct queue *queue, struct item *item, struct error *err)
{
	int rc = 0;
	pthread_mutex_lock(&queue->lock);
	if (queue->is_closed)
		rc = refuse(queue, err);
	else
		insert(queue, item);
	pthread_mutex_unlock(&queue->lock);
	return rc;
}

static void remove_item(struct queue *queue, struct item *item)
{
	queue->record_count -= item->record_count;
	queue->bytes -= item->bytes;
}

bool queue_take(struct queue *queue, struct item_list *group, size_t bytes_most,
		int64_t deadline_us, bool *out_is_closed)
{
	struct timespec deadline = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
	size_t bytes = 0;
	pthread_mutex_lock(&queue->lock);
	while (STAILQ_EMPTY(&queue->items) && !queue->is_closed)
		if (pthread_cond_timedwait(&queue->has_items, &queue->lock, &deadline) != 0)
			break;
	struct item *item;
	while ((item = STAILQ_FIRST(&queue->items)) != NULL &&
	       (STAILQ_EMPTY(group) || bytes + item->bytes <= bytes_most)) {
		STAILQ_REMOVE_HEAD(&queue->items, link);
		remove_item(queue, item);
		bytes += item->bytes;
		STAILQ_INSERT_TAIL(group, item, link);
	}
	if (queue->waiting_count > 0 && !STAILQ_EMPTY(group))
		pthread_cond_broadcast(&queue->has_room);
	bool made_room = queue->was_turned_away && !STAILQ_EMPTY(group);
	if (made_room)
		queue->was_turned_away = false;
	*out_is_closed = queue->is_closed && STAILQ_EMPTY(group);
	pthread_mutex_unlock(&queue->lock);
	return made_room;
}

static bool is_urgent(const struct item *item)
{
	if (item->kind == ITEM_COMMAND)
		return ((const struct command *)(const void *)item)->run_alone == NULL;
	return ((const struct submission *)(const void *)item)->source_id == SOURCE_PUBLISHED;
}

static bool move_urgent(struct queue *queue, struct item_list *group)
{
	struct item_list rest = STAILQ_HEAD_INITIALIZER(rest);
	struct item *item;
	while ((item = STAILQ_FIRST(&queue->items)) != NULL) {
		STAILQ_REMOVE_HEAD(&queue->items, link);
		if (is_urgent(item)) {
			remove_item(queue, item);
			STAILQ_INSERT_TAIL(group, item, link);
		} else {
			STAILQ_INSERT_TAIL(&rest, item, link);
		}
	}
	STAILQ_CONCAT(&queue->items, &rest);
	return !STAILQ_EMPTY(group);
}

bool queue_take_urgent(struct queue *queue, struct item_list *group, int64_t deadline_us)
{
	struct timespec deadline = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
	pthread_mutex_lock(&queue->lock);
	while (!move_urgent(queue, group) && !queue->is_closed)
		if (pthread_cond_timedwait(&queue->has_items, &queue->lock, &deadline) != 0)
			break;
	bool is_closed = queue->is_closed;
	pthread_cond_broadcast(&queue->has_room);
	pthread_mutex_unlock(&queue->lock);
	return is_closed;
}

bool queue_has_more(struct queue *queue, size_t bytes_most)
{
	pthread_mutex_lock(&queue->lock);
	bool has_more = !STAILQ_EMPTY(&queue->items) && queue->bytes <= bytes_most;
	pthread_mutex_unlock(&queue->lock);
	return has_more;
}

void queue_close(struct queue *queue, const struct error *err)
{
	pthread_mutex_lock(&queue->lock);
	if (!queue->is_closed) {
		queue->is_closed = true;
		queue->closed_err = *err;
	}
	pthread_cond_broadcast(&queue->has_room);
	pthread_cond_broadcast(&queue->has_items);
	pthread_mutex_unlock(&queue->lock);
}
