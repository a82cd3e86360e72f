#include "storage/topics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "storage/guard.h"
#include "storage/sources.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/running_log.h"
#include "tests/support/tables.h"

static struct topic topic_of(const char *name, uint32_t partition_count)
{
	struct topic topic = { .partition_count = partition_count };
	snprintf(topic.name, sizeof(topic.name), "%s", name);
	topic_config_init(&topic.config);
	return topic;
}

static uint32_t create(struct running_log *log, const char *name, uint32_t partition_count)
{
	struct topic topic = topic_of(name, partition_count);
	struct error err = { 0 };
	if (topics_create(log->appender, &topic, &err) != 0)
		fail_msg("%s", err.text);
	return topic.id;
}

static void expect_refusal(struct running_log *log, struct topic topic, enum error_code code,
			   const char *text)
{
	struct topic before = topic;
	struct error err = { 0 };
	assert_int_equal(topics_create(log->appender, &topic, &err), -1);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
	assert_memory_equal(&topic, &before, sizeof(topic));
}

static bool has_partition_record(struct running_log *log, uint32_t topic_id, uint32_t number)
{
	struct transaction transaction;
	uint8_t key[PARTITION_KEY_BYTES];
	struct bytes value;
	partition_key_encode(key, topic_id, number);
	assert_int_equal(transaction_begin_read(&transaction, log->store, NULL), 0);
	int found = transaction_get(&transaction, TABLE_PARTITIONS, (struct bytes){ key, sizeof(key) },
				    &value);
	transaction_abort(&transaction);
	return found == 1;
}

static void created_topic_is_described(void **state)
{
	struct running_log *log = *state;
	struct topic topic = topic_of("orders", 3), found;
	topic_config_set(&topic.config, "retention.ms", "5000", NULL);
	int64_t before_us = appender_wall_us(log->appender);
	assert_int_equal(topics_create(log->appender, &topic, NULL), 0);
	int64_t after_us = appender_wall_us(log->appender);
	assert_int_equal(topic.id, 1);
	assert_true(topic.created_us >= before_us && topic.created_us <= after_us);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(topics_describe(log->reader, "orders", &found, NULL), 0);
		assert_memory_equal(&found, &topic, sizeof(found));
		assert_true(has_partition_record(log, 1, 0));
		assert_true(has_partition_record(log, 1, 2));
		assert_false(has_partition_record(log, 1, 3));
		running_log_reopen(log);
	}
}

static void created_topic_can_be_written_at_once_and_after_reopening(void **state)
{
	struct running_log *log = *state;
	uint32_t id = create(log, "orders", 1);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id, 10)), ERROR_NONE);
	running_log_reopen(log);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id, 10)), ERROR_NONE);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id + 1, 10)),
			 ERROR_NOT_FOUND);
}

static void topic_that_exists_is_told_with_its_id(void **state)
{
	struct running_log *log = *state;
	struct topic topic = topic_of("orders", 9);
	struct error err = { 0 };
	create(log, "other", 1);
	uint32_t id = create(log, "orders", 4);
	assert_int_equal(topics_create(log->appender, &topic, &err), -1);
	assert_int_equal(err.code, ERROR_EXISTS);
	assert_string_equal(err.text, "topic 'orders' exists already, with 4 partitions");
	assert_int_equal(topic.id, id);
	assert_int_equal(topic.partition_count, 9);
}

