#include "storage/topic_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "storage/submission.h"
#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

static const char *text_of(const struct topic_config *config, const char *name)
{
	static char text[TOPIC_CONFIG_TEXT_BYTES];
	for (size_t n = 0; topic_option(n) != NULL; n++) {
		if (strcmp(topic_option(n)->name, name) != 0)
			continue;
		topic_config_text(config, n, text, sizeof(text));
		return text;
	}
	return NULL;
}

static void expect_refusal(const char *name, const char *value, enum error_code code,
			   const char *text)
{
	struct topic_config config, before;
	struct error err = { 0 };
	topic_config_init(&config);
	before = config;
	assert_int_equal(topic_config_set(&config, name, value, &err), -1);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
	assert_memory_equal(&config, &before, sizeof(config));
}

static void defaults_are_kafkas(void **state)
{
	struct topic_config config;
	(void)state;
	topic_config_init(&config);
	assert_int_equal(config.retention_ms, 604800000);
	assert_int_equal(config.retention_bytes, -1);
	assert_int_equal(config.max_message_bytes, 1048588);
	assert_int_equal(config.set, 0);
}

static void default_texts_are_the_defaults(void **state)
{
	struct topic_config config;
	char text[TOPIC_CONFIG_TEXT_BYTES];
	size_t n;
	(void)state;
	topic_config_init(&config);
	for (n = 0; topic_option(n) != NULL; n++) {
		topic_config_text(&config, n, text, sizeof(text));
		assert_string_equal(text, topic_option(n)->default_text);
		assert_int_equal(topic_config_set(&config, topic_option(n)->name, text, NULL), 0);
	}
	assert_int_equal(n, 4);
	assert_int_equal(config.set, 15);
}

static void set_values_are_told_as_text(void **state)
{
	struct topic_config config;
	(void)state;
	topic_config_init(&config);
	assert_int_equal(topic_config_set(&config, "retention.ms", "-1", NULL), 0);
	assert_int_equal(topic_config_set(&config, "retention.bytes", "9223372036854775807", NULL), 0);
	assert_int_equal(topic_config_set(&config, "max.message.bytes", "0", NULL), 0);
	assert_int_equal(topic_config_set(&config, "cleanup.policy", "delete", NULL), 0);
	assert_int_equal(config.retention_ms, -1);
	assert_true(config.retention_bytes == INT64_MAX);
	assert_int_equal(config.max_message_bytes, 0);
	assert_string_equal(text_of(&config, "retention.ms"), "-1");
	assert_string_equal(text_of(&config, "retention.bytes"), "9223372036854775807");
	assert_string_equal(text_of(&config, "max.message.bytes"), "0");
	assert_string_equal(text_of(&config, "cleanup.policy"), "delete");
}

static void unset_option_has_its_default_again(void **state)
{
	struct topic_config config, fresh;
	(void)state;
	topic_config_init(&fresh);
	topic_config_init(&config);
	for (size_t n = 0; topic_option(n) != NULL; n++)
		topic_config_set(&config, topic_option(n)->name, n == 3 ? "delete" : "7", NULL);
	assert_int_equal(config.max_message_bytes, 7);
	for (size_t n = 0; topic_option(n) != NULL; n++)
		assert_int_equal(topic_config_unset(&config, topic_option(n)->name, NULL), 0);
	assert_memory_equal(&config, &fresh, sizeof(config));
}

static void misspelt_name_is_answered_with_the_nearest(void **state)
{
	static const char *const pairs[][2] = {
		{ "retention.mss", "retention.ms" },
		{ "retention_ms", "retention.ms" },
		{ "retention.byte", "retention.bytes" },
		{ "max.mesage.bytes", "max.message.bytes" },
		{ "cleanup.polcy", "cleanup.policy" },
		{ "Cleanup.Policy", "cleanup.policy" },
	};
	(void)state;
	for (size_t n = 0; n < sizeof(pairs) / sizeof(pairs[0]); n++) {
		char text[200];
		struct error err = { 0 };
		struct topic_config config;
		topic_config_init(&config);
		snprintf(text, sizeof(text), "there is no topic option '%s': did you mean '%s'?",
			 pairs[n][0], pairs[n][1]);
		expect_refusal(pairs[n][0], "1", ERROR_INVALID, text);
		assert_int_equal(topic_config_unset(&config, pairs[n][0], &err), -1);
		assert_string_equal(err.text, text);
	}
}

