#include "capture/source_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/property.h"
#include "protocol/limits.h"
#include "tests/support/fail_malloc.h"

static char told[16384];
static size_t error_count;

static void on_problem(void *user, bool is_warning, uint32_t line, const char *text)
{
	(void)user;
	error_count += !is_warning;
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%u: %s%s\n", line,
		 is_warning ? "warning: " : "", text);
}

/* Lines "key=value"; the block begins on line 1, and they follow. */
static int create(struct source_settings **out, const char *name, const char *lines)
{
	static char text[8192];
	struct source_property properties[64];
	size_t count = 0;
	told[0] = '\0';
	error_count = 0;
	snprintf(text, sizeof(text), "%s", lines);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char *value = strchr(line, '=');
		*value++ = '\0';
		properties[count] = (struct source_property){ line, value, (uint32_t)count + 2 };
		count++;
	}
	return source_settings_create(out, name, 1, properties, count, on_problem, NULL);
}

#define NEEDED "connector.class=postgresql\ndatabase.user=me\ndatabase.dbname=shop\n"

static struct source_settings *created(const char *lines, const char *warnings)
{
	struct source_settings *settings;
	int rc = create(&settings, "my-Shop", lines);
	assert_string_equal(told, warnings);
	assert_int_equal(rc, 0);
	return settings;
}

static void expect_problems(const char *lines, const char *problems)
{
	struct source_settings *settings = (struct source_settings *)&told;
	assert_int_equal(create(&settings, "shop", lines), -1);
	assert_string_equal(told, problems);
	assert_ptr_equal(settings, &told);
}

static void block_of_three_properties_gets_the_defaults(void **state)
{
	struct source_settings *settings = created(NEEDED, "");
	(void)state;
	assert_string_equal(settings->name, "my-Shop");
	assert_string_equal(settings->connector_class, "postgresql");
	assert_string_equal(settings->topic_prefix, "my-Shop");
	assert_string_equal(settings->topic_delimiter, ".");
	assert_string_equal(settings->database_hostname, "localhost");
	assert_int_equal(settings->database_port, 5432);
	assert_string_equal(settings->database_user, "me");
	assert_null(settings->database_password);
	assert_string_equal(settings->database_dbname, "shop");
	assert_string_equal(settings->database_sslmode, "prefer");
	assert_null(settings->database_sslcert);
	assert_true(settings->database_tcp_keepalive);
	assert_string_equal(settings->slot_name, "millstream_my_shop");
	assert_false(settings->slot_drop_on_stop);
	assert_string_equal(settings->publication_name, "millstream_my_shop");
	assert_int_equal(settings->publication_mode, PUBLICATION_FILTERED);
	assert_null(settings->tables);
	assert_null(settings->schemas);
	assert_null(settings->columns);
	assert_int_equal(settings->snapshot_mode, SNAPSHOT_MODE_INITIAL);
	assert_true(settings->tombstones_on_delete);
	assert_int_equal(settings->heartbeat_interval_ms, 0);
	assert_int_equal(settings->status_update_interval_ms, 10000);
	assert_int_equal(settings->max_queue_size, 8192);
	assert_int_equal(settings->max_batch_size, 2048);
	assert_int_equal(settings->connect_timeout_ms, 10000);
	assert_int_equal(settings->retry_delay_ms, 300);
	assert_int_equal(settings->retry_delay_max_ms, 10000);
	assert_int_equal(settings->retries_max, -1);
	source_settings_destroy(settings);
	source_settings_destroy(NULL);
}

