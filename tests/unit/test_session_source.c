#include "protocol/message_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/source_settings.h"
#include "protocol/message_session.h"
#include "protocol/message_status.h"
#include "server/captures.h"
#include "tests/support/session_rig.h"

/* Sources that are none: SOURCES and SOURCE_CONTROL alone are tested here. */
struct captures {
	size_t count;                   /* "s0000", "s0001", … */
	struct source_settings settings;
	struct capture_status status;   /* of each */
	char asked[64];
	captures_on_done *on_done;      /* a removal that waits */
	void *user;
};

static void describe(struct captures *captures, size_t n, struct captures_source *out)
{
	static char name[32];
	snprintf(name, sizeof(name), "s%04zu", n);
	/* The last one is known to the log alone. */
	*out = (struct captures_source){ .name = name, .status = captures->status,
					 .settings = n + 1 < captures->count ? &captures->settings : NULL };
}

int captures_next(struct captures *captures, const char *after, struct captures_source *out)
{
	size_t n = after[0] != '\0' ? strtoul(after + 1, NULL, 10) + 1 : 0;
	if (n >= captures->count)
		return 0;
	describe(captures, n, out);
	return 1;
}

static int find(struct captures *captures, struct bytes name, size_t *out, struct error *err)
{
	char text[300];
	snprintf(text, sizeof(text), "%.*s", (int)name.size, (const char *)name.data);
	*out = strtoul(text + 1, NULL, 10);
	return text[0] == 's' && *out < captures->count
		       ? 0
		       : error_set(err, ERROR_NOT_FOUND, "there is no source '%s'", text);
}

int captures_find(struct captures *captures, struct bytes name, struct captures_source *out,
		  struct error *err)
{
	size_t n;
	if (find(captures, name, &n, err) != 0)
		return -1;
	describe(captures, n, out);
	return 0;
}

static int ask(struct captures *captures, const char *what, struct bytes name, struct error *err)
{
	size_t n;
	if (find(captures, name, &n, err) != 0)
		return -1;
	snprintf(captures->asked, sizeof(captures->asked), "%s %zu", what, n);
	return 0;
}

int captures_pause(struct captures *captures, struct bytes name, struct error *err)
{
	return ask(captures, "pause", name, err);
}

int captures_resume(struct captures *captures, struct bytes name, struct error *err)
{
	return ask(captures, "resume", name, err);
}

int captures_restart(struct captures *captures, struct bytes name, struct error *err)
{
	return ask(captures, "restart", name, err);
}

int captures_reset(struct captures *captures, struct bytes name, struct error *err)
{
	return ask(captures, "reset", name, err);
}

int captures_remove(struct captures *captures, struct bytes name, bool drops,
		    captures_on_done *on_done, void *user, struct error *err)
{
	if (ask(captures, drops ? "remove and drop" : "remove", name, err) != 0)
		return -1;
	captures->on_done = on_done;
	captures->user = user;
	return 0;
}

/* The rest of a server. */
static struct session_rig *rig;
static struct captures captures;
static struct rig_session *session;
static uint32_t last_id;

static int set_up(void **state)
{
	static char connector[] = "postgresql", prefix[] = "p", host[] = "db", user[] = "me",
		    password[] = "s3cret", database[] = "shop", slot[] = "slot", publication[] = "publication";
	(void)state;
	captures = (struct captures){
		.count = 3,
		.settings = { .connector_class = connector, .topic_prefix = prefix, .database_hostname = host,
			      .database_port = 5432, .database_user = user, .database_password = password,
			      .database_dbname = database, .slot_name = slot, .publication_name = publication },
		.status = { .state = CAPTURE_STREAMING, .lag_us = -1,
			    .progress.behind_bytes = UINT64_MAX },
	};
	rig = session_rig_create();
	rig->service.captures = &captures;
	session = rig_session_create(rig);
	rig_greet(session);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rig_session_destroy(session);
	session_rig_destroy(rig);
	return 0;
}

static bool asked(const msgpack_sbuffer *request, struct frame *out)
{
	rig_feed(session, request->data, request->size);
	return rig_reply(session, last_id, out);
}

static struct message_sources_reply sources_of(const struct message_sources *message)
{
	struct message_sources_reply reply;
	struct error err = { 0 };
	struct frame frame;
	msgpack_sbuffer request;
	msgpack_sbuffer_init(&request);
	assert_int_equal(message_sources_encode(&request, ++last_id, message, &err), 0);
	assert_true(asked(&request, &frame));
	msgpack_sbuffer_destroy(&request);
	assert_int_equal(frame.flags, FRAME_FLAG_REPLY);
	assert_true(frame.body.size <= FRAME_BYTES_MAX_DEFAULT);
	if (message_sources_reply_decode(frame.body, &reply, &err) != 0)
		fail_msg("%s", err.text);
	return reply;
}

