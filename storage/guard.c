#include "storage/guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

/* The guard that this thread is in, innermost; NULL: none. */
struct guard {
	sigjmp_buf back;
	struct guard *outer;
	/* Set between setjmp and the jump: */
	const char *volatile what;
	volatile bool has_mask;
	sigset_t mask;                  /* of signals, as it was before the fault */
};

static _Thread_local struct guard *volatile current;
static _Thread_local volatile bool is_passing_on;

static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct {
	int number;
	const char *what;
} signals[] = {
	{ SIGBUS, "the disk could not give a page of the data file" },
	{ SIGSEGV, "a page of the data file is damaged" },
	{ SIGFPE, "the data file's sizes contradict each other" },
};
enum { SIGNAL_COUNT = sizeof(signals) / sizeof(signals[0]) };
static struct sigaction previous[SIGNAL_COUNT];

static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct guard *guard = current;
	int n = 0;
	while (signals[n].number != signal)
		n++;
	/* si_code <= 0: sent by a process, not raised by what this thread did. */
	if (guard != NULL && info->si_code > 0) {
		guard->what = signals[n].what;
		guard->mask = ((const ucontext_t *)context)->uc_sigmask;
		guard->has_mask = true;
		siglongjmp(guard->back, 1);
	}
	/* A handler that was put over ours and under it again would come back here. */
	if ((previous[n].sa_flags & SA_SIGINFO) && !is_passing_on) {
		is_passing_on = true;
		previous[n].sa_sigaction(signal, info, context);
		is_passing_on = false;
		return;
	}
	/* Put the old action back and return: the access faults again. */
	struct sigaction action = previous[n];
	if (is_passing_on)
		action = (struct sigaction){ .sa_handler = SIG_DFL };
	sigaction(signal, &action, NULL);
	if (info->si_code <= 0)
		raise(signal);
}

static void install(int n)
{
	struct sigaction now, action = { .sa_flags = SA_SIGINFO };
	action.sa_sigaction = on_fault;
	sigemptyset(&action.sa_mask);
	sigaction(signals[n].number, NULL, &now);
	if (now.sa_sigaction == on_fault && (now.sa_flags & SA_SIGINFO))
		return;
	/* Put back with signal(2), ours has lost its flags: it is not its own predecessor. */
	if (now.sa_sigaction != on_fault)
		previous[n] = now;
	sigaction(signals[n].number, &action, NULL);
}

void guard_install(void)
{
	pthread_mutex_lock(&install_lock);
	for (int n = 0; n < SIGNAL_COUNT; n++)
		install(n);
	pthread_mutex_unlock(&install_lock);
}

int guard_run(int (*body)(void *argument), void *argument, struct error *err)
{
	struct guard guard;
	guard.outer = current;
	guard.has_mask = false;
	/* The mask comes from the handler's context: saving it here would cost a
	 * system call in each run. */
	if (sigsetjmp(guard.back, 0) != 0) {
		if (guard.has_mask)
			pthread_sigmask(SIG_SETMASK, &guard.mask, NULL);
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