static void each_property_comes_to_its_place(void **state)
{
	struct source_settings *settings = created(
		"connector.class=io.debezium.connector.postgresql.PostgresConnector\n"
		"plugin.name=pgoutput\n"
		"topic.prefix=other\ntopic.delimiter=_\n"
		"database.hostname=db\ndatabase.port=6432\ndatabase.user=u\ndatabase.password=p\n"
		"database.dbname=d\ndatabase.sslmode=verify-full\ndatabase.sslcert=c\ndatabase.sslkey=k\n"
		"database.sslrootcert=r\ndatabase.sslpassword=sp\ndatabase.tcpKeepAlive=false\n"
		"database.initial.statements=SET a = 1\nslot.name=s\nslot.drop.on.stop=true\n"
		"publication.name=P\npublication.autocreate.mode=no_tables\nsnapshot.mode=initial_only\n"
		"tombstones.on.delete=false\nheartbeat.interval.ms=5s\nstatus.update.interval.ms=2000\n"
		"max.queue.size=10\nmax.batch.size=9\nconnection.validation.timeout.ms=3s\n"
		"retriable.restart.connector.wait.ms=7\nerrors.retry.delay.max.ms=70\nerrors.max.retries=3\n",
		"");
	(void)state;
	assert_string_equal(settings->connector_class, "postgresql");
	assert_string_equal(settings->topic_prefix, "other");
	assert_string_equal(settings->topic_delimiter, "_");
	assert_string_equal(settings->database_hostname, "db");
	assert_int_equal(settings->database_port, 6432);
	assert_string_equal(settings->database_user, "u");
	assert_string_equal(settings->database_password, "p");
	assert_string_equal(settings->database_dbname, "d");
	assert_string_equal(settings->database_sslmode, "verify-full");
	assert_string_equal(settings->database_sslcert, "c");
	assert_string_equal(settings->database_sslkey, "k");
	assert_string_equal(settings->database_sslrootcert, "r");
	assert_string_equal(settings->database_sslpassword, "sp");
	assert_false(settings->database_tcp_keepalive);
	assert_string_equal(settings->database_initial_statements, "SET a = 1");
	assert_string_equal(settings->slot_name, "s");
	assert_true(settings->slot_drop_on_stop);
	assert_string_equal(settings->publication_name, "P");
	assert_int_equal(settings->publication_mode, PUBLICATION_NO_TABLES);
	assert_int_equal(settings->snapshot_mode, SNAPSHOT_MODE_INITIAL_ONLY);
	assert_false(settings->tombstones_on_delete);
	assert_int_equal(settings->heartbeat_interval_ms, 5000);
	assert_int_equal(settings->status_update_interval_ms, 2000);
	assert_int_equal(settings->max_queue_size, 10);
	assert_int_equal(settings->max_batch_size, 9);
	assert_int_equal(settings->connect_timeout_ms, 3000);
	assert_int_equal(settings->retry_delay_ms, 7);
	assert_int_equal(settings->retry_delay_max_ms, 70);
	assert_int_equal(settings->retries_max, 3);
	source_settings_destroy(settings);
}

static void expect_snapshot_mode(const char *word, enum snapshot_mode mode)
{
	char lines[256];
	snprintf(lines, sizeof(lines), NEEDED "snapshot.mode=%s\n", word);
	struct source_settings *settings = created(lines, "");
	assert_int_equal(settings->snapshot_mode, mode);
	source_settings_destroy(settings);
}

static void values_have_other_names_too(void **state)
{
	(void)state;
	expect_snapshot_mode("never", SNAPSHOT_MODE_NEVER);
	expect_snapshot_mode("no_data", SNAPSHOT_MODE_NEVER);
	expect_snapshot_mode("NO_DATA", SNAPSHOT_MODE_NEVER);
	expect_snapshot_mode("schema_only", SNAPSHOT_MODE_NEVER);
	expect_snapshot_mode("exported", SNAPSHOT_MODE_INITIAL);
	expect_problems(NEEDED "snapshot.mode=when_needed\n",
			"5: snapshot.mode: 'when_needed' is not implemented yet; there is initial, never or "
			"initial_only\n");
	expect_problems("connector.class=io.debezium.connector.mysql.MySqlConnector\n",
			"2: connector.class: 'io.debezium.connector.mysql.MySqlConnector' is not implemented yet; "
			"there is postgresql or scripted\n");
}

