#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/config_file.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/temp_dir.h"

static const char *environment(const char *name)
{
	return strcmp(name, "DIR") == 0 ? "/data" : NULL;
}

/* The problems, one a line. */
static const char *told(const struct problem_list *problems)
{
	static char text[PROBLEMS_MAX * PROBLEM_TEXT_BYTES];
	size_t used = 0;
	text[0] = '\0';
	for (size_t n = 0; n < problems->count; n++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n", problems->items[n].text);
	return text;
}

static int load_text(struct config *out, const char *text, struct problem_list *problems)
{
	*problems = (struct problem_list){ 0 };
	return config_load_text(out, "a.conf", bytes_of_text(text), environment, problems);
}

static void expect_problems(const char *text, const char *expected)
{
	static struct problem_list problems;
	struct config config, before;
	memset(&config, 0x55, sizeof(config));
	before = config;
	assert_int_equal(load_text(&config, text, &problems), -1);
	assert_string_equal(told(&problems), expected);
	assert_memory_equal(&config, &before, sizeof(config));
}

static struct config loaded(const char *text)
{
	static struct problem_list problems;
	struct config config;
	if (load_text(&config, text, &problems) != 0)
		fail_msg("%s", told(&problems));
	return config;
}

static void empty_file_is_the_defaults(void **state)
{
	struct config config = loaded("");
	const struct option_spec *spec;
	(void)state;
	assert_string_equal(config.listen, "127.0.0.1:7470");
	assert_string_equal(config.data_dir, "/var/lib/millstream");
	assert_int_equal(config.log_map_bytes, INT64_C(1) << 40);
	assert_int_equal(config.max_connections, 10000);
	assert_true(config.topic_autocreate);
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++) {
		union option_value value;
		assert_int_equal(option_parse(spec, spec->default_text, &value, NULL), 0);
		assert_true(option_is_equal(spec, value, config_value(&config, spec)));
	}
	config_clear(&config);
}

/* Another value than the default, and what is said of a wrong one. */
static const struct {
	const char *name;
	const char *good;
	const char *wrong;
	const char *problem;
} samples[] = {
	{ "listen", "[::1]:80", "localhost",
	  "listen: 'localhost' is not an address to listen on: it has no port; write it as 127.0.0.1:7470 or "
	  "[::1]:7470" },
	{ "data.dir", "/data", "\"\"", "data.dir must not be empty" },
	{ "log.level", "debug", "loud", "log.level: 'loud' is not error, warning, info or debug" },
	{ "log.format", "json", "xml", "log.format: 'xml' is not logfmt or json" },
	{ "log.map.bytes", "64MiB", "63MiB",
	  "log.map.bytes: '63MiB' is not a size from 64MiB to 64TiB; write a number of bytes, or one with KiB, "
	  "MiB, GiB or TiB" },
	{ "log.quota.bytes", "1TiB", "-1",
	  "log.quota.bytes: '-1' is not a size from 0 to 64TiB; write a number of bytes, or one with KiB, MiB, "
	  "GiB or TiB" },
	{ "log.ballast.bytes", "0", "1025GiB",
	  "log.ballast.bytes: '1025GiB' is not a size from 0 to 1TiB; write a number of bytes, or one with KiB, "
	  "MiB, GiB or TiB" },
	{ "log.batch.bytes", "4KiB", "4095",
	  "log.batch.bytes: '4095' is not a size from 4KiB to 1MiB; write a number of bytes, or one with KiB, "
	  "MiB, GiB or TiB" },
	{ "log.commit.bytes", "256MiB", "257MiB",
	  "log.commit.bytes: '257MiB' is not a size from 64KiB to 256MiB; write a number of bytes, or one with "
	  "KiB, MiB, GiB or TiB" },
	{ "log.queue.bytes", "1MiB", "1",
	  "log.queue.bytes: '1' is not a size from 1MiB to 4GiB; write a number of bytes, or one with KiB, MiB, "
	  "GiB or TiB" },
	{ "log.queue.records", "1", "0",
	  "log.queue.records: '0' is not a whole number from 1 to 10000000" },
	{ "max.connections", "1000000", "many",
	  "max.connections: 'many' is not a whole number from 1 to 1000000" },
	{ "max.connections.per.address", "1", "0",
	  "max.connections.per.address: '0' is not a whole number from 1 to 1000000" },
	{ "max.frame.bytes", "64MiB", "65MiB",
	  "max.frame.bytes: '65MiB' is not a size from 1MiB to 64MiB; write a number of bytes, or one with KiB, "
	  "MiB, GiB or TiB" },
	{ "connection.out.buffer.bytes", "1MiB", "1000",
	  "connection.out.buffer.bytes: '1000' is not a size from 1MiB to 1GiB; write a number of bytes, or one "
	  "with KiB, MiB, GiB or TiB" },
	{ "heartbeat.interval.ms", "1h", "99",
	  "heartbeat.interval.ms: '99' is not a duration from 100ms to 1h; write a number of milliseconds, or "
	  "one with ms, s, m, h or d" },
	{ "login.timeout.ms", "100", "never",
	  "login.timeout.ms: 'never' is not a duration from 100ms to 10m; write a number of milliseconds, or one "
	  "with ms, s, m, h or d" },
	{ "topic.autocreate", "no", "sometimes", "topic.autocreate: 'sometimes' is neither true nor false" },
	{ "num.partitions", "1024", "1025",
	  "num.partitions: '1025' is not a whole number from 1 to 1024" },
};

