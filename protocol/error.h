#ifndef PROTOCOL_ERROR_H
#define PROTOCOL_ERROR_H

#include <stdbool.h>

/* Every way Millstream can fail: name, number, worth retrying?, plain words.
 * Numbers go over the wire and into scripts: they are never changed or reused.
 * Retryable means that the same call may succeed later, with nothing repaired
 * by hand in between. */
#define ERROR_CODES(X)                                                              \
	X(MEMORY, 1, false, "out of memory")                                        \
	X(MALFORMED, 2, false, "bytes do not follow the format")                    \
	X(CORRUPT, 3, false, "stored data is damaged")                              \
	X(DISK_FULL, 4, true, "no room on the disk")                                \
	X(IO, 5, false, "the disk failed")                                          \
	X(LIMIT, 6, false, "too large, too deep or too many")                       \
	X(INVALID, 7, false, "a request or configuration value is wrong")           \
	X(NOT_FOUND, 8, false, "not found")                                         \
	X(EXISTS, 9, false, "already exists")                                       \
	X(LOCKED, 10, false, "another process has the data directory open")         \
	X(FORMAT_VERSION, 11, false, "the data has a format this version cannot read") \
	X(UNSUPPORTED, 12, false, "not supported")                                  \
	X(OFFSET_OUT_OF_RANGE, 13, false, "the offset is not in the log")           \
	X(QUEUE_FULL, 14, true, "the queue is full")                                \
	X(STOPPED, 15, true, "the appender has stopped")                            \
	X(NOT_OWNER, 16, false, "the topic has another writer")                     \
	X(OUT_OF_SEQUENCE, 17, false, "the producer's sequence has a gap")          \
	X(VERSION, 18, false, "the two sides speak no version of the protocol in common") \
	X(UNEXPECTED, 19, false, "a frame that is not allowed now")                 \
	X(DENIED, 20, false, "not allowed to this user")                            \
	X(TIMEOUT, 21, true, "it took too long")                                    \
	X(BUSY, 22, true, "too much at once")                                       \
	X(CONNECTION, 23, true, "the connection failed")                            \
	X(SHUTDOWN, 24, true, "the server is stopping")                             \
	X(GAP, 25, false, "what comes next is gone at the source")

enum error_code {
	ERROR_NONE = 0,
#define X(name, number, retryable, words) ERROR_##name = number,
	ERROR_CODES(X)
#undef X
};

enum { ERROR_TEXT_BYTES = 512 };

/* Made by the caller, usually on its stack, as { 0 }; nothing in it is allocated.
 * A function that returned -1 has filled it in; one that did not fail left it alone. */
struct error {
	enum error_code code;
	char text[ERROR_TEXT_BYTES];
};

/* Fill in err (which may be NULL) and return -1, so that a caller can write
 * "return error_set(err, ...)".  The arguments may point into err->text.
 * A text that is too long is cut. */
int error_set(struct error *err, enum error_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " in front of the text, keep the code, return -1.  When the text
 * grows too long, the cause at its end is cut, not the context. */
int error_context(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool error_is_retryable(enum error_code code);

/* Never NULL, also for a number that came over the wire and is not known here. */
const char *error_words(enum error_code code);

/* The exit status of a program that ends because of this error: 0 for
 * ERROR_NONE, 74 (EX_IOERR of sysexits.h) for ERROR_IO, else 1.  Programs decide
 * on 64 and 78 themselves: only they know that the command line or the
 * configuration is to blame. */
int error_exit_status(enum error_code code);

#endif
