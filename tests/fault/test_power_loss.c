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
};

struct plan {
	struct fault_workload workload;
	struct recording recording;
	size_t event_count;
	int image_count;

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

static void follow(struct plan *plan, size_t target)
{
	const uint8_t *payload;

	if (plan->disk == NULL) {
		plan->disk = crash_disk_create(&plan->recording);
		acks_init(&plan->acks, STEPS + FAULT_MORE_STEPS_MAX);
	}
	while (plan->followed < target &&
	       crash_disk_follow(plan->disk, &plan->event, &payload) == 1) {
		plan->followed++;
		if (plan->event.type == RECORDING_MARK)
			take_mark(&plan->acks, payload, plan->event.size);
	}
}

static int check_image(void *user, struct fault_place *place, int point, char *out_what,
		       size_t out_bytes)
{
	struct plan *plan = user;
	const size_t target = 1 + (size_t)point * plan->event_count / (size_t)plan->image_count;

	follow(plan, target);
	/* One of the many images that this event stands for. */
	const char *how = crash_disk_write(plan->disk, &place->random, place->disk);
	if (fault_check_with(&plan->workload, &plan->acks, place->data, MORE_STEPS,
			     point % REOPEN_EVERY == 0, out_what, out_bytes) == 0)
		return 0;
	return fault_wrong(out_what, out_bytes, "power lost at event %zu, during %s, %s: %s",
			   plan->followed, event_words[plan->event.type], how, out_what);
}

/* Three runs: one that ends well, one that is killed inside a large transaction
 * or wherever it is then, and one to the end. */
static void record(struct plan *plan, struct fault_place *place)
{
	struct fault_workload workload = plan->workload;
	struct child_end end;

	workload.records = workload.watches = true;
	workload.steps = STEPS / 4;
	fault_workload_run(&workload, place, "X=", &end);
	if (end.status != 0)
		fail_msg("the first run: %s", end.output);
	workload.steps = STEPS;
	fault_workload_run(&workload, place, "MILLSTREAM_SHIM_KILL=after:300", &end);
	assert_int_equal(end.signal, SIGKILL);
	fault_workload_run(&workload, place, "X=", &end);
	if (end.status != 0)
		fail_msg("the last run: %s", end.output);
}

static size_t count_events(const struct recording *recording)
{
	struct recording_event event;
	const uint8_t *payload;
	size_t count = 0;

	for (size_t at = 0; recording_next(recording, &at, &event, &payload) == 1;)
		count++;
	return count;
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
	plan.event_count = count_events(&plan.recording);
	int bad_count = fault_points_run(&points);
	printf("# %d images of %zu events, %d bad\n", points.count, plan.event_count, bad_count);
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