static void each_option_takes_a_value_and_refuses_a_wrong_one_on_its_line(void **state)
{
	size_t n;
	(void)state;
	for (n = 0; n < sizeof(samples) / sizeof(samples[0]); n++) {
		const struct option_spec *spec = config_option(n);
		char text[256], expected[PROBLEM_TEXT_BYTES];
		union option_value value;
		assert_string_equal(spec->name, samples[n].name);

		snprintf(text, sizeof(text), "%s = %s\n", samples[n].name, samples[n].good);
		struct config config = loaded(text);
		assert_int_equal(option_parse(spec, samples[n].good, &value, NULL), 0);
		assert_true(option_is_equal(spec, value, config_value(&config, spec)));
		assert_int_equal(option_parse(spec, spec->default_text, &value, NULL), 0);
		assert_false(option_is_equal(spec, value, config_value(&config, spec)));
		config_clear(&config);

		snprintf(text, sizeof(text), "# one\n\n%s = %s\n", samples[n].name, samples[n].wrong);
		snprintf(expected, sizeof(expected), "a.conf:3: %s\n", samples[n].problem);
		expect_problems(text, expected);
	}
	assert_null(config_option(n));
}

static void each_misspelt_name_is_answered_with_the_right_one(void **state)
{
	const struct option_spec *spec;
	(void)state;
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++) {
		char name[128], text[256], expected[PROBLEM_TEXT_BYTES];
		snprintf(name, sizeof(name), "%s", spec->name);
		memmove(name + 2, name + 3, strlen(name + 2));
		snprintf(text, sizeof(text), "log.level = info\n%s = 1\n", name);
		snprintf(expected, sizeof(expected), "a.conf:2: there is no option '%s': did you mean '%s'?\n",
			 name, spec->name);
		expect_problems(text, expected);
	}
}

static void names_of_other_products_are_answered_with_ours(void **state)
{
	const struct option_spec *spec;
	size_t count = 0;
	(void)state;
	for (size_t n = 0; (spec = config_option(n)) != NULL; n++) {
		char text[256], expected[PROBLEM_TEXT_BYTES];
		if (spec->known_as == NULL)
			continue;
		snprintf(text, sizeof(text), "%s = 1\n", spec->known_as);
		snprintf(expected, sizeof(expected), "a.conf:1: there is no option '%s': here it is called '%s'\n",
			 spec->known_as, spec->name);
		expect_problems(text, expected);
		count++;
	}
	assert_true(count > 0);
}

static void unknown_names_say_where_to_look(void **state)
{
	(void)state;
	expect_problems("colour = red\n",
			"a.conf:1: there is no option 'colour'; millstreamd --options lists those there are\n");
	expect_problems("retention.ms = 5\n", "a.conf:1: retention.ms is an option of topics: put it into a "
					      "block, topic \"*\" { retention.ms = … }\n");
	expect_problems("topics \"a\" { x = 1 }\n", "a.conf:1: there is no block 'topics': did you mean 'topic'?\n");
	expect_problems("listen \"main\" { port = 1 }\n",
			"a.conf:1: there is no block 'listen': there are topic and source\n");
}

