#include "protocol/render_options.h"

#include "protocol/nearest.h"
#include "protocol/render_field.h"

#include <stdio.h>
#include <string.h>

void render_options_init(struct render_options *options)
{
	*options = (struct render_options){
		.placeholder = "__debezium_unavailable_value",
		.added_prefix = "__",
		.version = PACKAGE_VERSION,
	};
}

/* ---- Words ---- */

static const char *const format_words[] = { "debezium", "debezium-schema", "flat", "pretty", "raw", NULL };
static const char *const decimal_words[] = { "precise", "double", "string", NULL };
static const char *const time_words[] = { "adaptive", "adaptive_time_microseconds", "connect",
					  "isostring", "microseconds", "nanoseconds", NULL };
static const char *const bytes_words[] = { "bytes", "base64", "base64-url-safe", "hex", NULL };
static const char *const interval_words[] = { "numeric", "string", NULL };
static const char *const delete_words[] = { "tombstone", "drop", "rewrite", "rewrite-with-tombstone",
					    "delete-to-tombstone", NULL };
static const char *const old_delete_words[] = { "none", "drop", "rewrite", NULL };
static const char *const bool_words[] = { "false", "true", NULL };

static void list_words(char *out, size_t size, const char *const *words)
{
	size_t used = 0;
	out[0] = '\0';
	for (; *words != NULL && used < size; words++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", *words);
}

/* The word's place in the list. */
static int find_word(const char *what, const char *value, const char *const *words, struct error *err)
{
	char all[200];
	struct nearest nearest = nearest_to(value);
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(value, words[i]) == 0)
			return i;
		nearest_try(&nearest, words[i]);
	}
	list_words(all, sizeof(all), words);
	const char *found = nearest_name(&nearest);
	if (found != NULL)
		return error_set(err, ERROR_INVALID, "%s: '%s' is none of %s; did you mean '%s'?", what, value,
				 all, found);
	return error_set(err, ERROR_INVALID, "%s: '%s' is none of %s", what, value, all);
}

/* ---- Properties ---- */

enum property {
	DECIMALS,
	TIMES,
	BYTES,
	INTERVALS,
	PLACEHOLDER,
	DELETES,
	OLD_DELETES,
	OLD_TOMBSTONES,
	ADD_FIELDS,
	ADD_FIELDS_PREFIX,
};

static const struct {
	enum property property;
	const char *name;
	const char *const *words;       /* NULL: any text */
} properties[] = {
	{ DECIMALS, "decimal.handling.mode", decimal_words },
	{ TIMES, "time.precision.mode", time_words },
	{ BYTES, "binary.handling.mode", bytes_words },
	{ INTERVALS, "interval.handling.mode", interval_words },
	{ PLACEHOLDER, "unavailable.value.placeholder", NULL },
	{ DELETES, "delete.tombstone.handling.mode", delete_words },
	{ OLD_DELETES, "delete.handling.mode", old_delete_words },
	{ OLD_TOMBSTONES, "drop.tombstones", bool_words },
	{ ADD_FIELDS, "add.fields", NULL },
	{ ADD_FIELDS_PREFIX, "add.fields.prefix", NULL },
};

#define PROPERTIES (sizeof(properties) / sizeof(properties[0]))

static void set_deletes(struct render_options *options, int word)
{
	static const struct { enum render_deletes deletes; bool keeps_tombstones; } modes[] = {
		{ RENDER_DELETE_TOMBSTONE, false }, { RENDER_DELETE_DROP, false },
		{ RENDER_DELETE_REWRITE, false },   { RENDER_DELETE_REWRITE, true },
		{ RENDER_DELETE_TOMBSTONE, false },
	};
	options->deletes = modes[word].deletes;
	options->keeps_tombstones = modes[word].keeps_tombstones;
}

static void set_word(struct render_options *options, enum property property, int word)
{
	switch (property) {
	case DECIMALS: options->decimals = (enum render_decimals)word; break;
	case TIMES: options->times = (enum render_times)word; break;
	case BYTES: options->bytes = (enum render_bytes)word; break;
	case INTERVALS: options->intervals = (enum render_intervals)word; break;
	case DELETES: set_deletes(options, word); break;
	case OLD_DELETES: options->deletes = (enum render_deletes)word; break;
	default: options->keeps_tombstones = word == 0;
	}
}

static int set_text(struct render_options *options, enum property property, const char *value,
		    struct error *err)
{
	struct render_added added[RENDER_ADDED_MAX];
	switch (property) {
	case PLACEHOLDER: options->placeholder = value; break;
	case ADD_FIELDS_PREFIX: options->added_prefix = value; break;
	default:
		if (render_field_parse(value, "", added, err) < 0)
			return error_context(err, "add.fields");
		options->added_fields = value;
	}
	return 0;
}

int render_options_set(struct render_options *options, const char *name, const char *value,
		       struct error *err)
{
	struct nearest nearest = nearest_to(name);
	for (size_t i = 0; i < PROPERTIES; i++) {
		nearest_try(&nearest, properties[i].name);
		if (strcmp(name, properties[i].name) != 0)
			continue;
		if (properties[i].words == NULL)
			return set_text(options, properties[i].property, value, err);
		int word = find_word(name, value, properties[i].words, err);
		if (word < 0)
			return -1;
		set_word(options, properties[i].property, word);
		return 0;
	}
	const char *found = nearest_name(&nearest);
	if (found != NULL)
		return error_set(err, ERROR_INVALID, "'%s' is no option of a rendering: did you mean '%s'?",
				 name, found);
	return error_set(err, ERROR_INVALID, "'%s' is no option of a rendering", name);
}

int render_options_set_format(struct render_options *options, const char *name, struct error *err)
{
	int word = find_word("format", name, format_words, err);
	if (word < 0)
		return -1;
	options->format = (enum render_format)word;
	return 0;
}

const char *render_options_property(size_t index, const char *const **out_words)
{
	if (index >= PROPERTIES)
		return NULL;
	*out_words = properties[index].words;
	return properties[index].name;
}
