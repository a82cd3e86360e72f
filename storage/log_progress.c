#include "storage/log_progress.h"

#include "storage/log_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Before that a rate says nothing. */
#define RATE_AFTER_US 500000

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void log_progress_begin(struct log_progress *progress, const char *verb)
{
	*progress = (struct log_progress){
		.is_shown = isatty(STDERR_FILENO) != 0,
		.begin_us = now_us(),
		.verb = verb,
	};
	text_init(&progress->text);
}

static void add_duration(struct text *text, uint64_t seconds)
{
	if (seconds < 100)
		text_add_format(text, "%" PRIu64 " s", seconds);
	else if (seconds < 100 * 60)
		text_add_format(text, "%" PRIu64 " min", (seconds + 30) / 60);
	else
		text_add_format(text, "%" PRIu64 " h", (seconds + 1800) / 3600);
}

void log_progress_words(struct text *text, const char *verb, uint64_t bytes_done,
			uint64_t bytes_total, int64_t elapsed_us)
{
	if (bytes_total < bytes_done)
		bytes_total = bytes_done;
	text_add_format(text, "%s ", verb);
	log_text_size(text, bytes_done);
	text_add_string(text, " of ");
	log_text_size(text, bytes_total);
	if (bytes_total > 0)
		text_add_format(text, " (%d%%)", (int)(100 * (double)bytes_done / (double)bytes_total));
	if (elapsed_us < RATE_AFTER_US || bytes_done == 0)
		return;
	double bytes_per_s = (double)bytes_done * 1e6 / (double)elapsed_us;
	text_add_string(text, ", ");
	log_text_size(text, (uint64_t)bytes_per_s);
	text_add_string(text, "/s, ");
	add_duration(text, (uint64_t)((double)(bytes_total - bytes_done) / bytes_per_s + 0.5));
	text_add_string(text, " left");
}

void log_progress_show(struct log_progress *progress, uint64_t bytes_done, uint64_t bytes_total)
{
	if (!progress->is_shown)
		return;
	struct text *text = &progress->text;
	text_add_byte(text, '\r');
	log_progress_words(text, progress->verb, bytes_done, bytes_total,
			   now_us() - progress->begin_us);
	text_add_string(text, "\033[K");        /* what the line before was longer */
	if (text_check(text, NULL) == 0) {
		fwrite(text->buffer.data, text->buffer.size, 1, stderr);
		progress->is_on_screen = true;
	}
	text_empty(text);
}

void log_progress_hide(struct log_progress *progress)
{
	if (progress->is_on_screen)
		fputs("\r\033[K", stderr);
	progress->is_on_screen = false;
}

void log_progress_end(struct log_progress *progress)
{
	log_progress_hide(progress);
	text_clear(&progress->text);
}
