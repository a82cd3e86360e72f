#include "client/code.h"

#include "client/millstream.h"

#include <stddef.h>

int code_of(enum error_code code)
{
	switch (code) {
	case ERROR_NONE: return MILLSTREAM_OK;
	case ERROR_MEMORY: return MILLSTREAM_MEMORY;
	case ERROR_CORRUPT: return MILLSTREAM_DAMAGED;
	case ERROR_DISK_FULL: return MILLSTREAM_DISK_FULL;
	case ERROR_LIMIT: return MILLSTREAM_TOO_LARGE;
	case ERROR_INVALID: return MILLSTREAM_INVALID;
	case ERROR_NOT_FOUND: return MILLSTREAM_NOT_FOUND;
	case ERROR_EXISTS: return MILLSTREAM_EXISTS;
	case ERROR_FORMAT_VERSION:
	case ERROR_UNSUPPORTED:
	case ERROR_VERSION: return MILLSTREAM_UNSUPPORTED;
	case ERROR_OFFSET_OUT_OF_RANGE: return MILLSTREAM_OUT_OF_RANGE;
	case ERROR_QUEUE_FULL:
	case ERROR_BUSY: return MILLSTREAM_BUSY;
	case ERROR_NOT_OWNER: return MILLSTREAM_NOT_OWNER;
	case ERROR_DENIED: return MILLSTREAM_DENIED;
	case ERROR_TIMEOUT: return MILLSTREAM_TIMEOUT;
	case ERROR_STOPPED:
	case ERROR_CONNECTION:
	case ERROR_SHUTDOWN: return MILLSTREAM_DISCONNECTED;
	case ERROR_MALFORMED:
	case ERROR_IO:
	case ERROR_LOCKED:
	case ERROR_OUT_OF_SEQUENCE:
	case ERROR_GAP:
	case ERROR_UNEXPECTED: return MILLSTREAM_SERVER;
	}
	return MILLSTREAM_SERVER;
}

MILLSTREAM_API const char *millstream_code_text(int code)
{
	static const char *const texts[] = {
		[MILLSTREAM_OK] = "done",
		[MILLSTREAM_TIMEOUT] = "not in the time given",
		[MILLSTREAM_DISCONNECTED] = "not connected",
		[MILLSTREAM_NOT_FOUND] = "not found",
		[MILLSTREAM_OUT_OF_RANGE] = "the offset is not in the log",
		[MILLSTREAM_DAMAGED] = "stored data is damaged",
		[MILLSTREAM_DENIED] = "not allowed",
		[MILLSTREAM_INVALID] = "an argument is wrong",
		[MILLSTREAM_EXISTS] = "already exists",
		[MILLSTREAM_MEMORY] = "out of memory",
		[MILLSTREAM_SERVER] = "the server failed",
		[MILLSTREAM_DISK_FULL] = "the server's disk is full",
		[MILLSTREAM_CLOSED] = "closed",
		[MILLSTREAM_TOO_LARGE] = "too large or too many",
		[MILLSTREAM_BUSY] = "no room now",
		[MILLSTREAM_NOT_OWNER] = "the topic has another writer",
		[MILLSTREAM_UNSUPPORTED] = "not supported by the other side",
	};

	if (code < 0 || (size_t)code >= sizeof(texts) / sizeof(texts[0]))
		return "a code that is not known here";
	return texts[code];
}

MILLSTREAM_API const char *millstream_version(void)
{
	return PACKAGE_VERSION;
}