static void older_names_stand_for_newer_ones(void **state)
{
	struct source_settings *settings = created(NEEDED "database.server.name=old\ntable.whitelist=public.a\n", "");
	(void)state;
	assert_string_equal(settings->topic_prefix, "old");
	assert_true(source_settings_has_table(settings, bytes_of_text("public"), bytes_of_text("a")));
	assert_false(source_settings_has_table(settings, bytes_of_text("public"), bytes_of_text("b")));
	source_settings_destroy(settings);
	expect_problems(NEEDED "database.server.name=old\ntopic.prefix=new\n",
			"6: topic.prefix was already set on line 5, as database.server.name\n");
}

static void each_alias_and_each_exclusion_names_a_property_that_works(void **state)
{
	const struct property_spec *spec;
	(void)state;
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++) {
		assert_ptr_equal(property_find(spec->option.name), spec);
		assert_int_equal(property_number(spec), n);
		assert_true(spec->status == PROPERTY_WORKS ? spec->option.help != NULL : spec->why != NULL);
		assert_true((spec->status == PROPERTY_WORKS) >= (spec->option.place != PROPERTY_NO_PLACE));
		if (spec->status == PROPERTY_ALIAS)
			assert_int_not_equal(property_find(spec->why)->status, PROPERTY_ALIAS);
		if (spec->excludes != NULL)
			assert_string_equal(property_find(spec->excludes)->excludes, spec->option.name);
		if (spec->option.default_text != NULL)
			assert_int_equal(option_parse(&spec->option, spec->option.default_text,
						      &(union option_value){ 0 }, NULL), 0);
	}
}

/* A value that nothing of its type takes. */
static const char *wrong_value(const struct property_spec *spec)
{
	static const struct {
		const char *name;
		const char *value;
	} texts[] = {
		{ "topic.prefix", "a*" }, { "topic.delimiter", "/" }, { "plugin.name", "wal2json" },
		{ "slot.name", "Upper" },
		{ "publication.name", "a234567890123456789012345678901234567890123456789012345678901234" },
	};
	static const char *const filters[] = { "schema", "table", "column" };
	for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++)
		if (strcmp(spec->option.name, texts[n].name) == 0)
			return texts[n].value;
	for (size_t n = 0; n < 3; n++)
		if (spec->status == PROPERTY_WORKS &&
		    strncmp(spec->option.name, filters[n], strlen(filters[n])) == 0)
			return "public.(";
	switch (spec->option.type) {
	case OPTION_TEXT:
		return "";
	case OPTION_SECRET:
	case OPTION_LIST:
		return NULL;
	default:
		return "wr\xc3\xb6ng";
	}
}

/* A name of a family. */
static void write_name(const char *name, char out[128])
{
	size_t used = 0;
	for (; *name != '\0'; name++)
		used += (size_t)snprintf(out + used, 128 - used, *name == '*' ? ".some" : "%c", *name);
}

static void each_property_refuses_a_wrong_value_on_its_line(void **state)
{
	const struct property_spec *spec;
	size_t count = 0;
	(void)state;
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++) {
		const char *wrong = wrong_value(spec);
		char name[128], lines[512], expected[192];
		if (wrong == NULL || spec->status == PROPERTY_ALIAS)
			continue;
		write_name(spec->option.name, name);
		snprintf(lines, sizeof(lines), "%s=%s\n%s%s", name, wrong,
			 strcmp(name, "connector.class") == 0 ? ""
			 : spec->connector != NULL && strcmp(spec->connector, "scripted") == 0
				? "connector.class=scripted\n" : "connector.class=postgresql\n",
			 strstr(name, "database.user") != NULL ? "database.dbname=d\n"
			 : strstr(name, "database.dbname") != NULL ? "database.user=u\n"
			 : strcmp(name, "script.file") == 0 || strcmp(name, "connector.class") == 0 ? ""
								   : "database.user=u\ndatabase.dbname=d\n");
		struct source_settings *settings = NULL;
		assert_int_equal(create(&settings, "shop", lines), -1);
		snprintf(expected, sizeof(expected), "2: %s", name);
		if (strncmp(told, expected, strlen(expected)) != 0 || error_count != 1)
			fail_msg("%s: %s", name, told);
		count++;
	}
	assert_true(count > 100);
}

