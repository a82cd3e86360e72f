#include "storage/queue.h"

#include "storage/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/wait_until.h"

enum { RECORD_LIMIT = 10, BYTE_LIMIT = 1000, SOURCE = 7 };

/* A thread that puts one item, executes a command, or waits until others have left. */
struct putter {
	struct queue *queue;
	struct item *item;
	struct command *command;
	pthread_t thread;
	bool is_started;
	int rc;
	struct error err;
	atomic_bool has_begun;
	atomic_bool is_back;
};

struct fixture {
	struct queue queue;
	struct item_list group;
	struct submission submissions[32];
	struct command commands[4];
	struct putter putters[8];
};

static int create(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	*state = fixture;
	STAILQ_INIT(&fixture->group);
	return queue_init(&fixture->queue, RECORD_LIMIT, BYTE_LIMIT, NULL);
}

static int join(struct putter *putter)
{
	if (putter->is_started)
		pthread_join(putter->thread, NULL);
	putter->is_started = false;
	return putter->rc;
}

/* Whatever a failed test has left waiting ends here. */
static int destroy(void **state)
{
	struct fixture *fixture = *state;
	struct error why = { ERROR_STOPPED, "" };
	queue_close(&fixture->queue, &why);
	for (int n = 0; n < 4; n++)
		queue_finish(&fixture->queue, &fixture->commands[n]);
	for (int n = 0; n < 8; n++)
		join(&fixture->putters[n]);
	queue_clear(&fixture->queue);
	free(fixture);
	return 0;
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Submission n, of a source unless it is published. */
static struct item *item(struct fixture *fixture, int n, size_t record_count, size_t bytes)
{
	struct submission *submission = &fixture->submissions[n];
	submission->item = (struct item){ .kind = ITEM_SUBMISSION, .record_count = record_count,
					  .bytes = bytes };
	submission->source_id = SOURCE;
	return &submission->item;
}

static struct item *published(struct fixture *fixture, int n, size_t record_count, size_t bytes)
{
	struct item *made = item(fixture, n, record_count, bytes);
	fixture->submissions[n].source_id = SOURCE_PUBLISHED;
	return made;
}

static bool release(struct queue *queue, const struct item_list *group)
{
	const struct item *each;
	size_t bytes = 0;
	STAILQ_FOREACH(each, group, link)
		bytes += each->bytes;
	return queue_release(queue, bytes);
}

/* As if what is taken were written at once. */
static bool take(struct fixture *fixture, size_t bytes_most)
{
	bool is_closed;
	STAILQ_INIT(&fixture->group);
	bool made_room = queue_take(&fixture->queue, &fixture->group, bytes_most, 0, &is_closed);
	return release(&fixture->queue, &fixture->group) || made_room;
}

/* Which submissions are in the group, in order, as "0 1 2 ". */
static void expect_group(struct fixture *fixture, const char *numbers)
{
	char text[128] = "";
	const struct item *each;
	STAILQ_FOREACH(each, &fixture->group, link) {
		long n = each->kind == ITEM_COMMAND
				 ? (const struct command *)(const void *)each - fixture->commands
				 : (const struct submission *)(const void *)each - fixture->submissions;
		char one[24];
		snprintf(one, sizeof(one), "%s%ld ", each->kind == ITEM_COMMAND ? "c" : "", n);
		strcat(text, one);
	}
	assert_string_equal(text, numbers);
}

static void *run_putter(void *argument)
{
	struct putter *putter = argument;
	if (putter->item != NULL) {
		putter->rc = queue_put(putter->queue, putter->item, &putter->err);
	} else if (putter->command != NULL) {
		putter->rc = queue_execute(putter->queue, putter->command, &putter->err);
	} else {
		atomic_store(&putter->has_begun, true);
		queue_wait_left(putter->queue);
		pthread_mutex_lock(&putter->queue->lock);
		putter->rc = putter->queue->executing_count != 0 ||
			     !TAILQ_EMPTY(&putter->queue->waiters);
		pthread_mutex_unlock(&putter->queue->lock);
	}
	atomic_store(&putter->is_back, true);
	return NULL;
}

static struct putter *start(struct fixture *fixture, struct item *item_of, struct command *command)
{
	struct putter *putter = fixture->putters;
	while (putter->thread != 0)
		putter++;
	*putter = (struct putter){ .queue = &fixture->queue, .item = item_of, .command = command,
				   .is_started = true };
	assert_int_equal(pthread_create(&putter->thread, NULL, run_putter, putter), 0);
	return putter;
}

static int waiting(struct queue *queue)
{
	struct queue_waiter *waiter;
	int count = 0;
	pthread_mutex_lock(&queue->lock);
	TAILQ_FOREACH(waiter, &queue->waiters, link)
		count++;
	pthread_mutex_unlock(&queue->lock);
	return count;
}

static unsigned int executing(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	unsigned int count = queue->executing_count;
	pthread_mutex_unlock(&queue->lock);
	return count;
}

static void items_come_out_in_the_order_they_went_in(void **state)
{
	struct fixture *fixture = *state;
	for (int n = 0; n < 5; n++)
		assert_int_equal(queue_put(&fixture->queue, item(fixture, n, 1, 10), NULL), 0);
	take(fixture, SIZE_MAX);
	expect_group(fixture, "0 1 2 3 4 ");
	take(fixture, SIZE_MAX);
	expect_group(fixture, "");
	assert_int_equal(fixture->queue.record_count, 0);
	assert_int_equal(fixture->queue.bytes, 0);
}

static void queue_is_full_at_its_records_or_its_bytes(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 0, 6, 10), NULL), 1);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 1, 5, 10), NULL), 0);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 2, 4, 990), NULL), 1);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 3, 0, 1), NULL), 0);
	take(fixture, SIZE_MAX);
	expect_group(fixture, "0 2 ");
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 4, 0, 1), NULL), 1);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 5, 0, 1000), NULL), 0);
}

