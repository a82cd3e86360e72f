#include "server/config_scan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Words stand for themselves and have neither of these, nor spaces and quotes. */
static const char signs[] = "={}(),;";

/* Of the name in ${NAME}. */
#define NAME_BYTES_MAX 128
#define PROBLEM_BYTES 512

void config_scan_init(struct config_scan *scan, struct bytes text)
{
	static const uint8_t byte_order_mark[] = { 0xef, 0xbb, 0xbf };
	*scan = (struct config_scan){ .at = text.data, .end = text.data + text.size, .line = 1 };
	text_init(&scan->value);
	if (text.size >= sizeof(byte_order_mark) &&
	    memcmp(text.data, byte_order_mark, sizeof(byte_order_mark)) == 0)
		scan->at += sizeof(byte_order_mark);
}

void config_scan_clear(struct config_scan *scan)
{
	text_clear(&scan->value);
}

const char *config_scan_value(const struct config_scan *scan)
{
	return scan->value.buffer.data;
}

__attribute__((format(printf, 2, 3)))
static void report(struct config_scan *scan, const char *format, ...)
{
	char text[PROBLEM_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	scan->is_wrong = true;
	scan->on_problem(scan->user, scan->line, text);
}

static int peek(const struct config_scan *scan, size_t ahead)
{
	return (size_t)(scan->end - scan->at) > ahead ? scan->at[ahead] : -1;
}

static void skip_line(struct config_scan *scan)
{
	while (scan->at < scan->end && *scan->at != '\n')
		scan->at++;
}

static void skip_block_comment(struct config_scan *scan)
{
	uint32_t first_line = scan->line;
	for (scan->at += 2; scan->at < scan->end; scan->at++) {
		if (peek(scan, 0) == '*' && peek(scan, 1) == '/') {
			scan->at += 2;
			return;
		}
		scan->line += *scan->at == '\n';
	}
	scan->line = first_line;
	report(scan, "the comment that begins here has no end (*/)");
}

/* Spaces, line ends and comments. */
static void skip_blank(struct config_scan *scan)
{
	while (scan->at < scan->end) {
		int byte = peek(scan, 0);
		if (byte == '\n') {
			scan->line++;
			scan->at++;
		} else if (byte == ' ' || byte == '\t' || byte == '\r') {
			scan->at++;
		} else if (byte == '#' || (byte == '/' && peek(scan, 1) == '/')) {
			skip_line(scan);
		} else if (byte == '/' && peek(scan, 1) == '*') {
			skip_block_comment(scan);
		} else {
			return;
		}
	}
}

static bool is_name_byte(int byte, bool is_first)
{
	return byte == '_' || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
	       (!is_first && byte >= '0' && byte <= '9');
}

/* ${NAME} or ${NAME:-what to take where it is not set or empty}, from its '$'. */
static void substitute(struct config_scan *scan)
{
	char name[NAME_BYTES_MAX + 1];
	size_t size = 0;
	scan->at += 2;
	while (size < NAME_BYTES_MAX && is_name_byte(peek(scan, 0), size == 0))
		name[size++] = (char)*scan->at++;
	name[size] = '\0';
	const uint8_t *fallback = NULL, *fallback_end = NULL;
	if (size > 0 && peek(scan, 0) == ':' && peek(scan, 1) == '-') {
		scan->at += 2;
		fallback = scan->at;
		while (scan->at < scan->end && *scan->at != '}' && *scan->at != '\n')
			scan->at++;
		fallback_end = scan->at;
	}
	if (size == 0 || peek(scan, 0) != '}') {
		while (scan->at < scan->end && *scan->at != '\n' && *scan->at != '"' && *scan->at++ != '}')
			;
		report(scan, "a '${' goes on as ${NAME} or ${NAME:-default}, NAME of A-Z a-z 0-9 _; "
			     "in double quotes \\$ stands for a '$' of its own");
		return;
	}
	scan->at++;
	const char *value = scan->environment(name);
	scan->has_environment = true;
	if (fallback != NULL && (value == NULL || value[0] == '\0'))
		text_add(&scan->value, fallback, (size_t)(fallback_end - fallback));
	else if (value != NULL)
		text_add_string(&scan->value, value);
	else
		report(scan, "the environment variable %s is not set: set it, or write ${%s:-default}",
		       name, name);
}

static bool begins_substitution(const struct config_scan *scan)
{
	return peek(scan, 0) == '$' && peek(scan, 1) == '{';
}

static void read_escape(struct config_scan *scan)
{
	static const char escapes[] = "\\\\\"\"$$n\nt\tr\r";
	int byte = peek(scan, 1);
	for (const char *escape = escapes; *escape != '\0'; escape += 2)
		if (byte == escape[0]) {
			text_add_byte(&scan->value, escape[1]);
			scan->at += 2;
			return;
		}
	size_t line_end = byte == '\r' ? 2 : 1;
	if (peek(scan, line_end) == '\n') {
		scan->line++;
		scan->at += line_end + 1;
		return;
	}
	report(scan, "in double quotes \\ stands before one of \\ \" $ n t r or the end of the line: "
		     "write \\\\ for one of its own, or put the text in single quotes");
	scan->at++;
}

/* Lets the line end the text, so that one forgotten quote is one problem. */
static void read_text(struct config_scan *scan, char quote)
{
	scan->type = CONFIG_TOKEN_TEXT;
	scan->at++;
	while (scan->at < scan->end && *scan->at != '\n') {
		if (*scan->at == quote) {
			scan->at++;
			return;
		}
		if (quote == '"' && *scan->at == '\\')
			read_escape(scan);
		else if (quote == '"' && begins_substitution(scan))
			substitute(scan);
		else
			text_add_byte(&scan->value, (char)*scan->at++);
	}
	report(scan, "the text that begins with %c on line %" PRIu32 " has no %c at its end", quote,
	       scan->token_line, quote);
	scan->type = CONFIG_TOKEN_BAD;
}

static bool ends_word(int byte)
{
	return byte < 0 || byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n' || byte == '"' ||
	       byte == '\'' || byte == '#' || strchr(signs, byte) != NULL;
}

static void read_word(struct config_scan *scan)
{
	scan->type = CONFIG_TOKEN_WORD;
	while (!ends_word(peek(scan, 0))) {
		if (begins_substitution(scan))
			substitute(scan);
		else
			text_add_byte(&scan->value, (char)*scan->at++);
	}
}

void config_scan_next(struct config_scan *scan)
{
	text_empty(&scan->value);
	scan->is_wrong = false;
	scan->has_environment = false;
	skip_blank(scan);
	scan->token_line = scan->line;
	scan->begins_line = scan->line != scan->last_line;
	int byte = peek(scan, 0);
	if (byte < 0) {
		scan->type = CONFIG_TOKEN_END;
	} else if (byte == '"' || byte == '\'') {
		read_text(scan, (char)byte);
	} else if (strchr(signs, byte) != NULL) {
		scan->type = CONFIG_TOKEN_SIGN;
		scan->sign = (char)byte;
		scan->at++;
	} else {
		read_word(scan);
	}
	scan->last_line = scan->line;
	text_add_byte(&scan->value, '\0');
	if (scan->value.has_failed) {
		report(scan, "out of memory");
		scan->type = CONFIG_TOKEN_BAD;
		scan->at = scan->end;
	}
}