static void expect_text(struct bytes text, const char *expected)
{
	assert_int_equal(text.data != NULL, expected != NULL);
	if (expected == NULL)
		return;
	assert_int_equal(text.size, strlen(expected));
	assert_memory_equal(text.data, expected, text.size);
}

static struct message_source first_source(void)
{
	struct message_sources_reply reply = sources_of(&(struct message_sources){ 0 });
	struct message_source source;
	assert_true(message_source_next(&reply.sources, &source));
	return source;
}

static void source_is_told_with_what_its_block_says_but_no_password(void **state)
{
	struct message_source source = first_source();
	(void)state;
	expect_text(source.name, "s0000");
	assert_true(source.configured);
	expect_text(source.connector, "postgresql");
	expect_text(source.topic_prefix, "p");
	expect_text(source.endpoint, "me@db:5432/shop");
	expect_text(source.slot, "slot");
	expect_text(source.publication, "publication");
	expect_text(source.state, "streaming");
	expect_text(source.reason, NULL);
	expect_text(source.position, NULL);
	assert_true(source.lag_us == UINT64_MAX && source.behind_bytes == UINT64_MAX);
	assert_true(source.retry_in_us == UINT64_MAX);
	expect_text(source.snapshot_table, NULL);
	assert_null(memmem(session->said.data, session->said.size, "s3cret", 6));
}

static void source_that_the_log_alone_knows_is_told_as_such(void **state)
{
	struct message_sources_reply reply = sources_of(&(struct message_sources){ .name = bytes_of_text("s0002") });
	struct message_source source;
	(void)state;
	assert_true(message_source_next(&reply.sources, &source));
	expect_text(source.name, "s0002");
	assert_false(source.configured);
	expect_text(source.connector, NULL);
	expect_text(source.slot, NULL);
	assert_false(message_source_next(&reply.sources, &source));
	expect_text(reply.next, NULL);
	assert_int_equal(sources_of(&(struct message_sources){ .name = bytes_of_text("other") }).sources.count, 0);
}

static void snapshot_tells_how_long_it_will_take(void **state)
{
	(void)state;
	captures.status.state = CAPTURE_SNAPSHOT;
	captures.status.state_age_us = 3000000;
	captures.status.progress = (struct source_progress){ .table = "public.t", .tables_done = 1,
		.tables_total = 4, .rows_done = 300, .rows_estimated = 400 };
	struct message_source source = first_source();
	expect_text(source.snapshot_table, "public.t");
	assert_int_equal(source.snapshot_tables_done, 1);
	assert_int_equal(source.snapshot_tables_total, 4);
	assert_int_equal(source.snapshot_rows_done, 300);
	assert_int_equal(source.snapshot_rows_estimated, 400);
	assert_int_equal(source.snapshot_left_us, 1000000);

	captures.status.progress.rows_done = 401;
	assert_true(first_source().snapshot_left_us == UINT64_MAX);
	captures.status.progress.rows_done = 0;
	assert_true(first_source().snapshot_left_us == UINT64_MAX);
	captures.status.state = CAPTURE_STREAMING;
	expect_text(first_source().snapshot_table, NULL);
}

static void retry_tells_when(void **state)
{
	(void)state;
	captures.status.state = CAPTURE_RETRYING;
	captures.status.retries = 4;
	captures.status.retry_in_us = 0;
	strcpy(captures.status.reason, "no route");
	struct message_source source = first_source();
	expect_text(source.state, "retrying");
	expect_text(source.reason, "no route");
	assert_int_equal(source.retries, 4);
	assert_int_equal(source.retry_in_us, 0);
}

static struct message_status_source first_of_status(void)
{
	struct message_status_reply reply;
	struct message_status_source source;
	struct error err = { 0 };
	struct frame frame;
	msgpack_sbuffer request;
	msgpack_sbuffer_init(&request);
	assert_int_equal(message_empty_encode(&request, FRAME_STATUS, 0, ++last_id, &err), 0);
	assert_true(asked(&request, &frame));
	msgpack_sbuffer_destroy(&request);
	if (message_status_reply_decode(frame.body, &reply, &err) != 0)
		fail_msg("%s", err.text);
	assert_true(message_status_source_next(&reply.sources, &source));
	return source;
}

/* Messages of a database are cut where they do not fit. */
static void half_a_character_does_no_harm(void **state)
{
	char publication[] = "p\xff";
	(void)state;
	memset(captures.status.reason, 'x', sizeof(captures.status.reason) - 2);
	captures.status.reason[sizeof(captures.status.reason) - 2] = '\xc3';
	captures.settings.publication_name = publication;
	struct message_source source = first_source();
	assert_int_equal(source.reason.size, sizeof(captures.status.reason) - 1);
	assert_int_equal(source.reason.data[source.reason.size - 1], '?');
	expect_text(source.publication, "p?");
	assert_int_equal(first_of_status().reason.size, sizeof(captures.status.reason) - 1);
}

