#include "server/config_parse.h"

#include "protocol/utf8.h"
#include "server/config_scan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PROBLEM_BYTES 512

struct parse {
	struct config_scan scan;
	const struct config_handler *handler;
	uint32_t depth;                 /* of open blocks */
	uint32_t open_line;             /* of the outermost */
	bool is_lost;                   /* a problem was reported; its line is not yet over */
};

__attribute__((format(printf, 3, 4)))
static void report(struct parse *parse, uint32_t line, const char *format, ...)
{
	char text[PROBLEM_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	parse->handler->on_problem(parse->handler->user, line, text);
}

static bool is_sign(const struct parse *parse, char sign)
{
	return parse->scan.type == CONFIG_TOKEN_SIGN && parse->scan.sign == sign;
}

static bool is_value(const struct parse *parse)
{
	return parse->scan.type == CONFIG_TOKEN_WORD || parse->scan.type == CONFIG_TOKEN_TEXT;
}

/* The token as a problem shows it. */
static const char *shown(const struct parse *parse, char out[80])
{
	if (parse->scan.type == CONFIG_TOKEN_SIGN)
		snprintf(out, 80, "'%c'", parse->scan.sign);
	else if (is_value(parse) && parse->scan.has_environment)
		snprintf(out, 80, "a value from the environment");
	else if (is_value(parse))
		snprintf(out, 80, "'%.60s'", config_scan_value(&parse->scan));
	else
		snprintf(out, 80, "the end of the file");
	return out;
}

/* Report a problem with the token that stands there, unless that was done. */
static void lose(struct parse *parse, const char *expected)
{
	char token[80];
	if (parse->scan.type != CONFIG_TOKEN_BAD)
		report(parse, parse->scan.token_line, "%s, but here is %s", expected, shown(parse, token));
	parse->is_lost = true;
}

/* Go on at the next line, or earlier where a block begins or ends. */
static void recover(struct parse *parse)
{
	while (parse->scan.type != CONFIG_TOKEN_END && !parse->scan.begins_line &&
	       !is_sign(parse, '{') && !is_sign(parse, '}'))
		config_scan_next(&parse->scan);
}

static void open_block(struct parse *parse, uint32_t line, const char *name, const char *title)
{
	if (parse->depth++ == 0)
		parse->open_line = line;
	parse->handler->on_block(parse->handler->user, line, name, title);
	config_scan_next(&parse->scan);
}

/* Past the end of a list that is none; or, when that is missing, to the next '='. */
static void skip_list(struct parse *parse)
{
	while (parse->scan.type != CONFIG_TOKEN_END && !is_sign(parse, '}') && !is_sign(parse, '='))
		config_scan_next(&parse->scan);
	if (is_sign(parse, '}'))
		config_scan_next(&parse->scan);
}

/* Items up to the closing brace, joined; -1 and is_lost when it is no list. */
static int parse_list(struct parse *parse, struct text *joined, bool *out_is_wrong)
{
	bool wants_comma = false;
	config_scan_next(&parse->scan);
	for (uint32_t count = 0; !is_sign(parse, '}'); config_scan_next(&parse->scan)) {
		if (wants_comma ? !is_sign(parse, ',') : !is_value(parse)) {
			lose(parse, wants_comma ? "a list goes on with ',' or ends with '}'"
						: "a list is made of values, with ',' between them");
			skip_list(parse);
			return -1;
		}
		if (!wants_comma) {
			text_add_string(joined, count++ > 0 ? "," : "");
			text_add_string(joined, config_scan_value(&parse->scan));
			*out_is_wrong = *out_is_wrong || parse->scan.is_wrong;
		}
		wants_comma = !wants_comma;
	}
	return 0;
}

/* From the token behind "=". */
static void parse_value(struct parse *parse, uint32_t name_line, const char *name)
{
	struct text joined;
	const char *value = NULL;
	bool is_list = is_sign(parse, '{'), is_wrong = parse->scan.is_wrong;
	text_init(&joined);
	if (parse->scan.begins_line) {
		report(parse, name_line, "'%.60s =' has no value: it begins on the same line", name);
		goto lost;
	}
	if (is_list) {
		if (parse_list(parse, &joined, &is_wrong) != 0)
			goto lost;
	} else if (is_value(parse)) {
		text_add_string(&joined, config_scan_value(&parse->scan));
	} else {
		lose(parse, "a value comes behind '='");
		goto lost;
	}
	text_add_byte(&joined, '\0');
	if (joined.has_failed)
		report(parse, name_line, "out of memory");
	else if (!is_wrong)
		value = joined.buffer.data;
	parse->handler->on_assignment(parse->handler->user, name_line, name, value, is_list);
	config_scan_next(&parse->scan);
	text_clear(&joined);
	return;
lost:
	parse->handler->on_assignment(parse->handler->user, name_line, name, NULL, is_list);
	text_clear(&joined);
}

/* From the token behind "include". */
static void parse_include(struct parse *parse, uint32_t line)
{
	bool has_parenthesis = is_sign(parse, '(');
	if (has_parenthesis)
		config_scan_next(&parse->scan);
	if (!is_value(parse) || parse->scan.begins_line) {
		lose(parse, "include takes the name of a file: include \"conf.d/*.conf\"");
		return;
	}
	if (!parse->scan.is_wrong)
		parse->handler->on_include(parse->handler->user, line, config_scan_value(&parse->scan));
	config_scan_next(&parse->scan);
	if (has_parenthesis && !is_sign(parse, ')'))
		lose(parse, "'include (' ends with ')'");
	else if (has_parenthesis)
		config_scan_next(&parse->scan);
}

/* What comes behind a name is neither '=' nor a block's. */
static void lose_name(struct parse *parse, const char *name, const char *or_else)
{
	char expected[128];
	size_t size = strlen(name);
	if (size > 1 && name[size - 1] == ':')
		snprintf(expected, sizeof(expected), "an option is written '%.*s = VALUE', without a colon",
			 size > 30 ? 30 : (int)size - 1, name);
	else
		snprintf(expected, sizeof(expected), "'%.*s' goes on with '=' and a value%s", or_else[0] != '\0' ? 30 : 60,
			 name, or_else);
	lose(parse, expected);
}

/* From the title; the name is the caller's. */
static void parse_titled(struct parse *parse, uint32_t line, const char *name)
{
	char *title = strdup(config_scan_value(&parse->scan));
	bool is_wrong = parse->scan.is_wrong;
	if (title == NULL) {
		report(parse, line, "out of memory");
		parse->is_lost = true;
		return;
	}
	config_scan_next(&parse->scan);
	if (is_sign(parse, '{')) {
		open_block(parse, line, is_wrong ? NULL : name, title);
	} else {
		lose_name(parse, name, ", or, as a block, with one title and '{'");
	}
	free(title);
}

static void parse_named(struct parse *parse)
{
	uint32_t line = parse->scan.token_line;
	char *name = strdup(config_scan_value(&parse->scan));
	if (name == NULL) {
		report(parse, line, "out of memory");
		parse->is_lost = true;
		return;
	}
	config_scan_next(&parse->scan);
	if (is_sign(parse, '=')) {
		config_scan_next(&parse->scan);
		parse_value(parse, line, name);
	} else if (strcmp(name, "include") == 0) {
		parse_include(parse, line);
	} else if (is_sign(parse, '{')) {
		open_block(parse, line, name, NULL);
	} else if (is_value(parse) && !parse->scan.begins_line) {
		parse_titled(parse, line, name);
	} else {
		lose_name(parse, name, "");
	}
	free(name);
}

static void parse_statement(struct parse *parse)
{
	bool was_lost = parse->is_lost;
	parse->is_lost = false;
	if (is_sign(parse, ';')) {
		config_scan_next(&parse->scan);
	} else if (is_sign(parse, '}')) {
		if (parse->depth > 0) {
			parse->depth--;
			parse->handler->on_block_end(parse->handler->user);
		} else if (!was_lost) {
			report(parse, parse->scan.token_line, "there is no open block for this '}' to end");
		}
		config_scan_next(&parse->scan);
	} else if (is_sign(parse, '{')) {
		if (!was_lost)
			report(parse, parse->scan.token_line, "a block has a name before its '{'");
		open_block(parse, parse->scan.token_line, NULL, NULL);
	} else if (parse->scan.type == CONFIG_TOKEN_WORD) {
		parse_named(parse);
	} else {
		lose(parse, "here a name begins an option or a block");
		config_scan_next(&parse->scan);
	}
	if (parse->is_lost)
		recover(parse);
}

/* A file of another kind is one problem, not hundreds.  Returns whether it is text. */
static bool check_text(struct bytes text, const struct config_handler *handler)
{
	uint32_t line = 1;
	size_t size;
	for (size_t n = 0; n < text.size; n += size) {
		int32_t code_point = utf8_decode(text.data + n, text.size - n, &size);
		line += code_point == '\n';
		if (code_point < 0) {
			handler->on_problem(handler->user, line, "this is not UTF-8 text");
			return false;
		}
		if (code_point == 0x7f || (code_point < ' ' && code_point != '\n' && code_point != '\t' &&
					   code_point != '\r')) {
			handler->on_problem(handler->user, line,
					    "this is not a text file: a control character is in it");
			return false;
		}
	}
	return true;
}

void config_parse(struct bytes text, const struct config_handler *handler)
{
	struct parse parse = { .handler = handler };
	if (!check_text(text, handler))
		return;
	config_scan_init(&parse.scan, text);
	parse.scan.environment = handler->environment;
	parse.scan.on_problem = handler->on_problem;
	parse.scan.user = handler->user;
	config_scan_next(&parse.scan);
	while (parse.scan.type != CONFIG_TOKEN_END)
		parse_statement(&parse);
	if (parse.depth > 0)
		report(&parse, parse.open_line, "the block that begins here has no '}' at its end");
	for (; parse.depth > 0; parse.depth--)
		handler->on_block_end(handler->user);
	config_scan_clear(&parse.scan);
}
