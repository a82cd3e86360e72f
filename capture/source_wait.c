#include "capture/source_wait.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int source_wait(const struct source_context *context, int fd, short events, int64_t wait_ms,
		struct error *err)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = events },
		{ .fd = context->wake_fd, .events = POLLIN },
	};
	uint64_t count;
	int ready = poll(fds, 2, wait_ms < 0 || wait_ms > 60000 ? 60000 : (int)wait_ms);
	if (ready < 0 && errno != EINTR)
		return error_set(err, ERROR_BUSY, "poll: %s", strerror(errno));
	if (ready > 0 && fds[1].revents != 0 && read(context->wake_fd, &count, sizeof(count)) < 0 &&
	    errno != EAGAIN && errno != EINTR)
		return error_set(err, ERROR_BUSY, "read the wake descriptor: %s", strerror(errno));
	if (context->should_stop(context->user))
		return error_set(err, ERROR_SHUTDOWN, "asked to stop");
	return ready > 0 && fds[0].revents != 0;
}