static void many_sources_come_in_pages(void **state)
{
	struct message_sources message = { 0 };
	char after[64];
	size_t count = 0, pages = 0;
	(void)state;
	captures.count = 3000;
	memset(captures.status.reason, 'x', sizeof(captures.status.reason) - 1);
	do {
		struct message_sources_reply reply = sources_of(&message);
		struct message_source source;
		while (message_source_next(&reply.sources, &source)) {
			char name[32];
			snprintf(name, sizeof(name), "s%04zu", count++);
			expect_text(source.name, name);
		}
		pages++;
		message.after = (struct bytes){ 0 };
		if (reply.next.data != NULL) {
			memcpy(after, reply.next.data, reply.next.size);
			message.after = (struct bytes){ (const uint8_t *)after, reply.next.size };
		}
	} while (message.after.data != NULL);
	assert_int_equal(count, 3000);
	assert_in_range(pages, 3, 30);
}

/* 0: done. */
static enum error_code code_of(const struct frame *frame)
{
	struct message_error message;
	struct error err = { 0 };
	if ((frame->flags & FRAME_FLAG_ERROR) == 0)
		return ERROR_NONE;
	assert_int_equal(message_error_decode(frame->body, &message, &err), 0);
	return (enum error_code)message.code;
}

static void send_control(const char *name, enum message_source_action action, bool drop)
{
	const struct message_source_control message = { bytes_of_text(name), action, drop };
	struct error err = { 0 };
	msgpack_sbuffer request;
	msgpack_sbuffer_init(&request);
	assert_int_equal(message_source_control_encode(&request, ++last_id, &message, &err), 0);
	rig_feed(session, request.data, request.size);
	msgpack_sbuffer_destroy(&request);
}

static enum error_code control(const char *name, enum message_source_action action)
{
	struct frame frame;
	send_control(name, action, false);
	assert_true(rig_reply(session, last_id, &frame));
	return code_of(&frame);
}

static void source_is_asked_and_answered_at_once(void **state)
{
	(void)state;
	assert_int_equal(control("s0001", SOURCE_PAUSE), ERROR_NONE);
	assert_string_equal(captures.asked, "pause 1");
	assert_int_equal(control("s0001", SOURCE_RESUME), ERROR_NONE);
	assert_string_equal(captures.asked, "resume 1");
	assert_int_equal(control("s0002", SOURCE_RESTART), ERROR_NONE);
	assert_string_equal(captures.asked, "restart 2");
	assert_int_equal(control("s0002", SOURCE_RESET), ERROR_NONE);
	assert_string_equal(captures.asked, "reset 2");
	assert_int_equal(control("s0003", SOURCE_PAUSE), ERROR_NOT_FOUND);
	assert_int_equal(control("s0003", SOURCE_REMOVE), ERROR_NOT_FOUND);
}

static void removal_is_answered_when_it_is_done(void **state)
{
	const struct error why = { .code = ERROR_CONNECTION, .text = "no route" };
	struct frame frame;
	size_t said;
	(void)state;
	send_control("s0001", SOURCE_REMOVE, true);
	assert_string_equal(captures.asked, "remove and drop 1");
	said = session->said.size;
	rig_run(rig);
	assert_int_equal(session->said.size, said);
	captures.on_done(captures.user, NULL);
	assert_true(rig_reply(session, last_id, &frame));
	assert_int_equal(code_of(&frame), ERROR_NONE);

	send_control("s0001", SOURCE_REMOVE, false);
	assert_string_equal(captures.asked, "remove 1");
	captures.on_done(captures.user, &why);
	assert_true(rig_reply(session, last_id, &frame));
	assert_int_equal(code_of(&frame), ERROR_CONNECTION);
}

static void removal_outlives_its_session(void **state)
{
	(void)state;
	send_control("s0001", SOURCE_REMOVE, false);
	rig_session_destroy(session);
	captures.on_done(captures.user, NULL);
	session = rig_session_create(rig);
}

static void server_without_sources_has_none(void **state)
{
	(void)state;
	rig->service.captures = NULL;
	assert_int_equal(sources_of(&(struct message_sources){ 0 }).sources.count, 0);
	assert_int_equal(sources_of(&(struct message_sources){ .name = bytes_of_text("s") }).sources.count, 0);
	assert_int_equal(control("s0001", SOURCE_PAUSE), ERROR_NOT_FOUND);
	assert_int_equal(control("s0001", SOURCE_REMOVE), ERROR_NOT_FOUND);
}

#define RUN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(source_is_told_with_what_its_block_says_but_no_password),
		RUN(source_that_the_log_alone_knows_is_told_as_such),
		RUN(snapshot_tells_how_long_it_will_take),
		RUN(retry_tells_when),
		RUN(half_a_character_does_no_harm),
		RUN(many_sources_come_in_pages),
		RUN(source_is_asked_and_answered_at_once),
		RUN(removal_is_answered_when_it_is_done),
		RUN(removal_outlives_its_session),
		RUN(server_without_sources_has_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
