/* millstreamd from outside: its arguments, its configuration, its signals. */
#include "tests/support/run_child.h"
#include "tests/support/skip.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_MS 60000

static char *program;
static char *dir;
static char config_path[300], data_dir[300];

static int set_up(void **state)
{
	(void)state;
	program = built_file("millstreamd");
	dir = temp_dir_create_in_memory();
	snprintf(config_path, sizeof(config_path), "%s/a.conf", dir);
	snprintf(data_dir, sizeof(data_dir), "%s/data", dir);
	return 0;
}

/* The server that the running test has started and not seen end; 0: none. */
static pid_t left_pid;

static int clean_up(void **state)
{
	(void)state;
	if (left_pid > 0) {
		kill(left_pid, SIGKILL);
		waitpid(left_pid, NULL, 0);
		left_pid = 0;
	}
	temp_dir_empty(dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_dir_destroy(dir);
	free(program);
	return 0;
}

static void write_config(const char *text)
{
	FILE *file = fopen(config_path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Of a server that is started: a map that also fits beside a sanitizer's memory. */
static void write_server_config(const char *text)
{
	char whole[4096];
	snprintf(whole, sizeof(whole), "%slog.map.bytes = 1GiB\n", text);
	write_config(whole);
}

/* Run it with up to five arguments until it ends by itself. */
static const char *run(int status, const char *a, const char *b, const char *c, const char *d,
		       const char *e)
{
	static struct child_end end;
	const char *const argv[] = { program, a, b, c, d, e, NULL };
	run_child(&end, argv, (const char *const[]){ NULL }, TIME_MS);
	if (end.is_late || end.status != status)
		fail_msg("exit status %d, not %d: %s", end.status, status, end.output);
	return end.output;
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in: %s", part, text);
}

static void help_and_version_are_printed(void **state)
{
	(void)state;
	assert_has(run(0, "--help", NULL, NULL, NULL, NULL), "usage: millstreamd [-c FILE]");
	assert_has(run(0, "-h", NULL, NULL, NULL, NULL), "usage: millstreamd [-c FILE]");
	assert_string_equal(run(0, "--version", NULL, NULL, NULL, NULL), "millstreamd " PACKAGE_VERSION "\n");
}

static void wrong_arguments_end_with_64(void **state)
{
	(void)state;
	assert_has(run(64, "--colour", NULL, NULL, NULL, NULL), "try 'millstreamd --help'");
	assert_has(run(64, "-c", NULL, NULL, NULL, NULL), "try 'millstreamd --help'");
	assert_string_equal(run(64, "start", NULL, NULL, NULL, NULL),
			    "millstreamd: it takes options alone, no other arguments\n"
			    "try 'millstreamd --help'\n");
	assert_string_equal(run(64, "--json", NULL, NULL, NULL, NULL),
			    "millstreamd: --json goes with --options\ntry 'millstreamd --help'\n");
}

#define DEFAULT_CONFIG_PATH "/etc/millstream/millstream.conf"

static void missing_default_configuration_is_told(void **state)
{
	(void)state;
	if (access(DEFAULT_CONFIG_PATH, F_OK) == 0)
		SKIP_TEST("this machine has a " DEFAULT_CONFIG_PATH);
	assert_string_equal(run(0, "-t", "--data-dir", data_dir, NULL, NULL),
			    "millstreamd: there is no " DEFAULT_CONFIG_PATH ": every option has its default\n"
			    "the configuration is fine\n");
}

static void right_configuration_is_fine(void **state)
{
	(void)state;
	write_config("listen = 127.0.0.1:0\n");
	assert_string_equal(run(0, "-t", "-c", config_path, "--data-dir", data_dir), "the configuration is fine\n");
	/* It was not started. */
	assert_int_equal(access(data_dir, F_OK), -1);
}

static void wrong_configuration_tells_everything_and_ends_with_78(void **state)
{
	char expected[2000];
	(void)state;
	write_config("listen = 0.0.0.0:7470\nlog.levle = debug\n\nmax.connections = \"many\n");
	snprintf(expected, sizeof(expected),
		 "millstreamd: %s:1: listen: listening on 0.0.0.0:7470 would let everyone who reaches it read "
		 "and write, as there are no users with passwords: listen on 127.0.0.1 or [::1], and let others "
		 "in through a tunnel (ssh -L)\n"
		 "millstreamd: %s:2: there is no option 'log.levle': did you mean 'log.level'?\n"
		 "millstreamd: %s:4: the text that begins with \" on line 4 has no \" at its end\n",
		 config_path, config_path, config_path);
	assert_string_equal(run(78, "-t", "-c", config_path, NULL, NULL), expected);
	assert_string_equal(run(78, "-c", config_path, "--data-dir", data_dir, NULL), expected);
	assert_int_equal(access(data_dir, F_OK), -1);
}

static void more_problems_than_are_kept_are_counted(void **state)
{
	char text[4000] = "";
	(void)state;
	for (int n = 0; n < 100; n++)
		strcat(text, "colour = red\n");
	write_config(text);
	assert_has(run(78, "-t", "-c", config_path, NULL, NULL), "\nmillstreamd: … and 36 more\n");
}

static void missing_file_of_the_command_line_ends_with_78(void **state)
{
	(void)state;
	assert_string_equal(run(78, "-t", "-c", "/nowhere/a.conf", NULL, NULL),
			    "millstreamd: /nowhere/a.conf: it cannot be read: No such file or directory\n");
	assert_string_equal(run(78, "-t", "--data-dir", "", NULL, NULL),
			    "millstreamd: the command line: data.dir must not be empty\n");
}

static void source_is_checked(void **state)
{
	char expected[1000];
	(void)state;
	write_config("source \"myapp\" { connector.class = postgresql database.user = me database.dbname = shop\n"
		     "slot.failover = true }\n");
	snprintf(expected, sizeof(expected), "millstreamd: %s:2: warning: slot.failover is known, but not implemented "
					     "yet: the slot is an ordinary one\nthe configuration is fine\n",
		 config_path);
	assert_string_equal(run(0, "-t", "-c", config_path, "--data-dir", data_dir), expected);
	write_config("source \"myapp\" {\n connector.class = postgresql\n database.pasword = s3cret\n"
		     " plugin.name = wal2json\n}\n");
	const char *said = run(78, "-t", "-c", config_path, NULL, NULL);
	assert_non_null(strstr(said, ":3: there is no property 'database.pasword' of sources: did you mean "
				     "'database.password'?\n"));
	assert_non_null(strstr(said, ":4: plugin.name: 'wal2json' is not supported; only pgoutput is, "));
	assert_non_null(strstr(said, ":1: source 'myapp' has no database.user: "));
	assert_null(strstr(said, "s3cret"));
}

static void password_for_everyone_to_read_is_warned_of(void **state)
{
	const char *const source = "source \"a\" { connector.class = postgresql database.user = me database.dbname = d\n"
				   "database.password = %s }\n";
	char text[400], expected[600];
	(void)state;
	snprintf(text, sizeof(text), source, "s3cret");
	write_config(text);
	assert_int_equal(chmod(config_path, 0644), 0);
	snprintf(expected, sizeof(expected),
		 "millstreamd: %s:2: warning: database.password stands in a file that everyone on this machine can "
		 "read: chmod o-r it, or write ${NAME} and set that in the server's environment\n"
		 "the configuration is fine\n", config_path);
	assert_string_equal(run(0, "-t", "-c", config_path, "--data-dir", data_dir), expected);
	assert_int_equal(chmod(config_path, 0640), 0);
	assert_string_equal(run(0, "-t", "-c", config_path, "--data-dir", data_dir), "the configuration is fine\n");
	/* What the environment holds does not stand in the file. */
	snprintf(text, sizeof(text), source, "${HOME}");
	write_config(text);
	assert_int_equal(chmod(config_path, 0644), 0);
	assert_string_equal(run(0, "-t", "-c", config_path, "--data-dir", data_dir), "the configuration is fine\n");
	/* Also where the same word stands elsewhere, as the user's name. */
	snprintf(text, sizeof(text), source, "${MILLSTREAM_TEST_PASSWORD}");
	write_config(text);
	assert_int_equal(setenv("MILLSTREAM_TEST_PASSWORD", "me", 1), 0);
	assert_int_equal(chmod(config_path, 0644), 0);
	assert_string_equal(run(0, "-t", "-c", config_path, "--data-dir", data_dir), "the configuration is fine\n");
}

/* A running server. */
struct running {
	pid_t pid;
	int log_fd;             /* what it writes to stderr */
	char log[20000];
	size_t log_bytes;
	int port;
};

static void start(struct running *server, const char *setting)
{
	int fds[2];
	*server = (struct running){ 0 };
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0) {
		if (setting != NULL)
			putenv((char *)(uintptr_t)setting);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], STDERR_FILENO);
		execl(program, program, "-c", config_path, "--data-dir", data_dir, NULL);
		_exit(127);
	}
	left_pid = server->pid;
	close(fds[1]);
	server->log_fd = fds[0];
}

