#include "tests/support/shim_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WATCHED_FDS_MAX = 1024 };

static const char *const kind_names[] = {
#define X(name) #name,
	SHIM_KINDS(X)
#undef X
	"any",
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[PATH_MAX];
static size_t directory_bytes;          /* 0: nothing is watched */
static const char *counts_path;
static int recording_fd = -1;
static struct shim_file *watched[WATCHED_FDS_MAX];

static unsigned long counts[SHIM_any + 1];
static unsigned long failed_count;

static struct {
	enum { KILL_NEVER, KILL_BEFORE, KILL_AFTER, KILL_TORN } when;
	unsigned long n;
} kill_plan;

static struct {
	enum shim_fate fate;
	enum shim_kind kind;
	unsigned long n;
	bool is_lasting;
	int cause;
} fail_plan;

static useconds_t sync_us;

static bool is_last_call;

static void give_up(const char *what, const char *value)
{
	fprintf(stderr, "syscall_shim: %s: %s\n", what, value);
	abort();
}

static void plan_kill(const char *text)
{
	static const char *const whens[] = { "", "before:", "after:", "torn:" };

	for (unsigned when = KILL_BEFORE; when <= KILL_TORN; when++) {
		size_t size = strlen(whens[when]);
		if (strncmp(text, whens[when], size) != 0)
			continue;
		kill_plan.when = when;
		kill_plan.n = strtoul(text + size, NULL, 10);
		return;
	}
	give_up("MILLSTREAM_SHIM_KILL is not before:N, after:N or torn:N", text);
}

static const struct {
	const char *name;
	enum shim_fate fate;
	int cause;
} hows[] = {
	{ "EIO", SHIM_FAIL, EIO },
	{ "ENOSPC", SHIM_FAIL, ENOSPC },
	{ "EINTR", SHIM_FAIL, EINTR },
	{ "EROFS", SHIM_FAIL, EROFS },
	{ "short", SHIM_SHORT, 0 },
	{ "late", SHIM_LATE, EIO },
};

static void plan_failure(const char *text)
{
	char kind[32];
	char how[32];
	char lasting[2] = "";

	if (sscanf(text, "%31[a-z]:%lu%1[+]:%31s", kind, &fail_plan.n, lasting, how) != 4 &&
	    sscanf(text, "%31[a-z]:%lu:%31s", kind, &fail_plan.n, how) != 3)
		give_up("MILLSTREAM_SHIM_FAIL is not KIND:N:HOW", text);
	fail_plan.is_lasting = lasting[0] == '+';
	while (fail_plan.kind < SHIM_any && strcmp(kind_names[fail_plan.kind], kind) != 0)
		fail_plan.kind++;
	if (strcmp(kind_names[fail_plan.kind], kind) != 0)
		give_up("MILLSTREAM_SHIM_FAIL: no such kind", kind);
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		if (strcmp(hows[i].name, how) != 0)
			continue;
		fail_plan.fate = hows[i].fate;
		fail_plan.cause = hows[i].cause;
		return;
	}
	give_up("MILLSTREAM_SHIM_FAIL: no such failure", how);
}

/* realpath() for something that need not exist yet. */
static bool resolve(char out[PATH_MAX], const char *path)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || strlen(path) >= sizeof(parent))
		return false;
	snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (realpath(parent, out) == NULL)
		return false;
	size_t size = strlen(out);
	return (size_t)snprintf(out + size, PATH_MAX - size, "%s%s", size > 1 ? "/" : "",
				slash + 1) < PATH_MAX - size;
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("MILLSTREAM_SHIM_DIR");
	const char *text;

	if (path == NULL)
		return;
	if (!resolve(directory, path))
		give_up("MILLSTREAM_SHIM_DIR is not an absolute path to somewhere", path);
	counts_path = getenv("MILLSTREAM_SHIM_COUNTS");
	if ((text = getenv("MILLSTREAM_SHIM_KILL")) != NULL)
		plan_kill(text);
	if ((text = getenv("MILLSTREAM_SHIM_FAIL")) != NULL)
		plan_failure(text);
	if ((text = getenv("MILLSTREAM_SHIM_SYNC_US")) != NULL)
		sync_us = (useconds_t)strtoul(text, NULL, 10);
	if ((text = getenv("MILLSTREAM_SHIM_RECORD")) != NULL &&
	    (recording_fd = open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
		give_up("MILLSTREAM_SHIM_RECORD cannot be written", text);
	directory_bytes = strlen(directory);
}

__attribute__((destructor)) static void write_counts(void)
{
	if (counts_path == NULL || directory_bytes == 0)
		return;
	directory_bytes = 0;
	FILE *file = fopen(counts_path, "w");
	if (file == NULL)
		give_up("MILLSTREAM_SHIM_COUNTS cannot be written", counts_path);
	for (unsigned kind = 0; kind <= SHIM_any; kind++)
		fprintf(file, "%s %lu\n", kind_names[kind], counts[kind]);
	fprintf(file, "failed %lu\n", failed_count);
	fclose(file);
}

static const char *relative(const char *path)
{
	if (directory_bytes == 0 || strncmp(path, directory, directory_bytes) != 0)
		return NULL;
	if (path[directory_bytes] == '\0')
		return path + directory_bytes;
	return path[directory_bytes] == '/' ? path + directory_bytes + 1 : NULL;
}

static ssize_t read_fd_path(char *out, size_t out_bytes, int fd)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t size = readlink(name, out, out_bytes - 1);
	if (size >= 0)
		out[size] = '\0';
	return size;
}

