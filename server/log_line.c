#include "server/log_line.h"

#include "protocol/utf8.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The end of a line, which always fits: "}\n". */
#define END_BYTES 2
static const char ellipsis[] = "…";

struct line {
	char *at;
	char *end;              /* room for the line's own end lies behind it */
	bool is_full;           /* something did not fit: what was begun is taken back */
};

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};
	return names[level];
}

static void put(struct line *line, const char *text, size_t size)
{
	if ((size_t)(line->end - line->at) < size) {
		line->is_full = true;
		return;
	}
	memcpy(line->at, text, size);
	line->at += size;
}

static void put_string(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

static bool is_plain(int32_t code_point)
{
	return code_point >= 0 && utf8_is_printable(code_point) && code_point != '"' &&
	       code_point != '\\';
}

/* One character as JSON and logfmt escape it, into piece; returns its size. */
static size_t escape(char piece[16], int32_t code_point, const char *text, size_t size)
{
	static const char short_forms[] = "\"\"\\\\\nn\rr\tt";
	if (is_plain(code_point)) {
		memcpy(piece, text, size);
		return size;
	}
	if (code_point < 0)
		return (size_t)sprintf(piece, "\xef\xbf\xbd");
	for (const char *form = short_forms; *form != '\0'; form += 2)
		if (code_point == form[0])
			return (size_t)sprintf(piece, "\\%c", form[1]);
	/* All others that are not printable lie below U+10000. */
	return (size_t)sprintf(piece, "\\u%04" PRIx32, (uint32_t)code_point);
}

/* Text in quotes, of which bytes_max are used, the quotes included. */
static void put_quoted(struct line *line, const char *text, size_t bytes_max)
{
	size_t left = strlen(text), used = 2, size;
	put(line, "\"", 1);
	char *cut = line->at;   /* the last place where an ellipsis still fits */
	for (; left > 0; text += size, left -= size) {
		char piece[16];
		int32_t code_point = utf8_decode((const uint8_t *)text, left, &size);
		size_t piece_bytes = escape(piece, code_point, text, size);
		if (used + strlen(ellipsis) <= bytes_max)
			cut = line->at;
		if (used + piece_bytes > bytes_max) {
			line->at = cut;
			put_string(line, ellipsis);
			break;
		}
		put(line, piece, piece_bytes);
		used += piece_bytes;
	}
	put(line, "\"", 1);
}

/* May it stand without quotes where name=value does? */
static bool is_bare(const char *text, size_t bytes_max)
{
	size_t left = strlen(text), size;
	if (left == 0 || left > bytes_max)
		return false;
	for (; left > 0; text += size, left -= size) {
		int32_t code_point = utf8_decode((const uint8_t *)text, left, &size);
		if (!is_plain(code_point) || code_point == ' ' || code_point == '=')
			return false;
	}
	return true;
}

static void put_name(struct line *line, enum log_format format, const char *name, bool is_first)
{
	if (format == LOG_FORMAT_JSON) {
		put_string(line, is_first ? "{\"" : ",\"");
		put_string(line, name);
		put_string(line, "\":");
	} else {
		put_string(line, is_first ? "" : " ");
		put_string(line, name);
		put_string(line, "=");
	}
}

static void put_text(struct line *line, enum log_format format, const char *text, size_t bytes_max)
{
	if (format == LOG_FORMAT_LOGFMT && is_bare(text, bytes_max))
		put_string(line, text);
	else
		put_quoted(line, text, bytes_max);
}

static void put_time(struct line *line, enum log_format format, int64_t time_us)
{
	char text[64];
	time_t seconds = (time_t)(time_us / 1000000);
	int ms = (int)(time_us / 1000 % 1000);
	struct tm parts;
	gmtime_r(&seconds, &parts);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
		 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, ms);
	put_text(line, format, text, sizeof(text));
}

static void put_field(struct line *line, enum log_format format, const struct log_field *field)
{
	put_name(line, format, field->name, false);
	if (field->text != NULL) {
		put_text(line, format, field->text, LOG_FIELD_BYTES_MAX);
	} else {
		char number[32];
		snprintf(number, sizeof(number), "%" PRId64, field->number);
		put_string(line, number);
	}
}

size_t log_line_format(char *out, enum log_format format, enum log_level level, int64_t time_us,
		       const char *message, const struct log_field *fields)
{
	struct line line = { out, out + LOG_LINE_BYTES_MAX - END_BYTES, false };
	put_name(&line, format, "time", true);
	put_time(&line, format, time_us);
	put_name(&line, format, "level", false);
	put_text(&line, format, log_level_name(level), LOG_FIELD_BYTES_MAX);
	put_name(&line, format, "msg", false);
	put_text(&line, format, message, LOG_MESSAGE_BYTES_MAX);
	for (const struct log_field *field = fields; field != NULL && field->name != NULL; field++) {
		char *before = line.at;
		put_field(&line, format, field);
		if (line.is_full) {
			line.at = before;
			break;
		}
	}
	if (format == LOG_FORMAT_JSON)
		*line.at++ = '}';
	*line.at++ = '\n';
	return (size_t)(line.at - out);
}
