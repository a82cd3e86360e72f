#include "protocol/position.h"

#include "tests/support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char golden[] = "01 05 00000309 00000000016b3748 00000000016b3790";

static void encoded_position_is_the_golden_bytes(void **state)
{
	const struct position position = {
		.kind = POSITION_POSTGRESQL, .marker = SNAPSHOT_LAST, .transaction_id = 777,
		.lsn = 0x16b3748, .commit_lsn = 0x16b3790,
	};
	uint8_t bytes[POSITION_BYTES_MAX], wanted[POSITION_BYTES_MAX];
	(void)state;
	assert_int_equal(hex_bytes(wanted, sizeof(wanted), golden), sizeof(wanted));
	assert_int_equal(position_encode(bytes, &position), sizeof(wanted));
	assert_memory_equal(bytes, wanted, sizeof(wanted));
}

static void decoded_position_has_what_was_encoded(void **state)
{
	struct position position;
	uint8_t bytes[POSITION_BYTES_MAX];
	(void)state;
	size_t size = hex_bytes(bytes, sizeof(bytes), golden);
	assert_int_equal(position_decode((struct bytes){ bytes, size }, &position, NULL), 0);
	assert_int_equal(position.kind, POSITION_POSTGRESQL);
	assert_string_equal(snapshot_marker_name(position.marker), "last");
	assert_int_equal(position.transaction_id, 777);
	assert_int_equal(position.lsn, 0x16b3748);
	assert_int_equal(position.commit_lsn, 0x16b3790);
}

static void bad_position_is_refused(void **state)
{
	static const struct {
		const char *hex;
		enum error_code code;
		const char *text;
	} cases[] = {
		{ "", ERROR_MALFORMED, "a position of no bytes" },
		{ "02 00", ERROR_UNSUPPORTED, "a position of kind 2, which this version does not know" },
		{ "01 05 00000309 00000000016b3748 00000000016b37", ERROR_MALFORMED,
		  "a postgresql position has 22 bytes, this one has 21" },
		{ "01 06 00000309 00000000016b3748 00000000016b3790", ERROR_MALFORMED,
		  "snapshot marker 6 is none" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = { 0 };
		struct position position;
		uint8_t bytes[POSITION_BYTES_MAX];
		size_t size = hex_bytes(bytes, sizeof(bytes), cases[i].hex);
		assert_int_equal(position_decode((struct bytes){ bytes, size }, &position, &err), -1);
		assert_int_equal(err.code, cases[i].code);
		assert_string_equal(err.text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoded_position_is_the_golden_bytes),
		cmocka_unit_test(decoded_position_has_what_was_encoded),
		cmocka_unit_test(bad_position_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
