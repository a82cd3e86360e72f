#include "protocol/change.h"

#include "tests/support/fail_malloc.h"
#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <msgpack.h>
#include <stdlib.h>

#define LENT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
#define ROW_1 LENT("\x93\x01\xa1" "a\xc0")
#define ROW_2 LENT("\x93\x01\xfb\xc3")

/* A change of every kind, its bytes, and what msgpack-c reads from them. */
static const struct golden {
	struct change change;
	const char *hex;
	const char *text;
} goldens[] = {
	{ { .op = CHANGE_CREATE, .schema_id = 1, .after = ROW_1, .source_time_us = 1,
	    .position = LENT("\x01\x02"), .index = 0 },
	  "97 63 01 c0 93 01 a1 61 c0 01 c4 02 01 02 00",
	  "[99, 1, nil, [1, \"a\", nil], 1, \"\\x01\\x02\", 0]" },
	{ { .op = CHANGE_UPDATE, .schema_id = 200, .before = ROW_2, .after = ROW_1,
	    .source_time_us = 1700000000000000, .position = LENT("\xff"), .index = 300 },
	  "97 75 cc c8 93 01 fb c3 93 01 a1 61 c0 cf 00 06 0a 24 18 1e 40 00"
	  " c4 01 ff cd 01 2c",
	  "[117, 200, [1, -5, true], [1, \"a\", nil], 1700000000000000, \"\\xff\", 300]" },
	{ { .op = CHANGE_DELETE, .schema_id = UINT32_MAX, .before = ROW_1, .source_time_us = -1,
	    .position = LENT("\x80"), .index = UINT64_MAX },
	  "97 64 ce ff ff ff ff 93 01 a1 61 c0 c0 ff c4 01 80 cf ff ff ff ff ff ff ff ff",
	  "[100, 4294967295, [1, \"a\", nil], nil, -1, \"\\x80\", 18446744073709551615]" },
	{ { .op = CHANGE_READ, .schema_id = 7, .after = LENT("\x90"), .source_time_us = INT64_MIN },
	  "97 72 07 c0 90 d3 80 00 00 00 00 00 00 00 c0 00",
	  "[114, 7, nil, [], -9223372036854775808, nil, 0]" },
	{ { .op = CHANGE_TRUNCATE, .schema_id = 7, .source_time_us = INT64_MAX, .index = 1 },
	  "97 74 07 c0 c0 cf 7f ff ff ff ff ff ff ff c0 01",
	  "[116, 7, nil, nil, 9223372036854775807, nil, 1]" },
	{ { .op = CHANGE_MESSAGE, .after = LENT("\x92\xa1p\xc4\x01x"), .position = LENT("p") },
	  "97 6d 00 c0 92 a1 70 c4 01 78 00 c4 01 70 00",
	  "[109, 0, nil, [\"p\", \"x\"], 0, \"p\", 0]" },
	/* msgpack-c's printer stops at empty bytes. */
	{ { .op = CHANGE_MESSAGE, .after = LENT("\x91\xc7\x00\x01"), .position = LENT("") },
	  "97 6d 00 c0 91 c7 00 01 00 c4 00 00", NULL },
};

enum { GOLDEN_COUNT = sizeof(goldens) / sizeof(goldens[0]) };

static void assert_same_bytes(struct bytes a, struct bytes b)
{
	assert_int_equal(a.data == NULL, b.data == NULL);
	assert_int_equal(a.size, b.size);
	if (a.size > 0)
		assert_memory_equal(a.data, b.data, a.size);
}

static void assert_same_change(const struct change *a, const struct change *b)
{
	assert_int_equal(a->op, b->op);
	assert_int_equal(a->schema_id, b->schema_id);
	assert_same_bytes(a->before, b->before);
	assert_same_bytes(a->after, b->after);
	assert_true(a->source_time_us == b->source_time_us);
	assert_same_bytes(a->position, b->position);
	assert_true(a->index == b->index);
}

static void every_op_has_its_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		uint8_t expected[64];
		size_t size = hex_bytes(expected, sizeof(expected), goldens[i].hex);
		msgpack_sbuffer buffer;
		struct error err = { 0 };
		msgpack_sbuffer_init(&buffer);
		if (change_encode(&buffer, &goldens[i].change, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(buffer.size, size);
		assert_memory_equal(buffer.data, expected, size);

		char text[256];
		msgpack_unpacked unpacked;
		size_t used = 0;
		msgpack_unpacked_init(&unpacked);
		assert_int_equal(msgpack_unpack_next(&unpacked, buffer.data, size, &used),
				 MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(used, size);
		msgpack_object_print_buffer(text, sizeof(text), unpacked.data);
		if (goldens[i].text != NULL)
			assert_string_equal(text, goldens[i].text);
		msgpack_unpacked_destroy(&unpacked);
		msgpack_sbuffer_destroy(&buffer);
	}
}

static void put_writes_the_bytes_that_encode_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		uint8_t expected[64], actual[64];
		size_t size = hex_bytes(expected, sizeof(expected), goldens[i].hex);
		assert_int_equal(change_size(&goldens[i].change), size);
		assert_ptr_equal(change_put(actual, &goldens[i].change), actual + size);
		assert_memory_equal(actual, expected, size);
	}
	/* A position of each length of head. */
	for (size_t size = 1; size < 80000; size = size * 2 + 1) {
		uint8_t *position = calloc(1, size), *actual = malloc(size + 64);
		struct change change = { .op = CHANGE_READ, .position = { position, size } };
		msgpack_sbuffer buffer;
		msgpack_sbuffer_init(&buffer);
		assert_int_equal(change_encode(&buffer, &change, NULL), 0);
		assert_int_equal(change_size(&change), buffer.size);
		assert_ptr_equal(change_put(actual, &change), actual + buffer.size);
		assert_memory_equal(actual, buffer.data, buffer.size);
		msgpack_sbuffer_destroy(&buffer);
		free(position);
		free(actual);
	}
}

