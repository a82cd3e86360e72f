/* A PostgreSQL that takes connections and then says nothing, and a name server that does not
 * answer: the source ends when it is asked to, and gives up after its limits. */
#include "tests/support/postgresql_fixture.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/fault_proxy.h"
#include "tests/support/wait_until.h"

#define STUCK "stuck.invalid"

static struct fault_proxy *proxy;
static int stuck_until[2];              /* the resolver waits for the end of this pipe */
static atomic_int stuck_count;

/* In front of the C library's, for libpq too. */
__attribute__((visibility("default")))
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	char byte;
	if (name != NULL && strcmp(name, STUCK) == 0 && (hints->ai_flags & AI_NUMERICHOST) == 0) {
		atomic_fetch_add(&stuck_count, 1);
		while (read(stuck_until[0], &byte, 1) < 0) {
		}
		atomic_fetch_sub(&stuck_count, 1);
		return EAI_AGAIN;
	}
	*(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
	return next(name, service, hints, out);
}

static int create(void **state)
{
	static char port[16];
	assert_int_equal(pipe(stuck_until), 0);
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
	close(stuck_until[1]);
	(void)wait_until(atomic_load(&stuck_count) == 0);
	close(stuck_until[0]);
	if (server.dir != NULL)
		fault_proxy_stop(proxy);
	return destroy_rig(state);
}

static bool holds(const char *sql)
{
	char *value = rig_value(&rig, sql);
	bool is_true = strcmp(value, "t") == 0;
	free(value);
	return is_true;
}

#define IS_ASLEEP                                                                              \
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"         \
	" AND wait_event = 'PgSleep'"

/* Started, and within a statement that nobody answers. */
static void start_into_silence(void)
{
	rig_set(&rig, "database.initial.statements", "SELECT pg_sleep(1000)");
	rig_start(&rig);
	assert_true(wait_until(holds(IS_ASLEEP)));
	fault_proxy_set(proxy, PROXY_BLACKHOLE);
}

static void ask_to_stop(void)
{
	atomic_store(&rig.should_stop, true);
	eventfd_write(rig.context.wake_fd, 1);
	rig_wait_end(&rig);
}

static void fails_with(enum error_code code, const char *words)
{
	rig_wait_end(&rig);
	if (rig.rc != -1 || rig.err.code != code || strstr(rig.err.text, words) == NULL)
		fail_msg("rc %d, code %d: %s\n%s", rig.rc, rig.err.code, rig.err.text, rig.lines);
	assert_true(error_is_retryable(rig.err.code));
}

static void stop_does_not_wait_for_a_silent_server(void **state)
{
	(void)state;
	NEED_SERVER();
	start_into_silence();
	ask_to_stop();
	assert_int_equal(rig.err.code, ERROR_SHUTDOWN);
}

static void query_without_an_answer_times_out(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.query.timeout.ms", "500");
	start_into_silence();
	fails_with(ERROR_TIMEOUT, "no answer to a query within 500 ms (database.query.timeout.ms)");
}

static void query_that_is_given_up_ends_at_the_server(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.query.timeout.ms", "500");
	rig_set(&rig, "database.initial.statements", "SELECT pg_sleep(1000)");
	rig_start(&rig);
	fails_with(ERROR_TIMEOUT, "no answer to a query within 500 ms");
	assert_true(wait_until(!holds(IS_ASLEEP)));
}

static void snapshot_whose_rows_stay_away_times_out(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_sql(&rig, "INSERT INTO users SELECT i, repeat('x', 1000) FROM generate_series(1, 100000) i");
	rig_set(&rig, "database.query.timeout.ms", "500");
	rig_start(&rig);
	assert_true(wait_until(rig_count(&rig, "users") > 100));
	fault_proxy_set(proxy, PROXY_BLACKHOLE);
	fails_with(ERROR_TIMEOUT, "no answer to a query within 500 ms");
	assert_true(rig_count(&rig, "users") < 100000);
}

static void stop_does_not_wait_for_the_slot_it_drops(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "slot.drop.on.stop", "true");
	rig_start_streaming(&rig);
	fault_proxy_set(proxy, PROXY_BLACKHOLE);
	ask_to_stop();
	assert_true(rig_has_logged(&rig, "slot.drop.on.stop: the server does not answer in time, and the slot stays"));
}

static void stop_does_not_wait_for_the_resolver(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.hostname", STUCK);
	rig_start(&rig);
	assert_true(wait_until(atomic_load(&stuck_count) == 1));
	ask_to_stop();
	assert_int_equal(rig.err.code, ERROR_SHUTDOWN);
	assert_int_equal(atomic_load(&stuck_count), 1);
}

static void resolver_without_an_answer_times_out(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.hostname", STUCK);
	rig_set(&rig, "connection.validation.timeout.ms", "1000");
	rig_start(&rig);
	fails_with(ERROR_TIMEOUT, "no answer within 1000 ms to what address host name \"" STUCK "\" has");
}

static void name_of_several_addresses_is_connected_to(void **state)
{
	(void)state;
	NEED_SERVER();
	rig_set(&rig, "database.hostname", "localhost");
	rig_start_streaming(&rig);
	rig_stop(&rig);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
	const struct CMUnitTest tests[] = {
		TEST(stop_does_not_wait_for_a_silent_server),
		TEST(query_without_an_answer_times_out),
		TEST(query_that_is_given_up_ends_at_the_server),
		TEST(snapshot_whose_rows_stay_away_times_out),
		TEST(stop_does_not_wait_for_the_slot_it_drops),
		TEST(stop_does_not_wait_for_the_resolver),
		TEST(resolver_without_an_answer_times_out),
		TEST(name_of_several_addresses_is_connected_to),
	};
	cmocka_set_test_filter(getenv("MILLSTREAM_TEST_FILTER"));
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
