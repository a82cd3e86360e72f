#include "capture/source_settings.h"

#include "capture/name_filter.h"
#include "capture/property.h"
#include "protocol/nearest.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PROBLEM_BYTES   1024
/* What is shown of a name. */
#define SHOWN_BYTES     64
/* PostgreSQL's names, with the zero. */
#define NAME_BYTES      64

struct build {
	struct source_settings *settings;
	const char *connector;          /* NULL: not known */
	uint32_t line;                  /* the block's */
	source_on_problem *on_problem;
	void *user;
	bool has_error;
	const struct source_property *properties;
	size_t property_count;
	const struct source_property *set[PROPERTIES_MAX];      /* by their numbers in the table */
};

__attribute__((format(printf, 4, 5)))
static void tell(struct build *build, bool is_warning, uint32_t line, const char *format, ...)
{
	char text[PROBLEM_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	build->has_error = build->has_error || !is_warning;
	build->on_problem(build->user, is_warning, line, text);
}

static void *place_of(struct build *build, const struct property_spec *spec)
{
	return (char *)build->settings + spec->option.place;
}

/* Does the source have this property?  All do, while nobody knows what it is. */
static bool applies(const struct build *build, const struct property_spec *spec)
{
	return spec->connector == NULL || build->connector == NULL ||
	       strcmp(spec->connector, build->connector) == 0;
}

static const struct source_property *set_by(const struct build *build, const char *name)
{
	return build->set[property_number(property_find(name))];
}

/* converters = "isbn" makes isbn.type and whatever else begins so a property. */
static bool is_named_in(const struct build *build, const char *list, const char *key)
{
	size_t size = strcspn(key, ".");
	for (size_t n = 0; n < build->property_count; n++) {
		const char *at = build->properties[n].value;
		if (at == NULL || strcmp(build->properties[n].key, list) != 0)
			continue;
		while (*at != '\0') {
			at += strspn(at, ", ");
			if (strcspn(at, ", ") == size && strncmp(at, key, size) == 0 && key[size] == '.')
				return true;
			at += strcspn(at, ", ");
		}
	}
	return false;
}

static void refuse_unknown(struct build *build, const struct source_property *property)
{
	const struct property_spec *spec;
	struct nearest nearest = nearest_to(property->key);
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++)
		nearest_try(&nearest, spec->option.name);
	if (nearest_name(&nearest) != NULL)
		tell(build, false, property->line, "there is no property '%s' of sources: did you mean '%s'?",
		     property->key, nearest_name(&nearest));
	else
		tell(build, false, property->line,
		     "there is no property '%.*s' of sources; millstreamd --options lists those there are",
		     SHOWN_BYTES, property->key);
}

static int store_filter(struct name_filter **place, const struct property_spec *spec, const char *value,
			struct error *err)
{
	bool is_exclude = strstr(spec->option.name, ".exclude.") != NULL;
	if (name_filter_create(place, value, is_exclude ? NAME_FILTER_EXCLUDE : NAME_FILTER_INCLUDE, err) != 0)
		return error_context(err, "%s", spec->option.name);
	return 0;
}