static void name_follows_kafkas_rule(void **state)
{
	static const char *const good[] = { "a", "A-z_0.9", "...", ".a", "a..", "-", "_" };
	char longest[TOPIC_NAME_BYTES_MAX + 2];
	(void)state;
	for (size_t n = 0; n < sizeof(good) / sizeof(good[0]); n++)
		assert_int_equal(topic_name_check(bytes_of_text(good[n]), NULL), 0);
	memset(longest, 'a', sizeof(longest));
	struct bytes name = { (const uint8_t *)longest, TOPIC_NAME_BYTES_MAX };
	assert_int_equal(topic_name_check(name, NULL), 0);
	name.size++;
	assert_int_equal(topic_name_check(name, NULL), -1);

	static const struct {
		struct bytes name;
		const char *text;
	} bad[] = {
		{ { (const uint8_t *)"", 0 }, "the name of a topic has 1 to 249 bytes, not 0" },
		{ { (const uint8_t *)".", 1 }, "a topic cannot be named '.' or '..'" },
		{ { (const uint8_t *)"..", 2 }, "a topic cannot be named '.' or '..'" },
		{ { (const uint8_t *)"a b", 3 },
		  "the name of a topic is made of A-Z a-z 0-9 . _ -, but byte 2 is 0x20" },
		{ { (const uint8_t *)"a\0b", 3 },
		  "the name of a topic is made of A-Z a-z 0-9 . _ -, but byte 2 is 0x00" },
		{ { (const uint8_t *)"/a", 2 },
		  "the name of a topic is made of A-Z a-z 0-9 . _ -, but byte 1 is 0x2f" },
		{ { (const uint8_t *)"\xc3\xa4", 2 },
		  "the name of a topic is made of A-Z a-z 0-9 . _ -, but byte 1 is 0xc3" },
	};
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		struct error err = { 0 };
		assert_int_equal(topic_name_check(bad[n].name, &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
		assert_string_equal(err.text, bad[n].text);
	}
}

static void wrong_request_is_refused_and_uses_no_id(void **state)
{
	struct running_log *log = *state;
	struct topic topic = topic_of("orders", 0);
	expect_refusal(log, topic, ERROR_INVALID, "topic 'orders': it has 1 to 1024 partitions, not 0");
	topic.partition_count = TOPIC_PARTITIONS_MAX + 1;
	expect_refusal(log, topic, ERROR_INVALID,
		       "topic 'orders': it has 1 to 1024 partitions, not 1025");
	topic.partition_count = 1;
	topic.owner_source_id = 7;
	expect_refusal(log, topic, ERROR_NOT_FOUND,
		       "topic 'orders': there is no source 7 to own it");
	topic.owner_source_id = SOURCE_PUBLISHED;
	topic.config.retention_ms = 3;
	expect_refusal(log, topic, ERROR_INVALID,
		       "topic 'orders': retention.ms is 3 but was never set: begin with the defaults");
	topic = topic_of("a/b", 1);
	expect_refusal(log, topic, ERROR_INVALID,
		       "the name of a topic is made of A-Z a-z 0-9 . _ -, but byte 2 is 0x2f");
	memset(topic.name, 'a', sizeof(topic.name));
	expect_refusal(log, topic, ERROR_INVALID, "the name of a topic has 1 to 249 bytes, not 250");
	assert_int_equal(create(log, "orders", TOPIC_PARTITIONS_MAX), 1);
	assert_true(has_partition_record(log, 1, TOPIC_PARTITIONS_MAX - 1));
}

static void owner_must_be_a_living_source(void **state)
{
	struct running_log *log = *state;
	struct topic topic = topic_of("shop.users", 1);
	assert_int_equal(sources_register(log->appender, "shop", &topic.owner_source_id, NULL), 0);
	assert_int_equal(topics_create(log->appender, &topic, NULL), 0);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, topic.id, 1)),
			 ERROR_NOT_OWNER);
	assert_int_equal(running_log_submit(log, record_of(topic.owner_source_id, topic.id, 1)),
			 ERROR_NONE);
	assert_int_equal(sources_delete(log->appender, "shop", NULL), 0);
	snprintf(topic.name, sizeof(topic.name), "shop.orders");
	expect_refusal(log, topic, ERROR_NOT_FOUND,
		       "topic 'shop.orders': there is no source 1 to own it");
}

static void configuration_holds_at_once_and_after_reopening(void **state)
{
	struct running_log *log = *state;
	struct topic found;
	uint32_t id = create(log, "orders", 1);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id, 1000)), ERROR_NONE);
	assert_int_equal(topics_describe(log->reader, "orders", &found, NULL), 0);
	topic_config_set(&found.config, "max.message.bytes", "500", NULL);
	assert_int_equal(topics_configure(log->appender, "orders", &found.config, NULL), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id, 1000)),
				 ERROR_LIMIT);
		assert_int_equal(topics_describe(log->reader, "orders", &found, NULL), 0);
		assert_int_equal(found.config.max_message_bytes, 500);
		assert_int_equal(found.partition_count, 1);
		running_log_reopen(log);
	}
	topic_config_unset(&found.config, "max.message.bytes", NULL);
	assert_int_equal(topics_configure(log->appender, "orders", &found.config, NULL), 0);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id, 1000)), ERROR_NONE);
}