static void name_like_no_other_is_answered_with_all(void **state)
{
	char endless[5000];
	struct topic_config config;
	struct error err = { 0 };
	(void)state;
	expect_refusal("segment.bytes", "1", ERROR_INVALID,
		       "there is no topic option 'segment.bytes': there are retention.ms, "
		       "retention.bytes, max.message.bytes, cleanup.policy");
	expect_refusal("", "1", ERROR_INVALID,
		       "there is no topic option '': there are retention.ms, retention.bytes, "
		       "max.message.bytes, cleanup.policy");
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	topic_config_init(&config);
	assert_int_equal(topic_config_set(&config, endless, "1", &err), -1);
	assert_non_null(strstr(err.text, "cleanup.policy"));
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const values[] = {
		"", "-", "x", "1x", " 1", "1 ", "+1", "1.5", "0x10", "--1", "1e3",
		"99999999999999999999", "-99999999999999999999",
	};
	(void)state;
	for (size_t n = 0; n < sizeof(values) / sizeof(values[0]); n++) {
		char text[200];
		snprintf(text, sizeof(text),
			 "retention.bytes: '%s' is not a number from -1 to 9223372036854775807 "
			 "(bytes, or -1 for no limit)",
			 values[n]);
		expect_refusal("retention.bytes", values[n], ERROR_INVALID, text);
	}
}

static void number_beyond_its_limits_is_refused(void **state)
{
	struct topic_config config;
	(void)state;
	topic_config_init(&config);
	expect_refusal("retention.ms", "-2", ERROR_INVALID,
		       "retention.ms: '-2' is not a number from -1 to 9223372036854775 "
		       "(milliseconds, or -1 to keep records for ever)");
	expect_refusal("retention.ms", "9223372036854776", ERROR_INVALID,
		       "retention.ms: '9223372036854776' is not a number from -1 to 9223372036854775 "
		       "(milliseconds, or -1 to keep records for ever)");
	expect_refusal("max.message.bytes", "-1", ERROR_INVALID,
		       "max.message.bytes: '-1' is not a number from 0 to 67108864 (bytes)");
	expect_refusal("max.message.bytes", "67108865", ERROR_INVALID,
		       "max.message.bytes: '67108865' is not a number from 0 to 67108864 (bytes)");
	assert_int_equal(topic_config_set(&config, "max.message.bytes", "67108864", NULL), 0);
	assert_int_equal(config.max_message_bytes, RECORD_BYTES_MAX);
}

static void compaction_is_refused_as_not_there_yet(void **state)
{
	static const char text[] = "cleanup.policy: compaction is not implemented yet; use 'delete' and "
				   "retention.ms = -1 to keep every record";
	(void)state;
	expect_refusal("cleanup.policy", "compact", ERROR_UNSUPPORTED, text);
	expect_refusal("cleanup.policy", "compact,delete", ERROR_UNSUPPORTED, text);
	expect_refusal("cleanup.policy", "keep", ERROR_INVALID, "cleanup.policy: 'keep' is not 'delete'");
}

