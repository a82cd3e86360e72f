#include "server/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

/* The service manager's end. */
struct manager {
	char *dir;
	char name[100];
	int fd;
};

static void listen_at(struct manager *manager, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(manager->name, sizeof(manager->name), "%s", name);
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager->fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static int setup(void **state)
{
	struct manager *manager = calloc(1, sizeof(*manager));
	char name[100];
	manager->dir = temp_dir_create();
	snprintf(name, sizeof(name), "%s/notify", manager->dir);
	listen_at(manager, name);
	*state = manager;
	return 0;
}

static int teardown(void **state)
{
	struct manager *manager = *state;
	close(manager->fd);
	temp_dir_destroy(manager->dir);
	free(manager);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

/* The next datagram; "" when there is none. */
static const char *heard(const struct manager *manager)
{
	static char text[1024];
	ssize_t size = recv(manager->fd, text, sizeof(text) - 1, 0);
	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void each_state_is_one_datagram(void **state)
{
	const struct manager *manager = *state;
	struct notify notify;
	struct error err = { 0 };
	assert_int_equal(notify_open(&notify, &err), 0);
	assert_int_equal(notify_ready(&notify, &err), 0);
	assert_int_equal(notify_status(&notify, "3 topics,\n5 subscribers", &err), 0);
	assert_int_equal(notify_watchdog(&notify, &err), 0);
	assert_int_equal(notify_stopping(&notify, &err), 0);
	assert_string_equal(heard(manager), "READY=1");
	assert_string_equal(heard(manager), "STATUS=3 topics, 5 subscribers");
	assert_string_equal(heard(manager), "WATCHDOG=1");
	assert_string_equal(heard(manager), "STOPPING=1");
	assert_string_equal(heard(manager), "");
	notify_close(&notify);
}

static void reload_tells_when_it_began(void **state)
{
	const struct manager *manager = *state;
	struct notify notify;
	struct timespec now;
	int64_t time_us;
	char rest;
	assert_int_equal(notify_open(&notify, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_int_equal(notify_reloading(&notify, NULL), 0);
	assert_int_equal(sscanf(heard(manager), "RELOADING=1\nMONOTONIC_USEC=%" SCNd64 "%c", &time_us, &rest),
			 1);
	assert_true(time_us >= (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_close(&notify);
}

static void abstract_name_is_reached(void **state)
{
	struct manager *manager = *state;
	struct notify notify;
	char name[100];
	snprintf(name, sizeof(name), "@millstream-test-notify-%d", (int)getpid());
	close(manager->fd);
	listen_at(manager, name);
	assert_int_equal(notify_open(&notify, NULL), 0);
	assert_int_equal(notify_ready(&notify, NULL), 0);
	assert_string_equal(heard(manager), "READY=1");
	notify_close(&notify);
}

static void children_do_not_inherit_the_socket(void **state)
{
	struct notify notify;
	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_open(&notify, NULL), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	notify_close(&notify);
}

static int64_t watchdog_ms_with(const struct manager *manager, const char *time_us, const char *pid)
{
	struct notify notify;
	setenv("NOTIFY_SOCKET", manager->name, 1);
	setenv("WATCHDOG_USEC", time_us, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_open(&notify, NULL), 0);
	notify_close(&notify);
	return notify.watchdog_ms;
}

static void watchdog_is_wanted_of_this_process_alone(void **state)
{
	const struct manager *manager = *state;
	char own[32];
	snprintf(own, sizeof(own), "%d", (int)getpid());
	assert_int_equal(watchdog_ms_with(manager, "30000000", own), 30000);
	assert_int_equal(watchdog_ms_with(manager, "30000000", NULL), 30000);
	assert_int_equal(watchdog_ms_with(manager, "30000000", "1"), 0);
	assert_int_equal(watchdog_ms_with(manager, "-5", NULL), 0);
	assert_int_equal(watchdog_ms_with(manager, "often", NULL), 0);
}

static void without_a_manager_everything_succeeds(void **state)
{
	struct notify notify;
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_open(&notify, NULL), 0);
	assert_int_equal(notify.watchdog_ms, 0);
	assert_int_equal(notify_ready(&notify, NULL), 0);
	assert_int_equal(notify_stopping(&notify, NULL), 0);
	notify_close(&notify);
}

static void assert_refused(const char *name, enum error_code code, const char *text)
{
	struct notify notify;
	struct error err = { 0 };
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(&notify, &err), -1);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, text));
	assert_int_equal(notify.fd, -1);
	assert_int_equal(notify_ready(&notify, NULL), 0);
}

static void name_that_cannot_be_reached_is_refused(void **state)
{
	char endless[200];
	(void)state;
	memset(endless, 'x', sizeof(endless) - 1);
	endless[0] = '/';
	endless[sizeof(endless) - 1] = '\0';
	assert_refused("/nowhere/notify", ERROR_IO, "NOTIFY_SOCKET '/nowhere/notify': No such file");
	assert_refused("vsock:2:1234", ERROR_UNSUPPORTED, "neither a path nor an abstract name");
	assert_refused("@", ERROR_INVALID, "NOTIFY_SOCKET has 1 bytes, not 2 to 107");
	assert_refused(endless, ERROR_INVALID, "NOTIFY_SOCKET has 199 bytes, not 2 to 107");
}

static void longest_name_is_reached(void **state)
{
	struct manager *manager = *state;
	struct notify notify;
	char name[108];
	memset(name, 'x', 107);
	snprintf(name, sizeof(name), "@millstream-test-%d", (int)getpid());
	name[strlen(name)] = 'x';
	name[107] = '\0';
	close(manager->fd);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	memcpy(address.sun_path, name, 107);
	address.sun_path[0] = '\0';
	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager->fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 107)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(&notify, NULL), 0);
	assert_int_equal(notify_ready(&notify, NULL), 0);
	assert_string_equal(heard(manager), "READY=1");
	notify_close(&notify);
}

static void manager_that_does_not_read_is_not_waited_for_by_the_watchdog(void **state)
{
	struct notify notify;
	struct error err = { 0 };
	(void)state;
	assert_int_equal(notify_open(&notify, NULL), 0);
	/* A datagram socket queues a limited number. */
	int rc = 0;
	for (int n = 0; n < 100000 && rc == 0; n++)
		rc = notify_watchdog(&notify, &err);
	assert_int_equal(rc, -1);
	assert_int_equal(err.code, ERROR_TIMEOUT);
	assert_string_equal(err.text, "telling the service manager 'WATCHDOG=1': it does not read");
	notify_close(&notify);
}

static void manager_that_went_away_is_an_error(void **state)
{
	struct manager *manager = *state;
	struct notify notify;
	struct error err = { 0 };
	assert_int_equal(notify_open(&notify, NULL), 0);
	close(manager->fd);
	assert_int_equal(notify_ready(&notify, &err), -1);
	assert_int_equal(err.code, ERROR_IO);
	manager->fd = -1;
	notify_close(&notify);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_state_is_one_datagram),
		TEST(reload_tells_when_it_began),
		TEST(abstract_name_is_reached),
		TEST(children_do_not_inherit_the_socket),
		TEST(watchdog_is_wanted_of_this_process_alone),
		TEST(without_a_manager_everything_succeeds),
		TEST(name_that_cannot_be_reached_is_refused),
		TEST(longest_name_is_reached),
		TEST(manager_that_does_not_read_is_not_waited_for_by_the_watchdog),
		TEST(manager_that_went_away_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
