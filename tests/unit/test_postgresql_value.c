#include "tests/support/postgresql_golden.h"

#include "tests/support/fail_malloc.h"

static void value_is_one_of_its_logical_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < golden_count; i++) {
		struct postgresql_type type = type_of(goldens[i].oid);
		struct wanted value = want(goldens[i].value);
		struct unpack unpack = unpack_over(value.bytes, value.size);
		struct error err = { 0 };
		value_check(&unpack, type.type, type.element_type, &err);
		assert_string_equal(err.text, "");
		assert_true(unpack_at_end(&unpack));
	}
}

/* A value behind another, with what is in front as it was. */
static void value_is_appended_and_a_failure_appends_nothing(void **state)
{
	struct postgresql_type integers = type_of(1007);
	struct postgresql_type decimals = type_of(1231);
	msgpack_sbuffer buffer;
	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(encode(&integers, false, "{1,2}", 5, &buffer, NULL), 0);
	assert_int_equal(encode(&integers, false, "{3,4x}", 6, &buffer, NULL), -1);
	assert_int_equal(encode(&decimals, false, "{3,{4}}", 7, &buffer, NULL), -1);
	assert_int_equal(encode(&integers, true, "\0\0\0\1\0\0\0\0\0\0\0\27\0\0\0\1", 16, &buffer, NULL), -1);
	assert_value(&buffer, "920102", "what was there");
	assert_int_equal(encode(&decimals, false, "{3.0}", 5, &buffer, NULL), 0);
	assert_value(&buffer, "920102 91a3332e30", "both");
	msgpack_sbuffer_destroy(&buffer);
}

static void array_deeper_than_postgresql_has_them_is_over_a_limit(void **state)
{
	struct postgresql_type type = type_of(1007);
	struct error err = { 0 };
	msgpack_sbuffer buffer;
	(void)state;
	msgpack_sbuffer_init(&buffer);
	assert_int_equal(encode(&type, false, "{{{{{{1}}}}}}", 13, &buffer, &err), 0);
	assert_value(&buffer, "91 91 91 91 91 91 01", "six dimensions");
	assert_int_equal(encode(&type, false, "{{{{{{{1}}}}}}}", 15, &buffer, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	assert_int_equal(encode(&type, true, "\0\0\0\7\0\0\0\0\0\0\0\27", 12, &buffer, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	msgpack_sbuffer_destroy(&buffer);
}

/* Returns whether there was a such allocation. */
static bool fail_allocation(const struct golden *golden, bool is_binary, int n)
{
	struct postgresql_type type = type_of(golden->oid);
	struct wanted binary = want(golden->binary);
	struct error err = { 0 };
	msgpack_sbuffer buffer;

	msgpack_sbuffer_init(&buffer);
	fail_malloc_after(n);
	int rc = is_binary ? encode(&type, true, binary.bytes, binary.size, &buffer, &err)
			   : encode(&type, false, golden->text, strlen(golden->text), &buffer, &err);
	bool has_failed = fail_malloc_stop();
	assert_int_equal(rc, has_failed ? -1 : 0);
	assert_int_equal(err.code, has_failed ? ERROR_MEMORY : ERROR_NONE);
	if (has_failed)
		assert_int_equal(buffer.size, 0);
	msgpack_sbuffer_destroy(&buffer);
	return has_failed;
}

static void every_failed_allocation_is_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < golden_count; i++) {
		for (int is_binary = 0; is_binary <= 1; is_binary++) {
			int n = 0;
			while (fail_allocation(&goldens[i], is_binary == 1, n))
				n++;
			assert_true(n >= 2);    /* the copy's and the buffer's */
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_is_one_of_its_logical_type),
		cmocka_unit_test(value_is_appended_and_a_failure_appends_nothing),
		cmocka_unit_test(array_deeper_than_postgresql_has_them_is_over_a_limit),
		cmocka_unit_test(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