static void every_op_is_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		uint8_t data[64];
		size_t size = hex_bytes(data, sizeof(data), goldens[i].hex);
		struct change change;
		struct error err = { 0 };
		if (change_decode(data, size, &change, &err) != 0)
			fail_msg("%s", err.text);
		assert_same_change(&goldens[i].change, &change);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDEN_COUNT; i++) {
		uint8_t data[64];
		size_t whole = hex_bytes(data, sizeof(data), goldens[i].hex);
		for (size_t size = 0; size < whole; size++) {
			uint8_t *cut = malloc(size > 0 ? size : 1);
			struct change change = { .index = 77 };
			struct error err = { 0 };
			assert_non_null(cut);
			memcpy(cut, data, size);
			assert_int_equal(change_decode(cut, size, &change, &err), -1);
			assert_int_equal(err.code, ERROR_MALFORMED);
			assert_int_equal(change.index, 77);
			free(cut);
		}
	}
}

static void assert_refused(enum error_code code, const char *hex)
{
	uint8_t data[128];
	size_t size = hex_bytes(data, sizeof(data), hex);
	struct change change = { .index = 77 };
	struct error err = { 0 };

	if (change_decode(data, size, &change, &err) == 0)
		fail_msg("read: %s", hex);
	if (err.code != code)
		fail_msg("%s: code %d, %s", hex, err.code, err.text);
	assert_int_equal(change.index, 77);
}

static void bytes_that_are_no_change_are_refused(void **state)
{
	(void)state;
	assert_refused(ERROR_MALFORMED, "c0");
	assert_refused(ERROR_MALFORMED, "87 63 01 c0 c0 00 c0 00");
	assert_refused(ERROR_MALFORMED, "96 63 01 c0 c0 00 c0");
	assert_refused(ERROR_MALFORMED, "97 61 01 c0 c0 00 c0 00");             /* op a */
	assert_refused(ERROR_MALFORMED, "97 a1 63 01 c0 c0 00 c0 00");
	assert_refused(ERROR_MALFORMED, "97 cf 00 00 00 01 00 00 00 63 01 c0 c0 00 c0 00");
	assert_refused(ERROR_MALFORMED, "97 63 ff c0 c0 00 c0 00");             /* schema id */
	assert_refused(ERROR_MALFORMED, "97 63 cf 00 00 00 01 00 00 00 00 c0 c0 00 c0 00");
	assert_refused(ERROR_MALFORMED, "97 63 01 80 c0 00 c0 00");             /* before */
	assert_refused(ERROR_MALFORMED, "97 63 01 01 c0 00 c0 00");
	assert_refused(ERROR_MALFORMED, "97 63 01 91 c1 c0 00 c0 00");
	assert_refused(ERROR_MALFORMED, "97 63 01 c0 c4 01 90 00 c0 00");       /* after */
	assert_refused(ERROR_MALFORMED, "97 63 01 c0 dd 10 00 00 00 00 c0 00");
	assert_refused(ERROR_MALFORMED, "97 63 01 c0 c0 a0 c0 00");             /* time */
	assert_refused(ERROR_MALFORMED, "97 63 01 c0 c0 cf 80 00 00 00 00 00 00 00 c0 00");
	assert_refused(ERROR_MALFORMED, "97 63 01 c0 c0 00 a0 00");             /* position */
	assert_refused(ERROR_MALFORMED, "97 63 01 c0 c0 00 c0 ff");             /* index */
	assert_refused(ERROR_MALFORMED, "97 63 01 c0 c0 00 c0 00 00");          /* a byte too many */
}

static void a_row_may_be_32_deep(void **state)
{
	char hex[256] = "97 63 01 c0 ";
	struct error err = { 0 };
	struct change change;
	uint8_t data[128];

	(void)state;
	for (int i = 0; i < 31; i++)
		strcat(hex, "91");
	size_t begin = strlen(hex);
	strcat(hex, "90 00 c0 00");
	size_t size = hex_bytes(data, sizeof(data), hex);
	assert_int_equal(change_decode(data, size, &change, &err), 0);
	assert_int_equal(change.after.size, 32);
	strcpy(hex + begin, "91 90 00 c0 00");
	assert_refused(ERROR_LIMIT, hex);
}

