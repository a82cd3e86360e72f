/* The check of the whole store beside an appender that writes, expires, deletes
 * topics and leaves transactions open: what is in order stays without a problem. */
#include "storage/sources.h"
#include "storage/topics.h"
#include "storage/verify_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "tests/support/running_log.h"
#include "tests/support/test_amount.h"

struct writing {
	struct running_log *log;
	uint16_t source_id;
	uint32_t captured_id;
	uint32_t published_id;
	atomic_bool is_to_end;
	atomic_uint rounds;
};

static uint32_t make_topic(struct running_log *log, const char *name, uint16_t owner,
			   const char *retention_bytes)
{
	struct topic topic = { .partition_count = 2, .owner_source_id = owner };
	struct error err = { 0 };
	topic_config_init(&topic.config);
	assert_int_equal(topic_config_set(&topic.config, "retention.bytes", retention_bytes, &err), 0);
	snprintf(topic.name, sizeof(topic.name), "%s", name);
	if (topics_create(log->appender, &topic, &err) != 0)
		fail_msg("%s", err.text);
	return topic.id;
}

static void submit(struct writing *writing, uint16_t source_id, uint32_t topic_id, size_t bytes,
		   bool continues)
{
	struct submission *submission = record_of(source_id, topic_id, bytes);
	if (continues)
		submission_set_continues(submission);
	if (appender_submit(writing->log->appender, submission, NULL) != 0)
		submission_destroy(submission);
}

static void *write_on(void *argument)
{
	struct writing *writing = argument;
	for (unsigned int n = 0; !atomic_load(&writing->is_to_end); n++) {
		submit(writing, SOURCE_PUBLISHED, writing->published_id, 3000 + n % 50 * 100, false);
		submit(writing, writing->source_id, writing->captured_id, 2000, n % 4 != 3);
		if (n % 50 == 49)
			appender_reset_source(writing->log->appender, writing->source_id, NULL);
		if (n % 20 == 19)
			appender_flush(writing->log->appender, NULL);
		atomic_fetch_add(&writing->rounds, 1);
	}
	return NULL;
}

static void on_problem(void *user, const struct verify_problem *problem)
{
	(void)user;
	printf("# %s %u/%u %llu to %llu: %s\n", problem->table, problem->topic_id, problem->partition,
	       (unsigned long long)problem->start_offset, (unsigned long long)problem->end_offset,
	       problem->text);
}

static void what_is_written_meanwhile_is_no_problem(void **state)
{
	static const uint64_t run_bytes[] = { 1, 20000, VERIFY_RUN_BYTES };
	struct running_log *log = *state;
	struct writing writing = { .log = log };
	struct verify_observer observer = { .on_problem = on_problem };
	pthread_t thread;
	int round_count = test_amount(6, 300, 5000);
	assert_int_equal(sources_register(log->appender, "myapp", &writing.source_id, NULL), 0);
	writing.captured_id = make_topic(log, "captured", writing.source_id, "200000");
	writing.published_id = make_topic(log, "published", SOURCE_PUBLISHED, "300000");
	assert_int_equal(pthread_create(&thread, NULL, write_on, &writing), 0);
	for (int n = 0; n < round_count; n++) {
		struct verify_report report = { 0 };
		struct error err = { 0 };
		char name[32];
		unsigned int rounds = atomic_load(&writing.rounds);
		snprintf(name, sizeof(name), "short-lived-%d", n);
		uint32_t id = make_topic(log, name, SOURCE_PUBLISHED, "-1");
		for (int i = 0; i < 5; i++)
			submit(&writing, SOURCE_PUBLISHED, id, 5000, false);
		assert_int_equal(topics_delete(log->appender, name, &err), 0);
		int rc = verify_store_by_runs(log->store, run_bytes[n % 3], &observer, &report, &err);
		if (rc != 0)
			fail_msg("%s", err.text);
		assert_int_equal(report.problems, 0);
		assert_true(wait_until(atomic_load(&writing.rounds) > rounds + 5));
	}
	atomic_store(&writing.is_to_end, true);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_meanwhile_is_no_problem,
						running_log_create, running_log_destroy),
	};
	return cmocka_run_group_tests_name("verify_live", tests, NULL, NULL);
}
