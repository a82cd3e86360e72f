#ifndef TESTS_SUPPORT_SERVER_PROCESS_H
#define TESTS_SUPPORT_SERVER_PROCESS_H

#include <sys/types.h>

/* A real millstreamd on a free loopback port, over a temporary directory.  What
 * goes wrong in starting it aborts the test. */
struct server_process {
	char *dir;
	pid_t pid;                      /* 0: not running */
	int port;
	char url[64];                   /* "127.0.0.1:40123" */
};

/* Finds a port, starts it, waits until it takes connections.  config: lines of a
 * configuration file, or NULL. */
void server_process_start(struct server_process *server, const char *config);
/* SIGKILL, and wait for the end. */
void server_process_kill(struct server_process *server);
/* Once more, over the same directory and port. */
void server_process_restart(struct server_process *server);
/* SIGTERM; its exit status. */
int server_process_stop(struct server_process *server);
/* Stop it where it runs, and remove its directory. */
void server_process_clear(struct server_process *server);

#endif
