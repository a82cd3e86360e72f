/* A configuration: whatever the text, it is loaded whole or refused with problems
 * that people can read, and what was loaded is within the limits. */
#include "server/config.h"

#include "protocol/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static const char *environment(const char *name)
{
	return name[0] == 'E' ? "127.0.0.1:7470" : name[0] == 'Q' ? "\"}\n\xff" : NULL;
}

static void check_problems(const struct problem_list *problems)
{
	size_t size, errors = problems->dropped_count;
	for (size_t n = 0; n < problems->count; n++) {
		const char *text = problems->items[n].text;
		errors += !problems->items[n].is_warning;
		demand(strncmp(text, "a.conf:", 7) == 0 && strlen(text) < PROBLEM_TEXT_BYTES);
		for (; *text != '\0'; text += size) {
			int32_t code_point = utf8_decode((const uint8_t *)text, strlen(text), &size);
			demand(code_point >= 0 && utf8_is_printable(code_point));
		}
	}
	/* What was dropped may have been warnings. */
	demand(problems->error_count <= errors);
}

static void check_values(const struct config *config)
{
	const struct option_spec *spec;
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++) {
		char text[OPTION_TEXT_BYTES];
		union option_value value = config_value(config, spec), again;
		option_format(spec, value, text);
		if (spec->type == OPTION_TEXT && strlen(value.text) >= sizeof(text))
			continue;
		demand(option_parse(spec, text, &again, NULL) == 0);
		demand(option_is_equal(spec, value, again));
	}
	for (size_t n = 0; n < config->topic_count; n++) {
		struct topic_config topic;
		uint32_t partitions;
		demand(topic_config_check(&config->topics[n].config, NULL) == 0);
		config_topic_defaults(config, config->topics[n].pattern, &partitions, &topic);
		demand(partitions >= 1 && partitions <= TOPIC_PARTITIONS_MAX);
		demand(topic_config_check(&topic, NULL) == 0);
	}
}

static void on_change(void *user, const char *name, const char *old_text, const char *new_text,
		      bool needs_restart)
{
	(void)user;
	(void)name;
	(void)old_text;
	(void)new_text;
	(void)needs_restart;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct problem_list problems, again_problems;
	struct config config, again;
	struct bytes text = { data, size };
	memset(&problems, 0, sizeof(problems));
	memset(&again_problems, 0, sizeof(again_problems));
	int rc = config_load_text(&config, "a.conf", text, environment, &problems);
	check_problems(&problems);
	demand((rc == 0) == (problems.error_count == 0));
	demand(config_load_text(&again, "a.conf", text, environment, &again_problems) == rc);
	if (rc != 0)
		return 0;
	check_values(&config);
	config_diff(&config, &again, on_change, NULL);
	config_clear(&config);
	config_clear(&again);
	return 0;
}
