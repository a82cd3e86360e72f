#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "server/config.h"
#include "server/server.h"

/* Between the configuration and the server: what the one says as the other takes it. */
struct settings {
	struct config config;                   /* owned by the caller */
	const struct config_origin *origin;     /* lent: where to read it again */
};

/* Lends: settings must outlive the server, and stay where they are.  On SIGHUP the configuration
 * is read again; every change is logged, and every problem, which leaves
 * all as it is. */
void settings_fill(struct settings *settings, struct server_settings *out);

#endif