static void configuring_keeps_options_of_another_version(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir };
	struct topic_config config;
	running_log_close(log);
	struct store_options options = { .dir = log->dir, .map_bytes = log->map_bytes };
	assert_int_equal(store_open(&tables.store, &options, NULL), 0);
	tables_put_number(&tables, META_NEXT_TOPIC_ID, 2);
	tables_put_partition(&tables, 1, 0, (struct partition_record){ 0 });
	tables_put_topic(&tables, "orders", (struct topic_record){ .id = 1, .partition_count = 1 },
			 "\x81\xa3" "new\x07");
	store_close(tables.store);
	running_log_open(log);

	topic_config_init(&config);
	topic_config_set(&config, "retention.bytes", "9", NULL);
	assert_int_equal(topics_configure(log->appender, "orders", &config, NULL), 0);
	struct transaction transaction;
	struct bytes value;
	struct topic_record record;
	assert_int_equal(transaction_begin_read(&transaction, log->store, NULL), 0);
	assert_int_equal(transaction_get(&transaction, TABLE_TOPICS, bytes_of_text("orders"), &value), 1);
	assert_int_equal(topic_record_decode(bytes_of_text("orders"), value, &record, NULL), 0);
	assert_int_equal(record.options.size, 23);
	assert_memory_equal(record.options.data, "\x82\xaf" "retention.bytes\x09\xa3" "new\x07", 23);
	transaction_abort(&transaction);
}

static void wrong_configuration_is_refused(void **state)
{
	struct running_log *log = *state;
	struct topic_config config;
	struct topic found;
	struct error err = { 0 };
	create(log, "orders", 1);
	topic_config_init(&config);
	config.set = 1;
	config.retention_ms = -5;
	assert_int_equal(topics_configure(log->appender, "orders", &config, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_int_equal(topics_describe(log->reader, "orders", &found, NULL), 0);
	assert_int_equal(found.config.retention_ms, 604800000);
}

static void unknown_topic_is_not_found(void **state)
{
	struct running_log *log = *state;
	char endless[1000];
	struct topic_config config;
	struct topic found = { .id = 99 };
	memset(endless, 'a', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	topic_config_init(&config);
	const char *const names[] = { "orders", "", endless };
	for (size_t n = 0; n < 3; n++) {
		struct error err = { 0 };
		assert_int_equal(topics_describe(log->reader, names[n], &found, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		err.code = ERROR_NONE;
		assert_int_equal(topics_configure(log->appender, names[n], &config, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		err.code = ERROR_NONE;
		assert_int_equal(topics_delete(log->appender, names[n], &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		assert_int_equal(strncmp(err.text, "there is no topic '", 19), 0);
	}
	assert_int_equal(found.id, 99);
}

static void deleted_topic_leaves_its_name_and_takes_its_records_along(void **state)
{
	struct running_log *log = *state;
	struct topic found;
	struct error err = { 0 };
	uint32_t id = create(log, "orders", 2);
	for (int n = 0; n < 20; n++)
		assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id, 100)), ERROR_NONE);
	assert_int_equal(topics_delete(log->appender, "orders", NULL), 0);
	assert_int_equal(topics_describe(log->reader, "orders", &found, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id, 100)), ERROR_NOT_FOUND);
	assert_int_equal(create(log, "orders", 1), id + 1);
	assert_true(wait_until(!has_partition_record(log, id, 0) && !has_partition_record(log, id, 1)));
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id, 100)), ERROR_NOT_FOUND);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, id + 1, 100)), ERROR_NONE);
}

static void id_is_never_used_again(void **state)
{
	struct running_log *log = *state;
	uint32_t id = create(log, "orders", 1);
	assert_int_equal(topics_delete(log->appender, "orders", NULL), 0);
	assert_true(wait_until(!has_partition_record(log, id, 0)));
	running_log_reopen(log);
	assert_int_equal(create(log, "orders", 1), id + 1);
}

static void topics_are_walked_by_name(void **state)
{
	struct running_log *log = *state;
	struct topic found = { .id = 99 };
	char longest[TOPIC_NAME_BYTES_MAX + 1], beyond[TOPIC_NAME_BYTES_MAX + 50];
	memset(longest, 'b', sizeof(longest));
	longest[TOPIC_NAME_BYTES_MAX] = '\0';
	memset(beyond, 'b', sizeof(beyond));
	beyond[sizeof(beyond) - 1] = '\0';
	assert_int_equal(topics_next(log->reader, "", &found, NULL), 0);
	assert_int_equal(found.id, 99);
	create(log, "c", 1);
	create(log, "a", 1);
	create(log, longest, 1);
	create(log, "a.a", 1);
	static const char *const order[] = { "a", "a.a", NULL, "c" };
	const char *after = "";
	for (size_t n = 0; n < 4; n++) {
		assert_int_equal(topics_next(log->reader, after, &found, NULL), 1);
		assert_string_equal(found.name, order[n] != NULL ? order[n] : longest);
		after = found.name;
	}
	assert_int_equal(topics_next(log->reader, after, &found, NULL), 0);
	assert_int_equal(topics_next(log->reader, "a-", &found, NULL), 1);
	assert_string_equal(found.name, "a.a");
	assert_int_equal(topics_next(log->reader, beyond, &found, NULL), 1);
	assert_string_equal(found.name, "c");
}

