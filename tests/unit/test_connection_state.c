#include "protocol/connection_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void a_connection_moves_only_as_the_document_says(void **state)
{
	static const int moves[CONNECTION_STATES][CONNECTION_EVENTS] = {
		{ CONNECTION_READY, CONNECTION_GREETED, -1, CONNECTION_CLOSING },
		{ -1, -1, CONNECTION_READY, CONNECTION_CLOSING },
		{ -1, -1, -1, CONNECTION_CLOSING },
		{ -1, -1, -1, -1 },
	};
	(void)state;
	for (int from = 0; from < CONNECTION_STATES; from++) {
		for (int event = 0; event < CONNECTION_EVENTS; event++) {
			const int to = moves[from][event];
			enum connection_state now = (enum connection_state)from;
			struct error err = { 0 };
			const int rc = connection_state_move(&now, (enum connection_event)event, &err);
			assert_int_equal(rc, to == -1 ? -1 : 0);
			assert_int_equal(now, to == -1 ? from : to);
			assert_int_equal(err.code, to == -1 ? ERROR_UNEXPECTED : ERROR_NONE);
		}
	}
}

static void a_wrong_move_is_told_in_words(void **state)
{
	enum connection_state now = CONNECTION_CLOSING;
	struct error err = { 0 };
	(void)state;
	assert_int_equal(connection_state_move(&now, CONNECTION_LOGGED_IN, &err), -1);
	assert_string_equal(err.text, "the login is done, but the connection is in state CLOSING");
	assert_string_equal(connection_state_name(CONNECTION_CONNECTED), "CONNECTED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_moves_only_as_the_document_says),
		cmocka_unit_test(a_wrong_move_is_told_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