static int store_word(char **place, const struct property_spec *spec, const char *value, struct error *err)
{
	union option_value parsed;
	if (option_parse(&spec->option, value, &parsed, err) != 0)
		return -1;
	*place = strdup(spec->option.words[parsed.word]);
	return *place != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int store(struct build *build, const struct property_spec *spec, const char *value, struct error *err)
{
	if (spec->option.place == PROPERTY_NO_PLACE)
		return 0;
	if (spec->option.type == OPTION_LIST)
		return store_filter(place_of(build, spec), spec, value, err);
	if (spec->keeps_word)
		return store_word(place_of(build, spec), spec, value, err);
	return option_store(&spec->option, build->settings, value, err);
}

static bool is_default(const struct property_spec *spec, const char *value)
{
	union option_value given, usual;
	return spec->option.default_text != NULL && option_parse(&spec->option, value, &given, NULL) == 0 &&
	       option_parse(&spec->option, spec->option.default_text, &usual, NULL) == 0 &&
	       option_is_equal(&spec->option, given, usual);
}

/* What it does here, if anything; its value is one that it can have. */
static void judge(struct build *build, const struct property_spec *spec,
		  const struct source_property *property, const char *value)
{
	const struct source_property *other = spec->excludes != NULL ? set_by(build, spec->excludes) : NULL;
	struct error err = { 0 };
	switch (spec->status) {
	case PROPERTY_WORKS:
		if (other != NULL)
			tell(build, false, property->line, "%s and %s (line %" PRIu32 ") exclude each other: keep one",
			     property->key, other->key, other->line);
		else if (store(build, spec, value, &err) != 0)
			tell(build, false, property->line, "%s", err.text);
		break;
	case PROPERTY_ELSEWHERE:
		if (!is_default(spec, value))
			tell(build, true, property->line, "%s has no effect in a source block: %s", property->key,
			     spec->why);
		break;
	case PROPERTY_PLANNED:
		if (!is_default(spec, value))
			tell(build, true, property->line, "%s is known, but not implemented yet: %s", property->key,
			     spec->why);
		break;
	case PROPERTY_REFUSED:
		tell(build, false, property->line, "%s is not implemented yet: %s", property->key, spec->why);
		break;
	case PROPERTY_NEEDLESS:
	case PROPERTY_ALIAS:
		break;
	}
}

static void apply(struct build *build, const struct source_property *property)
{
	const struct property_spec *spec = property_find(property->key);
	const char *value = property->value;
	struct error err = { 0 };
	if (spec != NULL && spec->status == PROPERTY_ALIAS)
		spec = property_find(spec->why);
	if (spec == NULL && (is_named_in(build, "converters", property->key) ||
			     is_named_in(build, "post.processors", property->key)))
		return;
	if (spec == NULL) {
		refuse_unknown(build, property);
		return;
	}
	/* Of a family, the one that was written is told of. */
	bool is_family = strchr(spec->option.name, '*') != NULL;
	struct property_spec named = *spec;
	if (is_family)
		named.option.name = property->key;
	const struct source_property **set = &build->set[property_number(spec)];
	if (!applies(build, spec))
		tell(build, false, property->line, "%s is a property of %s sources, and this is a %s one",
		     property->key, spec->connector, build->connector);
	else if (*set != NULL && !is_family)
		tell(build, false, property->line, "%s was already set on line %" PRIu32 ", as %s", property->key,
		     (*set)->line, (*set)->key);
	else if (value == NULL)
		build->has_error = true;
	else if (property_check(&named, &value, &err) != 0)
		tell(build, false, property->line, "%s", err.text);
	else
		judge(build, &named, property, value);
	if (*set == NULL)
		*set = property;
}

/* What is not set becomes what it is without, or is missed. */
static void complete(struct build *build)
{
	const struct property_spec *spec;
	struct error err = { 0 };
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++) {
		if (spec->status != PROPERTY_WORKS || build->set[n] != NULL)
			continue;
		if (spec->option.default_text != NULL && store(build, spec, spec->option.default_text, &err) != 0)
			tell(build, false, build->line, "%s", err.text);
		/* Without its class nobody knows what else it needs. */
		if (spec->is_required && applies(build, spec) &&
		    (build->connector != NULL || spec->connector == NULL))
			tell(build, false, build->line, "source '%s' has no %s: write %s = \"%s\"",
			     build->settings->name, spec->option.name, spec->option.name,
			     spec->option.words != NULL ? spec->option.words[0] : spec->option.form);
	}
}

/* "millstream_" and the name, as far as a slot may be called so. */
static char *derived_name(const char *name)
{
	char out[NAME_BYTES];
	int size = snprintf(out, sizeof(out), "millstream_%s", name);
	for (int n = 0; n < size && out[n] != '\0'; n++)
		out[n] = isalnum((unsigned char)out[n]) ? (char)tolower((unsigned char)out[n]) : '_';
	return strdup(out);
}

