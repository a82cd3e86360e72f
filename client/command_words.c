#include "client/command_words.h"

#include <inttypes.h>

void command_add_size(struct text *text, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double size = (double)bytes;
	size_t unit = 0;
	for (; size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		size /= 1024;
	text_add_format(text, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

void command_add_count(struct text *text, uint64_t count, const char *noun)
{
	text_add_format(text, "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
}

void command_add_duration(struct text *text, uint64_t s)
{
	if (s >= 86400)
		text_add_format(text, "%" PRIu64 "d ", s / 86400);
	text_add_format(text, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600 % 24, s / 60 % 60,
			s % 60);
}

void command_add_string(struct json *json, const char *name, const char *string)
{
	json_name(json, name);
	if (string != NULL)
		json_string(json, string);
	else
		json_null(json);
}

void command_add_number(struct json *json, const char *name, uint64_t number)
{
	json_name(json, name);
	if (number != UINT64_MAX)
		json_u64(json, number);
	else
		json_null(json);
}