static void configuration_made_by_hand_is_checked(void **state)
{
	struct topic_config config;
	struct error err = { 0 };
	(void)state;
	topic_config_init(&config);
	assert_int_equal(topic_config_check(&config, NULL), 0);
	config.retention_ms = 5;
	assert_int_equal(topic_config_check(&config, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_string_equal(err.text, "retention.ms is 5 but was never set: begin with the defaults");
	config.set = 1;
	assert_int_equal(topic_config_check(&config, NULL), 0);
	config.retention_ms = -2;
	assert_int_equal(topic_config_check(&config, NULL), -1);
	topic_config_init(&config);
	config.set = 1 << 4;
	assert_int_equal(topic_config_check(&config, NULL), -1);
}

/* What is encoded: nothing, or options in the order of the table. */
static void only_what_is_set_is_encoded(void **state)
{
	struct topic_config config, back;
	struct bytes nil = { NULL, 0 };
	msgpack_sbuffer buffer;
	uint8_t golden[64];
	(void)state;
	topic_config_init(&config);
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(topic_config_encode(&buffer, &config, nil, NULL), 0);
	assert_int_equal(buffer.size, 1);
	assert_memory_equal(buffer.data, "\x80", 1);

	msgpack_sbuffer_clear(&buffer);
	topic_config_set(&config, "retention.ms", "-1", NULL);
	topic_config_set(&config, "cleanup.policy", "delete", NULL);
	assert_int_equal(topic_config_encode(&buffer, &config, nil, NULL), 0);
	size_t size = hex_bytes(golden, sizeof(golden),
				"82 ac 726574656e74696f6e2e6d73 ff"
				"ae 636c65616e75702e706f6c696379 a6 64656c657465");
	assert_int_equal(buffer.size, size);
	assert_memory_equal(buffer.data, golden, size);
	assert_int_equal(topic_config_decode(
				 (struct bytes){ (const uint8_t *)buffer.data, buffer.size }, &back, NULL),
			 0);
	assert_memory_equal(&back, &config, sizeof(back));
	msgpack_sbuffer_destroy(&buffer);
}

/* {"new": [1, {}], "retention.ms": 5, "tier": "s3"} */
static const char foreign[] = "83 a3 6e6577 92 01 80  ac 726574656e74696f6e2e6d73 05  a4 74696572 a2 7333";

static void options_of_another_version_are_ignored_and_kept(void **state)
{
	struct topic_config config;
	msgpack_sbuffer buffer;
	uint8_t old[64], golden[64];
	struct bytes previous = { old, hex_bytes(old, sizeof(old), foreign) };
	(void)state;
	assert_int_equal(topic_config_decode(previous, &config, NULL), 0);
	assert_int_equal(config.retention_ms, 5);
	assert_int_equal(config.set, 1);

	topic_config_unset(&config, "retention.ms", NULL);
	topic_config_set(&config, "retention.bytes", "6", NULL);
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(topic_config_encode(&buffer, &config, previous, NULL), 0);
	size_t size = hex_bytes(golden, sizeof(golden),
				"83 af 726574656e74696f6e2e6279746573 06"
				"a3 6e6577 92 01 80  a4 74696572 a2 7333");
	assert_int_equal(buffer.size, size);
	assert_memory_equal(buffer.data, golden, size);
	msgpack_sbuffer_destroy(&buffer);
}

static void damaged_options_are_refused(void **state)
{
	static const char *const damaged[] = {
		"",
		"90",
		"81",
		"81 05 05",
		"81 ac 726574656e74696f6e2e6d73",
		"81 ac 726574656e74696f6e2e6d73 a1 78",
		"81 ac 726574656e74696f6e2e6d73 fe",
		"81 ae 636c65616e75702e706f6c696379 05",
		"81 ae 636c65616e75702e706f6c696379 a7 636f6d70616374",
		"81 a4 74696572",
	};
	(void)state;
	for (size_t n = 0; n < sizeof(damaged) / sizeof(damaged[0]); n++) {
		uint8_t bytes[64];
		struct topic_config config = { .retention_ms = 99 };
		struct error err = { 0 };
		size_t size = hex_bytes(bytes, sizeof(bytes), damaged[n]);
		assert_int_equal(topic_config_decode((struct bytes){ bytes, size }, &config, &err), -1);
		assert_int_equal(err.code, ERROR_CORRUPT);
		assert_non_null(strstr(err.text, "a topic's options"));
		assert_int_equal(config.retention_ms, 99);
	}
}

static void failed_allocation_while_encoding_is_reported(void **state)
{
	struct topic_config config;
	uint8_t old[64];
	struct bytes previous = { old, hex_bytes(old, sizeof(old), foreign) };
	struct error err = { 0 };
	msgpack_sbuffer buffer;
	(void)state;
	topic_config_init(&config);
	msgpack_sbuffer_init(&buffer);
	fail_malloc_after(0);
	assert_int_equal(topic_config_encode(&buffer, &config, previous, &err), -1);
	assert_true(fail_malloc_stop());
	assert_int_equal(err.code, ERROR_MEMORY);
	msgpack_sbuffer_destroy(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_kafkas),
		cmocka_unit_test(default_texts_are_the_defaults),
		cmocka_unit_test(set_values_are_told_as_text),
		cmocka_unit_test(unset_option_has_its_default_again),
		cmocka_unit_test(misspelt_name_is_answered_with_the_nearest),
		cmocka_unit_test(name_like_no_other_is_answered_with_all),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(number_beyond_its_limits_is_refused),
		cmocka_unit_test(compaction_is_refused_as_not_there_yet),
		cmocka_unit_test(configuration_made_by_hand_is_checked),
		cmocka_unit_test(only_what_is_set_is_encoded),
		cmocka_unit_test(options_of_another_version_are_ignored_and_kept),
		cmocka_unit_test(damaged_options_are_refused),
		cmocka_unit_test(failed_allocation_while_encoding_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
