#include "client/command_output.h"

#include "client/command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t signal_number;     /* 0: none came */
static int write_errno;                         /* of the first write that failed */

static void on_signal(int number)
{
	signal_number = number;
}

static void catch(int number)
{
	struct sigaction before, action = { .sa_flags = (int)SA_RESETHAND };
	action.sa_handler = on_signal;
	sigemptyset(&action.sa_mask);
	/* Who starts a program in the background may have it ignore ^C. */
	if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(number, &action, NULL);
}

void command_output_begin(void)
{
	catch(SIGINT);
	catch(SIGTERM);
	signal(SIGPIPE, SIG_IGN);
}

static int write_all(const char *at, size_t size)
{
	while (size > 0) {
		ssize_t written = write(STDOUT_FILENO, at, size);
		if (written < 0 && errno == EINTR && signal_number == 0)
			continue;
		if (written < 0) {
			if (errno != EINTR)
				write_errno = errno;
			return -1;
		}
		at += written;
		size -= (size_t)written;
	}
	return 0;
}

int command_output_write(struct text *text)
{
	int rc = -1;
	if (text_check(text, NULL) != 0)
		write_errno = ENOMEM;
	else if (write_errno == 0)
		rc = write_all(text->buffer.data, text->buffer.size);
	text_empty(text);
	return rc;
}

bool command_output_is_wanted(void)
{
	return write_errno == 0 && signal_number == 0;
}

bool command_output_has_reader(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };
	if (poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0)
		write_errno = EPIPE;
	return write_errno == 0;
}

/* Does not come back. */
static void end_by(int number)
{
	signal(number, SIG_DFL);
	raise(number);
}

int command_output_end(int status)
{
	errno = 0;
	if (write_errno == 0 && fflush(stdout) != 0)
		write_errno = errno != 0 ? errno : EIO;
	if (signal_number != 0)
		end_by(signal_number);
	if (write_errno == EPIPE)
		end_by(SIGPIPE);
	if (write_errno == 0)
		return status;
	command_failed(NULL, "write the output: %s", strerror(write_errno));
	return COMMAND_FAILED;
}
