#include "storage/growth.h"

#include "storage/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Zeros end and chunks begin at a multiple of this: no page of LMDB's is smaller,
 * nor any file system's block larger. */
#define ALIGN_BYTES             UINT64_C(4096)

#define RATE_WINDOW_US          INT64_C(1000000)
/* Where there was no room, it is looked for again after this long. */
#define ROOM_RETRY_US           INT64_C(1000000)

struct growth {
	int fd;
	char *dir;
	uint64_t limit_end;
	uint64_t room_bytes;
	uint64_t fixed_ahead_bytes;     /* 0: by the rate */
	uint64_t chunk_bytes;
	bool has_thread;                /* the writer's alone */
	pthread_t thread;

	pthread_mutex_t lock;           /* guards everything below */
	pthread_cond_t has_work;        /* for the thread */
	pthread_cond_t is_written;      /* a chunk is: for the writer */
	uint64_t begin_end;             /* where the log ends when growing begins */
	uint64_t used_end;              /* of the log */
	uint64_t zeros_end;             /* below, all is written and synced */
	uint64_t claim_end;             /* below, the writer may write; 0: nothing is claimed */
	uint64_t chunk_begin;           /* of what is being written; UINT64_MAX: nothing is */
	bool is_filling;                /* too few were left; until there are enough */
	bool is_over;                   /* a write or a sync has failed */
	bool is_stopping;
	int64_t no_room_until_us;
	int64_t window_begin_us;        /* the rate: what the log took in this window … */
	uint64_t window_begin_end;
	uint64_t window_bytes;          /* … and in the one before */
};

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t align_up(uint64_t at)
{
	return (at + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
}

static uint64_t wanted_ahead(const struct growth *growth)
{
	if (growth->fixed_ahead_bytes != 0)
		return growth->fixed_ahead_bytes;
	uint64_t bytes = growth->used_end - growth->window_begin_end;
	if (bytes < growth->window_bytes)
		bytes = growth->window_bytes;
	if (bytes < GROWTH_AHEAD_BYTES_LEAST / 2)
		return GROWTH_AHEAD_BYTES_LEAST;
	return bytes < GROWTH_AHEAD_BYTES_MOST / 2 ? 2 * bytes : GROWTH_AHEAD_BYTES_MOST;
}

static uint64_t ahead_of(const struct growth *growth)
{
	return growth->zeros_end > growth->used_end ? growth->zeros_end - growth->used_end : 0;
}

static uint64_t next_begin(const struct growth *growth)
{
	uint64_t begin = align_up(growth->used_end);
	return begin > growth->zeros_end ? begin : growth->zeros_end;
}

/* Is there a chunk to write, whoever claims its place?  Half of what is wanted
 * may be used up before more is written, so that a slow log has its rest. */
static bool is_wanting(struct growth *growth)
{
	if (growth->is_over || growth->used_end < growth->begin_end ||
	    next_begin(growth) + growth->chunk_bytes > growth->limit_end)
		return false;
	uint64_t ahead = ahead_of(growth), wanted = wanted_ahead(growth);
	if (ahead >= wanted)
		growth->is_filling = false;
	else if (ahead < wanted / 2)
		growth->is_filling = true;
	return growth->is_filling && now_us() >= growth->no_room_until_us;
}

static bool has_room(const struct growth *growth)
{
	uint64_t free_bytes, total_bytes;
	return disk_room(growth->dir, &free_bytes, &total_bytes, NULL) == 0 &&
	       free_bytes >= growth->room_bytes + growth->chunk_bytes;
}

/* 0, or the errno; what was written before a failure is as good as the rest of
 * the file behind the log. */
static int write_zeros(const struct growth *growth, uint64_t at)
{
	static const uint8_t zeros[16384];
	struct iovec pieces[GROWTH_CHUNK_BYTES / sizeof(zeros)];
	int count = 0;
	size_t size = 0;
	while (size < growth->chunk_bytes) {
		size_t left = growth->chunk_bytes - size;
		pieces[count++] = (struct iovec){
			.iov_base = (void *)(uintptr_t)zeros,
			.iov_len = left < sizeof(zeros) ? left : sizeof(zeros),
		};
		size += pieces[count - 1].iov_len;
	}
	ssize_t done = pwritev(growth->fd, pieces, count, (off_t)at);
	if (done < 0)
		return errno;
	return (size_t)done == size ? 0 : ENOSPC;
}

/* Note how it went; under the lock. */
static void note(struct growth *growth, int rc, uint64_t end)
{
	if (rc == 0) {
		if (end > growth->zeros_end)
			growth->zeros_end = end;
		return;
	}
	growth->no_room_until_us = now_us() + ROOM_RETRY_US;
	if (rc != ENOSPC && rc != EDQUOT && rc != EINTR)
		growth->is_over = true;
}

/* Called and left with the lock held. */
static void write_chunk(struct growth *growth)
{
	uint64_t begin = next_begin(growth);
	growth->chunk_begin = begin;
	pthread_mutex_unlock(&growth->lock);
	int rc = has_room(growth) ? write_zeros(growth, begin) : ENOSPC;
	pthread_mutex_lock(&growth->lock);
	growth->chunk_begin = UINT64_MAX;
	pthread_cond_signal(&growth->is_written);
	if (rc == 0) {
		/* From here on commits may write there: the sync covers both. */
		pthread_mutex_unlock(&growth->lock);
		rc = fsync(growth->fd) == 0 ? 0 : EIO;
		pthread_mutex_lock(&growth->lock);
	}
	note(growth, rc, begin + growth->chunk_bytes);
}

static void *run(void *argument)
{
	struct growth *growth = argument;
	pthread_mutex_lock(&growth->lock);
	while (!growth->is_stopping) {
		if (is_wanting(growth) && growth->claim_end <= next_begin(growth))
			write_chunk(growth);
		else
			pthread_cond_wait(&growth->has_work, &growth->lock);
	}
	pthread_mutex_unlock(&growth->lock);
	return NULL;
}

static uint64_t size_limit(uint64_t limit_end)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur < limit_end)
		return limit.rlim_cur;
	return limit_end;
}

