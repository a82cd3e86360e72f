#include "server/captures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/source_settings.h"
#include "server/broker.h"
#include "server/config.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

enum { SOURCES = 2 };

/* Scripted sources over a broker and a loop that the test turns. */
struct fixture {
	char *dir;
	char scripts[SOURCES][300];
	struct source_settings *settings[SOURCES];
	struct config_source sources[SOURCES];
	uv_loop_t loop;
	struct broker *broker;
	struct captures *captures;
	uint64_t visible;               /* records, as announced */
	int topics;                     /* as added */
	int done_count;
	enum error_code done_code;
};

static void on_visible(void *user, struct catalog_topic *topic, uint32_t partition)
{
	struct fixture *fixture = user;
	fixture->visible = topic->partitions[partition].visible_end;
}

static void on_topic_added(void *user, struct catalog_topic *topic)
{
	struct fixture *fixture = user;
	assert_int_equal(topic->topic.partition_count, 1);
	fixture->topics++;
}

static void on_problem(void *user, bool is_warning, uint32_t line, const char *text)
{
	(void)user, (void)line;
	if (!is_warning)
		fail_msg("%s", text);
}

static void write_script(const struct fixture *fixture, int n, const char *text)
{
	FILE *file = fopen(fixture->scripts[n], "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

#define SCRIPT "table public.t id:int64* v:string\nbegin*100\nc*3 public.t $i \"x\"\ncommit\n"

static void make_source(struct fixture *fixture, int n, const char *name)
{
	snprintf(fixture->scripts[n], sizeof(fixture->scripts[n]), "%s/script%d", fixture->dir, n);
	const struct source_property properties[] = {
		{ "connector.class", "scripted", 1 },
		{ "script.file", fixture->scripts[n], 2 },
	};
	assert_int_equal(source_settings_create(&fixture->settings[n], name, 1, properties, 2, on_problem,
						NULL), 0);
	fixture->sources[n] = (struct config_source){ .settings = fixture->settings[n] };
	write_script(fixture, n, SCRIPT);
}

static void open_broker(struct fixture *fixture, size_t source_count)
{
	const struct broker_options options = {
		.store = { .dir = fixture->dir, .mode = STORE_SERVE, .map_bytes = UINT64_C(64) << 20 },
	};
	const struct broker_observer observer = {
		.on_visible = on_visible, .on_topic_added = on_topic_added, .user = fixture,
	};
	struct error err = { 0 };
	uv_loop_init(&fixture->loop);
	if (broker_open(&fixture->broker, &fixture->loop, &options, &observer, &err) != 0 ||
	    captures_start(&fixture->captures, fixture->broker, fixture->sources, source_count, &err) != 0)
		fail_msg("%s", err.text);
}

static void close_broker(struct fixture *fixture)
{
	while (broker_work_count(fixture->broker) > 0)
		uv_run(&fixture->loop, UV_RUN_ONCE);
	assert_true(captures_stop(fixture->captures));
	broker_stop(fixture->broker);
	captures_destroy(fixture->captures);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	broker_close(fixture->broker);
	fixture->broker = NULL;
	fixture->captures = NULL;
}

static int create(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	fixture->dir = temp_dir_create_in_memory();
	make_source(fixture, 0, "shop");
	make_source(fixture, 1, "crm");
	open_broker(fixture, SOURCES);
	*state = fixture;
	return 0;
}

static int destroy(void **state)
{
	struct fixture *fixture = *state;
	if (fixture->broker != NULL)
		close_broker(fixture);
	for (int n = 0; n < SOURCES; n++)
		source_settings_destroy(fixture->settings[n]);
	temp_dir_destroy(fixture->dir);
	free(fixture);
	return 0;
}

/* Turn the loop until a condition holds. */
#define turn_until(fixture, condition)                                                 \
	wait_until((uv_run(&(fixture)->loop, UV_RUN_NOWAIT), (condition)))

static struct captures_source source_of(struct fixture *fixture, const char *name)
{
	struct captures_source source = { 0 };
	struct error err = { 0 };
	if (captures_find(fixture->captures, bytes_of_text(name), &source, &err) != 0)
		fail_msg("%s", err.text);
	return source;
}

static bool is_at(struct fixture *fixture, const char *name, const char *position)
{
	const struct captures_source source = source_of(fixture, name);
	return strcmp(source.status.progress.position, position) == 0 &&
	       source.status.transaction_count == 100;
}

static bool is_in(struct fixture *fixture, const char *name, enum capture_state state)
{
	return source_of(fixture, name).status.state == state;
}

static void on_done(void *user, const struct error *err)
{
	struct fixture *fixture = user;
	fixture->done_count++;
	fixture->done_code = err == NULL ? ERROR_NONE : err->code;
}

static void loop_knows_of_topics_before_their_records(void **state)
{
	struct fixture *fixture = *state;
	assert_true(turn_until(fixture, is_at(fixture, "shop", "100") && is_at(fixture, "crm", "100") &&
						fixture->visible == 300));
	assert_int_equal(fixture->topics, 2);
	struct catalog_topic *topic = catalog_find(broker_catalog(fixture->broker), bytes_of_text("shop.public.t"));
	assert_non_null(topic);
	assert_true(turn_until(fixture, topic->partitions[0].visible_end == 300));
}

static void sources_are_listed_by_name(void **state)
{
	struct fixture *fixture = *state;
	struct captures_source source;
	assert_int_equal(captures_next(fixture->captures, "", &source), 1);
	assert_string_equal(source.name, "crm");
	assert_ptr_equal(source.settings, fixture->settings[1]);
	assert_int_equal(captures_next(fixture->captures, "crm", &source), 1);
	assert_string_equal(source.name, "shop");
	assert_int_equal(captures_next(fixture->captures, "shop", &source), 0);
}

static void source_without_a_block_is_stopped_and_can_be_forgotten(void **state)
{
	struct fixture *fixture = *state;
	struct captures_source source;
	struct error err = { 0 };
	assert_true(turn_until(fixture, is_at(fixture, "crm", "100")));
	close_broker(fixture);
	open_broker(fixture, 1);
	assert_int_equal(captures_next(fixture->captures, "", &source), 1);
	assert_string_equal(source.name, "crm");
	assert_null(source.settings);
	assert_int_equal(source.status.state, CAPTURE_STOPPED);
	assert_string_equal(source.status.progress.position, "100");
	assert_int_equal(captures_next(fixture->captures, "crm", &source), 1);
	assert_string_equal(source.name, "shop");
	assert_int_equal(captures_pause(fixture->captures, bytes_of_text("crm"), &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(captures_remove(fixture->captures, bytes_of_text("crm"), true, on_done, fixture,
					 &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(captures_remove(fixture->captures, bytes_of_text("crm"), false, on_done, fixture,
					 &err), 0);
	assert_true(turn_until(fixture, fixture->done_count == 1));
	assert_int_equal(fixture->done_code, ERROR_NONE);
	assert_int_equal(captures_find(fixture->captures, bytes_of_text("crm"), &source, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static void source_pauses_resumes_and_restarts(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	const struct bytes shop = bytes_of_text("shop");
	assert_true(turn_until(fixture, is_at(fixture, "shop", "100")));
	assert_int_equal(captures_pause(fixture->captures, shop, &err), 0);
	assert_true(turn_until(fixture, is_in(fixture, "shop", CAPTURE_PAUSED)));
	assert_int_equal(captures_resume(fixture->captures, shop, &err), 0);
	assert_true(turn_until(fixture, is_in(fixture, "shop", CAPTURE_STREAMING)));
	write_script(fixture, 0, "nonsense\n");
	assert_int_equal(captures_restart(fixture->captures, shop, &err), 0);
	assert_true(turn_until(fixture, is_in(fixture, "shop", CAPTURE_FAILED)));
	write_script(fixture, 0, SCRIPT);
	assert_int_equal(captures_restart(fixture->captures, shop, &err), 0);
	assert_true(turn_until(fixture, is_in(fixture, "shop", CAPTURE_STREAMING)));
}

static void unknown_name_is_not_found(void **state)
{
	struct fixture *fixture = *state;
	struct captures_source source;
	struct error err = { 0 };
	char long_name[300];
	memset(long_name, 'a', sizeof(long_name));
	const struct bytes names[] = { bytes_of_text("nobody"), bytes_of_text(""),
				       { (const uint8_t *)long_name, sizeof(long_name) } };
	for (int n = 0; n < 3; n++) {
		assert_int_equal(captures_find(fixture->captures, names[n], &source, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		assert_int_equal(captures_pause(fixture->captures, names[n], &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		assert_int_equal(captures_remove(fixture->captures, names[n], true, on_done, fixture, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
	}
	assert_int_equal(fixture->done_count, 0);
}

static void removed_source_is_gone(void **state)
{
	struct fixture *fixture = *state;
	struct captures_source source;
	struct error err = { 0 };
	const struct bytes shop = bytes_of_text("shop");
	assert_true(turn_until(fixture, is_at(fixture, "shop", "100")));
	assert_int_equal(captures_remove(fixture->captures, shop, true, on_done, fixture, &err), 0);
	assert_int_equal(captures_remove(fixture->captures, shop, true, on_done, fixture, &err), -1);
	assert_int_equal(err.code, ERROR_BUSY);
	assert_int_equal(captures_pause(fixture->captures, shop, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_true(turn_until(fixture, fixture->done_count == 1));
	assert_int_equal(fixture->done_code, ERROR_NONE);
	assert_int_equal(captures_find(fixture->captures, shop, &source, &err), -1);
	/* Its topic stays. */
	assert_non_null(catalog_find(broker_catalog(fixture->broker), bytes_of_text("shop.public.t")));
	close_broker(fixture);
	assert_int_equal(fixture->done_count, 1);
	/* The block is still there: it begins anew, but its topic belongs to who was removed. */
	open_broker(fixture, 1);
	assert_true(turn_until(fixture, is_in(fixture, "shop", CAPTURE_FAILED)));
	assert_non_null(strstr(source_of(fixture, "shop").status.reason, "a source that was removed"));
}

static void removal_that_the_end_overtakes_is_answered(void **state)
{
	struct fixture *fixture = *state;
	struct error err = { 0 };
	assert_int_equal(captures_remove(fixture->captures, bytes_of_text("shop"), false, on_done, fixture,
					 &err), 0);
	close_broker(fixture);
	assert_int_equal(fixture->done_count, 1);
	assert_true(fixture->done_code == ERROR_NONE || fixture->done_code == ERROR_SHUTDOWN);
}

#define RUN(test) cmocka_unit_test_setup_teardown(test, create, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(loop_knows_of_topics_before_their_records),
		RUN(sources_are_listed_by_name),
		RUN(source_without_a_block_is_stopped_and_can_be_forgotten),
		RUN(source_pauses_resumes_and_restarts),
		RUN(unknown_name_is_not_found),
		RUN(removed_source_is_gone),
		RUN(removal_that_the_end_overtakes_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
