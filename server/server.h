#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/service.h"

/* The process: opens the log, listens, serves until SIGTERM or SIGINT, and stops
 * within two seconds. */
struct server_settings {
	const char *listen;             /* ADDR:PORT */
	struct broker_options broker;
	struct service_limits limits;
	uint32_t connections_max;
	uint32_t connections_per_address_max;
	/* SIGHUP: fill in what has changed; what cannot be changed while running is
	 * left alone (and logged by whoever reads the configuration).  0, or -1: keep
	 * everything as it is. */
	int (*on_reload)(void *user, struct server_settings *settings);
	void *user;
};

/* Returns the exit status: 0 stopped when asked, 74 the disk failed, 78 the
 * settings do not fit this machine (address, directory), else 1. */
int server_run(const struct server_settings *settings);

#endif
