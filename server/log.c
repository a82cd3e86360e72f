#include "server/log.h"

#include "server/log_repeat.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PRIORITY_BYTES 3

static int64_t system_wall_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static atomic_int level_now = LOG_LEVEL_INFO;

/* The mutex guards all below; it is held while a line is formatted and written. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct log_options settings = { .fd = STDERR_FILENO,
				       .wall_us = system_wall_us,
				       .monotonic_ms = system_monotonic_ms };
static struct log_repeats repeats;
static uint64_t dropped_count;

void log_open(const struct log_options *options)
{
	pthread_mutex_lock(&mutex);
	settings = *options;
	if (settings.wall_us == NULL)
		settings.wall_us = system_wall_us;
	if (settings.monotonic_ms == NULL)
		settings.monotonic_ms = system_monotonic_ms;
	memset(&repeats, 0, sizeof(repeats));
	dropped_count = 0;
	pthread_mutex_unlock(&mutex);
	atomic_store(&level_now, (int)options->level);
}

bool log_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uint64_t device, inode;
	struct stat status;
	return stream != NULL && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
	       fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_set(enum log_level level, enum log_format format)
{
	pthread_mutex_lock(&mutex);
	settings.format = format;
	pthread_mutex_unlock(&mutex);
	atomic_store(&level_now, (int)level);
}

bool log_is_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

/* Is there room for a whole line?  What poll(2) says of a full pipe or socket; a
 * file always has. */
static bool can_write(void)
{
	struct pollfd poll_fd = { .fd = settings.fd, .events = POLLOUT };
	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT) != 0;
}

static bool write_bytes(const char *bytes, size_t size)
{
	if (!can_write())
		return false;
	while (size > 0) {
		ssize_t written = write(settings.fd, bytes, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

static bool write_line(enum log_level level, const char *message, const struct log_field *fields)
{
	static const char *const priorities[] = {
		[LOG_LEVEL_ERROR] = "<3>",
		[LOG_LEVEL_WARNING] = "<4>",
		[LOG_LEVEL_INFO] = "<6>",
		[LOG_LEVEL_DEBUG] = "<7>",
	};
	char buffer[PRIORITY_BYTES + LOG_LINE_BYTES_MAX];
	char *line = buffer + PRIORITY_BYTES;
	size_t size = log_line_format(line, settings.format, level, settings.wall_us(), message, fields);
	if (settings.has_priorities) {
		line -= PRIORITY_BYTES;
		size += PRIORITY_BYTES;
		memcpy(line, priorities[level], PRIORITY_BYTES);
	}
	return write_bytes(line, size);
}

static void tell_dropped(void)
{
	char message[128];
	if (dropped_count == 0)
		return;
	snprintf(message, sizeof(message),
		 "%" PRIu64 " lines of this log are missing here: they could not be written at once",
		 dropped_count);
	if (write_line(LOG_LEVEL_WARNING, message, NULL))
		dropped_count = 0;
}

static void write_or_drop(enum log_level level, const char *message, const struct log_field *fields)
{
	tell_dropped();
	if (!write_line(level, message, fields))
		dropped_count++;
}

void log_tick(bool is_end)
{
	struct log_report report;
	int saved_errno = errno;
	pthread_mutex_lock(&mutex);
	while (log_repeat_next(&repeats, settings.monotonic_ms(), is_end, &report))
		write_or_drop(report.level, report.text, NULL);
	tell_dropped();
	pthread_mutex_unlock(&mutex);
	errno = saved_errno;
}

void log_write(enum log_level level, const struct log_field *fields, const char *format, ...)
{
	/* Longer than what is shown of it, so that what is cut here is seen to be cut. */
	char message[LOG_MESSAGE_BYTES_MAX + 64];
	struct log_report report;
	bool has_report = false, is_admitted = true;
	int saved_errno = errno;
	va_list arguments;
	if (!log_is_enabled(level))
		return;
	va_start(arguments, format);
	if (vsnprintf(message, sizeof(message), format, arguments) < 0)
		snprintf(message, sizeof(message), "%s", format);
	va_end(arguments);

	pthread_mutex_lock(&mutex);
	if (level != LOG_LEVEL_DEBUG)
		is_admitted = log_repeat_admit(&repeats, format, level, settings.monotonic_ms(),
					       message, &has_report, &report);
	if (has_report)
		write_or_drop(report.level, report.text, NULL);
	if (is_admitted)
		write_or_drop(level, message, fields);
	pthread_mutex_unlock(&mutex);
	errno = saved_errno;
}
