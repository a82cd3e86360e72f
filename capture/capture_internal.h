#ifndef CAPTURE_CAPTURE_INTERNAL_H
#define CAPTURE_CAPTURE_INTERNAL_H

#include "capture/capture_state.h"

#include <pthread.h>
#include <stdatomic.h>

/* Shared by capture.c (start and end), capture_thread.c (what the thread does) and
 * capture_request.c (what others ask of it).  Where nothing else is said, a field is set
 * before the thread starts, and then the thread's. */

struct reader;

struct capture {
	const struct source_settings *settings;
	const struct source_ops *ops;
	struct appender *appender;
	struct capture_observer observer;
	uint16_t source_id;
	struct source_context context;
	struct writer *writer;
	struct reader *reader;
	void *source;
	pthread_t thread;
	int64_t asked_to_stop_us;       /* of whoever stops it; 0: not yet */
	atomic_bool is_left_behind;
	atomic_bool has_ended;          /* written under the lock */
	pthread_cond_t ended;           /* waits with the monotonic clock */

	_Atomic enum capture_command command;   /* written under the lock */
	pthread_mutex_t lock;           /* guards everything below */
	struct capture_machine machine;
	struct source_progress progress;
	bool drops;                     /* of CAPTURE_COMMAND_REMOVE */
	bool is_reset_asked;            /* whichever command comes next, this comes before it */
};

/* The thread's main function, over a struct capture. */
void *capture_thread_run(void *capture);

/* Does a command wait that ends the work at hand?  Any thread. */
bool capture_is_interrupted(const struct capture *capture);

#endif
