#include "server/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS         1000
#define STATUS_BYTES    512

/* The address of $NOTIFY_SOCKET; its size is exact, or an abstract name would
 * have zeros at its end. */
static int socket_address(const char *name, struct sockaddr_un *out, socklen_t *out_bytes,
			  struct error *err)
{
	size_t size = strlen(name);
	if (name[0] != '/' && name[0] != '@')
		return error_set(err, ERROR_UNSUPPORTED,
				 "NOTIFY_SOCKET is '%s', neither a path nor an abstract name (@…)", name);
	if (size >= sizeof(out->sun_path) || size < 2)
		return error_set(err, ERROR_INVALID, "NOTIFY_SOCKET has %zu bytes, not 2 to %zu", size,
				 sizeof(out->sun_path) - 1);
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(out->sun_path, name, size);
	if (name[0] == '@')
		out->sun_path[0] = '\0';
	*out_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	return 0;
}

static int connect_to(const char *name, struct error *err)
{
	struct sockaddr_un address;
	socklen_t address_bytes = 0;
	if (socket_address(name, &address, &address_bytes, err) != 0)
		return -1;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, ERROR_IO, "socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&address, address_bytes) != 0) {
		error_set(err, ERROR_IO, "NOTIFY_SOCKET '%s': %s", name, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* Meant for this process (or, without a PID, for whoever gets it)? */
static int64_t read_watchdog_ms(void)
{
	const char *time_us = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	if (time_us == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	int64_t time_ms = strtoll(time_us, NULL, 10) / 1000;
	return time_ms > 0 ? time_ms : 0;
}

int notify_open(struct notify *notify, struct error *err)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int rc = 0;
	*notify = (struct notify){ .fd = -1 };
	if (name != NULL && name[0] != '\0') {
		notify->fd = connect_to(name, err);
		rc = notify->fd < 0 ? -1 : 0;
		notify->watchdog_ms = rc == 0 ? read_watchdog_ms() : 0;
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return rc;
}

void notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

static int tell(struct notify *notify, const char *text, int wait_ms, struct error *err)
{
	struct pollfd poll_fd = { .fd = notify->fd, .events = POLLOUT };
	if (notify->fd < 0)
		return 0;
	while (send(notify->fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
		if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
			return error_set(err, ERROR_IO, "telling the service manager '%s': %s", text,
					 strerror(errno));
		if (errno != EINTR && poll(&poll_fd, 1, wait_ms) == 0)
			return error_set(err, ERROR_TIMEOUT,
					 "telling the service manager '%s': it does not read", text);
	}
	return 0;
}

int notify_ready(struct notify *notify, struct error *err)
{
	return tell(notify, "READY=1", WAIT_MS, err);
}

int notify_reloading(struct notify *notify, struct error *err)
{
	char text[64];
	struct timespec now;
	/* Type=notify-reload wants to know when. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		 (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return tell(notify, text, WAIT_MS, err);
}

int notify_stopping(struct notify *notify, struct error *err)
{
	return tell(notify, "STOPPING=1", WAIT_MS, err);
}

int notify_status(struct notify *notify, const char *text, struct error *err)
{
	char message[STATUS_BYTES];
	snprintf(message, sizeof(message), "STATUS=%s", text);
	for (char *at = message; *at != '\0'; at++)
		if (*at == '\n')
			*at = ' ';
	return tell(notify, message, WAIT_MS, err);
}

int notify_watchdog(struct notify *notify, struct error *err)
{
	return tell(notify, "WATCHDOG=1", 0, err);
}
