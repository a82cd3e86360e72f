#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/property.h"
#include "server/log_line.h"
#include "tests/support/fail_malloc.h"

static const char *environment(const char *name)
{
	(void)name;
	return NULL;
}

static struct config loaded(const char *text)
{
	static struct problem_list problems;
	struct config config;
	problems = (struct problem_list){ 0 };
	if (config_load_text(&config, "a.conf", bytes_of_text(text), environment, &problems) != 0)
		fail_msg("%s", problems.items[0].text);
	return config;
}

/* What config_diff tells, one a line. */
static char changes[4096];

static void on_change(void *user, const char *name, const char *old_text, const char *new_text,
		      bool needs_restart)
{
	size_t used = strlen(changes);
	assert_string_equal(user, "user");
	snprintf(changes + used, sizeof(changes) - used, "%s: %s -> %s%s\n", name, old_text, new_text,
		 needs_restart ? " (restart)" : "");
}

static void expect_changes(const char *old_text, const char *new_text, const char *expected)
{
	struct config old = loaded(old_text), new = loaded(new_text);
	changes[0] = '\0';
	config_diff(&old, &new, on_change, (char[]){ "user" });
	assert_string_equal(changes, expected);
	config_clear(&old);
	config_clear(&new);
}

/* A source block that is whole; what is said more of it. */
#define SOURCE(name, more) "source " name " { connector.class = scripted script.file = /x " more " }"

static void same_configuration_has_no_changes(void **state)
{
	static const char text[] = "listen = 127.0.0.1:1 log.map.bytes = 2TiB topic.autocreate = no\n"
				   "topic a { retention.ms = 5 }\n" SOURCE("b", "");
	(void)state;
	expect_changes("", "", "");
	expect_changes(text, text, "");
	expect_changes("log.map.bytes = 1TiB", "log.map.bytes = 1024GiB", "");
}

static void changes_are_told_with_old_and_new(void **state)
{
	(void)state;
	expect_changes("", "max.connections = 5 log.level = debug heartbeat.interval.ms = 1500\n"
			   "listen = [::1]:1 topic.autocreate = no log.map.bytes = 64MiB",
		       "listen: 127.0.0.1:7470 -> [::1]:1 (restart)\n"
		       "log.level: info -> debug\n"
		       "log.map.bytes: 1TiB -> 64MiB (restart)\n"
		       "max.connections: 10000 -> 5\n"
		       "heartbeat.interval.ms: 10s -> 1500ms\n"
		       "topic.autocreate: true -> false (restart)\n");
}

static void changed_blocks_are_told(void **state)
{
	static const char *const topics[] = {
		"", "topic b { partitions = 1 }", "topic a { partitions = 2 }", "topic a { }",
		"topic a { partitions = 1 retention.ms = 5 }", "topic a { partitions = 1 } topic b { }",
		/* The default, but said. */
		"topic a { partitions = 1 retention.ms = 604800000 }",
	};
	static const char *const sources[] = {
		"", SOURCE("b", "tasks.max = 1"), SOURCE("a", "tasks.max = 2"), SOURCE("a", "name = 1"),
		SOURCE("a", ""), SOURCE("a", "tasks.max = 1 name = 2"),
		SOURCE("a", "tasks.max = 1") SOURCE("b", ""),
	};
	(void)state;
	for (size_t n = 0; n < sizeof(topics) / sizeof(topics[0]); n++)
		expect_changes("topic a { partitions = 1 }", topics[n], "topic blocks:  -> \n");
	for (size_t n = 0; n < sizeof(sources) / sizeof(sources[0]); n++)
		expect_changes(SOURCE("a", "tasks.max = 1"), sources[n], "source blocks:  ->  (restart)\n");
}

static void what_needs_no_restart_is_taken_over(void **state)
{
	struct config config = loaded("data.dir = /old max.connections = 1 topic old { partitions = 1 }\n"
				      SOURCE("old", ""));
	struct config next = loaded("data.dir = /new max.connections = 2 log.level = debug log.map.bytes = 2TiB\n"
				    "topic new { partitions = 2 } topic more { }" SOURCE("new", "") SOURCE("more", ""));
	(void)state;
	config_take(&config, &next);
	assert_string_equal(config.data_dir, "/old");
	assert_int_equal(config.log_map_bytes, INT64_C(1) << 40);
	assert_int_equal(config.max_connections, 2);
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config.topic_count, 2);
	assert_string_equal(config.topics[0].pattern, "new");
	assert_int_equal(config.source_count, 1);
	assert_string_equal(config.sources[0].name, "old");
	assert_int_equal(next.max_connections, 1);
	config_clear(&next);

	/* The rest is told again the next time. */
	next = loaded("data.dir = /new max.connections = 2 log.level = debug log.map.bytes = 2TiB\n"
		      "topic new { partitions = 2 } topic more { }" SOURCE("new", "") SOURCE("more", ""));
	changes[0] = '\0';
	config_diff(&config, &next, on_change, (char[]){ "user" });
	assert_string_equal(changes, "data.dir: /old -> /new (restart)\nlog.map.bytes: 1TiB -> 2TiB (restart)\n"
				     "source blocks:  ->  (restart)\n");
	config_clear(&next);
	config_clear(&config);
}

