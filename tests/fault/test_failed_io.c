/* Each write and sync of the workload fails once, in each way that a disk has.
 * Then nothing was promised that is not kept: not by the directory as it was
 * left, and not by what would be there had the power gone, too. */
#include "tests/fault/fault_points.h"
#include "tests/support/crash_disk.h"
#include "tests/support/test_amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	STEPS = 200,
	MORE_STEPS = 3,
	EXIT_IO = 74,
	REOPEN_EVERY = 4,
	UNREACHED_PARTS = 10,   /* how many calls a run makes differs with its groups: one in ten points may miss */
};

/* How a call fails, and how the run may then end. */
static const struct {
	const char *kind;
	const char *how;
	bool may_go_on;         /* by itself: status 0, everything stored */
	bool may_give_up;       /* status 74 */
} failures[] = {
	{ "pwrite", "EIO", false, true },     { "pwrite", "ENOSPC", true, true },
	{ "pwrite", "short", false, true },   { "pwrite", "late", false, true },
	{ "pwrite", "EINTR", true, false },   { "writev", "EIO", false, true },
	{ "writev", "ENOSPC", true, false },  { "writev", "short", false, true },
	{ "writev", "EINTR", true, false },   { "fdatasync", "EIO", false, true },
	{ "fdatasync", "ENOSPC", true, true }, { "fdatasync", "late", false, true },
};

enum { FAILURES = sizeof(failures) / sizeof(failures[0]) };
enum tally { WENT_ON, WAITED_FOR_ROOM, GAVE_UP, NOT_REACHED };

struct plan {
	struct fault_workload workload;
	int call_counts[FAILURES];
	int64_t call_count;
	int point_count;
};

static void choose_failure(const struct plan *plan, int point, int *out_failure, int *out_call)
{
	int64_t chosen = plan->point_count < 2
				 ? 0
				 : point * (plan->call_count - 1) / (plan->point_count - 1);

	*out_failure = 0;
	while (chosen >= plan->call_counts[*out_failure])
		chosen -= plan->call_counts[(*out_failure)++];
	*out_call = (int)chosen + 1;
}

static void load_acks(const struct fault_place *place, struct acks *out)
{
	acks_init(out, STEPS + FAULT_MORE_STEPS_MAX);
	acks_load(out, place->acks);
}

static bool is_all_stored(const struct plan *plan, const struct acks *acks)
{
	struct log_model model;
	bool is_stored = true;

	log_model_init(&model, plan->workload.seed, STEPS);
	for (int number = 1; number <= STEPS; number++)
		if (model.steps[number].source >= 0 &&
		    acks->stored_step[model.steps[number].source] < number)
			is_stored = false;
	log_model_clear(&model);
	return is_stored;
}

/* How the run ended, against what the failure allows. */
static int judge_end(const struct plan *plan, struct fault_place *place, int failure,
		     const struct child_end *end, bool has_failed, const char *setting,
		     char *out_what, size_t out_bytes)
{
	struct acks acks;
	char how[128];
	int rc = 0;

	load_acks(place, &acks);
	const bool is_complete = is_all_stored(plan, &acks);
	const bool has_waited = acks.full_count > 0;
	child_end_text(end, how, sizeof(how));
	/* A disk that is full when the store is opened is reported, and that is all.  (A
	 * write that a disk takes in part, LMDB calls so when it makes its file.) */
	const bool is_refused = end->status == 1 && strstr(end->output, "error 4:") != NULL &&
				!acks.is_registered[0] &&
				(strcmp(failures[failure].how, "ENOSPC") == 0 ||
				 strcmp(failures[failure].how, "short") == 0);
	if (end->status == 0 && (!has_failed || failures[failure].may_go_on)) {
		if (!is_complete)
			rc = fault_wrong(out_what, out_bytes, "%s: ended well with steps not stored", setting);
		else if (acks.full_count != acks.resumed_count)
			rc = fault_wrong(out_what, out_bytes, "%s: a full disk was not followed by room", setting);
		atomic_fetch_add(&place->tallies[!has_failed  ? NOT_REACHED
						 : has_waited ? WAITED_FOR_ROOM
							      : WENT_ON], 1);
	} else if ((end->status == EXIT_IO && failures[failure].may_give_up) || is_refused) {
		atomic_fetch_add(&place->tallies[GAVE_UP], 1);
	} else {
		rc = fault_wrong(out_what, out_bytes, "%s: %s: %s", setting, how, end->output);
	}
	acks_clear(&acks);
	return rc;
}