struct creator {
	struct running_log *log;
	const char *name;
	int rc;
	struct topic topic;
	struct error err;
	pthread_t thread;
};

static void *create_in_thread(void *argument)
{
	struct creator *creator = argument;
	creator->topic = topic_of(creator->name, 2);
	creator->rc = topics_create(creator->log->appender, &creator->topic, &creator->err);
	return NULL;
}

static void creations_in_one_commit_do_not_meet(void **state)
{
	struct running_log *log = *state;
	struct creator creators[6] = { 0 };
	struct appender_stats before, after;
	struct gate gate;
	gate_close(&gate, log);
	appender_stats(log->appender, &before);
	for (size_t n = 0; n < 6; n++) {
		creators[n].log = log;
		creators[n].name = (const char *[]){ "a", "b", "a", "c", "b", "a" }[n];
		assert_int_equal(pthread_create(&creators[n].thread, NULL, create_in_thread, &creators[n]), 0);
	}
	gate_open_when_queued(&gate, log, 6);
	uint32_t made = 0, ids = 0;
	for (size_t n = 0; n < 6; n++) {
		pthread_join(creators[n].thread, NULL);
		if (creators[n].rc != 0)
			assert_int_equal(creators[n].err.code, ERROR_EXISTS);
		else
			made++;
		ids |= 1U << creators[n].topic.id;
	}
	appender_stats(log->appender, &after);
	assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(made, 3);
	assert_int_equal(ids, 2 + 4 + 8);
	for (size_t n = 0; n < 6; n++)
		for (size_t k = 0; k < 6; k++)
			assert_int_equal(creators[n].topic.id == creators[k].topic.id,
					 strcmp(creators[n].name, creators[k].name) == 0);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, 3, 1)), ERROR_NONE);
	running_log_reopen(log);
}

static void creation_that_finds_no_room_leaves_nothing(void **state)
{
	struct running_log *log = *state;
	struct topic found;
	struct error err = { 0 };
	char name[32];
	int n = 0;
	log->map_bytes = UINT64_C(12) << 20;
	running_log_reopen(log);
	for (;; n++) {
		snprintf(name, sizeof(name), "topic-%d", n);
		struct topic topic = topic_of(name, TOPIC_PARTITIONS_MAX);
		if (topics_create(log->appender, &topic, &err) != 0)
			break;
		assert_int_equal(topic.id, n + 1);
	}
	assert_int_equal(err.code, ERROR_DISK_FULL);
	assert_int_equal(topics_describe(log->reader, name, &found, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	for (int k = 0; k < n; k++) {
		snprintf(name, sizeof(name), "topic-%d", k);
		assert_int_equal(topics_delete(log->appender, name, NULL), 0);
	}
	assert_true(wait_until(appender_state(log->appender) == APPENDER_RUNNING));
	assert_int_equal(create(log, "again", 1), n + 1);
	assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, (uint32_t)n + 1, 1)),
			 ERROR_NONE);
}

