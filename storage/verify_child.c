#include "storage/verify_child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES_MAX  4096
#define FIELDS_MAX      8

struct verify_child {
	struct verify_observer observer;
	pid_t pid;                      /* 0: waited for */
	int fd;
	char line[LINE_BYTES_MAX];
	size_t line_bytes;
	struct verify_report report;
	struct verify_problem at;       /* the place that was told last */
	bool is_done;
	struct error failure;           /* what the worker said */
};

/* A child's problem names a table by a text of its own: here are lasting ones. */
static const char *lasting_table(const char *name)
{
	static const char *const names[] = { "meta", "topics", "partitions", "log", "sources",
					     "schemas", "fingerprints", "groups", "producers" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return names[i];
	return "?";
}

/* Splits a line in place, and puts its texts back; returns how many fields. */
static size_t split(char *line, char *fields[FIELDS_MAX])
{
	size_t count = 1;
	char *out = line;
	fields[0] = line;
	for (const char *in = line; *in != '\0'; in++) {
		if (*in == '\t' && count < FIELDS_MAX) {
			*out++ = '\0';
			fields[count++] = out;
		} else if (*in == '\\' && in[1] != '\0') {
			in++;
			*out++ = *in == 't' ? '\t' : *in == 'n' ? '\n' : *in;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return count;
}

static uint64_t number(const char *field)
{
	return strtoull(field, NULL, 10);
}

static void take_problem(struct verify_child *child, char *const fields[FIELDS_MAX])
{
	struct verify_problem problem = {
		.table = lasting_table(fields[1]), .topic_id = (uint32_t)number(fields[2]),
		.partition = (uint32_t)number(fields[3]), .start_offset = number(fields[4]),
		.end_offset = number(fields[5]),
	};
	snprintf(problem.topic, sizeof(problem.topic), "%s", fields[6]);
	snprintf(problem.text, sizeof(problem.text), "%s", fields[7]);
	child->report.problems++;
	if (child->observer.on_problem != NULL)
		child->observer.on_problem(child->observer.user, &problem);
}

static void take_line(struct verify_child *child, char *line)
{
	char *fields[FIELDS_MAX] = { NULL };
	size_t count = split(line, fields);
	if (strcmp(fields[0], "at") == 0 && count == 5) {
		child->at.table = lasting_table(fields[1]);
		child->at.topic_id = (uint32_t)number(fields[2]);
		child->at.partition = (uint32_t)number(fields[3]);
		child->at.start_offset = number(fields[4]);
	} else if (strcmp(fields[0], "problem") == 0 && count == 8) {
		take_problem(child, fields);
	} else if (strcmp(fields[0], "progress") == 0 && count == 3) {
		if (child->observer.on_progress != NULL)
			child->observer.on_progress(child->observer.user, number(fields[1]),
						    number(fields[2]));
	} else if (strcmp(fields[0], "done") == 0 && count == 7) {
		child->report = (struct verify_report){
			number(fields[1]), number(fields[2]), number(fields[3]),
			number(fields[4]), number(fields[5]), number(fields[6]), true,
		};
		child->is_done = true;
	} else if (strcmp(fields[0], "failed") == 0 && count == 3) {
		error_set(&child->failure, (enum error_code)number(fields[1]), "%s", fields[2]);
	}
	/* Anything else is no line of ours: a library that prints. */
}

/* Whole lines are taken; what is longer than any of ours is passed over. */
static void take_bytes(struct verify_child *child, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n') {
			child->line[child->line_bytes] = '\0';
			take_line(child, child->line);
			child->line_bytes = 0;
		} else if (child->line_bytes + 1 < LINE_BYTES_MAX) {
			child->line[child->line_bytes++] = bytes[i];
		}
	}
}

int verify_child_start(struct verify_child **out, const char *path, const char *mode,
		       const char *dir, const struct verify_observer *observer, struct error *err)
{
	const char *const arguments[] = { path, "verify", "--worker", mode, dir, NULL };
	struct verify_child *child = calloc(1, sizeof(*child));
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int ends[2];
	if (child == NULL)
		return error_set(err, ERROR_MEMORY, "starting a check");
	if (pipe2(ends, O_CLOEXEC) != 0) {
		free(child);
		return error_set(err, ERROR_LIMIT, "starting a check: %s", strerror(errno));
	}
	child->fd = ends[0];
	child->observer = *observer;
	child->at.table = "meta";
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	int rc = posix_spawn(&child->pid, path, &actions, &attributes,
			     (char *const *)(uintptr_t)arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(ends[1]);
	if (rc != 0) {
		child->pid = 0;
		verify_child_stop(child);
		return error_set(err, ERROR_NOT_FOUND, "run '%s': %s", path, strerror(rc));
	}
	*out = child;
	return 0;
}

int verify_child_fd(const struct verify_child *child)
{
	return child->fd;
}

/* The signals of a program that went wrong by itself: others are sent. */
static bool is_crash(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGFPE ||
	       signal == SIGILL;
}

static void add_crash(struct verify_child *child, int signal)
{
	struct verify_problem problem = child->at;
	snprintf(problem.text, sizeof(problem.text),
		 "the check itself crashed here: signal %d (%s); the file's pages are damaged", signal,
		 strsignal(signal));
	child->report.problems++;
	if (child->observer.on_problem != NULL)
		child->observer.on_problem(child->observer.user, &problem);
}

/* Its output has ended: how did it? */
static int finish(struct verify_child *child, struct verify_report *out, struct error *err)
{
	int status = 0;
	pid_t pid;
	while ((pid = waitpid(child->pid, &status, 0)) < 0 && errno == EINTR)
		;
	child->pid = 0;
	int signal = pid > 0 && WIFSIGNALED(status) && !child->is_done ? WTERMSIG(status) : 0;
	if (is_crash(signal)) {
		add_crash(child, signal);
	} else if (signal != 0) {
		return error_set(err, ERROR_STOPPED, "the check was ended by signal %d (%s)", signal,
				 strsignal(signal));
	} else if (!child->is_done && child->failure.code != ERROR_NONE) {
		if (err != NULL)
			*err = child->failure;
		return -1;
	} else if (!child->is_done) {
		return error_set(err, ERROR_IO, "the check ended with status %d and said nothing",
				 pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	}
	*out = child->report;
	return 0;
}

int verify_child_read(struct verify_child *child, struct verify_report *out, struct error *err)
{
	char bytes[4096];
	ssize_t size = read(child->fd, bytes, sizeof(bytes));
	if (size < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (size < 0)
		return error_set(err, ERROR_IO, "reading from the check: %s", strerror(errno));
	take_bytes(child, bytes, (size_t)size);
	return size > 0 ? 1 : finish(child, out, err);
}

void verify_child_stop(struct verify_child *child)
{
	if (child == NULL)
		return;
	if (child->pid > 0) {
		kill(child->pid, SIGKILL);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(child->fd);
	free(child);
}