static void taken_bytes_leave_room_when_they_are_released(void **state)
{
	struct fixture *fixture = *state;
	bool is_closed;
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 0, 1, 700), NULL), 1);
	queue_take(&fixture->queue, &fixture->group, SIZE_MAX, 0, &is_closed);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 1, 1, 200), NULL), 1);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 2, 1, 200), NULL), 0);
	assert_true(queue_release(&fixture->queue, 700));
	assert_false(queue_release(&fixture->queue, 0));
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 2, 1, 200), NULL), 1);
}

static void what_is_larger_than_the_queue_gets_in_when_it_is_empty(void **state)
{
	struct fixture *fixture = *state;
	struct item *large = item(fixture, 0, RECORD_LIMIT + 1, BYTE_LIMIT + 1);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 1, 1, 1), NULL), 1);
	assert_int_equal(queue_try_put(&fixture->queue, large, NULL), 0);
	take(fixture, SIZE_MAX);
	assert_int_equal(queue_try_put(&fixture->queue, large, NULL), 1);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 2, 0, 0), NULL), 0);
	take(fixture, 1);
	expect_group(fixture, "0 ");
}

static void take_stops_at_its_bytes_but_takes_one(void **state)
{
	struct fixture *fixture = *state;
	for (int n = 0; n < 4; n++)
		queue_put(&fixture->queue, item(fixture, n, 1, 100), NULL);
	take(fixture, 50);
	expect_group(fixture, "0 ");
	take(fixture, 200);
	expect_group(fixture, "1 2 ");
	take(fixture, 199);
	expect_group(fixture, "3 ");
}

static void take_comes_back_at_its_deadline(void **state)
{
	struct fixture *fixture = *state;
	bool is_closed = true;
	int64_t deadline_us = now_us() + 2000;
	assert_false(queue_take(&fixture->queue, &fixture->group, SIZE_MAX, deadline_us, &is_closed));
	assert_true(now_us() >= deadline_us);
	assert_false(is_closed);
	expect_group(fixture, "");
}

static void *take_with_patience(void *argument)
{
	struct fixture *fixture = argument;
	bool is_closed;
	queue_take(&fixture->queue, &fixture->group, SIZE_MAX,
		   now_us() + WAIT_UNTIL_DEADLINE_MS * INT64_C(1000), &is_closed);
	return NULL;
}

static void take_waits_for_the_first_item(void **state)
{
	struct fixture *fixture = *state;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, take_with_patience, fixture), 0);
	assert_int_equal(queue_put(&fixture->queue, item(fixture, 0, 1, 1), NULL), 0);
	pthread_join(thread, NULL);
	expect_group(fixture, "0 ");
}

static void blocked_putter_gets_in_when_room_is_made(void **state)
{
	struct fixture *fixture = *state;
	struct putter *putter;
	queue_put(&fixture->queue, item(fixture, 0, 1, BYTE_LIMIT), NULL);
	putter = start(fixture, item(fixture, 1, 1, 1), NULL);
	assert_true(wait_until(waiting(&fixture->queue) == 1));
	assert_false(atomic_load(&putter->is_back));
	take(fixture, SIZE_MAX);
	assert_int_equal(join(putter), 0);
	take(fixture, SIZE_MAX);
	expect_group(fixture, "1 ");
}

