#include "server/log_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* 2026-01-31T13:05:00.123Z */
#define TIME_US INT64_C(1769864700123456)

static const char *line_of(enum log_format format, enum log_level level, const char *message,
			   const struct log_field *fields)
{
	static char line[LOG_LINE_BYTES_MAX + 1];
	memset(line, 0x55, sizeof(line));
	size_t size = log_line_format(line, format, level, TIME_US, message, fields);
	assert_true(size <= LOG_LINE_BYTES_MAX);
	assert_int_equal(line[LOG_LINE_BYTES_MAX], 0x55);
	line[size] = '\0';
	return line;
}

static void logfmt_line_has_its_golden_form(void **state)
{
	(void)state;
	assert_string_equal(line_of(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, "listening on 127.0.0.1:7470", NULL),
			    "time=2026-01-31T13:05:00.123Z level=info msg=\"listening on 127.0.0.1:7470\"\n");
	assert_string_equal(line_of(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARNING, "slow",
				    LOG_FIELDS(LOG_TEXT("peer", "[::1]:4711"), LOG_NUMBER("bytes", 4294967296),
					       LOG_TEXT("name", "a b"), LOG_NUMBER("delta", -5))),
			    "time=2026-01-31T13:05:00.123Z level=warning msg=slow peer=[::1]:4711 "
			    "bytes=4294967296 name=\"a b\" delta=-5\n");
}

static void json_line_has_its_golden_form(void **state)
{
	(void)state;
	assert_string_equal(line_of(LOG_FORMAT_JSON, LOG_LEVEL_ERROR, "ready", NULL),
			    "{\"time\":\"2026-01-31T13:05:00.123Z\",\"level\":\"error\",\"msg\":\"ready\"}\n");
	assert_string_equal(line_of(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG, "slow",
				    LOG_FIELDS(LOG_TEXT("peer", "x=\"y\""), LOG_NUMBER("bytes", -1))),
			    "{\"time\":\"2026-01-31T13:05:00.123Z\",\"level\":\"debug\",\"msg\":\"slow\","
			    "\"peer\":\"x=\\\"y\\\"\",\"bytes\":-1}\n");
}

static void assert_value(const char *text, const char *expected)
{
	char line[512];
	snprintf(line, sizeof(line), "time=2026-01-31T13:05:00.123Z level=info msg=%s\n", expected);
	assert_string_equal(line_of(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, text, NULL), line);
}

static void what_would_break_a_line_is_escaped(void **state)
{
	(void)state;
	assert_value("", "\"\"");
	assert_value("a=b", "\"a=b\"");
	assert_value("say \"hi\"", "\"say \\\"hi\\\"\"");
	assert_value("C:\\x", "\"C:\\\\x\"");
	assert_value("one\ntwo\r\tthree", "\"one\\ntwo\\r\\tthree\"");
	assert_value("\x1b[31m", "\"\\u001b[31m\"");
	assert_value("\x7f", "\"\\u007f\"");
	assert_value("\xc2\x85", "\"\\u0085\"");                        /* C1 */
	assert_value("\xe2\x80\xae", "\"\\u202e\"");                    /* right to left */
	assert_value("Jos\xc3\xa9", "Jos\xc3\xa9");
	assert_value("\xf0\x9f\x8c\x8a", "\xf0\x9f\x8c\x8a");
	assert_value("a\xff\xc3", "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void long_message_ends_with_an_ellipsis(void **state)
{
	char message[5000], *quoted, *end;
	(void)state;
	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	quoted = strstr(line_of(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, message, NULL), "msg=") + 4;
	end = strchr(quoted, '\n');
	assert_int_equal(end - quoted, LOG_MESSAGE_BYTES_MAX);
	assert_memory_equal(end - 5, "x…\"", 5);

	/* What takes more room once escaped is cut earlier. */
	memset(message, '\n', sizeof(message) - 1);
	quoted = strstr(line_of(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, message, NULL), "msg=") + 4;
	end = strchr(quoted, '\n');
	assert_in_range(end - quoted, LOG_MESSAGE_BYTES_MAX - 2, LOG_MESSAGE_BYTES_MAX);
	assert_memory_equal(end - 6, "\\n…\"", 6);
}

static void message_that_just_fits_is_whole(void **state)
{
	char message[LOG_MESSAGE_BYTES_MAX + 1], *quoted;
	(void)state;
	memset(message, ' ', sizeof(message));
	message[LOG_MESSAGE_BYTES_MAX - 2] = '\0';
	quoted = strstr(line_of(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, message, NULL), "msg=") + 4;
	assert_int_equal(strlen(quoted), LOG_MESSAGE_BYTES_MAX + 1);
	assert_null(strstr(quoted, "…"));
}

static void fields_that_no_longer_fit_are_left_out(void **state)
{
	char text[LOG_FIELD_BYTES_MAX], name[] = "f0";
	struct log_field fields[12] = { 0 };
	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t n = 0; n < 10; n++)
		fields[n] = (struct log_field)LOG_TEXT("field", text);
	fields[10] = (struct log_field)LOG_NUMBER(name, 1);
	for (enum log_format format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
		const char *line = line_of(format, LOG_LEVEL_INFO, "m", fields);
		size_t size = strlen(line), count = 0;
		for (const char *at = line; (at = strstr(at, "field")) != NULL; at++)
			count++;
		assert_int_equal(count, 7);
		assert_null(strstr(line, name));
		assert_string_equal(line + size - 3, format == LOG_FORMAT_JSON ? "\"}\n" : "xx\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logfmt_line_has_its_golden_form),
		cmocka_unit_test(json_line_has_its_golden_form),
		cmocka_unit_test(what_would_break_a_line_is_escaped),
		cmocka_unit_test(long_message_ends_with_an_ellipsis),
		cmocka_unit_test(message_that_just_fits_is_whole),
		cmocka_unit_test(fields_that_no_longer_fit_are_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