static void all_errors_are_told_at_once(void **state)
{
	(void)state;
	expect_problems("listen = 0.0.0.0:7470\n"
			"max.conections = 5\n"
			"log.level = \"debug\n"
			"topic \"a b\" {\n"
			"  partitions = 0\n"
			"}\n"
			"topic \"a.*\" {\n"
			"  partitions = 0\n"
			"  retention.mss = 1\n"
			"}\n"
			"data.dir = ${HOME_OF_NOBODY}\n"
			"num.partitions = none\n",
			"a.conf:1: listen: listening on 0.0.0.0:7470 would let everyone who reaches it read and "
			"write, as there are no users with passwords: listen on 127.0.0.1 or [::1], and let others "
			"in through a tunnel (ssh -L)\n"
			"a.conf:2: there is no option 'max.conections': did you mean 'max.connections'?\n"
			"a.conf:3: the text that begins with \" on line 3 has no \" at its end\n"
			"a.conf:4: topic 'a b': byte 0x20 does not belong in a topic name or pattern: letters, "
			"digits, '.', '_', '-' and '*' do\n"
			"a.conf:8: partitions: '0' is not a whole number from 1 to 1024\n"
			"a.conf:9: there is no option 'retention.mss' of topics: did you mean 'retention.ms'?\n"
			"a.conf:11: the environment variable HOME_OF_NOBODY is not set: set it, or write "
			"${HOME_OF_NOBODY:-default}\n"
			"a.conf:12: num.partitions: 'none' is not a whole number from 1 to 1024\n");
}

static void too_many_problems_are_counted(void **state)
{
	static struct problem_list problems;
	struct config config;
	char text[10000] = "";
	(void)state;
	for (int n = 0; n < PROBLEMS_MAX + 10; n++)
		strcat(text, "colour = red\n");
	assert_int_equal(load_text(&config, text, &problems), -1);
	assert_int_equal(problems.count, PROBLEMS_MAX);
	assert_int_equal(problems.error_count, PROBLEMS_MAX + 10);
	assert_int_equal(problems.dropped_count, 10);
}

static void problem_is_one_printable_line(void **state)
{
	(void)state;
	expect_problems("log.level = \"a\\nb\\t\xe2\x80\xae\xc3\xa9\"\n",
			"a.conf:1: log.level: 'a?b????\xc3\xa9' is not error, warning, info or debug\n");
}

static void option_set_twice_in_a_file_is_a_problem(void **state)
{
	(void)state;
	expect_problems("log.level = info\n\nlog.level = debug\n",
			"a.conf:3: log.level was already set on line 1\n");
	expect_problems("topic a { partitions = 1 partitions = 2\n retention.ms = 1\n retention.ms = 1 }",
			"a.conf:1: partitions is set twice in this block\n"
			"a.conf:3: retention.ms is set twice in this block\n");
	expect_problems("source a {\n connector.class = scripted script.file = x\n script.file = y\n}\nsource a { }",
			"a.conf:3: script.file was already set on line 2\n"
			"a.conf:5: there is a source 'a' already\n");
}

static void one_value_is_not_a_list(void **state)
{
	(void)state;
	expect_problems("listen = { \"127.0.0.1:1\", \"[::1]:1\" }\ntopic a { partitions = { 1 } }",
			"a.conf:1: listen takes one value, not a list\n"
			"a.conf:2: partitions takes one value, not a list\n");
}

static void options_that_do_not_go_together_are_refused(void **state)
{
	(void)state;
	expect_problems("log.map.bytes = 1GiB\nlog.quota.bytes = 2GiB\n",
			"a.conf:2: log.quota.bytes is 2GiB, but must not be above log.map.bytes, which is 1GiB\n");
	expect_problems("log.quota.bytes = 2TiB\n",
			"a.conf:1: log.quota.bytes is 2TiB, but must not be above log.map.bytes, which is 1TiB\n");
	expect_problems("log.commit.bytes = 64KiB log.batch.bytes = 128KiB",
			"a.conf:1: log.batch.bytes is 128KiB, but must not be above log.commit.bytes, which is "
			"64KiB\n");
	struct config config = loaded("log.map.bytes = 2GiB\nlog.quota.bytes = 2GiB\n");
	config_clear(&config);
}

