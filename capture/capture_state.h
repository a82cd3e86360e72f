#ifndef CAPTURE_CAPTURE_STATE_H
#define CAPTURE_CAPTURE_STATE_H

#include "capture/capture.h"
#include "protocol/error.h"

#include <stdbool.h>

/* What state a source is in, and what comes next: a table of allowed moves and the delays
 * between retries.  Pure: the time is passed in (µs of a clock that only goes on). */
struct capture_machine {
	int64_t retry_delay_us;         /* the first; each next is twice as long, */
	int64_t retry_delay_max_us;     /* up to this */
	int64_t retries_max;            /* -1: for ever */

	enum capture_state state;
	int64_t since_us;
	uint32_t retries;               /* since it last worked */
	int64_t retry_at_us;            /* while RETRYING */
	char reason[ERROR_TEXT_BYTES];  /* of RETRYING and FAILED; else "" */
};

/* In state STARTING, or PAUSED. */
void capture_machine_init(struct capture_machine *machine, const struct source_settings *settings,
			  bool is_paused, int64_t now_us);

bool capture_machine_may(enum capture_state from, enum capture_state to);

/* A move that is not allowed is a programmer's mistake. */
void capture_machine_move(struct capture_machine *machine, enum capture_state to, int64_t now_us);

/* What it did has failed: RETRYING where that may help and more retries are left, else
 * FAILED.  Whoever worked for longer than it would wait now begins with the first delay. */
void capture_machine_fail(struct capture_machine *machine, const struct error *err,
			  int64_t now_us);

/* What somebody has asked for. */
enum capture_command {
	CAPTURE_COMMAND_NONE,
	CAPTURE_COMMAND_PAUSE,
	CAPTURE_COMMAND_RESUME,
	CAPTURE_COMMAND_RESTART,
	CAPTURE_COMMAND_REMOVE,
	CAPTURE_COMMAND_STOP,           /* nothing takes its place */
};

/* Of two that nobody has looked at yet, what remains. */
enum capture_command capture_command_merge(enum capture_command waiting,
					   enum capture_command next);

/* Must the work at hand end because of it? */
bool capture_command_interrupts(enum capture_command command);

/* Act on a command while no work is at hand.  A restart forgets the retries. */
void capture_machine_obey(struct capture_machine *machine, enum capture_command command,
			  int64_t now_us);

#endif
