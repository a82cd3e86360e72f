#include "tests/fault/fault_points.h"

#include "tests/fault/log_check.h"
#include "tests/support/syscall_shim.h"
#include "tests/support/temp_dir.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	WORKERS_MAX = 16,
	FAILURES_SHOWN = 10,
	PROGRESS_POINTS_MIN = 2000,
	RUN_TIME_MS = 120000,
	WHAT_BYTES = 1024,
};

struct shared {
	atomic_int failed_count;
	atomic_int done_count;
	atomic_int tallies[FAULT_TALLIES];
};

static void give_up(const char *what)
{
	perror(what);
	abort();
}

int fault_wrong(char *out_what, size_t out_bytes, const char *format, ...)
{
	char text[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	size_t size = strlen(text);
	if (size >= out_bytes)
		size = out_bytes - 1;
	memcpy(out_what, text, size);
	out_what[size] = '\0';
	return -1;
}

void fault_place_init(struct fault_place *place, bool in_memory)
{
	*place = (struct fault_place){ 0 };
	place->directory = in_memory ? temp_dir_create_in_memory() : temp_dir_create();
	snprintf(place->disk, sizeof(place->disk), "%s/disk", place->directory);
	snprintf(place->data, sizeof(place->data), "%s/disk/data", place->directory);
	snprintf(place->acks, sizeof(place->acks), "%s/acks", place->directory);
	snprintf(place->recording, sizeof(place->recording), "%s/recording", place->directory);
	snprintf(place->counts, sizeof(place->counts), "%s/counts", place->directory);
	fault_place_empty(place);
}

void fault_place_empty(struct fault_place *place)
{
	temp_dir_empty(place->directory);
	if (mkdir(place->disk, 0700) != 0)
		give_up(place->disk);
}

void fault_place_clear(struct fault_place *place)
{
	temp_dir_destroy(place->directory);
	*place = (struct fault_place){ 0 };
}

uint64_t fault_seed(uint64_t standard)
{
	const char *text = getenv("MILLSTREAM_TEST_SEED");
	uint64_t seed = text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : standard;

	printf("# seed %" PRIu64 " (MILLSTREAM_TEST_SEED chooses another)\n", seed);
	return seed;
}

static bool is_set(const char *name)
{
	const char *text = getenv(name);

	return text != NULL && text[0] != '\0';
}

static void show_failure(const struct fault_points *points, const struct fault_place *place,
			 int point, int number, bool is_kept, const char *what)
{
	if (number > FAILURES_SHOWN)
		return;
	/* One write, so that processes do not mix their lines. */
	char line[WHAT_BYTES + 512];
	int size = snprintf(line, sizeof(line),
			    "# %s: point %d (MILLSTREAM_TEST_SEED=%" PRIu64 " MILLSTREAM_TEST_POINT=%d): %s\n%s%s%s",
			    points->name, point, points->seed, point, what, is_kept ? "# kept in " : "",
			    is_kept ? place->directory : "", is_kept ? "\n" : "");
	if (write(STDOUT_FILENO, line, (size_t)size) < 0)
		give_up("stdout");
}

static bool do_point(const struct fault_points *points, struct fault_place *place,
		     struct shared *shared, int point)
{
	char what[WHAT_BYTES] = "";

	fault_place_empty(place);
	place->random = random_seeded(points->seed, (uint64_t)point);
	if (points->function(points->user, place, point, what, sizeof(what)) == 0)
		return true;
	for (char *at = what; (at = strchr(at, '\n')) != NULL;)
		*at = ' ';
	int number = atomic_fetch_add(&shared->failed_count, 1) + 1;
	const bool is_kept = number == 1 && !is_set("MILLSTREAM_TEST_FIRST");
	show_failure(points, place, point, number, is_kept, what);
	return !is_kept;
}

/* A long run says twenty times how far it is: in the file that script/test shows, as
 * the test's own output is only seen at its end. */
static void show_progress(const struct fault_points *points, struct shared *shared)
{
	const int64_t done = atomic_fetch_add(&shared->done_count, 1) + 1;
	const int64_t parts = 20;

	if (points->count < PROGRESS_POINTS_MIN ||
	    done * parts / points->count == (done - 1) * parts / points->count)
		return;
	FILE *file = is_set("MILLSTREAM_TEST_PROGRESS") ? fopen(getenv("MILLSTREAM_TEST_PROGRESS"), "ae") : stdout;
	if (file == NULL)
		give_up("MILLSTREAM_TEST_PROGRESS");
	fprintf(file, "# %s: %d of %d points, %d failed\n", points->name, (int)done, points->count,
		atomic_load(&shared->failed_count));
	fflush(file);
	if (file != stdout)
		fclose(file);
}

static void work(const struct fault_points *points, struct shared *shared, int first, int step)
{
	struct fault_place place;
	const char *only = getenv("MILLSTREAM_TEST_POINT");

	fault_place_init(&place, points->in_memory);
	place.tallies = shared->tallies;
	for (int point = first; point < points->count; point += step) {
		if (is_set("MILLSTREAM_TEST_POINT") && atoi(only) != point)
			continue;
		if (is_set("MILLSTREAM_TEST_FIRST") && atomic_load(&shared->failed_count) > 0)
			break;
		const bool is_place_free = do_point(points, &place, shared, point);
		show_progress(points, shared);
		if (is_place_free)
			continue;
		/* Somebody wants to look at it. */
		free(place.directory);
		fault_place_init(&place, points->in_memory);
		place.tallies = shared->tallies;
	}
	fault_place_clear(&place);
}

int fault_points_run(struct fault_points *points)
{
	const long cpu_count = sysconf(_SC_NPROCESSORS_ONLN);
	const int worker_count = cpu_count < 1 ? 1 : cpu_count > WORKERS_MAX ? WORKERS_MAX : (int)cpu_count;
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t workers[WORKERS_MAX];
	int status;

	if (shared == MAP_FAILED)
		give_up("mmap");
	fflush(stdout);
	for (int i = 0; i < worker_count; i++) {
		workers[i] = fork();
		if (workers[i] < 0)
			give_up("fork");
		if (workers[i] == 0) {
			work(points, shared, i, worker_count);
			fflush(stdout);
			_exit(EXIT_SUCCESS);
		}
	}
	for (int i = 0; i < worker_count; i++) {
		if (waitpid(workers[i], &status, 0) != workers[i])
			give_up("waitpid");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			printf("# %s: a process of the test itself ended badly\n", points->name);
			atomic_fetch_add(&shared->failed_count, 1);
		}
	}
	for (int i = 0; i < FAULT_TALLIES; i++)
		points->tallies[i] = atomic_load(&shared->tallies[i]);
	int failed_count = atomic_load(&shared->failed_count);
	munmap(shared, sizeof(*shared));
	return failed_count;
}

