/* Each allocation of the workload fails once, LMDB's and the C library's with ours:
 * while it opens, writes, expires and closes; and while it opens what a kill left
 * inside a transaction, cuts, reads and verifies that.  What needed the memory says
 * that there was none, no promise is broken, and the same process can go on. */
#include "tests/fault/fault_points.h"
#include "tests/fault/log_check.h"
#include "tests/support/test_amount.h"

#include "storage/reader.h"
#include "storage/topics.h"

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
	STEPS = 60,             /* two large transactions, some retention */
	MORE_STEPS = 3,
	RUN_TIME_MS = 120000,
	/* An unfinished transaction is left by a kill at one of these calls. */
	KILL_FIRST = 120,
	KILL_LAST = 400,
};

enum tally { HAD_NONE, WENT_ON, NOT_NEEDED };

struct plan {
	struct fault_workload workload;
	bool checks;
	int call_count;
	int point_count;
	int kill_call;          /* leaves an unfinished transaction */
};

/* The program under the shim: the n-th allocation fails; 0: none. */
static void run(const struct plan *plan, const struct fault_place *place, int n, struct child_end *out)
{
	static char *program;
	static char *preload;
	char seed[32];
	char steps[32];
	char more[32];
	char fail[64];
	char count[300];

	if (program == NULL) {
		program = sibling_file("log_workload");
		preload = preload_setting("malloc_shim");
	}
	snprintf(seed, sizeof(seed), "%" PRIu64, plan->workload.seed);
	snprintf(steps, sizeof(steps), "%d", plan->workload.steps);
	snprintf(more, sizeof(more), "%d", MORE_STEPS);
	snprintf(fail, sizeof(fail), "MILLSTREAM_MALLOC_FAIL=%d", n);
	snprintf(count, sizeof(count), "MILLSTREAM_MALLOC_COUNT=%s", place->counts);
	const char *const argv[] = { program,	   "--seed",	 seed,
				     "--steps",	   steps,	 "--acks",
				     place->acks,  "--more",	 more,
				     place->data,  plan->checks ? "--check" : NULL, NULL };
	const char *const environment[] = { preload, fail, count, NULL };
	run_child(out, argv, environment, RUN_TIME_MS);
}

static int count_of(const struct fault_place *place)
{
	FILE *file = fopen(place->counts, "re");
	int count;

	if (file == NULL || fscanf(file, "%d", &count) != 1)
		abort();
	fclose(file);
	return count;
}

/* What the checking runs begin with. */
static void leave_unfinished(const struct plan *plan, const struct fault_place *place)
{
	struct child_end end;
	char setting[64];

	snprintf(setting, sizeof(setting), "MILLSTREAM_SHIM_KILL=after:%d", plan->kill_call);
	fault_workload_run(&plan->workload, place, setting, &end);
}

static bool is_all_stored(const struct plan *plan, const struct fault_place *place)
{
	struct log_model model;
	struct acks acks;
	bool is_stored = true;

	log_model_init(&model, plan->workload.seed, STEPS);
	acks_init(&acks, STEPS + FAULT_MORE_STEPS_MAX);
	acks_load(&acks, place->acks);
	for (int number = 1; number <= STEPS; number++)
		if (model.steps[number].source >= 0 &&
		    acks.stored_step[model.steps[number].source] < number)
			is_stored = false;
	acks_clear(&acks);
	log_model_clear(&model);
	return is_stored;
}

/* Writing ends well, as it tries again; checking may say that there is no memory. */
static int judge(const struct plan *plan, struct fault_place *place, const struct child_end *end,
		 char *out_what, size_t out_bytes)
{
	char how[128];

	child_end_text(end, how, sizeof(how));
	if (plan->checks && end->status == 1 && strstr(end->output, "error 1:") != NULL) {
		atomic_fetch_add(&place->tallies[HAD_NONE], 1);
		return 0;
	}
	if (end->status != 0)
		return fault_wrong(out_what, out_bytes, "%s: %s", how, end->output);
	if (!plan->checks && !is_all_stored(plan, place))
		return fault_wrong(out_what, out_bytes, "ended well with steps not stored");
	const bool has_gone_on = strstr(end->output, "once there was no memory") != NULL;
	atomic_fetch_add(&place->tallies[has_gone_on ? WENT_ON : NOT_NEEDED], 1);
	return 0;
}

