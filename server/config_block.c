#include "server/config_block.h"

#include "protocol/nearest.h"
#include "protocol/topic_pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is shown of a name. */
#define SHOWN_BYTES 64

static const struct option_spec partitions_spec = {
	.name = "partitions", .type = OPTION_INTEGER, .min = 1, .max = TOPIC_PARTITIONS_MAX,
};

static int no_memory(struct error *err)
{
	return error_set(err, ERROR_MEMORY, "out of memory");
}

int config_block_add_topic(struct config *config, const char *pattern, struct error *err)
{
	struct config_topic topic = { 0 };
	if (topic_pattern_check(bytes_of_text(pattern), err) != 0)
		return error_context(err, "topic '%.*s'", SHOWN_BYTES, pattern);
	if (config->topic_count == CONFIG_TOPICS_MAX)
		return error_set(err, ERROR_LIMIT, "there are more than %d topic blocks",
				 CONFIG_TOPICS_MAX);
	struct config_topic *topics = reallocarray(config->topics, config->topic_count + 1, sizeof(topic));
	if (topics == NULL)
		return no_memory(err);
	config->topics = topics;
	topic.pattern = strdup(pattern);
	if (topic.pattern == NULL)
		return no_memory(err);
	topic_config_init(&topic.config);
	topics[config->topic_count++] = topic;
	return 0;
}

/* The number of a topic's option; -1: there is none of that name. */
static int topic_option_number(const char *name)
{
	for (size_t n = 0; topic_option(n) != NULL; n++)
		if (strcmp(topic_option(n)->name, name) == 0)
			return (int)n;
	return -1;
}

bool config_block_is_topic_option(const char *name)
{
	return strcmp(name, partitions_spec.name) == 0 || topic_option_number(name) >= 0;
}

static int refuse_topic_option(const char *name, struct error *err)
{
	struct nearest nearest = nearest_to(name);
	if (config_find(name) != NULL)
		return error_set(err, ERROR_INVALID,
				 "%s is not an option of topics: put it outside of all blocks", name);
	nearest_try(&nearest, partitions_spec.name);
	for (size_t n = 0; topic_option(n) != NULL; n++)
		nearest_try(&nearest, topic_option(n)->name);
	if (nearest_name(&nearest) != NULL)
		return error_set(err, ERROR_INVALID,
				 "there is no option '%s' of topics: did you mean '%s'?", name,
				 nearest_name(&nearest));
	return error_set(err, ERROR_INVALID,
			 "there is no option '%.*s' of topics; millstreamd --options lists those there are",
			 SHOWN_BYTES, name);
}

static bool has_end(const char *name, const char *end)
{
	size_t size = strlen(name), end_size = strlen(end);
	return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* Kafka's options are plain numbers; here they may have units too: 7d, 20GiB. */
static int set_topic_option(struct topic_config *config, const char *name, const char *value,
			    struct error *err)
{
	char number_text[32];
	int64_t number;
	if ((has_end(name, ".ms") && option_parse_duration(value, &number) == 0) ||
	    (has_end(name, ".bytes") && option_parse_bytes(value, &number) == 0)) {
		snprintf(number_text, sizeof(number_text), "%" PRId64, number);
		value = number_text;
	}
	return topic_config_set(config, name, value, err);
}

int config_block_set_topic(struct config *config, const char *name, const char *value,
		     struct error *err)
{
	struct config_topic *topic = &config->topics[config->topic_count - 1];
	int number = topic_option_number(name);
	bool is_partitions = strcmp(name, partitions_spec.name) == 0;
	if (number < 0 && !is_partitions)
		return refuse_topic_option(name, err);
	if (is_partitions ? topic->partitions != 0 : (topic->config.set >> number & 1) != 0)
		return error_set(err, ERROR_INVALID, "%s is set twice in this block", name);
	if (!is_partitions)
		return set_topic_option(&topic->config, name, value, err);
	union option_value partitions;
	if (option_parse(&partitions_spec, value, &partitions, err) != 0)
		return -1;
	topic->partitions = (uint32_t)partitions.number;
	return 0;
}