void fault_workload_run(const struct fault_workload *workload, const struct fault_place *place,
			const char *setting, struct child_end *out)
{
	static char *program;
	static char *preload;
	char directory[300];
	char recording[300];
	char counts[300];
	char seed[32];
	char steps[32];

	if (program == NULL) {
		program = sibling_file("log_workload");
		preload = preload_setting("syscall_shim");
	}
	snprintf(directory, sizeof(directory), "MILLSTREAM_SHIM_DIR=%s", place->disk);
	snprintf(recording, sizeof(recording), "%s=%s",
		 workload->records ? "MILLSTREAM_SHIM_RECORD" : "NOT_RECORDED", place->recording);
	snprintf(counts, sizeof(counts), "%s=%s",
		 workload->counts ? "MILLSTREAM_SHIM_COUNTS" : "NOT_COUNTED", place->counts);
	snprintf(seed, sizeof(seed), "%" PRIu64, workload->seed);
	snprintf(steps, sizeof(steps), "%d", workload->steps);
	const char *const argv[] = { program, "--seed", seed, "--steps", steps, "--acks", place->acks,
				     place->data, workload->watches ? "--watch" : NULL, NULL };
	const char *const environment[] = { preload, directory, recording, counts,
					    PRELOAD_SANITIZER_SETTING, setting,
					    workload->is_slow ? "MILLSTREAM_SHIM_SYNC_US=2000" : NULL, NULL };
	run_child(out, argv, environment, RUN_TIME_MS);
}

struct checking {
	const struct fault_workload *workload;
	const struct fault_place *place;
	const struct acks *acks;
	const char *directory;
	int more_steps;
	bool again;
};

static int check(void *user)
{
	const struct checking *checking = user;
	struct log_model model;
	struct acks loaded;
	struct acks acks;
	struct error err = { 0 };

	log_model_init(&model, checking->workload->seed,
		       checking->workload->steps + FAULT_MORE_STEPS_MAX);
	if (checking->acks != NULL) {
		acks = *checking->acks;
	} else {
		acks_init(&loaded, model.step_count);
		acks_load(&loaded, checking->place->acks);
		acks = loaded;
	}
	if (log_check_directory(checking->directory, &model, &acks, checking->more_steps,
				checking->again, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "%s", err.text);
	return EXIT_FAILURE;
}

static int run_check(struct checking *checking, char *out_what, size_t out_bytes)
{
	struct child_end end;
	char how[128];

	run_child_function_in_fork(&end, check, checking, RUN_TIME_MS);
	if (end.status == EXIT_SUCCESS)
		return 0;
	child_end_text(&end, how, sizeof(how));
	if (end.status == EXIT_FAILURE)
		return fault_wrong(out_what, out_bytes, "%s", end.output);
	return fault_wrong(out_what, out_bytes, "the check: %s: %s", how, end.output);
}

int fault_check(const struct fault_workload *workload, const struct fault_place *place,
		const char *directory, int more_steps, bool again, char *out_what,
		size_t out_bytes)
{
	struct checking checking = { workload, place, NULL, directory, more_steps, again };

	return run_check(&checking, out_what, out_bytes);
}

int fault_check_with(const struct fault_workload *workload, const struct acks *acks,
		     const char *directory, int more_steps, bool again, char *out_what,
		     size_t out_bytes)
{
	struct checking checking = { workload, NULL, acks, directory, more_steps, again };

	return run_check(&checking, out_what, out_bytes);
}

int fault_count(const struct fault_place *place, const char *kind)
{
	FILE *file = fopen(place->counts, "re");
	char name[32];
	int count;

	if (file == NULL)
		give_up(place->counts);
	while (fscanf(file, "%31s %d", name, &count) == 2) {
		if (strcmp(name, kind) == 0) {
			fclose(file);
			return count;
		}
	}
	fprintf(stderr, "%s has no count of '%s'\n", place->counts, kind);
	abort();
}