static void environment_is_in_values(void **state)
{
	struct config config = loaded("data.dir = \"${DIR}/log\" log.level = ${NONE:-debug}\n");
	(void)state;
	assert_string_equal(config.data_dir, "/data/log");
	assert_int_equal(config.log_level, 3);
	config_clear(&config);
}

static void topics_have_their_settings(void **state)
{
	struct config config = loaded("topic \"myapp.*\" { partitions = 4 retention.ms = 7d }\n"
				      "topic audit {\n retention.ms = -1\n retention.bytes = \"20GiB\"\n"
				      " cleanup.policy = delete max.message.bytes = 1000 }\n"
				      "topic empty { }\n");
	(void)state;
	assert_int_equal(config.topic_count, 3);
	assert_string_equal(config.topics[0].pattern, "myapp.*");
	assert_int_equal(config.topics[0].partitions, 4);
	assert_int_equal(config.topics[0].config.retention_ms, 604800000);
	assert_int_equal(config.topics[0].config.set, 1);
	assert_string_equal(config.topics[1].pattern, "audit");
	assert_int_equal(config.topics[1].partitions, 0);
	assert_int_equal(config.topics[1].config.retention_ms, -1);
	assert_int_equal(config.topics[1].config.retention_bytes, INT64_C(20) << 30);
	assert_int_equal(config.topics[1].config.max_message_bytes, 1000);
	assert_int_equal(config.topics[1].config.set, 15);
	assert_int_equal(config.topics[2].config.set, 0);
	config_clear(&config);
}

static void wrong_settings_of_topics_are_refused(void **state)
{
	(void)state;
	expect_problems("topic \"*\" {\n retention.ms = soon\n retention.bytes = 20GB\n partitions = 1025\n"
			" cleanup.policy = compact\n colour = red\n listen = x\n partition = 4\n}",
			"a.conf:2: retention.ms: 'soon' is not a number from -1 to 9223372036854775 "
			"(milliseconds, or -1 to keep records for ever)\n"
			"a.conf:3: retention.bytes: '20GB' is not a number from -1 to 9223372036854775807 (bytes, or "
			"-1 for no limit)\n"
			"a.conf:4: partitions: '1025' is not a whole number from 1 to 1024\n"
			"a.conf:5: cleanup.policy: compaction is not implemented yet; use 'delete' and "
			"retention.ms = -1 to keep every record\n"
			"a.conf:6: there is no option 'colour' of topics; millstreamd --options lists those there "
			"are\n"
			"a.conf:7: listen is not an option of topics: put it outside of all blocks\n"
			"a.conf:8: there is no option 'partition' of topics: did you mean 'partitions'?\n");
	expect_problems("topic \"*\" {\n retention.ms = 4KiB\n retention.bytes = 7d\n}",
			"a.conf:2: retention.ms: '4KiB' is not a number from -1 to 9223372036854775 "
			"(milliseconds, or -1 to keep records for ever)\n"
			"a.conf:3: retention.bytes: '7d' is not a number from -1 to 9223372036854775807 (bytes, or "
			"-1 for no limit)\n");
	expect_problems("topic { partitions = 4 }\n",
			"a.conf:1: a topic block has a name or a pattern: topic \"myapp.*\" { … }\n");
}

static void source_is_checked_and_its_settings_are_made(void **state)
{
	static struct problem_list problems;
	struct config config;
	(void)state;
	assert_int_equal(load_text(&config, "\nsource \"myapp\" {\n"
					    "  connector.class = \"postgresql\"\n"
					    "  database.password = \"${DIR}\"\n"
					    "  database.user = me database.dbname = shop\n"
					    "  snapshot.max.threads = 4\n"
					    "  table.include.list = { \"public.users\", \"public.orders\" }\n"
					    "}\n", &problems), 0);
	assert_string_equal(told(&problems),
			    "a.conf:6: warning: snapshot.max.threads is known, but not implemented yet: one table is "
			    "read after the other\n");
	assert_true(problems.items[0].is_warning);
	assert_int_equal(problems.error_count, 0);
	assert_int_equal(config.source_count, 1);
	assert_string_equal(config.sources[0].name, "myapp");
	assert_string_equal(config.sources[0].file, "a.conf");
	assert_int_equal(config.sources[0].line, 2);
	assert_int_equal(config.sources[0].pair_count, 6);
	assert_string_equal(config.sources[0].settings->database_password, "/data");
	assert_string_equal(config.sources[0].settings->topic_prefix, "myapp");
	assert_true(source_settings_has_table(config.sources[0].settings, bytes_of_text("public"),
					      bytes_of_text("orders")));
	assert_false(source_settings_has_table(config.sources[0].settings, bytes_of_text("public"),
					       bytes_of_text("others")));
	config_clear(&config);
}

