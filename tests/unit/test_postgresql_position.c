#include "capture/postgresql_position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "capture/postgresql_error.h"
#include "capture/source.h"

static const uint8_t golden_position[] = {
	1, 0x00, 0x00, 0x00, 0x16, 0xb3, 0x74, 0xd8, 0x48, 0x6a, 0x61, 0x0f, 0x9c, 0x11, 0x22, 0x33, 0x44,
	0x00, 0x00, 0x00, 0x02,
};

static void stored_position_is_the_golden_bytes(void **state)
{
	const struct postgresql_position position = { 0x16b374d848, 0x6a610f9c11223344, 2 };
	uint8_t bytes[POSTGRESQL_POSITION_BYTES];
	char text[64];
	struct postgresql_position decoded;
	struct error err = { 0 };
	(void)state;
	postgresql_position_encode(bytes, &position);
	assert_int_equal(sizeof(golden_position), sizeof(bytes));
	assert_memory_equal(bytes, golden_position, sizeof(bytes));
	assert_int_equal(postgresql_position_decode((struct bytes){ bytes, sizeof(bytes) }, &decoded, &err), 0);
	assert_true(decoded.lsn == position.lsn && decoded.system_id == position.system_id && decoded.timeline == 2);
	postgresql_source_ops.position_text((struct bytes){ bytes, sizeof(bytes) }, text);
	assert_string_equal(text, "16/B374D848");
}

static void position_of_another_size_or_layout_is_refused(void **state)
{
	uint8_t bytes[POSTGRESQL_POSITION_BYTES + 1] = { 1 };
	struct postgresql_position decoded;
	char text[64] = "x";
	struct error err = { 0 };
	(void)state;
	for (size_t size = 0; size <= sizeof(bytes); size++)
		if (size != POSTGRESQL_POSITION_BYTES) {
			assert_int_equal(postgresql_position_decode((struct bytes){ bytes, size }, &decoded, &err), -1);
			assert_int_equal(err.code, ERROR_MALFORMED);
		}
	bytes[0] = 2;
	assert_int_equal(postgresql_position_decode((struct bytes){ bytes, POSTGRESQL_POSITION_BYTES }, &decoded, &err), -1);
	assert_int_equal(err.code, ERROR_FORMAT_VERSION);
	postgresql_source_ops.position_text((struct bytes){ bytes, 3 }, text);
	assert_string_equal(text, "");
}

static void snapshot_progress_is_the_golden_bytes(void **state)
{
	static const uint8_t golden[] = { 1, 2, 0, 0, 0, 0, 0x01, 0x6b, 0x37, 0x90 };
	const struct postgresql_progress progress = { POSTGRESQL_SNAPSHOT_WHOLE, 0x16b3790 };
	uint8_t bytes[POSTGRESQL_PROGRESS_BYTES];
	struct postgresql_progress decoded;
	struct error err = { 0 };
	(void)state;
	postgresql_progress_encode(bytes, &progress);
	assert_memory_equal(bytes, golden, sizeof(golden));
	assert_int_equal(postgresql_progress_decode((struct bytes){ bytes, sizeof(bytes) }, &decoded, &err), 0);
	assert_true(decoded.state == progress.state && decoded.lsn == progress.lsn);
	assert_int_equal(postgresql_progress_decode((struct bytes){ NULL, 0 }, &decoded, &err), 0);
	assert_int_equal(decoded.state, POSTGRESQL_SNAPSHOT_NONE);
	bytes[1] = 3;
	assert_int_equal(postgresql_progress_decode((struct bytes){ bytes, sizeof(bytes) }, &decoded, &err), -1);
	assert_int_equal(err.code, ERROR_MALFORMED);
}

static void states_are_retried_that_heal_by_themselves(void **state)
{
	static const struct {
		const char *sqlstate;
		enum error_code code;
		bool is_retryable;
	} cases[] = {
		{ NULL, ERROR_CONNECTION, true }, { "08006", ERROR_CONNECTION, true },
		{ "28P01", ERROR_DENIED, false }, { "28000", ERROR_DENIED, false },
		{ "3D000", ERROR_NOT_FOUND, false }, { "42501", ERROR_DENIED, false },
		{ "42P01", ERROR_NOT_FOUND, false }, { "53300", ERROR_BUSY, true },
		{ "53400", ERROR_BUSY, true }, { "55006", ERROR_BUSY, true },
		{ "55P03", ERROR_TIMEOUT, true }, { "57P01", ERROR_CONNECTION, true },
		{ "57P03", ERROR_CONNECTION, true }, { "57014", ERROR_TIMEOUT, true },
		{ "58P01", ERROR_GAP, false }, { "42601", ERROR_INVALID, false },
		{ "XX000", ERROR_BUSY, true }, { "25006", ERROR_UNSUPPORTED, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(postgresql_error_code(cases[i].sqlstate), cases[i].code);
		assert_int_equal(error_is_retryable(cases[i].code), cases[i].is_retryable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_position_is_the_golden_bytes),
		cmocka_unit_test(position_of_another_size_or_layout_is_refused),
		cmocka_unit_test(snapshot_progress_is_the_golden_bytes),
		cmocka_unit_test(states_are_retried_that_heal_by_themselves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