static void damaged_record_stops_nothing_but_its_topic(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir, .store = log->store };
	struct topic topic = topic_of("orders", 1);
	struct error err = { 0 };
	create(log, "orders", 1);
	/* With the appender idle this thread may write. */
	tables_put(&tables, TABLE_TOPICS, bytes_of_text("orders"), bytes_of_text("no seal at all"));
	assert_int_equal(topics_describe(log->reader, "orders", &topic, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(topics_next(log->reader, "", &topic, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	err.code = ERROR_NONE;
	topic = topic_of("orders", 1);
	assert_int_equal(topics_create(log->appender, &topic, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	err.code = ERROR_NONE;
	assert_int_equal(topics_delete(log->appender, "orders", &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(appender_state(log->appender), APPENDER_RUNNING);
	create(log, "other", 1);
	tables_put(&tables, TABLE_TOPICS, bytes_of_text("orders"), bytes_of_text("repair me"));
}

static void lookup_in_a_file_cut_short_is_reported(void **state)
{
	struct running_log *log = *state;
	struct topic found = { .id = 99 };
	struct error err = { 0 };
	char path[4096];
	/* cmocka puts its own handlers in place for each test. */
	guard_install();
	create(log, "orders", 1);
	snprintf(path, sizeof(path), "%s/log/data.mdb", log->dir);
	assert_int_equal(truncate(path, 2 * (off_t)log->store->page_bytes), 0);
	assert_int_equal(topics_describe(log->reader, "orders", &found, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	err.code = ERROR_NONE;
	assert_int_equal(topics_next(log->reader, "", &found, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_int_equal(found.id, 99);
}

static void last_id_is_the_end(void **state)
{
	struct running_log *log = *state;
	struct tables tables = { .dir = log->dir, .store = log->store };
	struct topic topic = topic_of("orders", 1);
	struct error err = { 0 };
	static const uint64_t ends[] = { UINT64_C(1) << 31, UINT32_MAX, UINT64_C(1) << 32 };
	for (size_t n = 0; n < 3; n++) {
		tables_put_number(&tables, META_NEXT_TOPIC_ID, ends[n]);
		assert_int_equal(topics_create(log->appender, &topic, &err), -1);
		assert_int_equal(err.code, ERROR_LIMIT);
		assert_string_equal(err.text, "all topic ids are used up");
	}
}

static void every_failed_allocation_is_reported(void **state)
{
	struct running_log *log = *state;
	struct topic found;
	int n;
	for (n = 0;; n++) {
		struct topic topic = topic_of("orders", 1);
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = topics_create(log->appender, &topic, &err);
		if (!fail_malloc_stop()) {
			assert_int_equal(rc, 0);
			break;
		}
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		assert_int_equal(topic.id, 0);
		assert_int_equal(topic.created_us, 0);
		assert_int_equal(topics_describe(log->reader, "orders", &found, &err), -1);
		assert_int_equal(err.code, ERROR_NOT_FOUND);
		assert_int_equal(appender_state(log->appender), APPENDER_RUNNING);
	}
	assert_true(n >= 4);
	for (n = 0;; n++) {
		struct error err = { 0 };
		assert_int_equal(topics_describe(log->reader, "orders", &found, NULL), 0);
		topic_config_set(&found.config, "max.message.bytes", "77", NULL);
		fail_malloc_after(n);
		int rc = topics_configure(log->appender, "orders", &found.config, &err);
		if (!fail_malloc_stop())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, ERROR_MEMORY);
		assert_int_equal(topics_describe(log->reader, "orders", &found, NULL), 0);
		assert_int_equal(found.config.max_message_bytes, 1048588);
		assert_int_equal(running_log_submit(log, record_of(SOURCE_PUBLISHED, found.id, 100)),
				 ERROR_NONE);
	}
	assert_true(n >= 2);
	assert_int_equal(topics_describe(log->reader, "orders", &found, NULL), 0);
	assert_int_equal(found.config.max_message_bytes, 77);
	running_log_reopen(log);
}

int main(void)
{
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, running_log_create, running_log_destroy)
	const struct CMUnitTest tests[] = {
		WITH_LOG(created_topic_is_described),
		WITH_LOG(created_topic_can_be_written_at_once_and_after_reopening),
		WITH_LOG(topic_that_exists_is_told_with_its_id),
		cmocka_unit_test(name_follows_kafkas_rule),
		WITH_LOG(wrong_request_is_refused_and_uses_no_id),
		WITH_LOG(owner_must_be_a_living_source),
		WITH_LOG(configuration_holds_at_once_and_after_reopening),
		WITH_LOG(configuring_keeps_options_of_another_version),
		WITH_LOG(wrong_configuration_is_refused),
		WITH_LOG(unknown_topic_is_not_found),
		WITH_LOG(deleted_topic_leaves_its_name_and_takes_its_records_along),
		WITH_LOG(id_is_never_used_again),
		WITH_LOG(topics_are_walked_by_name),
		WITH_LOG(creations_in_one_commit_do_not_meet),
		WITH_LOG(creation_that_finds_no_room_leaves_nothing),
		WITH_LOG(damaged_record_stops_nothing_but_its_topic),
		WITH_LOG(lookup_in_a_file_cut_short_is_reported),
		WITH_LOG(last_id_is_the_end),
		WITH_LOG(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