/* What is known and does nothing is warned of, each by its name; but not when it is set to
 * what happens anyway, and not when nothing here needs it. */
static void what_does_nothing_is_told_by_its_name(void **state)
{
	const struct property_spec *spec;
	size_t warned = 0, silent = 0;
	(void)state;
	for (size_t n = 0; (spec = property_at(n)) != NULL; n++) {
		char name[128], lines[512], expected[256];
		const char *value = spec->option.type == OPTION_BOOL
			? (strcmp(spec->option.default_text, "true") == 0 ? "false" : "true")
			: spec->option.type == OPTION_WORD ? spec->option.words[1]
			: spec->option.type == OPTION_INTEGER || spec->option.type == OPTION_DURATION ? "17" : "text";
		if (spec->status != PROPERTY_PLANNED && spec->status != PROPERTY_ELSEWHERE &&
		    spec->status != PROPERTY_NEEDLESS)
			continue;
		write_name(spec->option.name, name);
		snprintf(lines, sizeof(lines), NEEDED "%s=%s\n", name, value);
		struct source_settings *settings = NULL;
		assert_int_equal(create(&settings, "shop", lines), 0);
		source_settings_destroy(settings);
		snprintf(expected, sizeof(expected), "5: warning: %s %s: %s\n", name,
			 spec->status == PROPERTY_PLANNED ? "is known, but not implemented yet"
							  : "has no effect in a source block", spec->why);
		assert_string_equal(told, spec->status == PROPERTY_NEEDLESS ? "" : expected);
		(*(spec->status == PROPERTY_NEEDLESS ? &silent : &warned))++;
		if (spec->option.default_text == NULL)
			continue;
		snprintf(lines, sizeof(lines), NEEDED "%s=%s\n", name, spec->option.default_text);
		source_settings_destroy(created(lines, ""));
	}
	assert_true(warned > 70 && silent > 20);
}

static void unknown_property_is_refused_with_the_nearest(void **state)
{
	(void)state;
	expect_problems(NEEDED "database.hostnam=db\ntable.exlude.list=a\nxyzzy=1\n",
			"5: there is no property 'database.hostnam' of sources: did you mean 'database.hostname'?\n"
			"6: there is no property 'table.exlude.list' of sources: did you mean 'table.exclude.list'?\n"
			"7: there is no property 'xyzzy' of sources; millstreamd --options lists those there are\n");
}

static void all_problems_are_told_at_once(void **state)
{
	(void)state;
	expect_problems("connector.class=postgres\ndatabase.port=0\ndatabase.sslmode=requir\n"
			"table.include.list=a,b(\ncolumn.mask.with.3.chars=a.b.c\n",
			"3: database.port: '0' is not a whole number from 1 to 65535\n"
			"4: database.sslmode: 'requir' is not disable, allow, prefer, require, verify-ca or "
			"verify-full: did you mean 'require'?\n"
			"5: table.include.list: 'b(' is not a regular expression: missing closing parenthesis (at "
			"character 3)\n"
			"6: column.mask.with.3.chars is not implemented yet: the values would be stored unmasked; leave "
			"the columns out with column.exclude.list\n"
			"1: source 'shop' has no database.user: write database.user = \"NAME\"\n"
			"1: source 'shop' has no database.dbname: write database.dbname = \"NAME\"\n");
	expect_problems("database.port=1\n",
			"1: source 'shop' has no connector.class: write connector.class = \"postgresql\"\n");
}

static void include_and_exclude_lists_do_not_stand_together(void **state)
{
	(void)state;
	expect_problems(NEEDED "table.include.list=a\ntable.exclude.list=b\nschema.exclude.list=c\n"
			"schema.include.list=d\ncolumn.include.list=e\n",
			"6: table.exclude.list and table.include.list (line 5) exclude each other: keep one\n"
			"8: schema.include.list and schema.exclude.list (line 7) exclude each other: keep one\n");
}

