#include "server/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/log_repeat.h"

/* A clock that stands: 2026-01-31T13:05:00Z. */
static int64_t wall_us(void)
{
	return INT64_C(1769864700000000);
}

static int64_t now_ms;
static int64_t monotonic_ms(void)
{
	return now_ms;
}

static int fds[2];

static struct log_options options_for(enum log_level level)
{
	return (struct log_options){ .fd = fds[1], .level = level, .wall_us = wall_us,
				     .monotonic_ms = monotonic_ms };
}

static int open_pipe(void **state)
{
	(void)state;
	now_ms = 0;
	return pipe(fds);
}

static int close_pipe(void **state)
{
	(void)state;
	log_open(&(struct log_options){ .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO });
	close(fds[0]);
	return close(fds[1]);
}

/* What was written since the last call. */
static const char *written(void)
{
	static char text[100000];
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	size_t size = 0;
	ssize_t n;
	while ((n = read(fds[0], text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)n;
	text[size] = '\0';
	return text;
}

static void lines_up_to_the_level_are_written(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_WARNING);
	(void)state;
	log_open(&options);
	log_error("an error %d", 1);
	log_warning("a warning");
	log_info("an info");
	log_debug("a debug");
	assert_string_equal(written(), "time=2026-01-31T13:05:00.000Z level=error msg=\"an error 1\"\n"
				       "time=2026-01-31T13:05:00.000Z level=warning msg=\"a warning\"\n");
	assert_true(log_is_enabled(LOG_LEVEL_WARNING));
	assert_false(log_is_enabled(LOG_LEVEL_INFO));
}

static void level_and_format_can_change_while_running(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_ERROR);
	(void)state;
	log_open(&options);
	log_set(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	log_write(LOG_LEVEL_DEBUG, LOG_FIELDS(LOG_TEXT("topic", "a"), LOG_NUMBER("n", 3)), "batch");
	assert_string_equal(written(), "{\"time\":\"2026-01-31T13:05:00.000Z\",\"level\":\"debug\","
				       "\"msg\":\"batch\",\"topic\":\"a\",\"n\":3}\n");
}

static void journal_gets_a_priority_in_front(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_DEBUG);
	(void)state;
	options.has_priorities = true;
	log_open(&options);
	log_error("e");
	log_warning("w");
	log_info("i");
	log_debug("d");
	assert_string_equal(written(), "<3>time=2026-01-31T13:05:00.000Z level=error msg=e\n"
				       "<4>time=2026-01-31T13:05:00.000Z level=warning msg=w\n"
				       "<6>time=2026-01-31T13:05:00.000Z level=info msg=i\n"
				       "<7>time=2026-01-31T13:05:00.000Z level=debug msg=d\n");
}

static void journal_is_known_by_device_and_inode(void **state)
{
	struct stat status;
	char text[64];
	(void)state;
	assert_int_equal(fstat(fds[1], &status), 0);
	unsetenv("JOURNAL_STREAM");
	assert_false(log_is_journal(fds[1]));
	snprintf(text, sizeof(text), "%lu:%lu", (unsigned long)status.st_dev, (unsigned long)status.st_ino);
	setenv("JOURNAL_STREAM", text, 1);
	assert_true(log_is_journal(fds[1]));
	assert_false(log_is_journal(-1));
	snprintf(text, sizeof(text), "%lu:%lu", (unsigned long)status.st_dev,
		 (unsigned long)status.st_ino + 1);
	setenv("JOURNAL_STREAM", text, 1);
	assert_false(log_is_journal(fds[1]));
	setenv("JOURNAL_STREAM", "nonsense", 1);
	assert_false(log_is_journal(fds[1]));
	unsetenv("JOURNAL_STREAM");
}

static size_t count_lines(const char *text)
{
	size_t count = 0;
	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static void lines_of_one_place_are_held_back_and_told_later(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_INFO);
	(void)state;
	log_open(&options);
	for (int n = 0; n < 600; n++)
		log_warning("cannot accept number %d", n);
	assert_int_equal(count_lines(written()), LOG_REPEAT_BURST);
	log_info("another place");
	assert_int_equal(count_lines(written()), 1);
	log_tick(false);
	assert_string_equal(written(), "");
	now_ms = LOG_REPEAT_WINDOW_MS;
	log_tick(false);
	assert_string_equal(written(), "time=2026-01-31T13:05:00.000Z level=warning msg=\"cannot accept "
				       "number 599 (repeated 590 times in 10 s)\"\n");
	log_tick(true);
	assert_string_equal(written(), "");
}

