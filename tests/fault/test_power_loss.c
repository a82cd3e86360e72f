/* The workload is recorded; then, for very many moments of the recording, a
 * directory is made as the power's going might have left it.  It must keep every
 * promise that was made up to that moment. */
#include "tests/fault/fault_points.h"
#include "tests/support/crash_disk.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEPS = 200,
	MORE_STEPS = 2,
	REOPEN_EVERY = 8,
	KILLS = 24,             /* at one call after the other: opening takes some 25, a commit 5 to 8 */
	KILL_FIRST = 40,
};

struct plan {
	struct fault_workload workload;
	struct recording recording;
	size_t event_count;
	int image_count;
	size_t *targets;        /* of each image: the event to follow to, in order */

	/* Of one process: how far it has followed. */
	struct crash_disk *disk;
	struct acks acks;
	size_t followed;
	struct recording_event event;   /* under way */
};

static const char *const event_words[] = {
	[RECORDING_CREATE] = "making a file",
	[RECORDING_MKDIR] = "making a directory",
	[RECORDING_WRITE] = "a write",
	[RECORDING_TRUNCATE] = "a change of size",
	[RECORDING_SYNC] = "a sync",
	[RECORDING_UNLINK] = "a removal",
	[RECORDING_RENAME] = "a renaming",
	[RECORDING_MARK] = "nothing",
};

static void take_mark(struct acks *acks, const uint8_t *payload, size_t size)
{
	char line[128] = "";

	memcpy(line, payload, size < sizeof(line) ? size : sizeof(line) - 1);
	acks_add(acks, line);
}

static bool follow_one(struct plan *plan)
{
	const uint8_t *payload;

	if (crash_disk_follow(plan->disk, &plan->event, &payload) != 1)
		return false;
	plan->followed++;
	if (plan->event.type == RECORDING_MARK)
		take_mark(&plan->acks, payload, plan->event.size);
	return true;
}

static void follow(struct plan *plan, size_t target)
{
	if (plan->disk == NULL) {
		plan->disk = crash_disk_create(&plan->recording);
		acks_init(&plan->acks, STEPS + FAULT_MORE_STEPS_MAX);
	}
	while (plan->followed < target && follow_one(plan))
		continue;
}

static void follow_to_promise(struct plan *plan)
{
	while (plan->event.type != RECORDING_MARK && follow_one(plan))
		continue;
}

static int check_image(void *user, struct fault_place *place, int point, char *out_what,
		       size_t out_bytes)
{
	struct plan *plan = user;
	const char *how = "all that was not synced";

	follow(plan, plan->targets[point]);
	if (random_once_in(&place->random, 2)) {
		/* One of the many images that this event stands for. */
		how = crash_disk_write(plan->disk, &place->random, place->disk);
	} else {
		/* Something was promised just now: it must not need what is not synced. */
		follow_to_promise(plan);
		crash_disk_write_extreme(plan->disk, false, place->disk);
	}
	if (fault_check_with(&plan->workload, &plan->acks, place->data, MORE_STEPS,
			     point % REOPEN_EVERY == 0, out_what, out_bytes) == 0)
		return 0;
	return fault_wrong(out_what, out_bytes, "power lost at event %zu, during %s, %s: %s",
			   plan->followed, event_words[plan->event.type], how, out_what);
}

/* One run that ends well, some that are killed wherever they are then, so that the
 * next one finds what was not synced, and one to the end. */
static void record(struct plan *plan, struct fault_place *place)
{
	struct fault_workload workload = plan->workload;
	struct child_end end;
	char setting[64];

	workload.records = workload.watches = workload.is_slow = true;
	workload.steps = STEPS / 4;
	fault_workload_run(&workload, place, "X=", &end);
	if (end.status != 0)
		fail_msg("the first run: %s", end.output);
	workload.steps = STEPS;
	for (int n = 0; n < KILLS; n++) {
		snprintf(setting, sizeof(setting), "MILLSTREAM_SHIM_KILL=after:%d", KILL_FIRST + n);
		fault_workload_run(&workload, place, setting, &end);
		assert_int_equal(end.signal, SIGKILL);
	}
	fault_workload_run(&workload, place, "X=", &end);
	if (end.status != 0)
		fail_msg("the last run: %s", end.output);
}

/* Counts the events, and finds those that begin a run: "S 0", a promise. */
static void find_starts(struct plan *plan, size_t out[], size_t *out_count, size_t max_count)
{
	struct recording_event event;
	const uint8_t *payload;

	for (size_t at = 0; recording_next(&plan->recording, &at, &event, &payload) == 1;) {
		plan->event_count++;
		if (event.type == RECORDING_MARK && event.size > 3 && memcmp(payload, "S 0", 3) == 0 &&
		    *out_count < max_count)
			out[(*out_count)++] = plan->event_count;
	}
}

static int by_event(const void *a, const void *b)
{
	const size_t *x = a;
	const size_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Three of four are spread evenly; the others stand where a run begins, and serves
 * what the one before had perhaps not synced. */
static void choose_targets(struct plan *plan)
{
	size_t starts[KILLS + 2];
	size_t start_count = 0;

	find_starts(plan, starts, &start_count, KILLS + 2);
	assert_true(start_count > KILLS / 2);
	plan->targets = calloc((size_t)plan->image_count, sizeof(size_t));
	for (size_t n = 0; n < (size_t)plan->image_count; n++) {
		plan->targets[n] = 1 + n * plan->event_count / (size_t)plan->image_count;
		if (n % 4 == 3)
			plan->targets[n] = starts[n / 4 % start_count] + n / 4 / start_count;
		if (plan->targets[n] > plan->event_count)
			plan->targets[n] = plan->event_count;
	}
	qsort(plan->targets, (size_t)plan->image_count, sizeof(size_t), by_event);
}

static void power_lost_at_any_moment_no_promise_is_broken(void **state)
{
	struct plan plan = { .image_count = test_amount(50, 500, 20000) };
	struct fault_points points = {
		.name = "power loss",
		.seed = fault_seed(1),
		.count = plan.image_count,
		.function = check_image,
		.user = &plan,
		.in_memory = true,
	};
	struct fault_place place;

	(void)state;
	plan.workload = (struct fault_workload){ .seed = points.seed, .steps = STEPS };
	fault_place_init(&place, true);
	record(&plan, &place);
	recording_open(&plan.recording, place.recording);
	choose_targets(&plan);
	int bad_count = fault_points_run(&points);
	printf("# %d images of %zu events, %d bad\n", points.count, plan.event_count, bad_count);
	free(plan.targets);
	recording_close(&plan.recording);
	fault_place_clear(&place);
	assert_int_equal(bad_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_lost_at_any_moment_no_promise_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
