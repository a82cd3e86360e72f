#include "capture/capture_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "capture/source_settings.h"

#define SECOND_US INT64_C(1000000)

static struct capture_machine machine_in(enum capture_state state, int64_t retries_max)
{
	const struct source_settings settings = {
		.retry_delay_ms = 1000, .retry_delay_max_ms = 5000, .retries_max = retries_max,
	};
	struct capture_machine machine;
	capture_machine_init(&machine, &settings, false, 0);
	machine.state = state;
	return machine;
}

static struct error error_of(enum error_code code)
{
	struct error err = { 0 };
	error_set(&err, code, "because");
	return err;
}

static void every_allowed_move_is_in_the_table(void **state)
{
	(void)state;
	/* Rows from, columns to: STARTING … STOPPED. */
	static const char *const allowed[] = {
		"xxxxxxxx", "x.xxxxxx", "x..xxx.x", "x...xx.x", "x....x.x", "x...xx.x", "x...xx.x", "........",
	};
	for (int from = 1; from <= 8; from++)
		for (int to = 1; to <= 8; to++)
			if (capture_machine_may((enum capture_state)from, (enum capture_state)to) !=
			    (allowed[from - 1][to - 1] == 'x'))
				fail_msg("%s to %s", capture_state_name((enum capture_state)from),
					 capture_state_name((enum capture_state)to));
}

static void paused_source_begins_paused(void **state)
{
	const struct source_settings settings = { .retry_delay_ms = 1 };
	struct capture_machine machine;
	(void)state;
	capture_machine_init(&machine, &settings, true, 0);
	assert_int_equal(machine.state, CAPTURE_PAUSED);
}

static void delays_double_up_to_the_most(void **state)
{
	static const int64_t delays_s[] = { 1, 2, 4, 5, 5, 5 };
	struct capture_machine machine = machine_in(CAPTURE_STARTING, -1);
	struct error err = error_of(ERROR_CONNECTION);
	int64_t now_us = 0;
	(void)state;
	for (size_t n = 0; n < sizeof(delays_s) / sizeof(delays_s[0]); n++) {
		capture_machine_fail(&machine, &err, now_us);
		assert_int_equal(machine.state, CAPTURE_RETRYING);
		assert_int_equal(machine.retries, n + 1);
		assert_string_equal(machine.reason, "because");
		assert_int_equal(machine.retry_at_us - now_us, delays_s[n] * SECOND_US);
		now_us = machine.retry_at_us;
		capture_machine_move(&machine, CAPTURE_STARTING, now_us);
		assert_string_equal(machine.reason, "");
	}
}

static void work_that_lasted_begins_with_the_first_delay(void **state)
{
	struct capture_machine machine = machine_in(CAPTURE_STARTING, -1);
	struct error err = error_of(ERROR_CONNECTION);
	(void)state;
	machine.retries = 2;            /* the next delay is 4 s */
	capture_machine_move(&machine, CAPTURE_STREAMING, 0);
	capture_machine_fail(&machine, &err, 4 * SECOND_US - 1);
	assert_int_equal(machine.retries, 3);
	machine = machine_in(CAPTURE_STARTING, -1);
	machine.retries = 2;
	capture_machine_move(&machine, CAPTURE_STREAMING, 0);
	capture_machine_fail(&machine, &err, 4 * SECOND_US);
	assert_int_equal(machine.retries, 1);
	assert_int_equal(machine.retry_at_us, 5 * SECOND_US);
	/* Waiting long for a connection is no work. */
	machine = machine_in(CAPTURE_STARTING, -1);
	machine.retries = 2;
	capture_machine_fail(&machine, &err, 100 * SECOND_US);
	assert_int_equal(machine.retries, 3);
}

static void what_retrying_cannot_mend_fails_at_once(void **state)
{
	struct error gap = error_of(ERROR_GAP), memory = error_of(ERROR_MEMORY);
	struct capture_machine machine = machine_in(CAPTURE_STREAMING, -1);
	(void)state;
	capture_machine_fail(&machine, &gap, 0);
	assert_int_equal(machine.state, CAPTURE_FAILED);
	assert_string_equal(machine.reason, "because");
	machine = machine_in(CAPTURE_STREAMING, -1);
	capture_machine_fail(&machine, &memory, 0);
	assert_int_equal(machine.state, CAPTURE_RETRYING);
}