const char *shim_path(char out[4096], int directory_fd, const char *path)
{
	char absolute[PATH_MAX];
	char base[PATH_MAX];

	if (directory_bytes == 0 || path == NULL)
		return NULL;
	if (path[0] == '/')
		return resolve(out, path) ? relative(out) : NULL;
	if (directory_fd == AT_FDCWD ? getcwd(base, sizeof(base)) == NULL
				     : read_fd_path(base, sizeof(base), directory_fd) < 0)
		return NULL;
	int size = snprintf(absolute, sizeof(absolute), "%s/%s", base, path);
	if (size < 0 || (size_t)size >= sizeof(absolute))
		return NULL;
	return resolve(out, absolute) ? relative(out) : NULL;
}

const struct shim_file *shim_file(int fd)
{
	return fd >= 0 && fd < WATCHED_FDS_MAX ? watched[fd] : NULL;
}

void shim_track(int fd, int flags)
{
	char target[PATH_MAX];
	struct stat status;

	if (directory_bytes == 0 || fd < 0 || read_fd_path(target, sizeof(target), fd) < 0)
		return;
	const char *path = relative(target);
	if (path == NULL)
		return;
	struct shim_file *file = calloc(1, sizeof(*file));
	if (file == NULL || fd >= WATCHED_FDS_MAX || strlen(path) >= sizeof(file->path) ||
	    fstat(fd, &status) != 0)
		give_up("cannot watch", target);
	file->is_directory = S_ISDIR(status.st_mode);
	file->is_synced = (flags & (O_DSYNC | O_SYNC)) != 0;
	file->inode = status.st_ino;
	memcpy(file->path, path, strlen(path) + 1);
	shim_untrack(fd);
	watched[fd] = file;
}

void shim_untrack(int fd)
{
	if (fd < 0 || fd >= WATCHED_FDS_MAX)
		return;
	free(watched[fd]);
	watched[fd] = NULL;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

enum shim_fate shim_begin(enum shim_kind kind)
{
	pthread_mutex_lock(&lock);
	unsigned long n = ++counts[SHIM_any];
	unsigned long n_of_kind = ++counts[kind];

	is_last_call = n == kill_plan.n && kill_plan.when != KILL_NEVER;
	if (is_last_call && kill_plan.when == KILL_BEFORE)
		die();
	if (is_last_call && kill_plan.when == KILL_TORN)
		return SHIM_TORN;
	if (fail_plan.fate == SHIM_GO || (fail_plan.kind != kind && fail_plan.kind != SHIM_any))
		return SHIM_GO;
	if (fail_plan.kind == SHIM_any)
		n_of_kind = n;
	if (n_of_kind != fail_plan.n && !(fail_plan.is_lasting && n_of_kind > fail_plan.n))
		return SHIM_GO;
	failed_count++;
	return fail_plan.fate;
}

void shim_delay_sync(void)
{
	if (sync_us > 0)
		usleep(sync_us);
}

void shim_owe_error(const struct shim_file *file)
{
	for (int fd = 0; fd < WATCHED_FDS_MAX; fd++)
		if (watched[fd] != NULL && watched[fd] != file && watched[fd]->inode == file->inode)
			watched[fd]->owes_error = true;
}

enum shim_fate shim_take_owed(const struct shim_file *file, enum shim_fate fate)
{
	if (fate != SHIM_GO || !file->owes_error)
		return fate;
	for (int fd = 0; fd < WATCHED_FDS_MAX; fd++)
		if (watched[fd] == file)
			watched[fd]->owes_error = false;
	return SHIM_LATE;
}

int shim_errno(void)
{
	return fail_plan.cause;
}

void shim_end(void)
{
	int cause = errno;

	if (is_last_call)
		die();
	pthread_mutex_unlock(&lock);
	errno = cause;
}

void shim_record(enum recording_type type, unsigned flags, uint64_t file, uint64_t offset,
		 const struct iovec *payload, int payload_count)
{
	struct recording_event event = { type, flags, file, offset, 0 };
	struct iovec all[IOV_MAX];

	if (recording_fd < 0)
		return;
	if (payload_count >= IOV_MAX)
		give_up("cannot record", "too many pieces in one write");
	all[0] = (struct iovec){ &event, sizeof(event) };
	for (int i = 0; i < payload_count; i++) {
		all[i + 1] = payload[i];
		event.size += payload[i].iov_len;
	}
	/* The system call itself: writev is ours. */
	if (syscall(SYS_writev, recording_fd, all, payload_count + 1) !=
	    (long)(sizeof(event) + event.size))
		give_up("cannot record", strerror(errno));
}

void shim_record_text(enum recording_type type, unsigned flags, uint64_t file, uint64_t offset,
		      const char *text)
{
	struct iovec payload = { (void *)(uintptr_t)text, text != NULL ? strlen(text) : 0 };

	shim_record(type, flags, file, offset, &payload, 1);
}

void shim_mark(const void *data, size_t size)
{
	struct iovec payload = { (void *)(uintptr_t)data, size };

	pthread_mutex_lock(&lock);
	shim_record(RECORDING_MARK, 0, 0, 0, &payload, 1);
	pthread_mutex_unlock(&lock);
}