#define POSTGRESQL "connector.class = postgresql database.user = u database.dbname = d "

static void all_problems_of_sources_are_told_with_their_lines(void **state)
{
	(void)state;
	expect_problems("source a {\n connector.class = postgresql\n database.port = many\n databse.user = x\n}\n"
			"log.level = loud\nsource b {\n table.include.list = \"a(\"\n}\n",
			"a.conf:3: database.port: 'many' is not a whole number from 1 to 65535\n"
			"a.conf:4: there is no property 'databse.user' of sources: did you mean 'database.user'?\n"
			"a.conf:1: source 'a' has no database.user: write database.user = \"NAME\"\n"
			"a.conf:1: source 'a' has no database.dbname: write database.dbname = \"NAME\"\n"
			"a.conf:6: log.level: 'loud' is not error, warning, info or debug\n"
			"a.conf:8: table.include.list: 'a(' is not a regular expression: missing closing parenthesis "
			"(at character 3)\n"
			"a.conf:7: source 'b' has no connector.class: write connector.class = \"postgresql\"\n");
}

static void value_that_cannot_be_read_is_not_missing(void **state)
{
	(void)state;
	expect_problems("source a { connector.class = postgresql\n database.user = \"${NOT_SET}\"\n"
			" database.dbname =\n}\n",
			"a.conf:2: the environment variable NOT_SET is not set: set it, or write "
			"${NOT_SET:-default}\n"
			"a.conf:3: 'database.dbname =' has no value: it begins on the same line\n");
}

static void sources_that_would_meet_are_refused(void **state)
{
	(void)state;
	expect_problems("source a { " POSTGRESQL " topic.prefix = b }\nsource b {\n " POSTGRESQL " }\n",
			"a.conf:2: sources 'a' and 'b' have the same topic.prefix, 'b': each needs one of its own\n");
	expect_problems("source a.b { " POSTGRESQL "publication.name = a }\nsource a_b { " POSTGRESQL
			"database.hostname = LOCALHOST }\n",
			"a.conf:2: sources 'a.b' and 'a_b' have the same slot.name, 'millstream_a_b', on the same "
			"server: each needs one of its own\n");
	expect_problems("source a { " POSTGRESQL "publication.name = p publication.autocreate.mode = disabled }\n"
			"source b { " POSTGRESQL "publication.name = p }\n",
			"a.conf:2: sources 'a' and 'b' have the same publication.name, 'p', in the same database: give "
			"each one of its own, or publication.autocreate.mode = disabled to both\n");
	struct config config = loaded("source a { " POSTGRESQL "slot.name = s publication.name = p "
				      "publication.autocreate.mode = disabled }\n"
				      "source b { " POSTGRESQL "slot.name = t publication.name = p "
				      "publication.autocreate.mode = disabled }\n"
				      "source c { " POSTGRESQL "slot.name = s database.port = 1 publication.name = p }\n");
	config_clear(&config);
}

static void wrong_sources_are_refused(void **state)
{
	(void)state;
	expect_problems("source { }\nsource \"my app\" { a = 1 }\n",
			"a.conf:1: a source block has a name: source \"myapp\" { … }\n"
			"a.conf:2: source 'my app': the name of a source is made of A-Z a-z 0-9 . _ -, but byte 3 is "
			"0x20\n");
}

static void block_in_a_block_is_a_problem(void **state)
{
	(void)state;
	expect_problems("topic a {\n partitions = 4\n\ntopic b {\n partitions = 5\n}\nlog.level = info\n",
			"a.conf:4: a block does not stand in a block: has the one that begins on line 1 its '}'?\n"
			"a.conf:1: the block that begins here has no '}' at its end\n");
	expect_problems("x {\n y {\n z = 1 }\n w = 1\n}\nlog.level = high\n",
			"a.conf:1: there is no block 'x': there are topic and source\n"
			"a.conf:6: log.level: 'high' is not error, warning, info or debug\n");
}