static int fail_and_check(void *user, struct fault_place *place, int point, char *out_what,
			  size_t out_bytes)
{
	const struct plan *plan = user;
	const int n = 1 + (int)((int64_t)point * plan->call_count / plan->point_count);
	struct child_end end;

	if (plan->checks)
		leave_unfinished(plan, place);
	run(plan, place, n, &end);
	if (judge(plan, place, &end, out_what, out_bytes) != 0 ||
	    fault_check(&plan->workload, place, place->data, MORE_STEPS, true, out_what, out_bytes) != 0)
		return fault_wrong(out_what, out_bytes, "allocation %d: %s", n, out_what);
	return 0;
}

static int has_unfinished(void *user)
{
	const struct fault_place *place = user;
	const struct store_options options = { .dir = place->data, .mode = STORE_INSPECT };
	struct store *store;
	struct reader *reader;
	struct topic topic;
	struct reader_ends ends;
	int found = EXIT_FAILURE;

	if (store_open(&store, &options, NULL) != 0 || reader_open(&reader, store, NULL) != 0)
		return EXIT_FAILURE;
	for (int n = 0; n < MODEL_TOPICS; n++)
		for (uint32_t partition = 0; partition < model_topics[n].partition_count; partition++)
			if (topics_describe(reader, model_topics[n].name, &topic, NULL) == 0 &&
			    reader_ends(reader, topic.id, partition, &ends, NULL) == 0 &&
			    ends.visible_end < ends.log_end)
				found = EXIT_SUCCESS;
	reader_close(reader);
	store_close(store);
	return found;
}

static void find_kill_call(struct plan *plan, struct fault_place *place)
{
	struct child_end end;

	for (plan->kill_call = KILL_FIRST; plan->kill_call < KILL_LAST; plan->kill_call++) {
		fault_place_empty(place);
		leave_unfinished(plan, place);
		run_child_function_in_fork(&end, has_unfinished, place, RUN_TIME_MS);
		if (end.status == EXIT_SUCCESS)
			return;
	}
	fail_msg("no kill left an unfinished transaction");
}

static void fail_everywhere(const char *name, bool checks)
{
	struct plan plan = { .checks = checks };
	struct fault_points points = {
		.name = name,
		.seed = fault_seed(1),
		.function = fail_and_check,
		.user = &plan,
		.in_memory = true,
	};
	struct fault_place place;
	struct child_end end;

	plan.workload = (struct fault_workload){ .seed = points.seed, .steps = STEPS };
	fault_place_init(&place, true);
	if (checks)
		find_kill_call(&plan, &place);
	run(&plan, &place, 0, &end);
	if (end.status != 0)
		fail_msg("without a failure: %s", end.output);
	plan.call_count = count_of(&place);
	fault_place_clear(&place);
	plan.point_count = test_amount(20, 300, plan.call_count);
	points.count = plan.point_count;
	int failed_count = fault_points_run(&points);
	printf("# %d of %d allocations: %d were missed and said so, %d were missed and the process went on, "
	       "%d were the test's own or not needed; %d broke a promise\n",
	       points.count, plan.call_count, points.tallies[HAD_NONE], points.tallies[WENT_ON],
	       points.tallies[NOT_NEEDED], failed_count);
	assert_int_equal(failed_count, 0);
	assert_true(points.tallies[checks ? HAD_NONE : WENT_ON] > points.count / 4);
}

static void without_memory_for_one_thing_writing_fails_cleanly_and_goes_on(void **state)
{
	(void)state;
	fail_everywhere("failed memory, writing", false);
}

static void without_memory_for_one_thing_recovering_and_reading_fail_cleanly(void **state)
{
	(void)state;
	fail_everywhere("failed memory, reading", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_memory_for_one_thing_writing_fails_cleanly_and_goes_on),
		cmocka_unit_test(without_memory_for_one_thing_recovering_and_reading_fail_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
