#include "client/schema_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void schemas_stay_where_they_were_lent(void **state)
{
	struct schema_cache cache = { 0 };
	struct bytes first;
	(void)state;
	assert_null(schema_cache_find(&cache, 0).data);
	for (uint32_t n = 0; n < 1000; n++) {
		uint8_t bytes[4];
		store_u32(bytes, n);
		/* Ids that fall together, and apart. */
		assert_int_equal(schema_cache_add(&cache, n * 64, (struct bytes){ bytes, 4 }, NULL), 0);
		if (n == 0)
			first = schema_cache_find(&cache, 0);
	}
	assert_ptr_equal(schema_cache_find(&cache, 0).data, first.data);
	for (uint32_t n = 0; n < 1000; n++) {
		struct bytes found = schema_cache_find(&cache, n * 64);
		assert_int_equal(found.size, 4);
		assert_int_equal(load_u32(found.data), n);
		assert_null(schema_cache_find(&cache, n * 64 + 1).data);
	}
	schema_cache_clear(&cache);
	assert_null(schema_cache_find(&cache, 0).data);
	schema_cache_clear(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schemas_stay_where_they_were_lent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
