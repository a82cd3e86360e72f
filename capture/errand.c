#include "capture/errand.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct errand {
	errand_function *run, *destroy;
	void *user;
	int fd;
	atomic_bool has_run;
	atomic_int holders;             /* its thread, and who started it */
};

static void release(struct errand *errand)
{
	if (atomic_fetch_sub(&errand->holders, 1) > 1)
		return;
	errand->destroy(errand->user);
	close(errand->fd);
	free(errand);
}

static void *run(void *argument)
{
	struct errand *errand = argument;
	errand->run(errand->user);
	atomic_store(&errand->has_run, true);
	(void)eventfd_write(errand->fd, 1);
	release(errand);
	return NULL;
}

int errand_start(struct errand **out, errand_function *run_it, errand_function *destroy, void *user,
		 struct error *err)
{
	pthread_t thread;
	struct errand *errand = calloc(1, sizeof(*errand));
	int problem;
	if (errand == NULL)
		return error_set(err, ERROR_MEMORY, "a thread");
	*errand = (struct errand){
		.run = run_it, .destroy = destroy, .user = user,
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .holders = 2,
	};
	problem = errand->fd < 0 ? errno : pthread_create(&thread, NULL, run, errand);
	if (problem != 0) {
		if (errand->fd >= 0)
			close(errand->fd);
		free(errand);
		return error_set(err, ERROR_MEMORY, "a thread: %s", strerror(problem));
	}
	pthread_detach(thread);
	*out = errand;
	return 0;
}

int errand_fd(const struct errand *errand)
{
	return errand->fd;
}

bool errand_has_run(struct errand *errand)
{
	return atomic_load(&errand->has_run);
}

void errand_leave(struct errand *errand)
{
	release(errand);
}
