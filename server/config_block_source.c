#include "server/config_block.h"

#include "storage/name.h"
#include "storage/sources.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is shown of a name. */
#define SHOWN_BYTES 64

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_MEMORY, "out of memory");
}

int config_block_add_source(struct config *config, const char *name, const char *file, uint32_t line,
			    struct error *err)
{
	struct config_source source = { 0 };
	if (name_check("source", bytes_of_text(name), SOURCE_NAME_BYTES_MAX, err) != 0)
		return error_context(err, "source '%.*s'", SHOWN_BYTES, name);
	for (size_t n = 0; n < config->source_count; n++)
		if (strcmp(config->sources[n].name, name) == 0)
			return error_set(err, ERROR_INVALID, "there is a source '%s' already", name);
	if (config->source_count == CONFIG_SOURCES_MAX)
		return error_set(err, ERROR_LIMIT, "there are more than %d sources", CONFIG_SOURCES_MAX);
	struct config_source *sources = reallocarray(config->sources, config->source_count + 1,
						     sizeof(source));
	if (sources == NULL)
		return no_memory(err);
	config->sources = sources;
	source.name = strdup(name);
	source.file = strdup(file);
	source.line = line;
	if (source.name == NULL || source.file == NULL) {
		free(source.name);
		free(source.file);
		return no_memory(err);
	}
	sources[config->source_count++] = source;
	return 0;
}

int config_block_set_source(struct config *config, const char *key, const char *value, uint32_t line,
		      struct error *err)
{
	struct config_source *source = &config->sources[config->source_count - 1];
	for (size_t n = 0; n < source->pair_count; n++)
		if (strcmp(source->pairs[n].key, key) == 0)
			return error_set(err, ERROR_INVALID, "%.*s was already set on line %" PRIu32,
					 SHOWN_BYTES, key, source->pairs[n].line);
	if (source->pair_count == CONFIG_PAIRS_MAX)
		return error_set(err, ERROR_LIMIT, "source '%s' has more than %d options", source->name,
				 CONFIG_PAIRS_MAX);
	struct config_pair *pairs = reallocarray(source->pairs, source->pair_count + 1, sizeof(*pairs));
	if (pairs == NULL)
		return no_memory(err);
	source->pairs = pairs;
	struct config_pair pair = { strdup(key), value != NULL ? strdup(value) : NULL, line };
	if (pair.key == NULL || (value != NULL && pair.value == NULL)) {
		free(pair.key);
		free(pair.value);
		return no_memory(err);
	}
	pairs[source->pair_count++] = pair;
	return 0;
}

void config_block_check_source(struct config *config, source_on_problem *on_problem, void *user)
{
	struct config_source *source = &config->sources[config->source_count - 1];
	struct source_property *properties = calloc(source->pair_count + 1, sizeof(*properties));
	if (properties == NULL) {
		on_problem(user, false, source->line, "out of memory");
		return;
	}
	for (size_t n = 0; n < source->pair_count; n++)
		properties[n] = (struct source_property){ source->pairs[n].key, source->pairs[n].value,
							  source->pairs[n].line };
	source_settings_create(&source->settings, source->name, source->line, properties, source->pair_count,
			       on_problem, user);
	free(properties);
}

static bool is_same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool is_same_server(const struct source_settings *a, const struct source_settings *b)
{
	return strcasecmp(a->database_hostname, b->database_hostname) == 0 &&
	       a->database_port == b->database_port;
}

/* A publication that somebody else made may serve several. */
static bool would_change(const struct source_settings *settings)
{
	return settings->publication_mode != PUBLICATION_DISABLED;
}

static void compare(const struct config_source *earlier, const struct config_source *source,
		    struct problem_list *problems)
{
	const struct source_settings *a = earlier->settings, *b = source->settings;
	if (is_same_text(a->topic_prefix, b->topic_prefix))
		problem_add(problems, false, source->file, source->line,
			    "sources '%s' and '%s' have the same topic.prefix, '%s': each needs one of its own",
			    a->name, b->name, b->topic_prefix);
	if (is_same_text(a->slot_name, b->slot_name) && is_same_server(a, b))
		problem_add(problems, false, source->file, source->line,
			    "sources '%s' and '%s' have the same slot.name, '%s', on the same server: each needs "
			    "one of its own", a->name, b->name, b->slot_name);
	if (is_same_text(a->publication_name, b->publication_name) && is_same_server(a, b) &&
	    is_same_text(a->database_dbname, b->database_dbname) && (would_change(a) || would_change(b)))
		problem_add(problems, false, source->file, source->line,
			    "sources '%s' and '%s' have the same publication.name, '%s', in the same database: "
			    "give each one of its own, or publication.autocreate.mode = disabled to both",
			    a->name, b->name, b->publication_name);
}

void config_block_compare_sources(const struct config *config, struct problem_list *problems)
{
	for (size_t n = 1; n < config->source_count; n++)
		for (size_t earlier = 0; earlier < n; earlier++)
			if (config->sources[n].settings != NULL && config->sources[earlier].settings != NULL)
				compare(&config->sources[earlier], &config->sources[n], problems);
}
