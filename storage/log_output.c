#include "storage/log_output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_BUFFER_BYTES (64u * 1024)

static volatile sig_atomic_t is_interrupted;
static int write_errno;         /* of the first write that failed */

static void on_interrupt(int signal)
{
	(void)signal;
	is_interrupted = 1;
}

void log_output_begin(void)
{
	/* SA_RESTART: stdio takes an interrupted write for a failed one. */
	struct sigaction before, action = { .sa_flags = SA_RESTART | (int)SA_RESETHAND };
	action.sa_handler = on_interrupt;
	sigemptyset(&action.sa_mask);
	/* Who starts a program in the background may have it ignore ^C. */
	if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(SIGINT, &action, NULL);
	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER_BYTES);
}

static void remember_failure(void)
{
	if (write_errno == 0)
		write_errno = errno != 0 ? errno : EIO;
}

int log_output_write(struct text *text, struct error *err)
{
	int rc = text_check(text, err);
	errno = 0;
	if (rc == 0 && write_errno == 0 && text->buffer.size > 0 &&
	    fwrite(text->buffer.data, text->buffer.size, 1, stdout) != 1)
		remember_failure();
	text_empty(text);
	return rc;
}

bool log_output_is_wanted(void)
{
	return write_errno == 0 && !is_interrupted;
}

/* Does not come back. */
static void end_by(int signal_number)
{
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

int log_output_end(int status)
{
	errno = 0;
	if (write_errno == 0 && fflush(stdout) != 0)
		remember_failure();
	if (is_interrupted)
		end_by(SIGINT);
	if (write_errno == EPIPE)
		end_by(SIGPIPE);
	if (write_errno == 0)
		return status;
	struct error err = { 0 };
	error_set(&err, ERROR_IO, "write the output: %s", strerror(write_errno));
	fprintf(stderr, "millstream-log: %s\n", err.text);
	return error_exit_status(err.code);
}
