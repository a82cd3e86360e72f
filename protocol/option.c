#include "protocol/option.h"

#include "protocol/nearest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is shown of a value that is wrong. */
#define SHOWN_BYTES 64

struct unit {
	const char *name;
	int64_t factor;
};

/* The first one of a factor is the one to show. */
static const struct unit byte_units[] = {
	{ "TiB", INT64_C(1) << 40 }, { "GiB", INT64_C(1) << 30 }, { "MiB", INT64_C(1) << 20 },
	{ "KiB", INT64_C(1) << 10 }, { "", 1 }, { "B", 1 }, { NULL, 0 },
};

static const struct unit time_units[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
	{ "", 1 }, { NULL, 0 },
};

const char *option_type_name(enum option_type type)
{
	static const char *const names[] = {
		[OPTION_TEXT] = "text",
		[OPTION_SECRET] = "secret",
		[OPTION_LIST] = "list",
		[OPTION_INTEGER] = "integer",
		[OPTION_BYTES] = "size",
		[OPTION_DURATION] = "duration",
		[OPTION_BOOL] = "boolean",
		[OPTION_WORD] = "word",
	};
	return names[type];
}

/* Digits with a minus or without, and one of the units. */
static int parse_number(const char *text, const struct unit *units, int64_t *out)
{
	bool is_negative = text[0] == '-';
	const char *at = is_negative ? text + 1 : text;
	int64_t number = 0;
	if (*at < '0' || *at > '9')
		return -1;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *at - '0', &number))
			return -1;
	for (; units->name != NULL; units++)
		if (strcasecmp(at, units->name) == 0) {
			if (__builtin_mul_overflow(number, units->factor, &number))
				return -1;
			*out = is_negative ? -number : number;
			return 0;
		}
	return -1;
}

int option_parse_bytes(const char *text, int64_t *out)
{
	return parse_number(text, byte_units, out);
}

int option_parse_duration(const char *text, int64_t *out_ms)
{
	return parse_number(text, time_units, out_ms);
}

static int parse_integer(const char *text, int64_t *out)
{
	static const struct unit none[] = { { "", 1 }, { NULL, 0 } };
	return parse_number(text, none, out);
}

/* In the largest unit that shows it exactly: 65536 → 64KiB. */
static void format_number(int64_t number, const struct unit *units, char *out)
{
	while (units->factor > 1 && number % units->factor != 0)
		units++;
	snprintf(out, OPTION_TEXT_BYTES, "%" PRId64 "%s", number / units->factor,
		 number != 0 ? units->name : "");
}

static void format_number_of(const struct option_spec *spec, int64_t number, char *out)
{
	static const struct unit none[] = { { "", 1 } };
	if (spec->type == OPTION_BYTES)
		format_number(number, byte_units, out);
	else if (spec->type == OPTION_DURATION)
		format_number(number, time_units, out);
	else
		format_number(number, none, out);
}

void option_limits(const struct option_spec *spec, char out[OPTION_TEXT_BYTES])
{
	char min[OPTION_TEXT_BYTES], max[OPTION_TEXT_BYTES];
	size_t used = 0;
	out[0] = '\0';
	switch (spec->type) {
	case OPTION_TEXT:
	case OPTION_SECRET:
	case OPTION_LIST:
		snprintf(out, OPTION_TEXT_BYTES, "%s", spec->form != NULL ? spec->form : "any text");
		break;
	case OPTION_INTEGER:
	case OPTION_BYTES:
	case OPTION_DURATION:
		format_number_of(spec, spec->min, min);
		format_number_of(spec, spec->max, max);
		snprintf(out, OPTION_TEXT_BYTES, "%.50s to %.50s", min, max);
		break;
	case OPTION_BOOL:
		snprintf(out, OPTION_TEXT_BYTES, "true or false");
		break;
	case OPTION_WORD:
		for (const char *const *word = spec->words; *word != NULL && used < OPTION_TEXT_BYTES; word++)
			used += (size_t)snprintf(out + used, OPTION_TEXT_BYTES - used, "%s%s",
						 word == spec->words ? "" : word[1] == NULL ? " or " : ", ",
						 *word);
		break;
	}
}

