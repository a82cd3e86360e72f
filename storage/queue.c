#include "storage/queue.h"

#include "storage/command.h"

#include <string.h>
#include <time.h>

int queue_init(struct queue *queue, size_t record_limit, size_t byte_limit, struct error *err)
{
	pthread_condattr_t monotonic;
	*queue = (struct queue){ .record_limit = record_limit, .byte_limit = byte_limit };
	STAILQ_INIT(&queue->items);
	TAILQ_INIT(&queue->waiters);
	if (pthread_condattr_init(&monotonic) != 0)
		return error_set(err, ERROR_MEMORY, "the appender's queue");
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	/* On Linux none of these can fail. */
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->has_items, &monotonic);
	pthread_cond_init(&queue->has_room, &monotonic);
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
	       queue->taken_bytes + queue->bytes + item->bytes <= queue->byte_limit;
}

static void insert(struct queue *queue, struct item *item)
{
	STAILQ_INSERT_TAIL(&queue->items, item, link);
	queue->record_count += item->record_count;
	queue->bytes += item->bytes;
	pthread_cond_signal(&queue->has_items);
}

static bool is_published(const struct item *item)
{
	return item->kind == ITEM_SUBMISSION &&
	       ((const struct submission *)(const void *)item)->source_id == SOURCE_PUBLISHED;
}

/* Is it kept out, however much room there is?  Then -1 and why. */
static int check_open(const struct queue *queue, const struct item *item, struct error *err)
{
	if (!queue->is_closed && !(queue->is_refusing && is_published(item)))
		return 0;
	if (err != NULL)
		*err = queue->is_closed ? queue->closed_err : queue->refusing_err;
	return -1;
}

static bool wait_for_room(struct queue *queue, int64_t deadline_us)
{
	struct timespec deadline = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
	if (deadline_us == INT64_MAX)
		return pthread_cond_wait(&queue->has_room, &queue->lock) == 0;
	return pthread_cond_timedwait(&queue->has_room, &queue->lock, &deadline) == 0;
}

int queue_put_until(struct queue *queue, struct item *item, int64_t deadline_us,
		    struct error *err)
{
	struct queue_waiter waiter;
	bool is_late = false;
	int rc;
	pthread_mutex_lock(&queue->lock);
	TAILQ_INSERT_TAIL(&queue->waiters, &waiter, link);
	while ((rc = check_open(queue, item, err)) == 0 && !is_late &&
	       (TAILQ_FIRST(&queue->waiters) != &waiter || !fits(queue, item)))
		is_late = !wait_for_room(queue, deadline_us);
	if (rc == 0 && TAILQ_FIRST(&queue->waiters) == &waiter && fits(queue, item)) {
		insert(queue, item);
		rc = 1;
	}
	TAILQ_REMOVE(&queue->waiters, &waiter, link);
	/* It is the next one's turn. */
	if (!TAILQ_EMPTY(&queue->waiters))
		pthread_cond_broadcast(&queue->has_room);
	else if (queue->is_closed)
		pthread_cond_broadcast(&queue->has_outcome);
	pthread_mutex_unlock(&queue->lock);
	return rc;
}

int queue_put(struct queue *queue, struct item *item, struct error *err)
{
	return queue_put_until(queue, item, INT64_MAX, err) == 1 ? 0 : -1;
}

int queue_try_put(struct queue *queue, struct item *item, struct error *err)
{
	pthread_mutex_lock(&queue->lock);
	int rc = check_open(queue, item, err);
	if (rc == 0 && TAILQ_EMPTY(&queue->waiters) && fits(queue, item)) {
		insert(queue, item);
		rc = 1;
	} else if (rc == 0) {
		queue->was_turned_away = true;
	}
	pthread_mutex_unlock(&queue->lock);
	return rc;
}

/* Under the lock. */
static int put_command(struct queue *queue, struct command *command, struct error *err)
{
	command->item = (struct item){ .kind = ITEM_COMMAND };
	command->err.code = ERROR_NONE;
	command->is_done = false;
	int rc = check_open(queue, &command->item, err);
	if (rc == 0)
		insert(queue, &command->item);
	return rc;
}

