#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/service.h"

struct config_source;

/* The process: opens the log, starts the sources, listens, serves until SIGTERM or SIGINT, and stops
 * within two seconds. */
struct server_settings {
	const char *listen;             /* ADDR:PORT */
	struct broker_options broker;
	struct service_limits limits;
	const struct config_source *sources;    /* lent */
	size_t source_count;
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
