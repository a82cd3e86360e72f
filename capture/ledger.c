#include "capture/ledger.h"

#include "capture/clock.h"
#include "storage/sources.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct ledger {
	pthread_mutex_t lock;           /* guards everything below but has_failed's reading */
	pthread_cond_t has_moved;       /* waits with the monotonic clock */
	bool is_waited_for;
	bool is_released;
	size_t record_count;            /* under way */
	size_t submission_count;
	bool is_resetting;
	struct error reset_failure;     /* of the last reset; ERROR_NONE: it is done */
	atomic_bool has_failed;
	struct error failure;
	struct ledger_counts counts;
	bool has_position;
	size_t position_bytes;
	uint8_t position[SOURCE_POSITION_BYTES_MAX];
};

int ledger_create(struct ledger **out, struct error *err)
{
	pthread_condattr_t monotonic;
	struct ledger *ledger = calloc(1, sizeof(*ledger));
	if (ledger == NULL || pthread_condattr_init(&monotonic) != 0) {
		free(ledger);
		return error_set(err, ERROR_MEMORY, "a source's ledger");
	}
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&ledger->lock, NULL);
	pthread_cond_init(&ledger->has_moved, &monotonic);
	pthread_condattr_destroy(&monotonic);
	ledger->counts.lag_us = -1;
	*out = ledger;
	return 0;
}

static void destroy(struct ledger *ledger)
{
	pthread_cond_destroy(&ledger->has_moved);
	pthread_mutex_destroy(&ledger->lock);
	free(ledger);
}

/* Under the lock, which it gives back. */
static void unlock(struct ledger *ledger)
{
	bool is_last = ledger->is_released && ledger->submission_count == 0 && !ledger->is_resetting;
	pthread_mutex_unlock(&ledger->lock);
	if (is_last)
		destroy(ledger);
}

void ledger_release(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	pthread_mutex_lock(&ledger->lock);
	ledger->is_released = true;
	unlock(ledger);
}

static void note_durable(struct ledger *ledger, const struct submission *submission)
{
	struct bytes position = submission_position(submission);
	int64_t source_time_us = submission_mark(submission);
	if (position.data != NULL) {
		memcpy(ledger->position, position.data, position.size);
		ledger->position_bytes = position.size;
		ledger->has_position = true;
	}
	ledger->counts.record_count += submission_record_count(submission);
	if (source_time_us == LEDGER_NO_TRANSACTION)
		return;
	int64_t lag_us = clock_real_us() - source_time_us;
	ledger->counts.transaction_count++;
	/* The two clocks may differ. */
	ledger->counts.lag_us = lag_us > 0 ? lag_us : 0;
}

static void tick_off(struct ledger *ledger, const struct submission *submission)
{
	ledger->submission_count--;
	ledger->record_count -= submission_record_count(submission);
	if (ledger->is_waited_for)
		pthread_cond_broadcast(&ledger->has_moved);
}

static void on_done(void *user, struct submission *submission,
		    const struct submission_result *result)
{
	struct ledger *ledger = user;
	pthread_mutex_lock(&ledger->lock);
	if (result->err == NULL) {
		note_durable(ledger, submission);
	} else if (!atomic_load(&ledger->has_failed)) {
		ledger->failure = *result->err;
		atomic_store(&ledger->has_failed, true);
	}
	tick_off(ledger, submission);
	unlock(ledger);
}

void ledger_enter(struct ledger *ledger, struct submission *submission)
{
	submission_set_done(submission, on_done, ledger);
	pthread_mutex_lock(&ledger->lock);
	ledger->submission_count++;
	ledger->record_count += submission_record_count(submission);
	pthread_mutex_unlock(&ledger->lock);
}

void ledger_withdraw(struct ledger *ledger, const struct submission *submission)
{
	pthread_mutex_lock(&ledger->lock);
	tick_off(ledger, submission);
	pthread_mutex_unlock(&ledger->lock);
}

bool ledger_wait(struct ledger *ledger, size_t record_count, size_t submission_count,
		 int64_t deadline_us)
{
	struct timespec deadline = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
	int rc = 0;
	pthread_mutex_lock(&ledger->lock);
	ledger->is_waited_for = true;
	while (rc == 0 && !atomic_load(&ledger->has_failed) &&
	       (ledger->record_count > record_count || ledger->submission_count > submission_count))
		rc = pthread_cond_timedwait(&ledger->has_moved, &ledger->lock, &deadline);
	ledger->is_waited_for = false;
	pthread_mutex_unlock(&ledger->lock);
	return rc == 0;
}

bool ledger_is_empty(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	bool is_empty = ledger->submission_count == 0;
	pthread_mutex_unlock(&ledger->lock);
	return is_empty;
}

int ledger_check(struct ledger *ledger, struct error *err)
{
	if (!atomic_load(&ledger->has_failed))
		return 0;
	/* Written once, before has_failed, until the source's own thread resets it. */
	if (err != NULL)
		*err = ledger->failure;
	return -1;
}

int ledger_durable(struct ledger *ledger, uint8_t *out, size_t *out_bytes, struct error *err)
{
	int rc = 0;
	pthread_mutex_lock(&ledger->lock);
	if (atomic_load(&ledger->has_failed)) {
		if (err != NULL)
			*err = ledger->failure;
		rc = -1;
	} else if (ledger->has_position) {
		memcpy(out, ledger->position, ledger->position_bytes);
		*out_bytes = ledger->position_bytes;
		rc = 1;
	}
	pthread_mutex_unlock(&ledger->lock);
	return rc;
}

bool ledger_begin_reset(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	bool begins = !ledger->is_resetting;
	ledger->is_resetting = true;
	pthread_mutex_unlock(&ledger->lock);
	return begins;
}

void ledger_withdraw_reset(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	ledger->is_resetting = false;
	pthread_mutex_unlock(&ledger->lock);
}

void ledger_on_reset(void *user, const struct error *err)
{
	struct ledger *ledger = user;
	pthread_mutex_lock(&ledger->lock);
	ledger->reset_failure = err != NULL ? *err : (struct error){ 0 };
	if (err == NULL) {
		ledger->has_position = false;
		atomic_store(&ledger->has_failed, false);
	}
	ledger->is_resetting = false;
	pthread_cond_broadcast(&ledger->has_moved);
	unlock(ledger);
}

int ledger_wait_reset(struct ledger *ledger, int64_t deadline_us, struct error *err)
{
	struct timespec deadline = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
	int rc = 0;
	pthread_mutex_lock(&ledger->lock);
	while (rc == 0 && ledger->is_resetting)
		rc = pthread_cond_timedwait(&ledger->has_moved, &ledger->lock, &deadline);
	rc = ledger->is_resetting ? 0 : ledger->reset_failure.code == ERROR_NONE ? 1 : -1;
	if (rc < 0 && err != NULL)
		*err = ledger->reset_failure;
	pthread_mutex_unlock(&ledger->lock);
	return rc;
}

void ledger_counts(struct ledger *ledger, struct ledger_counts *out)
{
	pthread_mutex_lock(&ledger->lock);
	*out = ledger->counts;
	pthread_mutex_unlock(&ledger->lock);
}
