#include "storage/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/run_child.h"
#include "tests/support/skip.h"
#include "tests/support/temp_dir.h"

#define CHILD_TIME_MS 30000
#define PAGES_BYTES   (4 * 65536u)

/* Addresses whose reading is a fault: beyond the end of a mapped file, and in a
 * page that may not be read. */
static const volatile uint8_t *beyond_file;
static const volatile uint8_t *forbidden;

static int map_traps(void **state)
{
	char path[4096];
	char *dir = temp_dir_create();
	(void)state;
	snprintf(path, sizeof(path), "%s/file", dir);
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, PAGES_BYTES) != 0)
		return -1;
	void *file = mmap(NULL, PAGES_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	void *none = mmap(NULL, PAGES_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (file == MAP_FAILED || none == MAP_FAILED || ftruncate(fd, 0) != 0)
		return -1;
	close(fd);
	temp_dir_destroy(dir);
	beyond_file = file;
	forbidden = none;
	return 0;
}

static int read_byte(void *argument)
{
	const volatile uint8_t *const *address = argument;
	return **address;
}

static int return_argument(void *argument)
{
	return *(int *)argument;
}

static void body_returns_through(void **state)
{
	struct error err = { 0 };
	(void)state;
	for (int n = -2; n <= 2; n++) {
		int wanted = n;
		assert_int_equal(guard_run(return_argument, &wanted, &err), n);
		assert_int_equal(err.code, ERROR_NONE);
	}
}

/* Each test that faults installs them: the harness has put in its own before. */

static void page_beyond_the_end_of_the_file_is_damage(void **state)
{
	struct error err = { 0 };
	(void)state;
	guard_install();
	for (int n = 0; n < 3; n++) {
		err.code = ERROR_NONE;
		assert_int_equal(guard_run(read_byte, &beyond_file, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.text, "disk"));
	}
	assert_int_equal(guard_run(read_byte, &beyond_file, NULL), -1);
}

static void address_that_may_not_be_read_is_damage(void **state)
{
	struct error err = { 0 };
	const volatile uint8_t *nowhere = (const volatile uint8_t *)16;
	(void)state;
	guard_install();
	assert_int_equal(guard_run(read_byte, &forbidden, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.text, "damaged"));
	assert_int_equal(guard_run(read_byte, &nowhere, &err), -1);
}

__attribute__((no_sanitize_undefined)) static int divide(void *argument)
{
	volatile int *divisor = argument;
	return 1000 / *divisor;
}

static void division_by_zero_is_damage(void **state)
{
	struct error err = { 0 };
	int zero = 0;
	(void)state;
#if !defined(__x86_64__) && !defined(__i386__)
	SKIP_TEST("dividing by zero is no fault on this processor; x86 has it");
#endif
	guard_install();
	assert_int_equal(guard_run(divide, &zero, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
}

static int fail_assertion(void *argument)
{
	guard_assertion_failed(argument);
	return 0;
}

static void failed_assertion_of_the_library_is_damage(void **state)
{
	char text[] = "mdb.c:1: Assertion 'x' failed in f()";
	struct error err = { 0 };
	(void)state;
	assert_int_equal(guard_run(fail_assertion, text, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.text, "contradict"));
}

struct nested {
	int inner_rc;
	int after;
	struct error inner_err;
};

static int run_inner_then_fault(void *argument)
{
	struct nested *nested = argument;
	nested->inner_rc = guard_run(read_byte, &forbidden, &nested->inner_err);
	nested->after = 1;
	return *beyond_file;
}

static void nested_guard_catches_its_own_faults_alone(void **state)
{
	struct nested nested = { 0 };
	struct error err = { 0 };
	(void)state;
	guard_install();
	assert_int_equal(guard_run(run_inner_then_fault, &nested, &err), -1);
	assert_int_equal(nested.inner_rc, -1);
	assert_int_equal(nested.inner_err.code, ERROR_CORRUPT);
	assert_int_equal(nested.after, 1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_string_not_equal(err.text, nested.inner_err.text);
}

static int run_inner_well_then_fault(void *argument)
{
	int zero = 0;
	if (guard_run(return_argument, &zero, NULL) != 0)
		return 5;
	return read_byte(argument);
}

static void guard_holds_after_an_inner_one_ended_well(void **state)
{
	(void)state;
	guard_install();
	assert_int_equal(guard_run(run_inner_well_then_fault, &forbidden, NULL), -1);
}

#define FAULTS_A_THREAD 500

static void *fault_often(void *argument)
{
	const volatile uint8_t **address = argument;
	for (intptr_t n = 0; n < FAULTS_A_THREAD; n++) {
		int wanted = (int)n;
		struct error err = { 0 };
		if (guard_run(read_byte, address, &err) != -1 || err.code != ERROR_CORRUPT ||
		    guard_run(return_argument, &wanted, NULL) != wanted)
			return (void *)(n + 1);
	}
	return NULL;
}

static void threads_fault_each_for_itself(void **state)
{
	pthread_t threads[4];
	(void)state;
	guard_install();
	for (int n = 0; n < 4; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, fault_often,
						n % 2 == 0 ? (void *)&forbidden : (void *)&beyond_file), 0);
	for (int n = 0; n < 4; n++) {
		void *result;
		pthread_join(threads[n], &result);
		assert_null(result);
	}
}

/* What must end the process: in a process of its own, without the harness's handlers. */

static void reset_handlers(void)
{
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	guard_install();
}

static int end_of(run_child_function *function, int *out_status)
{
	struct child_end end;
	run_child_function_in_fork(&end, function, NULL, CHILD_TIME_MS);
	assert_false(end.is_late);
	if (out_status != NULL)
		*out_status = end.status;
	return end.signal;
}

static int fault_outside(void *user)
{
	int zero = 0;
	(void)user;
	reset_handlers();
	guard_run(read_byte, &forbidden, NULL);
	guard_run(return_argument, &zero, NULL);
	return *forbidden;
}

static int fault_outside_in_a_file(void *user)
{
	(void)user;
	reset_handlers();
	return *beyond_file;
}

static atomic_bool is_inside;

static void *fault_unguarded(void *argument)
{
	(void)argument;
	while (!atomic_load(&is_inside))
		;
	return (void *)(intptr_t)*forbidden;
}

static int wait_for_the_other(void *argument)
{
	atomic_store(&is_inside, true);
	pthread_join(*(pthread_t *)argument, NULL);
	return 0;
}

static int fault_beside_a_guard(void *user)
{
	pthread_t thread;
	(void)user;
	reset_handlers();
	pthread_create(&thread, NULL, fault_unguarded, NULL);
	return guard_run(wait_for_the_other, &thread, NULL) == 0 ? 0 : 1;
}

static int send_to_self(void *argument)
{
	(void)argument;
	kill(getpid(), SIGSEGV);
	return 0;
}

static int be_sent_a_signal(void *user)
{
	(void)user;
	reset_handlers();
	return guard_run(send_to_self, NULL, NULL) == 0 ? 0 : 1;
}

static int assert_outside(void *user)
{
	(void)user;
	reset_handlers();
	guard_assertion_failed("Assertion 'x' failed");
	return 0;
}

static void fault_outside_a_guard_still_kills(void **state)
{
	(void)state;
	assert_int_equal(end_of(fault_outside, NULL), SIGSEGV);
	assert_int_equal(end_of(fault_outside_in_a_file, NULL), SIGBUS);
	assert_int_equal(end_of(fault_beside_a_guard, NULL), SIGSEGV);
	assert_int_equal(end_of(assert_outside, NULL), SIGABRT);
}

static void signal_that_was_sent_is_no_fault(void **state)
{
	(void)state;
	assert_int_equal(end_of(be_sent_a_signal, NULL), SIGSEGV);
}

/* Handlers before and after ours. */

static void exit_with_code(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	_exit(info->si_code == SEGV_ACCERR && info->si_addr == (void *)(uintptr_t)forbidden ? 40 : 41);
}

static void exit_simply(int number)
{
	_exit(number == SIGSEGV ? 42 : 43);
}

static struct sigaction chained_to;

static void chain(int number, siginfo_t *info, void *context)
{
	chained_to.sa_sigaction(number, info, context);
}

static int fault_with_a_handler_before(void *user)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };
	(void)user;
	action.sa_sigaction = exit_with_code;
	sigaction(SIGSEGV, &action, NULL);
	guard_install();
	if (guard_run(read_byte, &forbidden, NULL) != -1)
		return 1;
	return *forbidden;
}

static int fault_with_a_simple_handler_before(void *user)
{
	(void)user;
	signal(SIGSEGV, exit_simply);
	guard_install();
	return *forbidden;
}

static int fault_with_a_handler_over_ours(void *user)
{
	(void)user;
	reset_handlers();
	signal(SIGSEGV, exit_simply);
	guard_install();
	if (guard_run(read_byte, &forbidden, NULL) != -1)
		return 1;
	return *forbidden;
}

static int fault_after_ours_lost_its_flags(void *user)
{
	(void)user;
	reset_handlers();
	/* What a harness does that saves and restores handlers by signal(2). */
	void (*saved)(int) = signal(SIGSEGV, SIG_DFL);
	signal(SIGSEGV, saved);
	guard_install();
	if (guard_run(read_byte, &forbidden, NULL) != -1)
		return 1;
	return *forbidden;
}

static int fault_with_handlers_in_a_circle(void *user)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_NODEFER };
	(void)user;
	reset_handlers();
	action.sa_sigaction = chain;
	sigaction(SIGSEGV, &action, &chained_to);
	guard_install();
	if (guard_run(read_byte, &forbidden, NULL) != -1)
		return 1;
	return *forbidden;
}

