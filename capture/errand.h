#ifndef CAPTURE_ERRAND_H
#define CAPTURE_ERRAND_H

#include "protocol/error.h"

#include <stdbool.h>

/* A call into a library that nothing can interrupt, on a thread of its own: whoever
 * started it waits for as long as it likes, polling other things beside it, and may leave
 * it behind.  What is left behind ends by itself, or with the process. */
struct errand;

typedef void errand_function(void *user);

/* Takes user: run is called on the new thread, destroy by whoever comes last. */
int errand_start(struct errand **out, errand_function *run, errand_function *destroy, void *user,
		 struct error *err);

/* To wait with: readable once it has run. */
int errand_fd(const struct errand *errand);

/* What run has left in user is the caller's to read once this is true, until
 * errand_leave; it is not to be touched otherwise. */
bool errand_has_run(struct errand *errand);

void errand_leave(struct errand *errand);

#endif
