#include "capture/capture_state.h"

#include "capture/source_settings.h"

#include <assert.h>
#include <stdio.h>

#define BIT(state) (1u << CAPTURE_##state)

static const unsigned int allowed_moves[] = {
	[CAPTURE_STARTING] = BIT(STARTING) | BIT(SNAPSHOT) | BIT(STREAMING) | BIT(RETRYING) |
			     BIT(PAUSED) | BIT(FAILED) | BIT(DONE) | BIT(STOPPED),
	[CAPTURE_SNAPSHOT] = BIT(STARTING) | BIT(STREAMING) | BIT(RETRYING) | BIT(PAUSED) |
			     BIT(FAILED) | BIT(DONE) | BIT(STOPPED),
	[CAPTURE_STREAMING] = BIT(STARTING) | BIT(RETRYING) | BIT(PAUSED) | BIT(FAILED) | BIT(STOPPED),
	[CAPTURE_RETRYING] = BIT(STARTING) | BIT(PAUSED) | BIT(FAILED) | BIT(STOPPED),
	[CAPTURE_PAUSED] = BIT(STARTING) | BIT(FAILED) | BIT(STOPPED),
	[CAPTURE_FAILED] = BIT(STARTING) | BIT(PAUSED) | BIT(FAILED) | BIT(STOPPED),
	[CAPTURE_DONE] = BIT(STARTING) | BIT(PAUSED) | BIT(FAILED) | BIT(STOPPED),
	[CAPTURE_STOPPED] = 0,
};

const char *capture_state_name(enum capture_state state)
{
	switch (state) {
#define X(name, number, words) case CAPTURE_##name: return words;
	CAPTURE_STATES(X)
#undef X
	}
	return "unknown";
}

void capture_machine_init(struct capture_machine *machine, const struct source_settings *settings,
			  bool is_paused, int64_t now_us)
{
	*machine = (struct capture_machine){
		.retry_delay_us = settings->retry_delay_ms * 1000,
		.retry_delay_max_us = settings->retry_delay_max_ms * 1000,
		.retries_max = settings->retries_max,
		.state = is_paused ? CAPTURE_PAUSED : CAPTURE_STARTING,
		.since_us = now_us,
	};
}

bool capture_machine_may(enum capture_state from, enum capture_state to)
{
	return (allowed_moves[from] & (1u << to)) != 0;
}

void capture_machine_move(struct capture_machine *machine, enum capture_state to, int64_t now_us)
{
	assert(capture_machine_may(machine->state, to));
	machine->state = to;
	machine->since_us = now_us;
	machine->reason[0] = '\0';
}

static int64_t next_delay_us(const struct capture_machine *machine)
{
	int64_t delay_us = machine->retry_delay_us;
	for (uint32_t n = 0; n < machine->retries && delay_us < machine->retry_delay_max_us; n++)
		delay_us *= 2;
	return delay_us < machine->retry_delay_max_us ? delay_us : machine->retry_delay_max_us;
}

static bool has_worked(const struct capture_machine *machine, int64_t now_us)
{
	return (machine->state == CAPTURE_STREAMING || machine->state == CAPTURE_SNAPSHOT) &&
	       now_us - machine->since_us >= next_delay_us(machine);
}

/* Memory may be had again later, whatever else fails for want of it. */
static bool may_help(const struct error *err)
{
	return error_is_retryable(err->code) || err->code == ERROR_MEMORY;
}

void capture_machine_fail(struct capture_machine *machine, const struct error *err,
			  int64_t now_us)
{
	if (has_worked(machine, now_us))
		machine->retries = 0;
	bool retries = may_help(err) && (machine->retries_max < 0 ||
					 (int64_t)machine->retries < machine->retries_max);
	int64_t delay_us = next_delay_us(machine);
	capture_machine_move(machine, retries ? CAPTURE_RETRYING : CAPTURE_FAILED, now_us);
	snprintf(machine->reason, sizeof(machine->reason), "%s", err->text);
	if (!retries)
		return;
	machine->retries++;
	machine->retry_at_us = now_us + delay_us;
}

enum capture_command capture_command_merge(enum capture_command waiting,
					   enum capture_command next)
{
	if (waiting == CAPTURE_COMMAND_STOP || next == CAPTURE_COMMAND_STOP)
		return CAPTURE_COMMAND_STOP;
	if (waiting == CAPTURE_COMMAND_REMOVE)
		return waiting;
	/* Paused and at once resumed: the work that the pause may have ended begins again. */
	if (next == CAPTURE_COMMAND_RESUME && capture_command_interrupts(waiting))
		return CAPTURE_COMMAND_RESTART;
	return next;
}

bool capture_command_interrupts(enum capture_command command)
{
	return command != CAPTURE_COMMAND_NONE && command != CAPTURE_COMMAND_RESUME;
}

void capture_machine_obey(struct capture_machine *machine, enum capture_command command,
			  int64_t now_us)
{
	switch (command) {
	case CAPTURE_COMMAND_NONE:
		return;
	case CAPTURE_COMMAND_PAUSE:
		if (machine->state != CAPTURE_PAUSED)
			capture_machine_move(machine, CAPTURE_PAUSED, now_us);
		return;
	case CAPTURE_COMMAND_RESUME:
		if (machine->state != CAPTURE_PAUSED)
			return;
		machine->retries = 0;
		capture_machine_move(machine, CAPTURE_STARTING, now_us);
		return;
	case CAPTURE_COMMAND_RESTART:
		machine->retries = 0;
		capture_machine_move(machine, CAPTURE_STARTING, now_us);
		return;
	case CAPTURE_COMMAND_REMOVE:
	case CAPTURE_COMMAND_STOP:
		capture_machine_move(machine, CAPTURE_STOPPED, now_us);
		return;
	}
}