static int refuse_number(const struct option_spec *spec, const char *text, struct error *err)
{
	char limits[OPTION_TEXT_BYTES];
	option_limits(spec, limits);
	if (spec->type == OPTION_BYTES)
		return error_set(err, ERROR_INVALID,
				 "%s: '%.*s' is not a size from %s; write a number of bytes, or one with KiB, "
				 "MiB, GiB or TiB", spec->name, SHOWN_BYTES, text, limits);
	if (spec->type == OPTION_DURATION)
		return error_set(err, ERROR_INVALID,
				 "%s: '%.*s' is not a duration from %s; write a number of milliseconds, or "
				 "one with ms, s, m, h or d", spec->name, SHOWN_BYTES, text, limits);
	return error_set(err, ERROR_INVALID, "%s: '%.*s' is not a whole number from %s", spec->name,
			 SHOWN_BYTES, text, limits);
}

static int parse_limited(const struct option_spec *spec, const char *text, int64_t *out,
			 struct error *err)
{
	int64_t number;
	int rc = spec->type == OPTION_BYTES ? option_parse_bytes(text, &number)
		: spec->type == OPTION_DURATION ? option_parse_duration(text, &number)
						: parse_integer(text, &number);
	if (rc != 0 || number < spec->min || number > spec->max)
		return refuse_number(spec, text, err);
	*out = number;
	return 0;
}

static int parse_bool(const struct option_spec *spec, const char *text, bool *out, struct error *err)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
	for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++)
		if (strcasecmp(text, words[n]) == 0) {
			*out = n % 2 == 1;
			return 0;
		}
	return error_set(err, ERROR_INVALID, "%s: '%.*s' is neither true nor false", spec->name,
			 SHOWN_BYTES, text);
}

static int parse_word(const struct option_spec *spec, const char *text, int *out, struct error *err)
{
	struct nearest nearest = nearest_to(text);
	char limits[OPTION_TEXT_BYTES];
	for (int n = 0; spec->words[n] != NULL; n++) {
		if (strcasecmp(text, spec->words[n]) == 0) {
			*out = n;
			return 0;
		}
		nearest_try(&nearest, spec->words[n]);
	}
	option_limits(spec, limits);
	if (nearest_name(&nearest) != NULL)
		return error_set(err, ERROR_INVALID, "%s: '%.*s' is not %s: did you mean '%s'?", spec->name,
				 SHOWN_BYTES, text, limits, nearest_name(&nearest));
	return error_set(err, ERROR_INVALID, "%s: '%.*s' is not %s", spec->name, SHOWN_BYTES, text, limits);
}

static int parse_text(const struct option_spec *spec, const char *text, const char **out,
		      struct error *err)
{
	if (text[0] == '\0' && spec->type == OPTION_TEXT)
		return error_set(err, ERROR_INVALID, "%s must not be empty", spec->name);
	if (spec->check != NULL && spec->check(text, err) != 0)
		return error_context(err, "%s", spec->name);
	*out = text;
	return 0;
}

int option_parse(const struct option_spec *spec, const char *text, union option_value *out,
		 struct error *err)
{
	union option_value value = { 0 };
	int rc = -1;
	switch (spec->type) {
	case OPTION_TEXT:
	case OPTION_SECRET:
	case OPTION_LIST:
		rc = parse_text(spec, text, &value.text, err);
		break;
	case OPTION_INTEGER:
	case OPTION_BYTES:
	case OPTION_DURATION:
		rc = parse_limited(spec, text, &value.number, err);
		break;
	case OPTION_BOOL:
		rc = parse_bool(spec, text, &value.boolean, err);
		break;
	case OPTION_WORD:
		rc = parse_word(spec, text, &value.word, err);
		break;
	}
	if (rc == 0)
		*out = value;
	return rc;
}

bool option_is_text(const struct option_spec *spec)
{
	return spec->type == OPTION_TEXT || spec->type == OPTION_SECRET || spec->type == OPTION_LIST;
}