static void patient_putter_gives_up_at_its_deadline_and_leaves_its_place(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	queue_put(&fixture->queue, item(fixture, 0, 1, BYTE_LIMIT), NULL);
	int64_t deadline_us = now_us() + 2000;
	assert_int_equal(queue_put_until(&fixture->queue, item(fixture, 1, 1, 1), deadline_us, &err), 0);
	assert_true(now_us() >= deadline_us);
	assert_int_equal(waiting(&fixture->queue), 0);
	take(fixture, SIZE_MAX);
	expect_group(fixture, "0 ");
	/* Room is taken, however late it is. */
	assert_int_equal(queue_put_until(&fixture->queue, item(fixture, 1, 1, 1), 0, &err), 1);
	error_set(&err, ERROR_STOPPED, "closed");
	queue_close(&fixture->queue, &err);
	assert_int_equal(queue_put_until(&fixture->queue, item(fixture, 2, 1, 1), 0, NULL), -1);
}

static void small_items_do_not_overtake_a_large_one_that_waits(void **state)
{
	struct fixture *fixture = *state;
	struct putter *large, *small;
	queue_put(&fixture->queue, item(fixture, 0, 1, 100), NULL);
	queue_put(&fixture->queue, item(fixture, 1, 1, 100), NULL);
	large = start(fixture, item(fixture, 2, 1, BYTE_LIMIT + 1), NULL);
	assert_true(wait_until(waiting(&fixture->queue) == 1));
	small = start(fixture, item(fixture, 3, 1, 1), NULL);
	assert_true(wait_until(waiting(&fixture->queue) == 2));
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 4, 1, 1), NULL), 0);

	/* Room for the small ones, not for the large one. */
	take(fixture, 1);
	expect_group(fixture, "0 ");
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 4, 1, 1), NULL), 0);
	assert_int_equal(waiting(&fixture->queue), 2);
	take(fixture, 1);
	assert_int_equal(join(large), 0);
	assert_int_equal(waiting(&fixture->queue), 1);
	take(fixture, 1);
	expect_group(fixture, "2 ");
	assert_int_equal(join(small), 0);
	take(fixture, 1);
	expect_group(fixture, "3 ");
}

static void every_blocked_putter_gets_in_after_the_other(void **state)
{
	struct fixture *fixture = *state;
	struct putter *putters[8];
	queue_put(&fixture->queue, item(fixture, 0, 1, BYTE_LIMIT), NULL);
	for (int n = 0; n < 8; n++) {
		putters[n] = start(fixture, item(fixture, n + 1, 1, 1), NULL);
		assert_true(wait_until(waiting(&fixture->queue) == n + 1));
	}
	take(fixture, SIZE_MAX);
	for (int n = 0; n < 8; n++)
		assert_int_equal(join(putters[n]), 0);
	take(fixture, SIZE_MAX);
	expect_group(fixture, "1 2 3 4 5 6 7 8 ");
}

static void who_was_turned_away_hears_of_room_once(void **state)
{
	struct fixture *fixture = *state;
	queue_put(&fixture->queue, item(fixture, 0, 1, BYTE_LIMIT), NULL);
	assert_false(take(fixture, SIZE_MAX));
	queue_put(&fixture->queue, item(fixture, 0, 1, BYTE_LIMIT), NULL);
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 1, 1, 1), NULL), 0);
	assert_true(take(fixture, SIZE_MAX));
	assert_false(take(fixture, SIZE_MAX));
	queue_put(&fixture->queue, item(fixture, 0, 1, 1), NULL);
	assert_false(take(fixture, SIZE_MAX));
}

static int run_nothing(struct command *command, struct store *store, struct registry *registry,
		       struct error *err)
{
	(void)command, (void)store, (void)registry, (void)err;
	return 0;
}