int queue_put_command(struct queue *queue, struct command *command, struct error *err)
{
	pthread_mutex_lock(&queue->lock);
	int rc = put_command(queue, command, err);
	pthread_mutex_unlock(&queue->lock);
	return rc;
}

int queue_execute(struct queue *queue, struct command *command, struct error *err)
{
	pthread_mutex_lock(&queue->lock);
	int rc = put_command(queue, command, err);
	if (rc == 0) {
		queue->executing_count++;
		while (!command->is_done)
			pthread_cond_wait(&queue->has_outcome, &queue->lock);
		queue->executing_count--;
		if (queue->is_closed)
			pthread_cond_broadcast(&queue->has_outcome);
	}
	pthread_mutex_unlock(&queue->lock);
	return rc;
}

void queue_finish(struct queue *queue, struct command *command)
{
	pthread_mutex_lock(&queue->lock);
	command->is_done = true;
	pthread_cond_broadcast(&queue->has_outcome);
	pthread_mutex_unlock(&queue->lock);
}

static void remove_item(struct queue *queue, struct item *item)
{
	queue->record_count -= item->record_count;
	queue->bytes -= item->bytes;
	queue->taken_bytes += item->bytes;
}

static bool runs_alone(const struct item *item)
{
	return item->kind == ITEM_COMMAND &&
	       ((const struct command *)(const void *)item)->run_alone != NULL;
}

static void move_group(struct queue *queue, struct item_list *group, size_t bytes_most)
{
	struct item *item, *last = NULL;
	size_t bytes = 0;
	while ((item = STAILQ_FIRST(&queue->items)) != NULL &&
	       (last == NULL || (bytes + item->bytes <= bytes_most && !runs_alone(last) &&
				 !runs_alone(item)))) {
		STAILQ_REMOVE_HEAD(&queue->items, link);
		remove_item(queue, item);
		bytes += item->bytes;
		STAILQ_INSERT_TAIL(group, item, link);
		last = item;
	}
}

/* Something left the queue: was somebody turned away before? */
static bool make_room(struct queue *queue)
{
	bool was_turned_away = queue->was_turned_away;
	queue->was_turned_away = false;
	pthread_cond_broadcast(&queue->has_room);
	return was_turned_away;
}

bool queue_take(struct queue *queue, struct item_list *group, size_t bytes_most,
		int64_t deadline_us, bool *out_is_closed)
{
	struct timespec deadline = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
	pthread_mutex_lock(&queue->lock);
	while (STAILQ_EMPTY(&queue->items) && !queue->is_closed)
		if (pthread_cond_timedwait(&queue->has_items, &queue->lock, &deadline) != 0)
			break;
	move_group(queue, group, bytes_most);
	bool made_room = !STAILQ_EMPTY(group) && make_room(queue);
	*out_is_closed = queue->is_closed && STAILQ_EMPTY(group);
	pthread_mutex_unlock(&queue->lock);
	return made_room;
}

bool queue_release(struct queue *queue, size_t bytes)
{
	if (bytes == 0)
		return false;
	pthread_mutex_lock(&queue->lock);
	queue->taken_bytes -= bytes;
	bool made_room = make_room(queue);
	pthread_mutex_unlock(&queue->lock);
	return made_room;
}

static bool is_urgent(const struct item *item)
{
	return item->kind == ITEM_COMMAND ? !runs_alone(item) : is_published(item);
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

bool queue_refuse_published(struct queue *queue, const struct error *err)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_refusing = err != NULL;
	if (err != NULL)
		queue->refusing_err = *err;
	bool was_turned_away = make_room(queue);
	pthread_mutex_unlock(&queue->lock);
	return was_turned_away;
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

void queue_wait_left(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	while (!TAILQ_EMPTY(&queue->waiters) || queue->executing_count > 0)
		pthread_cond_wait(&queue->has_outcome, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
}
