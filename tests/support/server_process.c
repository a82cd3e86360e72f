#include "tests/support/server_process.h"

#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void demand(bool fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "server process: %s: %s\n", what, strerror(errno));
	abort();
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	};
}

/* A port that is free now; the kernel gives others out before this one again. */
static int find_port(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	demand(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		       getsockname(fd, (struct sockaddr *)&address, &size) == 0,
	       "find a port");
	close(fd);
	return ntohs(address.sin_port);
}

static bool takes_connections(const struct server_process *server)
{
	struct sockaddr_in address = loopback(server->port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool taken = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	if (fd >= 0)
		close(fd);
	demand(waitpid(server->pid, NULL, WNOHANG) == 0, "it ended at once");
	return taken;
}

static void run(struct server_process *server)
{
	char program[] = "millstreamd", data[] = "--data-dir", listen[] = "--listen";
	const char *path = getenv("MILLSTREAMD");
	char option[] = "-c", config[4096];
	snprintf(config, sizeof(config), "%s/test.conf", server->dir);
	char *arguments[] = { program, option, config, data, server->dir, listen, server->url, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	/* What it logs belongs to failures alone. */
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	errno = posix_spawn(&server->pid, path != NULL ? path : "./millstreamd", &actions, NULL,
			    arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	demand(errno == 0, "start millstreamd");
	demand(wait_until(takes_connections(server)), "wait for it to listen");
}

static void write_config(const struct server_process *server, const char *config)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/test.conf", server->dir);
	FILE *file = fopen(path, "we");
	demand(file != NULL && fputs(config != NULL ? config : "", file) >= 0 && fclose(file) == 0,
	       "write its configuration");
}

void server_process_start(struct server_process *server, const char *config)
{
	*server = (struct server_process){ .dir = temp_dir_create(), .port = find_port() };
	write_config(server, config);
	snprintf(server->url, sizeof(server->url), "127.0.0.1:%d", server->port);
	run(server);
}

void server_process_restart(struct server_process *server)
{
	run(server);
}

void server_process_kill(struct server_process *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

int server_process_stop(struct server_process *server)
{
	int status = 0;
	kill(server->pid, SIGTERM);
	waitpid(server->pid, &status, 0);
	server->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void server_process_clear(struct server_process *server)
{
	if (server->pid != 0)
		server_process_kill(server);
	temp_dir_destroy(server->dir);
}
