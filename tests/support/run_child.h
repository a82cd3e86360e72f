#ifndef TESTS_SUPPORT_RUN_CHILD_H
#define TESTS_SUPPORT_RUN_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* Running a program, or a function in a process of its own, and how it ended. */

struct child_end {
	int status;             /* its exit status; -1 when a signal ended it */
	int signal;             /* that signal, or 0 */
	bool is_late;           /* ended by us: the time was over */
	char output[2048];      /* the end of what it wrote to stdout and stderr */
};

/* argv and environment end with NULL; argv[0] is the path.  environment holds
 * "NAME=value" in addition to ours.  Aborts where no process can be made. */
void run_child(struct child_end *out, const char *const argv[], const char *const environment[],
	       int time_ms);

/* The same for a function in a fork; what it returns is the exit status.  Only
 * from a process with one thread. */
typedef int run_child_function(void *user);
void run_child_function_in_fork(struct child_end *out, run_child_function *function, void *user,
				int time_ms);

/* "exit status 74", "killed by signal 11 (Segmentation fault)", … into out. */
void child_end_text(const struct child_end *end, char *out, size_t out_bytes);

/* A file of the build tree, named from its root ("tests/fault/log_workload"):
 * found from where the running program lies.  Aborts where it is not there.
 * The caller frees it. */
char *built_file(const char *name);

/* The program `name` beside the running one.  The caller frees it. */
char *sibling_file(const char *name);

/* "LD_PRELOAD=/…/libNAME.so" for one of the libraries in tests/support, and, in
 * a program built with a sanitizer, what makes the two get on.  The caller
 * frees it. */
char *preload_setting(const char *library);

/* To be passed along with a preload_setting. */
#define PRELOAD_SANITIZER_SETTING "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"

#endif
