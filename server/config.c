#include "server/config.h"

#include "capture/property.h"
#include "protocol/topic_pattern.h"

#include <stdlib.h>
#include <string.h>

static void *member(struct config *config, const struct option_spec *spec)
{
	return (char *)config + spec->place;
}

union option_value config_value(const struct config *config, const struct option_spec *spec)
{
	return option_load(spec, config);
}

int config_set(struct config *config, const struct option_spec *spec, const char *text,
	       struct error *err)
{
	return option_store(spec, config, text, err);
}

int config_init(struct config *config, struct error *err)
{
	const struct option_spec *spec;
	struct config fresh = { 0 };
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++)
		if (config_set(&fresh, spec, spec->default_text, err) != 0) {
			config_clear(&fresh);
			return -1;
		}
	*config = fresh;
	return 0;
}

static void clear_source(struct config_source *source)
{
	for (size_t n = 0; n < source->pair_count; n++) {
		free(source->pairs[n].key);
		free(source->pairs[n].value);
	}
	free(source->pairs);
	free(source->name);
	free(source->file);
	source_settings_destroy(source->settings);
}

void config_clear(struct config *config)
{
	const struct option_spec *spec;
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++)
		option_clear(spec, config);
	for (size_t n = 0; n < config->topic_count; n++)
		free(config->topics[n].pattern);
	free(config->topics);
	for (size_t n = 0; n < config->source_count; n++)
		clear_source(&config->sources[n]);
	free(config->sources);
	*config = (struct config){ 0 };
}

/* Options that are set in `set` get their values from there. */
static void add_settings(struct topic_config *config, const struct topic_config *set)
{
	char text[TOPIC_CONFIG_TEXT_BYTES];
	for (size_t n = 0; topic_option(n) != NULL; n++)
		if (set->set & (UINT32_C(1) << n)) {
			topic_config_text(set, n, text, sizeof(text));
			topic_config_set(config, topic_option(n)->name, text, NULL);
		}
}

void config_topic_defaults(const struct config *config, const char *name,
			   uint32_t *out_partitions, struct topic_config *out)
{
	*out_partitions = (uint32_t)config->num_partitions;
	topic_config_init(out);
	for (size_t n = 0; n < config->topic_count; n++) {
		const struct config_topic *topic = &config->topics[n];
		if (!topic_pattern_matches(bytes_of_text(topic->pattern), bytes_of_text(name)))
			continue;
		if (topic->partitions != 0)
			*out_partitions = topic->partitions;
		add_settings(out, &topic->config);
	}
}

static bool are_settings_equal(const struct topic_config *a, const struct topic_config *b)
{
	char a_text[TOPIC_CONFIG_TEXT_BYTES], b_text[TOPIC_CONFIG_TEXT_BYTES];
	for (size_t n = 0; topic_option(n) != NULL; n++) {
		topic_config_text(a, n, a_text, sizeof(a_text));
		topic_config_text(b, n, b_text, sizeof(b_text));
		if (strcmp(a_text, b_text) != 0)
			return false;
	}
	return a->set == b->set;
}

static bool are_topics_equal(const struct config *old, const struct config *new)
{
	if (old->topic_count != new->topic_count)
		return false;
	for (size_t n = 0; n < old->topic_count; n++) {
		const struct config_topic *a = &old->topics[n], *b = &new->topics[n];
		if (strcmp(a->pattern, b->pattern) != 0 || a->partitions != b->partitions ||
		    !are_settings_equal(&a->config, &b->config))
			return false;
	}
	return true;
}

static bool are_pairs_equal(const struct config_source *a, const struct config_source *b)
{
	if (strcmp(a->name, b->name) != 0 || a->pair_count != b->pair_count)
		return false;
	for (size_t n = 0; n < a->pair_count; n++)
		if (strcmp(a->pairs[n].key, b->pairs[n].key) != 0 ||
		    strcmp(a->pairs[n].value, b->pairs[n].value) != 0)
			return false;
	return true;
}