static void sources_have_the_properties_of_their_kind(void **state)
{
	struct source_settings *settings = created("connector.class=scripted\nscript.file=a\n", "");
	(void)state;
	assert_string_equal(settings->script_file, "a");
	assert_null(settings->slot_name);
	source_settings_destroy(settings);
	expect_problems("connector.class=scripted\nscript.file=a\nslot.name=b\n",
			"4: slot.name is a property of postgresql sources, and this is a scripted one\n");
	expect_problems("connector.class=scripted\n",
			"1: source 'shop' has no script.file: write script.file = \"PATH\"\n");
}

static void numbers_that_depend_on_each_other_are_held_together(void **state)
{
	struct source_settings *settings;
	(void)state;
	expect_problems(NEEDED "max.batch.size=8192\n",
			"5: max.batch.size is 8192, but must be below max.queue.size, which is 8192\n");
	expect_problems(NEEDED "errors.retry.delay.max.ms=200\n",
			"5: retriable.restart.connector.wait.ms is 300, but must not be above "
			"errors.retry.delay.max.ms, which is 200\n");
	settings = created(NEEDED "retriable.restart.connector.wait.ms=1m\n", "");
	assert_int_equal(settings->retry_delay_max_ms, 60000);
	source_settings_destroy(settings);
}

static void properties_of_named_converters_are_not_unknown(void **state)
{
	(void)state;
	source_settings_destroy(created(NEEDED "converters=isbn, money\nmoney.type=a.B\n",
					"5: warning: converters is known, but not implemented yet: values are stored "
					"by their types\n"));
	expect_problems(NEEDED "post.processors=isbn\nisb.type=a.B\n",
			"5: warning: post.processors is known, but not implemented yet: changes are stored as they "
			"are\n"
			"6: there is no property 'isb.type' of sources; millstreamd --options lists those there are\n");
}

static void password_is_in_no_message(void **state)
{
	struct source_settings *settings;
	(void)state;
	assert_int_equal(create(&settings, "shop", "connector.class=scripted\ndatabase.password=s3cret\n"
				"database.sslpassword=s3cret\ndatabase.pasword=s3cret\n"), -1);
	assert_int_equal(error_count, 4);
	assert_null(strstr(told, "s3cret"));
}

static bool has_table(const struct source_settings *settings, const char *schema, const char *table)
{
	return source_settings_has_table(settings, bytes_of_text(schema), bytes_of_text(table));
}

static void tables_of_both_lists_are_captured_but_never_the_systems(void **state)
{
	struct source_settings *settings = created(NEEDED "schema.include.list=public,pg_catalog,information_schema\n"
						   "table.exclude.list=.*\\.tmp_.*\n", "");
	(void)state;
	assert_true(has_table(settings, "public", "users"));
	assert_true(has_table(settings, "Public", "users"));
	assert_false(has_table(settings, "other", "users"));
	assert_false(has_table(settings, "public", "tmp_1"));
	assert_false(has_table(settings, "pg_catalog", "pg_class"));
	assert_false(has_table(settings, "information_schema", "tables"));
	assert_false(has_table(settings, "public", "spatial_ref_sys"));
	source_settings_destroy(settings);
	settings = created(NEEDED, "");
	assert_true(has_table(settings, "any", "table"));
	assert_false(has_table(settings, "pg_temp_3", "t"));
	source_settings_destroy(settings);
}

static void columns_are_captured_by_their_full_names(void **state)
{
	struct source_settings *settings = created(NEEDED "column.exclude.list=public.users.pass.*\n", "");
	struct bytes schema = bytes_of_text("public"), table = bytes_of_text("users");
	(void)state;
	assert_true(source_settings_has_column(settings, schema, table, bytes_of_text("name")));
	assert_false(source_settings_has_column(settings, schema, table, bytes_of_text("password")));
	source_settings_destroy(settings);
}