static void handlers_of_others_get_what_is_not_ours(void **state)
{
	int status;
	(void)state;
	assert_int_equal(end_of(fault_with_a_handler_before, &status), 0);
	assert_int_equal(status, 40);
	assert_int_equal(end_of(fault_with_a_simple_handler_before, &status), 0);
	assert_int_equal(status, 42);
	assert_int_equal(end_of(fault_with_a_handler_over_ours, &status), 0);
	assert_int_equal(status, 42);
	assert_int_equal(end_of(fault_after_ours_lost_its_flags, NULL), SIGSEGV);
	assert_int_equal(end_of(fault_with_handlers_in_a_circle, NULL), SIGSEGV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_returns_through),
		cmocka_unit_test(page_beyond_the_end_of_the_file_is_damage),
		cmocka_unit_test(address_that_may_not_be_read_is_damage),
		cmocka_unit_test(division_by_zero_is_damage),
		cmocka_unit_test(failed_assertion_of_the_library_is_damage),
		cmocka_unit_test(nested_guard_catches_its_own_faults_alone),
		cmocka_unit_test(guard_holds_after_an_inner_one_ended_well),
		cmocka_unit_test(threads_fault_each_for_itself),
		cmocka_unit_test(fault_outside_a_guard_still_kills),
		cmocka_unit_test(signal_that_was_sent_is_no_fault),
		cmocka_unit_test(handlers_of_others_get_what_is_not_ours),
	};
	return cmocka_run_group_tests_name("guard", tests, map_traps, NULL);
}
