#include "storage/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "tests/support/fail_malloc.h"
#include "tests/support/tables.h"

static void expect_damage(struct tables *tables, const char *text)
{
	struct registry registry;
	struct error err = { 0 };
	assert_int_equal(registry_load(&registry, tables->store, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	/* What it is, and what to do. */
	assert_int_equal(strncmp(err.text, text, strlen(text)), 0);
	assert_int_equal(strncmp(err.text + strlen(text), "; 'millstream-log verify ", 25), 0);
	assert_non_null(strstr(err.text, "put a whole copy of the directory in its place"));
	registry_clear(&registry);
}

static void new_store_has_nothing(void **state)
{
	struct tables *tables = *state;
	struct registry registry;
	assert_int_equal(registry_load(&registry, tables->store, NULL), 0);
	assert_null(registry_topic(&registry, 0));
	assert_null(registry_topic(&registry, 1));
	assert_null(registry_topic(&registry, UINT32_MAX));
	assert_null(registry_partition(&registry, 1, 0));
	assert_null(registry_source(&registry, 0));
	assert_null(registry_source(&registry, UINT16_MAX));
	registry_clear(&registry);
}

static void topic_comes_back_with_its_partitions_and_options(void **state)
{
	struct tables *tables = *state;
	struct registry registry;
	tables_put_number(tables, META_NEXT_TOPIC_ID, 8);
	tables_put_topic(tables, "orders", (struct topic_record){ 7, 2, 3, 1000, { 0 } },
			 "\x81\xac" "retention.ms\x05");
	tables_put_partition(tables, 7, 0, (struct partition_record){ 1, 5, 5, 400, 2, 77 });
	tables_put_partition(tables, 7, 1, (struct partition_record){ 0 });
	assert_int_equal(registry_load(&registry, tables->store, NULL), 0);
	struct registered_topic *topic = registry_topic(&registry, 7);
	assert_non_null(topic);
	assert_int_equal(topic->id, 7);
	assert_int_equal(topic->partition_count, 2);
	assert_int_equal(topic->owner_source_id, 3);
	assert_false(topic->is_deleted);
	assert_int_equal(topic->config.retention_ms, 5);
	assert_int_equal(topic->config.retention_bytes, -1);
	struct partition *partition = registry_partition(&registry, 7, 0);
	assert_ptr_equal(partition, &topic->partitions[0]);
	assert_ptr_equal(partition->topic, topic);
	assert_int_equal(partition->stored.log_start, 1);
	assert_int_equal(partition->stored.visible_end, 5);
	assert_int_equal(partition->stored.log_end, 5);
	assert_int_equal(partition->stored.bytes, 400);
	assert_int_equal(partition->stored.batch_count, 2);
	assert_int_equal(partition->stored.last_append_time_us, 77);
	assert_memory_equal(&partition->next, &partition->stored, sizeof(partition->next));
	assert_int_equal(partition->oldest_append_time_us, 0);
	assert_int_equal(registry_partition(&registry, 7, 1)->number, 1);
	assert_int_equal(registry_partition(&registry, 7, 1)->stored.log_end, 0);
	assert_null(registry_partition(&registry, 7, 2));
	assert_null(registry_topic(&registry, 6));
	registry_clear(&registry);
}

static void partitions_without_a_topic_belong_to_a_deleted_one(void **state)
{
	struct tables *tables = *state;
	struct registry registry;
	tables_put_number(tables, META_NEXT_TOPIC_ID, 4);
	tables_put_partition(tables, 3, 2, (struct partition_record){ 0, 9, 9, 10, 1, 1 });
	tables_put_partition(tables, 3, 5, (struct partition_record){ 0, 8, 8, 10, 1, 1 });
	assert_int_equal(registry_load(&registry, tables->store, NULL), 0);
	struct registered_topic *topic = registry_topic(&registry, 3);
	assert_non_null(topic);
	assert_true(topic->is_deleted);
	assert_int_equal(topic->partition_count, 6);
	for (uint32_t number = 0; number < 6; number++) {
		assert_ptr_equal(topic->partitions[number].topic, topic);
		assert_int_equal(topic->partitions[number].number, number);
	}
	assert_int_equal(topic->partitions[1].stored.log_end, 0);
	assert_int_equal(topic->partitions[2].stored.log_end, 9);
	assert_int_equal(topic->partitions[4].stored.log_end, 0);
	assert_int_equal(topic->partitions[5].stored.log_end, 8);
	registry_clear(&registry);
}

static void source_comes_back_with_its_ordinal(void **state)
{
	struct tables *tables = *state;
	struct registry registry;
	tables_put_number(tables, META_NEXT_SOURCE_ID, UINT64_C(65536));
	tables_put_source(tables, "shop", (struct source_record){ .id = 65535,
								   .transaction_ordinal = 42 });
	tables_put_source(tables, "crm", (struct source_record){ .id = 1 });
	assert_int_equal(registry_load(&registry, tables->store, NULL), 0);
	struct registered_source *source = registry_source(&registry, 65535);
	assert_non_null(source);
	assert_int_equal(source->id, 65535);
	assert_string_equal(source->name, "shop");
	assert_int_equal(source->stored_ordinal, 42);
	assert_int_equal(source->next_ordinal, 42);
	assert_false(source->stored_is_open);
	assert_string_equal(registry_source(&registry, 1)->name, "crm");
	assert_null(registry_source(&registry, 2));
	registry_clear(&registry);
}

static void missing_partition_of_a_living_topic_is_damage(void **state)
{
	struct tables *tables = *state;
	tables_put_number(tables, META_NEXT_TOPIC_ID, 8);
	tables_put_topic(tables, "orders", (struct topic_record){ .id = 7, .partition_count = 3 }, NULL);
	expect_damage(tables, "load the tables: topic 'orders': its partition 0 of 3 is missing");
	tables_put_partition(tables, 7, 0, (struct partition_record){ 0 });
	tables_put_partition(tables, 7, 2, (struct partition_record){ 0 });
	expect_damage(tables, "load the tables: topic 'orders': its partition 1 of 3 is missing");
	tables_put_partition(tables, 7, 1, (struct partition_record){ 0 });
	tables_put_partition(tables, 7, 3, (struct partition_record){ 0 });
	expect_damage(tables, "load the tables: topic 'orders': it has 3 partitions, but there is a "
			      "partition 3");
}

static void id_that_was_never_given_is_damage(void **state)
{
	struct tables *tables = *state;
	tables_put_number(tables, META_NEXT_TOPIC_ID, 7);
	tables_put_number(tables, META_NEXT_SOURCE_ID, 7);
	tables_put_source(tables, "shop", (struct source_record){ .id = 7 });
	expect_damage(tables, "load the tables: source 'shop': it cannot have id 7");
	tables_put_topic(tables, "orders", (struct topic_record){ .id = 7, .partition_count = 1 }, NULL);
	expect_damage(tables, "load the tables: topic 'orders': it cannot have id 7 and 1 partitions");
	tables_put_partition(tables, 7, 0, (struct partition_record){ 0 });
	expect_damage(tables, "load the tables: table partitions: there can be no partition 0 of "
			      "topic id 7");
	tables_put_partition(tables, 0, 0, (struct partition_record){ 0 });
	expect_damage(tables, "load the tables: table partitions: there can be no partition 0 of "
			      "topic id 0");
}

static void missing_next_id_is_damage(void **state)
{
	struct tables *tables = *state;
	static const char *const names[] = { META_NEXT_TOPIC_ID, META_NEXT_SOURCE_ID };
	for (size_t n = 0; n < 2; n++) {
		struct transaction transaction;
		assert_int_equal(transaction_begin(&transaction, tables->store, NULL), 0);
		transaction_delete(&transaction, TABLE_META, bytes_of_text(names[n]));
		assert_int_equal(transaction_commit(&transaction, NULL), 0);
		expect_damage(tables, "load the tables: table meta: 'next topic id' or "
				      "'next source id' is missing");
		tables_put_number(tables, names[n], 1);
	}
}

static void partition_beyond_the_limit_is_damage(void **state)
{
	struct tables *tables = *state;
	tables_put_number(tables, META_NEXT_TOPIC_ID, 2);
	tables_put_partition(tables, 1, TOPIC_PARTITIONS_MAX, (struct partition_record){ 0 });
	expect_damage(tables, "load the tables: table partitions: there can be no partition 1024 of "
			      "topic id 1");
}

static void id_given_twice_is_damage(void **state)
{
	struct tables *tables = *state;
	tables_put_number(tables, META_NEXT_TOPIC_ID, 2);
	tables_put_number(tables, META_NEXT_SOURCE_ID, 2);
	tables_put_source(tables, "a", (struct source_record){ .id = 1 });
	tables_put_source(tables, "b", (struct source_record){ .id = 1 });
	expect_damage(tables, "load the tables: source 'b': it cannot have id 1");
	tables_put_partition(tables, 1, 0, (struct partition_record){ 0 });
	tables_put_topic(tables, "a", (struct topic_record){ .id = 1, .partition_count = 1 }, NULL);
	tables_put_topic(tables, "b", (struct topic_record){ .id = 1, .partition_count = 1 }, NULL);
	expect_damage(tables, "load the tables: topic 'b': it cannot have id 1 and 1 partitions");
}

static void broken_seal_is_damage_that_names_the_topic(void **state)
{
	struct tables *tables = *state;
	tables_put_number(tables, META_NEXT_TOPIC_ID, 2);
	tables_put(tables, TABLE_TOPICS, bytes_of_text("orders"), bytes_of_text("abcdefgh"));
	expect_damage(tables, "load the tables: topic 'orders': table topics: a value's checksum is wrong");
}

static void option_of_a_wrong_type_is_damage_that_names_the_topic(void **state)
{
	struct tables *tables = *state;
	struct registry registry;
	struct error err = { 0 };
	tables_put_number(tables, META_NEXT_TOPIC_ID, 2);
	tables_put_partition(tables, 1, 0, (struct partition_record){ 0 });
	tables_put_topic(tables, "orders", (struct topic_record){ .id = 1, .partition_count = 1 },
			 "\x81\xac" "retention.ms\xa1" "x");
	assert_int_equal(registry_load(&registry, tables->store, &err), -1);
	assert_int_equal(err.code, ERROR_CORRUPT);
	assert_non_null(strstr(err.text, "topic 'orders'"));
	registry_clear(&registry);
}

static void many_topics_are_found_by_id(void **state)
{
	struct tables *tables = *state;
	struct registry registry;
	char name[16];
	tables_put_number(tables, META_NEXT_TOPIC_ID, 201);
	for (uint32_t id = 1; id <= 200; id++) {
		snprintf(name, sizeof(name), "topic-%u", id);
		tables_put_topic(tables, name, (struct topic_record){ .id = id, .partition_count = 3 },
				 NULL);
		for (uint32_t number = 0; number < 3; number++)
			tables_put_partition(tables, id, number,
					     (struct partition_record){ .log_end = 0 });
	}
	assert_int_equal(registry_load(&registry, tables->store, NULL), 0);
	for (uint32_t id = 1; id <= 200; id++) {
		assert_int_equal(registry_topic(&registry, id)->id, id);
		assert_int_equal(registry_topic(&registry, id)->partition_count, 3);
	}
	assert_null(registry_topic(&registry, 201));
	registry_clear(&registry);
}

static void added_topic_is_found_until_it_is_removed(void **state)
{
	struct registry registry = { 0 };
	struct topic_config config;
	(void)state;
	topic_config_init(&config);
	assert_int_equal(registry_reserve_topic(&registry, 100, NULL), 0);
	assert_null(registry_topic(&registry, 100));
	registry_add_topic(&registry, registered_topic_create(100, 4, 9, &config));
	assert_int_equal(registry_topic(&registry, 100)->partition_count, 4);
	assert_int_equal(registry_partition(&registry, 100, 3)->number, 3);
	assert_ptr_equal(registry_partition(&registry, 100, 3)->topic,
			 registry_topic(&registry, 100));
	assert_int_equal(registry_topic(&registry, 100)->owner_source_id, 9);
	assert_int_equal(registry_topic(&registry, 100)->config.retention_ms, 604800000);
	registry_remove_topic(&registry, 100);
	assert_null(registry_topic(&registry, 100));
	registry_remove_topic(&registry, 100);
	registry_remove_topic(&registry, 5000);
	registry_clear(&registry);
	registered_topic_destroy(NULL);
}

static void failed_allocation_while_loading_is_reported(void **state)
{
	struct tables *tables = *state;
	tables_put_number(tables, META_NEXT_TOPIC_ID, 3);
	tables_put_number(tables, META_NEXT_SOURCE_ID, 2);
	tables_put_source(tables, "shop", (struct source_record){ .id = 1 });
	tables_put_partition(tables, 1, 0, (struct partition_record){ 0 });
	tables_put_partition(tables, 2, 0, (struct partition_record){ 0 });
	tables_put_partition(tables, 2, 1, (struct partition_record){ 0 });
	tables_put_topic(tables, "a", (struct topic_record){ .id = 1, .partition_count = 1 }, NULL);
	tables_put_topic(tables, "b", (struct topic_record){ .id = 2, .partition_count = 2 }, NULL);
	int n;
	for (n = 0;; n++) {
		struct registry registry;
		struct error err = { 0 };
		fail_malloc_after(n);
		int rc = registry_load(&registry, tables->store, &err);
		bool has_failed = fail_malloc_stop();
		if (has_failed) {
			assert_int_equal(rc, -1);
			assert_int_equal(err.code, ERROR_MEMORY);
		} else {
			assert_int_equal(rc, 0);
		}
		registry_clear(&registry);
		if (!has_failed)
			break;
	}
	assert_true(n >= 8);
}

static void failed_allocation_leaves_the_registry_as_it_was(void **state)
{
	struct registry registry = { 0 };
	struct topic_config config;
	struct error err = { 0 };
	(void)state;
	topic_config_init(&config);
	fail_malloc_after(0);
	assert_int_equal(registry_reserve_topic(&registry, 3, &err), -1);
	fail_malloc_stop();
	assert_int_equal(err.code, ERROR_MEMORY);
	assert_null(registry_topic(&registry, 3));
	fail_malloc_after(0);
	assert_int_equal(registry_reserve_source(&registry, 3, &err), -1);
	fail_malloc_stop();
	assert_null(registry_source(&registry, 3));
	for (int n = 0; n < 2; n++) {
		fail_malloc_after(n);
		assert_null(registered_topic_create(1, 1, 0, &config));
		assert_true(fail_malloc_stop());
	}
	registry_clear(&registry);
}

int main(void)
{
#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, tables_create, tables_destroy)
	const struct CMUnitTest tests[] = {
		WITH_TABLES(new_store_has_nothing),
		WITH_TABLES(topic_comes_back_with_its_partitions_and_options),
		WITH_TABLES(partitions_without_a_topic_belong_to_a_deleted_one),
		WITH_TABLES(source_comes_back_with_its_ordinal),
		WITH_TABLES(missing_partition_of_a_living_topic_is_damage),
		WITH_TABLES(id_that_was_never_given_is_damage),
		WITH_TABLES(missing_next_id_is_damage),
		WITH_TABLES(partition_beyond_the_limit_is_damage),
		WITH_TABLES(id_given_twice_is_damage),
		WITH_TABLES(broken_seal_is_damage_that_names_the_topic),
		WITH_TABLES(option_of_a_wrong_type_is_damage_that_names_the_topic),
		WITH_TABLES(many_topics_are_found_by_id),
		cmocka_unit_test(added_topic_is_found_until_it_is_removed),
		WITH_TABLES(failed_allocation_while_loading_is_reported),
		cmocka_unit_test(failed_allocation_leaves_the_registry_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
