#ifndef CAPTURE_HOST_LOOKUP_H
#define CAPTURE_HOST_LOOKUP_H

#include "capture/source.h"

#define HOST_LOOKUP_ADDRESSES_MAX 8
#define HOST_LOOKUP_TEXT_BYTES 64       /* an address with its scope */

/* The addresses of a name, in the resolver's order, as texts; count is 0 for what is no
 * name: an address, a path. */
struct host_lookup {
	size_t count;
	char addresses[HOST_LOOKUP_ADDRESSES_MAX][HOST_LOOKUP_TEXT_BYTES];
};

/* Waits for the resolver at most wait_ms, or until the source is asked to stop, and leaves it
 * behind then.  ERROR_TIMEOUT, ERROR_SHUTDOWN; ERROR_CONNECTION: no such name. */
int host_lookup(struct host_lookup *out, const char *name, const struct source_context *context,
		int64_t wait_ms, struct error *err);

#endif
