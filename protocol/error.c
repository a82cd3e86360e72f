#include "protocol/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
	char text[ERROR_TEXT_BYTES];
	va_list arguments;

	if (err == NULL)
		return -1;
	va_start(arguments, format);
	if (vsnprintf(text, sizeof(text), format, arguments) < 0)
		text[0] = '\0';
	va_end(arguments);
	err->code = code;
	memcpy(err->text, text, sizeof(text));
	return -1;
}

int error_context(struct error *err, const char *format, ...)
{
	char context[ERROR_TEXT_BYTES];
	char cause[ERROR_TEXT_BYTES];
	va_list arguments;

	if (err == NULL)
		return -1;
	va_start(arguments, format);
	if (vsnprintf(context, sizeof(context), format, arguments) < 0)
		context[0] = '\0';
	va_end(arguments);
	memcpy(cause, err->text, sizeof(cause));
	if (snprintf(err->text, sizeof(err->text), "%s: %s", context, cause) < 0)
		err->text[0] = '\0';
	return -1;
}

bool error_is_retryable(enum error_code code)
{
	switch (code) {
	case ERROR_NONE:
		return false;
#define X(name, number, retryable, words) \
	case ERROR_##name:                \
		return retryable;
	ERROR_CODES(X)
#undef X
	}
	return false;
}

const char *error_words(enum error_code code)
{
	switch (code) {
	case ERROR_NONE:
		return "no error";
#define X(name, number, retryable, words) \
	case ERROR_##name:                \
		return words;
	ERROR_CODES(X)
#undef X
	}
	return "unknown error";
}

int error_exit_status(enum error_code code)
{
	if (code == ERROR_NONE)
		return EX_OK;
	return code == ERROR_IO ? EX_IOERR : 1;
}
