#include "storage/guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The guard that this thread is in, innermost; NULL: none. */
struct guard {
	sigjmp_buf back;
	struct guard *outer;
	const char *volatile what;      /* set between setjmp and the jump */
};

static _Thread_local struct guard *volatile current;

static pthread_once_t installed = PTHREAD_ONCE_INIT;
static struct sigaction previous_bus;
static struct sigaction previous_segv;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct guard *guard = current;
	/* si_code <= 0: sent by a process, not raised by a memory access. */
	if (guard != NULL && info->si_code > 0) {
		guard->what = signal == SIGBUS ? "the disk could not give a page of the data file"
					       : "a page of the data file is damaged";
		siglongjmp(guard->back, 1);
	}
	struct sigaction *previous = signal == SIGBUS ? &previous_bus : &previous_segv;
	if (previous->sa_flags & SA_SIGINFO) {
		previous->sa_sigaction(signal, info, context);
		return;
	}
	/* Put the old action back and return: the access faults again. */
	sigaction(signal, previous, NULL);
	if (info->si_code <= 0)
		raise(signal);
}

static void install(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_NODEFER };
	action.sa_sigaction = on_fault;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, &previous_bus);
	sigaction(SIGSEGV, &action, &previous_segv);
}

void guard_install(void)
{
	pthread_once(&installed, install);
}

int guard_run(int (*body)(void *argument), void *argument, struct error *err)
{
	struct guard guard = { .outer = current };
	/* SA_NODEFER leaves the signal mask alone, so it need not be saved. */
	if (sigsetjmp(guard.back, 0) != 0) {
		current = guard.outer;
		return error_set(err, ERROR_CORRUPT, "%s", guard.what);
	}
	current = &guard;
	int rc = body(argument);
	current = guard.outer;
	return rc;
}

void guard_assertion_failed(const char *text)
{
	struct guard *guard = current;
	(void)text;
	if (guard == NULL)
		abort();
	guard->what = "the data file's pages contradict each other";
	siglongjmp(guard->back, 1);
}
