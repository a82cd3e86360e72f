#ifndef CAPTURE_SOURCE_WAIT_H
#define CAPTURE_SOURCE_WAIT_H

#include "capture/source.h"

/* Waits on the source's thread, for something outside and for a command beside it: until
 * fd has one of these events (poll's), at most wait_ms (-1: as long as it takes).  1, or 0
 * when it has none yet, which may be earlier.  ERROR_SHUTDOWN soon after the source is asked
 * to stop. */
int source_wait(const struct source_context *context, int fd, short events, int64_t wait_ms,
		struct error *err);

#endif