static void memory_alone_includes_nothing(void **state)
{
	(void)state;
	expect_problems("include \"/etc/passwd\"\n", "a.conf:1: nothing can be included here\n");
}

/* Files. */

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int make_dir(void **state)
{
	*state = temp_dir_create();
	return 0;
}

static int remove_dir(void **state)
{
	temp_dir_destroy(*state);
	return 0;
}

/* The directory's name is cut from what is told. */
static int load_file(struct config *out, const char *dir, const char *name,
		     const struct config_override *overrides, size_t override_count, const char *expected)
{
	static struct problem_list problems;
	char path[300];
	problems = (struct problem_list){ 0 };
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	struct config_origin origin = { .path = path, .overrides = overrides,
					.override_count = override_count };
	int rc = config_load(out, &origin, &problems);
	char *all = strdup(told(&problems)), *found;
	while ((found = strstr(all, dir)) != NULL)
		memmove(found, found + strlen(dir) + 1, strlen(found + strlen(dir) + 1) + 1);
	assert_string_equal(all, expected);
	free(all);
	return rc;
}

static void included_files_belong_to_the_whole(void **state)
{
	const char *dir = *state;
	struct config config;
	char conf_d[300], absolute[310];
	snprintf(absolute, sizeof(absolute), "include %s/most", dir);
	snprintf(conf_d, sizeof(conf_d), "%s/conf.d", dir);
	assert_int_equal(mkdir(conf_d, 0700), 0);
	write_file(dir, "main.conf", "log.level = error\ninclude \"conf.d/*.conf\"\nnum.partitions = 3\n");
	write_file(conf_d, "1.conf", "num.partitions = 5\nlog.level = warning\ninclude \"../more\"\n");
	write_file(conf_d, "2.conf", "topic a { partitions = 6 }\nlog.level = debug\n");
	write_file(conf_d, "3.conf.old", "nonsense");
	write_file(dir, "more", absolute);
	write_file(dir, "most", "max.connections = 7\n");
	assert_int_equal(load_file(&config, dir, "main.conf", NULL, 0, ""), 0);
	assert_int_equal(config.num_partitions, 3);
	assert_int_equal(config.log_level, 3);
	assert_int_equal(config.max_connections, 7);
	assert_int_equal(config.topic_count, 1);
	config_clear(&config);
}

static void problems_in_included_files_name_them(void **state)
{
	const char *dir = *state;
	struct config config;
	write_file(dir, "main.conf", "include b.conf\nlog.level = x\ninclude missing.conf\n"
				     "topic a {\n include b.conf\n}\ninclude \"none*.conf\"\n"
				     "include \"nowhere/*.conf\"\n");
	write_file(dir, "b.conf", "\nlog.format = y\nlog.format = json\ntopic a {\n");
	assert_int_equal(load_file(&config, dir, "main.conf", NULL, 0,
				   "b.conf:2: log.format: 'y' is not logfmt or json\n"
				   "b.conf:3: log.format was already set on line 2\n"
				   "b.conf:4: the block that begins here has no '}' at its end\n"
				   "main.conf:2: log.level: 'x' is not error, warning, info or debug\n"
				   "main.conf:3: include 'missing.conf': No such file or directory\n"
				   "main.conf:5: include stands outside of all blocks\n"), -1);
}

static void file_that_includes_itself_is_a_problem(void **state)
{
	const char *dir = *state;
	struct config config;
	write_file(dir, "main.conf", "include main.conf\n");
	assert_int_equal(load_file(&config, dir, "main.conf", NULL, 0,
				   "main.conf:1: includes go more than 10 files deep: does one include itself?\n"), -1);
}

static void too_many_files_are_a_problem(void **state)
{
	const char *dir = *state;
	struct config config;
	char text[10000] = "";
	for (int n = 0; n < 256; n++)
		strcat(text, "include empty.conf\n");
	write_file(dir, "main.conf", text);
	write_file(dir, "empty.conf", "");
	assert_int_equal(load_file(&config, dir, "main.conf", NULL, 0,
				   "main.conf:256: include 'empty.conf': there are more than 256 files\n"), -1);
}

