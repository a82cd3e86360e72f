#include "client/place.h"
#include "protocol/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct bytes text(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static struct place *add(struct places *places, const char *topic, uint32_t topic_id,
			 uint32_t partition)
{
	struct place *place = NULL;
	assert_int_equal(places_add(places, text(topic), topic_id, partition, &place, NULL), 0);
	return place;
}

static void the_most_places_are_found_by_id_and_one_more_is_refused(void **state)
{
	struct places places = { 0 };
	struct place *place;
	struct error err = { 0 };
	(void)state;
	assert_null(places_find(&places, 1, 0));
	for (uint32_t n = 0; n < SUBSCRIPTION_PARTITIONS_MAX; n++)
		add(&places, "t", n / 100, n % 100);
	for (uint32_t n = 0; n < SUBSCRIPTION_PARTITIONS_MAX; n++) {
		place = places_find(&places, n / 100, n % 100);
		assert_non_null(place);
		assert_int_equal(place->topic_id, n / 100);
		assert_int_equal(place->partition, n % 100);
	}
	assert_null(places_find(&places, 0, 100));
	assert_int_equal(places_add(&places, text("t"), 9999, 0, &place, &err), -1);
	assert_int_equal(err.code, ERROR_LIMIT);
	places_clear(&places);
	assert_null(places_find(&places, 0, 0));
}

static void a_name_is_the_newest_of_that_name(void **state)
{
	struct places places = { 0 };
	(void)state;
	struct place *old = add(&places, "orders", 1, 0), *made_again = add(&places, "orders", 2, 0);
	add(&places, "orders.more", 3, 0);
	assert_ptr_equal(places_find_name(&places, text("orders"), 0), made_again);
	assert_null(places_find_name(&places, text("orders"), 1));
	assert_null(places_find_name(&places, text("order"), 0));
	assert_ptr_equal(places_find_topic(&places, 1), old);
	assert_null(places_find_topic(&places, 4));
	places_clear(&places);
}

static void another_id_finds_the_place_and_the_old_one_does_not(void **state)
{
	struct places places = { 0 };
	(void)state;
	struct place *place = add(&places, "t", 1, 0);
	assert_ptr_equal(places_find(&places, 1, 0), place);
	places_set_topic_id(&places, place, 7);
	assert_null(places_find(&places, 1, 0));
	assert_ptr_equal(places_find(&places, 7, 0), place);
	places_clear(&places);
}

static void those_that_are_behind_are_counted_once_whatever_happens_to_them(void **state)
{
	struct places places = { 0 };
	(void)state;
	struct place *a = add(&places, "a", 1, 0), *b = add(&places, "b", 2, 0);
	assert_int_equal(places.behind_count, 2);
	places_set_caught_up(&places, a);
	places_set_caught_up(&places, a);
	assert_int_equal(places.behind_count, 1);
	/* Moved, it has to catch up again; twice moved, once. */
	places_move(&places, a, 5);
	assert_int_equal(places.behind_count, 2);
	places_move(&places, a, 6);
	assert_int_equal(a->next_offset, 6);
	assert_int_equal(places.behind_count, 2);
	places_set_caught_up(&places, a);
	/* Gone is not behind; there again it is, unless it had caught up. */
	places_set_ending(&places, 2);
	assert_true(b->is_ending);
	assert_false(a->is_ending);
	places_set_gone(&places, 2);
	assert_int_equal(places.behind_count, 0);
	places_revive(&places, b);
	assert_false(b->is_ending);
	assert_int_equal(places.behind_count, 1);
	places_set_gone(&places, 1);
	places_revive(&places, a);
	assert_int_equal(places.behind_count, 1);
	places_clear(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_places_are_found_by_id_and_one_more_is_refused),
		cmocka_unit_test(a_name_is_the_newest_of_that_name),
		cmocka_unit_test(another_id_finds_the_place_and_the_old_one_does_not),
		cmocka_unit_test(those_that_are_behind_are_counted_once_whatever_happens_to_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