static void command_that_runs_alone_comes_alone(void **state)
{
	struct fixture *fixture = *state;
	struct putter *alone, *together;
	fixture->commands[0].run_alone = run_nothing;
	queue_put(&fixture->queue, item(fixture, 0, 1, 1), NULL);
	alone = start(fixture, NULL, &fixture->commands[0]);
	assert_true(wait_until(executing(&fixture->queue) == 1));
	queue_put(&fixture->queue, item(fixture, 1, 1, 1), NULL);
	together = start(fixture, NULL, &fixture->commands[1]);
	assert_true(wait_until(executing(&fixture->queue) == 2));
	take(fixture, SIZE_MAX);
	expect_group(fixture, "0 ");
	take(fixture, SIZE_MAX);
	expect_group(fixture, "c0 ");
	assert_false(atomic_load(&alone->is_back));
	queue_finish(&fixture->queue, &fixture->commands[0]);
	assert_int_equal(join(alone), 0);
	take(fixture, SIZE_MAX);
	expect_group(fixture, "1 c1 ");
	queue_finish(&fixture->queue, &fixture->commands[1]);
	assert_int_equal(join(together), 0);
}

static void command_waits_for_no_room(void **state)
{
	struct fixture *fixture = *state;
	struct putter *putter;
	queue_put(&fixture->queue, item(fixture, 0, RECORD_LIMIT + 1, BYTE_LIMIT + 1), NULL);
	putter = start(fixture, NULL, &fixture->commands[0]);
	assert_true(wait_until(executing(&fixture->queue) == 1));
	take(fixture, SIZE_MAX);
	expect_group(fixture, "0 c0 ");
	queue_finish(&fixture->queue, &fixture->commands[0]);
	assert_int_equal(join(putter), 0);
}

static void close_wakes_everyone_and_keeps_what_is_in(void **state)
{
	struct fixture *fixture = *state;
	struct putter *putters[3];
	struct error why = { 0 }, err = { 0 };
	bool is_closed = true;
	queue_put(&fixture->queue, item(fixture, 0, 1, BYTE_LIMIT), NULL);
	for (int n = 0; n < 3; n++) {
		putters[n] = start(fixture, item(fixture, n + 1, 1, 1), NULL);
		assert_true(wait_until(waiting(&fixture->queue) == n + 1));
	}
	error_set(&why, ERROR_STOPPED, "closed by the test");
	queue_close(&fixture->queue, &why);
	error_set(&why, ERROR_IO, "closed again");
	queue_close(&fixture->queue, &why);
	queue_wait_left(&fixture->queue);
	assert_int_equal(waiting(&fixture->queue), 0);
	for (int n = 0; n < 3; n++) {
		assert_int_equal(join(putters[n]), -1);
		assert_int_equal(putters[n]->err.code, ERROR_STOPPED);
		assert_string_equal(putters[n]->err.text, "closed by the test");
	}
	assert_int_equal(queue_try_put(&fixture->queue, item(fixture, 4, 0, 0), &err), -1);
	assert_int_equal(err.code, ERROR_STOPPED);
	assert_int_equal(queue_put(&fixture->queue, item(fixture, 4, 0, 0), NULL), -1);
	assert_int_equal(queue_execute(&fixture->queue, &fixture->commands[0], NULL), -1);

	queue_take(&fixture->queue, &fixture->group, SIZE_MAX, INT64_MAX / 2, &is_closed);
	expect_group(fixture, "0 ");
	assert_false(is_closed);
	STAILQ_INIT(&fixture->group);
	queue_take(&fixture->queue, &fixture->group, SIZE_MAX, INT64_MAX / 2, &is_closed);
	assert_true(is_closed);
}

/* To come back too early, if it does. */
static void give_time_to(struct putter *waiter)
{
	assert_true(wait_until(atomic_load(&waiter->has_begun)));
	for (int n = 0; n < 100 && !atomic_load(&waiter->is_back); n++)
		sched_yield();
}

static void closing_waits_for_putters_to_have_left(void **state)
{
	struct fixture *fixture = *state;
	struct putter *putter, *waiter;
	struct error why = { ERROR_STOPPED, "" };
	queue_put(&fixture->queue, item(fixture, 0, 1, BYTE_LIMIT), NULL);
	putter = start(fixture, item(fixture, 1, 1, 1), NULL);
	assert_true(wait_until(waiting(&fixture->queue) == 1));
	waiter = start(fixture, NULL, NULL);
	give_time_to(waiter);
	queue_close(&fixture->queue, &why);
	assert_int_equal(join(waiter), 0);
	assert_int_equal(join(putter), -1);
}

