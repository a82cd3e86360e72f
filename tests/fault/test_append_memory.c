#include "storage/appender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "storage/schemas.h"
#include "storage/sources.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/watched_log.h"

/* Everything from a submission's first byte to its commit, with one allocation
 * failing: the n-th, for every n.  Ours in test_append_memory; in
 * test_append_any_memory those of LMDB, too. */

enum { PARTITIONS = 40 };

struct scene {
	struct watched_log *log;
	uint16_t source;
	uint32_t topic;
	uint32_t published;
	struct done dones[3];
	bool is_accepted[3];
	int refused_count;              /* calls that failed for want of memory */
	int strange_count;              /* that failed otherwise */
	bool is_new_topic_there;
};

static void set_up(struct scene *scene, struct watched_log *log)
{
	*scene = (struct scene){ .log = log };
	scene->source = watched_log_source(log, "shop");
	scene->topic = watched_log_topic(log, "shop.a", PARTITIONS, scene->source, NULL);
	scene->published = watched_log_topic(log, "p", 1, SOURCE_PUBLISHED, NULL);
}

static bool is_well(struct scene *scene, int rc, const struct error *err)
{
	if (rc == 0)
		return true;
	if (err->code == ERROR_MEMORY)
		scene->refused_count++;
	else
		scene->strange_count++;
	return false;
}

static void on_done(void *user, struct submission *submission,
		    const struct submission_result *result)
{
	struct done *done = user;
	(void)submission;
	if (result->err != NULL)
		done->err = *result->err;
	atomic_fetch_add(&done->count, 1);
}

/* One record in every partition, some of them on pages of their own, for which LMDB
 * gets memory; a schema, a position. */
static int fill(struct scene *scene, struct submission *submission, struct error *err)
{
	static const uint8_t long_value[9000];
	struct content nothing = { .kind = CONTENT_NIL };
	struct content large = { CONTENT_BYTES, { long_value, sizeof(long_value) } };
	struct bytes no_headers = { NULL, 0 };
	uint32_t schema_id;
	bool is_stored;
	for (uint32_t n = 0; n < PARTITIONS; n++)
		if (submission_add(submission, scene->topic, n, &nothing, n % 8 == 0 ? &large : &nothing,
				   no_headers, 0, err) != 0)
			return -1;
	if (schemas_reserve(scene->log->appender, bytes_of_text("schema"), &schema_id, &is_stored,
			    err) != 0)
		return -1;
	if (submission_add_schema(submission, schema_id, bytes_of_text("schema"), err) != 0 ||
	    submission_set_snapshot_progress(submission, bytes_of_text("half"), err) != 0)
		return -1;
	return submission_set_position(submission, bytes_of_text("here"), err);
}

static void submit(struct scene *scene, int n, uint16_t source)
{
	struct submission *submission = NULL;
	struct error err = { 0 };
	struct content nothing = { .kind = CONTENT_NIL };
	int rc = submission_create(&submission, source, &err);
	if (rc == 0 && source != SOURCE_PUBLISHED)
		rc = fill(scene, submission, &err);
	else if (rc == 0)
		rc = submission_add(submission, scene->published, 0, &nothing, &nothing,
				    (struct bytes){ NULL, 0 }, 0, &err);
	if (rc == 0) {
		submission_set_done(submission, on_done, &scene->dones[n]);
		rc = appender_submit(scene->log->appender, submission, &err);
	}
	scene->is_accepted[n] = is_well(scene, rc, &err);
	if (rc != 0)
		submission_destroy(submission);
}

static void act(struct scene *scene)
{
	struct topic topic = { .name = "new", .partition_count = 3 };
	struct error err = { 0 };
	topic_config_init(&topic.config);
	int rc = topics_create(scene->log->appender, &topic, &err);
	scene->is_new_topic_there = is_well(scene, rc, &err);
	for (int n = 0; n < 3; n++)
		submit(scene, n, n == 1 ? SOURCE_PUBLISHED : scene->source);
	rc = appender_flush(scene->log->appender, &err);
	is_well(scene, rc, &err);
}

/* What was told to be stored is, what was not is not, and all goes on. */
static void expect_sense(struct scene *scene, bool has_failed)
{
	struct watched_log *log = scene->log;
	uint64_t transactions = 0, published = 0;
	bool is_latched = false;
	for (int n = 0; n < 3; n++) {
		const struct done *done = &scene->dones[n];
		assert_int_equal(atomic_load(&done->count), scene->is_accepted[n]);
		if (!scene->is_accepted[n])
			continue;
		bool is_stored = done->err.code == ERROR_NONE;
		/* In the same commit as the first, or behind it. */
		assert_true(is_stored || done->err.code == ERROR_MEMORY ||
			    (is_latched && done->err.code == ERROR_STOPPED));
		assert_false(is_stored && n == 2 && is_latched);
		scene->refused_count += !is_stored;
		is_latched |= !is_stored && n != 1;
		assert_true(is_stored || has_failed);
		transactions += n != 1 && is_stored;
		published += n == 1 && is_stored;
	}
	assert_int_equal(scene->strange_count, 0);
	assert_int_equal(scene->refused_count > 0, has_failed);
	assert_int_equal(appender_state(log->appender), APPENDER_RUNNING);
	watched_log_expect_source(log, "shop", transactions, transactions > 0 ? "here" : NULL);
	assert_int_equal(appender_reset_source(log->appender, scene->source, NULL), 0);
	assert_int_equal(watched_log_append(log, scene->source, scene->topic, 7, "x"), transactions);
	assert_int_equal(watched_log_append(log, SOURCE_PUBLISHED, scene->published, 0, "x"), published);
	watched_log_expect_source(log, "shop", transactions + 1, transactions > 0 ? "here" : NULL);
	for (int round = 0; round < 2; round++) {
		for (uint32_t n = 0; n < PARTITIONS; n++) {
			struct stored_partition stored;
			watched_log_read(log, scene->topic, n, &stored);
			assert_int_equal(stored.record.visible_end, transactions + (n == 7));
			assert_int_equal(stored.record.log_end, transactions + (n == 7));
			stored_partition_clear(&stored);
		}
		watched_log_reopen(log);
	}
	struct topic topic;
	assert_int_equal(topics_describe(log->reader, "new", &topic, NULL) == 0,
			 scene->is_new_topic_there);
}

static void any_allocation_may_fail(void **state)
{
	int n;
	(void)state;
	for (n = 0;; n++) {
		struct scene scene;
		void *log = NULL;
		watched_log_create(&log);
		set_up(&scene, log);
		fail_malloc_after(n);
		act(&scene);
		bool has_failed = fail_malloc_stop();
		expect_sense(&scene, has_failed);
		watched_log_destroy(&log);
		if (!has_failed)
			break;
	}
	/* The topic, two submissions with all they hold and a small one, the list of
	 * visible ends, the source's record. */
	assert_in_range(n, 20, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
