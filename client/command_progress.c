#include "client/command_progress.h"

#include "client/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define FIRST_US 1000000
#define EVERY_US 250000

void command_progress_begin(struct command_progress *progress, const char *verb, bool writes_data)
{
	int64_t now_us = command_now_us();
	bool is_torn = writes_data && isatty(STDOUT_FILENO) != 0;
	*progress = (struct command_progress){
		.is_shown = isatty(STDERR_FILENO) != 0 && !is_torn,
		.begin_us = now_us,
		.next_us = now_us + FIRST_US,
		.verb = verb,
	};
}

void command_progress_step(struct command_progress *progress, uint64_t done, uint64_t total)
{
	if (!progress->is_shown || (done & 63) != 0)
		return;
	int64_t now_us = command_now_us();
	if (now_us < progress->next_us)
		return;
	progress->next_us = now_us + EVERY_US;
	double per_s = (double)done * 1e6 / (double)(now_us - progress->begin_us);
	fprintf(stderr, "\r%s %" PRIu64, progress->verb, done);
	if (total > 0)
		fprintf(stderr, " of %" PRIu64, total);
	fprintf(stderr, ", %.0f/s", per_s);
	if (total > done && per_s > 0)
		fprintf(stderr, ", %.0f s left", (double)(total - done) / per_s);
	fputs("\033[K", stderr);
	progress->is_on_screen = true;
}

void command_progress_hide(struct command_progress *progress)
{
	if (progress->is_on_screen)
		fputs("\r\033[K", stderr);
	progress->is_on_screen = false;
}