static void closing_waits_for_commands_to_be_finished(void **state)
{
	struct fixture *fixture = *state;
	struct putter *putter, *waiter;
	struct error why = { ERROR_STOPPED, "" };
	putter = start(fixture, NULL, &fixture->commands[0]);
	assert_true(wait_until(executing(&fixture->queue) == 1));
	take(fixture, SIZE_MAX);
	queue_close(&fixture->queue, &why);
	waiter = start(fixture, NULL, NULL);
	give_time_to(waiter);
	queue_finish(&fixture->queue, &fixture->commands[0]);
	assert_int_equal(join(putter), 0);
	assert_int_equal(join(waiter), 0);
}

static void urgent_are_commands_and_what_was_published(void **state)
{
	struct fixture *fixture = *state;
	struct putter *alone, *together;
	fixture->commands[0].run_alone = run_nothing;
	queue_put(&fixture->queue, item(fixture, 0, 1, 1), NULL);
	queue_put(&fixture->queue, published(fixture, 1, 1, 1), NULL);
	alone = start(fixture, NULL, &fixture->commands[0]);
	assert_true(wait_until(executing(&fixture->queue) == 1));
	together = start(fixture, NULL, &fixture->commands[1]);
	assert_true(wait_until(executing(&fixture->queue) == 2));
	queue_put(&fixture->queue, item(fixture, 2, 1, 1), NULL);
	queue_put(&fixture->queue, published(fixture, 3, 1, 1), NULL);
	assert_false(queue_take_urgent(&fixture->queue, &fixture->group, INT64_MAX / 2));
	expect_group(fixture, "1 c1 3 ");
	assert_int_equal(fixture->queue.record_count, 2);
	assert_int_equal(fixture->queue.bytes, 2);
	STAILQ_INIT(&fixture->group);
	assert_false(queue_take_urgent(&fixture->queue, &fixture->group, now_us() + 1000));
	expect_group(fixture, "");
	take(fixture, SIZE_MAX);
	expect_group(fixture, "0 ");
	take(fixture, SIZE_MAX);
	expect_group(fixture, "c0 ");
	take(fixture, SIZE_MAX);
	expect_group(fixture, "2 ");
	queue_finish(&fixture->queue, &fixture->commands[0]);
	queue_finish(&fixture->queue, &fixture->commands[1]);
	join(alone);
	join(together);

	struct error why = { ERROR_STOPPED, "" };
	queue_close(&fixture->queue, &why);
	assert_true(queue_take_urgent(&fixture->queue, &fixture->group, INT64_MAX / 2));
}

static void urgent_items_let_blocked_putters_in(void **state)
{
	struct fixture *fixture = *state;
	struct putter *putter;
	queue_put(&fixture->queue, item(fixture, 0, 1, 1), NULL);
	queue_put(&fixture->queue, published(fixture, 1, 1, BYTE_LIMIT - 1), NULL);
	putter = start(fixture, item(fixture, 2, 1, 10), NULL);
	assert_true(wait_until(waiting(&fixture->queue) == 1));
	queue_take_urgent(&fixture->queue, &fixture->group, 0);
	release(&fixture->queue, &fixture->group);
	assert_int_equal(join(putter), 0);
	take(fixture, SIZE_MAX);
	expect_group(fixture, "0 2 ");
}

static void published_are_refused_also_when_they_wait_already(void **state)
{
	struct fixture *fixture = *state;
	struct putter *source, *publisher;
	struct error why = { 0 }, err = { 0 };
	error_set(&why, ERROR_DISK_FULL, "full");
	queue_put(&fixture->queue, item(fixture, 0, 1, BYTE_LIMIT), NULL);
	publisher = start(fixture, published(fixture, 1, 1, 1), NULL);
	assert_true(wait_until(waiting(&fixture->queue) == 1));
	source = start(fixture, item(fixture, 2, 1, 1), NULL);
	assert_true(wait_until(waiting(&fixture->queue) == 2));
	assert_int_equal(queue_try_put(&fixture->queue, published(fixture, 3, 1, 1), NULL), 0);

	assert_true(queue_refuse_published(&fixture->queue, &why));
	assert_int_equal(join(publisher), -1);
	assert_int_equal(publisher->err.code, ERROR_DISK_FULL);
	assert_int_equal(queue_try_put(&fixture->queue, published(fixture, 3, 1, 1), &err), -1);
	assert_int_equal(err.code, ERROR_DISK_FULL);
	assert_int_equal(waiting(&fixture->queue), 1);
	take(fixture, SIZE_MAX);
	assert_int_equal(join(source), 0);

	assert_false(queue_refuse_published(&fixture->queue, NULL));
	assert_int_equal(queue_try_put(&fixture->queue, published(fixture, 3, 1, 1), NULL), 1);
	take(fixture, SIZE_MAX);
	expect_group(fixture, "2 3 ");
}