/* Has the log this text, from `from` on?  Reads what there is. */
static bool has_logged(struct running *server, size_t from, const char *text)
{
	ssize_t size = read(server->log_fd, server->log + server->log_bytes,
			    sizeof(server->log) - 1 - server->log_bytes);
	if (size > 0)
		server->log_bytes += (size_t)size;
	server->log[server->log_bytes] = '\0';
	return strstr(server->log + from, text) != NULL;
}

static void expect_logged(struct running *server, size_t from, const char *text)
{
	if (!wait_until(has_logged(server, from, text)))
		fail_msg("never logged: %s\n%s", text, server->log);
}

static void start_and_wait(struct running *server, const char *setting)
{
	start(server, setting);
	expect_logged(server, 0, "listening on 127.0.0.1:");
	server->port = atoi(strstr(server->log, "127.0.0.1:") + 10);
}

static int wait_for_end(struct running *server)
{
	int status;
	pid_t ended = 0;
	if (!wait_until((ended = waitpid(server->pid, &status, WNOHANG)) == server->pid))
		fail_msg("it does not end: %s", server->log);
	left_pid = 0;
	has_logged(server, 0, "");
	close(server->log_fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int stop(struct running *server)
{
	kill(server->pid, SIGTERM);
	return wait_for_end(server);
}

static bool can_connect(const struct running *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)server->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return rc == 0;
}

static void server_listens_until_it_is_asked_to_end(void **state)
{
	struct running server;
	(void)state;
	write_server_config("listen = 127.0.0.1:0\n");
	start_and_wait(&server, NULL);
	assert_true(can_connect(&server));
	assert_int_equal(stop(&server), 0);
	assert_has(server.log, "level=info msg=\"stopping (SIGTERM)\"");
	assert_has(server.log, "level=info msg=stopped\n");
	assert_false(can_connect(&server));
	assert_null(strstr(server.log, "ballast"));

	start_and_wait(&server, NULL);
	kill(server.pid, SIGINT);
	assert_int_equal(wait_for_end(&server), 0);
	assert_has(server.log, "stopping (SIGINT)");
}

static void what_this_machine_has_not_is_one_line_and_78(void **state)
{
	struct running server;
	char address[40], nowhere[400], expected[500];
	(void)state;
	write_server_config("listen = 127.0.0.1:0\n");
	start_and_wait(&server, NULL);
	snprintf(address, sizeof(address), "127.0.0.1:%d", server.port);
	snprintf(nowhere, sizeof(nowhere), "%s/nowhere/data", dir);

	const char *said = run(78, "-c", config_path, "--data-dir", data_dir, NULL);
	snprintf(expected, sizeof(expected), "'%s' is open in another process; stop that one first\"\n", data_dir);
	assert_has(said, expected);
	assert_int_equal(strchr(said, '\n') - said + 1, strlen(said));

	char again[80];
	snprintf(again, sizeof(again), "listen = \"%s\"\n", address);
	write_server_config(again);
	snprintf(expected, sizeof(expected), "%s2", data_dir);
	said = run(78, "-c", config_path, "--data-dir", expected, NULL);
	snprintf(expected, sizeof(expected),
		 "listen on %s: address already in use: another process listens there ('ss -ltnp' shows which); stop "
		 "that one, or choose another port with --listen", address);
	assert_has(said, expected);
	assert_int_equal(strchr(said, '\n') - said + 1, strlen(said));

	said = run(78, "-c", config_path, "--data-dir", nowhere, NULL);
	snprintf(expected, sizeof(expected), "make directory '%s': there is no '", nowhere);
	assert_has(said, expected);
	assert_int_equal(strchr(said, '\n') - said + 1, strlen(said));
	/* Testing says it, too. */
	said = run(78, "-t", "-c", config_path, "--data-dir", nowhere);
	assert_has(said, expected);
	said = run(78, "-t", "-c", config_path, "--data-dir", config_path);
	assert_has(said, "millstreamd: data.dir: '");
	assert_has(said, "is there and is no directory\n");
	assert_int_equal(stop(&server), 0);
}

static void ballast_that_there_is_no_room_for_is_warned_of(void **state)
{
	struct running server;
	(void)state;
	write_server_config("listen = 127.0.0.1:0\nlog.ballast.bytes = 1TiB\n");
	start_and_wait(&server, NULL);
	assert_has(server.log, "level=warning msg=\"the disk has no room for log.ballast.bytes");
	assert_int_equal(stop(&server), 0);
}

static void reload_applies_what_it_can_and_tells_the_rest(void **state)
{
	struct running server;
	size_t from;
	(void)state;
	write_server_config("listen = 127.0.0.1:0\nnum.partitions = 2\n");
	start_and_wait(&server, NULL);
	from = server.log_bytes;
	write_server_config("listen = 127.0.0.1:1\nnum.partitions = 3\nlog.format = json\ntopic a { partitions = 1 }\n"
			    "source b { connector.class = scripted script.file = /nowhere }\n");
	kill(server.pid, SIGHUP);
	expect_logged(&server, from, "was read again: ");
	assert_has(server.log + from, "level=warning msg=\"configuration: listen stays 127.0.0.1:0: 127.0.0.1:1 "
				      "needs a restart\"\n");
	assert_has(server.log + from, "level=info msg=\"configuration: num.partitions was 2, is now 3\"\n");
	assert_has(server.log + from, "msg=\"configuration: topic blocks have changed\"\n");
	assert_has(server.log + from, "level=warning msg=\"configuration: source blocks have changed: that needs a "
				      "restart\"\n");
	assert_has(server.log + from, "\"level\":\"info\",\"msg\":\"the configuration was read again: 5 changes\"}");

	/* What was taken over is no change any more; what was not still is one. */
	from = server.log_bytes;
	kill(server.pid, SIGHUP);
	expect_logged(&server, from, "was read again: 2 changes\"}");
	assert_true(can_connect(&server));
	assert_int_equal(stop(&server), 0);
}

static void wrong_reload_leaves_everything_as_it_was(void **state)
{
	struct running server;
	size_t from;
	(void)state;
	write_server_config("listen = 127.0.0.1:0\n");
	start_and_wait(&server, NULL);
	from = server.log_bytes;
	write_server_config("listen = 127.0.0.1:0\nlog.level = error\nnum.partitions = 0\ncolour = red\n");
	kill(server.pid, SIGHUP);
	expect_logged(&server, from, "the configuration has 2 errors: everything stays as it was");
	assert_has(server.log + from, "a.conf:3: num.partitions: '0' is not a whole number from 1 to 1024");
	assert_has(server.log + from, "a.conf:4: there is no option 'colour'");
	from = server.log_bytes;
	unlink(config_path);
	kill(server.pid, SIGHUP);
	expect_logged(&server, from, "the configuration has 1 error: ");
	assert_has(server.log + from, "it cannot be read: No such file or directory");
	/* The level is still info. */
	assert_int_equal(stop(&server), 0);
	assert_has(server.log + from, "msg=stopped");
}

/* Whether the next word is this one, once it is there. */
static bool is_told(int fd, const char *word)
{
	char text[200];
	ssize_t size = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[size > 0 ? size : 0] = '\0';
	if (size > 0 && strncmp(text, "WATCHDOG=1", 10) != 0 && strncmp(text, "STATUS=", 7) != 0 &&
	    strncmp(text, word, strlen(word)) != 0)
		fail_msg("'%s', not '%s'", text, word);
	return strncmp(text, word, strlen(word)) == 0;
}

static void service_manager_is_told(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct running server;
	char setting[300];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", dir);
	snprintf(setting, sizeof(setting), "NOTIFY_SOCKET=%s", address.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	write_server_config("listen = 127.0.0.1:0\n");
	start(&server, setting);
	assert_true(wait_until(is_told(fd, "READY=1")));
	expect_logged(&server, 0, "listening on");
	kill(server.pid, SIGHUP);
	assert_true(wait_until(is_told(fd, "RELOADING=1\nMONOTONIC_USEC=")));
	assert_true(wait_until(is_told(fd, "READY=1")));
	kill(server.pid, SIGTERM);
	assert_true(wait_until(is_told(fd, "STOPPING=1")));
	assert_int_equal(wait_for_end(&server), 0);
	close(fd);
}

static void environment_is_in_the_configuration(void **state)
{
	struct running server;
	(void)state;
	write_server_config("listen = \"${MILLSTREAM_TEST_LISTEN}\"\n");
	start_and_wait(&server, "MILLSTREAM_TEST_LISTEN=127.0.0.1:0");
	assert_int_equal(stop(&server), 0);
	assert_has(run(78, "-t", "-c", config_path, NULL, NULL),
		   "the environment variable MILLSTREAM_TEST_LISTEN is not set");
}

#define TEST(name) cmocka_unit_test_teardown(name, clean_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(help_and_version_are_printed),
		TEST(wrong_arguments_end_with_64),
		TEST(missing_default_configuration_is_told),
		TEST(right_configuration_is_fine),
		TEST(wrong_configuration_tells_everything_and_ends_with_78),
		TEST(more_problems_than_are_kept_are_counted),
		TEST(missing_file_of_the_command_line_ends_with_78),
		TEST(source_is_checked),
		TEST(password_for_everyone_to_read_is_warned_of),
		TEST(server_listens_until_it_is_asked_to_end),
		TEST(what_this_machine_has_not_is_one_line_and_78),
		TEST(ballast_that_there_is_no_room_for_is_warned_of),
		TEST(reload_applies_what_it_can_and_tells_the_rest),
		TEST(wrong_reload_leaves_everything_as_it_was),
		TEST(service_manager_is_told),
		TEST(environment_is_in_the_configuration),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