static void expect_defaults(const struct config *config, const char *name, uint32_t partitions,
			    int64_t retention_ms, int64_t retention_bytes, uint32_t set)
{
	struct topic_config topic;
	uint32_t count;
	config_topic_defaults(config, name, &count, &topic);
	assert_int_equal(count, partitions);
	assert_int_equal(topic.retention_ms, retention_ms);
	assert_int_equal(topic.retention_bytes, retention_bytes);
	assert_int_equal(topic.set, set);
}

static void topic_gets_what_every_matching_block_says_in_order(void **state)
{
	struct config config = loaded("num.partitions = 3\n"
				      "topic \"myapp.*\" { partitions = 4 retention.ms = 1000 }\n"
				      "topic \"*.audit\" { retention.ms = -1 retention.bytes = 1KiB }\n"
				      "topic myapp.a.audit { retention.bytes = 5 }\n");
	(void)state;
	expect_defaults(&config, "other", 3, 604800000, -1, 0);
	expect_defaults(&config, "myapp.users", 4, 1000, -1, 1);
	expect_defaults(&config, "other.audit", 3, -1, 1024, 3);
	expect_defaults(&config, "myapp.audit", 4, -1, 1024, 3);
	expect_defaults(&config, "myapp.a.audit", 4, -1, 5, 3);
	config_clear(&config);
}

static void wrong_value_leaves_the_old_one(void **state)
{
	struct config config;
	struct error err = { 0 };
	(void)state;
	assert_int_equal(config_init(&config, NULL), 0);
	assert_int_equal(config_set(&config, config_find("data.dir"), "/x", NULL), 0);
	assert_int_equal(config_set(&config, config_find("data.dir"), "", &err), -1);
	assert_string_equal(config.data_dir, "/x");
	assert_int_equal(config_set(&config, config_find("num.partitions"), "0", &err), -1);
	assert_int_equal(config.num_partitions, 1);
	config_clear(&config);
	assert_null(config.data_dir);
	config_clear(&config);
}

static void names_are_unique_and_defaults_within_limits(void **state)
{
	const struct option_spec *spec;
	(void)state;
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++) {
		assert_ptr_equal(config_find(spec->name), spec);
		union option_value value;
		assert_int_equal(option_parse(spec, spec->default_text, &value, NULL), 0);
		assert_non_null(spec->help);
	}
	assert_null(config_find("listens"));
	assert_null(config_find(""));
}

static void every_option_is_printed(void **state)
{
	const struct option_spec *spec;
	struct text people, json;
	char *line, *rest;
	size_t n = 0;
	(void)state;
	text_init(&people);
	text_init(&json);
	assert_int_equal(config_print_options(&people, false, NULL), 0);
	assert_int_equal(config_print_options(&json, true, NULL), 0);
	text_add_byte(&people, '\0');
	text_add_byte(&json, '\0');
	rest = json.buffer.data;
	for (n = 0; (spec = config_option(n)) != NULL; n++) {
		char start[200];
		snprintf(start, sizeof(start), "{\"name\":\"%s\",\"type\":\"", spec->name);
		line = strsep(&rest, "\n");
		assert_memory_equal(line, start, strlen(start));
		snprintf(start, sizeof(start), "%s = %s\n", spec->name, spec->default_text);
		assert_non_null(strstr(people.buffer.data, start));
	}
	line = strsep(&rest, "\n");
	assert_string_equal(line, "{\"block\":\"topic\",\"name\":\"partitions\",\"default\":\"num.partitions\","
				  "\"help\":\"how many partitions the topic has\"}");
	for (n = 0; topic_option(n) != NULL; n++) {
		char start[200];
		snprintf(start, sizeof(start), "{\"block\":\"topic\",\"name\":\"%s\",\"default\":\"%s\"",
			 topic_option(n)->name, topic_option(n)->default_text);
		line = strsep(&rest, "\n");
		assert_memory_equal(line, start, strlen(start));
		assert_non_null(strstr(people.buffer.data, topic_option(n)->name));
	}
	for (size_t at = 0; property_at(at) != NULL; at++) {
		const struct property_spec *property = property_at(at);
		char start[200], name[200];
		snprintf(start, sizeof(start), "{\"block\":\"source\",\"status\":\"%s\",",
			 property_status_name(property->status));
		snprintf(name, sizeof(name), "\"name\":\"%s\",\"type\":\"", property->option.name);
		line = strsep(&rest, "\n");
		assert_memory_equal(line, start, strlen(start));
		assert_non_null(strstr(line, name));
		snprintf(name, sizeof(name), "\n%s", property->option.name);
		assert_non_null(strstr(people.buffer.data, name));
	}
	assert_string_equal(rest, "");
	text_clear(&people);
	text_clear(&json);
}

static void failed_allocation_of_the_defaults_is_reported(void **state)
{
	(void)state;
	for (int n = 0;; n++) {
		struct config config = { .max_connections = 99 };
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = config_init(&config, &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			config_clear(&config);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		assert_int_equal(config.max_connections, 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_configuration_has_no_changes),
		cmocka_unit_test(changes_are_told_with_old_and_new),
		cmocka_unit_test(changed_blocks_are_told),
		cmocka_unit_test(what_needs_no_restart_is_taken_over),
		cmocka_unit_test(topic_gets_what_every_matching_block_says_in_order),
		cmocka_unit_test(wrong_value_leaves_the_old_one),
		cmocka_unit_test(names_are_unique_and_defaults_within_limits),
		cmocka_unit_test(every_option_is_printed),
		cmocka_unit_test(failed_allocation_of_the_defaults_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