static void more_waits_only_up_to_the_bytes_that_are_asked_for(void **state)
{
	struct fixture *fixture = *state;
	assert_false(queue_has_more(&fixture->queue, 100));
	queue_put(&fixture->queue, item(fixture, 0, 1, 100), NULL);
	assert_true(queue_has_more(&fixture->queue, 100));
	assert_false(queue_has_more(&fixture->queue, 99));
}

/* Many threads, one taker: nothing lost, nothing twice, each thread's in order. */
enum { THREADS = 4, ITEMS_EACH = 2000 };

struct producer {
	struct queue *queue;
	pthread_t thread;
	struct submission submissions[ITEMS_EACH];
};

static void *produce(void *argument)
{
	struct producer *producer = argument;
	for (int n = 0; n < ITEMS_EACH; n++) {
		struct submission *submission = &producer->submissions[n];
		submission->item.record_count = 1 + (size_t)n % 3;
		submission->item.bytes = (size_t)n * 31 % (BYTE_LIMIT + BYTE_LIMIT / 4);
		submission->source_id = SOURCE;
		submission->user = producer;
		if (n % 2 == 0) {
			queue_put(producer->queue, &submission->item, NULL);
			continue;
		}
		while (queue_try_put(producer->queue, &submission->item, NULL) == 0)
			wait_until_pause();
	}
	return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
	struct fixture *fixture = *state;
	struct producer *producers = calloc(THREADS, sizeof(*producers));
	int next[THREADS] = { 0 }, taken = 0;
	for (int i = 0; i < THREADS; i++) {
		producers[i].queue = &fixture->queue;
		assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
	}
	while (taken < THREADS * ITEMS_EACH) {
		struct item_list group = STAILQ_HEAD_INITIALIZER(group);
		const struct item *each;
		bool is_closed;
		queue_take(&fixture->queue, &group, BYTE_LIMIT / 2,
			   now_us() + WAIT_UNTIL_DEADLINE_MS * INT64_C(1000), &is_closed);
		assert_false(STAILQ_EMPTY(&group));
		release(&fixture->queue, &group);
		STAILQ_FOREACH(each, &group, link) {
			const struct submission *submission = (const void *)each;
			const struct producer *producer = submission->user;
			assert_ptr_equal(submission,
					 &producer->submissions[next[producer - producers]]);
			next[producer - producers]++;
			taken++;
		}
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(producers[i].thread, NULL);
	assert_int_equal(fixture->queue.record_count, 0);
	assert_int_equal(fixture->queue.bytes, 0);
	free(producers);
}

int main(void)
{
#define WITH_QUEUE(test) cmocka_unit_test_setup_teardown(test, create, destroy)
	const struct CMUnitTest tests[] = {
		WITH_QUEUE(items_come_out_in_the_order_they_went_in),
		WITH_QUEUE(queue_is_full_at_its_records_or_its_bytes),
		WITH_QUEUE(taken_bytes_leave_room_when_they_are_released),
		WITH_QUEUE(what_is_larger_than_the_queue_gets_in_when_it_is_empty),
		WITH_QUEUE(take_stops_at_its_bytes_but_takes_one),
		WITH_QUEUE(take_comes_back_at_its_deadline),
		WITH_QUEUE(take_waits_for_the_first_item),
		WITH_QUEUE(blocked_putter_gets_in_when_room_is_made),
		WITH_QUEUE(patient_putter_gives_up_at_its_deadline_and_leaves_its_place),
		WITH_QUEUE(small_items_do_not_overtake_a_large_one_that_waits),
		WITH_QUEUE(every_blocked_putter_gets_in_after_the_other),
		WITH_QUEUE(who_was_turned_away_hears_of_room_once),
		WITH_QUEUE(command_that_runs_alone_comes_alone),
		WITH_QUEUE(command_waits_for_no_room),
		WITH_QUEUE(close_wakes_everyone_and_keeps_what_is_in),
		WITH_QUEUE(closing_waits_for_putters_to_have_left),
		WITH_QUEUE(closing_waits_for_commands_to_be_finished),
		WITH_QUEUE(urgent_are_commands_and_what_was_published),
		WITH_QUEUE(urgent_items_let_blocked_putters_in),
		WITH_QUEUE(published_are_refused_also_when_they_wait_already),
		WITH_QUEUE(more_waits_only_up_to_the_bytes_that_are_asked_for),
		WITH_QUEUE(nothing_is_lost_between_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