static void derive(struct build *build)
{
	struct source_settings *settings = build->settings;
	bool is_postgresql = build->connector != NULL && strcmp(build->connector, "postgresql") == 0;
	if (settings->topic_prefix == NULL)
		settings->topic_prefix = strdup(settings->name);
	if (settings->slot_name == NULL && is_postgresql)
		settings->slot_name = derived_name(settings->name);
	if (settings->publication_name == NULL && is_postgresql)
		settings->publication_name = derived_name(settings->name);
	if (settings->topic_prefix == NULL ||
	    (is_postgresql && (settings->slot_name == NULL || settings->publication_name == NULL)))
		tell(build, false, build->line, "out of memory");
}

static uint32_t line_of(const struct build *build, const char *name, const char *other)
{
	const struct source_property *property = set_by(build, name);
	if (property == NULL)
		property = set_by(build, other);
	return property != NULL ? property->line : build->line;
}

static void check_order(struct build *build)
{
	struct source_settings *settings = build->settings;
	const char *wait = "retriable.restart.connector.wait.ms", *wait_max = "errors.retry.delay.max.ms";
	if (settings->max_batch_size >= settings->max_queue_size)
		tell(build, false, line_of(build, "max.batch.size", "max.queue.size"),
		     "max.batch.size is %" PRId64 ", but must be below max.queue.size, which is %" PRId64,
		     settings->max_batch_size, settings->max_queue_size);
	if (settings->retry_delay_ms <= settings->retry_delay_max_ms)
		return;
	if (set_by(build, wait_max) == NULL)
		settings->retry_delay_max_ms = settings->retry_delay_ms;
	else
		tell(build, false, line_of(build, wait, wait_max),
		     "%s is %" PRId64 ", but must not be above %s, which is %" PRId64, wait,
		     settings->retry_delay_ms, wait_max, settings->retry_delay_max_ms);
}

/* Which kind of source it is decides which properties it has. */
static void find_connector(struct build *build)
{
	const struct property_spec *spec = property_find("connector.class");
	for (size_t n = 0; n < build->property_count; n++) {
		const char *value = build->properties[n].value;
		if (value != NULL && strcmp(build->properties[n].key, spec->option.name) == 0 &&
		    property_check(spec, &value, NULL) == 0) {
			union option_value parsed;
			option_parse(&spec->option, value, &parsed, NULL);
			build->connector = spec->option.words[parsed.word];
		}
	}
}

int source_settings_create(struct source_settings **out, const char *name, uint32_t line,
			   const struct source_property *properties, size_t property_count,
			   source_on_problem *on_problem, void *user)
{
	struct build build = {
		.settings = calloc(1, sizeof(*build.settings)),
		.line = line,
		.on_problem = on_problem,
		.user = user,
		.properties = properties,
		.property_count = property_count,
	};
	if (build.settings == NULL || (build.settings->name = strdup(name)) == NULL) {
		tell(&build, false, line, "out of memory");
		goto fail;
	}
	find_connector(&build);
	for (size_t n = 0; n < property_count; n++)
		apply(&build, &properties[n]);
	complete(&build);
	derive(&build);
	if (!build.has_error)
		check_order(&build);
	if (build.has_error)
		goto fail;
	*out = build.settings;
	return 0;
fail:
	source_settings_destroy(build.settings);
	return -1;
}

void source_settings_destroy(struct source_settings *settings)
{
	const struct property_spec *spec;
	if (settings == NULL)
		return;
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++) {
		void *at = (char *)settings + (spec->option.place != PROPERTY_NO_PLACE ? spec->option.place : 0);
		if (spec->option.place == PROPERTY_NO_PLACE)
			continue;
		if (spec->option.type == OPTION_LIST) {
			name_filter_destroy(*(struct name_filter **)at);
			*(struct name_filter **)at = NULL;      /* two lists share a place */
		} else if (spec->keeps_word) {
			free(*(char **)at);
		} else {
			option_clear(&spec->option, settings);
		}
	}
	free(settings->name);
	free(settings);
}
