#include "client/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SERVER_DEFAULT "127.0.0.1:7470"

static void say(const struct command *command, const char *format, va_list arguments)
{
	fflush(stdout);
	fputs("millstream", stderr);
	if (command != NULL)
		fprintf(stderr, " %s%s%s", command->noun, command->verb != NULL ? " " : "",
			command->verb != NULL ? command->verb : "");
	fputs(": ", stderr);
	vfprintf(stderr, format, arguments);
}

int command_failed(const struct command *command, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	say(command, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return COMMAND_FAILED;
}

void command_tell(const struct command *command, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	say(command, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

int command_call_failed(const struct command *command, const struct millstream_client *client,
			const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	say(command, format, arguments);
	va_end(arguments);
	fprintf(stderr, ": %s\n", millstream_error_text(client));
	return COMMAND_FAILED;
}

const char *command_server(const struct command_arguments *arguments)
{
	const char *url = arguments->server != NULL ? arguments->server : getenv("MILLSTREAM_URL");
	return url != NULL && url[0] != '\0' ? url : SERVER_DEFAULT;
}

int command_connect(const struct command_arguments *arguments,
		    const struct millstream_options *options, struct millstream_client **out)
{
	static const struct millstream_options plain = { .client_name = "millstream/" PACKAGE_VERSION };
	const struct command *command = arguments->command;
	const char *url = command_server(arguments);
	struct millstream_client *client = NULL;
	int code = millstream_open(url, options != NULL ? options : &plain, &client);

	if (code == MILLSTREAM_INVALID) {
		command_failed(command, "'%s' is no server: HOST:PORT or millstream://HOST:PORT "
					"(-s, MILLSTREAM_URL)", url);
		return COMMAND_USAGE;
	}
	if (code != MILLSTREAM_OK)
		return command_failed(command, "%s", millstream_code_text(code));
	if (millstream_connect(client, COMMAND_ANSWER_MS) == MILLSTREAM_OK) {
		*out = client;
		return COMMAND_DONE;
	}
	command_call_failed(command, client, "no connection to %s", url);
	fputs("Is millstreamd running there?  -s HOST:PORT or MILLSTREAM_URL names another server.\n",
	      stderr);
	millstream_close(client);
	return COMMAND_FAILED;
}

int64_t command_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