static void retries_that_are_used_up_fail(void **state)
{
	struct capture_machine machine = machine_in(CAPTURE_STARTING, 2);
	struct error err = error_of(ERROR_CONNECTION);
	(void)state;
	for (int n = 0; n < 2; n++) {
		capture_machine_fail(&machine, &err, 0);
		assert_int_equal(machine.state, CAPTURE_RETRYING);
		capture_machine_move(&machine, CAPTURE_STARTING, 0);
	}
	capture_machine_fail(&machine, &err, 0);
	assert_int_equal(machine.state, CAPTURE_FAILED);
	capture_machine_obey(&machine, CAPTURE_COMMAND_RESTART, 0);
	assert_int_equal(machine.state, CAPTURE_STARTING);
	assert_int_equal(machine.retries, 0);
	machine = machine_in(CAPTURE_STARTING, 0);
	capture_machine_fail(&machine, &err, 0);
	assert_int_equal(machine.state, CAPTURE_FAILED);
}

static void commands_lead_where_they_say(void **state)
{
	static const struct { enum capture_command command; const char *states; } commands[] = {
		/* from STARTING, SNAPSHOT, …, DONE */
		{ CAPTURE_COMMAND_NONE, "1234567" },
		{ CAPTURE_COMMAND_PAUSE, "5555555" },
		{ CAPTURE_COMMAND_RESUME, "1234167" },
		{ CAPTURE_COMMAND_RESTART, "1111111" },
		{ CAPTURE_COMMAND_STOP, "8888888" },
	};
	(void)state;
	for (size_t n = 0; n < sizeof(commands) / sizeof(commands[0]); n++)
		for (int from = 1; from <= 7; from++) {
			struct capture_machine machine = machine_in((enum capture_state)from, -1);
			capture_machine_obey(&machine, commands[n].command, 0);
			assert_int_equal(machine.state, commands[n].states[from - 1] - '0');
		}
}

static void commands_that_wait_are_merged(void **state)
{
	enum { NONE = CAPTURE_COMMAND_NONE, PAUSE = CAPTURE_COMMAND_PAUSE,
	       RESUME = CAPTURE_COMMAND_RESUME, RESTART = CAPTURE_COMMAND_RESTART,
	       REMOVE = CAPTURE_COMMAND_REMOVE, STOP = CAPTURE_COMMAND_STOP };
	static const int merges[][3] = {
		{ NONE, PAUSE, PAUSE }, { PAUSE, RESTART, RESTART }, { PAUSE, RESUME, RESTART },
		{ NONE, RESUME, RESUME }, { RESUME, PAUSE, PAUSE }, { RESTART, RESUME, RESTART },
		{ REMOVE, PAUSE, REMOVE }, { REMOVE, STOP, STOP }, { STOP, PAUSE, STOP },
		{ STOP, REMOVE, STOP }, { PAUSE, REMOVE, REMOVE },
	};
	(void)state;
	for (size_t n = 0; n < sizeof(merges) / sizeof(merges[0]); n++)
		assert_int_equal(capture_command_merge((enum capture_command)merges[n][0],
						       (enum capture_command)merges[n][1]),
				 merges[n][2]);
	assert_false(capture_command_interrupts(CAPTURE_COMMAND_NONE));
	assert_false(capture_command_interrupts(CAPTURE_COMMAND_RESUME));
	assert_true(capture_command_interrupts(CAPTURE_COMMAND_PAUSE));
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(capture_state_name(CAPTURE_STARTING), "starting");
	assert_string_equal(capture_state_name(CAPTURE_STOPPED), "stopped");
	assert_string_equal(capture_state_name((enum capture_state)99), "unknown");
}

#define RUN(test) cmocka_unit_test(test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(every_allowed_move_is_in_the_table),
		RUN(paused_source_begins_paused),
		RUN(delays_double_up_to_the_most),
		RUN(work_that_lasted_begins_with_the_first_delay),
		RUN(what_retrying_cannot_mend_fails_at_once),
		RUN(retries_that_are_used_up_fail),
		RUN(commands_lead_where_they_say),
		RUN(commands_that_wait_are_merged),
		RUN(states_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