/* The directory had the power gone when the run was over: what a failed sync had
 * to write is lost, whatever later syncs say. */
static int check_after_power_loss(const struct plan *plan, struct fault_place *place,
				  const char *setting, char *out_what, size_t out_bytes)
{
	struct recording recording;
	char disk[300];
	char data[320];

	snprintf(disk, sizeof(disk), "%s/lost", place->directory);
	snprintf(data, sizeof(data), "%s/data", disk);
	if (mkdir(disk, 0700) != 0)
		abort();
	recording_open(&recording, place->recording);
	struct crash_disk *lossy = crash_disk_create(&recording);
	while (crash_disk_follow(lossy, NULL, NULL) == 1)
		continue;
	crash_disk_write_extreme(lossy, false, disk);
	crash_disk_destroy(lossy);
	recording_close(&recording);
	if (fault_check(&plan->workload, place, data, MORE_STEPS, false, out_what, out_bytes) == 0)
		return 0;
	return fault_wrong(out_what, out_bytes, "%s, then the power lost: %s", setting, out_what);
}

static int fail_and_check(void *user, struct fault_place *place, int point, char *out_what,
			  size_t out_bytes)
{
	const struct plan *plan = user;
	struct child_end end;
	char setting[64];
	int failure;
	int call;

	choose_failure(plan, point, &failure, &call);
	snprintf(setting, sizeof(setting), "MILLSTREAM_SHIM_FAIL=%s:%d:%s", failures[failure].kind, call,
		 failures[failure].how);
	fault_workload_run(&plan->workload, place, setting, &end);
	const bool has_failed = end.signal == 0 && fault_count(place, "failed") > 0;
	if (judge_end(plan, place, failure, &end, has_failed, setting, out_what, out_bytes) != 0 ||
	    check_after_power_loss(plan, place, setting, out_what, out_bytes) != 0)
		return -1;
	if (fault_check(&plan->workload, place, place->data, MORE_STEPS, point % REOPEN_EVERY == 0,
			out_what, out_bytes) == 0)
		return 0;
	return fault_wrong(out_what, out_bytes, "%s: %s", setting, out_what);
}

static void count_calls(struct plan *plan)
{
	struct fault_place place;
	struct child_end end;

	fault_place_init(&place, true);
	fault_workload_run(&plan->workload, &place, "X=", &end);
	assert_int_equal(end.status, 0);
	for (int i = 0; i < FAILURES; i++) {
		plan->call_counts[i] = fault_count(&place, failures[i].kind);
		plan->call_count += plan->call_counts[i];
	}
	fault_place_clear(&place);
}

static void each_write_or_sync_fails_once_and_no_promise_is_broken(void **state)
{
	struct plan plan = { .point_count = test_amount(20, 600, 0) };
	struct fault_points points = {
		.name = "failed input/output",
		.seed = fault_seed(1),
		.function = fail_and_check,
		.user = &plan,
		.in_memory = true,
	};

	(void)state;
	plan.workload = (struct fault_workload){
		.seed = points.seed,
		.steps = STEPS,
		.records = true,
		.counts = true,
	};
	count_calls(&plan);
	if (plan.point_count == 0)      /* all of them */
		plan.point_count = (int)plan.call_count;
	points.count = plan.point_count;
	int failed_count = fault_points_run(&points);
	printf("# %d of %" PRId64 " failures: %d went on, %d waited for room, %d gave up, %d not reached; "
	       "%d broke a promise\n",
	       points.count, plan.call_count, points.tallies[WENT_ON], points.tallies[WAITED_FOR_ROOM],
	       points.tallies[GAVE_UP], points.tallies[NOT_REACHED], failed_count);
	assert_int_equal(failed_count, 0);
	assert_true(points.tallies[NOT_REACHED] <= points.count / UNREACHED_PARTS);
	assert_true(points.tallies[WAITED_FOR_ROOM] > 0);
	assert_true(points.tallies[GAVE_UP] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_write_or_sync_fails_once_and_no_promise_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