static void end_of_the_program_tells_of_lines_held_back(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_INFO);
	(void)state;
	log_open(&options);
	for (int n = 0; n < LOG_REPEAT_BURST + 2; n++)
		log_info("again");
	written();
	now_ms = 1000;
	log_tick(true);
	assert_non_null(strstr(written(), "again (repeated 2 times in 1 s)"));
}

static void debug_lines_are_never_held_back(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_DEBUG);
	(void)state;
	log_open(&options);
	for (int n = 0; n < 100; n++)
		log_debug("batch");
	assert_int_equal(count_lines(written()), 100);
}

static void full_pipe_drops_lines_and_tells_how_many(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_DEBUG);
	size_t whole;
	(void)state;
	log_open(&options);
	/* Nobody reads: were it to wait, this test would not come back. */
	for (int n = 0; n < 5000; n++)
		log_debug("%0100d", n);
	whole = count_lines(written());
	assert_in_range(whole, 10, 4999);
	log_debug("there is room again");
	char expected[256];
	snprintf(expected, sizeof(expected),
		 "time=2026-01-31T13:05:00.000Z level=warning msg=\"%zu lines of this log are missing here: "
		 "they could not be written at once\"\n"
		 "time=2026-01-31T13:05:00.000Z level=debug msg=\"there is room again\"\n", 5000 - whole);
	assert_string_equal(written(), expected);
	log_tick(true);
	assert_string_equal(written(), "");
}

static void dropped_lines_are_told_by_the_tick(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_DEBUG);
	(void)state;
	log_open(&options);
	for (int n = 0; n < 5000; n++)
		log_debug("%0100d", n);
	written();
	log_tick(false);
	assert_non_null(strstr(written(), "lines of this log are missing here"));
}

static void errno_survives_a_line(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_INFO);
	(void)state;
	options.fd = open("/dev/full", O_WRONLY);
	log_open(&options);
	errno = EAGAIN;
	log_info("x");
	assert_int_equal(errno, EAGAIN);
	log_tick(true);
	assert_int_equal(errno, EAGAIN);
	close(options.fd);
}

#define THREADS 4
#define LINES   500

static void *write_lines(void *user)
{
	for (int n = 0; n < LINES; n++)
		log_debug("thread %d line %d %0200d", *(int *)user, n, 0);
	return NULL;
}

static void lines_of_several_threads_are_whole(void **state)
{
	struct log_options options = options_for(LOG_LEVEL_DEBUG);
	char path[] = "/tmp/test_log.XXXXXX", line[LOG_LINE_BYTES_MAX];
	pthread_t threads[THREADS];
	int numbers[THREADS], next[THREADS] = { 0 }, thread, number;
	(void)state;
	options.fd = mkstemp(path);
	assert_true(options.fd >= 0);
	FILE *file = fopen(path, "r");
	unlink(path);
	log_open(&options);
	for (int n = 0; n < THREADS; n++) {
		numbers[n] = n;
		assert_int_equal(pthread_create(&threads[n], NULL, write_lines, &numbers[n]), 0);
	}
	for (int n = 0; n < THREADS; n++)
		pthread_join(threads[n], NULL);
	for (int n = 0; n < THREADS * LINES; n++) {
		assert_non_null(fgets(line, sizeof(line), file));
		assert_int_equal(strlen(line), strchr(line, '\n') - line + 1);
		assert_int_equal(sscanf(strstr(line, "thread "), "thread %d line %d", &thread, &number), 2);
		assert_int_equal(number, next[thread]++);
	}
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
	close(options.fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pipe, close_pipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_up_to_the_level_are_written),
		TEST(level_and_format_can_change_while_running),
		TEST(journal_gets_a_priority_in_front),
		TEST(journal_is_known_by_device_and_inode),
		TEST(lines_of_one_place_are_held_back_and_told_later),
		TEST(end_of_the_program_tells_of_lines_held_back),
		TEST(debug_lines_are_never_held_back),
		TEST(full_pipe_drops_lines_and_tells_how_many),
		TEST(dropped_lines_are_told_by_the_tick),
		TEST(errno_survives_a_line),
		TEST(lines_of_several_threads_are_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