int growth_create(struct growth **out, const struct growth_options *options, struct error *err)
{
	struct stat file;
	struct growth *growth = calloc(1, sizeof(*growth));
	if (growth == NULL)
		return error_set(err, ERROR_MEMORY, "growing the log");
	growth->fd = open(options->path, O_WRONLY | O_CLOEXEC);
	growth->dir = strdup(options->dir);
	growth->limit_end = size_limit(options->limit_end);
	growth->room_bytes = options->room_bytes;
	if (options->ahead_bytes == 0 && growth->room_bytes < GROWTH_ROOM_BYTES)
		growth->room_bytes = GROWTH_ROOM_BYTES;
	growth->fixed_ahead_bytes = options->ahead_bytes;
	growth->chunk_bytes = GROWTH_CHUNK_BYTES;
	if (options->ahead_bytes != 0 && options->ahead_bytes / 2 < growth->chunk_bytes)
		growth->chunk_bytes = align_up(options->ahead_bytes / 2);
	pthread_mutex_init(&growth->lock, NULL);
	pthread_cond_init(&growth->has_work, NULL);
	pthread_cond_init(&growth->is_written, NULL);
	growth->used_end = growth->window_begin_end = options->used_end;
	growth->begin_end =
		options->used_end + (options->ahead_bytes != 0 ? 0 : GROWTH_BEGIN_BYTES);
	growth->chunk_begin = UINT64_MAX;
	growth->window_begin_us = now_us();
	growth->is_over = options->ahead_bytes == 0 && !disk_overwrites_in_place(options->dir);
	if (growth->fd < 0 || fstat(growth->fd, &file) != 0) {
		error_set(err, ERROR_IO, "open '%s': %s", options->path, strerror(errno));
		goto fail;
	}
	if (growth->dir == NULL) {
		error_set(err, ERROR_MEMORY, "growing the log");
		goto fail;
	}
	/* What an earlier process left there. */
	growth->zeros_end = (uint64_t)file.st_size & ~(ALIGN_BYTES - 1);
	*out = growth;
	return 0;
fail:
	growth_destroy(growth);
	return -1;
}

void growth_destroy(struct growth *growth)
{
	if (growth == NULL)
		return;
	if (growth->has_thread) {
		pthread_mutex_lock(&growth->lock);
		growth->is_stopping = true;
		pthread_cond_signal(&growth->has_work);
		pthread_mutex_unlock(&growth->lock);
		pthread_join(growth->thread, NULL);
	}
	if (growth->fd >= 0)
		close(growth->fd);
	pthread_cond_destroy(&growth->is_written);
	pthread_cond_destroy(&growth->has_work);
	pthread_mutex_destroy(&growth->lock);
	free(growth->dir);
	free(growth);
}

void growth_claim(struct growth *growth, uint64_t end)
{
	if (growth == NULL)
		return;
	pthread_mutex_lock(&growth->lock);
	if (end > growth->claim_end)
		growth->claim_end = end;
	while (growth->chunk_begin < growth->claim_end)
		pthread_cond_wait(&growth->is_written, &growth->lock);
	pthread_mutex_unlock(&growth->lock);
}

static void measure(struct growth *growth)
{
	int64_t now = now_us();
	if (now - growth->window_begin_us < RATE_WINDOW_US)
		return;
	uint64_t bytes = growth->used_end - growth->window_begin_end;
	growth->window_bytes = bytes / (uint64_t)((now - growth->window_begin_us) / RATE_WINDOW_US);
	growth->window_begin_end = growth->used_end;
	growth->window_begin_us = now;
}

int growth_release(struct growth *growth, uint64_t used_end, struct error *err)
{
	if (growth == NULL)
		return 0;
	pthread_mutex_lock(&growth->lock);
	const uint64_t claim_end = growth->claim_end;
	const bool is_claimed = used_end <= growth->used_end || used_end <= claim_end;
	growth->claim_end = 0;
	if (used_end > growth->used_end)
		growth->used_end = used_end;
	measure(growth);
	const bool is_needed = is_wanting(growth);
	if (is_needed)
		pthread_cond_signal(&growth->has_work);
	pthread_mutex_unlock(&growth->lock);
	if (is_needed && !growth->has_thread)
		growth->has_thread = pthread_create(&growth->thread, NULL, run, growth) == 0;
	if (is_claimed)
		return 0;
	return error_set(err, ERROR_IO,
			 "a commit wrote up to byte %llu of the log, and had claimed %llu alone",
			 (unsigned long long)used_end, (unsigned long long)claim_end);
}

uint64_t growth_ahead_bytes(struct growth *growth)
{
	if (growth == NULL)
		return 0;
	pthread_mutex_lock(&growth->lock);
	uint64_t bytes = ahead_of(growth);
	pthread_mutex_unlock(&growth->lock);
	return bytes;
}