static bool are_sources_equal(const struct config *old, const struct config *new)
{
	if (old->source_count != new->source_count)
		return false;
	for (size_t n = 0; n < old->source_count; n++)
		if (!are_pairs_equal(&old->sources[n], &new->sources[n]))
			return false;
	return true;
}

void config_diff(const struct config *old, const struct config *new, config_on_change *on_change,
		 void *user)
{
	const struct option_spec *spec;
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++) {
		char old_text[OPTION_TEXT_BYTES], new_text[OPTION_TEXT_BYTES];
		union option_value old_value = config_value(old, spec), new_value = config_value(new, spec);
		if (option_is_equal(spec, old_value, new_value))
			continue;
		option_format(spec, old_value, old_text);
		option_format(spec, new_value, new_text);
		on_change(user, spec->name, old_text, new_text, spec->needs_restart);
	}
	if (!are_topics_equal(old, new))
		on_change(user, "topic blocks", "", "", false);
	if (!are_sources_equal(old, new))
		on_change(user, "source blocks", "", "", true);
}

static void swap(void *a, void *b, size_t size)
{
	char kept[sizeof(int64_t)];
	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

static size_t size_of(const struct option_spec *spec)
{
	return option_is_text(spec) ? sizeof(char *)
		: spec->type == OPTION_BOOL ? sizeof(bool)
		: spec->type == OPTION_WORD ? sizeof(int)
					    : sizeof(int64_t);
}

void config_take(struct config *config, struct config *next)
{
	const struct option_spec *spec;
	struct config before;
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++)
		if (!spec->needs_restart)
			swap(member(config, spec), member(next, spec), size_of(spec));
	before = *config;
	config->topics = next->topics;
	config->topic_count = next->topic_count;
	next->topics = before.topics;
	next->topic_count = before.topic_count;
}

static void print_properties(struct text *out)
{
	const struct property_spec *spec;
	text_add_string(out, "In source \"NAME\" { … }, by Debezium's names:\n\n");
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++)
		property_print(spec, out);
}

static void print_for_people(struct text *out)
{
	const struct option_spec *spec;
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++)
		option_print(spec, out);
	text_add_string(out, "In topic \"PATTERN\" { … }, for topics made later:\n\n");
	text_add_format(out, "partitions = num.partitions\n    How many partitions the topic has, 1 to %d.\n\n",
			TOPIC_PARTITIONS_MAX);
	for (size_t n = 0; topic_option(n) != NULL; n++)
		text_add_format(out, "%s = %s\n    %s\n\n", topic_option(n)->name,
				topic_option(n)->default_text, topic_option(n)->help);
	print_properties(out);
}

static void print_topic_option(struct json *json, const char *name, const char *default_text,
			       const char *help)
{
	json_begin_object(json);
	json_name(json, "block");
	json_string(json, "topic");
	json_name(json, "name");
	json_string(json, name);
	json_name(json, "default");
	json_string(json, default_text);
	json_name(json, "help");
	json_string(json, help);
	json_end_object(json);
	json_end_line(json);
}

static void print_properties_json(struct json *json)
{
	const struct property_spec *spec;
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++) {
		json_begin_object(json);
		json_name(json, "block");
		json_string(json, "source");
		property_print_json(spec, json);
		json_end_object(json);
		json_end_line(json);
	}
}

static void print_json(struct text *out)
{
	const struct option_spec *spec;
	struct json json = json_to(out);
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++) {
		json_begin_object(&json);
		option_print_json(spec, &json);
		json_end_object(&json);
		json_end_line(&json);
	}
	print_topic_option(&json, "partitions", "num.partitions", "how many partitions the topic has");
	for (size_t n = 0; topic_option(n) != NULL; n++)
		print_topic_option(&json, topic_option(n)->name, topic_option(n)->default_text,
				   topic_option(n)->help);
	print_properties_json(&json);
}

int config_print_options(struct text *out, bool is_json, struct error *err)
{
	(is_json ? print_json : print_for_people)(out);
	return text_check(out, err);
}