static void topic_is_prefix_schema_and_table_in_what_kafka_allows(void **state)
{
	struct source_settings *settings = created(NEEDED, "");
	char topic[TOPIC_NAME_BYTES_MAX + 1], long_name[300];
	struct error err = { 0 };
	(void)state;
	assert_int_equal(source_settings_topic(settings, bytes_of_text("public"), bytes_of_text("users"), topic, &err), 0);
	assert_string_equal(topic, "my-Shop.public.users");
	assert_int_equal(source_settings_topic(settings, bytes_of_text("a b"), bytes_of_text("\xc3\xa4\xf0\x9f\x98\x80$"),
					       topic, &err), 0);
	assert_string_equal(topic, "my-Shop.a_b.____");

	/* "my-Shop.a." are ten. */
	memset(long_name, 't', sizeof(long_name));
	assert_int_equal(source_settings_topic(settings, bytes_of_text("a"),
					       (struct bytes){ (uint8_t *)long_name, TOPIC_NAME_BYTES_MAX - 10 }, topic,
					       &err), 0);
	assert_int_equal(strlen(topic), TOPIC_NAME_BYTES_MAX);
	strcpy(topic, "as before");
	assert_int_equal(source_settings_topic(settings, bytes_of_text("a"),
					       (struct bytes){ (uint8_t *)long_name, TOPIC_NAME_BYTES_MAX - 9 }, topic,
					       &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_string_equal(topic, "as before");
	assert_non_null(strstr(err.text, "would have a name of 250 bytes, and 249 is the most"));
	source_settings_destroy(settings);
}

static void default_slot_of_a_long_name_is_cut(void **state)
{
	struct source_settings *settings;
	char name[100];
	(void)state;
	memset(name, 'N', sizeof(name));
	name[99] = '\0';
	assert_int_equal(create(&settings, name, NEEDED), 0);
	assert_int_equal(strlen(settings->slot_name), 63);
	source_settings_destroy(settings);
}

static void failed_allocation_is_an_error(void **state)
{
	int n;
	(void)state;
	for (n = 0;; n++) {
		struct source_settings *settings = NULL;
		fail_malloc_after(n);
		int rc = create(&settings, "shop", NEEDED "table.include.list=a\ncolumn.exclude.list=b\n");
		if (!fail_malloc_stop()) {
			source_settings_destroy(settings);
			break;
		}
		assert_int_equal(rc, -1);
		assert_non_null(strstr(told, "out of memory"));
	}
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_of_three_properties_gets_the_defaults),
		cmocka_unit_test(each_property_comes_to_its_place),
		cmocka_unit_test(values_have_other_names_too),
		cmocka_unit_test(older_names_stand_for_newer_ones),
		cmocka_unit_test(each_alias_and_each_exclusion_names_a_property_that_works),
		cmocka_unit_test(each_property_refuses_a_wrong_value_on_its_line),
		cmocka_unit_test(what_does_nothing_is_told_by_its_name),
		cmocka_unit_test(unknown_property_is_refused_with_the_nearest),
		cmocka_unit_test(all_problems_are_told_at_once),
		cmocka_unit_test(include_and_exclude_lists_do_not_stand_together),
		cmocka_unit_test(sources_have_the_properties_of_their_kind),
		cmocka_unit_test(numbers_that_depend_on_each_other_are_held_together),
		cmocka_unit_test(properties_of_named_converters_are_not_unknown),
		cmocka_unit_test(password_is_in_no_message),
		cmocka_unit_test(tables_of_both_lists_are_captured_but_never_the_systems),
		cmocka_unit_test(columns_are_captured_by_their_full_names),
		cmocka_unit_test(topic_is_prefix_schema_and_table_in_what_kafka_allows),
		cmocka_unit_test(default_slot_of_a_long_name_is_cut),
		cmocka_unit_test(failed_allocation_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