static void items_behind_the_seventh_are_skipped(void **state)
{
	uint8_t data[64];
	size_t size = hex_bytes(data, sizeof(data), "9a 63 01 c0 90 05 c0 06 81 a1 6b 92 01 02 c0 c7 00 09");
	struct change change;
	struct error err = { 0 };

	(void)state;
	if (change_decode(data, size, &change, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(change.index, 6);
	assert_refused(ERROR_MALFORMED, "98 63 01 c0 90 05 c0 06");
	assert_refused(ERROR_MALFORMED, "98 63 01 c0 90 05 c0 06 c1");
}

static struct schema_column columns[] = {
	{ .name = LENT("id"), .type = LOGICAL_INT32, .key_position = 1 },
	{ .name = LENT("name"), .type = LOGICAL_STRING, .flags = SCHEMA_COLUMN_OPTIONAL },
	{ .name = LENT("tags"), .type = LOGICAL_ARRAY, .element_type = LOGICAL_TEXT },
};
static const struct schema people = { .columns = columns, .column_count = 3 };

static void assert_row(const char *wrong, const char *hex)
{
	uint8_t data[64];
	struct bytes row = { data, hex_bytes(data, sizeof(data), hex) };
	struct error err = { 0 };

	if (wrong == NULL && change_check_row(row, &people, &err) != 0)
		fail_msg("%s: %s", hex, err.text);
	if (wrong == NULL)
		return;
	assert_int_equal(change_check_row(row, &people, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
	assert_string_equal(err.text, wrong);
}

static void a_row_is_checked_against_its_schema(void **state)
{
	(void)state;
	assert_row(NULL, "93 01 a1 61 92 a1 78 c0");
	assert_row(NULL, "93 01 c0 c7 00 01");
	assert_row("row has 2 values, its schema 3 columns", "92 01 c0");
	assert_row("row has 4 values, its schema 3 columns", "94 01 c0 90 c0");
	assert_row("row has 1 bytes behind its end", "93 01 c0 90 c0");
	assert_row("column 'id': int32 cannot be text", "93 a1 31 c0 90");
	assert_row("column 'id': int32 is out of its range", "93 ce 80 00 00 00 c0 90");
	assert_row("column 'name': string cannot be bytes", "93 01 c4 01 61 90");
	assert_row("column 'tags': text cannot be integer", "93 01 c0 91 01");
	assert_row("column 'tags': msgpack is cut short: an item of 1 bytes, 0 left", "93 01 a2 61 62");
	assert_row("row: msgpack has nil where array belongs", "c0");
	assert_row("row: msgpack is cut short: an item of 1 bytes, 0 left", "");
}

static void a_row_that_is_nil_is_refused(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(change_check_row((struct bytes){ 0 }, &people, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
}

static void a_position_of_4_gib_is_refused(void **state)
{
	struct change change = { .op = CHANGE_READ, .position = { (const uint8_t *)"", 1ull << 32 } };
	msgpack_sbuffer buffer;
	struct error err = { 0 };

	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(change_encode(&buffer, &change, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(buffer.size, 0);
}

static void encode_without_memory_appends_nothing(void **state)
{
	static uint8_t row[40000] = { 0xc5, 0x9c, 0x3d };
	const struct change change = { .op = CHANGE_UPDATE, .before = { row, sizeof(row) },
				       .after = { row, sizeof(row) }, .position = LENT("p") };
	int failure_count = 0;

	(void)state;
	for (int n = 0;; n++) {
		msgpack_sbuffer buffer;
		struct error err = { 0 };
		msgpack_sbuffer_init(&buffer);
		fail_malloc_after(n);
		int rc = change_encode(&buffer, &change, &err);
		bool has_failed = fail_malloc_stop();
		assert_int_equal(rc, has_failed ? -1 : 0);
		if (has_failed) {
			assert_int_equal(err.code, ERROR_MEMORY);
			assert_int_equal(buffer.size, 0);
			failure_count++;
		}
		msgpack_sbuffer_destroy(&buffer);
		if (!has_failed)
			break;
	}
	assert_true(failure_count >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_op_has_its_bytes),
		cmocka_unit_test(put_writes_the_bytes_that_encode_does),
		cmocka_unit_test(every_op_is_read_back),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(bytes_that_are_no_change_are_refused),
		cmocka_unit_test(a_row_may_be_32_deep),
		cmocka_unit_test(items_behind_the_seventh_are_skipped),
		cmocka_unit_test(a_row_is_checked_against_its_schema),
		cmocka_unit_test(a_row_that_is_nil_is_refused),
		cmocka_unit_test(a_position_of_4_gib_is_refused),
		cmocka_unit_test(encode_without_memory_appends_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
