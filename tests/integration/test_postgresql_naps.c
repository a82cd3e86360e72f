/* What an open transaction still brings gathers while the source naps: never outside of one, and
 * never while something is there to be read. */
#include "tests/support/postgresql_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/postgresql_connection.h"
#include "capture/postgresql_transaction.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/wait_until.h"

static struct fault_proxy *proxy;

/* The source's thread alone. */
static const struct postgresql_transaction *transaction;
static bool has_found_nothing;          /* when it last looked at the socket */

static atomic_uint nap_count;
static atomic_uint nap_outside_count;   /* of a transaction */
static atomic_uint nap_unlooked_count;

/* The linker lets these stand before the ones they are named after. */
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __real_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_postgresql_connection_wait(struct postgresql_connection *connection, bool for_writing,
				      int64_t wait_ms, struct error *err);
int __real_postgresql_connection_wait(struct postgresql_connection *connection, bool for_writing,
				      int64_t wait_ms, struct error *err);
int __wrap_postgresql_transaction_handle(struct postgresql_transaction *handled, struct bytes message,
					 uint64_t lsn, struct error *err);
int __real_postgresql_transaction_handle(struct postgresql_transaction *handled, struct bytes message,
					 uint64_t lsn, struct error *err);

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	if (rig.is_running && pthread_equal(pthread_self(), rig.thread)) {
		atomic_fetch_add(&nap_count, 1);
		if (transaction == NULL || !transaction->is_open)
			atomic_fetch_add(&nap_outside_count, 1);
		if (!has_found_nothing)
			atomic_fetch_add(&nap_unlooked_count, 1);
		has_found_nothing = false;
	}
	return __real_nanosleep(time, left);
}

int __wrap_postgresql_connection_wait(struct postgresql_connection *connection, bool for_writing,
				      int64_t wait_ms, struct error *err)
{
	int rc = __real_postgresql_connection_wait(connection, for_writing, wait_ms, err);
	has_found_nothing = rc == 0;
	return rc;
}

int __wrap_postgresql_transaction_handle(struct postgresql_transaction *handled, struct bytes message,
					 uint64_t lsn, struct error *err)
{
	transaction = handled;
	has_found_nothing = false;
	return __real_postgresql_transaction_handle(handled, message, lsn, err);
}

static int create(void **state)
{
	static char port[16];
	create_rig_with_users(state);
	if (server.dir == NULL)
		return 0;
	proxy = fault_proxy_start(server.port);
	snprintf(port, sizeof(port), "%s", strchr(fault_proxy_url(proxy), ':') + 1);
	rig_set(&rig, "database.port", port);
	return 0;
}

static int destroy(void **state)
{
	if (server.dir != NULL)
		fault_proxy_stop(proxy);
	return destroy_rig(state);
}

static void naps_are_taken_while_a_transaction_is_on_its_way_and_at_no_other_time(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_start_streaming(&rig);
	/* It comes in pieces, with pauses between them. */
	fault_proxy_set(proxy, PROXY_DELAY);
	rig_sql(&rig, "INSERT INTO users SELECT i, repeat('x', 200) FROM generate_series(1, 5000) i");
	assert_true(wait_until(rig_count(&rig, "users") == 5000));
	fault_proxy_set(proxy, PROXY_PASS);
	for (int i = 0; i < 20; i++)
		rig_sql(&rig, "INSERT INTO users SELECT max(id) + 1 FROM users");
	assert_true(wait_until(rig_count(&rig, "users") == 5020));
	/* Nothing to do, but what is done by the clock. */
	assert_true(wait_until(rig_slot_lsn(&rig) >= rig_stored_lsn(&rig)));
	rig_stop(&rig);
	assert_true(atomic_load(&nap_count) > 0);
	assert_int_equal(atomic_load(&nap_outside_count), 0);
	assert_int_equal(atomic_load(&nap_unlooked_count), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			naps_are_taken_while_a_transaction_is_on_its_way_and_at_no_other_time, create, destroy),
	};
	cmocka_set_test_filter(getenv("MILLSTREAM_TEST_FILTER"));
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