int option_store(const struct option_spec *spec, void *object, const char *text, struct error *err)
{
	union option_value value;
	void *at = (char *)object + spec->place;
	if (option_parse(spec, text, &value, err) != 0)
		return -1;
	if (option_is_text(spec)) {
		char *copy = strdup(value.text);
		if (copy == NULL)
			return error_set(err, ERROR_MEMORY, "%s: out of memory", spec->name);
		free(*(char **)at);
		*(char **)at = copy;
	} else if (spec->type == OPTION_BOOL) {
		*(bool *)at = value.boolean;
	} else if (spec->type == OPTION_WORD) {
		*(int *)at = value.word;
	} else {
		*(int64_t *)at = value.number;
	}
	return 0;
}

union option_value option_load(const struct option_spec *spec, const void *object)
{
	const void *at = (const char *)object + spec->place;
	if (option_is_text(spec))
		return (union option_value){ .text = *(char *const *)at };
	if (spec->type == OPTION_BOOL)
		return (union option_value){ .boolean = *(const bool *)at };
	if (spec->type == OPTION_WORD)
		return (union option_value){ .word = *(const int *)at };
	return (union option_value){ .number = *(const int64_t *)at };
}

void option_clear(const struct option_spec *spec, void *object)
{
	void *at = (char *)object + spec->place;
	if (option_is_text(spec)) {
		free(*(char **)at);
		*(char **)at = NULL;
	} else if (spec->type == OPTION_BOOL) {
		*(bool *)at = false;
	} else if (spec->type == OPTION_WORD) {
		*(int *)at = 0;
	} else {
		*(int64_t *)at = 0;
	}
}

void option_format(const struct option_spec *spec, union option_value value,
		   char out[OPTION_TEXT_BYTES])
{
	switch (spec->type) {
	case OPTION_TEXT:
	case OPTION_LIST:
		snprintf(out, OPTION_TEXT_BYTES, "%s", value.text);
		break;
	case OPTION_SECRET:
		snprintf(out, OPTION_TEXT_BYTES, "***");
		break;
	case OPTION_INTEGER:
	case OPTION_BYTES:
	case OPTION_DURATION:
		format_number_of(spec, value.number, out);
		break;
	case OPTION_BOOL:
		snprintf(out, OPTION_TEXT_BYTES, "%s", value.boolean ? "true" : "false");
		break;
	case OPTION_WORD:
		snprintf(out, OPTION_TEXT_BYTES, "%s", spec->words[value.word]);
		break;
	}
}

bool option_is_equal(const struct option_spec *spec, union option_value a, union option_value b)
{
	switch (spec->type) {
	case OPTION_BOOL:
		return a.boolean == b.boolean;
	case OPTION_WORD:
		return a.word == b.word;
	case OPTION_INTEGER:
	case OPTION_BYTES:
	case OPTION_DURATION:
		return a.number == b.number;
	default:
		return strcmp(a.text, b.text) == 0;
	}
}

void option_print(const struct option_spec *spec, struct text *out)
{
	char limits[OPTION_TEXT_BYTES];
	option_limits(spec, limits);
	text_add_format(out, "%s = %s\n    %s\n    %s, %s; %s.\n\n", spec->name, spec->default_text,
			spec->help, option_type_name(spec->type), limits,
			spec->needs_restart ? "a change needs a restart" : "a reload changes it");
}

void option_print_json(const struct option_spec *spec, struct json *out)
{
	char limits[OPTION_TEXT_BYTES];
	option_limits(spec, limits);
	json_name(out, "name");
	json_string(out, spec->name);
	json_name(out, "type");
	json_string(out, option_type_name(spec->type));
	json_name(out, "limits");
	json_string(out, limits);
	json_name(out, "default");
	json_string(out, spec->default_text);
	if (spec->type == OPTION_INTEGER || spec->type == OPTION_BYTES || spec->type == OPTION_DURATION) {
		json_name(out, "min");
		json_i64(out, spec->min);
		json_name(out, "max");
		json_i64(out, spec->max);
	}
	if (spec->type == OPTION_WORD) {
		json_name(out, "words");
		json_begin_array(out);
		for (const char *const *word = spec->words; *word != NULL; word++)
			json_string(out, *word);
		json_end_array(out);
	}
	json_name(out, "needs_restart");
	json_bool(out, spec->needs_restart);
	json_name(out, "help");
	json_string(out, spec->help);
}
