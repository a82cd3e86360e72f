#include "tests/support/postgresql_golden.h"

static void binary_form_becomes_the_same_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < golden_count; i++) {
		struct postgresql_type type = type_of(goldens[i].oid);
		struct wanted binary = want(goldens[i].binary);
		struct error err = { 0 };
		msgpack_sbuffer buffer;
		msgpack_sbuffer_init(&buffer);
		encode(&type, true, binary.bytes, binary.size, &buffer, &err);
		assert_string_equal(err.text, "");
		assert_value(&buffer, goldens[i].value, goldens[i].text);
		msgpack_sbuffer_destroy(&buffer);
	}
}

/* A binary value has a size of its own, or says its size: cut anywhere, or with a byte
 * too many, it is none.  Of texts and bytes any size will do. */
static void binary_form_of_another_size_is_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < golden_count; i++) {
		struct postgresql_type type = type_of(goldens[i].oid);
		struct wanted binary = want(goldens[i].binary);
		enum logical_type logical = type.type;
		msgpack_sbuffer buffer;

		if (logical == LOGICAL_STRING || logical == LOGICAL_BYTES || logical == LOGICAL_JSON ||
		    logical == LOGICAL_XML)
			continue;
		/* numeric's NaN and infinities are told by its head alone. */
		if (logical == LOGICAL_DECIMAL && (binary.bytes[4] & 0x80) != 0)
			continue;
		msgpack_sbuffer_init(&buffer);
		binary.bytes[binary.size] = 0;
		for (size_t size = 0; size <= binary.size + 1; size++) {
			struct error err = { 0 };
			if (size == binary.size)
				continue;
			if (encode(&type, true, binary.bytes, size, &buffer, &err) != -1)
				print_error("%s in %zu bytes\n", goldens[i].text, size);
			assert_int_equal(err.code, ERROR_MALFORMED);
			assert_int_equal(buffer.size, 0);
		}
		msgpack_sbuffer_destroy(&buffer);
	}
}

static void every_nan_of_a_point_is_the_same(void **state)
{
	struct postgresql_type type = type_of(600);
	struct wanted binary = want("fff8000000000001 7ff0000000000123");
	msgpack_sbuffer buffer;
	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(encode(&type, true, binary.bytes, binary.size, &buffer, NULL), 0);
	assert_value(&buffer, "92 cb7ff8000000000000 cb7ff8000000000000", "(NaN,NaN)");
	msgpack_sbuffer_destroy(&buffer);
}

static void binary_form_that_is_not_known_is_unsupported(void **state)
{
	struct postgresql_type money = type_of(790), ranges = type_of(3905);
	struct error err = { 0 };
	msgpack_sbuffer buffer;
	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(encode(&money, true, "\0\0\0\0\0\0\0\1", 8, &buffer, &err), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
	assert_int_equal(encode(&ranges, true, "\0\0\0\1\0\0\0\0\0\0\017\100\0\0\0\1\0\0\0\1\0\0\0\1\1", 25,
				&buffer, &err), -1);
	assert_int_equal(err.code, ERROR_UNSUPPORTED);
	/* As text they are kept as they are. */
	assert_int_equal(encode(&money, false, "$1.50", 5, &buffer, &err), 0);
	assert_value(&buffer, "a524312e3530", "$1.50");
	buffer.size = 0;
	assert_int_equal(encode(&ranges, false, "{\"[1,2)\",empty}", 15, &buffer, &err), 0);
	assert_value(&buffer, "92 a55b312c3229 a5656d707479", "ranges");
	msgpack_sbuffer_destroy(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_form_becomes_the_same_value),
		cmocka_unit_test(binary_form_of_another_size_is_malformed),
		cmocka_unit_test(every_nan_of_a_point_is_the_same),
		cmocka_unit_test(binary_form_that_is_not_known_is_unsupported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
