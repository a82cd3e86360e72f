/* The workload is killed at every write and sync it does: before it, after it,
 * and in the middle of it.  What is left must keep every promise. */
#include "tests/fault/fault_points.h"
#include "tests/support/test_amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
	STEPS = 200,
	MORE_STEPS = 3,
	/* The last calls of a run are not at the same numbers each time: bursts are
	 * committed in one or in several. */
	REOPEN_EVERY = 4,
	INSPECT_ONCE_IN = 3,
	TOOL_TIME_MS = 60000,
};

enum tally { KILLED, KILLED_AGAIN, ENDED, INSPECTED };

static const char *const ways[] = { "before", "after", "torn" };
enum { WAYS = 3 };

struct plan {
	struct fault_workload workload;
	int call_count;         /* of an undisturbed run */
	int point_count;        /* spread over those calls */
	bool kills_again;
};

static int fail_with(const struct child_end *end, const char *doing, char *out_what,
		     size_t out_bytes)
{
	char how[128];

	child_end_text(end, how, sizeof(how));
	return fault_wrong(out_what, out_bytes, "%s: %s: %s", doing, how, end->output);
}

/* The points are spread evenly over calls and ways, both ends included. */
static void choose_call(const struct plan *plan, int point, int *out_call, const char **out_way)
{
	const int64_t all = (int64_t)plan->call_count * WAYS;
	const int64_t chosen = plan->point_count < 2 ? 0 : point * (all - 1) / (plan->point_count - 1);

	*out_call = (int)(chosen / WAYS) + 1;
	*out_way = ways[chosen % WAYS];
}

static int use_tool(const char *verb, const struct fault_place *place, struct child_end *out)
{
	static char *program;

	if (program == NULL)
		program = built_file("millstream-log");
	const char *const argv[] = { program, verb, place->data, NULL };
	run_child(out, argv, (const char *const[]){ NULL }, TOOL_TIME_MS);
	return out->status;
}

/* What somebody sees who looks at it before it is opened again: unfinished, perhaps,
 * but whole. */
static int inspect(struct fault_place *place, char *out_what, size_t out_bytes)
{
	struct child_end end;

	if (use_tool("verify", place, &end) != 0) {
		/* Killed before there was anything. */
		if (end.status == 1 && strstr(end.output, "is no data directory") != NULL)
			return 0;
		return fail_with(&end, "millstream-log verify", out_what, out_bytes);
	}
	if (use_tool("dump", place, &end) != 0)
		return fail_with(&end, "millstream-log dump", out_what, out_bytes);
	atomic_fetch_add(&place->tallies[INSPECTED], 1);
	return 0;
}

static int kill_and_check(void *user, struct fault_place *place, int point, char *out_what,
			  size_t out_bytes)
{
	const struct plan *plan = user;
	struct child_end end;
	const char *way;
	char setting[64];
	int call;

	choose_call(plan, point, &call, &way);
	snprintf(setting, sizeof(setting), "MILLSTREAM_SHIM_KILL=%s:%d", way, call);
	fault_workload_run(&plan->workload, place, setting, &end);
	if (end.signal != SIGKILL && end.status != 0)
		return fail_with(&end, setting, out_what, out_bytes);
	atomic_fetch_add(&place->tallies[end.signal == SIGKILL ? KILLED : ENDED], 1);
	if (plan->kills_again) {
		/* Opening what a kill left writes, too. */
		snprintf(setting, sizeof(setting), "MILLSTREAM_SHIM_KILL=%s:%d",
			 ways[random_below(&place->random, WAYS)],
			 (int)random_between(&place->random, 1, 25));
		fault_workload_run(&plan->workload, place, setting, &end);
		if (end.signal != SIGKILL && end.status != 0)
			return fail_with(&end, setting, out_what, out_bytes);
		atomic_fetch_add(&place->tallies[KILLED_AGAIN], end.signal == SIGKILL);
	}
	if (random_once_in(&place->random, INSPECT_ONCE_IN) && inspect(place, out_what, out_bytes) != 0)
		return fault_wrong(out_what, out_bytes, "%s:%d: before recovery: %s", way, call, out_what);
	if (fault_check(&plan->workload, place, place->data, MORE_STEPS, point % REOPEN_EVERY == 0,
			out_what, out_bytes) == 0)
		return 0;
	return fault_wrong(out_what, out_bytes, "%s:%d: %s", way, call, out_what);
}

static int count_calls(const struct fault_workload *workload)
{
	struct fault_workload counted = *workload;
	struct fault_place place;
	struct child_end end;

	counted.counts = true;
	fault_place_init(&place, true);
	fault_workload_run(&counted, &place, "X=", &end);
	assert_int_equal(end.status, 0);
	int count = fault_count(&place, "any");
	fault_place_clear(&place);
	return count;
}

static void kill_everywhere(const char *name, int point_count, bool kills_again)
{
	struct plan plan = { .kills_again = kills_again };
	struct fault_points points = {
		.name = name,
		.seed = fault_seed(1),
		.function = kill_and_check,
		.user = &plan,
		.in_memory = true,
	};

	plan.workload = (struct fault_workload){ .seed = points.seed, .steps = STEPS };
	plan.call_count = count_calls(&plan.workload);
	/* 0 stands for all of them. */
	plan.point_count = point_count != 0 ? point_count : plan.call_count * WAYS;
	points.count = plan.point_count;
	int failed_count = fault_points_run(&points);
	printf("# %d points of %d calls, %d ways each: %d killed, %d of them twice, %d came to their end, "
	       "%d inspected before recovery, %d failed\n",
	       points.count, plan.call_count, WAYS, points.tallies[KILLED],
	       points.tallies[KILLED_AGAIN], points.tallies[ENDED], points.tallies[INSPECTED],
	       failed_count);
	assert_int_equal(failed_count, 0);
	assert_true(points.tallies[INSPECTED] > points.count / INSPECT_ONCE_IN / 2 || points.count < 50);
	assert_true(points.tallies[KILLED] > points.count * 3 / 4 || points.count < 3);
}

static void killed_at_any_write_or_sync_no_promise_is_broken(void **state)
{
	(void)state;
	kill_everywhere("kill", test_amount(20, 1200, 0), false);
}

static void killed_again_while_it_recovers_no_promise_is_broken(void **state)
{
	(void)state;
	kill_everywhere("kill again", test_amount(10, 300, 3000), true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_any_write_or_sync_no_promise_is_broken),
		cmocka_unit_test(killed_again_while_it_recovers_no_promise_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