static void includes_go_ten_files_deep(void **state)
{
	const char *dir = *state;
	struct config config;
	char name[20], text[60];
	for (int n = 0; n <= 10; n++) {
		snprintf(name, sizeof(name), "%d.conf", n);
		snprintf(text, sizeof(text), "include %d.conf\n", n + 1);
		write_file(dir, name, n < 10 ? text : "num.partitions = 9\n");
	}
	assert_int_equal(load_file(&config, dir, "0.conf", NULL, 0, ""), 0);
	assert_int_equal(config.num_partitions, 9);
	config_clear(&config);
	write_file(dir, "10.conf", "include 11.conf\n");
	write_file(dir, "11.conf", "num.partitions = 10\n");
	assert_int_equal(load_file(&config, dir, "0.conf", NULL, 0,
				   "10.conf:1: includes go more than 10 files deep: does one include itself?\n"), -1);
}

static void file_that_cannot_be_read_is_a_problem(void **state)
{
	const char *dir = *state;
	struct config config;
	char *large = malloc(CONFIG_FILE_BYTES_MAX + 2);
	memset(large, '\n', CONFIG_FILE_BYTES_MAX + 1);
	large[CONFIG_FILE_BYTES_MAX + 1] = '\0';
	write_file(dir, "large.conf", large);
	assert_int_equal(load_file(&config, dir, "missing.conf", NULL, 0,
				   "missing.conf: it cannot be read: No such file or directory\n"), -1);
	assert_int_equal(load_file(&config, dir, ".", NULL, 0,
				   ".: it cannot be read: this is not a regular file\n"), -1);
	assert_int_equal(load_file(&config, dir, "large.conf", NULL, 0,
				   "large.conf: it cannot be read: it is larger than 1048576 bytes\n"), -1);
	large[CONFIG_FILE_BYTES_MAX] = '\0';
	write_file(dir, "large.conf", large);
	assert_int_equal(load_file(&config, dir, "large.conf", NULL, 0, ""), 0);
	config_clear(&config);
	free(large);
}

static void pipe_is_not_waited_for(void **state)
{
	const char *dir = *state;
	struct config config;
	char path[300];
	snprintf(path, sizeof(path), "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load_file(&config, dir, "pipe", NULL, 0,
				   "pipe: it cannot be read: this is not a regular file\n"), -1);
}

static void missing_file_may_mean_the_defaults(void **state)
{
	static struct problem_list problems;
	struct config_origin origin = { .path = "/nowhere/millstream.conf", .may_be_missing = true };
	struct config config;
	(void)state;
	problems = (struct problem_list){ 0 };
	assert_int_equal(config_load(&config, &origin, &problems), 0);
	assert_string_equal(config.listen, "127.0.0.1:7470");
	config_clear(&config);
}

static void command_line_wins(void **state)
{
	static const struct config_override overrides[] = {
		{ "data.dir", "/elsewhere" }, { "listen", "127.0.0.1:0" },
	};
	const char *dir = *state;
	struct config config;
	write_file(dir, "main.conf", "data.dir = /here\nlisten = 127.0.0.1:1\n");
	assert_int_equal(load_file(&config, dir, "main.conf", overrides, 2, ""), 0);
	assert_string_equal(config.data_dir, "/elsewhere");
	assert_string_equal(config.listen, "127.0.0.1:0");
	config_clear(&config);
}

static void wrong_command_line_is_a_problem(void **state)
{
	static const struct config_override overrides[] = { { "data.dir", "" }, { "listen", "7470" } };
	const char *dir = *state;
	struct config config;
	write_file(dir, "main.conf", "log.level = x\n");
	assert_int_equal(load_file(&config, dir, "main.conf", overrides, 2,
				   "main.conf:1: log.level: 'x' is not error, warning, info or debug\n"
				   "the command line: data.dir must not be empty\n"
				   "the command line: listen: '7470' is not an address to listen on: it has no port; "
				   "write it as 127.0.0.1:7470 or [::1]:7470\n"), -1);
}

