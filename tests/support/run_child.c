#include "tests/support/run_child.h"

#include "tests/support/wait_until.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void give_up(const char *what)
{
	perror(what);
	abort();
}

/* Keep the last bytes of what comes until the other end is closed; false when
 * the time is over first. */
static bool drain(int fd, char *out, size_t out_bytes, int time_ms)
{
	const int64_t end_ms = wait_until_now_ms() + time_ms;
	char bytes[1024];
	size_t kept = 0;

	for (;;) {
		int64_t left_ms = end_ms - wait_until_now_ms();
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
			return false;
		ssize_t size = read(fd, bytes, sizeof(bytes));
		if (size <= 0)
			return true;
		if (kept + (size_t)size >= out_bytes) {
			size_t surplus = kept + (size_t)size - (out_bytes - 1);
			memmove(out, out + surplus, kept - surplus);
			kept -= surplus;
		}
		memcpy(out + kept, bytes, (size_t)size);
		kept += (size_t)size;
		out[kept] = '\0';
	}
}

static void run(struct child_end *out, run_child_function *function, void *user, int time_ms)
{
	int output[2];
	int status;

	*out = (struct child_end){ .status = -1 };
	fflush(stdout);
	if (pipe2(output, O_CLOEXEC) != 0)
		give_up("pipe");
	pid_t pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0) {
		dup2(output[1], STDOUT_FILENO);
		dup2(output[1], STDERR_FILENO);
		close(output[0]);
		close(output[1]);
		status = function(user);
		fflush(stdout);
		_exit(status);
	}
	close(output[1]);
	if (!drain(output[0], out->output, sizeof(out->output), time_ms)) {
		out->is_late = true;
		kill(pid, SIGKILL);
	}
	close(output[0]);
	if (waitpid(pid, &status, 0) != pid)
		give_up("waitpid");
	if (WIFEXITED(status))
		out->status = WEXITSTATUS(status);
	else
		out->signal = WTERMSIG(status);
}

void run_child_function_in_fork(struct child_end *out, run_child_function *function, void *user,
				int time_ms)
{
	run(out, function, user, time_ms);
}

struct program {
	const char *const *argv;
	const char *const *environment;
};

static int execute(void *user)
{
	const struct program *program = user;

	for (const char *const *setting = program->environment; *setting != NULL; setting++)
		putenv((char *)(uintptr_t)*setting);
	execv(program->argv[0], (char *const *)(uintptr_t)program->argv);
	perror(program->argv[0]);
	return 127;
}

void run_child(struct child_end *out, const char *const argv[], const char *const environment[],
	       int time_ms)
{
	struct program program = { argv, environment };

	run(out, execute, &program, time_ms);
}

void child_end_text(const struct child_end *end, char *out, size_t out_bytes)
{
	if (end->is_late)
		snprintf(out, out_bytes, "did not end in time");
	else if (end->signal != 0)
		snprintf(out, out_bytes, "killed by signal %d (%s)", end->signal, strsignal(end->signal));
	else
		snprintf(out, out_bytes, "exit status %d", end->status);
}

/* Where the running program lies. */
static void find_program(char *out, size_t out_bytes)
{
	ssize_t size = readlink("/proc/self/exe", out, out_bytes - 1);

	if (size < 0)
		give_up("/proc/self/exe");
	out[size] = '\0';
}

char *sibling_file(const char *name)
{
	char path[4096];
	char *found;

	find_program(path, sizeof(path));
	*strrchr(path, '/') = '\0';
	if (asprintf(&found, "%s/%s", path, name) < 0)
		give_up(name);
	return found;
}

char *built_file(const char *name)
{
	char path[4096];
	char *found;

	find_program(path, sizeof(path));
	for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
		*slash = '\0';
		if (asprintf(&found, "%s/%s", path, name) < 0)
			give_up(name);
		if (access(found, F_OK) == 0)
			return found;
		free(found);
	}
	fprintf(stderr, "%s is not built\n", name);
	abort();
}

char *preload_setting(const char *library)
{
	char name[256];
	char *setting;

	snprintf(name, sizeof(name), "tests/support/.libs/lib%s.so", library);
	char *path = built_file(name);
	if (asprintf(&setting, "LD_PRELOAD=%s", path) < 0)
		give_up(name);
	free(path);
	return setting;
}