static void secrets_of_the_environment_are_not_told(void **state)
{
	static struct problem_list problems;
	struct config config;
	(void)state;
	assert_int_equal(load_text(&config, "source a {\n database.password = ${DIR} x\n database.password ${DIR}\n"
					    " y ${DIR} ${DIR}\n}\n", &problems), -1);
	assert_null(strstr(told(&problems), "/data"));
}

static void failed_allocation_leaves_all_as_it_was(void **state)
{
	static const char text[] = "data.dir = /x\ntopic a { partitions = 1 }\nsource b { connector.class = scripted script.file = x "
				   "table.include.list = { d, e } }\n"
				   "listen = 127.0.0.1:1\nlog.quota.bytes = 1\n";
	static struct problem_list problems;
	int count = 0;
	(void)state;
	for (int n = 0;; n++, count++) {
		struct config config, before;
		memset(&config, 0x55, sizeof(config));
		before = config;
		fail_malloc_after(n);
		int rc = load_text(&config, text, &problems);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			config_clear(&config);
			break;
		}
		assert_int_equal(rc, -1);
		assert_non_null(strstr(told(&problems), "out of memory"));
		assert_memory_equal(&config, &before, sizeof(config));
	}
	assert_in_range(count, 15, 1000);
}

static void failed_allocation_while_reading_files_is_a_problem(void **state)
{
	const char *dir = *state;
	static struct problem_list problems;
	char path[300];
	write_file(dir, "main.conf", "include b.conf\n");
	write_file(dir, "b.conf", "num.partitions = 2\n");
	snprintf(path, sizeof(path), "%s/main.conf", dir);
	struct config_origin origin = { .path = path };
	for (int n = 0;; n++) {
		struct config config;
		problems = (struct problem_list){ 0 };
		fail_malloc_after(n);
		int rc = config_load(&config, &origin, &problems);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			config_clear(&config);
			break;
		}
		assert_int_equal(rc, -1);
		assert_true(strstr(told(&problems), "out of memory") != NULL ||
			    strstr(told(&problems), "no memory") != NULL);
	}
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_file_is_the_defaults),
		cmocka_unit_test(each_option_takes_a_value_and_refuses_a_wrong_one_on_its_line),
		cmocka_unit_test(each_misspelt_name_is_answered_with_the_right_one),
		cmocka_unit_test(names_of_other_products_are_answered_with_ours),
		cmocka_unit_test(unknown_names_say_where_to_look),
		cmocka_unit_test(all_errors_are_told_at_once),
		cmocka_unit_test(too_many_problems_are_counted),
		cmocka_unit_test(problem_is_one_printable_line),
		cmocka_unit_test(option_set_twice_in_a_file_is_a_problem),
		cmocka_unit_test(one_value_is_not_a_list),
		cmocka_unit_test(options_that_do_not_go_together_are_refused),
		cmocka_unit_test(environment_is_in_values),
		cmocka_unit_test(topics_have_their_settings),
		cmocka_unit_test(wrong_settings_of_topics_are_refused),
		cmocka_unit_test(source_is_checked_and_its_settings_are_made),
		cmocka_unit_test(all_problems_of_sources_are_told_with_their_lines),
		cmocka_unit_test(value_that_cannot_be_read_is_not_missing),
		cmocka_unit_test(sources_that_would_meet_are_refused),
		cmocka_unit_test(wrong_sources_are_refused),
		cmocka_unit_test(block_in_a_block_is_a_problem),
		cmocka_unit_test(memory_alone_includes_nothing),
		FILE_TEST(included_files_belong_to_the_whole),
		FILE_TEST(problems_in_included_files_name_them),
		FILE_TEST(file_that_includes_itself_is_a_problem),
		FILE_TEST(too_many_files_are_a_problem),
		FILE_TEST(includes_go_ten_files_deep),
		FILE_TEST(file_that_cannot_be_read_is_a_problem),
		FILE_TEST(pipe_is_not_waited_for),
		cmocka_unit_test(missing_file_may_mean_the_defaults),
		FILE_TEST(command_line_wins),
		FILE_TEST(wrong_command_line_is_a_problem),
		cmocka_unit_test(secrets_of_the_environment_are_not_told),
		cmocka_unit_test(failed_allocation_leaves_all_as_it_was),
		FILE_TEST(failed_allocation_while_reading_files_is_a_problem),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
